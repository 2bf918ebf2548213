import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing

@Suite("Head sets")
struct HeadSetTests {
    private func head(_ task: AnnotationTask, hidden: Int = 4, value: Float = 0) throws -> ClassificationHead {
        try ClassificationHead(
            task: task,
            weights: Matrix(
                rows: task.labels.count, columns: hidden,
                values: [Float](repeating: value, count: task.labels.count * hidden)),
            bias: [Float](repeating: 0, count: task.labels.count))
    }

    private func expectFault(_ code: String, _ body: () throws -> Void) {
        let fault = #expect(throws: Fault.self) { try body() }
        #expect(fault?.code == code)
        #expect(fault?.blame == .model)
    }

    @Test("what is written is read again, bit for bit, and the same heads give the same bytes")
    func roundTrip() throws {
        let heads = try TestBundle.randomHeads()
        let bytes = try heads.encoded()
        #expect(try HeadSet(encoded: bytes) == heads)
        #expect(try HeadSet(encoded: bytes).encoded() == bytes)
        #expect(try HeadSet(encoded: bytes).classification[0].temperature == 1.5)
        #expect(try HeadSet(encoded: HeadSet.none.encoded()) == HeadSet.none)
    }

    @Test("a declared task without weights stays declared and says nothing")
    func declaredOnly() throws {
        let heads = try HeadSet(
            tasks: [TestBundle.topic, TestBundle.names, TestBundle.tone], classification: [head(TestBundle.tone)])
        let again = try HeadSet(encoded: heads.encoded())
        #expect(again.tasks.map(\.name) == ["topic", "names", "tone"])
        #expect(try again.choices(of: [0, 0, 0, 0], segments: 1).map(\.task.name) == ["tone"])
        #expect(again.entities.isEmpty)
        #expect(again.hidden == 4)
    }

    @Test("names with any characters survive")
    func unusualNames() throws {
        let task = AnnotationTask(
            name: "thème \"weight\"/\u{1F600}.bias", kind: .classification, labels: ["a\nb", "\\", " "])
        let heads = try HeadSet(tasks: [task], classification: [head(task)])
        #expect(try HeadSet(encoded: heads.encoded()) == heads)
    }

    @Test("restricting keeps the chosen tasks and their heads")
    func restricted() throws {
        let heads = try TestBundle.randomHeads().restricted(to: ["names", "tone"])
        #expect(heads.tasks.map(\.name) == ["names", "tone"])
        #expect(heads.classification.map(\.task.name) == ["tone"])
        #expect(heads.entities.map(\.task.name) == ["names"])
    }

    @Test("tasks and heads that do not fit each other are refused")
    func misfits() throws {
        let (topic, tone) = (TestBundle.topic, TestBundle.tone)
        let zeros = Matrix(rows: 3, columns: 4)
        expectFault("heads-invalid") { _ = try ClassificationHead(task: tone, weights: zeros, bias: [0, 0]) }
        expectFault("heads-invalid") { _ = try ClassificationHead(task: topic, weights: zeros, bias: [0, 0]) }
        expectFault("heads-invalid") { _ = try EntityHead(task: topic, weights: zeros, bias: [0, 0, 0]) }
        expectFault("heads-invalid") {
            _ = try ClassificationHead(
                task: TestBundle.names, weights: Matrix(rows: 7, columns: 4), bias: [Float](repeating: 0, count: 7))
        }
        expectFault("heads-invalid") { _ = try ClassificationHead(task: topic, weights: zeros, bias: [0, .nan, 0]) }
        expectFault("heads-invalid") { _ = try head(topic, value: .infinity) }
        for temperature: Float in [0, -1, .nan, .infinity] {
            expectFault("heads-invalid") {
                _ = try ClassificationHead(task: topic, weights: zeros, bias: [0, 0, 0], temperature: temperature)
            }
        }
        expectFault("heads-invalid") { _ = try HeadSet(tasks: [topic, topic]) }
        expectFault("heads-invalid") { _ = try HeadSet(tasks: [tone], classification: [head(topic)]) }
        expectFault("heads-invalid") { _ = try HeadSet(tasks: [topic], classification: [head(topic), head(topic)]) }
        expectFault("heads-invalid") {
            _ = try HeadSet(tasks: [topic, tone], classification: [head(topic), head(tone, hidden: 5)])
        }
        for labels in [[], ["a", "a"], [""]] {
            expectFault("heads-invalid") {
                _ = try HeadSet(tasks: [AnnotationTask(name: "x", kind: .entities, labels: labels)])
            }
        }
        expectFault("heads-invalid") {
            _ = try HeadSet(tasks: [AnnotationTask(name: "", kind: .entities, labels: ["a"])])
        }
    }

    @Test("files that are damaged, of another layout, or of something else are refused")
    func damagedFiles() throws {
        let tasks = #"[{"kind":"classification","labels":["good","bad"],"name":"tone","trained":true}]"#
        let weights = SafetensorsWriter.Tensor("tone.weight", Matrix(rows: 2, columns: 4))
        let bias = SafetensorsWriter.Tensor("tone.bias", vector: [0, 0])
        func file(
            _ tensors: [SafetensorsWriter.Tensor], version: String? = "1", tasks: String = tasks
        ) throws -> [UInt8] {
            var metadata = ["tasks": tasks]
            if let version { metadata["glossator_heads"] = version }
            return try SafetensorsWriter.encode(tensors: tensors, metadata: metadata)
        }
        #expect(try HeadSet(encoded: file([weights, bias])).classification.count == 1)

        expectFault("heads-invalid") { _ = try HeadSet(encoded: file([weights, bias], version: nil)) }
        expectFault("heads-version") { _ = try HeadSet(encoded: file([weights, bias], version: "3")) }
        expectFault("heads-invalid") { _ = try HeadSet(encoded: file([weights, bias], tasks: "[{}]")) }
        expectFault("heads-invalid") { _ = try HeadSet(encoded: file([weights, bias], tasks: "")) }
        expectFault("tensor-missing") { _ = try HeadSet(encoded: file([weights])) }
        expectFault("heads-invalid") {
            _ = try HeadSet(encoded: file([weights, bias, SafetensorsWriter.Tensor("stray", vector: [1])]))
        }
        let wide = SafetensorsWriter.Tensor("tone.weight", Matrix(rows: 3, columns: 4))
        expectFault("heads-invalid") { _ = try HeadSet(encoded: file([wide, bias])) }
        let nan = SafetensorsWriter.Tensor("tone.bias", vector: [0, .nan])
        expectFault("heads-invalid") { _ = try HeadSet(encoded: file([weights, nan])) }
        let flat = SafetensorsWriter.Tensor(name: "tone.bias", shape: [1, 2], values: [0, 0])
        expectFault("tensor-shape") { _ = try HeadSet(encoded: file([weights, flat])) }

        let whole = try TestBundle.randomHeads().encoded()
        for length in [0, 7, 8, 40, whole.count / 2, whole.count - 1] {
            let fault = #expect(throws: Fault.self) { try HeadSet(encoded: Array(whole.prefix(length))) }
            #expect(fault?.code.hasPrefix("safetensors-") == true)
        }
    }

    @Test("probabilities are the softmax of the logits over the temperature")
    func temperature() throws {
        let task = TestBundle.tone
        let weights = Matrix(rows: 2, columns: 2, values: [1, 2, -1, 0.5])
        let embeddings = Matrix(rows: 2, columns: 2, values: [0.5, 0.25, -300, 400])
        for temperature: Float in [0.5, 1, 3] {
            let head = try ClassificationHead(task: task, weights: weights, bias: [0.1, 0], temperature: temperature)
            let probabilities = head.probabilities(of: embeddings)
            // Logits of the first row: 0.5 + 0.5 + 0.1 and -0.5 + 0.125: 1.475 apart.
            let ratio = probabilities[0, 0] / probabilities[0, 1]
            #expect(abs(ratio / expf(1.475 / temperature) - 1) < 1e-5)
            #expect(abs(probabilities[0, 0] + probabilities[0, 1] - 1) < 1e-6)
            #expect(abs(probabilities[1, 0] + probabilities[1, 1] - 1) < 1e-6)
            #expect(head.labels(of: embeddings).map(\.label) == ["good", "good"])
            #expect(head.labels(of: embeddings)[0].score == probabilities[0, 0])
            #expect(head.labels(of: embeddings)[0].margin == probabilities[0, 0] - probabilities[0, 1])
        }
    }

    @Test("entity logits are the linear layer, row by row")
    func entityLogits() throws {
        let head = try #require(TestBundle.randomHeads().entities.first)
        var random = SeededGenerator(seed: 3)
        let hidden = Matrix(
            rows: 5, columns: 32, values: (0..<160).map { _ in Float.random(in: -2...2, using: &random) })
        let logits = head.logits(of: hidden)
        for row in 0..<5 {
            for tag in 0..<7 {
                let naive = zip(hidden.row(row), head.weights.row(tag)).reduce(head.bias[tag]) { $0 + $1.0 * $1.1 }
                #expect(abs(logits[row, tag] - naive) < Tolerance.hidden)
            }
        }
        #expect(head.logits(of: Matrix(rows: 0, columns: 32)).rows == 0)
    }

    @Test("a row's logits have the same bits whatever stands beside it", arguments: [1, 2, 3, 7, 64])
    func invariance(rows: Int) throws {
        let head = try #require(TestBundle.randomHeads(hidden: 33).entities.first)
        var random = SeededGenerator(seed: 4)
        let all = Matrix(
            rows: 64, columns: 33, values: (0..<64 * 33).map { _ in Float.random(in: -2...2, using: &random) })
        let few = Matrix(rows: rows, columns: 33, values: Array(all.values.suffix(rows * 33)))
        #expect(head.logits(of: few).values == head.logits(of: all).values.suffix(few.rows * 7))
    }

    @Test("heads of no meaning fit a backbone and survive being stored")
    func forMeasuring() throws {
        let heads = try HeadSet.forMeasuring(hidden: 32)
        #expect(heads.classification.map(\.bias.count) == [4])
        #expect(heads.entities.map(\.bias.count) == [9])
        #expect(try HeadSet(encoded: heads.encoded()) == heads)
    }
}

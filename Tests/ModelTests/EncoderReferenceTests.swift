import Annotations
import Foundation
import Model
import TestSupport
import Tensors
import Testing

/// The encoder against PyTorch's results for a small random model, every stage of every layer.
@Suite(.enabled(if: Reference.isAvailable))
struct EncoderStageReferenceTests {
    /// A padded batch of the fixture, and the rows of it that are tokens.
    private struct PaddedBatch {
        let batch: RaggedBatch
        let width: Int

        init(_ file: SafetensorsFile) throws {
            let shape = try #require(file.shape(of: "input_ids"))
            let ids = try file.integers("input_ids")
            let mask =
                file.contains("attention_mask")
                ? try file.integers("attention_mask") : [Int64](repeating: 1, count: ids.count)
            let width = shape[1]
            self.width = width
            batch = RaggedBatch(
                (0..<shape[0]).map { text in
                    (text * width..<(text + 1) * width).filter { mask[$0] == 1 }.map { Int32(ids[$0]) }
                })
        }

        /// The token rows of a padded `[texts, width, columns]` tensor.
        func ragged(_ padded: [Float], columns: Int) -> [Float] {
            (0..<batch.textCount).flatMap { text in
                padded[(text * width * columns)...].prefix(batch.range(of: text).count * columns)
            }
        }
    }

    private func compare(fixture: String) throws {
        let encoder = try EncoderFixtures.encoder(at: Reference.fixture("tiny"))
        let file = try SafetensorsFile(path: Reference.fixture(fixture).path)
        let padded = try PaddedBatch(file)
        var workspace = EncoderWorkspace()
        var compared: Set<String> = []
        var problems: [String] = []
        let unfused = try EncoderFixtures.unfused(at: Reference.fixture("tiny")).run(padded.batch) { stage, value in
            do {
                guard let (name, expected) = try expectation(of: stage, value, in: file, padded) else { return }
                compared.insert(name)
                let difference = largestDifference(value.values, expected)
                if difference > Tolerance.hidden { problems.append("\(stage) differs by \(difference)") }
            } catch { problems.append("\(stage): \(error)") }
        }
        #expect(problems.isEmpty, "\(problems)")
        let last = padded.ragged(try file.floats("last_hidden_state"), columns: encoder.configuration.hiddenSize)
        #expect(largestDifference(unfused.values, last) <= Tolerance.hidden)
        encoder.encode(padded.batch, workspace: &workspace)
        #expect(largestDifference(workspace.hidden.values, last) <= Tolerance.hidden)

        let stages = file.names.filter { $0.hasPrefix("layer.") || $0.hasPrefix("embeddings.") }
        #expect(compared.isSuperset(of: stages), "not compared: \(Set(stages).subtracting(compared).sorted())")
        try comparePooled(file, padded, workspace.hidden)
        try compareHeads(file, padded, workspace.hidden)
    }

    /// The fixture's tensor for a stage and the part of it that belongs to `value`; nil when it is not in the fixture.
    private func expectation(
        of stage: String, _ value: Matrix, in file: SafetensorsFile, _ padded: PaddedBatch
    ) throws -> (String, [Float])? {
        let parts = stage.split(separator: ".")
        guard parts.count == 5 else {
            guard file.contains(stage) else { return nil }
            return (stage, padded.ragged(try file.floats(stage), columns: value.columns))
        }
        // layer.<n>.attention_probs.<text>.<head>: [texts, heads, width, width] in the fixture.
        let name = parts[..<3].joined(separator: ".")
        guard file.contains(name), let text = Int(parts[3]), let head = Int(parts[4]) else { return nil }
        let heads = try #require(file.shape(of: name))[1]
        let (width, length) = (padded.width, value.rows)
        let start = (text * heads + head) * width * width
        let all = try file.floats(name)
        return (name, (0..<length).flatMap { row in all[(start + row * width)...].prefix(length) })
    }

    private func comparePooled(_ file: SafetensorsFile, _ padded: PaddedBatch, _ hidden: Matrix) throws {
        let mean = try file.matrix("mean_pooled")
        let normalized = file.contains("normalized") ? try file.matrix("normalized") : nil
        for text in 0..<padded.batch.textCount {
            var pooling = Pooling(.mean, dimensions: hidden.columns)
            pooling.add(hidden, rows: padded.batch.range(of: text))
            #expect(largestDifference(pooling.pooled(), mean.row(text)) <= Tolerance.hidden)
            if let normalized {
                #expect(largestDifference(pooling.embedding(.l2), normalized.row(text)) <= Tolerance.normalized)
            }
        }
    }

    /// The fixture's two heads on what was encoded: `ner` on every token, `classifier` on the mean.
    private func compareHeads(_ file: SafetensorsFile, _ padded: PaddedBatch, _ hidden: Matrix) throws {
        let weights = try SafetensorsFile(path: Reference.fixture("tiny/heads.safetensors").path)
        func logits(_ head: String, of inputs: Matrix) throws -> [Float] {
            let bias = try weights.vector("\(head).bias")
            var logits = Matrix(rows: inputs.rows, columns: bias.count)
            multiply(inputs, try weights.matrix("\(head).weight"), transposeB: .yes, into: &logits)
            addBias(&logits, bias)
            return logits.values
        }
        let tags = padded.ragged(try file.floats("ner_logits"), columns: try weights.vector("ner.bias").count)
        #expect(largestDifference(try logits("ner", of: hidden), tags) <= Tolerance.hidden)
        var means = Matrix(rows: 0, columns: hidden.columns)
        for text in 0..<padded.batch.textCount {
            var pooling = Pooling(.mean, dimensions: hidden.columns)
            pooling.add(hidden, rows: padded.batch.range(of: text))
            means = Matrix(rows: text + 1, columns: hidden.columns, values: means.values + pooling.pooled())
        }
        #expect(
            largestDifference(try logits("classifier", of: means), try file.floats("cls_logits")) <= Tolerance.hidden)
    }

    @Test func everyStageOfABatchAgrees() throws { try compare(fixture: "tiny/forward.safetensors") }

    @Test func aTextThatFillsThePositionTableAgrees() throws {
        try compare(fixture: "tiny/forward_full_length.safetensors")
    }
}

/// The encoder with real weights against PyTorch and sentence-transformers.
@Suite(.enabled(if: Reference.hasEncoder))
struct EncoderEmbeddingReferenceTests {
    private struct Text: Decodable {
        let index: Int
        let ids: [Int32]

        enum CodingKeys: String, CodingKey {
            case index
            case ids = "input_ids"
        }
    }

    @Test func embeddingsAgreeAloneAndInABatch() throws {
        let encoder = try EncoderFixtures.encoder(at: #require(Reference.encoder))
        let texts = try Reference.lines(of: "minilm_texts.jsonl", as: Text.self)
        let file = try SafetensorsFile(path: Reference.fixture("minilm_embeddings.safetensors").path)
        let (mean, normalized) = (try file.matrix("mean_pooled"), try file.matrix("normalized"))
        try #require(!texts.isEmpty)

        let all = RaggedBatch(texts.map(\.ids))
        var (together, alone) = (EncoderWorkspace(), EncoderWorkspace())
        encoder.encode(all, workspace: &together)
        var (worstMean, worstNormalized, worstBatching): (Float, Float, Float) = (0, 0, 0)
        for (position, text) in texts.enumerated() {
            encoder.encode(RaggedBatch([text.ids]), workspace: &alone)
            let rows = all.range(of: position)
            let inBatch = (rows.lowerBound..<rows.upperBound).flatMap { together.hidden.row($0) }
            let batching = largestDifference(alone.hidden.values, inBatch)

            var pooling = Pooling(.mean, dimensions: encoder.configuration.hiddenSize)
            pooling.add(together.hidden, rows: rows)
            var single = Pooling(.mean, dimensions: encoder.configuration.hiddenSize)
            single.add(alone.hidden, rows: 0..<text.ids.count)
            worstMean = max(worstMean, largestDifference(pooling.pooled(), mean.row(text.index)))
            worstNormalized = max(
                worstNormalized, largestDifference(pooling.embedding(.l2), normalized.row(text.index)))
            worstBatching = max(worstBatching, largestDifference(single.embedding(.l2), pooling.embedding(.l2)))
            #expect(batching <= Tolerance.hidden, "hidden states of text \(text.index)")
            if file.contains("last_hidden_state.\(text.index)") {
                let expected = try file.floats("last_hidden_state.\(text.index)")
                #expect(largestDifference(alone.hidden.values, expected) <= Tolerance.hidden)
            }
        }
        #expect(worstMean <= Tolerance.hidden)
        #expect(worstNormalized <= Tolerance.normalized)
        #expect(worstBatching <= Tolerance.batching)
    }
}

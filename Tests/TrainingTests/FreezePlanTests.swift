import Annotations
import Testing
import Training

@Suite("Freeze plans and layer rates")
struct FreezePlanTests {
    struct Case: Sendable {
        let text: String
        let layers: Int
        let epoch: Int
        let trainable: [Int]
        var classifier = true
    }

    static let table = [
        Case(text: "all-frozen", layers: 12, epoch: 1, trainable: [], classifier: false),
        Case(text: "backbone-frozen", layers: 12, epoch: 9, trainable: []),
        Case(text: "none", layers: 3, epoch: 1, trainable: [-1, 0, 1, 2]),
        Case(text: "head-frozen:classifier", layers: 2, epoch: 1, trainable: [-1, 0, 1], classifier: false),
        Case(text: "head-frozen:other,classifier", layers: 2, epoch: 1, trainable: [-1, 0, 1], classifier: false),
        Case(text: "head-frozen:other", layers: 2, epoch: 1, trainable: [-1, 0, 1]),
        Case(text: "layers:1-2", layers: 4, epoch: 1, trainable: [-1, 0, 3]),
        Case(text: "layers:0-1,4", layers: 6, epoch: 3, trainable: [-1, 2, 3, 5]),
        Case(text: "layers:embeddings,0", layers: 2, epoch: 1, trainable: [1]),
        Case(text: "layers:3", layers: 4, epoch: 1, trainable: [-1, 0, 1, 2]),
        Case(text: "gradual", layers: 12, epoch: 1, trainable: [8, 9, 10, 11]),
        Case(text: "gradual", layers: 12, epoch: 3, trainable: [6, 7, 8, 9, 10, 11]),
        Case(text: "gradual", layers: 12, epoch: 99, trainable: [4, 5, 6, 7, 8, 9, 10, 11]),
        Case(text: "gradual:2,5", layers: 12, epoch: 4, trainable: [7, 8, 9, 10, 11]),
        Case(text: "gradual:2,5", layers: 12, epoch: 5, trainable: [6, 7, 8, 9, 10, 11]),
        Case(text: "gradual:1", layers: 6, epoch: 1, trainable: [3, 4, 5]),
        Case(text: "gradual", layers: 6, epoch: 2, trainable: [3, 4, 5]),
        Case(text: "gradual", layers: 1, epoch: 5, trainable: [0]),
        Case(text: "gradual", layers: 2, epoch: 5, trainable: [0, 1]),
        Case(text: "gradual", layers: 4, epoch: 5, trainable: [1, 2, 3]),
    ]

    @Test("what learns in an epoch", arguments: table)
    func trainable(_ item: Case) throws {
        let plan = try FreezePlan(parsing: item.text)
        let trainable = plan.trainable(epoch: item.epoch, layers: item.layers)
        #expect(trainable.layers.sorted() == item.trainable, "\(item.text)")
        #expect(trainable.lowest == item.trainable.first)
        #expect(plan.trainsHead(of: "classifier") == item.classifier)
        #expect(plan.trainsEncoder(epochs: item.epoch, layers: item.layers) == !item.trainable.isEmpty)
        #expect(try FreezePlan(parsing: "\(plan)") == plan)
        try plan.validate(layers: item.layers, tasks: ["classifier", "other"])
    }

    @Test(
        "what is no plan",
        arguments: [
            "", "some", "none:1", "all-frozen:x", "layers", "layers:", "layers:a", "layers:3-1", "layers:-1",
            "layers:1-",
            "layers:0,,1", "layers:0-99999999", "head-frozen", "head-frozen:", "head-frozen:a,", "gradual:",
            "gradual:0",
            "gradual:2,2", "gradual:3,2", "gradual:x", "gradual:-1", "layers:1-2-3",
        ])
    func refused(_ text: String) {
        let fault = #expect(throws: Fault.self) { try FreezePlan(parsing: text) }
        #expect(fault?.code == "freeze-plan" && fault?.blame == .configuration && fault?.hint != nil, "\(text)")
    }

    @Test(
        "plans for another encoder or other tasks",
        arguments: ["layers:4", "layers:0-7", "head-frozen:missing", "gradual:1,2"])
    func unfit(_ text: String) throws {
        let plan = try FreezePlan(parsing: text)
        let fault = #expect(throws: Fault.self) { try plan.validate(layers: 4, tasks: ["classifier"]) }
        #expect(fault?.code == "freeze-plan" && fault?.hint != nil)
    }

    @Test("the thirds of BERT-base are layers 1–4, 5–8 and 9–12, counted from 1")
    func thirds() {
        #expect(FreezePlan.thirds(of: 12) == (0..<4, 4..<8, 8..<12))
        #expect(FreezePlan.thirds(of: 6) == (0..<2, 2..<4, 4..<6))
    }

    @Test("rates fall from the top downward; heads have their own")
    func rates() {
        let rates = LayerRates(base: 1, decay: 0.5)
        #expect((-1...3).map { rates.rate(layer: $0, of: 4) } == [0.0625, 0.125, 0.25, 0.5, 1])
        #expect(rates.headRate == 1 && LayerRates(heads: 3).headRate == 3)
        #expect(LayerRates().base == 5e-5 && LayerRates().decay == 0.95)
    }
}

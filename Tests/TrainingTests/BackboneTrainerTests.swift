import Annotations
import Foundation
import Model
import Synchronization
import Tensors
import TestSupport
import Testing
import Training

/// Whole runs: probe, epochs, choice, resumption.
@Suite("Backbone trainer")
struct BackboneTrainerTests {
    func trainer(
        _ plan: String = "none", epochs: Int = 3, workers: Int = 2, entityHead: EntityHead.Kind = .linear
    ) throws -> BackboneTrainer {
        var (probe, options) = (HeadTrainingOptions(), JointOptions())
        probe.entityHead = entityHead
        (probe.epochs, probe.minimumSteps, probe.patience) = (5, 0, nil)
        (options.freeze, options.epochs, options.batchSize) = (plan, epochs, 8)
        options.rates = LayerRates(base: 1e-3, heads: 1e-2)
        return try BackboneTrainer(probe: probe, options: options, workers: workers)
    }

    func run(
        _ trainer: BackboneTrainer, _ texts: LabelledTexts, initial: HeadSet? = nil,
        resuming: BackboneTrainer.Resuming? = nil, stopAt: Int = .max
    ) throws -> TrainingOutcome {
        let step = Atomic<Int>(0)
        return try trainer.train(
            texts.documents, examples: texts.examples, tasks: LabelledTexts.tasks, backbone: texts.backbone,
            initial: initial, resuming: resuming,
            progress: { if case .step(let done, _, _, _, _) = $0 { step.store(done, ordering: .relaxed) } },
            isCancelled: { step.load(ordering: .relaxed) >= stopAt })
    }

    private func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("resume-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }

    @Test("the learned parts make a backbone of which the outcome's figures are true", arguments: ["", "bert."])
    func figures(_ prefix: String) throws {
        let texts = try LabelledTexts(200, prefix: prefix)
        let outcome = try run(trainer("gradual"), texts)
        #expect(Set(outcome.learnedParts.keys) == [.layer(1), .layer(2)])
        let learned = try texts.backbone.replacing(outcome.learnedParts)
        #expect(learned.contentHash != texts.backbone.contentHash)
        let split = try HeadTrainer(options: HeadTrainingOptions()).partition(
            texts.examples, tasks: LabelledTexts.tasks)
        let held = Set(split.heldOut.map(\.id))
        let examples = try ExampleBuilder(backbone: learned, tasks: LabelledTexts.tasks)
            .build(texts.documents.filter { held.contains($0.id) }).examples
        #expect(try Evaluation(of: outcome.heads, on: examples) == outcome.after)
        let before = try #require(outcome.before.score(of: "topic")),
            after = try #require(outcome.after.score(of: "topic"))
        #expect(after.value > before.value)
        let record = try #require(outcome.encoder)
        #expect(record.steps == record.plannedSteps && record.curve.count == 6 && record.probe.count == 2)
        #expect(record.bestEpoch == 3 && !record.isChosen, "too few validation rows: the last epoch")
    }

    @Test("a run that was stopped at any step goes on to the same bits, whatever the threads")
    func resumed() throws {
        let texts = try LabelledTexts(120)
        let whole = try run(trainer("gradual"), texts)
        for stop in [1, 9, 14, 26] {
            try withFolder { folder in
                let found = Mutex<[Int]>([])
                let resuming = BackboneTrainer.Resuming(
                    folder: folder.path, salt: "1", interval: 0,
                    found: { steps, _ in found.withLock { $0.append(steps) } })
                #expect(throws: Fault.self) {
                    try run(trainer("gradual"), texts, resuming: resuming, stopAt: stop)
                }
                let rest = try run(trainer("gradual", workers: 1), texts, resuming: resuming)
                #expect(found.withLock { $0 } == [0, stop])
                #expect(rest.learnedParts == whole.learnedParts)
                #expect(try rest.heads.encoded() == whole.heads.encoded())
                #expect(rest.encoder == whole.encoder)
                rest.resumeFile?.remove()
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            }
        }
    }

    @Test("so does one whose epochs are judged, before and after the kept one")
    func resumedWithJudge() throws {
        var texts = try LabelledTexts(700, longEvery: 10_000, namesEvery: 10_000)
        texts = texts.only(LabelledTexts.topic)
        var (probe, options) = (HeadTrainingOptions(), JointOptions())
        (probe.epochs, probe.minimumSteps, probe.patience, probe.validation) = (2, 0, nil, 0.2)
        (options.epochs, options.batchSize, options.patience) = (4, 64, 2)
        // The first epochs gain, a later one is too fast.
        options.rates = LayerRates(base: 2e-3, heads: 1e-2)
        let trainer = try BackboneTrainer(probe: probe, options: options, workers: 2)
        func run(_ resuming: BackboneTrainer.Resuming? = nil, stopAt: Int = .max) throws -> TrainingOutcome {
            let step = Atomic<Int>(0)
            return try trainer.train(
                texts.documents, examples: texts.examples, tasks: [LabelledTexts.topic], backbone: texts.backbone,
                resuming: resuming,
                progress: { if case .step(let done, _, _, _, _) = $0 { step.store(done, ordering: .relaxed) } },
                isCancelled: { step.load(ordering: .relaxed) >= stopAt })
        }
        let whole = try run()
        let record = try #require(whole.encoder)
        #expect(record.isChosen && record.bestEpoch > 0)
        #expect(record.curve.allSatisfy { $0.validationScore != nil })
        let epoch = record.plannedSteps / options.epochs
        for stop in [epoch - 1, epoch + 1, record.steps - 1] {
            try withFolder { folder in
                let resuming = BackboneTrainer.Resuming(folder: folder.path, salt: "1", interval: 0)
                #expect(throws: Fault.self) { try run(resuming, stopAt: stop) }
                let rest = try run(resuming)
                #expect(rest.learnedParts == whole.learnedParts && rest.encoder == whole.encoder)
                #expect(try rest.heads.encoded() == whole.heads.encoded())
            }
        }
    }

    @Test("a damaged resume file is refused and the one before is used; both damaged: from the start")
    func damaged() throws {
        let texts = try LabelledTexts(60)
        let whole = try run(trainer(), texts)
        for count in [1, 2] {
            try withFolder { folder in
                let found = Mutex<[(Int, Int)]>([])
                let resuming = BackboneTrainer.Resuming(
                    folder: folder.path, salt: "1", interval: 0,
                    found: { steps, damaged in found.withLock { $0.append((steps, damaged.count)) } })
                #expect(throws: Fault.self) { try run(trainer(), texts, resuming: resuming, stopAt: 7) }
                let own = try #require(FileManager.default.contentsOfDirectory(atPath: folder.path).first)
                let files = try FileManager.default.contentsOfDirectory(
                    at: folder.appendingPathComponent(own), includingPropertiesForKeys: [.contentModificationDateKey]
                ).sorted { try date($0) > date($1) }
                #expect(files.count == 2)
                for file in files.prefix(count) {
                    var data = try Data(contentsOf: file)
                    data[data.count / 2] ^= 0x10
                    try data.write(to: file)
                }
                let rest = try run(trainer(), texts, resuming: resuming)
                #expect(found.withLock { $0 }.last?.0 == (count == 1 ? 6 : 0))
                #expect(found.withLock { $0 }.last?.1 == count)
                #expect(rest.learnedParts == whole.learnedParts)
            }
        }
    }

    private func date(_ file: URL) throws -> Date {
        try #require(file.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate)
    }

    @Test("a file of another run is not continued from")
    func otherRun() throws {
        let texts = try LabelledTexts(60)
        try withFolder { folder in
            let found = Mutex<[Int]>([])
            func resuming(_ salt: String) -> BackboneTrainer.Resuming {
                .init(
                    folder: folder.path, salt: salt, interval: 0,
                    found: { steps, _ in found.withLock { $0.append(steps) } })
            }
            #expect(throws: Fault.self) { try run(trainer(), texts, resuming: resuming("1"), stopAt: 7) }
            _ = try run(trainer(), texts, resuming: resuming("2"))
            _ = try run(trainer("layers:0"), texts, resuming: resuming("2"))
            #expect(found.withLock { $0 } == [0, 0, 0])
        }
    }

    @Test("plans that freeze the encoder learn heads only; frozen heads stay as they are")
    func heads() throws {
        let texts = try LabelledTexts(120)
        let frozen = try run(trainer("backbone-frozen"), texts)
        #expect(frozen.learnedParts.isEmpty && frozen.encoder == nil && frozen.tasks.count == 2)
        let kept = try run(trainer("head-frozen:topic"), texts, initial: frozen.heads)
        #expect(kept.heads.classification[0].weights == frozen.heads.classification[0].weights)
        #expect(kept.heads.entities[0].weights != frozen.heads.entities[0].weights)
        #expect(!kept.learnedParts.isEmpty)
        let all = try run(trainer("all-frozen"), texts, initial: frozen.heads)
        #expect(all.tasks.isEmpty && all.learnedParts.isEmpty)
        #expect(all.before == all.after && all.after == frozen.after)
        let fault = #expect(throws: Fault.self) { try run(trainer("head-frozen:topic"), texts) }
        #expect(fault?.code == "freeze-plan")
    }

    @Test("entity heads of kind crf learn on the encoder that has learned")
    func chains() throws {
        let texts = try LabelledTexts(120)
        let outcome = try run(trainer(entityHead: .crf), texts)
        #expect(outcome.heads.entities[0].context != nil)
        #expect(outcome.tasks.map(\.task) == ["topic", "names"] && outcome.tasks[1].curve.count == 5)
        let learned = try texts.backbone.replacing(outcome.learnedParts)
        let split = try HeadTrainer(options: HeadTrainingOptions()).partition(
            texts.examples, tasks: LabelledTexts.tasks)
        let held = Set(split.heldOut.map(\.id))
        let examples = try ExampleBuilder(backbone: learned, tasks: LabelledTexts.tasks, wantsLayers: true)
            .build(texts.documents.filter { held.contains($0.id) }).examples
        #expect(try Evaluation(of: outcome.heads, on: examples) == outcome.after)
        let fault = #expect(throws: Fault.self) {
            try run(trainer("head-frozen:names"), texts, initial: outcome.heads)
        }
        #expect(fault?.code == "freeze-plan")
    }

    @Test("class weights: a rare label is found more often")
    func classWeights() throws {
        let rows = SyntheticRows(hidden: 24, noise: 2.2)
        let all = rows.examples(0..<900)
        // One praise in nine is left.
        let few = all.filter { $0.labels["topic"] != "praise" || $0.id % 27 == 1 }
        var recalls: [Double] = []
        for weights in ClassWeights.allCases {
            var options = HeadTrainingOptions()
            (options.classWeights, options.patience, options.minimumSteps) = (weights, nil, 300)
            let partition = HeadTrainer.Partition(training: few, heldOut: rows.examples(900..<1500))
            let outcome = try HeadTrainer(options: options).train(partition, tasks: [SyntheticRows.topic])
            recalls.append(
                try #require(outcome.after.classification["topic"]?.labels.first { $0.label == "praise" }).recall)
        }
        #expect(recalls[1] > recalls[0] + 0.1, "\(recalls)")
    }

    @Test("an encoder that only gets worse is left as it was")
    func worse() throws {
        var texts = try LabelledTexts(1_800, longEvery: 10_000, namesEvery: 10_000)
        texts = texts.only(LabelledTexts.topic)
        var (probe, options) = (HeadTrainingOptions(), JointOptions())
        (probe.epochs, probe.minimumSteps, probe.patience, probe.validation) = (8, 0, nil, 0.2)
        (options.epochs, options.batchSize, options.patience) = (5, 64, 2)
        // Far too fast.
        options.rates = LayerRates(base: 0.5, heads: 0.5)
        let outcome = try BackboneTrainer(probe: probe, options: options, workers: 2).train(
            texts.documents, examples: texts.examples, tasks: [LabelledTexts.topic], backbone: texts.backbone)
        let record = try #require(outcome.encoder)
        #expect(record.isChosen && record.bestEpoch == 0 && outcome.learnedParts.isEmpty)
        #expect(record.stoppedEarly && record.curve.count == 2)
        #expect(outcome.tasks[0].choice == .validation)
    }
}

extension LabelledTexts {
    /// The documents that say something about one task.
    func only(_ task: AnnotationTask) -> LabelledTexts {
        LabelledTexts(
            backbone: backbone, documents: documents, examples: examples.filter { $0.labels[task.name] != nil })
    }

    private init(backbone: Backbone, documents: [LabelledDocument], examples: [TrainingExample]) {
        (self.backbone, self.documents, self.examples) = (backbone, documents, examples)
    }
}

extension BackboneTrainerTests {
    @Test("a head that is not in the run is not carried over to an encoder that learns")
    func strangers() throws {
        let texts = try LabelledTexts(120)
        let both = try run(trainer("backbone-frozen"), texts)
        let fault = #expect(throws: Fault.self) {
            try trainer("none").train(
                texts.documents, examples: texts.examples, tasks: [LabelledTexts.topic], backbone: texts.backbone,
                initial: both.heads)
        }
        #expect(fault?.code == "freeze-plan" && fault?.message.contains("names") == true)
        _ = try trainer("backbone-frozen").train(
            texts.documents, examples: texts.examples, tasks: [LabelledTexts.topic], backbone: texts.backbone,
            initial: both.heads)
    }

    @Test("layers that have not moved are not among the learned parts")
    func unmoved() throws {
        let texts = try LabelledTexts(120)
        var options = JointOptions()
        (options.freeze, options.epochs, options.batchSize) = ("layers:embeddings,0", 1, 8)
        options.rates = LayerRates(base: 1e-3, decay: 0, heads: 1e-2)
        var probe = HeadTrainingOptions()
        (probe.epochs, probe.minimumSteps, probe.patience) = (2, 0, nil)
        let outcome = try BackboneTrainer(probe: probe, options: options, workers: 2).train(
            texts.documents, examples: texts.examples, tasks: LabelledTexts.tasks, backbone: texts.backbone)
        #expect(Set(outcome.learnedParts.keys) == [.layer(2)], "layer 1 learns at rate 0")
    }
}

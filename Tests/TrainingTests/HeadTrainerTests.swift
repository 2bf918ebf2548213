import Annotations
import Model
import Tensors
import TestSupport
import Testing
import Training

@Suite("Head trainer")
struct HeadTrainerTests {
    private let rows = SyntheticRows(hidden: 24)
    private let tasks = [SyntheticRows.topic, SyntheticRows.people]

    private func train(
        _ examples: [TrainingExample], tasks: [AnnotationTask]? = nil, initial: HeadSet? = nil,
        options: HeadTrainingOptions = .quick()
    ) throws -> TrainingOutcome {
        try HeadTrainer(options: options).train(examples, tasks: tasks ?? self.tasks, initial: initial)
    }

    @Test("learns both kinds of heads and judges them on rows it has not seen")
    func learns() throws {
        let outcome = try train(rows.examples(0..<240))
        let topic = try #require(outcome.after.classification["topic"])
        let people = try #require(outcome.after.entities["people"])
        #expect(topic.accuracy > 0.95)
        #expect(people.micro.f1 > 0.95)
        #expect(try #require(outcome.before.classification["topic"]).accuracy < 0.8)
        #expect(try #require(outcome.before.entities["people"]).micro.f1 < 0.8)
        #expect(topic.count == outcome.tasks[0].heldOutRows)
        #expect(outcome.tasks.allSatisfy { $0.trainingRows + $0.validationRows + $0.heldOutRows == 240 })
        #expect(outcome.tasks.allSatisfy { $0.heldOutRows > 20 })
        #expect(outcome.heads.tasks == tasks)
    }

    @Test("same rows and seed give the same bits, in whatever order the rows come")
    func reproducible() throws {
        let examples = rows.examples(0..<120)
        let first = try train(examples).heads
        #expect(try train(examples).heads == first)
        #expect(try train(examples.reversed()).heads == first)
        #expect(
            try train(examples.sorted { $0.id % 7 < $1.id % 7 }, tasks: tasks.reversed()).heads.entities
                == first.entities)
        var other = HeadTrainingOptions.quick()
        other.seed = 2
        #expect(try train(examples, options: other).heads != first)
    }

    @Test("a task's head does not depend on the other tasks of the run")
    func independentTasks() throws {
        let examples = rows.examples(0..<120)
        let both = try train(examples).heads
        #expect(try train(examples, tasks: [SyntheticRows.people]).heads.entities == both.entities)
        #expect(try train(examples, tasks: [SyntheticRows.topic]).heads.classification == both.classification)
    }

    @Test("documents may be labelled for any subset of the tasks")
    func partialLabels() throws {
        let topicOnly = rows.examples(0..<90, withWords: false)
        let peopleOnly = rows.examples(90..<200).map {
            TrainingExample(
                id: $0.id, bodyHash: $0.bodyHash, embedding: $0.embedding, labels: [:], words: $0.words,
                wordIndices: $0.wordIndices, tags: $0.tags)
        }
        let outcome = try train(topicOnly + peopleOnly, options: .quick(epochs: 20))
        func count(_ task: TaskTraining) -> Int { task.trainingRows + task.validationRows + task.heldOutRows }
        #expect(outcome.tasks.map(count) == [90, 110])
        #expect(try #require(outcome.after.classification["topic"]).accuracy > 0.9)
        #expect(try #require(outcome.after.entities["people"]).micro.f1 > 0.9)
    }

    @Test("continues from the model in force, and labels that join keep the others' weights")
    func growth() throws {
        let old = AnnotationTask(name: "topic", kind: .classification, labels: ["praise", "bug"])
        let first = try train(rows.examples(0..<120, labels: old.labels), tasks: [old])
        var still = HeadTrainingOptions.quick(epochs: 1)
        still.learningRate = 0
        still.start = .modelInForce
        let grown = try train(
            rows.examples(0..<120), tasks: [SyntheticRows.topic], initial: first.heads, options: still)
        let (before, after) = (first.heads.classification[0], grown.heads.classification[0])
        #expect(after.task == SyntheticRows.topic)
        for (label, name) in after.task.labels.enumerated() {
            guard let source = old.labels.firstIndex(of: name) else { continue }
            for (a, b) in zip(after.weights.row(label), before.weights.row(source)) {
                #expect(abs(a - b) <= Tolerance.roundTrip * abs(b))
            }
            #expect(after.bias[label] == before.bias[source])
        }
        // The model in force is judged as it is: it cannot know the new label.
        let judged = try #require(grown.before.classification["topic"])
        #expect(judged.labels.map(\.label) == ["praise", "bug", "question"])
        #expect(judged.labels[2].predicted == 0)
        #expect(judged.labels[2].support > 0)

        var on = HeadTrainingOptions.quick()
        on.start = .modelInForce
        let learned = try train(
            rows.examples(0..<240), tasks: [SyntheticRows.topic], initial: first.heads, options: on)
        #expect(try #require(learned.after.classification["topic"]).accuracy > 0.95)
    }

    @Test("heads that are not trained stay as they are")
    func untouched() throws {
        let first = try train(rows.examples(0..<120))
        let second = try train(rows.examples(0..<200), tasks: [SyntheticRows.topic], initial: first.heads)
        #expect(second.heads.entities == first.heads.entities)
        #expect(second.heads.classification != first.heads.classification)
        #expect(second.heads.tasks == tasks)
        #expect(second.before.entities == second.after.entities)
    }

    @Test(
        "stops early and keeps the epoch that validated best, by rows set aside or by cross-validation",
        arguments: [(200, TaskTraining.Choice.crossValidation), (3_000, .validation)])
    func earlyStopping(count: Int, choice: TaskTraining.Choice) throws {
        var options = HeadTrainingOptions.quick(epochs: 60)
        options.patience = 3
        let noisy = SyntheticRows(hidden: 24, noise: 6)
        let outcome = try train(
            noisy.examples(0..<count, withWords: false), tasks: [SyntheticRows.topic], options: options)
        let record = outcome.tasks[0]
        #expect(record.choice == choice)
        #expect(record.stoppedEarly)
        #expect(record.epochsRun < 60)
        #expect(record.epochsRun == record.bestEpoch + 3)
        let losses = try record.curve.map { try #require($0.validationLoss) }
        #expect(losses.min() == losses[record.bestEpoch - 1])
        #expect((record.validationRows == 0) == (choice == .crossValidation))
        #expect(record.temperature != nil)
    }

    @Test("a model in force that is better than all that follows is kept")
    func keepsModelInForce() throws {
        let examples = SyntheticRows(hidden: 24, noise: 6).examples(0..<3_000, withWords: false)
        let first = try train(examples, tasks: [SyntheticRows.topic], options: .quick(epochs: 12))
        var destructive = HeadTrainingOptions.quick(epochs: 4)
        destructive.learningRate = 5
        destructive.clipping = 1e6
        destructive.start = .modelInForce
        let second = try train(
            examples, tasks: [SyntheticRows.topic], initial: first.heads, options: destructive)
        #expect(second.tasks[0].bestEpoch == 0)
        let (a, b) = (first.heads.classification[0], second.heads.classification[0])
        for (x, y) in zip(a.weights.values, b.weights.values) { #expect(abs(x - y) <= Tolerance.roundTrip * abs(x)) }
    }

    @Test("without patience the last epoch is kept")
    func noEarlyStopping() throws {
        var options = HeadTrainingOptions.quick(epochs: 5)
        options.patience = nil
        let record = try train(rows.examples(0..<100), options: options).tasks[0]
        #expect(record.bestEpoch == 5)
        #expect(record.epochsRun == 5)
        #expect(!record.stoppedEarly)
    }

    @Test("the temperature comes from the validation rows and lowers the held-out log loss of an overconfident head")
    func calibration() throws {
        var options = HeadTrainingOptions.quick(epochs: 60)
        options.patience = nil
        options.dropout = 0
        options.learningRate = 0.05
        options.validation = 0.3
        let noisy = SyntheticRows(hidden: 48, noise: 5)
        let outcome = try train(
            noisy.examples(0..<900, withWords: false), tasks: [SyntheticRows.topic], options: options)
        let record = outcome.tasks[0]
        let temperature = try #require(record.temperature)
        #expect(temperature > 1.2)
        #expect(outcome.heads.classification[0].temperature == temperature)
        let after = try #require(outcome.after.classification["topic"])
        #expect(after.calibration.expectedError < (try #require(record.uncalibratedError)))
    }

    @Test("reports every epoch of every task")
    func progress() throws {
        var seen: [String] = []
        var options = HeadTrainingOptions.quick(epochs: 3)
        options.patience = nil
        _ = try HeadTrainer(options: options).train(
            rows.examples(0..<60), tasks: tasks,
            progress: {
                if case .epoch(let record, let epochs, let task, let tasks) = $0 {
                    seen.append("\(record.task) \(record.epoch)/\(epochs) \(task)/\(tasks)")
                }
            })
        #expect(seen == (1...3).map { "topic \($0)/3 1/2" } + (1...3).map { "people \($0)/3 2/2" })
    }

    @Test("can be cancelled between steps")
    func cancellation() throws {
        var asked = 0
        let trainer = try HeadTrainer(options: .quick())
        let thrown = fault {
            _ = try trainer.train(
                rows.examples(0..<100), tasks: tasks,
                isCancelled: {
                    asked += 1
                    return asked > 4
                })
        }
        #expect(thrown?.code == "training-cancelled")
        #expect(asked == 5)
    }
}

@Suite("Head trainer refuses")
struct HeadTrainerFaultTests {
    private let rows = SyntheticRows(hidden: 12)

    private func fault(_ examples: [TrainingExample], _ task: AnnotationTask, initial: HeadSet? = nil) -> Fault? {
        TrainingTests.fault {
            _ = try HeadTrainer(options: .quick(epochs: 1)).train(examples, tasks: [task], initial: initial)
        }
    }

    @Test("too few rows, naming the task and its counts", arguments: [0, 1, 7])
    func tooFew(count: Int) {
        let thrown = fault(rows.examples(0..<count), SyntheticRows.topic)
        #expect(thrown?.code == "training-too-few-rows")
        #expect(thrown?.message.contains("topic") == true)
        #expect(thrown?.message.contains("\(count) different") == true)
        #expect(thrown?.hint != nil)
    }

    @Test("copies of one text do not count as many")
    func copies() {
        let one = rows.examples(0..<1)[0]
        #expect(
            fault([TrainingExample](repeating: one, count: 50), SyntheticRows.topic)?.code == "training-too-few-rows")
    }

    @Test("a single class, or texts without any entity")
    func oneClass() {
        let single = fault(rows.examples(0..<40, labels: ["bug"]), SyntheticRows.topic)
        #expect(single?.code == "training-one-class")
        #expect(single?.message.contains("bug 40") == true)
        let empty = rows.examples(0..<40).map {
            TrainingExample(
                id: $0.id, bodyHash: $0.bodyHash, embedding: $0.embedding, labels: [:], words: $0.words,
                wordIndices: $0.wordIndices, tags: ["people": [String](repeating: "O", count: 8)])
        }
        #expect(fault(empty, SyntheticRows.people)?.code == "training-one-class")
    }

    @Test("a label or a tag that the task does not have")
    func unknownLabel() {
        let topic = AnnotationTask(name: "topic", kind: .classification, labels: ["bug", "praise"])
        let thrown = fault(rows.examples(0..<40), topic)
        #expect(thrown?.code == "label-unknown")
        #expect(thrown?.message.contains("question") == true)
        let people = AnnotationTask(name: "people", kind: .entities, labels: ["person"])
        #expect(fault(rows.examples(0..<40), people)?.code == "label-unknown")
    }

    @Test("heads of another width, and features of different widths")
    func widths() throws {
        let other = try HeadTrainer(options: .quick(epochs: 1))
            .train(SyntheticRows(hidden: 20).examples(0..<40), tasks: [SyntheticRows.topic]).heads
        #expect(fault(rows.examples(0..<40), SyntheticRows.topic, initial: other)?.code == "features-mismatch")
        let mixed = rows.examples(0..<40) + SyntheticRows(hidden: 20).examples(40..<80)
        #expect(fault(mixed, SyntheticRows.topic)?.code == "features-mismatch")
        #expect(fault(mixed, SyntheticRows.people)?.code == "features-mismatch")
    }

    @Test("features that are not finite")
    func notFinite() {
        let broken = rows.examples(0..<40).map {
            TrainingExample(
                id: $0.id, bodyHash: $0.bodyHash, embedding: [Float](repeating: .nan, count: 12),
                labels: $0.labels, words: $0.words, wordIndices: $0.wordIndices, tags: $0.tags)
        }
        #expect(fault(broken, SyntheticRows.topic)?.code == "training-diverged")
    }

    @Test("options out of range")
    func options() {
        let wrong: [(inout HeadTrainingOptions) -> Void] = [
            { $0.epochs = 0 }, { $0.batchSize = 0 }, { $0.learningRate = -1 }, { $0.learningRate = .nan },
            { $0.dropout = 1 }, { $0.holdout = 1 }, { $0.validation = -0.1 }, { $0.patience = 0 },
            { $0.clipping = 0 }, { $0.warmup = 2 },
        ]
        for change in wrong {
            var options = HeadTrainingOptions()
            change(&options)
            #expect(TrainingTests.fault { _ = try HeadTrainer(options: options) }?.code == "training-option")
        }
    }
}

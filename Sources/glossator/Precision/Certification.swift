import Annotations
import Model
import Synchronization

/// Compares a model in reduced precisions with itself in fp32 on one sample, and finds a plan that agrees
/// (`PlanSearch`). Ends soon after its task is cancelled.
struct Certification: Sendable {
    struct Progress: Sendable {
        /// `int8: comparing with fp32`
        let doing: String
        /// Texts read so far; how many there will be is not known before the end.
        let textsRead: Int
    }

    private let bundle: ModelBundle
    private let segmentation: Segmentation
    private let sample: TextSample
    private let options: PrecisionOptions
    private let threads: AnnotatorThreads
    private let report: @Sendable (Progress) -> Void
    private let textsRead = Counter()
    /// In fp32, one a text.
    private var reference: [Result<DocumentAnnotation, Fault>] = []
    private var referenceTime = Duration.zero

    /// Reads the sample in fp32.
    ///
    /// - Parameter bundle: computing in fp32.
    /// - Throws: `sample-too-small`, with which nothing can be shown.
    init(
        of bundle: ModelBundle, segmentation: Segmentation, on sample: TextSample, options: PrecisionOptions,
        threads: AnnotatorThreads, report: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws {
        self.bundle = bundle
        self.segmentation = segmentation
        self.sample = sample
        self.options = options
        self.threads = threads
        self.report = report
        let began = ContinuousClock.now
        reference = try await read(sample, in: .fp32, doing: "reading in fp32")
        referenceTime = ContinuousClock.now - began
        // Segments alike have the same embedding to the bit, and count once: a greeting in every mail shows nothing new.
        let embeddings = reference.flatMap { (try? $0.get())?.segments.compactMap(\.embedding) ?? [] }
        let different = Set(embeddings).count
        guard different >= AgreementThresholds.minimumSegments else {
            throw Fault(
                .input, "sample-too-small",
                "\(different) different segments are too few to compare precisions with, "
                    + "\(AgreementThresholds.minimumSegments) are the least",
                hint: "until there are more texts, everything is computed in fp32")
        }
    }

    /// May this precision be used, and in which plan?
    func certificate(in precision: Precision) async throws -> Certificate {
        let began = ContinuousClock.now
        var search = PlanSearch(
            precision, layers: bundle.backbone.configuration.layers, thresholds: options.thresholds)
        let few = sample.few()
        var expected: [DocumentFeatures]?
        while true {
            switch search.step {
            case .judge(let plan):
                let kept = plan.exceptions.count
                let doing = kept == 0 ? "comparing with fp32" : "with \(kept) products in bf16"
                let results = try await read(sample, in: plan, doing: "\(precision.rawValue): \(doing)")
                search.judged(Agreement(of: results, with: reference, heads: bundle.heads))
            case .probe(let plan):
                let (done, all) = search.probes ?? (0, 0)
                let doing = "\(precision.rawValue): which products spoil it, \(done + 1) of \(all)"
                let inFP32 = if let expected { expected } else { try await probe(few, in: .fp32, doing: doing) }
                expected = inFP32
                search.probed(await damage(to: inFP32, on: few, by: plan, doing: doing))
                try Task.checkCancellation()
            case .finished(let finding):
                let time = referenceTime + (ContinuousClock.now - began)
                return Certificate(
                    segmentation: segmentation, precision: precision, kernels: Self.kernels,
                    plan: finding.plan.description,
                    texts: sample.texts.count, agreement: finding.agreement, thresholds: options.thresholds,
                    refusal: finding.refusal, seconds: time / .seconds(1))
            }
        }
    }

    /// What computes on this machine.
    static var kernels: String { Backbone.kernelFamily }

    private func read(
        _ sample: TextSample, in plan: PrecisionPlan, doing: String
    ) async throws -> [Result<DocumentAnnotation, Fault>] {
        let bundle = try ModelBundle(backbone: await backbone(in: plan), heads: bundle.heads)
        let annotator = try Annotator(
            bundle: bundle, segmentation: segmentation, tokenBudget: options.batchTokens)
        return try await map(sample, doing: doing) { requests, workspace, isCancelled in
            annotator.annotate(requests, workspace: &workspace, isCancelled: isCancelled)
        }
    }

    /// Numbers that overflow are damage without limit.
    private func damage(
        to expected: [DocumentFeatures], on sample: TextSample, by plan: PrecisionPlan, doing: String
    ) async -> Double {
        guard let features = try? await probe(sample, in: plan, doing: doing) else { return .infinity }
        return DocumentFeatures.distance(of: features, from: expected)
    }

    private func probe(
        _ sample: TextSample, in plan: PrecisionPlan, doing: String
    ) async throws -> [DocumentFeatures] {
        let extractor = try FeatureExtractor(backbone: await backbone(in: plan), tokenBudget: options.batchTokens)
        let wantsWords = !bundle.heads.entities.isEmpty
        return try await map(sample, doing: doing) { requests, workspace, isCancelled in
            try extractor.features(
                of: requests, wantsWords: wantsWords, workspace: &workspace, isCancelled: isCancelled)
        }
    }

    private func backbone(in plan: PrecisionPlan) async throws -> Backbone {
        try await threads.run { [bundle] _ in try bundle.backbone.computing(in: plan) }
    }

    /// Reads a sample in parts, on all threads.
    private func map<Answer: Sendable>(
        _ sample: TextSample, doing: String,
        _ body:
            @escaping @Sendable (
                [AnnotationRequest], inout AnnotatorWorkspace, _ isCancelled: () -> Bool
            ) throws -> [Answer]
    ) async throws -> [Answer] {
        report(Progress(doing: doing, textsRead: textsRead.value))
        let parts = stride(from: 0, to: sample.texts.count, by: Self.textsAtOnce).map {
            Array(sample.texts[$0..<min($0 + Self.textsAtOnce, sample.texts.count)])
        }
        let isCancelled = Flag()
        let answers = try await withTaskCancellationHandler {
            try await threads.map(parts) { [textsRead, report] part, workspace in
                let answers = try body(
                    part.map(AnnotationRequest.init(text:)), &workspace, { isCancelled.value })
                report(Progress(doing: doing, textsRead: textsRead.add(part.count)))
                return answers
            }
        } onCancel: {
            isCancelled.set()
        }
        try Task.checkCancellation()
        return answers.flatMap { $0 }
    }

    private static let textsAtOnce = 8
}

private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }

    func add(_ more: Int) -> Int {
        count.withLock { count in
            count += more
            return count
        }
    }
}

private final class Flag: Sendable {
    private let flag = Mutex(false)
    var value: Bool { flag.withLock { $0 } }
    func set() { flag.withLock { $0 = true } }
}

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
        let segments = reference.reduce(0) { $0 + ((try? $1.get())?.segments.count ?? 0) }
        guard segments >= AgreementThresholds.minimumSegments else {
            throw Fault(
                .input, "sample-too-small",
                "\(segments) different segments are too few to compare precisions with, "
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
        var fewInFP32: [Result<DocumentAnnotation, Fault>]?
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
                let expected =
                    if let fewInFP32 { fewInFP32 } else { try await read(few, in: .fp32, doing: doing, embeds: true) }
                fewInFP32 = expected
                let results = try await read(few, in: plan, doing: doing, embeds: true)
                search.probed(1 - Agreement(of: results, with: expected, heads: .none).cosineMean)
            case .finished(let finding):
                let time = referenceTime + (ContinuousClock.now - began)
                return Certificate(
                    precision: precision, kernels: Self.kernels, plan: finding.plan.description,
                    texts: sample.texts.count, agreement: finding.agreement, thresholds: options.thresholds,
                    refusal: finding.refusal, seconds: time / .seconds(1))
            }
        }
    }

    /// What computes on this machine.
    static var kernels: String { Backbone.kernelFamily }

    private func read(
        _ sample: TextSample, in plan: PrecisionPlan, doing: String, embeds: Bool = false
    ) async throws -> [Result<DocumentAnnotation, Fault>] {
        report(Progress(doing: doing, textsRead: textsRead.value))
        let backbone = try await threads.run { [bundle] _ in try bundle.backbone.computing(in: plan) }
        let annotator = try Annotator(
            bundle: ModelBundle(backbone: backbone, heads: embeds ? .none : bundle.heads),
            segmentation: segmentation, tokenBudget: options.batchTokens)
        let parts = stride(from: 0, to: sample.texts.count, by: Self.textsAtOnce).map {
            Array(sample.texts[$0..<min($0 + Self.textsAtOnce, sample.texts.count)])
        }
        let isCancelled = Flag()
        let results = try await withTaskCancellationHandler {
            try await threads.map(parts) { [textsRead, report] part, workspace in
                let results = annotator.annotate(
                    part.map(AnnotationRequest.init(text:)), workspace: &workspace,
                    isCancelled: { isCancelled.value })
                report(Progress(doing: doing, textsRead: textsRead.add(part.count)))
                return results
            }
        } onCancel: {
            isCancelled.set()
        }
        try Task.checkCancellation()
        return results.flatMap { $0 }
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

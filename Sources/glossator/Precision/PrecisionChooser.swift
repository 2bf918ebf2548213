import Annotations
import Logging
import Model
import Store

/// In which precision the daemon computes a model for a collection: the fastest one that is certified for the two on this
/// kind of processor. What is not known yet is found out beside the work (`run`), which goes on in fp32 meanwhile.
actor PrecisionChooser {
    struct Use: Hashable, Sendable {
        let modelID: Int64
        let collection: String
        let segmentation: Segmentation
    }

    private struct Decision {
        var plan: PrecisionPlan
        /// Looked up again from then on: somebody may have compared anew, or thrown the certificate away.
        var end: ContinuousClock.Instant
    }

    private let options: PrecisionOptions
    private let store: CertificateStore
    private let bundle: @Sendable (Int64) async throws -> ModelBundle
    private let logger: Logger
    private var decisions: [Use: Decision] = [:]
    private var lookups: [Use: Task<PrecisionPlan, any Error>] = [:]
    /// Being certified, or waiting for it.
    private var open: Set<Use> = []
    private let requests: AsyncStream<Use>
    private let requested: AsyncStream<Use>.Continuation

    private static let lookUpAgain = Duration.seconds(300)
    private static let tryAgain = Duration.seconds(60)

    /// - Parameter bundle: a model by its id, in fp32.
    init(
        options: PrecisionOptions, store: CertificateStore, logger: Logger,
        bundle: @escaping @Sendable (Int64) async throws -> ModelBundle
    ) {
        self.options = options
        self.store = store
        self.logger = logger
        self.bundle = bundle
        (requests, requested) = AsyncStream.makeStream()
    }

    /// What to compute the next texts in. Throws when nothing was known and the database cannot be asked.
    func plan(for use: Use) async throws -> PrecisionPlan {
        guard !options.choice.ladder.isEmpty else { return .fp32 }
        if open.contains(use) { return .fp32 }
        if let known = decisions[use], known.end > .now { return known.plan }
        // Several claims are computed at a time: one of them asks.
        if let lookup = lookups[use] { return try await lookup.value }
        let lookup = Task { try await lookUp(use) }
        lookups[use] = lookup
        defer { lookups[use] = nil }
        return try await lookup.value
    }

    private func lookUp(_ use: Use) async throws -> PrecisionPlan {
        let certificates: [Certificate]
        do {
            certificates = try await stored(for: use)
        } catch {
            guard let known = decisions[use] else { throw error }
            decisions[use]?.end = .now + Self.tryAgain
            return known.plan
        }
        var considered: [Certificate] = []
        for precision in options.choice.ladder {
            guard let certificate = certificates.first(where: { $0.precision == precision }) else {
                open.insert(use)
                requested.yield(use)
                return .fp32
            }
            considered.append(certificate)
            if usable(certificate) != nil { break }
        }
        let plan = considered.last.flatMap(usable) ?? .fp32
        if decisions[use]?.plan != plan { for certificate in considered { say(certificate, about: use) } }
        return decide(use, plan)
    }

    private func stored(for use: Use) async throws(Fault) -> [Certificate] {
        try await store.certificates(
            of: use.modelID, for: use.collection, in: use.segmentation, kernels: Certification.kernels,
            thresholds: options.thresholds)
    }

    private func usable(_ certificate: Certificate) -> PrecisionPlan? {
        // A plan that this program cannot read is a newer one's.
        certificate.isCertified ? PrecisionPlan(certificate.plan) : nil
    }

    @discardableResult
    private func decide(_ use: Use, _ plan: PrecisionPlan) -> PrecisionPlan {
        if decisions[use]?.plan != plan {
            logger.info("precision", metadata: use.metadata.merging(["plan": "\(plan)"]) { $1 })
        }
        decisions[use] = Decision(plan: plan, end: .now + Self.lookUpAgain)
        return plan
    }

    // MARK: - Finding out

    /// Makes the certificates that are missing, one at a time, until the task is cancelled.
    func run() async {
        for await use in requests {
            do {
                try await certify(use)
            } catch is CancellationError {
                break
            } catch {
                let fault = error as? Fault
                // Too few texts is how every collection begins.
                logger.log(
                    level: fault?.code == "sample-too-small" ? .info : .warning,
                    "no precision could be certified, computing in fp32",
                    metadata: use.metadata.merging(["reason": "\(fault?.message ?? "\(error)")"]) { $1 })
                decisions[use] = Decision(plan: .fp32, end: .now + Self.tryAgain)
            }
            open.remove(use)
        }
    }

    private func certify(_ use: Use) async throws {
        let known = try await stored(for: use)
        let texts = try await store.sample(
            of: use.collection, count: options.sampleTexts, maximumCharacters: TextSample.maximumCharacters)
        let sample = TextSample(of: texts, count: options.sampleTexts)
        var metadata = use.metadata
        metadata["texts"] = "\(sample.texts.count)"
        logger.info("comparing precisions with fp32, which is used meanwhile", metadata: metadata)
        let progress = ProgressLog(logger, metadata: use.metadata)
        // Not the threads that annotate: their queue is long.
        let certification = try await Certification(
            of: bundle(use.modelID), segmentation: use.segmentation, on: sample, options: options,
            threads: AnnotatorThreads(count: 1) { AnnotatorWorkspace() }, report: { progress.show($0) })
        for precision in options.choice.ladder {
            var certificate = known.first { $0.precision == precision }
            if certificate == nil {
                let made = try await certification.certificate(in: precision)
                certificate = try await store.store(made, modelID: use.modelID, collection: use.collection)
            }
            guard let certificate else { continue }
            say(certificate, about: use)
            if let plan = usable(certificate) {
                decide(use, plan)
                return
            }
        }
        decide(use, .fp32)
    }

    private func say(_ certificate: Certificate, about use: Use) {
        var metadata = use.metadata.merging(certificate.metadata) { $1 }
        guard let refusal = certificate.refusal else {
            return logger.info("\(certificate.precision.rawValue) is certified", metadata: metadata)
        }
        metadata["reason"] = "\(refusal)"
        // Who asked for it by name is to notice that it is not used.
        logger.log(
            level: options.choice == .auto ? .info : .warning,
            "\(certificate.precision.rawValue) is refused, the next precision is used", metadata: metadata)
    }
}

extension PrecisionChooser.Use {
    fileprivate var metadata: Logger.Metadata { ["model": "\(modelID)", "collection": "\(collection)"] }
}

extension Certificate {
    fileprivate var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = [
            "plan": "\(plan)", "kernels": "\(kernels)", "segments": "\(agreement.segments)",
            "cosine_p1": "\(AgreementThresholds.shown(agreement.cosineP1))",
            "seconds": "\(Terminal.number(seconds, decimals: 1))",
        ]
        if let labels = agreement.labels { metadata["labels"] = "\(AgreementThresholds.shown(labels))" }
        if let entities = agreement.entities { metadata["entities"] = "\(AgreementThresholds.shown(entities))" }
        return metadata
    }
}

/// How far a model in a reduced precision agrees with itself in fp32 on the same texts.
package struct Agreement: Sendable, Hashable {
    /// Segments compared: whole documents or their sentences.
    package let segments: Int
    /// Cosine of a segment's two embeddings, mean over the segments.
    package let cosineMean: Double
    /// The cosine that 99 % of the segments reach; the lowest where there are fewer than a hundred.
    package let cosineP1: Double
    /// Share of equal labels over all segments and trained classification tasks; nil where there is no such task.
    package let labels: Double?
    /// F1 of the entities, equal when task, type, start and end are; 1 where neither found any; nil without such a task.
    package let entities: Double?

    package init(segments: Int, cosineMean: Double, cosineP1: Double, labels: Double?, entities: Double?) {
        self.segments = segments
        self.cosineMean = cosineMean
        self.cosineP1 = cosineP1
        self.labels = labels
        self.entities = entities
    }
}

/// What a reduced precision must reach before it is used.
package struct AgreementThresholds: Sendable, Hashable {
    package var cosineP1: Double
    package var labels: Double
    package var entities: Double

    package init(cosineP1: Double = 0.995, labels: Double = 0.995, entities: Double = 0.99) {
        self.cosineP1 = cosineP1
        self.labels = labels
        self.entities = entities
    }

    /// Fewer say nothing about any other text.
    package static let minimumSegments = 16

    /// Why a precision with this agreement is not to be used, in words; nil when it may be. What the model has no task
    /// for is not asked for: one without heads is judged by its embeddings alone.
    package func refusal(of agreement: Agreement) -> String? {
        var shortfalls: [String] = []
        func demand(_ value: Double?, _ least: Double, _ what: String) {
            // A figure that is no number is no agreement.
            guard let value, !(value >= least) else { return }
            shortfalls.append("\(what) \(Self.shown(value)) is below \(Self.shown(least))")
        }
        demand(agreement.cosineP1, cosineP1, "cosine (1st percentile)")
        demand(agreement.labels, labels, "label agreement")
        demand(agreement.entities, entities, "entity agreement")
        return shortfalls.isEmpty ? nil : shortfalls.joined(separator: ", ")
    }

    /// A figure downwards to four decimals: 0.99496 must not look like 0.995.
    package static func shown(_ value: Double) -> String {
        guard value.isFinite else { return "\(value)" }
        // A hair more, so that 0.995 itself stays what it is.
        return "\((value * 10_000 + 1e-6).rounded(.down) / 10_000)"
    }
}

/// The outcome of comparing a reduced precision with fp32 on a sample of somebody's texts: may it be used for them?
///
/// It holds for the family of kernels that computed it: on another processor the same plan rounds in another way.
package struct Certificate: Sendable, Hashable {
    /// What was compared: whole documents, or their sentences.
    package let segmentation: Segmentation
    package let precision: Precision
    /// `Kernels.familyName` of the machine that made it.
    package let kernels: String
    /// Text of the `PrecisionPlan`: which products are computed in which precision.
    package let plan: String
    /// Texts in the sample.
    package let texts: Int
    package let agreement: Agreement
    package let thresholds: AgreementThresholds
    /// Why the precision is not used, in words; nil when it may be.
    package let refusal: String?
    /// What the comparison took, the search for a plan included.
    package let seconds: Double

    package var isCertified: Bool { refusal == nil }

    package init(
        segmentation: Segmentation, precision: Precision, kernels: String, plan: String, texts: Int,
        agreement: Agreement, thresholds: AgreementThresholds, refusal: String?, seconds: Double
    ) {
        self.segmentation = segmentation
        self.precision = precision
        self.kernels = kernels
        self.plan = plan
        self.texts = texts
        self.agreement = agreement
        self.thresholds = thresholds
        self.refusal = refusal
        self.seconds = seconds
    }
}

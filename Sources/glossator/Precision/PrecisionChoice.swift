package import Annotations
import Model

/// What somebody wants a model to be computed in.
package enum PrecisionChoice: String, Sendable, CaseIterable {
    case fp32
    case bf16
    case int8
    /// The fastest one that agrees with fp32 on the texts in question.
    case auto

    /// To be tried in this order; when none is certified it is fp32.
    package var ladder: [Precision] {
        switch self {
        case .fp32: []
        case .bf16: [.bf16]
        case .int8: [.int8, .bf16]
        case .auto: Backbone.gainsFromBFloat16 ? [.int8, .bf16] : [.int8]
        }
    }
}

/// How precisions are chosen and compared.
struct PrecisionOptions: Sendable {
    var choice: PrecisionChoice
    var thresholds: AgreementThresholds
    var sampleTexts: Int
    var batchTokens: Int
}

extension Settings {
    var precisionOptions: PrecisionOptions {
        PrecisionOptions(
            choice: PrecisionChoice(rawValue: text("worker.precision")) ?? .fp32,
            thresholds: AgreementThresholds(
                cosineP1: number("precision.cosine"), labels: number("precision.label-agreement"),
                entities: number("precision.entity-agreement")),
            sampleTexts: integer("precision.sample-texts"), batchTokens: integer("worker.batch-tokens"))
    }
}

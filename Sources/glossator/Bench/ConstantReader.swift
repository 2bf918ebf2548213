import Annotations
import Store

/// A reader that costs nothing: every document gets the same two labels, one entity, three uncertainties and an embedding
/// of 384 numbers. What is left of the daemon's time is the queue's.
struct ConstantReader: TextReader {
    let spaceID: Int32
    let models: [Int64] = []

    func read(_ documents: [ClaimedDocument], isCancelled: @escaping @Sendable () -> Bool) async throws -> Reading {
        Reading(documents: documents, results: documents.map { .success(Self.annotation(of: $0)) }, spaceID: spaceID)
    }

    private static let embedding: [Float] = (0..<384).map { Float(($0 * 7919) % 997) / 9970 - 0.05 }
    private static let labels = [
        ScoredLabel(task: "topic", label: "delivery", score: 0.75),
        ScoredLabel(task: "sentiment", label: "negative", score: 0.875),
    ]

    private static let uncertainties = [
        TaskUncertainty(task: "topic", uncertainty: 0.5), TaskUncertainty(task: "sentiment", uncertainty: 0.25),
        TaskUncertainty(task: "entities", uncertainty: 0.125),
    ]

    private static func annotation(of document: ClaimedDocument) -> DocumentAnnotation {
        DocumentAnnotation(
            segments: [
                SegmentAnnotation(
                    start: 0, end: document.body.unicodeScalars.count, labels: labels, embedding: embedding)
            ],
            entities: [
                Entity(
                    task: "entities", type: "thing", start: 0, end: 8,
                    surface: String(String.UnicodeScalarView(document.body.unicodeScalars.prefix(8))), score: 0.5)
            ], tokenCount: 48, windowCount: 1, uncertainties: uncertainties, signature: 0x5a5a)
    }
}

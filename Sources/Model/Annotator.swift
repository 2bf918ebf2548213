package import Annotations
import Tensors

/// How far a call has come.
package struct AnnotationProgress: Sendable, Equatable {
    /// Requests whose result is there.
    package let finishedRequests: Int
    /// Tokens encoded, special tokens and window overlaps included.
    package let encodedTokens: Int
}

/// Texts in; labels, entities and embeddings out. The whole sentence of this module: tokenise, plan, encode, pool,
/// classify, decode.
///
/// Synchronous and without state of its own: called on a thread of its own, with that thread's workspace, by as many
/// threads as there are. A text's result does not depend on the other texts of the call, to the bit, and what stands in
/// a call several times is computed once.
package struct Annotator: Sendable {
    package let bundle: ModelBundle
    package let segmentation: Segmentation
    private let reader: WindowReader
    private let signature: EmbeddingSignature

    /// Texts are tokenised and planned together until they hold this many bytes: enough to fill batches of short texts,
    /// little enough that tokens of many long ones never lie in memory together.
    static let bytesPlannedTogether = 1 << 18

    /// - Parameters:
    ///   - tokenBudget: work of one encoder batch, in tokens of a short text (`BatchPlanner`).
    ///   - windowOverlap: tokens that neighbouring windows of a long text share; nil is a quarter of the window.
    /// - Throws: `.configuration` faults `token-budget`, `window-overlap`.
    package init(
        bundle: ModelBundle, segmentation: Segmentation = .document,
        tokenBudget: Int = BatchPlanner.defaultTokenBudget, windowOverlap: Int? = nil
    ) throws(Fault) {
        self.bundle = bundle
        self.segmentation = segmentation
        signature = EmbeddingSignature(dimensions: bundle.backbone.space.dimensions)
        reader = try WindowReader(
            backbone: bundle.backbone, tokenBudget: tokenBudget, windowOverlap: windowOverlap)
    }

    /// Everything the model says about each request, one result a request, in order.
    ///
    /// - Parameters:
    ///   - isCancelled: asked before each batch, which is about half a second of work for a MiniLM. Requests that are
    ///     not finished then fail with `cancelled` (`.system`, transient): nobody is charged for them.
    ///   - progress: called after each batch.
    /// - Returns: failures besides `cancelled`: `scores-not-finite` (`.model`) where the encoder or a head overflows.
    package func annotate(
        _ requests: [AnnotationRequest], workspace: inout AnnotatorWorkspace,
        isCancelled: () -> Bool = { false }, progress: (AnnotationProgress) -> Void = { _ in }
    ) -> [Result<DocumentAnnotation, Fault>] {
        run(requests, heads: bundle.heads, workspace: &workspace, isCancelled: isCancelled, progress: progress)
    }

    /// The same without heads: segments and embeddings only.
    package func embed(
        _ requests: [AnnotationRequest], workspace: inout AnnotatorWorkspace,
        isCancelled: () -> Bool = { false }, progress: (AnnotationProgress) -> Void = { _ in }
    ) -> [Result<DocumentAnnotation, Fault>] {
        run(requests, heads: .none, workspace: &workspace, isCancelled: isCancelled, progress: progress)
    }

    private func run(
        _ requests: [AnnotationRequest], heads: HeadSet, workspace: inout AnnotatorWorkspace,
        isCancelled: () -> Bool, progress: (AnnotationProgress) -> Void
    ) -> [Result<DocumentAnnotation, Fault>] {
        var results: [Result<DocumentAnnotation, Fault>] = []
        results.reserveCapacity(requests.count)
        var encodedTokens = 0
        workspace.meter.begin()
        for round in Self.rounds(of: requests) {
            let segments = requests[round].map { request in
                Segment.segments(of: request, by: segmentation, tokenizer: bundle.backbone.tokenizer)
            }
            workspace.meter.lap(.tokenize)
            // Who wants embeddings alone has no use for it.
            var collector = AnnotationCollector(heads: heads, signature: heads.tasks.isEmpty ? nil : signature)
            var distinct = DistinctSegments()
            for (request, segments) in zip(requests[round], segments) {
                collector.expect(request, segments: segments, places: distinct.add(segments))
            }
            let isComplete = reader.read(
                distinct.segments, wanted: heads.wantedStates, workspace: &workspace, visitor: &collector,
                mayContinue: { !isCancelled() },
                batchDone: { visitor, tokens in
                    encodedTokens += tokens
                    progress(
                        AnnotationProgress(
                            finishedRequests: results.count + visitor.results.count, encodedTokens: encodedTokens))
                })
            results += collector.results
            guard isComplete else { break }
        }
        while results.count < requests.count { results.append(.failure(.cancelledReading)) }
        return results
    }

    /// Neighbouring requests that are tokenised and planned together.
    static func rounds(of requests: [AnnotationRequest]) -> [Range<Int>] {
        var rounds: [Range<Int>] = []
        var first = 0
        var bytes = 0
        for (index, request) in requests.enumerated() {
            bytes += request.text.utf8.count
            if bytes >= bytesPlannedTogether {
                rounds.append(first..<index + 1)
                first = index + 1
                bytes = 0
            }
        }
        if first < requests.count { rounds.append(first..<requests.count) }
        return rounds
    }
}

extension Fault {
    static let cancelledReading = Fault(
        .system, "cancelled", "reading was stopped before this text was finished", isTransient: true)

    static let scoresNotFinite = Fault(
        .model, "scores-not-finite", "the model's numbers overflow on a text",
        hint: "The model's weights are damaged, or too large for fp32.")
}

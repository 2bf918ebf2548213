package import Annotations
import Tensors

/// The frozen backbone's view of documents, for training heads on it: computed once, kept, and read in every epoch.
///
/// It reads exactly as `Annotator` does with documents as segments: same windows, same pooling, same words, so a head
/// meets at work what it has met in training.
package struct FeatureExtractor: Sendable {
    package let backbone: Backbone
    private let reader: WindowReader

    /// - Parameters: as of `Annotator`.
    /// - Throws: `.configuration` faults `token-budget`, `window-overlap`.
    package init(
        backbone: Backbone, tokenBudget: Int = BatchPlanner.defaultTokenBudget, windowOverlap: Int? = nil
    ) throws(Fault) {
        self.backbone = backbone
        reader = try WindowReader(backbone: backbone, tokenBudget: tokenBudget, windowOverlap: windowOverlap)
    }

    /// One a request, in order.
    ///
    /// - Parameters:
    ///   - wantsWords: whether an entity head is to be trained; words' states are as large as all the text's tokens.
    ///   - isCancelled: asked before each batch.
    ///   - progress: called after each batch.
    /// - Throws: `cancelled` (`.system`, transient); `scores-not-finite` (`.model`).
    package func features(
        of requests: [AnnotationRequest], wantsWords: Bool, workspace: inout AnnotatorWorkspace,
        isCancelled: () -> Bool = { false }, progress: (AnnotationProgress) -> Void = { _ in }
    ) throws(Fault) -> [DocumentFeatures] {
        var features: [DocumentFeatures] = []
        features.reserveCapacity(requests.count)
        var encodedTokens = 0
        for round in Annotator.rounds(of: requests) {
            let segments = requests[round].flatMap {
                Segment.segments(of: $0, by: .document, tokenizer: backbone.tokenizer)
            }
            var collector = FeatureCollector(segments: segments, hidden: backbone.space.dimensions)
            let isComplete = reader.read(
                segments, wantsWords: wantsWords, workspace: &workspace, visitor: &collector,
                mayContinue: { !isCancelled() },
                batchDone: { visitor, tokens in
                    encodedTokens += tokens
                    progress(
                        AnnotationProgress(
                            finishedRequests: features.count + visitor.features.count, encodedTokens: encodedTokens))
                })
            guard isComplete else { throw .cancelledReading }
            features += collector.features
        }
        for document in features where !document.isFinite { throw .scoresNotFinite }
        return features
    }
}

private struct FeatureCollector: SegmentVisitor {
    let segments: [Segment]
    let hidden: Int
    var features: [DocumentFeatures] = []
    private var states: [Float] = []
    private var wordCount = 0

    init(segments: [Segment], hidden: Int) {
        self.segments = segments
        self.hidden = hidden
    }

    mutating func visit(words: Range<Int>, of segment: Int, hidden: Matrix, rows: [Int]) {
        for row in rows { states += hidden.row(row) }
        wordCount += words.count
    }

    mutating func finish(_ segment: Int, embedding: [Float], tokenCount: Int, windowCount: Int) {
        let words = segments[segment].words
        let indices = words.indices.prefix(wordCount).map(Int.init)
        features.append(
            DocumentFeatures(
                embedding: embedding, words: Matrix(rows: wordCount, columns: hidden, values: states),
                wordSpans: indices.map { index in
                    let span = words.span(ofWord: index)
                    return span.start.scalar..<max(span.start.scalar, span.end.scalar)
                },
                wordIndices: indices, wordCount: words.totalCount, tokenCount: tokenCount))
        states = []
        wordCount = 0
    }
}

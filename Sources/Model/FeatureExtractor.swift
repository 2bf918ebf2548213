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
    ///   - wantsLayers: whether one of them looks at all layers: so many times as large.
    ///   - isCancelled: asked before each batch.
    ///   - progress: called after each batch.
    /// - Throws: `cancelled` (`.system`, transient); `scores-not-finite` (`.model`).
    package func features(
        of requests: [AnnotationRequest], wantsWords: Bool, wantsLayers: Bool = false,
        workspace: inout AnnotatorWorkspace,
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
                segments, wanted: wantsWords ? (wantsLayers ? .allLayers : .last) : .none, workspace: &workspace,
                visitor: &collector,
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
    private var layerStates: [[Float]] = []
    private var wordCount = 0

    init(segments: [Segment], hidden: Int) {
        self.segments = segments
        self.hidden = hidden
    }

    mutating func visit(words: Range<Int>, of segment: Int, states: WordStates, workspace: inout HeadWorkspace) {
        if states.layers.isEmpty {
            for row in states.rows { self.states += states.hidden.row(row) }
        }
        while layerStates.count < states.layers.count { layerStates.append([]) }
        let rows = states.layerRows
        for (index, layer) in states.layers.enumerated() {
            layerStates[index] += layer.values[rows.lowerBound * hidden..<rows.upperBound * hidden]
        }
        wordCount += words.count
    }

    mutating func finish(
        _ segment: Int, embedding: [Float], tokenCount: Int, windowCount: Int, workspace: inout HeadWorkspace
    ) {
        let layers = layerStates.map { Matrix(rows: wordCount, columns: hidden, values: $0) }
        let words = segments[segment].words
        let indices = words.indices.prefix(wordCount).map(Int.init)
        features.append(
            DocumentFeatures(
                embedding: embedding,
                words: layers.last ?? Matrix(rows: wordCount, columns: hidden, values: states), layers: layers,
                wordSpans: indices.map { index in
                    let span = words.span(ofWord: index)
                    return span.start.scalar..<max(span.start.scalar, span.end.scalar)
                },
                wordIndices: indices, wordCount: words.totalCount, tokenCount: tokenCount))
        states = []
        layerStates = []
        wordCount = 0
    }
}

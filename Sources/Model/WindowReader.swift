import Annotations
import Tensors
import Tokenization

/// What the encoder says about some words: all of them first pieces, in the windows that own them.
struct WordStates {
    /// The last hidden states of a batch, `[tokens, hidden]`.
    let hidden: Matrix
    /// Word by word, which row of `hidden` is its.
    let rows: ArraySlice<Int>
    /// `[words of the batch, hidden]`, from the embedding layer's output to the last layer's; empty unless it was asked
    /// for.
    let layers: [Matrix]
    /// Which rows of each of `layers` are these words'.
    var layerRows: Range<Int> { rows.startIndex..<rows.endIndex }
}

/// How much of the words' states a visitor wants to see.
enum WantedStates {
    case none, last, allLayers
}

/// Takes what the encoder says about segments, in order: each segment's words piece by piece, then its embedding.
protocol SegmentVisitor {
    /// The next words of a segment. `words` are positions among the segment's words that have tokens.
    mutating func visit(words: Range<Int>, of segment: Int, states: WordStates, workspace: inout HeadWorkspace)
    /// All of a segment has been read. `tokenCount` counts what went through the encoder.
    mutating func finish(
        _ segment: Int, embedding: [Float], tokenCount: Int, windowCount: Int, workspace: inout HeadWorkspace)
}

/// Reads segments of any length through the encoder, in batches of bounded size.
///
/// Windows go through the encoder in the order of the text, so one running sum and one segment's words are all that is
/// kept: a text of 10 MB needs no more memory for its hidden states than a batch.
struct WindowReader: Sendable {
    let backbone: Backbone
    let planner: BatchPlanner
    /// Tokens that neighbouring windows share.
    let overlap: Int

    init(backbone: Backbone, tokenBudget: Int, windowOverlap: Int?) throws(Fault) {
        let capacity = max(backbone.maximumTokens - 2, 0)
        let overlap = windowOverlap ?? capacity / 4
        guard tokenBudget > 0 else {
            throw Fault(
                .configuration, "token-budget", "a batch of \(tokenBudget) tokens holds nothing",
                hint: "Choose some hundred to some thousand tokens.")
        }
        guard (0..<capacity).contains(overlap) else {
            throw Fault(
                .configuration, "window-overlap",
                "windows of \(capacity) tokens cannot overlap by \(overlap)",
                hint: "Choose 0 to \(capacity - 1); a quarter of the window is the default.")
        }
        self.backbone = backbone
        self.overlap = overlap
        planner = BatchPlanner(
            tokenBudget: tokenBudget, hidden: backbone.configuration.hiddenSize,
            intermediate: backbone.configuration.intermediateSize)
    }

    /// - Parameters:
    ///   - wanted: what anybody needs of the words' states.
    ///   - mayContinue: asked before each batch; false ends the reading.
    ///   - batchDone: called after each batch with the tokens that it encoded.
    /// - Returns: whether everything was read.
    func read<Visitor: SegmentVisitor>(
        _ segments: [Segment], wanted: WantedStates, workspace: inout AnnotatorWorkspace, visitor: inout Visitor,
        mayContinue: () -> Bool, batchDone: (_ visitor: Visitor, _ tokens: Int) -> Void
    ) -> Bool {
        var places: [(segment: Int, window: WindowPlan.Window)] = []
        for (index, segment) in segments.enumerated() {
            for window in plan(for: segment.tokens).windows { places.append((index, window)) }
        }
        var reading = Reading(space: backbone.space)
        var cursor = WordCursor()
        let batches = planner.batches(of: places.map(\.window.tokenCount))
        workspace.meter.lap(.plan)
        for batch in batches {
            guard mayContinue() else { return false }
            if wanted != .none { find(places[batch], of: segments, from: &cursor, workspace: &workspace) }
            encode(places[batch], of: segments, keepsLayers: wanted == .allLayers, workspace: &workspace)
            workspace.meter.lap(.encode)
            var (row, firstWord) = (0, 0)
            for place in batch {
                let (index, window) = places[place]
                let isFirst = place == 0 || places[place - 1].segment != index
                let isLast = place + 1 == places.count || places[place + 1].segment != index
                if isFirst { reading = Reading(space: backbone.space) }
                reading.pool(window, at: row, isLast: isLast, hidden: workspace.encoder.hidden)
                if wanted != .none {
                    let words = workspace.wordRanges[place - batch.lowerBound]
                    if !words.isEmpty {
                        let states = WordStates(
                            hidden: workspace.encoder.hidden,
                            rows: workspace.wordRows[firstWord..<firstWord + words.count],
                            layers: wanted == .allLayers ? workspace.encoder.layerStates : [])
                        visitor.visit(words: words, of: index, states: states, workspace: &workspace.head)
                    }
                    firstWord += words.count
                }
                if isLast {
                    visitor.finish(
                        index, embedding: reading.embedding, tokenCount: reading.tokenCount,
                        windowCount: reading.windowCount, workspace: &workspace.head)
                }
                row += window.tokenCount
            }
            batchDone(visitor, row)
            workspace.meter.lap(.decode)
        }
        return true
    }

    func plan(for tokens: TokenizedText) -> WindowPlan {
        WindowPlan(contents: tokens.windowRanges(maximumTokens: backbone.maximumTokens, stride: overlap))
    }

    private func encode(
        _ places: ArraySlice<(segment: Int, window: WindowPlan.Window)>, of segments: [Segment], keepsLayers: Bool,
        workspace: inout AnnotatorWorkspace
    ) {
        workspace.batch.removeAll()
        for (index, window) in places {
            let tokens = segments[index].tokens.ids
            workspace.windowIDs.removeAll(keepingCapacity: true)
            workspace.windowIDs.append(tokens[0])
            workspace.windowIDs.append(contentsOf: tokens[window.content])
            workspace.windowIDs.append(tokens[tokens.count - 1])
            workspace.batch.append(workspace.windowIDs)
        }
        if keepsLayers {
            backbone.encoder.encode(workspace.batch, keeping: workspace.wordRows, workspace: &workspace.encoder)
        } else {
            backbone.encoder.encode(workspace.batch, workspace: &workspace.encoder)
        }
    }

    /// Which words each window of a batch owns, and in which rows of the batch they begin.
    ///
    /// - Parameter cursor: moves from window to window of all batches.
    private func find(
        _ places: ArraySlice<(segment: Int, window: WindowPlan.Window)>, of segments: [Segment],
        from cursor: inout WordCursor, workspace: inout AnnotatorWorkspace
    ) {
        workspace.wordRows.removeAll(keepingCapacity: true)
        workspace.wordRanges.removeAll(keepingCapacity: true)
        var row = 0
        for (index, window) in places {
            let words = segments[index].words
            if cursor.segment != index { cursor = WordCursor(segment: index) }
            let first = cursor.nextWord
            while cursor.nextWord < words.count,
                Int(words.firstTokens[cursor.nextWord]) < window.owned.upperBound
            {
                workspace.wordRows.append(row + window.row(ofToken: Int(words.firstTokens[cursor.nextWord])))
                cursor.nextWord += 1
            }
            workspace.wordRanges.append(first..<cursor.nextWord)
            row += window.tokenCount
        }
    }
}

/// How far the words of a segment have been given to the windows that own them.
private struct WordCursor {
    /// -1 before the first.
    var segment = -1
    /// The first word that no window has owned yet.
    var nextWord = 0
}

/// What is remembered of the segment being read, from window to window.
private struct Reading {
    private let space: EmbeddingSpace
    private var pooling: Pooling
    private(set) var tokenCount = 0
    private(set) var windowCount = 0

    init(space: EmbeddingSpace) {
        self.space = space
        pooling = Pooling(space.pooling, dimensions: space.dimensions)
    }

    /// Mean pooling counts every content token once, the first window's `[CLS]` and the last one's `[SEP]`; `cls`
    /// pooling takes the mean of the windows' `[CLS]`. For a text of one window both are what the reference does.
    mutating func pool(_ window: WindowPlan.Window, at row: Int, isLast: Bool, hidden: Matrix) {
        switch space.pooling {
        case .cls: pooling.add(hidden, rows: row..<row + 1)
        case .mean:
            let start = row + (windowCount == 0 ? 0 : window.row(ofToken: window.owned.lowerBound))
            let end = row + (isLast ? window.tokenCount : window.row(ofToken: window.owned.upperBound))
            pooling.add(hidden, rows: start..<end)
        }
        tokenCount += window.tokenCount
        windowCount += 1
    }

    var embedding: [Float] { pooling.embedding(space.normalization) }
}

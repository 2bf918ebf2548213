import Annotations
import Tensors
import Tokenization

/// Takes what the encoder says about segments, in order: each segment's words piece by piece, then its embedding.
protocol SegmentVisitor {
    /// The next words of a segment: word by word, `rows` says which row of `hidden` is the final hidden state of its
    /// first piece in the window that owns it. `words` are positions among the segment's words that have tokens.
    mutating func visit(words: Range<Int>, of segment: Int, hidden: Matrix, rows: [Int])
    /// All of a segment has been read. `tokenCount` counts what went through the encoder.
    mutating func finish(_ segment: Int, embedding: [Float], tokenCount: Int, windowCount: Int)
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
    ///   - wantsWords: whether anybody needs the words' states.
    ///   - mayContinue: asked before each batch; false ends the reading.
    ///   - batchDone: called after each batch with the tokens that it encoded.
    /// - Returns: whether everything was read.
    func read<Visitor: SegmentVisitor>(
        _ segments: [Segment], wantsWords: Bool, workspace: inout AnnotatorWorkspace, visitor: inout Visitor,
        mayContinue: () -> Bool, batchDone: (_ visitor: Visitor, _ tokens: Int) -> Void
    ) -> Bool {
        var places: [(segment: Int, window: WindowPlan.Window)] = []
        for (index, segment) in segments.enumerated() {
            for window in plan(for: segment.tokens).windows { places.append((index, window)) }
        }
        var reading = Reading(space: backbone.space)
        let batches = planner.batches(of: places.map(\.window.tokenCount))
        workspace.meter.lap(.plan)
        for batch in batches {
            guard mayContinue() else { return false }
            encode(places[batch], of: segments, workspace: &workspace)
            workspace.meter.lap(.encode)
            var row = 0
            for place in batch {
                let (index, window) = places[place]
                let isFirst = place == 0 || places[place - 1].segment != index
                let isLast = place + 1 == places.count || places[place + 1].segment != index
                if isFirst { reading = Reading(space: backbone.space) }
                reading.pool(window, at: row, isLast: isLast, hidden: workspace.encoder.hidden)
                if wantsWords {
                    let words = reading.nextWords(of: segments[index].words, in: window)
                    if !words.isEmpty {
                        find(words, of: segments[index].words, in: window, at: row, rows: &workspace.wordRows)
                        visitor.visit(
                            words: words, of: index, hidden: workspace.encoder.hidden, rows: workspace.wordRows)
                    }
                }
                if isLast {
                    visitor.finish(
                        index, embedding: reading.embedding, tokenCount: reading.tokenCount,
                        windowCount: reading.windowCount)
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
        _ places: ArraySlice<(segment: Int, window: WindowPlan.Window)>, of segments: [Segment],
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
        backbone.encoder.encode(workspace.batch, workspace: &workspace.encoder)
    }

    /// Where the first pieces of `words` are in a batch whose row `row` is the window's first.
    private func find(
        _ words: Range<Int>, of segment: SegmentWords, in window: WindowPlan.Window, at row: Int, rows: inout [Int]
    ) {
        rows.removeAll(keepingCapacity: true)
        for word in words { rows.append(row + window.row(ofToken: Int(segment.firstTokens[word]))) }
    }
}

/// What is remembered of the segment being read, from window to window.
private struct Reading {
    private let space: EmbeddingSpace
    private var pooling: Pooling
    private var nextWord = 0
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

    /// The words whose first piece this window owns.
    mutating func nextWords(of words: SegmentWords, in window: WindowPlan.Window) -> Range<Int> {
        let first = nextWord
        while nextWord < words.count, Int(words.firstTokens[nextWord]) < window.owned.upperBound { nextWord += 1 }
        return first..<nextWord
    }

    var embedding: [Float] { pooling.embedding(space.normalization) }
}

/// Which texts (or windows of texts) go through the encoder together.
///
/// Nothing is padded, so texts of different lengths cost nothing extra side by side, and sorting by length, which
/// padded engines need, would only delay the first results of a long document and hold the logits of all documents at
/// once. The planner therefore fills batches in the order given. What it does count is attention, which costs the
/// square of each text's length: a batch is full by estimated work, not by tokens alone.
package struct BatchPlanner: Sendable, Hashable {
    /// From 256 to 8,192 tokens throughput is the same within noise (MiniLM-L6, texts of 4 to 256 words, in order or
    /// sorted by length); smaller batches need less memory and answer sooner.
    package static let defaultTokenBudget = 1024

    /// Work of a batch, in tokens of a short text.
    package let tokenBudget: Int
    /// Length at which attention costs a text as much as its linear layers do.
    package let attentionParity: Int

    /// A token costs a layer `4 · hidden² + 2 · hidden · intermediate` multiply-adds in linear layers and
    /// `2 · length · hidden` in attention: they are equal at the length `2 · hidden + intermediate`.
    package init(tokenBudget: Int, hidden: Int, intermediate: Int) {
        self.tokenBudget = max(tokenBudget, 1)
        attentionParity = max(2 * hidden + intermediate, 1)
    }

    /// Estimated work of one text, in tokens of a short text: `length + length² / attentionParity`.
    package func cost(ofLength length: Int) -> Double {
        Double(length) + Double(length) * Double(length) / Double(attentionParity)
    }

    /// Ranges over `lengths` that hold every index once, in order, and have about the same work: a last batch of a few
    /// tokens would cost more than it holds. Only a text that exceeds the budget by itself makes a batch that does.
    package func batches(of lengths: [Int]) -> [Range<Int>] {
        let budget = Double(tokenBudget)
        var batches: [Range<Int>] = []
        var first = 0
        var filled = 0.0
        var rest = lengths.reduce(0) { $0 + cost(ofLength: $1) }
        /// What each of the batches to come should hold.
        var share = rest / max(1, (rest / budget).rounded(.up))
        for (index, length) in lengths.enumerated() {
            let cost = cost(ofLength: length)
            // The share is passed by as much as it would otherwise be missed, on average.
            if index > first, filled + cost > budget || filled + cost / 2 > share {
                batches.append(first..<index)
                first = index
                rest -= filled
                filled = 0
                share = rest / max(1, (rest / budget).rounded(.up))
            }
            filled += cost
        }
        if first < lengths.count { batches.append(first..<lengths.count) }
        return batches
    }
}

/// How a text longer than the encoder's window is read: overlapping windows over its content tokens (those without
/// `[CLS]` and `[SEP]`), and which window's view of a token counts.
///
/// In the overlap of two windows each token is seen twice, with more of its surroundings in one of them. The window in
/// which it stands more centrally (farther from the nearer edge; of equals the earlier) owns it: its hidden state goes
/// into the pooled embedding and decides its tag, the other is dropped. The border between two owners is the middle of
/// their overlap, so a window owns one contiguous range, and windows can be read one at a time.
package struct WindowPlan: Sendable, Hashable {
    package struct Window: Sendable, Hashable {
        /// Content tokens that the encoder sees, between `[CLS]` and `[SEP]`; indices into the text's tokens.
        package let content: Range<Int>
        /// Those whose state in this window counts. Over all windows every content token once.
        package let owned: Range<Int>

        package init(content: Range<Int>, owned: Range<Int>) {
            self.content = content
            self.owned = owned
        }

        /// Tokens that go through the encoder, `[CLS]` and `[SEP]` included.
        package var tokenCount: Int { content.count + 2 }

        /// Where a token of the text stands in this window, `[CLS]` being 0.
        package func row(ofToken token: Int) -> Int { token - content.lowerBound + 1 }
    }

    package let windows: [Window]

    /// - Parameters:
    ///   - contents: the windows' content ranges: ascending starts and ends, without gaps, one even for no content.
    package init(contents: [Range<Int>]) {
        var windows: [Window] = []
        windows.reserveCapacity(contents.count)
        var firstOwned = contents.first?.lowerBound ?? 0
        for (index, content) in contents.enumerated() {
            var end = content.upperBound
            if index + 1 < contents.count {
                // Distances to the edges that the overlap makes: this window's end, the next one's start.
                let sum = content.upperBound - 1 + contents[index + 1].lowerBound
                end = min(max(sum / 2 + 1, firstOwned), content.upperBound)
            }
            windows.append(Window(content: content, owned: firstOwned..<end))
            firstOwned = end
        }
        self.windows = windows
    }
}

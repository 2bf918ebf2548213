package import Annotations

/// Marked spans of characters as IOB2 tags over words: the targets of an entity head.
package enum TagAligner {
    /// Tags of `words` for the entities of one task.
    ///
    /// A span that cuts a word takes the whole word, because a head can only say something about whole words. Of spans
    /// that want the same word the one that starts first (then the longer, then the first in the list) gets it, and
    /// the others are left out as a whole: half a name would teach the wrong thing.
    ///
    /// - Parameters:
    ///   - entities: of one task; types outside `tagSet` count as unaligned.
    ///   - words: spans of Unicode scalars, ascending and disjoint; an empty one only carries a tag
    ///     inside an entity, between two words that do.
    /// - Returns: one tag a word, and how many entities no word could carry.
    package static func tags(
        for entities: [GoldEntity], words: [Range<Int>], tagSet: TagSet
    ) -> (tags: [Int], unaligned: Int) {
        var tags = [Int](repeating: TagSet.outside, count: words.count)
        var unaligned = 0
        var firstFree = 0
        for entity in inReadingOrder(entities) {
            guard let type = tagSet.types.firstIndex(of: entity.type), entity.start < entity.end,
                let covered = coveredWords(of: words, by: entity.start..<entity.end), covered.lowerBound >= firstFree
            else {
                unaligned += 1
                continue
            }
            for word in covered {
                tags[word] = word == covered.lowerBound ? tagSet.begin(type) : tagSet.inside(type)
            }
            firstFree = covered.upperBound
        }
        return (tags, unaligned)
    }

    private static func inReadingOrder(_ entities: [GoldEntity]) -> [GoldEntity] {
        entities.enumerated().sorted { a, b in
            (a.element.start, -a.element.end, a.offset) < (b.element.start, -b.element.end, b.offset)
        }.map(\.element)
    }

    /// The words that share a scalar with `span`, or nil when none does.
    private static func coveredWords(of words: [Range<Int>], by span: Range<Int>) -> Range<Int>? {
        let first = partitionPoint(words) { $0.upperBound <= span.lowerBound }
        let end = partitionPoint(words) { $0.lowerBound < span.upperBound }
        return first < end ? first..<end : nil
    }

    /// How many of the ascending `words` come before the first that does not satisfy `isBefore`.
    private static func partitionPoint(_ words: [Range<Int>], isBefore: (Range<Int>) -> Bool) -> Int {
        var (low, high) = (0, words.count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(words[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

package import Annotations

extension Agreement {
    /// Compares what a model in a reduced precision says about texts with what it says in fp32.
    ///
    /// A text that fp32 cannot read either is left out. One that only the reduced precision cannot read, because its
    /// numbers overflow, agrees in nothing.
    ///
    /// - Parameters:
    ///   - reference: in fp32, one a text.
    ///   - candidate: in the reduced precision, in the same order.
    ///   - heads: which tasks there are to agree about.
    package init(
        of candidate: [Result<DocumentAnnotation, Fault>], with reference: [Result<DocumentAnnotation, Fault>],
        heads: HeadSet
    ) {
        var cosines: [Double] = []
        var labels = (equal: 0, all: 0)
        var entities = (equal: 0, all: 0)
        for (candidate, reference) in zip(candidate, reference) {
            guard let reference = try? reference.get() else { continue }
            let candidate = try? candidate.get()
            entities.all += reference.entities.count + (candidate?.entities.count ?? 0)
            if let candidate {
                let known = Set(reference.entities.map(Span.init))
                entities.equal += 2 * candidate.entities.count { known.contains(Span($0)) }
            }
            for (index, segment) in reference.segments.enumerated() {
                labels.all += segment.labels.count
                // Both were cut by the same splitter.
                guard let other = candidate?.segments[index] else {
                    cosines.append(0)
                    continue
                }
                cosines.append(Double(Similarity.cosine(segment.embedding, other.embedding)))
                labels.equal += zip(segment.labels, other.labels).count { $0.task == $1.task && $0.label == $1.label }
            }
        }
        cosines.sort()
        self.init(
            segments: cosines.count,
            cosineMean: cosines.isEmpty ? 0 : cosines.reduce(0, +) / Double(cosines.count),
            // Nearest rank.
            cosineP1: cosines.isEmpty ? 0 : cosines[max(0, (cosines.count + 99) / 100 - 1)],
            labels: heads.classification.isEmpty ? nil : Self.share(labels),
            entities: heads.entities.isEmpty ? nil : Self.share(entities))
    }

    private static func share(_ count: (equal: Int, all: Int)) -> Double {
        count.all == 0 ? 1 : Double(count.equal) / Double(count.all)
    }

    private struct Span: Hashable {
        let task: String
        let type: String
        let start: Int
        let end: Int

        init(_ entity: Entity) {
            (task, type, start, end) = (entity.task, entity.type, entity.start, entity.end)
        }
    }
}

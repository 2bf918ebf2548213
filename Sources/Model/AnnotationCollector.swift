import Annotations
import Tensors

/// Turns what the reader delivers, segment by segment, into annotations, request by request.
struct AnnotationCollector: SegmentVisitor {
    private struct Request {
        let text: String
        let segments: [Segment]
    }

    private let heads: HeadSet
    private var requests: [Request] = []
    /// Of finished requests, in order.
    private(set) var results: [Result<DocumentAnnotation, Fault>] = []

    // The request being read.
    private var segmentsDone: [SegmentAnnotation] = []
    private var candidates: [[EntityPlacer.Candidate]]
    private var tokenCount = 0
    private var windowCount = 0
    private var isFinite = true
    /// Of the segment being read: `[words, tags]` of each entity head, row after row.
    private var logits: [[Float]]

    init(heads: HeadSet) {
        self.heads = heads
        candidates = heads.entities.map { _ in [] }
        logits = heads.entities.map { _ in [] }
    }

    mutating func expect(_ request: AnnotationRequest, segments: [Segment]) {
        requests.append(Request(text: request.text, segments: segments))
    }

    mutating func visit(words: Range<Int>, of segment: Int, states: Matrix) {
        for (index, head) in heads.entities.enumerated() { logits[index] += head.logits(of: states).values }
    }

    mutating func finish(_ segment: Int, embedding: [Float], tokenCount: Int, windowCount: Int) {
        let request = requests[results.count]
        let segment = request.segments[segmentsDone.count]
        isFinite = isFinite && embedding.allSatisfy(\.isFinite)
        segmentsDone.append(
            SegmentAnnotation(
                start: segment.start.scalar, end: segment.end.scalar,
                labels: heads.classification.map { $0.label(of: embedding[...]) }, embedding: embedding))
        for index in heads.entities.indices { decode(head: index, over: segment.words) }
        self.tokenCount += tokenCount
        self.windowCount += windowCount
        if segmentsDone.count == request.segments.count { finish(request) }
    }

    private mutating func decode(head index: Int, over words: SegmentWords) {
        let head = heads.entities[index]
        let logits = Matrix(rows: words.count, columns: head.tagSet.count, values: self.logits[index])
        self.logits[index].removeAll(keepingCapacity: true)
        isFinite = isFinite && logits.values.allSatisfy(\.isFinite)
        guard isFinite else { return }
        let spans = EntityDecoder.decode(
            logits: logits, wordIndices: words.indices.map(Int.init), wordCount: words.totalCount,
            tagSet: head.tagSet)
        for span in spans {
            let start = words.span(ofWord: span.firstWord).start
            let end = words.span(ofWord: span.lastWord).end
            candidates[index].append(
                EntityPlacer.Candidate(type: span.type, start: start, end: end, score: span.score))
        }
    }

    private mutating func finish(_ request: Request) {
        if isFinite {
            let placer = EntityPlacer(text: request.text)
            let entities = zip(heads.entities, candidates).sorted { $0.0.task.name < $1.0.task.name }
                .flatMap { head, candidates in placer.entities(of: head.task, from: candidates) }
            results.append(
                .success(
                    DocumentAnnotation(
                        segments: segmentsDone, entities: entities, tokenCount: tokenCount,
                        windowCount: windowCount)))
        } else {
            results.append(.failure(.scoresNotFinite))
        }
        segmentsDone = []
        candidates = heads.entities.map { _ in [] }
        (tokenCount, windowCount, isFinite) = (0, 0, true)
    }
}

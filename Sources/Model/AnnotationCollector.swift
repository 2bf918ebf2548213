import Annotations
import Foundation
import Tensors

/// Turns what the reader delivers, distinct segment by distinct segment, into annotations, request by request.
struct AnnotationCollector: SegmentVisitor {
    private struct Request {
        let text: String
        let segments: [Segment]
        /// Segment by segment, which of the distinct ones is like it.
        let places: [Int]
    }

    /// What the model says of a segment, wherever it stands.
    private struct Finding {
        let embedding: [Float]
        let labels: [ScoredLabel]
        /// Of each entity head, `[words, tags]`.
        let logits: [[Float]]
        let tokenCount: Int
        let windowCount: Int
        let isFinite: Bool
    }

    private let heads: HeadSet
    /// Nil when nobody wants one.
    private let signature: EmbeddingSignature?
    /// Entity heads by the names of their tasks.
    private let headOrder: [Int]
    private var requests: [Request] = []
    /// Of finished requests, in order.
    private(set) var results: [Result<DocumentAnnotation, Fault>] = []

    /// Of distinct segments that were read; nil again when no segment like them is left.
    private var findings: [Finding?] = []
    /// Of each distinct segment, how many requests' segments are like it and still to come.
    private var awaiting: [Int] = []
    /// Of the segment being read: `[words, tags]` of each entity head, row after row.
    private var logits: [[Float]]
    /// Of each entity head that sees neighbours, how far it has read the segment.
    private var windows: [WordWindows?]

    // The request being finished.
    private var segmentsDone: [SegmentAnnotation] = []
    private var candidates: [[EntityPlacer.Candidate]]
    /// Of each entity head, that of the most uncertain segment so far.
    private var uncertainties: [Double]
    private var tokenCount = 0
    private var windowCount = 0
    private var isFinite = true

    init(heads: HeadSet, signature: EmbeddingSignature?) {
        self.heads = heads
        self.signature = signature
        headOrder = heads.entities.indices.sorted { heads.entities[$0].task.name < heads.entities[$1].task.name }
        candidates = heads.entities.map { _ in [] }
        uncertainties = heads.entities.map { _ in 0 }
        logits = heads.entities.map { _ in [] }
        windows = heads.entities.map { $0.context.map { _ in WordWindows() } }
    }

    /// - Parameter places: segment by segment, which of the distinct segments, that the reader will deliver, is like it.
    mutating func expect(_ request: AnnotationRequest, segments: [Segment], places: [Int]) {
        requests.append(Request(text: request.text, segments: segments, places: places))
        for place in places {
            while awaiting.count <= place { awaiting.append(0) }
            awaiting[place] += 1
        }
    }

    mutating func visit(words: Range<Int>, of segment: Int, states: WordStates, workspace: inout HeadWorkspace) {
        for (index, head) in heads.entities.enumerated() {
            if let context = head.context {
                windows[index]?.read(
                    states, by: context, weights: head.weights, bias: head.bias, into: &logits[index],
                    workspace: &workspace)
            } else {
                appendHeadProducts(
                    of: states.hidden, rows: states.rows, weights: head.weights, bias: head.bias, to: &logits[index])
            }
        }
    }

    mutating func finish(
        _ segment: Int, embedding: [Float], tokenCount: Int, windowCount: Int, workspace: inout HeadWorkspace
    ) {
        for (index, head) in heads.entities.enumerated() {
            guard let context = head.context else { continue }
            windows[index]?.finish(
                by: context, weights: head.weights, bias: head.bias, into: &logits[index], workspace: &workspace)
        }
        let isFinite = embedding.allSatisfy(\.isFinite) && logits.allSatisfy { $0.allSatisfy(\.isFinite) }
        findings.append(
            Finding(
                embedding: embedding, labels: heads.classification.map { $0.label(of: embedding[...]) }, logits: logits,
                tokenCount: tokenCount, windowCount: windowCount, isFinite: isFinite))
        for index in logits.indices { logits[index] = [] }
        while results.count < requests.count, add() {}
    }

    /// Adds the next segment of the request being finished, if one like it has been read.
    private mutating func add() -> Bool {
        let request = requests[results.count]
        let place = request.places[segmentsDone.count]
        guard place < findings.count, let finding = findings[place] else { return false }
        let segment = request.segments[segmentsDone.count]
        awaiting[place] -= 1
        if awaiting[place] == 0 { findings[place] = nil }
        segmentsDone.append(
            SegmentAnnotation(
                start: segment.start.scalar, end: segment.end.scalar, labels: finding.labels,
                embedding: finding.embedding))
        isFinite = isFinite && finding.isFinite
        if isFinite {
            for index in heads.entities.indices { decode(head: index, finding.logits[index], over: segment.words) }
        }
        tokenCount += finding.tokenCount
        windowCount += finding.windowCount
        if segmentsDone.count == request.segments.count { finish(request) }
        return true
    }

    private mutating func decode(head index: Int, _ logits: [Float], over words: SegmentWords) {
        let head = heads.entities[index]
        let matrix = Matrix(rows: words.count, columns: head.tagSet.count, values: logits)
        let sequence =
            words.count == words.totalCount
            ? EntityDecoder.sequence(logits: matrix, tagSet: head.tagSet, transitions: head.context?.transitions)
            : EntityDecoder.sequence(
                logits: matrix, wordIndices: words.indices.map(Int.init), wordCount: words.totalCount,
                tagSet: head.tagSet, transitions: head.context?.transitions)
        uncertainties[index] = max(
            uncertainties[index], 1 - exp(sequence.logProbability / Double(max(words.count, 1))))
        for span in sequence.spans {
            let start = words.span(ofWord: span.firstWord).start
            let end = words.span(ofWord: span.lastWord).end
            candidates[index].append(
                EntityPlacer.Candidate(type: span.type, start: start, end: end, score: span.score))
        }
    }

    private mutating func finish(_ request: Request) {
        if isFinite {
            let placer = EntityPlacer(text: request.text)
            let entities = headOrder.flatMap { index in
                candidates[index].isEmpty
                    ? [] : placer.entities(of: heads.entities[index].task, from: candidates[index])
            }
            results.append(
                .success(
                    DocumentAnnotation(
                        segments: segmentsDone, entities: entities, tokenCount: tokenCount,
                        windowCount: windowCount, uncertainties: taskUncertainties,
                        signature: signature?.of(segmentsDone.lazy.map { $0.embedding[...] }) ?? 0)))
        } else {
            results.append(.failure(.scoresNotFinite))
        }
        segmentsDone = []
        for index in candidates.indices {
            candidates[index].removeAll(keepingCapacity: true)
            uncertainties[index] = 0
        }
        (tokenCount, windowCount, isFinite) = (0, 0, true)
    }
    /// Of the request being finished.
    private var taskUncertainties: [TaskUncertainty] {
        TaskUncertainty.ofLabels(segmentsDone.map(\.labels))
            + zip(heads.entities, uncertainties).map {
                TaskUncertainty(task: $0.task.name, uncertainty: Float($1))
            }
    }
}

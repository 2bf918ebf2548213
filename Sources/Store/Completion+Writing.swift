internal import Annotations

/// One guarded transaction: the spool rows are deleted first, and what could be deleted may be written.
enum Completion {
    /// A document's results, encoded before the transaction begins.
    struct Results: Sendable {
        let lease: Lease
        let bodyHash: [UInt8]
        let modelID: Int64
        let collection: String
        let segmentation: Segmentation
        let copiedFrom: Int64?
        let spaceID: Int32
        let computedIn: Precision
        let annotation: DocumentAnnotation
        /// One a segment.
        let embeddings: [[UInt8]]

        init(_ document: CompletedDocument, precision: EmbeddingCodec.Precision) throws(Fault) {
            lease = document.lease
            bodyHash = document.bodyHash
            modelID = document.modelID
            collection = document.collection
            segmentation = document.segmentation
            copiedFrom = document.copiedFrom
            spaceID = document.spaceID
            computedIn = document.precision
            annotation = document.annotation
            var embeddings: [[UInt8]] = []
            for segment in annotation.segments {
                embeddings.append(try EmbeddingCodec.encode(segment.embedding, precision: precision))
            }
            self.embeddings = embeddings
        }

        /// Word pieces that were encoded for this document: none for a copy.
        var encodedTokens: Int { copiedFrom == nil ? annotation.tokenCount : 0 }
    }

    /// What became of the documents of one transaction; those that are in neither set were held by nobody.
    struct Outcome: Sendable {
        var written: Set<Int64> = []
        /// Their rows were locked by somebody else: nothing was written, and the lease may still be held.
        var busy: Set<Int64> = []
    }

    static func write(_ results: ArraySlice<Results>, on session: Session) throws(Fault) -> Outcome {
        let held = try session.query(
            hold,
            results.map(\.lease).parameters + [
                .byteStrings(results.map(\.bodyHash)), .int4s(results.map { Int32(clamping: $0.encodedTokens) }),
                .bools(results.map { $0.copiedFrom != nil }),
            ])
        var outcome = Outcome()
        var daemons: [Int64: Int64] = [:]
        var known: [Int64] = []
        for row in held {
            let id = try row.int64(0)
            guard let daemon = try row.optionalInt64(1) else {
                outcome.busy.insert(id)
                continue
            }
            daemons[id] = daemon
            if try row.bool(2) { known.append(id) }
        }
        guard !daemons.isEmpty else { return outcome }
        try clear(known, on: session)
        let accepted = results.filter { daemons[$0.lease.documentID] != nil }
        try writeLabels(of: accepted, on: session)
        try writeEntities(of: accepted, on: session)
        try writeEmbeddings(of: accepted, on: session)
        try writeUncertainties(of: accepted, on: session)
        _ = try session.query(
            finish,
            [
                .int8s(accepted.map(\.lease.documentID)), .int8s(accepted.map(\.modelID)),
                .int8s(accepted.map { daemons[$0.lease.documentID] ?? 0 }),
                .int4s(accepted.map { Int32(clamping: $0.annotation.tokenCount) }),
                .int4s(accepted.map { Int32(clamping: $0.annotation.windowCount) }),
                .int4s(accepted.map { Int32(clamping: $0.annotation.segments.count) }),
                .texts(accepted.map(\.segmentation.rawValue)), .int8s(accepted.map { $0.copiedFrom ?? 0 }),
                .texts(accepted.map(\.computedIn.rawValue)),
            ])
        outcome.written = Set(daemons.keys)
        return outcome
    }

    /// Removes earlier results of documents that have some.
    static func clear(_ known: [Int64], on session: Session) throws(Fault) {
        guard !known.isEmpty else { return }
        for statement in [clearLabels, clearEntities, clearEmbeddings, clearUncertainties, clearFailures] {
            _ = try session.query(statement, [.int8s(known)])
        }
    }

    /// Rows a statement. A 10 MB body can have 100,000 sentences: no statement, and no copy of it in memory here or
    /// there, grows with a document.
    private static let rowsAtOnce = 8192
    private static let embeddingBytesAtOnce = 4 << 20

    private struct LabelColumns {
        var ids: [Int64] = [], models: [Int64] = [], segments: [Int32] = [], starts: [Int32] = [], ends: [Int32] = []
        var scores: [Float] = [], tasks: [String] = [], labels: [String] = []
    }

    private static func writeLabels(of results: [Results], on session: Session) throws(Fault) {
        var rows = LabelColumns()
        func flush() throws(Fault) {
            guard !rows.ids.isEmpty else { return }
            _ = try session.query(
                insertLabels,
                [
                    .int8s(rows.ids), .int8s(rows.models), .int4s(rows.segments), .int4s(rows.starts),
                    .int4s(rows.ends), .floats(rows.scores), .texts(rows.tasks), .texts(rows.labels),
                ])
            rows = LabelColumns()
        }
        for result in results {
            for (number, segment) in result.annotation.segments.enumerated() {
                for label in segment.labels {
                    rows.ids.append(result.lease.documentID)
                    rows.models.append(result.modelID)
                    rows.segments.append(Int32(clamping: number))
                    rows.starts.append(Int32(clamping: segment.start))
                    rows.ends.append(Int32(clamping: segment.end))
                    rows.scores.append(label.score)
                    rows.tasks.append(label.task)
                    rows.labels.append(label.label)
                }
                if rows.ids.count >= rowsAtOnce { try flush() }
            }
        }
        try flush()
    }

    private struct EntityColumns {
        var ids: [Int64] = [], models: [Int64] = [], ordinals: [Int32] = [], starts: [Int32] = [], ends: [Int32] = []
        var scores: [Float] = [], tasks: [String] = [], types: [String] = [], surfaces: [String] = []
    }

    private static func writeEntities(of results: [Results], on session: Session) throws(Fault) {
        var rows = EntityColumns()
        // One document's entities stay in one statement: the server walks the body once a statement to check them.
        func flush() throws(Fault) {
            guard !rows.ids.isEmpty else { return }
            _ = try session.query(
                insertEntities,
                [
                    .int8s(rows.ids), .int8s(rows.models), .int4s(rows.ordinals), .int4s(rows.starts),
                    .int4s(rows.ends), .floats(rows.scores), .texts(rows.tasks), .texts(rows.types),
                    .texts(rows.surfaces),
                ])
            rows = EntityColumns()
        }
        for result in results {
            var next: [String: Int32] = [:]
            for entity in result.annotation.entities {
                rows.ids.append(result.lease.documentID)
                rows.models.append(result.modelID)
                rows.ordinals.append(next[entity.task, default: 0])
                next[entity.task, default: 0] += 1
                rows.starts.append(Int32(clamping: entity.start))
                rows.ends.append(Int32(clamping: entity.end))
                rows.scores.append(entity.score)
                rows.tasks.append(entity.task)
                rows.types.append(entity.type)
                rows.surfaces.append(entity.surface)
            }
            if rows.ids.count >= rowsAtOnce { try flush() }
        }
        try flush()
    }

    private struct EmbeddingColumns {
        var ids: [Int64] = [], segments: [Int32] = [], spaces: [Int32] = [], starts: [Int32] = [], ends: [Int32] = []
        var data: [[UInt8]] = []
        var bytes = 0
    }

    private static func writeEmbeddings(of results: [Results], on session: Session) throws(Fault) {
        var rows = EmbeddingColumns()
        func flush() throws(Fault) {
            guard !rows.ids.isEmpty else { return }
            _ = try session.query(
                insertEmbeddings,
                [
                    .int8s(rows.ids), .int4s(rows.segments), .int4s(rows.spaces), .int4s(rows.starts),
                    .int4s(rows.ends), .byteStrings(rows.data),
                ])
            rows = EmbeddingColumns()
        }
        for result in results {
            for (number, segment) in result.annotation.segments.enumerated() {
                rows.ids.append(result.lease.documentID)
                rows.segments.append(Int32(clamping: number))
                rows.spaces.append(result.spaceID)
                rows.starts.append(Int32(clamping: segment.start))
                rows.ends.append(Int32(clamping: segment.end))
                rows.data.append(result.embeddings[number])
                rows.bytes += result.embeddings[number].count
                if rows.bytes >= embeddingBytesAtOnce || rows.ids.count >= rowsAtOnce { try flush() }
            }
        }
        try flush()
    }

    /// A row a document and task: as few as documents, however long they are.
    private static func writeUncertainties(of results: [Results], on session: Session) throws(Fault) {
        let rows = results.flatMap { result in result.annotation.uncertainties.map { (result, $0) } }
        guard !rows.isEmpty else { return }
        _ = try session.query(
            insertUncertainties,
            [
                .int8s(rows.map(\.0.lease.documentID)), .int8s(rows.map(\.0.modelID)),
                .int8s(rows.map { Int64(bitPattern: $0.0.annotation.signature) }), .floats(rows.map(\.1.uncertainty)),
                .texts(rows.map(\.0.collection)), .texts(rows.map(\.1.task)),
            ])
    }
}

package import Annotations

/// What a model says about a document, with the right to write it.
package struct CompletedDocument: Sendable {
    package let lease: Lease
    /// As it was claimed: results of another text are not written.
    package let bodyHash: [UInt8]
    package let modelID: Int64
    /// Row of `glossator.embedding_spaces`.
    package let spaceID: Int32
    package let annotation: DocumentAnnotation

    package init(
        lease: Lease, bodyHash: [UInt8], modelID: Int64, spaceID: Int32, annotation: DocumentAnnotation
    ) {
        self.lease = lease
        self.bodyHash = bodyHash
        self.modelID = modelID
        self.spaceID = spaceID
        self.annotation = annotation
    }
}

/// What became of the documents of one `complete`.
package struct CompletionSummary: Sendable {
    /// Their results are in the database and they left the spool.
    package var written: [Int64] = []
    /// Their lease was taken away, or their text is another: nothing was written, somebody else does or did them.
    package var discarded: [Int64] = []
    /// Their results cannot be written (a number that is none, a span that the database refuses). Still leased: `fail`
    /// them.
    package var refused: [(lease: Lease, fault: Fault)] = []
}

extension Queue {
    /// Writes results and removes the documents from the spool, in one transaction, for every document whose lease is
    /// still held and whose text is still the same; of any other document nothing is written.
    ///
    /// A document whose results the database refuses is found by halving and reported, the others are written. A
    /// transient fault means that nothing may have been written: calling again is safe, since what was written has
    /// left the spool and is then discarded.
    ///
    /// - Parameter precision: of the stored embeddings.
    package func complete(
        _ documents: [CompletedDocument], precision: EmbeddingCodec.Precision = .standard
    ) async throws(Fault) -> CompletionSummary {
        var summary = CompletionSummary()
        var results: [Completion.Results] = []
        for document in documents {
            do throws(Fault) {
                results.append(try Completion.Results(document, precision: precision))
            } catch {
                summary.refused.append((document.lease, error))
            }
        }
        if results.isEmpty, summary.refused.count > 1 {
            // One document may bring out a defect; all of them together accuse the model.
            throw summary.refused[0].fault
        }
        summary.refused = summary.refused.map { ($0.lease, $0.fault.blaming(.defect)) }
        try await complete(results[...], into: &summary)
        return summary
    }

    private func complete(
        _ results: ArraySlice<Completion.Results>, into summary: inout CompletionSummary
    ) async throws(Fault) {
        guard let only = results.first else { return }
        let written: Set<Int64>
        do throws(Fault) {
            written = try await connection.transaction { (session) throws(Fault) in
                try Completion.write(results, on: session)
            }
        } catch {
            // 22: a value, 23: a constraint. Anything else is nobody's results' fault.
            guard let state = error.sqlState, state.hasPrefix("22") || state.hasPrefix("23") else { throw error }
            guard results.count > 1 else {
                summary.refused.append((only.lease, error.blaming(.defect)))
                return
            }
            let middle = results.startIndex + results.count / 2
            try await complete(results[..<middle], into: &summary)
            try await complete(results[middle...], into: &summary)
            return
        }
        for result in results {
            if written.contains(result.lease.documentID) {
                summary.written.append(result.lease.documentID)
            } else {
                summary.discarded.append(result.lease.documentID)
            }
        }
    }
}

/// One guarded transaction: the spool rows are deleted first, and what could be deleted may be written.
enum Completion {
    /// A document's results, encoded before the transaction begins.
    struct Results: Sendable {
        let lease: Lease
        let bodyHash: [UInt8]
        let modelID: Int64
        let spaceID: Int32
        let annotation: DocumentAnnotation
        /// One a segment.
        let embeddings: [[UInt8]]

        init(_ document: CompletedDocument, precision: EmbeddingCodec.Precision) throws(Fault) {
            lease = document.lease
            bodyHash = document.bodyHash
            modelID = document.modelID
            spaceID = document.spaceID
            annotation = document.annotation
            var embeddings: [[UInt8]] = []
            for segment in annotation.segments {
                embeddings.append(try EmbeddingCodec.encode(segment.embedding, precision: precision))
            }
            self.embeddings = embeddings
        }
    }

    /// Returns the ids of the documents that were written.
    static func write(_ results: ArraySlice<Results>, on session: Session) throws(Fault) -> Set<Int64> {
        let held = try session.query(
            hold, results.map(\.lease).parameters + [.byteStrings(results.map(\.bodyHash))])
        var daemons: [Int64: Int64] = [:]
        var known: [Int64] = []
        for row in held {
            let id = try row.int64(0)
            daemons[id] = try row.int64(1)
            if try row.bool(2) { known.append(id) }
        }
        guard !daemons.isEmpty else { return [] }
        if !known.isEmpty {
            for statement in [clearLabels, clearEntities, clearEmbeddings] {
                _ = try session.query(statement, [.int8s(known)])
            }
        }
        let accepted = results.filter { daemons[$0.lease.documentID] != nil }
        try writeLabels(of: accepted, on: session)
        try writeEntities(of: accepted, on: session)
        try writeEmbeddings(of: accepted, on: session)
        _ = try session.query(
            finish,
            [
                .int8s(accepted.map(\.lease.documentID)), .int8s(accepted.map(\.modelID)),
                .int8s(accepted.map { daemons[$0.lease.documentID] ?? 0 }),
                .int4s(accepted.map { Int32(clamping: $0.annotation.tokenCount) }),
                .int4s(accepted.map { Int32(clamping: $0.annotation.windowCount) }),
                .int4s(accepted.map { Int32(clamping: $0.annotation.segments.count) }),
            ])
        return Set(daemons.keys)
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
}

extension Completion {
    /// The guard: only the holder of the lease can delete the row, and only while the text is the one it was given.
    static let hold = Statement(
        "complete_hold",
        """
        DELETE FROM glossator.spool s
        USING unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS held (document_id, lease, body_sha256),
            glossator.documents d
        WHERE s.document_id = held.document_id AND s.lease = held.lease
            AND d.id = held.document_id AND d.body_sha256 = held.body_sha256
        RETURNING s.document_id, s.daemon_id,
            EXISTS (SELECT FROM glossator.annotations a WHERE a.document_id = s.document_id)
        """)

    static let clearLabels = Statement(
        "complete_clear_labels", "DELETE FROM glossator.labels WHERE document_id = ANY ($1::bigint[])")
    static let clearEntities = Statement(
        "complete_clear_entities", "DELETE FROM glossator.entities WHERE document_id = ANY ($1::bigint[])")
    static let clearEmbeddings = Statement(
        "complete_clear_embeddings", "DELETE FROM glossator.embeddings WHERE document_id = ANY ($1::bigint[])")

    static let insertLabels = Statement(
        "complete_labels",
        """
        INSERT INTO glossator.labels (document_id, model_id, segment, start_char, end_char, score, task, label)
        SELECT * FROM unnest(
            $1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::real[], $7::text[], $8::text[])
        """)

    static let insertEntities = Statement(
        "complete_entities",
        """
        INSERT INTO glossator.entities (document_id, model_id, ordinal, start_char, end_char, score, task, type, surface)
        SELECT * FROM unnest(
            $1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::real[], $7::text[], $8::text[],
            $9::text[])
        """)

    static let insertEmbeddings = Statement(
        "complete_embeddings",
        """
        INSERT INTO glossator.embeddings (document_id, segment, space_id, start_char, end_char, data)
        SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::bytea[])
        """)

    /// A document that had failed before, and was annotated after all, is no failure any more.
    static let finish = Statement(
        "complete_finish",
        """
        WITH recovered AS (
            DELETE FROM glossator.failures WHERE document_id = ANY ($1::bigint[])
        )
        INSERT INTO glossator.annotations AS a (document_id, model_id, daemon_id, token_count, window_count, segment_count)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::integer[], $6::integer[])
        ON CONFLICT (document_id) DO UPDATE
        SET model_id = excluded.model_id, daemon_id = excluded.daemon_id, token_count = excluded.token_count,
            window_count = excluded.window_count, segment_count = excluded.segment_count, completed_at = now()
        """)

    static let statements = [
        hold, clearLabels, clearEntities, clearEmbeddings, insertLabels, insertEntities, insertEmbeddings, finish,
    ]
}

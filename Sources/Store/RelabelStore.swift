package import Annotations

/// `glossator.relabels`: labels that are computed again from stored embeddings, page by page, and shown all at once.
///
/// Whoever works on one writes his name into it with every page; another takes over after half a minute of silence. What
/// is written to a row that somebody else holds by now is refused, so nothing is done twice and nothing lost.
package struct RelabelStore: Sendable {
    package let connection: Connection
    /// The process that works on what is claimed, different from every other.
    package let worker: String

    package init(connection: Connection, worker: String) {
        self.connection = connection
        self.worker = worker
    }

    /// A collection that is being relabelled.
    package struct Relabel: Sendable, Hashable {
        package let id: Int64
        package let collection: String
        package let modelID: Int64
        package let modelName: String
        /// Row of `glossator.embedding_spaces`: whose embeddings the model reads.
        package let spaceID: Int32
        /// `external_id` of the last document that was looked at in this pass; empty at its beginning.
        package var position: String
        /// Pages that wait to be shown.
        package var pages: Int
        /// Documents that the first pass has looked at.
        package var documents: Int
        /// Of so many; 0 before it begins.
        package let ofDocuments: Int
    }

    /// Some documents whose labels are another model's, with what the labels are computed from.
    package struct Batch: Sendable {
        package struct Segment: Sendable {
            package let documentID: Int64
            package let segment: Int32
            /// As stored; `EmbeddingCodec.decode` reads it.
            package let data: [UInt8]

            package init(documentID: Int64, segment: Int32, data: [UInt8]) {
                (self.documentID, self.segment, self.data) = (documentID, segment, data)
            }
        }

        package let segments: [Segment]
        /// Where it ends; nil when nothing comes after it.
        package let end: String?
        /// Documents that were looked at, those included that need no new labels.
        package let documents: Int
    }

    /// New labels of one task for the segments of a batch.
    package struct Page: Sendable {
        package let task: String
        package let labels: [String]
        package let documentIDs: [Int64]
        package let segments: [Int32]
        /// Of each segment, its label's number, from 0.
        package let choices: [Int]
        package let scores: [Float]
        /// Of each segment, by how much its score is more than the next label's.
        package let margins: [Float]
        /// Of each segment, its document's `DocumentAnnotation.signature`.
        package let signatures: [UInt64]

        package init(
            task: String, labels: [String], documentIDs: [Int64], segments: [Int32], choices: [Int], scores: [Float],
            margins: [Float], signatures: [UInt64]
        ) {
            (self.task, self.labels, self.documentIDs) = (task, labels, documentIDs)
            (self.segments, self.choices, self.scores) = (segments, choices, scores)
            (self.margins, self.signatures) = (margins, signatures)
        }
    }

    /// How a pass ended.
    package enum Pass: Sendable, Hashable {
        /// All labels are the model's.
        case done(relabelled: Int, changed: Int)
        /// Some documents were annotated by the model before while the pass went on: there is another.
        case another
        /// Documents are still held for the model before: their results come within a minute or so.
        case waiting
    }

    /// Asks for a collection's labels by the model in force. Nil without documents.
    ///
    /// - Throws: `not-found` for the collection, `not-possible-now` for a model without labels.
    package func request(collection: String) async throws(Fault) -> Int64? {
        try await connection.transaction { (session) throws(Fault) in
            try session.query(Self.request, [.text(collection)]).only().optionalInt64(0)
        }
    }

    /// The oldest one that nobody works on, or whose worker died; nil when there is none.
    ///
    /// - Parameter collection: only this one's.
    package func claim(collection: String? = nil) async throws(Fault) -> Relabel? {
        try await connection.run { (session) throws(Fault) in
            try session.query(Self.claim, [.text(worker), .optional(collection)]).first.map(Self.relabel)
        }
    }

    /// Whether `claim` would find one.
    package func isWaiting() async throws(Fault) -> Bool {
        try await connection.run { (session) throws(Fault) in
            try session.query(Self.isWaiting, [.text(worker)]).only().bool(0)
        }
    }

    /// Those that are not finished, somebody's or nobody's, oldest first.
    package func open() async throws(Fault) -> [Relabel] {
        try await connection.rows(of: Self.open) { (row) throws(Fault) in try Self.relabel(row) }
    }

    private static func relabel(_ row: Row) throws(Fault) -> Relabel {
        Relabel(
            id: try row.int64(0), collection: try row.text(1), modelID: try row.int64(2), modelName: try row.text(3),
            spaceID: Int32(clamping: try row.int(4)), position: try row.text(5), pages: try row.int(6),
            documents: try row.int(7), ofDocuments: try row.int(8))
    }

    /// The next documents, in the order of their `external_id`: a short read.
    ///
    /// - Parameters:
    ///   - documents: that are looked at, at most.
    ///   - segments: that come with it, at most, unless one document has more.
    package func batch(
        of relabel: Relabel, documents: Int = 2048, segments: Int = 8192
    ) async throws(Fault) -> Batch {
        try await connection.run { (session) throws(Fault) in
            let rows = try session.query(
                Self.documents,
                [
                    .text(relabel.collection), .text(relabel.position), .int8(relabel.modelID),
                    .int4(Int32(clamping: documents)),
                ])
            var wanted: [Int64] = []
            var count = 0
            var looked = 0
            var end: String?
            for row in rows {
                let length = try row.bool(3) ? row.int(2) : 0
                if !wanted.isEmpty, count + length > segments { break }
                if length > 0 { wanted.append(try row.int64(0)) }
                count += length
                looked += 1
                end = try row.text(1)
            }
            let found =
                wanted.isEmpty
                ? []
                : try session.query(Self.embeddings, [.int8s(wanted), .int4(relabel.spaceID)]).map {
                    (row) throws(Fault) in
                    Batch.Segment(
                        documentID: try row.int64(0), segment: Int32(clamping: try row.int(1)), data: try row.bytes(2))
                }
            return Batch(segments: found, end: end, documents: looked)
        }
    }

    /// Keeps new labels until all can be shown, and remembers where the work has come to.
    ///
    /// - Returns: the relabel as it stands then; nil when it is no longer this worker's: another took over, or another model
    ///   came into force.
    package func keep(_ pages: [Page], upTo batch: Batch, of relabel: Relabel) async throws(Fault) -> Relabel? {
        try await connection.transaction { (session) throws(Fault) in
            let rows = try session.query(
                Self.advance,
                [
                    .int8(relabel.id), .text(worker), .text(batch.end ?? relabel.position),
                    .int4(Int32(clamping: batch.documents)), .int4(pages.isEmpty ? 0 : 1),
                ])
            guard let row = rows.first else { return nil }
            var kept = relabel
            (kept.position, kept.pages, kept.documents) = (try row.text(0), try row.int(1), try row.int(2))
            for page in pages {
                _ = try session.query(
                    Self.insertPage,
                    [
                        .int8(relabel.id), .int4(Int32(clamping: relabel.pages)), .text(page.task),
                        .texts(page.labels), .int8s(page.documentIDs), .int4s(page.segments),
                        .int4s(page.choices.map { Int32(clamping: $0 + 1) }), .floats(page.scores),
                        .floats(page.margins), .int8s(page.signatures.map { Int64(bitPattern: $0) }),
                    ])
            }
            return kept
        }
    }

    /// At the end of a pass: shows all labels that wait, in one transaction, and ends the relabel when nothing is left.
    ///
    /// - Returns: nil when it is no longer this worker's.
    package func finishPass(_ relabel: Relabel) async throws(Fault) -> Pass? {
        try await connection.transaction { (session) throws(Fault) in
            guard let row = try session.query(Self.hold, [.int8(relabel.id), .text(worker)]).first else { return nil }
            let (pages, mayBeHeld) = (try row.int(0), try row.bool(1))
            var (written, changed) = (0, 0)
            for page in 0..<pages {
                let counts = try session.query(
                    Self.show,
                    [
                        .int8(relabel.id), .int4(Int32(clamping: page)), .int8(relabel.modelID), .int4(relabel.spaceID),
                    ]
                ).only()
                written += try counts.int(0)
                changed += try counts.int(1)
            }
            _ = try session.query(Self.empty, [.int8(relabel.id), .int8(Int64(written)), .int8(Int64(changed))])
            // What could not be shown waits in the spool, and a daemon gives it its labels.
            guard written == 0 else { return .another }
            if mayBeHeld { return .waiting }
            let done = try session.query(Self.end, [.int8(relabel.id), .text("done"), .null]).only()
            return .done(relabelled: try done.int(0), changed: try done.int(1))
        }
    }

    /// Puts documents back into the spool whose stored embeddings cannot be read: a daemon makes new ones.
    package func reannotate(_ documentIDs: [Int64]) async throws(Fault) {
        _ = try await connection.transaction { (session) throws(Fault) in
            try session.query(Self.reannotate, [.int8s(documentIDs)]).count
        }
    }

    /// Ends one that cannot be done.
    package func fail(_ relabel: Relabel, message: String) async throws(Fault) {
        try await connection.run { (session) throws(Fault) in
            _ = try session.query(Self.end, [.int8(relabel.id), .text("failed"), .text(message.withoutNUL)])
        }
    }
}

package import Annotations
internal import Foundation

/// Documents and collections.
package struct DocumentStore: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    package struct NewDocument: Sendable, Hashable {
        /// Nil: a random uuid.
        package let externalID: String?
        package let body: String
        /// JSON text of an object.
        package let metadata: String

        package init(externalID: String? = nil, body: String, metadata: String = "{}") {
            self.externalID = externalID
            self.body = body
            self.metadata = metadata
        }
    }

    /// What became of one document of an `insert`.
    package enum Outcome: Sendable, Hashable {
        case inserted(id: Int64)
        /// The collection has it already, with the same text.
        case identical(id: Int64)
        /// The collection has another text under this external id; nothing was changed.
        case conflict(id: Int64)

        package var id: Int64 {
            switch self {
            case .inserted(let id), .identical(let id), .conflict(let id): id
            }
        }
    }

    /// Inserts documents in one transaction; they wait in the spool when it returns. One outcome a document, in order.
    /// Inserting the same again is harmless. The collection is made when it is new.
    ///
    /// - Parameter batch: the load that they belong to; only documents that are new come with it.
    package func insert(
        _ documents: [NewDocument], into collection: String, batch: String? = nil
    ) async throws(Fault) -> [Outcome] {
        guard !documents.isEmpty else { return [] }
        let externalIDs = documents.map { $0.externalID ?? UUID().uuidString.lowercased() }
        return try await connection.transaction { (session) throws(Fault) in
            var outcomes = [Outcome?](repeating: nil, count: documents.count)
            let rows = try session.query(
                Self.insert,
                [
                    .text(collection), .texts(externalIDs), .texts(documents.map(\.body)),
                    .jsonbs(documents.map(\.metadata)), .optional(batch),
                ])
            for row in rows {
                guard let index = documents.index(at: try row.int(0)) else { continue }
                let id = try row.int64(1)
                outcomes[index] =
                    try row.bool(2) ? .inserted(id: id) : try row.bool(3) ? .identical(id: id) : .conflict(id: id)
            }
            // Twice in one batch, or inserted by somebody else at this moment.
            let open = outcomes.indices.filter { outcomes[$0] == nil }
            if !open.isEmpty {
                let rows = try session.query(
                    Self.compare,
                    [
                        .text(collection), .texts(open.map { externalIDs[$0] }),
                        .texts(open.map { documents[$0].body }),
                    ])
                for row in rows {
                    guard let place = open.index(at: try row.int(0)) else { continue }
                    let id = try row.int64(1)
                    outcomes[open[place]] = try row.bool(2) ? .identical(id: id) : .conflict(id: id)
                }
            }
            var all: [Outcome] = []
            for outcome in outcomes {
                guard let outcome else {
                    throw Fault(
                        .database, "document-vanished", "a document was deleted while it was being inserted",
                        hint: "try again", isTransient: true)
                }
                all.append(outcome)
            }
            return all
        }
    }

    /// Ids of the documents that exist, by external id.
    package func ids(of externalIDs: [String], in collection: String) async throws(Fault) -> [String: Int64] {
        try await connection.run { (session) throws(Fault) in
            var ids: [String: Int64] = [:]
            for row in try session.query(Self.ids, [.text(collection), .texts(externalIDs)]) {
                ids[try row.text(0)] = try row.int64(1)
            }
            return ids
        }
    }

    package struct DocumentRow: Sendable, Hashable {
        package let id: Int64
        package let collection: String
        package let externalID: String
        package let body: String
        /// JSON text of an object.
        package let metadata: String
    }

    /// Those of the ids that exist, by id.
    package func documents(ids: [Int64]) async throws(Fault) -> [Int64: DocumentRow] {
        try await connection.run { (session) throws(Fault) in
            var documents: [Int64: DocumentRow] = [:]
            for row in try session.query(Self.byID, [.int8s(ids)]) {
                let document = try Self.document(row)
                documents[document.id] = document
            }
            return documents
        }
    }

    /// A page of a collection's documents in the order of their ids; empty at the end.
    package func documents(
        in collection: String, after id: Int64 = 0, limit: Int
    ) async throws(Fault) -> [DocumentRow] {
        try await connection.rows(of: Self.page, [.text(collection), .int8(id), .int4(Int32(clamping: limit))]) {
            (row) throws(Fault) in try Self.document(row)
        }
    }

    /// Makes a collection, or changes what is given of one that exists.
    package func setCollection(
        _ name: String, segmentation: Segmentation? = nil, isPaused: Bool? = nil
    ) async throws(Fault) {
        _ = try await connection.run { (session) throws(Fault) in
            try session.query(
                Self.setCollection,
                [.text(name), .optional(segmentation?.rawValue), isPaused.map { .bool($0) } ?? .null]
            ).affected
        }
    }

    /// Puts documents back in the spool; returns how many. Throws `not-found` for an unknown collection.
    @discardableResult
    package func reannotate(collection: String, documentIDs: [Int64]? = nil) async throws(Fault) -> Int {
        try await connection.run { (session) throws(Fault) in
            try session.query(Self.reannotate, [.text(collection), documentIDs.map { .int8s($0) } ?? .null]).only().int(
                0)
        }
    }

    /// Puts failed documents back in the spool; returns how many. At least one filter must be given.
    @discardableResult
    package func retryFailed(collection: String?, code: String?) async throws(Fault) -> Int {
        try await connection.run { (session) throws(Fault) in
            try session.query(Self.retryFailed, [.optional(collection), .optional(code)]).only().int(0)
        }
    }

    private static func document(_ row: Row) throws(Fault) -> DocumentRow {
        DocumentRow(
            id: try row.int64(0), collection: try row.text(1), externalID: try row.text(2), body: try row.text(3),
            metadata: try row.json(4))
    }
}

extension DocumentStore {
    /// What was there before is looked up in the same statement's snapshot, in which the new rows are invisible. A row
    /// that is neither inserted nor found is left to `compare`.
    private static let insert = Statement(
        "document_insert",
        """
        WITH incoming AS MATERIALIZED (
            SELECT external_id, body, metadata, place
            FROM unnest($2::text[], $3::text[], $4::jsonb[]) WITH ORDINALITY AS i (external_id, body, metadata, place)
        ), inserted AS (
            INSERT INTO glossator.documents (collection, external_id, body, metadata, batch)
            SELECT $1::text, external_id, body, metadata, $5::text FROM (
                SELECT DISTINCT ON (external_id) external_id, body, metadata, place
                FROM incoming ORDER BY external_id, place
            ) firsts
            ORDER BY place
            ON CONFLICT (collection, external_id) DO NOTHING
            RETURNING id, external_id
        ), firsts AS (
            SELECT external_id, min(place) AS place FROM incoming GROUP BY external_id
        )
        SELECT f.place, i.id, true AS is_new, false AS is_same
        FROM firsts f JOIN inserted i USING (external_id)
        UNION ALL
        SELECT n.place, d.id, false, d.body_sha256 = glossator.body_sha256(n.body)
        FROM incoming n JOIN glossator.documents d ON d.collection = $1::text AND d.external_id = n.external_id
        """)

    private static let compare = Statement(
        "document_compare",
        """
        SELECT n.place, d.id, d.body_sha256 = glossator.body_sha256(n.body)
        FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS n (external_id, body, place)
        JOIN glossator.documents d ON d.collection = $1::text AND d.external_id = n.external_id
        """)

    private static let ids = Statement(
        "document_ids",
        """
        SELECT external_id, id FROM glossator.documents
        WHERE collection = $1::text AND external_id = ANY ($2::text[])
        """)

    private static let byID = Statement(
        "document_by_id",
        "SELECT id, collection, external_id, body, metadata FROM glossator.documents WHERE id = ANY ($1::bigint[])")

    private static let page = Statement(
        "document_page",
        """
        SELECT id, collection, external_id, body, metadata FROM glossator.documents
        WHERE collection = $1::text AND id > $2::bigint ORDER BY id LIMIT $3::integer
        """)

    private static let setCollection = Statement(
        "collection_set",
        """
        INSERT INTO glossator.collections AS c (name, segmentation, paused)
        VALUES ($1::text, coalesce($2::text, 'document'), coalesce($3::boolean, false))
        ON CONFLICT (name) DO UPDATE
        SET segmentation = coalesce($2::text, c.segmentation), paused = coalesce($3::boolean, c.paused)
        """)

    private static let reannotate = Statement(
        "document_reannotate", "SELECT glossator.reannotate($1::text, $2::bigint[])")
    private static let retryFailed = Statement(
        "document_retry_failed", "SELECT glossator.retry_failed($1::text, $2::text)")

    static let statements = [insert, compare, ids, byID, page, setCollection, reannotate, retryFailed]
}

extension Array {
    /// A place from SQL (from 1) as an index, or nil when it is none.
    fileprivate func index(at place: Int) -> Int? { indices.contains(place - 1) ? place - 1 : nil }
}

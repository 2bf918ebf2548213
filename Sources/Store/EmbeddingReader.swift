package import Annotations

/// Stored embeddings, for search and for relabelling.
package struct EmbeddingReader: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    package struct StoredEmbedding: Sendable {
        package let documentID: Int64
        package let segment: Int
        package let start: Int
        package let end: Int
        /// As stored; `EmbeddingCodec.decode` reads it.
        package let data: [UInt8]
    }

    /// Where a page ended.
    package struct Position: Sendable, Hashable {
        package let documentID: Int64
        package let segment: Int32

        package static let start = Position(documentID: 0, segment: -1)
    }

    /// A page of one space's embeddings in the order of document and segment, and where the next begins; nil at the
    /// end. A short read: a whole scan holds no snapshot.
    package func page(
        spaceID: Int32, collection: String? = nil, after position: Position = .start, limit: Int = 4096
    ) async throws(Fault) -> (embeddings: [StoredEmbedding], next: Position?) {
        try await connection.run { (session) throws(Fault) in
            let rows = try session.query(
                collection == nil ? Self.page : Self.pageOfCollection,
                [
                    .int4(spaceID), .int8(position.documentID), .int4(position.segment), .int4(Int32(clamping: limit)),
                ] + (collection.map { [.text($0)] } ?? []))
            let embeddings = try rows.map(Self.embedding)
            guard rows.count == limit, let last = embeddings.last else { return (embeddings, nil) }
            return (embeddings, Position(documentID: last.documentID, segment: Int32(clamping: last.segment)))
        }
    }

    /// Embeddings of whole documents, by document; those that were read by sentences are left out, those that were not read
    /// at all, and those that are damaged.
    package func wholeDocuments(_ ids: [Int64], spaceID: Int32) async throws(Fault) -> [Int64: [Float]] {
        var found: [Int64: [Float]] = [:]
        for first in stride(from: 0, to: ids.count, by: 2_000) {
            let page = Array(ids[first..<min(first + 2_000, ids.count)])
            let rows = try await connection.rows(of: Self.ofWholeDocuments, [.int8s(page), .int4(spaceID)]) {
                (row) throws(Fault) in (try row.int64(0), try EmbeddingCodec.decodeUndamaged(row.bytes(1)))
            }
            for (id, embedding) in rows { found[id] = embedding }
        }
        return found
    }

    /// Embeddings of a collection's newest documents that nobody has said anything about, whole documents only; damaged ones
    /// are left out.
    package func newestUnlabelled(
        in collection: String, spaceID: Int32, limit: Int
    ) async throws(Fault) -> [[Float]] {
        try await connection.rows(
            of: Self.ofNewestUnlabelled, [.text(collection), .int4(spaceID), .int4(Int32(clamping: limit))]
        ) { (row) throws(Fault) in try EmbeddingCodec.decodeUndamaged(row.bytes(0)) }
        .compactMap { $0 }
    }

    /// All segments of one document.
    package func embeddings(documentID: Int64, spaceID: Int32) async throws(Fault) -> [StoredEmbedding] {
        try await connection.rows(of: Self.ofDocument, [.int8(documentID), .int4(spaceID)]) {
            (row) throws(Fault) in try Self.embedding(row)
        }
    }

    private static func embedding(_ row: Row) throws(Fault) -> StoredEmbedding {
        StoredEmbedding(
            documentID: try row.int64(0), segment: try row.int(1), start: try row.int(2), end: try row.int(3),
            data: try row.bytes(4))
    }

    private static let page = Statement(
        "embedding_page",
        """
        SELECT document_id, segment, start_char, end_char, data FROM glossator.embeddings
        WHERE space_id = $1::integer AND (document_id, segment) > ($2::bigint, $3::integer)
        ORDER BY document_id, segment LIMIT $4::integer
        """)

    private static let pageOfCollection = Statement(
        "embedding_page_of_collection",
        """
        SELECT e.document_id, e.segment, e.start_char, e.end_char, e.data
        FROM glossator.embeddings e JOIN glossator.documents d ON d.id = e.document_id
        WHERE e.space_id = $1::integer AND (e.document_id, e.segment) > ($2::bigint, $3::integer)
            AND d.collection = $5::text
        ORDER BY e.document_id, e.segment LIMIT $4::integer
        """)

    private static let ofWholeDocuments = Statement(
        "embedding_of_whole_documents",
        """
        SELECT e.document_id, e.data
        FROM glossator.embeddings e JOIN glossator.annotations a ON a.document_id = e.document_id
        WHERE e.document_id = ANY ($1::bigint[]) AND e.space_id = $2::integer AND e.segment = 0
            AND a.segmentation = 'document'
        """)

    private static let ofNewestUnlabelled = Statement(
        "embedding_of_newest_unlabelled",
        """
        SELECT e.data
        FROM glossator.documents d
        JOIN glossator.annotations a ON a.document_id = d.id AND a.segmentation = 'document'
        JOIN glossator.embeddings e ON e.document_id = d.id AND e.segment = 0 AND e.space_id = $2::integer
        WHERE d.collection = $1::text
            AND NOT EXISTS (SELECT FROM glossator.gold_labels g WHERE g.document_id = d.id)
            AND NOT EXISTS (SELECT FROM glossator.gold_entities g WHERE g.document_id = d.id)
            AND NOT EXISTS (SELECT FROM glossator.gold_complete g WHERE g.document_id = d.id)
        ORDER BY d.id DESC LIMIT $3::integer
        """)

    private static let ofDocument = Statement(
        "embedding_of_document",
        """
        SELECT document_id, segment, start_char, end_char, data FROM glossator.embeddings
        WHERE document_id = $1::bigint AND space_id = $2::integer ORDER BY segment
        """)

    static let statements = [page, pageOfCollection, ofWholeDocuments, ofNewestUnlabelled, ofDocument]
}

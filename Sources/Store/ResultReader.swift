package import Annotations

/// What models said about documents, for showing it to a person.
package struct ResultReader: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    package struct Result: Sendable, Equatable {
        package let documentID: Int64
        package let externalID: String
        package let body: String
        /// Of all segments, in their order.
        package let labels: [ScoredLabel]
        package let entities: [Entity]
    }

    /// Annotated documents of a collection that nobody has labelled, in an order that looks random and stays the same.
    ///
    /// - Parameter minimumEntities: only documents with at least so many.
    package func samples(
        of collection: String, minimumEntities: Int, limit: Int
    ) async throws(Fault) -> [Result] {
        try await connection.run { (session) throws(Fault) in
            let documents = try session.query(
                Self.sample,
                [.text(collection), .int4(Int32(clamping: minimumEntities)), .int4(Int32(clamping: limit))])
            return try documents.map { (row) throws(Fault) in
                let id = try row.int64(0)
                return Result(
                    documentID: id, externalID: try row.text(1), body: try row.text(2),
                    labels: try session.query(Self.labels, [.int8(id)]).map { (label) throws(Fault) in
                        ScoredLabel(
                            task: try label.text(0), label: try label.text(1), score: Float(try label.double(2)))
                    },
                    entities: try session.query(Self.entities, [.int8(id)]).map { (entity) throws(Fault) in
                        Entity(
                            task: try entity.text(0), type: try entity.text(1), start: try entity.int(2),
                            end: try entity.int(3), surface: try entity.text(4), score: Float(try entity.double(5)))
                    })
            }
        }
    }

    private static let sample = Statement(
        "result_sample",
        """
        SELECT d.id, d.external_id, d.body
        FROM glossator.documents d JOIN glossator.annotations a ON a.document_id = d.id
        WHERE d.collection = $1::text
            AND NOT EXISTS (SELECT FROM glossator.gold_labels g WHERE g.document_id = d.id)
            AND (SELECT count(*) FROM glossator.entities e WHERE e.document_id = d.id) >= $2::integer
        ORDER BY d.body_sha256 LIMIT $3::integer
        """)

    private static let labels = Statement(
        "result_labels",
        """
        SELECT task, label, score::double precision FROM glossator.labels
        WHERE document_id = $1::bigint ORDER BY segment, task
        """)

    private static let entities = Statement(
        "result_entities",
        """
        SELECT task, type, start_char, end_char, surface, score::double precision FROM glossator.entities
        WHERE document_id = $1::bigint ORDER BY task, ordinal
        """)

    static let statements = [sample, labels, entities]
}

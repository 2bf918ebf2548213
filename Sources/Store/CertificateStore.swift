package import Annotations
package import Foundation

/// Which reduced precisions agree with fp32, for whom, and the texts to find it out with.
package struct CertificateStore: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    package struct Row: Sendable, Hashable {
        package let modelID: Int64
        /// Nil: made by hand, on a file.
        package let collection: String?
        package let certificate: Certificate
        package let madeAt: Date
    }

    /// All of a model, newest first.
    package func certificates(of modelID: Int64) async throws(Fault) -> [Row] {
        try await connection.rows(of: Self.ofModel, [.int8(modelID)]) { (row) throws(Fault) in try Self.row(row) }
    }

    /// Those that hold for a collection on machines with these kernels, made with these thresholds: one a precision at
    /// most.
    package func certificates(
        of modelID: Int64, for collection: String, in segmentation: Segmentation, kernels: String,
        thresholds: AgreementThresholds
    ) async throws(Fault) -> [Certificate] {
        let values: [SQLValue] =
            [.int8(modelID), .text(collection), .text(segmentation.rawValue), .text(kernels)]
            + Self.parameters(of: thresholds)
        return try await connection.rows(of: Self.inForce, values) { (row) throws(Fault) in
            try Self.row(row).certificate
        }
    }

    /// Stores a certificate and returns the one that holds from then on: an equal one that somebody else has made
    /// meanwhile stays, so that all daemons compute with one plan.
    ///
    /// - Parameter replacing: this one holds all the same, somebody asked for it.
    package func store(
        _ certificate: Certificate, modelID: Int64, collection: String?, replacing: Bool = false
    ) async throws(Fault) -> Certificate {
        let agreement = certificate.agreement
        let key: [SQLValue] =
            [
                .int8(modelID), .optional(collection), .text(certificate.segmentation.rawValue),
                .text(certificate.precision.rawValue), .text(certificate.kernels),
            ] + Self.parameters(of: certificate.thresholds)
        let values =
            key + [
                .text(certificate.plan), .int4(Int32(clamping: certificate.texts)),
                .int4(Int32(clamping: agreement.segments)), .float8(agreement.cosineMean),
                .float8(agreement.cosineP1), agreement.labels.map { .float8($0) } ?? .null,
                agreement.entities.map { .float8($0) } ?? .null, .bool(certificate.isCertified),
                .optional(certificate.refusal), .float8(certificate.seconds),
            ]
        return try await connection.transaction { (session) throws(Fault) in
            _ = try session.query(replacing ? Self.replace : Self.insert, values)
            return try Self.row(try session.query(Self.one, key).only()).certificate
        }
    }

    /// Beginnings of bodies of a collection: about `count` of them that lie evenly over the whole table's ids, or where
    /// the collection is a small part of it, its first ones by external id as well. The same ones as long as the
    /// collection is the same. Reads a bounded number of rows by index, however large the table is.
    package func sample(of collection: String, count: Int, maximumCharacters: Int) async throws(Fault) -> [String] {
        try await connection.rows(
            of: Self.sample,
            [.text(collection), .int4(Int32(clamping: count)), .int4(Int32(clamping: maximumCharacters))]
        ) { (row) throws(Fault) in try row.text(0) }
    }

    private static func parameters(of thresholds: AgreementThresholds) -> [SQLValue] {
        [.float8(thresholds.cosineP1), .float8(thresholds.labels), .float8(thresholds.entities)]
    }

    private static func row(_ row: Store.Row) throws(Fault) -> Row {
        guard let precision = Precision(rawValue: try row.text(2)) else {
            throw Fault(
                .database, "precision-unknown", "a certificate is of a precision that this program does not know",
                hint: "upgrade this program")
        }
        guard let segmentation = Segmentation(rawValue: try row.text(17)) else {
            throw Fault(
                .database, "segmentation-unknown", "a certificate is of a segmentation that this program does not know",
                hint: "upgrade this program")
        }
        func optional(_ column: Int) throws(Fault) -> Double? { row.isNull(column) ? nil : try row.double(column) }
        return Row(
            modelID: try row.int64(0), collection: try row.optionalText(1),
            certificate: Certificate(
                segmentation: segmentation, precision: precision, kernels: try row.text(3), plan: try row.text(4),
                texts: try row.int(5),
                agreement: Agreement(
                    segments: try row.int(6), cosineMean: try row.double(7), cosineP1: try row.double(8),
                    labels: try optional(9), entities: try optional(10)),
                thresholds: AgreementThresholds(
                    cosineP1: try row.double(11), labels: try row.double(12), entities: try row.double(13)),
                refusal: try row.optionalText(14), seconds: try row.double(15)),
            madeAt: try row.date(16))
    }
}

extension CertificateStore {
    private static let columns = """
        SELECT model_id, collection, precision, kernels, plan, texts, segments, cosine_mean, cosine_p1, label_agreement,
            entity_agreement, minimum_cosine_p1, minimum_label_agreement, minimum_entity_agreement, reason, seconds,
            made_at, segmentation
        FROM glossator.certificates
        """

    private static let ofModel = Statement(
        "certificate_of_model", columns + " WHERE model_id = $1::bigint ORDER BY made_at DESC, id DESC")

    private static let inForce = Statement(
        "certificate_in_force",
        columns + """
             WHERE model_id = $1::bigint AND coalesce(collection, '') = $2::text AND segmentation = $3::text
                AND kernels = $4::text AND minimum_cosine_p1 = $5::float8 AND minimum_label_agreement = $6::float8
                AND minimum_entity_agreement = $7::float8
            """)

    private static let one = Statement(
        "certificate_one",
        columns + """
             WHERE model_id = $1::bigint AND coalesce(collection, '') = coalesce($2::text, '')
                AND segmentation = $3::text AND precision = $4::text AND kernels = $5::text
                AND minimum_cosine_p1 = $6::float8 AND minimum_label_agreement = $7::float8
                AND minimum_entity_agreement = $8::float8
            """)

    private static let values = """
        INSERT INTO glossator.certificates (
            model_id, collection, segmentation, precision, kernels, minimum_cosine_p1, minimum_label_agreement,
            minimum_entity_agreement, plan, texts, segments, cosine_mean, cosine_p1, label_agreement, entity_agreement,
            certified, reason, seconds)
        VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::float8, $7::float8, $8::float8, $9::text,
            $10::integer, $11::integer, $12::float8, $13::float8, $14::float8, $15::float8, $16::boolean, $17::text,
            $18::float8)
        ON CONFLICT (model_id, coalesce(collection, ''), segmentation, precision, kernels, minimum_cosine_p1,
            minimum_label_agreement, minimum_entity_agreement)
        """

    private static let insert = Statement("certificate_insert", values + " DO NOTHING")

    private static let replace = Statement(
        "certificate_replace",
        values + """
             DO UPDATE SET plan = excluded.plan, texts = excluded.texts, segments = excluded.segments,
                cosine_mean = excluded.cosine_mean, cosine_p1 = excluded.cosine_p1,
                label_agreement = excluded.label_agreement, entity_agreement = excluded.entity_agreement,
                certified = excluded.certified, reason = excluded.reason, seconds = excluded.seconds,
                made_at = excluded.made_at
            """)

    /// From each of `count` points on the sixteen next documents are looked at, whosever they are: a collection that is
    /// rarer than that would have to be looked for.
    private static let sample = Statement(
        "certificate_sample",
        """
        WITH bounds AS (
            SELECT min(id) AS low, max(id) AS high FROM glossator.documents
        ), spread AS MATERIALIZED (
            SELECT DISTINCT next.id
            FROM bounds b CROSS JOIN generate_series(0, $2::integer - 1) AS step
            CROSS JOIN LATERAL (
                SELECT near.id FROM (
                    SELECT d.id, d.collection FROM glossator.documents d
                    WHERE d.id >= b.low + (b.high - b.low) / $2::integer * step ORDER BY d.id LIMIT 16
                ) near
                WHERE near.collection = $1::text ORDER BY near.id LIMIT 1
            ) next
        ), first AS MATERIALIZED (
            SELECT d.id FROM glossator.documents d WHERE d.collection = $1::text ORDER BY d.external_id
            LIMIT CASE WHEN (SELECT count(*) FROM spread) < $2::integer THEN $2::integer ELSE 0 END
        )
        SELECT picked.body
        FROM (SELECT id FROM spread UNION SELECT id FROM first) AS ids
        -- OFFSET 0: one look-up by key a document. Left to choose, the planner reads every document.
        CROSS JOIN LATERAL (
            SELECT left(d.body, $3::integer) AS body FROM glossator.documents d WHERE d.id = ids.id OFFSET 0
        ) AS picked
        ORDER BY ids.id
        """)

    static let statements = [ofModel, inForce, one, insert, replace, sample]
}

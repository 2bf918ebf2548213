package import Annotations
package import Foundation

/// `glossator.training_runs`: every fine-tune and what came of it.
package struct TrainingRunStore: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    /// How a run ended.
    package enum End: Sendable, Hashable {
        /// Its model was stored and brought into force, in the same transaction.
        ///
        /// - Parameter over: the model that must be in force until then; nil: whichever is.
        case promoted(modelID: Int64, over: Int64? = nil)
        /// The old model stays; the new one may have been stored all the same.
        case kept(modelID: Int64?)
        /// - Parameter mayPass: whether another attempt, maybe on another machine, could do better.
        case failed(mayPass: Bool)
    }

    /// Begins a run, one at a time a collection. A run that has been silent for two minutes has died and is closed.
    /// Makes the collection when it is new.
    ///
    /// - Parameters:
    ///   - options: JSON text of an object: every setting, the seed included.
    ///   - counts: JSON text of an object.
    /// - Throws: `training-running` when another run is alive.
    package func start(
        collection: String, parentModelID: Int64?, options: String, counts: String, codeVersion: String
    ) async throws(Fault) -> Int64 {
        try await connection.transaction { (session) throws(Fault) in
            _ = try session.query(Self.ensureCollection, [.text(collection)])
            _ = try session.query(Self.closeDead, [.text(collection)])
            let rows = try session.query(
                Self.start,
                [.text(collection), .optional(parentModelID), .jsonb(options), .jsonb(counts), .text(codeVersion)])
            guard let row = rows.first else {
                throw Fault(
                    .input, "training-running", "collection \"\(collection)\" is being trained already",
                    hint: "SELECT * FROM glossator.training_runs WHERE status = 'running' shows by whom; wait for it")
            }
            return try row.int64(0)
        }
    }

    /// Says what a run that the schedule began learns from and how, as `start` does for others.
    package func describe(
        run: Int64, parentModelID: Int64?, options: String, counts: String
    ) async throws(Fault) {
        try await connection.run { (session) throws(Fault) in
            let rows = try session.query(
                Self.describe, [.int8(run), .optional(parentModelID), .jsonb(options), .jsonb(counts)])
            guard rows.affected == 1 else { throw Self.lost(run) }
        }
    }

    /// A sign of life. Throws `training-lost` when the run was closed as dead meanwhile: another may be running.
    package func beat(run: Int64) async throws(Fault) {
        try await connection.run { (session) throws(Fault) in
            guard try session.query(Self.beat, [.int8(run)]).affected == 1 else { throw Self.lost(run) }
        }
    }

    /// One document's gold of one task in a run.
    package struct ManifestRow: Sendable, Hashable {
        package let documentID: Int64
        package let task: String
        /// training, validation or held_out.
        package let part: String
        package let isNew: Bool
        package let goldIDs: [Int64]

        package init(documentID: Int64, task: String, part: String, isNew: Bool, goldIDs: [Int64]) {
            (self.documentID, self.task, self.part) = (documentID, task, part)
            (self.isNew, self.goldIDs) = (isNew, goldIDs)
        }
    }

    /// Writes down what a run learns from and is judged by, all or nothing; what is there already stays.
    ///
    /// - Throws: `training-lost` when the run was closed as dead meanwhile.
    package func record(_ rows: [ManifestRow], of run: Int64) async throws(Fault) {
        try await connection.transaction { (session) throws(Fault) in
            guard try session.query(Self.beat, [.int8(run)]).affected == 1 else { throw Self.lost(run) }
            for first in stride(from: 0, to: rows.count, by: 5_000) {
                let page = rows[first..<min(first + 5_000, rows.count)]
                _ = try session.query(
                    Self.manifest,
                    [
                        .int8(run), .int8s(page.map(\.documentID)), .texts(page.map(\.task)), .texts(page.map(\.part)),
                        .texts(page.map { $0.isNew ? "t" : "f" }),
                        .texts(page.map { "{" + $0.goldIDs.map(String.init).joined(separator: ",") + "}" }),
                    ])
            }
        }
    }

    /// Takes back a run that has done nothing.
    package func withdraw(_ run: Int64) async throws(Fault) {
        try await connection.run { (session) throws(Fault) in _ = try session.query(Self.withdraw, [.int8(run)]) }
    }

    /// The last run of a collection that made a model; nil before the first.
    package func lastThatLearned(collection: String) async throws(Fault) -> RunRow? {
        try await runs(collection: collection, finished: true, withModel: true, limit: 1).first
    }

    /// Closes a run; with `.promoted` its model comes into force in the same transaction.
    ///
    /// - Parameter metricsBefore: JSON text, as `metricsAfter`.
    /// - Returns: false, and the run goes on, when another model is in force than the one that was to be replaced: somebody
    ///   promoted or rolled back meanwhile.
    @discardableResult
    package func finish(
        run: Int64, end: End, metricsBefore: String? = nil, metricsAfter: String? = nil, record: String? = nil,
        message: String
    ) async throws(Fault) -> Bool {
        let (status, modelID, mayPass): (String, Int64?, Bool) =
            switch end {
            case .promoted(let id, _): ("promoted", id, false)
            case .kept(let id): ("kept", id, false)
            case .failed(let mayPass): ("failed", nil, mayPass)
            }
        return try await connection.transaction { (session) throws(Fault) in
            if case .promoted(_, let over?) = end {
                // As promote() does, so that nobody's promotion comes between this look and ours.
                _ = try session.query(Self.lockHistory, [])
                guard try session.query(Self.stillInForce, [.int8(run), .int8(over)]).count == 1 else { return false }
            }
            let rows = try session.query(
                Self.finish,
                [
                    .int8(run), .text(status), .optional(modelID), metricsBefore.map { .jsonb($0) } ?? .null,
                    metricsAfter.map { .jsonb($0) } ?? .null, .text(message.withoutNUL),
                    record.map { .jsonb($0) } ?? .null, .bool(mayPass),
                ])
            guard let row = rows.first else { throw Self.lost(run) }
            if case .promoted(let id, _) = end {
                _ = try session.query(ModelRegistry.promote, [.text(try row.text(0)), .int8(id)])
            }
            return true
        }
    }

    package struct RunRow: Sendable, Hashable {
        package let id: Int64
        package let collection: String
        package let parentModelID: Int64?
        package let modelID: Int64?
        /// running, promoted, kept or failed.
        package let status: String
        package let startedAt: Date
        package let finishedAt: Date?
        package let message: String?
        /// JSON texts.
        package let metricsBefore: String?
        package let metricsAfter: String?
        package let counts: String
        package let options: String
        package let codeVersion: String
        /// What the run did; null for one that failed.
        package let record: String?
    }

    /// The newest runs.
    ///
    /// - Parameter finished: only those that ended well, promoted or kept; not those of the schedule that had nothing to learn.
    package func runs(
        collection: String? = nil, id: Int64? = nil, finished: Bool = false, withModel: Bool = false,
        limit: Int = 20
    ) async throws(Fault) -> [RunRow] {
        try await connection.rows(
            of: Self.list,
            [.optional(collection), .int4(Int32(clamping: limit)), .optional(id), .bool(finished), .bool(withModel)]
        ) { (row) throws(Fault) in
            RunRow(
                id: try row.int64(0), collection: try row.text(1), parentModelID: try row.optionalInt64(2),
                modelID: try row.optionalInt64(3), status: try row.text(4), startedAt: try row.date(5),
                finishedAt: try row.optionalDate(6), message: try row.optionalText(7),
                metricsBefore: try row.optionalJSON(8), metricsAfter: try row.optionalJSON(9),
                counts: try row.json(10), options: try row.json(11), codeVersion: try row.text(12),
                record: try row.optionalJSON(13))
        }
    }

    /// Throws `not-found`.
    package func run(id: Int64) async throws(Fault) -> RunRow {
        guard let run = try await runs(id: id, limit: 1).first else {
            throw Fault(
                .input, "not-found", "there is no training run \(id)",
                hint: "SELECT id, collection, status, started_at FROM glossator.training_runs ORDER BY id DESC")
        }
        return run
    }

    private static func lost(_ run: Int64) -> Fault {
        Fault(
            .database, "training-lost", "training run \(run) is not running any more",
            hint: "it was silent for two minutes and was closed; another run may have taken its place")
    }

    private static let ensureCollection = Statement(
        "training_collection",
        "INSERT INTO glossator.collections (name) VALUES ($1::text) ON CONFLICT (name) DO NOTHING")

    /// What killed a run may not happen again.
    static let closeDead = Statement(
        "training_close_dead",
        """
        UPDATE glossator.training_runs
        SET status = 'failed', finished_at = now(), message = 'the trainer died: no sign of life for two minutes',
            may_pass = true
        WHERE collection = $1::text AND status = 'running' AND beat_at < now() - interval '2 minutes'
        """)

    private static let start = Statement(
        "training_start",
        """
        INSERT INTO glossator.training_runs (collection, parent_model_id, options, counts, code_version)
        VALUES ($1::text, $2::bigint, $3::jsonb, $4::jsonb, $5::text)
        ON CONFLICT (collection) WHERE status = 'running' DO NOTHING
        RETURNING id
        """)

    private static let describe = Statement(
        "training_describe",
        """
        UPDATE glossator.training_runs SET parent_model_id = $2::bigint, options = $3::jsonb, counts = $4::jsonb
        WHERE id = $1::bigint AND status = 'running'
        """)

    private static let beat = Statement(
        "training_beat",
        "UPDATE glossator.training_runs SET beat_at = now() WHERE id = $1::bigint AND status = 'running'")

    private static let withdraw = Statement(
        "training_withdraw", "DELETE FROM glossator.training_runs WHERE id = $1::bigint AND status = 'running'")

    private static let manifest = Statement(
        "training_manifest",
        """
        INSERT INTO glossator.training_rows (run_id, document_id, task, part, is_new, gold_ids)
        SELECT $1::bigint, n.document_id, n.task, n.part, n.is_new::boolean, n.gold_ids::bigint[]
        FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])
            AS n (document_id, task, part, is_new, gold_ids)
        ON CONFLICT DO NOTHING
        """)

    private static let finish = Statement(
        "training_finish",
        """
        UPDATE glossator.training_runs
        SET status = $2::text, model_id = $3::bigint, metrics_before = $4::jsonb, metrics_after = $5::jsonb,
            message = $6::text, record = $7::jsonb, may_pass = $8::boolean, finished_at = now()
        WHERE id = $1::bigint AND status = 'running'
        RETURNING collection
        """)

    static let lockHistory = Statement(
        "training_lock_history", "LOCK TABLE glossator.model_history IN SHARE ROW EXCLUSIVE MODE")

    static let stillInForce = Statement(
        "training_still_in_force",
        """
        SELECT FROM glossator.training_runs r JOIN glossator.model_in_force f ON f.collection = r.collection
        WHERE r.id = $1::bigint AND f.model_id = $2::bigint
        """)

    private static let list = Statement(
        "training_list",
        """
        SELECT id, collection, parent_model_id, model_id, status, started_at, finished_at, message, metrics_before,
            metrics_after, counts, options, code_version, record
        FROM glossator.training_runs
        WHERE ($1::text IS NULL OR collection = $1::text) AND ($3::bigint IS NULL OR id = $3::bigint)
            AND (NOT $5::boolean OR model_id IS NOT NULL)
            AND (NOT $4::boolean OR status IN ('promoted', 'kept')
                AND (model_id IS NOT NULL OR record IS NOT NULL OR scheduled_for IS NULL))
        ORDER BY id DESC LIMIT $2::integer
        """)

    static let statements = [
        ensureCollection, closeDead, start, describe, beat, withdraw, manifest, lockHistory, stillInForce, finish, list,
    ]
}

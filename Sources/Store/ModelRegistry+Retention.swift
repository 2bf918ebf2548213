package import Annotations
package import Foundation

// How long models stay.

extension ModelRegistry {
    /// A model that retention would remove.
    package struct PrunableModel: Sendable, Hashable {
        package let name: String
        package let collection: String
        package let createdAt: Date
        /// Of its heads as stored.
        package let bytes: Int
    }

    /// Removes a model's weights, and the learned layers that no other model uses; its row stays, since results name it.
    ///
    /// - Throws: `not-found`, `not-possible-now` for one that is in use, with the use.
    package func remove(model: String) async throws(Fault) {
        _ = try await connection.transaction { (session) throws(Fault) in
            try session.query(Self.remove, [.text(model)]).count
        }
    }

    /// Removes models of old training runs that nobody uses, and what belongs to them; returns how many.
    ///
    /// - Parameters:
    ///   - keep: newest models of each collection that stay.
    ///   - days: younger ones stay.
    @discardableResult
    package func prune(keep: Int, days: Int) async throws(Fault) -> Int {
        try await connection.transaction { (session) throws(Fault) in
            try session.query(Self.prune, [.int4(Int32(clamping: keep)), .int4(Int32(clamping: days))]).only().int(0)
        }
    }

    /// What `prune` would remove.
    package func prunable(keep: Int, days: Int) async throws(Fault) -> [PrunableModel] {
        try await connection.rows(
            of: Self.prunable, [.int4(Int32(clamping: keep)), .int4(Int32(clamping: days))]
        ) { (row) throws(Fault) in
            PrunableModel(
                name: try row.text(0), collection: try row.text(1), createdAt: try row.date(2), bytes: try row.int(3))
        }
    }

    private static let remove = Statement("model_remove", "SELECT glossator.remove_model($1::text)")
    private static let prune = Statement("model_prune", "SELECT glossator.prune_models($1::integer, $2::integer)")
    private static let prunable = Statement(
        "model_prunable",
        "SELECT model, collection, made_at, bytes FROM glossator.prunable_models($1::integer, $2::integer)")

    static let retentionStatements = [remove, prune, prunable]
}

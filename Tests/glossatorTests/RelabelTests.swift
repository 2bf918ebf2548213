import Foundation
import TestSupport
import Testing
import glossator

@Suite("labels follow the model in force, with the built program")
struct RelabelTests {
    private let place: Workplace

    init() async throws {
        place = try await Workplace()
        let file = try place.write("mail.jsonl", LabelledMails.jsonl)
        try await place.succeed("import", file, "--collection", "mail")
        try await train()
        try place.addDocuments(40)
        try await place.succeed("run", "--drain")
    }

    /// Makes a model and brings it into force.
    private func train(seed: Int = 1) async throws {
        try await place.succeed(
            "train", "--collection", "mail", "--min-new", "0", "--promote", "always", "--set", "train.epochs=3",
            "--set",
            "train.minimum-steps=0", "--set", "train.seed=\(seed)")
    }

    private static let bySecond = "model_id = (SELECT id FROM glossator.models WHERE name = 'mail-2')"
    private static let ofSecond = "relabel_id = (SELECT id FROM glossator.relabels WHERE \(bySecond))"

    /// Of all documents: how many labels which model gave.
    private func models() throws -> String {
        try place.psql(
            "SELECT string_agg(model || ': ' || n, ', ' ORDER BY model) FROM "
                + "(SELECT m.name AS model, count(*) AS n FROM glossator.labels l "
                + "JOIN glossator.models m ON m.id = l.model_id "
                + "GROUP BY 1) AS c")
    }

    private func answers() throws -> String {
        try place.psql(
            """
            SELECT string_agg(concat_ws(' ', document_id, task, label, round(score::numeric, 2)), ';'
                ORDER BY document_id, task)
            FROM glossator.labels
            """
        )
    }

    @Test("a daemon computes them again, as reading every text would")
    func daemon() async throws {
        let labels = try place.count("labels")
        let first = try models()
        #expect(first == "mail-1: \(labels)" && labels > 40)
        try await train(seed: 2)
        #expect(try models() == first, "nobody has done it yet")
        let status = try await place.succeed("status").output
        #expect(status.contains("labels are being computed again") && status.contains("mail-2"), "\(status)")
        try await place.succeed("run", "--drain")
        #expect(try models() == "mail-2: \(labels)")
        #expect(
            try place.psql("SELECT count(DISTINCT model_id) FROM glossator.annotations") == "1",
            "texts were not read again")
        let relabelled = try answers()
        try place.psql("SELECT glossator.reannotate('mail')")
        try await place.succeed("run", "--drain")
        #expect(try answers() == relabelled)
    }

    @Test("by hand, and back again")
    func command() async throws {
        let before = try answers()
        try await train(seed: 2)
        let outcome = try await place.succeed("relabel").output
        #expect(outcome.contains("labels are by model mail-2 now"), "\(outcome)")
        let changed = try place.psql("SELECT changed FROM glossator.relabels WHERE \(Self.bySecond)")
        #expect(try changed == "\(place.count("label_changes", Self.ofSecond))")
        #expect(try place.psql("SELECT count(*) FROM glossator.model_diff('mail-1', 'mail-2')") == changed)
        #expect(try await place.succeed("relabel").output.contains("no labels wait"))
        try await place.succeed("model", "rollback", "--collection", "mail")
        let back = try await place.succeed("relabel", "--collection", "mail").output
        #expect(back.contains("by model mail-1 now"), "\(back)")
        #expect(try answers() == before)
        expectRefusal(try await place.glossator("relabel", "--collection", "none"), 65, "not-found", naming: "none")
    }

    @Test("what would change can be asked before a model comes into force")
    func diff() async throws {
        try await train(seed: 2)
        try place.psql("SELECT glossator.rollback('mail')")
        try await place.succeed("run", "--drain")
        let text = try await place.succeed("model", "diff", "mail-1", "mail-2", "--collection", "mail").output
        let lines = try await place.succeed("model", "diff", "mail-1", "mail-2", "--collection", "mail", "--json")
            .output
            .split(separator: "\n")
        #expect(text.contains("topic: \(lines.count) of "), "\(text) \(lines.count)")
        try place.psql("SELECT glossator.promote('mail', 'mail-2')")
        try await place.succeed("relabel")
        #expect(
            try place.psql("SELECT changed FROM glossator.relabels WHERE \(Self.bySecond) AND outcome = 'done'")
                == "\(lines.count)")
        expectRefusal(
            try await place.glossator("model", "diff", "mail-1", "nobody", "--collection", "mail"), 65, "not-found")
    }

    @Test("old models are removed by hand and by themselves; what is in use stays")
    func retention() async throws {
        try await train(seed: 2)
        try await train(seed: 3)
        expectRefusal(
            try await place.glossator("model", "remove", "mail-3"), 65, "not-possible-now", naming: "in force")
        let dry = try await place.succeed("model", "prune", "--keep", "0", "--days", "0", "--dry-run").output
        #expect(dry.contains("mail-1") && !dry.contains("mail-2") && !dry.contains("mail-3"), "\(dry)")
        try await place.succeed(
            "run", "--drain", "--set", "housekeeping.keep-models=0", "--set", "housekeeping.model-days=0")
        #expect(try place.psql("SELECT name FROM glossator.models WHERE removed_at IS NOT NULL") == "mail-1")
        let list = try await place.succeed("model", "list").output
        #expect(list.contains("mail-3") && list.matches(of: #/(?m)^\d+ +mail-1 /#).isEmpty, "\(list)")
        #expect(try await place.succeed("model", "list", "--all").output.contains("removed"))
        expectRefusal(
            try await place.glossator("model", "promote", "mail-1", "--collection", "mail"), 65, "not-possible-now")
    }

    @Test("an embedding that is damaged costs its document a reading, and no other")
    func damage() async throws {
        try place.psql(
            """
            UPDATE glossator.embeddings SET data = set_byte(data, 20, get_byte(data, 20) # 255)
            WHERE document_id = (SELECT max(document_id) FROM glossator.embeddings)
            """)
        try await train(seed: 2)
        let outcome = try await place.succeed("relabel")
        #expect(outcome.errors.contains("annotated again"), "\(outcome)")
        #expect(try place.count("spool") == 1)
        try await place.succeed("run", "--drain")
        #expect(try place.psql("SELECT count(DISTINCT model_id) FROM glossator.labels") == "1")
    }

    @Test("heads that are damaged end it with a reason")
    func brokenHeads() async throws {
        try await train(seed: 2)
        try place.psql(
            """
            ALTER TABLE glossator.models DISABLE TRIGGER models_immutable;
            UPDATE glossator.models SET heads = '\\x00' WHERE name = 'mail-2';
            ALTER TABLE glossator.models ENABLE TRIGGER models_immutable
            """)
        expectRefusal(try await place.glossator("relabel"), 75, "heads-damaged", naming: "model")
        #expect(
            try place.psql("SELECT outcome, message LIKE '%damaged%' FROM glossator.relabels WHERE \(Self.bySecond)")
                == "failed|t")
    }
}

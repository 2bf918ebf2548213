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
            "train", "--collection", "mail", "--min-new", "0", "--promote", "always", "--set", "train.epochs=3", "--set",
            "train.minimum-steps=0", "--set", "train.seed=\(seed)")
    }

    /// Of all documents: how many labels which model gave.
    private func models() throws -> String {
        try place.psql(
            "SELECT string_agg(model || ': ' || n, ', ' ORDER BY model) FROM "
                + "(SELECT m.name AS model, count(*) AS n FROM glossator.labels l JOIN glossator.models m ON m.id = l.model_id "
                + "GROUP BY 1) AS c")
    }

    private func answers() throws -> String {
        try place.psql(
            "SELECT string_agg(concat_ws(' ', document_id, task, label, round(score::numeric, 2)), ';' ORDER BY document_id, task) FROM glossator.labels"
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
        let (changed, recorded) = (try place.psql("SELECT changed FROM glossator.relabels"), try place.count("label_changes"))
        #expect(changed == "\(recorded)")
        #expect(try place.psql("SELECT count(*) FROM glossator.model_diff('mail-1', 'mail-2')") == changed)
        #expect(try await place.succeed("relabel").output.contains("no labels wait"))
        try await place.succeed("model", "rollback", "--collection", "mail")
        let back = try await place.succeed("relabel", "--collection", "mail").output
        #expect(back.contains("by model mail-1 now"), "\(back)")
        #expect(try answers() == before)
        expectRefusal(try await place.glossator("relabel", "--collection", "none"), 65, "not-found", naming: "none")
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
            try place.psql("SELECT outcome, message LIKE '%damaged%' FROM glossator.relabels") == "failed|t")
    }
}

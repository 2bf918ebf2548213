import Foundation
import TestSupport
import Testing

@Suite("Kinds of entity heads, with the built program")
struct HeadKindTests {
    @Test("a head of kind crf is trained, shown, stored, used by a daemon, exported, and replaced by a linear one")
    func crf() async throws {
        let place = try await Workplace()
        let file = try place.write("mails.jsonl", LabelledMails.jsonl)
        try await place.succeed("import", file, "--collection", "mail")
        try await place.succeed(
            "train", "--collection", "mail", "--promote", "always", "--set", "train.learning-rate=0.005",
            "--entity-head", "crf")
        let shown = try await place.succeed("model", "show", "mail-1")
        #expect(shown.output.contains("names: entities of person, head crf"))
        #expect(shown.output.contains("topic: classification of billing, delivery\n"))
        let options = try place.psql("SELECT options -> 'heads' ->> 'entityHead' FROM glossator.training_runs")
        #expect(options == "crf")

        try await place.succeed("run", "--drain")
        let stored = try place.psql(
            """
            SELECT start_char || '-' || end_char || ' ' || surface FROM glossator.entities WHERE task = 'names'
            ORDER BY document_id, start_char
            """
        ).split(separator: "\n").map(String.init)
        #expect(stored.count > 30)
        #expect(Set(stored.prefix { $0.hasSuffix("Maria") || $0.hasSuffix("John") }).count > 1)

        let export = place.folder.appendingPathComponent("exported").path
        try await place.succeed("model", "export", "mail-1", export)
        let answered = try await Program(folder: place.folder).run(
            "annotate", "--model", export, input: LabelledMails.all.map { $0.text + "\n" }.joined().utf8)
        try #require(answered.code == 0, "\(answered)")
        let found = try answered.lines.flatMap { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return (object?["entities"] as? [[String: Any]] ?? []).map {
                "\($0["start"] ?? "?")-\($0["end"] ?? "?") \($0["text"] ?? "?")"
            }
        }
        #expect(found == stored)

        // The model in force is judged on features of all layers, though the new head looks at the last alone.
        try await place.succeed("train", "--collection", "mail", "--promote", "always")
        #expect(try await !place.succeed("model", "show", "mail-2").output.contains("crf"))
    }

    @Test("a kind that does not exist is refused with those that do")
    func unknown() async throws {
        let place = try await Workplace()
        let outcome = try await place.glossator("train", "--entity-head", "lstm")
        #expect(outcome.code != 0)
        #expect(outcome.errors.contains("\"lstm\", which is not one of linear, crf (flag --entity-head)"))
    }
}

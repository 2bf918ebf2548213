import Foundation
import TestSupport
import Testing

@Suite("The whole path, with the built program")
struct PathTests {
    @Test("rows inserted by SQL in any script come back with an embedding, and nothing is left in the queue")
    func scripts() async throws {
        let place = try await Workplace()
        for (language, text) in ManyScripts.texts {
            let quoted = text.replacing("'", with: "''")
            try place.psql(
                """
                INSERT INTO glossator.documents (collection, external_id, body)
                VALUES ('letters', '\(language)', '\(quoted)')
                """)
        }
        try await place.succeed("run", "--drain")
        #expect(try place.count("annotations") == ManyScripts.texts.count)
        #expect(
            try place.psql(
                """
                SELECT string_agg(external_id, ', ') FROM glossator.documents d
                WHERE NOT EXISTS (SELECT FROM glossator.embeddings e WHERE e.document_id = d.id
                    AND e.start_char = 0 AND e.end_char = char_length(d.body))
                """) == "")
        #expect(try place.count("spool") == 0)
        #expect(try place.count("failures") == 0)
        for (language, text) in ManyScripts.texts {
            // As it was sent: no character normalised, replaced or lost.
            let stored = try place.psql(
                "SELECT encode(convert_to(body, 'UTF8'), 'hex') FROM glossator.documents WHERE external_id = '\(language)'"
            )
            #expect(stored == text.utf8.map { String(format: "%02x", $0) }.joined(), "\(language)")
        }
    }

    @Test("from gold to labels: import, train, reannotate, run, search, status, models, export")
    func learning() async throws {
        let place = try await Workplace()
        let file = try place.write("mails.jsonl", LabelledMails.jsonl)
        let total = LabelledMails.all.count
        let imported = try await place.succeed("import", file, "--collection", "mail")
        #expect(imported.output.contains("\(total) documents loaded"))
        #expect(imported.output.contains("\(total) gold labels"))
        try await place.succeed("run", "--drain")
        #expect(try place.count("embeddings") == total)
        #expect(try place.count("labels") == 0)

        // Again: nothing new, and nothing doubled.
        let before = try place.contents()
        let again = try await place.succeed("import", file, "--collection", "mail")
        #expect(again.output.contains("0 documents loaded"))
        #expect(again.output.contains("\(total) were there already"))
        #expect(try place.contents() == before)

        let trained = try await place.succeed(
            "train", "--collection", "mail", "--promote", "always", "--set", "train.learning-rate=0.005")
        #expect(trained.output.contains("promoted"))
        #expect(trained.output.contains("topic"))
        let modelID = try place.psql("SELECT model_id FROM glossator.model_in_force WHERE collection = 'mail'")
        #expect(try place.psql("SELECT status FROM glossator.training_runs") == "promoted")
        #expect(try place.psql("SELECT glossator.reannotate(collection => 'mail')") == "\(total)")
        try await place.succeed("run", "--drain")
        #expect(try place.count("labels", "task = 'topic' AND model_id = \(modelID)") == total)
        #expect(try place.count("labels") == total)
        #expect(try place.count("annotations", "model_id = \(modelID)") == total)
        #expect(
            try place.psql(
                """
                SELECT count(*) FROM glossator.entities e JOIN glossator.documents d ON d.id = e.document_id
                WHERE surface IS DISTINCT FROM substr(d.body, e.start_char + 1, e.end_char - e.start_char)
                """) == "0")
        // The keywords are learnable: most labels agree with gold, and names are found.
        let agreeing = try place.psql(
            """
            SELECT count(*) FROM glossator.labels l JOIN glossator.gold_current_labels g USING (document_id, task)
            WHERE l.label = g.label
            """)
        #expect(try #require(Int(agreeing)) > total * 3 / 4, "\(agreeing) of \(total) agree; \(trained)")
        #expect(try place.count("entities", "task = 'names' AND type = 'person' AND surface IN ('Maria', 'John')") > 0)

        let status = try await place.succeed("status")
        #expect(status.output.contains("mail-1"))
        #expect(status.output.contains("\(total)"))
        let found = try await place.succeed(
            "search", LabelledMails.all[0].text, "--collection", "mail", "-k", "3", "--json")
        #expect(found.lines.count == 3)
        let nearest = try object(found.lines[0])
        #expect(nearest["body"] as? String == LabelledMails.all[0].text)
        #expect(try #require(nearest["similarity"] as? Double) > 0.999)

        let list = try await place.succeed("model", "list")
        #expect(list.output.contains("mail-1") && list.output.contains("tiny"))
        let shown = try await place.succeed("model", "show", "mail-1")
        #expect(shown.output.contains("topic: classification of billing, delivery"))
        #expect(shown.output.contains("names: entities of person"))

        // What the database says and what the exported directory says, without any database, is the same.
        let export = place.folder.appendingPathComponent("exported").path
        try await place.succeed("model", "export", "mail-1", export)
        let filter = Program(folder: place.folder)
        let answered = try await filter.run(
            "annotate", "--model", export, input: LabelledMails.all.map { $0.text + "\n" }.joined().utf8)
        try #require(answered.code == 0, "\(answered)")
        let stored = try place.psql(
            """
            SELECT l.label FROM glossator.labels l JOIN glossator.documents d ON d.id = l.document_id ORDER BY d.id
            """
        ).split(separator: "\n").map(String.init)
        let labels = try answered.lines.map { line in
            let labels = try object(line)["labels"] as? [String: [String: Any]]
            return labels?["topic"]?["label"] as? String ?? "none"
        }
        #expect(labels == stored)
    }

    @Test("an encoder that has learned annotates, on a machine that has only the imported one")
    func learnedEncoder() async throws {
        let place = try await Workplace()
        let file = try place.write("mails.jsonl", LabelledMails.jsonl)
        try await place.succeed("import", file, "--collection", "mail")
        try await place.succeed(
            "train", "--collection", "mail", "--freeze", "none", "--set", "train.layer-epochs=1", "--promote", "always",
            "--reannotate")
        try await place.succeed("run", "--drain")
        #expect(
            try place.psql(
                """
                SELECT count(*) = (SELECT count(*) FROM glossator.documents), min(m.name), max(m.name)
                FROM glossator.annotations a JOIN glossator.models m ON m.id = a.model_id
                JOIN glossator.embedding_spaces s ON s.id = m.space_id
                JOIN glossator.backbones b ON b.sha256 = s.backbone_sha256 AND b.imported_sha256 IS NOT NULL
                """) == "t|mail-1|mail-1")
    }

    @Test("a model is promoted and rolled back; a document waits for the model in force when it is claimed")
    func promotion() async throws {
        let place = try await Workplace()
        try await place.succeed("model", "new", "first", "--task", "topic=a,b", "--collection", "mail")
        try await place.succeed("model", "new", "second", "--task", "topic=a,b,c")
        func inForce() throws -> String {
            try place.psql("SELECT model_name FROM glossator.model_in_force WHERE collection = 'mail'")
        }
        #expect(try inForce() == "first")
        try await place.succeed("model", "promote", "second", "--collection", "mail")
        #expect(try inForce() == "second")
        try place.addDocuments(2)
        try await place.succeed("run", "--drain")
        #expect(
            try place.psql(
                "SELECT DISTINCT m.name FROM glossator.annotations a JOIN glossator.models m ON m.id = a.model_id")
                == "second")
        let back = try await place.succeed("model", "rollback", "--collection", "mail")
        #expect(back.output.contains("first"))
        #expect(try inForce() == "first")
    }

    @Test("with segmentation by sentence every sentence is embedded, at its own offsets")
    func sentences() async throws {
        let place = try await Workplace()
        let file = try place.write("reviews.txt", "The phone works. The screen is broken! 昨天到了。很好。\n  \nOne only\n")
        try await place.succeed("import", file, "--collection", "reviews", "--segmentation", "sentence")
        try await place.succeed("run", "--drain")
        let sentences = try place.psql(
            """
            SELECT substr(d.body, e.start_char + 1, e.end_char - e.start_char)
            FROM glossator.embeddings e JOIN glossator.documents d ON d.id = e.document_id ORDER BY d.id, e.segment
            """)
        #expect(sentences == "The phone works.\nThe screen is broken!\n昨天到了。\n很好。\nOne only")
    }

    @Test("csv and conll files are imported with the columns and tasks that are named")
    func otherFormats() async throws {
        let place = try await Workplace()
        let csv = try place.write(
            "mails.csv", "id,text,category\n1,\"Refund, please\",billing\n2,\"Late \"\"parcel\"\"\",delivery\n")
        try await place.succeed(
            "import", csv, "--collection", "mail", "--label", "topic=category", "--annotator", "kim")
        #expect(
            try place.psql(
                """
                SELECT d.external_id, d.body, g.label, g.annotator FROM glossator.documents d
                JOIN glossator.gold_labels g ON g.document_id = d.id ORDER BY d.id
                """) == "1|Refund, please|billing|kim\n2|Late \"parcel\"|delivery|kim")
        let conll = try place.write("names.conll", "Maria\tB-person\nSmith\tI-person\nwaits\tO\n\nnobody\tO\n")
        try await place.succeed("import", conll, "--collection", "names", "--entity-task", "names")
        #expect(try place.psql("SELECT surface FROM glossator.gold_entities") == "Maria Smith")
        #expect(try place.count("gold_complete", "task = 'names'") == 2)
    }

    private func object(_ line: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
}

/// Sixty mails of two topics whose words give them away, with the names marked.
enum LabelledMails {
    struct Mail {
        let text: String
        let topic: String
        let name: String?
    }

    static let all: [Mail] = (0..<60).map { index in
        let names = ["Maria", "John", nil]
        let days = ["yesterday", "today", "monday", "last week", "tomorrow"]
        let billing = [
            "refund payment invoice", "invoice price account", "payment account refund", "price refund invoice",
        ]
        let delivery = [
            "parcel store late delivery", "delivery late city parcel", "store parcel slow delivery",
            "late parcel delivery city",
        ]
        let isBilling = index % 2 == 0
        let name = names[index % 3]
        let matter = (isBilling ? billing : delivery)[(index / 2) % 4]
        return Mail(
            text: "\(name ?? "we"): \(matter) \(days[index % 5]), \(index)",
            topic: isBilling ? "billing" : "delivery", name: name)
    }

    static var jsonl: String {
        all.enumerated().map { index, mail in
            let entities = mail.name.map { #"{"type": "person", "start": 0, "end": \#($0.count)}"# } ?? ""
            return """
                {"id": "m\(index)", "text": "\(mail.text)", "labels": {"topic": "\(mail.topic)"}, \
                "entities": {"names": [\(entities)]}}

                """
        }.joined()
    }
}

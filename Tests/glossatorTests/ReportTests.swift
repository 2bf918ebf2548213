import Foundation
import TestSupport
import Testing

@Suite("glossator report, with the built program")
struct ReportTests {
    /// Mails whose gold is wrong here and there, so that the model errs; names of everything look like markup.
    private static let collection = "<script>alert(1)</script>"
    private static let labels = ["billing": "<b>billing</b>", "delivery": "deli\"very' & co"]

    private static func jsonl() throws -> String {
        try LabelledMails.all.enumerated().map { index, mail in
            let topic = index % 5 == 0 ? (mail.topic == "billing" ? "delivery" : "billing") : mail.topic
            let text = mail.text + "<img src=x onerror=alert(\(index))>"
            let entities: [[String: Any]] =
                mail.name == nil
                ? (index % 4 == 0 ? [["type": "<i>per</i>", "start": 0, "end": 2]] : [])
                : [["type": "<i>per</i>", "start": 0, "end": mail.name?.count ?? 0]]
            let row: [String: Any] = [
                "id": "<u>\(index)</u>", "text": text, "labels": ["topic": labels[topic] ?? ""],
                "entities": ["na&mes": entities],
            ]
            return String(decoding: try JSONSerialization.data(withJSONObject: row), as: UTF8.self) + "\n"
        }.joined()
    }

    private static func trained(_ options: String...) async throws -> Workplace {
        let place = try await Workplace()
        let file = try place.write("mails.jsonl", jsonl())
        try await place.succeed("import", file, "--collection", collection)
        let run = try place.start(["train", "--collection", collection, "--set", "train.epochs=3"] + options)
        let outcome = try await run.wait()
        try #require(outcome.code == 0, "\(outcome)")
        return place
    }

    /// Well-formed, closed to the network, every id once, and nothing in it that came as markup from the data.
    private static func check(_ page: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> ParsedMarkup
    {
        let parsed = try ParsedMarkup(page, sourceLocation: sourceLocation)
        let names = Set(parsed.elements.map(\.name))
        #expect(
            names.isDisjoint(with: ["script", "img", "link", "iframe", "object", "image", "use", "i", "u"]),
            sourceLocation: sourceLocation)
        let attributes = parsed.elements.flatMap(\.attributes)
        #expect(!attributes.contains { $0.key == "src" || $0.key.hasPrefix("on") }, sourceLocation: sourceLocation)
        #expect(
            attributes.filter { $0.key == "href" }.allSatisfy { $0.value.hasPrefix("#") },
            sourceLocation: sourceLocation)
        #expect(!page.contains("url(") && !page.contains("@import"), sourceLocation: sourceLocation)
        let ids = attributes.filter { $0.key == "id" }.map(\.value)
        #expect(Set(ids).count == ids.count, sourceLocation: sourceLocation)
        let targets =
            attributes.filter { $0.key == "href" }.map { String($0.value.dropFirst()) }
            + attributes.filter { $0.key.hasPrefix("aria-") && $0.key.hasSuffix("by") }.map(\.value)
        #expect(Set(targets).isSubset(of: ids), sourceLocation: sourceLocation)
        #expect(parsed.all("svg").allSatisfy { $0["role"] == "img" }, sourceLocation: sourceLocation)
        #expect(parsed.all("table").count == parsed.all("caption").count, sourceLocation: sourceLocation)
        return parsed
    }

    @Test("a run of heads: scores, curves, confusions, entities, calibration, errors with their texts")
    func heads() async throws {
        let place = try await Self.trained()
        let path = place.folder.appendingPathComponent("report.html").path
        let told = try await place.succeed("report", "--collection", Self.collection, "--output", path)
        #expect(told.output == path + "\n")
        let page = try String(contentsOfFile: path, encoding: .utf8)
        let parsed = try Self.check(page)
        #expect(parsed.all("title").first?.text == "Training run 1 of \(Self.collection)")
        #expect(parsed.all("h1").map(\.text) == ["Training run 1 of \(Self.collection)"])
        #expect(
            parsed.all("h2").map(\.text)
                == ["Summary", "The gate", "Task topic (classification)", "Task na&mes (entities)"])
        #expect(
            parsed.all("h3").map(\.text).filter { $0.hasPrefix("Criteria: ") }
                == ["Criteria: topic", "Criteria: na&mes"])
        // What the page says is what the database says.
        let accuracy = try place.psql(
            """
            SELECT round((metrics_after->'classification'->'topic'->>'accuracy')::numeric, 3)
            FROM glossator.training_runs
            """)
        #expect(parsed.all("tr").contains { $0.text.hasPrefix("topicaccuracy") && $0.text.contains(accuracy) })
        let cells = try place.psql(
            """
            SELECT string_agg(c, ' ') FROM glossator.training_runs,
                jsonb_array_elements(metrics_after->'classification'->'topic'->'confusion') r,
                jsonb_array_elements_text(r) c
            """)
        let shown = parsed.all("td").filter { $0["style"] != nil }.compactMap { $0.text.split(separator: " ").first }
        #expect(shown.joined(separator: " ") == cells)
        #expect(parsed.all("th").contains { $0.text == "<i>per</i>" })
        #expect(parsed.all("th").contains { $0.text == Self.labels["delivery"] })
        #expect(page.contains("epochs</th><td><bdi>3</bdi></td><td><strong>default 30"))
        #expect(parsed.text.contains("learned nothing score"))

        let worst = try place.psql(
            "SELECT count(*) FROM glossator.training_runs, jsonb_array_elements(record->'worst')")
        #expect(try #require(Int(worst)) > 0)
        #expect(parsed.all("blockquote").count == Int(worst))
        #expect(parsed.all("blockquote").allSatisfy { $0.text.contains("<img src=x onerror=alert(") })

        // A document that goes after the run goes from the page.
        let id = try place.psql("SELECT record->'worst'->0->>'document' FROM glossator.training_runs")
        try place.psql("DELETE FROM glossator.documents WHERE id = \(id)")
        let again = try await place.succeed("report", "--run", "1", "--output", "-")
        let after = try Self.check(again.output)
        #expect(after.text.contains("The document is gone"))
        #expect(!after.all("strong").contains { $0.text.hasSuffix("(document \(id))") })
        #expect(after.all("blockquote").count < parsed.all("blockquote").count)
    }

    @Test("a run of encoder and heads has the curves of both")
    func encoder() async throws {
        let place = try await Self.trained("--freeze", "none", "--set", "train.layer-epochs=2")
        let outcome = try await place.succeed("report", "--collection", Self.collection, "--output", "-")
        let parsed = try Self.check(outcome.output)
        let titles = parsed.all("h3").map(\.text)
        #expect(titles.filter { $0 == "The head learns on the frozen encoder" }.count == 2)
        #expect(titles.filter { $0 == "Encoder and heads learn together" }.count == 2)
        #expect(parsed.all("dt").contains { $0.text == "encoder" })
    }

    @Test("a run that only measures has figures and no curves")
    func frozen() async throws {
        let place = try await Self.trained()
        let run = try await place.glossator("train", "--collection", Self.collection, "--freeze", "all-frozen")
        try #require(run.code == 0, "\(run)")
        let outcome = try await place.succeed("report", "--run", "2", "--output", "-")
        let parsed = try Self.check(outcome.output)
        #expect(parsed.text.contains("the plan left nothing to learn") && parsed.text.contains("Nothing was compared"))
        #expect(parsed.all("svg").count == 1, "the reliability diagram")
        #expect(parsed.all("tr").contains { $0.text.hasPrefix("topicaccuracy") && $0.text.hasSuffix("not trained") })
    }

    @Test("without a finished run the command says which there are, and why one has nothing to show")
    func refusals() async throws {
        let place = try await Workplace()
        let none = try await place.glossator("report")
        expectRefusal(none, 65, "report-no-run", naming: "default", "glossator train")
        func insert(_ collection: String, _ columns: String, _ values: String) throws {
            try place.psql(
                "INSERT INTO glossator.collections (name) VALUES ('\(collection)') ON CONFLICT DO NOTHING",
                """
                INSERT INTO glossator.training_runs (collection, options, counts, code_version, \(columns))
                VALUES ('\(collection)', '{"seed": 1}', '{"documents": 0}', '0', \(values))
                """)
        }
        try insert("mail", "status, finished_at, message", "'failed', now(), 'the disk is full'")
        expectRefusal(try await place.glossator("report"), 65, "report-no-run", naming: "mail")
        let failed = try await place.glossator("report", "--collection", "mail")
        expectRefusal(failed, 65, "report-run-failed", naming: "the disk is full")
        try insert("mail", "status", "'running'")
        expectRefusal(try await place.glossator("report", "--run", "2"), 65, "report-run-running")
        expectRefusal(try await place.glossator("report", "--run", "99"), 65, "not-found", naming: "99")
        expectRefusal(
            try await place.glossator("report", "--run", "1", "--collection", "other"), 65, "report-no-run",
            naming: "mail")
        // Recorded before there were records: what there is.
        try insert("old", "status, finished_at, message", "'kept', now(), 'as was asked for'")
        let old = try await place.succeed("report", "--collection", "old", "--output", "-")
        let oldPage = try Self.check(old.output)
        #expect(oldPage.text.contains("kept no curves") && !oldPage.all("h2").contains { $0.text == "The gate" })
        // A newer failure does not hide the run that ended well.
        try insert("old", "status, finished_at, message", "'failed', now(), 'x'")
        #expect(try await place.succeed("report", "--collection", "old", "--output", "-").output.contains("run 3 of"))
        expectRefusal(
            try await place.glossator("report", "--run", "3", "--output", "/nowhere/x.html"), 74, "report-file",
            naming: "/nowhere/x.html")
        try place.psql("UPDATE glossator.training_runs SET record = '{\"version\": 2}' WHERE id = 3")
        expectRefusal(try await place.glossator("report", "--run", "3"), 69, "report-record", naming: "version 2")
        try place.psql("UPDATE glossator.training_runs SET record = '{\"version\": 1}' WHERE id = 3")
        expectRefusal(try await place.glossator("report", "--run", "3"), 69, "report-record", naming: "record of")
    }
}

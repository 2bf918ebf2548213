import Annotations
import Foundation
import Store
import TestSupport
import Testing

@Suite("What a person should label next")
struct NextToLabelTests {
    /// A collection `mail` of annotated documents, the n-th (from 1) with the uncertainty n / (2 · count) in both tasks of the
    /// model, and a signature of its own: 64 neighbourhoods of equal size.
    private func annotated(_ count: Int) async throws -> TestDatabase {
        let database = try await TestDatabase.create()
        try await database.addModel(tasks: [TestDatabase.topics, TestDatabase.names])
        try database.psql(
            """
            SET session_replication_role = replica;
            INSERT INTO glossator.collections (name) VALUES ('mail');
            INSERT INTO glossator.documents (collection, external_id, body)
            SELECT 'mail', 'm-' || n, 'mail ' || n FROM generate_series(1, \(count)) n;
            INSERT INTO glossator.uncertainties (document_id, model_id, signature, uncertainty, collection, task)
            SELECT d.id, 1, d.id << 6 | (d.id % 64), d.id / \(2 * count)::real, 'mail', task
            FROM glossator.documents d, (VALUES ('topic'), ('names')) t (task);
            INSERT INTO glossator.labels (document_id, model_id, segment, start_char, end_char, score, task, label)
            SELECT d.id, 1, 0, 0, 4, 0.5, 'topic', 'a' FROM glossator.documents d
            """)
        return database
    }

    /// The columns of the answer, row by row.
    private func next(
        _ database: TestDatabase, _ columns: String, _ arguments: String, _ rest: String = ""
    ) throws -> [String] {
        try database.psql("SELECT \(columns) FROM glossator.next_to_label(\(arguments)) AS n \(rest)")
            .split(separator: "\n").map(String.init)
    }

    private let part = "glossator.split_fraction(glossator.body_sha256(n.body)) < 0.2"

    @Test("uncertain documents come first the most uncertain, random ones between them, each with what is known of it")
    func order() async throws {
        let database = try await annotated(2000)
        let rows = try next(database, "place, reason, external_id = 'm-' || document_id", "'mail', 20, 'topic'")
        #expect(rows.count == 20)
        #expect(rows.enumerated().allSatisfy { $1.hasPrefix("\($0 + 1)|") && $1.hasSuffix("|t") })
        #expect(rows.count { $0.contains("|random|") } == 4)
        #expect(rows.prefix(5).contains { $0.contains("|random|") }, "who stops early has seen one")

        let uncertain = try next(
            database, "document_id, uncertainty, novelty, score, answer, body", "'mail', 20, 'topic'",
            "WHERE reason = 'uncertain' ORDER BY place"
        ).map { $0.split(separator: "|") }
        #expect(uncertain.count == 16)
        let scores = uncertain.compactMap { Float($0[3]) }
        #expect(scores == scores.sorted(by: >))
        for row in uncertain {
            #expect(abs(Float(row[3])! - Float(row[1])! * Float(row[2])!) < 1e-6)
            #expect(row[4] == "a" && row[5] == "mail \(row[0])")
        }
        // All are among the most uncertain twentieth, and the first is the most uncertain that may be learned from.
        #expect(uncertain.allSatisfy { Int($0[0])! > 1900 })
        #expect(
            try database.psql(
                "SELECT max(id) FROM glossator.documents n WHERE NOT \(part)") == String(uncertain[0][0]))
    }

    @Test("no neighbourhood is asked for twice before others were, and where much is labelled last")
    func diversity() async throws {
        let database = try await annotated(2000)
        try database.psql(
            """
            UPDATE glossator.uncertainties SET uncertainty = 0.9 + document_id / 100000.0 WHERE document_id % 64 = 1
            """)
        func chosen() throws -> [Int] {
            try next(
                database, "count(*) FILTER (WHERE document_id % 64 = 1), count(DISTINCT document_id % 64), count(*)",
                "'mail', 30, 'topic', 0")[0].split(separator: "|").compactMap { Int($0) }
        }
        // By uncertainty alone the first 25 would be of one neighbourhood.
        let before = try chosen()
        #expect((2...8).contains(before[0]) && before[1] > 15 && before[2] == 30)
        try database.psql(
            """
            INSERT INTO glossator.gold_labels (document_id, task, label)
            SELECT id, 'topic', 'a' FROM glossator.documents WHERE id % 64 = 1 AND id < 700
            """)
        #expect(try chosen()[0] == 0)
    }

    @Test("what has gold of the task does not come, nor does a text like it")
    func gold() async throws {
        let database = try await annotated(40)
        try database.psql(
            """
            INSERT INTO glossator.gold_labels (document_id, task, label) SELECT id, 'topic', 'a' FROM glossator.documents
            WHERE id > 30;
            INSERT INTO glossator.gold_complete (document_id, task) SELECT id, 'names' FROM glossator.documents WHERE id <= 10;
            INSERT INTO glossator.gold_entities (document_id, task, type, surface)
            SELECT id, 'names', 'word', 'mail' FROM glossator.documents WHERE id BETWEEN 11 AND 20;
            UPDATE glossator.gold_entities SET retracted_at = now() WHERE document_id = 20;
            """)
        for share in ["0", "0.5", "1"] {
            #expect(
                try next(database, "count(*), max(document_id)", "'mail', 50, 'topic', \(share)") == ["30|30"])
            #expect(
                try next(database, "count(*), min(document_id)", "'mail', 50, 'names', \(share)") == ["21|20"])
        }
        // A copy of what is labelled teaches nothing.
        try database.psql(
            """
            UPDATE glossator.uncertainties SET uncertainty = 1, signature = -5 WHERE document_id IN (29, 30) AND task = 'topic';
            UPDATE glossator.uncertainties SET signature = -5 WHERE document_id = 31 AND task = 'topic'
            """)
        #expect(
            try next(
                database, "count(*)", "'mail', 10, 'topic', 0", "WHERE document_id IN (29, 30) AND reason = 'uncertain'"
            ) == ["0"])
    }

    @Test("a text that stands there many times comes once")
    func copies() async throws {
        let database = try await annotated(30)
        try database.psql(
            """
            SET session_replication_role = replica;
            INSERT INTO glossator.documents (collection, body) SELECT 'mail', 'again' FROM generate_series(1, 3000);
            INSERT INTO glossator.uncertainties (document_id, model_id, signature, uncertainty, collection, task)
            SELECT id, 1, -1, 0.75, 'mail', 'topic' FROM glossator.documents WHERE body = 'again'
            """)
        for share in ["0", "0.2", "1"] {
            let rows = try next(database, "count(*), count(DISTINCT body)", "'mail', 31, 'topic', \(share)")
            #expect(rows == ["31|31"], "share \(share)")
        }
    }

    @Test("random documents are as many as asked for; held-out ones are random always, and only they while there are")
    func randomShare() async throws {
        let database = try await annotated(2000)
        for (share, random, heldOut) in [
            ("0", 0, 0), ("0.1", 10, 10), ("0.2", 20, 20), ("0.5", 50, 20), ("1", 100, 20),
        ] {
            #expect(
                try next(
                    database,
                    "count(*), count(*) FILTER (WHERE reason = 'random'), count(*) FILTER (WHERE \(part)), count(*) FILTER (WHERE \(part) AND reason = 'uncertain')",
                    "'mail', 100, 'topic', \(share)") == ["100|\(random)|\(heldOut)|0"])
        }
        // As the collection's last run held out.
        try database.psql(
            """
            INSERT INTO glossator.training_runs (collection, status, code_version, finished_at, options)
            VALUES ('mail', 'kept', '', now(), '{"heads": {"holdout": 0.5}}')
            """)
        #expect(
            try next(
                database, "count(*) FILTER (WHERE \(part.replacingOccurrences(of: "0.2", with: "0.5"))) ",
                "'mail', 100, 'topic', 0.7") == ["50"])
        // One document: random now and then.
        let one = try database.psql(
            """
            SELECT count(*) FILTER (WHERE n.reason = 'random') FROM generate_series(1, 100),
                LATERAL glossator.next_to_label('mail', 1 + 0 * generate_series, 'topic', 0.3) n
            """)
        #expect((10...50).contains(Int(one) ?? 0))
    }

    @Test("every document is as likely as every other, whatever ids are missing")
    func uniform() async throws {
        let database = try await annotated(400)
        try database.psql("DELETE FROM glossator.documents WHERE id BETWEEN 101 AND 300 OR id % 2 = 0")
        let counts = try database.psql(
            """
            SELECT min(n), max(n), count(*) FROM (
                SELECT d, count(*) AS n FROM generate_series(1, 200),
                    LATERAL unnest(glossator.random_documents('mail', 'topic', 20 + 0 * generate_series, NULL, 0.2)) d
                GROUP BY d) t
            """
        ).split(separator: "|").compactMap { Int($0) }
        // 4,000 draws of 100 documents: 40 each, deviation 5.7 (without putting back within a call).
        #expect(counts.count == 3 && counts[2] == 100 && counts[0] > 15 && counts[1] < 70)
    }

    @Test("a small collection beside a large one, one without a model, without results, without documents")
    func littleToChooseFrom() async throws {
        let database = try await annotated(3000)
        try await database.add("one", "two", "three", to: "small")
        #expect(
            try next(database, "count(*), min(reason), min(task), count(uncertainty)", "'small', 20, 'topic'")
                == ["3|random|topic|0"])
        try database.psql("INSERT INTO glossator.collections (name) VALUES ('empty')")
        #expect(try next(database, "*", "'empty'").isEmpty)
        try database.psql(
            "DELETE FROM glossator.model_history", "UPDATE glossator.models SET is_default = false")
        #expect(
            try next(database, "count(*), count(task), count(answer), min(reason)", "'small'") == ["3|0|0|random"])
        #expect(try next(database, "count(*), min(task)", "'small', 2, 'brand new'") == ["2|brand new"])
        try database.psql("DELETE FROM glossator.uncertainties")
        #expect(try next(database, "count(*), min(reason)", "'mail', 50") == ["50|random"])
    }

    @Test("several tasks take turns, and a document comes for one of them")
    func severalTasks() async throws {
        let database = try await annotated(500)
        let counts = try next(
            database, "task, reason, count(*)", "'mail', 40", "GROUP BY task, reason ORDER BY 1, 2")
        #expect(counts.count == 4)
        #expect(try next(database, "count(*), count(DISTINCT document_id)", "'mail', 40") == ["40|40"])
        // Numbers of one task are not compared with those of another.
        try database.psql("UPDATE glossator.uncertainties SET uncertainty = uncertainty / 1000 WHERE task = 'names'")
        #expect(
            Int(try next(database, "count(*)", "'mail', 40", "WHERE task = 'names' AND reason = 'uncertain'")[0])! > 8)
        try database.psql(
            "INSERT INTO glossator.gold_labels (document_id, task, label) SELECT id, 'topic', 'a' FROM glossator.documents"
        )
        #expect(try next(database, "min(task), max(task), count(*)", "'mail', 40") == ["names|names|40"])
    }

    @Test("entities are shown with their types")
    func entityAnswers() async throws {
        let database = try await TestDatabase.create()
        try await database.addModel(tasks: [TestDatabase.names])
        try await database.add("Ada wrote to Grace")
        let daemon = try await database.newDaemon()
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 9, maximumTokens: .max)
        _ = try await database.queue.complete(claimed.map { database.result(of: $0) })
        #expect(
            try next(database, "task, answer, uncertainty", "'mail', 5") == ["names|word: Ada|0.125"])
    }

    @Test("what makes no sense is refused with a hint")
    func refusals() async throws {
        let database = try await annotated(20)
        for (arguments, words) in [
            ("'nowhere'", ["there is no collection", "glossator.collections"]),
            ("'mail', 5, 'tpoic'", ["has no task \"tpoic\"", "names, topic"]),
            ("'mail', 0", ["k is a whole number", "how many"]), ("'mail', NULL", ["k is a whole number"]),
            ("'mail', 5, 'topic', 1.5", ["random_share", "0.2"]), ("'mail', 5, 'topic', 'NaN'", ["random_share"]),
        ] {
            let error = #expect(throws: (any Error).self) { try next(database, "*", arguments) }
            for word in words { #expect("\(error as Any)".contains(word), "\(arguments): \(error as Any)") }
        }
        // A task begins with its first gold, or is declared.
        try database.psql("INSERT INTO glossator.gold_declared VALUES ('mail', 'tone', 'warm')")
        #expect(try next(database, "count(*), min(task)", "'mail', 5, 'tone'") == ["5|tone"])
        try database.psql("INSERT INTO glossator.gold_labels (document_id, task, label) VALUES (1, 'mood', 'sad')")
        #expect(try next(database, "count(*)", "'mail', 50, 'mood'") == ["19"])
    }

    @Test("who may read is told; nothing else is needed")
    func rights() async throws {
        let database = try await annotated(50)
        let role = "reader_\(UUID().uuidString.prefix(8).lowercased())"
        #expect(
            try database.psql(
                """
                CREATE ROLE \(role); GRANT USAGE ON SCHEMA glossator TO \(role);
                GRANT SELECT ON ALL TABLES IN SCHEMA glossator TO \(role); SET ROLE \(role);
                SELECT count(*) FROM glossator.next_to_label('mail', 10)
                """
            ).hasSuffix("10"))
        try database.psql("DROP OWNED BY \(role); DROP ROLE \(role)")
    }
}

import Annotations
import Foundation
import Store
import TestSupport
import Testing

@Suite struct WatchTests {
    /// A watched table `reviews` of three rows, one of which the filter leaves out.
    private func reviews() async throws -> TestDatabase {
        let database = try await TestDatabase.create()
        try database.psql(
            """
            CREATE TABLE reviews (id bigint PRIMARY KEY, text text, rating integer, other text);
            INSERT INTO reviews VALUES (1, 'one', 5), (2, 'two', 4), (3, 'three', 0);
            SELECT glossator.watch('public.reviews', key => 'id', body => 'text', filter => 'rating > 0',
                metadata => ARRAY['rating'])
            """)
        try database.psql("CALL glossator.backfill('public.reviews')")
        return database
    }

    @Test func rowsThatWereThereBecomeDocuments() async throws {
        let database = try await reviews()
        #expect(try database.documents(of: "reviews") == ["1|one|{\"rating\": 5}", "2|two|{\"rating\": 4}"])
        #expect(try database.count("watches", "backfilled_at IS NOT NULL AND problem IS NULL") == 1)
        #expect(try database.psql("SELECT glossator.backfill_step(id) FROM glossator.watches") == "0")
        #expect(try database.psql("SELECT glossator.backfill_pending(10)") == "0")
    }

    @Test func everyWayOfWritingIsFollowed() async throws {
        let database = try await reviews()
        let steps: [(statement: String, documents: String)] = [
            ("INSERT INTO reviews VALUES (4, 'four', 1), (5, 'five', 0), (6, NULL, 1)", "1one 2two 4four"),
            ("UPDATE reviews SET text = 'TWO' WHERE id = 2", "1one 2TWO 4four"),
            ("UPDATE reviews SET text = 'six' WHERE id = 6", "1one 2TWO 4four 6six"),
            ("UPDATE reviews SET text = NULL WHERE id = 4", "1one 2TWO 6six"),
            ("UPDATE reviews SET rating = 0 WHERE id = 1", "2TWO 6six"),
            ("UPDATE reviews SET rating = NULL WHERE id = 6", "2TWO"),
            ("UPDATE reviews SET rating = 1", "1one 2TWO 3three 5five 6six"),
            ("UPDATE reviews SET id = id + 10 WHERE id < 3", "11one 12TWO 3three 5five 6six"),
            ("DELETE FROM reviews WHERE id > 11", "11one 3three 5five 6six"),
            (
                """
                INSERT INTO reviews VALUES (3, 'drei', 1), (7, 'sieben', 1)
                ON CONFLICT (id) DO UPDATE SET text = excluded.text
                """, "11one 3drei 5five 6six 7sieben"
            ),
            (
                "WITH moved AS (DELETE FROM reviews WHERE id < 7 RETURNING *) "
                    + "INSERT INTO reviews SELECT id + 100, text, rating FROM moved",
                "103drei 105five 106six 11one 7sieben"
            ),
            ("TRUNCATE reviews", ""),
        ]
        for step in steps {
            try database.psql(step.statement)
            let found = try database.documents(of: "reviews").map {
                $0.split(separator: "|").prefix(2).joined()
            }
            #expect(found.joined(separator: " ") == step.documents, "after \(step.statement)")
            #expect(try database.differences() == 0)
        }
    }

    @Test func copyAndMergeAreFollowed() async throws {
        let database = try await reviews()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("copy-\(UUID().uuidString)")
        try "8\tacht\t1\t\\N\n9\tneun\t0\t\\N\n".write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        try database.psql("\\copy reviews FROM '\(file.path)'")
        #expect(try database.differences() == 0)
        #expect(try database.count("documents") == 3)
        if try await database.connection.serverVersion() >= 150_000 {
            try database.psql(
                """
                MERGE INTO reviews t
                USING (VALUES (1, 'eins'), (2, NULL), (20, 'zwanzig')) AS n (id, text) ON t.id = n.id
                WHEN MATCHED AND n.text IS NULL THEN DELETE
                WHEN MATCHED THEN UPDATE SET text = n.text
                WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.text, 1)
                """)
            #expect(try database.differences() == 0)
            #expect(try database.psql("SELECT body FROM glossator.documents WHERE external_id = '20'") == "zwanzig")
        }
    }

    @Test func swappedKeysAndNestedTriggersComeOutRight() async throws {
        let database = try await TestDatabase.create()
        try database.psql(
            """
            CREATE TABLE pages (a text, b integer, body text NOT NULL, UNIQUE (a, b));
            ALTER TABLE pages ALTER a SET NOT NULL, ALTER b SET NOT NULL;
            INSERT INTO pages VALUES ('x', 1, 'first'), ('x', 2, 'second');
            SELECT glossator.watch('pages', key => ARRAY['b', 'a'], body => 'body');
            CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
                UPDATE pages SET body = upper(NEW.body) WHERE a = NEW.a AND b = NEW.b AND body <> upper(body);
                RETURN NULL; END$$;
            """)
        try database.psql("CALL glossator.backfill('pages')")
        try database.psql("UPDATE pages SET b = b + 1 WHERE b = 2; UPDATE pages SET b = 2 WHERE b = 1")
        try database.psql(
            """
            UPDATE pages SET b = 9 WHERE b = 2; UPDATE pages SET b = 2 WHERE b = 3; UPDATE pages SET b = 3 WHERE b = 9
            """
        )
        #expect(try database.documents(of: "pages") == [#"[2, "x"]|second|{}"#, #"[3, "x"]|first|{}"#])
        try database.psql(
            "CREATE TRIGGER shout AFTER INSERT OR UPDATE ON pages FOR EACH ROW EXECUTE FUNCTION shout()")
        try database.psql("INSERT INTO pages VALUES ('y', 1, 'quiet'); UPDATE pages SET body = 'soft' WHERE b = 2")
        #expect(
            try database.documents(of: "pages")
                == [#"[1, "y"]|QUIET|{}"#, #"[2, "x"]|SOFT|{}"#, #"[3, "x"]|first|{}"#])
        #expect(try database.differences() == 0)
    }

    @Test func whatDidNotChangeIsLeftAlone() async throws {
        let database = try await reviews()
        let before = try database.psql("SELECT id, xmin FROM glossator.documents ORDER BY id")
        try database.psql("DELETE FROM glossator.spool")
        try database.psql("UPDATE reviews SET other = 'x'; UPDATE reviews SET text = text; UPDATE reviews SET id = id")
        #expect(try database.psql("SELECT id, xmin FROM glossator.documents ORDER BY id") == before)
        let ids = try database.psql("SELECT id FROM glossator.documents ORDER BY id")
        try database.psql("UPDATE reviews SET rating = 3 WHERE id = 1")
        #expect(try database.documents(of: "reviews").first == "1|one|{\"rating\": 3}")
        #expect(try database.psql("SELECT id FROM glossator.documents ORDER BY id") == ids)
        #expect(try database.count("spool") == 0, "metadata alone is nothing to annotate")
        try database.psql("UPDATE reviews SET text = 'other', rating = 2 WHERE id = 1")
        #expect(try database.count("spool") == 1)
        #expect(try database.documents(of: "reviews").first == "1|other|{\"rating\": 2}")
    }

    @Test(arguments: [
        ("uuid", "'00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
        ("date", "'2024-02-29'", "2024-02-29"), ("timestamptz", "'2024-02-29 12:00+02'", "2024-02-29T10:00:00Z"),
        ("timestamp", "'2024-02-29 12:00'", "2024-02-29T12:00:00"), ("numeric", "1.50", "1.50"),
        ("text", "'a|b'", "a|b"),
        ("varchar(9)", "'ä'", "ä"), ("char(4)", "'ab'", "ab"), ("bytea", "'\\x00ff'", "\\x00ff"),
        ("smallint", "-3", "-3"),
        ("text", "''", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("text COLLATE \"C\"", "'Z'", "Z"), ("boolean", "true", "true"), ("color", "'red'", "red"),
        ("code", "'k'", "k"),
    ])
    func everyTypeOfKeyNamesItsDocument(type: String, value: String, externalID: String) async throws {
        let database = try await TestDatabase.create()
        try database.psql(
            """
            CREATE TYPE color AS ENUM ('red'); CREATE DOMAIN code AS text CHECK (value <> 'no');
            CREATE TABLE t (k \(type) PRIMARY KEY, body text);
            INSERT INTO t VALUES (\(value), 'old');
            SELECT glossator.watch('t', key => 'k', body => 'body')
            """)
        // Whatever a session writes dates like, the document's name is the same.
        try database.psql("SELECT glossator.backfill_step(id, 1) FROM glossator.watches")
        try database.psql("SELECT glossator.backfill_step(id, 1) FROM glossator.watches")
        #expect(try database.documents(of: "t") == [externalID + "|old|{}"])
        try database.psql("SET DateStyle = 'German'; SET TimeZone = 'Asia/Tokyo'; UPDATE t SET body = 'new'")
        #expect(try database.documents(of: "t") == [externalID + "|new|{}"])
        let plan = try database.psql(
            "SET enable_seqscan = off; SET enable_bitmapscan = off; "
                + "EXPLAIN SELECT status FROM glossator.annotated_t WHERE k = \(value)")
        // Of two values of a boolean a planner expects half the table.
        #expect(type == "boolean" || plan.contains("(external_id = "))
        try database.psql("SET DateStyle = 'SQL, DMY'; DELETE FROM t")
        #expect(try database.count("documents") == 0)
    }

    @Test func keysThatAreEqualButWrittenOtherwiseMoveTheirDocument() async throws {
        let database = try await TestDatabase.create()
        try database.psql(
            """
            CREATE TABLE t (k numeric PRIMARY KEY, body varchar(10)); SELECT glossator.watch('t', 'k', 'body');
            INSERT INTO t VALUES (1.0, 'x'), (2, 'y')
            """)
        try database.psql("UPDATE t SET k = 1.00 WHERE k = 1")
        #expect(try database.documents(of: "t") == ["1.00|x|{}", "2|y|{}"])
    }

    @Test func anythingInAnyOrderStaysInStep() async throws {
        let database = try await TestDatabase.create()
        try database.psql(
            """
            CREATE TABLE t (k integer PRIMARY KEY, body text, f boolean, m integer);
            INSERT INTO t SELECT i, 'text ' || i, i % 3 > 0, i FROM generate_series(1, 40) i;
            SELECT glossator.watch('t', 'k', 'body', filter => 't.f -- only these', metadata => ARRAY['m']);
            """)
        var random = SeededGenerator(seed: 7)
        var script: [String] = []
        for _ in 0..<150 {
            let key = Int.random(in: 1...60, using: &random)
            let text = ["NULL", "'a'", "'b'", "body || '!'", "body"].randomElement(using: &random) ?? "NULL"
            let part = "k % 7 = \(key % 7)"
            script.append(
                [
                    "INSERT INTO t VALUES (\(key), 'new', true, 1) ON CONFLICT (k) DO UPDATE SET body = excluded.body || t.m",
                    "INSERT INTO t VALUES (\(key), 'new', k_f(\(key)), 1) ON CONFLICT DO NOTHING",
                    "UPDATE t SET body = \(text) WHERE \(part)", "UPDATE t SET f = NOT f WHERE \(part)",
                    "UPDATE t SET m = m + 1, f = true WHERE \(part)",
                    "UPDATE t SET k = k + 100 WHERE k = \(key) AND NOT EXISTS (SELECT FROM t o WHERE o.k = t.k + 100)",
                    "UPDATE t SET k = -k WHERE \(part) AND NOT EXISTS (SELECT FROM t o WHERE o.k = -t.k)",
                    "DELETE FROM t WHERE k = \(key)",
                    "SELECT glossator.backfill_step(id, 7) FROM glossator.watches",
                ].randomElement(using: &random) ?? "")
            // Rows that the backfill has not come to may have no document yet, but no wrong one.
            script.append("SELECT 'wrong' FROM differences() WHERE NOT is_missing")
        }
        try database.psql("CREATE FUNCTION k_f(k integer) RETURNS boolean LANGUAGE sql RETURN k % 2 = 0")
        try database.psql(TestDatabase.differences)
        #expect(!(try database.psql(script.joined(separator: ";\n")).contains("wrong")))
        try database.psql("CALL glossator.backfill('t', 7)")
        #expect(try database.differences() == 0)
    }

    @Test func theViewShowsWhatIsKnownOfEachRow() async throws {
        let database = try await reviews()
        try await database.addModel()
        let daemon = try await database.newDaemon()
        try database.psql("INSERT INTO reviews VALUES (4, 'word here', 1), (5, 'x', 1)")
        func states() throws -> String {
            try database.psql(
                "SELECT string_agg(id || ' ' || status, ', ' ORDER BY id) FROM glossator.annotated_reviews")
        }
        #expect(try states() == "1 queued, 2 queued, 3 left out, 4 queued, 5 queued")
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 10, maximumTokens: 10_000)
        #expect(try states() == "1 running, 2 running, 3 left out, 4 running, 5 running")
        let done = claimed.filter { $0.body != "x" }.map { database.result(of: $0) }
        #expect(try await database.queue.complete(done).written.count == 3)
        try database.psql(
            """
            INSERT INTO glossator.failures (document_id, attempts, collection, class, code, message)
                SELECT document_id, 1, collection, 'document', 'text-nul', 'no' FROM glossator.spool;
            DELETE FROM glossator.spool
            """)
        #expect(try states() == "1 done, 2 done, 3 left out, 4 done, 5 failed")
        #expect(
            try database.psql(
                """
                SELECT text, rating, labels, entities, cardinality(embeddings), model_id, annotated_at IS NOT NULL
                FROM glossator.annotated_reviews WHERE id = 4
                """)
                == #"word here|1|[{"end": 9, "task": "topic", "label": "a", "score": 0.875, "start": 0, "segment": 0}]|"#
                + #"[{"end": 4, "task": "names", "type": "word", "score": 0.75, "start": 0, "surface": "word"}]|1|1|t"#
        )
        // What the view does not show may be changed, and what it shows may be renamed.
        try database.psql("ALTER TABLE reviews DROP COLUMN other; ALTER TABLE reviews RENAME TO opinions")
        try database.psql("INSERT INTO opinions VALUES (8, 'eight', 1); UPDATE opinions SET text = 'ONE' WHERE id = 1")
        #expect(try states() == "1 queued, 2 done, 3 left out, 4 done, 5 failed, 8 queued")
    }

    @Test func namesThatAreTakenAreAvoided() async throws {
        let database = try await TestDatabase.create()
        try database.psql(
            """
            CREATE SCHEMA "Other"; CREATE VIEW glossator.annotated_t AS SELECT 1 AS one;
            CREATE TABLE t (status integer PRIMARY KEY, labels text, glossator_labels text);
            CREATE TABLE "Other"."T x" ("The id" integer PRIMARY KEY, "the text" text);
            SELECT glossator.watch('t', 'status', 'labels', metadata => ARRAY['glossator_labels'], collection => 'c');
            SELECT glossator.watch('"Other"."T x"', 'The id', 'the text');
            INSERT INTO "Other"."T x" VALUES (1, 'one'); INSERT INTO t VALUES (2, 'two', 'x')
            """)
        #expect(
            try database.psql("SELECT glossator_status, glossator_glossator_labels FROM glossator.annotated_t_1")
                == "queued|")
        #expect(try database.psql("SELECT status FROM glossator.\"annotated_Other_T x\"") == "queued")
        #expect(
            try database.psql("SELECT collection, external_id FROM glossator.documents ORDER BY 1")
                == "Other.T x|1\nc|2")
        #expect(
            try database.psql(
                "SELECT count(*) FROM pg_class c, pg_attribute a WHERE c.relnamespace = 'glossator'::regnamespace "
                    + "AND c.relname ~ '^(watch_|annotated_.*_)' AND c.relkind = 'v' AND a.attrelid = c.oid AND a.attnum > 0 "
                    + "AND (obj_description(c.oid) IS NULL OR col_description(c.oid, a.attnum) IS NULL)") == "0")
    }
}

extension TestDatabase {
    /// The documents of a collection as `external_id|body|metadata`, by name.
    func documents(of collection: String) throws -> [String] {
        try psql(
            """
            SELECT external_id, body, metadata FROM glossator.documents WHERE collection = '\(collection)'
            ORDER BY external_id COLLATE "C"
            """
        ).split(separator: "\n").map(String.init)
    }

    /// A function that compares the rows of watch 1 with its documents.
    static let differences = """
        CREATE FUNCTION differences(OUT external_id text, OUT is_missing boolean) RETURNS SETOF record
        LANGUAGE sql AS $$
            SELECT coalesce(r.external_id, d.external_id), d.id IS NULL
            FROM (SELECT * FROM glossator.watch_1_rows WHERE is_document) r
            FULL JOIN (SELECT d.* FROM glossator.documents d, glossator.watches w
                WHERE d.collection = w.collection AND w.id = 1) d ON d.external_id = r.external_id
            WHERE d.id IS NULL OR r.external_id IS NULL OR d.body <> r.body OR d.metadata <> r.metadata
        $$
        """

    /// How many documents are not what the watched table says, missing ones included.
    func differences() throws -> Int {
        try psql(Self.differences.replacing("CREATE FUNCTION", with: "CREATE OR REPLACE FUNCTION"))
        return Int(try psql("SELECT count(*) FROM differences()")) ?? -1
    }

    /// The code with which a statement is refused; nil when it is not.
    func refusal(_ sql: String) async throws -> String? {
        await fault { try await connection.run { (session) throws(Fault) in try session.execute(sql, named: "test") } }?
            .code
    }
}

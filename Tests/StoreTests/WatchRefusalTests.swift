import Annotations
import Foundation
import Store
import TestSupport
import Testing

@Suite struct WatchRefusalTests {
    @Test(arguments: [
        ("a_view", "key => 'id', body => 'body'", "watch-not-a-table"),
        ("a_summary", "key => 'id', body => 'body'", "watch-not-a-table"),
        ("a_foreign", "key => 'id', body => 'body'", "watch-not-a-table"),
        ("parted", "key => 'id', body => 'body'", "watch-partition"),
        ("parted_1", "key => 'id', body => 'body'", "watch-partition"),
        ("parent", "key => 'id', body => 'body'", "watch-partition"),
        ("child", "key => 'id', body => 'body'", "watch-partition"),
        ("fleeting", "key => 'id', body => 'body'", "watch-not-durable"),
        ("unlogged", "key => 'id', body => 'body'", "watch-not-durable"),
        ("pg_catalog.pg_class", "key => 'oid', body => 'relname'", "watch-system-table"),
        ("glossator.documents", "key => 'id', body => 'body'", "watch-system-table"),
        ("no_such_table", "key => 'id', body => 'body'", "schema-missing"),
        ("t", "key => 'no', body => 'body'", "watch-column-unknown"),
        ("t", "key => 'id', body => 'no'", "watch-column-unknown"),
        ("t", "key => 'id', body => 'body', metadata => ARRAY['no']", "watch-column-unknown"),
        ("t", "key => 'id', body => NULL", "watch-column-unknown"),
        ("t", "key => '{id}', body => 'body'", "watch-column-unknown"),
        ("t", "key => 'ctid', body => 'body'", "watch-column-unknown"),
        ("t", "key => ARRAY[]::text[], body => 'body'", "watch-columns"),
        ("t", "key => ARRAY['id', 'id'], body => 'body'", "watch-columns"),
        ("t", "key => 'id', body => 'body', metadata => ARRAY['n', 'n']", "watch-columns"),
        ("t", "key => 'n', body => 'body'", "watch-key"),
        ("t", "key => 'nullable', body => 'body'", "watch-key"),
        ("t", "key => 'deferred', body => 'body'", "watch-key"),
        ("t", "key => 'partial', body => 'body'", "watch-key"),
        ("t", "key => 'lowered', body => 'body'", "watch-key"),
        ("t", "key => ARRAY['id', 'n'], body => 'body'", "watch-key"),
        ("t", "key => 'ratio', body => 'body'", "watch-key-type"),
        ("t", "key => 'id', body => 'n'", "watch-body-type"),
        ("t", "key => 'id', body => 'document'", "watch-body-type"),
        ("t", "key => 'id', body => 'body', filter => 'n >'", "watch-filter"),
        ("t", "key => 'id', body => 'body', filter => 'n'", "watch-filter"),
        ("t", "key => 'id', body => 'body', filter => ''", "watch-filter"),
        ("t", "key => 'id', body => 'body', filter => 'no = 1'", "watch-filter"),
        ("t", "key => 'id', body => 'body', filter => 'count(*) > 1'", "watch-filter"),
        ("t", "key => 'id', body => 'body', filter => 'ctid IS NULL'", "watch-filter"),
        ("t", "key => 'id', body => 'body', filter => 'true); DROP TABLE parent; SELECT (true'", "watch-filter"),
        (
            "t", "key => 'id', body => 'body', filter => 'EXISTS (SELECT FROM public.parent p WHERE p.id = n)'",
            "watch-filter-subquery"
        ),
        ("t", "key => 'id', body => 'body', collection => 'full'", "watch-collection-taken"),
        ("t", "key => 'id', body => 'body', collection => 'watched'", "watch-collection-taken"),
        ("t", "key => 'id', body => 'body', collection => 'watched', adopt => true", "watch-collection-taken"),
        ("t", "key => 'id', body => 'body', collection => ''", "watch-collection-name"),
        ("t", "key => 'id', body => 'body', collection => repeat('x', 201)", "watch-collection-name"),
        ("watched", "key => 'id', body => 'body', collection => 'again'", "watch-twice"),
    ])
    func whatCannotBeKeptInStepIsRefused(table: String, arguments: String, code: String) async throws {
        let database = try await TestDatabase.create()
        try database.psql(
            """
            CREATE TABLE t (id integer PRIMARY KEY, body text, n integer NOT NULL, nullable integer UNIQUE,
                deferred integer NOT NULL UNIQUE DEFERRABLE, partial integer NOT NULL, lowered text NOT NULL,
                ratio float8 NOT NULL UNIQUE, document jsonb);
            CREATE UNIQUE INDEX ON t (partial) WHERE n > 0; CREATE UNIQUE INDEX ON t (lower(lowered));
            CREATE VIEW a_view AS SELECT * FROM t; CREATE MATERIALIZED VIEW a_summary AS SELECT * FROM t;
            CREATE FOREIGN DATA WRAPPER none; CREATE SERVER nowhere FOREIGN DATA WRAPPER none;
            CREATE FOREIGN TABLE a_foreign (id integer, body text) SERVER nowhere;
            CREATE TABLE parted (id integer PRIMARY KEY, body text) PARTITION BY RANGE (id);
            CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (9);
            CREATE TABLE parent (id integer PRIMARY KEY, body text);
            CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
            CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY, body text);
            CREATE TABLE watched (id integer PRIMARY KEY, body text); SELECT glossator.watch('watched', 'id', 'body');
            INSERT INTO glossator.documents (collection, body) VALUES ('full', 'text')
            """)
        let sql = "SELECT glossator.watch('\(table)', \(arguments))"
        if table == "fleeting" {
            #expect(
                try await database.refusal(
                    "CREATE TEMPORARY TABLE fleeting (id integer PRIMARY KEY, body text); \(sql)") == code)
        } else {
            let refusal = await fault {
                try await database.connection.run { (session) throws(Fault) in try session.execute(sql, named: "test") }
            }
            #expect(refusal?.code == code)
            #expect(refusal?.hint != nil)
        }
        #expect(try database.count("watches") == 1 && database.psql("SELECT count(*) FROM parent") == "0")
        #expect(try database.psql("SELECT count(*) FROM pg_trigger WHERE tgname ~ '^glossator_'") == "4")
    }

    @Test func whoHasNotTheRightsIsTold() async throws {
        let database = try await TestDatabase.create()
        let role = "reader_" + UUID().uuidString.prefix(8).lowercased()
        try database.psql(
            """
            CREATE TABLE t (id integer PRIMARY KEY, body text);
            CREATE ROLE \(role); GRANT USAGE ON SCHEMA glossator TO \(role);
            GRANT SELECT ON t, glossator.watches TO \(role)
            """)
        let watch = "SELECT glossator.watch('t', 'id', 'body')"
        #expect(try await database.refusal("SET ROLE \(role); \(watch)") == "watch-rights")
        #expect(try await database.refusal("RESET ROLE") == nil)
        try database.psql(
            """
            GRANT CREATE ON SCHEMA glossator TO \(role); ALTER TABLE t OWNER TO \(role);
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA glossator TO \(role);
            ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY
            """)
        #expect(try await database.refusal("SET ROLE \(role); \(watch)") == "watch-row-security")
        #expect(try await database.refusal("RESET ROLE; ALTER TABLE t NO FORCE ROW LEVEL SECURITY") == nil)
        #expect(try await database.refusal("SET ROLE \(role); \(watch)") == nil)
    }

    @Test func aFilterRunsWithTheRightsOfWhoWatches() async throws {
        let database = try await TestDatabase.create()
        let suffix = UUID().uuidString.prefix(8).lowercased()
        let (owner, writer, daemon) = ("owner_\(suffix)", "writer_\(suffix)", "daemon_\(suffix)")
        try database.psql(
            """
            CREATE ROLE \(owner); CREATE ROLE \(writer); CREATE ROLE \(daemon);
            GRANT USAGE, CREATE ON SCHEMA glossator TO \(owner); GRANT USAGE ON SCHEMA glossator TO \(daemon);
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA glossator TO \(owner);
            GRANT SELECT, UPDATE ON glossator.watches TO \(daemon);
            CREATE TABLE t (id integer PRIMARY KEY, body text); ALTER TABLE t OWNER TO \(owner);
            INSERT INTO t VALUES (1, 'before'); GRANT INSERT ON t TO \(writer);
            CREATE FUNCTION who() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text';
            """)
        try database.psql(
            "SET ROLE \(owner); SELECT glossator.watch('t', 'id', 'body', filter => 'public.who() = ''\(owner)''')")
        try database.psql("SET ROLE \(writer); INSERT INTO t VALUES (2, 'written')")
        #expect(try database.psql("SET ROLE \(daemon); SELECT glossator.backfill_pending(10)") == "2")
        #expect(try database.documents(of: "t") == ["1|before|{}", "2|written|{}"])
        // Only the trigger and the daemon come to the functions.
        for call in ["watch_1_sync(ARRAY[1])", "watch_1_keep()"] {
            #expect(try await database.refusal("SET ROLE \(writer); SELECT glossator.\(call)") != nil)
            #expect(try await database.refusal("RESET ROLE") == nil)
        }
        // A function of the same name that would run as its caller is not called.
        try database.psql("ALTER FUNCTION glossator.watch_1_backfill SECURITY INVOKER")
        #expect(try await database.refusal("SELECT glossator.backfill_step(1)") == "watch-broken")
    }

    @Test func whatIsNotWatchedIsNamed() async throws {
        let database = try await TestDatabase.create()
        try database.psql(
            """
            CREATE TABLE a (id integer PRIMARY KEY, body text); CREATE TABLE b (id integer PRIMARY KEY, body text);
            SELECT glossator.watch('a', 'id', 'body', collection => 'b');
            SELECT glossator.watch('b', 'id', 'body', collection => 'c')
            """)
        #expect(try await database.refusal("SELECT glossator.unwatch('nothing')") == "watch-unknown")
        #expect(try await database.refusal("SELECT glossator.unwatch('not a table''s name')") == "watch-unknown")
        #expect(try await database.refusal("CALL glossator.backfill('nothing')") == "watch-unknown")
        #expect(try await database.refusal("SELECT glossator.backfill_step(99)") == "watch-unknown")
        #expect(try await database.refusal("SELECT glossator.backfill_step(1, 0)") == "watch-step")
        #expect(try await database.refusal("SELECT glossator.unwatch('b')") == "watch-ambiguous")
        #expect(try database.psql("SELECT glossator.unwatch('public.b'); SELECT glossator.unwatch('b')") == "0\n0")
        #expect(try database.count("watches") == 0)
    }
}

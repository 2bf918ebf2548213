import Annotations
import Store
import TestSupport
import Testing

/// Several people speak about one document: whose word training reads, and which words are taken at all.
@Suite struct GoldPolicyTests {
    /// Code points 0..<9 are one word of three parts.
    private let body = "aaabbbccc and more"

    private func database(_ policy: String? = nil) async throws -> (TestDatabase, id: Int64) {
        let database = try await TestDatabase.create()
        let id = try await database.add(body)[0]
        if let policy {
            try database.psql("INSERT INTO glossator.gold_policies VALUES ('mail', \(policy))")
        }
        return (database, id)
    }

    private func say(_ label: String, _ annotator: String, of id: Int64, in database: TestDatabase) async throws {
        try await database.gold.insert(
            labels: [.init(documentID: id, task: "tone", label: label)], annotator: annotator)
    }

    private func tone(_ database: TestDatabase) async throws -> String? {
        try await database.gold.allLabelledDocuments(in: "mail").first?.labels["tone"]
    }

    @Test func byDefaultTheNewestWordCounts() async throws {
        let (database, id) = try await database()
        for (label, annotator) in [("cold", "kim"), ("cold", "lee"), ("warm", "max")] {
            try await say(label, annotator, of: id, in: database)
        }
        #expect(try await tone(database) == "warm")
        #expect(
            try database.psql("SELECT votes, annotators, annotator FROM glossator.gold_current_labels") == "1|3|max")
        #expect(
            try database.psql("SELECT annotators, opinions, counts FROM glossator.label_conflicts")
                == #"3|{"cold": ["kim", "lee"], "warm": ["max"]}|warm"#)
        // Who changes the own mind does not vote twice.
        try await say("cold", "max", of: id, in: database)
        #expect(try await tone(database) == "cold")
        #expect(try database.psql("SELECT count(*) FROM glossator.label_conflicts") == "0")
    }

    @Test func whatMostSayCountsAndATieCountsForNobody() async throws {
        let (database, id) = try await database("'majority', 1, true")
        try await say("cold", "kim", of: id, in: database)
        #expect(try await tone(database) == "cold")
        try await say("warm", "lee", of: id, in: database)
        #expect(try await tone(database) == nil)
        #expect(try database.psql("SELECT counts IS NULL FROM glossator.label_conflicts") == "t")
        #expect(try await database.gold.allLabelledDocuments(in: "mail").isEmpty)
        try await say("cold", "max", of: id, in: database)
        try await say("odd", "ola", of: id, in: database)
        #expect(try await tone(database) == "cold")
        #expect(
            try database.psql("SELECT votes, annotators, annotator FROM glossator.gold_current_labels") == "2|4|max")
        // A correction moves a vote: two against two is a tie again, three against one is none.
        try await say("warm", "ola", of: id, in: database)
        #expect(try await tone(database) == nil)
        try await say("warm", "kim", of: id, in: database)
        #expect(try await tone(database) == "warm")
        #expect(try await database.gold.counts(in: "mail").labels == ["tone": ["warm": 1]])
    }

    @Test(arguments: ["newest", "majority"])
    func fewerPeopleThanAskedForDoNotCount(resolution: String) async throws {
        let (database, id) = try await database("'\(resolution)', 2, true")
        let other = try await database.add("alone", to: "others")[0]
        for document in [id, other] {
            try await say("cold", "kim", of: document, in: database)
            try await say("cold", "kim", of: document, in: database)
            try await database.gold.insert(complete: [.init(documentID: document, task: "names")], annotator: "kim")
        }
        #expect(try await database.gold.allLabelledDocuments(in: "mail").isEmpty)
        #expect(try await database.gold.counts(in: "mail").complete.isEmpty)
        #expect(try await database.gold.allLabelledDocuments(in: "others").map(\.labels) == [["tone": "cold"]])
        try await say("cold", "lee", of: id, in: database)
        try await database.gold.insert(complete: [.init(documentID: id, task: "names")], annotator: "lee")
        let document = try #require(try await database.gold.allLabelledDocuments(in: "mail").first)
        #expect(document.labels == ["tone": "cold"] && document.completeTasks == ["names"])
    }

    @Test func anImportThatIsRepeatedDoesNotUndoACorrection() async throws {
        let (database, id) = try await database()
        try await say("cold", "kim", of: id, in: database)
        try await say("warm", "lee", of: id, in: database)
        try await say("cold", "kim", of: id, in: database)
        #expect(try await tone(database) == "warm")
        #expect(try database.count("gold_labels") == 2)
    }

    private struct Spans: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Each annotator's: start, end, type.
        let marked: [[(Int, Int, String)]]
        /// Nil: unresolved.
        let counts: [String]?
    }

    private static let markings: [Spans] = [
        .init(testDescription: "one person", marked: [[(0, 3, "x")]], counts: ["0-3 x"]),
        .init(testDescription: "two of three", marked: [[(0, 3, "x")], [(0, 3, "x")], []], counts: ["0-3 x"]),
        .init(testDescription: "one of three", marked: [[(0, 3, "x")], [], []], counts: []),
        .init(testDescription: "one of two", marked: [[(0, 3, "x")], []], counts: nil),
        .init(testDescription: "two of four", marked: [[(0, 3, "x")], [(0, 3, "x")], [], []], counts: nil),
        .init(
            testDescription: "most see something, each something else",
            marked: [[(0, 3, "x")], [(0, 6, "x")], [(0, 9, "x")]], counts: nil),
        .init(testDescription: "two types", marked: [[(0, 3, "x")], [(0, 3, "y")], []], counts: nil),
        .init(
            testDescription: "a minority beside what most see",
            marked: [[(0, 3, "x")], [(0, 3, "x")], [(0, 6, "y")]], counts: ["0-3 x"]),
        .init(
            testDescription: "one long span over another's two is one person's",
            marked: [[(0, 9, "x")], [(0, 3, "x"), (6, 9, "x")], [], [], []], counts: []),
        .init(
            testDescription: "each span for itself",
            marked: [[(0, 3, "x"), (10, 13, "y")], [(0, 3, "x")], [(10, 13, "y"), (14, 18, "z")]],
            counts: ["0-3 x", "10-13 y"]),
    ]

    @Test(arguments: markings)
    private func whatMoreThanHalfMarkCounts(_ entry: Spans) async throws {
        let (database, id) = try await database("'majority', 1, true")
        for (person, spans) in entry.marked.enumerated() {
            try await database.gold.insert(
                entities: spans.map {
                    .init(documentID: id, entity: GoldEntity(task: "names", type: $0.2, start: $0.0, end: $0.1))
                }, complete: [.init(documentID: id, task: "names")], annotator: "p\(person)")
        }
        let document = try #require(try await database.gold.labelledDocuments(in: "mail", ids: [id]).first)
        #expect((document.completeTasks == ["names"]) == (entry.counts != nil))
        #expect(document.entities.map { "\($0.start)-\($0.end) \($0.type)" } == entry.counts ?? [])
        let open = try database.psql("SELECT count(*) FROM glossator.entity_conflicts WHERE NOT is_resolved")
        #expect((open == "0") == (entry.counts != nil))
    }

    @Test func spansThatDifferNameWhoMarksThem() async throws {
        let (database, id) = try await database()
        for (person, end) in [("kim", 3), ("lee", 3), ("max", 6)] {
            try await database.gold.insert(
                entities: [.init(documentID: id, entity: GoldEntity(task: "names", type: "x", start: 0, end: end))],
                annotator: person)
        }
        try await database.gold.insert(complete: [.init(documentID: id, task: "names")], annotator: "ola")
        let rows = try database.psql(
            """
            SELECT surface, marked_by, not_marked_by, counts, is_resolved FROM glossator.entity_conflicts ORDER BY end_char
            """)
        #expect(rows == "aaa|{kim,lee}|{max,ola}|f|t\naaabbb|{max}|{kim,lee,ola}|f|t")
        try database.psql("UPDATE glossator.gold_entities SET retracted_at = now() WHERE annotator <> 'kim'")
        #expect(
            try database.psql("SELECT marked_by, not_marked_by FROM glossator.entity_conflicts") == "{kim}|{ola}")
    }

    @Test func aCollectionMayTakeDeclaredLabelsOnly() async throws {
        let (database, id) = try await database()
        let elsewhere = try await database.add("free", to: "others")[0]
        try await say("odd", "kim", of: id, in: database)
        try database.psql(
            """
            INSERT INTO glossator.gold_policies (collection, accepts_new) VALUES ('mail', false);
            INSERT INTO glossator.gold_declared VALUES ('mail', 'tone', 'warm'), ('mail', 'tone', 'cold'), ('mail', 'names', 'x');
            """)
        #expect(try await database.gold.declared(in: "mail") == ["tone": ["cold", "warm"], "names": ["x"]])
        #expect(try await database.gold.declared(in: "others") == nil)
        try await say("cold", "kim", of: id, in: database)
        try await say("anything", "kim", of: elsewhere, in: database)
        let label = await fault { try await say("wram", "kim", of: id, in: database) }
        #expect(label?.code == "gold-undeclared" && label?.blame == .input)
        #expect(label?.message.contains("\"wram\" of task \"tone\" (document \(id))") == true)
        #expect(label?.hint?.contains("Declared for this task: cold, warm.") == true)
        let task = await fault {
            try await database.gold.insert(labels: [.init(documentID: id, task: "tune", label: "cold")])
        }
        #expect(task?.code == "gold-undeclared" && task?.hint?.contains("Declared tasks: names, tone.") == true)
        let type = await fault {
            try await database.gold.insert(
                entities: [.init(documentID: id, entity: GoldEntity(task: "names", type: "y", start: 0, end: 3))])
        }
        #expect(type?.code == "gold-undeclared" && type?.hint?.contains("Declared for this task: x.") == true)
        let complete = await fault { try await database.gold.insert(complete: [.init(documentID: id, task: "nmes")]) }
        #expect(complete?.code == "gold-undeclared")
        try await database.gold.insert(
            entities: [.init(documentID: id, entity: GoldEntity(task: "names", type: "x", start: 0, end: 3))],
            complete: [.init(documentID: id, task: "names")])
        // A statement is refused whole; what was there before the policy stays.
        #expect(
            try database.psql(
                "SELECT string_agg(label, ',' ORDER BY id) FROM glossator.gold_labels WHERE document_id = \(id)")
                == "odd,cold")
    }

    @Test func allThatCountsStandsInOneView() async throws {
        let (database, id) = try await database()
        try await say("cold", "kim", of: id, in: database)
        try await database.gold.insert(
            entities: [.init(documentID: id, entity: GoldEntity(task: "names", type: "x", start: 3, end: 6))],
            annotator: "lee")
        #expect(
            try database.psql(
                "SELECT collection, task, label, start_char, end_char, surface, annotator FROM glossator.gold_current ORDER BY task"
            )
                == "mail|names|x|3|6|bbb|lee\nmail|tone|cold||||kim")
    }
}

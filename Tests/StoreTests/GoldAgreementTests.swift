import Annotations
import Store
import TestSupport
import Testing

/// `glossator.agreement` against published and hand-counted values.
@Suite struct GoldAgreementTests {
    /// One annotator's labels of successive documents; a full stop is none.
    private func say(_ annotators: [String: String], in database: TestDatabase) async throws {
        let count = annotators.values.map(\.count).max() ?? 0
        let ids = try await database.documents.insert(
            (0..<count).map { DocumentStore.NewDocument(body: "text \($0)") }, into: "mail"
        ).map(\.id)
        for (annotator, labels) in annotators {
            try await database.gold.insert(
                labels: zip(ids, labels).filter { $1 != "." }.map {
                    .init(documentID: $0, task: "tone", label: String($1))
                }, annotator: annotator)
        }
    }

    private func agreement(_ columns: String, in database: TestDatabase, where condition: String = "true") throws
        -> String
    {
        try database.psql(
            "SELECT \(columns) FROM glossator.agreement('mail') WHERE \(condition) ORDER BY annotator_a NULLS FIRST, annotator_b"
        )
    }

    /// Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: four observers, twelve units, values
    /// missing. Nominal alpha is .743. The twelfth unit has one value and does not count.
    @Test func alphaIsKrippendorffs() async throws {
        let database = try await TestDatabase.create()
        try await say(
            ["a": "123321412...", "b": "1233224125.3", "c": ".3332342251.", "d": "12332441251."],
            in: database)
        #expect(
            try agreement("documents, round(alpha::numeric, 3)", in: database, where: "annotator_a IS NULL")
                == "11|0.743")
        #expect(
            try agreement(
                "count(*)", in: database,
                where:
                    "true GROUP BY annotator_a IS NULL, alpha, annotator_a, annotator_b HAVING annotator_a IS NOT NULL"
            ).split(separator: "\n").count == 6)
    }

    /// The textbook's fifty proposals: both say yes to 20 and no to 15, one alone yes to 5, the other to 10. Kappa is .4.
    @Test func kappaIsCohens() async throws {
        let database = try await TestDatabase.create()
        func repeated(_ counts: [(Character, Int)]) -> String {
            counts.map { String(repeating: $0, count: $1) }.joined()
        }
        try await say(
            ["a": repeated([("y", 25), ("n", 25)]), "b": repeated([("y", 20), ("n", 5), ("y", 10), ("n", 15)])],
            in: database)
        // Alpha: 100 values, 55 of them yes; 15 of 50 documents differ: 1 - .3 / (2 · 55 · 45 / (100 · 99)).
        #expect(
            try agreement(
                "annotator_a, annotator_b, documents, round(observed::numeric, 6), round(kappa::numeric, 6), round(alpha::numeric, 6)",
                in: database) == "||50|0.700000||0.400000\na|b|50|0.700000|0.400000|")
    }

    @Test func aSingleLabelSaysNothingAboutAgreement() async throws {
        let database = try await TestDatabase.create()
        try await say(["a": "xxx", "b": "xxx"], in: database)
        #expect(
            try agreement("observed, kappa IS NULL, alpha IS NULL", in: database) == "1|t|t\n1|t|t")
        #expect(try database.psql("SELECT count(*) FROM glossator.agreement('nothing here')") == "0")
    }

    @Test func onlyTheNewestWordAndDoublyAnnotatedDocumentsCount() async throws {
        let database = try await TestDatabase.create()
        try await say(["a": "xyx.x", "b": "xxy."], in: database)
        #expect(
            try agreement("documents, round(observed::numeric, 3)", in: database, where: "annotator_a IS NULL")
                == "3|0.333")
        try database.psql(
            """
            INSERT INTO glossator.gold_labels (document_id, task, label, annotator)
            SELECT document_id, task, label, 'b' FROM glossator.gold_labels WHERE annotator = 'a' AND label = 'y'
            """)
        #expect(
            try agreement("documents, round(observed::numeric, 3)", in: database, where: "annotator_a IS NULL")
                == "3|0.667")
    }

    /// kim and lee share one of 2 + 3 spans in the first document and mark nothing in the second; max has marked the first
    /// alone, and shares nothing with kim and all but one with lee.
    @Test func spansAreComparedByPairs() async throws {
        let database = try await TestDatabase.create()
        let ids = try await database.add("aaabbbcccddd", "nothing")
        let marked: [(String, [(Int, Int, String)])] = [
            ("kim", [(0, 3, "x"), (3, 6, "x")]), ("lee", [(0, 3, "x"), (3, 6, "y"), (6, 9, "x")]),
            ("max", [(3, 6, "y"), (6, 9, "x")]),
        ]
        for (annotator, spans) in marked {
            try await database.gold.insert(
                entities: spans.map {
                    .init(documentID: ids[0], entity: GoldEntity(task: "names", type: $0.2, start: $0.0, end: $0.1))
                }, complete: annotator == "max" ? [] : [.init(documentID: ids[1], task: "names")], annotator: annotator)
        }
        // Over all: 2 · (1 + 0 + 2) / (5 + 4 + 5).
        #expect(
            try agreement("annotator_a, annotator_b, documents, round(span_f1::numeric, 4)", in: database)
                == "||2|0.4286\nkim|lee|2|0.4000\nkim|max|1|0.0000\nlee|max|1|0.8000")
        #expect(
            try agreement(
                "count(observed) + count(kappa) + count(alpha)", in: database,
                where: "true GROUP BY annotator_a, annotator_b") == "0\n0\n0\n0")
    }
}

import Annotations
import Store
import TestSupport
import Testing

@Suite struct CertificateTests {
    private func store(_ database: TestDatabase) -> CertificateStore {
        CertificateStore(connection: database.connection)
    }

    private func certificate(
        _ precision: Precision = .int8, in segmentation: Segmentation = .document, kernels: String = "avx2",
        plan: String? = nil, refusal: String? = nil,
        thresholds: AgreementThresholds = AgreementThresholds(), labels: Double? = 0.998
    ) -> Certificate {
        Certificate(
            segmentation: segmentation, precision: precision, kernels: kernels, plan: plan ?? precision.rawValue,
            texts: 256,
            agreement: Agreement(
                segments: 300, cosineMean: 0.9991, cosineP1: 0.9962, labels: labels, entities: nil),
            thresholds: thresholds, refusal: refusal, seconds: 1.5)
    }

    @Test func aCertificateComesBackAsItWasStored() async throws {
        let database = try await TestDatabase.create()
        let model = try await database.addModel()
        try await database.add("text")
        let mixed = certificate(plan: "int8 3.down=bf16")
        let refused = certificate(.bf16, refusal: "label agreement 0.9 is below 0.995", labels: nil)
        #expect(try await store(database).store(mixed, modelID: model, collection: "mail") == mixed)
        #expect(try await store(database).store(refused, modelID: model, collection: nil) == refused)
        let rows = try await store(database).certificates(of: model)
        #expect(Set(rows.map(\.certificate)) == [mixed, refused])
        #expect(Set(rows.map(\.collection)) == ["mail", nil] && rows.allSatisfy { $0.modelID == model })
        let inForce = try await store(database).certificates(
            of: model, for: "mail", in: .document, kernels: "avx2", thresholds: AgreementThresholds())
        #expect(inForce == [mixed], "one that was made on a file is for reading")
    }

    @Test func whoComesSecondUsesWhatIsThere() async throws {
        let database = try await TestDatabase.create()
        let model = try await database.addModel()
        try await database.add("text")
        let first = certificate(plan: "int8 0.up=bf16")
        let second = certificate(plan: "int8 1.up=bf16")
        func keep(_ certificate: Certificate, replacing: Bool = false) async throws -> Certificate {
            try await store(database).store(
                certificate, modelID: model, collection: "mail", replacing: replacing)
        }
        #expect(try await keep(first) == first)
        #expect(try await keep(second) == first)
        // Somebody who asks for a new one gets it.
        #expect(try await keep(second, replacing: true) == second)
        #expect(try database.count("certificates") == 1)
        for other in [
            certificate(kernels: "avx512"), certificate(.bf16), certificate(in: .sentence),
            certificate(thresholds: AgreementThresholds(cosineP1: 0.9)),
        ] {
            #expect(try await keep(other) == other)
        }
        #expect(try database.count("certificates") == 5)
        let found = try await store(database).certificates(
            of: model, for: "mail", in: .document, kernels: "avx2", thresholds: AgreementThresholds(cosineP1: 0.9))
        #expect(found.map(\.thresholds.cosineP1) == [0.9])
        #expect(
            await fault {
                _ = try await store(database).store(first, modelID: 4711, collection: "mail")
            }?.code == "row-missing")
    }

    @Test func aSampleLiesOverAllOfTheCollection() async throws {
        let database = try await TestDatabase.create()
        try database.psql(
            """
            INSERT INTO glossator.documents (collection, external_id, body)
            SELECT CASE WHEN n % 2 = 0 THEN 'half' ELSE 'other' END, 'd' || n, 'text ' || n || repeat(' ä', 600)
            FROM generate_series(1, 3000) n
            """,
            """
            INSERT INTO glossator.documents (collection, external_id, body)
            SELECT 'rare', 'r' || n, 'rare ' || n FROM generate_series(1, 20) n
            """)
        func sample(_ collection: String, _ count: Int) async throws -> [String] {
            try await store(database).sample(of: collection, count: count, maximumCharacters: 100)
        }
        let texts = try await sample("half", 50)
        #expect(texts.count == 50 && Set(texts).count == 50)
        #expect(texts.allSatisfy { $0.count == 100 })
        let numbers = texts.compactMap { Int($0.split(separator: " ")[1]) }
        #expect(numbers.count == 50 && numbers.allSatisfy { $0 % 2 == 0 })
        #expect(numbers.min() ?? 9999 < 100 && numbers.max() ?? 0 > 2900)
        #expect(try await sample("half", 50) == texts, "the same every time")
        // One of a hundred and fifty: found all the same.
        #expect(try await sample("rare", 50).count == 20)
        #expect(try await sample("nobody's", 50).isEmpty)
    }

    @Test func resultsNameThePrecisionThatMadeThem() async throws {
        let database = try await TestDatabase.create()
        try await database.addModel()
        let daemon = try await database.newDaemon()
        try await database.add("one text", "another")
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 9, maximumTokens: .max)
        _ = try await database.queue.complete(
            claimed.map {
                CompletedDocument(
                    $0, spaceID: 1, precision: $0.body == "another" ? .int8 : .fp32,
                    annotation: database.result(of: $0).annotation)
            })
        try await database.add("another")
        let copies = try await database.queue.claim(daemon: daemon, maximumDocuments: 9, maximumTokens: .max)
        #expect(try await database.queue.reuse(copies).written.count == 1)
        #expect(
            try database.psql("SELECT precision FROM glossator.annotations ORDER BY document_id")
                == "fp32\nint8\nint8")
    }
}

import Foundation
import TestSupport
import Testing

/// Certificates from end to end. The tiny encoder is random, so the thresholds are low: what is tested is who decides, not
/// how well kernels round.
@Suite("Precisions, with the built program", .serialized)
struct PrecisionTests {
    private let place: Workplace
    private static let settings = ["--set", "worker.poll-seconds=0.2", "--set", "precision.cosine=0.9"]

    init() async throws { place = try await Workplace() }

    private func daemon(_ more: String...) throws -> RunningProgram {
        try place.program.start(["run"] + Self.settings + more)
    }

    private func stop(_ daemon: RunningProgram) async throws {
        daemon.send(SIGTERM)
        let outcome = try await daemon.wait(within: .seconds(30))
        #expect(outcome.code == 0, "\(outcome)")
    }

    /// A model whose products `outliers` int8 spoils, in force for the collection mail.
    private func importSpoilt(_ outliers: Set<String>) async throws {
        var model = Workplace.tiny
        model.outliers = outliers
        let directory = place.folder.appendingPathComponent("spoilt")
        try model.write(to: directory)
        try await place.succeed("model", "import", directory.path)
        try place.psql("INSERT INTO glossator.collections (name) VALUES ('mail') ON CONFLICT DO NOTHING")
        try await place.succeed("model", "promote", "spoilt", "--collection", "mail")
    }

    private var certificates: String {
        get throws {
            try place.psql(
                "SELECT collection, precision, certified, plan FROM glossator.certificates ORDER BY precision DESC")
        }
    }

    @Test("auto: a daemon works in fp32, certifies int8 beside it, and uses it from then on, as later ones do")
    func auto() async throws {
        try place.addDocuments(60)
        let first = try daemon()
        try await eventually("int8 is certified") { try place.count("certificates", "certified") == 1 }
        try await eventually("the documents are annotated") { try place.count("annotations") == 60 }
        try place.psql(
            """
            INSERT INTO glossator.documents (collection, external_id, body)
            SELECT 'mail', 'later' || n, 'refund of order ' || n FROM generate_series(1, 20) n
            """)
        try await eventually("the later ones are annotated") { try place.count("annotations") == 80 }
        try await stop(first)
        #expect(try certificates == "mail|int8|t|int8")
        #expect(try place.count("annotations", "precision = 'int8'") >= 20)
        #expect(try place.count("annotations", "precision IS NULL OR precision NOT IN ('fp32', 'int8')") == 0)
        let shown = try await place.succeed("model", "show", "tiny").output
        #expect(shown.contains("certified") && shown.contains("int8") && shown.contains("mail"), "\(shown)")
        // What is known needs not to be found out again.
        try place.psql("SELECT glossator.reannotate('mail')")
        try await place.succeed("run", "--drain", "--set", "precision.cosine=0.9")
        #expect(try place.count("annotations", "precision = 'int8'") == 80)
        #expect(try place.count("certificates") == 1)
        // Another precision by name needs no certificate, or its own.
        try place.psql("SELECT glossator.reannotate('mail')")
        try await place.succeed("run", "--drain", "--precision", "fp32")
        #expect(try place.count("annotations", "precision = 'fp32'") == 80)
    }

    @Test("int8 by name, in a model that it spoils: refused with the reason, and bf16 is used")
    func refused() async throws {
        try await importSpoilt(["0.down", "1.down", "0.attended", "1.attended"])
        try place.addDocuments(40)
        let first = try daemon("--precision", "int8")
        try await eventually("both were compared") { try place.count("certificates") == 2 }
        try place.psql("SELECT glossator.reannotate('mail')")
        try await eventually("bf16 is used") { try place.count("annotations", "precision = 'bf16'") == 40 }
        try await stop(first)
        #expect(try certificates == "mail|int8|f|int8\nmail|bf16|t|bf16")
        let reason = try place.psql("SELECT reason FROM glossator.certificates WHERE NOT certified")
        #expect(reason.contains("cosine") && reason.contains("2 of 8 products"), "\(reason)")
        #expect(first.errors.contains("int8 is refused") && first.errors.contains("2 of 8 products"))
        // A daemon that finds the certificates there says it as well.
        try place.addDocuments(1, to: "mail2")
        try place.psql("UPDATE glossator.certificates SET collection = 'mail2'")
        try await place.succeed("model", "promote", "spoilt", "--collection", "mail2")
        let second = try await place.succeed(
            "run", "--drain", "--precision", "int8", "--set", "precision.cosine=0.9")
        #expect(second.errors.contains("warning") && second.errors.contains("2 of 8 products"), "\(second)")
        #expect(try place.count("annotations", "precision = 'bf16'") == 41)
    }

    @Test("model certify finds what int8 spoils, and keeps it in bf16; the daemon does the same")
    func mixed() async throws {
        try await importSpoilt(["1.down"])
        try place.addDocuments(40)
        let outcome = try await place.succeed(
            "model", "certify", "spoilt", "--collection", "mail", "--set", "precision.cosine=0.9")
        #expect(outcome.output.contains("int8 1.down=bf16"), "\(outcome)")
        #expect(try certificates == "mail|int8|t|int8 1.down=bf16")
        try await place.succeed("run", "--drain", "--set", "precision.cosine=0.9")
        #expect(try place.count("annotations", "precision = 'int8'") == 40)
        #expect(try place.count("embeddings") == 40)
    }

    @Test("too few texts certify nothing: fp32 is used, and the reason is said")
    func tooFew() async throws {
        try place.addDocuments(5)
        let running = try daemon()
        try await eventually("it says so") { running.errors.contains("too few") }
        try await eventually("all are annotated") { try place.count("annotations", "precision = 'fp32'") == 5 }
        try await stop(running)
        #expect(try place.count("certificates") == 0)
        expectRefusal(
            try await place.glossator("model", "certify", "tiny", "--collection", "mail"), 65, "sample-too-small",
            naming: "16")
    }

    @Test("a model directory is compared on a file, without a database; filters compute in the plan that is found")
    func filters() async throws {
        let lines = (1...30).map { "parcel number \($0) was late" }.joined(separator: "\n") + "\n"
        let file = try place.write("texts.txt", lines)
        let encoder = try Workplace.encoder.get().path
        var alone = place.program
        alone.environment["DATABASE_URL"] = nil
        let certified = try await alone.run(
            "model", "certify", encoder, "--texts", file, "--precision", "bf16", "--set", "precision.cosine=0.9")
        #expect(certified.code == 0 && certified.output.contains("certified"), "\(certified)")
        let plain = try await alone.run("embed", "--model", encoder, file)
        for precision in ["bf16", "int8", "int8 1.down=bf16"] {
            let reduced = try await alone.run("embed", "--model", encoder, "--precision", precision, file)
            #expect(reduced.code == 0 && reduced.output != plain.output, "\(precision): \(reduced.errors)")
            #expect(reduced.output.split(separator: "\n").count == 30)
        }
        #expect(try await alone.run("embed", "--model", encoder, "--precision", "fp32", file).output == plain.output)
        expectRefusal(
            try await alone.run("embed", "--model", encoder, "--precision", "int8 9.up=bf16", file), 78,
            "precision-plan", naming: "layer 9")
        #expect(try await alone.run("embed", "--model", encoder, "--precision", "fp8", file).code == 64)
    }
}

import Annotations
import ArgumentParser
import Foundation
import Model
import Store

struct ModelCertifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certify",
        abstract: "Compare a model in int8 or bf16 with itself in fp32 on your own texts.",
        discussion: """
            Daemons do this by themselves for every collection (worker.precision). Here it is done anew, on a sample of a \
            collection or of a file, and daemons with the same kind of processor follow within five minutes. What was \
            found on a file, or for a model directory, is for you to read: no daemon uses it.

              glossator model certify minilm --collection mail
              glossator model certify DIR --texts mails.txt --precision int8
            """)

    @Argument(help: "Name or id of a model in the database, or a model directory (needs no database).")
    var model: String

    @Option(name: .long, help: "Collection whose texts are read.")
    var collection: String?

    @Option(name: .long, help: "File whose texts are read: a text a line, or jsonl with \"text\".")
    var texts: String?

    @Option(name: .long, help: "int8 or bf16. Default: int8, then bf16 where int8 is refused.")
    var precision: PrecisionChoice = .auto

    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard (collection == nil) != (texts == nil) else {
            throw ValidationError("Give either --collection or --texts.")
        }
        guard precision != .fp32 else { throw ValidationError("fp32 is what the others are compared with.") }
    }

    func run() async throws {
        let settings = try await options.load()
        guard ModelSource.isDirectory(model) else { return try await certifyStored(settings) }
        guard let texts else {
            throw Fault(
                .input, "certify-directory", "a model directory has no collections",
                hint: "give the texts as a file: --texts FILE")
        }
        let bundle = try await ModelSource(settings: settings).bundle(named: model)
        let made = try await certificates(
            of: bundle, segmentation: .document, on: sample(ofFile: texts, settings), settings
        ) { $0 }
        print(CertificateListing.text(of: made.map { .init(texts: texts, certificate: $0) }))
    }

    private func certifyStored(_ settings: Settings) async throws {
        let context = try await ModelContext(settings, applicationName: "glossator model certify")
        let row = try await context.registry.model(named: model)
        let store = CertificateStore(connection: context.connection)
        var segmentation = Segmentation.document
        let sample: TextSample
        if let collection {
            segmentation = try await self.segmentation(of: collection, context.registry)
            let count = settings.precisionOptions.sampleTexts
            sample = TextSample(
                of: try await store.sample(
                    of: collection, count: count, maximumCharacters: TextSample.maximumCharacters), count: count)
        } else {
            sample = try self.sample(ofFile: texts ?? "-", settings)
        }
        let bundle = try await context.loader.load(row).bundle
        let made = try await certificates(of: bundle, segmentation: segmentation, on: sample, settings) {
            try await store.store($0, modelID: row.id, collection: collection, replacing: true)
        }
        print(CertificateListing.text(of: made.map { .init(texts: collection ?? texts ?? "-", certificate: $0) }))
    }

    private func segmentation(of collection: String, _ registry: ModelRegistry) async throws -> Segmentation {
        let known = try await registry.modelsInForce()
        guard let found = known.first(where: { $0.collection == collection }) else {
            throw Fault(
                .input, "collection-unknown", "there is no collection \(collection)",
                hint: "collections: \(known.map(\.collection).joined(separator: ", "))")
        }
        return found.segmentation
    }

    /// Of the first hundred thousand texts.
    private func sample(ofFile path: String, _ settings: Settings) throws -> TextSample {
        var input = FilterInput(try ByteSource(path: path))
        var texts: [String] = []
        while texts.count < 100_000, let request = try input.next() {
            texts.append(String(request.text.unicodeScalars.prefix(TextSample.maximumCharacters)))
        }
        return TextSample(of: texts, count: settings.precisionOptions.sampleTexts)
    }

    /// - Parameter keep: stores a certificate that was made.
    private func certificates(
        of bundle: ModelBundle, segmentation: Segmentation, on sample: TextSample, _ settings: Settings,
        keep: (Certificate) async throws -> Certificate
    ) async throws -> [Certificate] {
        let bar = ProgressBar("comparing", total: 0, unit: "texts")
        defer { bar.finish() }
        let certification = try await Certification(
            of: bundle, segmentation: segmentation, on: sample, options: settings.precisionOptions,
            threads: AnnotatorThreads(count: settings.workerThreads) { AnnotatorWorkspace() },
            report: { bar.update(done: $0.textsRead, suffix: $0.doing) })
        var made: [Certificate] = []
        // One precision by name is that one; int8 does not bring bf16 with it here.
        for step in precision == .auto ? PrecisionChoice.int8.ladder : Array(precision.ladder.prefix(1)) {
            let certificate = try await keep(certification.certificate(in: step))
            made.append(certificate)
            if certificate.isCertified { break }
        }
        return made
    }
}

extension PrecisionChoice: ExpressibleByArgument {}

import Annotations
import Foundation
import ArgumentParser
import Model
import Store

struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "The documents nearest to a text.",
        discussion: """
            Embeds the text with the collection's model and compares it with every stored embedding of the same space \
            (exact; cosine similarity).

              glossator search "where is my parcel" --collection mail -k 5
            """)

    @Argument(help: "What to look for.")
    var text: String

    @Option(name: .shortAndLong, help: "How many documents.")
    var k: Int = 10

    @Option(name: .long, help: "Search only this collection. Default: all that share the model's embedding space.")
    var collection: String?

    @Flag(name: .long, help: "One JSON object a line.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        guard k > 0 else { throw Fault(.input, "search-k", "-k \(k) asks for nothing", hint: "give a number above 0") }
        let context = try await ModelContext(options, applicationName: "glossator search")
        let hits = try await Search(context: context, collection: collection).nearest(to: text, k: k)
        if hits.isEmpty {
            Terminal.note("nothing has been embedded yet: `glossator run`")
        } else if json {
            for hit in hits { try Output.write(hit.json) }
        } else {
            print(Search.table(hits))
        }
    }
}

/// Exact nearest neighbours over the stored embeddings of one space.
struct Search: Sendable {
    struct Hit: Sendable {
        let document: DocumentStore.DocumentRow
        let segment: Int
        let start: Int
        let end: Int
        /// Cosine similarity, -1...1.
        let similarity: Float

        var excerpt: String {
            let scalars = document.body.unicodeScalars.dropFirst(start).prefix(min(end - start, 200))
            return Terminal.excerpt(String(String.UnicodeScalarView(scalars)))
        }

        var json: [UInt8] {
            let value = JSONValue.object([
                "collection": .string(document.collection), "external_id": .string(document.externalID),
                "document_id": .integer(document.id), "segment": .integer(segment), "start": .integer(start),
                "end": .integer(end), "similarity": .float(similarity), "body": .string(document.body),
            ])
            var bytes: [UInt8] = []
            value.append(to: &bytes)
            return bytes + [UInt8(ascii: "\n")]
        }
    }

    let context: ModelContext
    let collection: String?

    func nearest(to text: String, k: Int) async throws -> [Hit] {
        let model = try await model()
        let annotator = try Annotator(bundle: model.bundle)
        let threads = AnnotatorThreads(count: 1) { AnnotatorWorkspace() }
        let annotation = try await threads.run { workspace in
            try annotator.embed([AnnotationRequest(text: text)], workspace: &workspace)[0].get()
        }
        return try await nearest(to: annotation.segments.first?.embedding ?? [], spaceID: model.row.spaceID, k: k)
    }

    /// The space of the collection's model, or of the default one.
    private func model() async throws -> ModelLoader.Loaded {
        let registry = context.registry
        if let collection {
            let known = try await registry.modelsInForce()
            guard known.contains(where: { $0.collection == collection }) else {
                throw Fault(
                    .input, "collection-unknown", "there is no collection \(collection)",
                    hint: "collections: \(known.map(\.collection).joined(separator: ", "))")
            }
        }
        guard let id = try await registry.modelInForce(collection: collection ?? "").modelID else {
            throw Fault(
                .input, "no-model", "no model is in force to embed the text with",
                hint: "import one: glossator model import DIR")
        }
        return try await context.loader.load(id: id)
    }

    func nearest(to query: [Float], spaceID: Int32, k: Int) async throws -> [Hit] {
        let reader = EmbeddingReader(connection: context.connection)
        var best = NearestList(k: k)
        var position: EmbeddingReader.Position? = .start
        while let from = position {
            let page = try await reader.page(spaceID: spaceID, collection: collection, after: from)
            for stored in page.embeddings {
                let vector = try EmbeddingCodec.decode(stored.data)
                best.offer(stored, similarity: Similarity.cosine(query, vector))
            }
            position = page.next
        }
        let store = DocumentStore(connection: context.connection)
        let documents = try await store.documents(ids: best.sorted.map(\.stored.documentID))
        return best.sorted.compactMap { entry in
            documents[entry.stored.documentID].map {
                Hit(
                    document: $0, segment: entry.stored.segment, start: entry.stored.start, end: entry.stored.end,
                    similarity: entry.similarity)
            }
        }
    }

    static func table(_ hits: [Hit]) -> String {
        let rows = hits.map {
            [String(format: "%.3f", $0.similarity), $0.document.collection, $0.document.externalID, $0.excerpt]
        }
        return Terminal.table(["similarity", "collection", "external id", "text"], rows, indent: "")
    }
}

/// The k best so far, worst first.
private struct NearestList {
    let k: Int
    private var entries: [(stored: EmbeddingReader.StoredEmbedding, similarity: Float)] = []

    init(k: Int) { self.k = k }

    var sorted: [(stored: EmbeddingReader.StoredEmbedding, similarity: Float)] { entries.reversed() }

    mutating func offer(_ stored: EmbeddingReader.StoredEmbedding, similarity: Float) {
        if entries.count == k, similarity <= entries[0].similarity { return }
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].similarity < similarity { low = middle + 1 } else { high = middle }
        }
        entries.insert((stored, similarity), at: low)
        if entries.count > k { entries.removeFirst() }
    }
}

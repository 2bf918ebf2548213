import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing

@Suite("Backbones with learned layers")
struct LearnedLayersTests {
    /// A part's tensors of another model of the same shape, as a run would store them.
    private func file(_ part: EncoderPart, of model: TinyModel) throws -> [UInt8] {
        try SafetensorsWriter.encode(tensors: model.tensors().filter { part.contains(tensor: $0.name) })
    }

    private func hidden(_ encoder: Encoder, vocabulary: Int) -> Matrix {
        var workspace = EncoderWorkspace()
        encoder.encode(EncoderFixtures.batch(lengths: [5, 9], vocabulary: vocabulary), workspace: &workspace)
        return workspace.hidden
    }

    private func models(prefix: String = "") -> (imported: TinyModel, learned: TinyModel) {
        var (imported, learned) = (TinyModel(), TinyModel())
        (imported.layers, learned.layers, learned.seed) = (3, 3, 8)
        (imported.prefix, learned.prefix) = (prefix, prefix)
        return (imported, learned)
    }

    @Test(
        "all parts replaced one after another are the other model, whatever its tensors are called before",
        arguments: ["", "bert."])
    func replaced(_ prefix: String) throws {
        let (imported, learned) = models(prefix: prefix)
        let parts: [EncoderPart] = [.layer(2), .embeddings, .layer(0), .layer(1)]
        try imported.withDirectory { directory in
            let original = try Backbone.load(directory: directory.path)
            var backbone = original
            var hashes = [original.contentHash]
            for part in parts {
                backbone = try backbone.replacing([part: file(part, of: learned)])
                #expect(backbone.importedHash == original.contentHash)
                #expect(!hashes.contains(backbone.contentHash), "each is a space of its own")
                hashes.append(backbone.contentHash)
            }
            let count = original.configuration.vocabularySize
            let expected = try EncoderFixtures.encoder(of: learned)
            #expect(hidden(backbone.encoder, vocabulary: count) == hidden(expected, vocabulary: count))
            let atOnce = try original.replacing(
                Dictionary(uniqueKeysWithValues: parts.map { ($0, try file($0, of: learned)) }))
            #expect(atOnce.space == backbone.space, "the name does not depend on the order")
            #expect(try backbone.computing(in: PrecisionPlan(.int8)).contentHash == backbone.contentHash)
        }
    }

    @Test("one layer replaced leaves the others as they were; what is written loads as the same encoder")
    func written() throws {
        let (imported, learned) = models()
        try imported.withDirectory { source in
            let original = try Backbone.load(directory: source.path)
            let backbone = try original.replacing([.layer(1): file(.layer(1), of: learned)])
            let count = original.configuration.vocabularySize
            #expect(hidden(backbone.encoder, vocabulary: count) != hidden(original.encoder, vocabulary: count))
            let target = source.appendingPathComponent("export").path
            try ModelBundle(backbone: backbone, heads: .none).write(to: target, backboneFrom: source.path)
            let again = try Backbone.load(directory: target)
            #expect(hidden(again.encoder, vocabulary: count) == hidden(backbone.encoder, vocabulary: count))
            #expect(again.contentHash != original.contentHash)
        }
    }

    @Test("layers that do not fit are refused")
    func refused() throws {
        let (imported, learned) = models()
        var wider = learned
        wider.intermediate = 80
        try imported.withDirectory { directory in
            let backbone = try Backbone.load(directory: directory.path)
            func code(_ parts: [EncoderPart: [UInt8]]) -> String? {
                #expect(throws: Fault.self) { try backbone.replacing(parts) }?.code
            }
            #expect(try code([.layer(3): file(.layer(1), of: learned)]) == "layer-misfit")
            #expect(try code([.layer(0): file(.layer(1), of: learned)]) == "layer-misfit")
            #expect(try code([.layer(1): file(.layer(1), of: wider)]) == "tensor-shape")
            #expect(code([.layer(1): []]) != nil)
            let some = try SafetensorsWriter.encode(
                tensors: learned.tensors().filter { EncoderPart.layer(1).contains(tensor: $0.name) }.dropLast())
            #expect(code([.layer(1): some]) == "tensor-missing")
        }
    }
}

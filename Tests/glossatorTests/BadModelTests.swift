import Foundation
import TestSupport
import Testing

@Suite("Damaged model directories, with the built program")
struct BadModelTests {
    private let folder: URL
    private let encoder: URL

    init() throws {
        folder = try Workplace.newFolder()
        encoder = folder.appendingPathComponent("model")
        try Workplace.tiny.write(to: encoder)
    }

    struct Damage: Sendable, CustomTestStringConvertible {
        let what: String
        let code: String
        /// What the message or its hint must contain besides.
        var naming: String?
        let act: @Sendable (URL) throws -> Void
        var testDescription: String { what }
    }

    static let damages: [Damage] = [
        remove("config.json", "file-missing"), remove("model.safetensors", "file-missing"),
        remove("vocab.txt", "tokenizer-missing"), remove("1_Pooling/config.json", "file-missing"),
        .init(what: "weights saved by torch only", code: "file-missing", naming: "safe_serialization") {
            try FileManager.default.moveItem(
                at: $0.appendingPathComponent("model.safetensors"), to: $0.appendingPathComponent("pytorch_model.bin"))
        },
        weights("cut short", "safetensors") { $0.prefix($0.count / 2) },
        weights("empty", "safetensors") { _ in Data() },
        weights("a header longer than the file", "safetensors") {
            Data([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0]) + $0.dropFirst(8)
        },
        weights("no JSON in the header", "safetensors") { $0.prefix(8) + Data([0x00]) + $0.dropFirst(9) },
        weights("a tensor renamed", "tensor-missing") {
            replaced($0, "encoder.layer.1.output.dense.weight", "encoder.layer.1.output.dense.weighs")
        },
        weights("a tensor of another shape", "tensor-shape") { replaced($0, "[64,32]", "[32,64]") },
        text("config.json", "config.json that is no JSON", "encoder-config") { _ in "{" },
        text("config.json", "another kind of encoder", "encoder-unsupported") {
            $0.replacing("\"bert\"", with: "\"t5\"")
        },
        text("config.json", "another activation", "encoder-unsupported") { $0.replacing("\"gelu\"", with: "\"relu\"") },
        text("config.json", "more layers than weights", "tensor-missing") {
            $0.replacing("\"num_hidden_layers\": 2", with: "\"num_hidden_layers\": 3")
        },
        text("config.json", "heads that do not divide the width", "encoder-unsupported") {
            $0.replacing("\"num_attention_heads\": 4", with: "\"num_attention_heads\": 5")
        },
        text("vocab.txt", "an empty vocabulary", "vocabulary") { _ in "" },
        text("vocab.txt", "a vocabulary without [SEP]", "vocabulary-special-token") {
            $0.replacing("[SEP]", with: "[sep]")
        },
        text("vocab.txt", "a vocabulary larger than the embedding", "vocabulary-too-large") {
            $0 + (0..<50).map { "extra\($0)\n" }.joined()
        },
        text("modules.json", "max pooling", "modules-unsupported", file: "1_Pooling/config.json") {
            $0.replacing("\"pooling_mode_mean_tokens\": true", with: "\"pooling_mode_mean_tokens\": false")
                .replacing("\"pooling_mode_max_tokens\": false", with: "\"pooling_mode_max_tokens\": true")
        },
    ]

    @Test("a model directory is refused with what is wrong with it, and the program survives", arguments: damages)
    func damage(_ damage: Damage) async throws {
        try damage.act(encoder)
        let program = Program(folder: folder)
        let outcome = try await program.run("embed", "--model", encoder.path, input: "late".utf8)
        #expect(outcome.code == 75, "\(outcome)")
        #expect(outcome.errors.contains("[\(damage.code)"), "\(outcome)")
        if let naming = damage.naming { #expect(outcome.errors.contains(naming), "\(outcome)") }
        #expect(outcome.errors.contains("hint:"), "\(outcome)")
        #expect(outcome.output.isEmpty)
    }

    @Test("a refused model directory leaves neither a backbone nor a file behind")
    func nothingRegistered() async throws {
        let place = try await Workplace(.migrated)
        var program = place.program
        let models = place.folder.appendingPathComponent("models")
        program.environment["GLOSSATOR_MODELS_DIRECTORY"] = models.path
        try FileManager.default.removeItem(at: encoder.appendingPathComponent("model.safetensors"))
        let outcome = try await program.run("model", "import", encoder.path)
        expectRefusal(outcome, 75, "file-missing", naming: "model.safetensors")
        #expect(try place.count("backbones") == 0 && place.count("models") == 0)
        #expect(!FileManager.default.fileExists(atPath: models.path))
        let missing = try await program.run("model", "import", "/nonexistent/model")
        expectRefusal(missing, 75, "model-missing", naming: "/nonexistent/model")
    }

    @Test("damaged heads in an exported directory are refused")
    func heads() async throws {
        let program = Program(folder: folder)
        let heads = encoder.appendingPathComponent("glossator_heads.safetensors")
        for bytes in [
            Data(), Data("not safetensors at all".utf8), Data([8, 0, 0, 0, 0, 0, 0, 0]) + Data("{}      ".utf8),
        ] {
            try bytes.write(to: heads)
            let outcome = try await program.run("annotate", "--model", encoder.path, input: "late".utf8)
            #expect(outcome.code == 75, "\(outcome)")
            #expect(outcome.errors.contains("hint:") && outcome.output.isEmpty, "\(outcome)")
        }
    }

    private static func remove(_ file: String, _ code: String) -> Damage {
        Damage(what: "no \(file)", code: code, naming: file.split(separator: "/").last.map(String.init) ?? file) {
            try FileManager.default.removeItem(at: $0.appendingPathComponent(file))
        }
    }

    private static func weights(
        _ what: String, _ code: String, _ change: @escaping @Sendable (Data) -> Data
    ) -> Damage {
        Damage(what: "weights: \(what)", code: code, naming: "model.safetensors") {
            let file = $0.appendingPathComponent("model.safetensors")
            try Data(change(Data(contentsOf: file))).write(to: file)
        }
    }

    private static func text(
        _ name: String, _ what: String, _ code: String, file: String? = nil,
        _ change: @escaping @Sendable (String) -> String
    ) -> Damage {
        Damage(what: what, code: code) {
            let url = $0.appendingPathComponent(file ?? name)
            let text = try String(contentsOf: url, encoding: .utf8)
            let changed = change(text)
            guard changed != text else { throw Program.Missing(description: "nothing to change in \(url.path)") }
            try Data(changed.utf8).write(to: url)
        }
    }

    /// Of the same length, so that the header's own length stays true.
    private static func replaced(_ data: Data, _ old: String, _ new: String) -> Data {
        guard let range = data.range(of: Data(old.utf8)) else { return Data() }
        var data = data
        data.replaceSubrange(range, with: Data(new.utf8))
        return data
    }
}

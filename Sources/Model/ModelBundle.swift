package import Annotations
import Foundation
import Tensors

/// A model that can work: a backbone and the heads trained on it.
package struct ModelBundle: Sendable {
    package let backbone: Backbone
    package let heads: HeadSet

    /// - Throws: `heads-misfit` (`.model`) when the heads were trained on states of another width, or of another number of
    ///   layers.
    package init(backbone: Backbone, heads: HeadSet) throws(Fault) {
        let width = backbone.configuration.hiddenSize
        if let hidden = heads.hidden, hidden != width {
            throw Fault(
                .model, "heads-misfit", "the heads expect hidden states of \(hidden) values, the backbone has \(width)",
                hint: "Use the backbone that the heads were trained on, or train them again on this one.")
        }
        let depth = backbone.configuration.layers
        if let layers = heads.layers, layers != depth {
            throw Fault(
                .model, "heads-misfit", "the heads expect the states of \(layers) layers, the backbone has \(depth)",
                hint: "Use the backbone that the heads were trained on, or train them again on this one.")
        }
        self.backbone = backbone
        self.heads = heads
    }

    /// Reads a backbone's directory, with the heads in its `glossator_heads.safetensors` if it has one.
    ///
    /// - Throws: the faults of `Backbone.load` and of `HeadSet.init(encoded:)`; `heads-misfit`.
    package static func load(directory: String, plan: PrecisionPlan = .fp32) throws(Fault) -> ModelBundle {
        let backbone = try Backbone.load(directory: directory, plan: plan)
        let path = Self.path(of: HeadSet.fileName, in: directory)
        guard FileManager.default.fileExists(atPath: path) else {
            return try ModelBundle(backbone: backbone, heads: .none)
        }
        return try ModelBundle(backbone: backbone, heads: HeadSet(SafetensorsFile(path: path), label: path))
    }

    /// Writes a directory that `load` reads: the backbone's files, copied from `source`, and the heads. Parts of the encoder
    /// that have been learned since are in its `model.safetensors` like the others: what is written is a backbone of its
    /// own, with a content hash of its own, for Hugging Face's libraries as well.
    ///
    /// The directory appears whole or not at all; it must not exist yet, or be empty. What was written is loaded again
    /// and compared, so a source whose files have changed since is noticed.
    ///
    /// - Throws: `.input` `directory-not-empty`; `.system` `export-failed`; `.model` `backbone-changed`.
    package func write(to directory: String, backboneFrom source: String) throws(Fault) {
        let files = FileManager.default
        if let contents = try? files.contentsOfDirectory(atPath: directory), !contents.isEmpty {
            throw Fault(
                .input, "directory-not-empty", "\(directory) is not empty",
                hint: "Name a directory that does not exist yet.")
        }
        let target = URL(fileURLWithPath: directory).standardizedFileURL
        let partial = target.deletingLastPathComponent()
            .appendingPathComponent(".\(target.lastPathComponent).\(UUID().uuidString)")
        defer { try? files.removeItem(at: partial) }
        let encoded = try heads.encoded()
        let weights = backbone.learnedHashes.isEmpty ? nil : try backbone.files.merged()
        do {
            for name in backbone.sourceFiles {
                let copy = partial.appendingPathComponent(name)
                try files.createDirectory(at: copy.deletingLastPathComponent(), withIntermediateDirectories: true)
                try files.copyItem(at: URL(fileURLWithPath: source).appendingPathComponent(name), to: copy)
            }
            if let weights { try Data(weights).write(to: partial.appendingPathComponent("model.safetensors")) }
            try Data(encoded).write(to: partial.appendingPathComponent(HeadSet.fileName))
        } catch {
            throw Self.exportFailed(directory, error)
        }
        let written = try Backbone.load(directory: partial.path).contentHash
        let copied =
            weights == nil ? written : try ContentHash.ofFiles(backbone.sourceFiles, in: source)
        guard copied == backbone.importedHash else {
            throw Fault(
                .model, "backbone-changed", "\(source) no longer holds the backbone that this model was loaded from",
                hint: "Name the directory with the model's own backbone.")
        }
        do {
            if files.fileExists(atPath: target.path) { try files.removeItem(at: target) }  // empty, as seen above
            try files.moveItem(at: partial, to: target)
        } catch {
            throw Self.exportFailed(directory, error)
        }
    }

    private static func exportFailed(_ directory: String, _ error: any Error) -> Fault {
        Fault(
            .system, "export-failed", "the model cannot be written to \(directory): \(error.localizedDescription)",
            hint: "Check the directory's permissions and the space on its disk.")
    }

    private static func path(of name: String, in directory: String) -> String {
        URL(fileURLWithPath: directory).appendingPathComponent(name).path
    }
}

import Annotations
import Foundation
import Model
import Store

/// The backbones that were imported on this machine: a folder each, named by content hash.
///
/// The database knows hashes and no paths, so nobody who can write rows can make a daemon open a file.
struct ModelShelf: Sendable {
    let directory: String

    func path(of hash: String) -> String { directory + "/" + hash }

    /// Content hashes of the backbones that are here.
    var hashes: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).filter { $0.utf8.count == 64 }
            .sorted()
    }

    /// Copies the files that decide results from `source`, under the backbone's hash, completely or not at all. Does
    /// nothing when they are there; replaces a copy that was damaged.
    func install(_ backbone: Backbone, from source: String) throws(Fault) {
        let target = path(of: backbone.contentHash)
        if (try? Backbone.load(directory: target).contentHash) == backbone.contentHash { return }
        do {
            if FileManager.default.fileExists(atPath: target) { try FileManager.default.removeItem(atPath: target) }
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw Fault(
                .system, "models-directory", "cannot write to \(directory): \(error.localizedDescription)",
                hint: "permission is missing; another folder is chosen with --models or models.directory")
        }
        try ModelBundle(backbone: backbone, heads: .none).write(to: target, backboneFrom: source)
    }

    /// Loads an imported backbone and checks that its files are still those that were imported.
    ///
    /// - Parameter model: for whom; named in faults.
    func backbone(
        _ hash: String, of model: ModelRegistry.ModelRow, normalization: EmbeddingSpace.Normalization? = nil,
        plan: PrecisionPlan = .fp32
    ) throws(Fault) -> Backbone {
        let path = path(of: hash)
        guard FileManager.default.fileExists(atPath: path) else {
            throw Fault(
                .model, "backbone-missing",
                "the backbone \(hash.prefix(12))… of model \(model.name) is not in \(directory)",
                hint:
                    "import it on this machine too (glossator model import DIR), or name the right folder with --models"
            )
        }
        let backbone = try Backbone.load(
            directory: path, normalization: normalization ?? model.space.normalization, plan: plan)
        guard backbone.contentHash == hash else {
            throw Fault(
                .model, "backbone-damaged", "the files in \(path) are not those that were imported",
                hint: "import the model again: glossator model import DIR")
        }
        return backbone
    }
}

import Annotations
import Foundation
import Model
import TestSupport
import Testing

@Suite("Model directories")
struct ModelBundleTests {
    @Test("a backbone without heads only embeds; with heads written into it, it has them")
    func load() throws {
        try TinyModel().withDirectory { directory in
            #expect(try ModelBundle.load(directory: directory.path).heads == .none)
            let heads = try TestBundle.randomHeads()
            try Data(heads.encoded()).write(to: directory.appendingPathComponent(HeadSet.fileName))
            let bundle = try ModelBundle.load(directory: directory.path)
            #expect(bundle.heads == heads)
            #expect(!bundle.backbone.sourceFiles.contains(HeadSet.fileName))
        }
    }

    @Test("heads of another width or damaged heads are refused")
    func refused() throws {
        try TinyModel().withDirectory { directory in
            let file = directory.appendingPathComponent(HeadSet.fileName)
            try Data(TestBundle.randomHeads(hidden: 16).encoded()).write(to: file)
            let misfit = #expect(throws: Fault.self) { try ModelBundle.load(directory: directory.path) }
            #expect(misfit?.code == "heads-misfit")
            try Data("not a model".utf8).write(to: file)
            let damaged = #expect(throws: Fault.self) { try ModelBundle.load(directory: directory.path) }
            #expect(damaged?.blame == .model)
            #expect(damaged?.message.contains(HeadSet.fileName) == true)
        }
    }

    @Test("a written directory is the same model")
    func write() throws {
        var model = TinyModel()
        (model.pooling, model.normalizes) = (.mean, true)
        try model.withDirectory { source in
            let bundle = try ModelBundle(
                backbone: Backbone.load(directory: source.path), heads: TestBundle.randomHeads())
            let target = source.appendingPathComponent("export/model")
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try bundle.write(to: target.path, backboneFrom: source.path)
            let again = try ModelBundle.load(directory: target.path)
            #expect(again.heads == bundle.heads)
            #expect(again.backbone.space == bundle.backbone.space)
            let inside = try FileManager.default.contentsOfDirectory(atPath: target.deletingLastPathComponent().path)
            #expect(inside == ["model"], "nothing half-written stays behind")

            let occupied = #expect(throws: Fault.self) {
                try bundle.write(to: target.path, backboneFrom: source.path)
            }
            #expect(occupied?.code == "directory-not-empty" && occupied?.blame == .input)
        }
    }

    @Test("a source that has changed, or lacks a file, leaves nothing behind")
    func changedSource() throws {
        try TinyModel().withDirectory { source in
            let bundle = try ModelBundle.load(directory: source.path)
            let target = source.appendingPathComponent("export").path
            try Data("{\"do_lower_case\": false}".utf8)
                .write(to: source.appendingPathComponent("tokenizer_config.json"))
            let changed = #expect(throws: Fault.self) { try bundle.write(to: target, backboneFrom: source.path) }
            #expect(changed?.code == "backbone-changed")
            try FileManager.default.removeItem(at: source.appendingPathComponent("tokenizer_config.json"))
            let missing = #expect(throws: Fault.self) { try bundle.write(to: target, backboneFrom: source.path) }
            #expect(missing?.code == "export-failed" && missing?.blame == .system)
            #expect(!FileManager.default.fileExists(atPath: target))
        }
    }
}

import Annotations
import Foundation
import Testing
import glossator

@Suite("Settings")
struct SettingsTests {
    @Test("flags win over environment, environment over YAML, YAML over defaults")
    func precedence() async throws {
        let file = try temporaryFile("worker:\n  threads: 3\n  poll-seconds: 7.5\n  listen: no\n")
        defer { try? FileManager.default.removeItem(atPath: file) }
        var loader = SettingsLoader()
        loader.file = file
        loader.environment = ["GLOSSATOR_WORKER_THREADS": "5", "GLOSSATOR_TRAIN_EPOCHS": "9"]
        loader.flags = [("train.epochs", "11", "--set")]
        let settings = try await loader.load()
        #expect(settings.integer("train.epochs") == 11)
        #expect(settings.resolved["train.epochs"]?.source == "flag --set")
        #expect(settings.integer("worker.threads") == 5)
        #expect(settings.resolved["worker.threads"]?.source == "environment GLOSSATOR_WORKER_THREADS")
        #expect(settings.number("worker.poll-seconds") == 7.5)
        #expect(settings.resolved["worker.poll-seconds"]?.source == file)
        #expect(settings.flag("worker.listen") == false)
        #expect(settings.resolved["train.dropout"] == .init(value: "0.1", source: "default"))
    }

    @Test("DATABASE_URL is read when nothing of our own names a database")
    func databaseURL() async throws {
        var loader = SettingsLoader()
        loader.environment = ["DATABASE_URL": "postgresql://h/one"]
        #expect(try await loader.load().text("database.url") == "postgresql://h/one")
        loader.environment["GLOSSATOR_DATABASE_URL"] = "postgresql://h/two"
        #expect(try await loader.load().text("database.url") == "postgresql://h/two")
    }

    @Test(
        "an unknown key is refused wherever it stands, with the nearest one that exists",
        arguments: [
            (flag: "worker.thread", variable: nil, yaml: nil, near: "worker.threads"),
            (flag: nil, variable: "GLOSSATOR_WORKER_TREADS", yaml: nil, near: "GLOSSATOR_WORKER_THREADS"),
            (flag: nil, variable: nil, yaml: "train:\n  epoch: 3\n", near: "train.epochs"),
            (flag: nil, variable: nil, yaml: "log:\n  level: [info]\n", near: "log.level"),
        ] as [(flag: String?, variable: String?, yaml: String?, near: String)])
    func unknownKeys(flag: String?, variable: String?, yaml: String?, near: String) async throws {
        var loader = SettingsLoader()
        loader.environment = [:]
        if let flag { loader.flags = [(flag, "3", "--set")] }
        if let variable { loader.environment[variable] = "3" }
        if let yaml { loader.file = try temporaryFile(yaml) }
        defer { if let file = loader.file { try? FileManager.default.removeItem(atPath: file) } }
        let fault = await #expect(throws: Fault.self) { try await loader.load() }
        #expect(fault?.code == "setting-unknown")
        #expect(fault?.blame == .configuration)
        #expect(fault?.hint?.contains(near) == true)
    }

    @Test(
        "a value out of its range is refused",
        arguments: [
            ("worker.threads", "-1"), ("worker.threads", "two"), ("train.dropout", "1.5"), ("worker.listen", "maybe"),
            ("log.level", "loud"), ("train.entity-head", "lstm"), ("train.nice", "20"), ("train.nice", "-1"),
        ])
    func badValues(key: String, value: String) async {
        var loader = SettingsLoader()
        loader.environment = [:]
        loader.flags = [(key, value, "--set")]
        let fault = await #expect(throws: Fault.self) { try await loader.load() }
        #expect(fault?.code == "setting-invalid")
    }

    @Test("training has the daemon's number of threads unless it has one of its own")
    func trainingThreads() async throws {
        var loader = SettingsLoader()
        loader.environment = ["GLOSSATOR_WORKER_THREADS": "5"]
        #expect(try await loader.load().trainingThreads == 5)
        loader.environment["GLOSSATOR_TRAIN_THREADS"] = "2"
        let settings = try await loader.load()
        #expect(settings.trainingThreads == 2 && settings.workerThreads == 5)
    }

    @Test("a configuration file that is named must exist and be a mapping")
    func badFiles() async throws {
        var loader = SettingsLoader()
        loader.environment = [:]
        loader.file = "/nonexistent/glossator.yaml"
        #expect(await #expect(throws: Fault.self) { try await loader.load() }?.code == "config-file-missing")
        for text in ["- a\n- b\n", "worker: {threads: 2\n"] {
            let file = try temporaryFile(text)
            defer { try? FileManager.default.removeItem(atPath: file) }
            loader.file = file
            #expect(await #expect(throws: Fault.self) { try await loader.load() }?.code == "config-file-malformed")
        }
    }

    @Test("a secret is neither listed nor written")
    func secrets() async throws {
        var loader = SettingsLoader()
        loader.environment = ["DATABASE_URL": "postgresql://user:hunter2@h/d"]
        let settings = try await loader.load()
        #expect(!ConfigCommand.listing(settings).contains("hunter2"))
        #expect(!ConfigCommand.yaml(settings).contains("hunter2"))
    }

    @Test("the YAML that config prints is read back to the same settings")
    func roundTrip() async throws {
        var loader = SettingsLoader()
        loader.environment = [:]
        loader.flags = [("worker.threads", "6", "--set"), ("models.directory", "/a \"b\" \\c", "--models")]
        let first = try await loader.load()
        let file = try temporaryFile(ConfigCommand.yaml(first))
        defer { try? FileManager.default.removeItem(atPath: file) }
        loader.flags = []
        loader.file = file
        let second = try await loader.load()
        #expect(second.resolved.mapValues(\.value) == first.resolved.mapValues(\.value))
    }

    private func temporaryFile(_ text: String) throws -> String {
        let path = NSTemporaryDirectory() + "glossator-test-\(UUID().uuidString).yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }
}

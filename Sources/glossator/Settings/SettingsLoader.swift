import Annotations
import Configuration
import Foundation
import SystemPackage
import Yams

/// Resolves every key of the catalogue: flags over environment over YAML over defaults.
package struct SettingsLoader {
    /// From `--set key=value` and the flags that stand for a key.
    package var flags: [(key: String, value: String, flag: String)] = []
    /// `--config`, or nil for `GLOSSATOR_CONFIG`, or `/etc/glossator/glossator.yaml` when it exists.
    package var file: String?
    package var environment: [String: String] = ProcessInfo.processInfo.environment

    package init() {}

    package static let standardFile = "/etc/glossator/glossator.yaml"
    /// Variables that begin with GLOSSATOR_ and are no settings: the build's and the tests' own.
    private static let otherVariables: Set<String> = [
        "GLOSSATOR_CONFIG", "GLOSSATOR_REFERENCE", "GLOSSATOR_ENCODER", "GLOSSATOR_LIBRARIES_ONLY",
    ]

    package func load() async throws -> Settings {
        try checkEnvironment()
        var layers: [(provider: any ConfigProvider, source: (SettingDefinition) -> String)] = []
        layers.append((try flagProvider(), { "flag \(flagName(for: $0.key))" }))
        let variables = environment.filter { !$0.value.isEmpty }
        layers.append(
            (
                EnvironmentVariablesProvider(environmentVariables: variables).prefixKeys(with: "glossator"),
                { "environment \($0.environmentName)" }
            ))
        if let url = variables["DATABASE_URL"] {
            layers.append(
                (
                    InMemoryProvider(values: ["database.url": .init(stringLiteral: url)]),
                    { _ in "environment DATABASE_URL" }
                ))
        }
        if let path = try fileToRead() {
            try checkKeys(ofFile: path)
            let provider = try await FileProvider<YAMLSnapshot>(filePath: FilePath(path))
            layers.append((provider, { _ in path }))
        }
        var resolved: [String: Settings.Resolved] = [:]
        for definition in SettingCatalogue.all {
            resolved[definition.key] = try resolve(definition, layers)
        }
        return Settings(resolved: resolved)
    }

    private func resolve(
        _ definition: SettingDefinition,
        _ layers: [(provider: any ConfigProvider, source: (SettingDefinition) -> String)]
    ) throws -> Settings.Resolved {
        let key = AbsoluteConfigKey(definition.key.split(separator: ".").map(String.init))
        for layer in layers {
            guard let found = try layer.provider.value(forKey: key, type: .string).value,
                case .string(let raw) = found.content
            else { continue }
            let source = layer.source(definition)
            return .init(value: try definition.checked(raw, source: source), source: source)
        }
        return .init(value: definition.defaultValue, source: "default")
    }

    private func flagName(for key: String) -> String {
        flags.last { $0.key == key }?.flag ?? "--set"
    }

    private func flagProvider() throws(Fault) -> InMemoryProvider {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for flag in flags {
            guard SettingCatalogue.definition(of: flag.key) != nil else {
                throw Self.unknownKey(flag.key, where: "flag \(flag.flag)")
            }
            values[AbsoluteConfigKey(flag.key.split(separator: ".").map(String.init))] =
                ConfigValue(.string(flag.value), isSecret: false)
        }
        return InMemoryProvider(values: values)
    }

    private func checkEnvironment() throws(Fault) {
        let known = Set(SettingCatalogue.all.map(\.environmentName)).union(Self.otherVariables)
        for name in environment.keys.sorted() where name.hasPrefix("GLOSSATOR_") && !known.contains(name) {
            let near = Suggestion.nearest(to: name, among: known.sorted())
            throw Fault(
                .configuration, "setting-unknown", "unknown environment variable \(name)",
                hint: (near.map { "did you mean \($0)? " } ?? "") + "`glossator config` lists every key")
        }
    }

    private func fileToRead() throws(Fault) -> String? {
        if let named = file ?? environment["GLOSSATOR_CONFIG"].flatMap({ $0.isEmpty ? nil : $0 }) {
            guard FileManager.default.isReadableFile(atPath: named) else {
                throw Fault(
                    .configuration, "config-file-missing", "cannot read the configuration file \(named)",
                    hint: "check the path, or leave --config and GLOSSATOR_CONFIG away to use the defaults")
            }
            return named
        }
        return FileManager.default.isReadableFile(atPath: Self.standardFile) ? Self.standardFile : nil
    }

    /// The provider answers only for keys it is asked for; a misspelt one would be ignored silently. So the file's own
    /// keys are read once more and compared with the catalogue.
    private func checkKeys(ofFile path: String) throws(Fault) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: String(contentsOfFile: path, encoding: .utf8))
        } catch {
            throw Fault(
                .configuration, "config-file-malformed", "\(path) is not valid YAML: \(error)",
                hint: "correct the file; `glossator config` prints the keys and their defaults")
        }
        guard let root else { return }
        guard case .mapping = root else {
            throw Fault(
                .configuration, "config-file-malformed", "\(path) is not a mapping of keys to values",
                hint: "write, for example, `worker:` and below it, indented, `threads: 2`")
        }
        try checkKeys(root, prefix: "", path: path)
    }

    private func checkKeys(_ node: Node, prefix: String, path: String) throws(Fault) {
        guard let mapping = node.mapping else { return }
        for (key, value) in mapping {
            let name = prefix + (key.string ?? "")
            if value.mapping != nil {
                try checkKeys(value, prefix: name + ".", path: path)
            } else if value.sequence != nil || SettingCatalogue.definition(of: name) == nil {
                let line = key.mark.map { ":\($0.line)" } ?? ""
                throw Self.unknownKey(name, where: path + line)
            }
        }
    }

    private static func unknownKey(_ key: String, where place: String) -> Fault {
        let near = Suggestion.nearest(to: key, among: SettingCatalogue.all.map(\.key))
        return Fault(
            .configuration, "setting-unknown", "unknown key \(key) (\(place))",
            hint: (near.map { "did you mean \($0)? " } ?? "") + "`glossator config` lists every key")
    }
}

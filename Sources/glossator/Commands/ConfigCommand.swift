import Annotations
import ArgumentParser

package struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Print every setting, its value and where it comes from.",
        discussion: """
            A setting is taken from the first of: a flag (--set worker.threads=2), the environment \
            (GLOSSATOR_WORKER_THREADS=2), the YAML file, the default. A key that does not exist is an error wherever \
            it stands.
            """)

    @OptionGroup var options: SettingsOptions

    @Flag(name: .long, help: "Print a YAML file with every key, its meaning and the value in force.")
    var yaml = false

    func run() async throws {
        let settings = try await options.load()
        print(yaml ? Self.yaml(settings) : Self.listing(settings))
    }

    package static func listing(_ settings: Settings) -> String {
        let rows = SettingCatalogue.all.compactMap { definition -> [String]? in
            guard let entry = settings.resolved[definition.key] else { return nil }
            return [definition.key, shown(definition, entry.value), entry.source]
        }
        return Terminal.table(["key", "value", "from"], rows, indent: "")
    }

    package static func yaml(_ settings: Settings) -> String {
        var lines: [String] = []
        var section = ""
        for definition in SettingCatalogue.all {
            let parts = definition.key.split(separator: ".", maxSplits: 1).map(String.init)
            guard parts.count == 2, let entry = settings.resolved[definition.key] else { continue }
            if parts[0] != section {
                section = parts[0]
                lines += lines.isEmpty ? ["\(section):"] : ["", "\(section):"]
            }
            lines.append("  # \(definition.summary)")
            // A secret stays out of a file that may be shared.
            let isHidden = definition.isSecret && !entry.value.isEmpty
            lines.append(
                isHidden ? "  # \(parts[1]): (set, not shown)" : "  \(parts[1]): \(quoted(definition, entry.value))")
        }
        return lines.joined(separator: "\n")
    }

    private static func shown(_ definition: SettingDefinition, _ value: String) -> String {
        if value.isEmpty { return "(empty)" }
        return definition.isSecret ? "(set, not shown)" : value
    }

    private static func quoted(_ definition: SettingDefinition, _ value: String) -> String {
        switch definition.kind {
        case .text, .path: "\"" + value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        case .integer, .number, .flag, .choice: value
        }
    }
}

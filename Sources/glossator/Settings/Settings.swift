import Annotations
import Foundation

/// The configuration in force: a value and its origin for every key of the catalogue.
///
/// Values are checked when they are resolved, so that the typed accessors cannot fail on what a person wrote.
package struct Settings: Sendable {
    package struct Resolved: Sendable, Equatable {
        package let value: String
        /// "default", "flag --threads", "environment GLOSSATOR_WORKER_THREADS", "/etc/glossator/glossator.yaml".
        package let source: String

        package init(value: String, source: String) {
            self.value = value
            self.source = source
        }
    }

    package let resolved: [String: Resolved]

    package func text(_ key: String) -> String {
        guard let value = resolved[key]?.value else { preconditionFailure("\(key) is not in the catalogue") }
        return value
    }

    package func integer(_ key: String) -> Int {
        guard let value = Int(text(key)) else { preconditionFailure("\(key) was not checked") }
        return value
    }

    package func number(_ key: String) -> Double {
        guard let value = Double(text(key)) else { preconditionFailure("\(key) was not checked") }
        return value
    }

    package func flag(_ key: String) -> Bool { text(key) == "true" }

    /// Where imported backbones lie.
    package var modelsDirectory: String { directory("models.directory", named: "models") }

    /// Where training runs keep resume files and cached features.
    package var trainingDirectory: String { directory("train.directory", named: "training") }

    private func directory(_ key: String, named name: String) -> String {
        let configured = text(key)
        if !configured.isEmpty { return (configured as NSString).expandingTildeInPath }
        if getuid() == 0 { return "/var/lib/glossator/" + name }
        let data =
            ProcessInfo.processInfo.environment["XDG_DATA_HOME"].flatMap { $0.isEmpty ? nil : $0 }
            ?? NSHomeDirectory() + "/.local/share"
        return data + "/glossator/" + name
    }

    package var workerThreads: Int {
        let configured = integer("worker.threads")
        return configured > 0 ? configured : ProcessInfo.processInfo.activeProcessorCount
    }

    package var trainingThreads: Int {
        let configured = integer("train.threads")
        return configured > 0 ? configured : workerThreads
    }
}

extension SettingDefinition {
    /// The value in its one spelling (`yes` becomes `true`), or a fault that says what is allowed.
    func checked(_ raw: String, source: String) throws(Fault) -> String {
        let value = raw.trimmingCharacters(in: .whitespaces)
        switch kind {
        case .text, .path:
            return value
        case .integer(let range):
            if let integer = Int(value), range.contains(integer) { return String(integer) }
            throw refusal(value, source, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        case .number(let range):
            if let number = Double(value), range.contains(number) { return value }
            throw refusal(value, source, "a number from \(range.lowerBound) to \(range.upperBound)")
        case .flag:
            switch value.lowercased() {
            case "true", "yes", "on", "1": return "true"
            case "false", "no", "off", "0": return "false"
            default: throw refusal(value, source, "true or false")
            }
        case .choice(let choices):
            if choices.contains(value) { return value }
            throw refusal(value, source, "one of " + choices.joined(separator: ", "))
        }
    }

    private func refusal(_ value: String, _ source: String, _ wanted: String) -> Fault {
        Fault(
            .configuration, "setting-invalid",
            "\(key) is \(isSecret ? "not usable" : "\"\(value)\""), which is not \(wanted) (\(source))",
            hint: "set it to \(wanted); the default is \"\(defaultValue)\"")
    }
}

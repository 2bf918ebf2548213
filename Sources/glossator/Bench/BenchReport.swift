import Foundation

/// What a measurement found: facts, and figures of which each round gave one.
package struct BenchReport {
    /// A figure over the rounds.
    package struct Figure {
        let key: String
        let title: String
        /// One a round.
        let values: [Double]
        var decimals = 1

        var median: Double { Self.median(of: values) }

        /// The middle one, or the mean of the two in the middle.
        package static func median(of values: [Double]) -> Double {
            guard !values.isEmpty else { return .nan }
            let sorted = values.sorted()
            return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
        }
    }

    package enum Format: String, Sendable, CaseIterable {
        case table
        case json
    }

    /// Key and value, in the order in which they are shown.
    var facts: [(key: String, value: JSONValue)]
    var figures: [Figure]

    func text(_ format: Format) -> String {
        switch format {
        case .table: table
        case .json: String(decoding: json.encoded, as: UTF8.self)
        }
    }

    private var table: String {
        let rows = figures.map { figure in
            let numbers = [figure.median, figure.values.min() ?? .nan, figure.values.max() ?? .nan]
            return [figure.title] + numbers.map { String(format: "%.\(figure.decimals)f", $0) }
        }
        let width = facts.map(\.key.count).max() ?? 0
        let lines = facts.map { fact in
            let name = fact.key.replacing("_", with: " ").padding(toLength: width, withPad: " ", startingAt: 0)
            return "  \(name)  \(fact.value.scalar ?? "-")"
        }
        return lines.joined(separator: "\n") + "\n\n" + Terminal.table(["", "median", "least", "most"], rows)
    }

    private var json: JSONValue {
        var members = facts.map { JSONObject.Member(key: $0.key, value: $0.value) }
        for figure in figures {
            let value = JSONValue.object([
                "median": .measured(figure.median), "least": .measured(figure.values.min()),
                "most": .measured(figure.values.max()), "rounds": .array(figure.values.map { .measured($0) }),
            ])
            members.append(.init(key: figure.key, value: value))
        }
        return .object(JSONObject(members))
    }
}

extension JSONValue {
    /// A measured number: four decimals are more than any measurement holds.
    static func measured(_ value: Double?) -> JSONValue {
        value.map { .double(($0 * 10_000).rounded() / 10_000) } ?? .null
    }
}

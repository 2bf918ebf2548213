internal import Annotations
internal import CPostgres
internal import Foundation

/// What libpq makes of a connection string.
enum Conninfo {
    /// The keywords that the conninfo or its service sets, or else the environment or libpq's own defaults.
    static func givenKeywords(_ conninfo: String?) throws(Fault) -> [String: String] {
        let defaults = values(of: PQconndefaults())
        guard let conninfo else { return defaults }
        var message: UnsafeMutablePointer<CChar>?
        guard let parsed = PQconninfoParse(conninfo, &message) else {
            defer { PQfreemem(message) }
            throw Fault(
                .configuration, "database-conninfo",
                "the database's address is not understood: "
                    + withoutSecrets(message.map { String(cString: $0) } ?? "no memory", conninfo: conninfo),
                hint: "a URL like postgresql://user@host:5432/name, or keywords like host=… dbname=…")
        }
        let own = values(of: parsed)
        if own["service"] != nil { return withService(conninfo) }
        return defaults.merging(own) { _, own in own }
    }

    /// libpq reads the service's section only when it connects. It is made to fail before it would touch the network,
    /// by a value that cannot be, and then says what it had understood.
    private static func withService(_ conninfo: String) -> [String: String] {
        let impossible = [("dbname", conninfo), ("channel_binding", "none of the three")]
        guard let pointer = withKeywords(impossible, { PQconnectStartParams($0, $1, 1) }) else { return [:] }
        defer { PQfinish(pointer) }
        return values(of: PQconninfo(pointer))
    }

    /// Connects, waiting as long as the connect time-out says.
    static func connect(_ keywords: [(name: String, value: String)]) -> OpaquePointer? {
        withKeywords(keywords) { PQconnectdbParams($0, $1, 1) }
    }

    /// libpq quotes what it could not parse: the whole URL, or the word after which it expected "=". Either may hold a
    /// password; names of options may not.
    private static func withoutSecrets(_ message: String, conninfo: String) -> String {
        let text = message.trimmingCharacters(in: .whitespacesAndNewlines).replacing(conninfo, with: "…")
        let isAboutName = text.hasPrefix("invalid connection option") || text.hasPrefix("invalid URI query parameter")
        return isAboutName ? text : withoutQuoted(text)
    }

    /// The text with an ellipsis for whatever is longer than a letter and stands in quotation marks.
    static func withoutQuoted(_ text: String) -> String {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .map { index, part in index % 2 == 1 && part.count > 1 ? "…" : String(part) }.joined(separator: "\"")
    }

    private static func values(of options: UnsafeMutablePointer<PQconninfoOption>?) -> [String: String] {
        guard let options else { return [:] }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return values
    }

    private static func withKeywords(
        _ keywords: [(name: String, value: String)],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> OpaquePointer?
    ) -> OpaquePointer? {
        let names = keywords.map { strdup($0.name) } + [nil]
        let values = keywords.map { strdup($0.value) } + [nil]
        defer { (names + values).forEach { free($0) } }
        return body(names.map { UnsafePointer($0) }, values.map { UnsafePointer($0) })
    }
}

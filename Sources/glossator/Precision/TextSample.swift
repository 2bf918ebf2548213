/// The texts with which precisions are compared: different ones, spread evenly over what there is, and bounded, so that a
/// comparison takes its time and no more. The same candidates give the same sample.
package struct TextSample: Sendable, Equatable {
    package let texts: [String]

    /// What lies behind in a text is not read: a long one would be all the sample there is.
    package static let maximumCharacters = 1000
    package static let maximumBytes = 128 << 10

    /// - Parameter count: the most texts.
    package init(of candidates: [String], count: Int, maximumBytes: Int = Self.maximumBytes) {
        var seen: Set<String> = []
        let different = candidates.map(Self.beginning).filter { seen.insert($0).inserted }
        var wanted = min(count, different.count)
        while true {
            let texts = (0..<wanted).map { different[$0 * different.count / wanted] }
            let bytes = texts.reduce(0) { $0 + $1.utf8.count }
            guard bytes > maximumBytes, wanted > 1 else {
                self.texts = texts
                return
            }
            wanted = min(wanted - 1, wanted * maximumBytes / bytes)
            wanted = max(wanted, 1)
        }
    }

    private static func beginning(of text: String) -> String {
        guard text.utf8.count > maximumCharacters else { return text }
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: text.unicodeScalars.prefix(maximumCharacters))
        return String(scalars)
    }

    /// Fewer of the same, for what is asked many times.
    package func few() -> TextSample { TextSample(of: texts, count: 32, maximumBytes: 8 << 10) }
}

import Foundation
import TestSupport
import Testing
import Tokenization

/// What the reference does with every Unicode scalar `c` in `a c b`. The vocabulary is made for each scalar, so that
/// the pieces show what became of it.
@Suite(.enabled(if: Reference.isAvailable)) struct CharacterReferenceTests {
    private enum Class: String { case removed, space, isolated, joined }

    private struct Classes: Decodable { let ranges: [String: [[String]]] }

    /// setting -> scalar -> what it becomes, where that is not itself.
    private func changes() throws -> [String: [UInt32: [UInt32]]] {
        var changes: [String: [UInt32: [UInt32]]] = [:]
        let file = try String(contentsOf: Reference.fixture("tokenizer_char_map.tsv"), encoding: .utf8)
        for line in file.split(separator: "\n").dropFirst() {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            let scalar = try #require(UInt32(fields[1], radix: 16))
            changes[String(fields[0]), default: [:]][scalar] =
                fields[2].split(separator: " ").compactMap { UInt32($0, radix: 16) }
        }
        return changes
    }

    @Test(arguments: ["uncased", "cased"]) func everyScalar(setting: String) throws {
        let classes = try JSONDecoder().decode(
            Classes.self, from: Data(contentsOf: Reference.fixture("tokenizer_char_classes.json")))
        let changes = try changes()[setting] ?? [:]
        var count = 0
        for range in try #require(classes.ranges[setting]) {
            let first = try #require(UInt32(range[0], radix: 16))
            let last = try #require(UInt32(range[1], radix: 16))
            let expected = try #require(Class(rawValue: range[2]))
            var wrong: [UInt32] = []
            for chunk in stride(from: first, through: last, by: 4_096) {
                wrong += try mistakes(
                    in: chunk...min(last, chunk + 4_095), expected, changes, lowercase: setting == "uncased")
                count += Int(min(last, chunk + 4_095) - chunk) + 1
            }
            #expect(wrong.isEmpty, "\(range): \(wrong.prefix(5).map { String($0, radix: 16) })")
        }
        #expect(count == 0x10_FFFF - 0x800)
    }

    /// Scalars of a range of which the tokens are not those that the class and the changes say.
    private func mistakes(
        in range: ClosedRange<UInt32>, _ expected: Class, _ changes: [UInt32: [UInt32]], lowercase: Bool
    ) throws -> [UInt32] {
        var tokens = ["[UNK]", "[CLS]", "[SEP]", "a", "b", "ab", "##b"].map { Array($0.utf8) }
        let scalars = range.compactMap(Unicode.Scalar.init)
        var outcomes: [[String]] = []
        for scalar in scalars {
            let become = normalized(scalar, changes, lowercase)
            let pieces: [String] =
                switch expected {
                case .removed: ["ab"]
                case .space: ["a", "b"]
                case .isolated: ["a", become, "b"]
                case .joined: ["a" + become + "b"]
                }
            outcomes.append(pieces)
            tokens += pieces.map { Array($0.utf8) }
        }
        var seen: Set<[UInt8]> = []
        let vocabulary = try Vocabulary(tokens: tokens.filter { seen.insert($0).inserted })
        let tokenizer = try Tokenizer(
            vocabulary: vocabulary, configuration: TokenizerConfiguration(lowercase: lowercase))
        var wrong: [UInt32] = []
        for (scalar, outcome) in zip(scalars, outcomes) {
            let found = tokenizer.pieces("a\(scalar)b")
            if found.map({ Array($0.utf8) }) != outcome.map({ Array($0.utf8) }) { wrong.append(scalar.value) }
        }
        return wrong
    }

    private func normalized(_ scalar: Unicode.Scalar, _ changes: [UInt32: [UInt32]], _ lowercase: Bool) -> String {
        var view = String.UnicodeScalarView()
        if let change = changes[scalar.value] {
            view.append(contentsOf: change.compactMap(Unicode.Scalar.init))
        } else if lowercase, (0xAC00...0xD7A3).contains(scalar.value) {
            let index = scalar.value - 0xAC00
            let jamo = [0x1100 + index / 588, 0x1161 + index % 588 / 28, 0x11A7 + index % 28]
            view.append(contentsOf: jamo.filter { $0 != 0x11A7 }.compactMap(Unicode.Scalar.init))
        } else {
            view.append(scalar)
        }
        return String(view)
    }
}

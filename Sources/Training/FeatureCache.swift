import Foundation
import Model
import Tensors

/// What frozen layers say about texts, kept on disk from run to run: blocks of numbers by key.
///
/// A file a feature space, `features-….bin`, to which records are appended. Not a store: it may be deleted at any time, is
/// bounded, and a damaged record is one that is not there. Safe for several threads; a second process finds the file locked
/// and works without it.
package final class FeatureCache: @unchecked Sendable {
    /// How numbers are kept. They are rounded whether they come from the file or not, so results do not depend on what the
    /// file holds.
    package enum Precision: String, Sendable, Hashable, Codable, CaseIterable { case f32, f16 }

    /// One text's or window's features.
    package struct Block: Sendable, Equatable {
        package let facts: [UInt32]
        package let numbers: [Float]

        package init(facts: [UInt32], numbers: [Float]) { (self.facts, self.numbers) = (facts, numbers) }
    }

    package let precision: Precision
    /// Reads that found a block, and that did not.
    package var counts: (hits: Int, misses: Int) { lock.withLock { (hits, misses) } }

    private let file: RecordFile?
    private let lock = NSLock()
    private var hits = 0
    private var misses = 0

    /// - Parameters:
    ///   - folder: made when it is missing; nil: nothing is kept.
    ///   - space: everything that decides the features, besides the text.
    ///   - limit: bytes of all feature files of the folder together.
    package init(folder: String?, space: String, precision: Precision, limit: Int) {
        self.precision = precision
        guard let folder, limit > 0, let name = try? ContentHash.of(Array((space + precision.rawValue).utf8)) else {
            file = nil
            return
        }
        file = RecordFile(folder: folder, name: "features-\(name.prefix(16)).bin", limit: limit)
    }

    /// Keeps nothing.
    package static let none = FeatureCache(folder: nil, space: "", precision: .f32, limit: 0)

    /// The key of a text's features of one kind.
    package static func key(_ hash: [UInt8], kind: UInt8) -> [UInt8] {
        (try? ContentHash.of(hash + [kind])).map { Array($0.utf8) } ?? []
    }

    /// Nil for a block that is not there, or is damaged.
    package func read(_ key: [UInt8]) -> Block? {
        let block = file?.read(key).flatMap(decode)
        lock.withLock { if block == nil { misses += 1 } else { hits += 1 } }
        return block
    }

    /// Keeps a block, where there is room for it. Returns it as a later `read` will.
    package func write(_ key: [UInt8], _ block: Block) -> Block {
        let payload = encode(block)
        file?.append(key, payload)
        return precision == .f32 ? block : decode(payload) ?? block
    }

    private func encode(_ block: Block) -> [UInt8] {
        FloatBytes.encode([UInt32(block.facts.count), UInt32(block.numbers.count)]) + FloatBytes.encode(block.facts)
            + FloatBytes.encode(block.numbers, half: precision == .f16)
    }

    private func decode(_ payload: [UInt8]) -> Block? {
        guard payload.count >= 8 else { return nil }
        let counts = FloatBytes.decodeIntegers(payload[..<8]).map(Int.init)
        let start = 8 + counts[0] * 4
        guard payload.count == start + counts[1] * (precision == .f16 ? 2 : 4) else { return nil }
        return Block(
            facts: FloatBytes.decodeIntegers(payload[8..<start]),
            numbers: FloatBytes.decode(payload[start...], half: precision == .f16))
    }
}

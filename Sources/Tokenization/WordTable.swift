/// The pieces that are whole words of at most 16 ASCII letters and digits, by their spelling.
///
/// Most words of a text are one piece. A trie takes a step a byte, each waiting for the one before; this takes one probe.
///
/// Reached through a pointer, and unchecked, for the reasons that `ByteTrie` gives.
final class WordTable: @unchecked Sendable {
    /// A word's bytes in order, as two little-endian numbers; zero behind its end. No word holds a zero, so that no two
    /// words have one key.
    struct Key: Equatable {
        var low: UInt64 = 0
        var high: UInt64 = 0

        static let capacity = 16

        /// Nil for what is too long, or holds anything but ASCII letters and digits.
        init?(_ spelling: [UInt8]) {
            guard spelling.count <= Self.capacity else { return nil }
            for (index, byte) in spelling.enumerated() {
                guard (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10 else { return nil }
                if index < 8 { low |= UInt64(byte) << (8 * index) } else { high |= UInt64(byte) << (8 * (index - 8)) }
            }
        }

        init(low: UInt64, high: UInt64) { (self.low, self.high) = (low, high) }
    }

    /// The letters and digits of ASCII that a text goes on with.
    struct Run {
        var key: Key
        /// How many they are. There may be more than a key holds when it is full.
        var count: Int
    }

    private struct Slot {
        var key: Key
        var id: Int32
    }

    private static let noWord: Int32 = -1
    private let slots: UnsafeMutableBufferPointer<Slot>

    /// - Parameter tokens: by id; those that are no such words are left out, and of two that are equal the first is kept.
    init(_ tokens: [[UInt8]]) {
        // A quarter full at most, half full were all tokens words: a probe rarely finds another word.
        let count = 1 << (Int.bitWidth - max(1, tokens.count).leadingZeroBitCount + 1)
        slots = .allocate(capacity: count)
        slots.initialize(repeating: Slot(key: Key(low: 0, high: 0), id: Self.noWord))
        for (id, token) in tokens.enumerated() where !token.isEmpty {
            guard let key = Key(token) else { continue }
            let index = find(key)
            if slots[index].id == Self.noWord { slots[index] = Slot(key: key, id: Int32(id)) }
        }
    }

    deinit { slots.deallocate() }

    /// The id of a word, or nil when it is not one piece.
    @inline(__always)
    subscript(key: Key) -> Int32? {
        let id = slots[find(key)].id
        return id == Self.noWord ? nil : id
    }

    /// The slot of a key, or the empty one where it belongs.
    @inline(__always)
    private func find(_ key: Key) -> Int {
        let mask = slots.count - 1
        let mixed = (key.low ^ (key.high &* 0xC2B2_AE3D_27D4_EB4F)) &* 0x9E37_79B9_7F4A_7C15
        var index = Int(truncatingIfNeeded: mixed >> 32) & mask
        while slots[index].key != key, slots[index].id != Self.noWord { index = (index + 1) & mask }
        return index
    }
}

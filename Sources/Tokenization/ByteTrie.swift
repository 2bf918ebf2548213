/// Two tries over bytes, one for pieces that begin a word and one for those that continue it.
///
/// Edges lie in one open-addressed hash table, so a step is one probe however many children a node has. Nodes are
/// numbers below 2^24: an edge's key (node and byte) fits in 32 bits and an edge in 64.
///
/// The tables are reached through pointers: looking pieces up is the tokeniser's innermost loop, where an array's
/// bounds checks and reference counts cost as much as the probes. Every index is masked, or a node's number.
///
/// Unchecked: nothing is inserted once the vocabulary that owns it has been made, and readers share it from then on.
final class ByteTrie: @unchecked Sendable {
    static let wordStart: UInt32 = 0
    static let continuation: UInt32 = 1
    static let maximumNodeCount = 1 << 24

    private static let noValue: Int32 = -1
    private static let emptySlot = UInt64.max
    /// In an edge: its child has a value. Saves a step the look at `values`.
    private static let accepting: UInt64 = 1 << 31

    /// key << 32 | accepting | child; the empty slot's key (node 2^24 - 1, byte 255) is never used.
    private var edges: UnsafeMutableBufferPointer<UInt64>
    private var edgeCount = 0
    private var values: UnsafeMutableBufferPointer<Int32>
    private(set) var nodeCount = 2

    /// - Parameter keyBytes: about how many bytes the keys have together; the tables grow beyond it.
    init(keyBytes: Int) {
        // Half of the bytes of a vocabulary of word pieces are shared by pieces with the same beginning.
        edges = Self.allocate(max(1 << 10, keyBytes.nextPowerOfTwo), of: Self.emptySlot)
        values = Self.allocate(max(1 << 9, keyBytes / 2), of: Self.noValue)
    }

    deinit {
        edges.deallocate()
        values.deallocate()
    }

    /// Gives `key` a value, which must not be negative. Returns the value that it had, and then changes nothing.
    func insert(_ key: some Collection<UInt8>, below root: UInt32, value: Int32) -> Int32? {
        var node = root
        var slot = 0
        for byte in key {
            let label = node << 8 | UInt32(byte)
            slot = find(label)
            if edges[slot] == Self.emptySlot { slot = add(label) }
            node = Self.child(of: edges[slot])
        }
        guard node > Self.continuation else { return nil }
        if values[Int(node)] != Self.noValue { return values[Int(node)] }
        values[Int(node)] = value
        edges[slot] |= Self.accepting
        return nil
    }

    /// The longest key below `root` that the bytes from `start` to `end` begin with, and where it ends.
    @inline(__always)
    func longestPrefix(
        from start: Int, to end: Int, below root: UInt32, byte: (Int) -> UInt8
    ) -> (value: Int32, end: Int)? {
        var node = root
        var best = root
        var bestEnd = start
        var index = start
        while index < end {
            let edge = edges[find(node << 8 | UInt32(byte(index)))]
            if edge == Self.emptySlot { break }
            node = Self.child(of: edge)
            index += 1
            if edge & Self.accepting != 0 {
                best = node
                bestEnd = index
            }
        }
        return bestEnd > start ? (values[Int(best)], bestEnd) : nil
    }

    /// The slot of an edge, or the empty one where it belongs.
    @inline(__always)
    private func find(_ label: UInt32) -> Int {
        let mask = edges.count - 1
        var slot = Int(truncatingIfNeeded: (UInt64(label) &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
        while true {
            let edge = edges[slot]
            if UInt32(truncatingIfNeeded: edge >> 32) == label || edge == Self.emptySlot { return slot }
            slot = (slot + 1) & mask
        }
    }

    private static func child(of edge: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: edge & (accepting - 1)) }

    /// A new node at the end of a new edge, whose slot it returns.
    private func add(_ label: UInt32) -> Int {
        if 2 * (edgeCount + 1) > edges.count {
            let old = edges
            edges = Self.allocate(2 * old.count, of: Self.emptySlot)
            for edge in old where edge != Self.emptySlot { edges[find(UInt32(edge >> 32))] = edge }
            old.deallocate()
        }
        if nodeCount == values.count {
            let old = values
            values = Self.allocate(2 * old.count, of: Self.noValue)
            _ = values.update(fromContentsOf: old)
            old.deallocate()
        }
        let slot = find(label)
        edges[slot] = UInt64(label) << 32 | UInt64(nodeCount)
        edgeCount += 1
        nodeCount += 1
        return slot
    }

    private static func allocate<Value>(_ count: Int, of value: Value) -> UnsafeMutableBufferPointer<Value> {
        let buffer = UnsafeMutableBufferPointer<Value>.allocate(capacity: count)
        buffer.initialize(repeating: value)
        return buffer
    }
}

extension Int {
    /// The least power of two that is not smaller; 1 for less than 1.
    fileprivate var nextPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}

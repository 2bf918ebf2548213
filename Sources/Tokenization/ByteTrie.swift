/// Two tries over bytes, one for pieces that begin a word and one for those that continue it.
///
/// Edges lie in one open-addressed hash table, so a step is one probe however many children a node has. Nodes are
/// numbers below 2^24: an edge's key (node and byte) fits in 32 bits and an edge in 64.
struct ByteTrie: Sendable {
    static let wordStart: UInt32 = 0
    static let continuation: UInt32 = 1
    static let maximumNodeCount = 1 << 24

    private static let noValue: Int32 = -1
    private static let emptySlot = UInt64.max

    /// key << 32 | child; the empty slot's key (node 2^24 - 1, byte 255) is never used.
    private var edges = [UInt64](repeating: ByteTrie.emptySlot, count: 1 << 10)
    private var edgeCount = 0
    private var values: [Int32] = [ByteTrie.noValue, ByteTrie.noValue]

    var nodeCount: Int { values.count }

    /// Gives `key` a value, which must not be negative. Returns the value that it had, and then changes nothing.
    mutating func insert(_ key: ArraySlice<UInt8>, below root: UInt32, value: Int32) -> Int32? {
        var node = root
        for byte in key {
            if let child = child(of: node, byte) {
                node = child
            } else {
                let child = UInt32(values.count)
                values.append(Self.noValue)
                add(node << 8 | UInt32(byte), child)
                node = child
            }
        }
        let old = values[Int(node)]
        guard old == Self.noValue else { return old }
        values[Int(node)] = value
        return nil
    }

    /// The longest key that `bytes[start..<end]` begins with, and where it ends.
    func longestPrefix(of bytes: [UInt8], from start: Int, to end: Int, below root: UInt32) -> (value: Int32, end: Int)?
    {
        var node = root
        var best: (value: Int32, end: Int)?
        var index = start
        while index < end, let child = child(of: node, bytes[index]) {
            node = child
            index += 1
            let value = values[Int(node)]
            if value != Self.noValue { best = (value, index) }
        }
        return best
    }

    private func child(of node: UInt32, _ byte: UInt8) -> UInt32? {
        let key = node << 8 | UInt32(byte)
        let mask = edges.count - 1
        var slot = Self.hash(key) & mask
        while true {
            let edge = edges[slot]
            if edge == Self.emptySlot { return nil }
            if UInt32(edge >> 32) == key { return UInt32(truncatingIfNeeded: edge) }
            slot = (slot + 1) & mask
        }
    }

    private mutating func add(_ key: UInt32, _ child: UInt32) {
        if 2 * (edgeCount + 1) > edges.count {
            let old = edges
            edges = [UInt64](repeating: Self.emptySlot, count: 2 * old.count)
            for edge in old where edge != Self.emptySlot { place(edge) }
        }
        place(UInt64(key) << 32 | UInt64(child))
        edgeCount += 1
    }

    private mutating func place(_ edge: UInt64) {
        let mask = edges.count - 1
        var slot = Self.hash(UInt32(edge >> 32)) & mask
        while edges[slot] != Self.emptySlot { slot = (slot + 1) & mask }
        edges[slot] = edge
    }

    private static func hash(_ key: UInt32) -> Int {
        Int(truncatingIfNeeded: (UInt64(key) &* 0x9E37_79B9_7F4A_7C15) >> 32)
    }
}

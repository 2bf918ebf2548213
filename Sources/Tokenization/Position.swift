/// A place between two scalars of a text.
struct Position {
    var scalar = 0
    var byte = 0

    /// Behind one more scalar, which is `length` bytes long.
    mutating func advance(by length: Int) {
        scalar += 1
        byte += length
    }

    /// Behind every scalar before `end`.
    mutating func skip(_ bytes: TextBytes, to end: Int) {
        while byte < end {
            if bytes[byte] & 0xC0 != 0x80 { scalar += 1 }
            byte += 1
        }
    }

    @inline(__always)
    func origin(to end: Position) -> Origin {
        Origin(
            scalarStart: Int32(clamping: scalar), scalarEnd: Int32(clamping: end.scalar),
            byteStart: Int32(clamping: byte), byteEnd: Int32(clamping: end.byte))
    }
}

internal import Annotations
internal import CPostgres
internal import Foundation

/// A statement's result. Owns libpq's memory; never leaves the closure that ran the statement.
final class Rows {
    fileprivate let result: OpaquePointer
    let count: Int
    /// Rows changed by an INSERT, UPDATE or DELETE, or returned.
    let affected: Int

    init(owning result: OpaquePointer) {
        self.result = result
        count = Int(PQntuples(result))
        affected = Int(String(cString: PQcmdTuples(result))) ?? 0
    }

    deinit { PQclear(result) }

    subscript(index: Int) -> Row { Row(rows: self, index: Int32(index)) }

    var first: Row? { count > 0 ? self[0] : nil }

    /// Of a description of a prepared statement.
    var parameterTypes: [UInt32] { (0..<PQnparams(result)).map { PQparamtype(result, $0) } }
}

extension Rows: Sequence {
    func makeIterator() -> AnyIterator<Row> {
        var next = 0
        return AnyIterator {
            guard next < self.count else { return nil }
            defer { next += 1 }
            return self[next]
        }
    }
}

/// One row. Columns are read by position and by the type that the statement gives them; another type is a defect.
struct Row {
    fileprivate let rows: Rows
    fileprivate let index: Int32

    func isNull(_ column: Int) -> Bool { PQgetisnull(rows.result, index, Int32(column)) == 1 }

    func bool(_ column: Int) throws(Fault) -> Bool {
        let bytes = try field(column, [TypeID.bool], width: 1)
        return bytes[0] != 0
    }

    /// Any integer type.
    func int(_ column: Int) throws(Fault) -> Int {
        let bytes = try field(column, [TypeID.int8, TypeID.int4, TypeID.int2])
        switch bytes.count {
        case 8: return Int(bytes.bigEndian(as: Int64.self))
        case 4: return Int(bytes.bigEndian(as: Int32.self))
        case 2: return Int(bytes.bigEndian(as: Int16.self))
        default: throw mismatch(column)
        }
    }

    func int64(_ column: Int) throws(Fault) -> Int64 { Int64(try int(column)) }
    func optionalInt64(_ column: Int) throws(Fault) -> Int64? { isNull(column) ? nil : try int64(column) }

    func float(_ column: Int) throws(Fault) -> Float {
        Float(bitPattern: try field(column, [TypeID.float4], width: 4).bigEndian(as: UInt32.self))
    }

    func double(_ column: Int) throws(Fault) -> Double {
        Double(bitPattern: try field(column, [TypeID.float8], width: 8).bigEndian(as: UInt64.self))
    }

    func text(_ column: Int) throws(Fault) -> String {
        String(decoding: try field(column, [TypeID.text, TypeID.varchar, TypeID.name]), as: UTF8.self)
    }

    func optionalText(_ column: Int) throws(Fault) -> String? { isNull(column) ? nil : try text(column) }

    func bytes(_ column: Int) throws(Fault) -> [UInt8] { Array(try field(column, [TypeID.bytea])) }

    /// JSON text of a jsonb column.
    func json(_ column: Int) throws(Fault) -> String {
        let bytes = try field(column, [TypeID.jsonb])
        guard bytes.first == 1 else { throw mismatch(column) }
        return String(decoding: bytes.dropFirst(), as: UTF8.self)
    }

    func optionalJSON(_ column: Int) throws(Fault) -> String? { isNull(column) ? nil : try json(column) }

    /// Microseconds since 2000 on the wire.
    func date(_ column: Int) throws(Fault) -> Date {
        let bytes = try field(column, [TypeID.timestamptz], width: 8)
        return Date(timeIntervalSince1970: 946_684_800 + Double(bytes.bigEndian(as: Int64.self)) / 1e6)
    }

    func optionalDate(_ column: Int) throws(Fault) -> Date? { isNull(column) ? nil : try date(column) }

    private func field(_ column: Int, _ types: [UInt32], width: Int? = nil) throws(Fault) -> UnsafeRawBufferPointer {
        let column = Int32(column)
        guard column < PQnfields(rows.result), types.contains(PQftype(rows.result, column)),
            PQfformat(rows.result, column) == 1, PQgetisnull(rows.result, index, column) == 0,
            let start = PQgetvalue(rows.result, index, column)
        else { throw mismatch(Int(column)) }
        let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(rows.result, index, column)))
        if let width, bytes.count != width { throw mismatch(Int(column)) }
        return bytes
    }

    private func mismatch(_ column: Int) -> Fault {
        Fault(
            .defect, "result-type",
            "column \(column) of a result is not what the statement promises (type \(PQftype(rows.result, Int32(column))))"
        )
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func bigEndian<T: FixedWidthInteger>(as type: T.Type) -> T { T(bigEndian: loadUnaligned(as: type)) }
}

package import Annotations
internal import CCrypto
internal import Foundation

/// SHA-256, incremental over any number of bytes, through libcrypto.
package struct ContentHash: ~Copyable {
    private let context: OpaquePointer?
    private var isValid: Bool

    package init() {
        context = EVP_MD_CTX_new()
        isValid = context != nil && EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    }

    deinit { EVP_MD_CTX_free(context) }

    package mutating func update(_ bytes: [UInt8]) {
        isValid = isValid && EVP_DigestUpdate(context, bytes, bytes.count) == 1
    }

    /// Lower-case hexadecimal.
    /// - Throws: `.system` `hash-failed` when libcrypto refused a step (out of memory, a policy without SHA-256).
    package consuming func finish() throws(Fault) -> String {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        guard isValid, EVP_DigestFinal_ex(context, &digest, &count) == 1 else {
            throw Fault(.system, "hash-failed", "libcrypto could not compute a SHA-256")
        }
        let digits = Array("0123456789abcdef".utf8)
        let text = digest[..<Int(count)].flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }

    package static func of(_ bytes: [UInt8]) throws(Fault) -> String {
        var hash = ContentHash()
        hash.update(bytes)
        return try hash.finish()
    }

    /// Reads the file in pieces of a megabyte.
    package static func ofFile(_ path: String) throws(Fault) -> String {
        var hash = ContentHash()
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty { hash.update([UInt8](piece)) }
        } catch {
            throw Fault(.model, "file-unreadable", "cannot read \(path)")
        }
        return try hash.finish()
    }

    /// One hash for a directory's `names`: over what `sha256sum` prints for them in the order of their
    /// names, so anybody can check it: `sha256sum a b c | sha256sum`.
    package static func ofFiles(_ names: [String], in directory: String) throws(Fault) -> String {
        var hash = ContentHash()
        for name in names.sorted() {
            hash.update(Array("\(try ofFile(directory + "/" + name))  \(name)\n".utf8))
        }
        return try hash.finish()
    }
}

import Foundation

/// TCP on 127.0.0.1 and sockets in the file system, for peers that behave badly.
enum LocalSocket {
    /// A port that nobody listens on at the moment.
    static func freePort() throws -> UInt16 {
        let listener = try listen()
        close(listener.descriptor)
        return listener.port
    }

    /// Listens on a port of the system's choice.
    static func listen() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutableBytes(of: &address) { bytes in
            let address = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return bind(descriptor, address, length) == 0 && Foundation.listen(descriptor, 16) == 0
                && getsockname(descriptor, address, &length) == 0
        }
        guard isListening else { throw TemporaryCluster.Failure(description: "no port on 127.0.0.1") }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// Connects to a socket in the file system; nil when nobody listens.
    static func connect(to path: String) -> Int32? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let isConnected = withUnsafeBytes(of: &address) { bytes in
            let address = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return Foundation.connect(descriptor, address, socklen_t(bytes.count)) == 0
        }
        if isConnected { return descriptor }
        close(descriptor)
        return nil
    }

    /// Sends everything; false when the peer is gone.
    static func send(_ bytes: some Collection<UInt8>, to descriptor: Int32) -> Bool {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if sent <= 0 { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }
}

import Foundation

/// Stands between a client and a cluster, forwards, and at a word stops to: whatever either sends from then on is
/// taken and goes nowhere, as behind a firewall that has forgotten the connection. New connections are forwarded.
package final class BlackHole: @unchecked Sendable {
    /// Where it listens on 127.0.0.1.
    package let port: UInt16
    private let listener: Int32
    private let target: String
    private let lock = NSLock()
    // Behind the lock. A connection is lost when its number is not above this one.
    private var lost = 0
    private var connections = 0

    package init(before cluster: TemporaryCluster) throws {
        (listener, port) = try LocalSocket.listen()
        target = "\(cluster.directory.path)/.s.PGSQL.\(cluster.port)"
        let thread = Thread { self.acceptAll() }
        thread.start()
    }

    /// Loses the connections that there are.
    package func swallow() { lock.withLock { lost = connections } }

    /// Takes no more connections.
    package func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            guard let server = LocalSocket.connect(to: target) else {
                close(client)
                continue
            }
            let number = lock.withLock {
                connections += 1
                return connections
            }
            let thread = Thread { self.forward(client, server, number) }
            thread.start()
        }
        close(listener)
    }

    private func forward(_ client: Int32, _ server: Int32, _ number: Int) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        forwarding: while true {
            var watched = [client, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&watched, 2, -1) > 0 else { break }
            for (index, end) in watched.enumerated() where end.revents != 0 {
                let count = read(end.fd, &buffer, buffer.count)
                guard count > 0 else { break forwarding }
                let isLost = lock.withLock { number <= lost }
                if !isLost, !LocalSocket.send(buffer[..<count], to: index == 0 ? server : client) { break forwarding }
            }
        }
        close(client)
        close(server)
    }
}

/// Takes a client's first message and refuses it with the same words each time.
package final class RefusingServer: @unchecked Sendable {
    /// Where it listens on 127.0.0.1.
    package let port: UInt16
    private let listener: Int32
    private let lock = NSLock()
    private var count = 0

    /// How many clients were refused.
    package var refusals: Int { lock.withLock { count } }

    /// - Parameter fields: Of the protocol's ErrorResponse, by their letters.
    package init(_ fields: [(letter: Character, text: String)]) throws {
        (listener, port) = try LocalSocket.listen()
        let body: [UInt8] = fields.reduce(into: []) { $0 += Array("\($1.letter)\($1.text)\0".utf8) } + [0]
        let length = withUnsafeBytes(of: UInt32(body.count + 4).bigEndian) { Array($0) }
        let answer = Array("E".utf8) + length + body
        let thread = Thread { self.refuseAll(answer) }
        thread.start()
    }

    /// Takes no more clients.
    package func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func refuseAll(_ answer: [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: 1 << 12)
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            if read(client, &buffer, buffer.count) > 0 { _ = LocalSocket.send(answer, to: client) }
            lock.withLock { count += 1 }
            close(client)
        }
        close(listener)
    }
}

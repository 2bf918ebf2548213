internal import Foundation

/// Ends a `poll(2)` from another thread.
final class WakeUp: Sendable {
    /// Readable once `signal()` was called; -1, which poll(2) passes over, when the system has no descriptor left.
    let descriptor: Int32
    private let writer: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        if pipe(&ends) == 0 {
            for end in ends {
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
                _ = fcntl(end, F_SETFL, O_NONBLOCK)
            }
        }
        (descriptor, writer) = (ends[0], ends[1])
    }

    deinit {
        for end in [descriptor, writer] where end >= 0 { close(end) }
    }

    func signal() {
        var byte: UInt8 = 1
        _ = write(writer, &byte, 1)
    }
}

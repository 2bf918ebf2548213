import Annotations
import Foundation
import Synchronization

/// The time between the wish to end and the end of patience with what is being computed.
final class ShutdownGrace: Sendable {
    private let grace: Duration
    private let end = Mutex<ContinuousClock.Instant?>(nil)

    init(_ grace: Duration) { self.grace = grace }

    func begin() {
        let instant = ContinuousClock.now + grace
        end.withLock { $0 = $0 ?? instant }
    }

    var isOver: Bool {
        end.withLock { end in end.map { ContinuousClock.now >= $0 } ?? false }
    }

    func ends(before instant: ContinuousClock.Instant) -> Bool {
        end.withLock { end in end.map { $0 < instant } ?? false }
    }
}

/// The end of all patience: a daemon that is told to stop while the database hangs would be killed at the service's stop
/// time. It ends itself before, and says so. Nothing is lost by that, whatever it was doing: what it holds goes back
/// after its silence.
struct ShutdownLimit: Sendable {
    private let limit: Duration

    init(_ limit: Duration) { self.limit = limit }

    func begin() {
        let limit = limit
        // A thread of its own, since everything else may be waiting.
        Thread.detachNewThread {
            Thread.sleep(forTimeInterval: limit / .seconds(1))
            let fault = Fault(
                .database, "shutdown-timeout", "stopping took longer than \(Int(limit / .seconds(1))) s",
                hint: "the database does not answer; what this daemon held goes back to the queue within a minute")
            FileHandle.standardError.write(Data("glossator: \(fault)\n".utf8))
            _exit(69)
        }
    }
}

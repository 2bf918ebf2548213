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
}

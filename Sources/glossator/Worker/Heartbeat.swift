import Annotations
import Foundation
import Logging
import Store
import Synchronization

/// Says that the daemon lives, and takes back what dead ones held: on a thread and a connection of its own, because a beat
/// that waits for a busy processor or for another statement is how two daemons come to work on the same document.
final class Heartbeat: Sendable {
    private struct State {
        var isStopped = false
        var fault: Fault?
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let daemon: Int64
    private let settings: ConnectionSettings
    private let interval: Duration
    private let maximumAttempts: Int
    private let logger: Logger
    private let condition: @Sendable () -> Queue.Condition
    private let returned: @Sendable () -> Void
    private let state = Mutex(State())
    private let stopping = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - condition: asked before each beat what the daemon says of itself.
    ///   - returned: told after the first beat that succeeds after some that did not.
    init(
        daemon: Int64, database: ConnectionSettings, interval: Duration, maximumAttempts: Int, logger: Logger,
        condition: @escaping @Sendable () -> Queue.Condition, returned: @escaping @Sendable () -> Void
    ) {
        self.daemon = daemon
        var settings = database
        settings.applicationName = "glossator beat"
        // A server process that hangs must be noticed while the beats of another connection still count.
        settings.statementTimeout = .seconds(10)
        settings.answerGrace = .seconds(5)
        self.settings = settings
        self.interval = interval
        self.maximumAttempts = maximumAttempts
        self.logger = logger
        self.condition = condition
        self.returned = returned
    }

    /// Beats until the task is cancelled. Throws what no later beat can mend: the daemon's row is gone.
    func run() async throws {
        let thread = Thread { self.work() }
        thread.name = "heartbeat"
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { $0.waiting = continuation }
                thread.start()
            }
        } onCancel: {
            state.withLock { $0.isStopped = true }
            stopping.signal()
        }
        if let fault = state.withLock({ $0.fault }) { throw fault }
    }

    private func work() {
        let connection = BlockingConnection(settings)
        var rescues = RescueRule()
        var isCutOff = false
        while !state.withLock({ $0.isStopped }) {
            do {
                let now = ContinuousClock.now
                try connection.run { (session) throws(Fault) in
                    try Queue.beat(daemon: daemon, condition(), on: session)
                    guard rescues.mayRescue(afterBeatAt: now) else { return }
                    report(try Queue.rescue(maximumAttempts: maximumAttempts, on: session))
                }
                if isCutOff { returned() }
                isCutOff = false
            } catch {
                guard error.code != "daemon-unknown" else {
                    state.withLock { $0.fault = error }
                    break
                }
                rescues.beatFailed(at: .now)
                isCutOff = true
                logger.warning(
                    "heartbeat failed, trying again", metadata: ["code": "\(error.code)", "reason": "\(error.message)"])
            }
            _ = stopping.wait(timeout: .now() + .milliseconds(Int(interval / .milliseconds(1))))
        }
        state.withLock { $0.waiting.take() }?.resume()
    }

    private func report(_ rescue: Queue.Rescue) {
        guard rescue.returned + rescue.givenUp > 0 else { return }
        logger.notice(
            "took back what a dead daemon held",
            metadata: ["returned": "\(rescue.returned)", "given_up": "\(rescue.givenUp)"])
    }
}

/// Decides whether a daemon may declare others dead. One that could not beat itself (the database was away, its disk
/// full) must take it that the others could not either: it waits until they have had the time to.
package struct RescueRule: Sendable {
    private var notBefore: ContinuousClock.Instant?
    private var isCutOff = false
    private let silence: Duration

    package init(silence: Duration = Queue.silence) { self.silence = silence }

    package mutating func beatFailed(at now: ContinuousClock.Instant) { isCutOff = true }

    package mutating func mayRescue(afterBeatAt now: ContinuousClock.Instant) -> Bool {
        if isCutOff {
            isCutOff = false
            notBefore = now + silence
        }
        guard let notBefore else { return true }
        return now >= notBefore
    }
}

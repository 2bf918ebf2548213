internal import Foundation

/// Runs an actor's work on one thread of its own, in order.
///
/// libpq blocks: on Swift's cooperative pool, which has a thread a core, a few connections waiting for a server would
/// stop everything else.
final class ThreadExecutor: SerialExecutor, @unchecked Sendable {
    // Everything below is touched only with `condition` locked.
    private let condition = NSCondition()
    private var waiting: [UnownedJob] = []
    private var isStopped = false

    init(name: String) {
        // The thread keeps the executor alive until `stop()`.
        let thread = Thread { self.work() }
        thread.name = name
        thread.start()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        condition.lock()
        waiting.append(job)
        condition.signal()
        condition.unlock()
    }

    /// Ends the thread once everything enqueued has run. Called when the actor is gone, so nothing follows.
    func stop() {
        condition.lock()
        isStopped = true
        condition.signal()
        condition.unlock()
    }

    private func work() {
        while true {
            condition.lock()
            while waiting.isEmpty && !isStopped { condition.wait() }
            let jobs = waiting
            waiting.removeAll(keepingCapacity: true)
            condition.unlock()
            if jobs.isEmpty { return }
            for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }
}

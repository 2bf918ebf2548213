internal import Dispatch
internal import Synchronization

/// Threads that share numbered tasks. Which thread does which task is left to chance, so a task must not depend on it:
/// tasks of fixed size whose results have places of their own give the same bits for any number of threads.
///
/// The calling thread works as well and is blocked until the last task is done: not for Swift's cooperative pool.
package struct Workers: Sendable {
    package let count: Int

    /// - Parameter count: threads, the calling one included.
    package init(_ count: Int) {
        precondition(count >= 1, "\(count) threads")
        self.count = count
    }

    /// Calls `body` once for every task in `0..<tasks`, lowest first. `worker` is in `0..<count`: no two tasks that run
    /// at once have the same, so it names a thread's scratch memory.
    package func run(_ tasks: Int, _ body: @Sendable (_ task: Int, _ worker: Int) -> Void) {
        BLAS.useCallingThreadOnly
        let threads = min(count, tasks)
        guard threads > 1 else {
            for task in 0..<max(tasks, 0) { body(task, 0) }
            return
        }
        let next = Counter()
        DispatchQueue.concurrentPerform(iterations: threads) { worker in
            while case let task = next.take(), task < tasks { body(task, worker) }
        }
    }

    private final class Counter: Sendable {
        private let next = Atomic<Int>(0)
        func take() -> Int { next.wrappingAdd(1, ordering: .relaxed).oldValue }
    }
}

import Foundation
import Synchronization

/// Threads of our own for work that blocks a processor: encoding and training must never sit on Swift's cooperative
/// pool, where they would starve the heartbeat and the database (docs/architecture.md).
///
/// Each thread owns a `State` (scratch memory) that lives as long as the thread.
final class ComputeThreads<State>: Sendable {
    private typealias Work = @Sendable (inout State) -> Void

    private final class Shared: @unchecked Sendable {
        let condition = NSCondition()
        var waiting: [Work] = []
        var next = 0
        var isClosed = false
        /// Told when fewer pieces of work are waiting than there are threads.
        var awaitingRoom: [CheckedContinuation<Void, Never>] = []
        let threads: Int

        init(threads: Int) { self.threads = threads }

        private var hasRoom: Bool { waiting.count - next < threads }

        func push(_ work: @escaping Work) {
            condition.withLock {
                waiting.append(work)
                condition.signal()
            }
        }

        /// Blocks until there is work, or returns nil after `close`.
        func pop() -> Work? {
            condition.lock()
            defer { condition.unlock() }
            while next == waiting.count {
                if isClosed { return nil }
                condition.wait()
            }
            let work = waiting[next]
            next += 1
            if next == waiting.count {
                waiting.removeAll(keepingCapacity: true)
                next = 0
            }
            if hasRoom {
                for waiter in awaitingRoom { waiter.resume() }
                awaitingRoom.removeAll()
            }
            return work
        }

        func wait(_ continuation: CheckedContinuation<Void, Never>) {
            let isOver = condition.withLock {
                if !hasRoom { awaitingRoom.append(continuation) }
                return hasRoom
            }
            if isOver { continuation.resume() }
        }

        func close() {
            condition.withLock {
                isClosed = true
                condition.broadcast()
            }
        }
    }

    let count: Int
    private let shared: Shared

    init(count: Int, makeState: @escaping @Sendable () -> State) {
        self.count = max(1, count)
        shared = Shared(threads: self.count)
        for index in 0..<self.count {
            let shared = shared
            let thread = Thread {
                var state = makeState()
                while let work = shared.pop() { work(&state) }
            }
            thread.name = "compute-\(index)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    deinit { shared.close() }

    /// Returns when fewer pieces of work wait for a thread than there are threads.
    func waitForRoom() async { await withCheckedContinuation { shared.wait($0) } }

    /// Runs `body` on the next free thread.
    func run<Result: Sendable>(_ body: @escaping @Sendable (inout State) throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            shared.push { state in continuation.resume(with: Swift.Result { try body(&state) }) }
        }
    }

    /// Runs `body` once for each element, as many at a time as there are threads; results in the elements' order.
    func map<Element: Sendable, Result: Sendable>(
        _ elements: [Element], _ body: @escaping @Sendable (Element, inout State) throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            for (index, element) in elements.enumerated() {
                group.addTask { (index, try await self.run { state in try body(element, &state) }) }
            }
            var results = [Result?](repeating: nil, count: elements.count)
            for try await (index, result) in group { results[index] = result }
            return results.compactMap { $0 }
        }
    }
}

import Foundation

/// Lets what else runs on this machine go first.
enum LowPriority {
    /// Gives every thread of the process at least this nice value; those that they start inherit it. A process that has been
    /// started with less priority keeps that.
    ///
    /// - Parameter nice: 0...19.
    static func take(_ nice: Int) {
        // Linux keeps a nice value a thread. A thread that one of those still to come starts meanwhile is found by the next
        // round.
        while lowerAll(to: Int32(nice)) > 0 {}
    }

    /// Returns how many threads had a higher priority.
    private static func lowerAll(to nice: Int32) -> Int {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        let kind = Int32(PRIO_PROCESS.rawValue)
        return threads.compactMap { id_t($0) }.count { thread in
            getpriority(kind, thread) < nice && setpriority(kind, thread, nice) == 0
        }
    }
}

import Foundation

/// Lets what else runs on this machine go first.
enum LowPriority {
    /// Gives every thread of the process at least this nice value, those to come included, until the process ends. One that
    /// was started with less priority keeps that.
    ///
    /// - Parameter nice: 0...19.
    static func take(_ nice: Int) {
        let nice = Int32(nice)
        lowerAll(to: nice)
        guard nice > 0 else { return }
        // Linux keeps a nice value a thread, which those that it starts inherit. But a worker of libdispatch asks for a value
        // of its own when it begins, and where that is allowed (root) gets it: hence again and again.
        let keeper = Thread {
            while true {
                lowerAll(to: nice)
                usleep(200_000)
            }
        }
        keeper.name = "nice"
        keeper.start()
    }

    private static func lowerAll(to nice: Int32) {
        let kind = Int32(PRIO_PROCESS.rawValue)
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? [] {
            guard let thread = id_t(name), getpriority(kind, thread) < nice else { continue }
            _ = setpriority(kind, thread, nice)
        }
    }
}

import Foundation

/// Times a round, and tells how many processors this process used in it and how many everybody else: a speed that was
/// measured beside other work says little. Processor counts are nil where there is no `/proc`.
struct MachineMeter {
    private let start = ContinuousClock.now
    private let own = Self.ownSeconds()
    private let machine = Self.machineSeconds()

    struct Reading: Sendable {
        let seconds: Double
        let ownProcessors: Double
        let otherProcessors: Double?
    }

    func read() -> Reading {
        let seconds = max(1e-9, (ContinuousClock.now - start) / .seconds(1))
        let own = Self.ownSeconds() - own
        let others = machine.flatMap { before in Self.machineSeconds().map { max(0, $0 - before - own) / seconds } }
        return Reading(seconds: seconds, ownProcessors: own / seconds, otherProcessors: others)
    }

    private static func ownSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Seconds that the machine's processors were busy or, for a guest, kept away (`/proc/stat`: user, nice, system,
    /// irq, softirq, steal).
    private static func machineSeconds() -> Double? {
        guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let line = text.split(separator: "\n").first
        else { return nil }
        let ticks = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard ticks.count >= 8 else { return nil }
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}

/// What `/proc` says about this process.
enum ProcessFacts {
    /// The most memory that was ever resident, in MiB.
    static var peakMemory: Double? {
        let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = text?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }.map { $0 / 1024 }
    }

    /// Seconds since the process was started, before its first instruction; to a hundredth, which is the kernel's clock
    /// for this.
    static var age: Double? {
        guard let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            let name = text.lastIndex(of: ")")
        else { return nil }
        // Behind the name, which may contain anything, the 20th field is the start in ticks since the machine's.
        let fields = text[text.index(after: name)...].split(separator: " ")
        guard fields.count > 19, let ticks = Double(fields[19]) else { return nil }
        var now = timespec()
        clock_gettime(CLOCK_BOOTTIME, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9 - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}

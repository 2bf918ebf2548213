import Foundation

/// Seconds that processes kept a processor busy.
enum ProcessorTime {
    /// This process.
    static var own: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// A server with all its processes; those that have ended are in its own account.
    static func of(_ cluster: PrivateCluster) -> Double {
        guard let server = cluster.serverProcess else { return 0 }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var ticks = 0.0
        for process in names.compactMap({ Int($0) }) {
            guard let fields = fields(of: process), fields.count > 14 else { continue }
            // Behind the program's name: state, parent, …, and from the twelfth on utime, stime, and those of children.
            if process == server {
                ticks += fields[11...14].reduce(0) { $0 + (Double($1) ?? 0) }
            } else if Int(fields[1]) == server {
                ticks += fields[11...12].reduce(0) { $0 + (Double($1) ?? 0) }
            }
        }
        return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func fields(of process: Int) -> [Substring]? {
        guard let line = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
        let text = String(decoding: line, as: UTF8.self)
        return text.lastIndex(of: ")").map { text[text.index(after: $0)...].split(separator: " ") }
    }
}

import Foundation
import Synchronization

/// Progress of one long step on standard error: a bar that rewrites itself on a terminal, a line every ten seconds
/// elsewhere, nothing for what is over within two seconds.
final class ProgressBar: Sendable {
    private struct State {
        var done = 0
        /// Done before this bar began: an interrupted run goes on.
        var start = 0
        var total: Int
        var suffix = ""
        var lastShown: ContinuousClock.Instant
        var hasShown = false
    }

    private let title: String
    private let unit: String
    private let started = ContinuousClock.now
    private let state: Mutex<State>

    /// - Parameter total: 0 when it is not known; then only the count and the rate are shown.
    init(_ title: String, total: Int, unit: String) {
        self.title = title
        self.unit = unit
        state = Mutex(State(total: total, lastShown: .now))
    }

    /// Leaves what was done before out of the rate.
    func goOn(from done: Int) { state.withLock { $0.start = done } }

    func update(done: Int, total: Int? = nil, suffix: String = "") {
        let line: String? = state.withLock { state in
            state.done = done
            state.suffix = suffix
            if let total { state.total = total }
            // More may come while it is being done.
            if state.total > 0 { state.total = max(state.total, done) }
            let now = ContinuousClock.now
            let pause: Duration = Terminal.isInteractive ? .milliseconds(100) : .seconds(10)
            guard now - started > .seconds(2), !state.hasShown || now - state.lastShown > pause else { return nil }
            if !Terminal.isInteractive, !state.hasShown, now - started < .seconds(10) { return nil }
            state.lastShown = now
            state.hasShown = true
            return render(state, elapsed: now - started)
        }
        guard let line else { return }
        if Terminal.isInteractive { Terminal.overwriteLine(line) } else { Terminal.note(line) }
    }

    /// Leaves one closing line behind if anything was shown.
    func finish() {
        let line: String? = state.withLock { state in
            state.hasShown ? render(state, elapsed: ContinuousClock.now - started) : nil
        }
        guard let line else { return }
        if Terminal.isInteractive { Terminal.overwriteLine(line + "\n") } else { Terminal.note(line) }
    }

    private func render(_ state: State, elapsed: Duration) -> String {
        let seconds = max(elapsed / .seconds(1), 0.001)
        let rate = Double(state.done - state.start) / seconds
        var line = title
        if state.total > 0 {
            let share = min(1, Double(state.done) / Double(state.total))
            let filled = Int(share * 24)
            line += " [" + String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled) + "]"
            line += " \(Int(share * 100)) %  \(state.done)/\(state.total) \(unit)"
            line += String(format: rate < 10 ? "  %.1f/s" : "  %.0f/s", rate)
            if state.done > 0, state.done < state.total {
                line += "  ETA " + Self.clock(Double(state.total - state.done) / rate)
            } else {
                line += "  " + Self.clock(seconds)
            }
        } else {
            line += String(format: "  %d %@  %.0f/s  %@", state.done, unit, rate, Self.clock(seconds))
        }
        return state.suffix.isEmpty ? line : line + "  " + state.suffix
    }

    private static func clock(_ seconds: Double) -> String {
        let total = Int(seconds.rounded())
        return total < 3600
            ? String(format: "%d:%02d", total / 60, total % 60)
            : String(format: "%d:%02d:%02d", total / 3600, total / 60 % 60, total % 60)
    }
}

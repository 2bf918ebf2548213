import Foundation

/// Where values lie along one axis of a drawing, and the round numbers to write beside it.
package struct Scale: Sendable, Hashable {
    package let lowest: Double
    package let highest: Double
    /// Places of `lowest` and `highest`; an axis that points up has the larger one first.
    package let from: Double
    package let to: Double
    package let ticks: [Double]
    private let decimals: Int

    /// Larger numbers than these are no losses or scores but a sign that the run diverged; they would flatten all
    /// others.
    package static func canShow(_ value: Double) -> Bool { value.isFinite && abs(value) < 1e12 }

    /// From the round number below the smallest value to the one above the largest. One value alone gets room on both
    /// sides; without any the axis goes from 0 to 1. What `canShow` refuses does not count.
    package init(of values: [Double], from: Double, to: Double, intervals: Int = 4) {
        let shown = values.filter(Self.canShow)
        var (low, high) = (shown.min() ?? 0, shown.max() ?? 1)
        if high - low <= 1e-9 * max(abs(low), abs(high), 1e-6) {
            let room = max(abs(high) * 0.1, 1e-3)
            (low, high) = (low - room, high + room)
        }
        let step = Self.roundStep((high - low) / Double(max(intervals, 1)))
        let (first, last) = ((low / step).rounded(.down), (high / step).rounded(.up))
        self.init(
            lowest: first * step, highest: last * step, from: from, to: to,
            ticks: (0...Int(last - first)).map { (first + Double($0)) * step },
            decimals: max(0, -Int(log10(step).rounded(.down))))
    }

    /// Whole numbers from `first` to `last`, with a tick at some of them.
    package init(whole first: Int, _ last: Int, from: Double, to: Double, intervals: Int = 6) {
        let step = max(1, Int(Self.roundStep(Double(last - first) / Double(max(intervals, 1)))))
        let isAlone = first == last
        self.init(
            lowest: Double(first) - (isAlone ? 0.5 : 0), highest: Double(last) + (isAlone ? 0.5 : 0), from: from,
            to: to,
            ticks: (first...max(first, last)).filter { $0 % step == 0 || isAlone }.map(Double.init), decimals: 0)
    }

    /// Shares and probabilities.
    package static func share(from: Double, to: Double) -> Scale {
        Scale(lowest: 0, highest: 1, from: from, to: to, ticks: [0, 0.25, 0.5, 0.75, 1], decimals: 2)
    }

    private init(lowest: Double, highest: Double, from: Double, to: Double, ticks: [Double], decimals: Int) {
        self.lowest = lowest
        self.highest = highest
        self.from = from
        self.to = to
        self.ticks = ticks
        self.decimals = decimals
    }

    package func callAsFunction(_ value: Double) -> Double {
        from + (value - lowest) / (highest - lowest) * (to - from)
    }

    package func label(_ tick: Double) -> String {
        abs(tick) >= 1e6 ? String(format: "%.3g", tick) : String(format: "%.\(decimals)f", tick == 0 ? 0 : tick)
    }

    /// The smallest of 1, 2 and 5 times a power of ten that is not below `step`.
    private static func roundStep(_ step: Double) -> Double {
        guard step > 0, step.isFinite else { return 1 }
        let power = pow(10, log10(step).rounded(.down))
        // A hair of tolerance: 0.2 / 0.1 is not quite 2.
        return ([1, 2, 5].first { $0 * power >= step * (1 - 1e-9) } ?? 10) * power
    }
}

/// Numbers of a drawing: two decimals are a fiftieth of a pixel.
func coordinate(_ value: Double) -> String {
    var text = String(format: "%.2f", value)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text == "-0" ? "0" : text
}

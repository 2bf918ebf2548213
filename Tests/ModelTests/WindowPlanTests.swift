import Model
import TestSupport
import Testing

@Suite("Window plans")
struct WindowPlanTests {
    /// Windows of `capacity` content tokens over `count`, neighbours sharing `overlap`.
    static func contents(count: Int, capacity: Int, overlap: Int) -> [Range<Int>] {
        var contents: [Range<Int>] = []
        var start = 0
        while true {
            let end = min(count, start + capacity)
            contents.append(start..<end)
            if end == count { return contents }
            start += capacity - overlap
        }
    }

    /// The rule itself: per token the window in which it stands farthest from the nearer edge, the first of equals.
    static func naiveOwner(of token: Int, in contents: [Range<Int>]) -> Int {
        var best = -1
        var bestDistance = -1
        for (window, content) in contents.enumerated() where content.contains(token) {
            let distance = min(token - content.lowerBound, content.upperBound - 1 - token)
            if distance > bestDistance { (best, bestDistance) = (window, distance) }
        }
        return best
    }

    @Test("every token is owned once, by the window in which it stands most centrally")
    func ownership() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<500 {
            let capacity = Int.random(in: 1...40, using: &random)
            let overlap = Int.random(in: 0..<capacity, using: &random)
            let count = Int.random(in: 0...200, using: &random)
            let contents = Self.contents(count: count, capacity: capacity, overlap: overlap)
            let plan = WindowPlan(contents: contents)
            #expect(plan.windows.map(\.content) == contents)
            #expect(plan.windows.flatMap { Array($0.owned) } == Array(0..<count))
            for (index, window) in plan.windows.enumerated() {
                #expect(
                    window.owned.allSatisfy { Self.naiveOwner(of: $0, in: contents) == index },
                    "capacity \(capacity), overlap \(overlap), count \(count)")
            }
        }
    }

    @Test("a text that fits is one window that owns everything")
    func oneWindow() {
        let window = WindowPlan(contents: [0..<62]).windows
        #expect(window == [WindowPlan.Window(content: 0..<62, owned: 0..<62)])
        #expect(window[0].tokenCount == 64)
        #expect(WindowPlan(contents: [0..<0]).windows.map(\.tokenCount) == [2])
    }
}

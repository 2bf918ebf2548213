import Testing
import glossator

@Suite("What a person sees")
struct TerminalTests {
    @Test("columns are as wide as their widest cell; numbers stand right, words left")
    func table() {
        let text = Terminal.table(
            ["name", "count", "note"], [["mail", "7", "ok"], ["größe", "1200", ""], ["x", "-", "late"]], indent: "")
        #expect(
            text == """
                name   count  note
                -----  -----  ----
                mail       7  ok
                größe   1200
                x          -  late
                """)
    }

    @Test("a table without rows is its header")
    func emptyTable() { #expect(Terminal.table(["a", "bc"], []) == "  a  bc\n  -  --") }

    @Test("an excerpt is one line, cut between code points")
    func excerpt() {
        #expect(Terminal.excerpt("one\ntwo\tthree") == "one two three")
        #expect(Terminal.excerpt("ééééé", limit: 3) == "ééé…")
        #expect(Terminal.excerpt("ééé", limit: 3) == "ééé")
        #expect(Terminal.excerpt("\u{1B}[31mred\u{7F}") == " [31mred ")
    }

    @Test(
        "the nearest name is suggested, and none when none is near",
        arguments: [
            ("worker.thread", "worker.threads"), ("WORKER.THREADS", "worker.threads"), ("trian.seed", "train.seed"),
            ("lg.level", "log.level"), ("completely.different", nil), ("", nil),
        ] as [(String, String?)])
    func suggestion(typed: String, expected: String?) {
        #expect(Suggestion.nearest(to: typed, among: ["worker.threads", "train.seed", "log.level"]) == expected)
        #expect(Suggestion.nearest(to: typed, among: []) == nil)
    }
}

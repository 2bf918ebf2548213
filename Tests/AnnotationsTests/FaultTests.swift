import Annotations
import Testing

@Suite("Faults")
struct FaultTests {
    @Test("a fault reads as what happened, its code, and what to do")
    func description() {
        let fault = Fault(.input, "unknown-label", "line 3 has the label x", hint: "Add it to the task.")
        #expect(fault.description == "line 3 has the label x [unknown-label]\nhint: Add it to the task.")
        #expect(Fault(.system, "disk-full", "no space").description == "no space [disk-full]")
    }
}

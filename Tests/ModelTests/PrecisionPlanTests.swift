import Annotations
import Model
import Testing

@Suite struct PrecisionPlanTests {
    @Test(arguments: ["fp32", "bf16", "int8", "int8 3.down=bf16", "int8 0.qkv=fp32 3.down=bf16"])
    func aPlanIsReadAsItIsWritten(_ text: String) {
        #expect(PrecisionPlan(text)?.description == text)
    }

    /// Stored plans may be a newer program's, and people type them: neither may end this one.
    @Test(
        arguments: [
            "", " ", "int4", "int8 =", "int8 3.down", "int8 3.down=", "int8 =bf16", "int8 3=bf16", "int8 3.middle=bf16",
            "int8 -1.down=bf16", "int8 x.down=bf16", "int8 3.down=int4", "int8 3.down=bf16=fp32", "int8 3.down.up=bf16",
        ])
    func whatIsNoPlanIsRefused(_ text: String) { #expect(PrecisionPlan(text) == nil) }
}

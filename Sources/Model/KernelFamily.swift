internal import Tensors

extension Backbone {
    /// The kernels that encoders compute with on this machine. Those of another one may round in another way, so what
    /// was found out about a reduced precision holds for one family.
    package static var kernelFamily: String { Kernels.familyName }

    /// Whether bf16 is faster than fp32 on this machine.
    package static var gainsFromBFloat16: Bool { Kernels.multipliesBFloat16 }
}

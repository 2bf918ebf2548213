import Annotations
import ArgumentParser
import Model

/// What the three filters have in common.
struct FilterOptions: ParsableArguments {
    @Option(name: .long, help: "text (a text a line), jsonl (objects with text or words), or auto: by the first line.")
    var inputFormat: FilterFormat = .auto

    @Argument(help: "File to read. Default: standard input.")
    var file: String?

    func input() throws(Fault) -> FilterInput {
        let source = if let file, file != "-" { try ByteSource(path: file) } else { ByteSource.standardInput() }
        return FilterInput(source, format: inputFormat)
    }
}

extension FilterFormat: ExpressibleByArgument {}

/// The precision of the filters that compute. fp32 unless somebody says otherwise: a filter has no collection on whose
/// texts another one could be certified.
struct FilterPrecision: ParsableArguments {
    @Option(
        name: .long,
        help: "fp32, bf16, int8, or a plan as `model certify` prints it: \"int8 3.down=bf16\". Nothing is compared.")
    var precision: PrecisionPlan = .fp32
}

extension PrecisionPlan: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
    package var defaultValueDescription: String { description }
}

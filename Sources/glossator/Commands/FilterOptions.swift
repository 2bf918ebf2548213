import Annotations
import ArgumentParser

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

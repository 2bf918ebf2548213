import Annotations
package import Tensors

/// A part of an encoder that is learned, stored and replaced as a whole.
package enum EncoderPart: Sendable, Hashable, Comparable {
    /// The three tables and their LayerNorm.
    case embeddings
    /// Counted from 0, next to the embeddings.
    case layer(Int)

    /// -1 for the embeddings, else the layer: the number under which a part is stored.
    package var number: Int {
        switch self {
        case .embeddings: -1
        case .layer(let index): index
        }
    }

    /// - Parameter number: as `number`.
    package init(number: Int) { self = number < 0 ? .embeddings : .layer(number) }
}

/// Where an encoder's tensors are: in the file that was imported, and in those of parts that have been learned since.
package struct EncoderFiles: Sendable {
    package let imported: SafetensorsFile
    /// Files with a part's tensors alone, under the names that they have in Hugging Face's.
    package let learned: [EncoderPart: SafetensorsFile]

    package init(_ imported: SafetensorsFile, learned: [EncoderPart: SafetensorsFile] = [:]) {
        self.imported = imported
        self.learned = learned
    }

    package func file(of part: EncoderPart) -> SafetensorsFile { learned[part] ?? imported }

    func reader(of part: EncoderPart, _ configuration: EncoderConfiguration) -> EncoderWeightReader {
        EncoderWeightReader(file: file(of: part), configuration: configuration)
    }

    /// Refuses parts that the encoder does not have, tensors that belong to another part and such that are missing:
    /// `tensor-missing`, `tensor-shape`, `layer-misfit`.
    func check(_ configuration: EncoderConfiguration) throws(Fault) {
        for (part, file) in learned.sorted(by: { $0.key < $1.key }) {
            guard part.number < configuration.layers else {
                throw Self.misfit("layer \(part.number) of an encoder that has \(configuration.layers)")
            }
            for name in file.names where !part.contains(tensor: name) {
                throw Self.misfit("tensor '\(name)' does not belong to its part of the encoder")
            }
        }
    }

    /// One file with all of the imported file's tensors of floats, learned parts in place of those that they replaced.
    /// Integers (`position_ids` of old files) are left out: they say nothing that the shapes do not.
    func merged() throws(Fault) -> [UInt8] {
        var tensors: [SafetensorsWriter.Tensor] = []
        for name in imported.names {
            guard let type = imported.dataType(of: name), [.float32, .float16, .bfloat16].contains(type) else {
                continue
            }
            let file = learned.first { $0.key.contains(tensor: name) && $0.value.contains(name) }?.value
            let shape = imported.shape(of: name) ?? []
            tensors.append(
                SafetensorsWriter.Tensor(
                    name: name, shape: shape, values: try (file ?? imported).floats(name),
                    dtype: file == nil ? type : .float32))
        }
        return try SafetensorsWriter.encode(tensors: tensors, metadata: ["format": "pt"])
    }

    private static func misfit(_ what: String) -> Fault {
        Fault(
            .model, "layer-misfit", "learned layers do not fit their encoder: \(what)",
            hint: "roll back to another model: SELECT glossator.rollback(collection)")
    }
}

extension EncoderPart {
    /// Whether a tensor of that name, with or without `bert.` before it, is this part's.
    package func contains(tensor name: String) -> Bool {
        let name = name.hasPrefix("bert.") ? name.dropFirst(5) : Substring(name)
        return switch self {
        case .embeddings: name.hasPrefix("embeddings.")
        case .layer(let index): name.hasPrefix("encoder.layer.\(index).")
        }
    }
}

package import Annotations
package import Tensors

/// One tensor of an encoder as Hugging Face names it, without `bert.` before it.
package struct EncoderTensor: Sendable, Hashable {
    package let name: String
    /// One dimension (biases, LayerNorm) or two, `[out, in]` or `[rows, hidden]`.
    package let shape: [Int]
    /// From 0, the one next to the embeddings; -1 for the embeddings and their LayerNorm.
    package let layer: Int

    package init(name: String, shape: [Int], layer: Int) {
        (self.name, self.shape, self.layer) = (name, shape, layer)
    }

    package var count: Int { shape.reduce(1, *) }

    /// Whether it is the scale or shift of a LayerNorm.
    package var isNorm: Bool { name.contains("LayerNorm") }
    package var isBias: Bool { name.hasSuffix("bias") }
}

extension EncoderConfiguration {
    /// All tensors that the hidden states depend on, from the embeddings upward, in the order of PyTorch's module tree.
    package var tensors: [EncoderTensor] {
        var result: [EncoderTensor] = []
        func add(_ name: String, _ shape: [Int], _ layer: Int) {
            result.append(EncoderTensor(name: name, shape: shape, layer: layer))
        }
        func addNorm(_ name: String, _ layer: Int) {
            add("\(name).weight", [hiddenSize], layer)
            add("\(name).bias", [hiddenSize], layer)
        }
        func addLinear(_ name: String, from inputs: Int, to outputs: Int, _ layer: Int) {
            add("\(name).weight", [outputs, inputs], layer)
            add("\(name).bias", [outputs], layer)
        }
        add("embeddings.word_embeddings.weight", [vocabularySize, hiddenSize], -1)
        add("embeddings.position_embeddings.weight", [maximumPositions, hiddenSize], -1)
        add("embeddings.token_type_embeddings.weight", [tokenTypes, hiddenSize], -1)
        addNorm("embeddings.LayerNorm", -1)
        for layer in 0..<layers {
            let name = "encoder.layer.\(layer)"
            for part in ["query", "key", "value"] {
                addLinear("\(name).attention.self.\(part)", from: hiddenSize, to: hiddenSize, layer)
            }
            addLinear("\(name).attention.output.dense", from: hiddenSize, to: hiddenSize, layer)
            addNorm("\(name).attention.output.LayerNorm", layer)
            addLinear("\(name).intermediate.dense", from: hiddenSize, to: intermediateSize, layer)
            addLinear("\(name).output.dense", from: intermediateSize, to: hiddenSize, layer)
            addNorm("\(name).output.LayerNorm", layer)
        }
        return result
    }
}

extension EncoderTensor {
    /// What this tensor is called in `file`, where names may begin with `bert.` and a LayerNorm may say gamma and beta;
    /// nil when it is not there.
    package func storedName(in file: SafetensorsFile) -> String? {
        let converted = name.replacingSuffix("LayerNorm.weight", by: "LayerNorm.gamma")
            .replacingSuffix("LayerNorm.bias", by: "LayerNorm.beta")
        return [name, converted, "bert." + name, "bert." + converted].first(where: file.contains)
    }

    /// The values of this tensor in `file`.
    ///
    /// - Throws: `tensor-missing`, `tensor-dtype`, `tensor-shape`, each naming the tensor.
    package func values(in file: SafetensorsFile) throws(Fault) -> [Float] {
        let name = storedName(in: file) ?? self.name
        guard let actual = file.shape(of: name) else {
            throw Fault(
                .model, "tensor-missing", "model.safetensors has no tensor '\(name)'",
                hint: "It must hold the BERT encoder that config.json describes.")
        }
        guard actual == shape else {
            throw Fault(
                .model, "tensor-shape", "tensor '\(name)' has the shape \(actual), config.json asks for \(shape)",
                hint: "config.json and model.safetensors belong to different models.")
        }
        return try file.floats(name)
    }
}

extension String {
    fileprivate func replacingSuffix(_ suffix: String, by other: String) -> String {
        hasSuffix(suffix) ? dropLast(suffix.count) + other : self
    }
}

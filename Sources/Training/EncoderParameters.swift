package import Annotations
package import Model
package import Tensors

/// One trainable tensor and its place in the buffers of parameters, gradients and moments.
package struct ParameterTensor: Sendable, Hashable {
    package let tensor: EncoderTensor
    /// The floats that are its values, in each of the buffers.
    package let range: Range<Int>

    package var name: String { tensor.name }
    /// -1 for the embeddings.
    package var layer: Int { tensor.layer }
    /// Weight decay pulls weights and embeddings towards 0; biases and LayerNorm are left alone.
    package var decays: Bool { !tensor.isBias && !tensor.isNorm }
}

/// All parameters of an encoder in one buffer, and a gradient buffer of the same layout.
///
/// Query, key and value of a layer lie side by side (weights, then biases), so that one product serves all three.
package struct EncoderParameters: Sendable {
    package let configuration: EncoderConfiguration
    /// In the order of `EncoderConfiguration.tensors`.
    package let tensors: [ParameterTensor]
    package let values: FloatBuffer
    /// Of the same layout. Only the parts of trainable tensors ever take memory.
    package let gradients: FloatBuffer
    private let places: [String: Int]

    /// - Throws: as the other.
    package init(from file: SafetensorsFile, configuration: EncoderConfiguration) throws(Fault) {
        try self.init(from: EncoderFiles(file), configuration: configuration)
    }

    /// - Throws: `tensor-missing`, `tensor-dtype`, `tensor-shape`, each naming the tensor.
    package init(from files: EncoderFiles, configuration: EncoderConfiguration) throws(Fault) {
        self.configuration = configuration
        let all = configuration.tensors
        tensors = Self.place(all)
        places = Dictionary(tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        let count = tensors.map(\.range.upperBound).max() ?? 0
        values = FloatBuffer(count: count)
        gradients = FloatBuffer(count: count)
        for tensor in tensors {
            view(tensor).assign(try tensor.tensor.values(in: files.file(of: EncoderPart(number: tensor.layer))))
        }
        for file in [files.imported] + files.learned.values { file.releasePages() }
    }

    /// Storage order: within a layer the three weights of attention first, then their biases, then the rest.
    private static func place(_ all: [EncoderTensor]) -> [ParameterTensor] {
        func rank(_ tensor: EncoderTensor) -> Int {
            guard tensor.name.contains("attention.self.") else { return 2 }
            return tensor.isBias ? 1 : 0
        }
        let order = all.indices.sorted {
            (all[$0].layer, rank(all[$0]), $0) < (all[$1].layer, rank(all[$1]), $1)
        }
        var starts = [Int](repeating: 0, count: all.count)
        var end = 0
        for index in order {
            starts[index] = end
            end += all[index].count
        }
        return zip(all, starts).map { ParameterTensor(tensor: $0, range: $1..<$1 + $0.count) }
    }

    /// The values of `tensor`: `[rows, columns]`, a vector as one row.
    package func view(_ tensor: ParameterTensor) -> FloatView { Self.view(tensor, in: values) }

    /// The gradient of `tensor`, in the same shape.
    package func gradient(_ tensor: ParameterTensor) -> FloatView { Self.view(tensor, in: gradients) }

    static func view(_ tensor: ParameterTensor, in buffer: FloatBuffer) -> FloatView {
        let shape = tensor.tensor.shape
        return buffer.view(
            at: tensor.range.lowerBound, rows: shape.count == 1 ? 1 : shape[0], columns: shape[shape.count - 1])
    }

    /// The tensor called `name`; a name that no encoder of this configuration has is a programmer's error.
    func tensor(_ name: String) -> ParameterTensor {
        guard let place = places[name] else { preconditionFailure("no tensor '\(name)'") }
        return tensors[place]
    }

    /// Safetensors files of some parts, as `Backbone.replacing` takes them: names are those of `imported`.
    package func files(
        of layers: TrainableLayers, namedAsIn imported: SafetensorsFile
    ) throws(Fault) -> [EncoderPart: [UInt8]] {
        var files: [EncoderPart: [UInt8]] = [:]
        for layer in layers.layers.sorted() {
            let own = tensors.filter { $0.layer == layer }.map { tensor in
                SafetensorsWriter.Tensor(
                    name: tensor.tensor.storedName(in: imported) ?? tensor.name, shape: tensor.tensor.shape,
                    values: view(tensor).copyValues())
            }
            files[EncoderPart(number: layer)] = try SafetensorsWriter.encode(tensors: own)
        }
        return files
    }
}

/// A linear layer's weights `[out, in]` and bias `[1, out]` in one of the buffers.
struct LinearView: Sendable {
    let weights: FloatView
    let bias: FloatView
    /// Where products are taken in bfloat16.
    var packed: PackedWeights?
}

/// The views of one layer, of its values or its gradients.
struct LayerView: Sendable {
    /// `[3 * hidden, hidden]`.
    private(set) var queryKeyValue: LinearView
    private(set) var attentionOutput: LinearView
    let attentionNorm: LayerNormView
    private(set) var intermediate: LinearView
    private(set) var output: LinearView
    let outputNorm: LayerNormView

    init(_ parameters: EncoderParameters, in buffer: FloatBuffer, layer: Int) {
        let name = "encoder.layer.\(layer)"
        func linear(_ part: String) -> LinearView {
            LinearView(
                weights: EncoderParameters.view(parameters.tensor("\(name).\(part).weight"), in: buffer),
                bias: EncoderParameters.view(parameters.tensor("\(name).\(part).bias"), in: buffer))
        }
        let hidden = parameters.configuration.hiddenSize
        let query = "\(name).attention.self.query"
        queryKeyValue = LinearView(
            weights: buffer.view(
                at: parameters.tensor("\(query).weight").range.lowerBound, rows: 3 * hidden, columns: hidden),
            bias: buffer.view(
                at: parameters.tensor("\(query).bias").range.lowerBound, rows: 1, columns: 3 * hidden))
        attentionOutput = linear("attention.output.dense")
        attentionNorm = LayerNormView(parameters, in: buffer, name: "\(name).attention.output.LayerNorm")
        intermediate = linear("intermediate.dense")
        output = linear("output.dense")
        outputNorm = LayerNormView(parameters, in: buffer, name: "\(name).output.LayerNorm")
    }

    var linears: [LinearView] { [queryKeyValue, attentionOutput, intermediate, output] }

    /// The same with room for its weights in bfloat16.
    ///
    /// - Parameter end: of what is taken in `buffer`; moves on.
    func packing(into buffer: FloatBuffer, at end: inout Int) -> LayerView {
        var layer = self
        for linear in [\LayerView.queryKeyValue, \.attentionOutput, \.intermediate, \.output] {
            layer[keyPath: linear].packed = PackedWeights(of: self[keyPath: linear].weights, in: buffer, at: &end)
        }
        return layer
    }
}

extension LayerNormView {
    init(_ parameters: EncoderParameters, in buffer: FloatBuffer, name: String) {
        self.init(
            gamma: EncoderParameters.view(parameters.tensor("\(name).weight"), in: buffer),
            beta: EncoderParameters.view(parameters.tensor("\(name).bias"), in: buffer),
            epsilon: parameters.configuration.layerNormEpsilon)
    }
}

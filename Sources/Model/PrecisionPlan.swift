package import Annotations

/// In which precision each of the encoder's linear layers is computed.
///
/// Everything else (embeddings, attention's scores, softmax, LayerNorm, pooling, heads) is always fp32.
package struct PrecisionPlan: Sendable, Hashable {
    /// The four products of one encoder layer, in the order in which they are taken.
    package enum Product: String, Sendable, Hashable, CaseIterable {
        case queryKeyValue = "qkv"
        case attentionOutput = "attended"
        case intermediate = "up"
        case output = "down"
    }

    /// One product of one layer.
    package struct Place: Sendable, Hashable, Comparable {
        package let layer: Int
        package let product: Product

        package init(layer: Int, product: Product) {
            self.layer = layer
            self.product = product
        }

        private var order: (Int, Int) { (layer, Product.allCases.firstIndex(of: product) ?? 0) }
        package static func < (a: Place, b: Place) -> Bool { a.order < b.order }
    }

    /// What every product has that is no exception.
    package let precision: Precision
    /// Products that stay in another precision, because this one would spoil the answers.
    package private(set) var exceptions: [Place: Precision] = [:]

    package init(_ precision: Precision, exceptions: [Place: Precision] = [:]) {
        self.precision = precision
        self.exceptions = exceptions.filter { $0.value != precision }
    }

    package static let fp32 = PrecisionPlan(.fp32)

    package subscript(layer: Int, product: Product) -> Precision {
        exceptions[Place(layer: layer, product: product)] ?? precision
    }

    /// The same plan with one product in `precision`.
    package func keeping(_ place: Place, in precision: Precision) -> PrecisionPlan {
        PrecisionPlan(self.precision, exceptions: exceptions.merging([place: precision]) { $1 })
    }
}

extension PrecisionPlan: LosslessStringConvertible {
    /// `int8`, or `int8 3.down=bf16 5.up=bf16`: the form in which it is stored and shown.
    package var description: String {
        let kept = exceptions.sorted { $0.key < $1.key }
        return ([precision.rawValue] + kept.map { "\($0.key.layer).\($0.key.product.rawValue)=\($0.value.rawValue)" })
            .joined(separator: " ")
    }

    package init?(_ description: String) {
        let parts = description.split(separator: " ")
        guard let first = parts.first, let precision = Precision(rawValue: String(first)) else { return nil }
        var exceptions: [Place: Precision] = [:]
        for part in parts.dropFirst() {
            let sides = part.split(separator: "=")
            guard sides.count == 2 else { return nil }
            let place = sides[0].split(separator: ".")
            guard let kept = Precision(rawValue: String(sides[1])), place.count == 2, let layer = Int(place[0]),
                layer >= 0, let product = Product(rawValue: String(place[1]))
            else { return nil }
            exceptions[Place(layer: layer, product: product)] = kept
        }
        self.init(precision, exceptions: exceptions)
    }
}

/// Which parts of an encoder learn in a step.
package struct TrainableLayers: Sendable, Hashable {
    /// Layers from 0, the one next to the embeddings; -1 for the embeddings with their LayerNorm.
    package let layers: Set<Int>

    package init(_ layers: some Sequence<Int>) { self.layers = Set(layers) }

    /// Everything in an encoder of `count` layers.
    package static func all(of count: Int) -> TrainableLayers { TrainableLayers(-1..<count) }
    package static let none = TrainableLayers([])

    /// -1 when the embeddings learn; nil when nothing does. Everything below it gives the same states in every epoch.
    package var lowest: Int? { layers.min() }

    package func contains(_ layer: Int) -> Bool { layers.contains(layer) }
}

package import Annotations
import Tensors

extension HeadSet {
    /// Heads for measuring how fast a model without any would be with some: one task of a few labels, one of four entity
    /// types, weights of fixed pseudo-random numbers. Their answers mean nothing; nothing may store or show them.
    ///
    /// - Parameter hidden: width of the backbone's states.
    package static func forMeasuring(hidden: Int, labels count: Int = 4) throws(Fault) -> HeadSet {
        func names(_ count: Int) -> [String] { (1...count).map { "measured-\($0)" } }
        let labels = AnnotationTask(name: "measured-labels", kind: .classification, labels: names(count))
        let entities = AnnotationTask(name: "measured-entities", kind: .entities, labels: names(4))
        var tagBias = [Float](repeating: 0, count: entities.outputCount)
        // Most words are no entity, as in real texts: decoding and placing entities is not free.
        tagBias[TagSet.outside] = 1
        return try HeadSet(
            tasks: [labels, entities],
            classification: [
                ClassificationHead(
                    task: labels, weights: weights(labels.outputCount, hidden, stream: 1),
                    bias: [Float](repeating: 0, count: labels.outputCount))
            ],
            entities: [
                EntityHead(task: entities, weights: weights(entities.outputCount, hidden, stream: 2), bias: tagBias)
            ])
    }

    /// Uniform with a variance of 1 / hidden: states of unit variance give logits of unit variance.
    private static func weights(_ outputs: Int, _ hidden: Int, stream: UInt32) -> Matrix {
        var matrix = Matrix(rows: outputs, columns: hidden)
        CounterRandom(seed: 4, stream: stream).fill(&matrix.values, step: 0)
        let width = (12 / Float(hidden)).squareRoot()
        for index in matrix.values.indices { matrix.values[index] = (matrix.values[index] - 0.5) * width }
        return matrix
    }
}

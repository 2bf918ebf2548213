import Foundation
import Tensors

/// The whole encoder once more, as the paper has it: one text, fp64, a loop for every sum, weights looked up by name.
/// It shares nothing with `Encoder` but the file format.
struct NaiveEncoder {
    let file: SafetensorsFile
    let prefix: String
    let layers: Int
    let heads: Int
    let epsilon: Double

    typealias Rows = [[Double]]

    func hiddenStates(_ ids: [Int32]) throws -> Rows {
        let words = try table("embeddings.word_embeddings.weight")
        let positions = try table("embeddings.position_embeddings.weight")
        let segments = try table("embeddings.token_type_embeddings.weight")
        let sums = ids.enumerated().map { position, id in
            add(add(words[Int(id)], positions[position]), segments[0])
        }
        var x = try normalize(sums, "embeddings.LayerNorm")
        for layer in 0..<layers { x = try self.layer(x, "encoder.layer.\(layer)") }
        return x
    }

    private func layer(_ x: Rows, _ name: String) throws -> Rows {
        let context = try attention(x, "\(name).attention.self")
        let attended = zip(x, try dense(context, "\(name).attention.output.dense")).map(add)
        let y = try normalize(attended, "\(name).attention.output.LayerNorm")
        let inner = try dense(y, "\(name).intermediate.dense").map {
            $0.map { $0 * 0.5 * (1 + erf($0 / 2.0.squareRoot())) }
        }
        return try normalize(zip(y, try dense(inner, "\(name).output.dense")).map(add), "\(name).output.LayerNorm")
    }

    private func attention(_ x: Rows, _ name: String) throws -> Rows {
        let (query, key) = (try dense(x, "\(name).query"), try dense(x, "\(name).key"))
        let value = try dense(x, "\(name).value")
        let hidden = x[0].count
        let width = hidden / heads
        return x.indices.map { from in
            (0..<hidden).map { column in
                let head = column / width * width..<(column / width + 1) * width
                let scores = x.indices.map { to in
                    head.reduce(0.0) { $0 + query[from][$1] * key[to][$1] } / Double(width).squareRoot()
                }
                let most = scores.max() ?? 0
                let weights = scores.map { exp($0 - most) }
                let total = weights.reduce(0, +)
                return x.indices.reduce(0.0) { $0 + weights[$1] / total * value[$1][column] }
            }
        }
    }

    private func dense(_ x: Rows, _ name: String) throws -> Rows {
        let weights = try table("\(name).weight")
        let bias = try table("\(name).bias")[0]
        return x.map { row in
            zip(weights, bias).map { weights, bias in zip(row, weights).reduce(bias) { $0 + $1.0 * $1.1 } }
        }
    }

    private func normalize(_ x: Rows, _ name: String) throws -> Rows {
        let isConverted = file.contains("\(prefix)\(name).gamma")
        let gamma = try table("\(name).\(isConverted ? "gamma" : "weight")")[0]
        let beta = try table("\(name).\(isConverted ? "beta" : "bias")")[0]
        return x.map { row in
            let mean = row.reduce(0, +) / Double(row.count)
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
            return row.indices.map { (row[$0] - mean) / (variance + epsilon).squareRoot() * gamma[$0] + beta[$0] }
        }
    }

    private func table(_ name: String) throws -> Rows {
        let matrix = try file.matrix(prefix + name)
        return (0..<matrix.rows).map { matrix.row($0).map(Double.init) }
    }

    private func add(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map(+) }
}

import Annotations
package import Model
import Tensors

extension ExampleBuilder {
    /// Names the cache that fits: all that decides features, besides the text.
    package static func cacheSpace(_ backbone: Backbone) -> String {
        "features 1, \(backbone.space), window of \(backbone.maximumTokens), \(Backbone.kernelFamily)"
    }

    /// What the cache knows about a portion's texts, and what is left to be read.
    func recall(_ portion: Portion) -> (known: [[UInt8]: DocumentFeatures], rest: Portion) {
        var known: [[UInt8]: DocumentFeatures] = [:]
        var rest = Portion(wantsWords: portion.wantsWords)
        for (hash, request) in zip(portion.hashes, portion.requests) {
            if !portion.wantsWords, let embedding = stored[hash] {
                known[hash] = DocumentFeatures(
                    embedding: embedding, words: Matrix(rows: 0, columns: embedding.count), wordSpans: [],
                    wordIndices: [], wordCount: 0, tokenCount: 0)
                continue
            }
            let key = FeatureCache.key(hash, kind: kind(portion.wantsWords))
            if let block = cache.read(key), let features = DocumentFeatures(block) {
                known[hash] = features
            } else {
                rest.hashes.append(hash)
                rest.requests.append(request)
            }
        }
        return (known, rest)
    }

    /// The features as the next run will recall them.
    func keep(_ features: DocumentFeatures, hash: [UInt8], _ wantsWords: Bool) -> DocumentFeatures {
        let block = cache.write(FeatureCache.key(hash, kind: kind(wantsWords)), features.block)
        return DocumentFeatures(block) ?? features
    }

    private func kind(_ wantsWords: Bool) -> UInt8 { wantsWords ? (wantsLayers ? 2 : 1) : 0 }
}

extension DocumentFeatures {
    /// Facts: tokens, words, words with tokens, layers, width; then spans and indices of the words with tokens. Numbers:
    /// embedding, then the words' states, or those of all layers.
    fileprivate var block: FeatureCache.Block {
        var facts = [tokenCount, wordCount, words.rows, layers.count, embedding.count]
        for span in wordSpans { facts += [span.lowerBound, span.upperBound] }
        facts += wordIndices
        let states = layers.isEmpty ? words.values : layers.flatMap(\.values)
        return FeatureCache.Block(facts: facts.map { UInt32(clamping: $0) }, numbers: embedding + states)
    }

    /// Nil for a block that does not add up.
    fileprivate init?(_ block: FeatureCache.Block) {
        let facts = block.facts.map(Int.init)
        guard facts.count >= 5 else { return nil }
        let (rows, layerCount, width) = (facts[2], facts[3], facts[4])
        let states = rows * width
        guard facts.count == 5 + 3 * rows, block.numbers.count == width + states * max(layerCount, 1) else {
            return nil
        }
        let matrices = (0..<max(layerCount, 1)).map { layer in
            let start = width + layer * states
            return Matrix(rows: rows, columns: width, values: Array(block.numbers[start..<start + states]))
        }
        var spans: [Range<Int>] = []
        for row in 0..<rows {
            let (start, end) = (facts[5 + 2 * row], facts[6 + 2 * row])
            guard start <= end else { return nil }
            spans.append(start..<end)
        }
        self.init(
            embedding: Array(block.numbers[..<width]), words: matrices[matrices.count - 1],
            layers: layerCount > 0 ? matrices : [], wordSpans: spans,
            wordIndices: Array(facts[(5 + 2 * rows)...]), wordCount: facts[1], tokenCount: facts[0])
    }
}

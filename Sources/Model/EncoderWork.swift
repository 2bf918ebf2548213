extension EncoderConfiguration {
    /// Floating-point operations that reading one text of `tokens` tokens takes, special tokens included, at the least.
    ///
    /// Two for each weight of the linear layers and token (query, key, value, output and the two of the feed-forward
    /// part), and `4 · tokens · reach · hidden` a layer for attention's two products, where a token's reach is the text,
    /// or the window where the text is longer. Embeddings, softmax, LayerNorm, GELU, pooling and heads are left out, as
    /// is whatever an engine does beyond this, for padding or for overlaps of windows: speeds of different engines on
    /// the same texts can be compared by it.
    package func usefulOperations(tokens: Int, window: Int) -> Double {
        let (tokens, hidden) = (Double(tokens), Double(hiddenSize))
        let weights = 4 * hidden * hidden + 2 * hidden * Double(intermediateSize)
        let reach = min(tokens, Double(window))
        return Double(layers) * tokens * (2 * weights + 4 * reach * hidden)
    }
}

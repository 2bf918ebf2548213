/// A classification's answer for one segment.
package struct ScoredLabel: Sendable, Equatable {
    package let task: String
    package let label: String
    /// Probability of `label` among the task's labels, 0...1.
    package let score: Float
    /// `score` less the probability of the next label, 0...1; nil where the other labels' are not known any more, as of a
    /// label that was read from the database.
    package let margin: Float?

    package init(task: String, label: String, score: Float, margin: Float? = nil) {
        self.task = task
        self.label = label
        self.score = score
        self.margin = margin
    }
}

/// A named entity. Offsets count Unicode scalars (code points) of the document's body, 0-based and half-open.
package struct Entity: Sendable, Equatable {
    package let task: String
    package let type: String
    package let start: Int
    package let end: Int
    /// `substr(body, start + 1, end - start)`; the database checks it.
    package let surface: String
    /// Probability of exactly this span and type under the sequence model, 0...1.
    package let score: Float

    package init(task: String, type: String, start: Int, end: Int, surface: String, score: Float) {
        self.task = task
        self.type = type
        self.start = start
        self.end = end
        self.surface = surface
        self.score = score
    }
}

/// What a collection annotates and embeds: whole documents, or each of their sentences.
package enum Segmentation: String, Sendable, Hashable, Codable, CaseIterable {
    case document
    case sentence
}

/// Labels and embedding of one segment.
package struct SegmentAnnotation: Sendable, Equatable {
    /// Unicode scalars of the body, half-open.
    package let start: Int
    package let end: Int
    /// One a trained classification head, in the heads' order.
    package let labels: [ScoredLabel]
    /// Pooled and normalised as the model's embedding space says; `[hidden]`.
    package let embedding: [Float]

    package init(start: Int, end: Int, labels: [ScoredLabel], embedding: [Float]) {
        self.start = start
        self.end = end
        self.labels = labels
        self.embedding = embedding
    }
}

/// Everything a model says about one document.
package struct DocumentAnnotation: Sendable, Equatable {
    package let segments: [SegmentAnnotation]
    /// Ordered by task, then by start; entities of one task never overlap.
    package let entities: [Entity]
    /// Word pieces encoded, special tokens and window overlaps included.
    package let tokenCount: Int
    /// Encoder windows read; 1 for a text that fits.
    package let windowCount: Int
    /// One a trained task, in the heads' order, classification first; none where nobody asked a head.
    package let uncertainties: [TaskUncertainty]
    /// Where the document lies in the embedding space, in 64 bits (`EmbeddingSignature`); 0 when it has no segment.
    package let signature: UInt64

    package init(
        segments: [SegmentAnnotation], entities: [Entity], tokenCount: Int, windowCount: Int,
        uncertainties: [TaskUncertainty] = [], signature: UInt64 = 0
    ) {
        self.segments = segments
        self.entities = entities
        self.tokenCount = tokenCount
        self.windowCount = windowCount
        self.uncertainties = uncertainties
        self.signature = signature
    }
}

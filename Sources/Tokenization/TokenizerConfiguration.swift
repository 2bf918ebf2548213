/// How a BERT tokeniser normalises and splits. The defaults are those of an uncased BERT.
package struct TokenizerConfiguration: Sendable, Hashable {
    /// Lower-case every scalar by itself.
    package var lowercase = true
    /// Decompose canonically and drop nonspacing marks; nil: whenever `lowercase`.
    package var stripAccents: Bool?
    /// Make every CJK ideograph a word of its own.
    package var splitsChineseCharacters = true
    /// Drop control, format and private-use characters, and turn all white space into blanks.
    package var cleansText = true
    /// A word of more normalised scalars than this is unknown as a whole.
    package var maximumWordLength = 100
    /// What marks a piece that continues a word.
    package var continuationPrefix = "##"

    package var unknownToken = "[UNK]"
    package var classToken = "[CLS]"
    package var separatorToken = "[SEP]"
    package var paddingToken = "[PAD]"
    package var maskToken = "[MASK]"

    /// Literals that are found in a text before anything else; nil: the special tokens that the vocabulary has.
    package var addedTokens: [AddedToken]?

    package init() {}

    package init(lowercase: Bool, stripAccents: Bool? = nil) {
        self.lowercase = lowercase
        self.stripAccents = stripAccents
    }

    /// Whether accents are in fact stripped.
    package var stripsAccents: Bool { stripAccents ?? lowercase }
}

/// A literal that is one token wherever it stands in a text, even inside a word. Always case-sensitive.
package struct AddedToken: Sendable, Hashable {
    package var content: String
    /// Used when the vocabulary does not have `content`.
    package var id: Int32?
    /// Only where no word character touches it.
    package var isWholeWord = false
    /// Swallows white space on its left.
    package var stripsLeft = false
    /// Swallows white space on its right.
    package var stripsRight = false
    /// Looked for in the normalised text, itself normalised, instead of in the text as it is.
    package var isNormalized = false

    package init(_ content: String, id: Int32? = nil) {
        self.content = content
        self.id = id
    }
}

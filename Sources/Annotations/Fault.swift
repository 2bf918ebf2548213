/// What went wrong, whose fault it is, and what the reader can do about it.
///
/// Every room throws this one type. A fault never carries a document's text: bodies may be private, and logs travel
/// further than databases. It names documents by id, files by path and line.
package struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
    /// Who is charged for a fault (docs/queue.md), and with it the exit code of a command that ends with it.
    package enum Blame: String, Sendable, CaseIterable {
        /// One document cannot be annotated. It is charged an attempt and may end in `glossator.failures`.
        case document
        /// What a person handed in (a file, an argument, gold rows) is wrong. Nothing was changed.
        case input
        /// The database is away, too old, of the wrong kind, or refused a statement. Charges no document.
        case database
        /// A model directory or a stored model is missing, damaged or does not fit. Charges no document.
        case model
        /// A setting is unknown or out of range. Charges no document.
        case configuration
        /// The machine: disk full, no permission, a program that cannot be started. Charges no document.
        case system
        /// A defect of Glossator itself.
        case defect
    }

    package let blame: Blame
    /// Stable, machine-readable, kebab-case: `safetensors-truncated`. Documented in docs/errors.md.
    package let code: String
    /// One sentence, lower case, no full stop: what happened, with names and numbers.
    package let message: String
    /// One sentence: what to do now.
    package let hint: String?
    /// SQLSTATE of the server's error, when there was one.
    package let sqlState: String?
    /// Whether the same call may succeed later without anybody changing anything.
    package let isTransient: Bool

    package init(
        _ blame: Blame, _ code: String, _ message: String, hint: String? = nil, sqlState: String? = nil,
        isTransient: Bool = false
    ) {
        self.blame = blame
        self.code = code
        self.message = message
        self.hint = hint
        self.sqlState = sqlState
        self.isTransient = isTransient
    }

    /// The same fault, charged to somebody else.
    package func blaming(_ blame: Blame) -> Fault {
        Fault(blame, code, message, hint: hint, sqlState: sqlState, isTransient: isTransient)
    }

    /// The same fault, told with more context.
    package func with(message: String) -> Fault {
        Fault(blame, code, message, hint: hint, sqlState: sqlState, isTransient: isTransient)
    }

    package var description: String {
        let tail = hint.map { "\nhint: \($0)" } ?? ""
        return "\(message) [\(code)]\(tail)"
    }
}

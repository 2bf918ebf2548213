import Annotations

/// Names that a person gives and the database keeps: said in plain words here, before anything is done, rather than as
/// a violated constraint in the middle.
enum UsableName {
    private static let maximumBytes = 200

    /// - Parameter what: "the collection's name".
    static func check(_ name: String, _ what: String) throws(Fault) {
        if name.isBlank {
            throw Fault(.input, "name-unusable", "\(what) is empty", hint: "give one, or leave the option out")
        }
        if name.utf8.count > maximumBytes {
            throw Fault(
                .input, "name-unusable", "\(what) is longer than \(maximumBytes) bytes", hint: "give a shorter one")
        }
    }
}

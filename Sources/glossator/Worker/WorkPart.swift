import Foundation
package import Store

/// What one compute thread takes at a time.
package struct WorkPart: Sendable {
    package let documents: [ClaimedDocument]

    /// Cuts a claim so that every thread has several parts to take, long documents have one to themselves and begin
    /// first, and no thread sits idle behind another's long tail.
    package static func split(_ documents: [ClaimedDocument], among threads: Int) -> [WorkPart] {
        let total = documents.reduce(0) { $0 + $1.body.utf8.count }
        let target = max(2048, total / (4 * max(1, threads)))
        var parts: [WorkPart] = []
        var current: [ClaimedDocument] = []
        var bytes = 0
        for document in documents.sorted(by: { $0.body.utf8.count > $1.body.utf8.count }) {
            current.append(document)
            bytes += document.body.utf8.count
            if bytes >= target {
                parts.append(WorkPart(documents: current))
                (current, bytes) = ([], 0)
            }
        }
        if !current.isEmpty { parts.append(WorkPart(documents: current)) }
        return parts
    }
}

enum Host {
    static let name = ProcessInfo.processInfo.hostName
    static let processID = ProcessInfo.processInfo.processIdentifier
}

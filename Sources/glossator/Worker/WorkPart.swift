import Foundation
package import Store

/// What one compute thread takes at a time.
package struct WorkPart: Sendable {
    package let documents: [ClaimedDocument]

    /// Cuts a claim so that every thread has several parts to take and long documents, which begin first, have one to
    /// themselves. A part holds what fills a batch of the encoder or a few, unless threads would then have nothing to do:
    /// no thread sits idle behind another's long tail, and none encodes crumbs.
    package static func split(_ documents: [ClaimedDocument], among threads: Int) -> [WorkPart] {
        let threads = max(1, threads)
        let total = documents.reduce(0) { $0 + $1.body.utf8.count }
        // One long document says nothing about how the others are to be shared out.
        let several = min(max(fullBatch, total / (4 * threads)), 4 * fullBatch)
        let target = max(smallest, min(several, (total + threads - 1) / threads))
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

    // In bytes of text, of which English needs four to five a token, special tokens included.
    private static let fullBatch = 4096
    private static let smallest = 2048
}

enum Host {
    static let name = ProcessInfo.processInfo.hostName
    static let processID = ProcessInfo.processInfo.processIdentifier
}

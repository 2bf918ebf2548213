import Logging
import Synchronization

/// Says every ten seconds what a long comparison is doing.
final class ProgressLog: Sendable {
    private let logger: Logger
    private let metadata: Logger.Metadata
    private let last = Mutex(ContinuousClock.now)

    init(_ logger: Logger, metadata: Logger.Metadata) {
        self.logger = logger
        self.metadata = metadata
    }

    func show(_ progress: Certification.Progress) {
        let isDue = last.withLock { last in
            guard ContinuousClock.now - last > .seconds(10) else { return false }
            last = .now
            return true
        }
        guard isDue else { return }
        logger.info(
            "still comparing: \(progress.doing)",
            metadata: metadata.merging(["texts_read": "\(progress.textsRead)"]) { $1 })
    }
}

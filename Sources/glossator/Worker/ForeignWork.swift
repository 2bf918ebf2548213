import Annotations
import Logging
import Store

/// Documents that are ready and that this machine cannot take, because their model's backbone was imported elsewhere.
///
/// A daemon leaves them to the hosts that have it and says so once a minute. Where somebody waits for the end of a drain
/// it says so by failing: that end would not come.
struct ForeignWork {
    let shelf: ModelShelf
    let logger: Logger
    private var nextLook = ContinuousClock.now
    private var idleLooks = 0

    init(shelf: ModelShelf, logger: Logger) {
        self.shelf = shelf
        self.logger = logger
    }

    var isDue: Bool { ContinuousClock.now >= nextLook }

    /// - Parameter depth: Taken right after a claim that found nothing.
    mutating func look(at depth: Queue.Depth, drains: Bool) throws(Fault) {
        guard depth.ready > 0, depth.leased + depth.delayed == 0 else {
            idleLooks = 0
            nextLook = .now + .seconds(60)
            return
        }
        // Rows may have become ready between the claim and the count: only a state that lasts is one.
        idleLooks += 1
        guard idleLooks >= 3 else { return }
        nextLook = .now + .seconds(60)
        let fault = Fault(
            .model, "backbone-missing",
            "\(depth.ready) documents wait for a model whose backbone is not in \(shelf.directory)",
            hint: "import it on this machine too (glossator model import DIR), or name the right folder with --models")
        if drains { throw fault }
        logger.warning("\(fault.message)", metadata: ["code": "\(fault.code)", "hint": "\(fault.hint ?? "")"])
    }
}

/// One moment of everything: the database, every daemon's memory, and what is still under way between them.
struct SpoolWorld: Sendable {
    enum Condition: UInt8, Sendable { case running, stopped, crashed, killed }

    struct Daemon: Sendable, Equatable {
        var condition = Condition.running
        /// The answer to a claim was lost: it may hold what it does not know of.
        var isUncertain = false
    }

    /// A claim in a daemon's memory, from the answer to the last word about its last document.
    struct HeldClaim: Sendable, Equatable {
        enum Stage: UInt8, Sendable {
            /// Waits to be computed.
            case fetched
            /// Results are there and wait to be written.
            case computed
            /// Written; of what is left every document has to be failed.
            case answered
            /// The model could not be loaded, the disk was full: every document has to be handed back.
            case brokenOutside
        }

        let daemon: UInt8
        let lease: UInt16
        var documents: DocumentSet
        /// As the claim told, two bits a document.
        var attempts: UInt16
        var stage = Stage.fetched
        /// Cannot be annotated, or results were refused.
        var failing: DocumentSet = []
        /// Their body was replaced since the claim.
        var otherBody: DocumentSet = []
        /// Deleted from the spool and not written yet: only without atomic completion.
        var owed: DocumentSet = []

        func attempt(of document: Int) -> Int { Int(attempts >> UInt16(2 * document)) & 3 }
        var hasTriedOnes: Bool { attempts & 0xAAAA != 0 }
    }

    /// What was sent and never answered. It may be carried out at any later time, or never.
    struct Request: Sendable, Equatable {
        enum Kind: UInt8, Sendable { case claim, handBackOthers, complete, fail, stop }

        let daemon: UInt8
        let kind: Kind
        /// Of `complete` and `fail`, as it was when it was sent.
        var claim: HeldClaim?
        /// Of `handBackOthers`.
        var known: [UInt16] = []
        /// Of `claim`: the daemon held nothing then.
        var emptyHanded = true
    }

    /// How often each thing from outside happened, or may happen.
    struct Events: Sendable, Equatable {
        var crashes: UInt8 = 0
        /// Connections lost with a request under way.
        var losses: UInt8 = 0
        /// A document taken from a daemon that lives: it was slow, stopped by SIGSTOP, or past the deadline.
        var silences: UInt8 = 0
        var stops: UInt8 = 0
        /// A claim that could not be computed for no document's fault.
        var outsideFaults: UInt8 = 0
        var reannotations: UInt8 = 0
        var deletions: UInt8 = 0
        var retries: UInt8 = 0
        /// Bodies changed under a claim, past the trigger that forbids it.
        var replacements: UInt8 = 0
    }

    var server: SpoolServer
    var daemons: [Daemon]
    /// Each daemon's in the order in which it claimed them.
    var held: [HeldClaim] = []
    var network: [Request] = []
    var events = Events()

    /// Holder of what belongs to a process that died and was replaced by a new one.
    static let departed: UInt8 = 255

    func isRunning(_ daemon: UInt8) -> Bool {
        daemon != Self.departed && daemons[Int(daemon)].condition == .running
    }

    func firstHeld(by daemon: UInt8, where condition: (HeldClaim) -> Bool = { _ in true }) -> Int? {
        held.firstIndex { $0.daemon == daemon && condition($0) }
    }

    /// Whether the holder of a leased document has its claim in memory.
    func isKnown(_ document: Int) -> Bool {
        let row = server.documents[document]
        return held.contains {
            $0.daemon == row.holder && $0.lease == row.lease && $0.documents.contains(document)
        }
    }
}

/// One step of a trace.
enum SpoolAction: Hashable, Sendable, CustomStringConvertible {
    case claim(UInt8, DocumentSet)
    case compute(UInt8)
    case failOutside(UInt8)
    case complete(UInt8)
    case write(UInt8)
    case fail(UInt8)
    case handBackOthers(UInt8)
    /// The connection is lost after the request was sent.
    case lose(UInt8, SpoolWorld.Request.Kind)
    /// What was lost reaches the server after all.
    case arrive(UInt8, DocumentSet)
    case crash(UInt8)
    case restart(UInt8)
    case stop(UInt8)
    case rescue(UInt8)
    case declareSilent(UInt8)
    case reannotate(UInt8)
    case retryFailed(UInt8)
    case delete(UInt8)
    case replaceBody(UInt8)

    /// Something that a system without faults, and without people, does by itself.
    var isHealthy: Bool {
        switch self {
        case .claim, .compute, .complete, .write, .fail, .handBackOthers, .restart, .rescue: true
        default: false
        }
    }

    var description: String {
        switch self {
        case .claim(let daemon, let documents): "daemon \(daemon) claims \(documents)"
        case .compute(let daemon): "daemon \(daemon) computes its oldest claim"
        case .failOutside(let daemon): "daemon \(daemon) cannot load the model for its oldest claim"
        case .complete(let daemon): "daemon \(daemon) completes its oldest claim"
        case .write(let daemon): "daemon \(daemon) writes the results that it owes"
        case .fail(let daemon): "daemon \(daemon) fails a document of its oldest claim"
        case .handBackOthers(let daemon): "daemon \(daemon) hands back what it does not know of"
        case .lose(let daemon, let kind): "daemon \(daemon) sends '\(kind)' and loses the connection"
        case .arrive(let number, let documents): "lost request \(number) is carried out \(documents)"
        case .crash(let daemon): "daemon \(daemon) crashes"
        case .restart(let daemon): "daemon \(daemon) is started anew"
        case .stop(let daemon): "daemon \(daemon) says goodbye"
        case .rescue(let document): "document \(document) is rescued from a dead daemon"
        case .declareSilent(let document): "document \(document) is rescued from a daemon that lives"
        case .reannotate(let document): "a person has document \(document) annotated again"
        case .retryFailed(let document): "a person has failed document \(document) tried again"
        case .delete(let document): "a person deletes document \(document)"
        case .replaceBody(let document): "the body of document \(document) is replaced"
        }
    }
}

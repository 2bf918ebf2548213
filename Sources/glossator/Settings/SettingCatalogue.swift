/// One key that can be configured: by flag, environment, YAML file, or left at its default.
struct SettingDefinition: Sendable {
    enum Kind: Sendable {
        case text
        case path
        case integer(ClosedRange<Int>)
        case number(ClosedRange<Double>)
        case flag
        case choice([String])
    }

    /// Dotted, as in YAML: `worker.threads`.
    let key: String
    let kind: Kind
    let defaultValue: String
    /// One sentence for `glossator config` and the documentation.
    let summary: String
    /// Never printed.
    var isSecret = false

    /// `GLOSSATOR_WORKER_THREADS`
    var environmentName: String {
        "GLOSSATOR_" + key.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
    }
}

/// Every key there is. A key that is not here is refused wherever it is found.
enum SettingCatalogue {
    static let all: [SettingDefinition] =
        database + models + worker + precision + housekeeping + training + encoderTraining + gold + gate
        + logging

    static func definition(of key: String) -> SettingDefinition? { all.first { $0.key == key } }

    private static let database: [SettingDefinition] = [
        .init(
            key: "database.url", kind: .text, defaultValue: "",
            summary: "PostgreSQL URL or libpq keywords; empty: libpq's PG* variables. DATABASE_URL is read as well.",
            isSecret: true),
        .init(
            key: "database.connect-timeout-seconds", kind: .integer(1...600), defaultValue: "10",
            summary: "How long to wait for the server to accept a connection."),
        .init(
            key: "database.statement-timeout-seconds", kind: .integer(1...86_400), defaultValue: "300",
            summary: "The server ends a statement that runs longer."),
        .init(
            key: "database.pool-mode", kind: .choice(["session", "transaction"]), defaultValue: "session",
            summary:
                "transaction: a pooler such as PgBouncer gives every transaction another server session; "
                + "the daemon then polls."),
    ]

    private static let models: [SettingDefinition] = [
        .init(
            key: "models.directory", kind: .path, defaultValue: "",
            summary:
                "Where imported backbones lie, a folder each, named by content hash; empty: /var/lib/glossator/models "
                + "for root, else ~/.local/share/glossator/models.")
    ]

    private static let worker: [SettingDefinition] = [
        .init(
            key: "worker.threads", kind: .integer(0...1024), defaultValue: "0",
            summary: "Threads that compute; 0: one a processor."),
        .init(
            key: "worker.claim-documents", kind: .integer(1...10_000), defaultValue: "256",
            summary: "Most documents taken from the queue at once."),
        .init(
            key: "worker.claim-tokens", kind: .integer(256...10_000_000), defaultValue: "65536",
            summary: "Most word pieces (estimated from the body's length) taken from the queue at once."),
        .init(
            key: "worker.batch-tokens", kind: .integer(64...65_536), defaultValue: "1024",
            summary: "Word pieces that one thread encodes in one pass."),
        .init(
            key: "worker.precision", kind: .choice(PrecisionChoice.allCases.map(\.rawValue)), defaultValue: "auto",
            summary:
                "Number format of the encoder's products; auto: the fastest that agrees with fp32 on the collection's "
                + "own texts. int8 and bf16 are refused where they do not agree, and the next one is used."),
        .init(
            key: "worker.poll-seconds", kind: .number(0.05...3600), defaultValue: "5",
            summary: "How often an idle daemon looks into the queue when no notification wakes it."),
        .init(
            key: "worker.listen", kind: .flag, defaultValue: "true",
            summary: "Wake up by LISTEN/NOTIFY; false is meant where database.pool-mode is transaction."),
        .init(
            key: "worker.maximum-attempts", kind: .integer(1...100), defaultValue: "3",
            summary: "Attempts that a document at fault is given before it moves to glossator.failures."),
        .init(
            key: "worker.grace-seconds", kind: .number(0...3600), defaultValue: "20",
            summary: "How long a shutdown waits for texts being computed; then they go back to the queue, uncharged."),
        .init(
            key: "worker.stop-seconds", kind: .number(1...3600), defaultValue: "60",
            summary:
                "After this long a shutdown ends whatever happens, for example while the database hangs. Keep it below "
                + "the service's stop time (systemd: 90 s)."),
        .init(
            key: "worker.beat-seconds", kind: .number(1...15), defaultValue: "10",
            summary: "How often the daemon says that it lives; its leases are taken back after 45 s of silence."),
    ]

    private static let precision: [SettingDefinition] = [
        .init(
            key: "precision.cosine", kind: .number(0...1), defaultValue: "0.995",
            summary: "Cosine to fp32 that 99 of 100 embeddings must reach in a reduced precision."),
        .init(
            key: "precision.label-agreement", kind: .number(0...1), defaultValue: "0.995",
            summary: "Share of labels that must be those of fp32."),
        .init(
            key: "precision.entity-agreement", kind: .number(0...1), defaultValue: "0.99",
            summary: "F1 that entities must reach against those of fp32."),
        .init(
            key: "precision.sample-texts", kind: .integer(16...10_000), defaultValue: "256",
            summary: "Most texts of a collection that precisions are compared on."),
    ]

    private static let housekeeping: [SettingDefinition] = [
        .init(
            key: "housekeeping.batch-days", kind: .integer(0...100_000), defaultValue: "30",
            summary: "Finished batches are forgotten after so many days; their documents and results stay."),
        .init(
            key: "housekeeping.keep-models", kind: .integer(0...100_000), defaultValue: "10",
            summary: "So many of a collection's newest trained models are kept, and all that are in use."),
        .init(
            key: "housekeeping.model-days", kind: .integer(0...100_000), defaultValue: "30",
            summary: "Trained models younger than this are kept."),
    ]

    private static let training: [SettingDefinition] = [
        .init(
            key: "train.start", kind: .choice(["fresh", "model-in-force"]), defaultValue: "fresh",
            summary: "Where a head's weights begin: at random, or at the model in force."),
        .init(
            key: "train.entity-head", kind: .choice(["linear", "crf"]), defaultValue: "linear",
            summary: "What entity tasks learn: a linear layer, or a layer mix, a window of words and transitions."),
        .init(
            key: "train.epochs", kind: .integer(1...10_000), defaultValue: "30",
            summary: "Passes over the training rows; early stopping may end sooner, minimum-steps later."),
        .init(
            key: "train.minimum-steps", kind: .integer(0...1_000_000), defaultValue: "1000",
            summary: "A task of few rows gets as many more epochs as make this many steps."),
        .init(
            key: "train.patience", kind: .integer(1...10_000), defaultValue: "5",
            summary: "Epochs without improvement on the validation rows after which a head stops."),
        .init(
            key: "train.batch-size", kind: .integer(1...4096), defaultValue: "16",
            summary: "Documents a step."),
        .init(
            key: "train.learning-rate", kind: .number(0.000_000_1...1), defaultValue: "0.001",
            summary: "Peak learning rate of the heads."),
        .init(
            key: "train.weight-decay", kind: .number(0...1), defaultValue: "0.01",
            summary: "AdamW's decoupled weight decay; never on biases."),
        .init(
            key: "train.dropout", kind: .number(0...0.9), defaultValue: "0.1",
            summary: "Dropout before each head."),
        .init(
            key: "train.holdout", kind: .number(0.01...0.9), defaultValue: "0.2",
            summary: "Share of the documents, chosen by their hash, that is never trained on."),
        .init(
            key: "train.validation", kind: .number(0...0.5), defaultValue: "0.1",
            summary: "Share of the other documents that chooses the epoch and the temperature."),
        .init(
            key: "train.threads", kind: .integer(0...1024), defaultValue: "0",
            summary: "Threads that training computes with; 0: as worker.threads."),
        .init(
            key: "train.nice", kind: .integer(0...19), defaultValue: "10",
            summary: "Nice value of training, unless it was started with a higher one: what else runs here goes first."),
        .init(key: "train.seed", kind: .integer(0...Int(Int32.max)), defaultValue: "1", summary: "Seed of the run."),
    ]

    private static let logging: [SettingDefinition] = [
        .init(
            key: "log.level", kind: .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            defaultValue: "info", summary: "Least severe messages that are logged.")
    ]
}

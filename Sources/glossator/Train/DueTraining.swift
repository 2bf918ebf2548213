import Annotations
import ArgumentParser
import Store

/// What the timer starts: every run of the schedule that is to be made now, one after another. What one collection fails
/// for is said, and stops no other.
struct DueTraining {
    let context: ModelContext
    /// Carries a run out that has been claimed for a collection.
    let train: (_ collection: String, _ run: Int64) async throws -> Void

    /// Throws the exit code of the first fault when all that could be done is done.
    func run() async throws {
        let schedule = ScheduleStore(connection: context.connection)
        let entries = try await schedule.entries()
        var exit: ExitCode?
        for entry in entries {
            guard let problem = entry.problem else { continue }
            let fault = Fault(
                .configuration, "schedule-time-zone", "collection \(entry.collection) cannot be trained: \(problem)",
                hint: "SELECT name FROM pg_timezone_names; UPDATE glossator.train_schedule SET time_zone = …")
            Terminal.complain(fault)
            exit = exit ?? ExitCode(blame: fault.blame)
        }
        let due = try await schedule.due()
        for one in due {
            do {
                guard let run = try await schedule.claim(one, codeVersion: Version.withBuild) else {
                    Terminal.show(
                        "collection \(one.collection): another machine has begun, or its schedule has changed")
                    continue
                }
                Terminal.show("collection \(one.collection)" + (one.attempt > 1 ? ", attempt \(one.attempt)" : ""))
                try await train(one.collection, run)
            } catch {
                let fault = error as? Fault
                if let fault { Terminal.complain(fault) } else { Terminal.note("glossator: \(error)") }
                exit = exit ?? ExitCode(blame: fault?.blame ?? .defect)
            }
        }
        if due.isEmpty { Terminal.show(Self.nothing(entries)) }
        if let exit { throw exit }
    }

    private static func nothing(_ entries: [ScheduleStore.Entry]) -> String {
        guard !entries.isEmpty else {
            return "no collection has a schedule: INSERT INTO glossator.train_schedule (collection) VALUES ('…')"
        }
        let next = entries.first.flatMap { entry in entry.nextLocal.map { "; next: \(entry.collection) at \($0)" } }
        return "nothing is due" + (next ?? "")
    }
}

import Annotations
import AsyncAlgorithms
import Foundation
import SystemPackage

/// Runs a filter: requests in, lines out in the same order, as many blocks at a time as there are threads.
///
/// A block holds the lines that are already there, up to a limit: a file is worked on in large blocks, a person at a
/// terminal is answered line by line.
struct FilterRunner<State> {
    let threads: ComputeThreads<State>
    /// Longest block, in requests and in bytes of text.
    var blockRequests = 64
    var blockBytes = 1 << 16

    /// - Parameter answer: The lines of output of a block, one a request, on a compute thread. A failure names its
    ///   request's line; the lines before it have been written by then.
    func run(
        _ input: FilterInput, answer: @escaping @Sendable ([FilterRequest], inout State) -> [Result<[UInt8], Fault>]
    ) async throws {
        let reader = ComputeThreads<BlockReader>(count: 1) { BlockReader(input: nil) }
        let source = UnsafeTransfer(input)
        try await reader.run { $0.input = source.value }
        // The reader goes on while answers are awaited, and an answer is written as soon as it and those before it are
        // there: nobody at a terminal waits for lines that they have not typed yet.
        let answers = AsyncChannel<Task<[Result<[UInt8], Fault>], any Error>>()
        let (requests, bytes) = (blockRequests, blockBytes)
        try await withThrowingTaskGroup(of: Fault?.self) { group in
            group.addTask { [threads] in
                defer { answers.finish() }
                while true {
                    let block = try await reader.run { $0.next(maximumRequests: requests, maximumBytes: bytes) }
                    if !block.requests.isEmpty {
                        await answers.send(
                            Task { try await threads.run { state in answer(block.requests, &state) } })
                    }
                    if block.isLast { return block.fault }
                }
            }
            group.addTask { [threads] in
                for await block in answers.buffer(policy: .bounded(threads.count)) {
                    for line in try await block.value { try Output.write(line.get()) }
                }
                return nil
            }
            var failure: Fault?
            for try await result in group { failure = failure ?? result }
            if let failure { throw failure }
        }
    }

    private struct Block: Sendable {
        var requests: [FilterRequest] = []
        var fault: Fault?
        var isLast = false
    }

    private struct BlockReader {
        var input: FilterInput?

        mutating func next(maximumRequests: Int, maximumBytes: Int) -> Block {
            var block = Block()
            var bytes = 0
            do throws(Fault) {
                repeat {
                    guard let request = try input?.next() else {
                        block.isLast = true
                        break
                    }
                    bytes += request.text.utf8.count
                    block.requests.append(request)
                } while block.requests.count < maximumRequests && bytes < maximumBytes
                    && input?.hasBufferedLine == true
            } catch {
                block.fault = error
                block.isLast = true
            }
            return block
        }
    }
}

/// Hands a value that one thread owns to the thread that owns it from then on.
private struct UnsafeTransfer<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}

/// Standard output as bytes.
enum Output {
    /// Writes all of it. A reader that went away is no error of ours: the program ends quietly, as filters do.
    static func write(_ bytes: [UInt8]) throws(Fault) {
        do {
            try FileDescriptor.standardOutput.writeAll(bytes)
        } catch Errno.brokenPipe {
            Foundation.exit(0)
        } catch {
            throw Fault(.system, "output-failed", "cannot write to standard output: \(error)")
        }
    }
}

import Annotations
import Store
import Testing
import glossator

@Suite("Work parts")
struct WorkPartTests {
    @Test("every document of a claim is in exactly one part, the longest first", arguments: [1, 2, 16])
    func split(threads: Int) {
        let claim = (1...100).map { document($0, bytes: ($0 * 7919) % 5000) }
        let parts = WorkPart.split(claim, among: threads)
        let sizes = parts.flatMap(\.documents).map(\.body.utf8.count)
        #expect(sizes == sizes.sorted(by: >))
        #expect(parts.flatMap(\.documents).map(\.documentID).sorted() == claim.map(\.documentID))
        #expect(!parts.contains { $0.documents.isEmpty })
        // More parts than threads, so that none waits for another's last one.
        #expect(parts.count > threads)
    }

    @Test("a very long document has a part to itself")
    func longDocument() {
        let claim = [document(1, bytes: 100), document(2, bytes: 1_000_000), document(3, bytes: 200)]
        let parts = WorkPart.split(claim, among: 2).map { $0.documents.map(\.documentID) }
        #expect(parts == [[2], [3, 1]])
    }

    @Test("short documents fill batches; few of them are shared out all the same")
    func fullBatches() {
        let claim = (1...256).map { document($0, bytes: 90) }
        let sizes = WorkPart.split(claim, among: 2).map { $0.documents.count * 90 }
        #expect(sizes.dropLast().allSatisfy { (4096..<8192).contains($0) })
        #expect(WorkPart.split(Array(claim.prefix(60)), among: 2).map(\.documents.count) == [30, 30])
        #expect(WorkPart.split(Array(claim.prefix(20)), among: 2).count == 1)
    }

    @Test("short documents beside a very long one are shared out as if they were alone")
    func besideLong() {
        let claim = [document(0, bytes: 5_000_000)] + (1...1000).map { document($0, bytes: 100) }
        let parts = WorkPart.split(claim, among: 4)
        #expect(parts[0].documents.count == 1)
        #expect(parts.count > 6)
    }

    @Test("empty claims, empty bodies and no threads make no part too many")
    func edges() {
        #expect(WorkPart.split([], among: 4).isEmpty)
        #expect(WorkPart.split([document(1, bytes: 0), document(2, bytes: 0)], among: 4).count == 1)
        #expect(WorkPart.split([document(1, bytes: 10)], among: 0).count == 1)
    }

    private func document(_ id: Int, bytes: Int) -> ClaimedDocument {
        ClaimedDocument(
            lease: Lease(documentID: Int64(id), number: 1), attempt: 1, collection: "c", modelID: 1,
            segmentation: .document, body: String(repeating: "x", count: bytes), bodyHash: [])
    }
}

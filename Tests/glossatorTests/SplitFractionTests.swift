import Annotations
import TestSupport
import Testing
import Training

/// The database names documents to label by the side on which training will put them.
@Suite struct SplitFractionTests {
    @Test func theDatabaseSplitsAsTrainingDoes() async throws {
        let place = try await Workplace(.migrated)
        let rows = try place.psql(
            """
            SELECT encode(hash, 'hex'), glossator.split_fraction(hash) FROM (
                SELECT sha256(n::text::bytea) AS hash FROM generate_series(1, 500) n
                UNION ALL SELECT decode(repeat('00', 32), 'hex') UNION ALL SELECT decode(repeat('ff', 32), 'hex')
                UNION ALL SELECT decode(repeat('80', 32), 'hex') UNION ALL SELECT decode(repeat('7f', 32), 'hex')) t
            """
        ).split(separator: "\n")
        #expect(rows.count == 504)
        for row in rows {
            let columns = row.split(separator: "|")
            let digits = Array(columns[0])
            let hash = (0..<32).map { UInt8(String(digits[2 * $0...2 * $0 + 1]), radix: 16)! }
            let fraction = try #require(Double(columns[1]))
            #expect(Split(holdout: fraction.nextDown).part(of: hash) != .heldOut || fraction.nextDown > 0.9)
            #expect(Split(holdout: fraction.nextUp).part(of: hash) == .heldOut || fraction.nextUp > 0.9)
        }
    }
}

import Annotations
import Foundation
import TestSupport
import Testing
import Training

@Suite("Entity scores equal the reference scorer's", .enabled(if: Reference.isAvailable))
struct EntityScorerReferenceTests {
    @Test("all crafted cases, both modes")
    func craftedCases() throws {
        let reference = try NERReference.load()
        #expect(!reference.crafted.isEmpty)
        for item in reference.crafted {
            try compare(gold: item.gold, predicted: item.pred, with: item.expected, name: item.name)
        }
    }

    @Test("all files of real sequences, both modes")
    func files() throws {
        let reference = try NERReference.load()
        #expect(!reference.files.isEmpty)
        for item in reference.files {
            let (gold, predicted) = try tagColumns(of: Reference.fixture(item.file))
            #expect(gold.count == item.sentences, "\(item.file)")
            try compare(gold: gold, predicted: predicted, with: item.expected, name: item.file)
        }
    }

    private func compare(
        gold: [[String]], predicted: [[String]], with expected: NERReference.Expected, name: String
    ) throws {
        for (mode, want) in [
            (EntityScorer.Mode.conlleval, expected.conlleval), (.strictIOB2, expected.strictIOB2),
        ] {
            let got = try EntityScorer.score(gold: gold, predicted: predicted, mode: mode)
            #expect(abs(got.tokenAccuracy - expected.accuracy) <= Tolerance.score, "\(name) accuracy")
            #expect(want.micro.equals(got.micro), "\(name) \(mode) micro")
            #expect(want.macro.equals(got.macro), "\(name) \(mode) macro")
            #expect(want.weighted.equals(got.weighted), "\(name) \(mode) weighted")
            #expect(Set(want.perType.keys) == Set(got.counts.keys), "\(name) \(mode) types")
            for (type, score) in want.perType {
                #expect(score.equals(got.perType[type]), "\(name) \(mode) \(type)")
                #expect(score.predicted == got.counts[type]?.predicted, "\(name) \(mode) \(type) predicted")
                #expect(score.correct == got.counts[type]?.correct, "\(name) \(mode) \(type) correct")
            }
            if let spans = want.entitiesGold {
                #expect(try gold.map { try EntityScorer.spans(of: $0, mode: mode) } == spans, "\(name) \(mode) gold")
            }
            if let spans = want.entitiesPredicted {
                #expect(
                    try predicted.map { try EntityScorer.spans(of: $0, mode: mode) } == spans, "\(name) \(mode) pred")
            }
        }
    }

    private func tagColumns(of url: URL) throws -> (gold: [[String]], predicted: [[String]]) {
        var (gold, predicted): ([[String]], [[String]]) = ([], [])
        for block in try String(contentsOf: url, encoding: .utf8).components(separatedBy: "\n\n") {
            let rows = block.components(separatedBy: "\n").filter { !$0.isEmpty }
                .map { $0.components(separatedBy: "\t") }
            guard !rows.isEmpty else { continue }
            gold.append(rows.map { $0[1] })
            predicted.append(rows.map { $0[2] })
        }
        return (gold, predicted)
    }
}

@Suite("Entity scores")
struct EntityScorerTests {
    @Test("an I- without its B- starts an entity for conlleval and is nothing for strict IOB2")
    func malformedStart() throws {
        let tags = ["O", "I-PER", "I-PER", "I-LOC"]
        #expect(
            try EntityScorer.spans(of: tags, mode: .conlleval) == [
                .init(type: "PER", first: 1, last: 2), .init(type: "LOC", first: 3, last: 3),
            ])
        #expect(try EntityScorer.spans(of: tags, mode: .strictIOB2).isEmpty)
    }

    @Test("without any entity the macro average is absent, and the scores survive JSON")
    func noEntities() throws {
        let metrics = try EntityScorer.score(gold: [["O", "O"]], predicted: [["O", "O"]])
        #expect(metrics.macro == nil)
        #expect(metrics.tokenAccuracy == 1)
        #expect(try JSONDecoder().decode(EntityMetrics.self, from: JSONEncoder().encode(metrics)) == metrics)
    }

    @Test("a tag outside IOB2 and sequences of different lengths are refused")
    func refusals() {
        #expect(fault { _ = try EntityScorer.spans(of: ["E-PER"], mode: .conlleval) }?.code == "tag-unknown")
        #expect(
            fault { _ = try EntityScorer.score(gold: [["O"]], predicted: [["O", "O"]]) }?.code
                == "tag-count-mismatch")
        #expect(fault { _ = try EntityScorer.score(gold: [["O"]], predicted: []) }?.code == "tag-count-mismatch")
    }
}

/// The fault that `body` throws, or nil.
func fault(_ body: () throws -> Void) -> Fault? {
    do {
        try body()
        return nil
    } catch {
        return error as? Fault
    }
}

/// `ner_eval.json`; its NaN (a macro average over no type) is read as nil.
private struct NERReference: Decodable {
    struct Crafted: Decodable {
        let name: String
        let gold: [[String]]
        let pred: [[String]]
        let expected: Expected
    }

    struct File: Decodable {
        let file: String
        let sentences: Int
        let expected: Expected
    }

    struct Expected: Decodable {
        let accuracy: Double
        let conlleval: Scores
        let strictIOB2: Scores
        enum CodingKeys: String, CodingKey {
            case accuracy
            case conlleval = "default"
            case strictIOB2 = "strict_iob2"
        }
    }

    struct Scores: Decodable {
        let micro: Score
        let macro: Score
        let weighted: Score
        let perType: [String: Score]
        let entitiesGold: [[EntityScorer.Span]]?
        let entitiesPredicted: [[EntityScorer.Span]]?

        enum CodingKeys: String, CodingKey {
            case micro, macro, weighted
            case perType = "per_type"
            case entitiesGold = "entities_gold"
            case entitiesPredicted = "entities_pred"
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            micro = try values.decode(Score.self, forKey: .micro)
            macro = try values.decode(Score.self, forKey: .macro)
            weighted = try values.decode(Score.self, forKey: .weighted)
            perType = try values.decode([String: Score].self, forKey: .perType)
            func spans(_ key: CodingKeys) throws -> [[EntityScorer.Span]]? {
                try values.decodeIfPresent([[Triple]].self, forKey: key)?.map { $0.map(\.span) }
            }
            entitiesGold = try spans(.entitiesGold)
            entitiesPredicted = try spans(.entitiesPredicted)
        }
    }

    struct Triple: Decodable {
        let span: EntityScorer.Span
        init(from decoder: any Decoder) throws {
            var values = try decoder.unkeyedContainer()
            span = try .init(
                type: values.decode(String.self), first: values.decode(Int.self), last: values.decode(Int.self))
        }
    }

    struct Score: Decodable {
        let precision: Double?
        let recall: Double?
        let f1: Double?
        let support: Int
        let predicted: Int?
        let correct: Int?

        func equals(_ other: PrecisionRecall?) -> Bool {
            guard let other else { return precision == nil && recall == nil && f1 == nil && support == 0 }
            guard let precision, let recall, let f1 else { return false }
            return abs(precision - other.precision) <= Tolerance.score && abs(recall - other.recall) <= Tolerance.score
                && abs(f1 - other.f1) <= Tolerance.score && support == other.support
        }
    }

    let crafted: [Crafted]
    let files: [File]

    static func load() throws -> NERReference {
        let text = try String(contentsOf: Reference.fixture("ner_eval.json"), encoding: .utf8)
        let json = text.replacing(#/:\s*NaN\b/#, with: ": null")
        return try JSONDecoder().decode(NERReference.self, from: Data(json.utf8))
    }
}

import Annotations
import Foundation
import Model
import Synchronization
import TestSupport
import Training

/// The public data sets and subsets of `learning_reference.json`.
struct LearningReference: Decodable {
    struct Subsets: Decodable {
        let sst2: [Int]
        let btc: [Int]
        let wnut17: [Int]
        enum CodingKeys: String, CodingKey {
            case sst2 = "sst2_train"
            case btc = "btc_train"
            case wnut17 = "wnut17_train"
        }
    }

    struct Runs: Decodable { let runs: [String: [Epoch]] }

    struct Epoch: Decodable {
        struct Entities: Decodable {
            let f1: Double
            enum CodingKeys: String, CodingKey { case f1 = "micro_f1" }
        }
        let epoch: Int
        let accuracy: Double
        let btc: Entities?
        let wnut17: Entities?
        enum CodingKeys: String, CodingKey {
            case epoch
            case accuracy = "sst2_dev_accuracy"
            case btc = "btc_test"
            case wnut17 = "wnut17_test"
        }
    }

    let subsets: Subsets
    let results: [String: Runs]

    static func load() throws -> LearningReference {
        try JSONDecoder().decode(
            LearningReference.self, from: Data(contentsOf: Reference.fixture("learning_reference.json")))
    }

    /// The last epoch of every seed of a run.
    func last(of run: String) -> [Epoch] {
        (results[run]?.runs.values).map { $0.compactMap { $0.max { $0.epoch < $1.epoch } } } ?? []
    }
}

/// Labelled sentences with their words given, as the data sets have them.
struct Sentences {
    var requests: [AnnotationRequest] = []
    var labels: [[String: String]] = []
    var tags: [[String: [String]]] = []

    /// `id<TAB>label<TAB>text` with a header; rows whose number is in `subset`, or all.
    static func classification(_ name: String, task: String, subset: [Int]? = nil) throws -> Sentences {
        var result = Sentences()
        let rows = try String(contentsOf: Reference.data(name), encoding: .utf8).split(separator: "\n").dropFirst()
        for index in subset ?? Array(0..<rows.count) {
            let fields = rows[rows.startIndex + index].split(separator: "\t", omittingEmptySubsequences: false)
            result.requests.append(AnnotationRequest(text: String(fields[2])))
            result.labels.append([task: String(fields[1])])
            result.tags.append([:])
        }
        return result
    }

    /// CoNLL with two columns; sentences whose number is in `subset`, or all.
    static func entities(_ name: String, task: String, subset: [Int]? = nil) throws -> Sentences {
        var result = Sentences()
        let blocks = try String(contentsOf: Reference.data(name), encoding: .utf8)
            .components(separatedBy: "\n\n").filter { !$0.isEmpty && $0 != "\n" }
        for index in subset ?? Array(0..<blocks.count) {
            let rows = blocks[index].components(separatedBy: "\n").filter { !$0.isEmpty }
                .map { $0.components(separatedBy: "\t") }
            result.requests.append(AnnotationRequest(words: rows.map { $0[0] }))
            result.labels.append([:])
            result.tags.append([task: rows.map { $0[1] }])
        }
        return result
    }

    /// The sentences as the frozen backbone sees them, read by two threads.
    func examples(_ backbone: Backbone, wantsLayers: Bool = false) throws -> [TrainingExample] {
        let extractor = try FeatureExtractor(backbone: backbone)
        let half = requests.count / 2
        let parts = [0..<half, half..<requests.count]
        let results = Mutex<[Int: Result<[DocumentFeatures], Fault>]>([:])
        DispatchQueue.concurrentPerform(iterations: parts.count) { part in
            var workspace = AnnotatorWorkspace()
            let result = Result { () throws(Fault) in
                try extractor.features(
                    of: Array(requests[parts[part]]), wantsWords: tags.contains { !$0.isEmpty },
                    wantsLayers: wantsLayers, workspace: &workspace)
            }
            results.withLock { $0[part] = result }
        }
        let features = try results.withLock { results in
            try parts.indices.flatMap { try results[$0]?.get() ?? [] }
        }
        return features.enumerated().map { index, features in
            TrainingExample(
                id: Int64(index), bodyHash: withUnsafeBytes(of: index.littleEndian, Array.init),
                embedding: features.embedding, labels: labels[index], words: features.words,
                layers: features.layers, wordIndices: features.wordIndices, tags: tags[index])
        }
    }
}

import Annotations
import Foundation
import TestSupport
import Testing
import glossator

/// The real files, against readers so plain that they cannot be wrong in the same way.
@Suite("Importing the reference data", .enabled(if: Reference.isAvailable)) struct ImportReferenceTests {
    private func read(_ url: URL, _ options: ImportOptions = ImportOptions()) throws -> [ImportRecord] {
        var reader = try ImportReader(path: url.path, options: options)
        var records: [ImportRecord] = []
        while let outcome = try reader.next() {
            switch outcome {
            case .record(let record): records.append(record)
            case .refused(let problems): Issue.record("\(url.lastPathComponent): \(problems)")
            }
        }
        #expect(reader.bytesRead == reader.totalBytes)
        return records
    }

    private func files(_ folder: String, ending: String) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: Reference.data(folder), includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == ending }.sorted { $0.path < $1.path }
    }

    private func lines(of url: URL) throws -> [String] {
        try String(decoding: Data(contentsOf: url), as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false
        )
        .map(String.init)
    }

    @Test("every row of the classification sets is a labelled document", arguments: ["sst2", "dbpedia14", "banking77"])
    func classification(set: String) throws {
        for file in try files(set, ending: "tsv") {
            let records = try read(file, importOptions { $0.task = "class" })
            let rows = try lines(of: file).dropFirst().filter { !$0.isEmpty }.map { $0.components(separatedBy: "\t") }
            #expect(!rows.isEmpty)
            #expect(records.map { [$0.externalID, $0.labels.first?.label ?? "", $0.body] } == rows)
            #expect(records.allSatisfy { $0.metadata.isEmpty && $0.labels.map(\.task) == ["class"] })
        }
    }

    @Test("every sentence and entity of the entity sets is there", arguments: ["wnut17", "btc"])
    func entities(set: String) throws {
        for file in try files(set, ending: "conll") {
            let records = try read(file)
            let lines = try lines(of: file)
            #expect(
                records.map(\.body)
                    == lines.split(separator: "").map { sentence in
                        sentence.map { $0.components(separatedBy: "\t")[0] }.joined(separator: " ")
                    })
            #expect(records.reduce(0) { $0 + $1.entities.count } == lines.count { $0.contains("\tB-") })
            // A surface is its words joined by one space.
            let surfaces = records.flatMap { record in
                let scalars = Array(record.body.unicodeScalars)
                return record.entities.map { entity in
                    String(String.UnicodeScalarView(scalars[entity.start..<entity.end]))
                }
            }
            #expect(surfaces == self.surfaces(lines))
        }
    }

    private func surfaces(_ lines: [String]) -> [String] {
        var found: [String] = []
        for line in lines {
            let columns = line.components(separatedBy: "\t")
            if columns.count == 2, columns[1].hasPrefix("B-") {
                found.append(columns[0])
            } else if columns.count == 2, columns[1].hasPrefix("I-") {
                found[found.count - 1] += " " + columns[0]
            }
        }
        return found.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    @Test("every raw text is there, equal to what Foundation's JSON reader says")
    func raw() throws {
        var ids: Set<String> = []
        var count = 0
        for file in try files("raw", ending: "jsonl") {
            let records = try read(file)
            let lines = try Data(contentsOf: file).split(separator: 0x0A)
            #expect(records.count == lines.count)
            for (record, line) in zip(records, lines) {
                let object = try #require(JSONSerialization.jsonObject(with: line) as? [String: String])
                if record.body != object["text"] || record.externalID != object["id"]
                    || record.metadata != object.filter({ !["id", "text"].contains($0.key) })
                {
                    Issue.record("\(file.lastPathComponent) line \(record.line) differs")
                }
            }
            ids.formUnion(records.map(\.externalID))
            count += records.count
        }
        #expect(ids.count == count && count > 0)
    }
}

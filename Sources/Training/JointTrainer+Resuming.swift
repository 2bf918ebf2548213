package import Annotations
import Tensors

extension JointTrainer {
    /// Everything that the rest of the run depends on, besides what it was made with.
    ///
    /// - Parameters:
    ///   - fingerprint: of what it was made with: examples, options, first weights, program.
    ///   - notes: what the caller wants to find again.
    ///   - more: numbers that the caller wants to find again, by name.
    /// - Throws: `resume-write`.
    package func save(
        to file: ResumeFile, fingerprint: String, notes: String, more: [(name: String, values: [Float])] = []
    ) throws(Fault) {
        var sections: [(name: String, count: Int, values: () -> [Float])] = more.map { more in
            ("more/" + more.name, more.values.count, { more.values })
        }
        var steps: [String: Int] = [:]
        for (index, tensor) in parameters.tensors.enumerated() where optimizer.steps[index] > 0 {
            let moments = optimizer.moments(of: tensor)
            let (count, view) = (tensor.range.count, parameters.view(tensor))
            sections.append(("value/" + tensor.name, count, { view.copyValues() }))
            sections.append(("first/" + tensor.name, count, { moments.first.copyValues() }))
            sections.append(("second/" + tensor.name, count, { moments.second.copyValues() }))
            steps[tensor.name] = optimizer.steps[index]
        }
        for head in heads {
            let name = "head/" + head.task.name
            for (part, values, moments) in [
                ("/weight", head.parameters.weights.values, head.moments.weights),
                ("/bias", head.parameters.bias, head.moments.bias),
            ] {
                sections.append((name + part, values.count, { values }))
                sections.append((name + part + "/first", values.count, { moments.first }))
                sections.append((name + part + "/second", values.count, { moments.second }))
                steps[name + part] = moments.steps
            }
        }
        let header = ResumeFile.Header(
            fingerprint: fingerprint, step: step, tensorSteps: steps, losses: losses, notes: notes,
            sections: sections.map { .init(name: $0.name, count: $0.count) })
        try file.write(header) { sections[$0].values() }
    }

    /// Continues where a run with the same fingerprint was interrupted, if there is a whole file of one.
    ///
    /// - Parameter isWhole: whether what the caller gave to `save` is all there; if not, the file is no file.
    /// - Returns: whether there was a file to continue from, and files that were damaged.
    package func resume(
        from file: ResumeFile, fingerprint: String,
        accepting isWhole: (_ notes: String, _ more: [String: [Float]]) -> Bool = { _, _ in true }
    ) -> (found: Bool, damaged: [String]) {
        let (found, damaged) = file.newest(fingerprint: fingerprint)
        guard let (header, sections) = found else { return (false, damaged) }
        let more = sections.filter { $0.key.hasPrefix("more/") }.map { (String($0.key.dropFirst(5)), $0.value) }
        guard isWhole(header.notes, Dictionary(uniqueKeysWithValues: more)) else { return (false, damaged) }
        return (apply(header, sections), damaged)
    }

    /// - Returns: false, with nothing changed, for a file whose sections are not this run's.
    private func apply(_ header: ResumeFile.Header, _ sections: [String: [Float]]) -> Bool {
        func has(_ name: String, _ count: Int) -> Bool { sections[name]?.count == count }
        var tensorSteps = optimizer.steps
        for (index, tensor) in parameters.tensors.enumerated() {
            guard let steps = header.tensorSteps[tensor.name] else { continue }
            guard ["value/", "first/", "second/"].allSatisfy({ has($0 + tensor.name, tensor.range.count) }) else {
                return false
            }
            tensorSteps[index] = steps
        }
        for head in heads {
            let name = "head/" + head.task.name
            for (part, count) in [
                ("/weight", head.parameters.weights.values.count), ("/bias", head.parameters.bias.count),
            ]
            where !["", "/first", "/second"].allSatisfy({ has(name + part + $0, count) }) { return false }
        }
        guard header.step <= totalSteps else { return false }
        for tensor in parameters.tensors where header.tensorSteps[tensor.name] != nil {
            let moments = optimizer.moments(of: tensor)
            parameters.view(tensor).assign(sections["value/" + tensor.name] ?? [])
            moments.first.assign(sections["first/" + tensor.name] ?? [])
            moments.second.assign(sections["second/" + tensor.name] ?? [])
        }
        optimizer.resume(steps: tensorSteps)
        for index in heads.indices {
            let (name, head) = ("head/" + heads[index].task.name, heads[index])
            func moments(_ part: String) -> AdamW.Moments {
                AdamW.Moments(
                    first: sections[name + part + "/first"] ?? [], second: sections[name + part + "/second"] ?? [],
                    steps: header.tensorSteps[name + part] ?? 0)
            }
            heads[index].resume(
                HeadParameters(
                    weights: Matrix(
                        rows: head.parameters.outputs, columns: head.parameters.hidden,
                        values: sections[name + "/weight"] ?? []), bias: sections[name + "/bias"] ?? []),
                moments: (moments("/weight"), moments("/bias")))
        }
        (step, losses) = (header.step, header.losses)
        return true
    }
}

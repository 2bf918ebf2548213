import CResources

/// The demo's texts, carried inside the binary; deploy/demo/ holds their source.
enum DemoTexts {
    static let all: [(name: String, bytes: [UInt8])] = {
        var count = 0
        guard let resources = glossator_demo_texts(&count) else { return [] }
        return (0..<count).map { index in
            let resource = resources[index]
            return (
                String(cString: resource.name), Array(UnsafeBufferPointer(start: resource.bytes, count: resource.count))
            )
        }
    }()
}

/// Sixty-four bits that two states share when they are the same but for the names of daemons and of leases.
///
/// Daemons are told apart only by what they hold, so they are sorted by it. A lease matters only while a row names it,
/// and only by which rows do; every other lease is as stale as the next. Sixty-four bits for a million states: two
/// different ones are taken for the same with a probability below one in ten million.
extension SpoolWorld {
    var fingerprint: UInt64 {
        var rows: [UInt64] = []
        var hash = Mixer(seed: 1)
        for document in server.documents {
            hash.add(UInt64(document.place.rawValue) | UInt64(UInt8(bitPattern: document.attempts)) << 8)
            hash.add(label(document.lease) | (document.isFailed ? 16 : 0) | (document.wentDownInCompany ? 32 : 0))
            hash.add(document.leaseIsOutdated ? 1 : 0)
            hash.add(UInt64(document.written) | UInt64(document.enqueued) << 8 | UInt64(document.kills) << 16)
            hash.add(UInt64(document.disturbances) | (document.holder == Self.departed ? 256 : 0))
        }
        for daemon in daemons.indices { rows.append(fingerprint(of: UInt8(daemon))) }
        rows.sort()
        for row in rows { hash.add(row) }
        hash.add(events.packed.0)
        hash.add(events.packed.1)
        hash.add(server.breach == nil ? 0 : 1)
        return hash.value
    }

    /// Of a lease that rows name: the first of them, from 1. Of any other: 0.
    private func label(_ lease: UInt16) -> UInt64 {
        guard lease != 0 else { return 0 }
        return UInt64((server.documents.firstIndex { $0.lease == lease } ?? -1) + 1)
    }

    private func fingerprint(of daemon: UInt8) -> UInt64 {
        var hash = Mixer(seed: 2)
        hash.add(UInt64(daemons[Int(daemon)].condition.rawValue) | (daemons[Int(daemon)].isUncertain ? 16 : 0))
        var holds: DocumentSet = []
        for (document, row) in server.documents.enumerated() where row.place == .leased && row.holder == daemon {
            holds.insert(DocumentSet(document))
        }
        hash.add(UInt64(holds.rawValue))
        for claim in held where claim.daemon == daemon { add(claim, to: &hash) }
        var requests: UInt64 = 0
        for request in network where request.daemon == daemon {
            var one = Mixer(seed: 3)
            one.add(UInt64(request.kind.rawValue) | (request.emptyHanded ? 16 : 0))
            if let claim = request.claim { add(claim, to: &one) }
            var known: UInt64 = 0
            for lease in request.known where label(lease) > 0 { known |= 1 << label(lease) }
            one.add(known)
            // A sum, for their order says nothing.
            requests &+= one.value
        }
        hash.add(requests)
        return hash.value
    }

    private func add(_ claim: HeldClaim, to hash: inout Mixer) {
        hash.add(label(claim.lease) | UInt64(claim.documents.rawValue) << 8 | UInt64(claim.attempts) << 16)
        hash.add(UInt64(claim.stage.rawValue) | UInt64(claim.failing.rawValue) << 8)
        hash.add(UInt64(claim.otherBody.rawValue) | UInt64(claim.owed.rawValue) << 8)
    }
}

extension SpoolWorld.Events {
    fileprivate var packed: (UInt64, UInt64) {
        let first = [crashes, losses, silences, stops, outsideFaults].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let second = [reannotations, deletions, retries, replacements].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return (first, second)
    }
}

private struct Mixer {
    var value: UInt64

    /// Another seed for each kind of thing: the sum over one kind must not cancel the hash of another.
    init(seed: UInt64) { value = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func add(_ word: UInt64) {
        value = (value ^ word) &* 0xBF58_476D_1CE4_E5B9
        value ^= value >> 29
        value = value &* 0x94D0_49BB_1331_11EB
        value ^= value >> 32
    }
}

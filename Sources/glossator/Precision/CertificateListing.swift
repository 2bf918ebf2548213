import Annotations
import Foundation
import Store

/// Certificates as people read them: a table, and below it what does not fit into one.
enum CertificateListing {
    struct Entry {
        /// `mail`, or the name of a file.
        let texts: String
        let certificate: Certificate
        /// Nil: it is not stored.
        let madeAt: Date?

        init(texts: String, certificate: Certificate) {
            self.texts = texts
            self.certificate = certificate
            madeAt = nil
        }

        init(_ row: CertificateStore.Row) {
            texts = row.collection ?? "(a file)"
            certificate = row.certificate
            madeAt = row.madeAt
        }
    }

    private static func shown(_ value: Double?) -> String { value.map(AgreementThresholds.shown) ?? "-" }

    static func text(of entries: [Entry]) -> String {
        let rows = entries.map { entry in
            let certificate = entry.certificate
            let agreement = certificate.agreement
            return [
                certificate.precision.rawValue, certificate.isCertified ? "certified" : "refused", entry.texts,
                certificate.segmentation.rawValue, certificate.kernels, String(agreement.segments),
                shown(agreement.cosineMean), shown(agreement.cosineP1), shown(agreement.labels),
                shown(agreement.entities), certificate.thresholds.listed,
                Terminal.number(certificate.seconds, decimals: 1), entry.madeAt?.formatted(.iso8601) ?? "-",
            ]
        }
        let header = [
            "precision", "", "texts", "read as", "kernels", "segments", "cosine", "p1", "labels", "entities",
            "at least", "seconds", "made",
        ]
        var lines = [Terminal.table(header, rows, indent: "")]
        for entry in entries {
            let certificate = entry.certificate
            if let refusal = certificate.refusal {
                lines.append("\(certificate.precision.rawValue) is refused for \(entry.texts): \(refusal)")
            } else if certificate.plan != certificate.precision.rawValue {
                lines.append("\(certificate.precision.rawValue) for \(entry.texts) computes: \(certificate.plan)")
            }
        }
        return lines.joined(separator: "\n")
    }
}

extension AgreementThresholds {
    /// `0.995/0.995/0.99`: of p1, labels and entities. Daemons use certificates that were made with their own settings.
    fileprivate var listed: String { [cosineP1, labels, entities].map(Self.shown).joined(separator: "/") }
}

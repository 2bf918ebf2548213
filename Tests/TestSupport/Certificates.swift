package import Foundation

/// Certificates made for one test process, and a cluster that asks for them.
package struct Certificates: Sendable {
    /// Each name is that of a certificate, `NAME.crt`, and of its key, `NAME.key`.
    package let directory: URL

    package func certificate(_ name: String) -> String { directory.appendingPathComponent(name + ".crt").path }
    package func key(_ name: String) -> String { directory.appendingPathComponent(name + ".key").path }

    /// Which CAs sign what. The cluster's role of the same name as `client` has to show it.
    package static let authority = "authority"
    package static let otherAuthority = "other_authority"
    package static let client = "by_certificate"
    package static let otherClient = "somebody_else"
    static let server = "server"

    /// For the server's names `localhost` and 127.0.0.1.
    static func make(in directory: URL) throws -> Certificates {
        guard let openssl = ChildProgram.find("openssl") else {
            throw TemporaryCluster.Failure(description: "no openssl found: apt-get install openssl")
        }
        let made = Certificates(directory: directory)
        func make(_ name: String, signedBy authority: String? = nil, _ more: [String] = []) throws {
            var words = [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=\(name)", "-keyout", made.key(name), "-out", made.certificate(name),
            ]
            if let authority { words += ["-CA", made.certificate(authority), "-CAkey", made.key(authority)] }
            try ChildProgram.run(openssl, words + more)
        }
        try make(authority)
        try make(otherAuthority)
        try make(client, signedBy: authority)
        try make(otherClient, signedBy: authority)
        try make(server, signedBy: authority, ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        try ChildProgram.giveToServer(made.key(server))
        return made
    }
}

/// A cluster on 127.0.0.1 that speaks TLS. The role `by_certificate` has to show a certificate of its name; the
/// superuser may come without.
package struct TLSCluster: Sendable {
    package let cluster: TemporaryCluster
    package let certificates: Certificates

    /// The process's cluster with TLS.
    package static func shared() throws -> TLSCluster { try started.get() }

    /// Keywords for its address, without user: the name that the certificate has to have, and where it really is.
    package func conninfo(host: String = "localhost") -> String {
        "host=\(host) hostaddr=127.0.0.1 port=\(cluster.port) dbname=postgres"
    }

    private static let started = Result {
        // Somebody else may take the port before the server does.
        for _ in 0..<3 { if let made = try? TLSCluster() { return made } }
        return try TLSCluster()
    }

    private init() throws {
        var made: Certificates?
        cluster = try TemporaryCluster(
            rules: [
                "local all all trust", "hostssl all \(Certificates.client) 127.0.0.1/32 cert",
                "hostssl all postgres 127.0.0.1/32 trust",
            ],
            port: try LocalSocket.freePort(),
            options: ["ssl=on", "ssl_ca_file=../tls/authority.crt", "ssl_cert_file=../tls/server.crt"]
                + ["ssl_key_file=../tls/server.key"]
        ) { folder in
            let tls = folder.appendingPathComponent("tls", isDirectory: true)
            try FileManager.default.createDirectory(at: tls, withIntermediateDirectories: false)
            made = try Certificates.make(in: tls)
        }
        guard let made else { throw TemporaryCluster.Failure(description: "no certificates") }
        certificates = made
        try cluster.psql("CREATE ROLE \(Certificates.client) LOGIN")
    }
}

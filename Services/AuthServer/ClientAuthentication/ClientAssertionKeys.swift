import JOSE
import OAuth
import ServiceKit

/// The keys with which a client may have signed an assertion.
struct ClientAssertionKeys: Sendable {
    let vault: ClientSecretVault
    let keySets: ClientKeySets
    let clock: WallClock

    /// - Parameter header: not verified yet. Its `kid` chooses among the client's keys; its `alg` where a key leaves open which one of its
    ///   family it is for, and never the family.
    func candidates(for header: JWSHeader, of client: Client) async throws -> [JWSVerificationKey] {
        guard let algorithm = JWSAlgorithm(rawValue: header.algorithmName) else { return [] }
        switch client.authenticationMethod {
        case .privateKeyJWT where algorithm.isAsymmetric:
            return try await publicKey(header.keyID, algorithm, of: client).map { [$0] } ?? []
        case .clientSecretJWT where !algorithm.isAsymmetric:
            return try secrets(algorithm, of: client)
        default:
            return []
        }
    }

    private func publicKey(_ keyID: String?, _ algorithm: JWSAlgorithm, of client: Client) async throws -> JWSVerificationKey? {
        if let text = client.jwks { return keySets.registered(text).key(keyID, for: algorithm) }
        guard let uri = client.jwksURI.flatMap({ KeySetURI($0) }) else { return nil }
        return try await keySets.key(keyID, for: algorithm, at: uri)
    }

    private func secrets(_ algorithm: JWSAlgorithm, of client: Client) throws -> [JWSVerificationKey] {
        let now = clock.now
        return try client.secrets.filter { $0.expiresAt ?? .max > now }.compactMap { secret in
            guard let sealed = secret.sealedSecret else { return nil }
            let key = try vault.open(sealed, of: client.id, in: client.tenantID)
            return try? JWSVerificationKey(JWK(secret: key, algorithm: algorithm))
        }
    }
}

extension JWSAlgorithm {
    /// What clients may sign assertions with. A client secret is shorter than HS512 asks of its key (RFC 7518 §3.2).
    static let clientAssertion = allCases.filter { $0 != .hs512 }
}

import JOSE
import JSON
import OAuth
import Tenancy

/// Reads an ID token that comes back as `id_token_hint` (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2).
struct IDTokenVerifier: Sendable {
    private static let verifier = JWSVerifier(expectedTypes: ["JWT"], maximumBytes: 8192)

    struct Hint: Sendable {
        let subject: String
        let clientID: ClientID
        let sessionID: String?
    }

    let issuers: Issuers
    let keys: KeyRings

    /// - Returns: nil unless we signed it for this tenant, as an ID token and not as a UserInfo answer. Whether it has expired does not matter.
    func verifyHint(_ token: String, tenant: Tenant) async throws -> Hint? {
        let ring = try await keys.require(tenant.id)
        guard let jws = try? Self.verifier.verify(compact: token, keys: ring.verificationKeys),
            let claims = try? JWTClaims(payload: jws.payload),
            claims.issuer?.utf8.elementsEqual(issuers.issuer(of: tenant.slug).utf8) ?? false,
            let subject = claims.subject, claims["auth_time"] != nil, claims.audience.count == 1, let client = ClientID(claims.audience[0])
        else { return nil }
        return Hint(subject: subject, clientID: client, sessionID: claims["sid"]?.stringValue)
    }
}

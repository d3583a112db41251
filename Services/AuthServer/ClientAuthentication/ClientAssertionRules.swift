import JOSE
import JSON
import OAuth

/// What an assertion must say (RFC 7523 §3, OpenID Connect Core §9), its signature being good.
struct ClientAssertionRules: Sendable {
    /// For how long an assertion can be used. Its `exp` may be no further ahead, unless `iat` says that it was made within this time.
    static let lifetimeSeconds: Int64 = 600
    /// How far ahead `exp` may be then. Widespread libraries write an hour.
    static let maximumExpirySeconds: Int64 = 3600
    /// How far the client's clock may be ahead. That it may be behind is the client's to allow for, in `exp`.
    static let leewaySeconds: Int64 = 30

    /// `iss` and `sub`.
    let client: ClientID
    /// The names under which this server may be meant. An assertion that names another one too could have been shown there.
    let audiences: [String]
    /// Seconds since 1970.
    let now: Int64

    /// - Returns: `jti`, 1–255 bytes, and `exp`, until when it must not be seen again.
    /// - Throws: ``ClientAssertionRefused``
    func check(_ claims: JWTClaims) throws -> (tokenID: String, expiresAt: Int64) {
        guard claims.issuer?.isIdenticalBytes(client.rawValue) ?? false else { throw ClientAssertionRefused("iss is not the client") }
        guard claims.subject?.isIdenticalBytes(client.rawValue) ?? false else { throw ClientAssertionRefused("sub is not the client") }
        guard !claims.audience.isEmpty, claims.audience.allSatisfy({ name in audiences.contains { $0.isIdenticalBytes(name) } }) else {
            throw ClientAssertionRefused("aud is not this server alone")
        }
        guard let tokenID = claims.tokenID, (1...255).contains(tokenID.utf8.count) else {
            throw ClientAssertionRefused("jti is missing or longer than 255 bytes")
        }
        return (tokenID, try expiry(of: claims))
    }

    private func expiry(of claims: JWTClaims) throws -> Int64 {
        guard let expiresAt = claims.expiresAt else { throw ClientAssertionRefused("exp is missing") }
        guard expiresAt > now else { throw ClientAssertionRefused("expired") }
        if let notBefore = claims.notBefore, notBefore > now + Self.leewaySeconds { throw ClientAssertionRefused("not yet valid") }
        if let issuedAt = claims.issuedAt {
            guard issuedAt <= now + Self.leewaySeconds else { throw ClientAssertionRefused("iat is in the future") }
            guard issuedAt >= now - Self.lifetimeSeconds else { throw ClientAssertionRefused("made more than ten minutes ago") }
        }
        let furthest = claims.issuedAt == nil ? Self.lifetimeSeconds : Self.maximumExpirySeconds
        guard expiresAt <= now + furthest + Self.leewaySeconds else { throw ClientAssertionRefused("exp is too far ahead") }
        return expiresAt
    }
}

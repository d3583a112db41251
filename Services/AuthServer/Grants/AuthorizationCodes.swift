import FoundationEssentials
import OAuth
import Postgres
import ServiceKit

/// Authorization codes (RFC 6749 §4.1.2): good for a minute, once.
struct AuthorizationCodes: Sendable {
    static let lifetimeSeconds: Int64 = 60

    let store: AccessGrantStore
    let clock: WallClock

    /// Stores a grant and its code in one transaction.
    ///
    /// - Parameters:
    ///   - redirectURI: where the answer goes.
    ///   - mustNameURI: the authorization request named it, so the token request must name the same.
    ///   - codeChallenge: S256, 43 characters.
    ///   - remembered: the consent of earlier that the grant rests on; nil where it rests on none.
    ///   - also: what must become true with it, such as consent and audit rows.
    /// - Returns: the code in clear, for the redirect.
    /// - Throws: ``SessionEnded``, ``ConsentWithdrawn``.
    func issue(
        for grant: AccessGrant, redirectURI: String, mustNameURI: Bool = true, codeChallenge: String, nonce: String?,
        remembered: ScopeSet? = nil, also: [SQL]
    ) async throws -> OpaqueSecret {
        let expiresAt = clock.now + Self.lifetimeSeconds
        let code = OpaqueSecret.generate(
            .authorizationCode, ["\(Period.short(expiresAt))", "\(grant.id.period)", grant.id.id.uuidString.lowercased()]
        )
        let insertion = AccessGrantStore.insertion(
            code, expiresAt: expiresAt, for: grant, redirectURI: redirectURI, mustNameURI: mustNameURI, codeChallenge: codeChallenge,
            nonce: nonce
        )
        guard let session = grant.sessionID,
            try await store.insert(grant, on: .session(session), remembered: remembered, refresh: nil, also: [insertion] + also)
        else { throw SessionEnded() }
        return code
    }
}

/// The person took back, while it was being used, what they had allowed the client before.
struct ConsentWithdrawn: Error {}

/// The session behind an authorization was ended while it was being given.
struct SessionEnded: Error {}

/// A code as a client presents it; only its form is known to be right.
struct AuthorizationCode: Sendable {
    let secret: OpaqueSecret
    /// Of the code's own partition.
    let period: Int32
    let grant: GrantID

    init?(parsing text: String) {
        guard let secret = OpaqueSecret(parsing: text, as: .authorizationCode), let period = Int32(secret.words[0]), period >= 0,
            let grantPeriod = Int32(secret.words[1]), grantPeriod >= 0, let id = UUID(uuidString: secret.words[2])
        else { return nil }
        self.secret = secret
        self.period = period
        grant = GrantID(period: grantPeriod, id: id)
    }
}

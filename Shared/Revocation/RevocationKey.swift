internal import Cryptography
public import OAuth
public import Tenancy

/// What an entry is found by: 128 bits of SHA-256 over kind, tenant and target, so that every entry takes the same little memory.
public struct RevocationKey: Sendable, Hashable {
    private let high: UInt64
    private let low: UInt64

    public init(_ kind: RevocationKind, _ target: String, in tenant: TenantID) {
        let hash = Digest.sha256.hash(Array("\(kind.rawValue) \(tenant) \(target)".utf8))
        high = max(1, hash[0..<8].reduce(0) { $0 << 8 | UInt64($1) })
        low = hash[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }

    init(_ entry: RevocationEntry) {
        self.init(entry.kind, entry.target, in: entry.tenant)
    }

    /// Both halves; the first is never 0.
    var words: (UInt64, UInt64) { (high, low) }

    /// - Parameter count: a power of two.
    func part(of count: Int) -> Int { Int(truncatingIfNeeded: high) & (count - 1) }
}

/// Everything by which one access token can be revoked; made once for a token.
public struct RevocableToken: Sendable, Hashable {
    let token: RevocationKey
    /// Grant, session, user, client and tenant, as far as the token has them.
    let others: [RevocationKey]
    let issuedAt: Int64

    /// - Parameter issuedAt: `iat`.
    public init(
        tenant: TenantID, tokenID: String, grantID: String?, sessionID: String?, subject: String, clientID: String, issuedAt: Int64
    ) {
        token = RevocationKey(.token, tokenID, in: tenant)
        others = [
            grantID.map { RevocationKey(.grant, $0, in: tenant) },
            sessionID.map { RevocationKey(.session, $0, in: tenant) },
            RevocationKey(.user, subject, in: tenant),
            RevocationKey(.client, clientID, in: tenant),
            RevocationKey(.tenant, "", in: tenant),
        ].compactMap { $0 }
        self.issuedAt = issuedAt
    }

    public init(_ claims: AccessTokenClaims) {
        self.init(
            tenant: claims.tenantID, tokenID: claims.tokenID, grantID: claims.grantID, sessionID: claims.sessionID, subject: claims.subject,
            clientID: claims.clientID.rawValue, issuedAt: claims.issuedAt
        )
    }
}

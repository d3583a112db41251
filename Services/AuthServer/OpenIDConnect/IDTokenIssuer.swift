import Cryptography
import FoundationEssentials
import JOSE
import JSON
import OAuth
import ServiceKit
import Tenancy

/// Signs ID tokens (OpenID Connect Core §2, §3.1.3.6).
struct IDTokenIssuer: Sendable {
    /// For the client to read once: an hour is ample.
    static let lifetimeSeconds: Int64 = 3600

    let issuers: Issuers
    let keys: KeyRings
    let accounts: AccountStore
    let clock: WallClock

    /// - Parameter accessToken: as it goes out beside it.
    /// - Returns: the compact JWT, which is ASCII.
    /// - Throws: `invalid_grant` where the account is gone.
    func issue(for person: GrantedPerson, _ decision: RecognizedRequests.Decision, accessToken: [UInt8]) async throws -> [UInt8] {
        let grant = person.grant
        let ring = try await keys.require(decision.tenant.id)
        guard let account = try await accounts.find(grant.accountID, in: decision.tenant.id)?.account else {
            throw OAuthError(.invalidGrant, "the account is no longer a member")
        }
        let now = clock.now
        var json = JSONWriter(reserving: 768)
        json.beginObject()
        json.field("iss", issuers.issuer(of: decision.tenant.slug))
        json.field("sub", grant.subject)
        json.field("aud", grant.clientID.rawValue)
        json.field("azp", grant.clientID.rawValue)
        json.field("exp", now + Self.lifetimeSeconds)
        json.field("iat", now)
        json.field("auth_time", grant.authenticatedAt)
        json.field("nonce", ifPresent: person.nonce)
        json.field("at_hash", Self.halfHash(accessToken, ring.identitySigner.algorithm))
        json.field("amr", grant.methods)
        json.field("acr", AuthenticationContext(methods: grant.methods).rawValue)
        json.field("sid", ifPresent: grant.sessionName)
        json.field("tenant", decision.tenant.slug.rawValue)
        json.field("org_id", decision.tenant.id.description)
        PersonClaims(account, scopes: decision.scopes, requested: RequestedClaims(grant.requestedClaims).idToken).write(to: &json)
        json.endObject()
        return try ring.identitySigner.signedBytes(payload: json.bytes)
    }

    /// The left half of the hash that belongs to the signature's algorithm (§3.1.3.6); Ed25519's is SHA-512.
    static func halfHash(_ token: [UInt8], _ algorithm: JWSAlgorithm) -> String {
        let digest: Digest =
            switch algorithm {
            case .es256, .rs256, .ps256, .hs256: .sha256
            case .es384, .rs384, .ps384, .hs384: .sha384
            case .es512, .rs512, .ps512, .hs512, .edDSA: .sha512
            }
        return Base64URL.encode(Array(digest.hash(token).prefix(digest.byteCount / 2)))
    }
}

/// `acr`: how sure we are that it is the person. Each class satisfies those before it.
enum AuthenticationContext: String, Sendable, CaseIterable {
    /// One factor, such as a password.
    case single = "1"
    /// Two factors.
    case multiple = "2"

    init(methods: [String]) {
        self = methods.contains("mfa") ? .multiple : .single
    }
}

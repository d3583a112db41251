import Cryptography
import FoundationEssentials
import HTTPTypes
import JOSE
import OAuth
import Revocation
import ServiceKit
import Tenancy

/// Decides whether an access token is good here: ours, for this API, unexpired, signed by its tenant's key (RFC 9068 §4), and not revoked.
struct TokenVerifier: Sendable {
    /// Clocks of two machines may differ by so many seconds.
    static let leewaySeconds: Int64 = 5

    private static let verifier = JWSVerifier(expectedTypes: [AccessTokenCodec.type], maximumBytes: BearerToken.maximumBytes)

    let issuerPrefix: String
    let audience: String
    let keys: KeySets
    let verified: VerifiedTokens
    let revocations: RevocationIndex
    let clock: WallClock

    init(baseURL: String, audience: String, keys: KeySets, verified: VerifiedTokens, revocations: RevocationIndex, clock: WallClock) {
        issuerPrefix = baseURL + "/t/"
        self.audience = audience
        self.keys = keys
        self.verified = verified
        self.revocations = revocations
        self.clock = clock
    }

    /// - Throws: ``BearerRefusal/invalidToken(_:)``; ``KeysUnknown`` or ``RevocationsUnknown`` where it cannot be told.
    func verify(_ token: BearerToken) async throws -> Caller {
        let caller = try await find(token)
        // After whatever was awaited, and for known tokens too: a revocation counts from the next request on.
        switch revocations.verdict(on: caller.revocable) {
        case .stands: return caller
        case .revoked: throw BearerRefusal.invalidToken("The token has been revoked")
        case .unknown: throw RevocationsUnknown()
        }
    }

    /// Who asks, where the token has been verified before; whether it is still good is not looked at.
    func known(_ headers: HTTPFields) -> Caller? {
        guard let token = try? BearerToken(headers) else { return nil }
        return verified.peek(SHA256.hash(token.bytes), at: clock.now)
    }

    private func find(_ token: BearerToken) async throws -> Caller {
        let hash = SHA256.hash(token.bytes)
        let now = clock.now
        if let caller = verified.find(hash, at: now) { return caller }
        guard token.isWellFormed else { throw BearerRefusal.invalidRequest("The Authorization header is malformed") }
        let caller = Caller(try await check(token.bytes, now: now), verifiedAt: now)
        if token.bytes.count <= VerifiedTokens.maximumTokenBytes { verified.insert(caller, for: hash) }
        return caller
    }

    private func check(_ token: [UInt8], now: Int64) async throws -> AccessTokenClaims {
        do {
            let jws = try JWS(compact: token, maximumBytes: BearerToken.maximumBytes)
            let tenant = try claimedTenant(jws)
            guard let known = try await keys.keys(of: tenant, containing: jws.header.keyID) else {
                throw BearerRefusal.invalidToken("The token's issuer is unknown")
            }
            let payload = try Self.verifier.verify(compact: token, keys: known.keys).payload
            let jwt = try JWTClaims(payload: payload)
            try jwt.validate(now: now, leeway: Self.leewaySeconds, issuer: issuerPrefix + tenant.rawValue, audience: audience)
            let claims = try AccessTokenCodec.claims(jwt)
            guard claims.tenant == tenant, claims.tenantID == known.tenantID else {
                throw BearerRefusal.invalidToken("The token is malformed")
            }
            return claims
        } catch let error as JOSEError {
            throw BearerRefusal.invalidToken(Self.reason(error))
        } catch is AccessTokenError {
            throw BearerRefusal.invalidToken("The token is malformed")
        }
    }

    /// The tenant whose key the token claims to be signed with, before the signature is checked: only to find the key.
    private func claimedTenant(_ jws: JWS) throws -> TenantSlug {
        let issuer = try jws.unverifiedIssuer() ?? ""
        guard issuer.hasPrefix(issuerPrefix), let slug = try? TenantSlug(String(issuer.dropFirst(issuerPrefix.count))) else {
            throw BearerRefusal.invalidToken("The token's issuer is unknown")
        }
        return slug
    }

    private static func reason(_ error: JOSEError) -> String {
        switch error {
        case .expired: "The token has expired"
        case .notYetValid: "The token is not valid yet"
        case .wrongAudience: "The token is for another audience"
        case .badSignature, .unknownKey, .algorithmMismatch: "The token's signature is invalid"
        default: "The token is malformed"
        }
    }
}

/// What has been revoked is not known at the moment: answered 503, never a guess.
struct RevocationsUnknown: Error {}

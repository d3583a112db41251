internal import AsyncHTTPClient
internal import FoundationEssentials
internal import JOSE
public import Logging
internal import NIOCore
internal import OAuth
internal import Revocation
public import ServiceLifecycle
internal import Tenancy

/// Checks access tokens of one tenant in any service: signature, issuer, audience, time, type, tenant, and that they have not been revoked.
///
/// ``run()`` keeps the tenant's keys and listens to its revocations. When the authorization server has not been heard for longer than the
/// staleness, every token is refused with ``TokenRefusal/unavailable`` rather than believed.
public final class TokenVerifier: Service {
    /// What this service is registered as: a client of the tenant that is a resource server, with HTTP Basic.
    public struct Credentials: Sendable {
        let clientID: String
        let secret: String

        public init(clientID: String, secret: String) {
            self.clientID = clientID
            self.secret = secret
        }
    }

    /// Clocks of two machines may differ by so many seconds.
    private static let leewaySeconds: Int64 = 5
    private static let maximumBytes = 8192
    private static let jws = JWSVerifier(expectedTypes: [AccessTokenCodec.type], maximumBytes: maximumBytes)

    private let issuer: String
    private let tenant: TenantSlug
    private let audience: String
    private let http: HTTPClient
    private let keys: IssuerKeys
    private let feed: RevocationEvents
    private let index: RevocationIndex

    /// - Parameters:
    ///   - issuer: the tenant's, such as `https://id.example.com/t/acme`.
    ///   - audience: this service, as tokens name it.
    ///   - server: where the issuer is reached, if not under its own URL.
    ///   - staleness: how long tokens are believed after revocations were last heard.
    /// - Throws: ``TokenRefusal/misconfigured(_:)`` if the issuer names no tenant.
    public init(
        issuer: String, audience: String, credentials: Credentials, server: String? = nil, staleness: Duration = .seconds(5),
        logger: Logger
    ) throws(TokenRefusal) {
        guard let slash = issuer.lastIndex(of: "/"), let tenant = try? TenantSlug(String(issuer[issuer.index(after: slash)...])) else {
            throw .misconfigured("the issuer names no tenant")
        }
        self.issuer = issuer
        self.tenant = tenant
        self.audience = audience
        let base = server ?? issuer
        http = HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: HTTPClient.Configuration(
                redirectConfiguration: .disallow, timeout: .init(connect: .seconds(3), read: .seconds(3))))
        index = RevocationIndex(staleness: staleness)
        keys = IssuerKeys(url: base + "/oauth2/jwks", http: http)
        feed = RevocationEvents(url: base + "/revocations", credentials: credentials, http: http, keys: keys, index: index, logger: logger)
    }

    /// Whether tokens can be judged now.
    public var isReady: Bool { index.isCurrent }

    /// How long ago revocations were last heard; nil: never.
    public var lag: Duration? { index.lag }

    /// Listens until it is cancelled or shut down gracefully; then it cannot be used any more.
    public func run() async throws {
        await cancelWhenGracefulShutdown { [feed] in await feed.run() }
        try await http.shutdown()
    }

    /// - Parameter token: as it came in `Authorization: Bearer`.
    /// - Throws: ``TokenRefusal``.
    public func verify(_ token: String) async throws(TokenRefusal) -> VerifiedToken {
        let claims = try await check(Array(token.utf8))
        switch index.verdict(on: RevocableToken(claims)) {
        case .stands: return VerifiedToken(claims)
        case .revoked: throw .revoked
        case .unknown: throw .unavailable
        }
    }

    private func check(_ token: [UInt8]) async throws(TokenRefusal) -> AccessTokenClaims {
        do {
            let keyID = try JWS(compact: token, maximumBytes: Self.maximumBytes).header.keyID
            let known = try await keys.containing(keyID)
            let jwt = try JWTClaims(payload: Self.jws.verify(compact: token, keys: known.keys).payload)
            try jwt.validate(
                now: Int64(Date().timeIntervalSince1970), leeway: Self.leewaySeconds, issuer: issuer, audience: audience)
            let claims = try AccessTokenCodec.claims(jwt)
            guard claims.tenant == tenant, claims.tenantID == known.tenant else { throw TokenRefusal.invalid("another tenant's") }
            return claims
        } catch let refusal as TokenRefusal {
            throw refusal
        } catch JOSEError.expired {
            throw .expired
        } catch is JOSEError, is AccessTokenError {
            throw .invalid("malformed, for another audience, or with a signature that is not the issuer's")
        } catch {
            throw .unavailable
        }
    }
}

/// Why a token is not accepted.
public enum TokenRefusal: Error, Sendable, Hashable {
    /// To be answered 401, `invalid_token`.
    case invalid(String)
    case expired
    case revoked
    /// It cannot be told now: to be answered 503 with `Retry-After`.
    case unavailable
    /// Of ``TokenVerifier/init(issuer:audience:credentials:server:staleness:logger:)`` alone.
    case misconfigured(String)
}

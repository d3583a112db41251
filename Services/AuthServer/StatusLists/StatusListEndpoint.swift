import Cryptography
import HTTPTypes
import Hummingbird
import JOSE
import JSON
import OAuth
import ServiceKit
import Synchronization
import Tenancy
import Zlib

/// `GET /t/{tenant}/statuslists/{period}-{number}`: a Token Status List (draft-ietf-oauth-status-list §5.1), one bit for a token, set for those
/// that were revoked. Public, as the draft has it: a bit says nothing to who does not have the token.
struct StatusListEndpoint: Sendable {
    static let path = "statuslists"
    /// How long who holds a list may believe it.
    static let ttlSeconds: Int64 = 15

    let requestTenant: RequestTenant
    let lists: StatusLists

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route(RouterPath("t/:tenant/\(Self.path)/:list"), [.get: list, .options: CrossOrigin.preflight])
    }

    @Sendable private func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let tenant = try await requestTenant.require(request, context)
        // §8.4: lists of earlier moments are not kept.
        guard request.uri.queryParameters["time"] == nil else {
            return OAuthErrorResponse.make("invalid_request", "there are no lists of the past", status: .notImplemented)
        }
        guard let id = StatusListID(context.parameters.get("list") ?? ""), let list = try await lists.find(id, of: tenant) else {
            return OAuthErrorResponse.make("invalid_request", "no such status list", status: .notFound)
        }
        let headers: HTTPFields = [
            .cacheControl: "public, max-age=\(Self.ttlSeconds)", .eTag: list.entityTag, .accessControlAllowOrigin: "*",
        ]
        if request.headers[.ifNoneMatch] == list.entityTag { return Response(status: .notModified, headers: headers) }
        return .json(list.jwt, headers: headers, contentType: "application/statuslist+jwt")
    }
}

/// Lists as they were last signed, kept for a moment: what everybody asks for is made once.
final class StatusLists: Sendable {
    /// A list is made anew at most so often; with `ttl`, how late a bit may be seen.
    private static let freshSeconds: Int64 = 2

    struct Signed: Sendable {
        let jwt: [UInt8]
        /// Quotes included.
        let entityTag: String
        fileprivate let madeAt: Int64
    }

    private struct Key: Hashable {
        let tenant: TenantID
        let list: StatusListID
    }

    private let store: StatusListStore
    private let keys: KeyRings
    private let issuers: Issuers
    private let clock: WallClock
    private let signed = Mutex(BoundedMap<Key, Signed>(capacity: 1000))

    init(store: StatusListStore, keys: KeyRings, issuers: Issuers, clock: WallClock) {
        self.store = store
        self.keys = keys
        self.issuers = issuers
        self.clock = clock
    }

    /// - Returns: nil where there is no such list, or all in it has expired.
    func find(_ list: StatusListID, of tenant: Tenant) async throws -> Signed? {
        let now = clock.now
        guard now < list.expiresAt, list.period <= StatusIndex.period(issuedAt: now) else { return nil }
        let key = Key(tenant: tenant.id, list: list)
        if let known = signed.withLock({ $0[key] }), known.madeAt + Self.freshSeconds > now { return known }
        guard let revoked = try await store.revoked(list, in: tenant.id, now: now) else { return nil }
        let jwt = try await keys.require(tenant.id).statusListSigner.signedBytes(payload: try payload(list, revoked, tenant, now))
        let made = Signed(jwt: jwt, entityTag: "\"" + String(Base64URL.encode(SHA256.hash(jwt)).prefix(22)) + "\"", madeAt: now)
        signed.withLock { $0[key] = made }
        return made
    }

    /// Draft §5.1: bits from the least significant of each byte on (§4.1).
    private func payload(_ list: StatusListID, _ revoked: [Range<Int64>], _ tenant: Tenant, _ now: Int64) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(StatusIndex.listCapacity / 8))
        for range in revoked {
            for index in range { bytes[Int(index / 8)] |= 1 << UInt8(index % 8) }
        }
        let issuer = issuers.issuer(of: tenant.slug)
        var json = JSONWriter(reserving: 1024)
        json.beginObject()
        json.field("iss", issuer)
        json.field("sub", list.uri(issuer))
        json.field("iat", now)
        json.field("exp", min(now + 4 * StatusListEndpoint.ttlSeconds, list.expiresAt))
        json.field("ttl", StatusListEndpoint.ttlSeconds)
        json.name("status_list")
        json.beginObject()
        json.field("bits", Int64(1))
        json.field("lst", Base64URL.encode(try Zlib.compress(bytes)))
        json.endObject()
        json.endObject()
        return json.bytes
    }
}

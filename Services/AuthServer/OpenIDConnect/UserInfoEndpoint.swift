import HTTPTypes
import Hummingbird
import JOSE
import JSON
import NIOCore
import OAuth
import ServiceKit
import Tenancy

/// `GET` and `POST /t/{tenant}/oauth2/userinfo` (OpenID Connect Core §5.3).
struct UserInfoEndpoint: Sendable {
    let requestTenant: RequestTenant
    let verifier: AccessTokenVerifier
    let clients: ClientDirectory
    let grants: AccessGrantStore
    let accounts: AccountStore
    let keys: KeyRings
    let issuers: Issuers

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route("t/:tenant/oauth2/userinfo", [.get: userInfo, .post: userInfo, .options: CrossOrigin.preflight])
    }

    @Sendable private func userInfo(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let tenant = try await requestTenant.require(request, context)
        let token = try await Self.bearerToken(request)
        guard let claims = try await verifier.verify(token, tenant: tenant) else { throw BearerTokenRefusal.invalidToken }
        guard claims.scopes.contains(.openID), let grantID = claims.grantID.flatMap({ GrantID($0) }) else {
            throw BearerTokenRefusal.insufficientScope("openid")
        }
        guard let grant = try await grants.find(grantID, in: tenant.id),
            let member = try await accounts.find(grant.accountID, in: tenant.id), !member.isDisabled,
            let client = try await clients.find(claims.clientID, in: tenant.id)
        else { throw BearerTokenRefusal.invalidToken }
        let answer = Answer(claims: claims, account: member.account, requested: RequestedClaims(grant.requestedClaims).userInfo)
        return try await respond(answer, client: client, tenant: tenant)
    }

    private struct Answer {
        let claims: AccessTokenClaims
        let account: Account
        let requested: Set<String>

        func write(to json: inout JSONWriter) {
            json.field("sub", claims.subject)
            PersonClaims(account, scopes: claims.scopes, requested: requested).write(to: &json)
        }
    }

    /// Plain JSON, or a JWT for clients registered for one (§5.3.2).
    private func respond(_ answer: Answer, client: Client, tenant: Tenant) async throws -> Response {
        var json = JSONWriter(reserving: 512)
        json.beginObject()
        guard client.userInfoSignedResponseAlgorithm != nil else {
            answer.write(to: &json)
            json.endObject()
            return .json(json.bytes, headers: Self.headers)
        }
        json.field("iss", issuers.issuer(of: tenant.slug))
        json.field("aud", client.id.rawValue)
        answer.write(to: &json)
        json.endObject()
        let jwt = try await keys.require(tenant.id).identitySigner.signedBytes(payload: json.bytes)
        return .json(jwt, headers: Self.headers, contentType: "application/jwt")
    }

    private static let headers: HTTPFields = [.cacheControl: "no-store", .accessControlAllowOrigin: "*"]

    /// RFC 6750 §2.1, and §2.2 for a POST with a form; never the query.
    private static func bearerToken(_ request: Request) async throws -> [UInt8] {
        let inHeader = try BearerTokenRefusal.token(in: request.headers)
        guard request.method == .post, TokenRequest.isForm(request.headers[.contentType]) else {
            guard let inHeader else { throw BearerTokenRefusal.missingToken }
            return inHeader
        }
        let form = try FormParameters(parsing: Array(try await TokenRequest.body(of: request).readableBytesView))
        let inBody = form["access_token"].map { Array($0.utf8) }
        guard inHeader == nil || inBody == nil else { throw BearerTokenRefusal.invalidRequest("the token is sent twice") }
        guard let token = inHeader ?? inBody else { throw BearerTokenRefusal.missingToken }
        return token
    }
}

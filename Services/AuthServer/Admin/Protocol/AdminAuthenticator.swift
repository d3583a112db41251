import FoundationEssentials
import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit
import Tenancy

/// Decides who administers: by a bearer token in the header (RFC 6750 §2.1), and what the rows of this moment say about its subject.
struct AdminAuthenticator: Sendable {
    /// The claims of a token of this tenant that is genuine, unexpired and unrevoked; nil for any other.
    typealias Verifier = @Sendable (_ token: [UInt8], _ tenant: Tenant) async throws -> AccessTokenClaims?

    let verify: Verifier
    let members: AccountStore
    let clients: ClientDirectory

    /// - Throws: ``ProblemResponse`` with the challenge of RFC 6750 §3.
    func authenticate(
        _ request: Request, _ context: ServiceContext, tenant: Tenant, route: AdminRoute
    ) async throws -> Administrator {
        let token = try Self.token(request)
        guard let claims = try await verify(token, tenant), claims.tenantID == tenant.id else {
            throw Self.challenge("invalid_token", Problem(.unauthorized, "the access token is not valid here"))
        }
        guard route.scopes.contains(where: { claims.scopes.allows($0.rawValue, on: Scope.administration) }) else {
            throw ProblemResponse(
                Problem(.insufficientScope, "the scope \(route.scope.scope) is needed"),
                headers: [
                    .wwwAuthenticate:
                        #"Bearer realm="admin", error="insufficient_scope", scope="\#(route.scope.scope)""#
                ]
            )
        }
        let origin = RequestOrigin(request, context)
        if claims.subject.utf8.elementsEqual(claims.clientID.rawValue.utf8) {
            guard let client = try await clients.find(claims.clientID, in: tenant.id), !client.isDisabled else { throw Self.gone }
            return Administrator(actor: .client(client.id.rawValue), origin: origin, authority: Authority(client))
        }
        guard let account = AccountID(claims.subject) else {
            throw ProblemResponse(
                Problem(.insufficientScope, "the token hides who its subject is: use a client whose subject_type is public"))
        }
        guard let member = try await members.find(account, in: tenant.id), !member.isDisabled else {
            throw Self.gone
        }
        return Administrator(actor: .user(account), origin: origin, authority: Authority(member.role))
    }

    private static let gone = challenge("invalid_token", Problem(.unauthorized, "the access token is not valid here"))

    private static func token(_ request: Request) throws -> [UInt8] {
        let headers = request.headers[values: .authorization]
        guard let header = headers.first else {
            throw ProblemResponse(
                Problem(.unauthorized, "an access token is needed"), headers: [.wwwAuthenticate: #"Bearer realm="admin""#])
        }
        let bytes = Array(header.utf8)
        let scheme = bytes.prefix { $0 != 0x20 }
        let token = Array(bytes.dropFirst(scheme.count).drop { $0 == 0x20 })
        guard headers.count == 1, scheme.elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 }), !token.isEmpty, token.count <= 16_384,
            !token.contains(0x20)
        else { throw challenge("invalid_request", Problem(.unauthorized, "the Authorization header is not a bearer token")) }
        return token
    }

    private static func challenge(_ error: String, _ problem: Problem) -> ProblemResponse {
        ProblemResponse(problem, headers: [.wwwAuthenticate: #"Bearer realm="admin", error="\#(error)""#])
    }
}

import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit
import Tenancy

/// Decides who may hear what has been revoked in a tenant: its resource servers, by HTTP Basic or with a token of scope `revocations:read`.
struct RevocationReader: Sendable {
    let tenants: TenantDirectory
    let clients: ClientDirectory
    let authenticator: ClientAuthenticator
    let verifier: AccessTokenVerifier

    /// - Throws: `invalid_client`, a ``BearerTokenRefusal``, or ``NotAResourceServer``.
    func admit(_ headers: HTTPFields, to tenant: TenantID) async throws -> Client {
        guard let tenant = try await tenants.find(tenant), !tenant.isDisabled else { throw TenancyError.unknownTenant }
        let client = try await authenticate(headers, tenant)
        guard client.isResourceServer, client.authenticationMethod != .none else { throw NotAResourceServer() }
        return client
    }

    private func authenticate(_ headers: HTTPFields, _ tenant: Tenant) async throws -> Client {
        if let token = try BearerTokenRefusal.token(in: headers) {
            guard let claims = try await verifier.verify(token, tenant: tenant),
                let client = try await clients.find(claims.clientID, in: tenant.id), !client.isDisabled
            else { throw BearerTokenRefusal.invalidToken }
            guard claims.scopes.allows("read", on: "revocations") else { throw BearerTokenRefusal.insufficientScope("revocations:read") }
            return client
        }
        let authorization = headers[values: .authorization]
        guard !authorization.isEmpty else { throw BasicChallenge(error: OAuthError(.invalidClient, "client authentication is missing")) }
        let credentials = try PresentedCredentials(authorization: authorization, parameters: FormParameters(parsing: []))
        return try await authenticator.authenticate(credentials, named: tenant, at: .introspection).0
    }
}

/// The client is who it says, and not one that checks tokens.
struct NotAResourceServer: Refusal {
    func response() -> Response {
        OAuthErrorResponse.make("unauthorized_client", "the client is not a resource server", status: .forbidden)
    }
}

import OAuth
import Tenancy

/// An authorization request that passed every check that needs no person.
struct AuthorizationAttempt: Sendable {
    let tenant: Tenant
    let client: Client
    let reply: AuthorizationReply
    let request: AuthorizationRequest
    /// Asked ∩ client; the person's role narrows it further.
    var scopes: ScopeSet
    /// The parameters as they were sent, form-encoded: what travels through the pages' forms.
    let parameters: String
}

/// How an authorization request fails.
enum AuthorizationFailure: Error {
    /// Nobody may be redirected: the client or its redirect URI is not what it says (RFC 6749 §4.1.2.1).
    case shown(ErrorPage.Kind, code: String, description: String, tenant: Tenant?)
    case told(AuthorizationReply, AuthorizationError, Client, Tenant)
}

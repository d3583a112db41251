import OAuth
import Tenancy

/// The answer goes where the client registered that it goes (RFC 9700 §2.1). Left out, it is the one that is registered, if it is one.
struct RedirectURIIsRegistered: Sendable {
    func find(_ parameters: FormParameters, _ client: Client, _ tenant: Tenant) throws(AuthorizationFailure) -> String {
        guard let asked = parameters["redirect_uri"] else {
            guard client.redirectURIs.count == 1, let only = client.redirectURIs.first else {
                throw .shown(.redirectURI, code: "invalid_request", description: "redirect_uri is missing", tenant: tenant)
            }
            return only.rawValue
        }
        guard client.redirectURIs.contains(where: { $0.matches(asked) }) else {
            throw .shown(
                .redirectURI, code: "invalid_request", description: "redirect_uri is not registered for this client", tenant: tenant)
        }
        return asked
    }
}

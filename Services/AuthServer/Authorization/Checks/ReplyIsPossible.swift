import OAuth
import Tenancy

/// The response mode is one of ours, and the state can be given back. A response mode that is not is told in the default way.
struct ReplyIsPossible: Sendable {
    func reply(
        _ parameters: FormParameters, redirectURI: String, issuer: String, _ client: Client, _ tenant: Tenant
    ) throws(AuthorizationFailure) -> AuthorizationReply {
        let state = parameters["state"]
        guard (state?.utf8.count ?? 0) <= AuthorizationReply.maximumStateBytes else {
            throw .shown(
                .malformedRequest, code: "invalid_request",
                description: "state is longer than \(AuthorizationReply.maximumStateBytes) bytes", tenant: tenant
            )
        }
        do {
            let mode = try ResponseMode(parameters["response_mode"])
            return AuthorizationReply(redirectURI: redirectURI, mode: mode, state: state, issuer: issuer)
        } catch {
            let reply = AuthorizationReply(redirectURI: redirectURI, mode: .query, state: state, issuer: issuer)
            throw .told(reply, error, client, tenant)
        }
    }
}

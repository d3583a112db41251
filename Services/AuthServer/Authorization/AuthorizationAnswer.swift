import Hummingbird
import OAuth

/// The answer to the client, by the browser.
enum AuthorizationAnswer {
    static func code(_ code: String, _ attempt: AuthorizationAttempt, _ visit: Visit) -> Response {
        send(attempt.reply.parameters(code: code), attempt.reply, attempt.client, visit)
    }

    static func error(_ error: AuthorizationError, _ reply: AuthorizationReply, _ client: Client, _ visit: Visit) -> Response {
        send(reply.parameters(error), reply, client, visit)
    }

    private static func send(
        _ parameters: [(name: String, value: String)], _ reply: AuthorizationReply, _ client: Client, _ visit: Visit
    ) -> Response {
        if reply.mode == .formPost,
            let page = FormPostPage(brand: visit.brand, clientName: client.name, redirectURI: reply.redirectURI, parameters: parameters)
        {
            return visit.page(page)
        }
        return visit.redirect(to: reply.location(parameters))
    }

    /// - Parameter tenant: of the client, where the path names none.
    static func failure(_ failure: AuthorizationFailure, _ visit: Visit) -> Response {
        switch failure {
        case .shown(let kind, let code, let description, let tenant):
            visit.of(tenant ?? visit.tenant).refusal(kind, code, description)
        case .told(let reply, let error, let client, let tenant):
            self.error(error, reply, client, visit.of(tenant))
        }
    }
}

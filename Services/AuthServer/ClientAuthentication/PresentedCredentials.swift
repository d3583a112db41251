import OAuth

/// How a client presented itself (RFC 6749 §2.3): exactly one way.
struct PresentedCredentials: Sendable {
    let method: ClientAuthenticationMethod
    let clientID: String
    let secret: String

    init(authorization: [String], parameters: FormParameters) throws {
        guard authorization.count <= 1 else { throw OAuthError(.invalidRequest, "the Authorization header is repeated") }
        if let header = authorization.first {
            do {
                guard let basic = try BasicCredentials(header: header) else {
                    throw OAuthError(.invalidClient, "clients authenticate with HTTP Basic or in the body")
                }
                method = .clientSecretBasic
                clientID = basic.clientID
                secret = basic.clientSecret
            } catch let error as OAuthError {
                throw BasicChallenge(error: error)
            }
            guard parameters["client_secret"] == nil else {
                throw OAuthError(.invalidRequest, "the client authenticates in two ways at once")
            }
            guard parameters["client_id"].map({ $0 == clientID }) ?? true else {
                throw OAuthError(.invalidRequest, "client_id differs from the Authorization header")
            }
            return
        }
        guard let clientID = parameters["client_id"] else {
            throw OAuthError(.invalidClient, "client authentication is missing")
        }
        self.clientID = clientID
        if let secret = parameters["client_secret"] {
            method = .clientSecretPost
            self.secret = secret
        } else {
            method = .none
            secret = ""
        }
    }

    /// The same words whether the client is unknown, disabled, another tenant's, or the secret wrong.
    var refusal: any Error {
        let error = OAuthError(.invalidClient, "client authentication failed")
        return method == .clientSecretBasic ? BasicChallenge(error: error) : error
    }
}

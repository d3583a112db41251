import JSON
import OAuth

/// How a client presented itself (RFC 6749 §2.3, RFC 7521 §4.2): exactly one way.
struct PresentedCredentials: Sendable {
    enum Proof: Sendable {
        case nothing
        /// In the `Authorization` header.
        case basic(secret: String)
        /// In the body.
        case post(secret: String)
        case assertion(ClientAssertion)

        /// What is compared with the secrets that the server knows; nil where none was sent.
        var secret: String? {
            switch self {
            case .basic(let secret), .post(let secret): secret
            case .nothing, .assertion: nil
            }
        }

        /// Whether this is how a client registered for the method proves itself.
        func suits(_ method: ClientAuthenticationMethod) -> Bool {
            switch self {
            case .nothing: method == .none
            case .basic: method == .clientSecretBasic
            case .post: method == .clientSecretPost
            case .assertion: method == .clientSecretJWT || method == .privateKeyJWT
            }
        }
    }

    /// As claimed; of an assertion the issuer, before its signature is checked.
    let clientID: String
    let proof: Proof

    init(authorization: [String], parameters: FormParameters) throws {
        guard authorization.count <= 1 else { throw OAuthError(.invalidRequest, "the Authorization header is repeated") }
        let assertion = try Self.assertion(parameters)
        if let header = authorization.first {
            let basic = try Self.basic(header)
            guard parameters["client_secret"] == nil, assertion == nil else { throw Self.twoWays }
            guard parameters["client_id"].map({ $0 == basic.clientID }) ?? true else {
                throw OAuthError(.invalidRequest, "client_id differs from the Authorization header")
            }
            clientID = basic.clientID
            proof = .basic(secret: basic.clientSecret)
        } else if let assertion {
            guard parameters["client_secret"] == nil else { throw Self.twoWays }
            guard parameters["client_id"].map({ $0.isIdenticalBytes(assertion.claimedIssuer) }) ?? true else {
                throw ClientAssertionRefused("client_id is not the assertion's issuer")
            }
            clientID = assertion.claimedIssuer
            proof = .assertion(assertion)
        } else {
            guard let clientID = parameters["client_id"] else { throw OAuthError(.invalidClient, "client authentication is missing") }
            self.clientID = clientID
            proof = parameters["client_secret"].map { .post(secret: $0) } ?? .nothing
        }
    }

    private static let twoWays = OAuthError(.invalidRequest, "the client authenticates in two ways at once")

    private static func basic(_ header: String) throws -> BasicCredentials {
        do {
            guard let basic = try BasicCredentials(header: header) else {
                throw OAuthError(.invalidClient, "clients authenticate with HTTP Basic or in the body")
            }
            return basic
        } catch let error as OAuthError {
            throw BasicChallenge(error: error)
        }
    }

    private static func assertion(_ parameters: FormParameters) throws -> ClientAssertion? {
        switch (parameters["client_assertion_type"], parameters["client_assertion"]) {
        case (nil, nil): return nil
        case (nil, _?): throw OAuthError(.invalidRequest, "client_assertion_type is missing")
        case (_?, nil): throw OAuthError(.invalidRequest, "client_assertion is missing")
        case (let type?, let text?):
            guard type.isIdenticalBytes(ClientAssertion.type) else { throw ClientAssertionRefused("the assertion's type is not supported") }
            return try ClientAssertion(text)
        }
    }

    /// The same words whether the client is unknown, disabled, another tenant's, or the secret wrong.
    var refusal: any Error {
        let error = OAuthError(.invalidClient, "client authentication failed")
        return if case .basic = proof { BasicChallenge(error: error) } else { error }
    }
}

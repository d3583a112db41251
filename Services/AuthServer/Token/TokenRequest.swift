import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import ServiceKit

/// A token request as it was sent, parsed once: what every grant shares, and the parameters for the grant to read (RFC 6749 §3.2).
struct TokenRequest: Sendable {
    static let maximumBodyBytes = 64 * 1024

    let grantType: String
    let parameters: FormParameters
    /// The client's claim to be someone, not yet checked.
    let credentials: PresentedCredentials
    /// Nil where the client did not ask: it gets what it may have.
    let scopes: ScopeSet?
    let origin: RequestOrigin

    /// - Throws: 413 for a body beyond ``maximumBodyBytes``.
    static func body(of request: Request) async throws -> ByteBuffer {
        try await request.body.collect(upTo: maximumBodyBytes)
    }

    init(_ request: Request, _ context: ServiceContext, body: ByteBuffer) throws {
        guard request.uri.query == nil else {
            throw OAuthError(.invalidRequest, "parameters belong into the body, not into the URL")
        }
        guard Self.isForm(request.headers[.contentType]) else {
            throw OAuthError(.invalidRequest, "the content type must be application/x-www-form-urlencoded")
        }
        parameters = try FormParameters(parsing: Array(body.readableBytesView))
        credentials = try PresentedCredentials(authorization: request.headers[values: .authorization], parameters: parameters)
        grantType = try parameters.require("grant_type")
        scopes = try parameters["scope"].map { text throws(OAuthError) in try ScopeSet(parsing: text) }
        origin = RequestOrigin(request, context)
    }

    static func isForm(_ contentType: String?) -> Bool {
        guard let contentType else { return false }
        let mediaType = contentType.utf8.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
        return mediaType.elementsEqual("application/x-www-form-urlencoded".utf8) { $0 | 0x20 == $1 | 0x20 }
    }
}

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

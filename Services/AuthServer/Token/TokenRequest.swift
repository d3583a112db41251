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

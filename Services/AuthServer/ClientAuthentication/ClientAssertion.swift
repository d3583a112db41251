import Hummingbird
import JOSE
import JSON
import OAuth
import ServiceKit

/// A JWT with which a client says who it is (RFC 7523 §2.2): well-formed, nothing of it checked yet.
struct ClientAssertion: Sendable {
    /// The value of `client_assertion_type`.
    static let type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    static let maximumBytes = 8192

    /// The type is not asked of a client; one that names another kind of token is refused.
    private static let verifier = JWSVerifier(expectedTypes: ["", "JWT", "client-authentication+jwt"], maximumBytes: maximumBytes)

    let header: JWSHeader
    /// Good for finding the client whose key must have signed, and nothing else.
    let claimedIssuer: String
    private let compact: [UInt8]

    /// - Throws: ``ClientAssertionRefused``; beyond ``maximumBytes`` nothing is decoded.
    init(_ text: String) throws {
        do {
            let jws = try JWS(compact: text, maximumBytes: Self.maximumBytes)
            guard let issuer = try jws.unverifiedIssuer() else { throw JOSEError.missingClaim("iss") }
            header = jws.header
            claimedIssuer = issuer
        } catch let error as JOSEError {
            throw ClientAssertionRefused("\(error)")
        }
        compact = Array(text.utf8)
    }

    /// The claims, once one of the keys has proved good.
    func claims(verifiedWith keys: [JWSVerificationKey]) throws -> JWTClaims {
        var failure = JOSEError.unknownKey(header.keyID)
        for key in keys {
            do throws(JOSEError) {
                let verified = try Self.verifier.verify(compact: compact) { (_) throws(JOSEError) in key }
                return try JWTClaims(payload: verified.payload)
            } catch {
                failure = error
            }
        }
        throw ClientAssertionRefused("\(failure)")
    }
}

/// An assertion that proves nothing: the client learns no more than of a wrong secret, the operator learns why.
struct ClientAssertionRefused: Refusal {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }

    var operatorDetail: String? { "client assertion: \(reason)" }

    func response() -> Response { OAuthError(.invalidClient, "client authentication failed").response() }
}

import HTTPTypes

/// An access token as it was sent, in the `Authorization` header only (RFC 6750 §2.1): never in the URL or a form.
struct BearerToken: Sendable {
    static let maximumBytes = 8192

    let bytes: [UInt8]

    /// - Throws: ``BearerRefusal``: no token, a malformed header, or a token too large to be one of ours.
    init(_ headers: HTTPFields) throws(BearerRefusal) {
        let values = headers[values: .authorization]
        guard let header = values.first else { throw .missingToken }
        guard values.count == 1 else { throw .invalidRequest("The Authorization header is repeated") }
        let bytes = Array(header.utf8)
        let scheme = bytes.prefix { $0 != UInt8(ascii: " ") }
        guard scheme.elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 }) else { throw .missingToken }
        let token = bytes[scheme.count...].drop { $0 == UInt8(ascii: " ") }
        guard !token.isEmpty else { throw .invalidRequest("The Authorization header is malformed") }
        guard token.count <= Self.maximumBytes else { throw .invalidToken("The token is too large") }
        self.bytes = Array(token)
    }

    /// Whether it is a b64token (RFC 6750 §2.1); one that is not has never been verified.
    var isWellFormed: Bool { bytes.allSatisfy(Self.isTokenCharacter) }

    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            || byte == 0x2d || byte == 0x2e || byte == 0x5f || byte == 0x7e || byte == 0x2b || byte == 0x2f || byte == 0x3d
    }
}

/// Why a request is not let through (RFC 6750 §3.1).
enum BearerRefusal: Error, Sendable, Equatable {
    /// No attempt at authentication: challenged without an error code.
    case missingToken
    case invalidRequest(String)
    case invalidToken(String)
    /// The token is good and does not reach so far; names the scope that would.
    case insufficientScope(String)
    /// Path, header or subdomain name another tenant than the token.
    case tenantMismatch
}

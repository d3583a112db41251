/// A token in compact serialization (RFC 7515 §7.1) whose form and header have been checked, but whose signature has not.
///
/// Nothing of the payload can be had before `payload(verifiedWith:)` has checked the signature.
public struct JWS: Sendable {
    /// Unverified: good for finding the key.
    public let header: JWSHeader

    private let compact: [UInt8]
    private let payloadRange: Range<Int>
    private let signature: [UInt8]

    public static let defaultMaximumBytes = 8192

    /// - Parameter maximumBytes: a longer token is refused before anything of it is decoded.
    /// - Throws: `.tooLarge`, `.malformed`, `.duplicateMember`, `.notAnObject`, `.critical`, and `.unsupportedAlgorithm` for `none`.
    public init(compact: [UInt8], maximumBytes: Int = defaultMaximumBytes) throws(JOSEError) {
        guard compact.count <= maximumBytes else { throw .tooLarge(maximumBytes: maximumBytes) }
        guard let first = compact.firstIndex(of: UInt8(ascii: ".")) else { throw .malformed("a compact JWS has three segments") }
        let afterFirst = compact[(first + 1)...]
        guard let second = afterFirst.firstIndex(of: UInt8(ascii: ".")),
            !compact[(second + 1)...].contains(UInt8(ascii: "."))
        else { throw .malformed("a compact JWS has three segments") }
        let headerBytes = try Base64URL.decode(compact.span.extracting(0..<first))
        header = try JWSHeader(parsing: headerBytes)
        signature = try Base64URL.decode(compact.span.extracting((second + 1)..<compact.count))
        payloadRange = (first + 1)..<second
        self.compact = compact
    }

    public init(compact: String, maximumBytes: Int = defaultMaximumBytes) throws(JOSEError) {
        guard compact.utf8.count <= maximumBytes else { throw .tooLarge(maximumBytes: maximumBytes) }
        try self.init(compact: Array(compact.utf8), maximumBytes: maximumBytes)
    }

    /// The payload, once the signature has proved good.
    ///
    /// - Throws: `.algorithmMismatch` unless the header names the key's algorithm, `.badSignature`, `.malformed` if the payload is
    ///   not base64url.
    public func payload(verifiedWith key: JWSVerificationKey) throws(JOSEError) -> [UInt8] {
        guard let named = JWSAlgorithm(exactly: header.algorithmName), named == key.algorithm else { throw .algorithmMismatch }
        guard !signature.isEmpty else { throw .badSignature }
        let input = compact.span.extracting(0..<payloadRange.upperBound)
        guard try key.isValid(signature, for: input) else { throw .badSignature }
        return try Base64URL.decode(compact.span.extracting(payloadRange))
    }

    /// The `iss` that the payload claims, before the signature is checked: good for finding whose key to check it with, and nothing else.
    ///
    /// - Throws: `.malformed`, `.duplicateMember`, `.notAnObject`.
    public func unverifiedIssuer() throws(JOSEError) -> String? {
        try JWTClaims(payload: Base64URL.decode(compact.span.extracting(payloadRange))).issuer
    }
}

internal import FoundationEssentials

/// Client credentials in the `Authorization: Basic` header (RFC 6749 §2.3.1, RFC 7617): both halves are form-encoded first.
public struct BasicCredentials: Sendable {
    public let clientID: String
    public let clientSecret: String

    /// - Parameter header: the whole field value.
    /// - Returns: nil where the scheme is another one.
    /// - Throws: `invalid_client` where it is Basic and malformed.
    public init?(header: String) throws(OAuthError) {
        let bytes = header.utf8
        let scheme = bytes.prefix { $0 != UInt8(ascii: " ") }
        guard scheme.elementsEqual("basic".utf8, by: { $0 | 0x20 == $1 }) else { return nil }
        let malformed = OAuthError(.invalidClient, "the Authorization header is malformed")
        guard bytes.count <= 4096, let encoded = String(bytes.dropFirst(scheme.count + 1)), let data = Data(base64Encoded: encoded) else {
            throw malformed
        }
        let pair = Array(data)
        guard let colon = pair.firstIndex(of: UInt8(ascii: ":")),
            let clientID = PercentCoding.decode(pair[..<colon], plusIsSpace: true),
            let clientSecret = PercentCoding.decode(pair[(colon + 1)...], plusIsSpace: true), !clientID.isEmpty
        else { throw malformed }
        self.clientID = clientID
        self.clientSecret = clientSecret
    }
}

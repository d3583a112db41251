internal import FoundationEssentials

/// Client credentials in the `Authorization: Basic` header (RFC 6749 §2.3.1, RFC 7617): both halves are form-encoded first.
public struct BasicCredentials: Sendable {
    public let clientID: String
    public let clientSecret: String

    /// - Parameter header: the whole field value.
    /// - Returns: nil where the scheme is another one.
    /// - Throws: `invalid_client` where it is Basic and malformed.
    public init?(header: String) throws(OAuthError) {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard let scheme = parts.first, scheme.lowercased() == "basic" else { return nil }
        let malformed = OAuthError(.invalidClient, "the Authorization header is malformed")
        guard parts.count == 2, parts[1].utf8.count <= 4096, let data = Data(base64Encoded: String(parts[1])),
            let colon = data.firstIndex(of: UInt8(ascii: ":"))
        else { throw malformed }
        guard let clientID = PercentCoding.decode(data[..<colon], plusIsSpace: true),
            let clientSecret = PercentCoding.decode(data[data.index(after: colon)...], plusIsSpace: true), !clientID.isEmpty
        else { throw malformed }
        self.clientID = clientID
        self.clientSecret = clientSecret
    }
}

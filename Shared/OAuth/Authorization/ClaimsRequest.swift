internal import JSON

/// The `claims` parameter (OpenID Connect Core §5.5): single claims asked for beside the scopes.
public struct ClaimsRequest: Sendable, Hashable {
    public static let maximumBytes = 4096

    /// The JSON text as it was sent.
    public let text: String
    /// The one subject that the client accepts, where it names one (OpenID Connect Core §5.5.1).
    public let subject: String?

    /// - Throws: `invalid_request` unless it is a JSON object whose members `userinfo` and `id_token` hold nothing but null and objects.
    public init(_ text: String) throws(AuthorizationError) {
        guard text.utf8.count <= Self.maximumBytes, let root = (try? JSONValue(parsing: text, maximumDepth: 6))?.objectValue else {
            throw Self.malformed
        }
        for place in ["userinfo", "id_token"] {
            guard let member = root[place], !member.isNull else { continue }
            guard let claims = member.objectValue else { throw Self.malformed }
            guard claims.members.allSatisfy({ $0.value.isNull || $0.value.objectValue != nil }) else { throw Self.malformed }
        }
        self.text = text
        subject = root["id_token"]?.objectValue?["sub"]?.objectValue?["value"]?.stringValue
    }

    private static let malformed = AuthorizationError(.invalidRequest, "claims is malformed")
}

/// What a client asks of the authorization endpoint, beyond who it is and where to answer (RFC 6749 §4.1.1, RFC 7636 §4.3,
/// OpenID Connect Core §3.1.2.1). Syntax only: what this client may have is decided elsewhere. Unknown parameters are ignored.
public struct AuthorizationRequest: Sendable {
    /// Nil where the client did not ask: it gets what it may have.
    public let scopes: ScopeSet?
    public let codeChallenge: CodeChallenge
    public let nonce: String?
    /// Whether `redirect_uri` was sent, so that the token request must name it too (RFC 6749 §4.1.3).
    public let namesRedirectURI: Bool
    public let prompts: Set<Prompt>
    /// `max_age` in seconds.
    public let maximumAge: Int64?
    public let loginHint: String?
    public let idTokenHint: String?
    public let claims: ClaimsRequest?
    /// RFC 8707 §2.
    public let resource: String?

    /// - Throws: what is wrong with the first parameter that is.
    public init(_ parameters: FormParameters) throws(AuthorizationError) {
        try Self.refuseUnsupported(parameters)
        try Self.requireCode(parameters["response_type"])
        try Self.checkLengths(parameters)
        codeChallenge = try Self.codeChallenge(parameters)
        scopes = try Self.scopes(parameters["scope"])
        nonce = parameters["nonce"]
        namesRedirectURI = parameters["redirect_uri"] != nil
        prompts = try parameters["prompt"].map { text throws(AuthorizationError) in try Prompt.parse(text) } ?? []
        maximumAge = try Self.maximumAge(parameters["max_age"])
        loginHint = parameters["login_hint"]
        idTokenHint = parameters["id_token_hint"]
        claims = try parameters["claims"].map { text throws(AuthorizationError) in try ClaimsRequest(text) }
        resource = parameters["resource"]
    }

    /// OpenID Connect Core §6: request objects are not supported, and must not be taken for absent.
    private static func refuseUnsupported(_ parameters: FormParameters) throws(AuthorizationError) {
        if parameters["request"] != nil { throw AuthorizationError(.requestNotSupported, "request objects are not supported") }
        if parameters["request_uri"] != nil { throw AuthorizationError(.requestURINotSupported, "request_uri is not supported") }
        if parameters["registration"] != nil { throw AuthorizationError(.registrationNotSupported, "registration is not supported") }
    }

    private static func requireCode(_ responseType: String?) throws(AuthorizationError) {
        guard let responseType else { throw AuthorizationError(.invalidRequest, "response_type is missing") }
        guard responseType == "code" else { throw AuthorizationError(.unsupportedResponseType, "response_type must be code") }
    }

    private static func codeChallenge(_ parameters: FormParameters) throws(AuthorizationError) -> CodeChallenge {
        guard let text = parameters["code_challenge"] else {
            throw AuthorizationError(.invalidRequest, "code_challenge is missing: PKCE is required")
        }
        // Left out, the method would be plain (RFC 7636 §4.3).
        guard parameters["code_challenge_method"] == "S256" else {
            throw AuthorizationError(.invalidRequest, "code_challenge_method must be S256")
        }
        guard let challenge = CodeChallenge(text) else { throw AuthorizationError(.invalidRequest, "code_challenge is malformed") }
        return challenge
    }

    private static func scopes(_ text: String?) throws(AuthorizationError) -> ScopeSet? {
        guard let text else { return nil }
        do {
            return try ScopeSet(parsing: text)
        } catch {
            throw AuthorizationError(.invalidScope, error.description)
        }
    }

    private static func maximumAge(_ text: String?) throws(AuthorizationError) -> Int64? {
        guard let text else { return nil }
        guard text.utf8.count <= 10, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let seconds = Int64(text) else {
            throw AuthorizationError(.invalidRequest, "max_age must be a number of seconds")
        }
        return seconds
    }

    private static let longest: [(name: String, bytes: Int)] = [
        ("scope", 2000), ("nonce", 512), ("prompt", 100), ("login_hint", 320), ("id_token_hint", 4096), ("ui_locales", 200),
        ("acr_values", 500), ("display", 20), ("resource", 2000), ("claims", ClaimsRequest.maximumBytes),
    ]

    private static func checkLengths(_ parameters: FormParameters) throws(AuthorizationError) {
        for (name, bytes) in longest where (parameters[name]?.utf8.count ?? 0) > bytes {
            throw AuthorizationError(.invalidRequest, "\(name) is too long")
        }
    }
}

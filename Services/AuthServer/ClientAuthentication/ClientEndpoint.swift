/// The endpoints at which clients authenticate, by their place under an issuer.
enum ClientEndpoint: String, Sendable {
    case token = "oauth2/token"
    case revocation = "oauth2/revoke"
    case introspection = "oauth2/introspect"
}

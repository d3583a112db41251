import JSON

/// The metadata document of RFC 8414 §2: what works here, and nothing else.
struct AuthorizationServerMetadata: Sendable {
    let issuer: String
    let tokenEndpoint: String
    /// Nil in the root document, where the client's tenant is not known yet.
    let jwksURI: String?
    let grantTypes: [String]
    let clientAuthenticationMethods: [String]
    /// What `private_key_jwt` and `client_secret_jwt` may be signed with.
    let clientAssertionAlgorithms: [String]
    /// RFC 9728 §4.
    let protectedResources: [String]

    func serialized() -> [UInt8] {
        var json = JSONWriter(reserving: 1024)
        json.beginObject()
        json.field("issuer", issuer)
        json.field("token_endpoint", tokenEndpoint)
        if let jwksURI { json.field("jwks_uri", jwksURI) }
        list("response_types_supported", [], &json)
        list("grant_types_supported", grantTypes, &json)
        list("token_endpoint_auth_methods_supported", clientAuthenticationMethods, &json)
        list("token_endpoint_auth_signing_alg_values_supported", clientAssertionAlgorithms, &json)
        list("protected_resources", protectedResources, &json)
        json.endObject()
        return json.bytes
    }

    private func list(_ name: String, _ values: [String], _ json: inout JSONWriter) {
        json.name(name)
        json.beginArray()
        for value in values { json.string(value) }
        json.endArray()
    }
}

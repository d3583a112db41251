import JSON

/// The metadata document of RFC 8414 §2: what works here, and nothing else.
struct AuthorizationServerMetadata: Sendable {
    let issuer: String
    let tokenEndpoint: String
    /// Nil in the root document, where the client's tenant is not known yet.
    let jwksURI: String?
    let grantTypes: [String]
    let clientAuthenticationMethods: [String]
    /// RFC 9728 §4.
    let protectedResources: [String]
    let authorization = AuthorizationMetadata()

    func serialized() -> [UInt8] {
        var json = JSONWriter(reserving: 1024)
        json.beginObject()
        json.field("issuer", issuer)
        json.field("token_endpoint", tokenEndpoint)
        if let jwksURI { json.field("jwks_uri", jwksURI) }
        authorization.write(issuer: issuer, hasTenant: jwksURI != nil, to: &json)
        list("grant_types_supported", grantTypes, &json)
        list("token_endpoint_auth_methods_supported", clientAuthenticationMethods, &json)
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

import JOSE
import JSON
import OAuth

/// The metadata document of RFC 8414 §2 and OpenID Connect Discovery §3: what works here, and nothing else.
struct AuthorizationServerMetadata: Sendable {
    let issuer: String
    /// False in the root document, where the client's tenant is not known yet: what needs the tenant's own keys and people is left out.
    let isTenants: Bool
    let grantTypes: [GrantType]
    /// What the tenant's keys sign ID tokens with.
    let signingAlgorithms: [JWSAlgorithm]
    /// RFC 9728 §4.
    let protectedResources: [String]

    func serialized() -> [UInt8] {
        var json = JSONWriter(reserving: 4096)
        json.beginObject()
        json.field("issuer", issuer)
        writeEndpoints(&json)
        writeAuthorization(&json)
        writeClientAuthentication(&json)
        if isTenants { writeOpenIDConnect(&json) }
        json.field("protected_resources", protectedResources)
        json.endObject()
        return json.bytes
    }

    private func writeEndpoints(_ json: inout JSONWriter) {
        json.field("authorization_endpoint", "\(issuer)/oauth2/authorize")
        json.field("token_endpoint", "\(issuer)/oauth2/token")
        json.field("revocation_endpoint", "\(issuer)/oauth2/revoke")
        json.field("introspection_endpoint", "\(issuer)/oauth2/introspect")
        guard isTenants else { return }
        json.field("jwks_uri", "\(issuer)/oauth2/jwks")
        json.field("userinfo_endpoint", "\(issuer)/oauth2/userinfo")
        json.field("end_session_endpoint", "\(issuer)/oauth2/logout")
        // This server's own extension: server-sent events of revocations, for resource servers.
        json.field("revocation_events_endpoint", "\(issuer)/\(RevocationFeedEndpoint.path)")
    }

    private func writeAuthorization(_ json: inout JSONWriter) {
        json.field("scopes_supported", ScopeSet.identity.scopes.map(\.rawValue))
        json.field("response_types_supported", ["code"])
        json.field("response_modes_supported", ["query", "form_post"])
        json.field("grant_types_supported", grantTypes.map(\.rawValue))
        json.field("code_challenge_methods_supported", ["S256"])
        json.field("authorization_response_iss_parameter_supported", true)
        json.field("prompt_values_supported", ["none", "login", "consent", "select_account"])
        json.field("ui_locales_supported", ["en"])
        json.field("request_parameter_supported", false)
        json.field("request_uri_parameter_supported", false)
    }

    private func writeClientAuthentication(_ json: inout JSONWriter) {
        let secretOrKey = ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"]
        let algorithms = JWSAlgorithm.clientAssertion.map(\.rawValue)
        json.field("token_endpoint_auth_methods_supported", secretOrKey + ["none"])
        json.field("token_endpoint_auth_signing_alg_values_supported", algorithms)
        json.field("revocation_endpoint_auth_methods_supported", secretOrKey + ["none"])
        json.field("revocation_endpoint_auth_signing_alg_values_supported", algorithms)
        json.field("introspection_endpoint_auth_methods_supported", secretOrKey)
        json.field("introspection_endpoint_auth_signing_alg_values_supported", algorithms)
    }

    private func writeOpenIDConnect(_ json: inout JSONWriter) {
        let algorithms = signingAlgorithms.map(\.rawValue)
        json.field("subject_types_supported", ["public", "pairwise"])
        json.field("id_token_signing_alg_values_supported", algorithms)
        json.field("userinfo_signing_alg_values_supported", algorithms)
        json.field("introspection_signing_alg_values_supported", algorithms)
        json.field("acr_values_supported", AuthenticationContext.allCases.map(\.rawValue))
        json.field("claim_types_supported", ["normal"])
        json.field("claims_parameter_supported", true)
        json.field("claims_supported", Self.claims)
    }

    private static let claims =
        ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "sid", "tenant", "org_id"]
        + PersonClaims.profile.union(PersonClaims.email).sorted()
}

import JSON
import OAuth

/// What discovery says of the authorization endpoint and sign-out (RFC 8414 §2, OpenID Connect Discovery §3, RFC 9207 §3,
/// OpenID Connect RP-Initiated Logout §2.1).
struct AuthorizationMetadata: Sendable {
    func write(issuer: String, hasTenant: Bool, to json: inout JSONWriter) {
        json.field("authorization_endpoint", "\(issuer)/oauth2/authorize")
        if hasTenant { json.field("end_session_endpoint", "\(issuer)/oauth2/logout") }
        list("response_types_supported", ["code"], &json)
        list("response_modes_supported", ResponseMode.allCases.map(\.rawValue), &json)
        list("code_challenge_methods_supported", ["S256"], &json)
        list("prompt_values_supported", Prompt.allCases.map(\.rawValue), &json)
        list("ui_locales_supported", [Texts.language], &json)
        json.field("authorization_response_iss_parameter_supported", true)
        json.field("claims_parameter_supported", true)
        json.field("request_parameter_supported", false)
        json.field("request_uri_parameter_supported", false)
    }

    private func list(_ name: String, _ values: [String], _ json: inout JSONWriter) {
        json.name(name)
        json.beginArray()
        for value in values { json.string(value) }
        json.endArray()
    }
}

import JSON
import OAuth

/// What discovery says of the authorization endpoint and sign-out (RFC 8414 §2, OpenID Connect Discovery §3, RFC 9207 §3,
/// OpenID Connect RP-Initiated Logout §2.1).
struct AuthorizationMetadata: Sendable {
    /// - Parameter hasTenant: false for the root document: whose session ends is not known there.
    func write(issuer: String, hasTenant: Bool, to json: inout JSONWriter) {
        json.field("authorization_endpoint", "\(issuer)/oauth2/authorize")
        if hasTenant { json.field("end_session_endpoint", "\(issuer)/oauth2/logout") }
        json.field("response_types_supported", ["code"])
        json.field("response_modes_supported", ResponseMode.allCases.map(\.rawValue))
        json.field("code_challenge_methods_supported", ["S256"])
        json.field("prompt_values_supported", Prompt.allCases.map(\.rawValue))
        json.field("ui_locales_supported", [Texts.language])
        json.field("authorization_response_iss_parameter_supported", true)
        json.field("claims_parameter_supported", true)
        json.field("request_parameter_supported", false)
        json.field("request_uri_parameter_supported", false)
    }
}

import JSON
import OAuth
import Tenancy

extension AccessTokenClaims {
    /// The answer about a token that is active, as JSON (RFC 7662 §2.2).
    var introspection: [UInt8] {
        var json = JSONWriter(reserving: 768)
        json.beginObject()
        json.field("active", true)
        json.field("token_type", "Bearer")
        json.field("iss", issuer)
        json.field("sub", subject)
        json.field("aud", audience)
        json.field("client_id", clientID.rawValue)
        json.field("scope", scopes.description)
        json.field("iat", issuedAt)
        json.field("nbf", issuedAt)
        json.field("exp", expiresAt)
        json.field("jti", tokenID)
        json.field("tenant", tenant.rawValue)
        json.field("org_id", tenantID.description)
        json.field("roles", roles)
        json.field("sid", ifPresent: sessionID)
        json.field("grant_id", ifPresent: grantID)
        json.endObject()
        return json.bytes
    }
}

public import JOSE
internal import JSON
internal import Tenancy

/// Writes and reads JWT access tokens (RFC 9068).
public enum AccessTokenCodec {
    /// The `typ` header (RFC 9068 §2.1).
    public static let type = "at+jwt"

    /// The JSON payload to be signed.
    public static func payload(_ claims: AccessTokenClaims) -> [UInt8] {
        Template(claims).payload(issuedAt: claims.issuedAt, expiresAt: claims.expiresAt, tokenID: claims.tokenID)
    }

    /// Where a list says whether the token was revoked (draft-ietf-oauth-status-list §6.1).
    public struct Status: Sendable, Hashable {
        public let uri: String
        public let index: Int64

        public init(uri: String, index: Int64) {
            self.uri = uri
            self.index = index
        }

        fileprivate func write(to json: inout JSONWriter) {
            json.name("status")
            json.beginObject()
            json.name("status_list")
            json.beginObject()
            json.field("idx", index)
            json.field("uri", uri)
            json.endObject()
            json.endObject()
        }
    }

    /// The claims that all tokens of one decision share, written once.
    public struct Template: Sendable {
        private let shared: JSONWriter

        /// - Parameter claims: time and `jti` are not looked at.
        public init(_ claims: AccessTokenClaims) {
            var json = JSONWriter(reserving: 512)
            json.beginObject()
            json.field("iss", claims.issuer)
            json.field("sub", claims.subject)
            json.field("aud", claims.audience)
            json.field("client_id", claims.clientID.rawValue)
            json.field("scope", claims.scopes.description)
            json.field("tenant", claims.tenant.rawValue)
            json.field("org_id", claims.tenantID.description)
            json.field("roles", claims.roles)
            json.field("sid", ifPresent: claims.sessionID)
            json.field("grant_id", ifPresent: claims.grantID)
            shared = json
        }

        /// The payload of one token; `iat` and `nbf` are `issuedAt`, in seconds since 1970.
        public func payload(issuedAt: Int64, expiresAt: Int64, tokenID: String, status: Status? = nil) -> [UInt8] {
            var json = shared
            json.field("exp", expiresAt)
            json.field("iat", issuedAt)
            json.field("nbf", issuedAt)
            json.field("jti", tokenID)
            if let status { status.write(to: &json) }
            json.endObject()
            return json.bytes
        }
    }

    /// Reads the claims of a token whose signature has been verified.
    ///
    /// - Throws: ``AccessTokenError/malformed(_:)`` naming the claim that is missing or of the wrong type.
    public static func claims(_ jwt: JWTClaims) throws(AccessTokenError) -> AccessTokenClaims {
        func text(_ name: String) throws(AccessTokenError) -> String {
            guard let value = jwt[name]?.stringValue else { throw .malformed(claim: name) }
            return value
        }
        guard let issuer = jwt.issuer else { throw .malformed(claim: "iss") }
        guard let subject = jwt.subject else { throw .malformed(claim: "sub") }
        guard let expiresAt = jwt.expiresAt else { throw .malformed(claim: "exp") }
        guard let issuedAt = jwt.issuedAt else { throw .malformed(claim: "iat") }
        guard let tokenID = jwt.tokenID else { throw .malformed(claim: "jti") }
        guard let audience = jwt.audience.first else { throw .malformed(claim: "aud") }
        guard let clientID = ClientID(try text("client_id")) else { throw .malformed(claim: "client_id") }
        guard let tenant = try? TenantSlug(try text("tenant")) else { throw .malformed(claim: "tenant") }
        guard let tenantID = TenantID(try text("org_id")) else { throw .malformed(claim: "org_id") }
        guard let scopes = try? ScopeSet(parsing: jwt["scope"]?.stringValue ?? "") else { throw .malformed(claim: "scope") }
        let roles = jwt["roles"]?.arrayValue?.compactMap(\.stringValue) ?? []
        return AccessTokenClaims(
            issuer: issuer, subject: subject, audience: audience, issuedAt: issuedAt, expiresAt: expiresAt, tokenID: tokenID,
            clientID: clientID, scopes: scopes, tenant: tenant, tenantID: tenantID, roles: roles, sessionID: jwt["sid"]?.stringValue,
            grantID: jwt["grant_id"]?.stringValue
        )
    }
}

public enum AccessTokenError: Error, Sendable {
    case malformed(claim: String)
}

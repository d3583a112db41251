import FoundationEssentials
import OAuth
import Tenancy

/// A registered client, with what is needed to decide a token request without the database.
struct Client: Sendable, Hashable {
    struct Secret: Sendable, Hashable {
        /// SHA-256, 32 bytes.
        let hash: [UInt8]
        /// Seconds since 1970; nil: until it is rotated.
        let expiresAt: Int64?
    }

    var id: ClientID
    var tenantID: TenantID
    var name: String
    var grantTypes: Set<GrantType>
    var authenticationMethod: ClientAuthenticationMethod
    var redirectURIs: [RedirectURI]
    /// A JWK Set as JSON text, or where to fetch it (RFC 7591 §2); never both.
    var jwks: String?
    var jwksURI: String?
    var scopes: ScopeSet
    /// The role of a client that acts for itself: bounds its scopes and fills the `roles` claim.
    var role: Role?
    var accessTokenLifetimeSeconds: Int
    var refreshTokenLifetimeSeconds: Int
    var isDisabled: Bool
    var secrets: [Secret]
}

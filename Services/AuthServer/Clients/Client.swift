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
        /// The secret itself under the master key, for `client_secret_jwt` only.
        var sealedSecret: [UInt8]?
    }

    /// OpenID Connect Core §8.
    enum SubjectType: String, Sendable {
        case `public`
        case pairwise
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
    /// The absolute life of a grant.
    var refreshTokenLifetimeSeconds: Int
    /// How long a refresh token is good when it is not used.
    var refreshTokenIdleSeconds = 1_296_000
    /// A first-party client asks nobody for consent.
    var isFirstParty = false
    /// Whether it may introspect its tenant's tokens.
    var isResourceServer = false
    var postLogoutRedirectURIs: [RedirectURI] = []
    var subjectType = SubjectType.public
    /// The host that pairwise subjects are made for; nil: that of the redirect URIs (OpenID Connect Core §8.1).
    var sectorIdentifier: String?
    /// Nil: UserInfo answers in plain JSON.
    var userInfoSignedResponseAlgorithm: String?
    var isDisabled: Bool
    var secrets: [Secret]

    /// Whether it has the secret that its authentication method needs; true where that needs none.
    var hasUsableSecret: Bool {
        switch authenticationMethod {
        case .clientSecretBasic, .clientSecretPost: !secrets.isEmpty
        case .clientSecretJWT: secrets.contains { $0.sealedSecret != nil }
        case .privateKeyJWT, .none: true
        }
    }
}

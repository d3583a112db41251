import OAuth
import Postgres
import Revocation
import Tenancy

/// Who is asking: the claims of a verified token, and the settings that carry them into every transaction.
final class Caller: Sendable {
    static let roleSettingName = "sallyport.role"

    let claims: AccessTokenClaims
    let settings: TransactionSettings
    let revocable: RevocableToken
    /// When the signature was checked, in seconds since 1970.
    let verifiedAt: Int64

    init(_ claims: AccessTokenClaims, verifiedAt: Int64) {
        self.claims = claims
        revocable = RevocableToken(claims)
        self.verifiedAt = verifiedAt
        var settings = TransactionSettings.tenant(claims.tenantID.rawValue)
        settings.settings += [
            (name: "sallyport.subject", value: claims.subject),
            (name: Self.roleSettingName, value: claims.roles.first ?? ""),
            (name: "sallyport.scopes", value: claims.scopes.description),
            (name: "sallyport.client_id", value: claims.clientID.rawValue),
        ]
        self.settings = settings
    }
}

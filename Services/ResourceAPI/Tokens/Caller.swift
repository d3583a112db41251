import OAuth
import Postgres
import Tenancy

/// Who is asking: the claims of a verified token, and the settings that carry them into every transaction.
final class Caller: Sendable {
    let claims: AccessTokenClaims
    let settings: TransactionSettings

    init(_ claims: AccessTokenClaims) {
        self.claims = claims
        var settings = TransactionSettings.tenant(claims.tenantID.rawValue)
        settings.settings += [
            (name: "sallyport.subject", value: claims.subject),
            (name: "sallyport.role", value: claims.roles.first ?? ""),
            (name: "sallyport.scopes", value: claims.scopes.description),
        ]
        self.settings = settings
    }
}

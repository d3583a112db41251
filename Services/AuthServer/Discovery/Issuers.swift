import Tenancy

/// The issuer identifiers of this deployment: strings that never change, compared byte for byte (RFC 8414 §2).
struct Issuers: Sendable {
    /// Without a slash at its end.
    let baseURL: String

    func issuer(of tenant: TenantSlug) -> String { "\(baseURL)/t/\(tenant)" }
}

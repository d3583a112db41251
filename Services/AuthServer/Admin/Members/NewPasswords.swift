import Passwords
import Tenancy

/// Passwords that administrators choose for others: the same policy as for those that people choose, hashed like them.
struct NewPasswords: Sendable {
    let hasher: PasswordHasher

    /// - Returns: the hash as it is stored.
    /// - Throws: ``Problem/Kind/passwordPolicy``, ``Problem/Kind/busy``.
    func prepare(_ password: String, email: String, tenant: Tenant) async throws -> String {
        do {
            let policy = try PasswordPolicy(minimumLength: tenant.settings.passwordMinimumLength)
            let context = PasswordPolicy.Context(email: email, tenantNames: [tenant.slug.rawValue, tenant.name])
            if let weakness = try await policy.weakness(of: password, in: context) {
                throw Problem(.passwordPolicy, weakness.description, pointer: "/password")
            }
            return try await hasher.hash(password).text
        } catch is PasswordHasher.Busy {
            throw Problem(.busy, "too many passwords are being hashed at the moment")
        }
    }
}

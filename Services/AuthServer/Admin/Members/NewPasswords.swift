import Passwords
import Tenancy

/// Passwords that administrators choose for others: the same policy as for those that people choose, hashed like them.
struct NewPasswords: Sendable {
    let passwords: NewPassword

    /// - Returns: the hash as it is stored.
    /// - Throws: ``Problem/Kind/passwordPolicy``, ``Problem/Kind/busy``.
    func prepare(_ password: String, email: String, tenant: Tenant) async throws -> String {
        do {
            if let weakness = try await passwords.weakness(of: password, email: email, tenants: [tenant]) {
                throw Problem(.passwordPolicy, weakness.description, pointer: "/password")
            }
            return try await passwords.hash(password).text
        } catch is PasswordHasher.Busy {
            throw Problem(.busy, "too many passwords are being hashed at the moment")
        }
    }
}

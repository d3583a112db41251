import Postgres

/// Why something that was asked of the administration is not done. The REST API answers it as problem details, commands print it.
struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
    enum Kind: String, Sendable, CaseIterable {
        case malformed
        case unauthorized
        case insufficientScope = "insufficient-scope"
        /// More rank or permissions than one's own would be needed.
        case beyondAuthority = "beyond-authority"
        /// The account is a member of several tenants, or its own: no tenant may change it.
        case accountNotManaged = "account-not-managed"
        case notFound = "not-found"
        case methodNotAllowed = "method-not-allowed"
        case conflict
        case emailTaken = "email-taken"
        case lastOwner = "last-owner"
        case roleInUse = "role-in-use"
        case builtInRole = "built-in-role"
        case changedMeanwhile = "changed-meanwhile"
        case tooLarge = "too-large"
        case unsupportedMediaType = "unsupported-media-type"
        case passwordPolicy = "password-policy"
        case busy
        case failure
    }

    let kind: Kind
    let description: String
    /// The member of the body that is at fault, as a JSON pointer (RFC 6901).
    let pointer: String?

    init(_ kind: Kind, _ description: String, pointer: String? = nil) {
        self.kind = kind
        self.description = description
        self.pointer = pointer
    }

    static func notFound(_ what: String, _ id: String) -> Problem {
        Problem(.notFound, "there is no \(what) ‘\(id.prefix(100))’ here")
    }
}

extension Problem {
    /// What the database refuses on its own account, in the words of the one who asked. Nil: not the asker's doing.
    init?(_ error: PostgresError) {
        guard case .server(let refusal) = error else { return nil }
        switch (refusal.sqlState.rawValue, refusal.constraint ?? "") {
        case ("SP001", _): self.init(.lastOwner, "a tenant keeps at least one owner who is not disabled")
        case ("23505", "account_email"): self.init(.emailTaken, "there is an account with this address; invite it instead")
        case ("23505", "client_directory_pkey"), ("23505", "client_pkey"): self.init(.conflict, "the client_id is taken")
        case ("23505", "role_pkey"): self.init(.conflict, "there is a role of this name")
        case ("23505", "tenant_slug_key"): self.init(.conflict, "there is a tenant of this name")
        case ("23505", _): self.init(.conflict, "it exists already")
        case ("23503", _) where refusal.table == "role" || refusal.constraint?.contains("role_name") == true:
            self.init(.roleInUse, "the role is in use, or does not exist")
        case ("23503", _): self.init(.conflict, "something else depends on it, or what it names does not exist")
        case ("23514", let constraint): self.init(.malformed, "a value is not acceptable (\(constraint))")
        case ("40001", _), ("40P01", _): self.init(.conflict, "somebody else changed the same thing at this moment; try again")
        default: return nil
        }
    }
}

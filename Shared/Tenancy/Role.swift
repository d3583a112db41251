/// A named set of permissions within a tenant. `rank` orders roles: nobody grants one above their own.
public struct Role: Sendable, Hashable {
    public let name: String
    public let rank: Int
    /// Scope patterns, such as `customers:read` or `*:read`. Administration is never part of a wildcard: `admin:*`, `admin:read`.
    public let permissions: [String]
    public let isBuiltIn: Bool

    public init(name: String, rank: Int, permissions: [String], isBuiltIn: Bool) {
        self.name = name
        self.rank = rank
        self.permissions = permissions
        self.isBuiltIn = isBuiltIn
    }

    /// What every new tenant begins with.
    public static let builtIn: [Role] = [
        Role(name: "owner", rank: 100, permissions: ["*:*", "admin:*"], isBuiltIn: true),
        Role(name: "admin", rank: 80, permissions: ["*:*", "admin:*"], isBuiltIn: true),
        Role(name: "manager", rank: 60, permissions: ["*:read", "*:write", "*:delete"], isBuiltIn: true),
        Role(name: "user", rank: 40, permissions: ["*:read", "*:write"], isBuiltIn: true),
        Role(name: "readonly", rank: 20, permissions: ["*:read"], isBuiltIn: true),
    ]
}

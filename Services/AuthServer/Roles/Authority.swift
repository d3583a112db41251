import JSON
import OAuth
import Tenancy

/// How far somebody may go who administers a tenant: nobody gives, takes or touches what is beyond their own role.
struct Authority: Sendable, Hashable {
    let rank: Int
    let permissions: ScopeSet

    /// The command line, and the server itself.
    static let unlimited = Authority(rank: .max, permissions: ScopeSet(["*:*", "admin:*"].compactMap { try? Scope($0) }))

    init(rank: Int, permissions: ScopeSet) {
        self.rank = rank
        self.permissions = permissions
    }

    init(_ role: Role) {
        rank = role.rank
        permissions = role.scopes
    }

    /// A client that acts for itself: as far as its role. Without one it ranks below everybody, and reaches as far as its own scopes.
    init(_ client: Client) {
        rank = client.role?.rank ?? 0
        permissions = client.role?.scopes ?? client.scopes
    }

    /// Whether a role may be given, taken, made or changed, and its holders touched.
    func covers(_ role: Role) -> Bool {
        rank >= role.rank && rank > 0 && covers(role.scopes)
    }

    /// Whether a client may be made or changed: who holds its secret, or its redirect URIs, can do whatever it can.
    func covers(_ client: Client) -> Bool {
        (client.role.map(covers) ?? true) && covers(client.scopes)
    }

    /// Scopes about the person are nobody's to withhold, and those without a colon are no permissions of a role: who may do
    /// everything may give them.
    func covers(_ scopes: ScopeSet) -> Bool {
        scopes.scopes.allSatisfy { scope in
            permissions.scopes.contains { $0.intersection(scope) == scope }
                || ScopeSet.identity.contains(scope)
                || !scope.rawValue.utf8.contains(UInt8(ascii: ":")) && permissions.allows("*", on: "*")
        }
    }
}

extension Role {
    /// Permissions that are no scopes give nothing.
    var scopes: ScopeSet { ScopeSet(permissions.compactMap { try? Scope($0) }) }
}

/// Somebody at work on a tenant: who it is for the audit log, from where, and how far it may go.
struct Administrator: Sendable {
    let actor: Actor
    let origin: RequestOrigin
    let authority: Authority

    /// The command line on the server's own machine.
    static let `operator` = Administrator(actor: .operator, origin: .commandLine, authority: .unlimited)

    static let system = Administrator(actor: .system, origin: .commandLine, authority: .unlimited)

    func event(
        _ action: String, on targetKind: String, _ targetID: String, _ details: [(name: String, value: JSONValue)] = []
    ) -> AuditEvent {
        AuditEvent(action, by: actor, on: targetKind, targetID, from: origin, details)
    }

    /// - Throws: ``Problem`` unless the role is within reach.
    func require(_ role: Role) throws(Problem) {
        guard authority.covers(role) else {
            throw Problem(.beyondAuthority, "the role ‘\(role.name)’ has a higher rank or more permissions than yours")
        }
    }

    func require(_ client: Client) throws(Problem) {
        guard authority.covers(client) else {
            throw Problem(.beyondAuthority, "the client ‘\(client.id)’ has a role or scopes beyond yours")
        }
    }
}

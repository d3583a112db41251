import FoundationEssentials
import JSON
import OAuth
import Tenancy

/// What a person is in the middle of: everything that must be known when the next form arrives. It travels through the forms, sealed,
/// so that no server has to remember it.
struct Interaction: Sendable {
    enum Purpose: Sendable, Hashable {
        /// An authorization request, as the parameters that were sent.
        case authorization(parameters: String)
        /// Signing in for the sake of this server's own pages.
        case signIn
        /// Becoming a member of the tenant; the invitation's token is in a cookie.
        case invitation
        case signOut(SignOutWish)
    }

    /// What signed in, or half of it.
    struct Proof: Sendable, Hashable {
        let account: AccountID
        /// `amr` so far (RFC 8176).
        let methods: [String]
        /// Seconds since 1970.
        let provedAt: Int64

        static let lifetimeSeconds: Int64 = 600
    }

    /// What the consent page showed.
    struct Shown: Sendable, Hashable {
        let account: AccountID
        let scopes: ScopeSet
    }

    static let lifetimeSeconds: Int64 = 3600

    let purpose: Purpose
    /// Nil on the platform's own pages.
    let tenant: TenantID?
    /// Seconds since 1970.
    let expiresAt: Int64
    /// The browser session that began in the course of this: what `prompt=login` and `max_age` asked for has been done.
    var session: UUID?
    /// The account that was chosen among those signed in.
    var chosen: AccountID?
    /// The first factor is proved, and something more is needed.
    var proof: Proof?
    var shown: Shown?

    /// Whether the person must be a member of the tenant already.
    var isForMembers: Bool { purpose != .invitation }

    init(_ purpose: Purpose, tenant: TenantID?, now: Int64) {
        self.purpose = purpose
        self.tenant = tenant
        expiresAt = now + Self.lifetimeSeconds
    }
}

/// What ``Interaction/Purpose/signOut(_:)`` was asked with.
struct SignOutWish: Sendable, Hashable {
    let clientID: ClientID?
    /// Registered for the client.
    let redirectURI: String?
    let state: String?
}

extension Interaction {
    func serialized() -> [UInt8] {
        var members: [(String, JSONValue)] = [("expires", .integer(expiresAt))]
        switch purpose {
        case .authorization(let parameters): members.append(("authorize", .string(parameters)))
        case .signIn: break
        case .invitation: members.append(("invitation", .bool(true)))
        case .signOut(let wish):
            members.append(
                (
                    "sign_out",
                    .array([wish.clientID?.rawValue, wish.redirectURI, wish.state].map { $0.map { .string($0) } ?? .null })
                ))
        }
        if let tenant { members.append(("tenant", .string(tenant.description))) }
        if let session { members.append(("session", .string(session.uuidString))) }
        if let chosen { members.append(("chosen", .string(chosen.description))) }
        if let proof {
            let methods = proof.methods.map { JSONValue.string($0) }
            members.append(("proof", .array([.string(proof.account.description), .integer(proof.provedAt), .array(methods)])))
        }
        if let shown {
            members.append(("shown", .array([.string(shown.account.description), .string(shown.scopes.description)])))
        }
        return JSONValue.object(JSONObject(members)).serialized()
    }

    /// - Returns: nil for what an older or newer server wrote differently.
    init?(parsing bytes: [UInt8]) {
        guard let root = (try? JSONValue(parsing: bytes))?.objectValue, let expiresAt = root["expires"]?.intValue else { return nil }
        self.expiresAt = expiresAt
        if let parameters = root["authorize"]?.stringValue {
            purpose = .authorization(parameters: parameters)
        } else if let wish = root["sign_out"]?.arrayValue, wish.count == 3 {
            purpose = .signOut(
                SignOutWish(
                    clientID: wish[0].stringValue.flatMap { ClientID($0) }, redirectURI: wish[1].stringValue, state: wish[2].stringValue))
        } else if root["invitation"] != nil {
            purpose = .invitation
        } else {
            purpose = .signIn
        }
        tenant = root["tenant"]?.stringValue.flatMap { TenantID($0) }
        session = root["session"]?.stringValue.flatMap { UUID(uuidString: $0) }
        chosen = root["chosen"]?.stringValue.flatMap { AccountID($0) }
        if let proof = root["proof"]?.arrayValue, proof.count == 3, let account = proof[0].stringValue.flatMap({ AccountID($0) }),
            let provedAt = proof[1].intValue
        {
            self.proof = Proof(account: account, methods: (proof[2].arrayValue ?? []).compactMap(\.stringValue), provedAt: provedAt)
        }
        if let shown = root["shown"]?.arrayValue, shown.count == 2, let account = shown[0].stringValue.flatMap({ AccountID($0) }),
            let scopes = shown[1].stringValue.flatMap({ try? ScopeSet(parsing: $0) })
        {
            self.shown = Shown(account: account, scopes: scopes)
        }
    }
}

import FoundationEssentials
import JOSE
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
        /// The account's password when it was proved: with another one the proof is worth nothing.
        var password: PasswordMark
        /// When the first factor was proved, in seconds since 1970; nothing that follows renews it.
        let provedAt: Int64
        /// `amr` so far (RFC 8176).
        var methods: [String]
        /// The session that stands for the first factor, where none was proved anew: it must live, and its age stays.
        var session: UUID?
        /// What the enrolment page shows. It is stored once a code of it was confirmed.
        var proposedSecret: [UInt8]?

        static let lifetimeSeconds: Int64 = 600

        init(_ account: Account, methods: [String], now: Int64, session: UUID? = nil) {
            self.account = account.id
            password = account.passwordMark
            provedAt = now
            self.methods = methods
            self.session = session
        }

        func adding(_ methods: [String]) -> Proof {
            var proof = self
            proof.methods += methods
            proof.proposedSecret = nil
            return proof
        }
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
        if let proof { members.append(("proof", proof.json)) }
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
        proof = root["proof"]?.objectValue.flatMap { Proof($0) }
        if let shown = root["shown"]?.arrayValue, shown.count == 2, let account = shown[0].stringValue.flatMap({ AccountID($0) }),
            let scopes = shown[1].stringValue.flatMap({ try? ScopeSet(parsing: $0) })
        {
            self.shown = Shown(account: account, scopes: scopes)
        }
    }
}

extension Interaction.Proof {
    fileprivate var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("account", .string(account.description)), ("at", .integer(provedAt)), ("methods", .array(methods.map { .string($0) })),
        ]
        if let hash = password.hash { members.append(("password", .string(Base64URL.encode(hash)))) }
        if let session { members.append(("session", .string(session.uuidString))) }
        if let proposedSecret { members.append(("secret", .string(Base64URL.encode(proposedSecret)))) }
        return .object(JSONObject(members))
    }

    fileprivate init?(_ json: JSONObject) {
        guard let account = json["account"]?.stringValue.flatMap({ AccountID($0) }), let provedAt = json["at"]?.intValue else { return nil }
        func bytes(_ name: String) -> [UInt8]? { json[name]?.stringValue.flatMap { try? Base64URL.decode($0) } }
        self.account = account
        self.provedAt = provedAt
        password = PasswordMark(hash: bytes("password"))
        methods = (json["methods"]?.arrayValue ?? []).compactMap(\.stringValue)
        session = json["session"]?.stringValue.flatMap { UUID(uuidString: $0) }
        proposedSecret = bytes("secret")
    }
}

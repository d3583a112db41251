import JSON
import Postgres
import Tenancy

/// Who did something.
enum Actor: Sendable, Hashable {
    case user(AccountID)
    case client(String)
    /// The command line, on the machine that holds the database's credentials.
    case `operator`
    /// The server by itself, such as a rotation by age.
    case system
    /// Nobody who is known, such as a failed sign-in.
    case anonymous

    var kind: String {
        switch self {
        case .user: "user"
        case .client: "client"
        case .operator: "operator"
        case .system: "system"
        case .anonymous: "anonymous"
        }
    }

    var identifier: String {
        switch self {
        case .user(let account): account.description
        case .client(let id): id
        case .operator, .system, .anonymous: ""
        }
    }
}

/// One line of a tenant's audit log. Number, time and hashes are the database's to give.
struct AuditEvent: Sendable {
    let actor: Actor
    /// `noun.verb`, such as `user.signed_in`.
    let action: String
    /// `user`, `client`, `role`, `session`, `grant`, `token`, `key`, `tenant`, `invitation`.
    let targetKind: String
    let targetID: String
    let origin: RequestOrigin
    /// Never a secret, a token or a password.
    let details: [(name: String, value: JSONValue)]

    init(
        _ action: String, by actor: Actor, on targetKind: String, _ targetID: String, from origin: RequestOrigin,
        _ details: [(name: String, value: JSONValue)] = []
    ) {
        self.action = action
        self.actor = actor
        self.targetKind = targetKind
        self.targetID = targetID
        self.origin = origin
        self.details = details
    }

    /// To be run in the transaction of what it records.
    func insertion(in tenant: TenantID) -> SQL {
        """
        INSERT INTO auth.audit_event (tenant_id, actor_kind, actor_id, action, target_kind, target_id, address, user_agent, request_id, details)
        VALUES (\(tenant.rawValue), \(actor.kind), \(actor.identifier), \(action), \(targetKind), \(String(targetID.prefix(300))),
                \(origin.address), \(origin.userAgent), \(origin.requestID), \(serializedDetails))
        """
    }

    private var serializedDetails: String {
        let bytes = JSONValue.object(JSONObject(details.map { ($0.name, $0.value) })).serialized()
        // The column holds so much; what is larger says nothing rather than something broken.
        return bytes.count <= 8192 ? String(decoding: bytes, as: UTF8.self) : #"{"truncated":true}"#
    }
}

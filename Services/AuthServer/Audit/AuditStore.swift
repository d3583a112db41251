import FoundationEssentials
import JSON
import Postgres
import Tenancy

/// A line of the audit log as it was written.
struct AuditEntry: Sendable, Hashable {
    let number: Int64
    /// Seconds since 1970.
    let occurredAt: Int64
    let actorKind: String
    let actorID: String
    let action: String
    let targetKind: String
    let targetID: String
    let address: String
    let userAgent: String
    let requestID: String
    /// A JSON object.
    let details: String
    /// SHA-256, in hexadecimal.
    let hash: String

    var json: JSONObject {
        [
            "number": .integer(number),
            "occurred_at": .integer(occurredAt),
            "actor": ["kind": .string(actorKind), "id": .string(actorID)],
            "action": .string(action),
            "target": ["kind": .string(targetKind), "id": .string(targetID)],
            "address": .string(address),
            "user_agent": .string(userAgent),
            "request_id": .string(requestID),
            "details": (try? JSONValue(parsing: details)) ?? [:],
            "hash": .string(hash),
        ]
    }
}

/// A row of the audit log that is not what was written, or not where it was written.
struct AuditProblem: Sendable, Hashable {
    let number: Int64
    let problem: String
}

/// The audit log of one tenant at a time; nobody changes it.
struct AuditStore: Sendable {
    let database: Postgres

    /// What to look for; nil: whatever.
    struct Filter: Sendable, Hashable {
        var actorKind: String?
        var actorID: String?
        var targetKind: String?
        var targetID: String?
        /// `user.` finds everything done to users.
        var actionPrefix: String?
        /// Seconds since 1970, this one included.
        var since: Int64?
        /// Seconds since 1970, this one not included.
        var until: Int64?
    }

    /// The newest first.
    ///
    /// - Parameter before: the number of the last row of the page before.
    func page(_ filter: Filter, in tenant: TenantID, before: Int64?, limit: Int) async throws -> [AuditEntry] {
        try await database.withTenant(tenant.rawValue).queryAll(
            """
            SELECT number, occurred_at, actor_kind, actor_id, action, target_kind, target_id, address, user_agent, request_id, details,
                   encode(hash, 'hex')
              FROM auth.audit_event
             WHERE tenant_id = \(tenant.rawValue) \(Self.conditions(filter, before))
             ORDER BY number DESC
             LIMIT \(limit)
            """
        ) { row in
            let (number, time, actorKind, actorID, action, targetKind, targetID, address, agent, request, details, hash) = try row.decode(
                Int64.self, Date.self, String.self, String.self, String.self, String.self, String.self, String.self, String.self,
                String.self, String.self, String.self)
            return AuditEntry(
                number: number, occurredAt: Int64(time.timeIntervalSince1970), actorKind: actorKind, actorID: actorID, action: action,
                targetKind: targetKind, targetID: targetID, address: address, userAgent: agent, requestID: request, details: details,
                hash: hash)
        }
    }

    private static func conditions(_ filter: Filter, _ before: Int64?) -> SQL {
        var conditions: [SQL] = []
        if let before { conditions.append("AND number < \(before)") }
        if let kind = filter.actorKind { conditions.append("AND actor_kind = \(kind)") }
        if let id = filter.actorID { conditions.append("AND actor_id = \(id)") }
        if let kind = filter.targetKind { conditions.append("AND target_kind = \(kind)") }
        if let id = filter.targetID { conditions.append("AND target_id = \(id)") }
        if let prefix = filter.actionPrefix { conditions.append("AND starts_with(action, \(prefix))") }
        if let since = filter.since { conditions.append("AND occurred_at >= \(Date(timeIntervalSince1970: Double(since)))") }
        if let until = filter.until { conditions.append("AND occurred_at < \(Date(timeIntervalSince1970: Double(until)))") }
        return .joined(conditions, separator: " ")
    }

    /// What is wrong with the chain; empty when every row is as it was written and where it was written. Reads all of it.
    func problems(in tenant: TenantID) async throws -> [AuditProblem] {
        try await database.withTenant(tenant.rawValue).query("SELECT number, problem FROM auth.audit_problems()", timeout: .seconds(3600))
            .map {
                let (number, problem) = try $0.decode(Int64.self, String.self)
                return AuditProblem(number: number, problem: problem)
            }
    }

    /// How many rows the chain has, and its last hash in hexadecimal: kept elsewhere, it proves later that nothing before it changed.
    func end(in tenant: TenantID) async throws -> (number: Int64, hash: String) {
        try await database.withTenant(tenant.rawValue).queryOptional(
            "SELECT number, encode(hash, 'hex') FROM auth.audit_head WHERE tenant_id = \(tenant.rawValue)"
        ) { try $0.decode(Int64.self, String.self) } ?? (0, "")
    }
}

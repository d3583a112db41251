import FoundationEssentials
import JSON
import OAuth
import ServiceKit
import Tenancy

/// `sessions`, `grants`, `revocations`: what people and clients hold, and how it is taken back.
struct HoldingResource: Sendable {
    let holdings: Holdings
    let clock: WallClock
    let verify: AdminAuthenticator.Verifier

    @Sendable func sessions(_ request: AdminRequest) async throws -> AdminAnswer {
        let rows = try await holdings.store.sessions(
            of: request.query["user_id"].flatMap { AccountID($0) }, in: request.tenant.id, after: position(request),
            limit: request.limit + 1, now: clock.now)
        return .page(rows, limit: request.limit, \.json, cursor: { "\($0.period).\($0.id.uuidString)" })
    }

    @Sendable func grants(_ request: AdminRequest) async throws -> AdminAnswer {
        guard request.query["user_id"] == nil || request.query["client_id"] == nil else {
            throw Problem(.malformed, "ask for the grants of a user or of a client, not of both")
        }
        let holder: HoldingStore.Holder =
            if let account = request.query["user_id"].flatMap({ AccountID($0) }) {
                .account(account)
            } else {
                request.query["client_id"].map { .client($0) } ?? .anybody
            }
        let rows = try await holdings.store.grants(
            of: holder, in: request.tenant.id, after: position(request), limit: request.limit + 1, now: clock.now)
        return .page(rows, limit: request.limit, \.json, cursor: \.id.description)
    }

    @Sendable func ofUser(_ request: AdminRequest) async throws -> AdminAnswer {
        let account = try request.accountID()
        guard try await AccountStore(database: holdings.database).find(account, in: request.tenant.id) != nil else {
            throw Problem.notFound("user", account.description)
        }
        let sessions = try await holdings.store.sessions(of: account, in: request.tenant.id, after: nil, limit: 100, now: clock.now)
        let grants = try await holdings.store.grants(of: .account(account), in: request.tenant.id, after: nil, limit: 100, now: clock.now)
        return .resource(json(sessions, grants))
    }

    @Sendable func ofClient(_ request: AdminRequest) async throws -> AdminAnswer {
        let client = try request.clientID()
        guard try await ClientStore(database: holdings.database).find(client, in: request.tenant.id) != nil else {
            throw Problem.notFound("client", client.rawValue)
        }
        let grants = try await holdings.store.grants(
            of: .client(client.rawValue), in: request.tenant.id, after: nil, limit: 100, now: clock.now)
        return .resource(json([], grants))
    }

    @Sendable func endSession(_ request: AdminRequest) async throws -> AdminAnswer {
        guard let id = UUID(uuidString: request.id("session_id")) else { throw Problem.notFound("session", request.id("session_id")) }
        try await holdings.endSession(id, in: request.tenant.id, by: request.administrator)
        return .noContent
    }

    @Sendable func revokeGrant(_ request: AdminRequest) async throws -> AdminAnswer {
        guard let id = GrantID(request.id("grant_id")) else { throw Problem.notFound("grant", request.id("grant_id")) }
        try await holdings.revokeGrant(id, in: request.tenant.id, by: request.administrator)
        return .noContent
    }

    @Sendable func revoke(_ request: AdminRequest) async throws -> AdminAnswer {
        let reason = request.text("reason") ?? "revoked by an administrator"
        let targets = request.body.members.filter { $0.name != "reason" }
        guard targets.count == 1, let (name, value) = targets.first.map({ ($0.name, $0.value) }) else {
            throw Problem(.malformed, "name exactly one thing to revoke")
        }
        let (text, tenant) = (value.stringValue ?? "", request.tenant)
        let revocation: Revocation
        switch name {
        case "token":
            guard let claims = try await verify(Array(text.utf8), tenant) else {
                throw Problem(.malformed, "is not an access token of this tenant that is still good", pointer: "/token")
            }
            revocation = .token(claims.tokenID, expiresAt: claims.expiresAt)
        case "token_id": revocation = .token(text, expiresAt: clock.now + Revocation.standingSeconds)
        case "grant_id":
            guard let grant = GrantID(text) else { throw Problem.notFound("grant", text) }
            revocation = .grant(grant)
        case "session_id":
            guard let session = UUID(uuidString: text) else { throw Problem.notFound("session", text) }
            revocation = .session(session, keepingOffline: false)
        case "user_id":
            guard let account = AccountID(text) else { throw Problem.notFound("user", text) }
            revocation = .user(account)
        case "client_id":
            guard let client = ClientID(text) else { throw Problem.notFound("client", text) }
            revocation = .client(client)
        default:
            guard value.boolValue == true else { throw Problem(.malformed, "is true or left out", pointer: "/everything") }
            revocation = .tenant
        }
        try await holdings.revoke(revocation, reason: reason, in: tenant.id, by: request.administrator)
        return .noContent
    }

    private func position(_ request: AdminRequest) throws(Problem) -> HoldingStore.Position? {
        guard let cursor = try request.after() else { return nil }
        // Sessions and grants are numbered alike.
        guard let position = GrantID(cursor) else { throw AdminRequest.unusableCursor }
        return HoldingStore.Position(period: position.period, id: position.id)
    }

    private func json(_ sessions: [HeldSession], _ grants: [GrantEntry]) -> JSONObject {
        ["sessions": .array(sessions.map { .object($0.json) }), "grants": .array(grants.map { .object($0.json) })]
    }
}

extension HeldSession {
    var json: JSONObject {
        [
            "id": .string(id.uuidString.lowercased()), "user_id": .string(account.description), "user_agent": .string(userAgent),
            "address": .string(address), "created_at": .integer(createdAt), "last_seen_at": .integer(lastSeenAt),
            "expires_at": .integer(expiresAt),
        ]
    }
}

extension GrantEntry {
    var json: JSONObject {
        var json: JSONObject = [
            "id": .string(id.description), "client_id": .string(client), "user_id": .string(account.description),
            "grant_type": .string(type), "scope": .string(scopes), "created_at": .integer(createdAt), "expires_at": .integer(expiresAt),
            "has_refresh_token": .bool(hasRefreshToken),
        ]
        if let session { json["session_id"] = .string(session.uuidString.lowercased()) }
        if let refreshedAt { json["refreshed_at"] = .integer(refreshedAt) }
        return json
    }
}

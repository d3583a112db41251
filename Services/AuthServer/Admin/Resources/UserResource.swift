import FoundationEssentials
import JSON
import ServiceKit
import Tenancy

/// `users`, and their memberships.
struct UserResource: Sendable {
    /// Checks a new password against the tenant's policy and hashes it.
    ///
    /// - Throws: ``Problem/Kind/passwordPolicy``, or ``Problem/Kind/busy`` while too many passwords wait.
    typealias PasswordPreparation = @Sendable (_ password: String, _ email: String, _ tenant: Tenant) async throws -> String

    let members: Members
    let clock: WallClock
    let preparePassword: PasswordPreparation

    @Sendable func list(_ request: AdminRequest) async throws -> AdminAnswer {
        var after: AccountID?
        if let cursor = try request.after() {
            guard let id = AccountID(cursor) else { throw AdminRequest.unusableCursor }
            after = id
        }
        let rows = try await members.store.page(
            in: request.tenant.id, after: after, limit: request.limit + 1, search: request.query["search"], role: request.query["role"])
        return .page(rows, limit: request.limit, { $0.json(in: request.tenant.id) }, cursor: \.id.description)
    }

    @Sendable func create(_ request: AdminRequest) async throws -> AdminAnswer {
        let email = request.text("email") ?? ""
        var hash: String?
        if let password = request.text("password") { hash = try await preparePassword(password, email, request.tenant) }
        let now = clock.now
        var account = Account(
            id: AccountID(UUID()), email: email, isEmailVerified: request.flag("email_verified") ?? false, profile: Account.Profile(),
            passwordHash: hash, passwordChangedAt: hash == nil ? nil : now,
            mustChangePassword: hash != nil && request.flag("must_change_password") ?? true, managingTenant: request.tenant.id,
            isDisabled: false, createdAt: now, updatedAt: now
        )
        account.profile.set(request.body)
        try await members.create(account, role: request.text("role") ?? "", in: request.tenant.id, by: request.administrator)
        return .created(try await representation(account.id, request), at: "users/\(account.id)")
    }

    @Sendable func get(_ request: AdminRequest) async throws -> AdminAnswer {
        .resource(try await representation(request.accountID(), request))
    }

    @Sendable func update(_ request: AdminRequest) async throws -> AdminAnswer {
        let id = try request.accountID()
        try await members.update(id, in: request.tenant.id, by: request.administrator) { member, account in
            try request.requireMatch(member.json(in: request.tenant.id))
            if let email = request.text("email"), !email.isIdenticalBytes(account.email) {
                account.email = email
                account.isEmailVerified = false
            }
            account.isEmailVerified = request.flag("email_verified") ?? account.isEmailVerified
            account.profile.set(request.body)
        }
        return .resource(try await representation(id, request))
    }

    @Sendable func remove(_ request: AdminRequest) async throws -> AdminAnswer {
        try await members.remove(request.accountID(), from: request.tenant.id, by: request.administrator) { member in
            try request.requireMatch(member.json(in: request.tenant.id))
        }
        return .noContent
    }

    @Sendable func setPassword(_ request: AdminRequest) async throws -> AdminAnswer {
        let id = try request.accountID()
        guard let member = try await members.store.find(id, in: request.tenant.id) else { throw Problem.notFound("user", id.description) }
        // Hashing costs: nobody makes the server do it for what they may not change anyway. The transaction looks again.
        try request.administrator.require(member.role)
        let hash = try await preparePassword(request.text("password") ?? "", member.account.email, request.tenant)
        try await members.setPassword(
            hash, mustChange: request.flag("must_change_password") ?? true, of: id, in: request.tenant.id, by: request.administrator
        ) { try request.requireMatch($0.json(in: request.tenant.id)) }
        return .noContent
    }

    @Sendable func disable(_ request: AdminRequest) async throws -> AdminAnswer { try await setDisabled(true, request) }
    @Sendable func enable(_ request: AdminRequest) async throws -> AdminAnswer { try await setDisabled(false, request) }

    @Sendable func membership(_ request: AdminRequest) async throws -> AdminAnswer {
        .resource(try await member(request.accountID(), request).membershipJSON)
    }

    @Sendable func setRole(_ request: AdminRequest) async throws -> AdminAnswer {
        let id = try request.accountID()
        try await members.setRole(request.text("role") ?? "", of: id, in: request.tenant.id, by: request.administrator) { member in
            try request.requireMatch(member.membershipJSON)
        }
        return .resource(try await member(id, request).membershipJSON)
    }

    private func setDisabled(_ isDisabled: Bool, _ request: AdminRequest) async throws -> AdminAnswer {
        let id = try request.accountID()
        try await members.setDisabled(isDisabled, id, in: request.tenant.id, by: request.administrator) { member in
            try request.requireMatch(member.json(in: request.tenant.id))
        }
        return .resource(try await representation(id, request))
    }

    private func member(_ id: AccountID, _ request: AdminRequest) async throws -> Member {
        guard let member = try await members.store.find(id, in: request.tenant.id) else { throw Problem.notFound("user", id.description) }
        return member
    }

    private func representation(_ id: AccountID, _ request: AdminRequest) async throws -> JSONObject {
        try await member(id, request).json(in: request.tenant.id)
    }
}

extension Member {
    /// As the tenant's administrators see it.
    func json(in tenant: TenantID) -> JSONObject {
        var json: JSONObject = [
            "id": .string(id.description), "email": .string(account.email), "email_verified": .bool(account.isEmailVerified),
        ]
        for (name, value) in account.profile.members { json[name] = value.map(JSONValue.string) }
        json["role"] = .string(role.name)
        json["disabled"] = .bool(membership.isDisabled)
        json["managed"] = .bool(isManaged(by: tenant))
        json["has_password"] = .bool(account.passwordHash != nil)
        json["must_change_password"] = .bool(account.mustChangePassword)
        json["created_at"] = .integer(account.createdAt)
        json["updated_at"] = .integer(account.updatedAt)
        json["member_since"] = .integer(membership.createdAt)
        return json
    }

    var membershipJSON: JSONObject {
        [
            "role": .string(role.name), "rank": .integer(Int64(role.rank)),
            "permissions": .array(role.permissions.map(JSONValue.string)), "disabled": .bool(membership.isDisabled),
            "member_since": .integer(membership.createdAt),
        ]
    }
}

extension Account.Profile {
    fileprivate var members: [(name: String, value: String?)] {
        [
            ("name", name), ("given_name", givenName), ("family_name", familyName), ("picture", picture), ("locale", locale),
            ("zoneinfo", zoneInfo),
        ]
    }

    /// What the object has is set; null takes it away.
    fileprivate mutating func set(_ object: JSONObject) {
        if let value = object["name"] { name = value.stringValue }
        if let value = object["given_name"] { givenName = value.stringValue }
        if let value = object["family_name"] { familyName = value.stringValue }
        if let value = object["picture"] { picture = value.stringValue }
        if let value = object["locale"] { locale = value.stringValue }
        if let value = object["zoneinfo"] { zoneInfo = value.stringValue }
    }
}

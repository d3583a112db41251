import Cryptography
import FoundationEssentials
import JOSE
import JSON
import Postgres
import ServiceKit
import Tenancy

/// Tenants, made and changed by the platform's administrators, by their own, and by commands. Each change is one transaction with its audit
/// event: in the tenant's own log, and in that of whoever reached in from outside.
struct Tenants: Sendable {
    let database: Postgres
    let clock: WallClock

    var store: TenantStore { TenantStore(database: database) }

    /// - Parameter home: the tenant that the administrator belongs to; nil for commands.
    func create(_ tenant: Tenant, vault: KeyVault, home: TenantID? = nil, by administrator: Administrator) async throws {
        try tenant.check()
        let now = Date(timeIntervalSince1970: Double(clock.now))
        let keys = try [SigningKeyState.active, .next].map {
            try vault.generate(tenant.signingAlgorithm, state: $0, tenant: tenant.id, now: now)
        }
        let event = administrator.event("tenant.created", on: "tenant", tenant.slug.rawValue, [("name", .string(tenant.name))])
        try await database.administer(tenant.id) { transaction in
            _ = try await transaction.batch(
                TenantStore.insertions(tenant, roles: Role.builtIn, keys: keys) + Self.records(event, of: tenant.id, home: home))
        }
    }

    /// - Parameter change: sees the tenant as it is, and throws to refuse, such as for `If-Match`.
    /// - Returns: the tenant as it is now.
    func update(
        _ id: TenantID, home: TenantID? = nil, by administrator: Administrator, change: (inout Tenant) throws -> Void
    ) async throws -> Tenant {
        try await database.administer(id) { transaction in
            try await Self.update(id, home: home, by: administrator, now: clock.now, transaction, change: change)
        }
    }

    /// Where a second factor is needed from now on, what was granted without one ends.
    static func update(
        _ id: TenantID, home: TenantID? = nil, by administrator: Administrator, now: Int64, _ transaction: Transaction,
        change: (inout Tenant) throws -> Void
    ) async throws -> Tenant {
        guard let before = try await TenantStore.lock(id, transaction) else { throw Problem.notFound("tenant", id.description) }
        var tenant = before
        try change(&tenant)
        guard tenant != before else { return before }
        try tenant.check()
        let (old, new) = (before.settingsObject, tenant.settingsObject)
        let changed = new.members.filter { old[$0.name] != $0.value }.map { JSONValue.string($0.name) }
        let event = administrator.event("tenant.changed", on: "tenant", tenant.slug.rawValue, [("changed", .array(changed))])
        let isStricter = tenant.settings.requiresSecondFactor && !before.settings.requiresSecondFactor
        let revocations = isStricter ? [Revocation.ofSingleFactorGrants(in: id, reason: "second factor required", now: now)] : []
        _ = try await transaction.batch([TenantStore.update(tenant)] + revocations + records(event, of: id, home: home))
        return tenant
    }

    /// A disabled tenant's tokens are dead everywhere, and stay so when it is enabled again.
    func setDisabled(
        _ isDisabled: Bool, _ id: TenantID, home: TenantID? = nil, by administrator: Administrator,
        check: (Tenant) throws -> Void = { _ in }
    ) async throws {
        try await database.administer(id) { transaction in
            guard let tenant = try await TenantStore.lock(id, transaction) else { throw Problem.notFound("tenant", id.description) }
            try check(tenant)
            guard tenant.isDisabled != isDisabled else { return }
            guard tenant.slug != .system || !isDisabled else {
                throw Problem(.conflict, "the platform's own tenant cannot be disabled")
            }
            let event = administrator.event(isDisabled ? "tenant.disabled" : "tenant.enabled", on: "tenant", tenant.slug.rawValue)
            _ = try await transaction.batch(
                [TenantStore.setDisabled(id, isDisabled)]
                    + (isDisabled ? Revocation.tenant.statements(in: id, reason: "tenant disabled", now: clock.now) : [])
                    + Self.records(event, of: id, home: home))
        }
    }

    private static func records(_ event: AuditEvent, of tenant: TenantID, home: TenantID?) -> [SQL] {
        let own = [event.insertion(in: tenant)]
        guard let home, home != tenant else { return own }
        // By its id alone: when the tenant is erased, nothing else of it may stand in a log that goes on.
        let bare = AuditEvent(
            event.action, by: event.actor, on: event.targetKind, tenant.description, from: event.origin,
            event.details.filter { $0.name != "name" })
        return own + [TenantStore.enter(home), bare.insertion(in: home)]
    }
}

/// What a tenant decides, as JSON: what the REST API, `apply` and `--json` read and write.
extension Tenant {
    var settingsObject: JSONObject {
        [
            "name": .string(name),
            "color": settings.color.map(JSONValue.string) ?? .null,
            "logo_uri": settings.logoURI.map(JSONValue.string) ?? .null,
            "requires_second_factor": .bool(settings.requiresSecondFactor),
            "allows_one_session_only": .bool(settings.allowsOneSessionOnly),
            "session_lifetime": .integer(Int64(settings.sessionLifetimeSeconds)),
            "session_idle_lifetime": .integer(Int64(settings.sessionIdleSeconds)),
            "password_minimum_length": .integer(Int64(settings.passwordMinimumLength)),
            "key_rotation_days": settings.keyRotationDays.map { .integer(Int64($0)) } ?? .null,
            "publishes_token_status": .bool(settings.publishesTokenStatus),
        ]
    }

    static let settingsSchema: [Schema.Property] = [
        .init("name", .text(1...200), "The name that people see."),
        .init("color", .nullable(.text(7...7)), "The color of its pages: #rrggbb, lower case."),
        .init("logo_uri", .nullable(.text(9...2000)), "Its logo; https."),
        .init("requires_second_factor", .boolean, "Nobody signs in by a password alone."),
        .init("allows_one_session_only", .boolean, "Signing in ends the person's other sessions in this tenant."),
        .init("session_lifetime", .integer(300...31_536_000), "In seconds."),
        .init("session_idle_lifetime", .integer(60...31_536_000), "In seconds: how long a session lasts unused."),
        .init("password_minimum_length", .integer(8...128), "In characters."),
        .init("key_rotation_days", .nullable(.integer(1...3650)), "Signing keys this old are rotated; null: only when somebody says so."),
        .init("publishes_token_status", .boolean, "Access tokens name a status list, which says whether they were revoked."),
    ]

    /// Sets what the object has; members are known and of the right type (``settingsSchema``).
    mutating func set(_ object: JSONObject) {
        for (member, value) in object.members {
            switch member {
            case "name": name = value.stringValue ?? name
            case "color": settings.color = value.stringValue
            case "logo_uri": settings.logoURI = value.stringValue
            case "requires_second_factor": settings.requiresSecondFactor = value.boolValue ?? settings.requiresSecondFactor
            case "allows_one_session_only": settings.allowsOneSessionOnly = value.boolValue ?? settings.allowsOneSessionOnly
            case "session_lifetime": settings.sessionLifetimeSeconds = value.intValue.map(Int.init) ?? settings.sessionLifetimeSeconds
            case "session_idle_lifetime": settings.sessionIdleSeconds = value.intValue.map(Int.init) ?? settings.sessionIdleSeconds
            case "password_minimum_length": settings.passwordMinimumLength = value.intValue.map(Int.init) ?? settings.passwordMinimumLength
            case "key_rotation_days": settings.keyRotationDays = value.intValue.map(Int.init)
            case "publishes_token_status": settings.publishesTokenStatus = value.boolValue ?? settings.publishesTokenStatus
            default: break
            }
        }
    }

    func check() throws(Problem) {
        if let color = settings.color {
            let isColor =
                color.utf8.count == 7 && color.utf8.first == UInt8(ascii: "#")
                && color.utf8.dropFirst().allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            guard isColor else { throw Problem(.malformed, "a color is # and six of 0-9, a-f", pointer: "/color") }
        }
        if let logo = settings.logoURI {
            guard let url = URL(string: logo), url.scheme == "https", url.host() != nil else {
                throw Problem(.malformed, "give an https URL", pointer: "/logo_uri")
            }
        }
        guard !name.isEmpty else { throw Problem(.malformed, "a tenant has a name", pointer: "/name") }
    }
}

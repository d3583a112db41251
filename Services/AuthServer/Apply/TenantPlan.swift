import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy

/// What separates a tenant from what a file says of it, in the order in which it is done.
struct TenantPlan: Sendable, Hashable, CustomStringConvertible {
    enum Step: Sendable, Hashable {
        case changeSettings([String])
        case createRole(Role)
        case changeRole(Role)
        case createClient(ClientID)
        /// The names of the settings that change.
        case changeClient(ClientID, [String])
        case removeClient(ClientID)
        case removeRole(String)
    }

    let steps: [Step]

    var isEmpty: Bool { steps.isEmpty }

    /// One line a step; never a secret.
    var description: String { steps.map(\.description).joined(separator: "\n") }
}

extension TenantPlan.Step: CustomStringConvertible {
    var words: (verb: String, kind: String, name: String, changed: [String]) {
        switch self {
        case .changeSettings(let names): ("change", "settings", "", names)
        case .createRole(let role): ("create", "role", role.name, [])
        case .changeRole(let role): ("change", "role", role.name, [])
        case .createClient(let id): ("create", "client", id.rawValue, [])
        case .changeClient(let id, let names): ("change", "client", id.rawValue, names)
        case .removeClient(let id): ("remove", "client", id.rawValue, [])
        case .removeRole(let name): ("remove", "role", name, [])
        }
    }

    var description: String {
        let (verb, kind, name, changed) = words
        return [verb, kind, name].filter { !$0.isEmpty }.joined(separator: " ")
            + (changed.isEmpty ? "" : " (\(changed.joined(separator: ", ")))")
    }
}

/// Makes a tenant what a file says: all of it in one transaction, or nothing.
struct TenantApplication: Sendable {
    let database: Postgres
    let clients: Clients
    let clock: WallClock

    init(_ administration: Administration) {
        database = administration.database
        clients = administration.clientAdministration
        clock = .system
    }

    /// The tenant's own settings, roles and clients.
    func export(_ tenant: Tenant) async throws -> TenantFile {
        let roles = try await RoleStore(database: database).all(in: tenant.id).filter { !$0.isBuiltIn }
        let clients = try await ClientStore(database: database).all(in: tenant.id)
        return TenantFile(
            tenant: tenant.slug, settings: tenant.settingsObject, roles: roles.sorted { $0.name < $1.name },
            clients: clients.map(\.fileEntry))
    }

    /// - Parameter isPruning: what the file's sections do not have is removed.
    func plan(_ file: TenantFile, for tenant: Tenant, isPruning: Bool) async throws -> TenantPlan {
        var steps: [TenantPlan.Step] = []
        if let settings = file.settings {
            let (old, new) = (tenant.settingsObject, tenant.with(settings).settingsObject)
            let changed = new.members.map(\.name).filter { old[$0] != new[$0] }
            if !changed.isEmpty { steps.append(.changeSettings(changed)) }
        }
        let roles = try await RoleStore(database: database).all(in: tenant.id)
        for role in file.roles ?? [] {
            guard let known = roles.first(where: { $0.name == role.name }) else {
                steps.append(.createRole(role))
                continue
            }
            if known != role { steps.append(.changeRole(role)) }
        }
        let clients = try await ClientStore(database: database).all(in: tenant.id)
        for entry in file.clients ?? [] {
            guard let known = clients.first(where: { $0.id == entry.id }) else {
                steps.append(.createClient(entry.id))
                continue
            }
            let allRoles = roles.filter { role in file.roles?.contains { $0.name == role.name } != true } + (file.roles ?? [])
            let wanted = try await known.with(entry.settings) { name in allRoles.first { $0.name == name } }
            let changed = wanted.differences(from: known)
            if !changed.isEmpty { steps.append(.changeClient(entry.id, changed)) }
        }
        if isPruning {
            if let wanted = file.clients {
                steps += clients.map(\.id).filter { id in !wanted.contains { $0.id == id } }.map { .removeClient($0) }
            }
            if let wanted = file.roles {
                steps += roles.filter { role in !role.isBuiltIn && !wanted.contains { $0.name == role.name } }.map { .removeRole($0.name) }
            }
        }
        return TenantPlan(steps: steps)
    }

    /// - Throws: ``Problem``; then nothing has been done.
    func apply(_ plan: TenantPlan, of file: TenantFile, to tenant: Tenant, by administrator: Administrator) async throws {
        let (id, now) = (tenant.id, clock.now)
        try await database.administer(id) { transaction in
            for step in plan.steps {
                switch step {
                case .changeSettings:
                    _ = try await Tenants.update(id, by: administrator, now: clock.now, transaction) { $0 = $0.with(file.settings ?? [:]) }
                case .createRole(let role):
                    try await Roles.create(role, in: id, by: administrator, transaction)
                case .changeRole(let role):
                    _ = try await Roles.update(
                        role.name, rank: role.rank, permissions: role.permissions, in: id, by: administrator, now: now, transaction)
                case .createClient(let client):
                    let entry = file.clients?.first { $0.id == client }
                    let wanted = try await Client.unconfigured(client, in: id).with(entry?.settings ?? [:]) {
                        try await RoleStore.find($0, in: id, transaction)
                    }
                    _ = try await self.clients.create(wanted, by: administrator, transaction)
                case .changeClient(let client, _):
                    let entry = file.clients?.first { $0.id == client }
                    _ = try await Clients.update(client, in: id, by: administrator, now: now, transaction) { client, transaction in
                        client = try await client.with(entry?.settings ?? [:]) { try await RoleStore.find($0, in: id, transaction) }
                    }
                case .removeClient(let client):
                    try await Clients.remove(client, from: id, by: administrator, now: now, transaction)
                case .removeRole(let name):
                    try await Roles.remove(name, in: id, by: administrator, transaction)
                }
            }
        }
    }
}

extension Client {
    /// The same client with the settings of a file: what the file leaves out has its default.
    fileprivate func with(_ settings: JSONObject, role find: (String) async throws -> Role?) async throws -> Client {
        var client = Client.unconfigured(id, in: tenantID)
        client.isDisabled = isDisabled
        client.secrets = secrets
        do {
            try await client.set(settings, role: find)
        } catch let problem as Problem {
            throw Problem(problem.kind, "client ‘\(id)’: \(problem.description)", pointer: problem.pointer)
        }
        return client
    }
}

extension Tenant {
    /// The same tenant with the settings of a file: what the file leaves out has its default, but for the name, which stays.
    fileprivate func with(_ settings: JSONObject) -> Tenant {
        var tenant = self
        tenant.settings = TenantSettings()
        tenant.set(settings)
        return tenant
    }
}

import ArgumentParser
import Database
import FoundationEssentials
import JOSE
import Logging
import OAuth
import Postgres
import ServiceKit
import Tenancy

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Fill a migrated database with the demo's tenants, clients, tables and rows.",
        discussion: "A second run changes nothing, and finds the secrets of the first in the output file."
    )

    @Option(help: "Where to write the demo's URLs and secrets, readable by its owner only.") var output: String = ".run/demo.json"

    func run() async throws {
        let path = output
        try await Administration.run { administration in
            let settings = administration.settings
            let baseURL = try settings.baseURL("BASE_URL")
            let known = try DemoFile.secrets(at: path)
            let demo = Demo(administration: administration, issuers: Issuers(baseURL: baseURL), knownSecrets: known.clients)
            var users = try DemoUsers(
                administration: administration, hasher: PasswordSettings(settings).hasher(), knownPasswords: known.users
            )
            var acmeAndGlobex: [(id: TenantID, entry: DemoFile.Tenant)] = []
            for (slug, name) in DemoPlan.tenants {
                var (id, entry) = try await demo.tenant(slug, name: name, clients: DemoPlan.clients, idPrefix: slug + "-")
                for user in DemoPlan.users { entry.users.append(try await users.user(user, in: id, slug: slug)) }
                acmeAndGlobex.append((id, entry))
            }
            let system = try await demo.tenant("system", name: "Platform", clients: [DemoPlan.adminClient], idPrefix: "")
            try await demo.fillTables(
                AuthServerSettings.ownerDatabase(settings), tenants: acmeAndGlobex.map(\.id),
                logger: Logger.service("auth-server", settings: settings)
            )
            try DemoFile(
                baseURL: baseURL,
                apiURL: try settings.baseURL("API_URL", default: baseURL + "/api/v1"),
                tenants: acmeAndGlobex.map(\.entry),
                system: system.entry
            ).write(to: path)
            print("The demo is ready; its values are in \(path).")
        }
    }
}

/// Brings the demo's pieces into being where they are missing.
struct Demo: Sendable {
    let administration: Administration
    let issuers: Issuers
    /// By client_id, from an earlier run.
    let knownSecrets: [String: String]

    func tenant(
        _ slug: String, name: String, clients: [DemoPlan.DemoClient], idPrefix: String
    ) async throws -> (id: TenantID, entry: DemoFile.Tenant) {
        let tenant = try await findOrCreate(TenantSlug(slug), name: name)
        let entries = try await clients.asyncMap { try await client($0, id: idPrefix + $0.label, in: tenant) }
        return (tenant.id, DemoFile.Tenant(slug: slug, issuer: issuers.issuer(of: tenant.slug), clients: entries))
    }

    private func findOrCreate(_ slug: TenantSlug, name: String) async throws -> Tenant {
        if let tenant = try await administration.tenants.find(.slug(slug)) { return tenant }
        let tenant = Tenant(id: TenantID(UUID()), slug: slug, name: name, isDisabled: false, signingAlgorithm: .es256)
        try await TenantCreation(administration).create(tenant)
        return tenant
    }

    private func client(_ plan: DemoPlan.DemoClient, id: String, in tenant: Tenant) async throws -> DemoFile.Client {
        guard let clientID = ClientID(id) else { throw CommandFailure("\(id) is not a client_id") }
        let secret: String?
        if let existing = try await administration.clients.find(clientID, in: tenant.id) {
            secret = try await currentSecret(of: existing)
            try await complete(existing, plan)
        } else {
            var client = Client.unconfigured(clientID, in: tenant.id)
            client.name = plan.name
            client.grantTypes = plan.grants
            client.authenticationMethod = plan.method
            client.redirectURIs = try plan.redirectURIs.map { try RedirectURI($0) }
            client.scopes = try ScopeSet(parsing: plan.scopes)
            client.isResourceServer = plan.isResourceServer
            if let role = plan.role { client.role = try await administration.clients.role(role, in: tenant.id) }
            secret = try await administration.clientAdministration.create(client, by: .operator)?.rawValue
        }
        return DemoFile.Client(label: plan.label, clientID: id, clientSecret: secret, redirectURIs: plan.redirectURIs)
    }

    /// Adds what the demo of an earlier release did not have.
    private func complete(_ existing: Client, _ plan: DemoPlan.DemoClient) async throws {
        let scopes = ScopeSet(existing.scopes.scopes + (try ScopeSet(parsing: plan.scopes)).scopes)
        let isComplete =
            existing.scopes == scopes && (plan.role == nil || existing.role?.name == plan.role)
            && (existing.isResourceServer || !plan.isResourceServer)
        guard !isComplete else { return }
        let tenant = existing.tenantID
        _ = try await administration.clientAdministration.update(existing.id, in: tenant, by: .operator) { client, transaction in
            client.scopes = scopes
            if plan.isResourceServer { client.isResourceServer = true }
            if let role = plan.role { client.role = try await RoleStore.find(role, in: tenant, transaction) }
        }
    }

    /// The secret that the file knows, where the database still agrees; else a new one.
    private func currentSecret(of client: Client) async throws -> String? {
        guard client.authenticationMethod.usesSecret else { return nil }
        if let known = knownSecrets[client.id.rawValue].flatMap({ OpaqueSecret(parsing: $0, as: .clientSecret) }),
            client.secrets.contains(where: { $0.hash == known.hash && $0.expiresAt == nil })
        {
            return known.rawValue
        }
        return try await administration.clientAdministration.rotateSecret(
            of: client.id, in: client.tenantID, overlapSeconds: 0, by: .operator
        ).rawValue
    }

    /// The demo's tables are created by the owner of the database, and filled inside each tenant.
    func fillTables(_ configuration: PostgresConfiguration, tenants: [TenantID], logger: Logger) async throws {
        let (tables, rows) = (Database.demoTables(), Database.demoRows())
        try await Postgres.withPool(configuration, logger: logger) { database in
            _ = try await database.query("\(unescaped: tables)")
            for tenant in tenants {
                _ = try await database.withTenant(tenant.rawValue).query("\(unescaped: rows)")
            }
        }
    }
}

extension Sequence {
    func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}

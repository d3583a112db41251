import Cryptography
import Database
import FoundationEssentials
import JOSE
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Roles", .enabled(if: TestDatabase.isConfigured)) struct RoleTests {
    @Test("Built-in roles stay as they are; names, ranks and permissions are checked") func rules() async throws {
        try await AuthServerHarness.with { server in
            let (roles, acme) = (server.administration.roles, server.acme.id)
            for name in Role.builtIn.map(\.name) {
                await #expect("\(name)") { try await roles.update(name, rank: 1, permissions: nil, in: acme, by: .operator) } throws: {
                    ($0 as? Problem)?.kind == .builtInRole
                }
                await #expect("\(name)") { try await roles.remove(name, in: acme, by: .operator) } throws: {
                    ($0 as? Problem)?.kind == .builtInRole
                }
            }
            let bad: [(String, Int, [String])] = [
                ("owner", 10, []), ("Support", 10, []), ("1st", 10, []), ("", 10, []), ("a b", 10, []), ("x", 100, []), ("x", -1, []),
                ("x", 1, ["nocolon"]), ("x", 1, ["a b:c"]), ("x", 1, [""]),
            ]
            for (name, rank, permissions) in bad {
                await #expect(throws: Problem.self, "\(name) \(rank) \(permissions)") {
                    try await roles.create(
                        Role(name: name, rank: rank, permissions: permissions, isBuiltIn: false), in: acme, by: .operator)
                }
            }
        }
    }

    @Test("A role in use is not removed, and changing it revokes what its holders hold: theirs, in their tenant") func holders()
        async throws
    {
        try await AuthServerHarness.with { server in
            let (roles, database) = (server.administration.roles, server.administration.database)
            let members = Members(database: database, clock: .system)
            var accounts: [AccountID] = []
            for tenant in [server.acme.id, server.globex.id] {
                try await roles.create(Role(name: "support", rank: 10, permissions: ["a:b"], isBuiltIn: false), in: tenant, by: .operator)
                let account = Account(
                    id: AccountID(UUID()), email: "\(tenant)@x.example", isEmailVerified: false, profile: Account.Profile(),
                    mustChangePassword: false, managingTenant: tenant, isDisabled: false, createdAt: 0, updatedAt: 0)
                try await members.create(account, role: "support", in: tenant, by: .operator)
                accounts.append(account.id)
            }
            await #expect { try await roles.remove("support", in: server.acme.id, by: .operator) } throws: {
                ($0 as? Problem)?.kind == .roleInUse
            }
            _ = try await roles.update("support", rank: nil, permissions: ["a:c"], in: server.acme.id, by: .operator)
            let revoked = try await database.queryAll("SELECT target FROM auth.revocation WHERE kind = 'user'") {
                try $0.decode(String.self)
            }
            #expect(revoked == [accounts[0].description])
            _ = try await roles.update("support", rank: nil, permissions: ["a:c"], in: server.acme.id, by: .operator)
            #expect(try await database.query("SELECT 1 FROM auth.revocation").count == 1)
            #expect(try await roles.store.find("support", in: server.globex.id)?.permissions == ["a:b"])
            try await members.remove(accounts[0], from: server.acme.id, by: .operator)
            try await roles.remove("support", in: server.acme.id, by: .operator)
            #expect(try await roles.store.find("support", in: server.globex.id) != nil)
        }
    }

    @Test("Authority covers what it has, and nothing that a wildcard only seems to mean") func authority() throws {
        let manager = Authority(try #require(Role.builtIn.first { $0.name == "manager" }))
        let owner = Authority(try #require(Role.builtIn.first { $0.name == "owner" }))
        func scopes(_ text: String) throws -> ScopeSet { try ScopeSet(parsing: text) }
        for (text, byManager, byOwner) in [
            ("orders:read", true, true), ("*:read", true, true), ("orders:*", false, true), ("*:*", false, true),
            ("admin:read", false, true),
            ("admin:*", false, true), ("openid profile offline_access", true, true), ("billing", false, true),
            ("orders:execute", false, true),
        ] {
            #expect(manager.covers(try scopes(text)) == byManager, "\(text)")
            #expect(owner.covers(try scopes(text)) == byOwner, "\(text)")
        }
        #expect(!manager.covers(Role(name: "x", rank: 61, permissions: [], isBuiltIn: false)))
        #expect(manager.covers(Role(name: "x", rank: 60, permissions: ["a:read"], isBuiltIn: false)))
        #expect(!Authority(rank: 0, permissions: .empty).covers(Role(name: "x", rank: 0, permissions: [], isBuiltIn: false)))
    }

    @Test("Roles of tenants that were there before get administration by name, once, and the table's wall stands again") func migration()
        async throws
    {
        try await TestDatabase.with { database in
            let tenants = [TenantID(UUID()), TenantID(UUID())]
            try await database.withPool(role: "sallyport_auth") { pool in
                for (index, tenant) in tenants.enumerated() {
                    let row = Tenant(id: tenant, slug: try TenantSlug("t\(index)"), name: "T", isDisabled: false, signingAlgorithm: .es256)
                    let old = [
                        Role(name: "owner", rank: 100, permissions: ["*:*"], isBuiltIn: true),
                        Role(name: "admin", rank: 80, permissions: ["*:*"], isBuiltIn: true),
                        Role(name: "manager", rank: 60, permissions: ["*:read"], isBuiltIn: true),
                    ]
                    try await TenantStore(database: pool).insert(row, roles: old, keys: [])
                }
            }
            let migration = try #require(Database.migrations().first { $0.name == "administration" })
            try await database.withPool(role: "sallyport_owner") { owner in
                for _ in 0..<2 { try await owner.execute("\(unescaped: "DO $d$ BEGIN EXECUTE $s$\(migration.sql)$s$; END $d$")") }
                #expect(try await owner.query("SELECT 1 FROM auth.role").count == 0)
            }
            try await database.withPool(role: "sallyport_auth") { pool in
                for tenant in tenants {
                    let roles = try await RoleStore(database: pool).all(in: tenant)
                    #expect(roles.map(\.permissions) == [["*:*", "admin:*"], ["*:*", "admin:*"], ["*:read"]])
                }
            }
        }
    }
}

@Suite("The master key changes", .enabled(if: TestDatabase.isConfigured)) struct ResealingTests {
    @Test("Everything opens under the new key, nothing under the old, and a second run changes nothing") func reseal() async throws {
        try await AuthServerHarness.with { server in
            let database = server.administration.database
            let current = try AuthServerSettings.masterKey(server.administration.settings)
            let (new, stranger) = (try SealingKey.generate(), try SealingKey.generate())
            let tenants = [server.acme.id, server.globex.id]
            _ = try await PlatformKeys(store: PlatformKeyStore(database: database), masterKey: current).key(.csrf)
            var client = Client.unconfigured(try #require(ClientID("jwt")), in: server.acme.id)
            client.grantTypes = [.clientCredentials]
            client.authenticationMethod = .clientSecretJWT
            let secret = try #require(try await server.administration.clientAdministration.create(client, by: .operator))
            let account = AccountID(UUID())
            for tenant in tenants {
                _ = try await database.with(.account(account, in: tenant)).batch([
                    """
                    INSERT INTO auth.account (id, email) VALUES (\(account.rawValue), 'x@y.example') ON CONFLICT DO NOTHING
                    """,
                    """
                    INSERT INTO auth.membership (tenant_id, account_id, role_name) VALUES (\(tenant.rawValue), \(account.rawValue), 'user')
                    """,
                ])
            }
            let factor = try current.seal([1, 2, 3], authenticating: SecondFactors.context(account))
            _ = try await database.with(.account(account)).query(
                "INSERT INTO auth.second_factor (account_id, sealed_secret) VALUES (\(account.rawValue), \(factor))")
            // A member of nothing.
            let lone = AccountID(UUID())
            _ = try await database.with(.account(lone)).batch([
                "INSERT INTO auth.account (id, email) VALUES (\(lone.rawValue), 'lone@y.example')",
                """
                INSERT INTO auth.second_factor (account_id, sealed_secret)
                VALUES (\(lone.rawValue), \(try current.seal([4], authenticating: SecondFactors.context(lone))))
                """,
            ])
            await #expect(throws: StoredDataError.self) {
                try await Resealing(database: database, current: stranger, new: new).run(tenants: tenants)
            }
            let report = try await Resealing(database: database, current: current, new: new).run(tenants: tenants)
            #expect(report.signingKeys == 4 && report.platformKeys >= 1)
            #expect(report.clientSecrets == 1 && report.secondFactors == 2)
            let sealedSecret = try #require(
                try await server.administration.clients.find(client.id, in: server.acme.id)?.secrets.first?.sealedSecret)
            let opened = try ClientSecretVault(masterKey: new).open(sealedSecret, of: client.id, in: server.acme.id)
            #expect(opened.bytes == Array(secret.rawValue.utf8))
            let newFactor = try await database.with(.account(account)).queryOne("SELECT sealed_secret FROM auth.second_factor") {
                try $0.decode([UInt8].self)
            }
            #expect(try new.open(newFactor, authenticating: SecondFactors.context(account)) == [1, 2, 3])
            let loneFactor = try await database.with(.account(lone)).queryOne("SELECT sealed_secret FROM auth.second_factor") {
                try $0.decode([UInt8].self)
            }
            #expect(try new.open(loneFactor, authenticating: SecondFactors.context(lone)) == [4])
            #expect(try await Resealing(database: database, current: current, new: new).run(tenants: tenants) == Resealing.Report())
            for tenant in tenants {
                for key in try await server.administration.keys.all(in: tenant) {
                    _ = try KeyVault(masterKey: new).open(key, tenant: tenant)
                    _ = try KeyVault(masterKey: current.opening(new)).open(key, tenant: tenant)
                    #expect(throws: StoredDataError.self) { try KeyVault(masterKey: current).open(key, tenant: tenant) }
                }
            }
            let sealed = try current.opening(new).seal([1, 2, 3])
            #expect(SealingKey.identifier(of: sealed) == current.identifier)
        }
    }

    @Test("A key is rotated when it is as old as the tenant allows, and not a second before") func rotationByAge() async throws {
        try await AuthServerHarness.with { server in
            let database = server.administration.database
            _ = try await server.administration.tenantAdministration.update(server.acme.id, by: .operator) {
                $0.settings.keyRotationDays = 2
            }
            let rotation = KeyRotation(
                store: server.administration.keys, vault: try server.administration.keyVault(),
                clock: WallClock { WallClock.system.now + server.advance.value })
            let store = TenantStore(database: database)
            #expect(try await rotation.rotateByAge(tenants: store).isEmpty)
            server.advance.value = 2 * 86_400 - 120
            #expect(try await rotation.rotateByAge(tenants: store).isEmpty)
            server.advance.value = 2 * 86_400 + 120
            #expect(try await rotation.rotateByAge(tenants: store) == [server.acme.slug])
            let event = try #require(
                try await AuditStore(database: database).page(.init(targetKind: "key"), in: server.acme.id, before: nil, limit: 1).first)
            #expect(event.actorKind == "system" && event.action == "key.rotated")
            #expect(
                try await AuditStore(database: database).page(.init(targetKind: "key"), in: server.globex.id, before: nil, limit: 1).isEmpty
            )
        }
    }
}

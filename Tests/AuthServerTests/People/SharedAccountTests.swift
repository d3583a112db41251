import ArgumentParser
import FoundationEssentials
import OAuth
import Passwords
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Accounts that come from another tenant", .enabled(if: TestDatabase.isConfigured)) struct SharedAccountTests {
    private static let password = "chosen by globex's admin"

    @Test("What another tenant's administrators know and hold of an account counts no longer once it joins a second") func joining()
        async throws
    {
        try await AuthorizationWorld.with { world in
            let server = world.server
            let account = try await server.member("cfo@example.com", of: server.globex, password: Self.password)
            let bystander = try await server.member("other@example.com", of: server.globex, password: Self.password)
            let (browser, other) = (TestBrowser(server), TestBrowser(server))
            for (browser, email) in [(browser, account.email), (other, bystander.email)] {
                let page = try await world.typeIn(browser, world.authorize(browser, "globex-trusted"), email, password: Self.password)
                #expect(page.answer["code"] != nil)
            }
            for person in [account, bystander] {
                _ = try await server.database.with(.account(person.id)).batch([
                    "INSERT INTO auth.second_factor (account_id, sealed_secret) VALUES (\(person.id.rawValue), 'x')",
                    """
                    INSERT INTO auth.recovery_code (account_id, code_hash)
                    VALUES (\(person.id.rawValue), \([UInt8](repeating: 7, count: 32)))
                    """,
                ])
            }
            try await server.administration.members.join(account.id, role: "owner", in: server.acme.id, by: .operator)

            let joined = try #require(try await server.administration.accounts.find(account.id))
            #expect(joined.managingTenant == nil && joined.mustChangePassword && !joined.isEmailVerified)
            #expect(try await Self.factors(of: account, server) == 0)
            #expect(try await server.revoked(server.globex) == ["user \(account.id)"])
            #expect(try await server.revoked(server.acme).isEmpty)
            for client in ["acme-trusted", "globex-trusted"] {
                #expect(try await world.authorize(browser, client, ["prompt": "none"]).answer["error"] == "login_required")
            }
            let living: SQL = "SELECT count(*) FROM auth.access_grant WHERE account_id = \(account.id.rawValue) AND revoked_at IS NULL"
            #expect(try await world.count(living, server.globex) == 0)
            let again = try await world.typeIn(
                browser, world.authorize(browser, "acme-trusted"), account.email, password: Self.password)
            #expect(again.answer["code"] == nil && again.formAction?.hasSuffix("/interaction/password") == true)

            let untouched = try #require(try await server.administration.accounts.find(bystander.id))
            #expect(untouched == bystander)
            #expect(try await Self.factors(of: bystander, server) == 2)
            #expect(try await world.authorize(other, "globex-trusted", ["prompt": "none"]).answer["code"] != nil)
        }
    }

    @Test("user create makes accounts, and takes those that exist only where that is meant and no other tenant manages them")
    func userCreate() async throws {
        try await AuthServerHarness.with { server in
            _ = try await server.member("managed@example.com", of: server.globex, password: Self.password)
            let free = Account.new(
                email: "free@example.com", isEmailVerified: true, name: nil, passwordHash: nil, managedBy: nil, now: server.clock.now)
            try await server.administration.accounts.insert(free, memberOf: (server.globex.id, "user"), audit: nil)
            func create(_ email: String, _ options: String...) async throws -> AccountID {
                let command = try UserCommand.Create.parse(["--tenant", "acme", email, "--no-password"] + options)
                return try await command.add(to: server.acme, server.administration)
            }
            for (email, options) in [
                ("managed@example.com", []), ("Free@example.com", []), ("managed@example.com", ["--existing"]),
                ("nobody@example.com", ["--existing"]),
            ] as [(String, [String])] {
                await #expect(throws: CommandFailure.self, "\(email) \(options)") {
                    _ = options.isEmpty ? try await create(email) : try await create(email, "--existing")
                }
            }
            #expect(try await server.administration.accounts.find(email: "managed@example.com")?.managingTenant == server.globex.id)
            #expect(try await create("free@example.com", "--existing") == free.id)
            #expect(try await server.administration.accounts.find(free.id)?.isEmailVerified == true)
            let new = try await create("new@example.com")
            #expect(try await server.administration.accounts.find(new)?.managingTenant == server.acme.id)
        }
    }

    @Test("The demo's consultant is in both tenants, managed by neither, with a password that goes on") func demo() async throws {
        try await AuthServerHarness.with { server in
            let plan = try #require(DemoPlan.users.first { $0.isShared })
            var users = DemoUsers(administration: server.administration, hasher: AuthServerHarness.hasher, knownPasswords: [:])
            let first = try await users.user(plan, in: server.acme.id, slug: "acme")
            let second = try await users.user(plan, in: server.globex.id, slug: "globex")
            #expect(first.password == second.password && !first.password.isEmpty)
            let account = try #require(try await server.administration.accounts.find(email: first.username))
            #expect(account.managingTenant == nil && !account.mustChangePassword && account.isEmailVerified)
            #expect(try await server.administration.accounts.memberships(of: account.id).count == 2)
        }
    }

    private static func factors(of account: Account, _ server: AuthServerHarness) async throws -> Int64 {
        try await server.database.with(.account(account.id)).queryOne(
            "SELECT (SELECT count(*) FROM auth.second_factor) + (SELECT count(*) FROM auth.recovery_code)"
        ) { try $0.decode(Int64.self) }
    }
}

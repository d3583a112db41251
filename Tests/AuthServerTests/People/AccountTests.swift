import FoundationEssentials
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Accounts and memberships, as two tenants", .enabled(if: TestDatabase.isConfigured)) struct AccountTests {
    @Test("What is written is read back, by id and by address in any case") func roundTrip() async throws {
        try await AuthServerHarness.with { server in
            let accounts = server.administration.accounts
            let account = try await server.member("Ann@Example.com", role: "manager", of: server.acme, password: "correct horse battery") {
                $0.profile = Account.Profile(
                    name: "Ann Ünïcode", givenName: "Ann", familyName: "U", picture: "https://a.example/p.png", locale: "de-AT",
                    zoneInfo: "Europe/Vienna")
            }
            let member = try #require(try await accounts.find(email: "aNN@example.COM", in: server.acme.id))
            #expect(member.account == account)
            #expect(member.role.name == "manager" && member.role.rank == 60 && !member.isDisabled)
            #expect(try await accounts.find(account.id) == account)
            #expect(try await accounts.find(email: "ann@example.com") == account)
            #expect(try await accounts.find(account.id, in: server.acme.id)?.account == account)
            #expect(try await accounts.find(email: "anne@example.com") == nil)
            #expect(try await accounts.find(AccountID(UUID())) == nil)
        }
    }

    @Test("A tenant neither sees nor changes the other's accounts") func isolation() async throws {
        try await AuthServerHarness.with { server in
            let accounts = server.administration.accounts
            let account = try await server.member("ann@example.com", of: server.acme, password: "correct horse battery")
            #expect(try await accounts.find(account.id, in: server.globex.id) == nil)
            #expect(try await accounts.find(email: "ann@example.com", in: server.globex.id) == nil)
            #expect(try await accounts.page(in: server.globex.id, after: nil, limit: 10).isEmpty)
            #expect(try await accounts.page(in: server.acme.id, after: nil, limit: 10, search: "ANN").map(\.account) == [account])
            #expect(try await accounts.page(in: server.acme.id, after: nil, limit: 10, search: "bob").isEmpty)
            var stolen = account
            stolen.email = "mine@globex.example"
            let event = AuditEvent("user.changed", by: .operator, on: "user", account.id.description, from: .commandLine)
            #expect(try await accounts.update(stolen, in: server.globex.id, audit: event) == false)
            #expect(try await accounts.setPassword("x", of: account.id, mustChange: false, in: server.globex.id, also: []) == false)
            #expect(try await server.audited(server.globex).allSatisfy { $0.action != "user.changed" })
            for statement: SQL in [
                "SELECT FROM auth.account WHERE id = \(account.id.rawValue)",
                "UPDATE auth.account SET email = 'x@y' WHERE id = \(account.id.rawValue)",
                "DELETE FROM auth.account WHERE id = \(account.id.rawValue)",
                "DELETE FROM auth.membership WHERE account_id = \(account.id.rawValue)",
                "SELECT FROM auth.membership WHERE account_id = \(account.id.rawValue)",
            ] {
                #expect(try await server.database.withTenant(server.globex.id.rawValue).query(statement).affectedRows == 0)
                #expect(try await server.database.query(statement).affectedRows == 0)
            }
            #expect(try await accounts.find(account.id) == account)
        }
    }

    @Test("Whoever joins a second tenant is changed by themselves only") func managingTenant() async throws {
        try await AuthServerHarness.with { server in
            let accounts = server.administration.accounts
            var account = try await server.member("ann@example.com", of: server.acme)
            account.profile.name = "Ann"
            #expect(try await accounts.update(account, in: server.acme.id, audit: nil))
            try await server.administration.members.join(account.id, role: "user", in: server.globex.id, by: .operator)
            #expect(try await accounts.find(account.id)?.managingTenant == nil)
            account.profile.name = "Taken"
            for tenant in [server.acme, server.globex] {
                #expect(try await accounts.update(account, in: tenant.id, audit: nil) == false)
                await #expect(throws: Problem.self) {
                    try await server.administration.members.setPassword(
                        "x", mustChange: false, of: account.id, in: tenant.id, by: .operator)
                }
            }
            #expect(try await accounts.find(account.id)?.profile.name == "Ann")
            #expect(try await accounts.update(account, in: nil, audit: nil))
            #expect(try await accounts.memberships(of: account.id).map(\.tenant.slug.rawValue) == ["acme", "globex"])
            try await server.administration.members.setDisabled(true, account.id, in: server.acme.id, by: .operator)
            #expect(try await accounts.memberships(of: account.id).map(\.tenant.slug.rawValue) == ["globex"])
        }
    }

    @Test("An address is one account's, in whatever case and tenant") func emailTaken() async throws {
        try await AuthServerHarness.with { server in
            _ = try await server.member("ann@example.com", of: server.acme)
            let bob = try await server.member("bob@example.com", of: server.globex)
            let other = Account.new(
                email: "ANN@example.com", isEmailVerified: false, name: nil, passwordHash: nil, managedBy: nil, now: server.clock.now)
            await #expect(throws: EmailTaken.self) {
                try await server.administration.accounts.insert(other, memberOf: (server.globex.id, "user"), audit: nil)
            }
            var renamed = bob
            renamed.email = "Ann@Example.com"
            let changed = renamed
            await #expect(throws: EmailTaken.self) {
                try await server.administration.accounts.update(changed, in: server.globex.id, audit: nil)
            }
            #expect(try await server.administration.accounts.find(other.id) == nil)
            #expect(try await server.administration.accounts.taken(["ann@EXAMPLE.com", "no@example.com"]) == ["ann@EXAMPLE.com"])
        }
    }

    @Test("Two owners who are removed at the same instant: one stays, always") func lastOwner() async throws {
        try await AuthServerHarness.with { server in
            let members = server.administration.members
            for round in 0..<5 {
                let owners = [
                    try await server.member("a\(round)@example.com", role: "owner", of: server.acme),
                    try await server.member("b\(round)@example.com", role: "owner", of: server.acme),
                ]
                let removed = await withTaskGroup(of: Bool.self) { group in
                    for owner in owners {
                        group.addTask { (try? await members.remove(owner.id, from: server.acme.id, by: .operator)) != nil }
                    }
                    return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                // From the second round on there is an owner besides these two.
                #expect(removed <= (round == 0 ? 1 : 2))
                let left = try await members.store.page(in: server.acme.id, after: nil, limit: 100, search: nil, role: "owner")
                #expect(!left.isEmpty)
            }
            let other = try await server.member("o@globex.example", role: "owner", of: server.globex)
            do {
                try await members.setRole("user", of: other.id, in: server.globex.id, by: .operator)
                Issue.record("the last owner was demoted")
            } catch let problem as Problem {
                #expect(problem.kind == .lastOwner)
            }
        }
    }

    @Test("Disabling, removing, a new role and a new password end what the person holds, in this tenant only") func revocations()
        async throws
    {
        try await AuthServerHarness.with { server in
            let members = server.administration.members
            let actions: [(String, (AccountID) async throws -> Void)] = [
                ("user.disabled", { try await members.setDisabled(true, $0, in: server.acme.id, by: .operator) }),
                ("membership.changed", { try await members.setRole("manager", of: $0, in: server.acme.id, by: .operator) }),
                (
                    "user.password_changed",
                    { try await members.setPassword("x", mustChange: true, of: $0, in: server.acme.id, by: .operator) }
                ),
                ("membership.removed", { try await members.remove($0, from: server.acme.id, by: .operator) }),
            ]
            for (action, act) in actions {
                let account = try await server.member("\(UUID().uuidString)@example.com", of: server.acme)
                try await act(account.id)
                #expect(try await server.revoked(server.acme).last == "user \(account.id)")
                let last = try #require(try await server.audited(server.acme).first)
                #expect(last.action == action && last.target == account.id.description)
            }
            #expect(try await server.revoked(server.globex).isEmpty)
        }
    }
}

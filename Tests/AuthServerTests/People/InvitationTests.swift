import FoundationEssentials
import OAuth
import Passwords
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Invitations, as two tenants", .enabled(if: TestDatabase.isConfigured)) struct InvitationTests {
    private static let password = "correct horse battery"

    private static func invitations(_ server: AuthServerHarness) -> Invitations {
        let passwords = NewPassword(
            accounts: server.administration.accounts, hasher: AuthServerHarness.hasher, breached: nil, clock: server.clock)
        return Invitations(database: server.database, passwords: passwords, clock: server.clock)
    }

    private static func invite(_ email: String, role: String = "manager", to tenant: Tenant, _ server: AuthServerHarness) async throws
        -> String
    {
        let sent = SentInvitations(database: server.database, clock: server.clock)
        return try await sent.create(email: email, role: role, in: tenant.id, by: .operator).1.rawValue
    }

    private static func name(_ outcome: Invitations.Outcome) -> String {
        switch outcome {
        case .accepted: "accepted"
        case .gone: "gone"
        case .weak: "weak"
        case .accountExists: "account exists"
        case .otherAccount: "other account"
        case .alreadyMember: "already member"
        }
    }

    private static func accept(
        _ token: String, _ tenant: Tenant, _ server: AuthServerHarness, password: String = password
    ) async throws -> String {
        name(try await invitations(server).accept(token, name: "Ann", password: password, in: tenant, origin: .commandLine))
    }

    @Test("A new person gets an account with the invited address and role, once, in the tenant that invited") func newPerson() async throws
    {
        try await AuthServerHarness.with { server in
            let token = try await Self.invite("ann@example.com", to: server.acme, server)
            let invitations = Self.invitations(server)
            #expect(try await invitations.find(token, in: server.acme.id)?.email == "ann@example.com")
            #expect(try await invitations.find(token, in: server.globex.id) == nil)
            #expect(try await invitations.find(token + "x", in: server.acme.id) == nil)
            #expect(try await Self.accept(token, server.globex, server) == "gone")
            #expect(try await Self.accept(token, server.acme, server, password: "short") == "weak")
            #expect(try await Self.accept(token, server.acme, server, password: "ann ann ann ann") == "weak")
            #expect(try await Self.accept(token, server.acme, server) == "accepted")
            #expect(try await Self.accept(token, server.acme, server) == "gone")
            let member = try #require(
                try await server.administration.accounts.find(email: "ann@example.com", in: server.acme.id))
            #expect(member.role.name == "manager" && member.account.profile.name == "Ann")
            #expect(member.isManaged(by: server.acme.id) && !member.account.isEmailVerified)
            #expect(try await server.audited(server.acme).prefix(2).map(\.action) == ["membership.created", "invitation.accepted"])
        }
    }

    @Test("Of acceptances at the same instant one succeeds, in a loop") func race() async throws {
        try await AuthServerHarness.with { server in
            for round in 0..<5 {
                let token = try await Self.invite("p\(round)@example.com", to: server.acme, server)
                let outcomes = try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<4 { group.addTask { try await Self.accept(token, server.acme, server) } }
                    return try await group.reduce(into: [String]()) { $0.append($1) }
                }
                #expect(outcomes.count { $0 == "accepted" } == 1, "\(outcomes)")
                #expect(outcomes.allSatisfy { ["accepted", "gone", "account exists"].contains($0) })
            }
        }
    }

    @Test("An account that exists accepts for itself, with its own address only") func existing() async throws {
        try await AuthServerHarness.with { server in
            let invitations = Self.invitations(server)
            let ann = try await server.member("ann@example.com", of: server.acme)
            let bob = try await server.member("bob@example.com", of: server.acme)
            let token = try await Self.invite("Ann@Example.com", to: server.globex, server)
            #expect(try await Self.accept(token, server.globex, server) == "account exists")
            func accept(_ account: Account, _ token: String, _ tenant: Tenant) async throws -> String {
                Self.name(try await invitations.accept(token, as: account, in: tenant, origin: .commandLine))
            }
            #expect(try await accept(bob, token, server.globex) == "other account")
            #expect(try await accept(ann, token, server.acme) == "gone")
            #expect(try await accept(ann, token, server.globex) == "accepted")
            #expect(try await accept(ann, token, server.globex) == "gone")
            #expect(try await server.administration.accounts.find(ann.id)?.managingTenant == nil)
            let again = try await Self.invite("ann@example.com", to: server.globex, server)
            #expect(try await accept(ann, again, server.globex) == "already member")
            #expect(try await invitations.find(again, in: server.globex.id) != nil)
        }
    }

    @Test("Withdrawn and expired ones are gone") func gone() async throws {
        try await AuthServerHarness.with { server in
            let sent = SentInvitations(database: server.database, clock: server.clock)
            let (entry, secret) = try await sent.create(email: "ann@example.com", role: "user", in: server.acme.id, by: .operator)
            try await sent.withdraw(entry.id, in: server.acme.id, by: .operator) { _ in }
            #expect(try await Self.accept(secret.rawValue, server.acme, server) == "gone")
            let token = try await Self.invite("bob@example.com", to: server.acme, server)
            server.advance.value = SentInvitations.lifetimeSeconds - 5
            #expect(try await Self.invitations(server).find(token, in: server.acme.id) != nil)
            server.advance.value = SentInvitations.lifetimeSeconds + 1
            #expect(try await Self.accept(token, server.acme, server) == "gone")
        }
    }

    @Test("An invitation is worth what its maker could give at the moment it is accepted") func authority() async throws {
        try await AuthServerHarness.with { server in
            let (acme, members) = (server.acme, server.administration.members)
            let sent = SentInvitations(database: server.database, clock: server.clock)
            for (name, isGood) in [("keep", true), ("demote", false), ("disable", false), ("remove", false)] {
                let inviter = try await server.member("\(name)@example.com", role: "admin", of: acme)
                let role = try #require(try await server.administration.clients.role("admin", in: acme.id))
                let administrator = Administrator(actor: .user(inviter.id), origin: .commandLine, authority: Authority(role))
                let token = try await sent.create(
                    email: "by-\(name)@example.com", role: "manager", in: acme.id, by: administrator
                ).1.rawValue
                switch name {
                case "demote": try await members.setRole("user", of: inviter.id, in: acme.id, by: .operator)
                case "disable": try await members.setDisabled(true, inviter.id, in: acme.id, by: .operator)
                case "remove": try await members.remove(inviter.id, from: acme.id, by: .operator)
                default: break
                }
                #expect(try await Self.accept(token, acme, server) == (isGood ? "accepted" : "gone"), "\(name)")
                #expect(
                    (try await server.administration.accounts.find(email: "by-\(name)@example.com") != nil) == isGood, "\(name)")
            }
            for isGood in [true, false] {
                let id = try #require(ClientID("inviter-\(isGood)"))
                let role = try #require(try await server.administration.clients.role("admin", in: acme.id))
                _ = try await AuthServerHarness.service(id.rawValue, in: acme, server.administration) { $0.role = role }
                let administrator = Administrator(actor: .client(id.rawValue), origin: .commandLine, authority: Authority(role))
                let token = try await sent.create(
                    email: "by-\(id)@example.com", role: "manager", in: acme.id, by: administrator
                ).1.rawValue
                try await server.administration.clientAdministration.setDisabled(!isGood, id, in: acme.id, by: .operator)
                #expect(try await Self.accept(token, acme, server) == (isGood ? "accepted" : "gone"), "\(id)")
            }
        }
    }

    @Test("A new password of one's own ends everything in every tenant") func newPassword() async throws {
        try await AuthServerHarness.with { server in
            let account = try await server.member("ann@example.com", of: server.acme, password: Self.password)
            try await server.join(account, server.globex)
            let current = try #require(try await server.administration.accounts.find(account.id))
            let passwords = NewPassword(
                accounts: server.administration.accounts, hasher: AuthServerHarness.hasher, breached: nil, clock: server.clock)
            #expect(try await passwords.change(Self.password, of: current, origin: .commandLine) == .sameAsBefore)
            #expect(try await passwords.change("short", of: current, origin: .commandLine) == .weak(.tooShort(minimum: 12)))
            guard case .changed(let mark) = try await passwords.change("another horse battery", of: current, origin: .commandLine) else {
                Issue.record("the password was not changed")
                return
            }
            #expect(try await server.administration.accounts.find(current.id)?.passwordMark == mark)
            // Read before that: it would replace a password that it does not know.
            #expect(try await passwords.change("a third horse battery", of: current, origin: .commandLine) == .noSuchAccount)
            for tenant in [server.acme, server.globex] {
                #expect(try await server.revoked(tenant) == ["user \(account.id)"])
                #expect(try await server.audited(tenant).first?.action == "user.password_changed")
            }
        }
    }
}

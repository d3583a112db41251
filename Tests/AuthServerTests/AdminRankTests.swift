import FoundationEssentials
import HTTPTypes
import JSON
import OAuth
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Nobody reaches above their own role", .enabled(if: TestDatabase.isConfigured)) struct AdminRankTests {
    @Test("An admin cannot touch an owner, nor make one; an owner can") func owners() async throws {
        try await AdminHarness.with { admin in
            let acme = admin.server.acme
            let (owner, second) = (
                try await admin.member("o@a.example", role: "owner", of: acme),
                try await admin.member("p@a.example", role: "owner", of: acme)
            )
            let user = try await admin.member("u@a.example", role: "user", of: acme)
            let asAdmin = try await admin.token(acme, role: "admin")
            let attempts: [(HTTPRequest.Method, String, JSONValue?)] = [
                (.patch, "users/\(owner)", ["name": "x"]),
                (.put, "users/\(owner)/password", ["password": "violet kettle drummer 42 moss"]),
                (.post, "users/\(owner)/disable", nil),
                (.post, "users/\(owner)/enable", nil),
                (.delete, "users/\(owner)", nil),
                (.patch, "users/\(owner)/membership", ["role": "user"]),
                (.patch, "users/\(user)/membership", ["role": "owner"]),
                (.post, "users", ["email": "n@a.example", "role": "owner"]),
                (.post, "invitations", ["email": "n@a.example", "role": "owner"]),
                (.post, "revocations", ["user_id": .string(owner.description)]),
                (.post, "roles", ["name": "boss", "rank": 99, "permissions": ["*:read"]]),
                (
                    .post, "clients",
                    ["client_id": "rogue", "grant_types": ["client_credentials"], "scope": "*:*", "role": "owner"]
                ),
            ]
            for (method, path, body) in attempts {
                let answer = try await admin.send(method, path, in: acme, token: asAdmin, body)
                #expect(answer.status == .forbidden, "\(method) \(path)")
                #expect(AdminHarness.kind(answer) == "beyond-authority", "\(method) \(path)")
            }
            #expect(try await admin.members.store.find(owner, in: acme.id)?.membership.isDisabled == false)
            #expect(try await admin.send(.patch, "users/\(user)/membership", in: acme, token: asAdmin, ["role": "admin"]).status == .ok)
            let asOwner = try await admin.token(acme)
            #expect(try await admin.send(.post, "users/\(second)/disable", in: acme, token: asOwner).status == .ok)
            #expect(AdminHarness.kind(try await admin.send(.delete, "users/\(owner)", in: acme, token: asOwner)) == "last-owner")
        }
    }

    @Test("A role of one's own rank with more permissions is out of reach, and so is a client with more scopes") func permissions()
        async throws
    {
        try await AdminHarness.with { admin in
            let acme = admin.server.acme
            let owner = try await admin.token(acme)
            let helper: JSONValue = [
                "name": "helpdesk", "rank": 50, "permissions": ["customers:read", "admin:users", "admin:roles", "admin:clients"],
            ]
            #expect(try await admin.send(.post, "roles", in: acme, token: owner, helper).status == .created)
            #expect(
                try await admin.send(.post, "roles", in: acme, token: owner, ["name": "buyer", "rank": 50, "permissions": ["orders:*"]])
                    .status
                    == .created)
            let buyer = try await admin.member("b@a.example", role: "buyer", of: acme)
            let token = try await admin.token(acme, role: "helpdesk")
            let forbidden: [(HTTPRequest.Method, String, JSONValue?)] = [
                (.put, "users/\(buyer)/password", ["password": "violet kettle drummer 42 moss"]),
                (.post, "users", ["email": "x@a.example", "role": "buyer"]),
                (.post, "roles", ["name": "more", "rank": 50, "permissions": ["orders:read"]]),
                (.post, "roles", ["name": "more", "rank": 10, "permissions": ["*:read"]]),
                (.post, "roles", ["name": "more", "rank": 10, "permissions": ["admin:*"]]),
                (.post, "roles", ["name": "more", "rank": 51, "permissions": ["customers:read"]]),
                (.patch, "roles/buyer", ["permissions": ["customers:read"]]),
                (.delete, "roles/buyer", nil),
                (.post, "clients", ["grant_types": ["client_credentials"], "scope": "orders:read"]),
                (.post, "clients", ["grant_types": ["client_credentials"], "scope": "admin:keys"]),
                (.post, "clients/acme-service/secret", [:]),
                (.patch, "clients/acme-service", ["client_name": "mine"]),
            ]
            for (method, path, body) in forbidden {
                let answer = try await admin.send(method, path, in: acme, token: token, body)
                #expect(AdminHarness.kind(answer) == "beyond-authority", "\(method) \(path) \(answer.json)")
            }
            let fine: JSONValue = ["name": "less", "rank": 50, "permissions": ["customers:read"]]
            #expect(try await admin.send(.post, "roles", in: acme, token: token, fine).status == .created)
            let client: JSONValue = ["grant_types": ["client_credentials"], "scope": "customers:read openid"]
            #expect(try await admin.send(.post, "clients", in: acme, token: token, client).status == .created)
        }
    }

    @Test("A client without a role grants none") func withoutRole() async throws {
        try await AdminHarness.with { admin in
            let acme = admin.server.acme
            let token = try await admin.token(acme, role: nil)
            #expect(try await admin.send(.get, "users", in: acme, token: token).status == .ok)
            for role in ["readonly", "user", "owner"] {
                let answer = try await admin.send(.post, "users", in: acme, token: token, ["email": "x@a.example", "role": .string(role)])
                #expect(AdminHarness.kind(answer) == "beyond-authority")
            }
        }
    }

    @Test("Two owners who demote each other at the same instant: one remains, every time") func race() async throws {
        try await AdminHarness.with { admin in
            let acme = admin.server.acme
            let token = try await admin.token(acme)
            var survivor = try await admin.member("first@a.example", role: "owner", of: acme)
            for round in 0..<8 {
                let pair = [survivor, try await admin.member("b\(round)@a.example", role: "owner", of: acme)]
                let codes = try await withThrowingTaskGroup(of: Int.self) { group in
                    for id in pair {
                        group.addTask {
                            try await admin.send(.patch, "users/\(id)/membership", in: acme, token: token, ["role": "user"]).status.code
                        }
                    }
                    return try await group.reduce(into: [Int]()) { $0.append($1) }.sorted()
                }
                #expect(codes == [200, 409], "round \(round)")
                let owners = try await admin.members.store.page(in: acme.id, after: nil, limit: 100, search: nil, role: "owner")
                #expect(owners.count == 1)
                survivor = try #require(owners.first).id
            }
        }
    }
}

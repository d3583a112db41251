import FoundationEssentials
import HTTPTypes
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("What people hold, as administrators take it back", .enabled(if: TestDatabase.isConfigured)) struct AdminHoldingTests {
    private static func world(_ body: @Sendable @escaping (AuthorizationWorld, AdminHarness) async throws -> Void) async throws {
        try await AuthorizationWorld.with { world in
            try await body(world, AdminHarness(server: world.server, system: world.server.globex))
        }
    }

    @Test("Grants are paged through, and revoked by the ids that are listed") func grants() async throws {
        try await Self.world { world, admin in
            let (acme, globex) = (world.server.acme, world.server.globex)
            for _ in 0..<3 { #expect(try await world.code(TestBrowser(world.server), "acme-trusted").answer["code"] != nil) }
            let (token, other) = (try await admin.token(acme), try await admin.token(globex))
            var (ids, path): ([String], String?) = ([], "grants?limit=1")
            while let next = path, ids.count < 10 {
                let page = try await admin.send(.get, next, in: acme, token: token)
                #expect(page.status == .ok)
                ids += page.json["items"]?.arrayValue?.compactMap { $0.objectValue?["id"]?.stringValue } ?? []
                path = page.json["next"]?.stringValue.map { String($0.dropFirst("https://id.example/t/acme/admin/v1/".count)) }
            }
            #expect(ids.count == 3 && Set(ids).count == 3 && ids.allSatisfy { GrantID($0) != nil })
            let bare = try #require(GrantID(ids[0])).id.uuidString.lowercased()
            for wrong in [bare, "x", "1.\(bare)", "1." + ids[0]] {
                #expect(try await admin.send(.delete, "grants/\(wrong)", in: acme, token: token).status == .notFound, "\(wrong)")
            }
            #expect(try await admin.send(.delete, "grants/\(ids[0])", in: globex, token: other).status == .notFound)
            #expect(
                try await admin.send(.post, "revocations", in: globex, token: other, ["grant_id": .string(ids[0])]).status == .notFound)
            #expect(try await admin.send(.delete, "grants/\(ids[0])", in: acme, token: token).status == .noContent)
            #expect(
                try await admin.send(.post, "revocations", in: acme, token: token, ["grant_id": .string(ids[1])]).status == .noContent)
            #expect(
                try await admin.send(.post, "revocations", in: acme, token: token, ["grant_id": .string(bare)]).status == .badRequest)
            #expect(try await world.server.revoked(acme) == ids.prefix(2).map { "grant \($0)" })
            let left = try await admin.send(.get, "grants", in: acme, token: token).json["items"]?.arrayValue
            #expect(left?.compactMap { $0.objectValue?["id"]?.stringValue } == [ids[2]])
        }
    }

    @Test("Requiring a second factor ends what was granted without one, in this tenant, once") func stricter() async throws {
        try await Self.world { world, admin in
            let (acme, globex) = (world.server.acme, world.server.globex)
            for _ in 0..<2 { _ = try await world.code(TestBrowser(world.server), "acme-trusted") }
            _ = try await world.code(TestBrowser(world.server), "globex-trusted", email: "gus@globex.example")
            let token = try await admin.token(acme)
            let ids = try await HoldingStore(database: world.server.database).grants(
                of: .anybody, in: acme.id, after: nil, limit: 10, now: world.server.clock.now
            ).map(\.id)
            try #require(ids.count == 2)
            _ = try await world.server.database.withTenant(acme.id.rawValue).query(
                "UPDATE auth.access_grant SET methods = '{pwd,otp,mfa}' WHERE tenant_id = \(acme.id.rawValue) AND id = \(ids[1].id)")
            for body in [["password_minimum_length": 13], ["requires_second_factor": true], ["requires_second_factor": true]]
                as [JSONValue]
            {
                #expect(try await admin.send(.patch, "settings", in: acme, token: token, body).status == .ok)
            }
            #expect(try await world.server.revoked(acme) == ["grant \(ids[0])"])
            #expect(try await world.server.revoked(globex).isEmpty)
            let left = try await HoldingStore(database: world.server.database).grants(
                of: .anybody, in: acme.id, after: nil, limit: 10, now: world.server.clock.now
            ).map(\.id)
            #expect(left == [ids[1]])
        }
    }

    @Test("Other keys of a client end its tokens") func keys() async throws {
        try await AdminHarness.with { admin in
            let acme = admin.server.acme
            let token = try await admin.token(acme)
            let made = try await admin.send(
                .post, "clients", in: acme, token: token,
                [
                    "client_id": "jwt", "grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt",
                    "jwks_uri": "https://a.example/keys",
                ])
            #expect(made.status == .created)
            for (uri, count) in [("https://a.example/keys", 0), ("https://b.example/keys", 1)] {
                let body: JSONValue = ["jwks_uri": .string(uri), "client_name": "N"]
                #expect(try await admin.send(.patch, "clients/jwt", in: acme, token: token, body).status == .ok)
                #expect(try await admin.server.revoked(acme).count { $0 == "client jwt" } == count, "\(uri)")
            }
        }
    }

    @Test("If-Match holds for passwords, secrets and switching on and off too") func preconditions() async throws {
        try await AdminHarness.with { admin in
            let acme = admin.server.acme
            let (token, platform) = (try await admin.token(acme), try await admin.token(admin.system))
            let id = try await admin.member("ann@a.example", role: "user", of: acme)
            let requests: [(method: HTTPRequest.Method, path: String, resource: String, body: JSONValue?, tenant: Tenant)] = [
                (.put, "users/\(id)/password", "users/\(id)", ["password": "violet kettle drummer 42 moss"], acme),
                (.post, "users/\(id)/disable", "users/\(id)", nil, acme), (.post, "users/\(id)/enable", "users/\(id)", nil, acme),
                (.post, "clients/acme-service/secret", "clients/acme-service", [:], acme),
                (.post, "clients/acme-service/disable", "clients/acme-service", nil, acme),
                (.post, "clients/acme-service/enable", "clients/acme-service", nil, acme),
                (.post, "tenants/globex/disable", "tenants/globex", nil, admin.system),
                (.post, "tenants/globex/enable", "tenants/globex", nil, admin.system),
            ]
            for (method, path, resource, body, tenant) in requests {
                let bearer = tenant.id == acme.id ? token : platform
                let tag = try #require(try await admin.send(.get, resource, in: tenant, token: bearer).headers[.eTag])
                let stale = try await admin.send(method, path, in: tenant, token: bearer, body, headers: [.ifMatch: "\"other\""])
                #expect(stale.status == .preconditionFailed, "\(path)")
                #expect(try await admin.send(.get, resource, in: tenant, token: bearer).headers[.eTag] == tag, "\(path)")
                let done = try await admin.send(method, path, in: tenant, token: bearer, body, headers: [.ifMatch: tag])
                #expect((200...204).contains(done.status.code), "\(path)")
            }
        }
    }
}

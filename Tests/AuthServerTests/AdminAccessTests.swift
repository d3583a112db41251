import FoundationEssentials
import HTTPTypes
import JSON
import OAuth
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("The admin API opens to tokens of its tenant with its scopes", .enabled(if: TestDatabase.isConfigured)) struct AdminAccessTests {
    @Test("Every route refuses no token, a bad one, another tenant's, a smaller scope, a wildcard, and other methods") func table()
        async throws
    {
        try await AdminHarness.with { admin in
            #expect(AdminHarness.routes.count > 40)
            let foreign = try await admin.token(admin.server.globex)
            for tenant in [admin.server.acme, admin.system] {
                let wildcard = try await admin.token(tenant, scope: "*:* *:read *:write")
                var narrow: [String: String] = [:]
                for scope in AdminScope.allCases { narrow[scope.rawValue] = try await admin.token(tenant, scope: scope.scope) }
                for route in AdminHarness.routes {
                    let (path, body) = (route.filled(), route.body == nil ? nil : JSONValue.object([:]))
                    func status(_ token: String?) async throws -> AuthServerHarness.Answer {
                        try await admin.send(route.method, path, in: tenant, token: token, body)
                    }
                    let none = try await status(nil)
                    #expect(none.status == .unauthorized, "\(route.name)")
                    #expect(none.headers[.wwwAuthenticate] == #"Bearer realm="admin""#, "\(route.name)")
                    for bad in ["x", foreign, "spcs_x", foreign + "x"] {
                        let answer = try await status(bad)
                        #expect(answer.status == .unauthorized, "\(route.name)")
                        #expect(answer.headers[.wwwAuthenticate]?.contains(#"error="invalid_token""#) == true)
                    }
                    for scope in AdminScope.allCases where !route.scopes.contains(scope) {
                        let answer = try await status(narrow[scope.rawValue])
                        #expect(answer.status == .forbidden, "\(route.name) with \(scope)")
                        #expect(AdminHarness.kind(answer) == "insufficient-scope")
                        #expect(answer.headers[.wwwAuthenticate]?.contains(#"scope="\#(route.scope.scope)""#) == true)
                    }
                    #expect(try await status(wildcard).status == .forbidden, "\(route.name) with *:*")
                    if route.method == .get {
                        for scope in route.scopes where !route.isPlatform || tenant.slug == .system {
                            let answer = try await status(narrow[scope.rawValue])
                            #expect([.ok, .notFound].contains(answer.status), "\(route.name) with \(scope)")
                        }
                    }
                }
            }
        }
    }

    @Test("Other methods are answered 405 with Allow, other paths 404, both as problems") func methods() async throws {
        try await AdminHarness.with { admin in
            let token = try await admin.token(admin.server.acme)
            let all: [HTTPRequest.Method] = [.get, .post, .put, .patch, .delete]
            for (path, routes) in Dictionary(grouping: AdminHarness.routes, by: \.path) {
                for method in all where !routes.contains(where: { $0.method == method }) {
                    let answer = try await admin.send(method, routes[0].filled(), in: admin.server.acme, token: token)
                    #expect(answer.status == .methodNotAllowed, "\(method) \(path)")
                    for route in routes { #expect(answer.headers[.allow]?.contains(route.method.rawValue) == true) }
                }
            }
            for path in ["nothing", "users/a/b/c", "tenants/acme/users"] {
                #expect(try await admin.send(.get, path, in: admin.server.acme, token: token).status == .notFound)
            }
        }
    }

    @Test("A token counts in the header only, once, as a bearer token") func header() async throws {
        try await AdminHarness.with { admin in
            let token = try await admin.token(admin.server.acme)
            let acme = admin.server.acme
            #expect(try await admin.send(.get, "roles", in: acme, token: token).status == .ok)
            #expect(try await admin.send(.get, "roles?access_token=\(token)", in: acme, token: nil).status == .unauthorized)
            for header in ["Basic \(token)", "Bearer", "Bearer ", "Bearer \(token) x", token] {
                let answer = try await admin.send(.get, "roles", in: acme, token: nil, headers: [.authorization: header])
                #expect(answer.status == .unauthorized, "\(header.prefix(8))")
            }
            var twice = HTTPFields()
            twice.append(HTTPField(name: .authorization, value: "Bearer \(token)"))
            twice.append(HTTPField(name: .authorization, value: "Bearer \(token)"))
            #expect(try await admin.send(.get, "roles", in: acme, token: nil, headers: twice).status == .unauthorized)
            #expect(try await admin.send(.get, "roles", in: acme, token: nil, headers: [.authorization: "bearer \(token)"]).status == .ok)
        }
    }

    @Test("Tenants are reached in the platform's own tenant only") func platform() async throws {
        try await AdminHarness.with { admin in
            let (inside, outside) = (try await admin.token(admin.system), try await admin.token(admin.server.acme))
            #expect(try await admin.send(.get, "tenants", in: admin.server.acme, token: outside).status == .notFound)
            let list = try await admin.send(.get, "tenants?limit=2", in: admin.system, token: inside)
            #expect(list.json["items"]?.arrayValue?.compactMap { $0.objectValue?["tenant"]?.stringValue } == ["acme", "globex"])
            #expect(try await admin.send(.get, "users", in: admin.server.acme, token: inside).status == .unauthorized)

            let created = try await admin.send(
                .post, "tenants", in: admin.system, token: inside, ["tenant": "initech", "name": "Initech", "color": "#00ff00"])
            #expect(created.status == .created)
            #expect(created.headers[.location] == "https://id.example/t/system/admin/v1/tenants/initech")
            #expect(created.json["color"] == "#00ff00")
            #expect(try await admin.server.get("/t/initech/oauth2/jwks").status == .ok)
            #expect(
                AdminHarness.kind(try await admin.send(.post, "tenants", in: admin.system, token: inside, ["tenant": "initech"]))
                    == "conflict")
            let bad = try await admin.send(.post, "tenants", in: admin.system, token: inside, ["tenant": "-x"])
            #expect(bad.status == .badRequest && bad.json["pointer"] == "/tenant")
            let audit = AuditStore(database: admin.server.administration.database)
            #expect(try await audit.page(.init(actionPrefix: "tenant.created"), in: admin.system.id, before: nil, limit: 9).count == 2)

            #expect(try await admin.send(.post, "tenants/initech/disable", in: admin.system, token: inside).json["disabled"] == true)
            try await admin.server.eventually("the tenant is gone") {
                try await admin.server.get("/t/initech/oauth2/jwks").status == .notFound
            }
            #expect(try await admin.send(.post, "tenants/initech/enable", in: admin.system, token: inside).json["disabled"] == false)
            #expect(AdminHarness.kind(try await admin.send(.post, "tenants/system/disable", in: admin.system, token: inside)) == "conflict")
            let patched = try await admin.send(.patch, "tenants/acme", in: admin.system, token: inside, ["password_minimum_length": 20])
            #expect(patched.json["password_minimum_length"] == 20)
        }
    }

    @Test("A client whose role is taken away, or that is disabled, administers no more") func current() async throws {
        try await AdminHarness.with { admin in
            let acme = admin.server.acme
            let token = try await admin.token(acme, id: "ops")
            let id = try #require(ClientID("ops"))
            #expect(try await admin.send(.get, "roles", in: acme, token: token).status == .ok)
            try await admin.server.administration.clientAdministration.setDisabled(true, id, in: acme.id, by: .operator)
            try await admin.server.eventually("the token is dead") {
                try await admin.send(.get, "roles", in: acme, token: token).status == .unauthorized
            }
        }
    }
}

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

@Suite("The admin API's resources", .enabled(if: TestDatabase.isConfigured)) struct AdminResourceTests {
    @Test("A user is made, read, changed, disabled and removed, in one tenant and not in the other") func users() async throws {
        try await AdminHarness.with { admin in
            let (acme, globex) = (admin.server.acme, admin.server.globex)
            let (token, other) = (try await admin.token(acme), try await admin.token(globex))
            let created = try await admin.send(
                .post, "users", in: acme, token: token,
                ["email": "Ann@a.example", "name": "Ann", "role": "user", "password": "violet kettle drummer 42 moss"])
            #expect(created.status == .created)
            let id = try #require(created.json["id"]?.stringValue)
            #expect(created.headers[.location] == "https://id.example/t/acme/admin/v1/users/\(id)")
            #expect(created.json["must_change_password"] == true && created.json["managed"] == true && created.json["has_password"] == true)
            #expect(created.json["password"] == nil)

            let taken = try await admin.send(.post, "users", in: globex, token: other, ["email": "ann@A.example", "role": "user"])
            #expect(taken.status == .conflict && AdminHarness.kind(taken) == "email-taken")
            for path in ["users/\(id)", "users/\(id)/membership", "users/\(id)/tokens", "users/not-an-id"] {
                #expect(try await admin.send(.get, path, in: globex, token: other).status == .notFound, "\(path)")
            }
            #expect(try await admin.send(.delete, "users/\(id)", in: globex, token: other).status == .notFound)
            #expect(try await admin.send(.patch, "users/\(id)", in: globex, token: other, ["name": "x"]).status == .notFound)

            let patched = try await admin.send(
                .patch, "users/\(id)", in: acme, token: token,
                ["name": .null, "given_name": "Ann", "email": "ann@b.example", "email_verified": true])
            #expect(patched.json["name"] == nil && patched.json["given_name"] == "Ann" && patched.json["email"] == "ann@b.example")
            #expect(try await admin.send(.post, "users/\(id)/disable", in: acme, token: token).json["disabled"] == true)
            #expect(try await admin.send(.post, "users/\(id)/enable", in: acme, token: token).json["disabled"] == false)
            #expect(
                try await admin.send(.patch, "users/\(id)/membership", in: acme, token: token, ["role": "manager"]).json["role"]
                    == "manager")
            #expect(try await admin.send(.get, "users?search=ANN", in: acme, token: token).json["items"]?.arrayValue?.count == 1)
            #expect(try await admin.send(.get, "users?search=%25", in: acme, token: token).json["items"]?.arrayValue?.count == 0)
            #expect(try await admin.send(.delete, "users/\(id)", in: acme, token: token).status == .noContent)
            #expect(try await admin.send(.get, "users/\(id)", in: acme, token: token).status == .notFound)
            // The account went with its only membership.
            #expect(
                try await admin.send(.post, "users", in: globex, token: other, ["email": "ann@b.example", "role": "user"]).status
                    == .created)

            let actions = try await AuditStore(database: admin.server.administration.database)
                .page(.init(targetKind: "user", targetID: id), in: acme.id, before: nil, limit: 100)
            #expect(
                actions.map(\.action) == [
                    "membership.removed", "membership.changed", "user.enabled", "user.disabled", "user.changed", "user.created",
                ])
            #expect(actions.allSatisfy { $0.actorKind == "client" && !$0.requestID.isEmpty })
        }
    }

    @Test("An account in two tenants is neither's to change; its membership is") func shared() async throws {
        try await AdminHarness.with { admin in
            let (acme, globex) = (admin.server.acme, admin.server.globex)
            let token = try await admin.token(acme)
            let id = try await admin.member("both@a.example", role: "user", of: acme)
            _ = try await admin.server.administration.database.withTenant(globex.id.rawValue).query(
                "INSERT INTO auth.membership (tenant_id, account_id, role_name) VALUES (\(globex.id.rawValue), \(id.rawValue), 'user')")
            for (method, path, body) in [
                (HTTPRequest.Method.patch, "users/\(id)", ["name": "x"] as JSONValue),
                (.put, "users/\(id)/password", ["password": "violet kettle drummer 42 moss"]),
            ] {
                let answer = try await admin.send(method, path, in: acme, token: token, body)
                #expect(answer.status == .forbidden && AdminHarness.kind(answer) == "account-not-managed", "\(path)")
            }
            #expect(try await admin.send(.get, "users/\(id)", in: acme, token: token).json["managed"] == false)
            #expect(try await admin.send(.post, "users/\(id)/disable", in: acme, token: token).status == .ok)
            #expect(try await admin.members.store.find(id, in: globex.id)?.membership.isDisabled == false)
            #expect(try await admin.send(.delete, "users/\(id)", in: acme, token: token).status == .noContent)
            #expect(try await admin.members.store.find(id, in: globex.id) != nil)
        }
    }

    @Test("A weak password is 422, and a strong one ends what the user holds") func passwords() async throws {
        try await AdminHarness.with { admin in
            let acme = admin.server.acme
            let token = try await admin.token(acme)
            let id = try await admin.member("ann@a.example", role: "user", of: acme)
            for weak in ["short", "password1234", "ann@a.example"] {
                let answer = try await admin.send(.put, "users/\(id)/password", in: acme, token: token, ["password": .string(weak)])
                #expect(answer.status == .unprocessableContent && AdminHarness.kind(answer) == "password-policy", "\(weak)")
                #expect(answer.json["pointer"] == "/password")
                #expect(answer.json["detail"]?.stringValue?.contains(weak) == false || weak == "short")
            }
            #expect(
                try await admin.send(.put, "users/\(id)/password", in: acme, token: token, ["password": "violet kettle drummer 42 moss"])
                    .status
                    == .noContent)
            #expect(try await revocations("user", id.description, admin, acme) == 1)
            #expect(try await revocations("user", id.description, admin, admin.server.globex) == 0)
        }
    }

    @Test("Bodies are strict: what is unknown, missing, of the wrong type or out of range is named") func bodies() async throws {
        try await AdminHarness.with { admin in
            let token = try await admin.token(admin.server.acme)
            let cases: [(String, String?)] = [
                (#"{"email":"x@a.example","role":"user","admin":true}"#, "/admin"),
                (#"{"role":"user"}"#, "/email"),
                (#"{"email":"x@a.example","role":7}"#, "/role"),
                (#"{"email":"x@a.example","role":"user","email_verified":"yes"}"#, "/email_verified"),
                (#"{"email":"x@a.example","role":"nobody"}"#, "/role"),
                (#"{"email":"x@a.example","role":"user","name":""}"#, "/name"),
                (#"{"email":"x\u0000@a.example","role":"user"}"#, "/email"),
                (#"{"email":"x@a.example","email":"y@a.example","role":"user"}"#, nil),
                (#"{"email":"x@a.example","role":"user"} x"#, nil), ("[]", ""), ("", nil), ("{", nil),
                (#"{"email":"no address","role":"user"}"#, "/email"),
            ]
            for (body, pointer) in cases {
                let answer = try await admin.server.execute(
                    "/t/acme/admin/v1/users", .post, [.authorization: "Bearer \(token)", .contentType: "application/json"], body)
                #expect(answer.status == .badRequest, "\(body)")
                #expect(answer.json["pointer"]?.stringValue == pointer, "\(body)")
                #expect(answer.headers[.contentType] == "application/problem+json")
            }
            let form = try await admin.server.execute(
                "/t/acme/admin/v1/users", .post,
                [.authorization: "Bearer \(token)", .contentType: "application/x-www-form-urlencoded"], "email=x")
            #expect(form.status == .unsupportedMediaType)
            let large = try await admin.server.execute(
                "/t/acme/admin/v1/users", .post, [.authorization: "Bearer \(token)", .contentType: "application/json"],
                "\"" + String(repeating: "a", count: 300_000) + "\"")
            #expect(large.status == .contentTooLarge && AdminHarness.kind(large) == "too-large")
            for query in ["limit=0", "limit=201", "limit=x", "limit=5&limit=5", "nothing=1", "after=%21", "after=eA", "search=%ff"] {
                #expect(try await admin.send(.get, "users?\(query)", in: admin.server.acme, token: token).status == .badRequest, "\(query)")
            }
        }
    }

    @Test("Entity tags: 304 for what is known, 412 for what has changed") func entityTags() async throws {
        try await AdminHarness.with { admin in
            let acme = admin.server.acme
            let token = try await admin.token(acme)
            let id = try await admin.member("ann@a.example", role: "user", of: acme)
            _ = try await admin.send(
                .post, "roles", in: acme, token: token, ["name": "support", "rank": 10, "permissions": ["customers:read"]])
            let changes: [(path: String, body: JSONValue)] = [
                ("users/\(id)", ["name": "Ann"]), ("users/\(id)/membership", ["role": "manager"]), ("roles/support", ["rank": 11]),
                ("clients/acme-service", ["client_name": "new"]), ("settings", ["password_minimum_length": 20]),
            ]
            for (path, body) in changes {
                let tag = try #require(try await admin.send(.get, path, in: acme, token: token).headers[.eTag])
                #expect(try await admin.send(.get, path, in: acme, token: token, headers: [.ifNoneMatch: tag]).status == .notModified)
                let stale = try await admin.send(.patch, path, in: acme, token: token, body, headers: [.ifMatch: "\"other\""])
                #expect(stale.status == .preconditionFailed, "\(path)")
                let changed = try await admin.send(.patch, path, in: acme, token: token, body, headers: [.ifMatch: "\"x\", \(tag)"])
                #expect(changed.status == .ok, "\(path)")
                let newTag = try #require(changed.headers[.eTag])
                #expect(newTag != tag)
                #expect(try await admin.send(.get, path, in: acme, token: token).headers[.eTag] == newTag)
                #expect(
                    try await admin.send(.patch, path, in: acme, token: token, body, headers: [.ifMatch: tag]).status == .preconditionFailed
                )
                #expect(try await admin.send(.patch, path, in: acme, token: token, body, headers: [.ifMatch: "*"]).status == .ok)
            }
            for path in ["users/\(id)", "roles/support", "clients/acme-service"] {
                #expect(
                    try await admin.send(.delete, path, in: acme, token: token, headers: [.ifMatch: "\"x\""]).status == .preconditionFailed)
            }
        }
    }

    @Test("Pages hold every row once, in order, and end") func pages() async throws {
        try await AdminHarness.with { admin in
            let acme = admin.server.acme
            let token = try await admin.token(acme)
            var expected: [String: Int] = ["users": 0, "clients": 2, "roles": 5, "invitations": 0]
            for number in 0..<7 {
                _ = try await admin.member("u\(number)@a.example", role: "user", of: acme)
                _ = try await AuthServerHarness.service("client-\(number)", in: acme, admin.server.administration)
                _ = try await admin.send(
                    .post, "roles", in: acme, token: token, ["name": .string("r\(number)"), "rank": 1, "permissions": []])
                _ = try await admin.send(
                    .post, "invitations", in: acme, token: token, ["email": .string("i\(number)@a.example"), "role": "user"])
            }
            for key in expected.keys { expected[key, default: 0] += 7 }
            for (collection, count) in expected {
                var (path, seen, pages): (String?, [JSONValue], Int) = ("\(collection)?limit=3", [], 0)
                while let current = path {
                    let page = try await admin.send(.get, current, in: acme, token: token)
                    seen += page.json["items"]?.arrayValue ?? []
                    pages += 1
                    path = page.json["next"]?.stringValue.map { String($0.dropFirst("https://id.example/t/acme/admin/v1/".count)) }
                    if let next = page.json["next"]?.stringValue {
                        #expect(page.headers[HTTPField.Name("Link") ?? .location] == "<\(next)>; rel=\"next\"")
                    }
                    if pages > 10 { break }
                }
                #expect(seen.count == count && Set(seen).count == count, "\(collection)")
                #expect(pages == (count + 2) / 3, "\(collection)")
            }
            let audit = try await admin.send(.get, "audit-events?limit=5&action=role.", in: acme, token: token)
            #expect(audit.json["items"]?.arrayValue?.allSatisfy { $0.objectValue?["action"] == "role.created" } == true)
            #expect(audit.json["next"]?.stringValue?.contains("action=role.") == true)
        }
    }

    @Test("A client's secret is shown once; changing what it may do ends its tokens") func clients() async throws {
        try await AdminHarness.with { admin in
            let (acme, globex) = (admin.server.acme, admin.server.globex)
            let (token, other) = (try await admin.token(acme), try await admin.token(globex))
            let created = try await admin.send(
                .post, "clients", in: acme, token: token,
                [
                    "client_id": "reports", "client_name": "Reports", "grant_types": ["client_credentials"],
                    "scope": "customers:read orders:read",
                ])
            #expect(created.status == .created && created.headers[.eTag] == nil)
            let secret = try #require(created.json["client_secret"]?.stringValue)
            let read = try await admin.send(.get, "clients/reports", in: acme, token: token)
            #expect(read.json["client_secret"] == nil && read.json["scope"] == "customers:read orders:read")
            func issue(_ secret: String) async throws -> AuthServerHarness.Answer {
                try await admin.server.post(
                    "/t/acme/oauth2/token", "grant_type=client_credentials", headers: admin.server.basic("reports", secret: secret))
            }
            try await admin.server.eventually("the client works") { try await issue(secret).status == .ok }
            #expect(
                AdminHarness.kind(
                    try await admin.send(
                        .post, "clients", in: globex, token: other, ["client_id": "reports", "grant_types": ["client_credentials"]]))
                    == "conflict")
            for method in [HTTPRequest.Method.get, .delete] {
                #expect(try await admin.send(method, "clients/reports", in: globex, token: other).status == .notFound)
            }
            #expect(try await admin.send(.post, "clients/reports/secret", in: globex, token: other, [:]).status == .notFound)

            #expect(try await admin.send(.patch, "clients/reports", in: acme, token: token, ["client_name": "R"]).status == .ok)
            #expect(try await revocations("client", "reports", admin, acme) == 0)
            #expect(try await admin.send(.patch, "clients/reports", in: acme, token: token, ["scope": "customers:read"]).status == .ok)
            #expect(try await revocations("client", "reports", admin, acme) == 1)

            let rotated = try await admin.send(.post, "clients/reports/secret", in: acme, token: token, ["overlap": 0])
            let second = try #require(rotated.json["client_secret"]?.stringValue)
            #expect(try await revocations("client", "reports", admin, acme) == 2)
            try await admin.server.eventually("the new secret works") { try await issue(second).status == .ok }
            #expect(try await issue(secret).status == .unauthorized)

            for body in [
                ["client_id": .string(UUID().uuidString), "grant_types": ["client_credentials"]], ["grant_types": []],
                ["grant_types": ["authorization_code"]], ["grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"],
                ["grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt"],
                ["grant_types": ["authorization_code"], "redirect_uris": ["http://evil.example/"]],
                ["grant_types": ["client_credentials"], "scope": "a  b"], ["grant_types": ["client_credentials"], "role": "nobody"],
                ["client_id": "a:b", "grant_types": ["client_credentials"]],
            ] as [JSONValue] {
                let answer = try await admin.send(.post, "clients", in: acme, token: token, body)
                #expect(
                    answer.status == .badRequest && answer.json["pointer"] != nil, "\(String(decoding: body.serialized(), as: UTF8.self))")
            }
            #expect(try await admin.send(.delete, "clients/reports", in: acme, token: token).status == .noContent)
            try await admin.server.eventually("the client is gone") { try await issue(second).status == .unauthorized }
            #expect(try await admin.send(.get, "clients/reports/tokens", in: acme, token: token).status == .notFound)
        }
    }

    @Test("A revoked access token is dead at once, by itself, its client or its tenant; another tenant's lives") func revoking()
        async throws
    {
        try await AdminHarness.with { admin in
            let (acme, globex) = (admin.server.acme, admin.server.globex)
            let (token, other) = (try await admin.token(acme), try await admin.token(globex))
            func isAlive(_ candidate: String, _ tenant: Tenant) async throws -> Bool {
                try await admin.send(.get, "roles", in: tenant, token: candidate).status == .ok
            }
            let single = try await admin.token(acme, id: "single")
            for body in [
                ["token": "x"], ["token": .string(other)], [:], ["everything": false], ["token": .string(single), "everything": true],
            ] as [JSONValue] {
                #expect(try await admin.send(.post, "revocations", in: acme, token: token, body).status == .badRequest)
            }
            #expect(try await admin.send(.post, "revocations", in: acme, token: token, ["token": .string(single)]).status == .noContent)
            try await admin.server.eventually("the token is dead") { try await !isAlive(single, acme) }
            let owned = try await admin.token(acme, id: "owned")
            #expect(try await admin.send(.post, "revocations", in: globex, token: other, ["client_id": "owned"]).status == .notFound)
            #expect(try await isAlive(owned, acme))
            #expect(try await admin.send(.post, "revocations", in: acme, token: token, ["client_id": "owned"]).status == .noContent)
            try await admin.server.eventually("the client's token is dead") { try await !isAlive(owned, acme) }
            #expect(try await isAlive(token, acme))
            for body in [
                ["user_id": .string(UUID().uuidString)], ["session_id": .string(UUID().uuidString)],
                ["grant_id": .string("700.\(UUID().uuidString.lowercased())")],
            ] as [JSONValue] {
                #expect(try await admin.send(.post, "revocations", in: acme, token: token, body).status == .notFound)
            }
            #expect(try await admin.send(.post, "revocations", in: acme, token: token, ["everything": true]).status == .noContent)
            try await admin.server.eventually("every token is dead") { try await !isAlive(token, acme) }
            #expect(try await isAlive(other, globex))
        }
    }

    @Test("Keys are listed without their private halves, and rotate") func keys() async throws {
        try await AdminHarness.with { admin in
            let acme = admin.server.acme
            let token = try await admin.token(acme)
            let before = try await admin.send(.get, "keys", in: acme, token: token)
            #expect(before.json["items"]?.arrayValue?.count == 2)
            let rotated = try await admin.send(.post, "keys/rotate", in: acme, token: token, [:])
            let states = try await admin.send(.get, "keys", in: acme, token: token).json["items"]?.arrayValue ?? []
            #expect(states.contains { $0.objectValue?["kid"] == rotated.json["active"] && $0.objectValue?["state"] == "active" })
            #expect(try await admin.send(.post, "keys/rotate", in: acme, token: token, ["algorithm": "EdDSA"]).json["active"] == nil)
            #expect(try await admin.send(.post, "keys/rotate", in: acme, token: token, ["algorithm": "HS256"]).status == .badRequest)
        }
    }

    private func revocations(_ kind: String, _ target: String, _ admin: AdminHarness, _ tenant: Tenant) async throws -> Int64 {
        try await admin.server.administration.database.query(
            "SELECT count(*) FROM auth.revocation WHERE tenant_id = \(tenant.id.rawValue) AND kind = \(kind) AND target = \(target)"
        )[0].decode(Int64.self)
    }
}

@Suite("The OpenAPI document", .enabled(if: TestDatabase.isConfigured)) struct AdminDocumentTests {
    @Test("It has every route and nothing else, and every reference leads somewhere") func complete() async throws {
        try await AdminHarness.with { admin in
            for tenant in [admin.server.acme, admin.system] {
                let document = try await admin.server.get("/t/\(tenant.slug)/admin/v1/openapi.json").json
                #expect(document["openapi"] == "3.1.0")
                var documented: Set<String> = []
                for path in document["paths"]?.objectValue?.members ?? [] {
                    for operation in path.value.objectValue?.members ?? [] { documented.insert("\(operation.name) \(path.name)") }
                }
                let routes = AdminHarness.routes.filter { tenant.slug == .system || !$0.isPlatform }
                #expect(documented == Set(routes.map { "\($0.method.rawValue.lowercased()) /\($0.path)" }))
                let text = String(decoding: document.serialized(), as: UTF8.self)
                let components = document["components"]?.objectValue
                for reference in text.split(separator: "\"$ref\":\"#/components/").dropFirst().map({ $0.prefix { $0 != "\"" } }) {
                    let words = reference.split(separator: "/").map(String.init)
                    #expect(components?[words[0]]?.objectValue?[words[1]] != nil, "\(reference)")
                }
                #expect(Set(routes.map(\.name)).count == routes.count)
            }
        }
    }

    @Test("Every route of the document answers, and no route answers that is not in it") func served() async throws {
        try await AdminHarness.with { admin in
            let token = try await admin.token(admin.system)
            for route in AdminHarness.routes {
                let answer = try await admin.send(
                    route.method, route.filled(["slug": "nowhere"]), in: admin.system, token: token,
                    route.body == nil ? nil : ["surely_unknown": 1])
                #expect(
                    answer.status != .methodNotAllowed && answer.json["detail"]?.stringValue != "there is no such endpoint", "\(route.name)"
                )
                if route.body != nil { #expect(answer.json["pointer"] == "/surely_unknown", "\(route.name)") }
            }
        }
    }
}

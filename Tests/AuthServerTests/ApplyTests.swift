import FoundationEssentials
import JSON
import OAuth
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("YAML as it is read and written") struct YAMLTests {
    @Test("A document means one JSON value") func values() throws {
        let cases: [(String, JSONValue)] = [
            (
                "a: 1\nb: [x, 'y', \"z\\n\"]\nc:\n  - d: true\n    e: null\n",
                ["a": 1, "b": ["x", "y", "z\n"], "c": [["d": true, "e": .null]]]
            ),
            (#"{"a": [1, -2, "3", false, null, {}]}"#, ["a": [1, -2, "3", false, .null, [:]]]),
            ("a: ~\nb: ''\nc: '1'\nd: 'true'\n", ["a": .null, "b": "", "c": "1", "d": "true"]),
            ("a: 1.5\nb: 2026-01-01\nc: https://x.example/#y\n", ["a": "1.5", "b": "2026-01-01", "c": "https://x.example/#y"]),
            ("# comment\na: |\n  two\n  lines\nb: >-\n  one\n  line\n", ["a": "two\nlines\n", "b": "one line"]),
        ]
        for (text, value) in cases { #expect(try YAMLReader.read(Array(text.utf8)) == value, "\(text)") }
    }

    @Test("What could mean two things is refused, with its line") func refused() {
        let cases: [(String, Int)] = [
            ("", 1), ("a: 1\na: 2\n", 2), ("a: yes\n", 1), ("a: 1\nb: Off\n", 2), ("a: &x 1\nb: *x\n", 1), ("a: !!str 1\n", 1),
            ("a: 1\n---\nb: 2\n", 2), ("a: 0123\n", 1), ("a: 99999999999999999999\n", 1), ("a: [1\n", 2), ("? [a]\n: 1\n", 1),
            ("\ta: 1\n", 1),
            (String(repeating: "[", count: 200) + String(repeating: "]", count: 200), 1),
        ]
        for (text, line) in cases {
            #expect("\(text.prefix(40))") { try YAMLReader.read(Array(text.utf8)) } throws: { ($0 as? YAMLError)?.line == line }
        }
        #expect(throws: YAMLError.self) { try YAMLReader.read([0x61, 0x3a, 0x20, 0xff]) }
        #expect(throws: YAMLError.self) { try YAMLReader.read(Array("a: b\u{0}c".utf8)) }
    }

    @Test("What is written is read back as the same value") func roundTrip() throws {
        let hard = [
            "", " ", "yes", "null", "1", "-", "- a", "a: b", "#", "'", "\"", "\\", "ü\u{1F600}", "a\nb", "~", "true", "0x1", "@", "a b",
            "[x]", "e\u{301}", "\u{85}\u{2028}",
        ]
        var object: JSONObject = ["list": .array(hard.map(JSONValue.string)), "empty": [], "nothing": [:], "null": .null]
        object["nested"] = ["a": [["b": 1, "c": ["d"]], ["e": [["f": "g"]]], [:], []]]
        for text in hard where !text.isEmpty { object["key " + text] = .string(text) }
        #expect(try YAMLReader.read(Array(YAMLWriter.text(object).utf8)) == .object(object))
    }
}

@Suite("Settings as code", .enabled(if: TestDatabase.isConfigured)) struct ApplyTests {
    private static let file = """
        tenant: acme
        settings:
          name: Acme
          color: "#336699"
          key_rotation_days: 90
        roles:
          - name: support
            rank: 30
            permissions: ["customers:read", "admin:read"]
        clients:
          - client_id: acme-service
            grant_types: [client_credentials]
            scope: customers:read
          - client_id: portal
            client_name: Portal
            grant_types: [authorization_code, refresh_token]
            redirect_uris: [https://portal.example/cb]
            token_endpoint_auth_method: private_key_jwt
            jwks_uri: https://portal.example/keys
            first_party: true
          - client_id: helper
            grant_types: [client_credentials]
            role: support
            scope: "customers:read"
        """

    private func application(_ server: AuthServerHarness) -> TenantApplication {
        TenantApplication(database: server.administration.database, clock: .system)
    }

    private func tenant(_ server: AuthServerHarness) async throws -> Tenant { try await server.administration.tenant("acme") }

    @Test("A file is planned, done, and then changes nothing; what is exported is such a file") func roundTrip() async throws {
        try await AuthServerHarness.with { server in
            let application = application(server)
            let file = try TenantFile(Array(Self.file.utf8))
            let plan = try await application.plan(file, for: try await tenant(server), isPruning: false)
            #expect(
                plan.description
                    == """
                    change settings (name, color, key_rotation_days)
                    create role support
                    change client acme-service (client_name, scope)
                    create client portal
                    create client helper
                    """.replacing("client_name, scope", with: "scope"))
            try await application.apply(plan, of: file, to: try await tenant(server), by: .operator)
            #expect(try await application.plan(file, for: try await tenant(server), isPruning: true).isEmpty)

            let exported = try await application.export(try await tenant(server)).object
            for text in [YAMLWriter.text(exported), String(decoding: exported.serialized(), as: UTF8.self)] {
                let again = try TenantFile(Array(text.utf8))
                #expect(try await application.plan(again, for: try await tenant(server), isPruning: true).isEmpty)
                #expect(again.object == exported)
                #expect(!text.contains("spcs_"))
            }
            let audit = AuditStore(database: server.administration.database)
            #expect(
                try await audit.page(.init(actorKind: "operator", targetKind: "role"), in: server.acme.id, before: nil, limit: 9).count == 1
            )
            #expect(try await server.administration.clients.find(#require(ClientID("portal")), in: server.globex.id) == nil)
        }
    }

    @Test("Pruning removes what the file does not have; a section that is left out stays") func pruning() async throws {
        try await AuthServerHarness.with { server in
            let application = application(server)
            let file = try TenantFile(Array(Self.file.utf8))
            try await application.apply(
                application.plan(file, for: try await tenant(server), isPruning: false), of: file, to: try await tenant(server),
                by: .operator)
            let fewer = try TenantFile(
                Array("tenant: acme\nclients:\n  - {client_id: acme-service, grant_types: [client_credentials]}\n".utf8))
            let plan = try await application.plan(fewer, for: try await tenant(server), isPruning: true)
            #expect(
                plan.steps == [
                    .changeClient(try #require(ClientID("acme-service")), ["scope"]), .removeClient(try #require(ClientID("helper"))),
                    .removeClient(try #require(ClientID("portal"))),
                ])
            try await application.apply(plan, of: fewer, to: try await tenant(server), by: .operator)
            #expect(try await server.administration.roles.store.find("support", in: server.acme.id) != nil)
            let none = try TenantFile(Array("tenant: acme\nroles: []\n".utf8))
            #expect(try await application.plan(none, for: try await tenant(server), isPruning: true).steps == [.removeRole("support")])
            #expect(try await server.administration.clients.all(in: server.globex.id).map(\.id.rawValue) == ["globex-service"])
        }
    }

    @Test("If one step fails, none is done") func atomic() async throws {
        try await AuthServerHarness.with { server in
            let application = application(server)
            let text = """
                tenant: acme
                settings: {name: New}
                roles: [{name: support, rank: 10, permissions: []}]
                clients: [{client_id: globex-service, grant_types: [client_credentials]}]
                """
            let file = try TenantFile(Array(text.utf8))
            let plan = try await application.plan(file, for: try await tenant(server), isPruning: false)
            #expect(plan.steps.count == 3)
            await #expect(throws: Problem.self) { try await application.apply(plan, of: file, to: server.acme, by: .operator) }
            #expect(try await tenant(server).name == "acme")
            #expect(try await server.administration.roles.store.find("support", in: server.acme.id) == nil)
        }
    }

    @Test("A file with something unknown, twice or unusable is refused, and names it") func strict() throws {
        for (text, word) in [
            ("tenant: acme\nusers: []\n", "/users"), ("settings: {}\n", "/tenant"),
            ("tenant: acme\nsettings: {colour: red}\n", "/settings/colour"),
            ("tenant: acme\nclients: [{client_id: a, secret: x}]\n", "/clients/0/secret"),
            ("tenant: acme\nroles: [{name: a, rank: 100, permissions: []}]\n", "/roles/0/rank"),
            ("tenant: acme\nroles: [{name: a, rank: 1, permissions: []}, {name: a, rank: 2, permissions: []}]\n", "twice"),
            ("tenant: Acme\n", "tenant name"), ("tenant: acme\nclients: [{client_id: 'a b'}]\n", "client_id"),
        ] {
            #expect("\(text)") { try TenantFile(Array(text.utf8)) } throws: { "\($0)".contains(word) }
        }
    }
}

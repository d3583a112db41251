import FoundationEssentials
import JOSE
import OAuth
import Postgres
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Stores, as two tenants", .enabled(if: TestDatabase.isConfigured)) struct StoreTests {
    @Test("One tenant neither sees nor changes the other's clients, keys and roles") func isolation() async throws {
        try await AuthServerHarness.with { server in
            let clients = server.administration.clients
            let id = try #require(ClientID("acme-service"))
            #expect(try await clients.find(id, in: server.globex.id) == nil)
            #expect(try await clients.all(in: server.globex.id).map(\.id.rawValue) == ["globex-service"])
            #expect(try await clients.setDisabled(id, in: server.globex.id, true) == false)
            var client = try #require(try await clients.find(id, in: server.acme.id))
            client.tenantID = server.globex.id
            #expect(try await clients.update(client) == false)
            await #expect(throws: (any Error).self) {
                try await clients.rotateSecret(
                    of: id, in: server.globex.id, to: OpaqueSecret.generate(.clientSecret).hash, overlapSeconds: 0
                )
            }
            #expect(try await clients.find(id, in: server.acme.id)?.secrets.count == 1)

            let keys = server.administration.keys
            let acmeKeys = Set(try await keys.all(in: server.acme.id).map(\.keyID))
            #expect(acmeKeys.isDisjoint(with: try await keys.all(in: server.globex.id).map(\.keyID)))
        }
    }

    @Test("The database itself refuses: no tenant no rows, and no row of another tenant") func database() async throws {
        try await AuthServerHarness.with { server in
            let database = server.administration.database
            for table in ["auth.client", "auth.client_secret", "auth.signing_key", "auth.role"] {
                let unset = try await database.query("SELECT tenant_id FROM \(unescaped: table)")
                #expect(unset.count == 0, "\(table)")
                let own = try await database.withTenant(server.acme.id.rawValue).query("SELECT DISTINCT tenant_id FROM \(unescaped: table)")
                #expect(try own.map { try $0.decode(UUID.self) } == [server.acme.id.rawValue], "\(table)")
                let foreign = try await database.withTenant(server.acme.id.rawValue).query(
                    "DELETE FROM \(unescaped: table) WHERE tenant_id = \(server.globex.id.rawValue)"
                )
                #expect(foreign.affectedRows == 0, "\(table)")
            }
            await #expect(throws: PostgresError.self) {
                try await database.withTenant(server.acme.id.rawValue).query(
                    "INSERT INTO auth.role (tenant_id, name, rank, permissions) VALUES (\(server.globex.id.rawValue), 'evil', 1, '{}')"
                )
            }
        }
    }

    @Test("A client_id is unique on the whole platform") func uniqueness() async throws {
        try await AuthServerHarness.with { server in
            await #expect(throws: Problem(.conflict, "the client_id is taken")) {
                _ = try await AuthServerHarness.service("acme-service", in: server.globex, server.administration)
            }
        }
    }

    @Test("What is written is read back") func roundTrip() async throws {
        try await AuthServerHarness.with { server in
            _ = try await AuthServerHarness.service("full", in: server.acme, server.administration) {
                $0.name = "Ünïcode ‘name’"
                $0.grantTypes = [.authorizationCode, .refreshToken, .clientCredentials]
                $0.redirectURIs = [try RedirectURI("https://a.example/cb"), try RedirectURI("com.example.app:/cb")]
                $0.jwks = #"{"keys": []}"#
                $0.accessTokenLifetimeSeconds = 60
                $0.refreshTokenLifetimeSeconds = 300
            }
            let id = try #require(ClientID("full"))
            let client = try #require(try await server.administration.clients.find(id, in: server.acme.id))
            #expect(client.name == "Ünïcode ‘name’")
            #expect(client.grantTypes == [.authorizationCode, .refreshToken, .clientCredentials])
            #expect(client.redirectURIs.map(\.rawValue) == ["https://a.example/cb", "com.example.app:/cb"])
            #expect(client.jwks == #"{"keys": []}"#)
            #expect(client.accessTokenLifetimeSeconds == 60)
            #expect(client.secrets.count == 1)
        }
    }
}

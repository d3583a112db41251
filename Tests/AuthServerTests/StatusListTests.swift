import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import JOSE
import JSON
import NIOCore
import OAuth
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing
import Zlib

@testable import AuthServer

@Suite("Token status lists, draft-ietf-oauth-status-list", .enabled(if: TestDatabase.isConfigured)) struct StatusListTests {
    private struct Place: Hashable {
        let uri: String
        let index: Int
    }

    private static func enable(_ tenant: Tenant, _ server: AuthServerHarness) async throws {
        _ = try await server.administration.tenantAdministration.update(tenant.id, by: .operator) {
            $0.set(["publishes_token_status": true])
        }
        try await server.eventually("the setting is known") { try place(await server.token(tenant)) != nil }
    }

    private static func place(_ token: String) throws -> Place? {
        let claims = try JSONValue(parsing: try Base64URL.decode(String(token.split(separator: ".")[1]))).objectValue
        guard let list = claims?["status"]?.objectValue?["status_list"]?.objectValue else { return nil }
        return Place(uri: try #require(list["uri"]?.stringValue), index: Int(try #require(list["idx"]?.intValue)))
    }

    /// Whether the bit of a token is set, from a list as it is published now.
    private static func isRevoked(_ token: String, of tenant: Tenant, _ server: AuthServerHarness) async throws -> Bool {
        server.advance.value += 3
        let place = try #require(try place(token))
        let path = String(place.uri.dropFirst(AuthServerHarness.baseURL.count))
        let (status, type, body) = try await server.client.execute(uri: path, method: .get, headers: [:], body: nil) {
            ($0.status, $0.headers[.contentType], String(buffer: $0.body))
        }
        #expect(status == .ok && type == "application/statuslist+jwt")
        let keys = JWSVerificationKeys(try await server.keySet(tenant))
        let claims = try JWTClaims(payload: try JWSVerifier(expectedTypes: ["statuslist+jwt"]).verify(compact: body, keys: keys).payload)
        #expect(claims.subject == place.uri && claims["ttl"]?.intValue == 15)
        #expect(claims.expiresAt.map { $0 > server.clock.now } == true)
        let list = try #require(claims["status_list"]?.objectValue)
        #expect(list["bits"] == 1)
        let bytes = try Zlib.decompress(Base64URL.decode(try #require(list["lst"]?.stringValue)), limit: 16_384)
        return bytes[place.index / 8] >> UInt8(place.index % 8) & 1 == 1
    }

    @Test("Tokens have a bit of their own where the tenant wants it, and nothing where it does not") func claim() async throws {
        try await AuthServerHarness.with { server in
            #expect(try Self.place(await server.token(server.acme)) == nil)
            try await Self.enable(server.acme, server)
            var places: Set<Place> = []
            for _ in 0..<200 { places.insert(try #require(try Self.place(await server.token(server.acme)))) }
            #expect(places.count == 200)
            #expect(places.allSatisfy { $0.uri.hasPrefix("\(AuthServerHarness.baseURL)/t/acme/statuslists/") })
            #expect(try Self.place(await server.token(server.globex)) == nil)
        }
    }

    @Test("Revoking a token sets its bit and no other") func oneToken() async throws {
        try await AuthServerHarness.with { server in
            for tenant in [server.acme, server.globex] { try await Self.enable(tenant, server) }
            let (mine, other, theirs) = (
                try await server.token(server.acme), try await server.token(server.acme), try await server.token(server.globex)
            )
            #expect(try await !Self.isRevoked(mine, of: server.acme, server))
            let answer = try await server.post("/t/acme/oauth2/revoke", "token=\(mine)", headers: server.basic("acme-service"))
            #expect(answer.status == .ok)
            #expect(try await Self.isRevoked(mine, of: server.acme, server))
            #expect(try await !Self.isRevoked(other, of: server.acme, server))
            #expect(try await !Self.isRevoked(theirs, of: server.globex, server))
        }
    }

    @Test(
        "Revoking a client, or all of the tenant, sets the bits of all its tokens so far and of none afterwards",
        arguments: ["client", "tenant"])
    func client(_ kind: String) async throws {
        try await AuthServerHarness.with { server in
            for tenant in [server.acme, server.globex] { try await Self.enable(tenant, server) }
            let (before, theirs) = (try await server.token(server.acme), try await server.token(server.globex))
            let revocation: Revocation = kind == "client" ? .client(try #require(ClientID("acme-service"))) : .tenant
            _ = try await server.database.withTenant(server.acme.id.rawValue).batch(
                revocation.statements(in: server.acme.id, reason: "test", now: server.clock.now))
            #expect(try await Self.isRevoked(before, of: server.acme, server))
            try await server.eventually("heard") { try await server.isRefused(before) }
            server.advance.value += 5
            let after = try await server.token(server.acme)
            #expect(try await !server.isRefused(after))
            #expect(try await !Self.isRevoked(after, of: server.acme, server))
            #expect(try await Self.isRevoked(before, of: server.acme, server))
            #expect(try await !Self.isRevoked(theirs, of: server.globex, server))
        }
    }

    @Test("Revoking a grant sets the bits of its tokens, and of no other grant's") func grant() async throws {
        try await GrantFixture.with { fixture in
            let server = fixture.server
            for tenant in [server.acme, server.globex] { try await Self.enable(tenant, server) }
            let (first, second) = (try await fixture.tokens(), try await fixture.tokens())
            let theirs = try await server.token(server.globex)
            let answer = try await server.post(
                "/t/acme/oauth2/revoke", "token=\(first.refresh)", headers: server.basic("web", secret: fixture.webSecret))
            #expect(answer.status == .ok)
            #expect(try await Self.isRevoked(first.access, of: server.acme, server))
            #expect(try await !Self.isRevoked(second.access, of: server.acme, server))
            #expect(try await !Self.isRevoked(theirs, of: server.globex, server))
        }
    }

    @Test("Lists are cached by their tag, and there is none under another name or another tenant's") func endpoint() async throws {
        try await AuthServerHarness.with { server in
            try await Self.enable(server.acme, server)
            let place = try #require(try Self.place(await server.token(server.acme)))
            let path = String(place.uri.dropFirst(AuthServerHarness.baseURL.count))
            let first = try await server.get(path)
            let tag = try #require(first.headers[.eTag])
            #expect(first.headers[.cacheControl] == "public, max-age=15")
            #expect(try await server.get(path, headers: [.ifNoneMatch: tag]).status == .notModified)
            #expect(try await server.get(path + "?time=1700000000").status == .notImplemented)
            let list = String(path.split(separator: "/").last ?? "")
            let (period, number) = (list.prefix { $0 != "-" }, list.drop { $0 != "-" }.dropFirst())
            for bad in [
                "/t/globex/statuslists/\(list)", "/t/acme/statuslists/\(period)-\((Int(number) ?? 0) + 1)",
                "/t/acme/statuslists/\((Int(period) ?? 0) + 1)-0", "/t/acme/statuslists/1-0", "/t/acme/statuslists/\(list)x",
                "/t/acme/statuslists/0\(list)", "/t/acme/statuslists/x",
            ] {
                #expect(try await server.get(bad).status == .notFound, "\(bad)")
            }
        }
    }

    @Test("A run of bits is one client's, whatever is asked at once") func concurrency() async throws {
        try await AuthServerHarness.with { server in
            for tenant in [server.acme, server.globex] { try await Self.enable(tenant, server) }
            let places = try await withThrowingTaskGroup(of: Place?.self) { group in
                for number in 0..<300 {
                    group.addTask { try Self.place(await server.token(number % 2 == 0 ? server.acme : server.globex)) }
                }
                return try await group.reduce(into: [Place?]()) { $0.append($1) }
            }
            #expect(places.count == 300 && Set(places.compactMap(\.self)).count == 300)
        }
    }
}

extension AuthServerHarness {
    /// Whether the server itself takes a client's token for dead.
    fileprivate func isRefused(_ token: String) async throws -> Bool {
        try await post("/t/acme/oauth2/introspect", "token=\(token)", headers: basic("acme-service")).json["active"] == false
    }
}

import Cryptography
import FoundationEssentials
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import JSON
import OAuth
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Replay of client assertions, RFC 7523 §3", .enabled(if: TestDatabase.isConfigured)) struct ClientAssertionReplayTests {
    @Test("The same request a second time is refused, with no time between and with some") func replay() async throws {
        try await AuthServerHarness.with { server in
            let key = try PrivateKey.generate(.p256)
            for tenant in [server.acme, server.globex] {
                let id = "\(tenant.slug)-signer"
                try await server.signer(id, in: tenant, keys: [JWK(key.publicKey, algorithm: .es256)])
                let assertion = try AssertionDraft(id, audience: AuthServerHarness.issuer(tenant.slug.rawValue)).signed(key)
                #expect(try await server.present(assertion).status == .ok)
                for path in ["/oauth2/token", "/oauth2/token", "/t/\(tenant.slug)/oauth2/token"] {
                    let again = try await server.present(assertion, at: path)
                    #expect(again.status == .unauthorized)
                    #expect(again.error == "invalid_client")
                }
            }
        }
    }

    @Test("A jti is used up for its own client only") func ownClient() async throws {
        try await AuthServerHarness.with { server in
            let key = try PrivateKey.generate(.p256)
            for (id, tenant) in [("acme-a", server.acme), ("acme-b", server.acme), ("globex-a", server.globex)] {
                try await server.signer(id, in: tenant, keys: [JWK(key.publicKey, algorithm: .es256)])
                let draft = AssertionDraft(id, audience: AuthServerHarness.issuer(tenant.slug.rawValue)).with("jti", .string("one"))
                #expect(try await server.present(draft.signed(key)).status == .ok, "\(id)")
            }
        }
    }

    @Test("A refused assertion uses nothing up") func refusedFirst() async throws {
        try await AuthServerHarness.with { server in
            let (key, other) = (try PrivateKey.generate(.p256), try PrivateKey.generate(.p256))
            try await server.signer("acme-signer", in: server.acme, keys: [JWK(key.publicKey, algorithm: .es256)])
            let draft = AssertionDraft("acme-signer", audience: AuthServerHarness.issuer("acme"))
            #expect(try await server.present(draft.signed(other)).status == .unauthorized)
            #expect(try await server.present(draft.with("aud", .string("x")).signed(key)).status == .unauthorized)
            #expect(try await server.present(draft.signed(key)).status == .ok)
        }
    }

    @Test("Of simultaneous uses at two instances exactly one succeeds, every time") func race() async throws {
        try await AuthServerHarness.with { server in
            let key = try PrivateKey.generate(.p256)
            try await server.signer("acme-signer", in: server.acme, keys: [JWK(key.publicKey, algorithm: .es256)])
            let secret = try await AuthServerHarness.service("globex-sharing", in: server.globex, server.administration) {
                $0.authenticationMethod = .clientSecretJWT
            }
            try await server.withSecondInstance { second in
                for round in 0..<30 {
                    let assertion =
                        round.isMultiple(of: 2)
                        ? try AssertionDraft("acme-signer", audience: AuthServerHarness.issuer("acme")).signed(key)
                        : try AssertionDraft("globex-sharing", audience: AuthServerHarness.issuer("globex"), algorithm: "HS256")
                            .signed(secret: Array(secret.utf8))
                    let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                        for number in 0..<8 {
                            let instance = number.isMultiple(of: 2) ? server.client : second
                            group.addTask { try await Self.present(assertion, to: instance) }
                        }
                        return try await group.reduce(into: [Int]()) { $0.append($1) }.sorted()
                    }
                    #expect(statuses == [200] + Array(repeating: 401, count: 7), "round \(round)")
                }
            }
        }
    }

    private static func present(_ assertion: String, to instance: any TestClientProtocol) async throws -> Int {
        try await instance.execute(
            uri: "/oauth2/token", method: .post, headers: [.contentType: "application/x-www-form-urlencoded"],
            body: ByteBuffer(string: AuthServerHarness.assertionBody(assertion))
        ) { $0.status.code }
    }
}

import Cryptography
import FoundationEssentials
import HTTPTypes
import JOSE
import JSON
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Signing keys", .enabled(if: TestDatabase.isConfigured)) struct KeyTests {
    private func rotation(_ server: AuthServerHarness) throws -> KeyRotation {
        KeyRotation(
            store: server.administration.keys, vault: try server.administration.keyVault(),
            clock: WallClock { WallClock.system.now + server.advance.value }
        )
    }

    private func keyID(_ token: String) throws -> String? {
        try JWS(compact: token).header.keyID
    }

    @Test("A key is published before it signs, and verifies until its last token has expired") func lifecycle() async throws {
        try await AuthServerHarness.with { server in
            let first = try await server.token(server.acme)
            let before = try await server.keySet(server.acme)
            #expect(before.keys.count == 2)

            guard case .promoted(let active, let next) = try await rotation(server).rotate(server.acme, to: nil, immediately: false) else {
                Issue.record("not promoted")
                return
            }
            #expect(before[keyID: active] != nil)
            #expect(before[keyID: next] == nil)
            try await server.eventually("the promoted key signs") { try keyID(await server.token(server.acme)) == active }
            let after = try await server.keySet(server.acme)
            #expect(after.keys.count == 3)
            #expect(after[keyID: next] != nil)
            _ = try JWSVerifier(expectedTypes: ["at+jwt"]).verify(compact: first, keys: JWSVerificationKeys(after))

            server.advance.value = KeyRotation.retirementSeconds - 5
            #expect(try await server.keySet(server.acme).keys.count == 3)
            server.advance.value = KeyRotation.retirementSeconds + 5
            #expect(try await server.keySet(server.acme).keys.count == 2)
            #expect(try await server.keySet(server.globex).keys.count == 2)
        }
    }

    @Test("Two rotations at the same instant: one wins, and one key is active and one next") func race() async throws {
        try await AuthServerHarness.with { server in
            for _ in 0..<5 {
                let rotation = try rotation(server)
                let successes = await withTaskGroup(of: Bool.self) { group in
                    for _ in 0..<3 {
                        group.addTask { (try? await rotation.rotate(server.acme, to: nil, immediately: false)) != nil }
                    }
                    return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(successes >= 1)
                let states = try await server.administration.keys.all(in: server.acme.id).map(\.state)
                #expect(states.count { $0 == .active } == 1)
                #expect(states.count { $0 == .next } == 1)
            }
        }
    }

    @Test("Every signing algorithm issues tokens that verify", arguments: JWSAlgorithm.signing) func algorithms(algorithm: JWSAlgorithm)
        async throws
    {
        try await AuthServerHarness.with { server in
            _ = try await rotation(server).rotate(server.acme, to: algorithm, immediately: true)
            let active = try #require(try await server.administration.keys.all(in: server.acme.id).first { $0.state == .active })
            #expect(active.algorithm == algorithm)
            try await server.eventually("\(algorithm) signs") { try keyID(await server.token(server.acme)) == active.keyID }
            let token = try await server.token(server.acme)
            #expect(try JWS(compact: token).header.algorithmName == algorithm.rawValue)
            _ = try JWSVerifier(expectedTypes: ["at+jwt"]).verify(
                compact: token, keys: JWSVerificationKeys(await server.keySet(server.acme)))
        }
    }

    @Test("A change of algorithm is published first") func algorithmChange() async throws {
        try await AuthServerHarness.with { server in
            guard case .published(let next) = try await rotation(server).rotate(server.acme, to: .edDSA, immediately: false) else {
                Issue.record("not only published")
                return
            }
            try await server.eventually("the key is published") { try await server.keySet(server.acme)[keyID: next] != nil }
            #expect(try JWS(compact: await server.token(server.acme)).header.algorithmName == "ES256")
        }
    }

    @Test("An imported key keeps its kid and signs") func importing() async throws {
        try await AuthServerHarness.with { server in
            let key = try PrivateKey.generate(.rsa(bits: 2048))
            let sealed = try await rotation(server).importKey(
                key, algorithm: .rs256, keyID: "from-elsewhere", use: .active, into: server.globex)
            #expect(sealed.keyID == "from-elsewhere")
            try await server.eventually("the imported key signs") { try keyID(await server.token(server.globex)) == "from-elsewhere" }
            let token = try await server.token(server.globex)
            _ = try JWSVerifier(expectedTypes: ["at+jwt"]).verify(
                compact: token, keys: JWSVerificationKeys(await server.keySet(server.globex)))
            #expect(try await server.keySet(server.acme)[keyID: "from-elsewhere"] == nil)
        }
    }

    @Test("A sealed key opens in its own row only, and under its own master key only") func sealing() async throws {
        try await AuthServerHarness.with { server in
            let vault = try server.administration.keyVault()
            let key = try #require(try await server.administration.keys.all(in: server.acme.id).first)
            _ = try vault.open(key, tenant: server.acme.id)
            #expect(throws: (any Error).self) { try vault.open(key, tenant: server.globex.id) }
            let other = KeyVault(masterKey: try SealingKey(SecureRandom.bytes(32)))
            #expect(throws: StoredDataError.self) { try other.open(key, tenant: server.acme.id) }
            #expect(!key.publicJWK.contains("\"d\""))
        }
    }

    @Test("The key set is cacheable and revalidates") func caching() async throws {
        try await AuthServerHarness.with { server in
            let answer = try await server.get("/t/acme/oauth2/jwks")
            #expect(answer.headers[.cacheControl]?.contains("max-age=300") == true)
            let tag = try #require(answer.headers[.eTag])
            #expect(try await server.get("/t/acme/oauth2/jwks", headers: [.ifNoneMatch: tag]).status == .notModified)
            #expect(try await server.get("/t/nowhere/oauth2/jwks").status == .notFound)
        }
    }
}

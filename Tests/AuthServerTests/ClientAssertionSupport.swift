import Cryptography
import FoundationEssentials
import Hummingbird
import HummingbirdTesting
import JOSE
import JSON
import Logging
import OAuth
import ServiceKit
import ServiceLifecycle
import Tenancy
import Testing

@testable import AuthServer

/// A client assertion in the making; each has a `jti` of its own.
struct AssertionDraft: Sendable {
    var header: JSONObject
    var claims: JSONObject

    init(_ client: String, audience: String, algorithm: String = "ES256", keyID: String? = nil, now: Int64 = WallClock.system.now) {
        header = ["alg": .string(algorithm)]
        header["kid"] = keyID.map { .string($0) }
        claims = [
            "iss": .string(client), "sub": .string(client), "aud": .string(audience), "jti": .string(UUID().uuidString),
            "exp": .integer(now + 60),
        ]
    }

    func with(_ name: String, _ value: JSONValue?) -> AssertionDraft {
        var copy = self
        copy.claims[name] = value
        return copy
    }

    func withHeader(_ name: String, _ value: JSONValue?) -> AssertionDraft {
        var copy = self
        copy.header[name] = value
        return copy
    }

    func signed(_ key: PrivateKey, _ algorithm: JWSAlgorithm = .es256) throws -> String {
        let scheme = try #require(algorithm.scheme)
        return try Self.compact(header.serialized(), claims.serialized()) { try key.sign($0, using: scheme) }
    }

    func signed(secret: [UInt8], _ digest: Digest = .sha256) throws -> String {
        let hmac = try HMAC(key: secret, digest: digest)
        return try Self.compact(header.serialized(), claims.serialized()) { try hmac.authenticate($0) }
    }

    static func compact(_ header: [UInt8], _ payload: [UInt8], sign: ([UInt8]) throws -> [UInt8]) throws -> String {
        let input = Base64URL.encode(header) + "." + Base64URL.encode(payload)
        return input + "." + Base64URL.encode(try sign(Array(input.utf8)))
    }
}

extension AuthServerHarness {
    static func issuer(_ slug: String) -> String { "\(baseURL)/t/\(slug)" }

    static func assertionBody(_ assertion: String) -> String {
        "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
            + "&client_assertion=\(assertion)"
    }

    func present(_ assertion: String, at path: String = "/oauth2/token", and more: String = "") async throws -> Answer {
        try await post(path, Self.assertionBody(assertion) + more)
    }

    /// A client that authenticates with `private_key_jwt` and has these public keys registered.
    func signer(_ id: String, in tenant: Tenant, keys: [JWK], change: (inout Client) -> Void = { _ in }) async throws {
        let set = String(decoding: JWKSet(keys).serialized(), as: UTF8.self)
        _ = try await Self.service(id, in: tenant, administration) {
            $0.authenticationMethod = .privateKeyJWT
            $0.jwks = set
            change(&$0)
        }
    }

    func find(_ id: String, in tenant: Tenant) async throws -> Client {
        let client = try #require(ClientID(id))
        return try #require(try await administration.clients.find(client, in: tenant.id))
    }

    /// Another instance of the server on the same database.
    func withSecondInstance(_ body: @Sendable @escaping (any TestClientProtocol) async throws -> Void) async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let application = try AuthServerApplication(AuthServerSettings(administration.settings), logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in application.background { group.addTask { try? await service.run() } }
            try await Application(responder: application.responder).test(.router, body)
            group.cancelAll()
        }
    }
}

import Cryptography
import FoundationEssentials
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import JSON
import Logging
import OAuth
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Client assertions, RFC 7523", .enabled(if: TestDatabase.isConfigured)) struct ClientAssertionTests {
    @Test("private_key_jwt works with each kind of key, at the tenant's endpoint and at the root") func privateKeys() async throws {
        try await AuthServerHarness.with { server in
            for algorithm in [JWSAlgorithm.es256, .es384, .edDSA, .rs256, .ps384] {
                let key = try PrivateKey.generate(algorithm.keyType)
                for tenant in [server.acme, server.globex] {
                    let id = "\(tenant.slug)-\(algorithm.rawValue)"
                    try await server.signer(id, in: tenant, keys: [JWK(key.publicKey, algorithm: algorithm)])
                    for path in ["/t/\(tenant.slug)/oauth2/token", "/oauth2/token"] {
                        let draft = AssertionDraft(
                            id, audience: AuthServerHarness.issuer(tenant.slug.rawValue), algorithm: algorithm.rawValue)
                        let answer = try await server.present(draft.signed(key, algorithm), at: path, and: "&client_id=\(id)")
                        #expect(answer.status == .ok, "\(id) at \(path): \(answer.json)")
                    }
                }
            }
        }
    }

    @Test("Each name of this server is accepted as audience, also several of them, and no other") func audiences() async throws {
        try await AuthServerHarness.with { server in
            let key = try PrivateKey.generate(.p256)
            try await server.signer("acme-signer", in: server.acme, keys: [JWK(key.publicKey, algorithm: .es256)])
            let (base, issuer) = (AuthServerHarness.baseURL, AuthServerHarness.issuer("acme"))
            let draft = AssertionDraft("acme-signer", audience: issuer)
            let accepted: [JSONValue] = [
                .string(issuer), .string("\(issuer)/oauth2/token"), .string("\(base)/oauth2/token"), .string(base),
                .array([.string(issuer), .string("\(issuer)/oauth2/token")]),
            ]
            for audience in accepted {
                let answer = try await server.present(draft.with("aud", audience).with("jti", .string(UUID().uuidString)).signed(key))
                #expect(answer.status == .ok, "\(audience)")
            }
            let refused: [JSONValue?] = [
                nil, .string(""), .array([]), .string("\(issuer)/"), .string("\(base)/"), .string(AuthServerHarness.issuer("globex")),
                .string("\(issuer)/oauth2/revoke"), .string("https://other.example"), .string(issuer.uppercased()), .integer(1),
                .array([.string(issuer), .string("https://other.example")]), .array([.string(issuer), .integer(1)]),
            ]
            for audience in refused {
                let answer = try await server.present(draft.with("aud", audience).with("jti", .string(UUID().uuidString)).signed(key))
                #expect(answer.status == .unauthorized, "\(String(describing: audience))")
            }
        }
    }

    @Test("The URL of the endpoint that is called is accepted as audience there") func calledEndpoint() async throws {
        try await AuthServerHarness.with { server in
            let key = try PrivateKey.generate(.p256)
            try await server.signer("acme-signer", in: server.acme, keys: [JWK(key.publicKey, algorithm: .es256)])
            let client = try await server.find("acme-signer", in: server.acme)
            let assertions = try Self.assertions(server)
            let draft = AssertionDraft("acme-signer", audience: AuthServerHarness.issuer("acme") + "/oauth2/revoke")
            let assertion = try ClientAssertion(draft.signed(key))
            for endpoint in [ClientEndpoint.token, .introspection] {
                await #expect(throws: ClientAssertionRefused.self) {
                    try await assertions.spend(assertion, of: client, in: server.acme, at: endpoint)
                }
            }
            try await assertions.spend(assertion, of: client, in: server.acme, at: .revocation)
        }
    }

    private static func assertions(_ server: AuthServerHarness) throws -> ClientAssertions {
        ClientAssertions(
            issuers: Issuers(baseURL: AuthServerHarness.baseURL),
            keys: ClientAssertionKeys(
                vault: try server.administration.clientSecretVault(),
                keySets: ClientKeySets(source: NoKeySource(), logger: Logger(label: "test")), clock: .system),
            store: ClientAssertionStore(database: server.administration.database), clock: .system
        )
    }

    @Test("Every near miss is the same invalid_client") func nearMisses() async throws {
        try await AuthServerHarness.with { server in
            let (key, other) = (try PrivateKey.generate(.p256), try PrivateKey.generate(.p256))
            let rsa = try PrivateKey.generate(.rsa(bits: 2048))
            let keys = [
                try JWK(key.publicKey, algorithm: .es256, keyID: "ec"), try JWK(rsa.publicKey, algorithm: .rs256, keyID: "rsa"),
            ]
            try await server.signer("acme-signer", in: server.acme, keys: keys)
            try await server.signer("globex-signer", in: server.globex, keys: [JWK(other.publicKey, algorithm: .es256, keyID: "ec")])
            try await server.signer("single", in: server.acme, keys: [JWK(rsa.publicKey, algorithm: .rs256, keyID: "rsa")])
            let secret = try await AuthServerHarness.service("sharing", in: server.acme, server.administration) {
                $0.authenticationMethod = .clientSecretJWT
            }
            let now = WallClock.system.now
            let issuer = AuthServerHarness.issuer("acme")
            func draft(_ client: String = "acme-signer", _ algorithm: String = "ES256", kid: String? = "ec") -> AssertionDraft {
                AssertionDraft(client, audience: issuer, algorithm: algorithm, keyID: kid)
            }
            let pem = Array(try rsa.publicKey.pemRepresentation.utf8)
            let repeated = Array(
                #"{"iss":"acme-signer","sub":"acme-signer","sub":"acme-signer","aud":"\#(issuer)","jti":"x","exp":\#(now + 60)}"#.utf8)
            func sign(_ header: String, _ payload: [UInt8]) throws -> String {
                try AssertionDraft.compact(Array(header.utf8), payload) { try key.sign($0, using: .ecdsaP256SHA256) }
            }
            let good = try draft().signed(key)
            #expect(try await server.present(good, at: "/t/acme/oauth2/token").status == .ok)

            let cases: [(String, String)] = [
                ("another client's name", try draft("globex-signer").signed(key)),
                ("another tenant's client", try AssertionDraft("globex-signer", audience: issuer, keyID: "ec").signed(other)),
                ("unknown client", try draft("nobody").signed(key)),
                ("no possible client", try draft("a b").signed(key)),
                ("sub of another", try draft().with("sub", .string("single")).signed(key)),
                ("no sub", try draft().with("sub", nil).signed(key)),
                ("no iss", try draft().with("iss", nil).signed(key)),
                ("no exp", try draft().with("exp", nil).signed(key)),
                ("expired by one second", try draft().with("exp", .integer(now - 1)).signed(key)),
                ("exp too far", try draft().with("exp", .integer(now + 640)).signed(key)),
                ("exp too far with iat", try draft().with("exp", .integer(now + 3640)).with("iat", .integer(now)).signed(key)),
                ("exp beyond all numbers", try draft().with("exp", .integer(.max)).with("iat", .integer(now)).signed(key)),
                ("exp as text", try draft().with("exp", .string("\(now + 60)")).signed(key)),
                ("made long ago", try draft().with("iat", .integer(now - 601)).signed(key)),
                ("made in the future", try draft().with("iat", .integer(now + 60)).signed(key)),
                ("not yet valid", try draft().with("nbf", .integer(now + 60)).signed(key)),
                ("no jti", try draft().with("jti", nil).signed(key)),
                ("empty jti", try draft().with("jti", .string("")).signed(key)),
                ("long jti", try draft().with("jti", .string(String(repeating: "j", count: 256))).signed(key)),
                ("jti of a number", try draft().with("jti", .integer(1)).signed(key)),
                ("alg none", try AssertionDraft.compact(#"{"alg":"none"}"#.utf8.map { $0 }, draft().claims.serialized()) { _ in [] }),
                ("alg None with a signature", try draft().withHeader("alg", .string("None")).signed(key)),
                ("no signature", String(good[...(good.lastIndex(of: ".") ?? good.startIndex)])),
                ("public key as HMAC secret", try draft("single", "HS256", kid: "rsa").signed(secret: pem)),
                ("public key as HMAC secret, no kid", try draft("single", "HS256", kid: nil).signed(secret: pem)),
                ("another family's alg", try draft(kid: "rsa").signed(key)),
                ("another alg of the family", try draft("single", "PS256", kid: "rsa").signed(rsa, .ps256)),
                ("header lies about alg", try draft("single", "RS512", kid: "rsa").signed(rsa, .rs256)),
                ("kid missing where there are two keys", try draft(kid: nil).signed(key)),
                ("kid unknown", try draft(kid: "ec2").signed(key)),
                ("kid of another case", try draft(kid: "EC").signed(key)),
                ("kid of the other key", try draft(kid: "rsa").signed(key)),
                ("wrong key", try draft().signed(other)),
                ("an access token", try draft().withHeader("typ", .string("at+jwt")).signed(key)),
                ("critical extension", try draft().withHeader("crit", .array([.string("exp")])).signed(key)),
                ("duplicated claim", try sign(#"{"alg":"ES256","kid":"ec"}"#, repeated)),
                ("duplicated header", try sign(#"{"alg":"ES256","alg":"ES256","kid":"ec"}"#, draft().claims.serialized())),
                ("claims that are no object", try sign(#"{"alg":"ES256","kid":"ec"}"#, Array("[]".utf8))),
                ("too long", try draft().with("x", .string(String(repeating: "x", count: 8192))).signed(key)),
                ("private key for a client with a secret", try draft("sharing").signed(key)),
                ("secret of another length", try draft("sharing", "HS256", kid: nil).signed(secret: Array(secret.utf8.dropLast()))),
                (
                    "HS512, for which a secret is too short",
                    try draft("sharing", "HS512", kid: nil).signed(secret: Array(secret.utf8), .sha512)
                ),
                ("secret's hash as the key", try draft("sharing", "HS256", kid: nil).signed(secret: SHA256.hash(Array(secret.utf8)))),
                ("a client that has a secret for Basic", try draft("acme-service").signed(key)),
                ("nonsense", "nonsense"), ("two dots", ".."),
            ]
            let expected: JSONObject = [
                "error": .string("invalid_client"), "error_description": .string("client authentication failed"),
            ]
            for (name, assertion) in cases {
                let answer = try await server.present(assertion, at: "/t/acme/oauth2/token")
                #expect(answer.status == .unauthorized, "\(name)")
                #expect(answer.json == expected, "\(name)")
                #expect(answer.headers[.cacheControl] == "no-store", "\(name)")
            }
            let foreign = try await server.present(draft().signed(key), at: "/t/globex/oauth2/token")
            #expect(foreign.status == .unauthorized && foreign.json == expected)
            #expect(try await server.present(draft().signed(key), and: "&client_id=single").json == expected)
            #expect(try await server.present(draft().signed(key), at: "/t/acme/oauth2/token").status == .ok)
        }
    }

    @Test("One way of authenticating at a time, and both parameters of it") func oneWay() async throws {
        try await AuthServerHarness.with { server in
            let key = try PrivateKey.generate(.p256)
            try await server.signer("acme-signer", in: server.acme, keys: [JWK(key.publicKey, algorithm: .es256)])
            let assertion = try AssertionDraft("acme-signer", audience: AuthServerHarness.issuer("acme")).signed(key)
            let body = AuthServerHarness.assertionBody(assertion)
            let type = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:"
            let cases: [(body: String, headers: HTTPFields, error: String)] = [
                (body + "&client_secret=x", [:], "invalid_request"),
                (body, server.basic("acme-service"), "invalid_request"),
                (body, server.basic("acme-signer", secret: "x"), "invalid_request"),
                ("grant_type=client_credentials&client_assertion=\(assertion)", [:], "invalid_request"),
                ("grant_type=client_credentials&\(type)jwt-bearer", [:], "invalid_request"),
                (
                    "grant_type=client_credentials&\(type)jwt-bearer&client_assertion=\(assertion)&client_assertion=x", [:],
                    "invalid_request"
                ),
                ("grant_type=client_credentials&\(type)saml2-bearer&client_assertion=\(assertion)", [:], "invalid_client"),
                ("grant_type=client_credentials&\(type)JWT-bearer&client_assertion=\(assertion)", [:], "invalid_client"),
                ("grant_type=client_credentials&client_id=acme-signer", [:], "invalid_client"),
                ("grant_type=client_credentials&client_id=acme-signer&client_secret=x", [:], "invalid_client"),
            ]
            for (body, headers, error) in cases {
                #expect(try await server.post("/oauth2/token", body, headers: headers).error == error, "\(body)")
            }
            #expect(try await server.post("/oauth2/token", body).status == .ok, "nothing above has used it up")
        }
    }

    @Test("What is disabled is refused") func disabling() async throws {
        try await AuthServerHarness.with { server in
            let key = try PrivateKey.generate(.p256)
            try await server.signer("acme-signer", in: server.acme, keys: [JWK(key.publicKey, algorithm: .es256)])
            let id = try #require(ClientID("acme-signer"))
            func status() async throws -> HTTPResponse.Status {
                try await server.present(AssertionDraft("acme-signer", audience: AuthServerHarness.issuer("acme")).signed(key)).status
            }
            #expect(try await status() == .ok)
            #expect(try await server.administration.clients.setDisabled(id, in: server.acme.id, true))
            try await server.eventually("the client is refused") { try await status() == .unauthorized }
            #expect(try await server.administration.clients.setDisabled(id, in: server.acme.id, false))
            try await server.eventually("the client is served") { try await status() == .ok }
        }
    }
}

@Suite("client_secret_jwt, OpenID Connect Core §9", .enabled(if: TestDatabase.isConfigured)) struct ClientSecretJWTTests {
    @Test("A secret signs for its own client only, and both current ones do while it is rotated") func secrets() async throws {
        try await AuthServerHarness.with { server in
            var secrets: [String: String] = [:]
            for tenant in [server.acme, server.globex] {
                let id = "\(tenant.slug)-sharing"
                secrets[id] = try await AuthServerHarness.service(id, in: tenant, server.administration) {
                    $0.authenticationMethod = .clientSecretJWT
                }
            }
            func status(_ slug: String, _ secret: String?, _ algorithm: String = "HS256", _ digest: Digest = .sha256) async throws -> Int {
                let now = WallClock.system.now + server.advance.value
                let draft = AssertionDraft(
                    "\(slug)-sharing", audience: AuthServerHarness.issuer(slug), algorithm: algorithm, now: now)
                return try await server.present(draft.signed(secret: Array((secret ?? "").utf8), digest)).status.code
            }
            let (acme, globex) = (secrets["acme-sharing"], secrets["globex-sharing"])
            #expect(try await status("acme", acme) == 200)
            #expect(try await status("acme", acme, "HS384", .sha384) == 200)
            #expect(try await status("acme", acme, "HS384", .sha256) == 401)
            #expect(try await status("acme", globex) == 401)
            #expect(try await status("globex", globex) == 200)

            let clients = server.administration.clientAdministration
            let client = try await server.find("acme-sharing", in: server.acme)
            let second = try await clients.rotateSecret(
                of: client.id, in: client.tenantID, overlapSeconds: 600, by: .operator
            ).rawValue
            try await server.eventually("the new secret works") { try await status("acme", second) == 200 }
            #expect(try await status("acme", acme) == 200)
            server.advance.value = 601
            #expect(try await status("acme", acme) == 401)
            #expect(try await status("acme", second) == 200)
            let third = try await clients.rotateSecret(
                of: client.id, in: client.tenantID, overlapSeconds: 0, by: .operator
            ).rawValue
            try await server.eventually("the third secret works") { try await status("acme", third) == 200 }
            #expect(try await status("acme", second) == 401)
        }
    }

    @Test("The secret is stored sealed to its client, and for this method only") func sealing() async throws {
        try await AuthServerHarness.with { server in
            let secret = try await AuthServerHarness.service("sharing", in: server.acme, server.administration) {
                $0.authenticationMethod = .clientSecretJWT
            }
            let id = try #require(ClientID("sharing"))
            let sealed = try #require(try await server.find("sharing", in: server.acme).secrets.first?.sealedSecret)
            let vault = try server.administration.clientSecretVault()
            #expect(try vault.open(sealed, of: id, in: server.acme.id).bytes == Array(secret.utf8))
            #expect(throws: StoredDataError.self) { try vault.open(sealed, of: id, in: server.globex.id) }
            let other = try #require(ClientID("acme-service"))
            #expect(throws: StoredDataError.self) { try vault.open(sealed, of: other, in: server.acme.id) }
            let plain = try await server.find("acme-service", in: server.acme)
            #expect(plain.secrets.first?.sealedSecret == nil)
            var changed = plain
            #expect(changed.hasUsableSecret)
            changed.authenticationMethod = .clientSecretJWT
            #expect(!changed.hasUsableSecret)
        }
    }
}

struct NoKeySource: ClientKeySource {
    func fetch(_ uri: KeySetURI) async throws -> JWKSet { throw ClientKeysUnavailable(reason: "there is none") }
}

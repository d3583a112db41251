import Cryptography
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import Logging
import NIOCore
import OAuth
import ServiceKit
import ServiceLifecycle
import Synchronization
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Fetching clients' keys") struct ClientKeySourceTests {
    @Test(
        "Only addresses of the internet at large are asked",
        arguments: [
            ("93.184.216.34", true), ("1.1.1.1", true), ("172.15.255.255", true), ("172.32.0.0", true), ("100.63.255.255", true),
            ("2606:4700::1111", true), ("::ffff:1.1.1.1", true),
            ("0.0.0.0", false), ("10.0.0.1", false), ("100.64.0.1", false), ("127.0.0.1", false), ("127.255.255.255", false),
            ("169.254.169.254", false), ("172.16.0.1", false), ("172.31.255.255", false), ("192.168.1.1", false), ("192.0.0.8", false),
            ("192.0.2.1", false), ("198.18.0.1", false), ("198.51.100.1", false), ("203.0.113.1", false), ("224.0.0.1", false),
            ("255.255.255.255", false), ("::1", false), ("::", false), ("::ffff:127.0.0.1", false), ("::ffff:10.0.0.1", false),
            ("::7f00:1", false), ("64:ff9b::7f00:1", false), ("fe80::1", false), ("fc00::1", false), ("fd12::1", false), ("ff02::1", false),
            ("2001:db8::1", false), ("2001::1", false), ("2002:7f00:1::", false), ("192.88.99.1", false), ("3fff::1", false),
        ] as [(String, Bool)])
    func addresses(_ address: String, _ isPublic: Bool) throws {
        #expect(PublicAddresses.contains(try SocketAddress(ipAddress: address, port: 443)) == isPublic)
    }

    /// Runs a web server on this machine that answers as it is told.
    private func withServer(
        allowsPrivateAddresses: Bool = true, timeout: Duration = .seconds(5),
        _ respond: @escaping @Sendable (String) async throws -> Response,
        _ body: @escaping @Sendable (HTTPClientKeySource, Int) async throws -> Void
    ) async throws {
        let router = Router()
        router.get("**") { request, _ in try await respond(request.uri.path) }
        let application = Application(router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)), logger: Self.logger)
        try await application.test(.live) { client in
            let source = HTTPClientKeySource(allowsPrivateAddresses: allowsPrivateAddresses, timeout: timeout)
            let port = try #require(client.port)
            try await body(source, port)
        }
    }

    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private static func uri(_ port: Int, _ path: String, host: String = "127.0.0.1") throws -> KeySetURI {
        try #require(KeySetURI("http://\(host):\(port)\(path)"))
    }

    @Test("A set is read; redirects, errors, nonsense and floods are not") func answers() async throws {
        let key = try JWK(PrivateKey.generate(.p256).publicKey, algorithm: .es256, keyID: "a")
        let text = String(decoding: JWKSet([key]).serialized(), as: UTF8.self)
        let asked = Mutex<[String]>([])
        try await withServer { path in
            asked.withLock { $0.append(path) }
            func answer(_ status: HTTPResponse.Status, _ body: String, _ headers: HTTPFields = [:]) -> Response {
                Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
            }
            return switch path {
            case "/good": answer(.ok, text)
            case "/moved": answer(.found, text, [.location: "/good"])
            case "/error": answer(.internalServerError, text)
            case "/empty": answer(.ok, "")
            case "/twice": answer(.ok, text.replacing("{\"keys\"", with: "{\"keys\":[],\"keys\""))
            case "/large": answer(.ok, text + String(repeating: " ", count: HTTPClientKeySource.maximumBytes))
            default: answer(.notFound, "")
            }
        } _: { source, port in
            for host in ["127.0.0.1", "localhost"] {
                let set = try await source.fetch(Self.uri(port, "/good", host: host))
                #expect(set.keys.map(\.keyID) == ["a"])
            }
            asked.withLock { $0 = [] }
            for path in ["/moved", "/error", "/empty", "/twice", "/large", "/nothing"] {
                await #expect(throws: (any Error).self, "\(path)") { try await source.fetch(Self.uri(port, path)) }
            }
            #expect(asked.withLock { $0 } == ["/moved", "/error", "/empty", "/twice", "/large", "/nothing"])
        }
    }

    @Test("A private address is not even connected to, by whatever name") func privateAddresses() async throws {
        let isAsked = Mutex(false)
        try await withServer(allowsPrivateAddresses: false) { _ in
            isAsked.withLock { $0 = true }
            return Response(status: .ok)
        } _: { source, port in
            for host in ["127.0.0.1", "localhost", "[::1]"] {
                await #expect(throws: ClientKeysUnavailable.self) { try await source.fetch(Self.uri(port, "/jwks", host: host)) }
            }
            for host in ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1", "[::ffff:127.0.0.1]", "0", "localhost"] {
                let uri = try #require(KeySetURI("https://\(host):\(port)/jwks"))
                await #expect(throws: ClientKeysUnavailable.self, "\(host)") { try await source.fetch(uri) }
            }
            #expect(isAsked.withLock { $0 } == false)
        }
    }

    @Test("The connection goes to the address that was checked, whatever the name means a moment later") func pinned() async throws {
        let asked = Mutex(0)
        try await withServer { _ in
            asked.withLock { $0 += 1 }
            return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: #"{"keys":[]}"#)))
        } _: { source, port in
            let place = try Self.uri(port, "/jwks", host: "localhost")
            #expect(try await source.fetch(place).keys.isEmpty)
            let elsewhere = HTTPClientKeySource(allowsPrivateAddresses: true, timeout: .milliseconds(300)) { _, port in
                try SocketAddress(ipAddress: "127.0.0.2", port: port)
            }
            await #expect(throws: ClientKeysUnavailable.self) { try await elsewhere.fetch(place) }
            #expect(asked.withLock { $0 } == 1)
        }
    }

    @Test("Who does not answer is given up") func deadline() async throws {
        try await withServer(timeout: .milliseconds(200)) { _ in
            try await Task.sleep(for: .seconds(30))
            return Response(status: .ok)
        } _: { source, port in
            let start = ContinuousClock.now
            await #expect(throws: ClientKeysUnavailable.self) { try await source.fetch(Self.uri(port, "/jwks")) }
            #expect((.milliseconds(200)..<Duration.seconds(5)).contains(start.duration(to: .now)))
        }
    }

    @Test(
        "A client that publishes its keys authenticates, on a private address only where that is allowed",
        .enabled(if: TestDatabase.isConfigured))
    func published() async throws {
        let key = try PrivateKey.generate(.p256)
        let text = String(decoding: JWKSet([try JWK(key.publicKey, algorithm: .es256, keyID: "a")]).serialized(), as: UTF8.self)
        try await withServer { _ in
            Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        } _: { _, port in
            for isAllowed in [true, false] {
                try await AuthServerHarness.with(["SALLYPORT_ALLOW_PRIVATE_JWKS_URIS": "\(isAllowed)"]) { server in
                    for tenant in [server.acme, server.globex] {
                        let id = "\(tenant.slug)-publisher"
                        _ = try await AuthServerHarness.service(id, in: tenant, server.administration) {
                            $0.authenticationMethod = .privateKeyJWT
                            $0.jwksURI = "http://127.0.0.1:\(port)/jwks"
                        }
                        let draft = AssertionDraft(id, audience: AuthServerHarness.issuer(tenant.slug.rawValue), keyID: "a")
                        #expect(try await server.present(draft.signed(key)).status == (isAllowed ? .ok : .unauthorized))
                    }
                }
            }
        }
    }
}

import AsyncHTTPClient
import FoundationEssentials
import HTTPTypes
import Logging
import OAuth
import Postgres
import SallyportVerifier
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("SallyportVerifier against a live server", .enabled(if: TestDatabase.isConfigured)) struct SallyportVerifierTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private static func verifier(
        _ tenant: Tenant, _ secret: String, at live: LiveServer, audience: String = AuthServerHarness.audience,
        staleness: Duration = .seconds(5)
    ) throws -> TokenVerifier {
        try TokenVerifier(
            issuer: "\(AuthServerHarness.baseURL)/t/\(tenant.slug)", audience: audience,
            credentials: .init(clientID: "\(tenant.slug)-api", secret: secret), server: "\(live.url)/t/\(tenant.slug)",
            staleness: staleness,
            logger: logger)
    }

    /// A live server, and a verifier for each tenant that listens.
    private static func with(
        staleness: Duration = .seconds(5),
        _ body: @Sendable @escaping (AuthServerHarness, LiveServer, _ acme: TokenVerifier, _ globex: TokenVerifier) async throws -> Void
    ) async throws {
        try await AuthServerHarness.with { server in
            var secrets: [String] = []
            for tenant in [server.acme, server.globex] {
                secrets.append(
                    try await AuthServerHarness.service("\(tenant.slug)-api", in: tenant, server.administration) {
                        $0.isResourceServer = true
                    })
            }
            let found = secrets
            try await LiveServer.with(server) { live in
                let acme = try verifier(server.acme, found[0], at: live, staleness: staleness)
                let globex = try verifier(server.globex, found[1], at: live, staleness: staleness)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await acme.run() }
                    group.addTask { try await globex.run() }
                    try await server.eventually("both listen") { acme.isReady && globex.isReady }
                    try await body(server, live, acme, globex)
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
        }
    }

    private static func refusal(_ verifier: TokenVerifier, _ token: String) async -> TokenRefusal? {
        do {
            _ = try await verifier.verify(token)
            return nil
        } catch {
            return error
        }
    }

    @Test("A token is accepted, revoked at the server, and refused within a second; the other tenant's goes on") func revocation()
        async throws
    {
        try await Self.with { server, _, acme, globex in
            let (mine, theirs) = (try await server.token(server.acme), try await server.token(server.globex))
            let claims = try await acme.verify(mine)
            #expect(claims.tenant == "acme" && claims.allows("read", on: "customers") && !claims.allows("write", on: "customers"))
            #expect(try await globex.verify(theirs).tenantID == server.globex.id.description)
            for (verifier, token) in [(acme, theirs), (globex, mine)] {
                guard case .invalid = await Self.refusal(verifier, token) else {
                    Issue.record("another tenant's token is accepted")
                    continue
                }
            }

            let answer = try await server.post("/t/acme/oauth2/revoke", "token=\(mine)", headers: server.basic("acme-service"))
            #expect(answer.status == .ok)
            let answered = ContinuousClock.now
            try await server.eventually("refused") { await Self.refusal(acme, mine) == .revoked }
            #expect(answered.duration(to: .now) < .seconds(1))
            #expect(await Self.refusal(globex, theirs) == nil)
            let next = try await server.token(server.acme)
            #expect(await Self.refusal(acme, next) == nil, "a new token is good")
        }
    }

    @Test("What is not a token of ours for this service is refused", arguments: ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
    func nonsense(_ text: String) async throws {
        try await Self.with { _, _, acme, globex in
            for verifier in [acme, globex] {
                guard case .invalid = await Self.refusal(verifier, text) else {
                    Issue.record("‘\(text)’ is not refused as invalid")
                    continue
                }
            }
        }
    }

    @Test("A token for another audience, a changed one and an expired one are refused") func nearMisses() async throws {
        try await Self.with { server, live, acme, _ in
            let token = try await server.token(server.acme)
            let last = token.last == "A" ? "B" : "A"
            guard case .invalid = await Self.refusal(acme, token.dropLast(3) + last + token.suffix(2)) else {
                Issue.record("a changed signature is accepted")
                return
            }
            server.advance.value = -86_400
            let old = try await server.token(server.acme)
            server.advance.value = 0
            #expect(await Self.refusal(acme, old) == .expired)
            let elsewhere = try Self.verifier(server.globex, "x", at: live, audience: "https://elsewhere.example")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await elsewhere.run() }
                let theirs = try await server.token(server.globex)
                guard case .invalid = await Self.refusal(elsewhere, theirs) else {
                    Issue.record("a token for another audience is accepted")
                    return
                }
                #expect(!elsewhere.isReady, "with a wrong secret it hears nothing")
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    @Test("Without word from the server nothing is accepted any more") func staleness() async throws {
        try await Self.with(staleness: .seconds(3)) { server, live, acme, globex in
            let (mine, theirs) = (try await server.token(server.acme), try await server.token(server.globex))
            #expect(await Self.refusal(acme, mine) == nil)
            await live.stop()
            try await server.eventually("refused") { await Self.refusal(acme, mine) == .unavailable }
            try await server.eventually("refused in the other tenant") { await Self.refusal(globex, theirs) == .unavailable }
            #expect(await Self.refusal(acme, mine) == .unavailable && !acme.isReady && !globex.isReady)
        }
    }

    @Test("The README's lines are these, compiled") func readme() throws {
        let here = #filePath
        let root = here.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }
        let readme = try String(contentsOfFile: root + "/Shared/Verifier/README.md", encoding: .utf8)
        let example = try String(contentsOfFile: here.replacing("SallyportVerifierTests", with: "VerifierReadmeExample"), encoding: .utf8)
        func lines(_ text: String, from start: String, to end: String) -> [String] {
            text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                .drop { !$0.contains(start) }.dropFirst().prefix { !$0.contains(end) }
                .map { String($0.drop { $0 == " " }) }
        }
        let shown = lines(readme, from: "```swift", to: "```")
        #expect(shown.filter { !$0.isEmpty }.count <= 10)
        #expect(shown == lines(example, from: "// begin", to: "// end"))
    }
}

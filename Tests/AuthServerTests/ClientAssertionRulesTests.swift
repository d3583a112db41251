import JOSE
import JSON
import OAuth
import Testing

@testable import AuthServer

@Suite("The time of client assertions") struct ClientAssertionRulesTests {
    private static let now: Int64 = 1_000_000

    /// Seconds from now; nil: left out.
    struct Moments: Sendable {
        let expiresAt: Int64
        var issuedAt: Int64?
        var notBefore: Int64?
        let isAccepted: Bool
    }

    @Test(
        "Good for ten minutes, to the second",
        arguments: [
            Moments(expiresAt: 1, isAccepted: true),
            Moments(expiresAt: 0, isAccepted: false),
            Moments(expiresAt: -1, isAccepted: false),
            Moments(expiresAt: 630, isAccepted: true),
            Moments(expiresAt: 631, isAccepted: false),
            Moments(expiresAt: 631, issuedAt: 0, isAccepted: true),
            Moments(expiresAt: 3630, issuedAt: 30, isAccepted: true),
            Moments(expiresAt: 3631, issuedAt: 30, isAccepted: false),
            Moments(expiresAt: 60, issuedAt: 31, isAccepted: false),
            Moments(expiresAt: 3000, issuedAt: -600, isAccepted: true),
            Moments(expiresAt: 3000, issuedAt: -601, isAccepted: false),
            Moments(expiresAt: 1, issuedAt: -601, isAccepted: false),
            Moments(expiresAt: 60, notBefore: 30, isAccepted: true),
            Moments(expiresAt: 60, notBefore: 31, isAccepted: false),
        ])
    func time(_ moments: Moments) throws {
        var members: JSONObject = [
            "iss": .string("c"), "sub": .string("c"), "aud": .string("https://as"), "jti": .string("1"),
            "exp": .integer(Self.now + moments.expiresAt),
        ]
        members["iat"] = moments.issuedAt.map { .integer(Self.now + $0) }
        members["nbf"] = moments.notBefore.map { .integer(Self.now + $0) }
        let rules = ClientAssertionRules(client: try #require(ClientID("c")), audiences: ["https://as"], now: Self.now)
        let claims = try JWTClaims(members: members)
        if moments.isAccepted {
            #expect(try rules.check(claims).expiresAt == Self.now + moments.expiresAt)
        } else {
            #expect(throws: ClientAssertionRefused.self) { try rules.check(claims) }
        }
    }
}

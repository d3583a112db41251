import FoundationEssentials
import Revocation
import Tenancy

/// Prints, as JSON, the nanoseconds that asking the index takes for one request's token with 0, 100,000 and 1,000,000 living entries.
@main enum RevocationIndexBenchmark {
    private static let rounds = 5
    private static let questions = 2_000_000

    static func main() {
        let tenant = TenantID(UUID())
        let tokens = (0..<1000).map { number in
            RevocableToken(
                tenant: tenant, tokenID: "token-\(number)", grantID: "20000.grant-\(number)", sessionID: "session-\(number)",
                subject: "user-\(number)", clientID: "client-\(number % 10)", issuedAt: 2000)
        }
        let index = RevocationIndex(staleness: .seconds(3600))
        index.isComplete(asOf: .now)
        var results: [String] = []
        var living = 0
        for count in [0, 100_000, 1_000_000] {
            while living < count {
                index.insert(
                    RevocationEntry(kind: .token, tenant: tenant, target: "revoked-\(living)", notBefore: 1000, expiresAt: 4_000_000_000))
                living += 1
            }
            results.append("\"\(count)\": \((0..<rounds).map { _ in nanoseconds(index, tokens) }.sorted()[rounds / 2])")
        }
        print("{\(results.joined(separator: ", "))}")
    }

    private static func nanoseconds(_ index: RevocationIndex, _ tokens: [RevocableToken]) -> Double {
        let start = ContinuousClock.now
        var standing = 0
        for number in 0..<questions where index.verdict(on: tokens[number % tokens.count]) == .stands { standing += 1 }
        guard standing == questions else { fatalError("a token is refused that was not revoked") }
        return start.duration(to: .now) / .nanoseconds(questions)
    }
}

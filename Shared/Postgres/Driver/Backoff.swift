/// When to try again to connect: at once, then after doubling, jittered pauses.
struct Backoff {
    private(set) var firstFailure: Int64?
    private(set) var nextAttempt: Int64 = 0
    private(set) var lastError: PostgresError?
    private var pause: Int64 = 0
    private static let shortest: Int64 = 50_000_000
    /// Together with a host that does not answer (``PostgresConfiguration/connectTimeout``) less than the five seconds for which
    /// revocations may go unheard.
    private static let longest: Int64 = 1_000_000_000

    mutating func failed(_ error: PostgresError, at now: Int64) {
        if firstFailure == nil { firstFailure = now }
        lastError = error
        pause = min(Self.longest, max(Self.shortest, pause * 2))
        nextAttempt = now + Int64.random(in: pause / 2...pause)
    }

    mutating func succeeded() {
        self = Backoff()
    }
}

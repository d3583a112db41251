import FoundationEssentials
import Postgres

/// Counts attempts by the hash of what they have in common. The table is the platform's, not a tenant's.
struct SignInThrottleStore: Sendable {
    let database: Postgres

    struct Counter: Sendable, Hashable {
        let hash: [UInt8]
        /// Seconds since 1970, to the second above; 0 while nothing is blocked.
        let blockedUntil: Int64
    }

    /// Counts one attempt under every key, unless one of them is blocked: then under none.
    ///
    /// One transaction in one round trip. It holds the rows before it looks at them, so of attempts made at the same instant each sees what
    /// those before it have left; and it takes them in one order, so that two never wait for each other. Rows that are missing are made only
    /// where none that is there blocks the attempt: a flood of names from a blocked address leaves nothing behind. Should a row be missing
    /// in the end (a block ended between two statements), the attempt counts as blocked.
    ///
    /// - Returns: the counters as the attempt has left them, or, when it is blocked, as they stand.
    func count(_ keys: [ThrottleKey], now: Int64) async throws -> (isBlocked: Bool, counters: [Counter]) {
        let hashes = keys.map(\.hash)
        let moment = AccountRow.date(now)
        let results = try await database.batch([
            Self.queue(hashes),
            """
            INSERT INTO auth.sign_in_throttle (key_hash, failures, last_failed_at, blocked_until)
            SELECT key_hash, 0, \(moment), 'epoch'::timestamptz FROM unnest(\(Self.hexadecimal(hashes))) AS asked (digits), decode(digits, 'hex') AS key_hash
             WHERE NOT EXISTS (SELECT FROM auth.sign_in_throttle WHERE blocked_until > \(moment) AND \(Self.isAmong(hashes)))
             ORDER BY key_hash
            -- Not DO NOTHING: a row that a success is deleting at this instant is made anew, and one that stays is held.
            ON CONFLICT (key_hash) DO UPDATE SET failures = sign_in_throttle.failures
            """,
            Self.lock(hashes),
            """
            WITH asked AS (
                SELECT decode(digits, 'hex') AS key_hash, free, longest, forgiving
                  FROM unnest(\(Self.hexadecimal(hashes)), \(keys.map(\.rule.freeAttempts)), \(keys.map(\.rule.maximumDelaySeconds)),
                              \(keys.map(\.rule.forgivingSeconds))) AS rules (digits, free, longest, forgiving)
            ), counted AS (
                SELECT asked.key_hash, asked.free, asked.longest,
                       1 + greatest(0, throttle.failures
                                       - floor(extract(epoch FROM \(moment) - throttle.last_failed_at) / asked.forgiving))::integer AS failures
                  FROM asked
                  JOIN auth.sign_in_throttle AS throttle ON throttle.key_hash = asked.key_hash
            )
            UPDATE auth.sign_in_throttle AS throttle
               SET failures = counted.failures,
                   last_failed_at = \(moment),
                   -- Not this moment: it is later than that of an attempt which began a second ago and gets its turn only now.
                   blocked_until = CASE
                       WHEN counted.failures <= counted.free THEN 'epoch'
                       ELSE \(moment) + make_interval(secs => least(counted.longest, power(2, least(counted.failures - counted.free - 1, 30))))
                   END
              FROM counted
             WHERE throttle.key_hash = counted.key_hash
               AND NOT EXISTS (SELECT
                                 FROM asked
                                 JOIN auth.sign_in_throttle AS other ON other.key_hash = asked.key_hash
                                WHERE other.blocked_until > \(moment))
               AND (SELECT count(*) FROM counted) = \(Int64(Set(hashes).count))
            RETURNING throttle.key_hash, throttle.blocked_until
            """,
            "SELECT key_hash, blocked_until FROM auth.sign_in_throttle WHERE \(Self.isAmong(hashes))",
        ])
        let (counted, standing) = (results[3], results[4])
        return (counted.isEmpty, try (counted.isEmpty ? standing : counted).map(Self.counter))
    }

    /// Forgets the failures of `cleared`, and takes this one attempt back from `kept`: a block that it brought about ends.
    func clear(_ cleared: [ThrottleKey], kept: [SignInThrottleStore.Counter]) async throws {
        let hashes = cleared.map(\.hash)
        var statements = [Self.queue(hashes + kept.map(\.hash)), Self.lock(hashes + kept.map(\.hash))]
        statements.append("DELETE FROM auth.sign_in_throttle WHERE \(Self.isAmong(hashes))")
        statements += kept.map { counter in
            """
            UPDATE auth.sign_in_throttle
               SET failures = greatest(0, failures - 1),
                   blocked_until = CASE WHEN blocked_until = \(AccountRow.date(counter.blockedUntil)) THEN 'epoch' ELSE blocked_until END
             WHERE key_hash = \(counter.hash)
            """
        }
        _ = try await database.batch(statements)
    }

    /// - Returns: how many rows of long ago are gone.
    func forget(before moment: Int64) async throws -> Int {
        try await database.execute("DELETE FROM auth.sign_in_throttle WHERE last_failed_at < \(AccountRow.date(moment))")
    }

    /// Puts attempts with a key in common in a row, before any of them touches a row that another may be making or deleting.
    private static func queue(_ hashes: [[UInt8]]) -> SQL {
        let keys = Set(hashes.map { hash in hash.prefix(8).reduce(0) { $0 << 8 | Int64($1) } }).sorted()
        return "SELECT pg_advisory_xact_lock(key) FROM unnest(\(keys)) AS key"
    }

    private static func lock(_ hashes: [[UInt8]]) -> SQL {
        "SELECT FROM auth.sign_in_throttle WHERE \(isAmong(hashes)) ORDER BY key_hash FOR UPDATE"
    }

    private static func isAmong(_ hashes: [[UInt8]]) -> SQL {
        "key_hash IN (SELECT decode(digits, 'hex') FROM unnest(\(hexadecimal(hashes))) AS asked (digits))"
    }

    private static func hexadecimal(_ hashes: [[UInt8]]) -> [String] {
        hashes.map { hash in hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
    }

    private static func counter(_ row: Row) throws -> Counter {
        let (hash, blockedUntil) = try row.decode([UInt8].self, Date.self)
        return Counter(hash: hash, blockedUntil: Int64(blockedUntil.timeIntervalSince1970.rounded(.up)))
    }
}

internal import Synchronization

/// The living part of the revocation log in memory: asked on every request, never the database.
///
/// It knows as of when it is complete. When that is longer ago than the allowed staleness it says so, and who asks must refuse rather than
/// guess. Requests wait for nobody and write nothing that others read: neither announcements nor sweeps nor one another keep them.
public final class RevocationIndex: Sendable {
    private static let partCount = 64
    private static let never = Int64.min
    /// Entries stand a minute longer than their tokens.
    private static let toleranceSeconds: Int64 = 30

    /// Raw, since an array of objects would have each request count references to them.
    private nonisolated(unsafe) let parts: UnsafeMutablePointer<RevocationTable>
    private let total = Atomic<Int>(0)
    private let staleness: Int64
    private let origin = ContinuousClock.now
    /// As of when everything committed is here, in nanoseconds since ``origin``; ``never`` before the log was read.
    private let completeAsOf = Atomic<Int64>(never)
    private let refused = Atomic<Int>(0)
    /// Up to which second entries were dropped as moot.
    private let sweptUntil = Atomic<Int64>(never)
    private let nextPart = Atomic<Int>(0)

    /// What the index says of one token.
    public enum Verdict: Sendable, Hashable {
        case stands
        case revoked
        /// The log has not been heard for too long to say.
        case unknown
    }

    /// - Parameter staleness: how long the index is believed after it was known to be complete.
    public init(staleness: Duration = .seconds(5)) {
        self.staleness = staleness.wholeNanoseconds
        parts = .allocate(capacity: Self.partCount)
        for part in 0..<Self.partCount { (parts + part).initialize(to: RevocationTable()) }
    }

    deinit {
        parts.deinitialize(count: Self.partCount)
        parts.deallocate()
    }

    // MARK: What it knows

    /// Whether answers can be relied on now.
    public var isCurrent: Bool {
        let since = completeAsOf.load(ordering: .acquiring)
        return since != Self.never && nanoseconds(.now) - since < staleness
    }

    /// The number of entries, moot ones included until they are swept away.
    public var count: Int { total.load(ordering: .relaxed) }

    /// How often it could not be told whether a token stands.
    public var refusals: Int { refused.load(ordering: .relaxed) }

    /// Everything that was committed before is here; nil: nobody knows.
    public var knownComplete: ContinuousClock.Instant? {
        let since = completeAsOf.load(ordering: .acquiring)
        return since == Self.never ? nil : origin + .nanoseconds(since)
    }

    /// How long ago that is.
    public var lag: Duration? { knownComplete.map { $0.duration(to: .now) } }

    /// Counts a request that was refused since ``isCurrent`` is false.
    public func noteRefusal() {
        refused.wrappingAdd(1, ordering: .relaxed)
    }

    /// - Parameter issuedAt: another `iat` than the token's.
    /// - Returns: whether an entry kills the token.
    public func revokes(_ token: RevocableToken, issuedAt: Int64? = nil) -> Bool {
        guard total.load(ordering: .acquiring) > 0 else { return false }
        if find(token.token) != nil { return true }
        let issuedAt = issuedAt ?? token.issuedAt
        for key in token.others {
            if let standing = find(key), issuedAt <= Int64(standing.notBefore) { return true }
        }
        return false
    }

    /// Whether the token may be relied on now.
    public func verdict(on token: RevocableToken) -> Verdict {
        guard isCurrent else {
            noteRefusal()
            return .unknown
        }
        return revokes(token) ? .revoked : .stands
    }

    private func find(_ key: RevocationKey) -> RevocationTable.Standing? {
        parts[key.part(of: Self.partCount)].find(key)
    }

    // MARK: What it is told

    public func insert(_ entry: RevocationEntry) {
        let key = RevocationKey(entry)
        if parts[key.part(of: Self.partCount)].insert(key, RevocationTable.Standing(entry)) { total.add(1, ordering: .releasing) }
    }

    /// Everything that was committed before the instant is here.
    public func isComplete(asOf instant: ContinuousClock.Instant) {
        let instant = nanoseconds(instant)
        var known = completeAsOf.load(ordering: .relaxed)
        while known < instant {
            let (exchanged, original) = completeAsOf.compareExchange(expected: known, desired: instant, ordering: .acquiringAndReleasing)
            if exchanged { return }
            known = original
        }
    }

    /// Drops entries whose tokens have all expired by themselves.
    /// - Parameter now: seconds since 1970.
    public func removeExpired(now: Int64) {
        sweptUntil.store(now, ordering: .relaxed)
        for part in 0..<Self.partCount { removeExpired(now: now, part) }
    }

    /// Drops some of them; all in 64 calls.
    public func removeSomeExpired(now: Int64) {
        if now > sweptUntil.load(ordering: .relaxed) { sweptUntil.store(now, ordering: .relaxed) }
        removeExpired(now: now, nextPart.wrappingAdd(1, ordering: .relaxed).oldValue & (Self.partCount - 1))
    }

    /// Whether entries were dropped whose tokens live again at this second: the clock has gone back, and the log must be read anew.
    public func hasForgotten(at now: Int64) -> Bool {
        let swept = sweptUntil.load(ordering: .relaxed)
        return swept != Self.never && swept - Self.toleranceSeconds > now
    }

    private func removeExpired(now: Int64, _ part: Int) {
        let removed = parts[part].removeExpired(now: UInt32(clamping: now))
        if removed > 0 { total.subtract(removed, ordering: .relaxed) }
    }

    private func nanoseconds(_ instant: ContinuousClock.Instant) -> Int64 { origin.duration(to: instant).wholeNanoseconds }
}

extension Duration {
    fileprivate var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

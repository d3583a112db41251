internal import Synchronization

/// The living part of the revocation log in memory: asked on every request, never the database.
///
/// It knows whether it is current. When the log cannot be heard for longer than the allowed staleness it says so, and who asks must refuse
/// rather than guess. Entries are spread over parts with a lock each, held for one look-up, so that neither announcements nor sweeps
/// keep requests waiting.
public final class RevocationIndex: Sendable {
    /// Seconds since 1970: eight bytes rather than sixteen, for a million of them.
    private struct Standing {
        var notBefore: UInt32
        var expiresAt: UInt32

        init(_ entry: RevocationEntry) {
            notBefore = UInt32(clamping: entry.notBefore)
            expiresAt = UInt32(clamping: entry.expiresAt)
        }
    }

    private final class Part: Sendable {
        let entries = Mutex<[RevocationKey: Standing]>([:])
    }

    private static let partCount = 64
    private static let never = Int64.min
    private static let heard = Int64.max

    private let parts = (0..<partCount).map { _ in Part() }
    private let total = Atomic<Int>(0)
    private let staleness: Duration
    private let origin = ContinuousClock.now
    /// Until when answers can be relied on, in nanoseconds since ``origin``; ``heard`` while the log is heard, ``never`` before that.
    private let trustedUntil = Atomic<Int64>(never)
    private let refused = Atomic<Int>(0)
    private let silence = Mutex<(@Sendable () -> Duration)?>(nil)

    /// What the index says of one token.
    public enum Verdict: Sendable, Hashable {
        case stands
        case revoked
        /// The log has not been heard for too long to say.
        case unknown
    }

    /// - Parameter staleness: how long the index is believed after the log was last heard.
    public init(staleness: Duration = .seconds(5)) {
        self.staleness = staleness
    }

    // MARK: What it knows

    /// Whether answers can be relied on now.
    public var isCurrent: Bool {
        let until = trustedUntil.load(ordering: .acquiring)
        return until == Self.heard || until > nanoseconds(.now)
    }

    /// The number of entries, moot ones included until they are swept away.
    public var count: Int { total.load(ordering: .relaxed) }

    /// How often it could not be told whether a token stands.
    public var refusals: Int { refused.load(ordering: .relaxed) }

    /// How long ago the log was last heard; nil: never.
    public var lag: Duration? {
        switch trustedUntil.load(ordering: .acquiring) {
        case Self.never: nil
        case Self.heard: silence.withLock { $0 }?() ?? .zero
        case let until: .nanoseconds(nanoseconds(.now) - until) + staleness
        }
    }

    /// - Parameter source: how long ago the log was last heard, asked while it is.
    public func measureSilence(by source: @escaping @Sendable () -> Duration) {
        silence.withLock { $0 = source }
    }

    /// Counts a request that was refused since ``isCurrent`` is false.
    public func noteRefusal() {
        refused.wrappingAdd(1, ordering: .relaxed)
    }

    /// - Parameter issuedAt: another `iat` than the token's.
    /// - Returns: whether an entry kills the token.
    public func revokes(_ token: RevocableToken, issuedAt: Int64? = nil) -> Bool {
        guard total.load(ordering: .acquiring) > 0 else { return false }
        if standing(of: token.token) != nil { return true }
        let issuedAt = issuedAt ?? token.issuedAt
        return token.others.contains { key in standing(of: key).map { issuedAt <= Int64($0.notBefore) } ?? false }
    }

    /// Whether the token may be relied on now.
    public func verdict(on token: RevocableToken) -> Verdict {
        guard isCurrent else {
            noteRefusal()
            return .unknown
        }
        return revokes(token) ? .revoked : .stands
    }

    private func standing(of key: RevocationKey) -> Standing? {
        part(of: key).entries.withLock { $0[key] }
    }

    // MARK: What it is told

    public func insert(_ entry: RevocationEntry) {
        let (key, new) = (RevocationKey(entry), Standing(entry))
        let isNew = part(of: key).entries.withLock { entries in
            guard let known = entries[key] else {
                entries[key] = new
                return true
            }
            var latest = known
            latest.notBefore = max(known.notBefore, new.notBefore)
            latest.expiresAt = max(known.expiresAt, new.expiresAt)
            entries[key] = latest
            return false
        }
        if isNew { total.add(1, ordering: .releasing) }
    }

    /// The whole living log, or all that was not known of it, read after its announcements began to be heard. Entries that were announced
    /// meanwhile stay.
    public func caughtUp(_ log: [RevocationEntry]) {
        for entry in log { insert(entry) }
        trustedUntil.store(Self.heard, ordering: .releasing)
    }

    /// Announcements may be missed from now on.
    ///
    /// - Parameter silence: how long ago the log was last heard.
    public func interrupted(silentFor silence: Duration = .zero) {
        let deadline = nanoseconds(.now.advanced(by: staleness - silence))
        _ = trustedUntil.compareExchange(expected: Self.heard, desired: deadline, ordering: .acquiringAndReleasing)
    }

    /// Drops entries whose tokens have all expired by themselves.
    /// - Parameter now: seconds since 1970.
    public func removeExpired(now: Int64) {
        let now = UInt32(clamping: now)
        for part in parts {
            let removed = part.entries.withLock { entries in
                let before = entries.count
                if entries.contains(where: { $0.value.expiresAt <= now }) { entries = entries.filter { $0.value.expiresAt > now } }
                return before - entries.count
            }
            total.subtract(removed, ordering: .relaxed)
        }
    }

    private func part(of key: RevocationKey) -> Part { parts[key.part(of: Self.partCount)] }

    private func nanoseconds(_ instant: ContinuousClock.Instant) -> Int64 {
        let (seconds, attoseconds) = origin.duration(to: instant).components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

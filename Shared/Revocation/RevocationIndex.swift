internal import Synchronization

/// The living part of the revocation log in memory: asked on every request, never the database.
///
/// It knows whether it is current. When the log cannot be heard for longer than the allowed staleness it says so, and who asks must refuse
/// rather than guess.
public final class RevocationIndex: Sendable {
    private struct Standing {
        var notBefore: Int64
        var expiresAt: Int64
    }

    private struct State {
        var entries: [RevocationKey: Standing] = [:]
        var isHeard = false
        var trustedUntil: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let staleness: Duration

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

    /// Whether answers can be relied on now.
    public var isCurrent: Bool {
        state.withLock { Self.isCurrent(&$0) }
    }

    private static func isCurrent(_ state: inout State) -> Bool {
        state.isHeard || state.trustedUntil.map { .now < $0 } ?? false
    }

    public var count: Int { state.withLock { $0.entries.count } }

    /// - Parameter issuedAt: another `iat` than the token's.
    /// - Returns: whether an entry kills the token.
    public func revokes(_ token: RevocableToken, issuedAt: Int64? = nil) -> Bool {
        state.withLock { Self.revokes(token, issuedAt ?? token.issuedAt, $0) }
    }

    /// Whether the token may be relied on now.
    public func verdict(on token: RevocableToken) -> Verdict {
        state.withLock { state in
            guard Self.isCurrent(&state) else { return .unknown }
            return Self.revokes(token, token.issuedAt, state) ? .revoked : .stands
        }
    }

    private static func revokes(_ token: RevocableToken, _ issuedAt: Int64, _ state: borrowing State) -> Bool {
        guard !state.entries.isEmpty else { return false }
        if state.entries[token.token] != nil { return true }
        for key in token.others {
            if let standing = state.entries[key], issuedAt <= standing.notBefore { return true }
        }
        return false
    }

    public func insert(_ entry: RevocationEntry) {
        state.withLock { Self.insert(entry, &$0) }
    }

    private static func insert(_ entry: RevocationEntry, _ state: inout State) {
        let key = RevocationKey(entry)
        if let known = state.entries[key] {
            state.entries[key] = Standing(
                notBefore: max(known.notBefore, entry.notBefore), expiresAt: max(known.expiresAt, entry.expiresAt)
            )
        } else {
            state.entries[key] = Standing(notBefore: entry.notBefore, expiresAt: entry.expiresAt)
        }
    }

    /// The whole living log, read after its announcements began to be heard. Entries that were announced meanwhile stay.
    public func caughtUp(_ log: [RevocationEntry]) {
        state.withLock { state in
            for entry in log { Self.insert(entry, &state) }
            state.isHeard = true
            state.trustedUntil = nil
        }
    }

    /// Announcements may be missed from now on.
    ///
    /// - Parameter silence: how long ago the log was last heard.
    public func interrupted(silentFor silence: Duration = .zero) {
        state.withLock { state in
            guard state.isHeard else { return }
            state.isHeard = false
            state.trustedUntil = .now.advanced(by: staleness - silence)
        }
    }

    /// Drops entries whose tokens have all expired by themselves.
    /// - Parameter now: seconds since 1970.
    public func removeExpired(now: Int64) {
        state.withLock { state in
            state.entries = state.entries.filter { $0.value.expiresAt > now }
        }
    }
}

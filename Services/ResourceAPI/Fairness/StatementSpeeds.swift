import Postgres
import ServiceKit
import Synchronization

/// Remembers how long the server works on each tenant's statements, so that what is slow does not hold up what is quick.
///
/// Statements share connections, and on a connection each waits for those before it. So a statement that is slow, or that nobody has
/// tried yet, runs on a connection of its own.
final class StatementSpeeds: Sendable {
    enum Lane: Sendable, Hashable {
        case quick
        /// Nobody has tried it yet: by itself if there is room, so that nothing suffers should it be slow.
        case untried
        case slow
    }

    /// One tenant's statement.
    final class Speed: Sendable {
        fileprivate let average: Atomic<Int64>
        /// Whether nothing is known yet.
        fileprivate let isNew: Atomic<Bool>
        /// What is new counts as slow until it is known.
        fileprivate let isSuspect: Bool

        fileprivate init(isNew: Bool, isSuspect: Bool) {
            average = Atomic(0)
            self.isNew = Atomic(isNew)
            self.isSuspect = isSuspect
        }
    }

    private struct Key: Hashable {
        let tenant: String
        let statement: SQLStatement
    }

    private struct State {
        var speeds: BoundedMap<Key, Speed>
        /// Statements that some tenant's experience says are quick.
        var quick: BoundedMap<SQLStatement, Void>
        /// Until when a tenant's new statements are not trusted, as others of its were slow.
        var suspects: BoundedMap<String, ContinuousClock.Instant>
    }

    /// Statements that take longer than this on average are slow, in nanoseconds.
    private static let slowAfter: Int64 = 20_000_000
    /// Of the average, the share that the newest figure has: one in eight, so that a hiccup makes nothing slow.
    private static let weight: Int64 = 8
    private static let suspicion: Duration = .seconds(10)

    private let state: Mutex<State>

    init(capacity: Int = 20_000) {
        state = Mutex(
            State(
                speeds: BoundedMap(capacity: capacity), quick: BoundedMap(capacity: capacity / 4),
                suspects: BoundedMap(capacity: capacity / 4)
            )
        )
    }

    /// The statement's record, to be kept until it has run.
    func speed(of statement: SQLStatement, for tenant: String) -> Speed {
        state.withLock { state in
            let key = Key(tenant: tenant, statement: statement)
            if let speed = state.speeds[key] { return speed }
            let isSuspect = state.suspects[tenant].map { $0 > .now } ?? false
            let speed = Speed(isNew: isSuspect || state.quick[statement] == nil, isSuspect: isSuspect)
            state.speeds[key] = speed
            return speed
        }
    }

    func lane(_ speed: Speed) -> Lane {
        if speed.isNew.load(ordering: .relaxed) { return speed.isSuspect ? .slow : .untried }
        return speed.average.load(ordering: .relaxed) > Self.slowAfter ? .slow : .quick
    }

    /// - Parameter service: how long the server worked on it, in nanoseconds.
    func note(_ service: Int64, _ speed: Speed, of statement: SQLStatement, for tenant: String) {
        let isNew = speed.isNew.load(ordering: .relaxed)
        let average = speed.average.load(ordering: .relaxed)
        // Two that end at the same time may lose one figure; the next ones make up for it.
        let newer = isNew ? service : average + (service - average) / Self.weight
        speed.average.store(newer, ordering: .relaxed)
        if isNew { speed.isNew.store(false, ordering: .relaxed) }
        if newer > Self.slowAfter {
            state.withLock { $0.suspects[tenant] = .now + Self.suspicion }
        } else if isNew {
            state.withLock { $0.quick[statement] = () }
        }
    }
}

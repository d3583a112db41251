import OAuth
import Postgres
import Revocation
import ServiceKit
import Synchronization
import Tenancy

/// Gives each access token its bit.
///
/// A person's token gets one of its own. A client that acts for itself gets runs of them, kept here and used one after the other, longer ones as
/// it uses them up, so that issuing waits for the database once in many tokens. A run is put away when the client is revoked: all its tokens are
/// dead then, and none that is issued afterwards is.
final class StatusIndices: Sendable {
    private static let firstRun = 64
    private static let longestRun = 4096

    private struct Key: Hashable, Sendable {
        let tenant: TenantID
        let client: ClientID
    }

    private struct Run: Sendable {
        let period: Int32
        var next: Int64
        let end: Int64
        let count: Int
        /// No token of the run has an earlier `iat`.
        let issuedAt: Int64
    }

    private struct State {
        var runs: BoundedMap<Key, Run>
        var fetches: [Key: Task<Run, any Error>] = [:]
    }

    private enum Decision {
        case use(StatusIndex)
        case wait(Task<Run, any Error>)
    }

    private let store: StatusListStore
    private let revocations: RevocationIndex
    private let state = Mutex(State(runs: BoundedMap(capacity: 10_000)))

    init(store: StatusListStore, revocations: RevocationIndex) {
        self.store = store
        self.revocations = revocations
    }

    /// - Parameter issuedAt: the token's `iat`.
    func next(for decision: RecognizedRequests.Decision, issuedAt: Int64) async throws -> StatusIndex {
        let period = StatusIndex.period(issuedAt: issuedAt)
        guard decision.holder.grantID == nil else {
            let number = try await store.allocate(1, to: decision.holder, period: period, issuedAt: issuedAt, in: decision.tenant.id)
            return StatusIndex(period: period, number: number)
        }
        while true {
            switch take(decision, period, issuedAt) {
            case .use(let index): return index
            case .wait(let task):
                let run = try await task.value
                // Fetched for a token that is issued later, or dead already: not for this one, which gets a bit of its own.
                guard run.period == period, run.issuedAt <= issuedAt, !revocations.revokes(decision.revocable, issuedAt: run.issuedAt)
                else {
                    let number = try await store.allocate(
                        1, to: decision.holder, period: period, issuedAt: issuedAt, in: decision.tenant.id)
                    return StatusIndex(period: period, number: number)
                }
            }
        }
    }

    private func take(_ decision: RecognizedRequests.Decision, _ period: Int32, _ issuedAt: Int64) -> Decision {
        let key = Key(tenant: decision.tenant.id, client: decision.client)
        return state.withLock { state in
            guard var run = state.runs[key], run.period == period, run.issuedAt <= issuedAt, run.next < run.end,
                !revocations.revokes(decision.revocable, issuedAt: run.issuedAt)
            else {
                let count = state.runs[key].map { min($0.count * 2, Self.longestRun) } ?? Self.firstRun
                return .wait(fetch(count, key, decision.holder, period, issuedAt, &state))
            }
            let index = StatusIndex(period: period, number: run.next)
            run.next += 1
            state.runs[key] = run
            return .use(index)
        }
    }

    /// One fetch at a time for a client; not ended by any one request's cancellation, and bounded by the statement's own time.
    private func fetch(
        _ count: Int, _ key: Key, _ holder: StatusListStore.Holder, _ period: Int32, _ issuedAt: Int64, _ state: inout State
    ) -> Task<Run, any Error> {
        if let running = state.fetches[key] { return running }
        let task = Task {
            do {
                let first = try await store.allocate(count, to: holder, period: period, issuedAt: issuedAt, in: key.tenant)
                let run = Run(period: period, next: first, end: first + Int64(count), count: count, issuedAt: issuedAt)
                self.state.withLock { state in
                    state.runs[key] = run
                    state.fetches[key] = nil
                }
                return run
            } catch {
                self.state.withLock { $0.fetches[key] = nil }
                throw error
            }
        }
        state.fetches[key] = task
        return task
    }
}

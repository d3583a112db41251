import Postgres
import ServiceKit
import Synchronization

/// Refuses statements that the planner expects to be too costly for a role.
///
/// A statement is explained, with the values of the request, before it runs for a tenant and role for the first time, and again after ten
/// minutes. What values make dear for which others are cheap is caught so: a statement whose estimate came near the ceiling, or that turned
/// out slow, is explained each time for ten minutes.
final class CostCeiling: Sendable {
    private struct Key: Hashable {
        let tenant: String
        let role: String
        let statement: SQLStatement
    }

    private static let standing: Duration = .seconds(600)
    /// Estimates above this share of the ceiling are near it.
    private static let near = 0.1
    /// Statements that take longer are not trusted, in nanoseconds.
    private static let slowAfter: Int64 = 20_000_000

    private struct State {
        /// Until when a statement runs unexplained.
        var passed: BoundedMap<Key, ContinuousClock.Instant>
        /// Until when it does not, though it may have passed.
        var watched: BoundedMap<Key, ContinuousClock.Instant>
    }

    private let state: Mutex<State>

    init(capacity: Int = 16_384) {
        state = Mutex(State(passed: BoundedMap(capacity: capacity), watched: BoundedMap(capacity: capacity / 4)))
    }

    /// Whether the statement need not be explained.
    func isKnown(_ statement: SQLStatement, _ settings: TransactionSettings) -> Bool {
        let key = Key(tenant: settings.tenant, role: settings.role, statement: statement)
        return state.withLock { state in
            guard let until = state.passed[key], until > .now else { return false }
            return !(state.watched[key].map { $0 > .now } ?? false)
        }
    }

    /// Takes note of how long the server worked on a statement, in nanoseconds.
    func note(_ service: Int64, _ statement: SQLStatement, _ settings: TransactionSettings) {
        guard service > Self.slowAfter else { return }
        let key = Key(tenant: settings.tenant, role: settings.role, statement: statement)
        state.withLock { $0.watched[key] = .now + Self.standing }
    }

    /// - Throws: 400 `54001`; what EXPLAIN refuses, as the statement itself would be.
    func check(_ sql: SQL, maximum: Double, settings: TransactionSettings, in executor: some SQLExecutor) async throws {
        let plan = try await executor.query(sql.explained)
        guard let line = try plan.first?.decode(String.self, column: 0), let cost = Self.totalCost(line) else {
            throw PostgresError.protocolViolation("EXPLAIN shows no cost")
        }
        guard cost <= maximum else {
            // The planner's figures come from all tenants' rows: they are for the log.
            var error = APIError(
                400, "54001", "The request is too costly", hint: "Ask for fewer rows, or filter by an indexed column.")
            error.operatorDetail = "estimated cost \(Self.rounded(cost)), limit of the role \(Self.rounded(maximum))"
            throw error
        }
        guard cost <= maximum * Self.near else { return }
        let key = Key(tenant: settings.tenant, role: settings.role, statement: sql.statement)
        state.withLock { $0.passed[key] = .now + Self.standing }
    }

    /// The second figure of `Result  (cost=0.00..0.01 rows=1 width=4)`.
    static func totalCost(_ line: String) -> Double? {
        guard let start = line.utf8.lastIndexOf("(cost=".utf8) else { return nil }
        let figures = line.utf8[start...]
        guard let dots = figures.lastIndexOf("..".utf8) else { return nil }
        return Double(String(decoding: figures[dots...].prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self))
    }

    private static func rounded(_ cost: Double) -> String {
        cost < 1e15 ? String(Int64(cost.rounded())) : String(cost)
    }
}

extension BidirectionalCollection where Element: Equatable {
    /// The index behind the last occurrence of a word.
    fileprivate func lastIndexOf(_ word: some Collection<Element>) -> Index? {
        var start = endIndex
        while start != startIndex {
            formIndex(before: &start)
            if self[start...].starts(with: word) { return index(start, offsetBy: word.count) }
        }
        return nil
    }
}

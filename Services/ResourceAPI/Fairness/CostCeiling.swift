import Postgres
import ServiceKit
import Synchronization

/// Refuses statements that the planner expects to be too costly for a role.
///
/// A statement is explained before it runs for the role for the first time, with the values of that request, and again after ten minutes.
final class CostCeiling: Sendable {
    private struct Key: Hashable {
        let role: String
        let statement: SQLStatement
    }

    private static let standing: Duration = .seconds(600)

    private let passed: Mutex<BoundedMap<Key, ContinuousClock.Instant>>

    init(capacity: Int = 4096) {
        passed = Mutex(BoundedMap(capacity: capacity))
    }

    /// Whether the statement has passed for the role a short while ago.
    func isKnown(_ statement: SQLStatement, role: String) -> Bool {
        passed.withLock { $0[Key(role: role, statement: statement)].map { $0 > .now } ?? false }
    }

    /// - Throws: 400 `54001`; what EXPLAIN refuses, as the statement itself would be.
    func check(_ sql: SQL, role: String, maximum: Double, settings: TransactionSettings, on postgres: Postgres) async throws {
        let plan = try await postgres.query(sql.explained, settings: settings)
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
        passed.withLock { $0[Key(role: role, statement: sql.statement)] = .now + Self.standing }
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

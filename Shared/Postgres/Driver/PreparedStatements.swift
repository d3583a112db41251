import Glibc

/// One prepared statement of one connection.
final class PreparedStatement {
    let statement: SQLStatement
    /// The server's name for it, NUL-terminated.
    let name: UnsafeMutablePointer<CChar>
    fileprivate(set) var lastUse: UInt64 = 0

    fileprivate init(statement: SQLStatement, number: UInt64) {
        self.statement = statement
        name = strdup("s\(number)")
    }

    deinit {
        free(name)
    }
}

/// The prepared statements of one connection, bounded, the least recently used leaving first.
///
/// An entry is made when its Parse is sent. What follows in the pipeline may use it at once, as the server works in order; if the
/// Parse turns out to have failed, the entry is removed.
struct PreparedStatements {
    private var entries: [SQLStatement: PreparedStatement] = [:]
    private var uses: UInt64 = 0
    private var made: UInt64 = 0
    private let limit: Int
    /// Known to the server but no longer here: to be deallocated with the next request.
    private(set) var leaving: [PreparedStatement] = []

    init(limit: Int) {
        self.limit = max(1, limit)
    }

    var count: Int { entries.count }

    mutating func find(_ statement: SQLStatement) -> PreparedStatement? {
        guard let entry = entries[statement] else { return nil }
        uses &+= 1
        entry.lastUse = uses
        return entry
    }

    /// A new entry, whose Parse the caller sends.
    mutating func make(_ statement: SQLStatement) -> PreparedStatement {
        if entries.count >= limit, let oldest = entries.values.min(by: { $0.lastUse < $1.lastUse }) {
            entries[oldest.statement] = nil
            leaving.append(oldest)
        }
        made &+= 1
        uses &+= 1
        let entry = PreparedStatement(statement: statement, number: made)
        entry.lastUse = uses
        entries[statement] = entry
        return entry
    }

    /// Forgets an entry.
    /// - Parameter isKnownToServer: whether the server must be told.
    mutating func remove(_ entry: PreparedStatement, isKnownToServer: Bool) {
        guard entries[entry.statement] === entry else { return }
        entries[entry.statement] = nil
        if isKnownToServer { leaving.append(entry) }
    }

    mutating func takeLeaving() -> [PreparedStatement] {
        defer { leaving = [] }
        return leaving
    }

    /// The server did not get to deallocate it.
    mutating func leaveAgain(_ entry: PreparedStatement) {
        leaving.append(entry)
    }
}

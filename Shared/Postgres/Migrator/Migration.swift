/// One numbered step of a database's schema: a script of any number of statements, run in one transaction.
public struct Migration: Sendable, Hashable {
    /// Counts from 1 without gaps.
    public let number: Int
    public let name: String
    public let sql: String

    public init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }

    /// The file it comes from, for messages: `0007_add_clients.sql`.
    var fileName: String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "_" + name + ".sql"
    }
}

/// Why a database cannot be migrated. The messages say which file is meant and what to do.
public enum MigrationError: Error, Sendable, CustomStringConvertible {
    case duplicateNumber(Int)
    case gap(missing: Int)
    case changed(file: String)
    case missingFromBinary(number: Int, name: String)
    case databaseIsNewer(applied: Int, known: Int)
    case missingFromDatabase(file: String)
    case failed(file: String, line: Int?, PostgresError)
    case invalid(file: String, reason: String)
    case lockTimedOut(after: Duration)

    public var description: String {
        switch self {
        case .duplicateNumber(let number):
            "two migrations have the number \(number): renumber the newer file"
        case .gap(let missing):
            "there is no migration number \(missing): numbers start at 1 and have no gaps; add the file or renumber those after it"
        case .changed(let file):
            "migration \(file) was applied with other contents: restore the file as it was and put the change into a new migration"
        case .missingFromBinary(let number, let name):
            "the database has migration \(number) (\(name)), but this program knows number \(number) under another name: "
                + "it was built from another line of development; use the program that belongs to the database"
        case .databaseIsNewer(let applied, let known):
            "the database is at migration \(applied), this program knows only \(known): use a newer version of the program, "
                + "or restore the backup taken before the upgrade"
        case .missingFromDatabase(let file):
            "migration \(file) is not recorded in sallyport.schema_migration although later ones are: "
                + "the table was edited; restore its row or the database from a backup"
        case .failed(let file, let line, let error):
            "migration \(file) failed\(line.map { " at line \($0)" } ?? "") and was rolled back: \(error.debugDescription)"
        case .invalid(let file, let reason):
            "migration \(file) cannot be run: \(reason)"
        case .lockTimedOut(let duration):
            "another instance has been migrating for \(duration): wait for it, or end its session if it hangs"
        }
    }
}

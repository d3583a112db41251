public import Logging

/// Brings a database to the newest migration.
///
/// Each migration runs in a transaction of its own that also records it in `sallyport.schema_migration`. A session advisory lock
/// makes instances that start together take turns, so that each migration runs once.
public struct Migrator: Sendable {
    /// One migration as the database has it, or as it is still to come.
    public struct Status: Sendable, Hashable {
        public let number: Int
        public let name: String
        public let isApplied: Bool
        /// ISO 8601, UTC; nil if not applied.
        public let appliedAt: String?
    }

    /// "sallyport" in ASCII, shortened to 64 bits: the advisory lock's key.
    private static let lockKey: Int64 = 0x7361_6c6c_7970_6f72
    private static let bookkeeping = """
        CREATE SCHEMA IF NOT EXISTS sallyport;
        CREATE TABLE IF NOT EXISTS sallyport.schema_migration (
            number integer PRIMARY KEY,
            name text NOT NULL,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """

    private let target: ConnectionTarget
    private let migrations: [Migration]
    private let lockTimeout: Duration
    private let logger: Logger

    /// - Parameter configuration: only the connection settings are used; `statement_timeout` is off.
    /// - Throws: `MigrationError` if numbers repeat or leave gaps, `PostgresError.configuration` for an unusable connection string.
    public init(
        _ configuration: PostgresConfiguration, migrations: [Migration], lockTimeout: Duration = .seconds(300), logger: Logger
    ) throws {
        self.migrations = try Self.ordered(migrations)
        self.lockTimeout = lockTimeout
        self.logger = logger
        target = try ConnectionTarget(
            connectionString: configuration.connectionString, passwordFile: configuration.passwordFile,
            applicationName: configuration.applicationName, connectTimeout: configuration.connectTimeout,
            sessionOptions: [("TimeZone", "UTC"), ("statement_timeout", "0"), ("client_min_messages", "warning")])
    }

    /// Applies what is missing.
    /// - Returns: the migrations this call applied, in order; empty if the database was up to date.
    /// - Throws: `MigrationError`, or `PostgresError` if the database cannot be reached.
    public func migrate() async throws -> [Migration] {
        let cancellation = CancellationFlag()
        return try await withTaskCancellationHandler {
            try await SystemThread.run(name: "postgres-migrate") { try apply(cancellation) }
        } onCancel: {
            cancellation.set()
        }
    }

    /// All known migrations, checked against the database without changing it.
    public func status() async throws -> [Status] {
        try await SystemThread.run(name: "postgres-migrate") {
            let connection = try BlockingConnection(target)
            let applied = try self.applied(connection)
            try check(applied, connection)
            return migrations.map { migration in
                let record = applied.first { $0.number == migration.number }
                return Status(number: migration.number, name: migration.name, isApplied: record != nil, appliedAt: record?.appliedAt)
            }
        }
    }

    private static func ordered(_ migrations: [Migration]) throws(MigrationError) -> [Migration] {
        let ordered = migrations.sorted { $0.number < $1.number }
        for (index, migration) in ordered.enumerated() {
            if index > 0, ordered[index - 1].number == migration.number { throw .duplicateNumber(migration.number) }
            if migration.number != index + 1 { throw .gap(missing: index + 1) }
            if migration.sql.utf8.contains(0) { throw .invalid(file: migration.fileName, reason: "it contains U+0000") }
        }
        return ordered
    }

    // MARK: - On the migrator's thread

    private func apply(_ cancellation: CancellationFlag) throws -> [Migration] {
        let connection = try BlockingConnection(target)
        try lock(connection, cancellation)
        // Ending the session would release the lock too, only later.
        defer { _ = try? connection.execute("SELECT pg_advisory_unlock(\(Self.lockKey))") }
        try check(applied(connection), connection)
        let done = Set(try applied(connection).map(\.number))
        var applied: [Migration] = []
        for migration in migrations where !done.contains(migration.number) {
            try cancellation.check()
            try run(migration, connection)
            applied.append(migration)
            logger.info("migration applied", metadata: ["number": "\(migration.number)", "name": "\(migration.name)"])
        }
        return applied
    }

    private func lock(_ connection: BlockingConnection, _ cancellation: CancellationFlag) throws {
        let deadline = ContinuousClock.now + lockTimeout
        // Asking again and again, rather than waiting in the server, leaves room for cancellation.
        while try connection.execute("SELECT pg_try_advisory_lock(\(Self.lockKey))") != [["t"]] {
            try cancellation.check()
            if ContinuousClock.now >= deadline { throw MigrationError.lockTimedOut(after: lockTimeout) }
            SystemThread.sleep(milliseconds: 50)
        }
    }

    private struct Applied {
        let number: Int
        let name: String
        let checksum: String
        let appliedAt: String
    }

    private func applied(_ connection: BlockingConnection) throws(PostgresError) -> [Applied] {
        guard try connection.execute("SELECT to_regclass('sallyport.schema_migration') IS NOT NULL") == [["t"]] else { return [] }
        let rows = try connection.execute(
            """
            SELECT number, name, checksum, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
              FROM sallyport.schema_migration
             ORDER BY number
            """)
        return rows.compactMap { row in
            guard row.count == 4, let number = row[0].flatMap({ Int($0) }) else { return nil }
            return Applied(number: number, name: row[1] ?? "", checksum: row[2] ?? "", appliedAt: row[3] ?? "")
        }
    }

    private func check(_ applied: [Applied], _ connection: BlockingConnection) throws {
        if let newest = applied.last?.number, newest > migrations.count {
            throw MigrationError.databaseIsNewer(applied: newest, known: migrations.count)
        }
        for (index, record) in applied.enumerated() {
            let migration = migrations[index]
            guard record.number == migration.number else { throw MigrationError.missingFromDatabase(file: migration.fileName) }
            guard record.name == migration.name else {
                throw MigrationError.missingFromBinary(number: record.number, name: record.name)
            }
            guard try checksum(migration, connection) == record.checksum else {
                throw MigrationError.changed(file: migration.fileName)
            }
        }
    }

    private func checksum(_ migration: Migration, _ connection: BlockingConnection) throws(PostgresError) -> String {
        let rows = try connection.query("SELECT encode(sha256(convert_to($1::text, 'UTF8')), 'hex')", [migration.sql])
        return rows.first?.first.flatMap { $0 } ?? ""
    }

    private func run(_ migration: Migration, _ connection: BlockingConnection) throws {
        do throws(PostgresError) {
            try connection.execute("BEGIN")
            try connection.execute(Self.bookkeeping)
            let transaction = try connection.execute("SELECT pg_current_xact_id()")
            try connection.execute(migration.sql)
            // A script that ended the transaction would leave half a migration behind the next failure.
            guard connection.isInTransaction, try connection.execute("SELECT pg_current_xact_id()") == transaction else {
                throw .configuration("the script contains COMMIT or ROLLBACK")
            }
            try connection.query(
                "INSERT INTO sallyport.schema_migration (number, name, checksum) VALUES ($1::integer, $2, $3)",
                [String(migration.number), migration.name, checksum(migration, connection)])
            try connection.execute("COMMIT")
            // What the script SET is not for the next one.
            try connection.execute("RESET ALL; RESET ROLE")
        } catch {
            _ = try? connection.execute("ROLLBACK")
            if case .configuration(let reason) = error { throw MigrationError.invalid(file: migration.fileName, reason: reason) }
            throw MigrationError.failed(file: migration.fileName, line: Self.line(of: error, in: migration.sql), error)
        }
    }

    /// The line of the script an error points at.
    private static func line(of error: PostgresError, in script: String) -> Int? {
        guard case .server(let error) = error, let position = error.position else { return nil }
        return script.unicodeScalars.prefix(max(0, position - 1)).count { $0 == "\n" } + 1
    }
}

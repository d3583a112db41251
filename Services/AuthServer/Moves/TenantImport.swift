import Cryptography
import Postgres
import Tenancy

/// Puts what `tenant export` wrote into this deployment: all of it or nothing, under the ids that it had.
struct TenantImport: Sendable {
    let owner: Postgres
    let masterKey: SealingKey
    let transferKey: SealingKey
    let schemas: [String]
    /// Whether a file is taken that is not sealed, and so says nothing of who wrote it.
    let allowsReadable: Bool
    /// Whether people whom another tenant here manages are taken in.
    let takesManaged: Bool

    private static let batchSize = 200
    /// Fifty years of partitions, each of which costs every statement on the log.
    private static let maximumNewMonths = 600

    /// - Parameter event: recorded behind the log that came along.
    func run(_ path: String, event: AuditEvent) async throws -> (header: TenantArchive.Header, rows: Int64) {
        try await TenantMoveStore.requireOwner(owner)
        let archive = try TenantArchiveReader(path, key: transferKey)
        guard let first = try archive.next(), case .header(let header) = try TenantArchive.line(first, number: 1) else {
            throw CommandFailure("\(path) is not the export of a tenant")
        }
        guard archive.isSealed || allowsReadable else {
            throw CommandFailure("\(path) is not sealed: anybody may have changed it; --readable takes it all the same")
        }
        guard header.slug != .system else { throw CommandFailure("the platform's own tenant cannot be imported") }
        try await TenantVisibility.ensure(owner, schemas: schemas)
        let settings = TransactionSettings(TenantMoveStore.settings(header.id, .in))
        let rows = try await owner.withTransaction(settings: settings) { transaction in
            let version = try await TenantMoveStore.schemaVersion(transaction)
            guard header.schemaVersion <= version else {
                throw CommandFailure(
                    "it comes from a newer version (migration \(header.schemaVersion), here \(version)): bring this one up to it first")
            }
            let groups = try await TenantMoveStore.tables(schemas: schemas, transaction)
            let tables = Array(groups.joined())
            try await TenantVisibility.check(tables, transaction)
            try await transaction.execute(TenantMoveStore.stage)
            let (columns, count) = try await stage(archive, tables, transaction)
            try await check(tables, header, transaction)
            try await insert(groups, columns, transaction)
            _ = try await transaction.batch([TenantMoveStore.enter(header.id, .away), event.insertion(in: header.id)])
            return count
        }
        return (header, rows)
    }

    private func stage(
        _ archive: TenantArchiveReader, _ tables: [TenantTable], _ transaction: Transaction
    ) async throws -> (columns: [String: [String]], rows: Int64) {
        let known = Dictionary(uniqueKeysWithValues: tables.map { ($0.qualifiedName, $0) })
        var (columns, current, waiting) = ([String: [String]](), "", [String]())
        var (number, count, end) = (1, Int64(0), Int64?.none)
        while let bytes = try archive.next() {
            number += 1
            guard end == nil else { throw CommandFailure("line \(number) stands behind the end") }
            switch try TenantArchive.line(bytes, number: number) {
            case .header: throw CommandFailure("line \(number): a second beginning")
            case .row(let row):
                guard !current.isEmpty else { throw CommandFailure("line \(number): a row of no table") }
                waiting.append(try SealedColumns.reseal(row, of: current, from: transferKey, to: masterKey))
                count += 1
                if waiting.count == Self.batchSize { try await flush(current, &waiting, transaction) }
            case .table(let name, let names):
                try await flush(current, &waiting, transaction)
                guard let table = known[name], !table.isPassing else {
                    throw CommandFailure("\(name) is not a table of tenants here: make it first")
                }
                let missing = names.filter { name in !table.columns.contains { $0.name == name } }
                guard missing.isEmpty else { throw CommandFailure("\(name) has no column \(missing.joined(separator: ", ")) here") }
                guard names.contains(table.reachColumn) else { throw CommandFailure("\(name) comes without \(table.reachColumn)") }
                guard columns.updateValue(names, forKey: name) == nil else { throw CommandFailure("\(name) comes twice") }
                try SealedColumns.check(table)
                current = name
            case .end(let rows): end = rows
            }
        }
        try await flush(current, &waiting, transaction)
        guard end == count else { throw CommandFailure("the file is not whole: it was cut off, or changed") }
        _ = try await transaction.batch(TenantMoveStore.staged)
        return (columns, count)
    }

    private func flush(_ table: String, _ rows: inout [String], _ transaction: Transaction) async throws {
        if rows.isEmpty { return }
        try await transaction.execute(TenantMoveStore.arrive(table, rows))
        rows.removeAll(keepingCapacity: true)
    }

    private func check(_ tables: [TenantTable], _ header: TenantArchive.Header, _ transaction: Transaction) async throws {
        guard try await TenantMoveStore.isOf(header.slug, transaction) else {
            throw CommandFailure("the file does not hold the one tenant that it names")
        }
        let strangers = try await TenantMoveStore.strangers(tables, transaction)
        guard strangers.isEmpty else { throw CommandFailure("rows that are not this tenant's: \(strangers.joined(separator: ", "))") }
        let conflicts = try await TenantMoveStore.conflicts(transaction)
        guard conflicts.isEmpty else {
            throw CommandFailure(
                "these addresses belong to other accounts here, or to the same under another address: \(conflicts.joined(separator: ", "))")
        }
        let managed = takesManaged ? [] : try await TenantMoveStore.managedElsewhere(transaction)
        guard managed.isEmpty else {
            throw CommandFailure(
                "another tenant here manages these people: \(managed.joined(separator: ", ")); with --shared they join this one too, "
                    + "choose a new password and lose their second factor")
        }
        // Beside this transaction, so that nobody waits for its end; a partition more does no harm if it fails.
        let months = try await TenantMoveStore.missingMonths(transaction)
        guard months.count <= Self.maximumNewMonths else {
            throw CommandFailure("sallyport.row_audit: changes in \(months.count) months that have no partition here")
        }
        for statements in months {
            _ = try await owner.batch(statements.map { "\(unescaped: $0)" }, settings: TenantMoveStore.patience)
        }
    }

    private func insert(_ groups: [[TenantTable]], _ columns: [String: [String]], _ transaction: Transaction) async throws {
        try await transaction.execute(TenantMoveStore.known)
        var disabled: [TenantMoveStore.Trigger] = []
        for group in groups {
            let coming = group.filter { columns[$0.qualifiedName] != nil }
            if coming.isEmpty { continue }
            // Rows of the API are what their triggers made of them where they come from. The services' own triggers know of imports, and free
            // accounts that join a second tenant.
            for table in coming where !table.isServices {
                let triggers = try await TenantMoveStore.triggers(table, .in, transaction)
                _ = try await transaction.batch(triggers.map(\.disabled))
                disabled += triggers
            }
            do {
                _ = try await transaction.query(TenantMoveStore.insert(coming, columns: columns))
            } catch PostgresError.server(let error) {
                throw Self.failure(error, coming)
            }
            for table in coming where !table.isServices { _ = try await transaction.query(TenantMoveStore.advanceCounters(table)) }
        }
        do {
            _ = try await transaction.batch([TenantMoveStore.checkConstraints] + disabled.map(\.enabled))
        } catch PostgresError.server(let error) {
            throw Self.failure(error, groups.flatMap { $0 })
        }
    }

    /// Without the values of a row, which PostgreSQL's own words may have.
    private static func failure(_ error: ServerError, _ tables: [TenantTable]) -> CommandFailure {
        let place = error.table.map { "\(error.schema ?? "").\($0)" } ?? tables.map(\.qualifiedName).joined(separator: ", ")
        if error.sqlState == .uniqueViolation {
            if place == "auth.tenant" { return CommandFailure("a tenant with this id or slug is here already") }
            if place == "auth.client_directory" { return CommandFailure("a client_id of it is another tenant's here") }
            return CommandFailure("\(place): \(error.detail ?? error.message)")
        }
        let detail = error.sqlState == .foreignKeyViolation ? error.detail : nil
        return CommandFailure("\(place): \(detail ?? error.message) (\(error.sqlState)); nothing was imported")
    }
}

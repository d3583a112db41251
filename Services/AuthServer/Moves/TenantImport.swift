import Cryptography
import Postgres
import Tenancy

/// Puts what `tenant export` wrote into this deployment: all of it or nothing, under the ids that it had.
struct TenantImport: Sendable {
    let owner: Postgres
    let masterKey: SealingKey
    let transferKey: SealingKey
    let schemas: [String]

    private static let batchSize = 200

    /// - Parameter event: recorded behind the log that came along.
    func run(_ path: String, event: AuditEvent) async throws -> (header: TenantArchive.Header, rows: Int64) {
        var reader = try LineReader(path)
        guard let first = reader.next(), case .header(let header) = try TenantArchive.line(first, number: 1) else {
            throw CommandFailure("\(path) is not the export of a tenant")
        }
        let archive = Archive(reader: reader)
        let rows = try await owner.withTransaction(settings: .tenant(header.id.rawValue)) { transaction in
            let version = try await TenantMoveStore.schemaVersion(transaction)
            guard header.schemaVersion <= version else {
                throw CommandFailure(
                    "it comes from a newer version (migration \(header.schemaVersion), here \(version)): bring this one up to it first")
            }
            let tables = try await TenantMoveStore.tables(schemas: schemas, transaction)
            try await transaction.execute(TenantMoveStore.stage)
            let (columns, count) = try await stage(archive, tables, transaction)
            try await insert(tables, columns, transaction)
            _ = try await transaction.query(event.insertion(in: header.id))
            return count
        }
        return (header, rows)
    }

    /// One reader for one task, which a closure can take.
    private final class Archive {
        var reader: LineReader

        init(reader: consuming LineReader) {
            self.reader = reader
        }
    }

    private func stage(
        _ archive: Archive, _ tables: [TenantTable], _ transaction: Transaction
    ) async throws -> (columns: [String: [String]], rows: Int64) {
        let known = Dictionary(uniqueKeysWithValues: tables.map { ($0.qualifiedName, $0) })
        var (columns, current, waiting) = ([String: [String]](), "", [String]())
        var (number, count, end) = (1, Int64(0), Int64?.none)
        while let bytes = archive.reader.next() {
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
                let missing = names.filter { !table.columns.contains($0) }
                guard missing.isEmpty else { throw CommandFailure("\(name) has no column \(missing.joined(separator: ", ")) here") }
                guard columns.updateValue(names, forKey: name) == nil else { throw CommandFailure("\(name) comes twice") }
                current = name
            case .end(let rows): end = rows
            }
        }
        try await flush(current, &waiting, transaction)
        guard end == count else { throw CommandFailure("the file is not whole: it was cut off, or changed") }
        return (columns, count)
    }

    private func flush(_ table: String, _ rows: inout [String], _ transaction: Transaction) async throws {
        if rows.isEmpty { return }
        try await transaction.execute(TenantMoveStore.arrive(table, rows))
        rows.removeAll(keepingCapacity: true)
    }

    private func insert(_ tables: [TenantTable], _ columns: [String: [String]], _ transaction: Transaction) async throws {
        let conflicts = try await TenantMoveStore.conflicts(transaction)
        guard conflicts.isEmpty else {
            throw CommandFailure(
                "these addresses belong to other accounts here, or to the same under another address: \(conflicts.joined(separator: ", "))")
        }
        try await transaction.execute(TenantMoveStore.known)
        for table in tables {
            guard let names = columns[table.qualifiedName] else { continue }
            // The log keeps its numbers and hashes, and tables of the API what their triggers have made of the rows before. The services' other
            // triggers tell what is new, and free accounts that join a second tenant.
            let isKept = table.qualifiedName == "auth.audit_event" || table.schema != "auth"
            let triggers = isKept ? try await TenantMoveStore.triggers(table, transaction) : []
            _ = try await transaction.batch(TenantMoveStore.setTriggers(triggers, false, of: table))
            try await transaction.execute(TenantMoveStore.insert(table, columns: names))
            if table.schema != "auth" { _ = try await transaction.query(TenantMoveStore.advanceCounters(table)) }
            _ = try await transaction.batch([TenantMoveStore.checkConstraints] + TenantMoveStore.setTriggers(triggers, true, of: table))
        }
    }
}

import Cryptography
import JSON
import Postgres
import Tenancy

/// Takes a tenant out of one deployment and puts it into another, and erases one. Works as the database's owner.
struct TenantMoves: Sendable {
    let owner: Postgres
    let masterKey: SealingKey
    /// Schemas with the tenant's data, besides the services' own.
    let schemas: [String]

    /// Writes everything of the tenant that does not expire by itself.
    /// - Returns: rows by table.
    func export(_ tenant: Tenant, to path: String, transferKey: SealingKey) async throws -> [(table: String, rows: Int)] {
        let file = try PrivateFileWriter(path)
        var counts: [(table: String, rows: Int)] = []
        try await owner.withTransaction { transaction in
            try await transaction.execute(TenantMoveStore.consistently)
            _ = try await transaction.query(TenantMoveStore.enter(tenant.id))
            let header = TenantArchive.Header(
                slug: tenant.slug, id: tenant.id, schemaVersion: try await TenantMoveStore.schemaVersion(transaction))
            try file.write(header.line.serialized() + [0x0a])
            for table in try await TenantMoveStore.tables(schemas: schemas, transaction) where !table.isPassing {
                try SealedColumns.check(table)
                try file.write(TenantArchive.table(table).serialized() + [0x0a])
                var count = 0
                try await TenantMoveStore.read(table, of: tenant.id, transaction) { rows in
                    count += rows.count
                    for row in rows {
                        let resealed = try SealedColumns.reseal(row, of: table.qualifiedName, from: masterKey, to: transferKey)
                        try file.write(Array("[\(resealed)]\n".utf8))
                    }
                }
                counts.append((table.qualifiedName, count))
            }
        }
        try file.write(Array(#"{"end":true,"rows":\#(counts.reduce(0) { $0 + $1.rows })}"#.utf8) + [0x0a])
        try file.finish()
        return counts
    }

    /// Erases the tenant, the accounts that are a member of nothing else, and all that is theirs.
    /// - Returns: rows that are gone.
    func erase(_ tenant: Tenant) async throws -> Int {
        try await owner.withTransaction(settings: .tenant(tenant.id.rawValue)) { transaction in
            let tables = try await TenantMoveStore.tables(schemas: schemas, transaction)
            _ = try await transaction.batch([TenantMoveStore.leaving, TenantMoveStore.release])
            var (erased, disabled) = (0, [SQL]())
            for table in tables.reversed() {
                // The services are to hear that the tenant is gone; nothing else is to act.
                if table.reach != .registry {
                    let triggers = try await TenantMoveStore.triggers(table, transaction)
                    _ = try await transaction.batch(TenantMoveStore.setTriggers(triggers, false, of: table))
                    disabled += TenantMoveStore.setTriggers(triggers, true, of: table)
                }
                erased += try await transaction.execute(TenantMoveStore.erase(table))
            }
            _ = try await transaction.batch([TenantMoveStore.checkConstraints] + disabled)
            return erased
        }
    }
}

import Cryptography
import JSON
import Postgres
import Tenancy

/// Takes a tenant out of one deployment and puts it into another, and erases one. Works as the database's owner.
struct TenantMoves: Sendable {
    let owner: Postgres
    let masterKey: SealingKey
    /// Schemas whose tables count by their `tenant_id`, besides all that are declared.
    let schemas: [String]

    /// Writes everything of the tenant that does not expire by itself.
    /// - Parameter isReadable: whether the rows can be read without the transfer key; the secrets in them never can.
    /// - Returns: rows by table.
    func export(
        _ tenant: Tenant, to path: String, transferKey: SealingKey, isReadable: Bool
    ) async throws -> [(table: String, rows: Int)] {
        try await TenantMoveStore.requireOwner(owner)
        let archive = try TenantArchiveWriter(path, sealedWith: isReadable ? nil : transferKey)
        var counts: [(table: String, rows: Int)] = []
        try await owner.withTransaction { transaction in
            try await transaction.execute(TenantMoveStore.consistently)
            _ = try await transaction.query(TenantMoveStore.enter(tenant.id, .away))
            let header = TenantArchive.Header(
                slug: tenant.slug, id: tenant.id, schemaVersion: try await TenantMoveStore.schemaVersion(transaction))
            try archive.write(header.line.serialized())
            for table in try await TenantMoveStore.tables(schemas: schemas, transaction).joined() where !table.isPassing {
                try SealedColumns.check(table)
                try archive.write(TenantArchive.table(table).serialized())
                var count = 0
                try await TenantMoveStore.read(table, transaction) { rows in
                    count += rows.count
                    for row in rows {
                        let resealed = try SealedColumns.reseal(row, of: table.qualifiedName, from: masterKey, to: transferKey)
                        try archive.write(Array("[\(resealed)]".utf8))
                    }
                }
                counts.append((table.qualifiedName, count))
            }
        }
        let end: JSONObject = ["end": .bool(true), "rows": .integer(Int64(counts.reduce(0) { $0 + $1.rows }))]
        try archive.write(end.serialized())
        try archive.finish()
        return counts
    }

    struct Erasure: Sendable {
        var rows = 0
        /// Which hold rows of the tenant until somebody refreshes them.
        var materializedViews: [String] = []
    }

    /// Erases the tenant, the accounts that are a member of nothing else, and all that is theirs. Developers' tables come first, each in a
    /// transaction of its own, so that nobody waits long for them; what was broken off can be begun again.
    /// - Parameters:
    ///   - home: whose log says that it was done.
    ///   - event: without a name: nothing in it may tell whose tenant it was.
    func erase(_ tenant: Tenant, home: TenantID?, event: AuditEvent) async throws -> Erasure {
        try await TenantMoveStore.requireOwner(owner)
        let settings = TransactionSettings(TenantMoveStore.settings(tenant.id, .out))
        let groups = try await owner.withTransaction(settings: settings) { try await TenantMoveStore.tables(schemas: schemas, $0) }
        var erasure = Erasure()
        for group in groups.reversed() where !group.allSatisfy(\.isServices) {
            erasure.rows += try await owner.withTransaction(settings: settings) { transaction in
                var triggers: [TenantMoveStore.Trigger] = []
                for table in group { triggers += try await TenantMoveStore.triggers(table, .out, transaction) }
                _ = try await transaction.batch(triggers.map(\.disabled))
                let count = try await transaction.queryOne(TenantMoveStore.erase(group), as: Int.self)
                _ = try await transaction.batch([TenantMoveStore.checkConstraints] + triggers.map(\.enabled))
                return count
            }
        }
        erasure.rows += try await owner.withTransaction(settings: settings) { transaction in
            _ = try await transaction.batch([TenantMoveStore.holdAccounts, TenantMoveStore.leaving, TenantMoveStore.release])
            var count = 0
            for group in groups.reversed() where group.allSatisfy(\.isServices) {
                count += try await transaction.queryOne(TenantMoveStore.erase(group), as: Int.self)
            }
            if let home { _ = try await transaction.batch([TenantMoveStore.enter(home, .away), event.insertion(in: home)]) }
            return count
        }
        let tables = Array(groups.joined())
        try await owner.execute(TenantMoveStore.sample(tables))
        erasure.materializedViews = try await TenantMoveStore.materializedViews(over: tables.filter { !$0.isServices }, owner)
        return erasure
    }
}

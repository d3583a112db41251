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
        try await TenantVisibility.ensure(owner, schemas: schemas)
        let archive = try TenantArchiveWriter(path, sealedWith: isReadable ? nil : transferKey)
        var counts: [(table: String, rows: Int)] = []
        try await owner.withTransaction { transaction in
            try await transaction.execute(TenantMoveStore.consistently)
            _ = try await transaction.query(TenantMoveStore.enter(tenant.id, .away))
            let header = TenantArchive.Header(
                slug: tenant.slug, id: tenant.id, schemaVersion: try await TenantMoveStore.schemaVersion(transaction))
            try archive.write(header.line.serialized())
            let tables = Array(try await TenantMoveStore.tables(schemas: schemas, transaction).joined())
            try await TenantVisibility.check(tables, transaction)
            for table in tables where !table.isPassing {
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
        let groups = try await groups(tenant.id)
        var erasure = Erasure()
        erasure.rows += try await eraseDevelopers(groups, of: tenant.id)
        let settings = TransactionSettings(TenantMoveStore.settings(tenant.id, .out))
        erasure.rows += try await owner.withTransaction(settings: settings) { transaction in
            guard try await TenantMoveStore.hold(transaction) == true else {
                throw CommandFailure(
                    "\(tenant.slug) is not disabled any more: its rows in tables of developers are gone, all else is as it was")
            }
            _ = try await transaction.batch([TenantMoveStore.holdAccounts, TenantMoveStore.leaving, TenantMoveStore.release])
            var count = 0
            for group in groups.reversed() where group.allSatisfy(\.isServices) {
                count += try await transaction.queryOne(TenantMoveStore.erase(group), as: Int.self)
            }
            if let home { _ = try await transaction.batch([TenantMoveStore.enter(home, .away), event.insertion(in: home)]) }
            return count
        }
        erasure.rows += try await eraseRemains(groups, of: tenant.id)
        return try await finish(erasure, groups)
    }

    /// Erases what requests that were under way have left of a tenant that is erased already.
    /// - Parameter id: nobody's any more.
    func sweep(_ id: TenantID, home: TenantID?, event: AuditEvent) async throws -> Erasure {
        let groups = try await groups(id)
        var erasure = Erasure()
        erasure.rows += try await eraseRemains(groups, of: id)
        if let home { _ = try await owner.batch([event.insertion(in: home)], settings: .tenant(home.rawValue)) }
        return try await finish(erasure, groups)
    }

    private func groups(_ tenant: TenantID) async throws -> [[TenantTable]] {
        try await TenantMoveStore.requireOwner(owner)
        try await TenantVisibility.ensure(owner, schemas: schemas)
        return try await owner.withTransaction(settings: TransactionSettings(TenantMoveStore.settings(tenant, .out))) { transaction in
            let groups = try await TenantMoveStore.tables(schemas: schemas, transaction)
            try await TenantVisibility.check(Array(groups.joined()), transaction)
            return groups
        }
    }

    private func eraseDevelopers(_ groups: [[TenantTable]], of tenant: TenantID) async throws -> Int {
        let settings = TransactionSettings(TenantMoveStore.settings(tenant, .out))
        var rows = 0
        for group in groups.reversed() where !group.allSatisfy(\.isServices) {
            rows += try await owner.withTransaction(settings: settings) { transaction in
                var triggers: [TenantMoveStore.Trigger] = []
                for table in group { triggers += try await TenantMoveStore.triggers(table, .out, transaction) }
                _ = try await transaction.batch(triggers.map(\.disabled))
                let count = try await transaction.queryOne(TenantMoveStore.erase(group), as: Int.self)
                _ = try await transaction.batch([TenantMoveStore.checkConstraints] + triggers.map(\.enabled))
                return count
            }
        }
        return rows
    }

    /// What was written while the tenant was being erased, in all tables that nothing ties to the registry. People went with the tenant.
    private func eraseRemains(_ groups: [[TenantTable]], of tenant: TenantID) async throws -> Int {
        let rows = try await eraseDevelopers(groups, of: tenant)
        return try await owner.withTransaction(settings: TransactionSettings(TenantMoveStore.settings(tenant, .out))) { transaction in
            var count = rows
            for group in groups.reversed() where group.allSatisfy(\.isServices) {
                let tables = group.filter { $0.reach == .tenant }
                if !tables.isEmpty { count += try await transaction.queryOne(TenantMoveStore.erase(tables), as: Int.self) }
            }
            return count
        }
    }

    private func finish(_ erasure: Erasure, _ groups: [[TenantTable]]) async throws -> Erasure {
        let tables = Array(groups.joined())
        try await owner.execute(TenantMoveStore.sample(tables))
        var erasure = erasure
        erasure.materializedViews = try await TenantMoveStore.materializedViews(over: tables.filter { !$0.isServices }, owner)
        return erasure
    }
}

import Postgres
import Tenancy

/// Sees to it that the owner sees all rows of a tenant. Row-level security is forced on it as well, and developers' own policies say who sees
/// what: rows that they hide would be left out of an export, or survive a deletion, without a word.
enum TenantVisibility {
    /// Adds the policy `sallyport_moves` where developers' policies hide rows from the owner.
    /// - Throws: a message with the cure for each table that cannot be opened so.
    static func ensure(_ owner: Postgres, schemas: [String]) async throws {
        let hidden = try await owner.withTransaction { transaction in
            let tables = try await TenantMoveStore.tables(schemas: schemas, transaction)
            return try await TenantPolicyStore.hidden(Array(tables.joined()), transaction)
        }
        try refuse(hidden.filter { $0.cause != .closed })
        for table in hidden { _ = try await owner.batch(TenantPolicyStore.opening(table.table), settings: TenantMoveStore.patience) }
    }

    /// - Throws: a message that names the tables of which rows are hidden in this transaction.
    static func check(_ tables: [TenantTable], _ transaction: Transaction) async throws {
        try refuse(try await TenantPolicyStore.hidden(tables, transaction))
    }

    private static func refuse(_ hidden: [TenantPolicyStore.Hidden]) throws {
        if hidden.isEmpty { return }
        throw CommandFailure("rows may be hidden from the owner of the tables\n" + hidden.map(explanation).joined(separator: "\n"))
    }

    private static func explanation(_ hidden: TenantPolicyStore.Hidden) -> String {
        let (table, policies, owner) = hidden.names
        return switch hidden.cause {
        case .closed: "\(table): its policies changed at this moment; try again"
        case .altered: "\(table): its policy sallyport_tenancy was altered; drop it, and declare the table again"
        case .foreign: "\(table): belongs to \(owner), whose policies hide rows; give it to the role that owns the services' tables"
        case .narrowed:
            "\(table): restrictive policies that hold for everybody; let them hold for those whom they are meant for: "
                + policies.map { "ALTER POLICY \($0) ON \(table) TO sallyport_api" }.joined(separator: "; ")
                + " (functions with their owner's rights are not held by them from then on, and must filter themselves)"
        }
    }
}

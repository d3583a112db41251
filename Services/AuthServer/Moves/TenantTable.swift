/// A table with rows that are one tenant's, as the catalog has it.
struct TenantTable: Sendable, Hashable {
    /// How its rows are known to be the tenant's.
    enum Reach: String, Sendable {
        /// The registry's one row.
        case registry
        /// By `tenant_id`.
        case tenant
        /// By `id`, an account that is a member.
        case account
        /// By `account_id`, such an account.
        case person
    }

    struct Column: Sendable, Hashable {
        let name: String
        /// As SQL writes it, without length or precision.
        let type: String
    }

    let schema: String
    let name: String
    let reach: Reach
    /// Holds what expires by itself: it is erased, and does not move.
    let isPassing: Bool
    /// All that can be written: no generated ones.
    let columns: [Column]
    /// Tables, as `schema.name`, whose rows its own refer to.
    let references: [String]

    var qualifiedName: String { "\(schema).\(name)" }

    /// The column by which its rows are known to be the tenant's.
    var reachColumn: String {
        switch reach {
        case .registry, .account: "id"
        case .tenant: "tenant_id"
        case .person: "account_id"
        }
    }

    /// Whether the services keep it, and not the developers behind the API.
    var isServices: Bool { schema == "auth" || schema == "sallyport" }

    /// Groups of tables, in each of which rows are written by one statement: referred ones first, the services' before all others. A group is
    /// one table, or what refers to each other in a circle.
    static func ordered(_ tables: [TenantTable]) -> [[TenantTable]] {
        ordered(tables.filter(\.isServices), done: []) + ordered(tables.filter { !$0.isServices }, done: [])
    }

    private static func ordered(_ tables: [TenantTable], done: Set<String>) -> [[TenantTable]] {
        let known = Set(tables.map(\.qualifiedName))
        var (rest, done, groups) = (tables, done, [[TenantTable]]())
        while !rest.isEmpty {
            let ready = rest.filter { $0.references.allSatisfy { done.contains($0) || !known.contains($0) } }
            groups += ready.isEmpty ? [rest] : ready.map { [$0] }
            done.formUnion((ready.isEmpty ? rest : ready).map(\.qualifiedName))
            rest.removeAll { done.contains($0.qualifiedName) }
        }
        return groups
    }
}

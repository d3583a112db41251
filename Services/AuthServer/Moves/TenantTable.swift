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

    let schema: String
    let name: String
    let reach: Reach
    /// Partitioned tables of the services hold what expires by itself: it is erased, and does not move.
    let isPassing: Bool
    /// All that can be written: no generated ones.
    let columns: [String]
    /// Tables, as `schema.name`, whose rows its own refer to.
    let references: [String]

    var qualifiedName: String { "\(schema).\(name)" }

    /// Referred ones first.
    /// - Throws: a message that names tables which refer to each other in a circle.
    static func ordered(_ tables: [TenantTable]) throws -> [TenantTable] {
        var (rest, done, ordered) = (tables, Set<String>(), [TenantTable]())
        let known = Set(tables.map(\.qualifiedName))
        while !rest.isEmpty {
            let ready = rest.filter { $0.references.allSatisfy { done.contains($0) || !known.contains($0) } }
            guard !ready.isEmpty else {
                throw CommandFailure("tables refer to each other in a circle: \(rest.map(\.qualifiedName).joined(separator: ", "))")
            }
            ordered += ready
            done.formUnion(ready.map(\.qualifiedName))
            rest.removeAll { done.contains($0.qualifiedName) }
        }
        return ordered
    }
}

import Postgres

/// The partitions of what expires.
struct PartitionStore: Sendable {
    let database: Postgres

    /// Makes those that will be needed and drops those whose rows have all expired. Idempotent, and safe from several instances at once.
    /// - Returns: how many were made or dropped.
    func maintain() async throws -> Int {
        let changed = try await database.queryOne("SELECT auth.maintain_partitions()", timeout: .seconds(60)) { try $0.decode(Int32.self) }
        return Int(changed)
    }
}

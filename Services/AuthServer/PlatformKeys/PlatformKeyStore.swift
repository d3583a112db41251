import Postgres

/// The platform's shared keys, sealed.
struct PlatformKeyStore: Sendable {
    let database: Postgres

    /// - Returns: the key that is stored: `proposal`, unless there was one already.
    func keep(_ name: PlatformKeyName, _ proposal: [UInt8]) async throws -> [UInt8] {
        let results = try await database.batch([
            "INSERT INTO auth.platform_key (name, sealed_key) VALUES (\(name.rawValue), \(proposal)) ON CONFLICT (name) DO NOTHING",
            "SELECT sealed_key FROM auth.platform_key WHERE name = \(name.rawValue)",
        ])
        guard let row = results.last?.first else { throw StoredDataError("auth.platform_key \(name.rawValue): is missing") }
        return try row.decode([UInt8].self)
    }
}

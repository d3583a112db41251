import FoundationEssentials
import Postgres
import TestSupport

/// Statements in the two tenants of one database, as the owner or as the API.
struct FeatureDatabase: Sendable {
    let owner: Postgres
    let api: Postgres

    static func with(_ body: (FeatureDatabase) async throws -> Void) async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_owner") { owner async throws in
                try await database.withPool(role: "sallyport_api") { api async throws in
                    try await body(FeatureDatabase(owner: owner, api: api))
                }
            }
        }
    }

    static func settings(
        _ tenant: UUID = TestDatabase.acme, subject: String = "anna", role: String = "user", scopes: String = "*:*",
        adding others: (String, String)...
    ) -> TransactionSettings {
        var settings = TransactionSettings.tenant(tenant)
        settings.settings += [
            (name: "sallyport.subject", value: subject), (name: "sallyport.role", value: role), (name: "sallyport.scopes", value: scopes),
        ]
        return others.reduce(settings) { $0.adding($1.0, $1.1) }
    }

    /// Runs statements as the owner inside acme, in one transaction.
    ///
    /// - Returns: the failing statement's error.
    @discardableResult
    func declare(_ statements: String...) async throws -> ServerError? {
        do {
            _ = try await owner.batch(statements.map { "\(unescaped: $0)" }, settings: Self.settings())
            return nil
        } catch PostgresError.server(let error) {
            return error
        }
    }

    /// Runs statements as the API, in one transaction.
    @discardableResult
    func run(_ statements: String..., settings: TransactionSettings = settings()) async throws -> ServerError? {
        do {
            _ = try await api.batch(statements.map { "\(unescaped: $0)" }, settings: settings)
            return nil
        } catch PostgresError.server(let error) {
            return error
        }
    }

    /// The one column of every row as text, as the API sees it; NULL is empty.
    func list(_ query: String, settings: TransactionSettings = settings()) async throws -> [String] {
        try await api.query("SELECT COALESCE(found.value::text, '') FROM (\(unescaped: query)) AS found (value)", settings: settings)
            .map { try $0.decode(String.self, column: 0) }
    }
}

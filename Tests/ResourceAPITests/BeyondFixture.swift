import HTTPTypes
import JSON
import Postgres
import TestSupport

@testable import ResourceAPI

/// Tables with everything declared: `notes`, and their `lines`, which go with them.
enum BeyondFixture {
    static func prepare(_ database: TestDatabase) async throws {
        try await database.withPool(role: "sallyport_owner") { postgres in
            for statement: SQL in [
                """
                CREATE TABLE api.notes (
                    id int PRIMARY KEY, title text NOT NULL, state text NOT NULL DEFAULT 'draft', at timestamptz DEFAULT '2026-01-01Z',
                    created_by text, updated_by text)
                """,
                "SELECT sallyport.enable_tenancy('api.notes')", "SELECT sallyport.enable_soft_delete('api.notes')",
                "SELECT sallyport.enable_audit('api.notes')", "SELECT sallyport.maintain('api.notes')",
                """
                SELECT sallyport.enable_workflow('api.notes', 'state',
                    '{"draft": ["sent"], "sent": [{"to": "paid", "role": "manager"}]}')
                """,
                """
                CREATE TABLE api.lines (
                    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, note int, text text, PRIMARY KEY (tenant_id, id),
                    FOREIGN KEY (tenant_id, note) REFERENCES api.notes (tenant_id, id) ON DELETE CASCADE)
                """,
                "SELECT sallyport.enable_tenancy('api.lines')", "SELECT sallyport.enable_soft_delete('api.lines')",
                "CREATE TABLE api.plain (a int, b int, body json, PRIMARY KEY (a, b))", "SELECT sallyport.enable_tenancy('api.plain')",
                "CREATE TABLE api.batch (id int PRIMARY KEY)", "SELECT sallyport.enable_tenancy('api.batch')",
            ] { try await postgres.execute(statement) }
            for tenant in [TestDatabase.acme, TestDatabase.globex] {
                let settings = TransactionSettings.tenant(tenant)
                for statement: SQL in [
                    "INSERT INTO api.notes (id, title) VALUES (1, 'one'), (2, 'two'), (3, 'three')",
                    "INSERT INTO api.lines VALUES (DEFAULT, 1, 1, 'a'), (DEFAULT, 2, 1, 'b'), (DEFAULT, 3, 2, 'c')",
                    "INSERT INTO api.plain (a, b, body) VALUES (1, 1, '{\"n\": 1.10}'), (1, 2, NULL)",
                    "INSERT INTO api.batch VALUES (1)",
                ] { _ = try await postgres.query(statement, settings: settings) }
            }
        }
    }

    static func with(_ body: @Sendable @escaping (ResourceAPIHarness) async throws -> Void) async throws {
        try await ResourceAPIHarness.with(prepare: prepare, body)
    }
}

extension ResourceAPIHarness {
    /// One column's values, in the order of the answer.
    func values(_ path: String, _ column: String, token: String) async throws -> [JSONValue] {
        try await send(.get, path, token: token).rows.map { $0[column] ?? .null }
    }

    func ids(_ path: String, token: String) async throws -> [Int64] {
        try await values(path, "id", token: token).compactMap(\.intValue)
    }
}

extension HTTPFields {
    static func prefer(_ value: String) -> HTTPFields { [.prefer: value] }
}

import FoundationEssentials
import Postgres
import TestSupport
import Testing

private let acme = TransactionSettings.tenant(TestDatabase.acme)
private let globex = TransactionSettings.tenant(TestDatabase.globex)

/// The SQLSTATE that running `sql` fails with; nil if it does not fail.
private func state(_ postgres: Postgres, _ sql: SQL, _ settings: TransactionSettings = .none) async throws -> String? {
    do {
        _ = try await postgres.query(sql, settings: settings)
        return nil
    } catch let error as PostgresError {
        return error.sqlState?.rawValue ?? "\(error)"
    }
}

private func count(_ postgres: Postgres, _ sql: SQL, _ settings: TransactionSettings = .none) async throws -> Int {
    try await postgres.query(sql, settings: settings)[0].decode(Int.self, column: 0)
}

@Suite("Row-level security of the tenant's tables", .enabled(if: TestDatabase.isConfigured)) struct TenancyTests {
    private static let tables = ["customers", "orders", "order_items"]

    @Test("without a tenant nothing is seen, changed or added") func withoutTenant() async throws {
        try await TestDatabase.with { database async throws in
            for role in ["sallyport_api", "sallyport_owner"] {
                try await database.withPool(role: role) { postgres async throws in
                    for settings in [TransactionSettings.none, TransactionSettings([("sallyport.tenant_id", "")])] {
                        for table in Self.tables {
                            #expect(try await count(postgres, "SELECT count(*) FROM api.\(identifier: table)", settings) == 0)
                            let deletion = try await postgres.query("DELETE FROM api.\(identifier: table)", settings: settings)
                            #expect(deletion.affectedRows == 0)
                        }
                        #expect(try await state(postgres, "INSERT INTO api.customers (name) VALUES ('x')", settings) != nil)
                        #expect(
                            try await state(
                                postgres, "INSERT INTO api.customers (tenant_id, name) VALUES (\(TestDatabase.acme), 'x')", settings)
                                == "42501")
                    }
                    #expect(
                        try await state(
                            postgres, "SELECT count(*) FROM api.customers", TransactionSettings([("sallyport.tenant_id", "' OR true")]))
                            == "22P02")
                }
            }
        }
    }

    @Test("a tenant reaches no other tenant's row by any verb") func isolation() async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                let before = try await Self.fingerprint(postgres, globex)
                for table in Self.tables {
                    #expect(try await count(postgres, "SELECT count(*) FROM api.\(identifier: table)", acme) > 20)
                    #expect(
                        try await count(
                            postgres, "SELECT count(*) FROM api.\(identifier: table) WHERE tenant_id = \(TestDatabase.globex)", acme) == 0)
                    let other = try await postgres.query(
                        "SELECT id FROM api.\(identifier: table) ORDER BY id LIMIT 1", settings: globex)[0].decode(UUID.self)
                    for sql: SQL in [
                        "UPDATE api.\(identifier: table) SET id = id WHERE id = \(other)",
                        "DELETE FROM api.\(identifier: table) WHERE id = \(other)",
                        "DELETE FROM api.\(identifier: table) WHERE tenant_id = \(TestDatabase.globex)",
                    ] {
                        #expect(try await postgres.query(sql, settings: acme).affectedRows == 0)
                    }
                    #expect(
                        try await state(postgres, "UPDATE api.\(identifier: table) SET tenant_id = \(TestDatabase.globex)", acme) == "42501"
                    )
                }
                #expect(
                    try await state(
                        postgres, "INSERT INTO api.customers (tenant_id, name) VALUES (\(TestDatabase.globex), 'x')", acme) == "42501")
                let customer = try await postgres.query("SELECT id FROM api.customers LIMIT 1", settings: globex)[0].decode(UUID.self)
                #expect(try await state(postgres, "INSERT INTO api.orders (customer_id) VALUES (\(customer))", acme) == "23503")
                #expect(try await state(postgres, "INSERT INTO api.customers (id, name) VALUES (\(customer), 'mine')", acme) == nil)
                #expect(try await state(postgres, "DELETE FROM api.order_items", acme) == nil)
                #expect(try await Self.fingerprint(postgres, globex) == before)
            }
        }
    }

    @Test("run-time roles own nothing, pass no policy and make nothing") func roles() async throws {
        try await TestDatabase.with { database async throws in
            for role in ["sallyport_auth", "sallyport_api"] {
                try await database.withPool(role: role) { postgres async throws in
                    #expect(
                        try await count(
                            postgres,
                            """
                            SELECT count(*) FROM pg_roles
                             WHERE rolname = CURRENT_USER AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolinherit)
                            """) == 0)
                    #expect(
                        try await count(
                            postgres, "SELECT count(*) FROM pg_class WHERE pg_has_role(relowner, 'USAGE') AND relnamespace > 16383") == 0)
                    for sql: SQL in [
                        "CREATE TABLE public.x (a int)", "CREATE TABLE api.x (a int)", "CREATE TEMP TABLE x (a int)", "CREATE SCHEMA x",
                        "CREATE TABLE auth.x (a int)", "CREATE FUNCTION sallyport.x() RETURNS int LANGUAGE sql RETURN 1",
                        "SET ROLE sallyport_owner", "ALTER TABLE api.customers DISABLE ROW LEVEL SECURITY", "TRUNCATE api.customers",
                        "DROP POLICY sallyport_tenancy ON api.customers", "SELECT sallyport.enable_tenancy('api.currencies')",
                        "CREATE POLICY x ON api.customers USING (true)",
                    ] {
                        #expect(try await state(postgres, sql, acme) == "42501", "\(sql)")
                    }
                }
            }
            try await database.withPool(role: "sallyport_auth") { postgres async throws in
                #expect(try await state(postgres, "SELECT FROM api.customers", acme) == "42501")
            }
        }
    }

    @Test("shared tables are read by all and written by the owner only") func shared() async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                #expect(try await count(postgres, "SELECT count(*) FROM api.currencies", acme) == 10)
                #expect(try await count(postgres, "SELECT count(*) FROM api.currencies") == 10)
                for sql: SQL in [
                    "INSERT INTO api.currencies VALUES ('XXX', 'x')", "UPDATE api.currencies SET name = 'x'", "DELETE FROM api.currencies",
                ] {
                    #expect(try await state(postgres, sql, acme) == "42501")
                }
            }
            try await database.withPool(role: "sallyport_owner") { postgres async throws in
                #expect(try await postgres.execute("UPDATE api.currencies SET name = 'Euros' WHERE code = 'EUR'") == 1)
            }
        }
    }

    @Test("the policy is evaluated once and an index with the tenant first serves it") func plan() async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_owner") { postgres async throws in
                _ = try await postgres.query(
                    "INSERT INTO api.customers (name) SELECT 'n' || i FROM generate_series(1, 2000) AS i", settings: acme)
                try await postgres.execute("ANALYZE api.customers")
            }
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                let lines = try await postgres.query(
                    "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) SELECT name FROM api.customers WHERE name = 'n7'", settings: acme
                ).map { try $0.decode(String.self, column: 0) }
                let plan = lines.joined(separator: "\n")
                #expect(plan.contains("InitPlan"))
                #expect(plan.contains("customers_name"))
                #expect(plan.contains("Index Cond: ((tenant_id = $0)"))
                #expect(plan.contains("Result (actual rows=1 loops=1)"))
                #expect(!plan.contains("Seq Scan"))
            }
        }
    }

    @Test("the demo's rows are stable, and seeding again changes nothing") func seeding() async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_owner") { postgres async throws in
                let before = try await Self.fingerprint(postgres, acme)
                _ = try await postgres.query("DELETE FROM api.customers WHERE name = 'nobody'", settings: acme)
                _ = try await postgres.query("\(unescaped: TestDatabase.demoRows)", settings: acme)
                #expect(try await Self.fingerprint(postgres, acme) == before)
                #expect(try await Self.fingerprint(postgres, globex) != before)
                #expect(try await state(postgres, "\(unescaped: TestDatabase.demoRows)") == "P0001")
            }
        }
    }

    /// Changes with any value of any row the tenant has.
    private static func fingerprint(_ postgres: Postgres, _ settings: TransactionSettings) async throws -> [String] {
        var fingerprint: [String] = []
        for table in tables {
            let result = try await postgres.query(
                "SELECT count(*) || md5(string_agg(t::text, ',' ORDER BY id)) FROM api.\(identifier: table) AS t", settings: settings)
            fingerprint.append(try result[0].decode(String.self))
        }
        return fingerprint
    }
}

import Postgres
import TestSupport
import Testing

/// What a database that is spread over machines by tenant can check without asking another machine: keys that hold the tenant.
@Suite("Every key of a tenant's table holds tenant_id", .enabled(if: TestDatabase.isConfigured)) struct DistributionTests {
    /// Unique across tenants, each for a reason.
    private static let platformWide = [
        // Requests at the root name a client and no tenant: this table says whose it is. It is the platform's, with a tenant in it.
        "auth.client_directory_pkey"
    ]
    /// References to what belongs to the platform and would be on every machine.
    private static let platformTables = [
        // A person may belong to several tenants.
        "auth.account"
    ]

    @Test("unique constraints, unique indexes and exclusions") func uniqueness() async throws {
        let found = try await Self.read(
            """
            SELECT c.relnamespace::regnamespace || '.' || i.relname
              FROM pg_index AS x
              JOIN pg_class AS i ON i.oid = x.indexrelid
              JOIN pg_class AS c ON c.oid = x.indrelid
              JOIN pg_attribute AS t ON t.attrelid = c.oid AND t.attname = 'tenant_id'
             WHERE (x.indisunique OR x.indisexclusion)
               AND c.relnamespace::regnamespace::text = ANY ('{auth,api,sallyport}') AND NOT c.relispartition
               AND t.attnum <> ALL (x.indkey::int2[])
             ORDER BY 1
            """)
        #expect(found == Self.platformWide)
    }

    @Test("the tenant comes first, so that a tenant's rows lie together") func leading() async throws {
        let found = try await Self.read(
            """
            SELECT c.relnamespace::regnamespace || '.' || i.relname
              FROM pg_index AS x
              JOIN pg_class AS i ON i.oid = x.indexrelid
              JOIN pg_class AS c ON c.oid = x.indrelid
              JOIN pg_attribute AS t ON t.attrelid = c.oid AND t.attname = 'tenant_id'
             WHERE x.indisprimary
               AND c.relnamespace::regnamespace::text = ANY ('{auth,api,sallyport}') AND NOT c.relispartition
               AND t.attnum <> x.indkey[0]
             ORDER BY 1
            """)
        #expect(found == Self.platformWide)
    }

    @Test("foreign keys, on both sides, unless to what the platform owns") func references() async throws {
        let found = try await Self.read(
            """
            SELECT o.conrelid::regclass || ' → ' || o.confrelid::regclass
              FROM pg_constraint AS o
              JOIN pg_class AS c ON c.oid = o.conrelid
              JOIN pg_attribute AS t ON t.attrelid = c.oid AND t.attname = 'tenant_id'
              LEFT JOIN pg_attribute AS r ON r.attrelid = o.confrelid
                   AND r.attname = CASE o.confrelid WHEN 'auth.tenant'::regclass THEN 'id' ELSE 'tenant_id' END
             WHERE o.contype = 'f' AND c.relnamespace::regnamespace::text = ANY ('{auth,api,sallyport}') AND NOT c.relispartition
               -- The tenant of the row is the tenant of what it refers to.
               AND NOT EXISTS (
                   SELECT FROM unnest(o.conkey, o.confkey) AS pair (mine, theirs) WHERE pair.mine = t.attnum AND pair.theirs = r.attnum)
             ORDER BY 1
            """)
        #expect(found.filter { reference in !Self.platformTables.contains { reference.hasSuffix("→ \($0)") } } == [])
        #expect(found == ["auth.membership → auth.account"])
    }

    @Test("what has no tenant_id is known, and the platform's") func platform() async throws {
        let found = try await Self.read(
            """
            SELECT c.oid::regclass::text
              FROM pg_class AS c
             WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace::regnamespace::text = ANY ('{auth,api,sallyport}')
               AND NOT EXISTS (SELECT FROM pg_attribute AS t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id' AND NOT t.attisdropped)
             ORDER BY 1
            """)
        #expect(
            found == [
                // Reference data of every tenant.
                "api.currencies",
                // People, and what proves that they are who they say, wherever they belong.
                "auth.account", "auth.platform_key", "auth.recovery_code", "auth.second_factor", "auth.session", "auth.sign_in_throttle",
                "auth.tenant", "sallyport.audit_retention", "sallyport.schema_migration",
            ])
    }

    @Test("tenant_id is never null") func notNull() async throws {
        let found = try await Self.read(
            """
            SELECT t.attrelid::regclass::text FROM pg_attribute AS t JOIN pg_class AS c ON c.oid = t.attrelid
             WHERE t.attname = 'tenant_id' AND NOT t.attnotnull AND c.relkind IN ('r', 'p')
               AND c.relnamespace::regnamespace::text = ANY ('{auth,api,sallyport}')
            """)
        #expect(found == [])
    }

    private static func read(_ sql: SQL) async throws -> [String] {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "postgres") { postgres async throws in
                try await postgres.queryAll(sql) { try $0.decode(String.self, column: 0) }
            }
        }
    }
}

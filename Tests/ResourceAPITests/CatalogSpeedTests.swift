import TestSupport
import Testing

@testable import Postgres
@testable import ResourceAPI

@Suite("The catalog of a large schema", .enabled(if: TestDatabase.isConfigured)) struct CatalogSpeedTests {
    /// In one statement, so that the making takes a few seconds.
    private static let thousandTables: SQL = """
        DO $$ BEGIN
            FOR i IN 1..1000 LOOP
                EXECUTE format('CREATE TABLE api.t%s (tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, parent int, '
                    'name text DEFAULT ''x'', a jsonb, b timestamptz DEFAULT now(), c numeric(12,2), d text[], PRIMARY KEY (tenant_id, id), '
                    'FOREIGN KEY (tenant_id, parent) REFERENCES api.t%s (tenant_id, id))', i, greatest(1, i / 2));
                EXECUTE format('ALTER TABLE api.t%s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', i);
                EXECUTE format('CREATE POLICY sallyport_tenancy ON api.t%s AS RESTRICTIVE USING (tenant_id = (SELECT sallyport.current_tenant())) '
                    'WITH CHECK (tenant_id = (SELECT sallyport.current_tenant()))', i);
                EXECUTE format('CREATE POLICY sallyport_rows ON api.t%s USING (true)', i);
                EXECUTE format('GRANT ALL ON api.t%s TO sallyport_api', i);
                IF i % 10 = 0 THEN
                    EXECUTE format('CREATE VIEW api.v%s WITH (security_invoker = true) AS SELECT id, parent, name FROM api.t%1$s', i);
                    EXECUTE format('GRANT ALL ON api.v%s TO sallyport_api', i);
                END IF;
            END LOOP;
        END $$
        """

    @Test("is read within two seconds and looked at for changes in a fraction of one") func thousandTables() async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_owner") { _ = try await $0.batch([Self.thousandTables]) }
            // As autovacuum does within a minute.
            try await database.withPool(role: "postgres") { _ = try await $0.query("ANALYZE") }
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                let store = CatalogStore(schemas: ["api"])
                let clock = ContinuousClock()
                var catalog: Catalog?
                // The quickest of some: other tests are running.
                var (reading, look) = (Duration.seconds(60), Duration.seconds(60))
                for _ in 0..<4 {
                    reading = min(reading, try await clock.measure { catalog = try await store.load(from: postgres) })
                    look = min(look, try await clock.measure { _ = try await store.fingerprint(from: postgres) })
                }
                let loaded = try #require(catalog)
                #expect(loaded.refusals.isEmpty)
                #expect(loaded.tables["api"]?.count ?? 0 >= 1100)
                #expect(loaded.relationships.values.map(\.count).reduce(0, +) > 2000)
                let comparison = clock.measure { #expect(loaded.isIdentical(to: loaded)) }
                #expect(reading < .seconds(2), "\(reading)")
                #expect(look < .milliseconds(200), "\(look)")
                #expect(comparison < .milliseconds(500), "\(comparison)")
            }
        }
    }
}

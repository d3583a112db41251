import Logging
import Synchronization
import TestSupport
import Testing

@testable import Postgres
@testable import ResourceAPI

@Suite("The catalog", .enabled(if: TestDatabase.isConfigured)) struct CatalogTests {
    private func load(role: String = "sallyport_api", setup: [SQL] = []) async throws -> Catalog {
        try await TestDatabase.with { database async throws in
            if !setup.isEmpty {
                try await database.withPool(role: "sallyport_owner") { _ = try await $0.batch(setup) }
            }
            return try await database.withPool(role: role) { try await CatalogStore(schemas: ["api"]).load(from: $0) }
        }
    }

    @Test("knows tables, columns and keys, and nothing of tenant_id") func contents() async throws {
        let catalog = try await load()
        #expect(catalog.refusals.isEmpty)
        #expect(
            Set(catalog.tables["api", default: [:]].keys)
                == ["customers", "orders", "order_items", "currencies", "tags", "order_tags", "order_totals"])
        let orders = try catalog.table(named: "orders")
        #expect(orders.columns.map(\.name) == ["id", "customer_id", "status", "total", "notes", "placed_at"])
        #expect(orders.columns.map(\.type) == ["uuid", "uuid", "text", "numeric(12,2)", "text", "timestamp with time zone"])
        #expect(orders.column("notes")?.isNullable == true)
        #expect(orders.column("status")?.hasDefault == true)
        #expect(orders.primaryKey == ["id"])
        #expect(orders.privileges == Set(Table.Privilege.allCases))
        #expect(orders.constraints["orders_pkey"] == Constraint(kind: .unique, columns: ["id"]))
        #expect(orders.constraints.values.contains(Constraint(kind: .foreignKey(to: "customers"), columns: ["customer_id"])))
        #expect(orders.column("tenant_id") == nil)
        let currencies = try catalog.table(named: "currencies")
        #expect(currencies.isShared)
        #expect(currencies.privileges == [.select])
    }

    @Test("exposes only what is isolated or shared, and says what cures the rest") func exposure() async throws {
        let catalog = try await load(setup: [
            "CREATE TABLE api.naked (id int PRIMARY KEY)", "GRANT ALL ON api.naked TO sallyport_api",
            "CREATE VIEW api.everything AS SELECT * FROM api.customers", "GRANT ALL ON api.everything TO sallyport_api",
            "CREATE TABLE api.quiet (id int PRIMARY KEY)", "SELECT sallyport.isolate('api.quiet')",
            "ALTER TABLE api.orders NO FORCE ROW LEVEL SECURITY",
            "CREATE TABLE api.\"odd \"\"name\"\"\" (id int PRIMARY KEY, \"a\"\"b\" text, twice int GENERATED ALWAYS AS (id * 2) STORED)",
            "SELECT sallyport.enable_tenancy('api.\"odd \"\"name\"\"\"')",
        ])
        // What reads orders is not served either.
        #expect(
            Set(catalog.tables["api", default: [:]].keys)
                == ["customers", "order_items", "currencies", "tags", "order_tags", "odd \"name\""])
        let cures = Dictionary(catalog.refusals.map { ($0.table, $0.cure) }, uniquingKeysWith: { first, _ in first })
        #expect(cures["api.naked"]?.hasPrefix("SELECT sallyport.enable_tenancy('api.naked');") == true)
        #expect(cures["api.orders"] == "ALTER TABLE api.orders FORCE ROW LEVEL SECURITY")
        #expect(cures["api.quiet"] == "GRANT SELECT ON api.quiet TO sallyport_api")
        #expect(cures["api.everything"] == "ALTER VIEW api.everything SET (security_invoker = true)")
        #expect(try catalog.table(named: "odd \"name\"").column("twice")?.isGenerated == true)
        #expect(throws: APIError.self) { try catalog.table(named: "naked") }
    }

    @Test("knows types behind domains, enums, defaults, comments and time zones") func types() async throws {
        let catalog = try await load(setup: [
            "CREATE TYPE api.mood AS ENUM ('sad', 'ok')", "CREATE DOMAIN api.temper AS api.mood", "CREATE DOMAIN api.doc AS jsonb",
            "CREATE DOMAIN api.text3 AS varchar(3)",
            """
            CREATE TABLE api.typed (
                id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t api.text3 DEFAULT 'a', m api.mood, tm api.temper, d api.doc, j json,
                ts tsvector, r int4range, a int[], c api.orders, n numeric(5, 2))
            """, "COMMENT ON TABLE api.typed IS 'Some types.'", "COMMENT ON COLUMN api.typed.n IS 'A number.'",
            "SELECT sallyport.enable_tenancy('api.typed')",
        ])
        let table = try catalog.table(named: "typed")
        let kinds: [Column.Kind] = [.other, .text, .other, .other, .jsonb, .json, .tsvector, .range, .array, .composite, .other]
        #expect(table.columns.map(\.kind) == kinds)
        #expect(table.column("tm")?.enumLabels == ["sad", "ok"])
        #expect(table.column("tm")?.type == "api.temper")
        #expect(table.column("id")?.isGenerated == true)
        #expect(table.column("t")?.defaultExpression == "'a'::character varying")
        #expect(table.comment == "Some types.")
        #expect(table.column("n")?.comment == "A number.")
        #expect(catalog.timeZones.contains("Europe/Berlin"))
    }

    @Test("serves partitioned tables, and not their partitions") func partitions() async throws {
        let catalog = try await load(setup: [
            """
            CREATE TABLE api.events (
                tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, at date, PRIMARY KEY (tenant_id, id, at))
                PARTITION BY RANGE (at)
            """, "CREATE TABLE api.events_2026 PARTITION OF api.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
            "SELECT sallyport.enable_tenancy('api.events')", "GRANT SELECT ON api.events_2026 TO sallyport_api",
        ])
        #expect(try catalog.table(named: "events").primaryKey == ["id", "at"])
        #expect(throws: APIError.self) { try catalog.table(named: "events_2026") }
    }

    @Test("has a fingerprint that changes with the schema, and with nothing else") func fingerprint() async throws {
        let changes: [SQL] = [
            "CREATE TABLE api.made (id int)", "ALTER TABLE api.made ADD COLUMN a text",
            "ALTER TABLE api.made ALTER COLUMN a SET DEFAULT 'x'",
            "CREATE UNIQUE INDEX made_a ON api.made (a)", "ALTER TABLE api.made ADD CONSTRAINT positive CHECK (id > 0)",
            "COMMENT ON COLUMN api.made.a IS 'x'", "GRANT SELECT (a) ON api.made TO sallyport_api",
            "ALTER TABLE api.made ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY p ON api.made USING (true)", "ALTER POLICY p ON api.made USING (false)", "ALTER TABLE api.made DROP COLUMN a",
            "CREATE VIEW api.seen AS SELECT 1 AS one", "CREATE OR REPLACE VIEW api.seen AS SELECT 2 AS one",
            "CREATE FUNCTION api.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "GRANT EXECUTE ON FUNCTION api.f() TO sallyport_exposed",
            "CREATE DOMAIN api.hue AS int",
            "CREATE FUNCTION api.hue_json(api.hue) RETURNS json LANGUAGE sql AS 'SELECT to_json($1::int)'",
            "CREATE CAST (api.hue AS json) WITH FUNCTION api.hue_json(api.hue) AS IMPLICIT",
            "GRANT EXECUTE ON FUNCTION api.hue_json(api.hue) TO sallyport_api", "DROP CAST (api.hue AS json)",
            "CREATE TYPE api.kind AS ENUM ('a')", "ALTER TYPE api.kind ADD VALUE 'b'", "DROP FUNCTION api.f()", "DROP TABLE api.made",
            "REVOKE USAGE ON SCHEMA api FROM sallyport_api",
        ]
        let others: [SQL] = [
            "CREATE TEMPORARY TABLE brief (id int PRIMARY KEY, a text DEFAULT 'x')", "ANALYZE",
            "INSERT INTO api.currencies (code, name) VALUES ('XTS', 'Test')",
        ]
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_api") { reader async throws in
                try await database.withPool(role: "sallyport_owner") { postgres async throws in
                    let store = CatalogStore(schemas: ["api"])
                    var known = try await store.fingerprint(from: reader)
                    for change in others {
                        _ = try await postgres.query(change)
                        #expect(try await store.fingerprint(from: reader) == known, "\(change.text)")
                    }
                    for change in changes {
                        _ = try await postgres.query(change)
                        let next = try await store.fingerprint(from: reader)
                        #expect(next != known, "\(change.text)")
                        known = next
                    }
                }
            }
        }
    }

    @Test("is announced to have changed by a superuser's event triggers, for all but what is temporary") func eventTriggers() async throws {
        let changes: [(String, Bool)] = [
            ("CREATE TABLE api.made (id int)", true), ("GRANT SELECT ON api.made TO sallyport_api", true),
            ("CREATE POLICY p ON api.made", true), ("COMMENT ON TABLE api.made IS 'x'", true), ("DROP TABLE api.made", true),
            ("CREATE TEMPORARY TABLE brief (id int)", false), ("DROP TABLE brief", false), ("DELETE FROM api.orders", false),
            ("CREATE FUNCTION api.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", true), ("DROP FUNCTION api.f()", true),
            ("CREATE DOMAIN api.hue AS int", true),
            ("CREATE FUNCTION api.hue_json(api.hue) RETURNS json LANGUAGE sql AS 'SELECT to_json($1::int)'", true),
            ("CREATE CAST (api.hue AS json) WITH FUNCTION api.hue_json(api.hue) AS IMPLICIT", true), ("DROP CAST (api.hue AS json)", true),
        ]
        try await TestDatabase.with { database async throws in
            let connect: @Sendable (String) throws -> BlockingConnection = { role in
                try BlockingConnection(
                    ConnectionTarget(
                        connectionString: database.connectionString(role: role), applicationName: "test", connectTimeout: .seconds(5),
                        sessionOptions: [("client_min_messages", "warning")]))
            }
            let announced = try await SystemThread.run(name: "test") {
                let superuser = try connect("postgres")
                // Any number of times.
                try superuser.execute(TestDatabase.superuserScript)
                try superuser.execute(TestDatabase.superuserScript)
                let owner = try connect("sallyport_owner")
                try owner.execute("LISTEN sallyport_catalog")
                return try changes.map { change, _ in
                    try owner.execute(change)
                    var isAnnounced = false
                    while let notification = owner.nextNotification() { isAnnounced = notification.channel == LiveCatalog.channel }
                    return isAnnounced
                }
            }
            #expect(announced == changes.map(\.1))
        }
    }

    @Test("is not read by a role that bypasses row-level security") func superuser() async throws {
        await #expect(throws: CatalogError.self) { try await load(role: "postgres") }
    }

    @Test("does not expose a table to its own owner") func owner() async throws {
        let catalog = try await load(role: "sallyport_owner")
        #expect(catalog.tables.isEmpty)
    }
}

/// A database whose catalog is whatever the test says.
private final class ScriptedDatabase: Sendable {
    struct Failure: Error {}

    private struct State {
        var catalog: Catalog?
        var reads = 0
        var isHeld = false
        var held: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    init(_ catalog: Catalog?) {
        state.withLock { $0.catalog = catalog }
    }

    var reads: Int { state.withLock { $0.reads } }

    /// Nil makes reading fail.
    func set(_ catalog: Catalog?) {
        state.withLock { $0.catalog = catalog }
    }

    /// Readings from here on see what there is and then wait.
    func hold() {
        state.withLock { $0.isHeld = true }
    }

    func letGo() {
        let held = state.withLock { state in
            defer { state.held = [] }
            state.isHeld = false
            return state.held
        }
        for reading in held { reading.resume() }
    }

    func read() async throws -> Catalog {
        let catalog = state.withLock { state in
            state.reads += 1
            return state.catalog
        }
        await withCheckedContinuation { continuation in
            let mustWait = state.withLock { state in
                if state.isHeld { state.held.append(continuation) }
                return state.isHeld
            }
            if !mustWait { continuation.resume() }
        }
        guard let catalog else { throw Failure() }
        return catalog
    }
}

@Suite("The catalog in use") struct LiveCatalogTests {
    private static func catalog(_ names: String...) -> Catalog {
        let tables = names.map { name in
            Table(
                schema: "api", name: "t", isShared: true, privileges: [.select],
                columns: [Column(name: name, type: "text", isNullable: true, hasDefault: false, isGenerated: false, comment: nil)],
                primaryKey: [])
        }
        return Catalog(schemas: ["api"], tables: tables)
    }

    private let events = EventBuffer(limit: 16)

    private func with(
        _ database: ScriptedDatabase, requestInterval: Duration = .zero, fingerprint: LiveCatalog.Fingerprint? = nil,
        _ body: (LiveCatalog) async throws -> Void
    ) async throws {
        let catalog = LiveCatalog(
            maximumRows: 1000, events: PostgresEvents(buffer: events), requestInterval: requestInterval,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), fingerprint: fingerprint,
            read: { try await database.read() })
        let running = Task { try await catalog.run() }
        try await body(catalog)
        running.cancel()
        try await running.value
    }

    private func eventually(_ isSo: () -> Bool) async throws -> Bool {
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while ContinuousClock.now < deadline {
            if isSo() { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    private func announce() {
        events.append(.notification(channel: LiveCatalog.channel, payload: "api.t"))
    }

    @Test("is read again by itself until that succeeds") func retries() async throws {
        let database = ScriptedDatabase(nil)
        try await with(database) { catalog async throws in
            events.append(.connected)
            #expect(try await eventually { database.reads >= 3 })
            #expect(catalog.engine == nil)
            database.set(Self.catalog("a"))
            #expect(try await eventually { catalog.engine != nil })

            database.set(nil)
            let before = database.reads
            announce()
            #expect(try await eventually { database.reads >= before + 2 })
            #expect(catalog.engine?.catalog == Self.catalog("a"), "what was known is used meanwhile")
            database.set(Self.catalog("b"))
            #expect(try await eventually { catalog.engine?.catalog == Self.catalog("b") })
        }
    }

    @Test("ends when it is told to, also while the database fails") func cancellation() async throws {
        let database = ScriptedDatabase(nil)
        var start = ContinuousClock.now
        try await with(database) { _ async throws in
            #expect(try await eventually { database.reads >= 5 })
            start = .now
        }
        let reads = database.reads
        #expect(ContinuousClock.now - start < .seconds(8))
        try await Task.sleep(for: .milliseconds(100))
        #expect(database.reads == reads)
    }

    @Test("is read once more when a change is announced during a reading") func lostUpdate() async throws {
        let database = ScriptedDatabase(Self.catalog("a"))
        try await with(database) { catalog async throws in
            #expect(try await eventually { catalog.engine != nil })
            database.hold()
            let before = database.reads
            let engine = try #require(catalog.engine)
            async let reloaded = catalog.reloadForUnknownName(engine)
            #expect(try await eventually { database.reads == before + 1 })
            database.set(Self.catalog("b"))
            announce()
            // The announcement is taken while the reading, which did not see the change, is under way.
            try await Task.sleep(for: .milliseconds(100))
            database.letGo()
            #expect(try await reloaded == nil)
            #expect(try await eventually { catalog.engine?.catalog == Self.catalog("b") })
        }
    }

    @Test("keeps its plans where nothing has changed, to the byte") func sameCatalog() async throws {
        let database = ScriptedDatabase(Self.catalog("\u{e9}"))
        try await with(database) { catalog async throws in
            #expect(try await eventually { catalog.engine != nil })
            let engine = try await catalog.require()
            let before = database.reads
            announce()
            #expect(try await eventually { database.reads > before })
            #expect(try await catalog.reloadForUnknownName(engine) == nil)
            // Canonically equivalent, and another name to PostgreSQL.
            database.set(Self.catalog("e\u{301}"))
            #expect(try await catalog.reloadForUnknownName(engine)?.catalog.isIdentical(to: Self.catalog("e\u{301}")) == true)
        }
    }

    @Test("is read again when it has changed unannounced, and not when it has not") func polling() async throws {
        let database = ScriptedDatabase(Self.catalog("a"))
        let looks = Mutex((count: 0, answer: "1"))
        let fingerprint = LiveCatalog.Fingerprint(interval: .milliseconds(5)) {
            looks.withLock { looks in
                looks.count += 1
                return looks.answer
            }
        }
        try await with(database, fingerprint: fingerprint) { catalog async throws in
            #expect(try await eventually { looks.withLock { $0.count } > 20 })
            #expect(database.reads == 1)
            database.set(Self.catalog("b"))
            looks.withLock { $0.answer = "2" }
            #expect(try await eventually { catalog.engine?.catalog == Self.catalog("b") })
            let seen = looks.withLock { $0.count }
            #expect(try await eventually { looks.withLock { $0.count } > seen + 20 })
            #expect(database.reads == 2)
        }
    }

    @Test("is read for requests no more often than the interval, and their failure is not the requests'") func bounds() async throws {
        let database = ScriptedDatabase(Self.catalog("a"))
        try await with(database, requestInterval: .seconds(60)) { catalog async throws in
            #expect(try await eventually { catalog.engine != nil })
            let before = database.reads
            let engine = try #require(catalog.engine)
            for _ in 0..<20 {
                #expect(await catalog.reloadBecauseStale(engine) == nil)
                #expect(try await catalog.reloadForUnknownName(engine) == nil)
            }
            #expect(database.reads == before)
        }
        let failing = ScriptedDatabase(Self.catalog("a"))
        try await with(failing) { catalog async throws in
            #expect(try await eventually { catalog.engine != nil })
            let engine = try #require(catalog.engine)
            failing.set(nil)
            #expect(await catalog.reloadBecauseStale(engine) == nil)
            failing.set(Self.catalog("b"))
            #expect(await catalog.reloadBecauseStale(engine)?.catalog == Self.catalog("b"))
        }
    }

    @Test("read a moment ago is read again for a name made since, and only then") func madeSince() async throws {
        let database = ScriptedDatabase(Self.catalog("a"))
        let looks = Mutex((count: 0, answer: "1"))
        let fingerprint = LiveCatalog.Fingerprint(interval: .zero) {
            looks.withLock { looks in
                looks.count += 1
                return looks.answer
            }
        }
        try await with(database, requestInterval: .seconds(60), fingerprint: fingerprint) { catalog async throws in
            #expect(try await eventually { catalog.engine != nil })
            let (engine, reads, looked) = (try #require(catalog.engine), database.reads, looks.withLock { $0.count })
            #expect(try await catalog.reloadForUnknownName(engine) == nil)
            #expect(database.reads == reads)
            database.set(Self.catalog("b"))
            looks.withLock { $0.answer = "2" }
            // However many ask at once.
            let found = try await withThrowingTaskGroup(of: ResourceEngine?.self) { group in
                for _ in 0..<20 { group.addTask { try await catalog.reloadForUnknownName(engine) } }
                return try await group.reduce(into: [ResourceEngine?]()) { $0.append($1) }
            }
            #expect(found.allSatisfy { $0?.catalog == Self.catalog("b") })
            #expect(database.reads <= reads + 2)
            #expect(looks.withLock { $0.count } <= looked + 5)
        }
    }

    @Test("that was replaced while a request ran is not read again for it") func replaced() async throws {
        let database = ScriptedDatabase(Self.catalog("a"))
        try await with(database) { catalog async throws in
            #expect(try await eventually { catalog.engine != nil })
            let used = try #require(catalog.engine)
            database.set(Self.catalog("b"))
            let newer = try await catalog.reloadForUnknownName(used)
            #expect(newer?.catalog == Self.catalog("b"))
            let reads = database.reads
            #expect(await catalog.reloadBecauseStale(used) === newer)
            #expect(database.reads == reads)
        }
    }
}

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
        #expect(Set(catalog.tables["api", default: [:]].keys) == ["customers", "orders", "order_items", "currencies"])
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
        #expect(Set(catalog.tables["api", default: [:]].keys) == ["customers", "order_items", "currencies", "odd \"name\""])
        let cures = Dictionary(catalog.refusals.map { ($0.table, $0.cure) }, uniquingKeysWith: { first, _ in first })
        #expect(cures["api.naked"]?.hasPrefix("SELECT sallyport.enable_tenancy('api.naked');") == true)
        #expect(cures["api.orders"] == "ALTER TABLE api.orders FORCE ROW LEVEL SECURITY")
        #expect(cures["api.quiet"] == "GRANT SELECT ON api.quiet TO sallyport_api")
        #expect(cures["api.everything"] != nil)
        #expect(try catalog.table(named: "odd \"name\"").column("twice")?.isGenerated == true)
        #expect(throws: APIError.self) { try catalog.table(named: "naked") }
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
        _ database: ScriptedDatabase, requestInterval: Duration = .zero, _ body: (LiveCatalog) async throws -> Void
    ) async throws {
        let catalog = LiveCatalog(
            maximumRows: 1000, events: PostgresEvents(buffer: events), requestInterval: requestInterval,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), read: { try await database.read() })
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
            async let reloaded = catalog.reloadForUnknownName()
            #expect(try await eventually { database.reads == before + 1 })
            database.set(Self.catalog("b"))
            announce()
            // The announcement is taken while the reading, which did not see the change, is under way.
            try await Task.sleep(for: .milliseconds(100))
            database.letGo()
            #expect(try await reloaded?.catalog == Self.catalog("a"))
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
            #expect(try await catalog.reloadForUnknownName() === engine)
            // Canonically equivalent, and another name to PostgreSQL.
            database.set(Self.catalog("e\u{301}"))
            #expect(try await catalog.reloadForUnknownName() !== engine)
        }
    }

    @Test("is read for requests no more often than the interval, and their failure is not the requests'") func bounds() async throws {
        let database = ScriptedDatabase(Self.catalog("a"))
        try await with(database, requestInterval: .seconds(60)) { catalog async throws in
            #expect(try await eventually { catalog.engine != nil })
            let before = database.reads
            for _ in 0..<20 {
                #expect(await catalog.reloadBecauseStale() == nil)
                #expect(try await catalog.reloadForUnknownName() == nil)
            }
            #expect(database.reads == before)
        }
        let failing = ScriptedDatabase(Self.catalog("a"))
        try await with(failing) { catalog async throws in
            #expect(try await eventually { catalog.engine != nil })
            failing.set(nil)
            #expect(await catalog.reloadBecauseStale() == nil)
            failing.set(Self.catalog("b"))
            #expect(await catalog.reloadBecauseStale()?.catalog == Self.catalog("b"))
        }
    }
}

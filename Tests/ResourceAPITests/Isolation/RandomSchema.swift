import Postgres

/// Tables of tenants that refer to each other at random, views of them, shared data and functions; and rows for two tenants that have the
/// same keys. Every text of the other tenant holds ``mark``.
struct RandomSchema {
    static let mark = "zbz"

    struct Made {
        let name: String
        let keyIsText: Bool
        /// Column and table.
        var references: [(column: String, table: String)] = []
    }

    private(set) var statements: [String] = []
    private(set) var tables: [Made] = []
    /// Names of all tables that belong to tenants, junctions too.
    private(set) var owned: [String] = []
    /// Of tables, views and functions.
    var names: Set<String> {
        Set(owned + ["kinds", "v0", "v1", "v2", "v3", "find", "total", "shout", "alike", "add", "names", "wipe"])
    }

    private var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        makeShared()
        for index in 0..<(3 + generator.number(2)) { makeTable(index) }
        makeJunction()
        makeViews()
        makeFunctions()
    }

    private mutating func makeShared() {
        statements += [
            "CREATE TABLE api.kinds (code text PRIMARY KEY, label text)", "SELECT sallyport.share('api.kinds')",
            "INSERT INTO api.kinds VALUES ('k1', 'one'), ('k2', 'two'), ('k3', 'three')",
        ]
    }

    private mutating func makeTable(_ index: Int) {
        let name = "t\(index)"
        var made = Made(name: name, keyIsText: generator.chance(30))
        let key = made.keyIsText ? "text" : "int"
        var columns = [
            "tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant()", "id \(key) NOT NULL", "name text", "n int", "j jsonb",
            "tags text[]",
            "d date DEFAULT '2026-01-01'", "flag boolean NOT NULL DEFAULT false", "PRIMARY KEY (tenant_id, id)",
        ]
        if generator.chance(50) { columns.append("twice int GENERATED ALWAYS AS (n * 2) STORED") }
        if generator.chance(50) { columns += ["code text", "UNIQUE (tenant_id, code)"] }
        if generator.chance(50) { columns.append("CHECK (n < 1000000)") }
        if generator.chance(40) { columns.append("kind text REFERENCES api.kinds (code)") }
        for other in tables where generator.chance(60) {
            let column = "r_\(other.name)"
            made.references.append((column, other.name))
            let action = generator.pick("", " ON DELETE CASCADE", " ON DELETE SET NULL (\(column))")
            columns += [
                "\(column) \(other.keyIsText ? "text" : "int")",
                "CONSTRAINT \(name)_\(other.name) FOREIGN KEY (tenant_id, \(column)) REFERENCES api.\(other.name) (tenant_id, id)\(action)",
            ]
            if generator.chance(25) { columns.append("UNIQUE (tenant_id, \(column))") }
        }
        if generator.chance(40) {
            made.references.append(("parent", name))
            columns += [
                "parent \(key)", "CONSTRAINT \(name)_parent FOREIGN KEY (tenant_id, parent) REFERENCES api.\(name) (tenant_id, id)",
            ]
        }
        statements += ["CREATE TABLE api.\(name) (\(columns.joined(separator: ", ")))", "SELECT sallyport.enable_tenancy('api.\(name)')"]
        tables.append(made)
        owned.append(name)
    }

    private mutating func makeJunction() {
        let (x, y) = (tables[0], tables[1])
        statements += [
            """
            CREATE TABLE api.junction (
                tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), x \(x.keyIsText ? "text" : "int"), y \(y.keyIsText ? "text" : "int"),
                note text, PRIMARY KEY (tenant_id, x, y),
                CONSTRAINT junction_x FOREIGN KEY (tenant_id, x) REFERENCES api.\(x.name) (tenant_id, id) ON DELETE CASCADE,
                CONSTRAINT junction_y FOREIGN KEY (tenant_id, y) REFERENCES api.\(y.name) (tenant_id, id) ON DELETE CASCADE)
            """, "SELECT sallyport.enable_tenancy('api.junction')",
        ]
        owned.append("junction")
    }

    private mutating func makeViews() {
        statements += [
            "CREATE VIEW api.v0 WITH (security_invoker = true) AS SELECT tenant_id AS t, id AS key, name AS label, n FROM api.t0",
            "CREATE VIEW api.v1 WITH (security_invoker = true) AS SELECT key AS k, label FROM api.v0 WHERE n IS NOT NULL",
            """
            CREATE VIEW api.v2 WITH (security_invoker = true) AS
                SELECT a.id, a.name, b.id AS other, b.name AS other_name FROM api.t0 a JOIN api.t1 b ON b.n = a.n
            """,
            "CREATE VIEW api.v3 WITH (security_invoker = true) AS SELECT flag, count(*) AS rows, sum(n) AS total FROM api.t1 GROUP BY flag",
        ]
        for index in 0...3 { statements.append("SELECT sallyport.enable_tenancy('api.v\(index)')") }
    }

    private mutating func makeFunctions() {
        let key = tables[0].keyIsText ? "text" : "int"
        let functions = [
            (
                "find(q text DEFAULT '%')",
                "RETURNS SETOF api.t0 LANGUAGE sql STABLE AS 'SELECT * FROM api.t0 WHERE name LIKE q ORDER BY id'", "find(text)"
            ),
            ("total()", "RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM api.t0'", "total()"),
            ("shout(r api.t0)", "RETURNS text LANGUAGE sql STABLE AS 'SELECT upper(r.name)'", "shout(api.t0)"),
            (
                "alike(r api.t0)",
                "RETURNS SETOF api.t1 LANGUAGE sql STABLE AS 'SELECT * FROM api.t1 WHERE n % 5 = r.n % 5 ORDER BY id'", "alike(api.t0)"
            ),
            (
                "add(key \(key), label text)",
                "RETURNS api.t0 LANGUAGE sql AS 'INSERT INTO api.t0 (id, name) VALUES (key, label) RETURNING *'", "add(\(key),text)"
            ),
            ("names()", "RETURNS TABLE (name text, n int) LANGUAGE sql STABLE AS 'SELECT name, n FROM api.t1 ORDER BY id'", "names()"),
            (
                "wipe(below int)",
                "RETURNS bigint LANGUAGE sql AS 'WITH g AS (DELETE FROM api.junction WHERE note < below::text RETURNING 1) SELECT count(*) FROM g'",
                "wipe(int)"
            ),
        ]
        for (signature, rest, identity) in functions {
            statements += ["CREATE FUNCTION api.\(signature) \(rest)", "SELECT sallyport.expose('api.\(identity)')"]
        }
    }

    /// The statements that fill one tenant's tables; to be run inside the tenant. The keys are the same for every tenant.
    func rows(word: String, seed: UInt64, numbersFrom base: Int) -> [String] {
        var generator = SeededGenerator(seed: seed)
        var statements: [String] = []
        let count = 12
        func key(_ table: Made, _ index: Int) -> String { table.keyIsText ? "'key\(index)'" : "\(index)" }
        for table in tables {
            var values: [String] = []
            for index in 1...count {
                var row = [
                    key(table, index), "'\(word) \(index)'", generator.chance(15) ? "NULL" : "\(base + generator.number(20))",
                    "'{\"k\": \"\(word)\", \"v\": \(base + index), \"in\": {\"deep\": [\"\(word)\", 1]}}'",
                    "ARRAY['\(word)', 'tag\(index % 3)']",
                    generator.chance(50) ? "true" : "false",
                ]
                for reference in table.references {
                    guard let other = tables.first(where: { $0.name == reference.table }) else { continue }
                    // Unique columns and rows that refer to later ones take each row its own.
                    let isSelf = reference.table == table.name
                    row.append(isSelf ? (index == 1 ? "NULL" : key(other, 1 + generator.number(index - 1))) : key(other, index))
                }
                values.append("(\(row.joined(separator: ", ")))")
            }
            let columns = ["id", "name", "n", "j", "tags", "flag"] + table.references.map(\.column)
            statements.append(
                "INSERT INTO api.\(table.name) (\(columns.joined(separator: ", "))) VALUES \(values.joined(separator: ", "))")
        }
        let pairs = (1...count).map { "(\(key(tables[0], $0)), \(key(tables[1], 1 + ($0 * 5) % count)), '\(word)')" }
        statements.append("INSERT INTO api.junction (x, y, note) VALUES \(pairs.joined(separator: ", "))")
        return statements
    }

    /// One text for all rows of a tenant, for whoever sees every row.
    func fingerprint(of tenant: String) -> SQL {
        let parts = owned.map { "SELECT '\($0)' || t::text AS line FROM api.\($0) AS t WHERE tenant_id = '\(tenant)'" }
        return """
            SELECT coalesce(md5(string_agg(line, E'\\n' ORDER BY line)), '') || ' ' || count(*)
              FROM (\(unescaped: parts.joined(separator: " UNION ALL "))) AS lines
            """
    }
}

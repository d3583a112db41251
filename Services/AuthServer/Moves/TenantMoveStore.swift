import FoundationEssentials
import Postgres
import Tenancy

/// Everything of a tenant, whatever tables it is in. Each function works in a transaction of the database's owner, inside the tenant.
enum TenantMoveStore {
    static func tables(schemas: [String], _ transaction: Transaction) async throws -> [TenantTable] {
        let found = try await transaction.queryAll(
            """
            SELECT n.nspname, c.relname,
                   CASE WHEN c.oid = 'auth.tenant'::regclass THEN 'registry' WHEN c.oid = 'auth.account'::regclass THEN 'account'
                        WHEN owned.tenant_id THEN 'tenant' ELSE 'person' END,
                   c.relkind = 'p' AND n.nspname IN ('auth', 'sallyport'),
                   ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum),
                   ARRAY(SELECT DISTINCT format('%s.%s', rn.nspname, r.relname) FROM pg_constraint AS f
                           JOIN pg_class AS r ON r.oid = f.confrelid
                           JOIN pg_namespace AS rn ON rn.oid = r.relnamespace
                          WHERE f.contype = 'f' AND f.conrelid = c.oid AND f.confrelid <> c.oid)
              FROM pg_class AS c
              JOIN pg_namespace AS n ON n.oid = c.relnamespace
             CROSS JOIN LATERAL (
                   SELECT coalesce(bool_or(a.attname = 'tenant_id'), false) AS tenant_id, coalesce(bool_or(a.attname = 'account_id'), false) AS account_id
                     FROM pg_attribute AS a
                    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'uuid'::regtype) AS owned
             WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND (n.nspname = ANY (\(schemas)) AND owned.tenant_id
                    OR n.nspname IN ('auth', 'sallyport') AND (owned.tenant_id OR owned.account_id)
                    OR c.oid IN ('auth.tenant'::regclass, 'auth.account'::regclass))
             ORDER BY n.nspname, c.relname
            """
        ) { try $0.decode(String.self, String.self, String.self, Bool.self, [String].self, [String].self) }
        return try TenantTable.ordered(
            found.map { schema, name, reach, isPassing, columns, references in
                guard let reach = TenantTable.Reach(rawValue: reach) else { throw StoredDataError("\(schema).\(name): unknown reach") }
                return TenantTable(
                    schema: schema, name: name, reach: reach, isPassing: isPassing, columns: columns, references: references)
            })
    }

    /// The newest migration that the database has.
    static func schemaVersion(_ transaction: Transaction) async throws -> Int {
        try await transaction.queryOne("SELECT max(number) FROM sallyport.schema_migration", as: Int.self)
    }

    /// One state of all tables, however long reading them takes; the first statement of its transaction.
    static let consistently: SQL = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"

    static func enter(_ tenant: TenantID) -> SQL {
        "SELECT set_config('sallyport.tenant_id', \(tenant.description), true)"
    }

    /// Calls `body` with the rows as JSON objects, a few hundred at a time. Accounts forget a managing tenant that is another.
    static func read(
        _ table: TenantTable, of tenant: TenantID, _ transaction: Transaction, _ body: ([String]) throws -> Void
    ) async throws {
        let columns = SQL.joined(
            table.columns.map { column in
                guard table.reach == .account, column == "managing_tenant_id" else { return "t.\(identifier: column)" }
                return
                    "CASE WHEN t.managing_tenant_id = (SELECT sallyport.current_tenant()) THEN t.managing_tenant_id END AS managing_tenant_id"
            }, separator: ", ")
        try await transaction.execute(
            """
            DECLARE tenant_rows NO SCROLL CURSOR FOR
            SELECT row_to_json(r)::text
              FROM (SELECT \(columns) FROM \(identifier: table.schema).\(identifier: table.name) AS t WHERE \(filter(table))) AS r
            """)
        while true {
            let rows = try await transaction.queryAll("FETCH 200 FROM tenant_rows") { try $0.decode(String.self) }
            if rows.isEmpty { break }
            try body(rows)
        }
        try await transaction.execute("CLOSE tenant_rows")
    }

    private static func filter(_ table: TenantTable) -> SQL {
        switch table.reach {
        case .registry: "t.id = (SELECT sallyport.current_tenant())"
        case .tenant: "t.tenant_id = (SELECT sallyport.current_tenant())"
        case .account: "t.id IN (\(members))"
        case .person: "t.account_id IN (\(members))"
        }
    }

    private static let members: SQL =
        "SELECT m.account_id FROM auth.membership AS m WHERE m.tenant_id = (SELECT sallyport.current_tenant())"

    // Importing.

    static let stage: SQL = "CREATE TEMPORARY TABLE arriving (relation text NOT NULL, content json NOT NULL) ON COMMIT DROP"

    static func arrive(_ table: String, _ rows: [String]) -> SQL {
        "INSERT INTO arriving (relation, content) SELECT \(table), c::json FROM unnest(\(rows)) AS c"
    }

    /// Accounts that are here already under the same id stay as they are, with all that is theirs.
    static let known: SQL = """
        CREATE TEMPORARY TABLE known_account ON COMMIT DROP AS
        SELECT a.id FROM auth.account AS a WHERE a.id IN (SELECT (content ->> 'id')::uuid FROM arriving WHERE relation = 'auth.account')
        """

    /// E-mail addresses that belong to somebody else here, or to the same account under another one.
    static func conflicts(_ transaction: Transaction) async throws -> [String] {
        try await transaction.queryAll(
            """
            SELECT content ->> 'email'
              FROM arriving
              JOIN auth.account AS a
                ON (lower(a.email) = lower(content ->> 'email')) <> (a.id = (content ->> 'id')::uuid)
             WHERE relation = 'auth.account'
             ORDER BY 1
             LIMIT 20
            """
        ) { try $0.decode(String.self) }
    }

    static func insert(_ table: TenantTable, columns: [String]) -> SQL {
        let names = SQL.joined(columns.map { "\(identifier: $0)" }, separator: ", ")
        let theirs: SQL =
            switch table.reach {
            case .registry, .tenant: ""
            case .account: " AND (content ->> 'id')::uuid NOT IN (SELECT id FROM known_account)"
            case .person: " AND (content ->> 'account_id')::uuid NOT IN (SELECT id FROM known_account)"
            }
        return """
            INSERT INTO \(identifier: table.schema).\(identifier: table.name) (\(names)) OVERRIDING SYSTEM VALUE
            SELECT \(names)
              FROM arriving
             CROSS JOIN LATERAL json_populate_record(NULL::\(identifier: table.schema).\(identifier: table.name), content) AS r
             WHERE relation = \(table.qualifiedName)\(theirs)
            """
    }

    /// What serial columns count with goes on behind the rows that came.
    static func advanceCounters(_ table: TenantTable) -> SQL {
        """
        SELECT setval(counter, greatest((SELECT coalesce(max((content ->> column_name)::bigint), 1) FROM arriving WHERE relation = \(table.qualifiedName)),
                                        pg_sequence_last_value(counter)))
          FROM (SELECT a.attname AS column_name,
                       pg_get_serial_sequence(format('%I.%I', \(table.schema), \(table.name)), a.attname)::regclass AS counter
                  FROM pg_attribute AS a
                 WHERE a.attrelid = format('%I.%I', \(table.schema), \(table.name))::regclass AND a.attnum > 0 AND NOT a.attisdropped) AS counters
         WHERE counter IS NOT NULL AND EXISTS (SELECT FROM arriving WHERE relation = \(table.qualifiedName))
        """
    }

    // Triggers that would change or refuse what was right where it came from. The table's other writers wait until the transaction ends.

    static func triggers(_ table: TenantTable, _ transaction: Transaction) async throws -> [String] {
        try await transaction.queryAll(
            """
            SELECT tgname::text FROM pg_trigger
             WHERE tgrelid = format('%I.%I', \(table.schema), \(table.name))::regclass AND NOT tgisinternal AND tgenabled = 'O'
             ORDER BY tgname
            """
        ) { try $0.decode(String.self) }
    }

    static func setTriggers(_ triggers: [String], _ isOn: Bool, of table: TenantTable) -> [SQL] {
        triggers.map { name in
            "ALTER TABLE \(identifier: table.schema).\(identifier: table.name) \(unescaped: isOn ? "ENABLE" : "DISABLE") TRIGGER \(identifier: name)"
        }
    }

    static let checkConstraints: SQL = "SET CONSTRAINTS ALL IMMEDIATE"

    // Erasing.

    /// Accounts that are a member of this tenant alone.
    static let leaving: SQL = """
        CREATE TEMPORARY TABLE leaving_account ON COMMIT DROP AS
        SELECT a.id FROM auth.account AS a
         WHERE (a.managing_tenant_id = (SELECT sallyport.current_tenant()) OR a.id IN (\(members)))
           AND NOT EXISTS (SELECT FROM auth.membership AS m WHERE m.account_id = a.id AND m.tenant_id <> (SELECT sallyport.current_tenant()))
        """

    static let release: SQL = """
        UPDATE auth.account SET managing_tenant_id = NULL
         WHERE managing_tenant_id = (SELECT sallyport.current_tenant()) AND id NOT IN (SELECT id FROM leaving_account)
        """

    static func erase(_ table: TenantTable) -> SQL {
        let theirs: SQL =
            switch table.reach {
            case .registry: "t.id = (SELECT sallyport.current_tenant())"
            case .tenant: "t.tenant_id = (SELECT sallyport.current_tenant())"
            case .account: "t.id IN (SELECT id FROM leaving_account)"
            case .person: "t.account_id IN (SELECT id FROM leaving_account)"
            }
        return "DELETE FROM \(identifier: table.schema).\(identifier: table.name) AS t WHERE \(theirs)"
    }
}

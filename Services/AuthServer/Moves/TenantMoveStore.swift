import FoundationEssentials
import Postgres
import Tenancy

/// Everything of a tenant, whatever tables it is in. Each function works in a transaction of the database's owner, inside the tenant.
enum TenantMoveStore {
    enum Direction: String {
        case away = ""
        case `in`
        case out
    }

    /// What such a transaction has set: the tenant, the direction (see migration 16), and one way to write values, whatever the database's.
    static func settings(_ tenant: TenantID, _ direction: Direction) -> [(name: String, value: String)] {
        [
            (TransactionSettings.tenantSettingName, tenant.description), ("sallyport.moving", direction.rawValue),
            ("datestyle", "ISO, YMD"), ("intervalstyle", "postgres"), ("timezone", "UTC"), ("extra_float_digits", "1"),
            ("bytea_output", "hex"), lockTimeout,
        ]
    }

    /// Who waits for a table holds up all that come after.
    private static let lockTimeout = (name: "lock_timeout", value: "20s")

    /// Of statements that lock a table and are no tenant's.
    static let patience = TransactionSettings([lockTimeout])

    static func enter(_ tenant: TenantID, _ direction: Direction) -> SQL {
        let calls: [SQL] = settings(tenant, direction).map { "set_config(\($0.name), \($0.value), true)" }
        return "SELECT \(SQL.joined(calls, separator: ", "))"
    }

    /// One state of all tables, however long reading them takes; the first statement of its transaction.
    static let consistently: SQL = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"

    /// - Throws: unless who is connected is who the tables belong to: everybody else sees less, or, past row-level security, more.
    static func requireOwner(_ executor: some SQLExecutor) async throws {
        let isOwner = try await executor.queryOne(
            """
            SELECT sallyport.is_owner() AND session_user = current_user
                   AND NOT (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles AS r WHERE r.rolname = current_user)
            """, as: Bool.self)
        guard isOwner else {
            throw CommandFailure(
                "SALLYPORT_OWNER_DATABASE_URL: connect as the role that owns the tables, which must be no superuser and not pass row-level security"
            )
        }
    }

    /// The newest migration that the database has.
    static func schemaVersion(_ transaction: Transaction) async throws -> Int {
        try await transaction.queryOne("SELECT max(number) FROM sallyport.schema_migration", as: Int.self)
    }

    /// - Parameter schemas: where tables with a `tenant_id` count though nobody has declared them.
    static func tables(schemas: [String], _ transaction: Transaction) async throws -> [[TenantTable]] {
        let found = try await transaction.queryAll(
            """
            SELECT n.nspname, c.relname,
                   CASE WHEN c.oid = 'auth.tenant'::regclass THEN 'registry' WHEN c.oid = 'auth.account'::regclass THEN 'account'
                        WHEN owned.tenant_id THEN 'tenant' ELSE 'person' END,
                   c.relkind = 'p' AND n.nspname IN ('auth', 'sallyport') AND c.oid <> 'sallyport.row_audit'::regclass,
                   ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum),
                   ARRAY(SELECT format_type(a.atttypid, -1) FROM pg_attribute AS a
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
             WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
               AND (owned.tenant_id AND (n.nspname = ANY (\(schemas))
                                         OR EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = 'sallyport_tenancy'))
                    OR n.nspname IN ('auth', 'sallyport') AND (owned.tenant_id OR owned.account_id)
                    OR c.oid IN ('auth.tenant'::regclass, 'auth.account'::regclass))
             ORDER BY n.nspname, c.relname
            """
        ) { try $0.decode(String.self, String.self, String.self, Bool.self, [String].self, [String].self, [String].self) }
        return TenantTable.ordered(
            try found.map { schema, name, reach, isPassing, columns, types, references in
                guard let reach = TenantTable.Reach(rawValue: reach) else { throw StoredDataError("\(schema).\(name): unknown reach") }
                return TenantTable(
                    schema: schema, name: name, reach: reach, isPassing: isPassing,
                    columns: zip(columns, types).map { TenantTable.Column(name: $0, type: $1) }, references: references)
            })
    }

    static func relation(_ table: TenantTable) -> SQL {
        "\(identifier: table.schema).\(identifier: table.name)"
    }

    private static let members: SQL =
        "SELECT m.account_id FROM auth.membership AS m WHERE m.tenant_id = (SELECT sallyport.current_tenant())"

    // Triggers of developers, which would change or refuse what was right where it came from. The table's other writers wait until the
    // transaction ends.

    struct Trigger: Sendable {
        let schema: String
        let table: String
        let name: String
        let isAlways: Bool

        /// Of a partitioned table, with what it is in the partitions.
        var disabled: SQL { "ALTER TABLE \(identifier: schema).\(identifier: table) DISABLE TRIGGER \(identifier: name)" }

        var enabled: SQL {
            "ALTER TABLE \(identifier: schema).\(identifier: table) ENABLE \(unescaped: isAlways ? "ALWAYS " : "")TRIGGER \(identifier: name)"
        }
    }

    /// Those that act when rows are inserted, with ``Direction/in``, or deleted, of the table and its partitions. Deletions leave our own be:
    /// they hold back only the API, and what they record of it is erased later.
    static func triggers(_ table: TenantTable, _ direction: Direction, _ transaction: Transaction) async throws -> [Trigger] {
        try await transaction.queryAll(
            """
            SELECT n.nspname, c.relname, g.tgname, g.tgenabled = 'A'
              FROM (SELECT format('%I.%I', \(table.schema), \(table.name))::regclass) AS root (id)
              JOIN pg_class AS c ON c.oid = root.id OR c.oid IN (SELECT relid FROM pg_partition_tree(root.id))
              JOIN pg_namespace AS n ON n.oid = c.relnamespace
              JOIN pg_trigger AS g ON g.tgrelid = c.oid
              JOIN pg_proc AS f ON f.oid = g.tgfoid
             WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgenabled IN ('O', 'A')
               AND CASE WHEN \(direction == .in) THEN g.tgtype & 4 <> 0
                        ELSE g.tgtype & 8 <> 0 AND f.pronamespace <> 'sallyport'::regnamespace END
             ORDER BY n.nspname, c.relname, g.tgname
            """
        ) { row in
            let (schema, table, name, isAlways) = try row.decode(String.self, String.self, String.self, Bool.self)
            return Trigger(schema: schema, table: table, name: name, isAlways: isAlways)
        }
    }

    static let checkConstraints: SQL = "SET CONSTRAINTS ALL IMMEDIATE"

    // Exporting.

    /// Calls `body` with the rows as JSON objects whose values are texts or null, a few hundred at a time. Accounts forget a managing tenant
    /// that is another.
    static func read(_ table: TenantTable, _ transaction: Transaction, _ body: ([String]) throws -> Void) async throws {
        let columns: [SQL] = table.columns.map { column in
            guard table.reach == .account, column.name == "managing_tenant_id" else {
                return "t.\(identifier: column.name)::text AS \(identifier: column.name)"
            }
            return """
                CASE WHEN t.managing_tenant_id = (SELECT sallyport.current_tenant()) THEN t.managing_tenant_id::text END AS managing_tenant_id
                """
        }
        try await transaction.execute(
            """
            DECLARE tenant_rows NO SCROLL CURSOR FOR
            SELECT row_to_json(r)::text
              FROM (SELECT \(SQL.joined(columns, separator: ", ")) FROM \(relation(table)) AS t WHERE \(filter(table))) AS r
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

    // Importing.

    static let stage: SQL = "CREATE TEMPORARY TABLE arriving (relation text NOT NULL, content jsonb NOT NULL) ON COMMIT DROP"

    static func arrive(_ table: String, _ rows: [String]) -> SQL {
        "INSERT INTO arriving (relation, content) SELECT \(table), c::jsonb FROM unnest(\(rows)) AS c"
    }

    /// Behind the last row: for the planner, which accounts came, and who is a member.
    static let staged: [SQL] = [
        "CREATE INDEX ON arriving (relation)", "ANALYZE arriving",
        """
        CREATE TEMPORARY TABLE arriving_account ON COMMIT DROP AS
        SELECT content ->> 'id' AS id FROM arriving WHERE relation = 'auth.account'
        """,
        "CREATE INDEX ON arriving_account (id)", "ANALYZE arriving_account",
        """
        CREATE TEMPORARY TABLE arriving_member ON COMMIT DROP AS
        SELECT content ->> 'account_id' AS id FROM arriving WHERE relation = 'auth.membership'
        """,
        "CREATE INDEX ON arriving_member (id)", "ANALYZE arriving_member",
    ]

    /// Whether the file has the row of one tenant, under this slug. Without it nothing would keep its other rows out of a tenant that is here.
    static func isOf(_ slug: TenantSlug, _ transaction: Transaction) async throws -> Bool {
        try await transaction.queryOne(
            """
            SELECT count(*) = 1 AND coalesce(bool_and(content ->> 'slug' = \(slug.rawValue)), false)
              FROM arriving WHERE relation = 'auth.tenant'
            """, as: Bool.self)
    }

    /// Tables with rows that are not of the tenant that the file is of: another's, of an account that is no member, or of a member whose account
    /// did not come.
    static func strangers(_ tables: [TenantTable], _ transaction: Transaction) async throws -> [String] {
        let persons = tables.filter { $0.reach == .person }.map(\.qualifiedName)
        return try await transaction.queryAll(
            """
            WITH this (tenant) AS (SELECT sallyport.current_tenant()::text)
            SELECT DISTINCT relation
              FROM arriving, this
             WHERE CASE
                   WHEN relation = 'auth.tenant' THEN content ->> 'id' IS DISTINCT FROM tenant
                   WHEN relation = 'auth.account'
                   THEN coalesce(content ->> 'managing_tenant_id', tenant) <> tenant
                        OR NOT EXISTS (SELECT FROM arriving_member AS m WHERE m.id = content ->> 'id')
                   WHEN relation = 'auth.membership'
                   THEN content ->> 'tenant_id' IS DISTINCT FROM tenant
                        OR NOT EXISTS (SELECT FROM arriving_account AS a WHERE a.id = content ->> 'account_id')
                   WHEN relation = ANY (\(persons))
                   THEN NOT EXISTS (SELECT FROM arriving_member AS m WHERE m.id = content ->> 'account_id')
                   ELSE content ->> 'tenant_id' IS DISTINCT FROM tenant
                   END
             ORDER BY relation
            """
        ) { try $0.decode(String.self) }
    }

    /// Accounts that are here already under the same id stay as they are, with all that is theirs.
    static let known: SQL = """
        CREATE TEMPORARY TABLE known_account ON COMMIT DROP AS
        SELECT a.id FROM auth.account AS a WHERE a.id IN (SELECT m.id::uuid FROM arriving_member AS m)
        """

    /// E-mail addresses that belong to somebody else here, or to the same account under another one.
    static func conflicts(_ transaction: Transaction) async throws -> [String] {
        try await transaction.queryAll(
            """
            SELECT content ->> 'email'
              FROM arriving
              JOIN auth.account AS a ON lower(a.email) = lower(content ->> 'email')
             WHERE relation = 'auth.account' AND a.id <> (content ->> 'id')::uuid
             UNION
            SELECT content ->> 'email'
              FROM arriving
              JOIN auth.account AS a ON a.id = (content ->> 'id')::uuid
             WHERE relation = 'auth.account' AND lower(a.email) <> lower(content ->> 'email')
             ORDER BY 1
             LIMIT 20
            """
        ) { try $0.decode(String.self) }
    }

    /// People whom another tenant here manages: who joins a second tenant leaves its hands, chooses a new password and loses the second factor.
    static func managedElsewhere(_ transaction: Transaction) async throws -> [String] {
        try await transaction.queryAll(
            """
            SELECT a.email
              FROM auth.account AS a
             WHERE a.managing_tenant_id <> sallyport.current_tenant() AND a.id IN (SELECT m.id::uuid FROM arriving_member AS m)
             ORDER BY 1
             LIMIT 20
            """
        ) { try $0.decode(String.self) }
    }

    /// Months of the rows' change log that have no partition here, each as the statements that make it.
    static func missingMonths(_ transaction: Transaction) async throws -> [[String]] {
        try await transaction.queryAll(
            """
            SELECT format('CREATE TABLE IF NOT EXISTS sallyport.%I PARTITION OF sallyport.row_audit FOR VALUES FROM (%L) TO (%L)',
                          name, first, first + interval '1 month'),
                   format('ALTER TABLE sallyport.%I ENABLE ROW LEVEL SECURITY', name)
              FROM (SELECT DISTINCT date_trunc('month', (content ->> 'changed_at')::timestamptz) AS first
                      FROM arriving WHERE relation = 'sallyport.row_audit') AS months
             CROSS JOIN LATERAL (SELECT 'row_audit_' || to_char(first, 'YYYYMM') AS name) AS named
             WHERE isfinite(first) AND to_regclass('sallyport.' || name) IS NULL
             ORDER BY first
            """
        ) { row in
            let (table, security) = try row.decode(String.self, String.self)
            return [table, security]
        }
    }

    /// Writes the rows of a group, which may refer to each other. Accounts are managed by the tenant that they come with, whatever the file says:
    /// its people may know their passwords.
    /// - Parameter columns: by table, those that came.
    static func insert(_ group: [TenantTable], columns: [String: [String]]) -> SQL {
        let parts: [SQL] = group.enumerated().map { number, table in
            let isAccount = table.reach == .account
            let chosen = table.columns.filter {
                columns[table.qualifiedName]?.contains($0.name) == true && !(isAccount && $0.name == "managing_tenant_id")
            }
            let manager: [(name: SQL, value: SQL)] = isAccount ? [("managing_tenant_id", "(SELECT sallyport.current_tenant())")] : []
            let names = SQL.joined(chosen.map { "\(identifier: $0.name)" } + manager.map(\.name), separator: ", ")
            let values = SQL.joined(
                chosen.map { "(content ->> \($0.name))::\(unescaped: $0.type)" } + manager.map(\.value), separator: ", ")
            let theirs: SQL =
                switch table.reach {
                case .registry, .tenant: ""
                case .account: " AND NOT EXISTS (SELECT FROM known_account AS k WHERE k.id = (content ->> 'id')::uuid)"
                case .person: " AND NOT EXISTS (SELECT FROM known_account AS k WHERE k.id = (content ->> 'account_id')::uuid)"
                }
            return """
                \(unescaped: "part\(number)") AS (
                    INSERT INTO \(relation(table)) (\(names)) OVERRIDING SYSTEM VALUE
                    SELECT \(values) FROM arriving WHERE relation = \(table.qualifiedName)\(theirs))
                """
        }
        return "WITH \(SQL.joined(parts, separator: ",\n")) SELECT"
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

    // Erasing.

    /// Keeps the tenant as it is until the transaction ends.
    /// - Returns: whether it is disabled; nil where there is none.
    static func hold(_ transaction: Transaction) async throws -> Bool? {
        try await transaction.queryOptional(
            "SELECT disabled_at IS NOT NULL FROM auth.tenant WHERE id = (SELECT sallyport.current_tenant()) FOR UPDATE", as: Bool.self)
    }

    /// Holds the accounts, so that none of them joins another tenant from now on.
    static let holdAccounts: SQL = """
        SELECT FROM auth.account AS a
         WHERE a.managing_tenant_id = (SELECT sallyport.current_tenant()) OR a.id IN (\(members))
         ORDER BY a.id
           FOR UPDATE
        """

    /// Accounts that are a member of this tenant alone.
    static let leaving: SQL = """
        CREATE TEMPORARY TABLE leaving_account ON COMMIT DROP AS
        SELECT a.id FROM auth.account AS a
         WHERE (a.managing_tenant_id = (SELECT sallyport.current_tenant()) OR a.id IN (\(members)))
           AND NOT EXISTS (SELECT FROM auth.membership AS m WHERE m.account_id = a.id AND m.tenant_id <> (SELECT sallyport.current_tenant()))
        """

    static let release: SQL = """
        UPDATE auth.account AS a SET managing_tenant_id = NULL
         WHERE managing_tenant_id = (SELECT sallyport.current_tenant()) AND NOT EXISTS (SELECT FROM leaving_account AS l WHERE l.id = a.id)
        """

    /// Removes the rows of a group, which may refer to each other. Answers with one row: how many.
    static func erase(_ group: [TenantTable]) -> SQL {
        let parts: [SQL] = group.enumerated().map { number, table in
            let theirs: SQL =
                switch table.reach {
                case .registry: "t.id = (SELECT sallyport.current_tenant())"
                case .tenant: "t.tenant_id = (SELECT sallyport.current_tenant())"
                case .account: "t.id IN (SELECT id FROM leaving_account)"
                case .person: "t.account_id IN (SELECT id FROM leaving_account)"
                }
            return "\(unescaped: "part\(number)") AS (DELETE FROM \(relation(table)) AS t WHERE \(theirs) RETURNING 1)"
        }
        let counts: [SQL] = group.indices.map { "(SELECT count(*) FROM \(unescaped: "part\($0)"))" }
        return "WITH \(SQL.joined(parts, separator: ",\n")) SELECT \(SQL.joined(counts, separator: " + "))"
    }

    /// So that the planner's samples forget too.
    static func sample(_ tables: [TenantTable]) -> SQL {
        "ANALYZE \(SQL.joined(tables.map(relation), separator: ", "))"
    }

    /// Materialized views that read such tables: they hold rows until somebody refreshes them.
    static func materializedViews(over tables: [TenantTable], _ executor: some SQLExecutor) async throws -> [String] {
        try await executor.queryAll(
            """
            SELECT v.oid::regclass::text FROM pg_class AS v
             WHERE v.relkind = 'm'
               AND EXISTS (SELECT FROM sallyport.reads(v.oid) AS r
                             JOIN pg_class AS c ON c.oid = r.relation
                             JOIN pg_namespace AS n ON n.oid = c.relnamespace
                            WHERE format('%s.%s', n.nspname, c.relname) = ANY (\(tables.map(\.qualifiedName))))
             ORDER BY 1
            """
        ) { try $0.decode(String.self) }
    }
}

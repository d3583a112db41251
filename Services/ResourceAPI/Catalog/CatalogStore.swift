import Postgres
import Synchronization

/// Reads the catalog as the role that serves requests.
struct CatalogStore: Sendable {
    let schemas: [String]
    private let timeZones = TimeZoneNames()

    init(schemas: [String]) {
        self.schemas = schemas
    }

    /// A few statements, one round trip. Time zones, which take the server as long as all the rest, are read once, and beside it.
    ///
    /// - Throws: ``CatalogError/roleBypassesRowSecurity`` for a role that must not serve.
    func load(from postgres: Postgres) async throws -> Catalog {
        async let zones = timeZones(from: postgres)
        let statements = [
            Self.role, Self.relations(schemas), Self.columns(schemas), Self.constraints(schemas), Self.views(schemas),
            Self.functions(schemas), Self.types, Self.triggers(schemas), Self.foreignCode, Self.domainCasts,
        ]
        let results = try await postgres.batch(statements)
        guard results.count == statements.count else { throw CatalogError.incomplete }
        try checkRole(results[0])
        var rows = CatalogRows()
        try rows.readRelations(results[1])
        try rows.readColumns(results[2])
        try rows.readConstraints(results[3])
        try rows.readViews(results[4])
        try rows.readFunctions(results[5])
        try rows.readTypes(results[6])
        try rows.readTriggers(results[7])
        try rows.readForeignCode(results[8])
        try rows.readDomainCasts(results[9])
        rows.timeZones = try await zones
        return CatalogBuilder(rows).catalog(schemas: schemas)
    }

    private func timeZones(from postgres: Postgres) async throws -> Set<String> {
        if let known = timeZones.names { return known }
        let names: Set<String> = try await Set(postgres.query(Self.timeZones).map { try $0.decode(String.self) })
        timeZones.names = names
        return names
    }

    /// A short text that differs whenever something changed that the catalog may depend on, whoever changed it.
    func fingerprint(from postgres: Postgres) async throws -> String {
        try await postgres.queryOne(Self.fingerprint) { try $0.decode(String.self) }
    }

    private func checkRole(_ result: QueryResult) throws {
        for row in result {
            let (name, canBypass) = try row.decode(String.self, Bool.self)
            guard !canBypass else { throw CatalogError.roleBypassesRowSecurity(name) }
            return
        }
        throw CatalogError.incomplete
    }

    /// They change with the server's program only.
    private final class TimeZoneNames: Sendable {
        private let state = Mutex<Set<String>?>(nil)

        var names: Set<String>? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }
}

/// Why no catalog can be served from.
enum CatalogError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The database answered with less than was asked.
    case incomplete
    /// The connection's role is superuser or has BYPASSRLS.
    case roleBypassesRowSecurity(String)

    var description: String {
        switch self {
        case .incomplete: "the catalog could not be read"
        case .roleBypassesRowSecurity(let role):
            "the database role \(role) bypasses row-level security: connect as sallyport_api, or ALTER ROLE \(role) NOSUPERUSER NOBYPASSRLS"
        }
    }
}

extension CatalogRows {
    fileprivate mutating func readRelations(_ result: QueryResult) throws {
        relations.reserveCapacity(result.count)
        for row in result {
            let (id, schema, name, kind, isExposed, isShared, privileges, problems, cures, comment) = try row.decode(
                Int64.self, String.self, String.self, String.self, Bool.self, Bool.self, [String].self, [String].self, [String].self,
                String?.self)
            relations.append(
                Relation(
                    id: id, schema: schema, name: name, kind: kind, isExposed: isExposed, isShared: isShared, privileges: privileges,
                    problems: Array(zip(problems, cures)), comment: comment))
        }
    }

    fileprivate mutating func readColumns(_ result: QueryResult) throws {
        for row in result {
            let (relation, number, name, type, typeName, typeKind, isNullable, hasDefault, isGenerated, expression, comment) =
                try row.decode(
                    Int64.self, Int.self, String.self, Int64.self, String.self, String.self, Bool.self, Bool.self, Bool.self, String?.self,
                    String?.self)
            columns[relation, default: []].append(
                ColumnRow(
                    number: number, name: name, type: CatalogType(id: type, name: typeName, kind: typeKind), isNullable: isNullable,
                    hasDefault: hasDefault, isGenerated: isGenerated, defaultExpression: expression, comment: comment))
        }
    }

    fileprivate mutating func readConstraints(_ result: QueryResult) throws {
        for row in result {
            let (relation, name, kind, columns, other, otherName, otherColumns, isTotal) = try row.decode(
                Int64.self, String.self, String.self, [Int].self, Int64.self, String?.self, [Int].self, Bool.self)
            constraints.append(
                ConstraintRow(
                    relation: relation, name: name, kind: kind, columns: columns, other: other, otherName: otherName,
                    otherColumns: otherColumns, isTotal: isTotal))
        }
    }

    fileprivate mutating func readViews(_ result: QueryResult) throws {
        for row in result {
            let (relation, definition) = try row.decode(Int64.self, String.self)
            views[relation] = ViewDefinition(definition)
        }
    }

    fileprivate mutating func readFunctions(_ result: QueryResult) throws {
        for row in result {
            var cells = Cells(row)
            functions.append(
                FunctionRow(
                    id: try cells.next(), schema: try cells.next(), name: try cells.next(), parameterNames: try cells.next(),
                    parameterModes: try cells.next(), parameterTypes: try cells.nextTypes(), defaults: try cells.next(),
                    result: CatalogType(id: try cells.next(), name: try cells.next(), kind: try cells.next()),
                    firstRelation: try cells.next(), resultRelation: try cells.next(), returnsSet: try cells.next(),
                    rows: try cells.next(), volatility: try cells.next(), isDefiner: try cells.next(), comment: try cells.next(),
                    problems: Array(zip(try cells.next() as [String], try cells.next() as [String]))))
        }
    }

    fileprivate mutating func readTypes(_ result: QueryResult) throws {
        for row in result {
            let (id, base, baseName, baseKind, labels) = try row.decode(
                Int64.self, Int64.self, String.self, String.self, [String].self)
            if base != 0 {
                types.domains[id] = CatalogType(id: base, name: baseName, kind: baseKind)
            } else {
                types.labels[id] = labels
            }
        }
    }

    fileprivate mutating func readTriggers(_ result: QueryResult) throws {
        for row in result {
            let (relation, name, arguments) = try row.decode(Int64.self, String.self, [UInt8].self)
            // Each argument ends with a zero byte.
            let texts = arguments.split(separator: 0, omittingEmptySubsequences: false).dropLast()
            triggers.append(TriggerRow(relation: relation, name: name, arguments: texts.map { String(decoding: $0, as: UTF8.self) }))
        }
    }
}

extension CatalogStore {
    private static let role: SQL = """
        SELECT r.rolname::text, r.rolsuper OR r.rolbypassrls
          FROM pg_catalog.pg_roles AS r
         WHERE r.rolname = CURRENT_USER
        """

    private static let timeZones: SQL = "SELECT name FROM pg_catalog.pg_timezone_names"

    /// `relevant (oid, kind)`: the relations of the schemas, partitions aside; whatever views among them read; and the composite types
    /// and tables whose rows declared functions return.
    private static func relevant(_ schemas: [String]) -> SQL {
        """
        WITH RECURSIVE relevant (oid, kind) AS (
            (SELECT c.oid, c.relkind
               FROM pg_catalog.pg_class AS c
               JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
              WHERE n.nspname = ANY (\(schemas)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
             UNION ALL
             SELECT c.oid, c.relkind
               FROM pg_catalog.pg_proc AS f
               JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
               JOIN pg_catalog.pg_type AS t ON t.oid = f.prorettype
               JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
              WHERE n.nspname = ANY (\(schemas)))
            UNION
            SELECT c.oid, c.relkind
              FROM relevant
              JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = relevant.oid
              JOIN pg_catalog.pg_depend AS d
                ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
               AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
              JOIN pg_catalog.pg_class AS c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
             WHERE relevant.kind IN ('v', 'm')
        )
        """
    }

    /// `(problem, cure)` of the relation `c`. Spelled out rather than a function: a function within a function is planned for each row.
    static let problems: SQL = """
        SELECT i.problem, i.cure
          FROM sallyport.isolation_problems(c.oid::pg_catalog.regclass) AS i
         WHERE c.relkind IN ('r', 'p')
        UNION ALL
        SELECT i.problem, i.cure
          FROM sallyport.view_form_problems(c.oid::pg_catalog.regclass) AS i
         WHERE c.relkind IN ('v', 'm', 'f')
        UNION ALL
        SELECT pg_catalog.format('reads %s, which %s', part.relation, i.problem), i.cure
          FROM sallyport.view_parts(c.oid::pg_catalog.regclass) AS part
         CROSS JOIN LATERAL sallyport.isolation_problems(part.relation) AS i
         WHERE c.relkind IN ('v', 'm', 'f') AND part.kind IN ('r', 'p')
        """

    /// With what keeps each from being served. A partition is reached through its parent.
    private static func relations(_ schemas: [String]) -> SQL {
        """
        \(relevant(schemas))
        SELECT c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text, e.is_exposed,
               CASE WHEN c.relkind IN ('v', 'm')
                    THEN e.is_exposed AND NOT EXISTS (
                             SELECT FROM sallyport.reads(c.oid::pg_catalog.regclass) AS r
                               JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.relation AND p.polname = 'sallyport_tenancy')
                    ELSE EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = 'sallyport_shared')
                END,
               ARRAY(SELECT v.name
                       FROM (VALUES ('SELECT', 0), ('INSERT', 8), ('UPDATE', 4), ('DELETE', 16)) AS v (name, bit)
                      WHERE pg_catalog.has_any_column_privilege(c.oid, CASE v.name WHEN 'DELETE' THEN 'SELECT' ELSE v.name END)
                        AND (v.name <> 'DELETE' OR pg_catalog.has_table_privilege(c.oid, v.name))
                        AND (v.bit = 0 OR c.relkind IN ('r', 'p') OR pg_catalog.pg_relation_is_updatable(c.oid, true) & v.bit <> 0)),
               COALESCE(found.problems, '{}'), COALESCE(found.cures, '{}'),
               pg_catalog.obj_description(c.oid, 'pg_class')
          FROM (SELECT DISTINCT oid FROM relevant) AS relevant
          JOIN pg_catalog.pg_class AS c ON c.oid = relevant.oid
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          CROSS JOIN LATERAL (
                   SELECT n.nspname = ANY (\(schemas)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
               ) AS e (is_exposed)
          LEFT JOIN LATERAL (
                   SELECT pg_catalog.array_agg(p.problem) AS problems, pg_catalog.array_agg(p.cure) AS cures
                     FROM (\(Self.problems)
                           UNION ALL
                           SELECT 'belongs to the role that serves it',
                                  pg_catalog.format('ALTER TABLE %s OWNER TO sallyport_owner', c.oid::pg_catalog.regclass)
                            WHERE pg_catalog.pg_has_role(c.relowner, 'MEMBER')
                           UNION ALL
                           SELECT 'is not granted to the role that serves it',
                                  pg_catalog.format('GRANT SELECT ON %s TO %I', c.oid::pg_catalog.regclass, CURRENT_USER)
                            WHERE NOT pg_catalog.has_any_column_privilege(c.oid, 'SELECT')) AS p
               ) AS found ON e.is_exposed
         ORDER BY n.nspname, c.relname
        """
    }

    private static func columns(_ schemas: [String]) -> SQL {
        """
        \(relevant(schemas))
        SELECT a.attrelid::int8, a.attnum::int8, a.attname::text,
               t.oid::int8, pg_catalog.format_type(a.atttypid, a.atttypmod), t.typtype::text || t.typcategory::text,
               NOT a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' OR a.attidentity = 'a',
               pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.col_description(a.attrelid, a.attnum)
          FROM (SELECT DISTINCT oid FROM relevant) AS relevant
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = relevant.oid
          JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
          LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attnum > 0 AND NOT a.attisdropped
         ORDER BY a.attrelid, a.attnum
        """
    }

    /// Constraints and unique indexes. Those that partitions inherit are left out.
    private static func constraints(_ schemas: [String]) -> SQL {
        """
        \(relevant(schemas))
        SELECT k.relation::int8, k.name::text, k.kind, k.keys::int8[], k.other::int8, other.relname::text, k.other_keys::int8[], k.is_total
          FROM (SELECT conrelid AS relation, conname AS name, contype::text AS kind, COALESCE(conkey, '{}') AS keys, confrelid AS other,
                       COALESCE(confkey, '{}') AS other_keys, contype IN ('p', 'u') AND NOT condeferrable AS is_total
                  FROM pg_catalog.pg_constraint
                 WHERE contype IN ('p', 'u', 'x', 'f', 'c') AND (contype <> 'f' OR conparentid = 0)
                UNION ALL
                SELECT i.indrelid, x.relname, 'u', (i.indkey::int2[])[0:i.indnkeyatts - 1], 0::oid, '{}',
                       i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid
                  FROM pg_catalog.pg_index AS i
                  JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
                 WHERE i.indisunique AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS c WHERE c.conindid = i.indexrelid)) AS k
          LEFT JOIN pg_catalog.pg_class AS other ON other.oid = k.other
         WHERE k.relation IN (SELECT oid FROM relevant)
         ORDER BY k.relation, k.name
        """
    }

    private static func views(_ schemas: [String]) -> SQL {
        """
        \(relevant(schemas))
        SELECT w.ev_class::int8, w.ev_action::text
          FROM (SELECT DISTINCT oid FROM relevant WHERE kind IN ('v', 'm')) AS relevant
          JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = relevant.oid AND w.ev_type = '1'
        """
    }

    /// The functions that were declared, with what keeps each from being called.
    private static func functions(_ schemas: [String]) -> SQL {
        """
        SELECT f.oid::int8, n.nspname::text, f.proname::text,
               COALESCE(f.proargnames, '{}'), COALESCE(f.proargmodes::text[], '{}'),
               ARRAY(SELECT p.type::int8 FROM pg_catalog.unnest(a.types) WITH ORDINALITY AS p (type, position) ORDER BY p.position),
               ARRAY(SELECT pg_catalog.format_type(p.type, NULL)
                       FROM pg_catalog.unnest(a.types) WITH ORDINALITY AS p (type, position) ORDER BY p.position),
               ARRAY(SELECT t.typtype::text || t.typcategory::text
                       FROM pg_catalog.unnest(a.types) WITH ORDINALITY AS p (type, position)
                       JOIN pg_catalog.pg_type AS t ON t.oid = p.type ORDER BY p.position),
               f.pronargdefaults::int8,
               t.oid::int8, pg_catalog.format_type(t.oid, NULL), t.typtype::text || t.typcategory::text,
               COALESCE((SELECT one.typrelid FROM pg_catalog.pg_type AS one WHERE one.oid = f.proargtypes[0]), 0)::int8, t.typrelid::int8,
               f.proretset, f.prorows::float8, f.provolatile::text, f.prosecdef,
               pg_catalog.obj_description(f.oid, 'pg_proc'),
               COALESCE(found.problems, '{}'), COALESCE(found.cures, '{}')
          FROM pg_catalog.pg_proc AS f
          JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
          JOIN pg_catalog.pg_type AS t ON t.oid = f.prorettype
          CROSS JOIN LATERAL (SELECT COALESCE(f.proallargtypes, f.proargtypes::oid[])) AS a (types)
          LEFT JOIN LATERAL (
                   SELECT pg_catalog.array_agg(p.problem) AS problems, pg_catalog.array_agg(p.cure) AS cures
                     FROM (SELECT i.problem, i.cure FROM sallyport.function_problems(f.oid::pg_catalog.regprocedure) AS i
                           UNION ALL
                           SELECT 'belongs to the role that serves it',
                                  pg_catalog.format('ALTER FUNCTION %s OWNER TO sallyport_owner', f.oid::pg_catalog.regprocedure)
                            WHERE pg_catalog.pg_has_role(f.proowner, 'MEMBER')
                           UNION ALL
                           SELECT 'is not granted to the role that serves it',
                                  pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', f.oid::pg_catalog.regprocedure, CURRENT_USER)
                            WHERE NOT pg_catalog.has_function_privilege(f.oid, 'EXECUTE')) AS p
               ) AS found ON true
         WHERE n.nspname = ANY (\(schemas))
           AND EXISTS (SELECT FROM pg_catalog.aclexplode(f.proacl) AS a
                        WHERE pg_catalog.pg_get_userbyid(a.grantee) = 'sallyport_exposed' AND a.privilege_type = 'EXECUTE')
         ORDER BY n.nspname, f.proname, f.oid
        """
    }

    private static let types: SQL = """
        SELECT t.oid::int8, t.typbasetype::int8, COALESCE(pg_catalog.format_type(b.oid, t.typtypmod), ''),
               COALESCE(b.typtype::text || b.typcategory::text, ''),
               ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
          FROM pg_catalog.pg_type AS t
          LEFT JOIN pg_catalog.pg_type AS b ON b.oid = t.typbasetype
         WHERE t.typtype IN ('d', 'e')
        """

    private static func triggers(_ schemas: [String]) -> SQL {
        """
        SELECT t.tgrelid::int8, t.tgname::text, t.tgargs
          FROM pg_catalog.pg_trigger AS t
          JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = ANY (\(schemas)) AND t.tgname LIKE 'sallyport\\_%' AND t.tgenabled IN ('O', 'A')
        """
    }

    /// Every change of the schema writes rows of these tables, and each row carries the transaction that wrote it. What is temporary
    /// does not count.
    private static let fingerprint: SQL = """
        WITH relation AS MATERIALIZED (
            SELECT oid, xmin FROM pg_catalog.pg_class
             WHERE oid >= 16384 AND relpersistence <> 't' AND relkind NOT IN ('t', 'S')
        )
        SELECT pg_catalog.concat_ws('.',
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(xmin::text, oid::int8)) FROM relation),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(a.xmin::text, a.attrelid::int8 * 2048 + a.attnum))
               FROM pg_catalog.pg_attribute AS a WHERE a.attrelid IN (SELECT oid FROM relation)),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(d.xmin::text, d.oid::int8))
               FROM pg_catalog.pg_attrdef AS d WHERE d.adrelid IN (SELECT oid FROM relation)),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(i.xmin::text, i.indexrelid::int8))
               FROM pg_catalog.pg_index AS i WHERE i.indrelid IN (SELECT oid FROM relation)),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(c.xmin::text, c.oid::int8))
               FROM pg_catalog.pg_constraint AS c WHERE c.conrelid = 0 OR c.conrelid IN (SELECT oid FROM relation)),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(xmin::text, oid::int8)) FROM pg_catalog.pg_policy),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(xmin::text, oid::int8)) FROM pg_catalog.pg_rewrite),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(t.xmin::text, t.oid::int8))
               FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid IN (SELECT oid FROM relation)),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(xmin::text, oid::int8)) FROM pg_catalog.pg_proc WHERE oid >= 16384),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(xmin::text, oid::int8))
               FROM pg_catalog.pg_type WHERE oid >= 16384 AND typtype IN ('d', 'e')),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(xmin::text, oid::int8)) FROM pg_catalog.pg_enum),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(xmin::text, oid::int8)) FROM pg_catalog.pg_cast WHERE oid >= 16384),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(xmin::text, oid::int8))
               FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg\\_%'),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(xmin::text, objoid::int8 * 2048 + objsubid))
               FROM pg_catalog.pg_description WHERE objoid >= 16384),
            (SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(xmin::text, roleid::int8 * 65536 + member::int8))
               FROM pg_catalog.pg_auth_members))
        """
}

/// A wide row, from left to right.
private struct Cells {
    private let row: Row
    private var column = 0

    init(_ row: Row) {
        self.row = row
    }

    mutating func next<Value: PostgresDecodable>() throws -> Value {
        defer { column += 1 }
        return try row.decode(Value.self, column: column)
    }

    /// Three columns: OIDs, names, kinds.
    mutating func nextTypes() throws -> [CatalogType] {
        let (ids, names, kinds): ([Int64], [String], [String]) = (try next(), try next(), try next())
        return zip(ids, zip(names, kinds)).map { CatalogType(id: $0, name: $1.0, kind: $1.1) }
    }
}

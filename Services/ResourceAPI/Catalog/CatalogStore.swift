import Postgres

/// Reads the catalog as the role that serves requests.
struct CatalogStore: Sendable {
    let schemas: [String]

    /// Four statements, one round trip.
    func load(from postgres: Postgres) async throws -> Catalog {
        let results = try await postgres.batch([
            Self.role, Self.tables(schemas), Self.columns(schemas), Self.constraints(schemas),
        ])
        guard results.count == 4 else { throw CatalogError.incomplete }
        try checkRole(results[0])
        let columns = try readColumns(results[2])
        let constraints = try readConstraints(results[3])

        var tables: [Table] = []
        var refusals: [Catalog.Refusal] = []
        for row in results[1] {
            let (oid, schema, name, isShared, privileges, problems, cures, comment) = try row.decode(
                Int64.self, String.self, String.self, Bool.self, [String].self, [String].self, [String].self, String?.self)
            guard problems.isEmpty else {
                for (problem, cure) in zip(problems, cures) {
                    refusals.append(Catalog.Refusal(table: "\(schema).\(name)", problem: problem, cure: cure))
                }
                continue
            }
            let found = constraints[oid]
            tables.append(
                Table(
                    schema: schema, name: name, isShared: isShared,
                    privileges: Set(privileges.compactMap(Table.Privilege.init(rawValue:))),
                    columns: columns[oid] ?? [], primaryKey: found?.primaryKey ?? [], constraints: found?.named ?? [:], comment: comment))
        }
        return Catalog(schemas: schemas, tables: tables, refusals: refusals)
    }

    private func checkRole(_ result: QueryResult) throws {
        for row in result {
            let (name, canBypass) = try row.decode(String.self, Bool.self)
            guard !canBypass else { throw CatalogError.roleBypassesRowSecurity(name) }
            return
        }
        throw CatalogError.incomplete
    }

    private func readColumns(_ result: QueryResult) throws -> [Int64: [Column]] {
        var columns: [Int64: [Column]] = [:]
        for row in result {
            let (oid, name, type, isNullable, hasDefault, isGenerated, comment) = try row.decode(
                Int64.self, String.self, String.self, Bool.self, Bool.self, Bool.self, String?.self)
            columns[oid, default: []].append(
                Column(
                    name: name, type: type, isNullable: isNullable, hasDefault: hasDefault, isGenerated: isGenerated, comment: comment))
        }
        return columns
    }

    private struct TableConstraints {
        var primaryKey: [String] = []
        var named: [String: Constraint] = [:]
    }

    private func readConstraints(_ result: QueryResult) throws -> [Int64: TableConstraints] {
        var constraints: [Int64: TableConstraints] = [:]
        for row in result {
            let (oid, name, kind, columns, other) = try row.decode(
                Int64.self, String.self, String.self, [String].self, String?.self)
            if kind == "p" { constraints[oid, default: TableConstraints()].primaryKey = columns }
            let constraintKind: Constraint.Kind? =
                switch kind {
                case "p", "u", "x": .unique
                case "f": .foreignKey(to: other ?? "")
                case "c": .check
                default: nil
                }
            guard let constraintKind else { continue }
            constraints[oid, default: TableConstraints()].named[name] = Constraint(kind: constraintKind, columns: columns)
        }
        return constraints
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

extension CatalogStore {
    private static let role: SQL = """
        SELECT r.rolname::text, r.rolsuper OR r.rolbypassrls
          FROM pg_catalog.pg_roles AS r
         WHERE r.rolname = CURRENT_USER
        """

    /// Tables with what keeps them from being served. Views run as their owner and are not
    /// served; a partition is reached through its parent.
    private static func tables(_ schemas: [String]) -> SQL {
        """
        SELECT c.oid::int8, n.nspname::text, c.relname::text,
               EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = c.oid AND p.polname = 'sallyport_shared'),
               ARRAY(SELECT v FROM pg_catalog.unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS v
                      WHERE pg_catalog.has_any_column_privilege(c.oid, CASE v WHEN 'DELETE' THEN 'SELECT' ELSE v END)
                        AND (v <> 'DELETE' OR pg_catalog.has_table_privilege(c.oid, v))),
               COALESCE(found.problems, '{}'), COALESCE(found.cures, '{}'),
               pg_catalog.obj_description(c.oid, 'pg_class')
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          LEFT JOIN LATERAL (
                   SELECT pg_catalog.array_agg(p.problem) AS problems, pg_catalog.array_agg(p.cure) AS cures
                     FROM (SELECT i.problem, i.cure
                             FROM sallyport.isolation_problems(c.oid::pg_catalog.regclass) AS i
                            WHERE c.relkind IN ('r', 'p')
                           UNION ALL
                           SELECT 'is not a table', 'serve the tables it reads instead'
                            WHERE c.relkind NOT IN ('r', 'p')
                           UNION ALL
                           SELECT 'belongs to the role that serves it',
                                  pg_catalog.format('ALTER TABLE %s OWNER TO sallyport_owner', c.oid::pg_catalog.regclass)
                            WHERE pg_catalog.pg_has_role(c.relowner, 'MEMBER')
                           UNION ALL
                           SELECT 'is not granted to the role that serves it',
                                  pg_catalog.format('GRANT SELECT ON %s TO %I', c.oid::pg_catalog.regclass, CURRENT_USER)
                            WHERE NOT pg_catalog.has_any_column_privilege(c.oid, 'SELECT')) AS p
               ) AS found ON true
         WHERE n.nspname = ANY (\(schemas)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
         ORDER BY n.nspname, c.relname
        """
    }

    private static func columns(_ schemas: [String]) -> SQL {
        """
        SELECT a.attrelid::int8, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
               NOT a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' OR a.attidentity = 'a',
               pg_catalog.col_description(a.attrelid, a.attnum)
          FROM pg_catalog.pg_attribute AS a
          JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = ANY (\(schemas)) AND c.relkind IN ('r', 'p')
           AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'tenant_id'
         ORDER BY a.attrelid, a.attnum
        """
    }

    /// Constraints and unique indexes, whose columns leave the tenant out.
    private static func constraints(_ schemas: [String]) -> SQL {
        """
        SELECT k.relation::int8, k.name::text, k.kind,
               ARRAY(SELECT a.attname::text
                       FROM pg_catalog.unnest(k.keys) WITH ORDINALITY AS key (attnum, position)
                       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.relation AND a.attnum = key.attnum
                      WHERE a.attname <> 'tenant_id'
                      ORDER BY key.position),
               other.relname::text
          FROM (SELECT conrelid AS relation, conname AS name, contype::text AS kind, conkey AS keys, confrelid AS other
                  FROM pg_catalog.pg_constraint
                 WHERE contype IN ('p', 'u', 'x', 'f', 'c')
                UNION ALL
                SELECT i.indrelid, x.relname, 'u', i.indkey::int2[], 0::oid
                  FROM pg_catalog.pg_index AS i
                  JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
                 WHERE i.indisunique AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS c WHERE c.conindid = i.indexrelid)) AS k
          JOIN pg_catalog.pg_class AS c ON c.oid = k.relation
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          LEFT JOIN pg_catalog.pg_class AS other ON other.oid = k.other
         WHERE n.nspname = ANY (\(schemas)) AND c.relkind IN ('r', 'p')
        """
    }
}

import Postgres
import ServiceKit

/// Looks for hazards, as the role that serves requests; all it reads is open to every role.
struct DoctorStore: Sendable {
    let schemas: [String]

    func examine(_ postgres: Postgres) async throws -> [Hazard] {
        let checks = checks
        let results = try await postgres.batch(checks.map(\.sql) + [Self.policies])
        guard results.count == checks.count + 1 else { throw CatalogError.incomplete }
        var hazards: [Hazard] = []
        for (check, result) in zip(checks, results) {
            for row in result {
                let (isError, object, problem, cure) = try row.decode(Bool.self, String.self, String.self, String.self)
                hazards.append(
                    Hazard(severity: isError ? .error : .warning, check: check.name, object: object, problem: problem, cure: cure))
            }
        }
        hazards += try policiesPerRow(results[checks.count])
        return hazards
    }

    private var checks: [(name: String, sql: SQL)] {
        [
            ("role", DatabaseRoleStore.hazards), ("isolation", isolation), ("granted-elsewhere", grantedElsewhere),
            ("shared-writable", sharedWritable),
            ("definer-function", definers), ("exposed-function", exposedFunctions), ("volatile-function", volatileFunctions),
            ("representation", representations),
            ("broad-policy", Self.broadPolicies), ("leaky-index", Self.leakyIndexes), ("foreign-key-index", Self.foreignKeyIndexes),
            ("sequence", Self.sequences), ("soft-delete", DoctorStore.softDelete), ("announcement", Self.announcement),
        ]
    }

    private func policiesPerRow(_ result: QueryResult) throws -> [Hazard] {
        try result.compactMap { row in
            let (table, name, calls, using, check, cure) = try row.decode(
                String.self, String.self, [Int64].self, String.self, String.self, String.self)
            guard NodeReader.calls(calls, in: using) || NodeReader.calls(calls, in: check) else { return nil }
            return Hazard(
                severity: .warning, check: "policy-per-row", object: table,
                problem: "has the policy \(name), which asks for the request's settings anew for every row", cure: cure)
        }
    }
}

extension DoctorStore {
    /// What the catalog refuses. An error where the role could reach it past the API.
    private var isolation: SQL {
        """
        SELECT pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') OR pg_catalog.has_table_privilege(c.oid, 'DELETE'),
               c.oid::pg_catalog.regclass::text, p.problem, p.cure
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          CROSS JOIN LATERAL (\(CatalogStore.problems)) AS p
         WHERE n.nspname = ANY (\(schemas)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
        UNION ALL
        SELECT false, c.oid::pg_catalog.regclass::text, 'is declared, and not granted to the role that serves it',
               pg_catalog.format('GRANT SELECT ON %s TO %I', c.oid::pg_catalog.regclass, CURRENT_USER)
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = ANY (\(schemas)) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND EXISTS (SELECT FROM pg_catalog.pg_policy AS p
                        WHERE p.polrelid = c.oid AND p.polname IN ('sallyport_tenancy', 'sallyport_shared'))
           AND NOT pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
        """
    }

    /// Partitions of served tables, and relations of other schemas, that the role may touch though nothing keeps tenants apart there.
    private var grantedElsewhere: SQL {
        """
        SELECT true, c.oid::pg_catalog.regclass::text, pg_catalog.format('is granted to %I, and %s', CURRENT_USER, p.problem),
               pg_catalog.format('REVOKE ALL ON %s FROM %I, PUBLIC', c.oid::pg_catalog.regclass, CURRENT_USER)
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          CROSS JOIN LATERAL (\(CatalogStore.problems) LIMIT 1) AS p
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
           AND (c.relispartition OR n.nspname <> ALL (\(schemas)))
           AND (pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') OR pg_catalog.has_table_privilege(c.oid, 'DELETE'))
        """
    }

    private var sharedWritable: SQL {
        """
        SELECT true, c.oid::pg_catalog.regclass::text, 'is shared by all tenants, and can be changed by each',
               pg_catalog.format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %s FROM %I, PUBLIC', c.oid::pg_catalog.regclass, CURRENT_USER)
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_policy AS p ON p.polrelid = c.oid AND p.polname = 'sallyport_shared'
         WHERE pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE') OR pg_catalog.has_table_privilege(c.oid, 'DELETE, TRUNCATE')
        UNION ALL
        SELECT true, c.oid::pg_catalog.regclass::text, 'can be emptied past row-level security, of all tenants'' rows',
               pg_catalog.format('REVOKE TRUNCATE ON %s FROM %I, PUBLIC', c.oid::pg_catalog.regclass, CURRENT_USER)
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_policy AS p ON p.polrelid = c.oid AND p.polname = 'sallyport_tenancy'
         WHERE pg_catalog.has_table_privilege(c.oid, 'TRUNCATE')
        UNION ALL
        SELECT true, c.oid::pg_catalog.regclass::text, 'lets foreign keys and triggers be made on it',
               pg_catalog.format('REVOKE REFERENCES, TRIGGER ON %s FROM %I, PUBLIC', c.oid::pg_catalog.regclass, CURRENT_USER)
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = ANY (\(schemas)) AND c.relkind IN ('r', 'p')
           AND (pg_catalog.has_any_column_privilege(c.oid, 'REFERENCES') OR pg_catalog.has_table_privilege(c.oid, 'TRIGGER'))
           AND NOT pg_catalog.pg_has_role(c.relowner, 'MEMBER')
        """
    }

    /// SECURITY DEFINER functions the role can call, or set off by writing.
    private var definers: SQL {
        """
        WITH definer AS (
            SELECT f.oid, f.oid::pg_catalog.regprocedure::text AS name, f.proowner, f.proconfig,
                   pg_catalog.has_function_privilege(f.oid, 'EXECUTE') AND pg_catalog.has_schema_privilege(f.pronamespace, 'USAGE')
                       AND f.prorettype NOT IN ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
                       AS is_callable,
                   EXISTS (SELECT FROM pg_catalog.pg_trigger AS t
                             JOIN pg_catalog.pg_policy AS p ON p.polrelid = t.tgrelid AND p.polname = 'sallyport_tenancy'
                            WHERE t.tgfoid = f.oid) AS is_trigger,
                   EXISTS (SELECT FROM pg_catalog.aclexplode(f.proacl) AS a
                            WHERE pg_catalog.pg_get_userbyid(a.grantee) = 'sallyport_definer') AS is_declared,
                   NOT EXISTS (SELECT FROM pg_catalog.unnest(f.proconfig) AS setting WHERE setting LIKE 'search\\_path=%') AS is_loose
              FROM pg_catalog.pg_proc AS f
              JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
             WHERE f.prosecdef AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'sallyport')
        )
        SELECT true, name, 'runs with its owner''s rights and its caller''s search_path',
               pg_catalog.format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', name)
          FROM definer WHERE is_loose AND (is_callable OR is_trigger)
        UNION ALL
        SELECT true, name, pg_catalog.format('runs with its owner''s rights, and %I may call it undeclared', CURRENT_USER),
               pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM %I, PUBLIC; -- or SELECT sallyport.expose_definer(%L)',
                   name, CURRENT_USER, name)
          FROM definer WHERE is_callable AND NOT is_declared
        UNION ALL
        SELECT false, name, pg_catalog.format('runs as %I, whom row-level security does not bind', r.rolname),
               pg_catalog.format('ALTER FUNCTION %s OWNER TO sallyport_owner', name)
          FROM definer
          JOIN pg_catalog.pg_roles AS r ON r.oid = definer.proowner AND (r.rolsuper OR r.rolbypassrls)
         WHERE is_callable OR is_trigger
        """
    }

    /// Declared, and yet not served.
    private var exposedFunctions: SQL {
        """
        SELECT true, f.oid::pg_catalog.regprocedure::text, p.problem, p.cure
          FROM pg_catalog.pg_proc AS f
          JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
          CROSS JOIN LATERAL (
                   SELECT i.problem, i.cure FROM sallyport.function_problems(f.oid::pg_catalog.regprocedure) AS i
                   UNION ALL
                   SELECT 'is exposed, and not granted to the role that serves it',
                          pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', f.oid::pg_catalog.regprocedure, CURRENT_USER)
                    WHERE NOT pg_catalog.has_function_privilege(f.oid, 'EXECUTE')) AS p
         WHERE n.nspname = ANY (\(schemas))
           AND EXISTS (SELECT FROM pg_catalog.aclexplode(f.proacl) AS a
                        WHERE pg_catalog.pg_get_userbyid(a.grantee) = 'sallyport_exposed')
           AND p.problem <> 'runs with its owner''s rights and its caller''s search_path'
        """
    }

    /// Functions in SQL that read and are VOLATILE because nobody said otherwise: they are not inlined.
    private var volatileFunctions: SQL {
        """
        SELECT false, f.oid::pg_catalog.regprocedure::text, 'reads only, and is VOLATILE: it is run by itself for every row or call',
               pg_catalog.format('ALTER FUNCTION %s STABLE', f.oid::pg_catalog.regprocedure)
          FROM pg_catalog.pg_proc AS f
          JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
          JOIN pg_catalog.pg_language AS l ON l.oid = f.prolang AND l.lanname = 'sql'
         WHERE n.nspname = ANY (\(schemas)) AND f.provolatile = 'v' AND f.prokind = 'f'
           AND COALESCE(pg_catalog.pg_get_function_sqlbody(f.oid), f.prosrc) ~* '^\\s*(SELECT|RETURN|TABLE|VALUES|BEGIN ATOMIC\\s+SELECT)\\M'
           AND COALESCE(pg_catalog.pg_get_function_sqlbody(f.oid), f.prosrc)
               !~* '\\m(INSERT|UPDATE|DELETE|MERGE|random|nextval|setval|set_config|clock_timestamp|gen_random_uuid|refuse)\\M'
           AND EXISTS (SELECT FROM pg_catalog.aclexplode(f.proacl) AS a
                        WHERE pg_catalog.pg_get_userbyid(a.grantee) = 'sallyport_exposed')
        """
    }

    /// Permissive policies add up, so one that lets all pass leaves the others without effect.
    private static let broadPolicies: SQL = """
        SELECT false, b.polrelid::pg_catalog.regclass::text,
               pg_catalog.format('has the policy %I, which lets all rows of the tenant pass whatever %s says', b.polname,
                   pg_catalog.string_agg(pg_catalog.quote_ident(o.polname), ', ' ORDER BY o.polname)),
               pg_catalog.format('DROP POLICY %I ON %s', b.polname, b.polrelid::pg_catalog.regclass)
          FROM pg_catalog.pg_policy AS b
          JOIN pg_catalog.pg_policy AS t ON t.polrelid = b.polrelid AND t.polname = 'sallyport_tenancy'
          JOIN pg_catalog.pg_policy AS o
            ON o.polrelid = b.polrelid AND o.oid <> b.oid AND o.polpermissive AND (b.polcmd = '*' OR b.polcmd = o.polcmd)
         WHERE b.polpermissive AND b.polroles = '{0}' AND pg_catalog.pg_get_expr(b.polqual, b.polrelid) = 'true'
           AND pg_catalog.pg_get_expr(o.polqual, o.polrelid) IS DISTINCT FROM 'true'
           AND pg_catalog.has_any_column_privilege(b.polrelid, 'SELECT, INSERT, UPDATE')
         GROUP BY b.polrelid, b.polname
        """

    /// Under row-level security a condition may only be used for a search if its function cannot tell of the values it is given.
    private static let leakyIndexes: SQL = """
        SELECT false, i.indexrelid::pg_catalog.regclass::text,
               pg_catalog.format('is of no use to searches for %s, as row-level security of %s lets none of %s search',
                   pg_catalog.pg_get_indexdef(i.indexrelid, part.position::int, true), i.indrelid::pg_catalog.regclass, o.operators),
               o.cures || ' -- as superuser, if what errors tell of values may be told'
          FROM pg_catalog.pg_index AS i
          JOIN pg_catalog.pg_policy AS p ON p.polrelid = i.indrelid AND p.polname = 'sallyport_tenancy'
          CROSS JOIN LATERAL pg_catalog.unnest(i.indclass::oid[]) WITH ORDINALITY AS part (class, position)
          JOIN pg_catalog.pg_opclass AS c ON c.oid = part.class
          CROSS JOIN LATERAL (
                   SELECT pg_catalog.string_agg(DISTINCT op.oprname::text, ' ') AS operators,
                          pg_catalog.string_agg(DISTINCT pg_catalog.format('ALTER FUNCTION %s LEAKPROOF;', f.oid::pg_catalog.regprocedure), ' ')
                              AS cures,
                          bool_or(f.proleakproof) AS has_tight
                     FROM pg_catalog.pg_amop AS a
                     JOIN pg_catalog.pg_operator AS op ON op.oid = a.amopopr
                     JOIN pg_catalog.pg_proc AS f ON f.oid = op.oprcode
                    WHERE a.amopfamily = c.opcfamily AND a.amoppurpose = 's'
                      AND (a.amoplefttype = c.opcintype OR a.amoplefttype = 'pg_catalog.anyarray'::pg_catalog.regtype)) AS o
         WHERE o.has_tight IS FALSE AND pg_catalog.has_any_column_privilege(i.indrelid, 'SELECT')
        UNION ALL
        SELECT false, i.indexrelid::pg_catalog.regclass::text,
               pg_catalog.format('is of no use to LIKE, as row-level security of %s does not let it search', i.indrelid::pg_catalog.regclass),
               'ALTER FUNCTION pg_catalog.textlike(text, text) LEAKPROOF; -- as superuser, if what errors tell of values may be told'
          FROM pg_catalog.pg_index AS i
          JOIN pg_catalog.pg_policy AS p ON p.polrelid = i.indrelid AND p.polname = 'sallyport_tenancy'
         WHERE EXISTS (SELECT FROM pg_catalog.pg_opclass AS c WHERE c.oid = ANY (i.indclass) AND c.opcname LIKE '%pattern\\_ops')
           AND pg_catalog.has_any_column_privilege(i.indrelid, 'SELECT')
           AND NOT (SELECT f.proleakproof FROM pg_catalog.pg_proc AS f WHERE f.oid = 'pg_catalog.textlike(text,text)'::pg_catalog.regprocedure)
        """

    /// Embedding the referring rows, and deleting the referred ones, searches by these columns.
    private static let foreignKeyIndexes: SQL = """
        SELECT false, k.conrelid::pg_catalog.regclass::text,
               pg_catalog.format('has the foreign key %I to %s without an index', k.conname, k.confrelid::pg_catalog.regclass),
               pg_catalog.format('CREATE INDEX ON %s (%s)', k.conrelid::pg_catalog.regclass,
                   (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attname <> 'tenant_id', part.position)
                      FROM pg_catalog.unnest(k.conkey || tenant.attnum) WITH ORDINALITY AS part (attnum, position)
                      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = part.attnum
                     WHERE part.position <= pg_catalog.cardinality(k.conkey) OR tenant.attnum <> ALL (k.conkey)))
          FROM pg_catalog.pg_constraint AS k
          JOIN pg_catalog.pg_policy AS p ON p.polrelid = k.conrelid AND p.polname = 'sallyport_tenancy'
          JOIN pg_catalog.pg_attribute AS tenant ON tenant.attrelid = k.conrelid AND tenant.attname = 'tenant_id' AND NOT tenant.attisdropped
         WHERE k.contype = 'f' AND k.conparentid = 0 AND pg_catalog.has_any_column_privilege(k.conrelid, 'SELECT')
           AND NOT EXISTS (
                   SELECT FROM pg_catalog.pg_index AS i
                      CROSS JOIN LATERAL (
                               SELECT (i.indkey::int2[])[0:pg_catalog.cardinality(k.conkey)
                                          - CASE WHEN tenant.attnum = ANY (k.conkey) THEN 1 ELSE 0 END]) AS first (columns)
                    WHERE i.indrelid = k.conrelid AND i.indpred IS NULL AND i.indisvalid
                      AND first.columns @> k.conkey AND first.columns <@ (k.conkey || tenant.attnum))
        """

    private static let sequences: SQL = """
        SELECT true, t.oid::pg_catalog.regclass::text,
               pg_catalog.format('takes values of %s, which is not granted to %I', s.oid::pg_catalog.regclass, CURRENT_USER),
               pg_catalog.format('GRANT USAGE ON SEQUENCE %s TO %I', s.oid::pg_catalog.regclass, CURRENT_USER)
          FROM pg_catalog.pg_attrdef AS d
          JOIN pg_catalog.pg_class AS t ON t.oid = d.adrelid
          JOIN pg_catalog.pg_depend AS e
            ON e.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND e.objid = d.oid
           AND e.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          JOIN pg_catalog.pg_class AS s ON s.oid = e.refobjid AND s.relkind = 'S'
         WHERE EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = t.oid AND p.polname = 'sallyport_tenancy')
           AND pg_catalog.has_any_column_privilege(t.oid, 'INSERT') 
           AND CASE WHEN s.relkind = 'S' THEN NOT pg_catalog.has_sequence_privilege(s.oid, 'USAGE, UPDATE') END
        """

    private static let announcement: SQL = """
        SELECT false, pg_catalog.current_database()::text, 'does not announce changes of the schema: they are found some seconds later',
               pg_catalog.format('auth-server migrate --print-superuser-sql | psql --username postgres --dbname %s -- a shell''s command',
                   pg_catalog.quote_ident(pg_catalog.current_database()))
         WHERE (SELECT count(*) FROM pg_catalog.pg_event_trigger AS e
                 WHERE e.evtname IN ('sallyport_catalog_change', 'sallyport_catalog_drop') AND e.evtenabled IN ('O', 'A')) < 2
        """

    /// Policies of developers, with the functions whose calls would be worth one evaluation; and how to wrap those calls.
    private static let policies: SQL = """
        WITH setting AS (
            SELECT pg_catalog.array_agg(f.oid::int8) AS calls
              FROM pg_catalog.pg_proc AS f
             WHERE f.provolatile <> 'i'
               AND (f.pronamespace = 'sallyport'::pg_catalog.regnamespace
                    OR f.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND f.proname = 'current_setting')
        ), written AS (
            SELECT p.polrelid, p.polname, p.polqual, p.polwithcheck,
                   pg_catalog.regexp_replace(pg_catalog.pg_get_expr(p.polqual, p.polrelid), w.call, '(SELECT \\1)', 'g') AS qual,
                   pg_catalog.regexp_replace(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), w.call, '(SELECT \\1)', 'g') AS with_check
              FROM pg_catalog.pg_policy AS p
              CROSS JOIN (SELECT '(?<!SELECT )((?:pg_catalog\\.)?\\mcurrent_setting\\([^()]*\\)|\\msallyport\\.\\w+\\([^()]*\\))') AS w (call)
             WHERE p.polname NOT IN ('sallyport_tenancy', 'sallyport_shared', 'sallyport_rows', 'sallyport_maintenance')
        )
        SELECT w.polrelid::pg_catalog.regclass::text, w.polname::text, s.calls, COALESCE(w.polqual::text, ''),
               COALESCE(w.polwithcheck::text, ''),
               pg_catalog.format('ALTER POLICY %I ON %s', w.polname, w.polrelid::pg_catalog.regclass)
                   || COALESCE(' USING (' || w.qual || ')', '') || COALESCE(' WITH CHECK (' || w.with_check || ')', '')
          FROM written AS w
          CROSS JOIN setting AS s
         WHERE pg_catalog.has_any_column_privilege(w.polrelid, 'SELECT, INSERT, UPDATE')
         ORDER BY w.polrelid, w.polname
        """
}

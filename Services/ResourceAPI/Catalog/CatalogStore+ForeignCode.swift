import Postgres

extension CatalogStore {
    /// Relations whose reading, or whose writing, runs functions that neither the server, an extension nor Sallyport brought along; by what
    /// policies, views, triggers, defaults, constraints, domains and indexes depend on, through views and along foreign keys that write.
    static let foreignCode: SQL = """
        WITH RECURSIVE code AS MATERIALIZED (
            SELECT d.classid, d.objid
              FROM pg_catalog.pg_depend AS d
              LEFT JOIN pg_catalog.pg_proc AS f ON d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND f.oid = d.refobjid
             WHERE d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
               AND f.pronamespace IS DISTINCT FROM 'sallyport'::pg_catalog.regnamespace
               AND f.pronamespace IS DISTINCT FROM 'pg_catalog'::pg_catalog.regnamespace
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS e
                                WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e')
        ),
        direct (oid, writes) AS (
            SELECT p.polrelid, false FROM code JOIN pg_catalog.pg_policy AS p ON p.oid = code.objid
             WHERE code.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
            UNION
            SELECT w.ev_class, w.ev_type <> '1' FROM code JOIN pg_catalog.pg_rewrite AS w ON w.oid = code.objid
             WHERE code.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
            UNION
            SELECT t.tgrelid, true FROM code JOIN pg_catalog.pg_trigger AS t ON t.oid = code.objid
             WHERE code.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND NOT t.tgisinternal
            UNION
            SELECT a.adrelid, true FROM code JOIN pg_catalog.pg_attrdef AS a ON a.oid = code.objid
             WHERE code.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
            UNION
            SELECT k.conrelid, true FROM code JOIN pg_catalog.pg_constraint AS k ON k.oid = code.objid
             WHERE code.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.conrelid <> 0
            UNION
            SELECT a.attrelid, true FROM code JOIN pg_catalog.pg_constraint AS k ON k.oid = code.objid
              JOIN pg_catalog.pg_attribute AS a ON a.atttypid = k.contypid AND NOT a.attisdropped
             WHERE code.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.contypid <> 0
            UNION
            SELECT i.indrelid, true FROM code JOIN pg_catalog.pg_index AS i ON i.indexrelid = code.objid
             WHERE code.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        ),
        edge (source, target, writes) AS (
            SELECT p.polrelid, d.refobjid, false
              FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_policy AS p ON p.oid = d.objid
             WHERE d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            UNION
            SELECT w.ev_class, d.refobjid, u.writes
              FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_rewrite AS w ON w.oid = d.objid
             CROSS JOIN (VALUES (false), (true)) AS u (writes)
             WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            UNION
            SELECT k.confrelid, k.conrelid, true
              FROM pg_catalog.pg_constraint AS k
             WHERE k.contype = 'f' AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
            UNION
            SELECT i.inhparent, i.inhrelid, true FROM pg_catalog.pg_inherits AS i
        ),
        runs (oid, writes) AS (
            SELECT oid, writes FROM direct
            UNION
            SELECT e.source, e.writes FROM runs JOIN edge AS e ON e.target = runs.oid AND e.writes = runs.writes
        )
        SELECT oid::int8, NOT bool_and(writes) FROM runs GROUP BY oid
        """
}

extension CatalogRows {
    mutating func readForeignCode(_ result: QueryResult) throws {
        for row in result {
            let (relation, isReading) = try row.decode(Int64.self, Bool.self)
            foreignCode[relation] = isReading ? .always : .written
        }
    }
}

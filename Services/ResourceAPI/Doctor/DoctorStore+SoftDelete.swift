import Postgres

extension DoctorStore {
    /// Declarations older than the guards they have now; foreign keys whose CASCADE the guards refuse; views that show marked rows.
    static let softDelete: SQL = """
        WITH soft AS (
            SELECT t.tgrelid AS oid, a.attnum AS mark
              FROM pg_catalog.pg_trigger AS t
              JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.tgrelid AND a.attname = 'deleted_at' AND NOT a.attisdropped
             WHERE t.tgname = 'sallyport_soft_delete' AND t.tgparentid = 0 AND t.tgenabled IN ('O', 'A')
        )
        SELECT true, s.oid::pg_catalog.regclass::text, 'has soft delete, and lacks guards that keep views and foreign keys from leading past it',
               pg_catalog.format('SELECT sallyport.enable_soft_delete(%L)', s.oid::pg_catalog.regclass)
          FROM soft AS s
         WHERE (SELECT count(*) FROM pg_catalog.pg_trigger AS t
                 WHERE t.tgrelid = s.oid AND t.tgenabled IN ('O', 'A')
                   AND t.tgname IN ('sallyport_soft_delete_mark', 'sallyport_soft_delete_begin', 'sallyport_soft_delete_guard',
                                    'sallyport_soft_delete_keep', 'sallyport_soft_delete_inserting', 'sallyport_soft_delete_inserted')) < 6
        UNION ALL
        SELECT false, s.oid::pg_catalog.regclass::text,
               pg_catalog.format('has soft delete, and the foreign key %I would remove its rows with those of %s: deleting these is refused',
                   k.conname, k.confrelid::pg_catalog.regclass),
               pg_catalog.format('SELECT sallyport.enable_soft_delete(%L)', k.confrelid::pg_catalog.regclass)
          FROM soft AS s
          JOIN pg_catalog.pg_constraint AS k ON k.conrelid = s.oid AND k.contype = 'f' AND k.confdeltype = 'c' AND k.conparentid = 0
         WHERE k.confrelid NOT IN (SELECT oid FROM soft) AND pg_catalog.has_table_privilege(k.confrelid, 'DELETE')
        UNION ALL
        SELECT false, v.oid::pg_catalog.regclass::text,
               pg_catalog.format('shows rows of %s that are marked as deleted', s.oid::pg_catalog.regclass),
               pg_catalog.format('add WHERE %s.deleted_at IS NULL to its definition, or show deleted_at', s.oid::pg_catalog.regclass)
          FROM soft AS s
          JOIN pg_catalog.pg_depend AS d
            ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = s.oid
          JOIN pg_catalog.pg_rewrite AS w ON w.oid = d.objid AND w.ev_type = '1'
          JOIN pg_catalog.pg_class AS v ON v.oid = w.ev_class AND v.relkind IN ('v', 'm')
         WHERE pg_catalog.has_any_column_privilege(v.oid, 'SELECT')
         GROUP BY v.oid, s.oid, s.mark
        HAVING NOT bool_or(d.refobjsubid = s.mark)
        """
}

import Postgres

extension DoctorStore {
    /// Casts that are meant to be domains' representations (``CatalogStore/domainCasts``), of domains in use, and are not believed.
    var representations: SQL {
        """
        WITH representation AS (
            SELECT f.oid, f.oid::pg_catalog.regprocedure::text AS name, f.pronamespace, f.proowner, f.prosecdef, f.pronargs,
                   pg_catalog.format('is the cast from %s to %s, which is not used: it ',
                       pg_catalog.format_type(c.castsource, NULL), pg_catalog.format_type(c.casttarget, NULL)) AS what
              FROM (\(CatalogStore.implicitCasts)) AS c
              JOIN pg_catalog.pg_proc AS f ON f.oid = c.castfunc
             WHERE EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                             JOIN pg_catalog.pg_class AS t ON t.oid = a.attrelid
                             JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
                            WHERE a.atttypid IN (c.castsource, c.casttarget) AND a.atttypid <> 'pg_catalog.json'::pg_catalog.regtype
                              AND a.atttypid <> 'pg_catalog.text'::pg_catalog.regtype AND NOT a.attisdropped
                              AND n.nspname = ANY (\(schemas)) AND t.relkind IN ('r', 'p', 'v', 'm'))
        )
        SELECT false, name, what || 'runs with its owner''s rights', pg_catalog.format('ALTER FUNCTION %s SECURITY INVOKER', name)
          FROM representation WHERE prosecdef
        UNION ALL
        SELECT false, name, what || 'is not granted to the role that serves',
               pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I', name, CURRENT_USER)
          FROM representation WHERE NOT pg_catalog.has_function_privilege(oid, 'EXECUTE')
        UNION ALL
        SELECT false, name, what || 'is in a schema that is not granted to the role that serves',
               pg_catalog.format('GRANT USAGE ON SCHEMA %s TO %I', pronamespace::pg_catalog.regnamespace, CURRENT_USER)
          FROM representation WHERE NOT pg_catalog.has_schema_privilege(pronamespace, 'USAGE')
        UNION ALL
        SELECT false, name, what || 'belongs to the role that serves',
               pg_catalog.format('ALTER FUNCTION %s OWNER TO sallyport_owner', name)
          FROM representation WHERE pg_catalog.pg_has_role(proowner, 'MEMBER')
        UNION ALL
        SELECT false, name, what || 'has more parameters than the value',
               pg_catalog.format('make the cast anew, with a function of one parameter in place of %s', name)
          FROM representation WHERE pronargs <> 1
        """
    }
}

public import Postgres

/// What both services' doctors ask of the role that they connect as.
public enum DatabaseRoleStore {
    /// Superuser, BYPASSRLS, owner, member of such a role, or able to make objects of its own.
    ///
    /// Columns: whether it is an error, object, problem, cure.
    public static let hazards: SQL = """
        SELECT true, CURRENT_USER::text,
               CASE WHEN r.oid = m.oid THEN 'is not bound by row-level security'
                    ELSE pg_catalog.format('is a member of %I, whom row-level security does not bind', r.rolname) END,
               CASE WHEN r.oid = m.oid THEN pg_catalog.format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS', r.rolname)
                    ELSE pg_catalog.format('REVOKE %I FROM %I', r.rolname, m.rolname) END
          FROM pg_catalog.pg_roles AS r
          JOIN pg_catalog.pg_roles AS m ON m.rolname = CURRENT_USER
         WHERE (r.rolsuper OR r.rolbypassrls) AND (r.oid = m.oid OR NOT m.rolsuper AND pg_catalog.pg_has_role(r.oid, 'MEMBER'))
        UNION ALL
        SELECT true, n.nspname::text, pg_catalog.format('lets %I make objects of its own', CURRENT_USER),
               pg_catalog.format('REVOKE CREATE ON SCHEMA %I FROM %I, PUBLIC', n.nspname, CURRENT_USER)
          FROM pg_catalog.pg_namespace AS n
         WHERE n.nspname !~ '^pg_' AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')
        UNION ALL
        SELECT true, c.oid::pg_catalog.regclass::text, 'belongs to the role that serves it',
               pg_catalog.format('ALTER TABLE %s OWNER TO sallyport_owner', c.oid::pg_catalog.regclass)
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_'
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.pg_has_role(c.relowner, 'MEMBER')
           AND NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname = CURRENT_USER)
        """
}

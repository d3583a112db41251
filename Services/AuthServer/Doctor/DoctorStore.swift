import FoundationEssentials
import Postgres
import ServiceKit

/// Looks for hazards in the database, as the role that serves requests.
struct DoctorStore: Sendable {
    let database: Postgres

    func examine() async throws -> [Hazard] {
        let checks: [(name: String, sql: SQL)] = [
            ("role", DatabaseRoleStore.hazards), ("isolation", Self.isolation), ("privilege", Self.privileges),
            ("partition", Self.partitions),
            ("database", Self.health),
        ]
        var hazards: [Hazard] = []
        for (check, result) in zip(checks, try await database.batch(checks.map(\.sql))) {
            hazards += try result.map { row in
                let (isError, object, problem, cure) = try row.decode(Bool.self, String.self, String.self, String.self)
                return Hazard(severity: isError ? .error : .warning, check: check.name, object: object, problem: problem, cure: cure)
            }
        }
        return hazards
    }

    /// The database's clock, in seconds since 1970.
    func clock() async throws -> Double {
        try await database.queryOne("SELECT extract(epoch FROM clock_timestamp())::float8") { try $0.decode(Double.self) }
    }
}

extension DoctorStore {
    /// Every table of schema auth: row-level security on and forced, with policies, those of tenants among them.
    private static let isolation: SQL = """
        WITH relation AS (
            SELECT c.oid, c.oid::pg_catalog.regclass::text AS name, c.relrowsecurity, c.relforcerowsecurity, c.relispartition
              FROM pg_catalog.pg_class AS c
              JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             WHERE n.nspname = 'auth' AND c.relkind IN ('r', 'p')
        )
        SELECT true, name, 'has row-level security off', pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name)
          FROM relation WHERE NOT relrowsecurity
        UNION ALL
        SELECT true, name, 'does not force row-level security on its owner', pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name)
          FROM relation WHERE NOT relforcerowsecurity AND NOT relispartition
        UNION ALL
        SELECT true, name, 'has no policy', pg_catalog.format('SELECT sallyport.enable_tenancy(%L)', name)
          FROM relation
         WHERE NOT relispartition AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = relation.oid)
        UNION ALL
        SELECT true, name, 'lets every tenant''s rows be seen', pg_catalog.format('SELECT sallyport.enable_tenancy(%L)', name)
          FROM relation
         WHERE EXISTS (SELECT FROM pg_catalog.pg_policy AS p WHERE p.polrelid = relation.oid AND p.polname = 'sallyport_rows')
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy AS p
                            WHERE p.polrelid = relation.oid AND p.polname = 'sallyport_tenancy' AND NOT p.polpermissive)
        UNION ALL
        SELECT true, name, i.problem, i.cure
          FROM relation
          JOIN pg_catalog.pg_policy AS p ON p.polrelid = relation.oid AND p.polname = 'sallyport_tenancy'
          CROSS JOIN LATERAL sallyport.isolation_problems(relation.oid::pg_catalog.regclass) AS i
         WHERE relrowsecurity AND relforcerowsecurity
        """

    /// History is not rewritten, nothing is emptied, partitions are reached through their tables, and the API sees nothing of schema auth.
    private static let privileges: SQL = """
        WITH relation AS (
            SELECT c.oid, c.oid::pg_catalog.regclass::text AS name, c.relispartition, c.relacl, c.relowner
              FROM pg_catalog.pg_class AS c
              JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             WHERE n.nspname = 'auth' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        )
        SELECT true, name, pg_catalog.format('can be rewritten by %I', CURRENT_USER),
               pg_catalog.format('REVOKE UPDATE, DELETE ON %s FROM %I, PUBLIC', name, CURRENT_USER)
          FROM relation
         WHERE name IN ('auth.audit_event', 'auth.revocation')
           AND (pg_catalog.has_any_column_privilege(oid, 'UPDATE') OR pg_catalog.has_table_privilege(oid, 'DELETE'))
        UNION ALL
        SELECT true, name, 'can be emptied past row-level security', pg_catalog.format('REVOKE TRUNCATE ON %s FROM %I, PUBLIC', name, CURRENT_USER)
          FROM relation WHERE pg_catalog.has_table_privilege(oid, 'TRUNCATE') AND NOT pg_catalog.pg_has_role(relowner, 'MEMBER')
        UNION ALL
        SELECT true, name, 'is granted to others than sallyport_auth', pg_catalog.format('REVOKE ALL ON %s FROM PUBLIC, sallyport_api', name)
          FROM relation
         WHERE EXISTS (SELECT FROM pg_catalog.aclexplode(relation.relacl) AS a
                        WHERE a.grantee = 0 OR pg_catalog.pg_get_userbyid(a.grantee) = 'sallyport_api')
        UNION ALL
        SELECT true, 'auth', 'is open to the role sallyport_api', 'REVOKE ALL ON SCHEMA auth FROM sallyport_api, PUBLIC'
         WHERE EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'sallyport_api')
           AND pg_catalog.has_schema_privilege('sallyport_api', 'auth', 'USAGE')
        UNION ALL
        SELECT true, r.rolname::text, 'is not bound by row-level security', pg_catalog.format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS', r.rolname)
          FROM pg_catalog.pg_roles AS r
         WHERE r.rolname = 'sallyport_api' AND (r.rolsuper OR r.rolbypassrls)
        """

    /// Room for tomorrow, and nothing left of what has expired long ago. Spans are those of `auth.maintain_partitions`.
    private static let partitions: SQL = """
        WITH family AS (
            SELECT f.name, pg_catalog.floor(extract(epoch FROM pg_catalog.now()) / f.span)::integer AS today, r.oid
              FROM (VALUES ('authorization_code', 86400), ('client_assertion', 86400), ('revocation', 86400),
                           ('session', 2419200), ('tenant_session', 2419200), ('access_grant', 2419200)) AS f (name, span)
              CROSS JOIN LATERAL (SELECT pg_catalog.to_regclass('auth.' || f.name)::oid) AS r (oid)
        ), part AS (
            SELECT family.name, substring(c.relname FROM '_([0-9]+)$')::integer AS number
              FROM family
              JOIN pg_catalog.pg_inherits AS i ON i.inhparent = family.oid
              JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
        )
        SELECT n.number = 0, 'auth.' || family.name, CASE n.number WHEN 0 THEN 'has no partition for now' ELSE 'has no partition for the next period' END,
               'SELECT auth.maintain_partitions(); -- auth-server does so every day: look into its log'
          FROM family
          CROSS JOIN (VALUES (0), (1)) AS n (number)
         WHERE NOT EXISTS (SELECT FROM part WHERE part.name = family.name AND part.number = family.today + n.number)
        UNION ALL
        SELECT false, 'auth.' || family.name, pg_catalog.format('keeps %s partitions whose rows have all expired', count(*)),
               'SELECT auth.maintain_partitions(); -- auth-server does so every day: look into its log'
          FROM family
          JOIN part ON part.name = family.name AND part.number < family.today - 2
         GROUP BY family.name
        """

    private static let health: SQL = """
        SELECT false, d.datname::text, pg_catalog.format('has transactions %s million old', pg_catalog.age(d.datfrozenxid) / 1000000),
               'VACUUM (FREEZE) -- and look for what holds autovacuum up: old transactions, prepared ones, replication slots'
          FROM pg_catalog.pg_database AS d
         WHERE d.datname = pg_catalog.current_database() AND pg_catalog.age(d.datfrozenxid) > 1000000000
        UNION ALL
        SELECT false, 'connections', pg_catalog.format('are %s of %s', s.used, s.most), 'ALTER SYSTEM SET max_connections = 200 -- or smaller SALLYPORT_DATABASE_POOL_SIZE'
          FROM (SELECT count(*), pg_catalog.current_setting('max_connections')::integer FROM pg_catalog.pg_stat_activity
                 WHERE datname IS NOT NULL AND usename IS NOT NULL) AS s (used, most)
         WHERE s.used > s.most * 0.8
        UNION ALL
        SELECT false, 'SALLYPORT_AUTH_DATABASE_URL', 'leads over the network without TLS', 'add sslmode=verify-full to the connection string'
          FROM pg_catalog.pg_stat_ssl AS s
         WHERE s.pid = pg_catalog.pg_backend_pid() AND NOT s.ssl AND pg_catalog.inet_client_addr() IS NOT NULL
           AND NOT pg_catalog.inet_client_addr() <<= '127.0.0.0/8'::pg_catalog.inet AND pg_catalog.inet_client_addr() <> '::1'::pg_catalog.inet
        UNION ALL
        SELECT false, s.name, 'is off: what was answered can be lost in a crash', pg_catalog.format('ALTER SYSTEM RESET %I', s.name)
          FROM pg_catalog.pg_settings AS s
         WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND s.setting = 'off'
        """
}

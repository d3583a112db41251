import Postgres
import Tenancy

/// Policies of developers on tables of tenants, as far as they hide rows from the owner: those would be missing in an export, and survive a
/// deletion.
enum TenantPolicyStore {
    enum Cause: String, Sendable {
        /// No permissive policy lets the owner see all rows of a tenant.
        case closed
        /// A restrictive one besides the wall between tenants holds for the owner as well.
        case narrowed
        /// The wall itself is not as it was declared.
        case altered
        /// It would take a policy, which only the table's owner can make.
        case foreign
    }

    struct Hidden: Sendable {
        let table: TenantTable
        let cause: Cause
        /// Table, restrictive policies and the table's owner, as SQL writes them.
        let names: (table: String, policies: [String], owner: String)
    }

    /// Tables of developers of which the owner may not see all rows of a tenant.
    static func hidden(_ tables: [TenantTable], _ transaction: Transaction) async throws -> [Hidden] {
        let developers = tables.filter { !$0.isServices }
        let found = try await transaction.queryAll(
            """
            SELECT (t.position - 1)::integer, format('%I.%I', n.nspname, c.relname), quote_ident(pg_get_userbyid(c.relowner)), narrowing.policies,
                   CASE WHEN wall.is_altered THEN 'altered' WHEN narrowing.policies <> '{}' THEN 'narrowed'
                        WHEN is_own.value THEN 'closed' ELSE 'foreign' END
              FROM unnest(\(developers.map(\.schema)), \(developers.map(\.name))) WITH ORDINALITY AS t (schema, name, position)
              JOIN pg_namespace AS n ON n.nspname = t.schema
              JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.name
             CROSS JOIN LATERAL (SELECT pg_has_role(c.relowner, 'USAGE') AS value) AS is_own
             CROSS JOIN LATERAL (
                   SELECT EXISTS (SELECT FROM sallyport.isolation_problems(c.oid) AS p
                                   WHERE p.problem = 'has a tenancy policy that was altered') AS is_altered) AS wall
             CROSS JOIN LATERAL (
                   SELECT coalesce(array_agg(quote_ident(p.polname) ORDER BY p.polname), '{}') AS policies
                     FROM pg_policy AS p
                    WHERE p.polrelid = c.oid AND NOT p.polpermissive AND p.polname <> 'sallyport_tenancy' AND \(holdsForOwner)) AS narrowing
             WHERE c.relrowsecurity AND (c.relforcerowsecurity OR NOT is_own.value)
               AND (wall.is_altered OR narrowing.policies <> '{}'
                    OR NOT EXISTS (SELECT FROM pg_policy AS p
                                    WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd = '*' AND \(holdsForOwner) AND \(letsPass)))
             ORDER BY t.position
            """
        ) { try $0.decode(Int32.self, String.self, String.self, [String].self, String.self) }
        return try found.map { position, name, owner, policies, cause in
            guard let cause = Cause(rawValue: cause), developers.indices.contains(Int(position)) else {
                throw StoredDataError("\(name): unknown cause")
            }
            return Hidden(table: developers[Int(position)], cause: cause, names: (name, policies, owner))
        }
    }

    private static let holdsForOwner: SQL = """
        EXISTS (SELECT FROM unnest(p.polroles) AS r (role) WHERE CASE WHEN r.role = 0 THEN true ELSE pg_has_role(r.role, 'USAGE') END)
        """

    /// All rows, and new ones; or what ``opening(_:)`` makes.
    private static let letsPass: SQL = """
        (SELECT using_.text = 'true' AND coalesce(check_.text, 'true') = 'true'
                OR p.polname = 'sallyport_moves' AND using_.text = '( SELECT is_owner() AS is_owner)' AND check_.text = using_.text
           FROM replace(pg_get_expr(p.polqual, p.polrelid), 'sallyport.', '') AS using_ (text),
                replace(pg_get_expr(p.polwithcheck, p.polrelid), 'sallyport.', '') AS check_ (text))
        """

    /// Shows all rows to who owns the services' tables and has connected as such: functions that run with the owner's rights see no more than before.
    static func opening(_ table: TenantTable) -> [SQL] {
        let relation = TenantMoveStore.relation(table)
        return [
            "DROP POLICY IF EXISTS sallyport_moves ON \(relation)",
            """
            CREATE POLICY sallyport_moves ON \(relation) TO CURRENT_USER
                USING ((SELECT sallyport.is_owner())) WITH CHECK ((SELECT sallyport.is_owner()))
            """,
            "COMMENT ON POLICY sallyport_moves ON \(relation) IS 'Tenants are exported, imported and erased with all of their rows.'",
        ]
    }
}

import Postgres

extension CatalogStore {
    /// `(castsource, casttarget, castfunc, is_output, is_text)`: implicit casts by function from domains to `json`, and to domains from
    /// `json` and `text`.
    static let implicitCasts: SQL = """
        SELECT k.castsource, k.casttarget, k.castfunc, source.typtype = 'd' AS is_output,
               k.castsource = 'pg_catalog.text'::pg_catalog.regtype AS is_text
          FROM pg_catalog.pg_cast AS k
          JOIN pg_catalog.pg_type AS source ON source.oid = k.castsource
          JOIN pg_catalog.pg_type AS target ON target.oid = k.casttarget
         WHERE k.castcontext = 'i' AND k.castmethod = 'f'
           AND (source.typtype = 'd' AND k.casttarget = 'pg_catalog.json'::pg_catalog.regtype
                OR target.typtype = 'd' AND k.castsource IN ('pg_catalog.json'::pg_catalog.regtype, 'pg_catalog.text'::pg_catalog.regtype))
        """

    /// Only what the role may call itself, with its own rights: nobody declared these functions, so a `SECURITY DEFINER` one would be a
    /// way around declarations, and so would one that the role could alter.
    static let domainCasts: SQL = """
        SELECT (CASE WHEN c.is_output THEN c.castsource ELSE c.casttarget END)::int8, c.is_output, c.is_text, n.nspname::text,
               f.proname::text, pg_catalog.format_type(f.proargtypes[0], NULL), f.provolatile = 'i'
          FROM (\(implicitCasts)) AS c
          JOIN pg_catalog.pg_proc AS f ON f.oid = c.castfunc
          JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
         WHERE f.pronargs = 1 AND NOT f.prosecdef AND NOT pg_catalog.pg_has_role(f.proowner, 'MEMBER')
           AND pg_catalog.has_function_privilege(f.oid, 'EXECUTE') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
         ORDER BY 1, 2, 3
        """
}

extension CatalogRows {
    mutating func readDomainCasts(_ result: QueryResult) throws {
        for row in result {
            let (domain, isOutput, isText, schema, name, argumentType, isImmutable) = try row.decode(
                Int64.self, Bool.self, Bool.self, String.self, String.self, String.self, Bool.self)
            casts[domain, default: []].append(
                DomainCast(
                    direction: isOutput ? .toJSON : isText ? .fromText : .fromJSON, schema: schema, name: name,
                    argumentType: argumentType, isImmutable: isImmutable))
        }
    }
}

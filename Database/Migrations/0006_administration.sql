-- Administration: scopes of the resource admin are said in so many words, never by a wildcard.

-- Owners and admins of tenants that exist get by name what the wildcard no longer gives. The owner of the table passes its own
-- row-level security for as long as this takes.
ALTER TABLE auth.role NO FORCE ROW LEVEL SECURITY;
UPDATE auth.role
   SET permissions = permissions || '{admin:*}'
 WHERE is_built_in AND name IN ('owner', 'admin') AND NOT 'admin:*' = ANY (permissions);
ALTER TABLE auth.role FORCE ROW LEVEL SECURITY;

CREATE OR REPLACE FUNCTION sallyport.has_scope(scope text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sallyport.scopes() && ARRAY[scope, pg_catalog.split_part(scope, ':', 1) OPERATOR(pg_catalog.||) ':*']
        OR pg_catalog.split_part(scope, ':', 1) OPERATOR(pg_catalog.<>) 'admin'
           AND sallyport.scopes() && ARRAY['*:' OPERATOR(pg_catalog.||) pg_catalog.split_part(scope, ':', 2), '*:*'];
COMMENT ON FUNCTION sallyport.has_scope(text) IS
    'Whether the token holds table:verb, with * as wildcard on either side; admin:… is never meant by a wildcard.';

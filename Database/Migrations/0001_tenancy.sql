-- The tenancy foundation: run-time roles, schemas, the settings every statement sees, and the functions that declare a table.
-- Runs as the owner role (LOGIN CREATEROLE, owner of the database, not superuser), in one transaction.

-- Roles. They belong to the cluster, so another database of it may be making them at this moment.

DO $roles$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['sallyport_auth', 'sallyport_api'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE pg_catalog.format(
                    'CREATE ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted AND (rolsuper OR rolbypassrls OR rolcreaterole)) THEN
            RAISE EXCEPTION 'role % must not be able to pass row-level security', wanted
                USING HINT = pg_catalog.format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEROLE', wanted);
        END IF;
    END LOOP;
    EXECUTE pg_catalog.format('REVOKE ALL ON DATABASE %I FROM PUBLIC', pg_catalog.current_database());
    EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO sallyport_auth, sallyport_api', pg_catalog.current_database());
END
$roles$;

-- Schemas. What the owner makes from now on is nobody else's until granted.

REVOKE ALL ON SCHEMA public FROM PUBLIC;

ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC;

-- The migrator keeps its own table in sallyport, so the schema may be there.
CREATE SCHEMA IF NOT EXISTS sallyport;
CREATE SCHEMA auth;
CREATE SCHEMA api;

GRANT USAGE ON SCHEMA sallyport TO PUBLIC;
GRANT USAGE ON SCHEMA auth TO sallyport_auth;
GRANT USAGE ON SCHEMA api TO sallyport_api;

COMMENT ON SCHEMA sallyport IS 'What tables and policies are declared with, and what they see of the request.';
COMMENT ON SCHEMA auth IS 'The authorization server''s own tables.';
COMMENT ON SCHEMA api IS 'Tables served over HTTP: each declared with sallyport.enable_tenancy or sallyport.share.';

-- The request, as policies and defaults see it. The bodies are parsed here and bound by object, not by name, so they need no
-- search_path of their own, and the planner can inline them.

CREATE FUNCTION sallyport.current_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(pg_catalog.current_setting('sallyport.tenant_id', true), '')::pg_catalog.uuid;
COMMENT ON FUNCTION sallyport.current_tenant() IS 'The tenant of this transaction; NULL, which matches no row, when none is set.';

CREATE FUNCTION sallyport.subject() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(pg_catalog.current_setting('sallyport.subject', true), '');
COMMENT ON FUNCTION sallyport.subject() IS 'The token''s sub: a user''s id, or the client''s own for client credentials.';

CREATE FUNCTION sallyport.uid() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN pg_catalog.current_setting('sallyport.subject', true) ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'
        THEN pg_catalog.current_setting('sallyport.subject', true)::pg_catalog.uuid
    END;
COMMENT ON FUNCTION sallyport.uid() IS 'The subject as a uuid; NULL when it is not one.';

CREATE FUNCTION sallyport.role() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(pg_catalog.current_setting('sallyport.role', true), '');
COMMENT ON FUNCTION sallyport.role() IS 'The subject''s role in the tenant.';

CREATE FUNCTION sallyport.scopes() RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN COALESCE(pg_catalog.string_to_array(NULLIF(pg_catalog.current_setting('sallyport.scopes', true), ''), ' '), '{}');
COMMENT ON FUNCTION sallyport.scopes() IS 'The scopes of the token; empty when none are set.';

CREATE FUNCTION sallyport.has_scope(scope text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sallyport.scopes() && ARRAY[
        scope,
        pg_catalog.split_part(scope, ':', 1) OPERATOR(pg_catalog.||) ':*',
        '*:' OPERATOR(pg_catalog.||) pg_catalog.split_part(scope, ':', 2),
        '*:*'
    ];
COMMENT ON FUNCTION sallyport.has_scope(text) IS 'Whether the token holds table:verb, with * as wildcard on either side.';

GRANT EXECUTE ON FUNCTION
    sallyport.current_tenant(), sallyport.subject(), sallyport.uid(), sallyport.role(), sallyport.scopes(), sallyport.has_scope(text)
    TO PUBLIC;

-- What still separates a table from being isolated or shared, one row each with the statement that cures it. No row: the table
-- may be served. The declaration itself is the policy of a fixed name, so it lives and dies, and is dumped, with its table; it is
-- believed only as far as the catalog bears it out.

CREATE FUNCTION sallyport.isolation_problems(target regclass) RETURNS TABLE (problem text, cure text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH
    subject AS (
        SELECT c.oid, c.relrowsecurity, c.relforcerowsecurity, c.oid::regclass::text AS name,
               (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
                   AS tenant_column,
               EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'sallyport_tenancy') AS is_tenancy,
               EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'sallyport_shared') AS is_shared
          FROM pg_class c
         WHERE c.oid = target
    )
    SELECT 'is not declared', format('SELECT sallyport.enable_tenancy(%L); -- or sallyport.share(%1$L)', name)
      FROM subject WHERE NOT is_tenancy AND NOT is_shared
    UNION ALL
    SELECT 'is declared twice', format('DROP POLICY sallyport_shared ON %s', name)
      FROM subject WHERE is_tenancy AND is_shared
    UNION ALL
    SELECT 'has row-level security off', format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name)
      FROM subject WHERE NOT relrowsecurity AND (is_tenancy OR is_shared)
    UNION ALL
    SELECT 'does not force row-level security on its owner', format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name)
      FROM subject WHERE NOT relforcerowsecurity AND (is_tenancy OR is_shared)
    UNION ALL
    SELECT 'has a tenancy policy that was altered',
           format('DROP POLICY sallyport_tenancy ON %s; SELECT sallyport.enable_tenancy(%1$L)', name)
      FROM subject
     WHERE is_tenancy
       AND NOT EXISTS (
               SELECT FROM pg_policy p
                WHERE p.polrelid = subject.oid AND p.polname = 'sallyport_tenancy'
                  AND NOT p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}'
                  AND regexp_replace(pg_get_expr(p.polqual, p.polrelid), '\s+', ' ', 'g')
                      = '(tenant_id = ( SELECT sallyport.current_tenant() AS current_tenant))'
                  AND regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '\s+', ' ', 'g')
                      = '(tenant_id = ( SELECT sallyport.current_tenant() AS current_tenant))'
           )
    UNION ALL
    SELECT 'has no column tenant_id uuid NOT NULL', format('SELECT sallyport.enable_tenancy(%L)', name)
      FROM subject
     WHERE is_tenancy
       AND NOT EXISTS (
               SELECT FROM pg_attribute a
                WHERE a.attrelid = subject.oid AND a.attnum = tenant_column AND a.atttypid = 'uuid'::regtype AND a.attnotnull
           )
    UNION ALL
    -- A key without the tenant tells one tenant, by its conflicts, what another one holds.
    SELECT format('has a unique index %s without tenant_id', i.indexrelid::regclass),
           CASE
               WHEN k.conname IS NOT NULL
               THEN format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %s (tenant_id, %s)', name, k.conname,
                        CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END,
                        (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY position)
                           FROM unnest(k.conkey) WITH ORDINALITY AS key (attnum, position)
                           JOIN pg_attribute a ON a.attrelid = subject.oid AND a.attnum = key.attnum))
               ELSE format('DROP INDEX %s, and make it anew on (tenant_id, …)', i.indexrelid::regclass)
           END
      FROM subject
      JOIN pg_index i ON i.indrelid = subject.oid AND (i.indisunique OR i.indisexclusion)
      LEFT JOIN pg_constraint k ON k.conrelid = subject.oid AND k.conindid = i.indexrelid AND k.contype IN ('p', 'u')
     WHERE is_tenancy
       AND NOT EXISTS (SELECT FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS key (attnum) WHERE key.attnum = tenant_column)
    UNION ALL
    SELECT 'has a primary key that tenant_id does not lead',
           format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I PRIMARY KEY (tenant_id, …)', name, k.conname)
      FROM subject
      JOIN pg_constraint k ON k.conrelid = subject.oid AND k.contype = 'p'
     WHERE is_tenancy AND tenant_column = ANY (k.conkey) AND k.conkey[1] <> tenant_column
    UNION ALL
    SELECT 'has no index that tenant_id leads', format('CREATE INDEX ON %s (tenant_id)', name)
      FROM subject
     WHERE is_tenancy AND tenant_column IS NOT NULL
       AND NOT EXISTS (
               SELECT FROM pg_index i
                WHERE i.indrelid = subject.oid AND i.indkey[0] = tenant_column AND i.indpred IS NULL AND i.indisvalid)
       AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = subject.oid AND k.contype = 'p')
    UNION ALL
    -- Foreign keys are checked, and cascade, past row-level security: without the tenant they cross it.
    SELECT format('has a foreign key %I to %s that does not carry tenant_id', k.conname, k.confrelid::regclass),
           format('ALTER TABLE %s DROP CONSTRAINT %I, ADD FOREIGN KEY (tenant_id, %s) REFERENCES %s (tenant_id, %s)', name, k.conname,
               (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY position)
                  FROM unnest(k.conkey) WITH ORDINALITY AS key (attnum, position)
                  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = key.attnum
                 WHERE a.attname <> 'tenant_id'),
               k.confrelid::regclass,
               (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY position)
                  FROM unnest(k.confkey) WITH ORDINALITY AS key (attnum, position)
                  JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = key.attnum
                 WHERE a.attname <> 'tenant_id'))
      FROM subject
      JOIN pg_constraint k ON k.conrelid = subject.oid AND k.contype = 'f'
      JOIN pg_attribute other ON other.attrelid = k.confrelid AND other.attname = 'tenant_id' AND NOT other.attisdropped
     WHERE is_tenancy
       AND NOT EXISTS (
               SELECT FROM unnest(k.conkey, k.confkey) AS pair (mine, theirs)
                WHERE pair.mine = tenant_column AND pair.theirs = other.attnum)
    UNION ALL
    -- Rows that nobody declared belong to no tenant, so a key to them tells every tenant which exist. A key that carries the tenant
    -- under another name, such as one to the table of tenants, reaches the tenant's own alone.
    SELECT format('has a foreign key %I to %s, which is neither isolated nor shared', k.conname, k.confrelid::regclass),
           format('SELECT sallyport.share(%L); -- or sallyport.enable_tenancy(%1$L), and a foreign key that carries tenant_id',
               k.confrelid::regclass)
      FROM subject
      JOIN pg_constraint k ON k.conrelid = subject.oid AND k.contype = 'f'
      LEFT JOIN pg_attribute other ON other.attrelid = k.confrelid AND other.attname = 'tenant_id' AND NOT other.attisdropped
     WHERE is_tenancy AND other.attnum IS NULL
       AND (tenant_column = ANY (k.conkey)) IS NOT TRUE
       AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = k.confrelid AND p.polname = 'sallyport_shared');
END;
COMMENT ON FUNCTION sallyport.isolation_problems(regclass) IS 'Why a table may not be served, each reason with its cure; no row when it may.';
GRANT EXECUTE ON FUNCTION sallyport.isolation_problems(regclass) TO sallyport_auth, sallyport_api;

-- Declarations. They run with the caller's rights: who owns the table may declare it.

CREATE FUNCTION sallyport.isolate(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    tenant_type oid;
    is_not_null boolean;
    has_default boolean;
    key record;
    first_problem record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class WHERE oid = target AND relkind IN ('r', 'p')) THEN
        RAISE EXCEPTION '% is not a table', target USING ERRCODE = 'wrong_object_type';
    END IF;
    IF EXISTS (SELECT FROM pg_policy WHERE polrelid = target AND polname = 'sallyport_shared') THEN
        RAISE EXCEPTION '% is declared as shared', target
            USING HINT = format('DROP POLICY sallyport_shared ON %s; then declare it again', target);
    END IF;

    -- 1. The column, filled with the tenant of this transaction.
    SELECT a.atttypid, a.attnotnull, a.atthasdef INTO tenant_type, is_not_null, has_default
      FROM pg_attribute a
     WHERE a.attrelid = target AND a.attname = 'tenant_id' AND NOT a.attisdropped;
    IF tenant_type IS NULL THEN
        BEGIN
            EXECUTE format('ALTER TABLE %s ADD COLUMN tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant()', target);
        EXCEPTION WHEN not_null_violation THEN
            RAISE EXCEPTION '% has rows, and no tenant is set to give them to', target
                USING ERRCODE = 'not_null_violation',
                      HINT = 'Run SELECT set_config(''sallyport.tenant_id'', ''<the tenant''''s uuid>'', false) first; '
                          || 'for several tenants add and fill a column tenant_id uuid yourself.';
        END;
    ELSIF tenant_type <> 'uuid'::regtype THEN
        RAISE EXCEPTION '%.tenant_id is %, not uuid', target, tenant_type::regtype
            USING ERRCODE = 'datatype_mismatch',
                  HINT = format('ALTER TABLE %s ALTER COLUMN tenant_id TYPE uuid USING tenant_id::uuid', target);
    ELSE
        IF NOT is_not_null THEN
            EXECUTE format('ALTER TABLE %s ALTER COLUMN tenant_id SET NOT NULL', target);
        END IF;
        IF NOT has_default THEN
            EXECUTE format('ALTER TABLE %s ALTER COLUMN tenant_id SET DEFAULT sallyport.current_tenant()', target);
        END IF;
    END IF;

    -- 2. The primary key, as long as no other table hangs on it.
    SELECT k.oid, k.conname,
           (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY position)
              FROM unnest(k.conkey) WITH ORDINALITY AS part (attnum, position)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = part.attnum
             WHERE a.attname <> 'tenant_id') AS columns
      INTO key
      FROM pg_constraint k
      JOIN pg_attribute t ON t.attrelid = k.conrelid AND t.attname = 'tenant_id' AND NOT t.attisdropped
     WHERE k.conrelid = target AND k.contype = 'p' AND k.conkey[1] <> t.attnum;
    IF key.oid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = target) THEN
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I PRIMARY KEY (tenant_id, %s)',
            target, key.conname, key.columns);
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_index i
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
         WHERE i.indrelid = target AND a.attname = 'tenant_id' AND i.indpred IS NULL AND i.indisvalid
    ) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = target AND contype = 'p') THEN
        EXECUTE format('CREATE INDEX ON %s (tenant_id)', target);
    END IF;

    -- 3. The wall is restrictive: policies that others add can narrow what is seen, never open it.
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = target AND polname = 'sallyport_tenancy') THEN
        EXECUTE format(
            'CREATE POLICY sallyport_tenancy ON %s AS RESTRICTIVE FOR ALL TO PUBLIC '
            'USING (tenant_id = (SELECT sallyport.current_tenant())) WITH CHECK (tenant_id = (SELECT sallyport.current_tenant()))',
            target);
        EXECUTE format('COMMENT ON POLICY sallyport_tenancy ON %s IS %L', target, 'Rows belong to the tenant of the transaction.');
    END IF;
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = target AND polpermissive) THEN
        EXECUTE format('CREATE POLICY sallyport_rows ON %s AS PERMISSIVE FOR ALL TO PUBLIC USING (true) WITH CHECK (true)', target);
    END IF;

    -- 4. What is left is the developer's to decide.
    SELECT p.problem, p.cure INTO first_problem FROM sallyport.isolation_problems(target) AS p LIMIT 1;
    IF first_problem.problem IS NOT NULL THEN
        RAISE EXCEPTION '% %', target, first_problem.problem USING HINT = first_problem.cure;
    END IF;
    PERFORM pg_notify('sallyport_catalog', target::text);
END
$body$;
COMMENT ON FUNCTION sallyport.isolate(regclass) IS
    'Isolates a table''s rows by tenant and grants nobody anything. Idempotent; refuses with the statement to run where it cannot.';

CREATE FUNCTION sallyport.enable_tenancy(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    counter regclass;
BEGIN
    PERFORM sallyport.isolate(target);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO sallyport_api', target);
    -- What serial columns count with.
    FOR counter IN
        SELECT d.objid::regclass
          FROM pg_depend d
          JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = target AND d.deptype = 'a'
    LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE %s TO sallyport_api', counter);
    END LOOP;
END
$body$;
COMMENT ON FUNCTION sallyport.enable_tenancy(regclass) IS 'Isolates a table''s rows by tenant and lets the resource API serve it. Idempotent.';

CREATE FUNCTION sallyport.share(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning
AS $body$
DECLARE
    owner name;
BEGIN
    SELECT pg_get_userbyid(relowner) INTO owner FROM pg_class WHERE oid = target AND relkind IN ('r', 'p');
    IF owner IS NULL THEN
        RAISE EXCEPTION '% is not a table', target USING ERRCODE = 'wrong_object_type';
    END IF;
    IF EXISTS (SELECT FROM pg_policy WHERE polrelid = target AND polname = 'sallyport_tenancy') THEN
        RAISE EXCEPTION '% belongs to tenants', target
            USING HINT = format('DROP POLICY sallyport_tenancy ON %s; then share it', target);
    END IF;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('DROP POLICY IF EXISTS sallyport_shared ON %s', target);
    EXECUTE format('CREATE POLICY sallyport_shared ON %s AS PERMISSIVE FOR SELECT TO PUBLIC USING (true)', target);
    -- The owner is subject to the forced policies too, and maintains the data.
    EXECUTE format('DROP POLICY IF EXISTS sallyport_maintenance ON %s', target);
    EXECUTE format('CREATE POLICY sallyport_maintenance ON %s AS PERMISSIVE FOR ALL TO %I USING (true) WITH CHECK (true)', target, owner);
    EXECUTE format('REVOKE ALL ON TABLE %s FROM sallyport_api', target);
    EXECUTE format('GRANT SELECT ON TABLE %s TO sallyport_api', target);
    PERFORM pg_notify('sallyport_catalog', target::text);
END
$body$;
COMMENT ON FUNCTION sallyport.share(regclass) IS 'Lets every tenant read a table of reference data, and none change it. Idempotent.';

-- What beyond tables may be served: functions and views, each declared; how a change of the catalog is announced; and how the resource
-- API takes back what it has written.

-- A statement that finds, after its writes, that it may not stand takes them back by raising. The SQLSTATE is SP001; the code arrives as
-- the error's column, an empty detail or hint means none. Volatile, so no planner runs it early; for a value of any type write
-- CASE WHEN fine THEN value WHEN sallyport.refuse(…) THEN NULL END.

CREATE FUNCTION sallyport.refuse(code text, message text, details text DEFAULT NULL, hint text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE COST 1
    SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'SP001',
        MESSAGE = COALESCE(message, ''),
        DETAIL = COALESCE(details, ''),
        HINT = COALESCE(hint, ''),
        COLUMN = COALESCE(code, '');
END
$body$;
COMMENT ON FUNCTION sallyport.refuse(text, text, text, text) IS 'Ends the statement, and all it wrote, with SQLSTATE SP001. Never returns.';
GRANT EXECUTE ON FUNCTION sallyport.refuse(text, text, text, text) TO sallyport_api;

-- Marks. A grant to one of these roles is a declaration: it lives and dies, is renamed, replaced and dumped with its object, and gives
-- nobody anything, as nobody is ever a member.

DO $roles$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['sallyport_exposed', 'sallyport_definer'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE pg_catalog.format(
                    'CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;
END
$roles$;

-- What a relation reads, itself included: through views and materialized views down to tables.

CREATE FUNCTION sallyport.reads(target regclass) RETURNS TABLE (relation regclass, kind "char")
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE found (oid, kind) AS (
        SELECT c.oid, c.relkind FROM pg_class c WHERE c.oid = target
        UNION
        SELECT c.oid, c.relkind
          FROM found
          JOIN pg_rewrite w ON w.ev_class = found.oid
          JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
          JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
         WHERE found.kind IN ('v', 'm')
    )
    SELECT found.oid::regclass, found.kind FROM found;
END;
COMMENT ON FUNCTION sallyport.reads(regclass) IS 'The relation and whatever it reads, directly or through views.';

-- A materialized view has no row-level security. A view over it that is exactly this one keeps tenants apart in its place.

CREATE FUNCTION sallyport.tenant_view_definition(source regclass, qualifier text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('SELECT %s FROM %s WHERE (%stenant_id = ( SELECT sallyport.current_tenant() AS current_tenant));',
               string_agg(qualifier || quote_ident(a.attname), ', ' ORDER BY a.attnum), source, qualifier)
      FROM pg_attribute a
     WHERE a.attrelid = source AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'tenant_id';
END;

CREATE FUNCTION sallyport.is_tenant_view(target regclass) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    RETURN EXISTS (
        SELECT FROM pg_class v
          JOIN pg_rewrite w ON w.ev_class = v.oid AND w.ev_type = '1'
          JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
          JOIN pg_class m ON m.oid = d.refobjid AND m.relkind = 'm'
         WHERE v.oid = target AND v.relkind = 'v'
           AND (SELECT bool_or(option_value::boolean) FROM pg_options_to_table(v.reloptions) WHERE option_name = 'security_barrier')
           AND (SELECT bool_or(option_value::boolean) FROM pg_options_to_table(v.reloptions) WHERE option_name = 'security_invoker')
               IS NOT TRUE
           AND btrim(regexp_replace(pg_get_viewdef(v.oid), '\s+', ' ', 'g')) IN (
                   sallyport.tenant_view_definition(m.oid, ''),
                   sallyport.tenant_view_definition(m.oid, quote_ident(m.relname) || '.')));
END
$body$;
COMMENT ON FUNCTION sallyport.is_tenant_view(regclass) IS 'Whether a view shows a materialized view''s rows of the current tenant, and nothing else.';

-- What a view reads, itself included, down to what is safe by itself: a tenant view need not be looked through.

CREATE FUNCTION sallyport.view_parts(target regclass) RETURNS TABLE (relation regclass, kind "char")
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE found (oid, kind) AS (
        SELECT c.oid, c.relkind FROM pg_class c WHERE c.oid = target
        UNION
        SELECT c.oid, c.relkind
          FROM found
          JOIN pg_rewrite w ON w.ev_class = found.oid
          JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
          JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
         WHERE found.kind = 'v' AND NOT sallyport.is_tenant_view(found.oid)
    )
    SELECT found.oid::regclass, found.kind FROM found;
END;
COMMENT ON FUNCTION sallyport.view_parts(regclass) IS 'The relations that decide whether a view may be served.';

-- Why a view or materialized view may not be served, in the way of isolation_problems; what is wrong with the tables it reads comes after.

CREATE FUNCTION sallyport.view_form_problems(target regclass) RETURNS TABLE (problem text, cure text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH
    part AS (
        SELECT found.relation::oid AS oid, found.kind, found.relation::text AS name,
               CASE WHEN found.relation = target THEN '' ELSE format('reads %s, which ', found.relation) END AS role
          FROM sallyport.view_parts(target) AS found
    )
    SELECT role || 'runs with its owner''s rights', format('ALTER VIEW %s SET (security_invoker = true)', name)
      FROM part
      JOIN pg_class c ON c.oid = part.oid
     WHERE kind = 'v' AND NOT sallyport.is_tenant_view(part.oid)
       AND (SELECT bool_or(option_value::boolean) FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker') IS NOT TRUE
    UNION ALL
    SELECT format('%shas the rule %I, which runs with its owner''s rights', role, w.rulename), format('DROP RULE %I ON %s', w.rulename, name)
      FROM part
      JOIN pg_rewrite w ON w.ev_class = part.oid AND w.ev_type <> '1'
     WHERE kind = 'v'
    UNION ALL
    SELECT DISTINCT format('%scalls %s, which runs with its owner''s rights', role, f.oid::regprocedure),
           format('ALTER FUNCTION %s SECURITY INVOKER; -- or SELECT sallyport.expose_definer(%L)', f.oid::regprocedure, f.oid::regprocedure)
      FROM part
      JOIN pg_rewrite w ON w.ev_class = part.oid
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_proc'::regclass
      JOIN pg_proc f ON f.oid = d.refobjid AND f.prosecdef
     WHERE kind = 'v' AND NOT EXISTS (SELECT FROM aclexplode(f.proacl) a WHERE pg_get_userbyid(a.grantee) = 'sallyport_definer')
    UNION ALL
    SELECT role || p.problem, p.cure
      FROM part
      CROSS JOIN LATERAL (
               SELECT 'has a column tenant_id, which no policy guards' AS problem,
                      format('CREATE VIEW %1$I.%2$I WITH (security_barrier = true) AS %3$s SELECT sallyport.enable_tenancy(''%1$I.%2$I'')',
                          n.nspname, c.relname || '_of_tenant', sallyport.tenant_view_definition(c.oid, '')) AS cure
                 FROM pg_class c
                 JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.oid = part.oid
                  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = part.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
               UNION ALL
               SELECT format('holds rows of %s, which belong to tenants', r.relation),
                      format('add tenant_id to %s, and serve a view of it: see docs/DECLARING.md', name)
                 FROM sallyport.reads(part.oid) r
                 JOIN pg_policy y ON y.polrelid = r.relation AND y.polname = 'sallyport_tenancy'
                WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = part.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
               UNION ALL
               SELECT 'is a materialized view, and not declared as shared', format('SELECT sallyport.share(%L)', name)
                 FROM pg_class c
                WHERE c.oid = part.oid
                  AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE pg_get_userbyid(a.grantee) = 'sallyport_exposed')
                  AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = part.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
           ) AS p
     WHERE kind = 'm'
    UNION ALL
    SELECT role || 'is a foreign table, which row-level security does not reach', format('copy the rows of %s into a table', name)
      FROM part WHERE kind = 'f'
    UNION ALL
    SELECT role || 'is not granted to sallyport_api', format('GRANT SELECT ON %s TO sallyport_api', name)
      FROM part WHERE oid <> target AND NOT has_any_column_privilege('sallyport_api', oid, 'SELECT');
END;
COMMENT ON FUNCTION sallyport.view_form_problems(regclass) IS 'Why a view may not be served, whatever it reads.';

CREATE FUNCTION sallyport.view_problems(target regclass) RETURNS TABLE (problem text, cure text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.problem, p.cure FROM sallyport.view_form_problems(target) AS p
    UNION ALL
    SELECT format('reads %s, which %s', part.relation, p.problem), p.cure
      FROM sallyport.view_parts(target) AS part
      CROSS JOIN LATERAL sallyport.isolation_problems(part.relation) AS p
     WHERE part.kind IN ('r', 'p');
END;
COMMENT ON FUNCTION sallyport.view_problems(regclass) IS 'Why a view or materialized view may not be served, each reason with its cure.';

GRANT EXECUTE ON FUNCTION
    sallyport.reads(regclass), sallyport.tenant_view_definition(regclass, text), sallyport.is_tenant_view(regclass),
    sallyport.view_parts(regclass), sallyport.view_form_problems(regclass), sallyport.view_problems(regclass)
    TO sallyport_api;

-- Why a function may not be called over HTTP; that nobody exposed it is no problem, only a fact.

CREATE FUNCTION sallyport.function_problems(target regprocedure) RETURNS TABLE (problem text, cure text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'is not a plain function', 'wrap it in a function'
      FROM pg_proc f WHERE f.oid = target AND f.prokind <> 'f'
    UNION ALL
    SELECT format('takes or returns %s, which has no value outside the database', t.oid::regtype),
           'give its arguments and its result ordinary types'
      FROM pg_proc f
      JOIN pg_type t ON (t.oid = f.prorettype OR t.oid = ANY (f.proargtypes)) AND t.typtype = 'p'
     WHERE f.oid = target AND t.oid <> 'void'::regtype
       AND NOT (t.oid = 'record'::regtype AND t.oid = f.prorettype
                AND COALESCE(f.proargmodes && ARRAY['o', 'b', 't']::"char"[], false))
    UNION ALL
    SELECT 'runs with its owner''s rights', format('SELECT sallyport.expose_definer(%L)', f.oid::regprocedure)
      FROM pg_proc f
     WHERE f.oid = target AND f.prosecdef
       AND NOT EXISTS (SELECT FROM aclexplode(f.proacl) a WHERE pg_get_userbyid(a.grantee) = 'sallyport_definer')
    UNION ALL
    SELECT 'runs with its owner''s rights and its caller''s search_path',
           format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', f.oid::regprocedure)
      FROM pg_proc f
     WHERE f.oid = target AND f.prosecdef
       AND NOT EXISTS (SELECT FROM unnest(f.proconfig) AS setting WHERE setting LIKE 'search\_path=%')
    UNION ALL
    SELECT 'may be called by every role of the database', format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.oid::regprocedure)
      FROM pg_proc f
     WHERE f.oid = target AND f.prosecdef
       AND EXISTS (SELECT FROM aclexplode(COALESCE(f.proacl, acldefault('f', f.proowner))) a WHERE a.grantee = 0);
END;
COMMENT ON FUNCTION sallyport.function_problems(regprocedure) IS 'Why a function may not be exposed, each reason with its cure.';
GRANT EXECUTE ON FUNCTION sallyport.function_problems(regprocedure) TO sallyport_api;

-- Declarations of functions. They run with the caller's rights: who owns the function may declare it.

CREATE FUNCTION sallyport.expose(target regprocedure) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    found record;
BEGIN
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', target);
    SELECT p.problem, p.cure INTO found FROM sallyport.function_problems(target) AS p LIMIT 1;
    IF found.problem IS NOT NULL THEN
        RAISE EXCEPTION '% %', target, found.problem USING HINT = found.cure;
    END IF;
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sallyport_api, sallyport_exposed', target);
    PERFORM pg_notify('sallyport_catalog', target::text);
END
$body$;
COMMENT ON FUNCTION sallyport.expose(regprocedure) IS
    'Lets the resource API call a function, or use it as a column or relationship of the table whose row it takes. Idempotent.';

CREATE FUNCTION sallyport.expose_definer(target regprocedure) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    found record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_proc WHERE oid = target AND prosecdef) THEN
        RAISE EXCEPTION '% runs with its caller''s rights', target USING HINT = format('SELECT sallyport.expose(%L)', target);
    END IF;
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', target);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sallyport_definer', target);
    SELECT p.problem, p.cure INTO found FROM sallyport.function_problems(target) AS p LIMIT 1;
    IF found.problem IS NOT NULL THEN
        RAISE EXCEPTION '% %', target, found.problem USING HINT = found.cure;
    END IF;
    PERFORM pg_notify('sallyport_catalog', target::text);
END
$body$;
COMMENT ON FUNCTION sallyport.expose_definer(regprocedure) IS
    'Says that a SECURITY DEFINER function keeps tenants apart by itself. It takes sallyport.expose besides, before or after. Idempotent.';

CREATE FUNCTION sallyport.unexpose(target regprocedure) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, sallyport_api, sallyport_exposed, sallyport_definer', target);
    PERFORM pg_notify('sallyport_catalog', target::text);
END
$body$;
COMMENT ON FUNCTION sallyport.unexpose(regprocedure) IS 'Takes both declarations of a function back.';

-- Declarations of views: enable_tenancy and share take them too.

CREATE FUNCTION sallyport.serve_view(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    found record;
    -- Bits as pg_relation_is_updatable gives them: 1 << CmdType.
    changes integer := pg_relation_is_updatable(target, true);
BEGIN
    SELECT p.problem, p.cure INTO found FROM sallyport.view_problems(target) AS p LIMIT 1;
    IF found.problem IS NOT NULL THEN
        RAISE EXCEPTION '% %', target, found.problem USING HINT = found.cure;
    END IF;
    EXECUTE format('GRANT SELECT ON TABLE %s TO sallyport_api', target);
    IF NOT sallyport.is_tenant_view(target) THEN
        IF changes & 8 <> 0 THEN EXECUTE format('GRANT INSERT ON TABLE %s TO sallyport_api', target); END IF;
        IF changes & 4 <> 0 THEN EXECUTE format('GRANT UPDATE ON TABLE %s TO sallyport_api', target); END IF;
        IF changes & 16 <> 0 THEN EXECUTE format('GRANT DELETE ON TABLE %s TO sallyport_api', target); END IF;
    END IF;
    PERFORM pg_notify('sallyport_catalog', target::text);
END
$body$;

ALTER FUNCTION sallyport.enable_tenancy(regclass) RENAME TO enable_table_tenancy;
ALTER FUNCTION sallyport.share(regclass) RENAME TO share_table;
COMMENT ON FUNCTION sallyport.enable_table_tenancy(regclass) IS 'What enable_tenancy does to a table.';
COMMENT ON FUNCTION sallyport.share_table(regclass) IS 'What share does to a table.';

CREATE FUNCTION sallyport.enable_tenancy(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = target) = 'v' THEN
        PERFORM sallyport.serve_view(target);
    ELSE
        PERFORM sallyport.enable_table_tenancy(target);
    END IF;
END
$body$;
COMMENT ON FUNCTION sallyport.enable_tenancy(regclass) IS
    'Isolates a table''s rows by tenant and lets the resource API serve it; a view is served if all that it reads keeps tenants apart. Idempotent.';

CREATE FUNCTION sallyport.share(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    kind "char" := (SELECT relkind FROM pg_class WHERE oid = target);
    owned regclass;
BEGIN
    IF kind NOT IN ('v', 'm') THEN
        PERFORM sallyport.share_table(target);
        RETURN;
    END IF;
    SELECT r.relation INTO owned
      FROM sallyport.reads(target) r
      JOIN pg_policy y ON y.polrelid = r.relation AND y.polname = 'sallyport_tenancy'
     LIMIT 1;
    IF owned IS NOT NULL THEN
        RAISE EXCEPTION '% reads %, whose rows belong to tenants', target, owned
            USING HINT = CASE kind
                WHEN 'v' THEN format('SELECT sallyport.enable_tenancy(%L)', target)
                ELSE (SELECT cure FROM sallyport.view_problems(target) LIMIT 1)
            END;
    END IF;
    IF kind = 'm' THEN
        EXECUTE format('GRANT SELECT ON TABLE %s TO sallyport_exposed', target);
    END IF;
    PERFORM sallyport.serve_view(target);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON TABLE %s FROM sallyport_api', target);
END
$body$;
COMMENT ON FUNCTION sallyport.share(regclass) IS
    'Lets every tenant read a table, view or materialized view of reference data, and none change it. Idempotent.';

-- What a table can be declared to have beyond its isolation: soft delete, row audit, a workflow, maintained columns; and the keys of requests
-- that must have their effect once.
--
-- Each declaration is triggers of fixed names on the table, so it lives, dies and is dumped with the table; idempotent; undone by dropping
-- the triggers. Readers ask sallyport.features(table), which believes a trigger only while it is enabled and its columns are there:
--
--   soft delete   trigger sallyport_soft_delete, column deleted_at timestamptz            → soft_delete_column = 'deleted_at'
--                 (with it: trigger sallyport_soft_delete_mark, trigger sallyport_soft_delete_guard, column deleted_by text)
--   row audit     triggers sallyport_audit_insert, sallyport_audit_update, sallyport_audit_delete   → is_audited
--   workflow      trigger sallyport_workflow, arguments: the column, the transitions as JSON: {"": [initial states],
--                 "state": [those that may follow], …}; an object in a list, {"to": …, "role": […], "scope": …}, says on what condition
--                 (with it: trigger sallyport_workflow_initial, of the same arguments)  → workflow_column, workflow_transitions
--   maintained    trigger sallyport_maintain, arguments: '' or 'partitioned', then the columns      → maintained_columns
--
-- For the servers: rows that are marked as deleted are hidden from reads and updates by a condition `deleted_at IS NULL`, which the planner
-- adds; `?deleted=is.true` asks for the marked ones instead (scope {table}:delete). DELETE becomes
-- UPDATE … SET deleted_at = now() WHERE … AND deleted_at IS NULL; what else is written to deleted_at and deleted_by is overwritten by the
-- trigger. A restoration is UPDATE … SET deleted_at = NULL WHERE … AND deleted_at IS NOT NULL. To purge, DELETE … AND deleted_at IS NOT NULL
-- in a transaction with the setting sallyport.purge = 'on' (scope {table}:purge). Clients may not name deleted_at and deleted_by in a body;
-- what they write to maintained columns is overwritten.

-- What is declared.

-- A trigger's arguments are kept as bytes, each ended by a zero byte.
CREATE FUNCTION sallyport.trigger_arguments(arguments bytea) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    rest  bytea := arguments;
    found integer;
    texts text[] := '{}';
BEGIN
    WHILE octet_length(rest) > 0 LOOP
        found := position('\x00'::bytea IN rest);
        texts := texts || convert_from(substring(rest FROM 1 FOR found - 1), getdatabaseencoding());
        rest := substring(rest FROM found + 1);
    END LOOP;
    RETURN texts;
END
$body$;
GRANT EXECUTE ON FUNCTION sallyport.trigger_arguments(bytea) TO PUBLIC;

CREATE FUNCTION sallyport.features(target regclass)
    RETURNS TABLE (soft_delete_column text, is_audited boolean, workflow_column text, workflow_transitions jsonb, maintained_columns text[])
    LANGUAGE sql STABLE ROWS 1
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH
    declared AS (
        SELECT t.tgname AS name, sallyport.trigger_arguments(t.tgargs) AS arguments
          FROM pg_trigger t
         WHERE t.tgrelid = target AND t.tgname LIKE 'sallyport\_%' AND t.tgenabled IN ('O', 'A') AND NOT t.tgisinternal
    ),
    columns AS (
        SELECT a.attname::text AS name FROM pg_attribute a WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped
    )
    SELECT (SELECT 'deleted_at' FROM declared d WHERE d.name = 'sallyport_soft_delete' AND 'deleted_at' IN (SELECT c.name FROM columns c)),
           (SELECT count(*) = 3 FROM declared d
             WHERE d.name IN ('sallyport_audit_insert', 'sallyport_audit_update', 'sallyport_audit_delete')),
           workflow.arguments[1],
           (SELECT jsonb_object_agg(state.key, jsonb_path_query_array(state.value, '$[*] ? (@.type() == "string")'))
              FROM jsonb_each(workflow.arguments[2]::jsonb) state),
           ARRAY(SELECT c.name FROM declared d JOIN columns c ON c.name = ANY (d.arguments[2:]) WHERE d.name = 'sallyport_maintain')
      FROM (SELECT) AS always
      LEFT JOIN declared workflow
        ON workflow.name = 'sallyport_workflow' AND workflow.arguments[1] IN (SELECT c.name FROM columns c);
END;
COMMENT ON FUNCTION sallyport.features(regclass) IS 'What a table was declared to have beyond its isolation; one row.';
GRANT EXECUTE ON FUNCTION sallyport.features(regclass) TO PUBLIC;

-- The column's name if the table has such a column, for the declarations below.
CREATE FUNCTION sallyport.column_type(target regclass, name text) RETURNS regtype
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.atttypid::regtype FROM pg_attribute a
     WHERE a.attrelid = target AND a.attname = name AND a.attnum > 0 AND NOT a.attisdropped;
END;

CREATE FUNCTION sallyport.require_tenancy(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    first_problem record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class WHERE oid = target AND relkind IN ('r', 'p')) THEN
        RAISE EXCEPTION '% is not a table', target USING ERRCODE = 'wrong_object_type';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE oid = target AND relispartition) THEN
        RAISE EXCEPTION '% is a partition', target
            USING ERRCODE = 'wrong_object_type', HINT = format('Declare it of %s', pg_partition_root(target));
    END IF;
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = target AND polname = 'sallyport_tenancy') THEN
        RAISE EXCEPTION '% is not isolated by tenant', target
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('SELECT sallyport.enable_tenancy(%L)', target);
    END IF;
    SELECT p.problem, p.cure INTO first_problem FROM sallyport.isolation_problems(target) AS p LIMIT 1;
    IF first_problem.problem IS NOT NULL THEN
        RAISE EXCEPTION '% %', target, first_problem.problem
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = first_problem.cure;
    END IF;
END
$body$;

-- Soft delete.
--
-- A marked row keeps its place: unique keys hold it still (a unique index that should not, takes WHERE deleted_at IS NULL), and foreign keys
-- lead to it. What a deletion does along the foreign keys that lead to the table:
--   CASCADE                 from a table with soft delete: its living rows are marked as well, and restored along with the row;
--                           from another: nothing until the row is purged.
--   NO ACTION, RESTRICT     refused (23503) while a living row refers to it.
--   SET NULL, SET DEFAULT   nothing until the row is purged.
-- Policies stand: what the caller cannot see neither holds a row nor is marked with it.

-- Who deleted, and when, is not the caller's to say. A cascade has its own time from the row that began it.
CREATE FUNCTION sallyport.mark_row() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF pg_trigger_depth() > 1 THEN
        RETURN NEW;
    END IF;
    IF OLD.deleted_at IS NULL AND NEW.deleted_at IS NULL OR OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NOT NULL THEN
        NEW.deleted_at := OLD.deleted_at;
        NEW.deleted_by := OLD.deleted_by;
        RETURN NEW;
    END IF;
    IF current_user = 'sallyport_api' AND NOT sallyport.has_scope(TG_ARGV[0] || ':delete') THEN
        RAISE EXCEPTION 'rows of % are deleted and restored with the scope %:delete', TG_ARGV[0], TG_ARGV[0]
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.deleted_at IS NULL THEN
        NEW.deleted_by := NULL;
    ELSE
        NEW.deleted_at := now();
        NEW.deleted_by := sallyport.subject();
    END IF;
    RETURN NEW;
END
$body$;

CREATE FUNCTION sallyport.follow_mark() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    parent   regclass := COALESCE(pg_partition_root(TG_RELID), TG_RELID);
    key      record;
    is_soft  boolean;
    is_found boolean;
BEGIN
    FOR key IN
        SELECT k.conname AS name, k.conrelid::regclass AS child, k.confdeltype AS action,
               (SELECT string_agg(format('child.%I = ($1).%I', mine.attname, theirs.attname), ' AND ' ORDER BY pair.position)
                  FROM unnest(k.conkey, k.confkey) WITH ORDINALITY AS pair (mine, theirs, position)
                  JOIN pg_attribute mine ON mine.attrelid = k.conrelid AND mine.attnum = pair.mine
                  JOIN pg_attribute theirs ON theirs.attrelid = k.confrelid AND theirs.attnum = pair.theirs) AS condition
          FROM pg_constraint k
         WHERE k.contype = 'f' AND k.confrelid = parent AND k.conparentid = 0 AND k.confdeltype IN ('a', 'r', 'c')
         ORDER BY k.confdeltype = 'c', k.oid
    LOOP
        SELECT f.soft_delete_column IS NOT NULL INTO is_soft FROM sallyport.features(key.child) f;
        IF key.action = 'c' THEN
            CONTINUE WHEN NOT is_soft;
            IF NEW.deleted_at IS NULL THEN
                EXECUTE format('UPDATE %s AS child SET deleted_at = NULL, deleted_by = NULL WHERE %s AND deleted_at = ($2).deleted_at',
                    key.child, key.condition) USING NEW, OLD;
            ELSE
                EXECUTE format('UPDATE %s AS child SET deleted_at = ($1).deleted_at, deleted_by = ($1).deleted_by '
                    'WHERE %s AND deleted_at IS NULL', key.child, key.condition) USING NEW;
            END IF;
        ELSIF NEW.deleted_at IS NOT NULL THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM %s AS child WHERE %s%s)', key.child, key.condition,
                CASE WHEN is_soft THEN ' AND deleted_at IS NULL' ELSE '' END) INTO is_found USING NEW;
            IF is_found THEN
                RAISE EXCEPTION 'rows of % are still referenced from %', parent, key.child
                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = key.name,
                          SCHEMA = TG_TABLE_SCHEMA, TABLE = (SELECT relname FROM pg_class WHERE oid = key.child);
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END
$body$;

-- The engine never deletes such a row but to purge it; this holds whatever else reaches the table with the API's rights.
CREATE FUNCTION sallyport.guard_rows() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF current_user = 'sallyport_api' AND current_setting('sallyport.purge', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'rows of % are marked as deleted, not removed', TG_ARGV[0] USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION sallyport.enable_soft_delete(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    named   record;
    present regtype;
    key     text;
BEGIN
    PERFORM sallyport.require_tenancy(target);
    IF sallyport.column_type(target, 'deleted') IS NOT NULL THEN
        RAISE EXCEPTION '% has a column deleted, which requests could not tell from the mark', target
            USING ERRCODE = 'duplicate_column', HINT = format('ALTER TABLE %s RENAME COLUMN deleted TO is_deleted', target);
    END IF;
    FOR named IN SELECT * FROM (VALUES ('deleted_at', 'timestamptz'::regtype), ('deleted_by', 'text'::regtype)) AS wanted (name, type) LOOP
        present := sallyport.column_type(target, named.name);
        IF present IS NULL THEN
            EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', target, named.name, named.type);
        ELSIF present <> named.type THEN
            RAISE EXCEPTION '%.% is %, not %', target, named.name, present, named.type
                USING ERRCODE = 'datatype_mismatch',
                      HINT = format('ALTER TABLE %s ALTER COLUMN %I TYPE %s USING %2$I::%3$s', target, named.name, named.type);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_attribute
                WHERE attrelid = target AND attname IN ('deleted_at', 'deleted_by') AND (attnotnull OR attgenerated <> '')) THEN
        RAISE EXCEPTION '%.deleted_at and deleted_by must be plain columns that can be NULL', target
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('ALTER TABLE %s ALTER COLUMN deleted_at DROP NOT NULL, ALTER COLUMN deleted_by DROP NOT NULL', target);
    END IF;
    -- A mark that moved the row to another partition would not be followed.
    IF EXISTS (
        SELECT FROM pg_partitioned_table p
          JOIN pg_attribute a ON a.attrelid = target AND a.attname IN ('deleted_at', 'deleted_by')
         WHERE p.partrelid = target AND (a.attnum = ANY (p.partattrs) OR pg_get_partkeydef(target) LIKE '%deleted\_%')
    ) THEN
        RAISE EXCEPTION '% is partitioned by deleted_at', target
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Partition it by a column that a deletion does not change.';
    END IF;

    -- Lists of the living, and of the few that are marked.
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY part.position) INTO key
      FROM pg_index i
      CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS part (attnum, position)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = part.attnum
     WHERE i.indrelid = target AND i.indisprimary;
    IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = target AND pg_get_expr(indpred, indrelid) = '(deleted_at IS NULL)') THEN
        EXECUTE format('CREATE INDEX ON %s (%s) WHERE deleted_at IS NULL', target, COALESCE(key, 'tenant_id'));
    END IF;
    IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = target AND pg_get_expr(indpred, indrelid) = '(deleted_at IS NOT NULL)') THEN
        EXECUTE format('CREATE INDEX ON %s (tenant_id, deleted_at) WHERE deleted_at IS NOT NULL', target);
    END IF;

    EXECUTE format('CREATE OR REPLACE TRIGGER sallyport_soft_delete AFTER UPDATE OF deleted_at ON %s FOR EACH ROW '
        'WHEN ((OLD.deleted_at IS NULL) IS DISTINCT FROM (NEW.deleted_at IS NULL)) EXECUTE FUNCTION sallyport.follow_mark()', target);
    EXECUTE format('CREATE OR REPLACE TRIGGER sallyport_soft_delete_mark BEFORE UPDATE OF deleted_at, deleted_by ON %s FOR EACH ROW '
        'EXECUTE FUNCTION sallyport.mark_row(%L)', target, (SELECT relname FROM pg_class WHERE oid = target));
    EXECUTE format('CREATE OR REPLACE TRIGGER sallyport_soft_delete_guard BEFORE DELETE ON %s FOR EACH STATEMENT '
        'EXECUTE FUNCTION sallyport.guard_rows(%L)', target, (SELECT relname FROM pg_class WHERE oid = target));
    PERFORM pg_notify('sallyport_catalog', target::text);
END
$body$;
COMMENT ON FUNCTION sallyport.enable_soft_delete(regclass) IS
    'Deletions of the table''s rows over HTTP mark them: hidden, to be restored or purged. Idempotent.';

-- Row audit: who changed which row, when, from what to what. Rows are added by triggers alone and seen by those who hold {table}:audit.

CREATE TABLE sallyport.row_audit (
    tenant_id  uuid        NOT NULL,
    changed_at timestamptz NOT NULL,
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    "schema"   text        NOT NULL,
    "table"    text        NOT NULL,
    -- The primary key's value as text; of several columns, a JSON array. Longer than 1024 bytes: sha256: and its digest. NULL: no key.
    key        text,
    action     text        NOT NULL CHECK (action IN ('insert', 'update', 'delete')),
    -- NULL where the database was reached other than by the API.
    subject    text,
    client     text,
    role       text,
    request_id text,
    -- The database role that was connected as.
    login      text        NOT NULL,
    before     jsonb,
    after      jsonb,
    PRIMARY KEY (tenant_id, changed_at, id)
) PARTITION BY RANGE (changed_at);

CREATE INDEX row_audit_row ON sallyport.row_audit (tenant_id, "table", key, changed_at);
COMMENT ON TABLE sallyport.row_audit IS 'Changes of the rows of audited tables.';

CREATE POLICY kept_by_functions ON sallyport.row_audit TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE FUNCTION sallyport.tables_with_scope(verb text) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ARRAY(
        SELECT pg_catalog.split_part(held.scope, ':', 1)
          FROM pg_catalog.unnest(sallyport.scopes()) AS held (scope)
         WHERE pg_catalog.split_part(held.scope, ':', 2) IN (verb, '*') AND pg_catalog.split_part(held.scope, ':', 1) <> '*');
COMMENT ON FUNCTION sallyport.tables_with_scope(text) IS 'For which tables, by name, the token holds table:verb; what *:verb gives is not among them.';
GRANT EXECUTE ON FUNCTION sallyport.tables_with_scope(text) TO PUBLIC;

-- sallyport.has_scope("table" || ':audit'), asked once for all rows.
CREATE POLICY read_with_scope ON sallyport.row_audit FOR SELECT TO sallyport_api
    USING ((SELECT sallyport.has_scope('*:audit')) AND "table" <> 'admin'
           OR "table" = ANY ((SELECT sallyport.tables_with_scope('audit'))::text[]));
SELECT sallyport.isolate('sallyport.row_audit');
GRANT SELECT ON sallyport.row_audit TO sallyport_api;

CREATE FUNCTION sallyport.row_key(doc jsonb, columns text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN octet_length(key) <= 1024 THEN key ELSE 'sha256:' || encode(sha256(convert_to(key, 'UTF8')), 'hex') END
      FROM (SELECT CASE cardinality(columns)
                   WHEN 0 THEN NULL
                   WHEN 1 THEN doc ->> columns[1]
                   ELSE (SELECT jsonb_agg(doc -> c.name ORDER BY c.position)::text
                           FROM unnest(columns) WITH ORDINALITY AS c (name, position))
                   END) AS found (key);
END;

CREATE FUNCTION sallyport.record_rows() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    present text := current_setting('sallyport.tenant_id', true);
    owners  uuid[];
    owner   uuid;
    columns text[] := ARRAY(
        SELECT a.attname::text
          FROM pg_index i
          CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS part (attnum, position)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = part.attnum
         WHERE i.indrelid = TG_RELID AND i.indisprimary AND a.attname <> 'tenant_id'
         ORDER BY part.position);
BEGIN
    IF TG_OP = 'DELETE' THEN
        owners := ARRAY(SELECT DISTINCT o.tenant_id FROM old_rows o);
    ELSE
        owners := ARRAY(SELECT DISTINCT n.tenant_id FROM new_rows n);
    END IF;
    -- One, as a rule: only who passes row-level security writes rows of several, or of none that is set.
    FOREACH owner IN ARRAY owners LOOP
        IF present IS DISTINCT FROM owner::text THEN
            PERFORM set_config('sallyport.tenant_id', owner::text, true);
        END IF;
        IF TG_OP = 'INSERT' THEN
            INSERT INTO sallyport.row_audit
                   (tenant_id, changed_at, "schema", "table", key, action, subject, client, role, request_id, login, before, after)
            SELECT owner, clock_timestamp(), TG_TABLE_SCHEMA, TG_TABLE_NAME, sallyport.row_key(changed.after, columns), 'insert',
                   sallyport.subject(), NULLIF(current_setting('sallyport.client_id', true), ''), sallyport.role(),
                   NULLIF(current_setting('sallyport.request_id', true), ''), session_user, NULL, changed.after
              FROM (SELECT to_jsonb(n) - 'tenant_id' AS after FROM new_rows n WHERE n.tenant_id = owner) AS changed;
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO sallyport.row_audit
                   (tenant_id, changed_at, "schema", "table", key, action, subject, client, role, request_id, login, before, after)
            SELECT owner, clock_timestamp(), TG_TABLE_SCHEMA, TG_TABLE_NAME, sallyport.row_key(changed.before, columns), 'delete',
                   sallyport.subject(), NULLIF(current_setting('sallyport.client_id', true), ''), sallyport.role(),
                   NULLIF(current_setting('sallyport.request_id', true), ''), session_user, changed.before, NULL
              FROM (SELECT to_jsonb(o) - 'tenant_id' AS before FROM old_rows o WHERE o.tenant_id = owner) AS changed;
        ELSE
            -- Both tables hold the rows in the order in which they were updated; a key would not do, as it may be what changed.
            INSERT INTO sallyport.row_audit
                   (tenant_id, changed_at, "schema", "table", key, action, subject, client, role, request_id, login, before, after)
            SELECT owner, clock_timestamp(), TG_TABLE_SCHEMA, TG_TABLE_NAME, sallyport.row_key(former.doc, columns), 'update',
                   sallyport.subject(), NULLIF(current_setting('sallyport.client_id', true), ''), sallyport.role(),
                   NULLIF(current_setting('sallyport.request_id', true), ''), session_user, former.doc, latter.doc
              FROM (SELECT row_number() OVER () AS position, to_jsonb(o) - 'tenant_id' AS doc FROM old_rows o) AS former
              JOIN (SELECT row_number() OVER () AS position, n.tenant_id, to_jsonb(n) - 'tenant_id' AS doc FROM new_rows n) AS latter
                ON latter.position = former.position
             WHERE latter.tenant_id = owner AND former.doc <> latter.doc;
        END IF;
        IF present IS DISTINCT FROM owner::text THEN
            PERFORM set_config('sallyport.tenant_id', COALESCE(present, ''), true);
        END IF;
    END LOOP;
    RETURN NULL;
END
$body$;

-- Read over HTTP as row_audit of the audited table's schema: what policies let the reader see.
CREATE FUNCTION sallyport.serve_audit(target_schema name) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    present record;
BEGIN
    SELECT c.relkind, obj_description(c.oid, 'pg_class') AS comment INTO present
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = target_schema AND c.relname = 'row_audit';
    IF present.relkind IS NOT NULL THEN
        RETURN present.relkind = 'v' AND present.comment = 'Changes of audited rows; scope {table}:audit.';
    END IF;
    EXECUTE format(
        'CREATE VIEW %I.row_audit WITH (security_invoker = true) AS '
        'SELECT a.changed_at, a.id, a."table", a.key, a.action, a.subject, a.client, a.role, a.request_id, a.login, a.before, a.after '
        'FROM sallyport.row_audit a WHERE a."schema" = %1$L', target_schema);
    EXECUTE format('COMMENT ON VIEW %I.row_audit IS %L', target_schema, 'Changes of audited rows; scope {table}:audit.');
    EXECUTE format('GRANT SELECT ON %I.row_audit TO sallyport_api', target_schema);
    RETURN true;
END
$body$;

CREATE FUNCTION sallyport.enable_audit(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    event record;
    place name;
BEGIN
    PERFORM sallyport.require_tenancy(target);
    FOR event IN
        SELECT * FROM (VALUES ('insert', 'NEW TABLE AS new_rows'), ('update', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
                              ('delete', 'OLD TABLE AS old_rows')) AS events (name, tables)
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s REFERENCING %s FOR EACH STATEMENT '
            'EXECUTE FUNCTION sallyport.record_rows()', 'sallyport_audit_' || event.name, event.name, target, event.tables);
    END LOOP;
    SELECT n.nspname INTO place FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target;
    IF NOT sallyport.serve_audit(place) THEN
        RAISE WARNING '%.row_audit is something else, so the changes are not served over HTTP', place
            USING HINT = format('Rename it, and run SELECT sallyport.serve_audit(%L)', place);
    END IF;
    PERFORM pg_notify('sallyport_catalog', target::text);
END
$body$;
COMMENT ON FUNCTION sallyport.enable_audit(regclass) IS 'Records every change of the table''s rows in sallyport.row_audit. Idempotent.';

-- Workflow: a column that changes only along declared transitions.
--
--   SELECT sallyport.enable_workflow('api.orders', 'status', '{"": ["new"], "new": ["paid", "cancelled"],
--       "paid": [{"to": "shipped", "role": ["manager", "owner"]}, {"to": "refunded", "scope": "orders:refund"}]}');
--
-- The key "" lists the states that a row may begin in; without it, those are the states to which none leads. NULL is no state yet: such a
-- row may take an initial state, and no row returns to it. A transition may ask for a role, one of several, or a scope. What is refused
-- raises PT409, or PT403 where only role or scope are missing, with the states that may follow.

CREATE FUNCTION sallyport.check_transition(target regclass, name text, states jsonb, former text, latter text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    options jsonb := COALESCE(states -> COALESCE(former, ''), '[]');
    wanted  jsonb;
    allowed text[];
    bare    name;
BEGIN
    IF options ? latter THEN
        -- The conditions that it comes under, if none of them holds.
        SELECT jsonb_agg(c.value) FILTER (WHERE NOT c.holds) INTO wanted
          FROM (SELECT o.value, bool_or((NOT o.value ? 'role' OR o.value -> 'role' ? COALESCE(sallyport.role(), ''))
                           AND (NOT o.value ? 'scope' OR sallyport.has_scope(o.value ->> 'scope'))) OVER () AS holds
                  FROM jsonb_array_elements(options) o
                 WHERE o.value ->> 'to' = latter) AS c;
        IF wanted IS NULL THEN
            RETURN;
        END IF;
    END IF;
    SELECT array_agg(o.value #>> '{}' ORDER BY o.position) INTO allowed
      FROM jsonb_array_elements(options) WITH ORDINALITY AS o (value, position)
     WHERE jsonb_typeof(o.value) = 'string';
    bare := (SELECT relname FROM pg_class WHERE oid = COALESCE(pg_partition_root(target), target));
    RAISE EXCEPTION '%.% cannot %', bare, name,
            CASE WHEN former IS NULL THEN format('begin as "%s"', latter)
                 WHEN latter IS NULL THEN format('change from "%s" to nothing', former)
                 ELSE format('change from "%s" to "%s"', former, latter) END
        USING ERRCODE = CASE WHEN wanted IS NULL THEN 'PT409' ELSE 'PT403' END,
              DETAIL = COALESCE('Allowed: ' || array_to_string(allowed, ', ') || '.', 'No other state is allowed.'),
              HINT = CASE WHEN wanted IS NULL THEN 'The row may have changed meanwhile: read it again.' ELSE
                  (SELECT format('This takes %s.', string_agg(concat_ws(' with ',
                              (SELECT 'the role ' || string_agg(r.value, ' or ') FROM jsonb_array_elements_text(w.value -> 'role') r),
                              'the scope ' || (w.value ->> 'scope')), ', or '))
                     FROM jsonb_array_elements(wanted) w) END;
END
$body$;
GRANT EXECUTE ON FUNCTION sallyport.check_transition(regclass, text, jsonb, text, text) TO PUBLIC;

CREATE FUNCTION sallyport.keep_to_workflow() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    latter text;
BEGIN
    IF sallyport.column_type(TG_RELID, TG_ARGV[0]) IS NULL THEN
        RAISE EXCEPTION 'the workflow of % speaks of a column that is no longer there', TG_TABLE_NAME
            USING ERRCODE = 'PT500', HINT = 'Declare it again.';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        PERFORM sallyport.check_transition(
            TG_RELID, TG_ARGV[0], TG_ARGV[1]::jsonb, to_jsonb(OLD) ->> TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[0]);
        RETURN NEW;
    END IF;
    FOR latter IN EXECUTE format('SELECT DISTINCT n.%I::text FROM new_rows n WHERE n.%1$I IS NOT NULL', TG_ARGV[0]) LOOP
        PERFORM sallyport.check_transition(TG_RELID, TG_ARGV[0], TG_ARGV[1]::jsonb, NULL, latter);
    END LOOP;
    RETURN NULL;
END
$body$;
GRANT EXECUTE ON FUNCTION sallyport.column_type(regclass, text) TO PUBLIC;

-- Every state with a list of states, and behind them the conditions: {"to": …, "role": […], "scope": …}.
CREATE FUNCTION sallyport.workflow_states(transitions jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    example CONSTANT text := 'Give an object such as {"new": ["paid", {"to": "cancelled", "role": "manager"}], "paid": []}.';
    states  jsonb := '{}';
    state   record;
    option  jsonb;
    options jsonb;
    conditions jsonb;
    initial jsonb;
BEGIN
    IF jsonb_typeof(transitions) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'transitions must be a JSON object' USING ERRCODE = 'invalid_parameter_value', HINT = example;
    END IF;
    FOR state IN SELECT * FROM jsonb_each(transitions) LOOP
        IF jsonb_typeof(state.value) <> 'array' THEN
            RAISE EXCEPTION 'the transitions from "%" must be a list', state.key
                USING ERRCODE = 'invalid_parameter_value', HINT = example;
        END IF;
        options := '[]';
        conditions := '[]';
        FOR option IN SELECT * FROM jsonb_array_elements(state.value) LOOP
            IF jsonb_typeof(option) = 'string' THEN
                option := jsonb_build_object('to', option);
            END IF;
            IF jsonb_typeof(option -> 'role') = 'string' THEN
                option := jsonb_set(option, '{role}', jsonb_build_array(option -> 'role'));
            END IF;
            IF jsonb_typeof(option) <> 'object'
                OR jsonb_typeof(option -> 'to') IS DISTINCT FROM 'string' OR option ->> 'to' = ''
                OR option - ARRAY['to', 'role', 'scope'] <> '{}'
                OR jsonb_typeof(option -> 'role') <> 'array'
                OR jsonb_path_exists(option, 'strict $.role[*] ? (@.type() != "string")', '{}', true)
                OR jsonb_typeof(option -> 'scope') <> 'string'
                OR option ->> 'scope' !~ '^[^:\s]+:[^:\s]+$'
            THEN
                RAISE EXCEPTION 'the transition from "%" to % cannot be read', state.key, option
                    USING ERRCODE = 'invalid_parameter_value', HINT = example;
            END IF;
            IF NOT options @> jsonb_build_array(option -> 'to') THEN
                options := options || jsonb_build_array(option -> 'to');
            END IF;
            IF option - 'to' <> '{}' THEN
                conditions := conditions || jsonb_build_array(option);
            END IF;
        END LOOP;
        options := options || conditions;
        states := states || jsonb_build_object(state.key, options);
    END LOOP;
    IF NOT states ? '' THEN
        SELECT jsonb_agg(begin.state) INTO initial
          FROM jsonb_object_keys(states) AS begin (state)
         WHERE NOT EXISTS (SELECT FROM jsonb_each(states) s WHERE s.value ? begin.state AND s.key <> begin.state);
        IF initial IS NULL THEN
            RAISE EXCEPTION 'no state is without a transition to it, so it is not known how a row begins'
                USING ERRCODE = 'invalid_parameter_value', HINT = 'List the states a row may begin in under the key "".';
        END IF;
        states := states || jsonb_build_object('', initial);
    END IF;
    -- States that only are led to.
    SELECT states || COALESCE(jsonb_object_agg(o.value #>> '{}', '[]'::jsonb), '{}') INTO states
      FROM jsonb_each(states) s, jsonb_array_elements(s.value) o
     WHERE jsonb_typeof(o.value) = 'string' AND NOT states ? (o.value #>> '{}');
    RETURN states;
END
$body$;

CREATE FUNCTION sallyport.enable_workflow(target regclass, status_column text, transitions jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    states  jsonb := sallyport.workflow_states(transitions);
    present text;
BEGIN
    PERFORM sallyport.require_tenancy(target);
    IF sallyport.column_type(target, status_column) IS NULL OR status_column = 'tenant_id' THEN
        RAISE EXCEPTION '% has no column %', target, quote_ident(status_column)
            USING ERRCODE = 'undefined_column', HINT = format('ALTER TABLE %s ADD COLUMN %I text', target, status_column);
    END IF;
    SELECT f.workflow_column INTO present FROM sallyport.features(target) f;
    IF present <> status_column THEN
        RAISE EXCEPTION '% has a workflow of its column % already', target, quote_ident(present)
            USING ERRCODE = 'duplicate_object',
                  HINT = format('DROP TRIGGER sallyport_workflow ON %s; DROP TRIGGER sallyport_workflow_initial ON %1$s', target);
    END IF;
    -- Before, as an update that moves the row to another partition fires nothing after; the inserted rows as one, as such a move is none.
    EXECUTE format('CREATE OR REPLACE TRIGGER sallyport_workflow BEFORE UPDATE ON %s FOR EACH ROW '
        'WHEN (OLD.%I IS DISTINCT FROM NEW.%2$I) EXECUTE FUNCTION sallyport.keep_to_workflow(%2$L, %3$L)', target, status_column, states);
    EXECUTE format('CREATE OR REPLACE TRIGGER sallyport_workflow_initial AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows '
        'FOR EACH STATEMENT EXECUTE FUNCTION sallyport.keep_to_workflow(%L, %L)', target, status_column, states);
    PERFORM pg_notify('sallyport_catalog', target::text);
END
$body$;
COMMENT ON FUNCTION sallyport.enable_workflow(regclass, text, jsonb) IS
    'Lets a column change only along the transitions given: {"from": ["to", {"to": …, "role": …, "scope": …}], …}. Idempotent.';

-- Maintained columns: created_at, created_by, updated_at, updated_by, those that the table has. Clients cannot set them.

CREATE FUNCTION sallyport.maintain_row() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    is_new boolean := TG_OP = 'INSERT';
BEGIN
    -- A row that an update moves to another partition is inserted there next.
    IF is_new AND TG_ARGV[0] = 'partitioned' AND current_setting('sallyport.moving_row', true) <> ''
        AND current_setting('sallyport.moving_row', true) = md5(to_jsonb(NEW)::text)
    THEN
        PERFORM set_config('sallyport.moving_row', '', true);
        RETURN NEW;
    END IF;
    IF 'created_at' = ANY (TG_ARGV) THEN
        IF is_new THEN NEW.created_at := now(); ELSE NEW.created_at := OLD.created_at; END IF;
    END IF;
    IF 'created_by' = ANY (TG_ARGV) THEN
        IF NOT is_new THEN NEW.created_by := OLD.created_by;
        ELSIF pg_typeof(NEW.created_by) = 'uuid'::regtype THEN NEW.created_by := sallyport.uid();
        ELSE NEW.created_by := sallyport.subject();
        END IF;
    END IF;
    IF 'updated_at' = ANY (TG_ARGV) THEN
        NEW.updated_at := now();
    END IF;
    IF 'updated_by' = ANY (TG_ARGV) THEN
        IF pg_typeof(NEW.updated_by) = 'uuid'::regtype THEN NEW.updated_by := sallyport.uid();
        ELSE NEW.updated_by := sallyport.subject();
        END IF;
    END IF;
    IF NOT is_new AND TG_ARGV[0] = 'partitioned' THEN
        PERFORM set_config('sallyport.moving_row', md5(to_jsonb(NEW)::text), true);
    END IF;
    RETURN NEW;
END
$body$;

CREATE FUNCTION sallyport.maintain(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    wrong   record;
    columns text[] := ARRAY(
        SELECT c.name FROM unnest(ARRAY['created_at', 'created_by', 'updated_at', 'updated_by']) AS c (name)
         WHERE sallyport.column_type(target, c.name) IS NOT NULL);
BEGIN
    PERFORM sallyport.require_tenancy(target);
    IF columns = '{}' THEN
        RAISE EXCEPTION '% has none of the columns created_at, created_by, updated_at, updated_by', target
            USING ERRCODE = 'undefined_column',
                  HINT = format('ALTER TABLE %s ADD COLUMN created_at timestamptz, ADD COLUMN created_by text, '
                      'ADD COLUMN updated_at timestamptz, ADD COLUMN updated_by text', target);
    END IF;
    SELECT c.name, sallyport.column_type(target, c.name) AS type,
           CASE WHEN c.name LIKE '%\_at' THEN 'timestamptz' ELSE 'text' END AS better
      INTO wrong
      FROM unnest(columns) AS c (name)
     WHERE NOT sallyport.column_type(target, c.name) = ANY (
               CASE WHEN c.name LIKE '%\_at' THEN '{timestamptz,timestamp}' ELSE '{text,varchar,uuid}' END::regtype[]);
    IF wrong.name IS NOT NULL THEN
        RAISE EXCEPTION '%.% is %', target, wrong.name, wrong.type
            USING ERRCODE = 'datatype_mismatch',
                  HINT = format('ALTER TABLE %s ALTER COLUMN %I TYPE %s USING %2$I::text::%3$s', target, wrong.name, wrong.better);
    END IF;
    EXECUTE format('CREATE OR REPLACE TRIGGER sallyport_maintain BEFORE INSERT OR UPDATE ON %s FOR EACH ROW '
        'EXECUTE FUNCTION sallyport.maintain_row(%s)', target,
        (SELECT string_agg(quote_literal(argument), ', ' ORDER BY position)
           FROM unnest(CASE WHEN (SELECT relkind = 'p' FROM pg_class WHERE oid = target) THEN 'partitioned' ELSE '' END || columns)
                WITH ORDINALITY AS arguments (argument, position)));
    PERFORM pg_notify('sallyport_catalog', target::text);
END
$body$;
COMMENT ON FUNCTION sallyport.maintain(regclass) IS
    'Keeps created_at, created_by, updated_at and updated_by, those that the table has, out of the clients'' hands. Idempotent.';

-- The state of a row as a client sees it, for ETag: of the text of its visible columns' values, ROW(…)::text.

CREATE FUNCTION sallyport.row_tag(visible text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(visible, 'UTF8')), 'hex'), 1, 32);
COMMENT ON FUNCTION sallyport.row_tag(text) IS 'A digest of a row''s values, 32 hexadecimal digits.';
GRANT EXECUTE ON FUNCTION sallyport.row_tag(text) TO PUBLIC;

-- Answers to requests that carried an Idempotency-Key, kept for a day in the transaction that had the effect. period: the day in which the
-- row expires.

CREATE TABLE sallyport.idempotency_key (
    tenant_id   uuid        NOT NULL DEFAULT sallyport.current_tenant(),
    period      integer     NOT NULL,
    subject     text        NOT NULL DEFAULT COALESCE(sallyport.subject(), ''),
    key_hash    bytea       NOT NULL CHECK (octet_length(key_hash) = 32),
    -- Of method, path, query and body.
    fingerprint bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
    status      smallint    NOT NULL,
    -- [["name", "value"], …]
    headers     text        NOT NULL,
    body        bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, period, subject, key_hash)
) PARTITION BY RANGE (period);
COMMENT ON TABLE sallyport.idempotency_key IS 'First answers, for retries.';

CREATE POLICY own_keys ON sallyport.idempotency_key TO sallyport_api
    USING (subject = COALESCE((SELECT sallyport.subject()), '')) WITH CHECK (subject = COALESCE((SELECT sallyport.subject()), ''));
SELECT sallyport.isolate('sallyport.idempotency_key');
GRANT SELECT, INSERT ON sallyport.idempotency_key TO sallyport_api;

-- Partitions.

CREATE TABLE sallyport.audit_retention (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    months  integer NOT NULL CHECK (months > 0)
);
COMMENT ON TABLE sallyport.audit_retention IS 'How many whole months of row audit are kept; no row: all.';

CREATE FUNCTION sallyport.keep_audit(months integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    DELETE FROM sallyport.audit_retention;
    IF months IS NOT NULL THEN
        INSERT INTO sallyport.audit_retention (months) VALUES (months);
    END IF;
END
$body$;
COMMENT ON FUNCTION sallyport.keep_audit(integer) IS 'Keeps so many whole months of row audit, and drops what is older; NULL: keeps all.';

CREATE FUNCTION sallyport.maintain_partitions(at timestamptz DEFAULT now()) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $body$
DECLARE
    today   integer := floor(extract(epoch FROM at) / 86400);
    month   timestamptz := date_trunc('month', at);
    first   timestamptz;
    name    text;
    part    record;
    changed integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('sallyport.maintain_partitions', 0));
    -- Months ahead, so that a service that is not started for long does no harm.
    FOR offset_in_months IN 0 .. 3 LOOP
        first := month + make_interval(months => offset_in_months);
        name := 'row_audit_' || to_char(first, 'YYYYMM');
        CONTINUE WHEN to_regclass(format('sallyport.%I', name)) IS NOT NULL;
        EXECUTE format('CREATE TABLE sallyport.%I PARTITION OF sallyport.row_audit FOR VALUES FROM (%L) TO (%L)',
            name, first, first + interval '1 month');
        EXECUTE format('ALTER TABLE sallyport.%I ENABLE ROW LEVEL SECURITY', name);
        changed := changed + 1;
    END LOOP;
    FOR number IN today - 1 .. today + 3 LOOP
        name := 'idempotency_key_' || number;
        CONTINUE WHEN to_regclass(format('sallyport.%I', name)) IS NOT NULL;
        EXECUTE format('CREATE TABLE sallyport.%I PARTITION OF sallyport.idempotency_key FOR VALUES FROM (%s) TO (%s)',
            name, number, number + 1);
        EXECUTE format('ALTER TABLE sallyport.%I ENABLE ROW LEVEL SECURITY', name);
        changed := changed + 1;
    END LOOP;
    -- Whatever time the caller names, nothing is dropped before its own.
    today := least(today, floor(extract(epoch FROM now()) / 86400));
    month := least(month, date_trunc('month', now()));
    FOR part IN
        SELECT child.oid::regclass AS name
          FROM pg_inherits
          JOIN pg_class AS child ON child.oid = inhrelid
          LEFT JOIN sallyport.audit_retention AS kept ON true
         WHERE inhparent = 'sallyport.idempotency_key'::regclass AND substring(child.relname FROM '_(\d+)$')::integer < today - 1
            OR inhparent = 'sallyport.row_audit'::regclass
               AND substring(child.relname FROM '_(\d{6})$') < to_char(month - make_interval(months => kept.months), 'YYYYMM')
    LOOP
        EXECUTE format('DROP TABLE %s', part.name);
        changed := changed + 1;
    END LOOP;
    RETURN changed;
END
$body$;
COMMENT ON FUNCTION sallyport.maintain_partitions(timestamptz) IS
    'Makes the partitions that will be needed and drops those whose rows have expired. Returns how many. Idempotent.';
GRANT EXECUTE ON FUNCTION sallyport.maintain_partitions(timestamptz) TO sallyport_api, sallyport_auth;

SELECT sallyport.maintain_partitions();

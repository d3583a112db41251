-- Soft delete holds on the table itself, whatever way leads to it: views, upserts, functions, foreign keys of other tables.
--
-- For the API, and beneath it for whatever runs with its rights:
--   * no row begins as deleted, through a view neither;
--   * a row that is marked is not changed, only restored or purged: an update passes it over, an upsert that meets it is refused (PT409);
--   * deleting or purging a row of another table removes no row of this one that is not marked, and a marked one only where the request purges.
--     The foreign key's CASCADE is refused then (23503).
-- A function that runs with its owner's rights stands above this where it deletes by itself; for what foreign keys remove it sets
-- sallyport.purge to 'on' as well.

-- Who deleted, and when, is not the caller's to say. A cascade has its own time from the row that began it.
CREATE OR REPLACE FUNCTION sallyport.mark_row() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF current_setting('sallyport.following', true) = 'on' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF current_user = 'sallyport_api' THEN
            RAISE EXCEPTION 'rows of % do not begin as deleted', TG_ARGV[0] USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN
        IF OLD.deleted_at IS NOT NULL AND current_user = 'sallyport_api' THEN
            IF current_setting('sallyport.inserting', true) LIKE '% ' || COALESCE(pg_partition_root(TG_RELID), TG_RELID)::oid || ' %' THEN
                RAISE EXCEPTION 'a row of % with this key is deleted', TG_ARGV[0] USING ERRCODE = 'PT409', HINT = 'It can be restored.';
            END IF;
            RETURN NULL;
        END IF;
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

-- Which tables the statements under way insert into: where a row is updated meanwhile, it is an upsert's.
CREATE FUNCTION sallyport.note_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    known text := COALESCE(NULLIF(current_setting('sallyport.inserting', true), ''), ' ');
BEGIN
    IF TG_WHEN = 'BEFORE' THEN
        PERFORM set_config('sallyport.inserting', format(' %s%s', TG_RELID::oid, known), true);
    ELSE
        PERFORM set_config('sallyport.inserting', regexp_replace(known, format(' %s ', TG_RELID::oid), ' '), true);
    END IF;
    RETURN NULL;
END
$body$;

-- As before, but that the marks it sets are told from others by a setting, not by how deep triggers are nested.
CREATE OR REPLACE FUNCTION sallyport.follow_mark() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    parent    regclass := COALESCE(pg_partition_root(TG_RELID), TG_RELID);
    following text := COALESCE(current_setting('sallyport.following', true), '');
    key       record;
    is_soft   boolean;
    is_found  boolean;
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
            PERFORM set_config('sallyport.following', 'on', true);
            IF NEW.deleted_at IS NULL THEN
                EXECUTE format('UPDATE %s AS child SET deleted_at = NULL, deleted_by = NULL WHERE %s AND deleted_at = ($2).deleted_at',
                    key.child, key.condition) USING NEW, OLD;
            ELSE
                EXECUTE format('UPDATE %s AS child SET deleted_at = ($1).deleted_at, deleted_by = ($1).deleted_by '
                    'WHERE %s AND deleted_at IS NULL', key.child, key.condition) USING NEW;
            END IF;
            PERFORM set_config('sallyport.following', following, true);
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

-- A foreign key removes rows as the owner of their table, so that who began it is only seen by the login, or the role that it took.
CREATE FUNCTION sallyport.keep_row() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    purges boolean := COALESCE(current_setting('sallyport.purge', true) = 'on', false);
BEGIN
    IF pg_trigger_depth() > 1 AND 'sallyport_api' IN (session_user, current_setting('role')) AND (OLD.deleted_at IS NULL OR NOT purges) THEN
        RAISE EXCEPTION '% rows of % refer to the row, and would be removed with it',
            CASE WHEN OLD.deleted_at IS NULL THEN 'living' ELSE 'marked' END, TG_ARGV[0]
            USING ERRCODE = 'foreign_key_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_ARGV[0],
                  HINT = CASE WHEN OLD.deleted_at IS NULL THEN 'Delete them first.' ELSE 'Purge them first.' END;
    END IF;
    RETURN OLD;
END
$body$;

ALTER FUNCTION sallyport.enable_soft_delete(regclass) RENAME TO prepare_soft_delete;
COMMENT ON FUNCTION sallyport.prepare_soft_delete(regclass) IS 'What enable_soft_delete does to columns and indexes.';

CREATE FUNCTION sallyport.guard_soft_delete(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    bare text := quote_literal((SELECT relname FROM pg_class WHERE oid = target));
BEGIN
    -- Conditions, so that what touches no mark calls nothing.
    EXECUTE format('CREATE OR REPLACE TRIGGER sallyport_soft_delete_mark BEFORE UPDATE ON %s FOR EACH ROW '
        'WHEN (OLD.deleted_at IS NOT NULL OR NEW.deleted_at IS NOT NULL OR OLD.deleted_by IS DISTINCT FROM NEW.deleted_by) '
        'EXECUTE FUNCTION sallyport.mark_row(%s)', target, bare);
    EXECUTE format('CREATE OR REPLACE TRIGGER sallyport_soft_delete_begin BEFORE INSERT ON %s FOR EACH ROW '
        'WHEN (NEW.deleted_at IS NOT NULL OR NEW.deleted_by IS NOT NULL) EXECUTE FUNCTION sallyport.mark_row(%s)', target, bare);
    EXECUTE format('CREATE OR REPLACE TRIGGER sallyport_soft_delete_keep BEFORE DELETE ON %s FOR EACH ROW '
        'EXECUTE FUNCTION sallyport.keep_row(%s)', target, bare);
    EXECUTE format('CREATE OR REPLACE TRIGGER sallyport_soft_delete_inserting BEFORE INSERT ON %s FOR EACH STATEMENT '
        'EXECUTE FUNCTION sallyport.note_insert()', target);
    EXECUTE format('CREATE OR REPLACE TRIGGER sallyport_soft_delete_inserted AFTER INSERT ON %s FOR EACH STATEMENT '
        'EXECUTE FUNCTION sallyport.note_insert()', target);
END
$body$;
COMMENT ON FUNCTION sallyport.guard_soft_delete(regclass) IS 'What enable_soft_delete does that no way into the table leads past it. Idempotent.';

CREATE FUNCTION sallyport.enable_soft_delete(target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    PERFORM sallyport.prepare_soft_delete(target);
    PERFORM sallyport.guard_soft_delete(target);
END
$body$;
COMMENT ON FUNCTION sallyport.enable_soft_delete(regclass) IS
    'Deletions of the table''s rows over HTTP mark them: hidden, to be restored or purged. Idempotent.';

-- Tables that were declared before. One of somebody else's is told by resource-api doctor.
DO $upgrade$
DECLARE
    target regclass;
BEGIN
    FOR target IN
        SELECT t.tgrelid::regclass FROM pg_catalog.pg_trigger t
         WHERE t.tgname = 'sallyport_soft_delete_mark' AND t.tgparentid = 0 AND NOT t.tgisinternal
    LOOP
        BEGIN
            PERFORM sallyport.guard_soft_delete(target);
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE WARNING '% is not ours: let its owner run SELECT sallyport.enable_soft_delete(%)', target, pg_catalog.quote_literal(target);
        END;
    END LOOP;
END
$upgrade$;

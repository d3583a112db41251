-- Announces every change of the schema to resource-api, which otherwise looks for one every few seconds. To be run by a superuser, in
-- the database, after the migrations; any number of times.
--
-- The functions are the superuser's own and made anew: they run with the rights of whoever changes the schema, so nobody else may be
-- able to change them.

BEGIN;

DROP EVENT TRIGGER IF EXISTS sallyport_catalog_change;
DROP EVENT TRIGGER IF EXISTS sallyport_catalog_drop;
DROP FUNCTION IF EXISTS sallyport.announce_change();
DROP FUNCTION IF EXISTS sallyport.announce_drop();

CREATE FUNCTION sallyport.announce_change() RETURNS event_trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF EXISTS (
        SELECT FROM pg_event_trigger_ddl_commands() AS c
         WHERE c.schema_name IS DISTINCT FROM 'pg_temp' AND c.command_tag <> 'REFRESH MATERIALIZED VIEW'
    ) THEN
        PERFORM pg_notify('sallyport_catalog', '');
    END IF;
END
$body$;

CREATE FUNCTION sallyport.announce_drop() RETURNS event_trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() AS o WHERE NOT o.is_temporary) THEN
        PERFORM pg_notify('sallyport_catalog', '');
    END IF;
END
$body$;

REVOKE ALL ON FUNCTION sallyport.announce_change(), sallyport.announce_drop() FROM PUBLIC;

CREATE EVENT TRIGGER sallyport_catalog_change ON ddl_command_end EXECUTE FUNCTION sallyport.announce_change();
CREATE EVENT TRIGGER sallyport_catalog_drop ON sql_drop EXECUTE FUNCTION sallyport.announce_drop();

COMMIT;

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

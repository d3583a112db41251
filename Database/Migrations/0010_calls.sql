-- What a function that the resource API calls may say about the answer, in settings of its transaction:
--   response.status   '201'
--   response.headers  '[{"Cache-Control": "max-age=60"}, {"Set-Cookie": "a=b"}]'
-- They are read inside the transaction, so that a call whose answer cannot be given changes nothing.

CREATE FUNCTION sallyport.response_status() RETURNS text
    LANGUAGE plpgsql VOLATILE COST 1
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    status text := nullif(current_setting('response.status', true), '');
BEGIN
    -- 1xx are not answers.
    IF status !~ '^[2-5][0-9][0-9]$' THEN
        PERFORM sallyport.refuse('PGRST112', 'response.status guc must be a valid status code');
    END IF;
    RETURN status;
END
$body$;
COMMENT ON FUNCTION sallyport.response_status() IS 'The status that this transaction wishes for the answer; null: none.';

CREATE FUNCTION sallyport.response_headers() RETURNS text
    LANGUAGE plpgsql VOLATILE COST 1
    SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    headers  text := nullif(current_setting('response.headers', true), '');
    is_valid boolean;
BEGIN
    IF headers IS NULL THEN
        RETURN NULL;
    END IF;
    BEGIN
        SELECT COALESCE(bool_and(
                   (SELECT count(*) FROM json_object_keys(element)) = 1
                   AND NOT EXISTS (
                       SELECT FROM json_each(element) AS field
                        WHERE json_typeof(field.value) <> 'string'
                           OR field.key !~ '^[!#$%&''*+.^_`|~0-9A-Za-z-]{1,100}$'
                           -- What frames the message, or tells browsers how far to trust it, is not a function's to say.
                           OR lower(field.key) IN (
                                  'connection', 'content-length', 'content-encoding', 'date', 'keep-alive', 'server', 'te', 'trailer',
                                  'transfer-encoding', 'upgrade', 'www-authenticate', 'x-request-id', 'strict-transport-security',
                                  'x-content-type-options', 'x-frame-options')
                           OR field.key ~* '^(access-control|cross-origin|proxy)-'
                           -- A line break would begin another header, or the body.
                           OR field.value #>> '{}' !~ '^[\x20-\x7e\x09]*$'
                           OR octet_length(field.value #>> '{}') > 4096)),
                   true) AND count(*) <= 32
          INTO is_valid
          FROM json_array_elements(headers::json) AS element;
    EXCEPTION WHEN data_exception THEN
        is_valid := false;
    END;
    IF NOT is_valid THEN
        PERFORM sallyport.refuse(
            'PGRST111', 'response.headers guc must be a JSON array composed of objects with a single key and a string value');
    END IF;
    RETURN headers;
END
$body$;
COMMENT ON FUNCTION sallyport.response_headers() IS
    'The headers that this transaction wishes for the answer, [{"name": "value"}]; null: none.';

GRANT EXECUTE ON FUNCTION sallyport.response_status(), sallyport.response_headers() TO sallyport_api;

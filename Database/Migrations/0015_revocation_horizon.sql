-- How far a reader of the revocation log may claim to have read. After a crash PostgreSQL hands out again the transaction ids above the last
-- one that left a trace on disk; those up to the log's last entry, which is on disk, are never handed out again.

-- Of the statement that asks, as everything that is visible to it; null for an empty log.
CREATE FUNCTION sallyport.revocation_horizon()
    RETURNS xid8
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.transaction_id FROM auth.revocation AS r ORDER BY r.transaction_id DESC LIMIT 1
$$;
REVOKE ALL ON FUNCTION sallyport.revocation_horizon() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sallyport.revocation_horizon() TO sallyport_auth, sallyport_api;

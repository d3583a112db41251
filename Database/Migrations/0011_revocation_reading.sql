-- What both servers hold in memory: the living revocations of all tenants. The API's role has nothing else of schema auth.

CREATE POLICY read_by_functions ON auth.revocation FOR SELECT TO CURRENT_USER USING (true);

-- not_before and expires_at in whole seconds since 1970, as they are announced.
CREATE FUNCTION sallyport.living_revocations(at timestamptz)
    RETURNS TABLE (tenant_id uuid, kind text, target text, not_before bigint, expires_at bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.tenant_id, r.kind, r.target, floor(extract(epoch FROM r.not_before))::bigint, ceil(extract(epoch FROM r.expires_at))::bigint
      FROM auth.revocation AS r
     WHERE r.period >= floor(extract(epoch FROM at) / 86400)::integer AND r.expires_at > at
$$;
REVOKE ALL ON FUNCTION sallyport.living_revocations(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sallyport.living_revocations(timestamptz) TO sallyport_auth, sallyport_api;

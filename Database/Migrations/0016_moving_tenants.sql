-- Tenants that move between deployments, and tenants that are erased: `auth-server tenant export`, `import` and `delete` work as the owner of
-- the database, inside one tenant. What the owner sees of tables that are the platform's, it sees of that tenant only.

CREATE POLICY moved_by_owner ON auth.tenant TO CURRENT_USER
    USING (id = (SELECT sallyport.current_tenant())) WITH CHECK (id = (SELECT sallyport.current_tenant()));
CREATE POLICY moved_by_owner ON auth.client_directory TO CURRENT_USER
    USING (tenant_id = (SELECT sallyport.current_tenant())) WITH CHECK (tenant_id = (SELECT sallyport.current_tenant()));
CREATE POLICY erased_by_owner ON auth.revocation FOR DELETE TO CURRENT_USER
    USING (tenant_id = (SELECT sallyport.current_tenant()));
CREATE POLICY erased_by_owner ON sallyport.idempotency_key TO CURRENT_USER
    USING (tenant_id = (SELECT sallyport.current_tenant()));

-- Such a transaction sets sallyport.moving to 'in' or 'out'. Anybody can set it; it counts where the owner is who connected, which could drop
-- these triggers as well. So the tables of the services need not be locked against everybody else to get by without.
CREATE FUNCTION sallyport.is_owner() RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = 'auth.tenant'::regclass AND pg_get_userbyid(c.relowner) = session_user);
END;
COMMENT ON FUNCTION sallyport.is_owner() IS 'Whether who connected is the owner of the services'' tables.';
GRANT EXECUTE ON FUNCTION sallyport.is_owner() TO sallyport_auth;

-- A log that arrives keeps its numbers, times and hashes.
CREATE OR REPLACE TRIGGER chain BEFORE INSERT ON auth.audit_event
    FOR EACH ROW WHEN (current_setting('sallyport.moving', true) IS DISTINCT FROM 'in' OR NOT sallyport.is_owner())
    EXECUTE FUNCTION auth.chain_audit_event();

-- The tenant's own row tells the services; a word for each of its people besides would make them forget everybody's.
CREATE OR REPLACE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON auth.membership
    FOR EACH ROW WHEN (COALESCE(current_setting('sallyport.moving', true), '') NOT IN ('in', 'out') OR NOT sallyport.is_owner())
    EXECUTE FUNCTION auth.announce_change();

CREATE OR REPLACE TRIGGER keep_an_owner AFTER UPDATE OR DELETE ON auth.membership
    FOR EACH ROW WHEN (current_setting('sallyport.moving', true) IS DISTINCT FROM 'out' OR NOT sallyport.is_owner())
    EXECUTE FUNCTION auth.keep_an_owner();

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

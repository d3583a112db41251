-- Accounts that leave the hands of the tenant that made them, and what belongs to accounts whatever their tenants.

CREATE POLICY found_by_functions ON auth.second_factor TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY found_by_functions ON auth.recovery_code TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY written_by_functions ON auth.revocation FOR INSERT TO CURRENT_USER
    WITH CHECK (tenant_id = (SELECT sallyport.current_tenant()));

-- An account that joins a second tenant is nobody's to manage but its own. Whoever managed it may know its password, have signed in as it,
-- and hold its second factor: none of that counts in the tenant that it joins.
CREATE OR REPLACE FUNCTION auth.free_shared_account() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    former  uuid;
    -- As sallyport's servers reckon: no access token outlives it.
    moot    timestamptz := clock_timestamp() + interval '86460 seconds';
    present text := current_setting('sallyport.tenant_id', true);
BEGIN
    SELECT managing_tenant_id INTO former
      FROM auth.account
     WHERE id = NEW.account_id AND managing_tenant_id <> NEW.tenant_id
       FOR UPDATE;
    IF former IS NULL THEN
        RETURN NULL;
    END IF;

    -- A proof of the password that is older than password_changed_at counts no longer.
    UPDATE auth.account
       SET managing_tenant_id = NULL, is_email_verified = false, must_change_password = password_hash IS NOT NULL,
           password_changed_at = clock_timestamp(), updated_at = now()
     WHERE id = NEW.account_id;
    UPDATE auth.session SET ended_at = now() WHERE account_id = NEW.account_id AND ended_at IS NULL;
    DELETE FROM auth.second_factor WHERE account_id = NEW.account_id;
    DELETE FROM auth.recovery_code WHERE account_id = NEW.account_id;

    -- The former tenant's rows are behind its wall, for this function too.
    PERFORM set_config('sallyport.tenant_id', former::text, true);
    UPDATE auth.tenant_session SET ended_at = now()
     WHERE tenant_id = former AND account_id = NEW.account_id AND ended_at IS NULL;
    UPDATE auth.access_grant SET revoked_at = now()
     WHERE tenant_id = former AND account_id = NEW.account_id AND revoked_at IS NULL;
    INSERT INTO auth.revocation (tenant_id, period, kind, target, not_before, reason, expires_at)
    SELECT former, floor(extract(epoch FROM moot) / 86400)::integer, 'user', target, clock_timestamp(),
           'the account joined another tenant', moot
      FROM (SELECT NEW.account_id::text
             UNION
            SELECT subject FROM auth.access_grant WHERE tenant_id = former AND account_id = NEW.account_id) AS names (target);
    PERFORM set_config('sallyport.tenant_id', coalesce(present, ''), true);
    RETURN NULL;
END
$$;

-- For a new master key: accounts that are a member of nothing have second factors too.
CREATE FUNCTION auth.accounts_with_second_factor() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT second_factor.account_id FROM auth.second_factor ORDER BY second_factor.account_id;
END;
COMMENT ON FUNCTION auth.accounts_with_second_factor() IS 'Whose second factors are to be sealed anew when the master key changes.';
REVOKE ALL ON FUNCTION auth.accounts_with_second_factor() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.accounts_with_second_factor() TO sallyport_auth;

-- People: accounts, their memberships in tenants, sign-in sessions, and what a tenant decides about all of them.
--
-- An account belongs to a person, not to a tenant. Rows of it are seen in two ways only: from inside a tenant that the account is a
-- member of, or as the account itself (sallyport.account_id), after it has proved who it is.

-- What a tenant decides.

ALTER TABLE auth.tenant
    ADD COLUMN color                    text    CHECK (color ~ '^#[0-9a-f]{6}$'),
    ADD COLUMN logo_uri                 text    CHECK (logo_uri ~ '^https://' AND length(logo_uri) <= 2000),
    ADD COLUMN requires_second_factor   boolean NOT NULL DEFAULT false,
    ADD COLUMN allows_one_session_only  boolean NOT NULL DEFAULT false,
    ADD COLUMN session_lifetime_seconds integer NOT NULL DEFAULT 2592000 CHECK (session_lifetime_seconds BETWEEN 300 AND 31536000),
    ADD COLUMN session_idle_seconds     integer NOT NULL DEFAULT 604800 CHECK (session_idle_seconds BETWEEN 60 AND 31536000),
    ADD COLUMN password_minimum_length  integer NOT NULL DEFAULT 12 CHECK (password_minimum_length BETWEEN 8 AND 128),
    ADD COLUMN key_rotation_days        integer CHECK (key_rotation_days BETWEEN 1 AND 3650);

GRANT UPDATE (color, logo_uri, requires_second_factor, allows_one_session_only, session_lifetime_seconds, session_idle_seconds,
              password_minimum_length, key_rotation_days)
    ON auth.tenant TO sallyport_auth;

-- Who asks, besides the tenant.

CREATE FUNCTION auth.current_account() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(pg_catalog.current_setting('sallyport.account_id', true), '')::pg_catalog.uuid;
COMMENT ON FUNCTION auth.current_account() IS 'The account that this transaction acts as; NULL when none is set.';
GRANT EXECUTE ON FUNCTION auth.current_account() TO sallyport_auth;

CREATE TABLE auth.account (
    id                   uuid        PRIMARY KEY,
    email                text        NOT NULL CHECK (email ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$' AND octet_length(email) <= 254),
    is_email_verified    boolean     NOT NULL DEFAULT false,
    name                 text        CHECK (length(name) <= 200),
    given_name           text        CHECK (length(given_name) <= 200),
    family_name          text        CHECK (length(family_name) <= 200),
    picture              text        CHECK (picture ~ '^https://' AND length(picture) <= 2000),
    locale               text        CHECK (locale ~ '^[A-Za-z0-9-]{2,35}$'),
    zoneinfo             text        CHECK (zoneinfo ~ '^[A-Za-z0-9_+/-]{1,64}$'),
    -- A PHC string or what another system stored; NULL: no sign-in by password.
    password_hash        text        CHECK (octet_length(password_hash) <= 1024),
    password_changed_at  timestamptz,
    must_change_password boolean     NOT NULL DEFAULT false,
    -- The tenant whose admins may change the account, until it joins a second one.
    managing_tenant_id   uuid        REFERENCES auth.tenant (id),
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    disabled_at          timestamptz
);

CREATE UNIQUE INDEX account_email ON auth.account (lower(email));

CREATE TABLE auth.membership (
    tenant_id   uuid        NOT NULL REFERENCES auth.tenant (id),
    account_id  uuid        NOT NULL REFERENCES auth.account (id) ON DELETE CASCADE,
    role_name   text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,
    PRIMARY KEY (tenant_id, account_id),
    FOREIGN KEY (tenant_id, role_name) REFERENCES auth.role (tenant_id, name)
);

CREATE INDEX membership_account ON auth.membership (account_id, tenant_id);
CREATE INDEX membership_role ON auth.membership (tenant_id, role_name);

CREATE TABLE auth.invitation (
    tenant_id   uuid        NOT NULL REFERENCES auth.tenant (id),
    id          uuid        NOT NULL,
    email       text        NOT NULL CHECK (octet_length(email) <= 254),
    role_name   text        NOT NULL,
    token_hash  bytea       NOT NULL CHECK (octet_length(token_hash) = 32),
    -- The account's id, or the client's.
    invited_by  text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    withdrawn_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, role_name) REFERENCES auth.role (tenant_id, name)
);

-- Second factors belong to the account. The secret is sealed under the master key; a step is used once (RFC 6238 §5.2).
CREATE TABLE auth.second_factor (
    account_id    uuid        PRIMARY KEY REFERENCES auth.account (id) ON DELETE CASCADE,
    sealed_secret bytea       NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    confirmed_at  timestamptz,
    last_step     bigint      NOT NULL DEFAULT 0
);

CREATE TABLE auth.recovery_code (
    account_id uuid        NOT NULL REFERENCES auth.account (id) ON DELETE CASCADE,
    code_hash  bytea       NOT NULL CHECK (octet_length(code_hash) = 32),
    used_at    timestamptz,
    PRIMARY KEY (account_id, code_hash)
);

-- A browser in which somebody has signed in. period: see auth.maintain_partitions().
CREATE TABLE auth.session (
    period           integer     NOT NULL,
    id               uuid        NOT NULL,
    account_id       uuid        NOT NULL,
    token_hash       bytea       NOT NULL CHECK (octet_length(token_hash) = 32),
    authenticated_at timestamptz NOT NULL,
    -- RFC 8176: pwd, otp, mfa.
    methods          text[]      NOT NULL,
    user_agent       text        NOT NULL DEFAULT '' CHECK (length(user_agent) <= 400),
    address          text        NOT NULL DEFAULT '' CHECK (length(address) <= 64),
    created_at       timestamptz NOT NULL,
    last_seen_at     timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    PRIMARY KEY (period, id)
) PARTITION BY RANGE (period);

CREATE UNIQUE INDEX session_token ON auth.session (period, token_hash);
CREATE INDEX session_account ON auth.session (account_id);

-- A tenant's part in such a session: what its admins see and end, and the sid of its tokens.
CREATE TABLE auth.tenant_session (
    tenant_id    uuid        NOT NULL,
    period       integer     NOT NULL,
    id           uuid        NOT NULL,
    account_id   uuid        NOT NULL,
    session_id   uuid        NOT NULL,
    user_agent   text        NOT NULL DEFAULT '' CHECK (length(user_agent) <= 400),
    address      text        NOT NULL DEFAULT '' CHECK (length(address) <= 64),
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    PRIMARY KEY (tenant_id, period, id),
    UNIQUE (tenant_id, period, session_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES auth.membership (tenant_id, account_id) ON DELETE CASCADE
) PARTITION BY RANGE (period);

CREATE INDEX tenant_session_account ON auth.tenant_session (tenant_id, account_id);

-- Failed sign-ins, by what they have in common: the SHA-256 of an account, an address, or both.
CREATE TABLE auth.sign_in_throttle (
    key_hash       bytea       PRIMARY KEY CHECK (octet_length(key_hash) = 32),
    failures       integer     NOT NULL,
    last_failed_at timestamptz NOT NULL,
    blocked_until  timestamptz NOT NULL
);

-- Isolation.

ALTER TABLE auth.account ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY seen_by_itself_and_its_tenants ON auth.account FOR SELECT TO sallyport_auth
    USING (id = (SELECT auth.current_account())
           OR EXISTS (SELECT FROM auth.membership AS m
                       WHERE m.tenant_id = (SELECT sallyport.current_tenant()) AND m.account_id = account.id));
CREATE POLICY made_by_itself ON auth.account FOR INSERT TO sallyport_auth
    WITH CHECK (id = (SELECT auth.current_account()));
CREATE POLICY changed_by_itself_and_its_manager ON auth.account FOR UPDATE TO sallyport_auth
    USING (id = (SELECT auth.current_account()) OR managing_tenant_id = (SELECT sallyport.current_tenant()))
    WITH CHECK (id = (SELECT auth.current_account()) OR managing_tenant_id = (SELECT sallyport.current_tenant()));
CREATE POLICY deleted_by_itself_and_its_manager ON auth.account FOR DELETE TO sallyport_auth
    USING (id = (SELECT auth.current_account()) OR managing_tenant_id = (SELECT sallyport.current_tenant()));
CREATE POLICY found_by_functions ON auth.account TO CURRENT_USER USING (true) WITH CHECK (true);

ALTER TABLE auth.membership ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY seen_by_tenant_and_account ON auth.membership FOR SELECT TO sallyport_auth
    USING (tenant_id = (SELECT sallyport.current_tenant()) OR account_id = (SELECT auth.current_account()));
CREATE POLICY made_by_tenant ON auth.membership FOR INSERT TO sallyport_auth
    WITH CHECK (tenant_id = (SELECT sallyport.current_tenant()));
CREATE POLICY changed_by_tenant ON auth.membership FOR UPDATE TO sallyport_auth
    USING (tenant_id = (SELECT sallyport.current_tenant())) WITH CHECK (tenant_id = (SELECT sallyport.current_tenant()));
CREATE POLICY deleted_by_tenant ON auth.membership FOR DELETE TO sallyport_auth
    USING (tenant_id = (SELECT sallyport.current_tenant()));
CREATE POLICY found_by_functions ON auth.membership TO CURRENT_USER USING (true) WITH CHECK (true);

ALTER TABLE auth.second_factor ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON auth.second_factor TO sallyport_auth
    USING (account_id = (SELECT auth.current_account())) WITH CHECK (account_id = (SELECT auth.current_account()));

ALTER TABLE auth.recovery_code ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON auth.recovery_code TO sallyport_auth
    USING (account_id = (SELECT auth.current_account())) WITH CHECK (account_id = (SELECT auth.current_account()));

ALTER TABLE auth.session ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON auth.session TO sallyport_auth
    USING (account_id = (SELECT auth.current_account())) WITH CHECK (account_id = (SELECT auth.current_account()));
CREATE POLICY found_by_functions ON auth.session TO CURRENT_USER USING (true) WITH CHECK (true);

ALTER TABLE auth.sign_in_throttle ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON auth.sign_in_throttle TO sallyport_auth USING (true) WITH CHECK (true);

SELECT sallyport.isolate('auth.invitation');
SELECT sallyport.isolate('auth.tenant_session');

GRANT SELECT, INSERT, UPDATE, DELETE
    ON auth.account, auth.membership, auth.invitation, auth.second_factor, auth.recovery_code, auth.sign_in_throttle
    TO sallyport_auth;
GRANT SELECT, INSERT, UPDATE ON auth.session, auth.tenant_session TO sallyport_auth;

CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON auth.membership
    FOR EACH ROW EXECUTE FUNCTION auth.announce_change();

-- What must be found before anybody is known. Each answers one question and nothing else.

CREATE FUNCTION auth.account_of(address text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT account.id FROM auth.account WHERE lower(account.email) = lower(address);
END;
COMMENT ON FUNCTION auth.account_of(text) IS 'The account with an e-mail address, whatever its tenants: for signing in and for invitations.';

CREATE FUNCTION auth.account_of_session(wanted_period integer, wanted_hash bytea) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT session.account_id
      FROM auth.session
     WHERE session.period = wanted_period AND session.token_hash = wanted_hash AND session.ended_at IS NULL;
END;
COMMENT ON FUNCTION auth.account_of_session(integer, bytea) IS 'Whose session it is, for the browser that shows its token.';

GRANT EXECUTE ON FUNCTION auth.account_of(text), auth.account_of_session(integer, bytea) TO sallyport_auth;

-- An account that joins a second tenant is nobody's to manage but its own.
CREATE FUNCTION auth.free_shared_account() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE auth.account
       SET managing_tenant_id = NULL
     WHERE id = NEW.account_id AND managing_tenant_id <> NEW.tenant_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER free_shared_account AFTER INSERT ON auth.membership
    FOR EACH ROW EXECUTE FUNCTION auth.free_shared_account();

-- Whoever removes, demotes or disables an owner must leave another.
CREATE FUNCTION auth.keep_an_owner() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.role_name = 'owner' AND OLD.disabled_at IS NULL
        AND (TG_OP = 'DELETE' OR NEW.role_name <> 'owner' OR NEW.disabled_at IS NOT NULL)
    THEN
        -- Two owners who remove each other at the same moment must not both succeed.
        PERFORM pg_advisory_xact_lock(hashtextextended('owner of ' || OLD.tenant_id, 0));
        IF NOT EXISTS (SELECT FROM auth.membership AS m
                        WHERE m.tenant_id = OLD.tenant_id AND m.role_name = 'owner' AND m.disabled_at IS NULL)
        THEN
            RAISE EXCEPTION 'the last owner of a tenant cannot be removed' USING ERRCODE = 'SP001';
        END IF;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER keep_an_owner AFTER UPDATE OR DELETE ON auth.membership
    FOR EACH ROW EXECUTE FUNCTION auth.keep_an_owner();

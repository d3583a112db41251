-- What clients have been granted on behalf of people, what they prove it with, and what has been taken back.

ALTER TABLE auth.client
    -- First-party clients ask nobody for consent.
    ADD COLUMN is_first_party               boolean NOT NULL DEFAULT false,
    -- May introspect tokens of its tenant (RFC 7662 §2.1).
    ADD COLUMN is_resource_server           boolean NOT NULL DEFAULT false,
    ADD COLUMN post_logout_redirect_uris    text[]  NOT NULL DEFAULT '{}',
    -- OpenID Connect Core §8.
    ADD COLUMN subject_type                 text    NOT NULL DEFAULT 'public' CHECK (subject_type IN ('public', 'pairwise')),
    ADD COLUMN sector_identifier            text    CHECK (sector_identifier <> ''),
    ADD COLUMN userinfo_signed_response_alg text,
    ADD COLUMN refresh_token_idle_seconds   integer NOT NULL DEFAULT 1296000 CHECK (refresh_token_idle_seconds BETWEEN 60 AND 31536000),
    ADD COLUMN updated_at                   timestamptz NOT NULL DEFAULT now();

-- client_secret_jwt needs the secret itself: sealed under the master key, for such clients only.
ALTER TABLE auth.client_secret ADD COLUMN sealed_secret bytea;

-- Keys that all instances share and that change for no tenant: made once, sealed under the master key.
CREATE TABLE auth.platform_key (
    name       text        PRIMARY KEY,
    sealed_key bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE auth.consent (
    tenant_id  uuid        NOT NULL,
    account_id uuid        NOT NULL,
    client_id  text        NOT NULL,
    scopes     text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id, client_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES auth.membership (tenant_id, account_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, client_id) REFERENCES auth.client (tenant_id, client_id) ON DELETE CASCADE
);

-- One authorization: from the person's yes, through every refresh, to its end. The refresh token that is good now is a column of it:
-- rotation is one UPDATE of one row, and a family cannot have two living branches.
CREATE TABLE auth.access_grant (
    tenant_id             uuid        NOT NULL,
    period                integer     NOT NULL,
    id                    uuid        NOT NULL,
    client_id             text        NOT NULL,
    account_id            uuid        NOT NULL,
    -- auth.tenant_session.id; NULL where no browser stands behind it.
    session_id            uuid,
    grant_type            text        NOT NULL CHECK (grant_type IN ('authorization_code', 'password')),
    scopes                text        NOT NULL,
    -- sub, as this client is told it.
    subject               text        NOT NULL,
    authenticated_at      timestamptz NOT NULL,
    methods               text[]      NOT NULL,
    -- The claims parameter (OpenID Connect Core §5.5), as it was asked.
    requested_claims      text,
    created_at            timestamptz NOT NULL,
    expires_at            timestamptz NOT NULL,
    revoked_at            timestamptz,
    -- SHA-256 of the refresh token that is good, and of the one before it, for a retry within the grace window.
    refresh_hash          bytea       CHECK (octet_length(refresh_hash) = 32),
    refresh_previous_hash bytea       CHECK (octet_length(refresh_previous_hash) = 32),
    refresh_generation    integer     NOT NULL DEFAULT 0,
    refreshed_at          timestamptz,
    refresh_expires_at    timestamptz,
    PRIMARY KEY (tenant_id, period, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES auth.membership (tenant_id, account_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, client_id) REFERENCES auth.client (tenant_id, client_id) ON DELETE CASCADE
) PARTITION BY RANGE (period);

CREATE INDEX access_grant_account ON auth.access_grant (tenant_id, account_id);
CREATE INDEX access_grant_client ON auth.access_grant (tenant_id, client_id);
CREATE INDEX access_grant_session ON auth.access_grant (tenant_id, session_id);

-- A spent code stays, so that a replay is recognised.
CREATE TABLE auth.authorization_code (
    tenant_id      uuid        NOT NULL,
    period         integer     NOT NULL,
    code_hash      bytea       NOT NULL CHECK (octet_length(code_hash) = 32),
    grant_period   integer     NOT NULL,
    grant_id       uuid        NOT NULL,
    client_id      text        NOT NULL,
    redirect_uri   text        NOT NULL,
    -- Whether the authorization request named it, so that the token request must too (RFC 6749 §4.1.3).
    must_name_uri  boolean     NOT NULL DEFAULT true,
    code_challenge text        NOT NULL,
    nonce          text,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    consumed_at    timestamptz,
    PRIMARY KEY (tenant_id, period, code_hash)
) PARTITION BY RANGE (period);

-- Assertions that have been used (RFC 7523 §3, jti), until they expire.
CREATE TABLE auth.client_assertion (
    tenant_id  uuid        NOT NULL,
    period     integer     NOT NULL,
    client_id  text        NOT NULL,
    jti_hash   bytea       NOT NULL CHECK (octet_length(jti_hash) = 32),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, period, client_id, jti_hash)
) PARTITION BY RANGE (period);

-- The revocation log: append-only. A row stands until expires_at, when every token that it speaks of has expired by itself.
CREATE SEQUENCE auth.revocation_position;

CREATE TABLE auth.revocation (
    tenant_id      uuid        NOT NULL,
    period         integer     NOT NULL,
    position       bigint      NOT NULL DEFAULT nextval('auth.revocation_position'),
    -- Positions are taken before the commit; who reads on from a position asks which transactions were over.
    transaction_id xid8        NOT NULL DEFAULT pg_current_xact_id(),
    kind           text        NOT NULL CHECK (kind IN ('token', 'grant', 'session', 'user', 'client', 'tenant')),
    -- jti, grant_id, sid, account id or client_id; empty for the tenant itself.
    target         text        NOT NULL CHECK (length(target) <= 255),
    -- Tokens issued up to this second are dead; for a token it says nothing.
    not_before     timestamptz NOT NULL,
    reason         text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, period, position)
) PARTITION BY RANGE (period);

-- Isolation. The log alone is read across tenants: every instance holds all of it.

SELECT sallyport.isolate('auth.consent');
SELECT sallyport.isolate('auth.access_grant');
SELECT sallyport.isolate('auth.authorization_code');
SELECT sallyport.isolate('auth.client_assertion');

ALTER TABLE auth.revocation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY read_by_every_instance ON auth.revocation FOR SELECT TO sallyport_auth USING (true);
CREATE POLICY written_by_tenant ON auth.revocation FOR INSERT TO sallyport_auth
    WITH CHECK (tenant_id = (SELECT sallyport.current_tenant()));

ALTER TABLE auth.platform_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON auth.platform_key TO sallyport_auth USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON auth.consent TO sallyport_auth;
GRANT SELECT, INSERT, UPDATE ON auth.access_grant, auth.authorization_code, auth.platform_key TO sallyport_auth;
GRANT SELECT, INSERT ON auth.client_assertion, auth.revocation TO sallyport_auth;
GRANT USAGE ON SEQUENCE auth.revocation_position TO sallyport_auth;

-- The whole entry travels with the announcement, in commit order: who listens need not ask.
-- Payload: tenant, kind, not_before and expires_at in whole seconds since 1970, target.
CREATE FUNCTION auth.announce_revocation() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify(
        'sallyport_revocation',
        concat_ws(' ', NEW.tenant_id, NEW.kind, floor(extract(epoch FROM NEW.not_before))::bigint,
                  ceil(extract(epoch FROM NEW.expires_at))::bigint, NEW.target));
    RETURN NULL;
END
$$;

CREATE TRIGGER announce AFTER INSERT ON auth.revocation
    FOR EACH ROW EXECUTE FUNCTION auth.announce_revocation();

-- Partitions. A row lives in the partition of its expiry: period is floor(expires_at / span), and a whole period is dropped at once,
-- one span after it ended.
CREATE FUNCTION auth.maintain_partitions(at timestamptz DEFAULT now()) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    family  record;
    part    record;
    today   integer;
    changed integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('auth.maintain_partitions', 0));
    FOR family IN
        SELECT * FROM (VALUES
            ('authorization_code', 86400, 2), ('client_assertion', 86400, 2), ('revocation', 86400, 3),
            ('session', 2419200, 14), ('tenant_session', 2419200, 14), ('access_grant', 2419200, 14)
        ) AS families (name, span, ahead)
    LOOP
        today := floor(extract(epoch FROM at) / family.span);
        FOR number IN today - 1 .. today + family.ahead LOOP
            IF to_regclass(format('auth.%I', family.name || '_' || number)) IS NULL THEN
                EXECUTE format('CREATE TABLE auth.%I PARTITION OF auth.%I FOR VALUES FROM (%s) TO (%s)',
                    family.name || '_' || number, family.name, number, number + 1);
                -- Row-level security is the parent's; who reaches past it must find a wall there too.
                EXECUTE format('ALTER TABLE auth.%I ENABLE ROW LEVEL SECURITY', family.name || '_' || number);
                IF family.name IN ('access_grant', 'tenant_session', 'session') THEN
                    EXECUTE format('ALTER TABLE auth.%I SET (fillfactor = 80)', family.name || '_' || number);
                END IF;
                changed := changed + 1;
            END IF;
        END LOOP;
        FOR part IN
            SELECT child.oid::regclass AS name
              FROM pg_inherits
              JOIN pg_class AS child ON child.oid = inhrelid
             WHERE inhparent = format('auth.%I', family.name)::regclass
               -- Whatever time the caller names, nothing is dropped before its own.
               AND substring(child.relname FROM '_(\d+)$')::integer < least(today, floor(extract(epoch FROM now()) / family.span)) - 1
        LOOP
            EXECUTE format('DROP TABLE %s', part.name);
            changed := changed + 1;
        END LOOP;
    END LOOP;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION auth.maintain_partitions(timestamptz) IS
    'Makes the partitions that will be needed and drops those whose rows have all expired. Returns how many. Idempotent.';
GRANT EXECUTE ON FUNCTION auth.maintain_partitions(timestamptz) TO sallyport_auth;

SELECT auth.maintain_partitions();

-- The authorization server's own tables: tenants, roles, clients and signing keys.
-- Only sallyport_auth reaches them, and the tenant-owned ones only inside a tenant.

-- The registry of tenants belongs to the platform, not to a tenant.
CREATE TABLE auth.tenant (
    id                uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    slug              text        NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name              text        NOT NULL CHECK (name <> ''),
    signing_algorithm text        NOT NULL DEFAULT 'ES256'
                      CHECK (signing_algorithm IN ('ES256', 'ES384', 'EdDSA', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512')),
    created_at        timestamptz NOT NULL DEFAULT now(),
    disabled_at       timestamptz
);

CREATE TABLE auth.role (
    tenant_id   uuid    NOT NULL REFERENCES auth.tenant (id),
    name        text    NOT NULL CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    rank        integer NOT NULL CHECK (rank BETWEEN 0 AND 100),
    permissions text[]  NOT NULL,
    is_built_in boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE auth.client (
    tenant_id                      uuid        NOT NULL REFERENCES auth.tenant (id),
    client_id                      text        NOT NULL CHECK (client_id ~ '^[\x21\x23-\x39\x3b-\x5b\x5d-\x7e]{1,255}$'),
    name                           text        NOT NULL CHECK (name <> ''),
    grant_types                    text[]      NOT NULL
                                   CHECK (grant_types <@ '{client_credentials,authorization_code,refresh_token,password}'),
    token_endpoint_auth_method     text        NOT NULL
                                   CHECK (token_endpoint_auth_method IN
                                          ('client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none')),
    redirect_uris                  text[]      NOT NULL DEFAULT '{}',
    jwks                           jsonb,
    jwks_uri                       text,
    scopes                         text        NOT NULL DEFAULT '',
    role_name                      text,
    access_token_lifetime_seconds  integer     NOT NULL DEFAULT 3600 CHECK (access_token_lifetime_seconds BETWEEN 60 AND 86400),
    refresh_token_lifetime_seconds integer     NOT NULL DEFAULT 2592000 CHECK (refresh_token_lifetime_seconds BETWEEN 300 AND 31536000),
    created_at                     timestamptz NOT NULL DEFAULT now(),
    disabled_at                    timestamptz,
    PRIMARY KEY (tenant_id, client_id),
    FOREIGN KEY (tenant_id, role_name) REFERENCES auth.role (tenant_id, name),
    CHECK (jwks IS NULL OR jwks_uri IS NULL),
    CHECK (token_endpoint_auth_method <> 'none' OR NOT grant_types && '{client_credentials,password}')
);

-- Which tenant a client_id belongs to: the root endpoints have nothing else to tell the tenant by.
CREATE TABLE auth.client_directory (
    client_id text PRIMARY KEY,
    tenant_id uuid NOT NULL,
    FOREIGN KEY (tenant_id, client_id) REFERENCES auth.client (tenant_id, client_id) ON DELETE CASCADE
);

-- Secrets have 256 random bits, so a plain SHA-256 is enough; two are valid while a client changes from one to the next.
CREATE TABLE auth.client_secret (
    tenant_id   uuid        NOT NULL,
    client_id   text        NOT NULL,
    secret_hash bytea       NOT NULL CHECK (octet_length(secret_hash) = 32),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz,
    PRIMARY KEY (tenant_id, client_id, secret_hash),
    FOREIGN KEY (tenant_id, client_id) REFERENCES auth.client (tenant_id, client_id) ON DELETE CASCADE
);

-- next: published, not yet signing. active: signs. retiring: verifies what it signed, until retire_after. retired: gone.
CREATE TABLE auth.signing_key (
    tenant_id          uuid        NOT NULL REFERENCES auth.tenant (id),
    key_id             text        NOT NULL,
    algorithm          text        NOT NULL,
    state              text        NOT NULL CHECK (state IN ('next', 'active', 'retiring', 'retired')),
    public_jwk         text        NOT NULL,
    sealed_private_key bytea,
    created_at         timestamptz NOT NULL DEFAULT now(),
    activated_at       timestamptz,
    retire_after       timestamptz,
    PRIMARY KEY (tenant_id, key_id),
    CHECK ((state = 'retired') = (sealed_private_key IS NULL)),
    CHECK (state <> 'retiring' OR retire_after IS NOT NULL)
);

CREATE UNIQUE INDEX signing_key_one_next ON auth.signing_key (tenant_id) WHERE state = 'next';
CREATE UNIQUE INDEX signing_key_one_active ON auth.signing_key (tenant_id) WHERE state = 'active';

-- Isolation. The registry and the directory are the platform's: sallyport_auth alone reads and writes them.
ALTER TABLE auth.tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.tenant FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON auth.tenant TO sallyport_auth USING (true) WITH CHECK (true);

ALTER TABLE auth.client_directory ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.client_directory FORCE ROW LEVEL SECURITY;
CREATE POLICY platform_read ON auth.client_directory FOR SELECT TO sallyport_auth USING (true);
CREATE POLICY own_tenant_write ON auth.client_directory FOR INSERT TO sallyport_auth
    WITH CHECK (tenant_id = (SELECT sallyport.current_tenant()));

SELECT sallyport.isolate('auth.role');
SELECT sallyport.isolate('auth.client');
SELECT sallyport.isolate('auth.client_secret');
SELECT sallyport.isolate('auth.signing_key');

GRANT USAGE ON SCHEMA auth TO sallyport_auth;
GRANT SELECT, INSERT ON auth.tenant, auth.client_directory TO sallyport_auth;
GRANT UPDATE (name, signing_algorithm, disabled_at) ON auth.tenant TO sallyport_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON auth.role, auth.client, auth.client_secret, auth.signing_key TO sallyport_auth;

-- What the services hold in memory is dropped when it changes. Payload: table, tenant and, for clients, the client_id.
CREATE FUNCTION auth.announce_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed jsonb := to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END);
BEGIN
    PERFORM pg_notify(
        'sallyport_auth',
        concat_ws(' ', TG_TABLE_NAME, coalesce(changed ->> 'tenant_id', changed ->> 'id'), changed ->> 'client_id'));
    RETURN NULL;
END
$$;

CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON auth.tenant
    FOR EACH ROW EXECUTE FUNCTION auth.announce_change();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON auth.role
    FOR EACH ROW EXECUTE FUNCTION auth.announce_change();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON auth.client
    FOR EACH ROW EXECUTE FUNCTION auth.announce_change();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON auth.client_secret
    FOR EACH ROW EXECUTE FUNCTION auth.announce_change();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON auth.signing_key
    FOR EACH ROW EXECUTE FUNCTION auth.announce_change();

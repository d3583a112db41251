-- The audit log: who did what to whom, in an order that cannot be rewritten unnoticed. Each row carries the hash of the row before it in its
-- tenant. sallyport_auth may add and read, nothing else; number, time and hashes are the database's.

CREATE TABLE auth.audit_event (
    tenant_id     uuid        NOT NULL REFERENCES auth.tenant (id),
    number        bigint      NOT NULL,
    occurred_at   timestamptz NOT NULL,
    -- user, client, operator (the command line) or system; the id is empty where nobody is known.
    actor_kind    text        NOT NULL CHECK (actor_kind IN ('user', 'client', 'operator', 'system', 'anonymous')),
    actor_id      text        NOT NULL,
    -- noun.verb, such as user.signed_in
    action        text        NOT NULL CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
    target_kind   text        NOT NULL,
    target_id     text        NOT NULL,
    address       text        NOT NULL,
    user_agent    text        NOT NULL,
    request_id    text        NOT NULL,
    -- A JSON object; never a secret or a token.
    details       text        NOT NULL CHECK (octet_length(details) <= 8192),
    previous_hash bytea       NOT NULL,
    hash          bytea       NOT NULL,
    PRIMARY KEY (tenant_id, number)
);

CREATE INDEX audit_event_target ON auth.audit_event (tenant_id, target_kind, target_id, number);
CREATE INDEX audit_event_actor ON auth.audit_event (tenant_id, actor_kind, actor_id, number);

-- The end of each chain, so that rows missing there are noticed too; and the lock that puts writers in a row.
CREATE TABLE auth.audit_head (
    tenant_id uuid   PRIMARY KEY REFERENCES auth.tenant (id),
    number    bigint NOT NULL,
    hash      bytea  NOT NULL
);

SELECT sallyport.isolate('auth.audit_event');
SELECT sallyport.isolate('auth.audit_head');

GRANT SELECT, INSERT ON auth.audit_event TO sallyport_auth;
GRANT SELECT ON auth.audit_head TO sallyport_auth;

-- Every column but the hash itself, each preceded by its length, so that no two rows read alike.
CREATE FUNCTION auth.audit_hash(event auth.audit_event) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT sha256(convert_to(string_agg(octet_length(part) || ':' || part, ',' ORDER BY position), 'UTF8'))
      FROM unnest(ARRAY[
               (event).tenant_id::text, (event).number::text,
               trunc(extract(epoch FROM (event).occurred_at) * 1000000)::bigint::text,
               (event).actor_kind, (event).actor_id, (event).action, (event).target_kind, (event).target_id,
               (event).address, (event).user_agent, (event).request_id, (event).details, encode((event).previous_hash, 'hex')
           ]) WITH ORDINALITY AS parts (part, position);
END;
GRANT EXECUTE ON FUNCTION auth.audit_hash(auth.audit_event) TO sallyport_auth;

CREATE FUNCTION auth.chain_audit_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    head auth.audit_head;
BEGIN
    INSERT INTO auth.audit_head (tenant_id, number, hash) VALUES (NEW.tenant_id, 0, '') ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT head FROM auth.audit_head WHERE tenant_id = NEW.tenant_id FOR UPDATE;
    NEW.number := head.number + 1;
    NEW.occurred_at := clock_timestamp();
    NEW.previous_hash := head.hash;
    NEW.hash := auth.audit_hash(NEW);
    UPDATE auth.audit_head SET number = NEW.number, hash = NEW.hash WHERE tenant_id = NEW.tenant_id;
    RETURN NEW;
END
$$;

CREATE TRIGGER chain BEFORE INSERT ON auth.audit_event
    FOR EACH ROW EXECUTE FUNCTION auth.chain_audit_event();

-- What is wrong with a tenant's chain; no row when nothing is.
CREATE FUNCTION auth.audit_problems() RETURNS TABLE (number bigint, problem text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH chained AS (
        SELECT event.number, event.hash, event.previous_hash, auth.audit_hash(event.*) AS computed,
               lag(event.number, 1, 0::bigint) OVER chain AS number_before,
               lag(event.hash, 1, '\x'::bytea) OVER chain AS hash_before
          FROM auth.audit_event AS event
         WHERE event.tenant_id = sallyport.current_tenant()
        WINDOW chain AS (ORDER BY event.number)
    )
    SELECT chained.number, 'was changed: its hash does not fit its contents' FROM chained WHERE hash <> computed
    UNION ALL
    SELECT chained.number, format('follows %s: rows between them are missing', number_before) FROM chained
     WHERE chained.number <> number_before + 1
    UNION ALL
    SELECT chained.number, 'does not carry the hash of the row before it' FROM chained
     WHERE chained.number = number_before + 1 AND previous_hash <> hash_before
    UNION ALL
    SELECT head.number, 'is the last row that was written, and is missing or differs'
      FROM auth.audit_head AS head
     WHERE head.tenant_id = sallyport.current_tenant()
       AND head.number > 0
       AND NOT EXISTS (SELECT FROM auth.audit_event AS last
                        WHERE last.tenant_id = head.tenant_id AND last.number = head.number AND last.hash = head.hash);
END;
COMMENT ON FUNCTION auth.audit_problems() IS 'What is wrong with the audit chain of this transaction''s tenant, a row each; none when it is whole.';
GRANT EXECUTE ON FUNCTION auth.audit_problems() TO sallyport_auth;

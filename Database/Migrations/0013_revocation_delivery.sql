-- Reading on in the revocation log, by commit order. A sequence's number is taken before the commit, so that a later number can be seen
-- first; a snapshot (pg_snapshot) says exactly which transactions a reader has seen, and what is not among them is new to it.

CREATE INDEX revocation_by_transaction ON auth.revocation (tenant_id, transaction_id, position);

-- What a reader that has seen the snapshot's transactions does not know yet, of all tenants, in pages: up to so many rows after the key of the
-- last page's last row. A snapshot from the future is another database's: then everything is new.
CREATE FUNCTION sallyport.unseen_revocations(
    at timestamptz, seen pg_snapshot, after_tenant uuid, after_period integer, after_position bigint, up_to bigint
)
    RETURNS TABLE (
        tenant_id uuid, period integer, "position" bigint, kind text, target text, not_before bigint, expires_at bigint
    )
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.tenant_id, r.period, r.position, r.kind, r.target, floor(extract(epoch FROM r.not_before))::bigint,
           ceil(extract(epoch FROM r.expires_at))::bigint
      FROM auth.revocation AS r
     WHERE r.period >= floor(extract(epoch FROM at) / 86400)::integer AND r.expires_at > at
       AND (r.tenant_id, r.period, r.position) > (after_tenant, after_period, after_position)
       AND (seen IS NULL OR pg_snapshot_xmax(seen) > pg_snapshot_xmax(pg_current_snapshot())
            OR NOT pg_visible_in_snapshot(r.transaction_id, seen))
     ORDER BY r.tenant_id, r.period, r.position
     LIMIT up_to
$$;
REVOKE ALL ON FUNCTION sallyport.unseen_revocations(timestamptz, pg_snapshot, uuid, integer, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sallyport.unseen_revocations(timestamptz, pg_snapshot, uuid, integer, bigint, bigint)
    TO sallyport_auth, sallyport_api;

-- Token status lists: where a tenant wants them, each access token has a bit that says whether it was revoked.

ALTER TABLE auth.tenant ADD COLUMN publishes_token_status boolean NOT NULL DEFAULT false;
GRANT UPDATE (publishes_token_status) ON auth.tenant TO sallyport_auth;

-- How many bits are given out, of tokens that expire before a day ends: period is that day's number.
CREATE TABLE auth.status_list (
    tenant_id  uuid    NOT NULL,
    period     integer NOT NULL,
    next_index bigint  NOT NULL CHECK (next_index >= 0),
    PRIMARY KEY (tenant_id, period)
) PARTITION BY RANGE (period);

-- Whose bits they are: one for a person's token; for clients that act for themselves a run, used for one token after the other. Everything by
-- which these tokens can be revoked, besides jti, which names period and index itself.
CREATE TABLE auth.status_allocation (
    tenant_id    uuid    NOT NULL,
    period       integer NOT NULL,
    first_index  bigint  NOT NULL,
    index_count  integer NOT NULL CHECK (index_count > 0),
    -- No token of these was issued before this second (iat).
    allocated_at bigint  NOT NULL,
    client_id    text    NOT NULL,
    subject      text    NOT NULL,
    session_id   text,
    grant_id     text,
    PRIMARY KEY (tenant_id, period, first_index)
) PARTITION BY RANGE (period);

SELECT sallyport.isolate('auth.status_list');
SELECT sallyport.isolate('auth.status_allocation');
GRANT SELECT, INSERT, UPDATE ON auth.status_list TO sallyport_auth;
GRANT SELECT, INSERT ON auth.status_allocation TO sallyport_auth;

CREATE OR REPLACE FUNCTION auth.maintain_partitions(at timestamptz DEFAULT now()) RETURNS integer
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
            ('status_list', 86400, 3), ('status_allocation', 86400, 3),
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

SELECT auth.maintain_partitions();

-- Functions with the names and parameters of Citus 11, which distribute nothing: they hold a schema to what Citus asks of it, as its
-- documentation and its error messages say.

CREATE TABLE public.stand_in_distributed (relation regclass PRIMARY KEY, is_reference boolean NOT NULL, colocated_with regclass);
CREATE TABLE public.stand_in_nodes (name text PRIMARY KEY, is_coordinator boolean NOT NULL);

CREATE FUNCTION public.citus_set_coordinator_host(host text, port integer DEFAULT 5432) RETURNS void LANGUAGE sql
    AS $$ INSERT INTO public.stand_in_nodes VALUES (host, true) $$;

CREATE FUNCTION public.citus_add_node(nodename text, nodeport integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.stand_in_nodes WHERE is_coordinator) THEN RAISE 'the coordinator comes first'; END IF;
    INSERT INTO public.stand_in_nodes VALUES (nodename, false);
END $$;

-- Foreign keys of a table, and to it, once it is what it will be.
CREATE FUNCTION public.stand_in_check_keys(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    key record;
BEGIN
    FOR key IN
        SELECT c.conrelid::regclass AS source, c.confrelid::regclass AS target, s.is_reference AS source_is, t.is_reference AS target_is,
               EXISTS (SELECT FROM unnest(c.conkey, c.confkey) AS pair (a, b)
                         JOIN pg_attribute AS x ON x.attrelid = c.conrelid AND x.attnum = a AND x.attname = 'tenant_id'
                         JOIN pg_attribute AS y ON y.attrelid = c.confrelid AND y.attnum = b AND y.attname = 'tenant_id') AS by_tenant
          FROM pg_constraint AS c
          LEFT JOIN public.stand_in_distributed AS s ON s.relation = c.conrelid
          LEFT JOIN public.stand_in_distributed AS t ON t.relation = c.confrelid
         WHERE c.contype = 'f' AND stand_in_check_keys.relation IN (c.conrelid, c.confrelid)
    LOOP
        IF key.target_is IS FALSE AND key.source_is IS DISTINCT FROM false THEN
            RAISE 'foreign key from % to distributed %', key.source, key.target;
        ELSIF key.source_is IS FALSE AND key.target_is IS NULL THEN
            RAISE 'foreign key from distributed % to local %', key.source, key.target;
        ELSIF key.source_is IS FALSE AND key.target_is IS FALSE AND NOT key.by_tenant THEN
            RAISE 'foreign key from % to % without the distribution column', key.source, key.target;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION public.create_reference_table(table_name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.stand_in_distributed VALUES (table_name, true, NULL);
    PERFORM public.stand_in_check_keys(table_name);
END $$;

CREATE FUNCTION public.create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash', colocate_with text DEFAULT 'default', shard_count integer DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    number smallint;
BEGIN
    IF NOT EXISTS (SELECT FROM public.stand_in_nodes WHERE NOT is_coordinator) THEN RAISE 'there is no worker'; END IF;
    SELECT attnum INTO STRICT number FROM pg_attribute WHERE attrelid = table_name AND attname = distribution_column AND NOT attisdropped;
    IF EXISTS (SELECT FROM pg_index WHERE indrelid = table_name AND indisunique AND NOT number = ANY (indkey::smallint[])) THEN
        RAISE 'a unique index of % lacks the distribution column', table_name;
    END IF;
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name AND NOT tgisinternal) THEN RAISE '% has triggers', table_name; END IF;
    IF colocate_with <> 'default' AND NOT EXISTS (
        SELECT FROM public.stand_in_distributed WHERE relation = colocate_with::regclass AND NOT is_reference) THEN
        RAISE '% is not distributed', colocate_with;
    END IF;
    INSERT INTO public.stand_in_distributed VALUES (table_name, false, NULLIF(colocate_with, 'default')::regclass);
    PERFORM public.stand_in_check_keys(table_name);
END $$;

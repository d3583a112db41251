-- The sample schemas of PostgREST's documentation, as a developer declares them here: every table isolated by tenant, foreign keys
-- inside the tenant, views with the rights of who reads them, functions exposed. Acme has the rows, globex one decoy of each kind.

CREATE SCHEMA docs AUTHORIZATION sallyport_owner;
GRANT USAGE ON SCHEMA docs TO sallyport_api;
SET ROLE sallyport_owner;
SET search_path = docs, pg_catalog;

CREATE TABLE actors (id int PRIMARY KEY, first_name text, last_name text);
CREATE TABLE directors (id int PRIMARY KEY, first_name text, last_name text);
CREATE TABLE competitions (id int PRIMARY KEY, name text, year int);
SELECT sallyport.enable_tenancy(t) FROM unnest('{docs.actors,docs.directors,docs.competitions}'::regclass[]) AS t;

CREATE TABLE films (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, director_id int, title text, year int, rating numeric(3, 1), language text,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT film_director_id_fkey FOREIGN KEY (tenant_id, director_id) REFERENCES directors (tenant_id, id));
SELECT sallyport.enable_tenancy('docs.films');
CREATE TABLE technical_specs (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), film_id int, runtime time, camera text, sound text,
    PRIMARY KEY (tenant_id, film_id), FOREIGN KEY (tenant_id, film_id) REFERENCES films (tenant_id, id));
CREATE TABLE roles (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), film_id int, actor_id int, character text,
    PRIMARY KEY (tenant_id, film_id, actor_id),
    FOREIGN KEY (tenant_id, film_id) REFERENCES films (tenant_id, id), FOREIGN KEY (tenant_id, actor_id) REFERENCES actors (tenant_id, id));
CREATE TABLE nominations (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), competition_id int, film_id int, rank int,
    PRIMARY KEY (tenant_id, competition_id, film_id),
    FOREIGN KEY (tenant_id, competition_id) REFERENCES competitions (tenant_id, id), FOREIGN KEY (tenant_id, film_id) REFERENCES films (tenant_id, id));
-- In place of the documentation's foreign table: a table without a foreign key.
CREATE TABLE premieres (id int PRIMARY KEY, location text, "date" date, film_id int);
CREATE TABLE addresses (id int PRIMARY KEY, name text, city text, state text, postal_code char(5));
SELECT sallyport.enable_tenancy(t) FROM unnest('{docs.technical_specs,docs.roles,docs.nominations,docs.premieres,docs.addresses}'::regclass[]) AS t;
CREATE DOMAIN app_uuid AS uuid;
CREATE FUNCTION json(app_uuid) RETURNS json LANGUAGE sql IMMUTABLE AS $$SELECT to_json(encode(uuid_send($1), 'base64'))$$;
CREATE FUNCTION app_uuid(text) RETURNS app_uuid LANGUAGE sql IMMUTABLE AS $$SELECT encode(decode($1, 'base64'), 'hex')::uuid$$;
CREATE FUNCTION app_uuid(json) RETURNS app_uuid LANGUAGE sql IMMUTABLE AS $$SELECT docs.app_uuid($1 #>> '{}')$$;
CREATE CAST (app_uuid AS json) WITH FUNCTION json(app_uuid) AS IMPLICIT;
CREATE CAST (json AS app_uuid) WITH FUNCTION app_uuid(json) AS IMPLICIT;
CREATE CAST (text AS app_uuid) WITH FUNCTION app_uuid(text) AS IMPLICIT;
GRANT EXECUTE ON FUNCTION json(app_uuid), app_uuid(text), app_uuid(json) TO sallyport_api;
CREATE TABLE profiles (id app_uuid PRIMARY KEY, name text);
SELECT sallyport.enable_tenancy('docs.profiles');
CREATE TABLE orders (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, name text, billing_address_id int, shipping_address_id int,
    amount numeric, order_date date, order_details jsonb,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT billing FOREIGN KEY (tenant_id, billing_address_id) REFERENCES addresses (tenant_id, id),
    CONSTRAINT shipping FOREIGN KEY (tenant_id, shipping_address_id) REFERENCES addresses (tenant_id, id));
CREATE TABLE presidents (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, first_name text, last_name text, predecessor_id int,
    PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, predecessor_id),
    FOREIGN KEY (tenant_id, predecessor_id) REFERENCES presidents (tenant_id, id));
CREATE TABLE employees (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, name text, salary numeric, supervisor_id int,
    PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, name),
    FOREIGN KEY (tenant_id, supervisor_id) REFERENCES employees (tenant_id, id));
CREATE TABLE users (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, username text, is_active boolean DEFAULT true,
    PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, username));
SELECT sallyport.enable_tenancy(t) FROM unnest('{docs.orders,docs.presidents,docs.employees,docs.users}'::regclass[]) AS t;
CREATE TABLE subscriptions (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), subscriber_id int, subscribed_id int, type text,
    PRIMARY KEY (tenant_id, subscriber_id, subscribed_id),
    FOREIGN KEY (tenant_id, subscriber_id) REFERENCES users (tenant_id, id), FOREIGN KEY (tenant_id, subscribed_id) REFERENCES users (tenant_id, id));
CREATE TABLE box_office (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), bo_date date NOT NULL, film_id int NOT NULL, gross_revenue numeric(12, 2) NOT NULL,
    PRIMARY KEY (tenant_id, bo_date, film_id), FOREIGN KEY (tenant_id, film_id) REFERENCES films (tenant_id, id)) PARTITION BY RANGE (bo_date);
CREATE TABLE box_office_2021_01 PARTITION OF box_office FOR VALUES FROM ('2021-01-01') TO ('2021-02-01');
CREATE TABLE box_office_2021_02 PARTITION OF box_office FOR VALUES FROM ('2021-02-01') TO ('2021-03-01');
SELECT sallyport.enable_tenancy('docs.subscriptions'), sallyport.enable_tenancy('docs.box_office');

CREATE TABLE people (
    id int PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY (START WITH 100), first_name text, last_name text, age int, height int, weight int, grade int, student boolean, salary numeric(9, 2),
    json_data json, category text);
CREATE TABLE tsearch (id int PRIMARY KEY, my_tsv tsvector, my_text text);
CREATE TYPE coordinates AS (lat decimal(8, 6), long decimal(9, 6));
CREATE TABLE countries (id int PRIMARY KEY, location coordinates, languages text[]);
CREATE TABLE timestamps (t timestamptz PRIMARY KEY);
CREATE TABLE "Order Items" (id int PRIMARY KEY, "Unit Price" numeric, "information.cpe" text);
CREATE TABLE "موارد" ("شناسه" int PRIMARY KEY);
CREATE TABLE datasets (id int PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY (START WITH 100), source text, publication_date date, figure int);
CREATE TABLE files (id int PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY (START WITH 100), blob bytea);
SELECT sallyport.enable_tenancy(t)
  FROM unnest(ARRAY['docs.people', 'docs.tsearch', 'docs.countries', 'docs.timestamps', 'docs."Order Items"', 'docs."موارد"', 'docs.datasets', 'docs.files']::regclass[]) AS t;

-- Views

CREATE VIEW nominations_view WITH (security_invoker = true) AS
    SELECT films.title AS film_title, competitions.name AS competition_name, nominations.rank, nominations.film_id AS nominations_film_id, films.id AS film_id
      FROM nominations
      JOIN films ON films.tenant_id = nominations.tenant_id AND films.id = nominations.film_id
      JOIN competitions ON competitions.tenant_id = nominations.tenant_id AND competitions.id = nominations.competition_id;
CREATE VIEW adults WITH (security_invoker = true) AS SELECT id, first_name, age FROM people WHERE age >= 18;
SELECT sallyport.enable_tenancy('docs.nominations_view'), sallyport.enable_tenancy('docs.adults');

-- Computed columns and relationships

CREATE FUNCTION full_name(people) RETURNS text LANGUAGE sql STABLE AS $$SELECT $1.first_name || ' ' || $1.last_name$$;
CREATE FUNCTION film(premieres) RETURNS SETOF films ROWS 1 LANGUAGE sql STABLE AS $$SELECT * FROM docs.films WHERE id = $1.film_id$$;
CREATE FUNCTION premieres(films) RETURNS SETOF premieres LANGUAGE sql STABLE AS $$SELECT * FROM docs.premieres WHERE film_id = $1.id$$;
CREATE FUNCTION predecessor(presidents) RETURNS SETOF presidents ROWS 1 LANGUAGE sql STABLE AS $$SELECT * FROM docs.presidents WHERE id = $1.predecessor_id$$;
CREATE FUNCTION successor(presidents) RETURNS SETOF presidents ROWS 1 LANGUAGE sql STABLE AS $$SELECT * FROM docs.presidents WHERE predecessor_id = $1.id$$;
CREATE FUNCTION supervisees(employees) RETURNS SETOF employees LANGUAGE sql STABLE AS $$SELECT * FROM docs.employees WHERE supervisor_id = $1.id$$;
CREATE FUNCTION supervisor(employees) RETURNS SETOF employees ROWS 1 LANGUAGE sql STABLE AS $$SELECT * FROM docs.employees WHERE id = $1.supervisor_id$$;
CREATE FUNCTION subscribers(users) RETURNS SETOF users LANGUAGE sql STABLE
    AS $$SELECT u.* FROM docs.users u, docs.subscriptions s WHERE s.subscriber_id = u.id AND s.subscribed_id = $1.id$$;
CREATE FUNCTION following(users) RETURNS SETOF users LANGUAGE sql STABLE
    AS $$SELECT u.* FROM docs.users u, docs.subscriptions s WHERE s.subscribed_id = u.id AND s.subscriber_id = $1.id$$;

-- Functions

CREATE FUNCTION getallfilms() RETURNS SETOF films LANGUAGE sql STABLE AS $$SELECT * FROM docs.films$$;
CREATE FUNCTION best_films(since int) RETURNS SETOF films LANGUAGE sql STABLE AS $$SELECT * FROM docs.films WHERE year >= since AND rating >= 7$$;
CREATE FUNCTION add_them(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$SELECT a + b$$;
CREATE FUNCTION "someFunc"("someParam" text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT $1$$;
CREATE FUNCTION update_data(p_json jsonb) RETURNS void LANGUAGE sql
    AS $$UPDATE docs.people SET category = item ->> 'data_text' FROM jsonb_array_elements(p_json) AS item WHERE id = (item ->> 'data_int')::int$$;
CREATE FUNCTION mult_them(json) RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT ($1 ->> 'x')::int * ($1 ->> 'y')::int$$;
CREATE FUNCTION upload_binary(bytea) RETURNS void LANGUAGE sql AS $$INSERT INTO docs.files (blob) VALUES ($1)$$;
CREATE FUNCTION newest_file() RETURNS bytea LANGUAGE sql STABLE AS $$SELECT blob FROM docs.files ORDER BY id DESC LIMIT 1$$;
CREATE FUNCTION echo_text(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT $1$$;
CREATE FUNCTION plus_one(arr int[]) RETURNS int[] LANGUAGE sql IMMUTABLE AS $$SELECT array_agg(n + 1) FROM unnest($1) AS n$$;
CREATE FUNCTION plus_two(VARIADIC v int[]) RETURNS int[] LANGUAGE sql IMMUTABLE AS $$SELECT array_agg(n + 2) FROM unnest($1) AS n$$;
CREATE FUNCTION rental_duration(customer_id integer) RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT customer_id$$;
CREATE FUNCTION rental_duration(customer_id integer, from_date date) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT customer_id || ' since ' || from_date$$;
CREATE FUNCTION just_fail() RETURNS void LANGUAGE plpgsql
    AS $$BEGIN RAISE EXCEPTION 'I refuse!' USING DETAIL = 'Pretty simple', HINT = 'There is nothing you can do.'; END$$;
CREATE FUNCTION payment_required() RETURNS void LANGUAGE plpgsql
    AS $$BEGIN RAISE SQLSTATE 'PT402' USING MESSAGE = 'Payment Required', DETAIL = 'Quota exceeded', HINT = 'Upgrade your plan'; END$$;
CREATE FUNCTION nerd_rage() RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        RAISE SQLSTATE 'PGRST' USING
            MESSAGE = '{"code":"123","message":"Payment Required","details":"Quota exceeded","hint":"Upgrade your plan"}',
            DETAIL = '{"status":402,"headers":{"X-Powered-By":"Nerd Rage"}}';
    END$$;
CREATE FUNCTION teapot() RETURNS json LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM set_config('response.headers', '[{"Cache-Control": "public"}, {"Cache-Control": "max-age=259200"}]', true),
                set_config('response.status', '418', true);
        RETURN '{"message": "The requested entity body is short and stout.", "hint": "Tip it over and pour it out."}'::json;
    END$$;
CREATE FUNCTION user_agent() RETURNS text LANGUAGE sql STABLE AS $$SELECT current_setting('request.headers', true)::json ->> 'user-agent'$$;
SELECT sallyport.expose(f.oid::regprocedure) FROM pg_proc f WHERE f.pronamespace = 'docs'::regnamespace;

-- Rows: as superuser, for a tenant by name.

RESET ROLE;
CREATE FUNCTION pg_temp.fill(slug text) RETURNS void LANGUAGE plpgsql AS $fill$
BEGIN
    PERFORM set_config('sallyport.tenant_id', (SELECT id::text FROM auth.tenant t WHERE t.slug = fill.slug), true);
    IF slug = 'globex' THEN
        INSERT INTO actors (id, first_name, last_name) VALUES (1, 'Jehanne', 'Elsewhere');
        INSERT INTO directors (id, first_name, last_name) VALUES (1, 'John', 'Elsewhere');
        INSERT INTO films (id, director_id, title, year, rating, language) VALUES (1, 1, 'Elsewhere', 2024, 9.9, 'none');
        INSERT INTO roles (film_id, actor_id, character) VALUES (1, 1, 'Chico');
        INSERT INTO people (id, first_name, last_name, age) VALUES (1, 'Elsewhere', 'Beckett', 10);
        INSERT INTO employees (id, name, salary) VALUES (1, 'Elsewhere', 1);
        INSERT INTO orders (id, name, amount, order_date) VALUES (1, 'Elsewhere', 1000000, '2023-09-01');
        RETURN;
    END IF;
    INSERT INTO actors (id, first_name, last_name) VALUES
        (1, 'Willem', 'Dafoe'), (2, 'Jehanne', 'd''Alcy'), (3, 'Robert', 'Pattinson'), (4, 'Tom', 'Hanks'), (5, 'John', 'Travolta');
    INSERT INTO directors (id, first_name, last_name) VALUES
        (1, 'William', 'Dickson'), (2, 'Louis', 'Lumière'), (3, 'Georges', 'Méliès'), (4, 'Robert', 'Eggers'), (5, 'John', 'Ford');
    INSERT INTO films (id, director_id, title, year, rating, language) VALUES
        (1, 2, 'Workers Leaving The Lumière Factory In Lyon', 1895, 6.8, 'none'), (2, 1, 'The Dickson Experimental Sound Film', 1894, 6.6, 'none'),
        (3, 3, 'The Haunted Castle', 1896, 6.6, 'none'), (4, 4, 'The Lighthouse', 2019, 7.4, 'english'), (5, NULL, 'Pulp Fiction', 1994, 8.9, 'english'),
        (6, 5, 'Stagecoach', 1939, 7.8, 'english');
    INSERT INTO technical_specs (film_id, runtime, camera, sound) VALUES (4, '01:49', 'Panavision Millennium XL2', 'mono'), (5, '02:34', 'Arriflex 35-III', 'stereo');
    INSERT INTO roles (film_id, actor_id, character) VALUES (4, 1, 'Thomas Wake'), (4, 3, 'Thomas Howard'), (3, 2, 'The Bride'), (5, 5, 'Vincent Vega'), (5, 4, 'Chico');
    INSERT INTO profiles (id, name) VALUES ('846c4ffd-92ce-4de7-8d11-8e29929f4ec4', 'John Doe');
    INSERT INTO competitions (id, name, year) VALUES (1, 'Cannes', 1990), (2, 'Berlin', 1991), (3, 'Cannes', 2019);
    INSERT INTO nominations (competition_id, film_id, rank) VALUES (1, 5, 1), (2, 5, 5), (3, 4, 2);
    INSERT INTO premieres (id, location, "date", film_id) VALUES (1, 'Cannes Film Festival', '1994-05-21', 5), (2, 'Paris', '2019-05-19', 4);
    INSERT INTO addresses (id, name, city, state, postal_code) VALUES (1, '32 Glenlake Dr.', 'Dearborn', 'MI', '48124'), (2, '30 Glenlake Dr.', 'Detroit', 'MI', '48201');
    INSERT INTO orders (id, name, billing_address_id, shipping_address_id, amount, order_date, order_details) VALUES
        (1, 'Personal Water Filter', 1, 2, 215.22, '2023-09-01', '{"tax_amount": 10.5}'), (2, 'Coffee Machine', 1, 1, 905.73, '2023-09-02', '{"tax_amount": 20}'),
        (3, 'Lamp', 2, 2, 100, '2023-09-02', '{"tax_amount": 5}');
    INSERT INTO presidents (id, first_name, last_name, predecessor_id) VALUES (1, 'George', 'Washington', NULL), (2, 'John', 'Adams', 1), (3, 'Thomas', 'Jefferson', 2);
    INSERT INTO employees (id, name, salary, supervisor_id) VALUES (1, 'Taylor', 36000, NULL), (2, 'Johnson', 32000, 1), (3, 'Miller', 30000, 1), (4, 'Hebdon,John', 28000, 2);
    INSERT INTO users (id, username, is_active) VALUES (1, 'patrick109', true), (2, 'alicia_smith', false), (3, 'top_streamer', true), (4, 'the_top_artist', true);
    INSERT INTO subscriptions (subscriber_id, subscribed_id, type) VALUES (1, 4, 'free'), (2, 4, 'paid'), (4, 3, 'free');
    INSERT INTO box_office (bo_date, film_id, gross_revenue) VALUES ('2021-01-05', 4, 1500000), ('2021-02-07', 5, 900000);
    INSERT INTO people (id, first_name, last_name, age, height, weight, grade, student, salary, json_data) VALUES
        (1, 'John', 'Doe', 30, 180, 80, 95, true, 90000, '{"blood_type": "A-", "age": 25, "phones": [{"country_code": "61", "number": "917-929-5745"}]}'),
        (2, 'Jane', 'Doe', 20, 170, 60, 80, true, 120000,
         '{"blood_type": "O+", "age": 19, "phones": [{"country_code": "43", "number": "512-446-4988"}, {"country_code": "43", "number": "213-891-5979"}]}'),
        (3, 'Sam', 'Beckett', 14, 150, 45, 91, true, NULL, '{"blood_type": "A-", "age": 30}'), (4, 'Ann', 'Lee', 11, 140, 40, 60, false, NULL, NULL),
        (5, 'Max', 'Ray', NULL, 175, 70, NULL, NULL, 50000, NULL);
    INSERT INTO tsearch (id, my_tsv, my_text) VALUES
        (1, to_tsvector('french', 'C''est un peu amusant de faire l''impossible'), 'an impossible thing'), (2, to_tsvector('english', 'The Fat Cats ate fat rats'), 'the fat cats'),
        (3, to_tsvector('english', 'Cats that are fat'), 'cats');
    INSERT INTO countries (id, location, languages) VALUES (5, ROW (19.741755, -155.844437), '{en,haw}'), (6, ROW (-14.2, -170.7), '{sm,en}');
    INSERT INTO timestamps (t) VALUES ('2023-10-18T12:37:59.611+00:00'), ('2023-10-18T14:37:59.611+00:00');
    INSERT INTO "Order Items" (id, "Unit Price", "information.cpe") VALUES (1, 100, 'a MS b'), (2, 300, 'other');
    INSERT INTO "موارد" ("شناسه") VALUES (1);
END
$fill$;
SELECT pg_temp.fill('acme');
SELECT pg_temp.fill('globex');
ANALYZE;

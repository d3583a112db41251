-- The demo's tables. Runs as the owner role; a second run changes nothing.

CREATE TABLE IF NOT EXISTS api.customers (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(),
    id        uuid NOT NULL DEFAULT gen_random_uuid(),
    name      text NOT NULL CHECK (btrim(name) <> ''),
    email     text,
    phone     text,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX IF NOT EXISTS customers_name ON api.customers (tenant_id, name);

CREATE TABLE IF NOT EXISTS api.orders (
    tenant_id   uuid NOT NULL DEFAULT sallyport.current_tenant(),
    id          uuid NOT NULL DEFAULT gen_random_uuid(),
    customer_id uuid NOT NULL,
    status      text NOT NULL DEFAULT 'new',
    total       numeric(12, 2) NOT NULL DEFAULT 0,
    notes       text,
    placed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES api.customers (tenant_id, id)
);
CREATE INDEX IF NOT EXISTS orders_customer ON api.orders (tenant_id, customer_id);
CREATE INDEX IF NOT EXISTS orders_placed_at ON api.orders (tenant_id, placed_at);

CREATE TABLE IF NOT EXISTS api.order_items (
    tenant_id  uuid NOT NULL DEFAULT sallyport.current_tenant(),
    id         uuid NOT NULL DEFAULT gen_random_uuid(),
    order_id   uuid NOT NULL,
    product    text NOT NULL,
    quantity   integer NOT NULL DEFAULT 1 CHECK (quantity > 0),
    unit_price numeric(12, 2) NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES api.orders (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS order_items_order ON api.order_items (tenant_id, order_id);

CREATE TABLE IF NOT EXISTS api.currencies (
    code text PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
    name text NOT NULL
);

CREATE TABLE IF NOT EXISTS api.tags (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(),
    id        uuid NOT NULL DEFAULT gen_random_uuid(),
    name      text NOT NULL CHECK (name = lower(name)),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);

CREATE TABLE IF NOT EXISTS api.order_tags (
    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(),
    order_id  uuid NOT NULL,
    tag_id    uuid NOT NULL,
    PRIMARY KEY (tenant_id, order_id, tag_id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES api.orders (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, tag_id) REFERENCES api.tags (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS order_tags_tag ON api.order_tags (tenant_id, tag_id);

CREATE OR REPLACE VIEW api.order_totals WITH (security_invoker = true) AS
SELECT o.id, o.customer_id, c.name AS customer, o.status, o.placed_at,
       (SELECT count(*) FROM api.order_items AS i WHERE i.tenant_id = o.tenant_id AND i.order_id = o.id) AS lines, o.total
  FROM api.orders AS o
  JOIN api.customers AS c ON c.tenant_id = o.tenant_id AND c.id = o.customer_id;

CREATE OR REPLACE FUNCTION api.search_customers(term text) RETURNS SETOF api.customers
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.* FROM api.customers AS c WHERE c.name ILIKE '%' || term || '%' OR c.email ILIKE '%' || term || '%';
END;

CREATE OR REPLACE FUNCTION api.place_order(customer uuid, lines json, note text DEFAULT NULL) RETURNS api.orders
    LANGUAGE plpgsql
AS $place_order$
DECLARE
    made api.orders;
BEGIN
    INSERT INTO api.orders (customer_id, notes) VALUES (customer, note) RETURNING * INTO made;
    INSERT INTO api.order_items (order_id, product, quantity, unit_price)
    SELECT made.id, line.product, COALESCE(line.quantity, 1), line.unit_price
      FROM json_to_recordset(lines) AS line (product text, quantity integer, unit_price numeric);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'an order has at least one line' USING HINT = 'lines is an array of {"product", "quantity", "unit_price"}';
    END IF;
    UPDATE api.orders AS o
       SET total = (SELECT sum(i.quantity * i.unit_price) FROM api.order_items AS i WHERE i.order_id = made.id)
     WHERE o.id = made.id
    RETURNING o.* INTO made;
    RETURN made;
END
$place_order$;

COMMENT ON TABLE api.customers IS 'Who buys.';
COMMENT ON TABLE api.orders IS 'What a customer ordered, and when.';
COMMENT ON TABLE api.order_items IS 'The lines of an order.';
COMMENT ON TABLE api.tags IS 'Words that orders are found by.';
COMMENT ON TABLE api.order_tags IS 'Which order has which tags.';
COMMENT ON VIEW api.order_totals IS 'Every order with its customer''s name and the number of its lines.';
COMMENT ON FUNCTION api.search_customers(text) IS 'Customers with a text in their name or address.';
COMMENT ON FUNCTION api.place_order(uuid, json, text) IS 'Makes an order with all its lines, or nothing.';
COMMENT ON TABLE api.currencies IS 'ISO 4217 codes; the same for every tenant.';

SELECT sallyport.enable_tenancy('api.customers');
SELECT sallyport.enable_tenancy('api.orders');
SELECT sallyport.enable_tenancy('api.order_items');
SELECT sallyport.enable_tenancy('api.tags');
SELECT sallyport.enable_tenancy('api.order_tags');
SELECT sallyport.enable_tenancy('api.order_totals');
SELECT sallyport.share('api.currencies');
SELECT sallyport.expose('api.search_customers(text)');
SELECT sallyport.expose('api.place_order(uuid, json, text)');

INSERT INTO api.currencies (code, name)
VALUES ('AUD', 'Australian dollar'), ('BRL', 'Brazilian real'), ('CAD', 'Canadian dollar'), ('CHF', 'Swiss franc'),
       ('CNY', 'Renminbi'), ('EUR', 'Euro'), ('GBP', 'Pound sterling'), ('INR', 'Indian rupee'), ('JPY', 'Yen'), ('USD', 'US dollar')
    ON CONFLICT DO NOTHING;

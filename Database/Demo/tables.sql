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

COMMENT ON TABLE api.customers IS 'Who buys.';
COMMENT ON TABLE api.orders IS 'What a customer ordered, and when.';
COMMENT ON TABLE api.order_items IS 'The lines of an order.';
COMMENT ON TABLE api.currencies IS 'ISO 4217 codes; the same for every tenant.';

SELECT sallyport.enable_tenancy('api.customers');
SELECT sallyport.enable_tenancy('api.orders');
SELECT sallyport.enable_tenancy('api.order_items');
SELECT sallyport.share('api.currencies');

INSERT INTO api.currencies (code, name)
VALUES ('AUD', 'Australian dollar'), ('BRL', 'Brazilian real'), ('CAD', 'Canadian dollar'), ('CHF', 'Swiss franc'),
       ('CNY', 'Renminbi'), ('EUR', 'Euro'), ('GBP', 'Pound sterling'), ('INR', 'Indian rupee'), ('JPY', 'Yen'), ('USD', 'US dollar')
    ON CONFLICT DO NOTHING;

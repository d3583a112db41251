-- One tenant's demo rows, in one statement: run it in a transaction in which sallyport.tenant_id is set, once for each tenant.
-- Everything follows from the tenant's id, so rows are stable and differ between tenants. A tenant with customers is left alone.

DO $rows$
DECLARE
    tenant uuid := sallyport.current_tenant();
    salt   bigint := ('x' || substr(md5(tenant::text), 1, 6))::bit(24)::bigint;
    first_names text[] := ARRAY['Ada', 'Bruno', 'Chiara', 'Dmitri', 'Esther', 'Farid', 'Grace', 'Hiro', 'Ines', 'Jonas', 'Kavya', 'Lena',
                                'Mateo', 'Noor', 'Olga', 'Pedro', 'Quynh', 'Rosa', 'Samir', 'Tove', 'Uma', 'Viktor', 'Wanda', 'Yusuf'];
    last_names  text[] := ARRAY['Almeida', 'Berg', 'Costa', 'Dubois', 'Eriksen', 'Fischer', 'García', 'Haddad', 'Ivanova', 'Jansen', 'Kim',
                                'Lindqvist', 'Moreau', 'Nakamura', 'O''Brien', 'Petrov', 'Quist', 'Rossi', 'Singh', 'Tanaka', 'Ueda'];
    products    text[] := ARRAY['Desk lamp', 'Notebook, A5', 'Fountain pen', 'Ink, blue-black', 'Paper clips', 'Standing desk', 'Office chair',
                                'Cable tray', 'Monitor arm', 'Whiteboard', 'Marker set', 'Stapler', 'Filing cabinet', 'Coat rack'];
    words       text[] := ARRAY['express', 'fragile', 'gift', 'repeat', 'wholesale'];
    statuses    text[] := ARRAY['new', 'paid', 'packed', 'shipped', 'delivered', 'delivered', 'cancelled'];
BEGIN
    IF tenant IS NULL THEN
        RAISE EXCEPTION 'no tenant is set' USING HINT = 'SELECT set_config(''sallyport.tenant_id'', ''<uuid>'', true)';
    END IF;
    IF EXISTS (SELECT FROM api.customers) THEN
        RETURN;
    END IF;

    INSERT INTO api.customers (id, name, email, phone)
    SELECT overlay(overlay(md5(tenant || ' customer ' || n) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid,
           f || ' ' || l,
           CASE WHEN n % 7 <> 0 THEN lower(f || '.' || translate(l, 'í''', 'i')) || '@example.net' END,
           CASE WHEN n % 5 <> 0 THEN '+1 555 01' || lpad(((salt + n * 37) % 100)::text, 2, '0') END
      FROM generate_series(1, 24) AS n,
           LATERAL (SELECT first_names[1 + (salt + n) % 24] AS f, last_names[1 + (salt / 24 + n * 5) % 21] AS l) AS person;

    INSERT INTO api.orders (id, customer_id, status, notes, placed_at)
    SELECT overlay(overlay(md5(tenant || ' order ' || n) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid,
           overlay(overlay(md5(tenant || ' customer ' || (1 + (salt + n * n) % 20)) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid,
           statuses[1 + (salt + n * 3) % 7],
           CASE n % 9 WHEN 0 THEN 'Leave at reception.' WHEN 4 THEN 'Gift wrap, please.' END,
           timestamptz '2026-01-05 08:30+00' + n * interval '5 days 7 hours 13 minutes' + salt % 3600 * interval '1 second'
      FROM generate_series(1, 42) AS n;

    INSERT INTO api.order_items (id, order_id, product, quantity, unit_price)
    SELECT overlay(overlay(md5(tenant || ' item ' || n || ' ' || k) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid,
           overlay(overlay(md5(tenant || ' order ' || n) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid,
           products[1 + (salt + n * 5 + k * 3) % 14],
           1 + (salt + n * k) % 6,
           (2.50 + (salt + n * 5 + k * 3) % 14 * 17.45)::numeric(12, 2)
      FROM generate_series(1, 42) AS n, generate_series(1, 3) AS k
     WHERE k <= 1 + (salt + n) % 3;

    INSERT INTO api.tags (id, name)
    SELECT overlay(overlay(md5(tenant || ' tag ' || n) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid, words[n]
      FROM generate_series(1, 5) AS n;

    INSERT INTO api.order_tags (order_id, tag_id)
    SELECT overlay(overlay(md5(tenant || ' order ' || n) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid,
           overlay(overlay(md5(tenant || ' tag ' || k) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid
      FROM generate_series(1, 42) AS n, generate_series(1, 5) AS k
     WHERE (salt + n * k) % 4 = 0;

    UPDATE api.orders AS o
       SET total = (SELECT sum(i.quantity * i.unit_price) FROM api.order_items AS i WHERE i.order_id = o.id);
END
$rows$;

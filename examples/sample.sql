-- A small shop, so that every command can be tried at once: `db-tasks.toml` loads this file into the database `sample`
-- when the project's own cluster is first made.
--
-- A file like this is run by psql, in one transaction: all of it is loaded, or nothing. So it must not hold BEGIN, COMMIT,
-- CREATE DATABASE or VACUUM. The rows are the same every time, which makes backups easy to compare.

CREATE TYPE order_state AS ENUM ('new', 'paid', 'shipped', 'returned');

-- An identity column: its sequence travels in a backup, so new rows go on where the old ones ended.
CREATE TABLE customers (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    joined date NOT NULL
);
COMMENT ON TABLE customers IS 'People who have bought something, or nearly.';

CREATE TABLE products (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    price numeric(8, 2) NOT NULL CHECK (price > 0),
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX products_by_details ON products USING gin (details);

-- A sequence of its own: the shop's receipts begin at 10001.
CREATE SEQUENCE receipt_numbers START 10001;

CREATE TABLE orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    receipt bigint NOT NULL UNIQUE DEFAULT nextval('receipt_numbers'),
    customer_id integer NOT NULL REFERENCES customers,
    state order_state NOT NULL DEFAULT 'new',
    placed timestamptz NOT NULL,
    note text
);
CREATE INDEX orders_by_customer ON orders (customer_id, placed);

CREATE TABLE order_items (
    order_id integer NOT NULL REFERENCES orders ON DELETE CASCADE,
    product_id integer NOT NULL REFERENCES products,
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 99),
    price numeric(8, 2) NOT NULL,
    PRIMARY KEY (order_id, product_id)
);

INSERT INTO customers (name, email, joined)
SELECT format('%s %s', first[1 + n % 8], last[1 + n / 8 % 8]), format('customer%s@example.com', n), date '2024-01-01' + n
FROM generate_series(1, 200) AS n,
    (SELECT
        ARRAY['Ada', 'Björn', 'Chloé', 'Dmitri', 'Emeka', 'Fatima', 'Grace', 'Håkon'] AS first,
        ARRAY['Okafor', 'García', 'Nowak', 'O''Brien', 'Sato', 'Müller', 'Rossi', 'Lee'] AS last) AS names;

INSERT INTO products (title, price, details)
SELECT
    format('%s %s', (ARRAY['Plain', 'Fine', 'Large', 'Old'])[1 + n % 4], (ARRAY['mug', 'lamp', 'chair', 'atlas', 'kite'])[1 + n % 5]),
    (3 + n * 7 % 90)::numeric + 0.99,
    jsonb_build_object('weight', n * 13 % 500, 'tags', jsonb_build_array('tag' || n % 6, 'tag' || n % 7))
FROM generate_series(1, 60) AS n;

INSERT INTO orders (customer_id, state, placed, note)
SELECT
    1 + n * 37 % 200,
    (enum_range(NULL::order_state))[1 + (n + n / 200) % 4],
    timestamptz '2025-01-01 08:00:00+00' + n * interval '97 minutes',
    -- tabs, line ends and backslashes: what a careless backup would spoil
    CASE n % 50 WHEN 0 THEN E'leave it\tat the door\nring twice' WHEN 1 THEN 'C:\new\orders' END
FROM generate_series(1, 800) AS n;

INSERT INTO order_items (order_id, product_id, quantity, price)
SELECT o.id, p.id, 1 + (o.id + p.id) % 5, p.price
FROM orders AS o CROSS JOIN generate_series(0, 1) AS k JOIN products AS p ON p.id = 1 + (o.id * 11 + k * 17) % 60;

CREATE FUNCTION order_total(the_order integer) RETURNS numeric
LANGUAGE sql STABLE
RETURN (SELECT coalesce(sum(quantity * price), 0) FROM order_items WHERE order_id = the_order);

CREATE VIEW best_customers AS
SELECT c.id, c.name, count(*) AS orders, sum(order_total(o.id)) AS spent
FROM customers AS c JOIN orders AS o ON o.customer_id = c.id AND o.state <> 'returned'
GROUP BY c.id
ORDER BY spent DESC, c.id;

-- So that `db-status` knows the number of rows at once.
ANALYZE;

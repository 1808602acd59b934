-- The demo's database: a small shop with people in it. Everything is invented.
CREATE TABLE customers (
    id         integer PRIMARY KEY,
    full_name  text NOT NULL,
    email      text NOT NULL UNIQUE,
    phone      text,
    country    text NOT NULL,
    city       text,
    birth_date date,
    loyalty    numeric(10,2) NOT NULL DEFAULT 0,
    created    timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE orders (
    id          integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    sku         text NOT NULL,
    quantity    integer NOT NULL,
    total       numeric(10,2) NOT NULL,
    status      text NOT NULL,
    created     timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE payments (
    id        integer PRIMARY KEY,
    order_id  integer NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    card_no   text NOT NULL,
    iban      text,
    amount    numeric(10,2) NOT NULL
);
CREATE TABLE notes (id serial PRIMARY KEY, body text);
CREATE VIEW big_orders AS SELECT o.id, c.email, o.total FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.total > 100;

INSERT INTO customers
SELECT i, (ARRAY['Ada','Alan','Grace','Edsger','Barbara','Donald','Frances','Ken'])[1 + i % 8] || ' ' ||
          (ARRAY['Lovelace','Turing','Hopper','Dijkstra','Liskov','Knuth','Allen','Thompson'])[1 + (i / 8) % 8],
       'user' || i || '@example.' || (ARRAY['com','org','net'])[1 + i % 3],
       '+49 30 ' || lpad((i * 7919 % 10000000)::text, 7, '0'),
       (ARRAY['DE','FR','NL','PL'])[1 + i % 4], (ARRAY['Berlin','Paris','Utrecht','Gdansk'])[1 + i % 4],
       date '1960-01-01' + (i * 37 % 14000), (i * 13 % 5000) / 10.0, now() - (i || ' days')::interval
FROM generate_series(1, 500) i;
INSERT INTO orders
SELECT i, 1 + i % 500, 'SKU-' || lpad((i * 31 % 9973)::text, 5, '0'), 1 + i % 5, (i * 17 % 30000) / 100.0,
       (ARRAY['new','paid','shipped','returned'])[1 + i % 4], now() - (i || ' hours')::interval
FROM generate_series(1, 2000) i;
INSERT INTO payments
SELECT i, i, '4111111111111111', 'DE89370400440532013000', (i * 17 % 30000) / 100.0 FROM generate_series(1, 1000) i;

CREATE ROLE app_ro LOGIN PASSWORD 'lab-ro';
CREATE ROLE app_rw LOGIN PASSWORD 'lab-rw';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO app_ro;
GRANT CREATE ON SCHEMA public TO app_rw;
ALTER TABLE customers OWNER TO app_rw;
ALTER TABLE orders OWNER TO app_rw;
ALTER TABLE payments OWNER TO app_rw;
ALTER TABLE notes OWNER TO app_rw;
ALTER VIEW big_orders OWNER TO app_rw;
ANALYZE;

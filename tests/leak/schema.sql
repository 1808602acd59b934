-- The two databases of the non-interference test before their sensitive values differ. Everything is invented.
-- Small on purpose: each table fits into one page, so that ctids do not depend on the length of values.
CREATE ROLE app_rw LOGIN PASSWORD 'lab-rw';
GRANT CREATE ON SCHEMA public TO app_rw;
CREATE SCHEMA hr AUTHORIZATION app_rw;
SET ROLE app_rw;
CREATE TABLE customers (
    id integer PRIMARY KEY, full_name text NOT NULL, email text NOT NULL UNIQUE, phone text, ssn varchar(20), birth_date date,
    country text NOT NULL, city text, segment text NOT NULL, loyalty numeric(10,2) NOT NULL, visits integer NOT NULL,
    active boolean NOT NULL, created timestamptz NOT NULL);
CREATE TABLE orders (
    id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES customers (id), sku text NOT NULL, quantity integer NOT NULL,
    total numeric(10,2) NOT NULL, status text NOT NULL, tags text[] NOT NULL, shipped date, created timestamptz NOT NULL);
CREATE TABLE payments (
    id integer PRIMARY KEY, order_id integer NOT NULL REFERENCES orders (id), card_no text NOT NULL, iban text, amount numeric(10,2) NOT NULL,
    client_ip inet, paid timestamp NOT NULL);
CREATE TABLE staff (
    id integer PRIMARY KEY, last_name varchar(40) NOT NULL, salary numeric(10,2), password_hash text, lat float8, lon float8,
    diagnosis text, home_address text, boss integer REFERENCES staff (id), grade smallint NOT NULL, team text NOT NULL);
CREATE TABLE letters (ch text PRIMARY KEY, n integer NOT NULL UNIQUE, word text NOT NULL, span int4range NOT NULL, doc jsonb NOT NULL);
CREATE TABLE notes (id serial PRIMARY KEY, stars integer NOT NULL DEFAULT 0, title varchar(60) NOT NULL UNIQUE);
CREATE TABLE hr.customers (id integer PRIMARY KEY, label text NOT NULL, full_name text NOT NULL, n integer NOT NULL);
CREATE TABLE hr.orders (id integer PRIMARY KEY, label text NOT NULL, sku text NOT NULL, email text NOT NULL);
CREATE TYPE mood AS ENUM ('low', 'mid', 'high');
CREATE VIEW contacts AS SELECT id, full_name, email, country FROM customers WHERE active;
CREATE VIEW totals AS SELECT c.id, c.country, sum(o.total) AS total, count(*) AS orders FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id, c.country;
-- stands for a built-in function where public comes first, and tells a name
CREATE FUNCTION public.reverse(text) RETURNS text LANGUAGE sql STABLE AS 'SELECT full_name FROM public.customers WHERE id = 1 + length($1)';
CREATE INDEX orders_customer ON orders (customer_id);
INSERT INTO customers SELECT i, 'name', 'mail' || i, NULL, NULL, NULL, (ARRAY['DE','FR','NL','PL'])[1 + i % 4],
    (ARRAY['Berlin','Paris','Utrecht','Gdansk'])[1 + i % 4], (ARRAY['gold','silver','plain'])[1 + i % 3], (i * 13 % 50) / 10.0, i * 7 % 31,
    i % 5 > 0, timestamptz '2024-01-01 10:00+00' + i * interval '31 hours' FROM generate_series(1, 20) i;
INSERT INTO orders SELECT i, 1 + i % 20, 'SKU-' || lpad((i * 31 % 97)::text, 3, '0'), 1 + i * 11 % 120, (i * 17 % 3000) / 100.0,
    (ARRAY['new','paid','shipped','returned'])[1 + i % 4], ARRAY['t' || i % 3, 'u' || i % 5], date '2024-02-01' + i * 3,
    timestamptz '2024-02-01 08:00+00' + i * interval '7 hours' FROM generate_series(1, 40) i;
INSERT INTO payments SELECT i, i, '4', NULL, (i * 17 % 3000) / 100.0, NULL, timestamp '2024-03-01' + i * interval '5 hours' FROM generate_series(1, 24) i;
INSERT INTO staff SELECT i, 'n', 0, NULL, 0, 0, NULL, NULL, NULLIF(i / 2, 0), 1 + i % 5, (ARRAY['ops','dev','sales'])[1 + i % 3] FROM generate_series(1, 12) i;
INSERT INTO letters SELECT chr(64 + i), 64 + i, repeat(chr(96 + i), 1 + i % 4), int4range(i, i + 5), jsonb_build_object('n', i, 'k', chr(96 + i)) FROM generate_series(1, 26) i;
INSERT INTO notes (stars, title) SELECT i % 5, 'note ' || i FROM generate_series(1, 12) i;
INSERT INTO hr.customers SELECT i, 'L' || i, 'name', i * 5 FROM generate_series(1, 8) i;
INSERT INTO hr.orders SELECT i, 'O' || i, 'H-' || i, 'mail' FROM generate_series(1, 8) i;

# SPDX-License-Identifier: Apache-2.0
#
# For tests/integration/36-errors.sh: provokes errors over sensitive columns through the gateway and looks at every
# error and notice that comes back; compares the texts of daily errors with what the server itself says.
#   errors_test.py leaks PORT        two rows (998, 999) that differ in their secrets alone: same answers, no piece of one
#   errors_test.py daily PORT DSN    the gateway's texts are the server's
import os
import re
import socket
import struct
import sys

SECRETS = {
    998: ['Wkxpqv Qzjtvw', 'xjwkqz@vqkzxw.pzqj', 'tqvz-wkpx', '1968-12-27', 'kqzw xvjq 8642 7531', 'WVKZ97531QJXP'],
    999: ['Zqxvja Jwqkzpf Vq', 'qvxzjwvk@zkqxpvj.zzqk', 'vzqj-xkwqq', '1971-11-23', 'jzxq kvwq 7531 9642', 'QXZJ86420WVKQ'],
}


class Wire:
    """The protocol by hand: what a driver would hide or reformat is seen."""

    def __init__(self, port):
        self.s = socket.create_connection(('127.0.0.1', port))
        self.s.settimeout(20)
        self.f = self.s.makefile('rb')
        p = b'user\0app_rw\0database\0orders\0application_name\0errors\0\0'
        self.s.sendall(struct.pack('!ii', len(p) + 8, 196608) + p)
        self.until()

    def put(self, t, body):
        return t + struct.pack('!i', len(body) + 4) + body

    def until(self):
        got = []
        while True:
            head = self.f.read(5)
            if len(head) < 5:
                return got + [(b'!', b'')]
            body = self.f.read(struct.unpack('!i', head[1:])[0] - 4)
            got.append((head[:1], body))
            if head[:1] == b'Z':
                return got

    def simple(self, sql):
        self.s.sendall(self.put(b'Q', sql.encode() + b'\0'))
        return self.until()

    def extended(self, sql):
        b = self.put(b'P', b'\0' + sql.encode() + b'\0\0\0') + self.put(b'B', b'\0\0\0\0\0\0\0\0')
        self.s.sendall(b + self.put(b'E', b'\0\0\0\0\0') + self.put(b'S', b''))
        return self.until()


def texts(msgs):
    """All errors and notices but those of the gateway itself, as {letter: text}."""
    out = []
    for t, b in msgs:
        if t in (b'E', b'N'):
            f = {chr(x[0]): x[1:].decode('utf8', 'replace') for x in b.split(b'\0') if x}
            if not re.match(r'\d+ of \d+ columns masked|held: |pending: |refused: |request ', f.get('M', '')):
                out.append(f)
        elif t == b'!':
            out.append({'C': 'closed'})
    return out


CASTS = '''regtype regclass regproc regprocedure regoper regoperator regrole regnamespace regconfig regdictionary regcollation int bigint
smallint numeric float8 date timestamptz time interval uuid inet cidr macaddr macaddr8 json jsonb jsonpath xml bool bit(3) varbit point box
circle polygon line lseg path int[] text[] int4range daterange nummultirange tsvector oid xid cid tid pg_lsn pg_snapshot money customers
orders bytea pg_ndistinct'''.split()

FORMS = '''to_regtype(V) | to_regclass(V || '.') | to_regproc(V) | to_regprocedure(V || '(') | to_regprocedure('abs(' || V || ')')
to_regoper(V) | to_regoperator(V || '(int)') | to_regrole(V) | to_regnamespace(V || '.x') | ('pg_catalog.' || V)::regtype
('x ' || V || ' y')::regtype | ('"' || V)::regclass | (V || '.a.b.c.d')::regclass | has_table_privilege(V, 'select')
has_table_privilege('customers', V) | has_schema_privilege(V, 'usage') | has_type_privilege(V, 'usage') | has_function_privilege(V, 'execute')
has_database_privilege(V, 'connect') | has_column_privilege('customers', V, 'select') | has_language_privilege(V, 'usage')
has_server_privilege(V, 'usage') | has_tablespace_privilege(V, 'create') | has_sequence_privilege(V, 'usage') | pg_has_role(V, 'usage')
has_foreign_data_wrapper_privilege(V, 'usage') | has_parameter_privilege(V, 'set') | has_any_column_privilege(V, 'select')
has_table_privilege(V, 'customers', 'select') | to_number(V, V) | to_date(V, 'YYYY-MM-DD') | to_timestamp(V, 'YYYY') | decode(V, 'hex')
decode('00', V) | encode('a', V) | decode(V, 'base64') | decode(V || '\\', 'escape') | convert('a', V, 'utf8') | convert_to('a', V)
convert_from('a', V) | 'a' ~ ('[' || V) | regexp_match('a', '(' || V) | regexp_replace('a', 'a', 'b', V) | V like (V || '\\')
'a' like V escape V | substring('a' similar V escape V) | date_trunc(V, now()) | date_part(V, now()) | now() at time zone V
timezone(V, now()) | make_timestamptz(1, 1, 1, 1, 1, 1, V) | current_setting(V) | pg_size_bytes(V) | parse_ident(V || '.') | format('%' || V)
xpath(V, '<a/>'::xml) | xmlparse(document V) | xmlpi(name a, V || '?>') | xmlcomment(V || '--') | nextval(V) | currval(V) | pg_relation_size(V)
pg_get_serial_sequence(V, 'id') | pg_get_serial_sequence('customers', V) | jsonb_path_query('{}', ('$.' || V || ' **')::jsonpath)
('{"a": ' || V || '}')::jsonb | json_each(V::json) | json_to_tsvector('english', '{}', to_jsonb(V)) | unistr('\\' || V) | is_normalized(V, V)
to_tsquery(V || ' &&') | (V || ' & (')::tsquery | ts_lexize(V::regdictionary, 'a') | to_tsvector(V::regconfig, 'a') | setweight('a'::tsvector, 'Q')
ts_headline('a', 'a'::tsquery, V || '=1') | ts_debug(V, 'a') | string_to_array(V, ',')::int[] | ('{' || V || '}')::int[] | ('{{' || V)::text[]
('[' || V || ',]')::int4range | ('(' || V)::customers | row(V)::orders | (V || ' days')::interval | ('1 ' || V)::interval | left(V, 3)::int
substr(V, 2, 4)::uuid | chr(-ascii(V)) | 1 / (ascii(V) - ascii(V)) | repeat(V, 2000000000) | lpad(V, 2000000000) | 2147483647 + ascii(V)
power(ascii(V), 999999) | sqrt(-ascii(V)) | ln(-ascii(V)) | factorial(-ascii(V)) | get_byte('a', ascii(V)) | set_bit('a', 999, ascii(V))
(array[1])[ascii(V)][1]::text::date | make_date(ascii(V), ascii(V), ascii(V)) | width_bucket(1, 1, 1, -ascii(V)) | array_fill(1, array[-ascii(V)])
generate_series(1, 2, ascii(V) - ascii(V)) | trim_array(array[1], ascii(V)) | cast(V as varchar(2))::int | bit_length(V)::bit(1)::int::bool::text::int
cash_words(V::money) | broadcast(V::inet) | host(V::cidr) | pg_input_is_valid(V, V) | pg_typeof(V)::text::regtype::text::int | (V || '::int')::regtype
quote_ident(V)::regtype | ('int4(' || V || ')')::regtype | ('_' || V || '[]')::regtype | ('numeric(' || ascii(V) || ',x)')::regtype
(V)::regtype, '@', '.', 'vzqj', '-', "id" /* @ @ @ @ @ @ @ @ @ @ @ @ @ @ */'''.replace('\n', ' | ').split(' | ')

# X is the row.
WHOLE = '''update customers set birth_date = full_name::date where id = X
update customers set full_name = null where id = X
update customers set loyalty = 99999999999 where id = X
update customers set id = 1 where id = X
update customers set email = 'user1@example.org' where id = X
update customers set email = (select email from customers where id = 1) where id = X
update customers set loyalty = email::regtype::oid::int where id = X
update customers set city = (email::regtype)::text where id = X
update orders set customer_id = 0 where id = (select 1 from customers where id = X and email::int > 0)
insert into customers select * from customers where id = X
insert into customers (id, full_name, email, country) select id + 5000, full_name, email, country from customers where id = X
insert into customers (id, email, country) select id + 6000, email, country from customers where id = X
insert into payments select 1, X, card_no, iban, 1 from payments where id = X
insert into payments select 50000, 888888, card_no, iban, 1 from payments where id = X
insert into notes (id) select email::int from customers where id = X
insert into notes (body) select email::regtype::text from customers where id = X
delete from customers where id = X and email::regtype::text = 'a'
delete from orders where customer_id = X and exists (select email::int from customers where id = X)
merge into notes using customers on notes.id = customers.email::int when matched then delete
select id from orders where id = X and (select full_name::regtype from customers where id = X) is not null
select o.id from orders o join customers c on c.email::regtype::oid = o.id where c.id = X
select id, email::int from big_orders where id in (select id from orders where customer_id = X)
select id from v_clean where id = X
select max(email::int) from customers where id = X
select count(*) filter (where email::regtype::oid = 1) from customers where id = X
select id from customers where id = X order by email::int
select id from customers where id = X group by id, email::regtype
select id from customers where id = X limit (select ascii(email) - 1000 from customers where id = X)
select (select email from customers where id <= X)
select case when id = X then email::int end from customers
with a as (select email::regtype from customers where id = X) select * from a
with a as (update customers set city = 'x' where id = X returning email::regtype) select * from a
update customers set city = city where id = X returning email::int
select x.* from customers c, lateral (select c.email::regtype) x where c.id = X
select jsonb_populate_record(null::customers, jsonb_build_object('id', email)) from customers where id = X
select * from json_to_record((select json_build_object('a', email) from customers where id = X)) as t(a int)
select unnest(array[email::int]) from customers where id = X
select xmltable.* from customers c, xmltable('/a' passing c.email::xml columns a int) where c.id = X
select row_to_json(c)::text::int from customers c where id = X
select c::text::int from customers c where id = X
select (card_no || ' x y')::regtype from payments where id = X
select iban::inet from payments where id = X
select (birth_date || '(')::regprocedure from customers where id = X
select birth_date::text::int from customers where id = X
deallocate all; prepare p as select email::regtype from customers where id = X; execute p
begin; declare c cursor for select email::regtype from customers where id = X; fetch c; rollback
begin; declare c cursor for select full_name::int from customers where id = X; move c; rollback
explain analyze select email::regtype from customers where id = X
explain (analyze, verbose) select 1 from customers where id = X and email::int = 1
copy (select email::int from customers where id = X) to stdout
create temp table tt as select email::int from customers where id = X
create unique index on customers (country)
create index on customers ((email::int))
alter table customers add check (email = 'x')
alter table customers alter birth_date type int using email::int
alter table customers add constraint u unique (full_name, country), alter phone type int using phone::int
set constraints all immediate
begin; insert into deferred select email from customers where id = X; set constraints all immediate; rollback
do $$ begin raise notice '%', (select email from customers where id = X); end $$
do $$ begin raise exception using message = 'x', column = (select email from customers where id = X); end $$
select tell(X)
select table_to_xml('customers', true, false, '')
select query_to_xml('select email::int from customers where id = X', true, false, '')
select ts_stat('select email from customers where id = X')
listen "x"; select pg_notify('x', email) from customers where id = X
select set_config('app.x', email, false) from customers where id = X
select set_config('TimeZone', email, false) from customers where id = X
select setseed(ascii(email)) from customers where id = X
vacuum full customers; analyze customers
lock table customers in access exclusive mode nowait'''.split('\n')


def statements():
    col = {998: 'id = 998', 999: 'id = 999'}
    for c in CASTS:
        yield lambda x, c=c: f'select email::{c} from customers where {col[x]}'
        yield lambda x, c=c: f'select full_name::{c} from customers where {col[x]}'
    for f in FORMS:
        yield lambda x, f=f: f"select {f.replace('V', 'email')} from customers where {col[x]}"
        yield lambda x, f=f: f"select {f.replace('V', 'phone')} from customers where {col[x]}"
    for w in WHOLE:
        yield lambda x, w=w: w.replace('X', str(x))


def pieces():
    out = set()
    for values in SECRETS.values():
        for v in values:
            n = 3 if re.search('[a-zA-Z]{3}', v) else 4
            out.update(v[i:i + n].lower() for i in range(len(v) - n + 1))
    return {p for p in out if p.strip() and not re.fullmatch(r'[- 0-9]{3}', p)}


def leaks(port):
    bad = errors = n = 0
    parts = pieces()
    ways = ('simple', 'extended')
    conn = {}
    for make in statements():
        for way in ways:
            got = {}
            for x in (998, 999):
                if way not in conn:
                    conn[way] = Wire(port)
                got[x] = texts(getattr(conn[way], way)(make(x)))
                if got[x] and got[x][-1].get('C') == 'closed':
                    del conn[way]
                elif way in conn:
                    conn[way].simple('rollback')
            n += 1
            errors += any(f.get('S') in ('ERROR', 'FATAL') for f in got[999])
            seen = str(got).lower()
            sql = make(999).lower()
            hit = [p for p in parts if p in seen and p not in sql]
            same = str(got[998]).replace('998', 'N') == str(got[999]).replace('999', 'N')
            if hit or not same:
                bad += 1
                print(f'LEAK ({way}) {make(999)}\n   {got[998]}\n   {got[999]}')
    print(f'{n} statements, {errors} errors, {bad} leaks')


# Statement, and * behind it when it touches nothing sensitive (its texts pass whole).
DAILY = '''select emial from customers
select c.emial from customers c
select x.id from customers c
select * from custmers
select * from nosuch.customers
select id from customers where nofunc(id) = 1
select lower(id) from customers
select id + 'x'::text from customers
select id from customers wher id = 1
select from from customers
select 'abc from customers
select id, from customers
select id from customers where id = 'abc'
select id::nosuchtype from customers
select max(id) from customers where max(id) > 1
select country, id from customers group by country
select id from customers order by 9
select id from customers limit -1
select id from customers union select id, id from orders
select id from customers c join orders o on c.id = o.customer_id
select (select id, id from customers)
select 1/0 from customers
select 'x'::int, id from customers
select '2024-13-01'::date from customers
select '{"a":}'::json, id from customers
update customers set emial = 'x' where id = 1
update customers set loyalty = 'abc' where id = 1
update customers set loyalty = true where id = 1
update customers set city = 'x' where idd = 1
update custmers set city = 'x' where id = 1
update customers set city = 'x' where nofunc(id) = 1
update customers set city = 'x' where id = 'a'::text
update customers set nosuch.city = 'x'
delete from customers c where customers.id = 1
insert into customers (id) select idd from orders
update customers set city = 'x' from custmers where id = 1
insert into customers (id, full_nam) values (1, 'x')
insert into customers (id) values ('abc')
insert into customers (id, full_name) values (1)
insert into customers values (1, 'x', 'y@z', null, 'DE')
insert into customers (id) values (10001)
insert into orders (id, customer_id, sku, quantity, total, status) values (1, 1, 'x', 1, 1, 'new')
insert into orders (id, customer_id, sku, quantity, total, status) values (90001, 77777, 'x', 1, 1, 'new')
insert into payments (id, order_id, card_no, amount) values (90001, 77777, 'x', 1)
insert into payments (id, order_id, card_no, amount) values (90001, 1, 'x', 1e12)
delete from customers where idd = 1
delete from custmers where id = 1
execute nosuch
deallocate nosuch
fetch nosuch
close nosuch
release nosuch
rollback to nosuch
show nosuch
set nosuch = 1
set datestyle = 'x'
set timezone = 'Nowhere/Atall'
select nosuch from notes
insert into notes (id) values (1), (1)
insert into notes (id, body) values ('x', 'y')
select 'x'::uuid from notes
select 1/(id - id) from orders
select sku::int from orders
select sku::regclass from orders
select (sku || ' x')::regtype from orders
begin; select nosuch from customers; select 1
begin; select 1/0 from notes; select 1
begin read only; update customers set city = 'x' where id = 1
prepare pp as select nosuch from customers
declare c cursor for select 1
copy customers (id, nosuch) from stdin
create table customers (id int)
create table notes (id int)
create index nosuch_idx on customers (nosuch)
alter table customers add column email text
alter table customers drop column nosuch
select pg_sleep(2), id from customers'''.split('\n')

# What may differ from the server's words: the value cannot be told from one that was read, so the text is ours.
OURS = ('1e12', )


def told(psycopg, dsn, sql):
    seen = []
    with psycopg.connect(dsn, autocommit=True) as c:
        c.add_notice_handler(lambda d: None)
        if 'pg_sleep' in sql:
            c.execute("set statement_timeout = '300ms'")
        try:
            c.execute(sql)
        except psycopg.Error as e:
            d = e.diag
            seen = [d.sqlstate, d.message_primary, d.message_hint, d.statement_position, d.constraint_name]
    return seen


def daily(port, direct):
    import psycopg
    through = f'host=127.0.0.1 port={port} user=app_rw dbname=orders'
    same = n = 0
    for sql in DAILY:
        a, b = told(psycopg, direct, sql), told(psycopg, through, sql)
        if not a:
            print(f'NO ERROR {sql}')
            continue
        if b and re.match('(refused|held|pending|you have)', b[1] or ''):
            print(f'gateway: {sql}: {b[1]}')
            continue
        n += 1
        if a == b or any(o in sql for o in OURS):
            same += 1
        else:
            print(f'DIFFERS {sql}\n   server  {a}\n   gateway {b}')
    print(f'{same} of {n} texts are the server\'s')


if sys.argv[1] == 'leaks':
    leaks(int(sys.argv[2]))
else:
    daily(int(sys.argv[2]), sys.argv[3])

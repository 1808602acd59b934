# SPDX-License-Identifier: Apache-2.0
#
# Sensitive values dressed as something else: names resolved wrongly, counts, orders, positions, labels, locks, error texts.
# Each statement runs on two tables that differ in nothing but the sensitive values, whose masks are equal: whatever a client
# gets must be the same for both. (What doc/attacks says is open, conditions and orders by whole columns, is no case here.)
import re
import threading

from late import patient
from pglab import case
from pgwire import SYNC, bind, execute, parse

LOCK, PAIR = threading.Lock(), []
PEOPLE = ("create table {0} (id integer primary key, full_name text not null, email text not null unique, phone text, birth_date date, card_no text, country text);"
          " insert into {0} select i, chr(65 + i % 5) || repeat(chr(97 + (i * {1}) % 26), 2 + (i * {1}) % 9) || ' L' || repeat(chr(97 + (i * {2}) % 26), 1 + (i * {2}) % 7),"
          " 'u' || repeat(chr(97 + (i * {2}) % 26), 1 + (i * {1}) % 8) || i * {1} || '@e' || chr(97 + (i * {1}) % 26) || '.org', '+49 30 ' || lpad(((i * {1} * 7919) % 100000)::text, 5, '0') || '17',"
          " make_date(1960, 1 + (i * {1}) % 12, 1 + (i * {2}) % 28), '4111' || lpad((i * {1} * 104729 % 100000000)::text, 8, '0') || '1111', 'DE' from generate_series(1, 20) i;"
          " alter table {0} owner to app_rw; analyze {0}")


def pair(t):
    """Two tables alike but for what is masked; of the same name length."""
    with LOCK:
        if not PAIR:
            PAIR.extend(("twina", "twinb"))
            t.admin("drop table if exists twina, twinb; create table if not exists numbers (k int primary key, word text);"
                    " insert into numbers select i, chr(96 + i) from generate_series(1, 25) i on conflict do nothing; alter table numbers owner to app_rw")
            t.admin(PEOPLE.format("twina", 3, 5))
            t.admin(PEOPLE.format("twinb", 11, 17))
            t.admin("analyze twina; analyze twinb")
    return PAIR


def seen(reply, table):
    """What a client can tell apart, without what differs by its nature."""

    def plain(text):
        return re.sub(r"(request[ =]|session=|approve )\w+", r"\1-", text.replace(table, "twin"))

    errors = [{k: plain(v) for k, v in f.items() if k not in "FLRp"} for f in reply.errors + reply.notices]
    columns = [(plain(c[0]), c[3] if c[3] < 16384 else "own type", c[4:7]) for c in reply.columns or []]
    rows = [tuple(c if c is None else plain(c.decode("utf8", "backslashreplace")) for c in r) for r in reply.rows]
    return {"rows": rows, "tags": reply.tags, "errors": errors, "columns": columns, "copied": plain(reply.copied.decode("utf8", "replace")), "state": reply.status}


LOCKS = "select objid from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_catalog.pg_backend_pid() order by 1"


def both(t, texts, extended=False, binary=False):
    got = []
    for table in pair(t):
        p, one = t.gate(), []
        p.simple("begin")
        for sql in texts:
            sql = sql.replace("{c}", table)
            if extended:
                p.put(parse(sql), bind("", "", (), (), (1,) if binary else ()), b"D\0\0\0\6P\0", execute(), SYNC).flush_out()
            else:
                p.query(sql).flush_out()
            one.append(seen(patient(t, p, "ZG", 8), table))
        one.append(seen(p.simple(LOCKS), table))
        p.simple("rollback", timeout=5)
        p.close()
        got.append(one)
    for sql, a, b in zip(list(texts) + ["advisory locks"], *got):
        for part in a:
            t.true("%s of [%s] tell the tables apart" % (part, sql[:120]), a[part] == b[part], "%r / %r" % (a[part], b[part]))


CHARS = "(values ('A',65),('B',66),('C',67),('D',68),('E',69),('a',97),('f',102),('k',107)) v(ch,n)"
KINDS = {
    "names resolved wrongly": [
        """select (select "case" from (select case when true then c.full_name else ''::text end from {c} c where c.id = o.k) s) from (select k, 'x'::text as "case" from numbers where k < 9) o""",
        """select (select replace("case", '@', '(at)') from (select case when true then c.email else ''::text end from {c} c where c.id = o.k) s) from (select k, 'x'::text as "case" from numbers where k < 9) o""",
        """select (select "coalesce" from (select coalesce(c.full_name, '') from {c} c where c.id = o.k) s) from (select k, 'x'::text as "coalesce" from numbers where k < 9) o""",
        """select (select "array"::text from (select array[c.full_name] from {c} c where c.id = o.k) s) from (select k, 'x'::text as "array" from numbers where k < 9) o""",
        """select (select "row"::text from (select row(c.full_name) from {c} c where c.id = o.k) s) from (select k, 'x'::text as "row" from numbers where k < 9) o""",
        """select (select "text" from (select c.full_name::text || '' from {c} c where c.id = o.k) s(text)) from (select k, 'x'::text as "text" from numbers where k < 9) o""",
        """select (select full_name from (select (select full_name)::text from {c} c where c.id = o.k) s) from (select k, 'x'::text as full_name from numbers where k < 9) o""",
        """select (select "greatest" from (select greatest(c.full_name, 'A') from {c} c where c.id = o.k) s) from (select k, 'x'::text as "greatest" from numbers where k < 9) o""",
        """select (select "nullif" from (select nullif(c.full_name, 'A') from {c} c where c.id = o.k) s) from (select k, 'x'::text as "nullif" from numbers where k < 9) o""",
        """select (select "substring" from (select substring(c.full_name from 1) from {c} c where c.id = o.k) s) from (select k, 'x'::text as "substring" from numbers where k < 9) o""",
        """select (select "btrim" from (select trim(both from c.full_name) from {c} c where c.id = o.k) s) from (select k, 'x'::text as "btrim" from numbers where k < 9) o""",
        """select (select "xmlelement"::text from (select xmlelement(name a, c.full_name) from {c} c where c.id = o.k) s) from (select k, 'x'::text as "xmlelement" from numbers where k < 9) o""",
        """select (select "exists" from (select exists(select 1 where c.full_name like 'Ad%') from {c} c where c.id = o.k) s) from (select k, true as "exists" from numbers where k < 9) o""",
        """select (select "?column?" from (select c.full_name || '' from {c} c where c.id = o.k) s) from (select k, 'x'::text as "?column?" from numbers where k < 9) o""",
        "select (select x from rows from (string_to_table(c.full_name, '~')) as x) from (select full_name, 'y'::text as x from {c} where id < 9) c",
        "select (select x from string_to_table(c.full_name, '~') as x) from (select full_name, 'y'::text as x from {c} where id < 9) c",
        "select (select x from unnest(array[c.full_name]) as u(x)) from (select full_name, 'y'::text as x from {c} where id < 9) c",
        "with {c} as (select 'x'::text as full_name) select (select public.{c}.full_name || '' from {c}) from public.{c} where id < 9",
        "with {c} as (select 'x'::text as full_name) select public.{c}.full_name || '' from public.{c} where id < 9",
        "select (x).full_name || '' from (select c as x from {c} c where id < 9) s",
        "select (select s.v from (values (c.full_name)) as s(v)) from (select full_name, 1 as v from {c} where id < 9) c",
        "select b.country from (select full_name as country, country as full_name from {c}) as b(country, full_name) where true order by 1 limit 9",
        "select f.* from (select full_name, id from {c} where id < 9) f(id, full_name)",
        "select j.full_name || '' from (select 'x' as full_name) a right join lateral (select full_name from {c} where id < 9) j on true",
        "select max(name) from (select full_name from {c} where id = 3) q(name)",
        "select t.v from {c} c cross join lateral (select c.full_name) t(v) where c.id < 9",
    ],
    "values as counts and orders": [
        "select id, string_agg(chr(n::int), '' order by p) from (select c.id, p, (select count(*) from string_to_table(left(repeat('x', 200), ascii(substr(c.full_name, p, 1))), null) u) n from {c} c, generate_series(1, 30) p where c.id < 5) z where n > 0 group by id",
        "select c.id, (select count(*) from (select 1 from generate_series(1, 300) union all select 1 where false limit ascii(substr(c.full_name, 2))) q) from {c} c where c.id < 9",
        "select c.id, q.* from {c} c, lateral (values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12),(13),(14),(15),(16),(17),(18) offset length(c.full_name) limit 1) q where c.id < 9",
        "select c.id, q.n from {c} c, lateral (select v.n, (v.ch = substr(c.full_name, 2, 1)) m from " + CHARS + " order by m desc limit 1) q where c.id < 9",
        "select distinct on (c.id) c.id, v.n, (v.ch = substr(c.full_name, 2, 1)) from {c} c, " + CHARS + " where c.id < 9 order by 1, 3 desc",
        "select array_agg(id) from (select id, full_name from {c} where id < 6 union all values (-65, 'A'), (-71, 'G'), (-66, 'B')) s group by left(full_name, 2)",
        "select c.id, (select count(*) from unnest((array_fill(1, array[200]))[1:ascii(substr(c.full_name, 2))]) u) from {c} c where c.id < 9",
        "select count(nullif(left(full_name, 2), 'Ad')) from {c}",
        "select count(case when full_name like 'Ad%' then 1 end) from {c}",
        "select count(distinct left(full_name, 2)) from {c}",
        "select count(*) filter (where full_name like '%d%') from {c}",
        "select count(*) from (select left(full_name, 2) from {c} union select 'Ad') s",
        "select count(*) from (select full_name from {c} intersect select 'Add L' || word from numbers) s",
        "select id from {c} order by 1 + ascii(substr(full_name, 2))",
        "select id, row_number() over (order by full_name) from {c} order by id",
        "select id, rank() over (partition by country order by email) from {c} order by id",
        "select id, ntile(4) over (order by birth_date) from {c} order by id",
        "select array_agg(id order by full_name) from {c}",
        "select id, exists(select 1 where full_name like '_d%') from {c} order by id",
        "select id, array(select 1 where full_name like '_d%') from {c} order by id",
        "select id, (select 1 where full_name like '_d%') from {c} order by id",
        "select id, o from {c}, lateral unnest(string_to_array(full_name, null)) with ordinality u(x, o) where id < 9 order by id, o",
        "select c.id, g from {c} c, generate_series(1, length(c.full_name)) g where c.id < 9 order by 1, 2",
        "select id, array_length(string_to_array(full_name, 'a'), 1) from {c} order by id",
        "select id, cardinality(array_fill(1, array[length(full_name)])) from {c} order by id",
        "select k from numbers, {c} c where c.id = 3 and k = length(full_name)",
        "select n.word from numbers n join {c} c on n.k = length(c.full_name) order by c.id",
        "select n.word from numbers n right join {c} c on n.k = length(c.full_name) order by c.id",
        "select id, width_bucket(ascii(substr(full_name, 2)), 97, 122, 25) from {c} order by id",
        "select id, bit_length(full_name), octet_length(full_name) from {c} order by id",
        "select id, pg_column_size(full_name) from {c} order by id",
        "select bool_or(full_name like '%d%'), bool_and(full_name like '%d%'), every(full_name > 'B') from {c}",
        "select min(id) from {c} group by left(full_name, 2) order by 1",
        "select id, grouping(left(full_name, 2)) from {c} group by grouping sets ((id, left(full_name, 2)), (id)) order by 1, 2",
        "select percentile_disc(0.5) within group (order by id) filter (where full_name > 'C') from {c}",
        "select id from {c} fetch first (select length(full_name) from {c} where id = 3) rows only",
        "select (array_agg(id order by full_name))[3] from {c}",
        "select id, sum(1) over (order by full_name rows between unbounded preceding and current row) from {c} order by id",
        "select string_agg(id::text, ',' order by full_name) from {c}",
        "select json_agg(id order by full_name) from {c}",
        "select id, full_name = 'Adddd Lg' as hit, full_name > 'Ad' as more from {c} order by id",
        "select id, position('d' in full_name), strpos(full_name, 'g') from {c} order by id",
        "select id, (full_name ~ '^.d')::int, (full_name ilike '_D%')::text from {c} order by id",
        "select id, case full_name when 'Adddd Lg' then 1 else 2 end from {c} order by id",
        "select id, regexp_count(full_name, 'd') from {c} order by id",
        "select id, md5(full_name), hashtext(full_name), sha256(full_name::bytea) from {c} order by id",
        "select id, lower(full_name) < 'm', birth_date - date '1960-01-01', extract(month from birth_date) from {c} order by id",
        "select id, age(birth_date) > interval '1 year', date_part('doy', birth_date) from {c} order by id",
        "select corr(id, ascii(substr(full_name, 2))), stddev(length(full_name)) from {c}",
    ],
    "clauses nobody walks": [
        "insert into numbers (k, word) values (1, 'x') on conflict (k) do update set word = 'y' where (select pg_try_advisory_lock(ascii(substr(full_name, 2))) from {c} where id = 1)",
        "select 1 union all select 2 limit (select case when pg_try_advisory_lock(ascii(substr(full_name, 2))) then 1 else 2 end from {c} where id = 2)",
        "values (1) order by (select pg_try_advisory_lock(ascii(substr(full_name, 2))) from {c} where id = 3)",
        "values (1), (2), (3), (4), (5), (6), (7), (8) offset (select length(full_name) % 8 from {c} where id = 4)",
        "(select k from numbers where k < 9) union (select 99) order by 1 limit (select length(full_name) from {c} where id = 3)",
        "select k from numbers except select length(full_name) from {c} order by 1",
        "select k from numbers intersect select length(full_name) from {c} order by 1",
        "select k, (select count(*) from (values (1), (2), (3) limit (select length(full_name) % 4 from {c} where id = k)) v) from numbers where k < 9",
        "with recursive r(n) as (select 1 union all select n + 1 from r where n < (select length(full_name) from {c} where id = 3)) select count(*) from r",
        "select k from numbers tablesample system ((select 100) * 1) repeatable (1) where k = (select length(full_name) from {c} where id = 3)",
        "select sum(k) over (order by k rows (select length(full_name) from {c} where id = 3) preceding) from numbers order by k",
        "select sum(k) over w from numbers window w as (order by k rows between (select length(full_name) from {c} where id = 3) preceding and current row) order by k",
        "select k from numbers group by k having k < (select length(full_name) from {c} where id = 3) order by 1",
        "select distinct on ((select length(full_name) from {c} c where c.id = n.k)) k from numbers n order by (select length(full_name) from {c} c where c.id = n.k), k",
        "update numbers set word = word where k = (select length(full_name) from {c} where id = 3) returning k",
        "delete from numbers using {c} c where c.id = 3 and k = length(c.full_name) returning k",
        "merge into numbers n using {c} c on n.k = length(c.full_name) and c.id = 3 when matched then update set word = n.word",
        "select k from numbers where k in (select length(full_name) from {c}) order by 1",
        "select n.k from numbers n natural join (select length(full_name) as k from {c} where id = 3) s",
        "select n.k from numbers n join (select length(full_name) as k from {c} where id = 3) s using (k)",
        "select x.* from xmltable('/a' passing (select xmlelement(name a, full_name) from {c} where id = 3) columns v text path '.') x",
        "select x.* from json_to_recordset((select json_agg(json_build_object('v', full_name)) from {c})) as x(v text) limit 5",
        "select (select array_agg(k) from numbers)[(select length(full_name) from {c} where id = 3)]",
        "select row(full_name, 1) = row('Adddd Lg', 1), (full_name, id) < ('B', 2) from {c} order by id",
        "select id, full_name is distinct from 'Adddd Lg', full_name in ('Adddd Lg'), full_name = any (array['Adddd Lg']) from {c} order by id",
        "select id from {c} for update of {c} limit (select length(full_name) from {c} where id = 3)",
        "explain (costs off) select * from {c} where full_name = (select full_name from {c} where id = 3)",
        "explain (analyze, costs off, timing off, summary off) select k from numbers where k < (select length(full_name) from {c} where id = 3)",
    ],
    "error texts": [
        "select (full_name)::regtype from {c} where id = 1",
        "select (email)::regtype from {c} where id = 1",
        "select (card_no || ' x y')::regtype from {c} where id = 1",
        "select ('x ' || birth_date || ' y')::regtype from {c} where id = 1",
        "select to_regtype(full_name), to_regclass(full_name), to_regproc(full_name) from {c} where id = 1",
        "select (full_name)::regclass from {c} where id = 1",
        "select (full_name || '()')::regprocedure from {c} where id = 1",
        "select (full_name)::regrole, 1 from {c} where id = 1",
        "select (full_name)::regnamespace, 1 from {c} where id = 1",
        "select (full_name)::regconfig from {c} where id = 1",
        "select has_type_privilege(full_name, 'usage') from {c} where id = 1",
        "select has_table_privilege(full_name, 'select') from {c} where id = 1",
        "select has_table_privilege('numbers', full_name) from {c} where id = 1",
        "select has_schema_privilege(full_name, 'usage') from {c} where id = 1",
        "select has_function_privilege(full_name || '(int)', 'execute') from {c} where id = 1",
        "select pg_get_serial_sequence(full_name, 'id') from {c} where id = 1",
        "select pg_get_serial_sequence('numbers', full_name) from {c} where id = 1",
        "select (full_name)::int from {c} where id = 1",
        "select (full_name)::uuid, 1 from {c} where id = 1",
        "select (full_name)::inet from {c} where id = 1",
        "select (full_name)::json from {c} where id = 1",
        "select (full_name)::xml from {c} where id = 1",
        "select xmlparse(document full_name) from {c} where id = 1",
        "select (full_name)::interval from {c} where id = 1",
        "select to_date(full_name, 'YYYY') from {c} where id = 1",
        "select now() at time zone full_name from {c} where id = 1",
        "select to_tsquery(full_name || ' &&') from {c} where id = 1",
        "select ('$.' || full_name || ' **')::jsonpath from {c} where id = 1",
        "select regexp_replace('a', full_name || '(', '') from {c} where id = 1",
        "select current_setting(full_name) from {c} where id = 1",
        "select set_config(full_name, 'x', false) from {c} where id = 1",
        "select convert_from(full_name::bytea, full_name) from {c} where id = 1",
        "select encode('x', full_name) from {c} where id = 1",
        "select format(full_name || '%z', 1) from {c} where id = 1",
        "select extract(epoch from now())::text || date_part(full_name, now()) from {c} where id = 1",
        "select date_trunc(full_name, now()) from {c} where id = 1",
        "select nextval(full_name) from {c} where id = 1",
        "insert into numbers (k, word) select (full_name)::int, 'x' from {c} where id = 1",
        "insert into {c} (id, full_name, email) select 1000 + id, full_name, email from {c}",
        "update {c} set email = 'same'",
        "update {c} set id = null where id = 1",
        "alter table {c} add check (full_name = 'x')",
        "select 1 / (length(full_name) - length(full_name)) from {c} where id = 1",
        "select ('{' || full_name)::text[] from {c} where id = 1",
        "select ('[' || full_name)::int4range from {c} where id = 1",
        "select (full_name)::bit(3), (full_name)::money from {c} where id = 1",
        "select array_fill(1, array[length(full_name) * 1000000000]) from {c} where id = 1",
        "select substring(full_name from 1 for -length(full_name)) from {c} where id = 1",
        "select chr(-ascii(substr(full_name, 2))) from {c} where id = 1",
        "select lpad('x', 1000000000 * length(full_name)) from {c} where id = 1",
        "select get_byte('x', length(full_name)) from {c} where id = 1",
    ],
}
for kind, texts in KINDS.items():
    for number, text in enumerate(texts):
        case(kind, text[:150])(lambda t, x=text, n=number: both(t, [x], n % 2 == 1, n % 4 == 3))

STEPS = {
    "a cursor over an expression": ["declare c cursor for select full_name || '' from {c}", "fetch 3 from c", "move 1 from c", "fetch all from c"],
    "a prepared text": ["prepare d as select full_name || '' from {c} where id < 9", "execute d", "explain (costs off) execute d"],
    "a temporary copy": ["create temp table k as select id, full_name as x from {c}", "select * from k", "select * from pg_temp.k"],
    "a temporary view": ["create temp view v as select id, upper(full_name) as x from {c}", "select * from v"],
    "a deferred constraint": ["set constraints all immediate", "select (full_name)::int from {c}"],
    "COPY of an expression": ["copy (select full_name || '' from {c} order by id) to stdout"],
    "COPY of an order": ["copy (select id from {c} order by left(full_name, 2)) to stdout csv"],
    "statistics": ["select histogram_bounds::text, most_common_vals::text from pg_stats where tablename = '{c}'", "select reltuples from pg_class where relname = '{c}'"],
    "planner estimates": ["explain select * from {c} where full_name < 'Cc'", "explain (format json) select * from {c} where email like 'ud%'"],
    "RETURNING": ["update {c} set country = country where id = 3 returning full_name || '', {c}, row(full_name)", "delete from {c} where id = 4 returning upper(email)"],
    "a notice that a function raises": ["do $$begin raise notice '%', (select full_name from {c} where id = 1); end$$"],
    "a savepoint and an error": ["savepoint s", "select (full_name)::int from {c}", "rollback to s", "select 1"],
}
for name, steps in STEPS.items():
    case("values through steps", name)(lambda t, s=steps: both(t, s))


@case("values through steps", "plain columns are shown masked, clear ones clear")
def _(t):
    both(t, ["select id, full_name, email, phone, country from {c} order by id", "select count(*) from {c}", "select country, count(*) from {c} group by 1",
             "select sum(k) from numbers"])
    p = t.gate()
    t.is_("a clear column", p.simple("select country, count(*) from twina group by 1").text, "DE|20")

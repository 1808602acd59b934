# SPDX-License-Identifier: Apache-2.0
#
# Bounds that are none: predicates that look narrow and name the whole table, statements of one shape where the first was
# narrow. More than guard_rows (100) rows of a table of 300 may not change without an approval; a key named by a constant
# changes its row as ever.
from late import patient
from pglab import case
from pgwire import SYNC, bind, execute, parse

LIMIT = 100
WIDE = [
    "id::bool = true", "id::bool is not distinct from true", "body::char = 'b'", "id::numeric(1, -6) = 0", "date_trunc('millennium', ts) = '2001-01-01'",
    "id between '0' and '999999999'", "id between 0 and 999999990 + 9", "id = any (select id from {w})", "id in (select id from {w})", "id in (table {w}_ids)",
    "ctid between '(0,1)' and '(999999,1)'", "ctid > '(0,0)'", "id > extract(epoch from now()) * 0", "id >= 1 and id <= 999999999", "id > 0", "id < 1000000",
    "code = 'abcd'", "body like 'b%'", "body ~ '^b'", "body is not null", "k in (0, 1, 2, 3, 4, 5, 6)", "k between 0 and 6", "k = any ('{0,1,2,3,4,5,6}')", "ts < now()",
    "ts between '1970-01-01' and '2100-01-01'", "ts > now() - interval '100 years'", "exists (select 1)", "id = id", "id is not null", "not id is null", "(id, k) > (0, 0)",
    "(id > 0) is true", "id % 1 = 0", "abs(id) >= 0", "id::text <> ''", "coalesce(id, 0) > 0", "id = greatest(id, 0)", "nullif(id, 0) = id", "case when true then true end",
    "id = (select {w}.id)", "id = (select max(id) from {w} x where x.id = {w}.id)", "true", "1 = 1", "id in (1, 2, 3) or true", "id = 1 or id > 1", "id <> 1", "id not in (1)",
    "body = 'b' || id", "k = id % 7", "id = k or id > k", "length(body) > 0", "tableoid = '{w}'::regclass", "xmin::text::bigint > 0", "cmin::text = '0' or true",
    "row(id) is not null", "{w} is not null", "{w} = {w}", "int4range(0, 1000) @> id", "array[id] <@ array(select id from {w})", "id::oid > 0", "id::money > 0::money",
    "id::text::bool is null or id > 0", "id = any (array(select generate_series(1, 1000)))", "id = some (select generate_series(1, 1000))", "id in (select * from generate_series(1, 1000))",
    "id in (values (1), (2)) or id in (select id from {w})", "body collate \"C\" >= ''", "current_user = 'app_rw'", "random() >= 0", "id >= least(1, 2)", "k * 0 = 0",
    "ts::date <= current_date", "to_char(ts, 'YYYY') > '1'", "extract(year from ts) between 2000 and 3000", "position('b' in body) = 1", "left(body, 1) = 'b'", "jsonb_build_object('i', id) ? 'i'",
]
NARROW = ["id = 7", "id in (1, 2, 3)", "id = any ('{4,5,6}')", "id = 9 and k = 2", "id = 1 or id = 2"]
FORMS = {"DELETE": "delete from {w} where ", "UPDATE": "update {w} set body = 'gone' where "}


def changed(t, w, before):
    now = dict(line.split("|", 1) for line in t.admin("select id, hashtext(x::text) from only %s x" % w).splitlines())
    return sum(now.get(k) != v for k, v in before.items())


def rows_of(t, w):
    return dict(line.split("|", 1) for line in t.admin("select id, hashtext(x::text) from only %s x" % w).splitlines())


def send(t, p, sql, extended, values=()):
    if extended:
        p.put(parse(sql), bind("", "", values), execute(), SYNC).flush_out()
    else:
        p.query(sql).flush_out()
    return patient(t, p, "Z", 15)


def wide(t, sql, extended, open_transaction, first=None, values=()):
    w = t.table()
    if "_ids" in sql:
        t.admin("create view %s_ids as select id from %s; alter view %s_ids owner to app_rw" % (w, w, w))
    before = rows_of(t, w)
    p = t.gate()
    if open_transaction:
        p.simple("begin")
    if first:
        send(t, p, first.replace("{w}", w), extended)
    reply = send(t, p, sql.replace("{w}", w), extended, values)
    t.true("an answer comes", reply.status, reply)
    if open_transaction:
        p.simple("commit", timeout=5)
    n = changed(t, w, before)
    t.true("at most %d rows change" % LIMIT, n <= LIMIT, n)


for number, where in enumerate(WIDE):
    form = list(FORMS)[number % 2]
    case("bounds", "%s where %s" % (form, where))(lambda t, s=FORMS[form] + where, n=number: wide(t, s, n % 3 == 0, n % 5 == 0))

for narrow, broad in (("id >= 1 and id <= 10", "id >= 1 and id <= 999999999"), ("id between 1 and 3", "id between 1 and 3000"), ("id < 3", "id < 300000"), ("k = 100", "k >= -100"),
                      ("id in (1, 2)", "id in (select generate_series(1, 300))"), ("body = 'b1'", "body like 'b%'"), ("ts < '2001-01-01'", "ts < '2101-01-01'"),
                      ("id = any ('{1,2}')", "id = any (array(select id from {w}))"), ("body like 'b299%'", "body like 'b%'"), ("ctid = '(0,1)'", "ctid >= '(0,1)'"),
                      ("id > 299", "id > 2"), ("id + 0 = 5", "id + 0 > 5")):
    for form, start in FORMS.items():
        case("one shape", "%s where %s, then %s" % (form, narrow, broad))(lambda t, s=start, a=narrow, b=broad: wide(t, s + b, False, True, s + a))
        case("one shape", "%s where %s, then %s, prepared each" % (form, narrow, broad))(lambda t, s=start, a=narrow, b=broad: wide(t, s + b, True, False, s + a))


@case("one shape", "one prepared text, parameters narrow and then wide")
def _(t):
    w = t.table()
    before = rows_of(t, w)
    p = t.gate()
    p.batch(parse("delete from %s where id between $1 and $2" % w, "d", (23, 23)), SYNC)
    for low, high in (("1", "5"), ("6", "9"), ("10", "999999999")):
        p.put(bind("", "d", [low, high]), execute(), SYNC).flush_out()
        patient(t, p, "Z", 15)
    t.true("at most %d rows change" % LIMIT, changed(t, w, before) <= LIMIT + 9, changed(t, w, before))


for types, values in (((16, 0), ["t", None]), ((25, 25), ["1", "1"]), ((1700, 1700), ["1", "1.0"]), ((23, 23), ["1", "1"])):
    case("one shape", "no predicate but on parameters of types %d" % types[0])(
        lambda t, y=types, v=values: wide(t, "delete from {w} where $1 is not null or $2 is null" if y[0] == 16 else "delete from {w} where $1 = $2", True, False, None, v))

OTHERS = {
    "an upsert of every row": "insert into {w} (id, k) select id, k from {w} on conflict (id) do update set body = 'gone'",
    "an upsert of given rows and a subquery": "insert into {w} (id, k) values (1, 1), ((select 2), 1), (generate_series(3, 300), 1) on conflict (id) do update set body = 'gone'",
    "MERGE with itself": "merge into {w} using (select id as i from {w}) s on {w}.id = s.i when matched then delete",
    "MERGE on true": "merge into {w} using (select 1) s on true when matched then update set body = 'gone'",
    "MERGE with not a key": "merge into {w} using (values (1)) s(v) on {w}.id >= s.v when matched then delete",
    "DELETE USING": "delete from {w} using (select 1) s where {w}.id > 0",
    "DELETE USING itself": "delete from {w} using {w} x where {w}.id = x.id",
    "UPDATE FROM": "update {w} set body = s.b from (select id as i, 'gone' as b from {w}) s where id = s.i",
    "a CTE that deletes": "with d as (delete from {w} where id > 0 returning 1) select count(*) from d",
    "a CTE that updates behind a key": "with d as (update {w} set body = 'gone' where id > 0 returning 1) delete from {w} where id = -1",
    "two CTEs": "with a as (delete from {w} where id <= 150), b as (delete from {w} where id > 150) select 1",
    "EXPLAIN ANALYZE": "explain analyze delete from {w} where id > 0",
    "several statements": "delete from {w} where id < 0; delete from {w} where id <= 290; delete from {w} where id > 290",
    "one row at a time by a function of the server": "select count(*) from (select query_to_xml('delete from {w} where id = ' || i, true, false, '') from generate_series(1, 300) i) x",
    "ONLY": "delete from only {w} where id > 0",
    "an alias": "delete from {w} as id where id.id > 0",
    "WHERE CURRENT OF": "declare c cursor for select * from {w} for update; move all in c; delete from {w} where id > 0",
    "UPDATE of the key": "update {w} set id = id + 1000000 where id > 0",
    "TRUNCATE": "truncate only {w}",
    "COPY over a rule": "create rule r as on insert to {w} do instead delete from {w}; insert into {w} (id, k) values (5000, 1)",
    "ALTER COLUMN USING": "alter table {w} alter column body type text using 'gone'",
    "a dropped column": "alter table {w} drop column body cascade",
    "a generated column": "alter table {w} add column g int generated always as (k + 1) stored",
    "RETURNING": "delete from {w} where id > 0 returning *",
}
for number, (what, sql) in enumerate(OTHERS.items()):
    case("bounds", what)(lambda t, s=sql, n=number: wide(t, s, n % 2 == 1 and ";" not in s, n % 3 == 0))


def narrow(t, sql, extended, rows):
    w = t.table()
    before = rows_of(t, w)
    p = t.gate()
    reply = send(t, p, sql.replace("{w}", w), extended)
    t.is_("it runs", (reply.error, reply.tags[-1:]), ("", ["%s %d" % (sql.split()[0].upper(), rows)]))
    t.is_("rows that change", changed(t, w, before), rows)


for number, (where, rows) in enumerate(zip(NARROW, (1, 3, 3, 1, 2))):
    for form, start in FORMS.items():
        case("bounds", "%s where %s runs" % (form, where))(lambda t, s=start + where, n=number, r=rows: narrow(t, s, n % 2 == 0, r))


@case("bounds", "one row after the other stays one row")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("update %s set body = $2 where id = $1" % w, "u"), SYNC)
    for i in range(1, 51):
        reply = p.batch(bind("", "u", [str(i), "x"]), execute(), SYNC)[0]
        if reply.tags != ["UPDATE 1"]:
            break
    t.is_("after row %d: tags" % i, reply.tags, ["UPDATE 1"])

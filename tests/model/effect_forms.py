# SPDX-License-Identifier: Apache-2.0
#
# The grammar of fuzz-effect: predicates that look narrow or are, and every form of statement that writes. A script is a list of
# [how, sql, values]; {s} is the scratch schema.
TS = ["id", "k", "n"]
TEXTS = ["body", "grp", "code", "ts", "j", "a", "u", "b"]
COLUMNS = {"t": "id", "o": "id", "parent": "id", "child": "id", "nulled": "id", "base": "id", "pair": "a", "partly": "id", "gaps": "id", "cover": "id", "ruled": "id", "armed": "id",
           "policed": "id", "parts": "id", "v": "id", "vv": "id", "vi": "id"}
VALUE = {"t": "body", "o": "body", "parent": "name", "child": "parent_id", "nulled": "parent_id", "base": "v", "pair": "v", "partly": "v", "gaps": "v", "cover": "v", "ruled": "v",
         "armed": "v", "policed": "v", "parts": "v", "v": "body", "vv": "body", "vi": "body"}
NUMBER = {"child", "nulled", "gaps"}  # the value column is an integer

WRAP = ["{c}", "{c}", "{c}", "{c}", "{c} + 0", "abs({c})", "{c}::numeric", "{c}::bigint", "{c}::text::int", "coalesce({c}, 0)", "greatest({c}, {c})", "({c})", "- - {c}", "{c}::oid", "{c}::bool::int",
        "{c}::numeric(1, -6)", "{c}::float4", "nullif({c}, -1)", "{c} * 1", "{c} / 1000", "mod({c}, 1)", "sign({c})", "{c} % 2", "f_read({c})", "{c}::money::numeric", "(array[{c}])[1]", "least({c}, 1)",
        "{c} & 0", "length({c}::text)", "case when {c} > 0 then 1 end", "(select {c})", "min({c}) over ()"]
CONST = ["1", "7", "300", "100000", "999999999", "0", "(3 + 4)", "'7'", "'999999'", "(select 7)", "(select max(id) from t)", "(select min(id) from o)", "7.0", "7::bigint", "length('abc')",
         "extract(epoch from now())::int", "least(1, 2)", "-1", "1e9", "random()", "(select count(*) from t)", "f_read(6)", "7::text", "'7'::varchar"]


def number(r, values):
    if r.random() < 0.2:
        values.append(str(r.choice([1, 2, 7, 300, 999999, 0])))
        return "$%d%s" % (len(values), r.choice(["", "::int", "::bigint", "::numeric"]))
    return r.choice(CONST)


def on_number(r, c, values):
    e = r.choice(WRAP).replace("{c}", c) if r.random() < 0.5 else c
    n = lambda: number(r, values)
    return r.choice([
        lambda: "%s = %s" % (e, n()), lambda: "%s = %s" % (e, n()), lambda: "%s <> %s" % (e, n()), lambda: "%s < %s" % (e, n()), lambda: "%s >= %s" % (e, n()),
        lambda: "%s between %s and %s" % (e, n(), n()), lambda: "%s in (%s, %s)" % (e, n(), n()), lambda: "%s in (select id from o)" % e, lambda: "%s = any (array[%s, 2])" % (e, r.choice(["1", "7"])),
        lambda: "%s = any (select generate_series(1, 400))" % e, lambda: "%s = any (array(select id from o))" % e, lambda: "%s is not null" % e, lambda: "%s is distinct from %s" % (e, n()),
        lambda: "%s is not distinct from %s" % (e, n()), lambda: "%s > 0 and %s < 1000000" % (e, c), lambda: "%s not in (%s)" % (e, n()), lambda: "(%s, 1) = (%s, 1)" % (e, n()),
        lambda: "(%s, 1) > (0, 0)" % e, lambda: "%s = %s" % (e, e), lambda: "%s::bool" % c, lambda: "%s operator(pg_catalog.=) %s" % (e, n()), lambda: "%s = (%s)" % (n(), e),
        lambda: "int4range(0, 1000) @> %s::int" % c, lambda: "%s = all (array[%s])" % (e, c), lambda: "%s between symmetric 1000 and 0" % e, lambda: "exists (select 1 from o where o.id = %s)" % c,
        lambda: "%s = '7'::text" % c, lambda: "%s = 7::text" % c, lambda: "%s @#@ 'x'::text" % c, lambda: "%s between '0' and '999999'" % e])()


OTHER = {"t": ["grp = 'active'", "body = 'b7'", "body like 'b%'", "body like 'b7'", "body in ('b1', 'b2')", "body = 'b7' and grp = 'active'", "code = 'abcd'", "code = 'ab'", "ts < now()", "b", "not b", "b = true",
               "ts between '1970-01-01' and '2100-01-01'", "date_trunc('millennium', ts) = '2001-01-01'", "j ->> 's' = 'x'", "j @> '{\"s\": \"x\"}'", "a @> array[1]", "1 = any (a)", "7 = any (a)", "a && '{1}'",
               "u is not null", "u = md5('7')::uuid", "body::char = 'b'", "left(body, 1) = 'b'", "body ~ '^b'", "body ~ '^b7$'", "body similar to 'b%'", "position('b' in body) = 1", "body > 'a'", "grp = any ('{active}')",
               "ts > now() - interval '100 years'", "extract(year from ts) between 2000 and 3000", "row(t) is not null", "t is not null", "t = t", "t.*::text <> ''", "ctid >= '(0,1)'", "ctid = '(0,1)'",
               "ctid = any (array(select ctid from t))", "xmin::text <> '0'", "tableoid = 't'::regclass", "grp = lower('ACTIVE')", "body collate \"C\" >= 'b'", "grp || '' = 'active'", "grp is not distinct from 'active'",
               "body = any (array['b1', 'b2'])", "starts_with(body, 'b')", "to_tsvector(body) @@ to_tsquery('b7')", "current_user = 'app_rw'", "body = body", "md5(body) > ''", "hashtext(body) is not null"],
         "pair": ["a = 1 and b = 2", "a = 1", "b = 2", "(a, b) = (1, 2)", "(a, b) in ((1, 2), (1, 4))", "a = 1 and b > 0", "a = 1 and b in (2, 4)", "a = 1 or b = 2", "a = 1 and b is not null", "(a, b) >= (0, 0)"],
         "partly": ["v = 'same'", "v = 'same' and live", "v = 'same' and not live", "v = 'same' and live is false"], "gaps": ["v is null", "v is not distinct from null", "v = 1", "coalesce(v, 1) = 1", "v is unknown"],
         "cover": ["v = 'same'", "id = 7", "id = 7 or v = 'same'"], "base": ["id = 1", "v = 'x'", "v = 'h'", "id = 1 and v = 'h'"], "parts": ["v = 'x'", "id = 7 and v = 'x'"]}
ALWAYS = ["true", "1 = 1", "not false", "exists (select 1)", "(select true)", "1 < 2", "null is null", "'a' = 'a'", "now() > '2000-01-01'", "random() >= 0", "true is true"]


def predicate(r, table, values, depth=0):
    x = r.random()
    if depth < 2 and x < 0.25:
        word = r.choice(["and", "and", "or"])
        return "(%s %s %s)" % (predicate(r, table, values, depth + 1), word, predicate(r, table, values, depth + 1))
    if depth < 2 and x < 0.3:
        return "not (%s)" % predicate(r, table, values, depth + 1)
    if x < 0.36:
        return r.choice(ALWAYS)
    if table in OTHER and x < 0.6:
        return r.choice(OTHER[table])
    c = r.choice(TS) if table == "t" else COLUMNS[table]
    return on_number(r, c, values)


def where(r, table, values):
    if r.random() < 0.06:
        return ""
    return " where " + predicate(r, table, values)


def name(r, table):
    return r.choice(["", "", "", "{s}."]) + table


def new_value(r, table):
    if table in NUMBER:
        return r.choice(["3", "4", "null", "%s + 1" % VALUE[table]])
    return r.choice(["'gone'", "null", "upper(%s)" % VALUE[table], "%s || ''" % VALUE[table], "'x' || random()"])


def update(r, values):
    table = r.choice(list(COLUMNS))
    col = VALUE[table]
    sets = "%s = %s" % (col, new_value(r, table))
    if r.random() < 0.1:
        sets = "(%s) = (select %s)" % (col, new_value(r, table))
    if r.random() < 0.05 and table in ("t", "o", "parent"):
        sets = "id = id + 1000000"
    source = ""
    if r.random() < 0.12:
        source = r.choice([" from o x", " from (select 1) x", " from generate_series(1, 3) x", " from (values (1), (2)) x(i)"])
    return "update %s%s set %s%s%s%s" % (r.choice(["", "", "only "]), name(r, table), sets, source, where(r, table, values), returning(r))


def delete(r, values):
    table = r.choice(list(COLUMNS))
    source = r.choice([" using o x", " using (select 1) x", " using (values (1)) x(i)"]) if r.random() < 0.12 else ""
    return "delete from %s%s%s%s%s" % (r.choice(["", "", "only "]), name(r, table), source, where(r, table, values), returning(r))


def returning(r):
    return r.choice(["", "", "", "", " returning *", " returning 1"])


def insert(r, values):
    table = r.choice(["t", "o", "parent", "pair", "cover", "ruled", "armed", "vr", "vi", "v", "parts", "policed", "defaulted", "base"])
    key = {"pair": "a, b"}.get(table, "id")
    number_ = lambda: str(r.choice([1, 7, 5000 + r.randrange(1000), "(select 7)", "(select max(id) + 1 from o)", "generate_series(1, 300)", "generate_series(6000, 6300)", "f_del()", "nextval('sq')"]))
    row = "(%s, %s)" % (number_(), number_()) if table == "pair" else "(%s)" % number_()
    if r.random() < 0.3:
        source = "select " + ("i, i" if table == "pair" else "i") + " from " + r.choice(["generate_series(1, 300) i", "generate_series(7000, 7300) i", "generate_series(7000, 7005) i", "(select id as i from o) x", "(values (8000)) x(i)"])
    else:
        source = "values " + ", ".join([row] if r.random() < 0.7 else [row, row.replace("1", "8001")])
    conflict = ""
    if r.random() < 0.45:
        col = VALUE.get(table, "v")
        conflict = " on conflict " + r.choice(["do nothing", "(%s) do nothing" % key, "(%s) do update set %s = %s" % (key, col, "excluded." + col if r.random() < 0.4 else "'gone'" if table not in NUMBER else "3"),
                                               "(%s) do update set %s = null where %s" % (key, col, "true" if table not in COLUMNS else predicate(r, table, values).replace(" id ", " %s.id " % table))])
    return "insert into %s (%s) %s%s%s" % (name(r, table), key, source, conflict, returning(r))


def merge(r, values):
    table = r.choice(["t", "o", "parent", "pair", "partly", "gaps", "child", "parts"])
    key = COLUMNS[table]
    source = r.choice(["(select id as i from o) x", "(values (1), (2)) x(i)", "generate_series(1, 300) x(i)", "(select 7 as i) x", "o x(i)"])
    on = r.choice(["%s.%s = x.i" % (table, key), "true", "%s.%s >= x.i" % (table, key), "%s.%s = x.i and x.i = 7" % (table, key), "%s.%s = 7" % (table, key)])
    act = r.choice(["update set %s = %s" % (VALUE[table], "3" if table in NUMBER else "'gone'"), "delete", "do nothing"])
    return "merge into %s using %s on %s when matched%s then %s" % (table, source, on, r.choice(["", "", " and %s.%s > 0" % (table, key)]), act)


def with_writes(r, values):
    inner = r.choice([update, delete, insert])(r, values)
    inner = inner if "returning" in inner else inner + " returning 1"
    tail = r.choice(["select count(*) from d", "select 1", "select * from d", "delete from o where id = 7", "update t set k = 1 where id = 7", "insert into o (id) select 9000 from d limit 1"])
    second = ", e as (%s)" % (lambda q: q if "returning" in q else q + " returning 1")(r.choice([update, delete])(r, values)) if r.random() < 0.3 else ""
    return "with d as (%s)%s %s" % (inner, second, tail)


def wrapped(r, values):
    inner = r.choice([update, delete, insert, with_writes])(r, values)
    return r.choice(["explain analyze ", "explain (analyze, buffers) ", "explain (analyze true, format json) ", "explain (analyze false) ", "explain "]) + inner


SCHEMA = ["truncate t", "truncate only o", "truncate t, o restart identity cascade", "drop table o", "drop table if exists parent cascade", "drop view vv", "drop function f_read(int)", "drop schema {s} cascade",
          "drop type mood", "drop sequence sq", "alter table t drop column body", "alter table t add column z int", "alter table o rename to oo", "alter table o rename column body to b2", "alter table t alter column body set not null",
          "alter table t alter k type bigint", "alter table o disable trigger all", "alter table o set (fillfactor = 50)", "alter table policed disable row level security", "alter table heir no inherit base",
          "alter table parts detach partition parts_1", "alter table o owner to app_ro", "alter view vv rename to vw", "alter function f_read(int) security definer", "alter sequence sq restart with 5000",
          "alter type mood add value 'bad'", "alter domain dm drop constraint dm_check", "create table made (a int)", "create table made as select * from t", "select * into made from t", "create view made as select 1", "create index on t (k)",
          "create unique index on o (body)", "create function made() returns int language sql as 'select 1'", "create rule rr as on delete to o do instead nothing", "create trigger tt before delete on o for each row execute function f_trg()",
          "create sequence made", "create type made as (a int)", "create domain made as int", "create schema made", "create extension pg_trgm", "create statistics st on k, n from t", "create policy pp on policed using (true)",
          "comment on table t is 'x'", "comment on column t.body is 'x'", "comment on schema {s} is 'x'", "security label on table t is 'x'", "refresh materialized view mv", "reindex table t", "cluster t using t_pkey",
          "vacuum full o", "vacuum t", "analyze t", "lock table t", "lock table o in share mode", "alter index t_pkey rename to tp", "create materialized view made as select 1", "alter default privileges in schema {s} grant select on tables to app_ro",
          "grant select on t to app_ro", "grant all on schema {s} to public", "revoke all on t from app_rw", "grant app_rw to app_ro", "create role made", "alter role app_ro password 'x'", "alter role app_rw set search_path = public",
          "alter role app_rw reset all", "alter database orders set work_mem = '1MB'", "alter system set work_mem = '1MB'", "drop role app_ro", "reassign owned by app_rw to app_ro", "drop owned by app_rw", "create database made",
          "set role app_ro", "set session authorization app_ro", "reset role", "set session_replication_role = replica", "import foreign schema x from server y into {s}", "create cast (text as int) with inout",
          "create operator ## (function = f_op, leftarg = int, rightarg = text)", "create aggregate made(int) (sfunc = f_agg, stype = int)", "create publication made", "create event trigger made on ddl_command_end execute function f_trg()"]
READS = ["select f_del()", "select f_sql()", "select f_stable(id) from parent", "select f_imm(1)", "select * from vf", "select (row(1)::ct)::int", "select '(1)'::ct + 1", "select agg(id) from parent", "select 1::dm", "select '1'::dm",
         "select * from policed", "select count(*) from policed where id = 1", "select * from f_del()", "select (select f_del())", "select 1 where f_del() = 1", "select 1 order by f_del()", "select 1 limit f_del()", "select array(select f_del())",
         "values (f_del())", "table vf", "select case when f_del() = 1 then 1 end", "select coalesce(null, f_del())", "select query_to_xml('delete from {s}.t', true, false, '')", "select database_to_xml(true, false, '')",
         "select nextval('sq') from generate_series(1, 300)", "select setval('sq', 100000)", "select setval('sq', 200000) from o limit 1", "select lo_create(0)", "select lo_from_bytea(0, 'x')", "select lo_unlink(1)", "select pg_notify('a', 'b')",
         "select * from t for update", "select id from t where id = 7 for update", "select id from o for share", "select set_config('search_path', 'public', false)", "select pg_terminate_backend(pg_backend_pid())", "select pg_reload_conf()",
         "select pg_stat_reset()", "select pg_rotate_logfile()", "select pg_switch_wal()", "select dblink_exec('x', 'delete from t')", "select currval('sq')", "select cursor_to_xml('c', 1, true, false, '')", "select ts_stat('delete from t')",
         "select count(*) from t where f_imm(id) = 1", "select max(f_stable(k)) from t", "select json_populate_record(null::defaulted, '{}')", "select xpath_table('a', 'b', 'c', 'd', 'e')", "select pg_import_system_collations('{s}')",
         "select inet_server_addr()", "select pg_export_snapshot()", "select crosstab('delete from {s}.t returning 1, 2, 3')", "select 1 = 'x'::text", "select id @#@ 'x'::text from parent", "do $$begin delete from {s}.t; end$$",
         "do language plpgsql 'begin perform {s}.f_del(); end'", "call p_del()", "copy t to stdout", "copy (delete from t returning 1) to stdout", "copy (select f_del()) to stdout", "copy o (id, body) from stdin", "copy v (id, body) from stdin",
         "copy ruled (id, v) from stdin", "copy armed (id, v) from stdin", "copy t from program 'true'", "copy o from '/dev/null'", "copy o to '/tmp/x'", "copy t to program 'cat'", "listen x", "notify x", "checkpoint", "load 'x'", "prepare transaction 'x'",
         "commit prepared 'x'", "discard all", "unlisten *", "show all", "set local work_mem = '1MB'", "select 1"]
STEPS = [
    ["create temp view tv as select * from t", "delete from pg_temp.tv", "delete from tv where id > 0"], ["create temp view tv as select * from t", "update pg_temp.tv set body = 'gone' where id > 0"],
    ["create temp table tt (a int)", "create rule rr as on insert to pg_temp.tt do also delete from t", "insert into pg_temp.tt values (1)"],
    ["create temp table tt (like t)", "alter table pg_temp.tt inherit t", "delete from t where id = 7"], ["create temp table tt () inherits (o)", "delete from o where id = 7"],
    ["create function pg_temp.ff() returns int language sql as $$delete from {s}.t returning 1$$", "select pg_temp.ff()"],
    ["create temp table tt (a int)", "insert into tt select id from t", "delete from t using tt where id = a"], ["create temp table tt as select id from o", "delete from o where id in (select id from tt)"],
    ["prepare pp as delete from t", "execute pp"], ["prepare pp(int) as delete from t where id >= $1", "execute pp(1)"], ["prepare pp as delete from t where id = 7", "execute pp", "explain analyze execute pp"],
    ["prepare pp(int, int) as update t set k = 1 where id between $1 and $2", "execute pp(1, 5)", "execute pp(1, 500)"], ["prepare pp as select f_del()", "create temp table tt as execute pp"],
    ["begin", "declare c cursor for select * from t for update", "fetch 3 from c", "delete from t where current of c"], ["begin", "declare c cursor with hold for select f_del()", "commit", "fetch all from c"],
    ["begin", "declare c scroll cursor for select f_stable(id) from parent", "fetch all from c", "move backward all in c"], ["begin", "savepoint a", "delete from t where id > 0", "rollback to a", "delete from t where id = 7", "commit"],
    ["begin", "delete from t where id between 1 and 60", "savepoint a", "delete from o where id <= 50", "release a", "commit"], ["begin read only", "delete from t where id > 0", "commit"],
    ["begin isolation level serializable", "delete from t where k >= 0", "commit"], ["set search_path = public, {s}", "delete from t where id > 0", "reset search_path"],
    ["begin", "set local search_path = {s}", "update o set body = 'gone' where id > 0", "commit"], ["begin", "set constraints all deferred", "delete from parent where id = 1", "commit"],
    ["delete from t where id between 1 and 3", "delete from t where id between 1 and 3000"], ["update t set k = 1 where body like 'b299%'", "update t set k = 1 where body like 'b%'"],
    ["begin", "lock table o in row exclusive mode", "truncate o", "commit"], ["create temp table o (id int)", "insert into o values (1)", "delete from {s}.o where id > 0"],
    ["create temp table t as select * from {s}.t", "delete from t", "delete from pg_temp.t where id > 0"], ["create temp view o as select * from {s}.t", "delete from o where id > 0"],
    ["create temp sequence sq", "select nextval('sq') from generate_series(1, 300)", "select setval('{s}.sq', 900000)"], ["begin", "create temp table tt (a int) on commit drop", "insert into tt values (1)", "commit"],
    ["begin", "insert into o (id) values (20001)", "insert into o (id) values (1)", "commit"], ["begin", "select 1/0", "delete from t", "rollback"], ["begin", "delete from o where id > 0", "select 1", "commit"],
]
FORMS = [(update, 24), (delete, 24), (insert, 12), (merge, 8), (with_writes, 8), (wrapped, 4)]


def single(r):
    values = []
    x = r.random()
    if x < 0.10:
        return r.choice(SCHEMA), values
    if x < 0.18:
        return r.choice(READS), values
    make = r.choices([f for f, _ in FORMS], [w for _, w in FORMS])[0]
    return make(r, values), values


def step(r):
    sql, values = single(r)
    if values or r.random() < 0.3:
        return ["extended", sql, values]
    if r.random() < 0.08:
        more, others = single(r)
        if not others:
            sql = "%s; %s" % (sql, more)
    return ["simple", sql, values]


def script(r):
    """A few statements."""
    x = r.random()
    if x < 0.15:
        return [["extended" if r.random() < 0.3 else "simple", s, []] for s in r.choice(STEPS)]
    steps = [step(r) for _ in range(1 if x < 0.8 else r.choice([2, 3]))]
    if x > 0.9:
        steps = [["simple", "begin", []]] + steps + [["simple", "commit", []]]
    return steps

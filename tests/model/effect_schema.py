# SPDX-License-Identifier: Apache-2.0
#
# The scratch schema of fuzz-effect: tables of some hundred rows with everything that makes a small statement large (cascades,
# heirs, partitions, rules, triggers, functions, casts, defaults, policies, partial and expression indexes), a template of their
# rows to compare with and to restore from, and the server's own answer to "what is different now?".

import os

ROWS = 300
LIMIT = 100

# Each is a table of the scratch schema: its columns, then the select that fills it, %d the number of rows.
TABLES = {
    "t": ("id int primary key, k int, grp text, ts timestamptz, body text, n numeric, b bool, code char(4), j jsonb, a int[], u uuid",
          "select i, i %% 7, 'active', timestamptz '2024-01-01' + i * interval '1 hour', 'b' || i, i, true, 'abcd', jsonb_build_object('i', i, 's', 'x'), array[i, 1], md5(i::text)::uuid from generate_series(1, %d) i"),
    "o": ("id int primary key, body text", "select i, 'o' || i from generate_series(1, %d) i"),
    "parent": ("id int primary key, name text", "select i, 'p' || i from generate_series(1, 5) i where %d > 0"),
    "child": ("id int primary key, parent_id int references parent on delete cascade on update cascade", "select i, 1 + i %% 2 from generate_series(1, %d) i"),
    "nulled": ("id int primary key, parent_id int references parent on delete set null on update cascade", "select i, 3 from generate_series(1, %d) i"),
    "base": ("id int primary key, v text", "select 1, 'x' where %d > 0"),
    "heir": ("like base", "select 1, 'h' from generate_series(1, %d) i"),
    "pair": ("a int, b int, v text, primary key (a, b)", "select 1 + i %% 2, i, 'x' from generate_series(1, %d) i"),
    "partly": ("id int primary key, v text, live bool", "select i, 'same', false from generate_series(1, %d) i"),
    "gaps": ("id int primary key, v int unique", "select i, null from generate_series(1, %d) i"),
    "cover": ("id int, v text", "select i, 'same' from generate_series(1, %d) i"),
    "ruled": ("id int primary key, v text", "select i, 'x' from generate_series(1, 5) i where %d > 0"),
    "armed": ("id int primary key, v text", "select i, 'x' from generate_series(1, 5) i where %d > 0"),
    "policed": ("id int primary key, v text", "select i, 'x' from generate_series(1, 5) i where %d > 0"),
    "parts": ("id int primary key, v text", "select i, 'x' from generate_series(1, %d) i"),
}
MORE = [
    "alter table heir inherit base",
    "create unique index on partly (v) where live",
    "create unique index on cover (id) include (v)",
    "create unique index on t (body, grp)",
    "create sequence sq",
    "create view v as select * from t", "create view vv as select id, body from v where k >= 0",
    "create view vr as select 1 as id", "create rule r as on insert to vr do instead delete from t",
    "create rule r as on insert to ruled do also delete from t", "create rule r2 as on update to ruled do also update o set body = 'gone'",
    "create function f_del() returns int language plpgsql as $$begin delete from {s}.t; return 1; end$$",
    "create function f_sql() returns bigint language sql as $$with d as (delete from {s}.o returning 1) select count(*) from d$$",
    "create function f_stable(int) returns int stable language plpgsql as $$begin delete from {s}.o; return $1; end$$",
    "create function f_imm(int) returns int immutable language plpgsql as $$begin perform {s}.f_del(); return $1; end$$",
    "create function f_read(int) returns int immutable language sql as $$select $1 + 1$$",
    "create procedure p_del() language plpgsql as $$begin delete from {s}.t; end$$",
    "create function f_trg() returns trigger language plpgsql as $$begin delete from {s}.o; return new; end$$",
    "create trigger tg after insert or update on armed for each row execute function f_trg()",
    "create function f_ins() returns trigger language plpgsql as $$begin delete from {s}.t; return new; end$$",
    "create view vi as select id, body from o", "create trigger ti instead of insert or update or delete on vi for each row execute function f_ins()",
    "create type ct as (a int)", "create function f_cast(ct) returns int language plpgsql as $$begin delete from {s}.o; return 1; end$$", "create cast (ct as int) with function f_cast(ct) as implicit",
    "create function f_op(int, text) returns bool language plpgsql as $$begin return true; end$$", "create operator = (function = f_op, leftarg = int, rightarg = text)",
    "create operator @#@ (function = f_op, leftarg = int, rightarg = text)",
    "create function f_agg(int, int) returns int language plpgsql as $$begin delete from {s}.o; return 1; end$$", "create aggregate agg(int) (sfunc = f_agg, stype = int, initcond = 0)",
    "create domain dm as int check ({s}.f_stable(value) > 0)",
    "create domain flag as bool", "create type mood as enum ('sad', 'ok')",
    "create table defaulted (id int primary key, x int default {s}.f_del())",
    "create view vf as select {s}.f_del()",
    "create materialized view mv as select count(*) from t",
    "alter table policed enable row level security", "alter table policed force row level security", "create policy po on policed using ({s}.f_stable(1) = 1)",
]
MORE = [m for m in MORE if not any(w and w in m for w in os.environ.get("FUZZ_SKIP", "").split(","))]
PARTED = ["create table {s}.parts (id int primary key, v text) partition by range (id)", "create table {s}.parts_1 partition of {s}.parts for values from (0) to (150)",
          "create table {s}.parts_2 partition of {s}.parts for values from (150) to (100000000)"]

SHAPE = """
select string_agg(h, ',' order by h) from (
  select md5(string_agg(concat_ws(' ', relname, relkind, relowner, relacl, relrowsecurity, relforcerowsecurity, reloptions, relpersistence, relhassubclass, relhasrules, relhastriggers,
    case when relkind not in ('i') then obj_description(oid, 'pg_class') end), ',' order by oid)) h from pg_class where relnamespace = {n}
  union all select md5(string_agg(concat_ws(' ', attrelid, attnum, attname, atttypid, attnotnull, attisdropped, attacl, attidentity, attgenerated, attstattarget, atthasdef), ',' order by attrelid, attnum))
    from pg_attribute where attrelid in (select oid from pg_class where relnamespace = {n}) and attnum > 0
  union all select md5(string_agg(concat_ws(' ', oid, proname, prosrc, proacl, proowner, provolatile, prosecdef), ',' order by oid)) from pg_proc where pronamespace = {n}
  union all select md5(string_agg(concat_ws(' ', oid, typname, typowner, typacl), ',' order by oid)) from pg_type where typnamespace = {n}
  union all select md5(string_agg(concat_ws(' ', t.oid, tgname, tgenabled), ',' order by t.oid)) from pg_trigger t join pg_class c on c.oid = tgrelid where relnamespace = {n}
  union all select md5(string_agg(concat_ws(' ', r.oid, rulename, ev_enabled), ',' order by r.oid)) from pg_rewrite r join pg_class c on c.oid = ev_class where relnamespace = {n}
  union all select md5(string_agg(concat_ws(' ', oid, conname, convalidated, contype), ',' order by oid)) from pg_constraint where connamespace = {n}
  union all select md5(string_agg(concat_ws(' ', nspname, nspowner, nspacl), ',' order by oid)) from pg_namespace where oid = {n}
  union all select md5(string_agg(concat_ws(' ', inhrelid, inhparent), ',' order by inhrelid)) from pg_inherits where inhparent in (select oid from pg_class where relnamespace = {n})
  union all select md5(string_agg(concat_ws(' ', p.oid, polname), ',' order by p.oid)) from pg_policy p join pg_class c on c.oid = polrelid where relnamespace = {n}
  union all select md5(string_agg(concat_ws(' ', r.oid, rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolvaliduntil, rolconnlimit, rolconfig), ',' order by r.oid)) from pg_roles r
  union all select md5(string_agg(concat_ws(' ', roleid, member, admin_option), ',' order by roleid, member)) from pg_auth_members
  union all select md5(string_agg(concat_ws(' ', setdatabase, setrole, setconfig), ',' order by setdatabase, setrole)) from pg_db_role_setting
  union all select md5(string_agg(concat_ws(' ', datname, datacl, datdba, datallowconn), ',' order by oid)) from pg_database
  union all select md5(string_agg(concat_ws(' ', oid, lomowner), ',' order by oid)) from pg_largeobject_metadata
  union all select md5(string_agg(concat_ws(' ', oid, extname), ',' order by oid)) from pg_extension
  union all select md5(string_agg(nspname, ',' order by oid)) from pg_namespace where nspname !~ '^(pg_(toast_)?temp|e[0-9]|tpl[0-9])'
  union all select md5(string_agg(concat_ws(' ', name, setting), ',' order by name)) from pg_file_settings
  union all select md5(string_agg(concat_ws(' ', oid, castsource, casttarget), ',' order by oid)) from pg_cast where castsource in (select oid from pg_type where typnamespace = {n})
  union all select md5(string_agg(concat_ws(' ', gid), ',' order by gid)) from pg_prepared_xacts
) x"""


class Scratch:
    """One worker's schema, its template and a connection past the gateway."""

    def __init__(self, lab, number):
        self.c = lab.server(timeout=60)
        self.s, self.tpl = "e%d" % number, "tpl%d" % number
        self.made = False
        self.make()

    def do(self, *statements):
        for sql in statements:
            reply = self.c.simple(sql)
            if reply.errors:
                raise RuntimeError("%s: %s" % (sql[:200], reply.error))
        return reply

    def make(self):
        self.do("set client_min_messages = error", "drop schema if exists %s cascade" % self.s, "create schema %s authorization app_rw" % self.s, "set role app_rw", "set search_path = %s, public" % self.s)
        self.do(*(sql.format(s=self.s) for sql in PARTED))
        for name, (columns, _) in TABLES.items():
            if name != "parts":
                self.do("create table %s (%s)" % (name, columns))
        if not self.made:
            self.do("reset role", "drop schema if exists %s cascade" % self.tpl, "create schema " + self.tpl)
            for name, (_, fill) in TABLES.items():
                self.do("create table %s.%s (like %s.%s)" % (self.tpl, name, self.s, name), "insert into %s.%s %s" % (self.tpl, name, fill % ROWS))
            self.do("set role app_rw")
            self.made = True
        self.do("reset role")
        for name in TABLES:
            self.do("insert into %s.%s select * from %s.%s" % (self.s, name, self.tpl, name))
        self.do("set role app_rw", *(sql.format(s=self.s) for sql in MORE), "reset role")
        self.namespace = self.c.value("select oid from pg_namespace where nspname = '%s'" % self.s)
        self.shape, self.sums = self.look_shape(), self.look_sums()

    def look_shape(self):
        return self.do(SHAPE.format(n=self.namespace)).text

    def look_sums(self):
        parts = ["select '%s', count(*), sum(hashtext(x::text)::bigint) from %s %s.%s x" % (t, "only" if t == "base" else "", self.s, t) for t in TABLES]
        reply = self.c.simple(" union all ".join(parts) + " union all select 'sq', last_value / 100, 0 from %s.sq" % self.s)
        return {"gone": reply.error} if reply.errors else {line.split("|")[0]: line for line in reply.text.splitlines()}

    def changed(self, table):
        """Rows of the template that are no more as they were, and rows that it does not have."""
        now, was = "select x::text from %s %s.%s x" % ("only" if table == "base" else "", self.s, table), "select x::text from %s.%s x" % (self.tpl, table)
        reply = self.do("select (select count(*) from (%s except all %s) x), (select count(*) from (%s except all %s) x)" % (was, now, now, was))
        return tuple(int(c) for c in reply.rows[0])

    def verdict(self, rows_only=False):
        """What changed beyond what may: sentences; and whether anything is to be put back."""
        shape, sums = self.shape if rows_only else self.look_shape(), self.look_sums()
        if shape != self.shape or "gone" in sums:
            return ["schema, roles or settings of others changed" + (": " + sums["gone"] if "gone" in sums else "")], True
        wrong, dirty = [], False
        for table, line in sums.items():
            if line == self.sums[table]:
                continue
            dirty = True
            lost, new = self.changed(table) if table in TABLES else (LIMIT + 1, 0)
            if lost > LIMIT or new > LIMIT:
                wrong.append("%d rows of %s changed, %d are new" % (lost, table, new))
        return wrong, dirty

    def restore(self, hard):
        if hard:
            return self.make()
        sums = self.look_sums()
        if "gone" in sums:
            return self.make()
        other = [t for t in TABLES if sums[t] != self.sums[t]]
        if {"parent", "child", "nulled"} & set(other):
            other = sorted(set(other) | {"parent", "child", "nulled"}, key=list(TABLES).index)
        self.do("begin", "set local session_replication_role = replica", *("delete from only %s.%s" % (self.s, t) if t in ("base",) else "delete from %s.%s" % (self.s, t) for t in reversed(other)),
                *("insert into %s.%s select * from %s.%s" % (self.s, t, self.tpl, t) for t in other), "commit", "select setval('%s.sq', 1, false)" % self.s)
        if self.look_sums() != self.sums:
            self.make()



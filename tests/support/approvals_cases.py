# SPDX-License-Identifier: Apache-2.0
#
# An approval is for a meaning: cases of tests/integration/38-approvals.sh, through a real gateway and a real server. `waits`: the
# session waits while somebody else changes what its statement means. `again`: the statement was refused with an id, approved, and
# comes again. `reads`: what the approver is shown. `approver`: who approved is somebody else by now. The server itself says what ran.
import os
import re
import struct
import sys
import time

import pglab
import pgwire
from pglab import case
from pgwire import SYNC, bind, close, execute, parse, query

PSQL = {"application_name": "psql"}  # waits for the decision


def approve(t, request, who="bob"):
    code, text = t.lab.ssh(who, "approve", request, "-m", "ticket 812")
    t.is_("approved", (code, text if code else ""), (0, ""))


def show(t, request):
    return t.lab.ssh("bob", "show", request or "none")[1]


def refused(t, reply, state, words):
    error = reply.errors[0] if reply.errors else {}
    t.is_("the error", error.get("C"), state)
    t.true("it says what differs", re.search(words, error.get("M", "")), error.get("M", reply))


# --- waits: changed by somebody else in the meantime ---------------------------------------------------------------------


def waits(t, setup, sql, change, words, left=300):
    """sql is held, approved after change; it must be withdrawn with these words and leave all rows of {a}."""
    names = {"a": t.table(), "b": t.table()}
    f = lambda text: text.format(**names)
    for s in setup:
        t.admin(f(s))
    p = t.gate(parameters=PSQL)
    p.query(f(sql)).flush_out()
    request = p.until_request()
    t.true("it is held", request)
    for s in change:
        t.admin(f(s))
    approve(t, request)
    reply = p.until("Z", timeout=10)
    refused(t, reply, "SP004", f(words))
    t.is_("rows of the table", t.count(names["a"]) if left is not None else None, left)
    t.is_("the session goes on", p.simple("select 1").text, "1")


WAITS = {
    "two tables changed names": ([], "delete from {a}", ["alter table {a} rename to x{a}", "alter table {b} rename to {a}"], r"{a} is now table public.{a} \(oid \d+\)"),
    "the table was made anew": ([], "delete from {a}", ["create table n{a} as table {a}", "drop table {a}", "alter table n{a} rename to {a}"], r"{a} is now table public.{a} \(oid"),
    "it is a view now": ([], "delete from {a}", ["alter table {a} rename to x{a}", "create view {a} as select * from x{a}"], r"{a} is now view public.{a} \(oid \d+\)"),
    "a schema of the login comes first": (["create schema if not exists app_rw authorization app_rw"], "delete from {a}", ["create table app_rw.{a} (id int)"], r"{a} is now table app_rw.{a} \(oid \d+\).*, was table"),
    "a trigger was added": (["create function f{a}() returns trigger language plpgsql as 'begin return null; end'"], "delete from {a}", ["create trigger t before delete on {a} for each row execute function f{a}()"], r"{a} is now table public.{a} .*and 1 more"),
    "a rule was added": ([], "delete from {a}", ["create rule r as on delete to {a} do also delete from {b}"], r"{a} is now table public.{a} "),
    "a row policy was added": ([], "delete from {a}", ["alter table {a} enable row level security", "create policy p on {a} using (id > 5)"], r"{a} is now table public.{a} "),
    "it got an heir": ([], "delete from {a}", ["create table h{a} () inherits ({a})"], r"{a} is now table public.{a} .*and 1 more"),
    "a foreign key cascades": ([], "delete from {a}", ["alter table {b} add foreign key (k) references {a} (id) on delete cascade not valid"], r"{a} is now table public.{a} .*more"),
    "the view was replaced": (["create view v{a} as select * from {a} where k = 1", "alter view v{a} owner to app_rw"], "delete from v{a}", ["create or replace view v{a} as select * from {a}"], r"v{a} is now view public.v{a} "),
    "a view behind the view was replaced": (["create view w{a} as select * from {a} where k = 1", "create view v{a} as select * from w{a}", "alter view v{a} owner to app_rw"], "delete from v{a}", ["create or replace view w{a} as select * from {a}"], r"public.w{a} is now view public.w{a} "),
    "the function was replaced": (["create function f{a}(int) returns bool language sql as 'select $1 > 5'"], "delete from {a} where f{a}(id)", ["create or replace function f{a}(int) returns bool language sql as 'select true'"], r"function public.f{a}\(integer\) is now oid"),
    "another function fits better": (["create function f{a}(bigint) returns bool language sql as 'select $1 > 5'"], "delete from {a} where f{a}(id)", ["create function f{a}(int) returns bool language sql as 'select true'"], r"function public.f{a}\(integer\) is oid \d+.*was not there"),
    "the trigger's function was replaced": (["create function f{a}() returns trigger language plpgsql as 'begin return null; end'", "create trigger t before delete on {a} for each row execute function f{a}()"], "delete from {a}", ["create or replace function f{a}() returns trigger language plpgsql as 'begin return old; end'"], r"function public.f{a}\(\) is now oid"),
    "the operator was made anew": (["create function f{a}(int, int) returns bool language sql as 'select $1 > $2'", "create operator === (leftarg = int, rightarg = int, function = f{a})"], "delete from {a} where id === 1", ["create or replace function f{a}(int, int) returns bool language sql as 'select true'"], r"function public.f{a}\(integer, integer\) is now oid"),
    "the domain checks something else": (["create domain d{a} as int check (value > 0)"], "delete from {a} where id = any (array[1, 2]::d{a}[]) or k >= 0", ["alter domain d{a} add check (value > 1)"], r"type public.d{a} is now oid"),
    "a schema was filled": (["create schema s{a} authorization app_rw"], "drop schema s{a} cascade", ["create table s{a}.t as select 1"], r"schema s{a} is now oid \d+, \d relations"),
    "a function to be dropped is another one": (["create function f{a}() returns int language sql as 'select 1'", "alter function f{a}() owner to app_rw"], "drop function f{a}()", ["drop function f{a}()", "create function f{a}() returns int language sql as 'select 2'"], r"function public.f{a}\(\) is now oid"),
    "a truncated table is another one": ([], "truncate {a}", ["alter table {a} rename to x{a}", "alter table {b} rename to {a}"], r"{a} is now table public.{a} \(oid \d+\)"),
    "a prepared text, its table": ([], "prepare d as select 1; delete from {a}", ["alter table {a} rename to x{a}", "alter table {b} rename to {a}"], r"{a} is now table"),
}
for name, (setup, sql, change, words) in WAITS.items():
    case("waits", name)(lambda t, s=setup, q=sql, c=change, w=words: waits(t, s, q, c, w))


@case("waits", "nothing has changed: it runs")
def _(t):
    a = t.table()
    p = t.gate(parameters=PSQL)
    p.query("delete from " + a).flush_out()
    request = p.until_request()
    t.admin("create table other%s (id int); analyze %s" % (a, a))  # of no concern
    approve(t, request)
    t.is_("it ran", p.until("Z", timeout=10).tags, ["DELETE 300"])


@case("waits", "it is no other session's")
def _(t):
    a = t.table()
    p, q = t.gate(parameters=PSQL), t.gate()
    p.query("delete from " + a).flush_out()
    request = p.until_request()
    approve(t, request)
    reply = q.query("select 1").until_ready()
    t.is_("it ran here", p.until("Z", timeout=10).tags, ["DELETE 300"])
    t.is_("and only here", reply.text, "1")


@case("waits", "inside a batch, with a binary parameter")
def _(t):
    a, b = t.table(), t.table()
    make = "create or replace function f%s(int) returns bool language sql as 'select $1 > %s'"
    t.admin(make % (a, "5"))
    p = t.gate(parameters=PSQL)
    p.parse("insert into %s (id, k) values (1001, 1)" % b).bind().execute()
    p.parse("delete from %s where f%s(id) and id <> $1" % (a, a), "", (23,)).bind("", "", [struct.pack("!i", 7)], (1,)).execute().sync().flush_out()
    request = p.until_request()
    t.true("bob reads it", "$1 = '7' (integer)" in show(t, request), show(t, request))
    t.admin(make % (a, "0"))
    approve(t, request)
    refused(t, p.until("Z", timeout=10), "SP004", r"function public.f%s\(integer\) is now oid" % a)
    t.is_("nothing of the batch", (t.count(a), t.count(b)), (300, 300))


# --- again: refused with an id, approved, and it comes again --------------------------------------------------------------


def ask(t, p, *messages):
    p.put(*messages).flush_out()
    reply = p.until("Z", timeout=15)
    t.is_("the first time it is pending", reply.state, "SP001")
    return reply.request


def withdraw(t, reply):
    """Nobody has more than 20 undecided requests."""
    if reply.request:
        t.lab.ssh(t.who, "deny", reply.request, "-m", "done")


def again(t, setup, first, change, second, words, other=False):
    """Both must be held; the second is no use of the first one's approval. Messages and statements may name {a} and {b}."""
    names = {"a": t.table(), "b": t.table()}
    f = lambda m: m.format(**names) if isinstance(m, str) else m
    make = lambda ms: [query(f(m)) if isinstance(m, str) else m(names) for m in ms]
    p = t.gate()
    for s in setup:
        if s.startswith("admin: "):
            t.admin(f(s)[7:])
        else:
            p.simple(f(s))
    request = ask(t, p, *make(first))
    approve(t, request)
    if other:
        p.close()
        p = t.gate()
    for s in change:
        if callable(s):
            p.put(*s(names)).until_ready()
        else:
            t.is_("the change works", p.simple(f(s)).state, "")
    p.put(*make(second)).flush_out()
    reply = p.until("Z", timeout=15)
    if words:  # None: what it means now is nobody's but the session's own, or an error
        refused(t, reply, "SP001", "request %s, approved by bob, is not for this: %s" % (request, f(words)))
    t.is_("rows that are left", (t.count(names["a"]), t.count(names["b"])), (300, 300))
    withdraw(t, reply)


def ext(sql, values=(), types=(), formats=()):
    return lambda n: parse(sql.format(**n), "", types) + bind("", "", values, formats) + execute() + SYNC


def prepared(sql, name="d{a}", types=()):
    return lambda n: [close("S", name.format(**n)), parse(sql.format(**n), name.format(**n), types), SYNC]


WHERE = "delete from {a} where $1 = $2"
AGAIN = {
    "EXECUTE of a name that means another text": ([], ["execute d{a}"], prepared("delete from {a}"), prepared("delete from {b}"), ["execute d{a}"], r"the prepared statement d\w+ is now .*delete from {b}.*was .*delete from {a}"),
    "EXPLAIN ANALYZE EXECUTE of it": ([], ["explain analyze execute d{a}"], prepared("delete from {a}"), prepared("delete from {b}"), ["explain analyze execute d{a}"], r"the prepared statement d\w+ is now"),
    "CREATE TABLE AS EXECUTE of it": ([], ["create table c{a} as execute d{a}"], prepared("select * from {a}"), prepared("select * from {b}"), ["create table c{a} as execute d{a}"], r"the prepared statement d\w+ is now"),
    "EXECUTE by the extended protocol": ([], [ext("execute d{a}")], prepared("delete from {a}"), prepared("delete from {b}"), [ext("execute d{a}")], r"the prepared statement d\w+ is now"),
    "the same text with other types": ([], ["execute d{a}('1', '1.0')"], prepared(WHERE, types=(25, 25)), prepared(WHERE, types=(1700, 1700)), ["execute d{a}('1', '1.0')"], r"the prepared statement d\w+ is now .*numeric, numeric"),
}
for name, (setup, first, before, change, second, words) in AGAIN.items():

    def _(t, s=setup, f=first, b=before, c=change, q=second, w=words):
        # prepared ahead of the first request, on the same connection
        names = {"a": t.table(), "b": t.table()}
        p = t.gate()
        p.put(*b(names)).until_ready()
        make = lambda ms: [query(m.format(**names)) if isinstance(m, str) else m(names) for m in ms]
        request = ask(t, p, *make(f))
        t.true("bob reads the text behind the name", re.search(r"prepared d\w+ +\(", show(t, request)), show(t, request))
        approve(t, request)
        p.put(*c(names)).until_ready()
        p.put(*make(q)).flush_out()
        reply = p.until("Z", timeout=15)
        refused(t, reply, "SP001", "request %s, approved by bob, is not for this: %s" % (request, w.format(**names)))
        withdraw(t, reply)
        t.is_("rows that are left", (t.count(names["a"]), t.count(names["b"])), (300, 300))

    case("again", name)(_)

TEMP = ["create temp table dummy (a int)"]
CHANGED = {
    "parameter types": ([], [ext(WHERE, ["1", "1.0"], (25, 25))], [], [ext(WHERE, ["1", "1.0"], (1700, 1700))], r"\$1 was '1' \(text\), is '1' \(numeric\)"),
    "a parameter": ([], [ext("delete from {a} where body <> $1", ["b1"], (25,))], [], [ext("delete from {a} where body <> $1", ["b2"], (25,))], r"\$1 was 'b1' \(text\), is 'b2' \(text\)"),
    "NULL for a text": ([], [ext("delete from {a} where $1 is distinct from body", ["b1"], (25,))], [], [ext("delete from {a} where $1 is distinct from body", [None], (25,))], r"\$1 was 'b1' \(text\), is NULL \(text\)"),
    "the format of a parameter": ([], [ext("delete from {a} where body <> $1", ["1234"], (25,))], [], [ext("delete from {a} where body <> $1", ["1234"], (25,), (1,))], r"\$1 was '1234' \(text\), is '1234' \(text\)"),
    "another search_path": ([], ["delete from {a}"], ["set search_path = public"], ["delete from {a}"], r"(schemas|search_path) was .*"),
    "a setting for dates": ([], ["delete from {a} where ts > '01/02/2003'"], ["set datestyle = 'ISO, DMY'"], ["delete from {a} where ts > '01/02/2003'"], r"DateStyle was \"ISO, MDY\", is \"ISO, DMY\""),
    "the time zone": ([], ["delete from {a} where ts > '2003-01-01'"], ["set timezone = 'Asia/Tokyo'"], ["delete from {a} where ts > '2003-01-01'"], r"TimeZone was"),
    "a temporary table of that name": (TEMP, ["delete from {a}"], ["create temp table {a} (id int)"], ["delete from {a}"], None),
    "a temporary view of that name": (TEMP, ["delete from {a}"], ["create temp view {a} as select * from public.{b}"], ["delete from {a}"], r"{a} is now temporary view pg_temp_\d+.{a} \(oid \d+\)"),
    "a temporary table, by the extended protocol": (TEMP, [ext("delete from {a}")], ["create temp table {a} (id int)"], [ext("delete from {a}")], None),
    "a temporary table, in another session": ([], ["delete from {a}"], ["create temp table {a} (id int)"], ["delete from {a}"], None),
    "a type of that name in the way": (TEMP + ["admin: create domain public.t{a} as int"], ["delete from {a} where k <> all (array[99]::t{a}[])"], ["create temp table t{a} (id int)"], ["delete from {a} where k <> all (array[99]::t{a}[])"], None),
}
for name, (setup, first, change, second, words) in CHANGED.items():
    case("again", name)(lambda t, s=setup, f=first, c=change, q=second, w=words, n=name: again(t, s, f, c, q, w, "another session" in n))


@case("again", "another session of the same person may use it, once")
def _(t):
    a = t.table()
    p = t.gate()
    request = ask(t, p, query("delete from " + a))
    approve(t, request)
    p.close()
    q, r = t.gate(), t.gate()
    t.is_("it runs", q.simple("delete from " + a).tags, ["DELETE 300"])
    t.is_("once", r.simple("delete from " + a).state, "SP001")


@case("again", "another person may not")
def _(t):
    a = t.table()
    request = ask(t, t.gate(who="alice"), query("delete from " + a))
    approve(t, request)
    reply = t.gate(who="alice2").simple("delete from " + a)
    t.is_("pending again", reply.state, "SP001")
    t.true("under a number of its own", reply.request != request)
    t.is_("rows that are left", t.count(a), 300)


@case("again", "an agent of the person may not, nor the person what its agent asked for")
def _(t):
    a, b = t.table(), t.table()
    request = ask(t, t.gate(who="alice"), query("delete from " + a))
    approve(t, request)
    reply = t.gate(who="bot").simple("delete from " + a)
    t.is_("the agent", (reply.state, reply.request != request), ("SP001", True))
    request = ask(t, t.gate(who="bot"), query("delete from " + b))
    code, text = t.lab.ssh("alice", "approve", request)
    t.true("who is behind the agent cannot approve it", code != 0, text)
    approve(t, request)
    reply = t.gate(who="alice").simple("delete from " + b)
    t.is_("the person", (reply.state, reply.request != request), ("SP001", True))
    t.is_("rows that are left", (t.count(a), t.count(b)), (300, 300))
    t.is_("the agent itself may", t.gate(who="bot").simple("delete from " + b).tags, ["DELETE 300"])


@case("again", "a database of the same name is another one")
def _(t):
    make = "create table t (id int); insert into t select generate_series(1, 300); grant all on t to app_rw; alter table t owner to app_rw"
    there = lambda sql: pgwire.Conn.url(re.sub(r"/orders$", "/spare", os.environ["SP_PG_DIRECT"])).simple(sql)
    t.admin("create database spare")
    there(make)
    p = t.gate(db="spare")
    request = ask(t, p, query("delete from t"))
    approve(t, request)
    p.close()
    time.sleep(0.3)
    t.admin("drop database spare with (force)")
    t.admin("create database spare")
    there(make)
    p = t.gate(db="spare")
    refused(t, p.simple("delete from t"), "SP001", r"request %s, approved by bob, is not for this: database is now spare \(oid \d+\), was spare \(oid \d+\)" % request)
    t.is_("rows that are left", there("select count(*) from t").text, "300")


@case("again", "a portal keeps no approval for later")
def _(t):
    a = t.table()
    p = t.gate()
    p.simple("begin")
    p.parse("delete from " + a, "s").bind("p", "s").sync().until_ready()
    p.simple("set search_path = public")
    reply = p.execute("p").sync().until_ready()
    t.true("what was bound before the path moved is bound again", reply.state in ("55000", "SP001"), reply)
    t.is_("rows that are left", t.count(a), 300)


@case("again", "names that need quotes")
def _(t):
    odd = 'o"d d\'\\; -- é%d' % t.lab.number()
    quoted = '"%s"' % odd.replace('"', '""')
    t.admin("create schema %s; create table %s.%s (id int); insert into %s.%s values (1); grant all on schema %s to app_rw; alter table %s.%s owner to app_rw" % ((quoted,) * 8))
    p = t.gate()
    sql = "delete from %s.%s" % (quoted, quoted)
    request = ask(t, p, query(sql))
    t.true("bob reads which", re.search(r'table "o""d d', show(t, request)), show(t, request))
    approve(t, request)
    t.is_("it runs", p.simple(sql).tags, ["DELETE 1"])


@case("again", "long names of odd letters in a utility statement")
def _(t):
    p = t.gate()
    sql = 'comment on table %s is \'x\'; drop schema if exists "%s"' % (t.table(3), "\u00e4" * 40)
    approve(t, ask(t, p, query(sql)))
    reply = p.simple(sql)
    t.is_("it runs, so the question did not fail", (reply.state, reply.tags), ("", ["COMMENT", "DROP SCHEMA"]))


@case("again", "a statement of many relations")
def _(t):
    tables = [t.table() for _ in range(12)]
    p = t.gate()
    sql = "delete from %s where id in (select id from %s)" % (tables[0], " union select id from ".join(tables[1:]))
    request = ask(t, p, query(sql))
    shown = show(t, request)
    t.is_("all are shown", [x for x in tables if "relation " + x not in shown], [])
    approve(t, request)
    t.is_("it runs", p.simple(sql).tags, ["DELETE 300"])


# --- reads ----------------------------------------------------------------------------------------------------------------


@case("reads", "every type in its binary format, as the server writes it")
def _(t):
    with open(os.path.join(os.path.dirname(__file__), "../vectors/pgvalue/types.tsv"), encoding="utf8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    types, values, want = [int(r[0]) for r in rows], [bytes.fromhex(r[1]) for r in rows], [r[2] for r in rows]
    p = t.gate(parameters=PSQL)
    where = " or ".join("$%d is null" % (i + 1) for i in range(len(rows)))
    p.parse("delete from %s where true or %s" % (t.table(), where), "", types).bind("", "", values, (1,)).execute().sync().flush_out()
    shown = show(t, p.until_request())
    for i, text in enumerate(want):
        literal = re.escape("'" + text.replace("'", "''") + "'") if "\\" not in text else re.escape("E'" + text.replace("\\", "\\\\") + "'")
        t.true("$%d" % (i + 1), re.search(r"(?m)^ *\$%d = %s \(" % (i + 1, literal), shown), text)
    p.cancel()


READS = {
    "types that the client left open": ("delete from {a} where body <> $1 and id <> $2", (), ["KEEP-THIS", struct.pack("!i", 5)], (0, 1), [r"\$1 = 'KEEP-THIS' \(text\)", r"\$2 = '5' \(integer\)"]),
    "NULL": ("delete from {a} where body is distinct from $1", (25,), [None], (), [r"\$1 = NULL \(text\)"]),
    "a terminal's commands": ("delete from {a} where body <> $1", (25,), ["\x1b[2J\x1b]0;x\a"], (), [r"\$1 = E'\\x1b\[2J\\x1b\]0;x\\x07' \(text\)"]),
    "text that runs backwards": ("delete from {a} where body <> $1", (25,), ["abc\u202edef\u200b"], (), [r"\$1 = E'abc\\u\{202e\}def\\u\{200b\}' \(text\)"]),
    "a value that looks like another one": ("delete from {a} where body <> $1", (25,), ["a' (text)\n    $2 = 'b"], (), [r"\$1 = E'a'' \(text\)\\n    \$2 = ''b' \(text\)"]),
    "a long value to its end": ("delete from {a} where body <> $1", (25,), ["x" * 50000 + "END"], (), [r"xxEND' \(text\)"]),
    "a type of this database": ("delete from {a} where code <> $1", (1042,), ["abce"], (), [r"\$1 = 'abce' \(character\)"]),
    "an array in binary": ("delete from {a} where id <> all ($1)", (1007,), [struct.pack("!iiIiiiiii", 1, 0, 23, 2, 1, 4, 7, 4, 8)], (1,), [r"\$1 = '\{7,8\}' \(integer\[\]\)"]),
    "bytes of no known type": ("delete from {a} where $1::money > '1'", (790,), [struct.pack("!q", 5)], (1,), [r"\$1 = \\x0000000000000005 \(type 790, binary\)"]),
    "twelve": ("delete from {a} where " + " and ".join("body <> $%d" % (i + 1) for i in range(12)), (25,) * 12, ["P%d" % i for i in range(12)], (), [r"\$%d = 'P%d' \(text\)" % (i + 1, i) for i in range(12)]),
}


def reads(t, sql, types, values, formats, want):
    p = t.gate(parameters=PSQL)
    p.parse(sql.format(a=t.table()), "", types).bind("", "", values, formats).execute().sync().flush_out()
    shown = show(t, p.until_request())
    for pattern in want:
        t.true("bob reads " + pattern, re.search(pattern, shown), shown[-600:])
    t.true("nothing works on his terminal", not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u200b-\u200f]", shown))
    p.cancel()


for name, (sql, types, values, formats, want) in READS.items():
    case("reads", name)(lambda t, s=sql, y=types, v=values, f=formats, w=want: reads(t, s, y, v, f, w))


@case("reads", "a tail behind spaces, and a cut that says so")
def _(t):
    a = t.table()
    p = t.gate(parameters=PSQL)
    p.query("select 1;%s delete from %s" % (" " * 3000, a)).flush_out()
    request = p.until_request()
    line = next((x for x in t.lab.ssh("bob", "requests", "--json")[1].split("{") if request in x), "")
    t.true("the tail is in the list", "select 1; delete from " + a in line, line)
    p.cancel()
    p.until("Z", timeout=5)
    p.query("delete from %s where body <> '%s'" % (a, "x" * 900)).flush_out()
    request = p.until_request()
    line = next((x for x in t.lab.ssh("bob", "requests", "--json")[1].split("{") if request in x), "")
    t.true("the cut says so", re.search(r"x…? ?(\\u2026)? ?\(\d+ bytes\)", line), line)
    p.cancel()


# --- approver: somebody else by now (one after the other: they change the configuration) ----------------------------------


def configure(t, old, new):
    path = t.lab.env["SP_CONF"]
    with open(path) as f:
        text = f.read()
    t.true("the configuration has " + old, old in text)
    with open(path, "w") as f:
        f.write(text.replace(old, new, 1))
    code, said = t.lab.sallyport("reload")
    t.is_("reloaded", (code, said if code else ""), (0, ""))


def fell(t, who, change, back, words):
    a = t.table()
    p = t.gate()
    request = ask(t, p, query("delete from " + a))
    approve(t, request, who)
    change(t)
    reply = p.simple("delete from " + a)
    back(t)
    withdraw(t, reply)
    t.is_("it does not run", reply.state, "SP001")
    t.is_("rows that are left", t.count(a), 300)
    shown = show(t, request)
    t.true("it is withdrawn, and why", re.search(r"request +%s +withdrawn[\s\S]*%s" % (request, words), shown), shown[:900])


def serial(t, who):
    return re.search(r'"serial": *"?(\d+)', t.lab.ssh(who, "whoami", "--json")[1]).group(1)


def fingerprint(t, who):
    return re.search(r'"fingerprint": *"(SHA256:[^"]+)', t.lab.ssh(who, "whoami", "--json")[1]).group(1)


NOTHING = lambda t: None
DO = lambda *args: lambda t: t.is_(" ".join(args), t.lab.sallyport(*args)[0], 0)
CONF = lambda old, new: lambda t: configure(t, old, new)
FELL = {
    "locked": ("ben", DO("lock", "ben", "-m", "stolen"), DO("unlock", "ben"), "ben is locked"),
    "locked and unlocked again": ("ben", lambda t: (DO("lock", "ben")(t), DO("unlock", "ben")(t)), NOTHING, "ben is locked"),
    "out of the group": ("ben", CONF("ben: {groups: [dba, approver]", "ben: {groups: [dba]"), CONF("ben: {groups: [dba]", "ben: {groups: [dba, approver]"), "does not count any more"),
    "no user any more": ("ben", CONF("  ben: {", "  benno: {"), CONF("  benno: {", "  ben: {"), "ben is no user"),
    "the role may not approve": ("ben", CONF("verbs: [approve]", "verbs: [watch]"), CONF("verbs: [watch]", "verbs: [approve]"), "does not count any more"),
    "the role is for other targets": ("ben", CONF('approver: {groups: [approver], targets: ["*"]', "approver: {groups: [approver], targets: [env=test]"), CONF("approver: {groups: [approver], targets: [env=test]", 'approver: {groups: [approver], targets: ["*"]'), "does not count any more"),
    "others approve": ("ben", CONF("approvers: [approver]", "approvers: [dba2]"), CONF("approvers: [dba2]", "approvers: [approver]"), "is in no group that approves this"),
    "two are needed": ("ben", CONF("quorum: 1", "quorum: 2"), CONF("quorum: 2", "quorum: 1"), "1 of the 2 approvals"),
    "is the person behind the request": ("ben", CONF("ben: {groups: [dba, approver]", "ben: {groups: [dba, approver], person: alice"), CONF(", person: alice", ""), "it is your own"),
    "certificate revoked": ("ben1", lambda t: DO("revoke", "serial", serial(t, "ben1"))(t), NOTHING, "was revoked .ben1"),
    "key revoked": ("ben2", lambda t: DO("revoke", "key", fingerprint(t, "ben2"))(t), NOTHING, "was revoked .ben2"),
    "user revoked": ("ben3", DO("revoke", "user", "ben3"), NOTHING, "ben3 is revoked"),
}
for name, (who, change, back, words) in FELL.items():
    case("approver", name)(lambda t, w=who, c=change, b=back, s=words: fell(t, w, c, b, s))


@case("approver", "locked while the session waits and he has approved")
def _(t):
    a = t.table()
    p = t.gate(parameters=PSQL)
    configure(t, ", mode: reject", "")
    configure(t, "quorum: 1", "quorum: 2")
    p.query("delete from " + a).flush_out()
    request = p.until_request()
    approve(t, request, "ben")
    DO("lock", "ben")(t)
    approve(t, request, "bob")
    t.true("one of two", "approval    1 of 2" in show(t, request), show(t, request)[:500])
    DO("unlock", "ben")(t)
    approve(t, request, "ben")
    t.is_("then it runs", p.until("Z", timeout=10).tags, ["DELETE 300"])
    configure(t, "quorum: 2", "quorum: 1")
    configure(t, "wait: 15m", "wait: 15m, mode: reject")


@case("approver", "what does not concern him changes nothing")
def _(t):
    a = t.table()
    p = t.gate()
    request = ask(t, p, query("delete from " + a))
    approve(t, request, "ben")
    DO("lock", "carol")(t)
    configure(t, "wait: 15m", "wait: 16m")
    reply = p.simple("delete from " + a)
    configure(t, "wait: 16m", "wait: 15m")
    DO("unlock", "carol")(t)
    t.is_("it runs", reply.tags, ["DELETE 300"])


@case("approver", "the requester is locked")
def _(t):
    a = t.table()
    p = t.gate(who="alice3")
    request = ask(t, p, query("delete from " + a))
    approve(t, request)
    DO("lock", "alice3")(t)
    p.query("delete from " + a).flush_out()
    p.until("Z", timeout=5)
    t.is_("rows that are left", t.count(a), 300)


@case("approver", "an approval expires")
def _(t):
    a = t.table()
    configure(t, "wait: 15m", "wait: 3s")
    p = t.gate()
    request = ask(t, p, query("delete from " + a))
    approve(t, request)
    time.sleep(3.5)
    t.is_("pending anew", p.simple("delete from " + a).state, "SP001")
    configure(t, "wait: 3s", "wait: 15m")
    t.is_("rows that are left", t.count(a), 300)


if __name__ == "__main__":
    lab = pglab.Lab()
    lab.serial = 1000 * (1 + ["waits", "reads", "again", "approver"].index(sys.argv[1].rstrip(":")))  # tables of one run
    try:
        sys.exit(pglab.run(lab, ["alice", "alice2"], 1 if sys.argv[1] == "approver" else 6, " ".join(sys.argv[1:]) + ("" if len(sys.argv) > 2 else ": ")) > 0)
    finally:
        lab.stop()

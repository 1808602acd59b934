# SPDX-License-Identifier: Apache-2.0
#
# An approval is for a meaning: the text behind a name, parameters and their types, the relations as they were, the settings,
# the approver as he stands when it is used. Whatever changes between the approval and its use takes it away. And: what the
# approver reads is what will run.
import struct
import time

from late import patient
from pglab import case
from pgwire import SYNC, bind, close, execute, parse, query


def ask(t, p, *messages):
    """Sends what will be held and reads on until it is pending; the request's id."""
    p.put(*messages).flush_out()
    reply = p.until("Z", timeout=40)
    t.true("the statement is pending", reply.request and reply.errors and reply.errors[0]["C"] == "SP001", reply)
    return reply.request


def approve(t, request, who="bob"):
    code, text = t.lab.ssh(who, "approve", request, "-m", "ticket 812")
    t.is_("approved", (code, text if code else ""), (0, ""))


def again(t, p, *messages):
    p.put(*messages).flush_out()
    return patient(t, p, "Z", 8)


def unused(t, setup, first, change, second, victim, undo=(), who="bob"):
    """An approval of `first`; after `change` the messages `second` must not change `victim`."""
    p = t.gate()
    for sql in setup:
        p.simple(sql)
    approve(t, ask(t, p, *first), who)
    for step in change:
        step(p) if callable(step) else p.put(step).flush_out() and patient(t, p, "Z", 8)
    try:
        again(t, p, *second)
    finally:
        for step in undo:
            step(p)
    p.close()
    t.is_("rows that are left", t.count(victim), 300)


@case("approvals", "EXECUTE of a name that got another text by the protocol")
def _(t):
    a, b = t.table(), t.table()
    p = t.gate()
    p.batch(parse("delete from " + a, "d" + a), SYNC)
    request = ask(t, p, query("execute d" + a))
    code, shown = t.lab.ssh("bob", "show", request)
    t.true("bob reads the prepared text", "delete from " + a in shown, shown)
    approve(t, request)
    p.batch(close("S", "d" + a), parse("delete from " + b, "d" + a), SYNC)
    again(t, p, query("execute d" + a))
    t.is_("rows that are left", t.count(b), 300)


@case("approvals", "EXECUTE of a name that got another text by SQL")
def _(t):
    a, b = t.table(), t.table()
    d = "d" + a
    unused(t, ["prepare %s as delete from %s" % (d, a)], [query("execute " + d)], [query("deallocate " + d), query("prepare %s as delete from %s" % (d, b))], [query("execute " + d)], b)


@case("approvals", "EXECUTE with another value")
def _(t):
    a = t.table()
    d = "d" + a
    unused(t, ["prepare %s(int) as delete from %s where id <> $1 and id > 0" % (d, a)], [query("execute %s(1)" % d)], [], [query("execute %s(2)" % d)], a)


def swapped(t, change, undo=()):
    a = t.table()
    t.admin("create schema x%s authorization app_rw" % a)
    b = t.table(schema="x" + a)
    t.admin("alter table x%s.%s rename to %s" % (a, b, a))
    unused(t, [], [query("delete from " + a)], [query(s.format(a=a)) for s in change], [query("delete from " + a)], "x%s.%s" % (a, a), undo)


@case("approvals", "a search_path that finds another table")
def _(t):
    swapped(t, ["set search_path = x{a}, public"])


@case("approvals", "a search_path of the transaction only")
def _(t):
    swapped(t, ["begin", "set local search_path = x{a}, public"])


@case("approvals", "a search_path by set_config")
def _(t):
    swapped(t, ["select set_config('search_path', 'x{a}, public', false)"])


def shadowed(t, make):
    a, b = t.table(), t.table()
    unused(t, ["create temp table dummy (a int)"], [query("delete from " + a)], [query(s.format(a=a, b=b)) for s in make], [query("delete from " + a)], b)


@case("approvals", "a temporary view with the table's name")
def _(t):
    shadowed(t, ["create temp view {a} as select * from public.{b}"])


@case("approvals", "a temporary table with the table's name and a rule")
def _(t):
    shadowed(t, ["create temp table {a} (id int)", "create rule r as on delete to pg_temp.{a} do instead delete from public.{b}", "insert into pg_temp.{a} values (1)"])


@case("approvals", "a temporary parent with the table's name")
def _(t):
    shadowed(t, ["create temp table {a} (like public.{b})", "alter table public.{b} inherit pg_temp.{a}"])


def by_admin(t, sql, victim=None):
    a, b = t.table(), t.table()
    unused(t, [], [query("delete from " + a)], [lambda p: t.admin(sql.format(a=a, b=b)), lambda p: time.sleep(1.2)], [query("delete from " + a)], victim.format(a=a, b=b) if victim else b)


RECREATE = "drop table {a}; create table {a} as select * from {b}; alter table {a} owner to app_rw"


@case("approvals", "the table was dropped and made anew")
def _(t):
    by_admin(t, RECREATE, "{a}")


@case("approvals", "the table became a view of another")
def _(t):
    by_admin(t, "drop table {a}; create view {a} as select * from {b}; alter view {a} owner to app_rw")


@case("approvals", "two tables changed names")
def _(t):
    by_admin(t, "alter table {a} rename to {a}z; alter table {b} rename to {a}; alter table {a} rename constraint {b}_pkey to {a}y", "{a}")


@case("approvals", "the table got an heir")
def _(t):
    by_admin(t, "alter table {b} inherit {a}", "only {b}")


@case("approvals", "the table got a rule")
def _(t):
    by_admin(t, "create rule r as on delete to {a} do also delete from {b}")


@case("approvals", "the table got a trigger")
def _(t):
    by_admin(t, "create function f{a}() returns trigger language plpgsql as 'begin delete from {b}; return old; end';"
                " create trigger t before delete on {a} for each statement execute function f{a}()")


@case("approvals", "a foreign key that cascades came later")
def _(t):
    by_admin(t, "alter table {b} add foreign key (id) references {a} (id) on delete cascade")


def typed(t, sql, first, then):
    a = t.table()
    sql = sql.format(a=a)
    parts = lambda name, types, values: [parse(sql, name, types), bind("", name, values), execute(), SYNC]
    unused(t, [], parts("s1", *first), [], parts("s2", *then), a)


for what, first, then in (("text and numeric", ((25, 25), ["1", "1.0"]), ((1700, 1700), ["1", "1.0"])), ("text and integer", ((25, 25), ["1", "01"]), ((23, 23), ["1", "01"])),
                          ("text and boolean", ((25, 25), ["t", "true"]), ((16, 16), ["t", "true"])), ("text and char", ((25, 25), ["a", "a "]), ((1042, 1042), ["a", "a "])),
                          ("text and jsonb", ((25, 25), ["[1]", "[ 1 ]"]), ((3802, 3802), ["[1]", "[ 1 ]"])), ("text and date", ((25, 25), ["2000-01-01", "20000101"]), ((1082, 1082), ["2000-01-01", "20000101"]))):
    case("approvals", "the same bytes as %s" % what)(lambda t, f=first, s=then: typed(t, "delete from {a} where $1 = $2", f, s))
case("approvals", "other values")(lambda t: typed(t, "delete from {a} where id <> $1", ((23,), ["1"]), ((23,), ["2"])))
case("approvals", "one value more in an array")(lambda t: typed(t, "delete from {a} where not id = any ($1)", ((1007,), ["{1}"]), ((1007,), ["{2}"])))
case("approvals", "NULL and the empty text")(lambda t: typed(t, "delete from {a} where coalesce($1, 'x') = 'x' or body <> $1", ((25,), [""]), ((25,), [None])))


@case("approvals", "text and binary of the same bytes")
def _(t):
    a = t.table()
    unused(t, [], [parse("delete from %s where $1::text <> ''" % a, "s1"), bind("", "s1", ["ab"]), execute(), SYNC], [],
           [parse("delete from %s where $1::text <> ''" % a, "s2"), bind("", "s2", ["ab"], (1,)), execute(), SYNC], a)


@case("approvals", "another setting: the time zone")
def _(t):
    a = t.table()
    unused(t, [], [query("delete from %s where ts < '2100-01-01 00:00'" % a)], [query("set timezone = 'Asia/Tokyo'")], [query("delete from %s where ts < '2100-01-01 00:00'" % a)], a)


@case("approvals", "another statement of the same shape")
def _(t):
    a, b = t.table(), t.table()
    unused(t, [], [query("delete from " + a)], [], [query("delete from  " + b)], b)


@case("approvals", "used once")
def _(t):
    a = t.table()
    p = t.gate()
    approve(t, ask(t, p, query("delete from " + a)))
    t.is_("the approved statement runs", again(t, p, query("delete from " + a)).tags, ["DELETE 300"])
    t.admin("insert into %s (id, k) select i, 1 from generate_series(1, 300) i" % a)
    again(t, p, query("delete from " + a))
    t.is_("rows that are left", t.count(a), 300)


def standing(t, who, change, back):
    a = t.table()
    unused(t, [], [query("delete from " + a)], [lambda p: change(), lambda p: time.sleep(0.3)], [query("delete from " + a)], a, [lambda p: back()], who)


@case("approver", "locked after his approval")
def _(t):
    standing(t, "ben", lambda: t.lab.sallyport("lock", "ben", "-m", "stolen"), lambda: t.lab.sallyport("unlock", "ben"))


@case("approver", "revoked after his approval")
def _(t):
    standing(t, "ben4", lambda: t.lab.sallyport("revoke", "user", "ben4"), lambda: None)


@case("approver", "out of the group after his approval")
def _(t):
    def groups(old, new):
        path = t.lab.env["SP_CONF"]
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(text.replace(old, new))
        code, said = t.lab.sallyport("reload")
        t.is_("reloaded", (code, said if code else ""), (0, ""))

    standing(t, "ben2", lambda: groups("ben2: {groups: [dba, approver]", "ben2: {groups: [dba]"), lambda: groups("ben2: {groups: [dba]", "ben2: {groups: [dba, approver]"))


@case("approver", "locked while a portal waits that he approved")
def _(t):
    a = t.table()
    p = t.gate()
    p.put(parse("delete from " + a, "s"), bind("p", "s"), b"H\0\0\0\4").flush_out()
    reply = p.until("2EN", timeout=3)
    if reply.request:
        approve(t, reply.request, "ben3")
        p.until("2E", timeout=5)
    t.lab.sallyport("lock", "ben3", "-m", "stolen")
    time.sleep(2.2)
    try:
        again(t, p, execute("p"), SYNC)
    finally:
        t.lab.sallyport("unlock", "ben3")
    t.is_("rows that are left", t.count(a), 300)


SHOWN = {
    "text": ((25,), ["KEEP-THIS"], (), ["KEEP-THIS"]), "two": ((25, 25), ["FIRST-1", "SECOND-2"], (), ["FIRST-1", "SECOND-2"]), "integer": ((23,), ["424242"], (), ["424242"]),
    "NULL among values": ((25, 25), [None, "LAST-9"], (), ["NULL", "LAST-9"]), "the empty text": ((25, 25), ["", "LAST-9"], (), ["''", "LAST-9"]),
    "a quote": ((25,), ["O'Hara-7"], (), ["Hara-7"]), "letters": ((25,), ["Zoë-Ünal"], (), ["Zoë-Ünal"]), "an array": ((1009,), ["{ONE-1,TWO-2}"], (), ["ONE-1", "TWO-2"]),
    "jsonb": ((3802,), ['{"KEY-1": "VAL-2"}'], (), ["KEY-1", "VAL-2"]), "a date": ((1082,), ["1999-12-31"], (), ["1999-12-31"]), "numeric": ((1700,), ["12345.678900"], (), ["12345.678900"]),
    "binary text": ((25,), ["BIN-TEXT"], (1,), ["BIN-TEXT"]), "binary integer": ((23,), [struct.pack("!i", 434343)], (1,), ["434343"]), "binary boolean": ((16,), [b"\1"], (1,), ["t"]),
    "binary bigint": ((20,), [struct.pack("!q", 5151515151)], (1,), ["5151515151"]), "bytea": ((17,), [b"\\xdeadbeef"], (), ["deadbeef"]), "binary bytea": ((17,), [b"\xde\xad\xbe\xef"], (1,), ["deadbeef"]),
    "many": ((25,) * 12, ["P%02d-X" % i for i in range(12)], (), ["P%02d-X" % i for i in range(12)]),
}


def shown(t, types, values, formats, want):
    a = t.table()
    p = t.gate()
    where = " or ".join("$%d is null" % (i + 1) for i in range(len(types)))
    p.put(parse("delete from %s where not (%s) or true" % (a, where), "", types), bind("", "", values, formats), execute(), SYNC).flush_out()
    reply = p.until("NE", timeout=8)
    t.true("it is held", reply.request, reply)
    code, text = t.lab.ssh("bob", "show", reply.request or "none")
    p.cancel()
    p.until("Z", timeout=5)
    after = text.split("parameters", 1)[-1]
    t.is_("bob reads them", [v for v in want if v not in after], [])


for what, (types, values, formats, want) in SHOWN.items():
    case("approver reads", what)(lambda t, y=types, v=values, f=formats, w=want: shown(t, y, v, f, w))


@case("approver reads", "a tail behind many spaces")
def _(t):
    a = t.table()
    p = t.gate()
    p.query("select 1;%s delete from %s" % (" " * 400, a)).flush_out()
    reply = p.until("NE", timeout=8)
    t.true("it is held", reply.request, reply)
    code, text = t.lab.ssh("bob", "requests")
    p.cancel()
    p.until("Z", timeout=5)
    line = next((x for x in text.splitlines() if (reply.request or "none") in x), "")
    t.true("the list shows what matters, or that it does not show all", "delete" in line or "…" in line or "..." in line, line)


@case("approver reads", "parameters of an EXECUTE")
def _(t):
    a = t.table()
    p = t.gate()
    p.simple("prepare d(text) as delete from %s where body <> $1" % a)
    p.query("execute d('KEEP-THIS')").flush_out()
    reply = p.until("NE", timeout=8)
    code, text = t.lab.ssh("bob", "show", reply.request or "none")
    p.cancel()
    p.until("Z", timeout=5)
    t.is_("bob reads", [v for v in ("KEEP-THIS", "delete from " + a) if v not in text], [])

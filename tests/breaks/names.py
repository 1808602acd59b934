# SPDX-License-Identifier: Apache-2.0
#
# Names whose definition the server skipped: a pipeline whose first batch fails half-way, so that what comes after the
# failure never happens, while a second batch is on its way already. What runs must be judged as what the server has.
import time

from pglab import case
from pgwire import FLUSH, SYNC, bind, close, describe, execute, parse, query
from secrets_seen import CLEAR, clear_of


# What fails, so that the server skips to Sync.
FAILS = {
    "a Parse of an unknown table": lambda w: [parse("select * from nowhere", "bad")],
    "a Bind of an unknown name": lambda w: [bind("", "nobody")],
    "a Bind with too few parameters": lambda w: [parse("select $1::int + $2::int", "two"), bind("", "two", ["1"])],
    "a Bind with a bad value": lambda w: [parse("select $1::int", "one"), bind("", "one", ["x"])],
    "a Describe of an unknown name": lambda w: [describe("S", "nobody")],
    "a Describe of an unknown portal": lambda w: [describe("P", "nobody")],
    "an Execute of an unknown portal": lambda w: [execute("nobody")],
    "a division by zero at run": lambda w: [parse("select 1 / (id - 1) from %s" % w, "div"), bind("", "div"), execute()],
    "a statement that is refused": lambda w: [parse("copy %s to program 'true'" % w, "esc"), bind("", "esc"), execute()],
    "text that is no SQL": lambda w: [parse("selec 1", "syn")],
    "a name that is taken": lambda w: [parse("select 1", "m"), parse("select 2", "m")],
}
# What the server then does not do: the name m ('' for the unnamed) is made harmless.
SKIPPED = {
    "Close and Parse": lambda: [close("S", "m"), parse("select 1", "m")],
    "Parse of the unnamed": lambda: [parse("select 1", "")],
    "DEALLOCATE and PREPARE": lambda: [parse("deallocate m", "x1"), bind("", "x1"), execute(), parse("prepare m as select 1", "x2"), bind("", "x2"), execute()],
    "DISCARD ALL and Parse": lambda: [parse("discard all", "x1"), bind("", "x1"), execute(), parse("select 1", "m")],
    "Close of the statement behind a portal": lambda: [close("P", ""), close("S", "m"), parse("select 1", "m"), bind("", "m")],
}


def attack(t, dangerous, fails, skipped, unnamed, by_sql):
    w = t.table()
    text = "delete from %s" % w if dangerous == "write" else CLEAR
    name = "" if unnamed else "m"
    p = t.gate()
    p.batch(parse(text, name), SYNC)
    second = [query("execute m")] if by_sql else [bind("", name), describe("P"), execute(), SYNC]
    p.put(*fails(w), *skipped(), SYNC, *second).flush_out()
    p.until("Z")
    last = p.until("NZ", timeout=3)
    if last.messages[-1][0] == "N" and last.request:
        p.cancel()
    p.until("Z", timeout=0.4)
    t.is_("rows that are left", t.count(w), 300)
    t.is_("clear values", clear_of(last), [])


def add(kind, fail, skip):
    unnamed = skip == "Parse of the unnamed"
    by_sql = skip == "DEALLOCATE and PREPARE"
    case("names", "%s after %s skips %s" % (kind, fail, skip))(lambda t: attack(t, kind, FAILS[fail], SKIPPED[skip], unnamed, by_sql))


for number, fail in enumerate(FAILS):
    for skip in SKIPPED if number < 3 else list(SKIPPED)[number % 2 :: 2]:
        add("write", fail, skip)
        if number % 2 == 0 or skip == "Close and Parse":
            add("read", fail, skip)


def harmless(t, w, reply):
    t.is_("rows that are left", t.count(w), 300)
    t.is_("clear values", clear_of(reply), [])


def drain(p, replies, timeout=3):
    """Reads that many answers; a statement that is held is cancelled."""
    last = None
    for _ in range(replies):
        while True:
            last = p.until("NZ", last, timeout=timeout)
            if last.messages[-1][0] != "N":
                break
            if last.request:
                p.cancel()
    return last


@case("names", "names that differ behind the 63rd byte are one name")
def _(t):
    w, n = t.table(), "n" * 63
    p = t.gate()
    p.batch(parse("select 1", n + "1"), SYNC)
    r = p.batch(close("S", n + "2"), parse("delete from " + w, n + "3"), SYNC, bind("", n + "1"), execute(), SYNC, replies=0)
    harmless(t, w, drain(p, 2))


@case("names", "names of 63 bytes in SQL and in the protocol are one name")
def _(t):
    w, n = t.table(), "n" * 63
    p = t.gate()
    p.batch(parse("select 1", n), SYNC)
    p.put(query("deallocate %s" % (n + "zz")), query("prepare %s as delete from %s" % (n + "yy", w)), bind("", n), execute(), SYNC).flush_out()
    harmless(t, w, drain(p, 3))


@case("names", "names of multi-byte letters are cut at a letter")
def _(t):
    w, n = t.table(), "\u00e4" * 31
    p = t.gate()
    p.put(query('prepare "%s" as select 1' % (n + "\u00e4b")), query('deallocate "%s"' % n), query('prepare "%s" as delete from %s' % (n + "\u00e4c", w)),
          query('execute "%s"' % n)).flush_out()
    harmless(t, w, drain(p, 4))


@case("names", "SQL folds case, the protocol does not")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("select 1", "D"), parse("delete from " + w, "d"), SYNC)
    p.query("execute D").flush_out()
    harmless(t, w, drain(p, 1))


@case("names", "a name written as U&\"\\0064\"")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("delete from " + w, "d"), SYNC)
    p.query('execute U&"\\0064"').flush_out()
    harmless(t, w, drain(p, 1))


@case("names", "a Query in between drops the unnamed statement, then another Parse fails")
def _(t):
    w = t.table()
    p = t.gate()
    p.put(parse("delete from " + w), SYNC, parse("select * from nowhere"), SYNC, bind(), execute(), SYNC).flush_out()
    harmless(t, w, drain(p, 3))


@case("names", "a Query that fails at its first statement leaves the later PREPARE undone")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("delete from " + w, "m"), SYNC)
    p.put(query("select 1/0; deallocate m; prepare m as select 1"), query("execute m")).flush_out()
    harmless(t, w, drain(p, 2))


@case("names", "a Query that fails at its last statement has done its PREPARE")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("select 1", "m"), SYNC)
    p.put(query("deallocate m; prepare m as delete from %s; select 1/0" % w), query("execute m")).flush_out()
    harmless(t, w, drain(p, 2))


@case("names", "PREPARE and EXECUTE in one Query behind a DEALLOCATE")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("select 1", "m"), SYNC)
    p.query("deallocate m; prepare m as delete from %s; execute m" % w).flush_out()
    harmless(t, w, drain(p, 1))


@case("names", "DEALLOCATE of a name in a failed transaction does nothing")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("delete from " + w, "m"), SYNC)
    p.simple("begin")
    p.simple("select 1/0")
    p.put(query("deallocate m"), parse("select 1", "m"), SYNC, query("rollback"), bind("", "m"), execute(), SYNC).flush_out()
    harmless(t, w, drain(p, 4))


@case("names", "DISCARD ALL inside a transaction fails and forgets nothing")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("delete from " + w, "m"), SYNC)
    p.put(query("begin"), query("discard all"), query("rollback"), parse("select 1", "m"), SYNC, bind("", "m"), execute(), SYNC).flush_out()
    harmless(t, w, drain(p, 5))


@case("names", "DEALLOCATE ALL by the extended protocol, skipped")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("delete from " + w, "m"), SYNC)
    p.put(bind("", "nobody"), parse("deallocate all", "x"), bind("", "x"), execute(), parse("select 1", "m"), SYNC, query("execute m")).flush_out()
    harmless(t, w, drain(p, 2))


@case("names", "an EXECUTE by the extended protocol behind a skipped redefinition")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("delete from " + w, "m"), parse("execute m", "e"), SYNC)
    p.put(parse("select * from nowhere", "bad"), close("S", "m"), parse("select 1", "m"), SYNC, bind("", "e"), execute(), SYNC).flush_out()
    harmless(t, w, drain(p, 2))


@case("names", "a portal rebound in a skipped batch stays what it was")
def _(t):
    p = t.gate()
    p.simple("begin")
    p.batch(parse(CLEAR, "m"), parse("select country from customers where id < 9", "h"), bind("p", "m"), SYNC)
    p.put(bind("", "nobody"), close("P", "p"), bind("p", "h"), SYNC, query("select 1"), execute("p"), SYNC).flush_out()
    t.is_("clear values", clear_of(drain(p, 3)), [])


@case("names", "Close of a portal that ROLLBACK took with it")
def _(t):
    p = t.gate()
    p.batch(parse(CLEAR, "m"), parse("select country from customers where id < 9", "h"), SYNC)
    p.put(query("begin"), bind("p", "h"), SYNC, query("rollback"), query("begin"), bind("p", "m"), describe("P", "p"), execute("p"), SYNC).flush_out()
    t.is_("clear values", clear_of(drain(p, 5)), [])


@case("names", "SQL CLOSE of a portal and a cursor of its name")
def _(t):
    p = t.gate()
    p.simple("begin")
    p.batch(parse("select country from customers where id < 9", "h"), bind("p", "h"), SYNC)
    p.put(query("close p"), query("declare p cursor for " + CLEAR), execute("p"), SYNC).flush_out()
    t.is_("clear values", clear_of(drain(p, 3)), [])


@case("names", "Close of a cursor by the protocol and a portal of its name, fetched by SQL")
def _(t):
    p = t.gate()
    p.simple("begin")
    p.simple("declare p cursor for select country from customers where id < 9")
    p.batch(parse(CLEAR, "m"), SYNC)
    p.put(close("P", "p"), bind("p", "m"), SYNC, query("fetch all from p")).flush_out()
    t.is_("clear values", clear_of(drain(p, 2)), [])


@case("names", "a DECLARE that fails leaves the other cursor")
def _(t):
    p = t.gate()
    p.simple("begin")
    p.simple("declare c cursor for " + CLEAR)
    p.simple("savepoint s")
    p.put(query("declare c cursor for select country from customers where id < 9"), query("rollback to s"), query("fetch all from c")).flush_out()
    t.is_("clear values", clear_of(drain(p, 3)), [])


@case("names", "ROLLBACK TO brings back what a savepoint hid")
def _(t):
    p = t.gate()
    p.put(query("begin"), query("declare c cursor for " + CLEAR), query("savepoint s"), query("close c"),
          query("declare c cursor for select country from customers where id < 9"), query("rollback to s"), query("fetch all from c")).flush_out()
    t.is_("clear values", clear_of(drain(p, 7)), [])


@case("names", "a cursor WITH HOLD outlives the pipeline's redefinition")
def _(t):
    p = t.gate()
    p.simple("declare c cursor with hold for " + CLEAR)
    p.put(parse("close nothing", "x"), bind("", "x"), execute(), parse("close c", "y"), bind("", "y"), execute(),
          parse("declare c cursor with hold for select country from customers where id < 9", "z"), bind("", "z"), execute(), SYNC, query("fetch all from c")).flush_out()
    t.is_("clear values", clear_of(drain(p, 2)), [])


@case("names", "a redefinition that a cancel takes back")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("delete from " + w, "m"), SYNC)
    p.put(parse("select pg_sleep(5)", "s"), bind("", "s"), execute(), close("S", "m"), parse("select 1", "m"), SYNC, bind("", "m"), execute(), SYNC).flush_out()
    time.sleep(0.3)
    p.cancel()
    harmless(t, w, drain(p, 2, 8))


@case("names", "a Flush between the failure and the name that follows it")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("delete from " + w, "m"), SYNC)
    p.put(bind("", "nobody"), FLUSH, close("S", "m"), parse("select 1", "m"), FLUSH, SYNC, bind("", "m"), FLUSH, execute(), SYNC).flush_out()
    harmless(t, w, drain(p, 2))


@case("names", "one prepared text, two shapes of failure, three batches")
def _(t):
    w = t.table()
    p = t.gate()
    p.batch(parse("delete from " + w), SYNC)
    p.put(parse("select * from nowhere", "bad"), parse("select 1"), SYNC, bind("", "nobody"), parse("select 2"), SYNC, bind(), execute(), SYNC).flush_out()
    harmless(t, w, drain(p, 3))


@case("names", "what did happen still works: a redefinition in one pipeline")
def _(t):
    p = t.gate()
    got = p.batch(parse("select 1", "m"), bind("", "m"), execute(), close("S", "m"), parse("select 2", "m"), bind("", "m"), execute(), SYNC,
                  bind("", "m"), execute(), SYNC, replies=2)
    t.is_("rows", [r.text for r in got], ["1\n2", "2"])


# SQL reaches the protocol's portals, too: what a portal would run is judged when it runs, whoever runs it.
for text in ("with d as (delete from {w} returning 1) select count(*) from d", "delete from {w} returning id", "update {w} set body = 'gone' returning 1",
             "with d as (insert into {w} (id, k) select 1000 + i, 1 from generate_series(1, 300) i returning 1) select count(*) from d"):
    for fetch in ("fetch all from p", "move all from p", "fetch next from p", "fetch all from \"p\""):
        @case("names", "%s of a protocol's portal: %s" % (fetch, text.split("{w}")[0]))
        def _(t, x=text, y=fetch):
            w = t.table()
            p = t.gate()
            p.put(query("begin"), parse(x.format(w=w), "m"), bind("p", "m"), SYNC, query(y), query("commit")).flush_out()
            drain(p, 4)
            p.close()
            t.is_("rows as they were", t.count(w, "body like 'b%'"), 300)
            t.is_("rows", t.count(w), 300)


@case("names", "a portal that SQL fetches in the same batch")
def _(t):
    w = t.table()
    p = t.gate()
    p.put(parse("with d as (delete from %s returning 1) select 1 from d" % w, "m"), bind("p", "m"), query("fetch all from p"), SYNC).flush_out()
    harmless(t, w, drain(p, 2))


@case("names", "a portal of clear names that SQL fetches")
def _(t):
    p = t.gate()
    p.put(query("begin"), parse(CLEAR, "m"), bind("p", "m"), SYNC, query("fetch all from p"), query("commit")).flush_out()
    t.is_("clear values", clear_of(drain(p, 4)), [])

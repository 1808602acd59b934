# SPDX-License-Identifier: Apache-2.0
#
# What the server resolves when a portal runs: EXECUTE, FETCH, COPY and every utility statement. Between the Bind and the
# Execute its meaning is changed: another prepared text, another cursor, another search_path.
from pglab import case
from pgwire import FLUSH, SYNC, bind, close, describe, execute, msg, parse, query
from secrets_seen import CLEAR, clear_of

HARMLESS = "select country from customers where id < 9"


def patient(t, p, kinds="Z", timeout=4):
    """Reads on; what is held is cancelled. Says nothing about what came."""
    reply = p.until(kinds + "N", timeout=timeout)
    while reply.messages[-1][0] == "N":
        if reply.request:
            p.cancel()
        reply = p.until(kinds + "N", reply, timeout)
    return reply


def redefine(how, text):
    if how == "by the protocol":
        return [close("S", "d"), parse(text, "d")]
    if how == "by SQL":
        return [query("deallocate d"), query("prepare d as " + text)]
    return [parse("deallocate all", "x"), bind("", "x"), execute(), parse("prepare d as " + text, "y"), bind("", "y"), execute()]


def write_by(t, utility, how, first="select 1"):
    w = t.table()
    p = t.gate()
    p.simple("begin")
    p.batch(parse(first.format(w=w), "d"), parse(utility, "e"), bind("p", "e"), FLUSH, replies=0)
    patient(t, p, "2E", 2)
    p.put(*redefine(how, "delete from %s" % w), execute("p"), SYNC).flush_out()
    for _ in range(3 if how == "by SQL" else 1):
        patient(t, p)
    inside = p.simple("select count(*) from " + w, timeout=4)
    t.true("no row is gone in the transaction", inside.errors or inside.text == "300" or not inside.rows, inside)
    t.is_("the gateway still answers", inside.status in ("T", "E", "I"), True)
    p.simple("commit")
    t.is_("rows that are left", t.count(w), 300)


for utility in ("execute d", "explain analyze execute d", "explain (analyze, timing off) execute d"):
    for how in ("by the protocol", "by SQL", "by SQL in the pipeline"):
        case("late", "%s of a DELETE, redefined %s" % (utility, how))(lambda t, u=utility, h=how: write_by(t, u, h))
case("late", "execute d of a DELETE where another write stood")(lambda t: write_by(t, "execute d", "by the protocol", "delete from {w} where id = 5"))


def read_by(t, utility, how, then=None, described=True):
    p = t.gate()
    p.simple("begin")
    p.batch(parse(HARMLESS, "d"), parse(utility, "e"), bind("p", "e"), *([describe("P", "p")] if described else []), SYNC)
    p.put(*redefine(how, CLEAR), execute("p"), SYNC).flush_out()
    got = []
    for _ in range(3 if how == "by SQL" else 1):
        got += clear_of(patient(t, p))
    if then:
        got += clear_of(p.simple(then, timeout=4))
    p.simple("rollback")
    t.is_("clear values", got, [])


for how in ("by the protocol", "by SQL", "by SQL in the pipeline"):
    for described in (True, False):
        case("late", "execute d of clear names, redefined %s%s" % (how, "" if described else ", not described"))(
            lambda t, h=how, d=described: read_by(t, "execute d", h, None, d))
    case("late", "CREATE TABLE AS EXECUTE of clear names, redefined " + how)(
        lambda t, h=how: read_by(t, "create temp table taken%d as execute d" % id(t), h, "select * from pg_temp.taken%d" % id(t)))
case("late", "CREATE TABLE AS EXECUTE, a permanent one")(
    lambda t: read_by(t, "create table taken_for_good as execute d", "by the protocol", "select * from taken_for_good"))


def cursor(t, utility, again, extended=False):
    p = t.gate()
    p.simple("begin")
    p.simple("declare c scroll cursor for " + HARMLESS)
    p.batch(parse(utility, "f"), bind("p", "f"), describe("P", "p"), SYNC)
    if extended:
        p.put(parse("close c", "x"), bind("", "x"), execute(), parse("declare c scroll cursor for " + CLEAR, "y"), bind("", "y"), execute(), execute("p"), SYNC)
        p.flush_out()
        got = clear_of(patient(t, p))
    else:
        p.put(query("close c"), query("declare c scroll cursor for " + CLEAR), *again, execute("p"), SYNC).flush_out()
        got = []
        for _ in range(3 + len(again)):
            got += clear_of(patient(t, p))
    p.simple("rollback")
    t.is_("clear values", got, [])


for utility, again in (("fetch 3 from c", []), ("fetch all from c", []), ("fetch next c", []), ("fetch absolute 2 from c", []), ("fetch last from c", []),
                       ("fetch backward 2 from c", [query("move 5 from c")]), ("fetch forward all in c", []), ("fetch relative 2 from c", [])):
    case("late", utility + " of another cursor")(lambda t, u=utility, a=again: cursor(t, u, a))
    case("late", utility + " of another cursor, in one batch")(lambda t, u=utility: cursor(t, u, [], True))


@case("late", "FETCH prepared, bound again after the cursor became another")
def _(t):
    p = t.gate()
    p.simple("begin")
    p.simple("declare c cursor for " + HARMLESS)
    p.batch(parse("fetch 3 from c", "f"), bind("", "f"), execute(), SYNC)
    p.simple("close c")
    p.simple("declare c cursor for " + CLEAR)
    t.is_("clear values", clear_of(p.batch(bind("", "f"), execute(), SYNC)[0]), [])


@case("late", "EXECUTE prepared, bound again within the same moment")
def _(t):
    p = t.gate()
    p.batch(parse(HARMLESS, "d"), parse("execute d", "e"), SYNC)
    p.batch(bind("", "e"), execute(), SYNC)
    p.batch(close("S", "d"), parse(CLEAR, "d"), SYNC)
    t.is_("clear values", clear_of(p.batch(bind("", "e"), execute(), SYNC)[0]), [])


@case("late", "EXECUTE prepared and described, redefined through SQL, bound again")
def _(t):
    p = t.gate()
    p.simple("prepare d as " + HARMLESS)
    p.batch(parse("execute d", "e"), describe("S", "e"), bind("", "e"), execute(), SYNC)
    p.simple("deallocate d")
    p.simple("prepare d as " + CLEAR)
    t.is_("clear values", clear_of(p.batch(bind("", "e"), execute(), SYNC)[0]), [])


@case("late", "a simple EXECUTE repeated with another text behind it")
def _(t):
    p = t.gate()
    got = []
    p.simple("prepare d as " + HARMLESS)
    for text in (CLEAR, HARMLESS, CLEAR.replace("full_name", "email").replace("' '", "'@'")):
        got += clear_of(p.simple("execute d"))
        p.simple("deallocate d")
        p.simple("prepare d as " + text)
    t.is_("clear values", got + clear_of(p.simple("execute d")), [])


@case("late", "a simple FETCH repeated with another cursor behind it")
def _(t):
    p = t.gate()
    got = []
    p.simple("begin")
    for text in (HARMLESS, CLEAR, HARMLESS, CLEAR):
        p.simple("declare c cursor for " + text)
        got += clear_of(p.simple("fetch 2 from c"))
        p.simple("close c")
    t.is_("clear values", got, [])


@case("late", "EXECUTE of a text whose table the search_path makes another")
def _(t):
    schema = "s%d" % t.lab.number()
    t.admin("create schema {0} authorization app_rw; create table {0}.shop as select id, full_name as label from customers; alter table {0}.shop owner to app_rw;"
            " create table shop{1} as select id, country as label from customers; alter table shop{1} owner to app_rw".format(schema, schema[1:]))
    t.admin("alter table {0}.shop rename to shop{1}".format(schema, schema[1:]))
    p = t.gate()
    p.batch(parse("select label || '' from shop%s where id < 9" % schema[1:], "d"), parse("execute d", "e"), bind("", "e"), execute(), SYNC)
    p.simple("set search_path = %s, public" % schema)
    t.is_("clear values", clear_of(p.batch(bind("", "e"), execute(), SYNC)[0]), [])


# --- utility statements whose names another search_path resolves

UTILITIES = {
    "TRUNCATE": "truncate {w}",
    "TRUNCATE CASCADE": "truncate table {w} cascade",
    "DROP TABLE": "drop table {w}",
    "DROP TABLE IF EXISTS": "drop table if exists {w}",
    "ALTER TABLE": "alter table {w} drop column body",
    "ALTER TABLE RENAME": "alter table {w} rename to gone",
    "COMMENT": "comment on table {w} is 'seen'",
    "CREATE INDEX": "create index on {w} (k)",
    "ALTER TABLE SET": "alter table {w} set (fillfactor = 50)",
    "CREATE RULE": "create rule r as on insert to {w} do instead nothing",
    "ALTER COLUMN": "alter table {w} alter column k set not null, alter column body type varchar",
    "LOCK": "lock table {w} in access exclusive mode",
    "COPY FROM": "copy {w} (id, k) from stdin",
    "CLUSTER": "cluster {w} using {w}_pkey",
}
SHAPE = ("select count(*) || '/' || count(body) from {0}; select relname, relhasrules, relfilenode, reloptions::text, obj_description(oid), relchecks from pg_class"
         " where oid = '{0}'::regclass; select attname, atttypid, attnotnull from pg_attribute where attrelid = '{0}'::regclass and attnum > 0;"
         " select indexrelid from pg_index where indrelid = '{0}'::regclass order by 1; select mode from pg_locks where relation = '{0}'::regclass and mode like '%Exclusive%'")


def elsewhere(t, text):
    schema = "s%d" % t.lab.number()
    t.admin("create schema %s authorization app_rw" % schema)
    w = t.table()
    t.fill("%s.%s" % (schema, w), 300)
    full = "%s.%s" % (schema, w)
    shape = lambda: t.admin("select to_regclass('%s')" % full) and t.admin(SHAPE.format(full))
    before, oid = shape(), t.admin("select '%s'::regclass::oid" % full)
    p = t.gate()
    p.simple("begin")
    p.batch(parse(text.format(w=w), "s"), bind("p", "s"), FLUSH, replies=0)
    seen = p.until("2EN", timeout=2)
    if seen.messages[-1][0] == "N" and seen.request:
        t.lab.ssh("bob", "approve", seen.request, "-m", "public." + w)
        p.until("2E", timeout=5)
    p.put(query("set search_path = %s, public" % schema), execute("p"), SYNC).flush_out()
    patient(t, p, "ZG")
    last = patient(t, p, "ZG", 2)
    if last.messages[-1][0] == "G":
        p.put(msg("d", b"9001\t1\n"), msg("c"), SYNC).flush_out()
        patient(t, p)
    p.put(query("select 1")).flush_out()
    patient(t, p, timeout=2)
    t.is_("locks in the other schema", t.admin("select mode from pg_locks where relation = %s and mode like '%%Exclusive%%'" % oid), "")
    p.simple("commit", timeout=3)
    t.is_("the other schema's table", shape(), before)


for what, text in UTILITIES.items():
    case("late", "%s bound for one schema, run in another" % what)(lambda t, x=text: elsewhere(t, x))


def copied(t, text):
    schema, n = "s%d" % t.lab.number(), t.lab.number()
    t.admin(("create schema {0} authorization app_rw; create table {0}.list{1} as select id, full_name as label, email as other from customers; alter table {0}.list{1}"
             " owner to app_rw; create table list{1} as select id, country as label, country as other from customers; alter table list{1} owner to app_rw").format(schema, n))
    p = t.gate()
    p.simple("begin")
    p.batch(parse(text.format(w="list%d" % n), "s"), bind("p", "s"), FLUSH, replies=0)
    p.until("2EN", timeout=2)
    p.put(query("set search_path = %s, public" % schema), execute("p"), SYNC).flush_out()
    got = clear_of(patient(t, p)) + clear_of(patient(t, p))
    p.simple("rollback")
    t.is_("clear values", got, [])


for text in ("copy {w} to stdout", "copy {w} (label) to stdout", "copy (select label || '' from {w}) to stdout", "copy (table {w}) to stdout csv header",
             "copy {w} to stdout (format binary)", "copy (select row_to_json(x) from {w} x) to stdout", "copy (select string_agg(other, ',') from {w}) to stdout",
             "declare z cursor for select label || '' from {w}", "execute nothing", "create temp table y as select label || '' as l from {w}"):
    case("late", "%s bound for one schema, run in another" % text.format(w="list"))(lambda t, x=text: copied(t, x))


@case("late", "DECLARE bound for one schema, run in another, fetched")
def _(t):
    schema, n = "s%d" % t.lab.number(), t.lab.number()
    t.admin(("create schema {0} authorization app_rw; create table {0}.list{1} as select id, full_name as label from customers; alter table {0}.list{1}"
             " owner to app_rw; create table list{1} as select id, country as label from customers; alter table list{1} owner to app_rw").format(schema, n))
    p = t.gate()
    p.simple("begin")
    p.batch(parse("declare z cursor for select label || '' from list%d" % n, "s"), bind("p", "s"), FLUSH, replies=0)
    p.until("2EN", timeout=2)
    p.put(query("set search_path = %s, public" % schema), execute("p"), SYNC, query("fetch 5 from z")).flush_out()
    got = clear_of(patient(t, p)) + clear_of(patient(t, p)) + clear_of(patient(t, p))
    t.is_("clear values", got, [])


@case("late", "what did not change still runs: EXECUTE, FETCH and COPY by portals")
def _(t):
    p = t.gate()
    p.simple("begin")
    p.simple("prepare d as " + HARMLESS)
    p.simple("declare c cursor for " + HARMLESS)
    rows = []
    for text in ("execute d", "fetch 3 from c", "copy (select 1) to stdout"):
        reply = p.ext(text)
        rows.append(len(reply.rows) or reply.copied)
        t.is_(text, reply.error, "")
    t.is_("rows", rows, [8, 3, b"1\n"])

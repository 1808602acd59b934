# SPDX-License-Identifier: Apache-2.0
#
# "Temporary" is what the catalogue says, not what a name says: temporary views, rules, triggers, heirs and functions reach
# permanent rows. Also for a role that only reads and for an agent whose certificate says so.
import os
import subprocess
import tempfile

from late import patient
from pglab import case
from pgwire import SYNC, bind, execute, parse

WAYS = {
    "DELETE through a temporary view": ["create temp view v as select * from {w}", "delete from pg_temp.v"],
    "DELETE through a view that is only found there": ["create temp view v as select * from {w}", "delete from v"],
    "UPDATE through a temporary view": ["create temp view v as select * from {w}", "update pg_temp.v set body = 'gone'"],
    "INSERT of many through a temporary view": ["create temp view v as select * from {w}", "insert into pg_temp.v (id, k, body) select 1000 + i, 1, 'gone' from generate_series(1, 500) i"],
    "DELETE through a view over a view": ["create temp view u as select * from {w}", "create temp view v as select * from u", "delete from pg_temp.v where id > 0"],
    "DELETE through a view with a filter": ["create temp view v as select id, body from {w} where k >= 0", "delete from pg_temp.v where id is not null"],
    "UPDATE of many through a view, ON CONFLICT": ["create temp view v as select * from {w}",
                                                    "insert into pg_temp.v (id, k) select id, k from {w} on conflict (id) do update set body = 'gone'"],
    "a temporary view named like a table": ["create temp view {w}x as select * from {w}", "delete from {w}x"],
    "a temporary view in place of the table": ["create temp view {w} as select * from public.{w}", "delete from {w}"],
    "COPY into a temporary view": ["create temp view v as select * from {w}", "copy pg_temp.v (id, k) from stdin"],
    "a rule on a temporary table": ["create temp table k (a int)", "create rule r as on insert to pg_temp.k do also delete from {w}", "insert into pg_temp.k values (1)"],
    "a rule that does it instead": ["create temp table k (a int)", "create rule r as on delete to k do instead delete from {w}", "insert into k values (1)", "delete from pg_temp.k where a = 1"],
    "a rule on a temporary view": ["create temp view v as select 1 as a", "create rule r as on insert to pg_temp.v do instead update {w} set body = 'gone'", "insert into pg_temp.v values (1)"],
    "a trigger on a temporary table": ["create function pg_temp.f() returns trigger language plpgsql as $$begin delete from public.{w}; return new; end$$",
                                       "create temp table k (a int)", "create trigger t before insert on pg_temp.k for each row execute function pg_temp.f()",
                                       "insert into pg_temp.k values (1)"],
    "a function in the temporary schema": ["create function pg_temp.f() returns int language sql as $$delete from public.{w} returning 1$$", "select pg_temp.f()"],
    "a procedure in the temporary schema": ["create procedure pg_temp.f() language sql as $$delete from public.{w}$$", "call pg_temp.f()"],
    "a default that deletes": ["create function pg_temp.f() returns int language sql as $$delete from public.{w} returning 1$$",
                               "create temp table k (a int, b int default pg_temp.f())", "insert into pg_temp.k (a) values (1)"],
    "an index expression that deletes": ["create function pg_temp.f(int) returns int immutable language plpgsql as $$begin delete from public.{w}; return 1; end$$",
                                         "create temp table k (a int)", "create index on pg_temp.k (pg_temp.f(a))", "insert into pg_temp.k values (1)"],
    "a check that deletes": ["create function pg_temp.f(int) returns bool immutable language plpgsql as $$begin delete from public.{w}; return true; end$$",
                             "create temp table k (a int check (pg_temp.f(a)))", "insert into pg_temp.k values (1)"],
    "an operator of the temporary schema": ["create function pg_temp.f(int, int) returns bool language plpgsql as $$begin delete from public.{w}; return true; end$$",
                                            "create operator pg_temp.@@@ (function = pg_temp.f, leftarg = int, rightarg = int)",
                                            "select 1 operator(pg_temp.@@@) 1"],
    "a cast by a temporary function": ["create type pg_temp.ct as (a int)", "create function pg_temp.f(pg_temp.ct) returns int language plpgsql as $$begin delete from public.{w}; return 1; end$$",
                                       "create cast (pg_temp.ct as int) with function pg_temp.f(pg_temp.ct)", "select '(1)'::pg_temp.ct::int"],
    "a domain of the temporary schema": ["create function pg_temp.f(int) returns bool language plpgsql as $$begin delete from public.{w}; return true; end$$",
                                         "create domain pg_temp.dm as int check (pg_temp.f(value))", "select 1::pg_temp.dm"],
    "an heir that a permanent table gets": ["create temp table k (like {w})", "alter table pg_temp.k inherit {w}"],
    "a temporary heir from the beginning": ["create temp table k () inherits ({w})", "delete from {w}"],
    "DROP of a temporary view's table": ["create temp view v as select * from {w}", "drop table {w} cascade"],
    "ALTER VIEW to a permanent schema": ["create temp view v as select * from {w}", "alter view pg_temp.v set schema public"],
    "TRUNCATE of both": ["create temp table k (a int)", "truncate pg_temp.k, {w}"],
    "MERGE into a temporary table by a rule": ["create temp table k (a int)", "create rule r as on update to k do also update {w} set body = 'gone'", "insert into k values (1)", "update pg_temp.k set a = 2 where a = 1"],
    "a temporary view in the target of USING": ["create temp table k (a int)", "insert into k select id from {w}", "delete from {w} using pg_temp.k where id = a"],
    "rows locked through a temporary view": ["create temp view v as select * from {w}", "select count(*) from (select 1 from pg_temp.v for update) x"],
}


def state(t, w):
    found = t.admin("select to_regclass('public.%s')" % w)
    return found and t.admin("select count(*), sum(hashtext(x::text)) from only public.%s x; select relhassubclass from pg_class where oid = 'public.%s'::regclass" % (w, w))


def steps(t, p, w, way, extended):
    for sql in way:
        sql = sql.format(w=w)
        if extended:
            p.put(parse(sql), bind(), execute(), SYNC).flush_out()
        else:
            p.query(sql).flush_out()
        reply = patient(t, p, "ZG", 6)
        if reply.messages[-1][0] == "G":
            p.put(b"c\0\0\0\4").flush_out()
            patient(t, p)


def through(t, way, extended, who=None):
    w = t.table()
    before = state(t, w)
    p = t.gate(**({"who": who} if who else {}))
    p.simple("begin")
    steps(t, p, w, way, extended)
    locked = t.admin("select count(*) from pg_locks where relation = 'public.%s'::regclass and mode in ('RowShareLock', 'ExclusiveLock', 'AccessExclusiveLock')" % w)
    t.is_("strong locks on it", locked, "0")
    p.simple("commit", timeout=5)
    p = t.gate(**({"who": who} if who else {}))
    steps(t, p, w, way, not extended)
    t.is_("the permanent table", state(t, w), before)
    t.is_("temporary things that stayed in public", t.admin("select count(*) from pg_class where relname in ('v', 'u', 'k') and relnamespace = 'public'::regnamespace"), "0")


for number, what in enumerate(WAYS):
    case("temporary", what)(lambda t, w=WAYS[what], x=bool(number % 2): through(t, w, x))
    if number % 3 == 0:
        case("temporary", what + ", by a role that only reads")(lambda t, w=WAYS[what]: through(t, w, False, "rita"))


@case("temporary", "an agent whose certificate says read deletes nothing")
def _(t):
    d = tempfile.mkdtemp(dir=os.environ["SP_LAB"])
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", d + "/a"], stdin=subprocess.DEVNULL, check=True)
    with open(d + "/a.pub") as key, open(d + "/a-cert.pub", "w") as cert:
        words = ["delegate", "--name", "etl", "--targets", "orders-prod", "--max-risk", "read", "--ttl", "30m"]
        done = subprocess.run(["ssh", "-F", os.environ["SP_SSH_CONFIG"], "bastion-alice", *words], stdin=key, stdout=cert, stderr=subprocess.PIPE, text=True)
    t.is_("delegated", (done.returncode, done.stderr if done.returncode else ""), (0, ""))
    listed = subprocess.run(["ssh-keygen", "-L", "-f", d + "/a-cert.pub"], stdout=subprocess.PIPE, text=True).stdout.split("Principals:")[1].split()[0]
    with open(os.environ["SP_SSH_CONFIG"]) as f:
        config = "Host bastion-etl\n    User %s\n    IdentityFile %s/a\n    CertificateFile %s/a-cert.pub\n%s" % (listed, d, d, f.read())
    with open(d + "/config", "w") as f:
        f.write(config)
    agent = type(t.lab)()
    agent.env = {**os.environ, "SP_SSH_CONFIG": d + "/config"}
    try:
        w = t.table()
        before = state(t, w)
        p = agent.gate("etl", timeout=20)
        p.simple("select count(*) from " + w)
        steps(t, p, w, ["insert into {w} (id, k) values (9999, 1)", *WAYS["DELETE through a temporary view"]], False)
        t.is_("the permanent table", state(t, w), before)
        p.close()
    finally:
        agent.stop()


@case("temporary", "a temporary table is one's own")
def _(t):
    p = t.gate()
    got = [p.simple(s).error for s in ("create temp table k (a int)", "insert into pg_temp.k select generate_series(1, 500)", "update pg_temp.k set a = a + 1",
                                       "delete from pg_temp.k", "truncate pg_temp.k", "drop table pg_temp.k")]
    t.is_("errors", got, [""] * 6)

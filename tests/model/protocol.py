# SPDX-License-Identifier: Apache-2.0
#
# Random pipelines through the gateway, PostgreSQL's own log as the witness. A pipeline is a list of steps (tables below): names
# and portals from a small pool, redefinitions, errors, Syncs, Flushes, cancels, SQL's own PREPARE and cursors, Queries between.
# After a connection's pipelines: what the server's log says ran is what is recorded (runlog.py); a text marked dangerous ran
# nowhere; no client byte shows a sensitive value. What fails is shortened and printed as Python that runs it again.
#   FUZZ_N pipelines, FUZZ_SECONDS at most, FUZZ_SEED, FUZZ_JOBS processes; FUZZ_CORPUS replays a file of sessions instead;
#   FUZZ_SKIP leaves out kinds of texts (wide,danger)
import os
import random
import re
import sys
import time

import pgwire
import runlog
from fuzzing import Known, run_workers, shorten
from secrets_seen import VALUES

PER_SESSION = 40
NAMES = ["", "a", "b", "c", "n" * 63 + "1", "n" * 63 + "2", "D"]
SQL_NAMES = ["a", "b", "c", "n" * 63, "D", '"D"']
PASSIVE = ["n" * 63 + "1", "n" * 63 + "2", "D"]  # names that may hold an EXECUTE, which no EXECUTE names
PORTALS = ["", "p", "q", "a"]
CURSORS = ["p", "c", "k"]
DANGER = re.compile(r"(?:delete from|update|truncate) big\b(?! where v| set v = \d+ where)")

READS = ["select {n}, country || '' from customers where id < 3", "select count(*), {n} from small", "table small /*{n}*/", "select generate_series(1, 3), {n}",
         "select id, {n} from customers order by id limit 2"]
CLEARS = ["select replace(full_name, ' ', '_'), {n} from customers where id < 3", "select upper(email), {n} from customers where id < 3",
          "select {n}, full_name || '' from customers where id = 2"]
WRITES = ["insert into small (v) values ({n})", "update small set v = {n} where id = 3", "delete from small where id = {n}"]
DANGERS = ["delete from big /*{n}*/", "update big set v = {n}", "truncate big /*{n}*/", "with d as (delete from big returning 1) select {n}"]
WIDES = ["delete from big where v is not null /*{n}*/ or true", "update big set v = {n} where id > 0"]  # may run, may not stay
ERRORS = ["select 1 / (id - id), {n} from small", "select * from nowhere /*{n}*/", "select {n} +", "insert into small (id, v) values (1, {n})"]
SECTIONS = ["begin", "commit", "rollback", "savepoint s", "rollback to s", "release s", "begin isolation level serializable"]
SECTION_WORDS = {s.split(" ")[0] for s in SECTIONS}
SETS = ["set search_path = public, other", "set search_path = other, public", "reset search_path", "set local search_path = other, public", "reset all"]
BIND = [("select $1::text, $2::int, {n}", 2), ("select country, $1::int, {n} from customers where id = $2::int", 2), ("insert into small (v) values ($1::int + {n} * 0)", 1)]


def pick(r, weighted):
    return r.choices([w[0] for w in weighted], [w[1] for w in weighted])[0]


TEXTS = [("read", 30), ("clear", 10), ("write", 12), ("danger", 12), ("wide", 3), ("error", 9), ("section", 10), ("set", 3), ("execute", 10), ("prepare", 8), ("deallocate", 5), ("declare", 7),
         ("fetch", 8), ("close", 4), ("discard", 2), ("bound", 8), ("copy", 2), ("explain", 3), ("taken", 2)]

TEXTS = [t for t in TEXTS if t[0] not in os.environ.get("FUZZ_SKIP", "").split(",")]
INNER = [t for t in TEXTS if t[0] in ("read", "clear", "write", "danger", "wide")]  # behind PREPARE


def text(r, n, depth=0):
    """One statement as SQL; the number in it is unique."""
    kind = pick(r, TEXTS if depth == 0 else INNER)
    if kind in SIMPLE:
        return r.choice(SIMPLE[kind]).replace("{n}", str(n))
    if kind == "bound":
        return r.choice(BIND)[0].replace("{n}", str(n))
    return MADE[kind](r, n)


SIMPLE = {"read": READS, "clear": CLEARS, "write": WRITES, "danger": DANGERS, "wide": WIDES, "error": ERRORS, "section": [s + " /*{n}*/" for s in SECTIONS], "set": [s + " /*{n}*/" for s in SETS]}
MADE = {
    "execute": lambda r, n: "execute %s /*%d*/" % (r.choice("aaabbbccc"), n),
    "prepare": lambda r, n: "prepare %s as %s" % (r.choice(SQL_NAMES), text(r, n, 1)),
    "deallocate": lambda r, n: "deallocate %s /*%d*/" % (r.choice(SQL_NAMES + ["all"]), n),
    "declare": lambda r, n: "declare %s %scursor %sfor %s" % (r.choice(CURSORS), r.choice(["", "scroll "]), r.choice(["", "", "with hold "]),
                                                            r.choice(READS + CLEARS).replace("{n}", str(n))),
    "fetch": lambda r, n: "%s %s from %s /*%d*/" % (r.choice(["fetch", "fetch", "fetch", "move"]), r.choice(["1", "2", "all", "next", "first", "backward 1"]), r.choice(CURSORS), n),
    "close": lambda r, n: "close %s /*%d*/" % (r.choice(CURSORS + ["all"]), n),
    "discard": lambda r, n: "discard %s /*%d*/" % (r.choice(["all", "plans"]), n),
    "copy": lambda r, n: "copy (%s) to stdout" % r.choice(READS[:2] + CLEARS).replace("{n}", str(n)),
    "explain": lambda r, n: "explain (analyze, costs off, timing off, summary off) execute %s /*%d*/" % (r.choice("abc"), n),
    "taken": lambda r, n: "create temp table t%d as execute %s" % (n, r.choice("abc")),
}


def values(r, count):
    out, formats = [], []
    for i in range(count):
        out.append(r.choice(["7", "11", str(r.randrange(100000)), None]))
        formats.append(0)
    return out, formats


def unheard(s):
    """Keeps out what makes PostgreSQL 15 itself end the session or crash: SQL's EXECUTE of a protocol-level ROLLBACK TO or COMMIT,
    and of a protocol-level EXECUTE (endless recursion)."""
    words = s[2].split(" ")[0] in SECTION_WORDS or "execute" in s[2] and not (s[1] in PASSIVE and re.search(r"execute [abc]\b", s[2]))
    return [s[0], ""] + s[2:] if words else s


def step(r, n):
    """One step: a list that JSON keeps."""
    kind = pick(r, [("parse", 22), ("bind", 20), ("execute", 24), ("sync", 9), ("flush", 3), ("describe", 6), ("close", 6), ("query", 14), ("cancel", 0.3), ("run", 10), ("wait", 1)])
    if kind == "parse":
        return unheard(["parse", r.choice(NAMES), text(r, n)])
    if kind == "bind":
        count = r.choice([0, 0, 0, 0, 0, 2, 2, 1])
        return ["bind", r.choice(PORTALS), r.choice(NAMES), values(r, count)[0]]
    if kind == "execute":
        return ["execute", r.choice(PORTALS), r.choice([0, 0, 0, 1, 2])]
    if kind == "describe":
        return ["describe", "S", r.choice(NAMES)] if r.random() < 0.5 else ["describe", "P", r.choice(PORTALS)]
    if kind == "close":
        return ["close", "S", r.choice(NAMES)] if r.random() < 0.6 else ["close", "P", r.choice(PORTALS)]
    if kind == "query":
        return ["query", "; ".join(text(r, n + i) for i in range(r.choice([1, 1, 1, 1, 2, 3])))]
    if kind == "run":
        name = r.choice(NAMES)
        return unheard(["run", name, text(r, n)])
    return [kind]


def pipeline(r, number):
    return [step(r, number * 100 + i * 4) for i in range(r.choice([2, 3, 4, 5, 6, 8, 10, 14]))]


# Ends a pipeline in any state, a failed transaction too, and leaves the unnamed statement alone: looks at the rows that nothing may
# have touched (within the transaction, too), and describes a name with seven parameters, which tells that all is answered.
LOOK = "select %d, 'big=' || count(*) || '/' || sum(v) from (select * from public.big union all select * from other.big) x"


def last(number):
    return [pgwire.SYNC, pgwire.close("S", "look"), pgwire.close("P", "look"), pgwire.parse(LOOK % number, "look"), pgwire.bind("look", "look"), pgwire.execute("look"), pgwire.SYNC,
            pgwire.close("S", "last"), pgwire.parse("", "last", (23,) * 7), pgwire.describe("S", "last"), pgwire.SYNC]


class Session:
    """Plays steps on a connection and keeps what a client saw."""

    def __init__(self, lab, who, seconds):
        self.lab, self.c = lab, lab.gate(who, timeout=seconds)
        self.pid = int(self.c.value("select pg_backend_pid()"))
        self.wrong, self.played = [], 0

    @staticmethod
    def render(s):
        """Messages of a step."""
        kind = s[0]
        if kind == "run":
            return [pgwire.parse(s[2], s[1]), pgwire.bind("", s[1]), pgwire.describe("P"), pgwire.execute(""), pgwire.SYNC]
        make = {"parse": lambda: pgwire.parse(s[2], s[1]), "bind": lambda: pgwire.bind(s[1], s[2], s[3]), "execute": lambda: pgwire.execute(s[1], s[2]),
                "describe": lambda: pgwire.describe(s[1], s[2]), "close": lambda: pgwire.close(s[1], s[2]), "query": lambda: pgwire.query(s[1]),
                "sync": lambda: pgwire.SYNC, "flush": lambda: pgwire.FLUSH}
        return [make[kind]()]

    def play(self, steps):
        """One pipeline: all of it on the way before an answer is read."""
        for s in steps:
            if s[0] in ("cancel", "wait"):
                self.c.flush_out()
                self.c.cancel() if s[0] == "cancel" else time.sleep(0.002)
            else:
                self.c.put(*self.render(s))
        self.played += 1
        self.c.put(*last(self.played)).flush_out()
        return self.answers()

    def server_lives(self):
        """False where the server crashed or restarts: nothing that the gateway could help."""
        try:
            with self.lab.server(timeout=2) as c:
                return float(c.value("select extract(epoch from clock_timestamp() - min(backend_start)) from pg_stat_activity where backend_type = 'checkpointer'")) > 5
        except (pgwire.Closed, OSError):
            return False

    def answers(self):
        reply, ended, again = pgwire.Reply(), False, True
        while True:
            self.c.until("ZNt", reply)
            kind, body = reply.messages[-1]
            if kind == "!" and b"imed" in body and again and any(e.get("C") == "57014" for e in reply.errors):
                again = False  # a cancel may have hit what ends it
                self.c.put(*last(-self.played)).flush_out()
                continue
            if kind == "!" and b"Closed" in body and not self.server_lives():
                return False
            if kind == "!":
                said = [n["M"] for n in reply.notices + reply.errors][-1:]
                self.wrong.append("no answer: %s, after %s %r" % (body.decode(), reply.types[-12:], said))
                return False
            if kind == "N" and b"held: request" in body:
                self.c.cancel()
            ended = ended or kind == "t" and body[:2] == b"\0\7"
            if kind == "Z" and ended:
                break
        seen = reply.everything()
        if any(row != b"2000/0" for row in re.findall(rb"big=(\d+/\d*)", seen)):
            self.wrong.append("ran unheld: the tables named big are not what they were")
        hit = VALUES.search(seen)
        if hit:
            self.wrong.append("the client sees %s" % hit.group().decode())
        return True


def executed(entry):
    """The dangerous text behind a line of the server's log, or None."""
    ran = runlog.Ran(entry)
    for part in ran.text.split(";"):
        word = part.strip().lower()
        if word.startswith("prepare"):
            continue
        if DANGER.search(part):
            return part
        if "execute" in word[:80] and ran.detail.startswith("prepare: ") and DANGER.search(ran.detail):
            return "%s, which is %s" % (part.strip(), ran.detail)
    return None


def log_of(lab):
    return runlog.Log(os.path.join(os.path.dirname(lab.env["SP_PG_LOG"]), "data/log/server.json"))


def begun(lab, who, seconds):
    """A session; waits where the server itself has crashed and restarts."""
    for _ in range(60):
        try:
            return Session(lab, who, seconds)
        except (pgwire.Closed, OSError):
            time.sleep(0.5)
    return Session(lab, who, seconds)


def attempt(lab, who, log, steps, seconds=8):
    """Plays a whole session, pipelines parted by ["end"]; what was wrong, and how many steps were played."""
    s, at, alive = begun(lab, who, seconds), 0, True
    try:
        while at < len(steps):
            end = next((i for i in range(at, len(steps)) if steps[i][0] == "end"), len(steps))
            alive = s.play(steps[at:end])
            at = end + 1
            if not alive:
                break
        if at >= len(steps) and alive:
            compare(lab, log, s)
    finally:
        s.c.close()
    return s.wrong, at


def compare(lab, log, s):
    mark = "select 'last of %d'" % s.pid
    s.c.simple("rollback")
    s.c.simple(mark)
    entries = log.until(s.pid, mark)
    path = os.path.join(lab.env["SP_RECORDINGS"], runlog.session_of(entries))
    if os.environ.get("FUZZ_SHOW"):
        runlog.show(entries, path)
    s.wrong += runlog.differences(entries, path)
    s.wrong += ["ran unheld: " + e for e in map(executed, entries) if e]


def kind_of(wrong):
    return re.sub(r"[\d'\"].*", "", wrong[0])[:40] if wrong else ""


def session_steps(r, first):
    return [s for i in range(PER_SESSION) for s in pipeline(r, first + i) + [["end"]]]


def worker(lab, who, number, seed, budget, report):
    """Plays sessions until the budget is used up; reports pipelines, and a failure or None."""
    log, session, known = log_of(lab), 0, Known()
    while budget.more():
        name = "%s/%d/%d" % (seed, number, session)
        steps = session_steps(random.Random(name), session * PER_SESSION + number * 1000000 + 1)
        wrong, played = attempt(lab, who, log, steps)
        failure = {"again": True} if wrong and known.enough(kind_of(wrong)) else None
        if wrong and not failure:
            same_kind = lambda less: kind_of(attempt(lab, who, log, less, 1.5)[0]) == kind_of(wrong)
            short = shorten(steps[:played], same_kind, float(os.environ.get("FUZZ_SHORTEN", "20")))
            failure = {"seed": name, "wrong": wrong[:4], "steps": short}
        report(PER_SESSION, failure)
        session += 1


SETUP = [p for p in """
create schema if not exists other authorization app_rw;
drop table if exists big, small, other.big, other.small;
create table big as select i as id, 0 as v from generate_series(1, 1000) i; alter table big owner to app_rw;
create table other.big as select i as id, 0 as v from generate_series(1, 1000) i; alter table other.big owner to app_rw;
create table small (id serial primary key, v int); alter table small owner to app_rw; insert into small (v) select generate_series(1, 5);
create table other.small (id serial primary key, v int); alter table other.small owner to app_rw; insert into other.small (v) select generate_series(1, 5);
""".split("\n") if p]


def after(lab):
    with lab.server() as c:
        got = c.simple("select count(*), sum(v) from big; select count(*), sum(v) from other.big").text
    return [] if got == "1000|0\n1000|0" else ["the tables named big are not what they were: " + got]


if __name__ == "__main__":
    sys.exit(run_workers("protocol", worker, SETUP, after, lambda lab, who, steps: attempt(lab, who, log_of(lab), steps)[0]))

# SPDX-License-Identifier: Apache-2.0
#
# Generated writes through the gateway, the server's row counts as the witness. A script is a few statements (forms and
# predicates below) by the simple or the extended protocol, in or outside a transaction; whatever the gateway holds is cancelled.
# Afterwards nothing may have changed more than guard_rows (100) existing rows of any table, nor any schema, role or setting.
#   FUZZ_N statements, FUZZ_SECONDS at most, FUZZ_SEED, FUZZ_JOBS processes; FUZZ_CORPUS replays a file of scripts instead;
#   FUZZ_SKIP leaves out what of the schema contains these words ("create operator =")
import os
import random
import re
import sys

import effect_schema
import pgwire
from effect_forms import script
from fuzzing import Known, run_workers, shorten

TALLY = ["ran", "held", "error"]
LOOK_AFTER = 25  # scripts that changed nothing by their tags are looked at together
STATE = re.compile(r"^(set|reset|create temp|create function pg_temp|prepare|declare|listen|begin|select \* into|discard)\b")
HARMLESS = re.compile(r"^(SELECT \d+|(UPDATE|DELETE|MERGE) 0|INSERT 0 0|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET|RESET|SHOW|EXPLAIN|PREPARE|FETCH \d+|MOVE \d+|DECLARE CURSOR|DISCARD ALL)$")
ROWS_ONLY = re.compile(r"^(SELECT|UPDATE|DELETE|MERGE|INSERT|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b")


class Gate:
    """A connection of the gateway that lives as long as it can."""

    def __init__(self, lab, who, schema):
        self.lab, self.who, self.schema, self.c = lab, who, schema, None
        self.tally = dict.fromkeys(TALLY, 0)

    def fresh(self):
        if self.c:
            self.c.close()
        self.c = self.lab.gate(self.who, timeout=20)
        self.c.simple("set search_path = %s, public" % self.schema)

    def answer(self):
        """Reads up to ReadyForQuery; cancels what is held and ends what wants data."""
        reply = pgwire.Reply()
        while True:
            self.c.until("ZNG", reply)
            kind, body = reply.messages[-1]
            if kind == "N" and b"held: request" in body:
                self.tally["held"] += 1
                self.c.cancel()
            elif kind == "G":
                self.c.put(b"".join(pgwire.msg("d", b"%d\tx\n" % (100000 + i)) for i in range(3)), pgwire.msg("c"), pgwire.SYNC if self.extended else b"").flush_out()
            elif kind == "Z":
                break
            elif kind == "!":
                raise pgwire.Closed(body.decode())
        self.tally["ran" if reply.tags and not reply.errors else "error"] += 1
        return reply

    def send(self, step):
        how, sql, values = step
        self.extended = how == "extended"
        if how == "extended":
            self.c.parse(sql).bind("", "", values).execute().sync()
        else:
            self.c.query(sql)
        self.c.flush_out()
        return self.answer()

    def play(self, steps):
        """The tags of what ran; None when the connection ended."""
        if self.c is None:
            self.fresh()
        tags = []
        try:
            for step in steps:
                tags += self.send(step).tags
            if self.c.simple("").status != "I":
                tags += self.send(["simple", "commit", []]).tags
            if any(STATE.match(s[1]) for s in steps):
                self.c.simple("discard all")
                self.c.simple("set search_path = %s, public" % self.schema)
            return tags
        except (pgwire.Closed, OSError):
            self.c = None
            return None


def attempt(scratch, gate, steps, known=None):
    """What a script changed that nobody approved; known: its tags, when it has been played."""
    tags = gate.play([[how, sql.replace("{s}", scratch.s), values] for how, sql, values in steps]) if known is None else known
    if tags is not None and not tags:
        return []
    wrong, dirty = scratch.verdict(rows_only=bool(tags) and all(ROWS_ONLY.match(t) for t in tags) and known is None)
    if dirty:
        scratch.restore(bool(wrong) and "schema" in wrong[0])
        if wrong and "schema" in wrong[0]:
            gate.c = None
    return wrong


def kind_of(wrong, steps):
    return re.sub(r"\d+", "", wrong[0]) + (steps[-1][1][:12] if steps else "")


def found(scratch, gate, name, steps, before, wrong, report, done, known):
    if known.enough(kind_of(wrong, steps)):
        report(done, {"again": True})
        return
    if not attempt(scratch, gate, steps):
        steps = before + steps  # one of those that seemed harmless did it
    short = shorten(steps, lambda less: bool(attempt(scratch, gate, less)), float(os.environ.get("FUZZ_SHORTEN", "20")))
    report(done, {"seed": name, "wrong": wrong[:4], "steps": short})


def worker(lab, who, number, seed, budget, report):
    scratch = effect_schema.Scratch(lab, number)
    gate, n, unseen, known = Gate(lab, who, scratch.s), 0, [], Known()
    while budget.more():
        name = "%s/%d/%d" % (seed, number, n)
        steps, n = script(random.Random(name)), n + 1
        tags = gate.play([[how, sql.replace("{s}", scratch.s), values] for how, sql, values in steps])
        look = tags is None or not all(HARMLESS.match(t) for t in tags)
        wrong = attempt(scratch, gate, steps, tags) if look and tags != [] else []
        if wrong:
            found(scratch, gate, name, steps, unseen, wrong, report, len(steps), known)
            unseen = []
            continue
        report(len(steps), None)
        unseen += steps
        if n % LOOK_AFTER == 0 or not budget.more():
            wrong = attempt(scratch, gate, [], ["all"])
            if wrong:
                found(scratch, gate, name, unseen, [], wrong, report, 0, known)
            unseen = []
        if n % 2000 == 0 or not budget.more():
            print("effect: process %d: %s" % (number, gate.tally), flush=True)


def replayer():
    """One schema and one connection for a whole corpus."""
    made = {}

    def replay(lab, who, steps):
        if not made:
            made["scratch"] = effect_schema.Scratch(lab, 90)
            made["gate"] = Gate(lab, who, made["scratch"].s)
        return attempt(made["scratch"], made["gate"], steps)

    return replay


if __name__ == "__main__":
    os.environ.setdefault("FUZZ_JOBS", "4")
    sys.exit(run_workers("effect", worker, ["select 1"], lambda lab: [], replayer()))

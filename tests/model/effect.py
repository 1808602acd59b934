# SPDX-License-Identifier: Apache-2.0
#
# Generated writes through the gateway, the server's row counts as the witness. A script is a few statements (forms and
# predicates below) by the simple or the extended protocol, in or outside a transaction; whatever the gateway holds is cancelled.
# Afterwards nothing may have changed more than guard_rows (100) existing rows of any table, nor any schema, role or setting.
#   FUZZ_N statements, FUZZ_SECONDS at most, FUZZ_SEED, FUZZ_JOBS processes; FUZZ_CORPUS replays a file of scripts instead
import os
import random
import sys

import effect_schema
import pgwire
from effect_forms import script
from fuzzing import run_workers, shorten

TALLY = ["ran", "held", "error"]


class Gate:
    """A connection of the gateway that lives as long as it can."""

    def __init__(self, lab, who, schema):
        self.lab, self.who, self.schema, self.c = lab, who, schema, None
        self.tally = dict.fromkeys(TALLY, 0)
        self.last = []

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
        """True when anything ran."""
        if self.c is None:
            self.fresh()
        ran = False
        try:
            for step in steps:
                reply = self.send(step)
                ran = ran or bool(reply.tags)
            if self.c.simple("").status != "I":
                ran = True
                self.send(["simple", "commit", []])
            if any(w in s[1] for s in steps for w in ("set ", "temp", "prepare", "declare", "listen", "lock", "role")):
                self.fresh()
            return ran
        except (pgwire.Closed, OSError) as e:
            self.last.append(repr(e))
            self.c = None
            return True


def attempt(scratch, gate, steps):
    if not gate.play([[how, sql.replace("{s}", scratch.s), values] for how, sql, values in steps]):
        return [], False
    wrong, dirty = scratch.verdict()
    if dirty:
        scratch.restore(bool(wrong) and "schema" in wrong[0])
        if wrong and "schema" in wrong[0]:
            gate.c = None
    return wrong, dirty


def worker(lab, who, number, seed, budget, report):
    scratch = effect_schema.Scratch(lab, number)
    gate, n = Gate(lab, who, scratch.s), 0
    while budget.more():
        name = "%s/%d/%d" % (seed, number, n)
        r = random.Random(name)
        steps, wrong, failure = script(r), [], None
        wrong, _ = attempt(scratch, gate, steps)
        if wrong:
            short = shorten(steps, lambda less: bool(attempt(scratch, gate, less)[0]), 20)
            failure = {"seed": name, "wrong": wrong[:4], "steps": short}
        report(len(steps), failure)
        n += 1
        if n % 500 == 0 or not budget.more():
            print("effect: process %d: %s" % (number, gate.tally), flush=True)


def replayed(lab, who, steps):
    scratch = effect_schema.Scratch(lab, 90)
    return attempt(scratch, Gate(lab, who, scratch.s), steps)[0]


if __name__ == "__main__":
    os.environ.setdefault("FUZZ_JOBS", "4")
    sys.exit(run_workers("effect", worker, ["select 1"], lambda lab: [], replayed))

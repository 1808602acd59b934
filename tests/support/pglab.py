# SPDX-License-Identifier: Apache-2.0
#
# A lab (tests/support/lab-test.sh or share/demo.sh --keep) from Python: wire clients through the gateway, the server itself,
# operators over ssh; and a small runner of many named cases at once, which prints TAP-like lines.
#
#   lab = Lab()                       takes the variables of the lab's env.sh from the environment
#   lab.gate("alice")                 a Conn through alice's forward
#   lab.server()                      a Conn of the superuser, past the gateway
#   lab.ssh("bob", "approve", id)     (exit status, what it printed)
#   @case("kind", "name") def f(t)    t.is_(), t.true(); run(jobs) runs them all
import os
import queue
import re
import socket
import subprocess
import sys
import threading
import time

import pgwire


class Lab:
    def __init__(self):
        self.env = os.environ
        self.ports, self.forwards, self.lock, self.serial = {}, [], threading.Lock(), 0

    def forward(self, who):
        with self.lock:
            if who not in self.ports:
                with socket.socket() as s:
                    s.bind(("127.0.0.1", 0))
                    port = s.getsockname()[1]
                way = "%d:%s:5432" % (port, self.env["SP_PG_TARGET"])
                self.forwards.append(subprocess.Popen(["ssh", "-F", self.env["SP_SSH_CONFIG"], "-N", "-L", way, "bastion-" + who],
                                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
                self._wait(port)
                self.ports[who] = port
            return self.ports[who]

    @staticmethod
    def _wait(port):
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)

    def gate(self, who="alice", **more):
        """A connection through the gateway; tried again where the configuration is being loaded at this moment (57P03)."""
        for left in (3, 2, 1, 0):
            try:
                return pgwire.Conn("127.0.0.1", self.forward(who), **more)
            except pgwire.Closed as e:
                if not left or "configuration changed" not in str(e):
                    raise
                time.sleep(0.3)

    def server(self, **more):
        return pgwire.Conn.url(self.env["SP_PG_DIRECT"], **more)

    def ssh(self, who, *args):
        # Many cases at once can meet the listener's share of new connections: it closes before a word is said.
        for _ in range(5):
            p = subprocess.run(["ssh", "-F", self.env["SP_SSH_CONFIG"], "bastion-" + who, *args], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if p.returncode != 255 or "kex_exchange_identification" not in p.stdout:
                break
            time.sleep(0.5)
        return p.returncode, p.stdout

    def sallyport(self, *args):
        p = subprocess.run([self.env["SP_BIN"] + "/sallyport", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        return p.returncode, p.stdout

    def number(self):
        with self.lock:
            self.serial += 1
            return self.serial

    def stop(self):
        for f in self.forwards:
            f.terminate()
        for f in self.forwards:
            f.wait()


class Skip(Exception):
    """The case does not apply here."""


CASES = []


def case(kind, name):
    def keep(f):
        CASES.append((kind, name, f))
        return f

    return keep


class Test:
    """What a case gets: the lab, a person, tables of its own, and the ways to say what is wrong."""

    def __init__(self, lab, who):
        self.lab, self.who, self.wrong, self.conns = lab, who, [], []

    def gate(self, **more):
        c = self.lab.gate(more.pop("who", self.who), **{"timeout": 30, **more})
        self.conns.append(c)
        return c

    def server(self):
        c = self.lab.server(timeout=30)
        self.conns.append(c)
        return c

    def admin(self, sql):
        """As the superuser, past the gateway; the rows as text."""
        with self.lab.server(timeout=30) as c:
            reply = c.simple(sql)
        if reply.errors:
            raise RuntimeError("%s: %s" % (sql, reply.error))
        return reply.text

    def table(self, rows=300, schema="public"):
        """A table of this case only: id integer primary key, k integer, ts timestamptz, body text, owner app_rw."""
        name = "w%d" % self.lab.number()
        self.fill("%s.%s" % (schema, name), rows)
        return name

    def fill(self, full, rows):
        self.admin("create table %s (id integer primary key, k integer not null, ts timestamptz not null default now(), body text, code char(4) default 'abcd');"
                   " insert into %s select i, i %% 7, now() - i * interval '1 hour', 'b' || i from generate_series(1, %d) i;"
                   " alter table %s owner to app_rw; analyze %s" % (full, full, rows, full, full))

    def count(self, table, where="true"):
        return int(self.admin("select count(*) from %s where %s" % (table, where)))

    def is_(self, what, got, want):
        if got != want:
            self.wrong.append("%s: got %r, want %r" % (what, got, want))

    def true(self, what, ok, seen=""):
        if not ok:
            self.wrong.append("%s%s" % (what, ": " + str(seen)[:400] if seen != "" else ""))

    def end(self):
        for c in self.conns:
            c.close()


def one(lab, who, kind, name, f):
    t, started = Test(lab, who), time.monotonic()
    try:
        f(t)
    except Skip as e:
        return "skip - %s: %s: %s" % (kind, name, e)
    except Exception as e:  # a case that breaks is a case that fails
        line = e.__traceback__
        while line.tb_next:
            line = line.tb_next
        t.wrong.append("%s: %s (%s:%d)" % (type(e).__name__, e, os.path.basename(line.tb_frame.f_code.co_filename), line.tb_lineno))
    finally:
        t.end()
    took = time.monotonic() - started
    if t.wrong:
        return "not ok - %s: %s\n%s" % (kind, name, "\n".join("#   " + re.sub(r"\s+", " ", w) for w in t.wrong))
    return "ok - %s: %s%s" % (kind, name, " (%.0f s)" % took if took > 15 else "")


def run(lab, people, jobs=28, only=""):
    """Runs the cases whose 'kind: name' contains `only`; the number of those that failed."""
    todo, failed, lock = queue.SimpleQueue(), [0], threading.Lock()
    for c in CASES:
        if only in "%s: %s" % c[:2]:
            todo.put(c)

    def work(who):
        while True:
            try:
                kind, name, f = todo.get_nowait()
            except queue.Empty:
                return
            line = one(lab, who, kind, name, f)
            with lock:
                failed[0] += line.startswith("not ok")
                print(line, flush=True)

    threads = [threading.Thread(target=work, args=(people[i % len(people)],)) for i in range(jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return failed[0]


def main(people):
    lab = Lab()
    try:
        sys.exit(run(lab, people, int(os.environ.get("BREAK_JOBS", "28")), sys.argv[1] if len(sys.argv) > 1 else "") > 0)
    finally:
        lab.stop()

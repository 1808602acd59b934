# SPDX-License-Identifier: Apache-2.0
#
# What the generators of this folder share: processes that generate until a number or a time is reached, what they found, and
# the shortening of what fails. Environment: FUZZ_N, FUZZ_SECONDS, FUZZ_SEED, FUZZ_JOBS, FUZZ_STOP (failures until it ends;
# default 1), FUZZ_CORPUS (a file of JSON lists, one a line, replayed instead).
import json
import multiprocessing
import os
import queue
import sys
import time

from pglab import Lab

SHOWN = 30
PEOPLE = ["alice", "alice2", "alice3", "alice4"]


class Known:
    """Kinds of failures that this process has seen enough of to shorten no more of them."""

    def __init__(self, most=2):
        self.most, self.seen = most, {}

    def enough(self, kind):
        self.seen[kind] = self.seen.get(kind, 0) + 1
        return self.seen[kind] > self.most


class Budget:
    def __init__(self, total, count, end):
        self.total, self.count, self.end = total, count, end

    def more(self):
        return self.count.value < self.total and time.time() < self.end


def shorten(items, fails, seconds):
    """Delta debugging: the shortest list found in that time of which fails(list) is still true."""
    end, size = time.monotonic() + seconds, max(1, len(items) // 2)
    while True:
        at, shorter = 0, False
        while at < len(items) and time.monotonic() < end:
            less = items[:at] + items[at + size :]
            if fails(less):
                items, shorter = less, True
            else:
                at += size
        if time.monotonic() > end or size == 1 and not shorter:
            return items
        size = max(1, size // 2)


def child(worker, number, seed, total, count, end, results):
    lab = Lab()

    def report(done, failure):
        with count.get_lock():
            count.value += done
        if failure:
            results.put(failure)

    try:
        worker(lab, PEOPLE[number % len(PEOPLE)], number, seed, Budget(total, count, end), report)
    except KeyboardInterrupt:
        pass
    except Exception as e:
        results.put({"seed": seed, "wrong": ["the generator broke: %r" % e], "steps": []})
        raise
    finally:
        lab.stop()


def prepared(lab, setup):
    with lab.server() as c:
        for part in setup:
            reply = c.simple(part)
            if reply.errors:
                raise RuntimeError(reply.error)


def replay(lab, attempt, path, setup):
    """Each line of a corpus, on tables as they were; the number that failed."""
    failed = 0
    with open(path) as f:
        for number, line in enumerate(f, 1):
            if not line.strip():
                continue
            entry = json.loads(line)
            prepared(lab, setup)
            wrong = attempt(lab, PEOPLE[0], entry["steps"])
            failed += bool(wrong)
            print("%s - %s: %s" % ("not ok" if wrong else "ok", os.path.basename(path), entry["name"]), flush=True)
            for w in wrong[:4]:
                print("#   " + w)
    return failed


def run_workers(name, worker, setup, after, attempt_corpus=None):
    """Runs it all; the exit status."""
    env, lab = os.environ, Lab()
    prepared(lab, setup)
    if env.get("FUZZ_CORPUS"):
        try:
            failed = replay(lab, attempt_corpus, env["FUZZ_CORPUS"], setup)
        finally:
            lab.stop()
        return int(failed > 0)
    total, seconds, jobs = int(env.get("FUZZ_N", "100000")), float(env.get("FUZZ_SECONDS", "86400")), int(env.get("FUZZ_JOBS", "4"))
    stop, seed = int(env.get("FUZZ_STOP", "1")), env.get("FUZZ_SEED") or str(time.time_ns() % 1000000)
    count, results, started = multiprocessing.Value("q", 0), multiprocessing.Queue(), time.time()
    print("%s: seed %s, %d to do, %d processes" % (name, seed, total, jobs), flush=True)
    children = [multiprocessing.Process(target=child, args=(worker, i, seed, total, count, started + seconds, results)) for i in range(jobs)]
    for c in children:
        c.start()
    failures, more, said = [], 0, time.time()
    while len(failures) < stop and (any(c.is_alive() for c in children) or not results.empty()):
        try:
            failure = results.get(timeout=1)
            if failure.get("again"):
                more += 1
                continue
            failures.append(failure)
            tell(name, failure, time.time() - started, count.value)
        except queue.Empty:
            pass
        if time.time() - said > 30:
            said = time.time()
            print("%s: %d in %d s (%.0f/s)" % (name, count.value, said - started, count.value / (said - started)), flush=True)
    for c in children:
        c.terminate() if len(failures) >= stop else None
        c.join()
    for wrong in after(lab):
        failures.append({"wrong": [wrong]})
        print("%s: %s" % (name, wrong))
    took = time.time() - started
    print("%s: %d done in %.0f s (%.0f/s), %d failures, %d more of the same kinds" % (name, count.value, took, count.value / took, len(failures), more), flush=True)
    return int(bool(failures))


def tell(name, failure, seconds, done):
    print("%s: FAILED after %.0f s and %d, seed %s" % (name, seconds, done, failure.get("seed")))
    for w in failure["wrong"]:
        print("    " + w[:400])
    steps = failure.get("steps", [])
    for s in steps[:SHOWN]:
        print("    step " + json.dumps(s))
    if steps:
        print("    %d steps" % len(steps) if len(steps) > SHOWN else "    corpus " + json.dumps({"name": "", "steps": steps}))
    sys.stdout.flush()

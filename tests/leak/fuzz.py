#!/usr/bin/env python3
"""Non-interference: random scripts go to two databases that differ in masked values only; what a client can tell apart is a leak.

usage: fuzz.py LAB.json [--n N] [--seconds S] [--seed S] [--workers W] [--kinds a,b] [--ignore REGEX] [--out FILE] [--progress FILE] [--stop-after N]
--ignore: scripts with such a text are left out, for the search of other kinds than the known. With --progress a run that was interrupted goes on: the count of statements and the seed are kept there. The exit status is 1 when there are leaks.
"""
import argparse
import collections
import itertools
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
import time

from client import SIDES, Lost, Rig, drive, error_fields, ready_count, run_once
from scripts import Script, Scripts

BATCH = 10
PARAMS = [{}, {}, {}, {}, {'search_path': 'public,pg_catalog'}, {'search_path': 'hr,public'}, {'client_min_messages': 'debug5'}, {'DateStyle': 'German'}, {'extra_float_digits': '0'}, {'bytea_output': 'escape'},
          {'options': '-c enable_hashagg=off'}, {'plan_cache_mode': 'force_generic_plan'}, {'IntervalStyle': 'iso_8601'}]
# time limits of the server and of the lab: no answer to compare
# README and doc/attacks tell that a statement may fail by a value; with FUZZ_LEAK_OUTCOMES=1 that counts, too.
OUTCOMES = os.environ.get('FUZZ_LEAK_OUTCOMES') == '1'
UNFIT = ('57014', '53400', '53200', '54001', '40P01', '55P03')


def held_why(a):
    return [error_fields(b).get('D', '') + error_fields(b).get('M', '') for k, b in a.raw if k == b'E'][:1]


def secrets(side):
    """The sensitive texts of a side, as they are."""
    sql = subprocess.run([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'values.py'), side], capture_output=True, text=True, check=True).stdout
    return {x.encode() for x in re.findall(r"'((?:[^']|'')*)'", sql) if len(x) > 5}


SECRETS = secrets('a')


def shows(rows):
    """Does a value of side a stand there in clear?"""
    body = b'\n'.join(m[1] for m in rows)
    return any(s in body for s in SECRETS)


def difference(a, b):
    """Where two answers differ, in a word; None: they do not."""
    if a.lost or b.lost:
        return None if a.lost and b.lost else 'connection'
    x, y = a.normal(), b.normal()
    if x == y:
        return None
    if any(c in UNFIT for c in a.codes() + b.codes()):
        return None
    if a.held() != b.held():
        return 'verdict'
    ea, eb = a.codes(), b.codes()
    if ea != eb or (ea and a.rows() != b.rows()):
        return 'outcome'
    if a.rows() != b.rows():
        return 'clear' if shows(x) and not shows(y) else 'count'
    for kind, word in ((b'D', 'value'), (b'd', 'value'), (b'T', 'description'), (b'E', 'error'), (b'N', 'notice')):
        if [m for m in x if m[0] == kind] != [m for m in y if m[0] == kind]:
            return 'clear' if shows([m for m in x if m not in y]) else word
    return 'other'


FEATURES = re.compile(r"""\b(explain|copy|distinct on|count\(distinct|distinct|order by|group by|having|union all|union|intersect|except|limit|fetch (?:first|next|forward|all|last|absolute|backward|\d)|offset|over \(|with ordinality|
    rows from|lateral|recursive|exists \(|array\(|\bin \(select|where|join|using \(|filter|within group|tablesample|for (?:update|share|no key|key share)|on conflict|returning|execute|declare|prepare|values|pg_stats|pg_locks|
    generate_series|generate_subscripts|string_to_table|unnest|regexp_matches|regexp_split_to_table|jsonb?_\w+|reg(?:type|class|proc|namespace|role)|to_reg\w+|has_\w+|set_config|setseed|advisory\w*|setval|
    count\(|sum\(|avg\(|case when|nullif|row\()""".replace('\n', '').replace('    ', ''))


def skeleton(script):
    """What is alike in leaks of one kind: the clauses and functions that matter."""
    text = ' ; '.join(s[1] if s[0] == 'Q' else s[2] if s[0] == 'P' else s[0] for s in script)
    return ' '.join(sorted({re.sub(r'\W+', ' ', x).strip() for x in FEATURES.findall(re.sub(r"'(?:[^']|'')*'", "'x'", text))}))


class Worker:
    def __init__(self, lab, number, seed, kinds, queue, ignore):
        self.ignore = re.compile(ignore) if ignore else None
        self.lab = lab
        self.number = number
        self.rig = Rig(lab, 'w%d' % number)
        self.db = 'shop%d' % number
        self.gen = Scripts(seed, kinds)
        self.seed = seed
        self.r = random.Random(seed + 1)
        self.stats = collections.Counter()
        self.codes = collections.Counter()
        self.queue = queue
        self.seen = collections.Counter()
        self.conns = []
        self.params = {}
        self.start = time.monotonic()

    def renew(self):
        for c in self.conns:
            c.close()
        self.params = self.r.choice(PARAMS)
        try:
            self.conns = [self.rig.connect(s, self.db, self.params) for s in ('a', 'b')]
        except Lost:
            self.params = {}
            self.conns = [self.rig.connect(s, self.db) for s in ('a', 'b')]
        self.used = 0

    def both(self, scripts):
        """Answers of a and b for each script; None when the connection ended."""
        try:
            got = [c.push(scripts) for c in self.conns]
            drive(self.conns)
            return list(zip(*got))
        except Lost as e:
            self.stats['lost'] += 1
            self.last_lost = str(e)
            self.renew()
            return None

    def batch(self, documented_share):
        scripts = []
        while len(scripts) < BATCH:
            s = self.gen.script()
            if s.documented():
                self.stats['documented'] += 1
                if self.r.random() > documented_share:
                    continue
            if self.ignore is not None and self.ignore.search(json.dumps(s.text())):
                continue
            scripts.append(s)
        texts = [s.text() for s in scripts]
        got = self.both(texts)
        if got is None:
            got = []
            for t in texts:
                one = self.both([t])
                if one is None:
                    self.queue.put(('lost', json.dumps(t), self.last_lost))
                got.append(one[0] if one is not None else None)
        for i, (s, t, g) in enumerate(zip(scripts, texts, got)):
            self.judge(s, t, g, scripts[:i])
        self.used += BATCH
        if self.used > 1500:
            self.renew()

    def judge(self, s, text, got, before):
        self.stats['scripts'] += 1
        self.stats['statements'] += ready_count(text)
        if got is None:
            return
        a, b = got
        codes = a.codes()
        held = a.held()
        self.stats['held' if held else 'failed' if codes else 'rows' if a.rows() else 'empty'] += 1
        if s.tainted():
            self.stats['tainted'] += 1
            self.stats['tainted and ran'] += not held and not codes
        if codes and not held:
            self.codes[codes[0]] += 1
        self.stats['kind %s' % s.kind] += 1
        if held:
            self.stats['held %s' % s.kind] += 1
            if not s.tainted():
                self.stats['held without a value'] += 1
                if os.environ.get('FUZZ_LEAK_DEBUG'):
                    self.queue.put(('harmless', json.dumps(text), held_why(a)))
        d = difference(a, b)
        if d is None:
            return
        if d == 'outcome' and not OUTCOMES:
            self.stats['fails in one of the two'] += 1
            return
        if s.documented():
            self.stats['documented and different'] += 1
            return
        self.stats['different'] += 1
        self.candidate(s, text, d, before)

    def confirm(self, text, times=1):
        """In fresh sessions: a and b differ, a and c do not. Returns (word, answers) or None."""
        word = None
        for _ in range(times):
            r = run_once(self.rig, SIDES, self.db, text, self.params)
            word = difference(r[0], r[1])
            if word is None or (word == 'outcome' and not OUTCOMES):
                return None
            if word != 'clear' and difference(r[0], r[2]) is not None:
                self.stats['noise'] += 1
                return None
        return word, r

    def candidate(self, s, text, d, before):
        key = (s.kind, d)
        self.seen[key] += 1
        if self.seen[key] > 12 and self.r.random() > 0.06:
            return
        at = time.monotonic() - self.start
        try:
            if not self.again([s]) and self.confirm(text) is None:
                # what ran before it in the session may matter
                s = Script(s.kind, [x for b in before if not b.documented() for x in b.steps] + s.steps)
                if self.confirm(s.text()) is None:
                    self.stats['not confirmed'] += 1
                    if os.environ.get('FUZZ_LEAK_DEBUG'):
                        self.queue.put(('unsure', json.dumps(text), d))
                    return
            small = self.minimise(s)
            got = self.confirm(small.text(), 2)
            if got is None:
                small, got = s, self.confirm(s.text(), 2)
            if got is None:
                self.stats['not confirmed'] += 1
                return
        except Lost as e:
            self.queue.put(('lost', json.dumps(text), str(e)))
            self.renew()
            return
        word, r = got
        self.queue.put(('leak', {'diff': word, 'kind': s.kind, 'script': small.text(), 'found': text, 'params': self.params, 'seconds': round(at, 1), 'seed': self.seed, 'a': r[0].show(), 'b': r[1].show(), 'key': word + ': ' + skeleton(small.text())}))
        # what a session was used for is over
        self.renew()

    def minimise(self, s, budget=8.0):
        """Drops and replaces as long as the difference stays and stays undocumented; what makes most of it go is tried first."""
        end = time.monotonic() + budget
        best = s
        while time.monotonic() < end:
            seen, pool = set(), []
            for v in itertools.islice(best.smaller(), 600):
                text = json.dumps(v.text())
                if text not in seen:
                    seen.add(text)
                    pool.append((len(text), len(pool), v))
            pool.sort(key=lambda x: x[:2])
            hit = None
            for i in range(0, len(pool), 8):
                hit = self.again([x[2] for x in pool[i:i + 8] if not x[2].documented()])
                if hit or time.monotonic() > end:
                    break
            if not hit:
                break
            best = hit
        return best

    def again(self, scripts):
        """The first of the scripts whose answers differ in the sessions at hand, or None."""
        if not scripts:
            return None
        texts = []
        for v in scripts:
            texts += [v.text(), [['Q', 'rollback'], ['Q', 'deallocate all']]]
        got = self.both(texts)
        for v, (a, b) in zip(scripts, got[::2] if got else []):
            word = difference(a, b)
            if word is not None and (word != 'outcome' or OUTCOMES):
                return v
        return None


def work(lab, number, seed, kinds, queue, stop, documented_share, ignore):
    sys.setrecursionlimit(5000)
    try:
        w = Worker(lab, number, seed, kinds, queue, ignore)
        w.renew()
        while not stop.is_set():
            w.batch(documented_share)
            queue.put(('stats', number, dict(w.stats), dict(w.codes)))
        w.rig.close()
    except KeyboardInterrupt:
        pass
    except Exception as e:  # a worker that ends must not pass for a clean run
        import traceback
        queue.put(('died', number, traceback.format_exc(), str(e)))


def report(total, codes, leaks, t0, final=False):
    n = max(1, total['scripts'])
    secs = time.monotonic() - t0
    print('%6d s %8d scripts %8d statements %4d/s | rows %d%% empty %d%% failed %d%% held %d%% | about values %d%%, of these ran %d%% | documented %d (%d of those run differ) | leaks %d in %d kinds' % (
        secs, total['scripts'], total['statements'], total['statements'] / max(secs, .1), 100 * total['rows'] // n, 100 * total['empty'] // n, 100 * total['failed'] // n, 100 * total['held'] // n,
        100 * total['tainted'] // n, 100 * total['tainted and ran'] // max(1, total['tainted']), total['documented'], total['documented and different'], len(leaks), len({x['key'] for x in leaks})), flush=True)
    if final:
        kinds = sorted(x[5:] for x in total if x.startswith('kind '))
        print('held by kind: %s; without any masked value: %d' % (', '.join('%s %d%%' % (k, 100 * total['held ' + k] // total['kind ' + k]) for k in kinds), total['held without a value']))
        print('errors: %s' % ', '.join('%s %d' % x for x in codes.most_common(12)))
        print('noise %d, not confirmed %d, connections lost %d, failed in one of the two only %d' % (total['noise'], total['not confirmed'], total['lost'], total['fails in one of the two']))


def progress_read(path):
    if not path or not os.path.exists(path):
        return None
    with open(path) as f:
        return json.load(f)


def progress_write(path, before, total, leaks):
    if path:
        with open(path + '.new', 'w') as f:
            json.dump({'seed': before['seed'], 'runs': before['runs'] + 1, 'statements': before['statements'] + total['statements'], 'leaks': before['leaks'] + len(leaks)}, f)
        os.replace(path + '.new', path)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('lab')
    ap.add_argument('--n', type=int, default=0)
    ap.add_argument('--seconds', type=float, default=0)
    ap.add_argument('--seed', type=int, default=None)
    ap.add_argument('--workers', type=int, default=0)
    ap.add_argument('--kinds', default='')
    ap.add_argument('--out', default='leaks.jsonl')
    ap.add_argument('--ignore', default='')
    ap.add_argument('--progress', default='')
    ap.add_argument('--stop-after', type=int, default=0)
    ap.add_argument('--documented', type=float, default=0.05)
    args = ap.parse_args()
    with open(args.lab) as f:
        lab = json.load(f)
    workers = min(args.workers or lab['databases'], lab['databases'])
    before = progress_read(args.progress)
    seed = before['seed'] + before['runs'] if before else args.seed if args.seed is not None else random.SystemRandom().randrange(10 ** 9)
    before = before or {'seed': seed, 'runs': 0, 'statements': 0, 'leaks': 0}
    print('seed %d, %d workers, %d statements and %d leaks before' % (seed, workers, before['statements'], before['leaks']), flush=True)
    queue, stop = multiprocessing.Queue(), multiprocessing.Event()
    ps = [multiprocessing.Process(target=work, args=(lab, i + 1, seed * 1000 + i, [k for k in args.kinds.split(',') if k], queue, stop, args.documented, args.ignore)) for i in range(workers)]
    for p in ps:
        p.start()
    t0 = shown = time.monotonic()
    stats, codes, leaks, died = {}, {}, [], 0
    total = collections.Counter()
    with open(args.out, 'a') as out:
        while True:
            try:
                m = queue.get(timeout=5)
            except Exception:
                m = ('idle',)
            if m[0] == 'stats':
                stats[m[1]], codes[m[1]] = m[2], m[3]
                total = sum((collections.Counter(x) for x in stats.values()), collections.Counter())
            elif m[0] == 'leak':
                new = m[1]['key'] not in {x['key'] for x in leaks}
                leaks.append(m[1])
                out.write(json.dumps(m[1]) + '\n')
                out.flush()
                if new:
                    print('LEAK (%s, after %.1f s) %s' % (m[1]['diff'], m[1]['seconds'], json.dumps(m[1]['script'])), flush=True)
                    for side in 'ab':
                        print('   %s: %s' % (side, '; '.join(m[1][side])[:300]), flush=True)
            elif m[0] == 'harmless':
                print('held %s %s' % (m[2], m[1][:600]), flush=True)
            elif m[0] == 'unsure':
                print('unsure (%s) %s' % (m[2], m[1][:600]), flush=True)
            elif m[0] == 'lost':
                print('connection lost: %s: %s' % (m[2], m[1][:700]), flush=True)
            elif m[0] == 'died':
                died += 1
                print('worker %d died: %s' % (m[1], m[2]), flush=True)
            now = time.monotonic()
            if now - shown > 10:
                shown = now
                report(total, collections.Counter(), leaks, t0)
                progress_write(args.progress, before, total, leaks)
            if died or (args.n and before['statements'] + total['statements'] >= args.n) or (args.seconds and now - t0 >= args.seconds) or (args.stop_after and len(leaks) >= args.stop_after):
                break
    stop.set()
    end = time.monotonic() + 60
    while any(p.is_alive() for p in ps) and time.monotonic() < end:
        try:
            queue.get(timeout=0.5)
        except Exception:
            pass
    for p in ps:
        p.terminate()
        p.join()
    report(total, sum((collections.Counter(x) for x in codes.values()), collections.Counter()), leaks, t0, True)
    progress_write(args.progress, before, total, leaks)
    sys.exit(2 if died else 1 if leaks or before['leaks'] else 0)


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Replays cases of the non-interference test: replay.py LAB.json FILE... | replay.py --leaks LAB.json LEAKS.jsonl

A line of a FILE is an expectation, a tab, and a script: SQL, several statements for messages of their own with " ;; " between them,
or JSON steps (client.py). "#" begins a comment.
  same    what the client gets from both databases is equal; how the gateway does it is its matter
  differs they differ: what README tells as a limit of masking; shows that the databases do differ and that it is seen
  clear   equal, and it runs without being held or refused, and the client gets the rows that the database gave
Prints "ok - " and "not ok - " lines.
"""
import json
import sys

from client import Lost, Rig, drive, run_once
from client import Conn
from fuzz import difference


def steps_of(text):
    if text.startswith('[['):
        return json.loads(text)
    return [['Q', s] for s in text.split(' ;; ')]


def cases(path):
    with open(path) as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip('\n')
            if not line.strip() or line.startswith('#'):
                continue
            want, _, text = line.partition('\t')
            if want not in ('same', 'clear', 'differs') or not text:
                sys.exit('%s:%d: not "same", "clear" or "differs", tab, script' % (path, number))
            yield '%s:%d' % (path.split('/')[-1], number), want, steps_of(text), text


def bare(answer):
    """Rows, tags and errors, without what the gateway adds."""
    return [m for m in answer.normal() if m[0] not in (b'N', b'S', b'T')]


class Replay:
    def __init__(self, lab):
        self.lab = lab
        self.rig = Rig(lab, 'replay')
        self.conns = {}
        self.failed = 0

    def conn(self, side):
        if side not in self.conns:
            if side == 'direct':
                self.conns[side] = Conn(self.lab['direct']['a'], 'shop1', None, 'app_rw')
            else:
                self.conns[side] = self.rig.connect(side, 'shop1')
        return self.conns[side]

    def run(self, steps, sides):
        script = steps + [['Q', 'rollback'], ['Q', 'deallocate all']]
        cs = [self.conn(s) for s in sides]
        try:
            got = [c.push([script])[0] for c in cs]
            drive(cs, 30)
        except Lost:
            for c in cs:
                c.close()
            self.conns = {}
            return run_once(self.rig, sides, 'shop1', script)
        return got

    def case(self, name, want, steps, text):
        got = self.run(steps, ['a', 'b'])
        word = difference(got[0], got[1])
        if word is not None and difference(*self.run(steps, ['a', 'c'])) is not None:
            word = None  # not the same twice either
        why = 'a and b differ (%s)' % word if word else None
        if want == 'differs':
            why = None if word else 'no difference is seen'
        if want == 'clear' and why is None:
            direct = self.run(steps, ['direct'])[0]
            if got[0].held():
                why = 'held'
            elif bare(got[0]) != bare(direct):
                why = 'not what the database gave'
                got[1] = direct
        if why is None:
            print('ok - %s %s %s' % (name, want, text[:110]))
            return
        self.failed += 1
        print('not ok - %s %s: %s: %s' % (name, want, why, text[:700]))
        for k, a in zip('ab', got):
            print('#   %s: %s' % (k, '; '.join(a.show(4))[:400].replace('\n', ' ')))

    def close(self):
        for c in self.conns.values():
            c.close()
        self.rig.close()


def main():
    args = sys.argv[1:]
    leaks = args[:1] == ['--leaks']
    args = args[1:] if leaks else args
    with open(args[0]) as f:
        r = Replay(json.load(f))
    for path in args[1:]:
        if leaks:
            with open(path) as f:
                for i, line in enumerate(f, 1):
                    script = json.loads(line)['script']
                    r.case('leak %d' % i, 'same', script, json.dumps(script))
        else:
            for c in cases(path):
                r.case(*c)
    r.close()
    sys.exit(1 if r.failed else 0)


if __name__ == '__main__':
    main()

"""From statements to scripts: the ways a client can bring a statement to the server and a result back.

A script is made of steps as client.py takes them, with trees in place of SQL; text() gives the steps themselves.
"""
import grammar as g
from gen import Ctx, Gen
from scopes import Scopes
from tree import Node, documented, render, seq, smaller, tainted


class Script:
    __slots__ = ('kind', 'steps')

    def __init__(self, kind, steps):
        self.kind = kind
        self.steps = steps

    def text(self):
        """Plain steps. The parameters of a parsed tree go to the Bind that asks for them."""
        out, params = [], {}
        for s in self.steps:
            if s[0] == 'Q':
                out.append(['Q', s[1] if isinstance(s[1], str) else render(s[1])])
            elif s[0] == 'P':
                values = [] if len(s) > 3 and s[3] else None
                out.append(['P', s[1], s[2] if isinstance(s[2], str) else render(s[2], values)])
                params[s[1]] = values or []
            elif s[0] == 'B' and s[3] == 'params':
                out.append(['B', s[1], s[2], list(params.get(s[2], [])), s[4]])
            else:
                out.append(list(s))
        return out

    def documented(self):
        return any(documented(x) for s in self.steps for x in s if isinstance(x, Node))

    def tainted(self):
        return any(tainted(x) for s in self.steps for x in s if isinstance(x, Node))

    def synced(self):
        """Is every batch of the extended protocol ended by a Sync?"""
        waits = False
        for s in self.steps:
            if waits and s[0] == 'Q':
                return False
            waits = s[0] not in 'QS'
        return not waits

    def smaller(self):
        if len(self.steps) > 1:
            for i in range(len(self.steps)):
                less = Script(self.kind, self.steps[:i] + self.steps[i + 1:])
                if less.synced():
                    yield less
        for i, s in enumerate(self.steps):
            for k, x in enumerate(s):
                if isinstance(x, Node):
                    for y in smaller(x):
                        yield Script(self.kind, self.steps[:i] + [s[:k] + [y] + s[k + 1:]] + self.steps[i + 1:])


class Scripts(Gen):
    KINDS = [('plain', 32), ('scopes', 5), ('extended', 18), ('names', 10), ('cursor', 5), ('explain', 4), ('copy', 4), ('dml', 8), ('effect', 6), ('temp', 3), ('multi', 4), ('errors', 4)]

    def __init__(self, seed, kinds=None):
        super().__init__(seed)
        table = [(k, w) for k, w in self.KINDS if not kinds or k in kinds]
        self.kinds = [k for k, w in table for _ in range(w)]

    def script(self):
        kind = self.r.choice(self.kinds)
        return Script(kind, getattr(self, 'do_' + kind)())

    def any_statement(self):
        return self.dml() if self.p(0.1) else self.statement()

    def formats(self):
        return self.r.choice([[], [], [0], [1], [1]])

    def do_plain(self):
        return [['Q', self.statement()]]

    def do_scopes(self):
        return [['Q', Scopes(self).statement()]]

    def do_errors(self):
        self.errors = 0.4
        s = self.statement()
        self.errors = 0.03
        return [['Q', s]]

    def do_extended(self):
        s = [['P', '', self.statement(), self.p(0.5)], ['B', '', '', 'params', self.formats()]]
        if self.p(0.7):
            s.append(['D', 'P', ''])
        if self.p(0.15):
            s += [['E', '', 2], ['E', '', 0]]
        else:
            s.append(['E', '', 0])
        return s + [['S']]

    def do_multi(self):
        return [['Q', seq(self.any_statement(), '; ', self.statement())]]

    def do_explain(self):
        how = self.r.choice(['', '', '(verbose) ', '(costs off) ', '(analyze, timing off, summary off) ', '(format json) ', '(verbose, format xml) ', '(generic_plan) ', '(analyze, costs off, buffers off) '])
        return [['Q', 'begin'], ['Q', seq('explain ', how, self.any_statement())], ['Q', 'rollback']]

    def do_copy(self):
        what = seq('(', self.statement(), ')') if self.p(0.85) else self.r.choice(['orders', 'customers(id, country)', 'letters', 'customers', 'hr.customers(id, label)'])
        return [['Q', seq('copy ', what, ' to stdout', self.r.choice(['', ' csv', ' (format csv, header)', ' binary', ' (format binary)']))]]

    def do_dml(self):
        if self.p(0.4):
            return [['Q', 'begin'], ['P', '', self.dml(), self.p(0.4)], ['B', '', '', 'params', self.formats()], ['D', 'P', ''], ['E', '', 0], ['S'], ['Q', 'rollback']]
        steps = [['Q', 'begin'], ['Q', self.dml()]]
        if self.p(0.3):
            steps.append(['Q', self.statement(taint=0.1)])
        return steps + [['Q', 'rollback']]

    def do_cursor(self):
        scroll = self.r.choice(['', 'scroll ', 'no scroll ', 'binary ', 'insensitive '])
        steps = [['Q', 'begin'], ['Q', seq('declare k ', scroll, 'cursor ', self.r.choice(['', 'without hold ']), 'for ', self.statement())]]
        for _ in range(self.r.choice([1, 2, 3])):
            text = self.r.choice(['fetch 2 from k', 'fetch all in k', 'fetch forward all from k', 'move 1 in k', 'fetch first k', 'fetch last from k', 'fetch absolute 2 k', 'fetch k', 'move all in k', 'fetch backward 1 k', 'move forward all k'])
            if self.p(0.35):
                steps += [['P', '', text], ['B', '', '', [], self.formats()], ['E', '', 0], ['S']]
            else:
                steps.append(['Q', text])
        return steps + [['Q', 'rollback']]

    def one_column(self):
        """A small query of one text column, clear or not: what a name may mean."""
        self.fresh()
        c = Ctx(taint=self.r.choice([0, 0, 0.9]), depth=2)
        used = []
        n, rel = self.table(c, used)
        t = 'text' if self.p(0.85) else 'int'
        e = self.expr(t, self.r.choice([0, 1, 1]), c.but(frames=[[rel]]))
        if self.p(0.35):
            e = Node('x', [self.wrap(e), "||''"] if t == 'text' else [self.wrap(e), '+0'], t)
        return Node('q', ['select ', Node('items', [Node('item', [e, ''])]), ' from ', n, ' limit 3' if self.p(0.3) else ''], 'q1')

    def do_names(self):
        """Names that are made, used, dropped and made again, by SQL and by the protocol, in one batch or in several."""
        return Names(self).steps()

    def do_effect(self):
        """A statement with something that outlasts it, anywhere in it, and somebody who looks."""
        for _ in range(8):
            s = self.dml(0.9, 0.6) if self.p(0.3) else self.effect_statement()
            if tainted(s):
                break
        return [['Q', 'select setseed(0.1)'], ['Q', 'begin'], ['Q', s], ['Q', self.r.choice(g.READERS)], ['Q', 'rollback'], ['Q', 'select pg_advisory_unlock_all()']]

    def effect_statement(self):
        self.fresh()
        c = Ctx(taint=0.6, effect=True)
        return self.query(c, None, self.r.choice([1, 2, 2]))[0]

    def do_temp(self):
        what = self.r.choice(['create temp table t on commit drop as ', 'create temp view t as ', 'create temp table t on commit drop as '])
        q = self.query(Ctx(taint=self.r.choice([0, 0.2, 0.5])), ['text', 'int'], 2)[0]
        return [['Q', 'begin'], ['Q', seq(what.replace(' t ', ' t(a, b) '), q)], ['Q', self.r.choice(['select * from t', 'select a, length(a), b from t', 'select count(*) from t', 'select string_agg(a, b::text) from t', 'copy t to stdout'])], ['Q', 'rollback']]


class Names:
    """Follows which names exist, so that most of what it writes is right; sometimes it is wrong on purpose."""

    def __init__(self, gen):
        self.gen = gen
        self.r = gen.r
        self.out = []
        self.batch = False  # something waits for a Sync
        self.tx = gen.p(0.65)
        self.prepared = set()
        self.cursor = False

    def proto(self, *steps):
        self.out += steps
        self.batch = True
        if self.gen.p(0.55):
            self.sync()

    def sync(self):
        if self.batch:
            self.out.append(['S'])
            self.batch = False

    def sql(self, text):
        self.sync()
        self.out.append(['Q', text])

    def make(self, n):
        if self.gen.p(0.6):
            self.proto(['P', n, self.gen.one_column()])
        else:
            self.sql(seq('prepare %s as ' % n, self.gen.one_column()))
        self.prepared.add(n)

    def drop(self, n):
        if self.gen.p(0.6):
            self.proto(['C', 'S', n])
        else:
            self.sql('deallocate ' + n)
        self.prepared.discard(n)

    def again(self, n):
        """Another meaning for a name, in one batch or two."""
        if n == 'c':
            self.sql('close c')
            self.sql(seq('declare c cursor for ', self.gen.one_column()))
        elif self.gen.p(0.4):
            self.proto(['C', 'S', n], ['P', n, self.gen.one_column()])
        else:
            self.drop(n)
            self.make(n)

    def execute(self, n):
        steps = [['B', '', n, [], self.gen.formats()]]
        if self.gen.p(0.3):
            steps.append(['D', 'P', ''])
        self.proto(*steps, ['E', '', 0])

    def wrong(self):
        """Something that fails in the middle of a batch."""
        if self.tx:
            self.sql('savepoint a')
        self.proto(['P', 'w', 'select * from nowhere'], *([['C', 'S', 'd'], ['P', 'd', self.gen.one_column()]] if self.gen.p(0.6) else []))
        self.sync()
        if self.tx:
            self.sql('rollback to a')

    def step(self):
        k = self.r.random()
        names = [n for n in ('d', 'e') if n in self.prepared]
        utility = 'u' in self.prepared
        if not names or k < 0.08:
            n = self.r.choice([x for x in ('d', 'd', 'e') if x not in self.prepared] or ['d'])
            return self.make(n) if n not in self.prepared else self.again(n)
        if self.tx and not self.cursor and k < 0.2:
            self.sql(seq('declare c cursor for ', self.gen.one_column()))
            self.cursor = True
        elif not utility and k < 0.45:
            self.proto(['P', 'u', self.r.choice(['fetch 2 from c', 'fetch all from c'] if self.cursor and self.gen.p(0.6) else ['execute ' + names[0]])])
            self.prepared.add('u')
        elif utility and k < 0.55:
            self.execute('u')
        elif k < 0.62:
            self.sql('execute ' + self.r.choice(names))
        elif k < 0.70:
            self.execute(self.r.choice(names))
        elif k < 0.88:
            self.again('c' if self.cursor and self.gen.p(0.5) else names[0])
        elif k < 0.92:
            self.wrong()
        else:
            self.other(names)

    def other(self, names):
        if self.cursor:
            self.sql(self.r.choice(['fetch 2 from c', 'move 1 in c', 'fetch next in c', 'savepoint a', 'fetch backward 1 from c']))
        elif self.tx and self.gen.p(0.3):
            self.sql('create temp table t on commit drop as execute ' + names[0])
            self.sql('table t')
        elif self.gen.p(0.3):
            self.sql('explain (costs off) execute ' + names[0])
        else:
            self.sql('execute ' + names[0])

    def steps(self):
        if self.tx:
            self.sql('begin')
        for _ in range(self.r.randint(5, 11)):
            self.step()
        self.sync()
        return self.out + ([['Q', 'rollback']] if self.tx else []) + [['Q', 'deallocate all']]

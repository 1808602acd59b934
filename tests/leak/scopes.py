"""Names that stand inside and outside: a sub-query uses a name that one of its own relations gives, masked, and an outer one, too, clear.

All the ways in which SQL gives names to columns take part: aliases, lists of aliases, functions in FROM, joins with an alias, VALUES,
CTEs that take a table's name, and the names the server chooses for expressions.
"""
import grammar as g
from gen import Ctx, Rel, ident
from tree import Node, seq, tainted

KEYS = {'public.customers': 'id', 'public.orders': 'id', 'public.payments': 'id', 'public.staff': 'id', 'hr.customers': 'id', 'hr.orders': 'id'}


def item(n, alias=''):
    return Node('item', [n, alias])


class Scopes:
    def __init__(self, gen):
        self.gen = gen
        self.r = gen.r
        gen.fresh()

    def statement(self):
        if self.gen.p(0.25):
            return self.cte()
        name = self.r.choice(g.IMPLICIT * 2 + g.NAMES)
        outer, key = self.outer(name)
        inner = self.inner(name, key)
        depth = self.r.choice([1, 1, 2])
        q = self.look(name, inner, 's')
        for _ in range(depth - 1):
            q = self.look(self.output_name(name), seq('(', q, ') z'), 'z')
        return Node('q', ['select ', Node('items', [item(seq('(', q, ')')), item(Node('col', [key], 'int', 'k'))]), ' from ', outer], 'q2', main=True)

    def output_name(self, name):
        return self.last or name

    def outer(self, name):
        """A relation with a key and a clear column of the name; (node, the key as inner queries write it)."""
        h = ident(name)
        k = self.r.randint(0, 3)
        if k == 0:
            return seq("(select id as k, %s as %s from orders where id < 4) o" % (self.r.choice(["'x'::text", 'sku', 'status']), h)), 'o.k'
        if k == 1:
            return seq("(values (1, 'x'), (2, 'y'), (3, 'z')) o(k, %s)" % h), 'o.k'
        if k == 2:
            return seq('letters o(%s, k)' % h), 'o.k - 64'
        return seq('hr.customers o(k, %s)' % h), 'o.k'

    def named(self, name, c):
        """An expression that the server calls like this, masked if it can be; (node, alias)."""
        best = None
        for _ in range(25):
            t = self.r.choice(['text', 'text', 'text', 'int', 'text[]', 'jsonb', 'bool', 'rec'])
            n = self.gen.expr(t, self.r.choice([1, 2, 2]), c)
            if n.name == name and tainted(n):
                return n, ''
            if tainted(n):
                best = n
        return best if best is not None else Node('x', ["'x'"], 'text'), ' as ' + ident(name)

    def inner(self, name, key):
        table = self.r.choice([t for t in KEYS])
        cols = g.TABLES[table]
        if not any(x[2] for x in cols):
            table, cols = 'public.customers', g.TABLES['public.customers']
        rel = Rel('c', cols, None, True)
        c = Ctx([[rel]], taint=0.85, main=False, depth=2)
        where = ' where c.%s = %s' % (KEYS[table], key)
        k = self.r.randint(0, 6)
        if k <= 2:
            n, alias = self.named(name, c)
            return seq('(', Node('q', ['select ', Node('items', [item(n, alias)]), ' from %s c' % table, where], 'q1'), ') s')
        sens = [x for x in cols if x[2] and x[1] == 'text'] or [cols[0]]
        col = self.r.choice(sens)
        at = [x[0] for x in cols].index(col[0])
        h = ident(name)
        if k == 3:
            names = ['k%d' % i for i in range(at)] + [h]
            return seq('(select * from %s c%s) s(%s)' % (table, where, ', '.join(names)))
        if k == 4:
            f = self.r.choice(["string_to_table(c.%s, '~')", 'lower(c.%s)', 'unnest(array[c.%s])', "regexp_split_to_table(c.%s, '~')"]) % col[0]
            form = self.r.choice(['rows from (%s) as ' + h, '%s as ' + h, '%s as s(' + h + ')', 'rows from (%s) with ordinality as s(' + h + ', n)'])
            return seq('%s c, lateral ' % table, form % f)
        if k == 5:
            names = ['k%d' % i for i in range(at)] + [h]
            return seq('(%s c join notes on notes.id = c.%s) as s(%s)' % (table, KEYS[table], ', '.join(names)))
        return seq('%s c, lateral (values (c.%s)) s(%s)' % (table, col[0], h))

    def look(self, name, rel, alias):
        """A query of the inner relation that uses the bare name."""
        h = ident(name)
        ref = Node('col', [h if self.gen.p(0.8) else '%s.%s' % (alias, h)], 'text', name, True)
        form = self.r.choice(["{}", "{}", "{} || ''", "replace({}::text, ' ', '_')", "({})::text", "upper({}::text)", "coalesce({}::text, '')", "max({}::text)", "length({}::text)"])
        a, b = form.split('{}')
        self.last = name if form == '{}' else {'repl': 'replace', 'uppe': 'upper', 'coal': 'coalesce', 'max(': 'max', 'leng': 'length'}.get(form[:4])
        alias_out = ''
        if self.last is None:
            self.last = self.r.choice(g.IMPLICIT)
            alias_out = ' as ' + ident(self.last)
        return Node('q', ['select ', Node('items', [item(Node('x', [a, ref, b] if a or b else [ref], 'text'), alias_out)]), ' from ', rel, ' limit 1'], 'q1')

    def cte(self):
        """A CTE that is called like a table, and both are used."""
        table = self.r.choice(list(KEYS) + ['public.contacts'])
        schema, base = table.split('.')
        cols = g.TABLES[table]
        col = self.r.choice([x for x in cols if x[2]] or cols)
        body = "select %s as %s, 1 as id" % (self.r.choice(["'x'::text", 'sku', "country::text"]).replace('country', 'status'), col[0])
        body += ' from public.orders limit 2' if 'sku' in body or 'status' in body else ''
        refs = ['%s.%s.%s' % (schema, base, col[0]), '%s.%s' % (base, col[0]), col[0]]
        mine = Node('col', [self.r.choice(refs)], col[1], col[0], True)
        inner = seq(self.r.choice(['%s' % base, '%s t' % base, 'public.orders t']))
        tail = self.r.choice(["::text || ''", '::text', ''])
        outer = self.r.choice([table, table, table, base])
        return Node('q', ['with %s as (%s) select ' % (base, body), Node('items', [item(seq('(select ', mine, tail, ' from ', inner, ' limit 1)'))]), ' from %s where id < 4' % outer], 'q1', main=True)

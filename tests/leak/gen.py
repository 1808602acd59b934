"""The generator: scripts from a grammar, aware of the schema, of types and of which values are sensitive.

It leaves out what cannot be the same on every run (time, process ids, transaction ids) and what would take long. Which
statements are documented inference is decided afterwards (tree.documented).
"""
import random
import re

import grammar as g
from tree import Node, opt, render, seq, strip, tainted

HOLE = re.compile(r'\{\{k\}\}|\{([a-z]+(?:\[\])?)\}')
CALL = re.compile(r'^([a-z_]\w*)\((.*)\)$', re.S)
CASTNAME = {'int': 'int4', 'text': 'text', 'bool': 'bool', 'numeric': 'numeric', 'char': 'bpchar', 'varchar': 'varchar', 'name': 'name', 'date': 'date', 'jsonb': 'jsonb', 'uuid': 'uuid'}
FUNCNAME = {'trim': 'btrim', 'cast': None, 'extract': 'extract', 'array': None, 'row': 'row'}
ATOM = re.compile(r"^('[^']*'|\d+(\.\d+)?|[a-z_]\w*(\.[a-z_]\w*)?|null|true|false)$")


def balanced(s):
    d = 0
    for c in s:
        d += (c == '(') - (c == ')')
        if d < 0:
            return False
    return d == 0


def ident(name):
    return name if re.match(r'^[a-z_][a-z0-9_]*$', name) and name not in ('case', 'row', 'array', 'exists', 'coalesce', 'text') else '"%s"' % name


class Rel:
    """A relation in scope. schema: the name may be written with it."""
    __slots__ = ('alias', 'cols', 'schema', 'base', 'scalar', 'few')

    def __init__(self, alias, cols, schema=None, base=False, scalar=False):
        self.scalar = scalar
        self.few = None
        self.alias = alias
        self.cols = cols
        self.schema = schema
        self.base = base


class Ctx:
    """frames: relations, the innermost query first. taint: how often a leaf is sensitive. main: the query's rows are the statement's."""
    __slots__ = ('frames', 'taint', 'agg', 'win', 'main', 'ctes', 'depth', 'effect')

    def __init__(self, frames=(), taint=0.3, agg=False, win=False, main=True, ctes=(), depth=0, effect=False):
        self.frames = list(frames)
        self.taint = taint
        self.agg = agg
        self.win = win
        self.main = main
        self.ctes = list(ctes)
        self.depth = depth
        self.effect = effect

    def but(self, **k):
        c = Ctx(self.frames, self.taint, self.agg, self.win, self.main, self.ctes, self.depth, self.effect)
        for name, v in k.items():
            setattr(c, name, v)
        return c


class Gen:
    def __init__(self, seed, errors=0.03):
        self.r = random.Random(seed)
        self.errors = errors
        self.fresh()

    def p(self, x):
        return self.r.random() < x

    def fresh(self):
        """Each statement has few names of its own, so that they meet: a name inside and outside, an alias that is a table's name."""
        self.collide = self.p(0.3)
        self.hot = self.r.sample(g.NAMES, 1 if self.collide else 2) + self.r.sample(g.IMPLICIT, 1 if self.collide else 2)
        self.hot_rels = self.r.sample(g.ALIASES, 3)
        self.bare = 0.75 if self.collide else self.r.choice([0.1, 0.1, 0.3])

    def some_names(self, n):
        out = []
        while len(out) < n:
            name = self.r.choice(self.hot if self.p(0.9 if self.collide else 0.5) else g.NAMES)
            if name not in out:
                out.append(name)
        return out

    # Names that a function call gives: CASE takes them from its ELSE; a type's name it does not take.
    STRONG = set(re.findall(r'\b([a-z_]\w*)\(', ' '.join(x for t in (g.EXPR, g.AGG, g.BRIDGE) for y in t.values() for x in y))) - {'case', 'text', 'cast', 'array', 'varchar', 'char', 'bit', 'row'}

    # ---- expressions ----

    def literal(self, t):
        r = self.r
        v = {
            'int': lambda: str(r.choice([0, 1, 2, 3, 5, 7, 10, 12, 65, 66, 68, 71, 75, 100])), 'sint': lambda: str(r.randint(1, 9)), 'pint': lambda: str(r.randint(1, 3)),
            'tiny': lambda: str(r.randint(0, 3)), 'num': lambda: r.choice(['0.5', '1.5', '4000', '12.25']), 'text': lambda: "'%s'" % r.choice(['x', 'a', 'Ada', 'DE', 'K', 'paid', 'n', 'user1', 'M', ' ', '']),
            'bool': lambda: r.choice(['true', 'false']), 'date': lambda: "date '%d-0%d-1%d'" % (r.choice([1965, 1970, 1978, 2024]), r.randint(1, 9), r.randint(0, 9)),
            'ts': lambda: "timestamptz '2024-01-0%d 10:00+00'" % r.randint(1, 9), 'float': lambda: r.choice(['1.5', '52.3', '13.1']) + '::float8', 'interval': lambda: "interval '%d hours'" % r.randint(1, 40),
            'jsonb': lambda: r.choice(["'{\"k\": 1}'::jsonb", "'[1, \"x\"]'::jsonb", "'\"s\"'::jsonb", "'{\"k\": \"v\", \"n\": 2}'::jsonb"]), 'text[]': lambda: "array['a','%s']" % r.choice(['b', 'x y', 'DE']),
            'int[]': lambda: 'array[1,%d]' % r.randint(2, 90), 'range': lambda: "'[1,%d)'::int4range" % r.randint(5, 90), 'inet': lambda: "'10.3.9.%d'::inet" % r.randint(1, 200), 'bytea': lambda: "'\\x4144'::bytea",
            'xml': lambda: "'<k>v</k>'::xml", 'uuid': lambda: "'00000000-0000-0000-0000-00000000000%d'::uuid" % r.randint(0, 9), 'tsvector': lambda: "'ada b'::tsvector", 'bit': lambda: "b'0101'::varbit",
            'pat': lambda: "'%s'" % r.choice(['A%', '%a%', '%e', '_a%', '%1%', 'user%', '%@e%']), 're': lambda: "'%s'" % r.choice(['^[A-K]', 'an', '[0-9]', 'e$', '[aeiou]']), 'sep': lambda: r.choice(["','", "' '", "'a'", 'null', "''"]),
            'frac': lambda: '0.25'}[t]()
        if t in ('int', 'text', 'num', 'bool') and self.p(0.12):
            return Node('x', ['%s::%s' % (v, g.SQLTYPE[t])], t, CASTNAME.get(g.SQLTYPE[t], g.SQLTYPE[t]))
        if t in ('int', 'text', 'num', 'bool', 'sint') and not ATOM.match(v) is None:
            return Node('x', [Node('param', [v, v.strip("'"), g.SQLTYPE[t]])], t)
        return Node('x', [v], t)

    def column(self, t, c, taint):
        """A reference to a column of the type, or None."""
        found = []
        for depth, frame in enumerate(c.frames[:4]):
            for rel in frame:
                for col in rel.cols:
                    if bool(col[2]) == taint and (col[1] == t or t == 'any'):
                        found.append((rel, col, depth))
            if found and self.p(0.75):
                break
        if not found:
            return None
        rel, col, depth = self.r.choice(found)
        return self.ref(rel, col, c, depth)

    def ref(self, rel, col, c, depth=0):
        name = ident(col[0])
        text = '%s.%s' % (ident(rel.alias), name)
        if self.p(self.bare):
            text = name
        elif rel.schema and self.p(0.25):
            text = '%s.%s.%s' % (rel.schema, ident(rel.alias), name)
        elif not rel.scalar and self.p(0.1):
            text = '(%s).%s' % (ident(rel.alias), name)
        return Node('col', [text], col[1], col[0], self.means(text, rel, col, c))

    @staticmethod
    def means(text, rel, col, c):
        """Is it sensitive? A name means the column of the innermost query that has it, whatever was meant."""
        bare = '.' not in text
        for frame in c.frames:
            for r in frame:
                if bare or r.alias == rel.alias:
                    for x in r.cols:
                        if x[0] == col[0]:
                            return bool(x[2]) if bare or text.count('.') == 1 else bool(col[2])
                    if not bare:
                        return bool(col[2])
        return bool(col[2])

    def whole(self, c, taint):
        rels = [r for f in c.frames[:2] for r in f if r.alias and (taint or not any(x[2] for x in r.cols))]
        if not rels:
            return None
        rel = self.r.choice(rels)
        return Node('col', [ident(rel.alias)], 'rec', rel.alias, any(x[2] for x in rel.cols))

    def leaf(self, t, c):
        if t in ('pat', 're', 'sep', 'frac'):
            return self.literal(t)
        taint = self.p(c.taint)
        if t in ('sint', 'pint', 'tiny'):
            return self.small(t, c, taint)
        if t == 'rec':
            n = self.whole(c, taint)
            return n if n is not None else self.fill('row({text},{int})', 'rec', 0, c)
        if taint:
            n = self.column(t, c, True)
            if n is not None and self.p(0.85):
                return n
            n = self.bridge(t, c)
            if n is not None:
                return n
        if self.p(0.72):
            n = self.column(t, c, False)
            if n is not None:
                return n
        return self.literal(t)

    def bridge(self, t, c):
        for tpl in self.r.sample(g.BRIDGE.get(t, []), min(3, len(g.BRIDGE.get(t, [])))):
            src = re.search(r'\{([a-z]+)\}', tpl).group(1)
            col = self.column(src, c, True)
            if col is not None:
                at = tpl.index('{%s}' % src)
                return Node('x', [tpl[:at], col, tpl[at + len(src) + 2:]], t)
        return None

    def small(self, t, c, taint):
        """Integers that are small whatever the values are."""
        if taint:
            roll = self.r.random()
            if roll < 0.6:
                n = self.bridge('int', c)
                if n is not None and n.type == 'int' and 'num' not in str(n.parts[0]):
                    if t == 'sint':
                        return Node('x', ['least(abs(', n, '),150)'], 'int') if self.p(0.2) else Node('x', ['abs(', n, ')'] if '(' not in str(n.parts[0]) else n.parts, 'int')
                    return Node('x', ['(1 + abs(', n, ') % 3)'], 'int')
            if roll < 0.85:
                return Node('x', ['case when ', self.expr('bool', 0, c), ' then 1 else 3 end'], 'int')
        if t == 'sint' and self.p(0.25):
            n = self.column('int', c, False)
            if n is not None:
                return Node('x', ['abs(', n, ' % 40)'], 'int')
        return self.literal(t)

    def fill(self, tpl, t, d, c):
        parts, at, inner = [], 0, None
        for m in HOLE.finditer(tpl):
            parts.append(tpl[at:m.start()])
            at = m.end()
            if m.group(1) is None:
                parts.append('{k}')
                continue
            sub = self.hole(m.group(1), d, c)
            inner = inner or sub
            parts.append(sub)
        parts.append(tpl[at:])
        return Node('x', [p for p in parts if p != ''], t, self.name_of(tpl, inner))

    def hole(self, t, d, c):
        if t == 'w':
            return self.window(c, d)
        if t == 'any':
            t = self.r.choice(g.TYPES)
        if t == 'obj':
            return self.fill(self.r.choice(["jsonb_build_object('k',{any})", "jsonb_build_object('k',{text},'n',{int})", 'to_jsonb({rec})', 'jsonb_build_object({text},1)']), 'jsonb', d - 1, c)
        if t == 'arrj':
            return self.fill(self.r.choice(['jsonb_build_array({any},{text})', 'to_jsonb({text[]})']), 'jsonb', d - 1, c)
        return self.wrap(self.expr(t, d - 1, c))

    def wrap(self, n):
        text = render(n)
        m = CALL.match(text)
        if n.kind == 'col' or ATOM.match(text) or (m and balanced(m.group(2))) or n.kind == 'param':
            return n
        return Node('x', ['(', n, ')'], n.type, n.name)

    @staticmethod
    def name_of(tpl, inner):
        """The name the server gives an output column of this form; None: ?column?."""
        m = CALL.match(tpl)
        if m and balanced(m.group(2)) and m.group(1) not in ('cast', 'array'):
            return FUNCNAME.get(m.group(1), m.group(1))
        m = re.match(r'^\(?\{[a-z\[\]]+\}\)?::([a-z]+)(\(\d+\))?$', tpl) or re.match(r'^cast\(\{[a-z\[\]]+\} as ([a-z]+)(\(\d+\))?\)$', tpl)
        if m:
            return inner.name if inner is not None and inner.name not in (None, 'case') else CASTNAME.get(m.group(1), m.group(1))
        if tpl.startswith('array['):
            return 'array'
        m = re.match(r'^([a-z_]+)\(.*\) over \{w\}$', tpl)
        return m.group(1) if m else None

    def expr(self, t, d, c):
        roll = self.r.random()
        if t in ('sint', 'pint', 'tiny', 'pat', 're', 'sep', 'frac'):
            return self.leaf(t, c)
        if d <= 0 or roll < 0.22:
            return self.leaf(t, c) if t != 'bool' or roll < 0.2 else self.fill(self.pick(g.EXPR['bool']), 'bool', 0, c)
        if c.agg and roll < 0.5 and t in g.AGG:
            return self.aggregate(t, d, c)
        if c.win and roll < 0.45 and t in g.WIN:
            return self.fill(self.pick(g.WIN[t]), t, d, c.but(win=False))
        if c.effect and t in g.EFFECT and roll < 0.6:
            return self.fill(self.pick(g.EFFECT[t]), t, d, c)
        if roll > (0.7 if c.effect else 0.84 if self.collide else 0.88) and c.depth < 3:
            return self.sublink(t, d, c)
        if roll > 0.80:
            return self.conditional(t, d, c)
        if t in g.EXPR:
            return self.fill(self.pick(g.EXPR[t]), t, d, c)
        return self.leaf(t, c)

    def pick(self, table):
        for _ in range(20):
            tpl = self.r.choice(table)
            if tpl[0] != '!':
                return tpl
            if self.p(self.errors * 3):
                return tpl[1:]
        return '{text}' if False else next(x for x in table if x[0] != '!')

    def conditional(self, t, d, c):
        e = lambda: self.wrap(self.expr(t, d - 1, c))
        b = lambda: self.expr('bool', d - 1, c)
        k = self.r.randint(0, 6)
        if k <= 2:
            last = e()
            return Node('x', ['case when ', b(), ' then ', e(), opt(' when ', b(), ' then ', e()) if self.p(0.2) else '', seq(' else ', last) if self.p(0.75) else '', ' end'], t,
                        last.name if last.name in self.STRONG or last.kind == 'col' else 'case')
        if k == 3:
            return Node('x', ['case ', self.wrap(self.expr('text', d - 1, c)), ' when ', self.wrap(self.expr('text', d - 2, c)), ' then ', e(), ' else ', e(), ' end'], t, 'case')
        if k == 4:
            return Node('x', ['coalesce(', e(), ', ', e(), ')'], t, 'coalesce')
        if k == 5:
            return Node('x', ['nullif(', e(), ', ', e(), ')'], t, 'nullif') if t not in ('xml', 'rec') else e()
        if t not in ('xml', 'rec', 'jsonb'):
            return Node('x', [self.r.choice(['greatest', 'least']), '(', e(), ', ', e(), ')'], t, 'greatest')
        return e()

    def aggregate(self, t, d, c):
        inner = c.but(agg=False, win=False)
        n = self.fill(self.pick(g.AGG[t]), t, d, inner)
        text = render(n)
        m = CALL.match(text)
        if self.p(0.2) and m and balanced(m.group(2)):
            n = Node('x', [n, opt(' filter (where ', self.expr('bool', d - 1, inner), ')')], t, n.name)
        return n

    def window(self, c, d):
        parts = ['(']
        if self.p(0.4):
            parts.append(opt('partition by ', Node('group', [self.wrap(self.expr(self.r.choice(g.SIMPLE), d - 1, c))])))
        if self.p(0.8):
            parts.append(opt(' order by ', Node('order', [self.wrap(self.expr(self.r.choice(g.SIMPLE), d - 1, c))]), self.r.choice(['', ' desc', ' nulls first'])))
            if self.p(0.2):
                parts.append(opt(self.r.choice([' rows between 1 preceding and current row', ' rows between unbounded preceding and 1 following', ' groups 1 preceding', ' rows unbounded preceding exclude ties'])))
        return seq(*parts, ')')

    def sublink(self, t, d, c):
        inner = c.but(depth=c.depth + 1, agg=False, win=False, main=c.main == 'where' and 'where')
        k = self.r.random()
        if t == 'bool':
            if k < 0.5:
                return Node('x', ['exists (', self.query(inner, None, d - 1)[0], ')'], t, 'exists')
            ty = self.r.choice(g.SIMPLE)
            q = self.query(inner, [ty], d - 1)[0]
            left = self.wrap(self.expr(ty, d - 1, c))
            if k < 0.75:
                return Node('x', [left, self.r.choice([' in (', ' not in (']), q, ')'], t)
            if k < 0.9:
                return Node('x', [left, self.r.choice([' = any (', ' < all (', ' <> all (', ' > some (']), q, ')'], t)
            q2 = self.query(inner, ['int', ty], d - 1)[0]
            return Node('x', ['(', self.wrap(self.expr('int', d - 2, c)), ', ', left, ') in (', q2, ')'], t)
        if t in ('text[]', 'int[]') and k < 0.7:
            return Node('x', ['array(', self.query(inner, [t[:-2]], d - 1)[0], ')'], t, 'array')
        q, cols = self.query(inner, [t], d - 1, single=True)
        return Node('x', ['(', q, ')'], t, cols[0][0])

    # ---- queries ----

    def query(self, c, types, d, single=False, lateral=False):
        """A query with columns of the types (None: any). Returns (node, columns)."""
        roll = self.r.random()
        if types is None:
            types = [self.r.choice(g.TYPES) if d > 0 else self.r.choice(g.SIMPLE) for _ in range(self.r.choice([1, 1, 2, 2, 3]))]
        if d > 0 and roll < 0.09:
            return self.setop(c, types, d, single)
        if roll < 0.15:
            return self.values(c, types, d, single)
        if d > 1 and roll < 0.24:
            return self.with_query(c, types, d, single)
        return self.select(c, types, d, single)

    def tail(self, c, types, d, single):
        """ORDER BY, LIMIT, OFFSET of set operations and VALUES: only output columns can be named."""
        out = []
        if self.p(0.35):
            i = self.r.randrange(len(types))
            if types[i] not in ('xml', 'rec', 'jsonb'):
                out.append(opt(' order by ', Node('order', [self.pointer(str(i + 1))]), self.r.choice(['', ' desc'])))
        return out + self.limits(c, d, single)

    @staticmethod
    def pointer(text):
        """An output column by name or number."""
        return Node('point', [text], 'any', text)

    def limits(self, c, d, single):
        out = []
        c2 = c.but(agg=False, win=False, frames=c.frames[1:] if c.frames else [])
        lim = lambda: self.wrap(self.expr('sint', d, c2)) if self.p(0.6) else seq('(', self.query(c2.but(depth=c.depth + 1, main=False), ['int'], 0, True)[0], ')') if c.depth < 2 else '2'
        if self.p(0.2):
            out.append(opt(' offset ', lim()))
        if single:
            out.append(self.r.choice([' limit 1', ' limit 1', ' fetch first row only']))
        elif self.p(0.15):
            out.append(opt(' limit ', lim()))
        return out

    def setop(self, c, types, d, single):
        arms, cols = [], None
        for i in range(self.r.choice([2, 2, 3])):
            q, cs = self.select(c, types, d - 1, False, tail=False)
            arms.append((q, cs))
            cols = cols or cs
        op = self.r.choice([' union all ', ' union all ', ' union ', ' intersect ', ' except ', ' intersect all ', ' except all '])
        if any(t in ('xml', 'rec') for t in types):
            op = ' union all '
        merged = [(cols[i][0], cols[i][1], any(a[1][i][2] for a in arms)) for i in range(len(types))]
        body = ['(', arms[0][0], ')']
        for q, _ in arms[1:]:
            body += [op, '(', q, ')']
        return Node('q', body + self.tail(c.but(frames=[[]] + c.frames), types, d, single), 'q%d' % len(types), op.strip(), main=bool(c.main)), merged

    def values(self, c, types, d, single):
        inner = c.but(agg=False, win=False)
        rows, taint = [], [False] * len(types)
        for _ in range(self.r.choice([1, 2, 3, 3])):
            row = [self.wrap(self.typed(t, max(0, d - 1), inner)) for t in types]
            taint = [a or tainted(b) for a, b in zip(taint, row)]
            rows.append(seq('(', *self.commas(row), ')'))
        cols = [('column%d' % (i + 1), t, taint[i]) for i, t in enumerate(types)]
        if self.p(0.15):
            key = self.fill(self.pick(g.EFFECT['bool']), 'bool', d, inner) if c.effect and self.p(0.5) else self.expr('bool', d, inner)
            return Node('q', ['values ', Node('list', rows), opt(' order by ', Node('order', [self.wrap(key)]))] + self.limits(inner.but(frames=[[]] + c.frames), d, single), 'q%d' % len(types)), cols
        return Node('q', ['values ', Node('list', rows)] + self.tail(c.but(frames=[[]] + c.frames), types, d, single), 'q%d' % len(types)), cols

    def typed(self, t, d, c):
        """An expression whose type the server knows without context."""
        n = self.expr(t, d, c)
        return Node('x', ['(', n, ')::', g.SQLTYPE[t]], t, n.name) if t in g.SQLTYPE and isinstance(strip(n), Node) is False else n

    @staticmethod
    def commas(nodes):
        out = []
        for i, n in enumerate(nodes):
            out += ([', '] if i else []) + [n]
        return out

    def with_query(self, c, types, d, single):
        ctes, defs = list(c.ctes), []
        rec = self.p(0.2)
        for _ in range(self.r.choice([1, 1, 2])):
            name = self.r.choice(g.CTES)
            if any(x[0] == name for x in defs):
                continue
            sub = c.but(ctes=ctes, agg=False, win=False, depth=c.depth + 1)
            if rec and not defs:
                q, cols = self.recursive(sub, name, d)
            else:
                q, cols = self.query(sub, None, d - 1)
            alias = ''
            if self.p(0.4) or any(x[0] in (None, '?column?') for x in cols) or len({x[0] for x in cols}) < len(cols):
                names = self.some_names(len(cols))
                cols = [(n, x[1], x[2]) for n, x in zip(names, cols)]
                alias = '(%s)' % ', '.join(ident(n) for n in names)
            ctes = [(name, cols)] + ctes
            defs.append((name, seq(ident(name), alias, ' as ', self.r.choice(['', '', 'materialized ', 'not materialized ']), '(', q, ')')))
        q, cols = self.select(c.but(ctes=ctes), types, d - 1, single)
        return Node('q', ['with recursive ' if rec else 'with ', Node('list', [x[1] for x in defs]), ' ', q], 'q%d' % len(types)), cols

    def recursive(self, c, name, d):
        """A counter that stops by a bound, which may depend on a value."""
        seed = self.expr('text', max(0, d - 1), c)
        rel = Rel(name, [('n', 'int', 0), ('v', 'text', tainted(seed))])
        inner = c.but(frames=[[rel]] + c.frames, main=False)
        step = self.expr('text', max(0, d - 1), inner)
        q = Node('q', ['select 1 as n, left((', seed, ')::text,40) as v union all select n + 1, left((', step, ')::text,40) from ', ident(name), ' where n < least(20,',
                       self.expr('sint', 0, inner), ')'], 'q2')
        return q, [('n', 'int', tainted(q)), ('v', 'text', tainted(seed) or tainted(step))]

    # ---- FROM ----

    def alias(self, used):
        pool = [a for a in (self.hot_rels if self.p(0.5) else g.ALIASES) if a not in used] or [a for a in g.ALIASES if a not in used] or ['z%d' % len(used)]
        a = self.r.choice(pool)
        used.append(a)
        return a

    def table(self, c, used):
        """A table, view or CTE: (node, Rel)."""
        if c.ctes and self.p(0.6):
            name, cols = self.r.choice(c.ctes)
            return self.named(ident(name), name, cols, used, None)
        if self.p(0.08):
            name = self.r.choice(list(g.CATALOG))
            cols = g.CATALOG[name]
            schema, base = name.split('.')
            n, rel = self.named(name, base, cols, used, 'pg_catalog')
            rel.few = base
            return n, rel
        name = self.r.choice(g.WEIGHTED)
        schema, base = name.split('.')
        shadow = next((x for x in c.ctes if x[0] == base), None)
        if schema == 'public' and self.p(0.7):
            return self.named(base, base, shadow[1] if shadow else g.TABLES[name], used, None if shadow else 'public', shadow is None and name not in g.VIEWS)
        return self.named(name, base, g.TABLES[name], used, schema, name not in g.VIEWS)

    def named(self, text, base, cols, used, schema, is_base=False):
        if base not in used and self.p(0.3):
            used.append(base)
            return Node('seq', [text]), Rel(base, cols, schema, is_base)
        a = self.alias(used)
        if self.p(0.4 if self.collide else 0.1) and schema != 'pg_catalog':
            k = self.r.randint(1, min(3, len(cols)))
            names = self.some_names(k)
            cols = [(names[i] if i < k else x[0], x[1], x[2]) for i, x in enumerate(cols)]
            return Node('seq', ['%s as %s(%s)' % (text, ident(a), ', '.join(ident(n) for n in names))]), Rel(a, cols, None, is_base)
        sample = self.r.choice([' tablesample bernoulli (100)', ' tablesample system (100)']) if is_base and self.p(0.02) else ''
        return Node('seq', ['%s %s%s' % (text, ident(a), sample)]), Rel(a, cols, None, is_base)

    def from_item(self, c, used, frame, d):
        """(node, relations)."""
        roll = self.r.random()
        if d > 0 and roll < (0.4 if self.collide and c.depth else 0.22):
            lateral = self.p(0.5) and bool(frame)
            sub = c.but(depth=c.depth + 1, agg=False, win=False)
            if lateral:
                sub = sub.but(frames=[frame] + c.frames, main=False)
            q, cols = self.query(sub, None, d - 1)
            a = self.alias(used)
            if self.p(0.1 if self.collide else 0.45) or any(x[0] in (None, '?column?') for x in cols) or len({x[0] for x in cols}) < len(cols):
                names = self.some_names(len(cols))
                cols = [(n, x[1], x[2]) for n, x in zip(names, cols)]
                tail = ' %s(%s)' % (ident(a), ', '.join(ident(n) for n in names))
            else:
                tail = ' ' + ident(a)
            return seq('lateral ' if lateral else '', '(', q, ')', tail), [Rel(a, cols)]
        if roll < 0.36:
            return self.srf(c, used, frame, d)
        if d > 0 and roll < 0.46:
            return self.join(c, used, frame, d)
        n, rel = self.table(c, used)
        return n, [rel]

    def srf(self, c, used, frame, d):
        inner = c.but(frames=[frame] + c.frames if frame else c.frames, agg=False, win=False)
        tpl, types = self.r.choice(g.SRF)
        n = self.fill(tpl, None, d, inner)
        taint = tainted(n)
        a = self.alias(used)
        parts = [n]
        if self.p(0.15):
            tpl2, types2 = self.r.choice(g.SRF)
            n2 = self.fill(tpl2, None, d - 1, inner)
            parts, types, taint = ['rows from (', n, ', ', n2, ')'], types + types2, taint or tainted(n2)
        elif self.p(0.15):
            parts = ['rows from (', n, ')']
        ordinality = self.p(0.25)
        if ordinality:
            parts.append(' with ordinality')
            types = types + ['int']
        names = self.some_names(len(types))
        if self.p(0.7) or len(types) > 1:
            parts.append(' as %s(%s)' % (ident(a), ', '.join(ident(x) for x in names)))
            cols = [(names[i], t, taint) for i, t in enumerate(types)]
        else:
            parts.append(' as ' + ident(a))
            cols = [(a, types[0], taint)] + ([('ordinality', 'int', taint)] if ordinality else [])
        return seq(self.r.choice(['', '', 'lateral ']), *parts), [Rel(a, cols, None, False, len(cols) == 1)]

    def join(self, c, used, frame, d):
        n1, r1 = self.from_item(c, used, frame, 0)
        kind = self.r.choice([' join ', ' left join ', ' right join ', ' full join ', ' cross join ', ' join '])
        n2, r2 = self.from_item(c, used, frame + r1 if kind.strip() in ('join', 'left join', 'cross join') else frame, d - 1)
        if kind == ' cross join ':
            return seq(n1, kind, n2), r1 + r2
        shared = [x for x in r1[0].cols for y in r2[0].cols if x[0] == y[0] and x[1] == y[1] and x[0]]
        inner = c.but(frames=[r1 + r2] + c.frames, agg=False, win=False, taint=c.taint * 0.4)
        if shared and len(r1) == 1 and len(r2) == 1 and self.p(0.3):
            col = self.r.choice(shared)
            mark = Node('conj', [Node('col', [ident(col[0])], col[1], col[0], bool(col[2]) or any(y[0] == col[0] and y[2] for y in r2[0].cols))], main=c.main)
            return seq(n1, kind, n2, ' using (', mark, ')'), r1 + r2
        if kind == ' full join ':
            ty = 'int'
            a, b = self.column(ty, c.but(frames=[r1]), False), self.column(ty, c.but(frames=[r2]), False)
            if a is not None and b is not None:
                return seq(n1, kind, n2, ' on ', a, ' = ', b), r1 + r2
            kind = ' join '
        return seq(n1, kind, n2, ' on ', self.conjuncts(inner, d, most=2)), r1 + r2

    def conjuncts(self, c, d, most=3):
        out = []
        where = 'where' if c.main else False
        for _ in range(self.r.randint(1, most)):
            x = self.relate(c) if self.p(0.4) else None
            if x is None:
                x = self.expr('bool', max(1, d - 1), c.but(main=where, taint=c.taint if self.p(0.5) else 0))
            out.append(Node('conj', [self.wrap(x)], main=bool(c.main)))
        return Node('list', out, sep=' and ')

    def relate(self, c):
        """Two columns of the same type of different relations, one perhaps behind a function: what joins are made of."""
        t = self.r.choice(['int', 'int', 'text', 'date'])
        if not c.frames or len(c.frames[0]) < 1:
            return None
        rels = list(c.frames[0])
        self.r.shuffle(rels)
        outer = [r for f in c.frames[1:] for r in f]
        a = self.column(t, c.but(frames=[rels[:1]]), False)
        if a is None:
            return None
        rest = c.but(frames=[rels[1:] + outer])
        b = self.leaf(t, rest)
        return Node('x', [a, self.r.choice([' = ', ' = ', ' = ', ' < ', ' >= ', ' <> ']), self.wrap(b)], 'bool')

    # ---- SELECT ----

    def select(self, c, types, d, single=False, tail=True):
        used, frame, items = [], [], []
        outer = c.but(agg=False, win=False)
        for i in range(self.r.choice([1, 1, 1, 2, 2] if d > 0 else [1, 1, 2]) if not self.p(0.04) else 0):
            n, rels = self.from_item(outer, used, frame, d)
            items.append(n)
            frame = frame + rels
        frames = [frame] + c.frames
        base = c.but(frames=frames, agg=False, win=False)
        where = self.where(frame, base.but(taint=c.taint * (0.25 if c.main else 0.8)), d)
        grouped = frame and self.p(0.16)
        group, having = [], ''
        keys = []
        if grouped:
            keys = [self.wrap(self.expr(self.r.choice(g.SIMPLE), d - 1 if self.p(0.5) else 0, base.but(taint=c.taint * 0.6))) for _ in range(self.r.choice([1, 1, 2]))]
            keys = [k for k in keys if '::' in render(k) or not re.match(r"^('|\d|true|false)", render(k))]
            if keys:
                marks = [Node('group', [k]) for k in keys]
                form = self.r.choice(['%s'] * 6 + ['rollup (%s)', 'cube (%s)', 'grouping sets ((%s), ())'])
                a, b = form.split('%s')
                group = [' group by ', a, Node('list', marks), b]
            if self.p(0.25):
                having = opt(' having ', Node('conj', [self.expr('bool', d - 1, base.but(frames=[[]] + c.frames, agg=True, taint=c.taint * 0.3))], main=bool(c.main)))
        aggs = bool(grouped) or (frame and self.p(0.12))
        out, cols = [], []
        sel = base.but(agg=aggs, win=not aggs and bool(frame) and self.p(0.3))
        for t in types:
            if aggs:
                n = self.r.choice(keys) if keys and self.p(0.3) and keys[0].type == t else self.agg_item(t, d, sel, frame)
            elif t == 'rec' and frame and self.p(0.5):
                n = self.whole(sel, True) or self.typed(t, d, sel)
            else:
                n = self.typed(t, d if self.p(0.6) else min(d, 1), sel)
            out.append(n)
        items_out = []
        for n, t in zip(out, types):
            name = n.name
            alias = ''
            if self.p((0.2 if self.collide else 0.45) if name else 0.7):
                name = self.some_names(1)[0]
                alias = ' as ' + ident(name)
            cols.append((name or '?column?', t, tainted(n) or (not c.main and tainted(where or seq()))))
            items_out.append(Node('item', [n, alias]))
        distinct = ''
        if self.p(0.08) and not aggs and not any(t in ('xml', 'rec') for t in types):
            distinct = Node('distinct', ['distinct '])
        q = ['select ', distinct, Node('items', items_out)]
        if items:
            q += [' from ', Node('list', items)]
        q += [where] + group + [having]
        order = ''
        if tail and self.p(0.35) and not single or (single and self.p(0.4)):
            order = self.order(base if not aggs else base.but(frames=[[]] + c.frames), out, cols, types, c, d, bool(distinct), aggs)
            q.append(order)
        if tail or single:
            q += self.limits(base, d, single)
        if tail and not aggs and not distinct and frame and all(r.base for r in frame) and self.p(0.03):
            q.append(opt(self.r.choice([' for update', ' for share', ' for no key update', ' for key share', ' for update skip locked'])))
        return Node('q', q, 'q%d' % len(types), main=bool(c.main)), cols

    def where(self, frame, c, d):
        """Conditions, and for products of relations bounds: there is nothing to learn from many rows."""
        bounds = []
        for i, rel in enumerate(frame):
            few = g.FEW.get(rel.few)
            key = next((x[0] for x in rel.cols if x[1] == 'int' and x[0] in ('id', 'n') and not x[2]), None)
            if few:
                bounds.append(few.replace('{a}', ident(rel.alias)))
            elif key and len(frame) > 1 and self.p(0.9 if i or len(frame) > 2 else 0.4):
                bounds.append('%s.%s < %s' % (ident(rel.alias), ident(key), 69 if key == 'n' and rel.alias == 'letters' else self.r.choice([3, 5, 9])))
        out = [Node('conj', [b]) for b in bounds]
        if frame and self.p(0.5 if len(frame) < 3 else 0.8):
            out += self.conjuncts(c, d).parts
        return opt(' where ', Node('list', out, sep=' and ')) if out else ''

    def agg_item(self, t, d, c, frame):
        if t in g.AGG:
            return self.aggregate(t, d, c)
        return self.literal(t) if t != 'rec' else Node('x', ['row(count(*))'], 'rec')

    def order(self, base, out, cols, types, c, d, distinct, aggs):
        items = []
        for _ in range(self.r.choice([1, 1, 2])):
            k = self.r.random()
            i = self.r.randrange(len(out))
            sortable = types[i] not in ('xml', 'rec', 'jsonb')
            if k < 0.35 and sortable:
                items.append(Node('order', [self.pointer(str(i + 1))]))
            elif k < 0.6 and sortable and cols[i][0] and cols[i][0] != '?column?' and sum(x[0] == cols[i][0] for x in cols) == 1:
                items.append(Node('order', [self.pointer(ident(cols[i][0]))]))
            elif not distinct and not aggs:
                e = self.expr(self.r.choice(g.SIMPLE), d - 1 if self.p(0.6) else 0, base.but(taint=c.taint * (0.5 if c.main else 1)))
                if not re.match(r"^('|\d|true|false)", render(e)):
                    items.append(Node('order', [self.wrap(e)]))
        if not items:
            return ''
        return opt(' order by ', Node('list', [seq(x, self.r.choice(['', '', ' desc', ' nulls first', ' using <'])) for x in items]))

    # ---- statements ----

    def statement(self, taint=None, effect=False, types=None):
        for _ in range(5):
            self.fresh()
            c = Ctx(taint=taint if taint is not None else self.r.choice([0.15, 0.3, 0.5, 0.7]), effect=effect)
            q = self.query(c, types, self.r.choice([0, 1, 1, 2, 2, 3]))[0]
            if tainted(q) or (taint is not None and taint < 0.15) or self.p(0.1):
                break
        return q

    def dml(self, effect=0.1, taint=None):
        self.fresh()
        kind = self.r.randint(0, 3)
        t = self.r.choice(['public.payments', 'public.notes', 'public.letters'] if kind == 1 else ['public.orders', 'public.notes', 'public.letters', 'public.customers', 'public.staff'])
        cols = g.TABLES[t]
        base = t.split('.')[1]
        rel = Rel(base, cols, 'public', True)
        key = cols[0][0]
        c = Ctx([[rel]], taint=taint or self.r.choice([0, 0.2, 0.4]))
        ret = self.returning(c) if self.p(0.75) else ''
        clear = [x for x in cols[1:] if not x[2] and x[1] in ('text', 'int', 'num', 'bool')]
        col = self.r.choice(clear) if clear else cols[-1]
        one = seq(' where %s.%s = ' % (base, key), "'B'" if key == 'ch' else str(self.r.randint(1, 10)))
        if kind == 0:
            return Node('q', ['update ', t, ' set ', col[0], ' = coalesce(', self.expr(col[1], 2, c), ', %s)' % col[0], one, opt(' and ', Node('conj', [self.wrap(self.expr('bool', 1, c))], main=True)) if self.p(0.3) else '', ret])
        if kind == 1:
            return Node('q', ['delete from ', t, one, opt(' and ', Node('conj', [self.wrap(self.expr('bool', 1, c))], main=True)) if self.p(0.3) else '', ret])
        free = Ctx([], taint=c.taint)
        self.bare = 0
        conflict, row = '', "333, %s, 'new one'"
        if self.p(0.7):
            row = "3, %s, 'note 3'"
            both = Ctx([[Rel('notes', g.TABLES['public.notes'], 'public', True), Rel('excluded', g.TABLES['public.notes'])]], taint=c.taint, effect=self.p(effect))
            conflict = opt(self.r.choice([' on conflict (title) do update set stars = ', ' on conflict (id) do update set stars = ']), 'coalesce(', self.expr('int', 1, both), ', 2)',
                           opt(' where ', Node('conj', [self.wrap(self.fill(self.pick(g.EFFECT['bool']), 'bool', 2, both) if both.effect and self.p(0.5) else self.expr('bool', 2, both))])) if self.p(0.7) else '')
        notes = Ctx([[Rel('notes', g.TABLES['public.notes'], 'public', True)]], taint=c.taint)
        a, b = row.split('%s')
        return Node('q', ['insert into notes(id, stars, title) values (' + a, 'coalesce(', self.expr('int', 2, free), ', 1)', b + ')', conflict, self.returning(notes) if self.p(0.7) else ''])

    def returning(self, c):
        return opt(' returning ', Node('list', [seq(self.typed(self.r.choice(g.TYPES), 2, c)) for _ in range(self.r.choice([1, 2]))]))

"""The trees the generator makes: rendered to SQL, asked whether they are documented inference, made smaller.

Kinds of nodes: 'x' an expression (type: see grammar.py), 'col' a column reference, 'param' a literal that may become a parameter,
'q' a query, 'items' what it selects (each an 'item' with an alias), 'opt' what may be left out, 'list' what may lose members, 'conj' a member
of WHERE, ON or HAVING, 'order' and 'group' items (of windows, too), 'point' an output column by name or number, 'distinct' that word, 'seq' anything
else. `main` is set where the rows of the query are the statement's own rows.
"""
import re


class Node:
    __slots__ = ('kind', 'parts', 'type', 'name', 'taint', 'main', 'sep')

    def __init__(self, kind, parts, type=None, name=None, taint=False, main=False, sep=', '):
        self.kind = kind
        self.parts = parts
        self.type = type
        self.name = name
        self.taint = taint  # a column: does it hold sensitive values
        self.main = main
        self.sep = sep

    def with_parts(self, parts):
        return Node(self.kind, parts, self.type, self.name, self.taint, self.main, self.sep)


def seq(*parts):
    return Node('seq', list(parts))


def opt(*parts):
    return Node('opt', list(parts))


def render(n, params=None):
    """SQL text; with a list for params, parameter nodes become $1, $2 and their values are added to it."""
    out = []
    put(n, out, params)
    return ''.join(out)


def put(n, out, params):
    if isinstance(n, str):
        out.append(n)
    elif n.kind == 'param':
        if params is None or len(params) > 8:
            out.append(n.parts[0])
        else:
            params.append(n.parts[1])
            out.append('$%d::%s' % (len(params), n.parts[2]))
    elif n.kind in ('list', 'items'):
        for i, p in enumerate(n.parts):
            if i:
                out.append(n.sep)
            put(p, out, params)
    else:
        for p in n.parts:
            put(p, out, params)


def walk(n):
    if isinstance(n, str):
        return
    yield n
    if n.kind != 'param':
        for p in n.parts:
            yield from walk(p)


def tainted(n):
    if isinstance(n, str) or n.kind == 'param':
        return False
    if n.kind == 'col':
        return n.taint
    for p in n.parts:
        if tainted(p):
            return True
    return False


def leaves(n, inside=False):
    """Column references below a condition, without those of conditions nested in it."""
    if isinstance(n, str) or n.kind == 'param' or (inside and n.kind == 'conj'):
        return
    if n.kind == 'col':
        yield n
    for p in n.parts:
        yield from leaves(p, True)


def strip(n):
    """The node inside wrappers of one part; an output item without its alias."""
    while not isinstance(n, str) and n.kind in ('x', 'seq', 'item', 'order', 'group', 'conj'):
        parts = [p for p in n.parts if p != ''] if n.kind != 'item' else n.parts[:1]
        if len(parts) != 1:
            break
        n = parts[0]
    return n


CAST = re.compile(r'^(cast\()?\(*\)*(::[a-z][a-z0-9 ]*| as [a-z][a-z0-9 ]*\)| collate "C")?\)*$')


def is_plain(n):
    """A column, perhaps under a cast."""
    n = strip(n)
    while not isinstance(n, str) and n.kind == 'x':
        kids = [p for p in n.parts if not isinstance(p, str)]
        if len(kids) != 1 or not CAST.match(''.join(p for p in n.parts if isinstance(p, str))):
            break
        n = strip(kids[0])
    return not isinstance(n, str) and n.kind == 'col' and n.type != 'rec'


def plain_masked(n):
    return is_plain(n) and tainted(n)


def conj_documented(c):
    c = strip(c)
    if isinstance(c, str):
        return False
    kids = [p for p in c.parts if not isinstance(p, str)]
    if c.type == 'bool' and c.kind == 'x' and kids and all(k.type == 'bool' and k.kind in ('x', 'col') for k in kids):
        return any(conj_documented(k) for k in kids)  # AND, OR, NOT, IS TRUE
    cols = list(leaves(c))
    if not any(x.taint for x in cols):
        return False
    if not any(not x.taint for x in cols):
        return True
    return '=' in ''.join(p for p in c.parts if isinstance(p, str)) and len(kids) == 2 and all(is_plain(p) for p in kids)


def own(n, kinds, top=True):
    """Nodes of the kinds that belong to a query and not to one inside it."""
    if isinstance(n, str) or n.kind == 'param' or (n.kind == 'q' and not top):
        return
    if n.kind in kinds:
        yield n
    for p in n.parts:
        yield from own(p, kinds, False)


def output_items(q):
    """What a query puts out; of a set operation, of each arm."""
    lists = [x for x in own(q, ('items',))]
    if lists:
        return [lists[0].parts]
    return [i for p in q.parts if not isinstance(p, str) and p.kind == 'q' for i in output_items(p)]


def pointed(q, text):
    """Output items that an ORDER BY of this text means."""
    for items in output_items(q):
        for i, item in enumerate(items):
            if text == str(i + 1) or (len(item.parts) > 1 and item.parts[1] == ' as ' + text) or (
                    len(item.parts) == 1 or item.parts[1] == '') and item.parts[0].kind == 'col' and item.parts[0].name == text:
                yield item


def query_documented(q):
    for o in own(q, ('order',)):
        p = o.parts[0]
        if plain_masked(o) or (not isinstance(p, str) and p.kind == 'point' and any(plain_masked(i) for i in pointed(q, p.name))):
            return True
    if any(plain_masked(x) for x in own(q, ('group',))):
        return True
    if any(True for _ in own(q, ('distinct',))) or q.name == 'union':
        return any(plain_masked(i) for items in output_items(q) for i in items)
    return False


def documented(n):
    """Does the statement use what README tells as a limit of masking: predicates on masked columns, their order and groups?"""
    for x in walk(n):
        if x.kind == 'x' and len(x.parts) > 1 and x.parts[0] == 'count(distinct ' and plain_masked(x.parts[1]):
            return True
        if x.main and ((x.kind == 'conj' and conj_documented(x)) or (x.kind == 'q' and query_documented(x))):
            return True
    return False


# ---- making smaller ----

LITERALS = {'int': '1', 'sint': '1', 'num': '1.5', 'text': "'x'", 'bool': 'true', 'date': "date '2024-01-01'", 'ts': "timestamp '2024-01-01 00:00'",
            'float': '1.5::float8', 'jsonb': "'{\"k\":1}'::jsonb", 'text[]': "array['x','y']", 'int[]': 'array[1,2]', 'any': '1'}


def smaller(n):
    """Trees with one thing less, the big steps first."""
    if isinstance(n, str) or n.kind in ('param', 'col'):
        return
    if n.kind == 'opt' and n.parts:
        yield n.with_parts([])
    if n.kind == 'distinct':
        yield seq('')
    if n.kind == 'item' and len(n.parts) > 1 and n.parts[1] != '':
        yield n.with_parts([n.parts[0]])
    if n.kind in ('list', 'items') and len(n.parts) > 1:
        for i in range(len(n.parts)):
            yield n.with_parts(n.parts[:i] + n.parts[i + 1:])
    if n.kind == 'x' and len(n.parts) > 0:
        lit = LITERALS.get(n.type)
        if lit is not None and n.parts != [lit]:
            yield n.with_parts([lit])
        for c in below(n):
            if c.type == n.type and c.kind in ('x', 'col'):
                yield c
    if n.kind == 'q':
        for c in below(n):
            if c.kind == 'q' and c.type == n.type and c.main == n.main:
                yield c
    for i, p in enumerate(n.parts):
        for s in smaller(p):
            yield n.with_parts(n.parts[:i] + [s] + n.parts[i + 1:])


def below(n):
    todo = [p for p in n.parts if not isinstance(p, str)]
    depth = 0
    while todo and depth < 4:
        yield from todo
        todo = [p for t in todo if t.kind != 'param' for p in t.parts if not isinstance(p, str)]
        depth += 1

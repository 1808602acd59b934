/* SPDX-License-Identifier: Apache-2.0
 *
 * A pull reader for the JSON of libpg_query, and the accessors over the tree it builds. The reader
 * is strict JSON except for what that JSON never has: fractions, exponents, literal NULs. Caps:
 * bytes of memory, nodes, depth.
 */
#include "sql/pgtree.h"

#include <stdlib.h>

#include "base/cur.h"
#include "base/mem.h"
#include "sql/arena.h"
#include "sql/facts.h"
#include "sql/pglex.h"
#include "sql/pgparse.h"

#define TREE_MAX_BYTES ((size_t)96 * 1024 * 1024)
#define TREE_MAX_NODES 1500000u
#define TREE_MAX_DEPTH 60000u /* a level of SQL nesting is up to five of JSON */
#define NAME_SLOTS     128u
#define NAME_MAX       64u

struct pgtree {
	struct arena mem;
	struct pgnode *root;
	struct pgnode **stmt; /* the statements' objects in the list */
	size_t n_stmts;
	uint32_t text_len;
	struct pglex_shape shape;
	bool with;
};

struct reader {
	struct cur c;
	struct arena *mem;
	struct pgnode *open; /* innermost object or list being read */
	struct pgnode *free; /* nodes folded into their parents, linked by next */
	struct pgnode *root;
	const char *key; /* of the value to come */
	size_t nodes, depth;
	bool with;                     /* saw a WITH clause */
	const char *names[NAME_SLOTS]; /* keys and kinds seen: few and repeated */
};

/* ---- building nodes ---- */

static struct pgnode *node_new(struct reader *rd, enum pgnode_type type)
{
	struct pgnode *n = rd->free, *up = rd->open;

	if (n != NULL)
		rd->free = n->next;
	else if (rd->nodes++ >= TREE_MAX_NODES || (n = arena_alloc(rd->mem, sizeof(*n))) == NULL) {
		cur_fail(&rd->c, E_TOOBIG);
		return NULL;
	}
	*n = (struct pgnode){.key = rd->key, .parent = up, .loc = -1, .type = (uint8_t)type};
	rd->key = NULL;
	if (up == NULL)
		rd->root = n;
	else if (up->child == NULL)
		up->child = n;
	else
		up->v.last->next = n;
	if (up != NULL)
		up->v.last = n;
	return n;
}

/* Kinds that are one scalar: their only field becomes their value. */
static bool kind_is_scalar(const char *k)
{
	return strcmp(k, "String") == 0 || strcmp(k, "Integer") == 0 || strcmp(k, "Float") == 0 ||
	       strcmp(k, "Boolean") == 0 || strcmp(k, "BitString") == 0;
}

/* {"String":{"sval":s}} and the constants' "ival":{"ival":1} are one value each: take the scalar
 * child into n. */
static void node_fold(struct reader *rd, struct pgnode *n)
{
	struct pgnode *c = n->child;
	bool scalar = n->kind != NULL && kind_is_scalar(n->kind);
	bool text = scalar && n->kind[0] != 'I' && strcmp(n->kind, "Boolean") != 0;

	if (c == NULL) {
		n->v.num = 0;
		n->scalar_kind = scalar;
		if (text)
			n->v.str = "";
		return;
	}
	if (scalar && c->type >= PGN_STR && text != (c->type == PGN_STR)) {
		cur_fail(&rd->c, E_FORMAT); /* never of the parser */
		return;
	}
	n->v.last = NULL;
	if (c->next != NULL || c->type < PGN_STR || c->type == PGN_NULL)
		return;
	if (!scalar &&
	    !(n->kind == NULL && n->key != NULL && c->key != NULL && strcmp(n->key, c->key) == 0))
		return;
	n->v = c->v;
	n->child = NULL;
	n->scalar_kind = scalar;
	if (!scalar)
		n->type = c->type;
	c->next = rd->free;
	rd->free = c;
}

/* Fields whose struct type is fixed carry no kind in the JSON; these get it back. */
static const char *kind_of_field(const char *key)
{
	static const struct {
		const char *key, *kind;
	} fixed[] = {
	    {"larg", "SelectStmt"},
	    {"rarg", "SelectStmt"},
	    {"funccall", "FuncCall"},
	    {"withClause", "WithClause"},
	    {"into", "IntoClause"},
	    {"intoClause", "IntoClause"},
	    {"typeName", "TypeName"},
	};
	size_t i;

	for (i = 0; key != NULL && i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strcmp(key, fixed[i].key) == 0)
			return fixed[i].kind;
	return NULL;
}

static void node_close(struct reader *rd)
{
	struct pgnode *n = rd->open;

	rd->open = n->parent;
	rd->depth--;
	if (n->type == PGN_OBJ) {
		node_fold(rd, n);
		if (n->kind == NULL)
			n->kind = kind_of_field(n->key);
		rd->with |= n->kind != NULL && strcmp(n->kind, "WithClause") == 0;
	} else
		n->v.last = NULL;
}

static void node_open(struct reader *rd, enum pgnode_type type)
{
	struct pgnode *n = node_new(rd, type);

	if (n == NULL)
		return;
	if (++rd->depth > TREE_MAX_DEPTH)
		cur_fail(&rd->c, E_TOOBIG);
	n->v.last = NULL;
	rd->open = n;
}

/* ---- JSON ---- */

static bool take_if(struct cur *c, char ch)
{
	if (cur_peek(c) != ch)
		return false;
	(void)cur_u8(c);
	return true;
}

static void skip_blank(struct cur *c)
{
	while (
	    cur_peek(c) == ' ' || cur_peek(c) == '\n' || cur_peek(c) == '\t' || cur_peek(c) == '\r')
		(void)cur_u8(c);
}

/* The raw bytes between two quotes, the first already taken; *escaped tells whether a backslash
 * occurs. */
static struct span take_raw(struct cur *c, bool *escaped)
{
	const uint8_t *from = c->p;
	struct cur k = *c;

	*escaped = false;
	for (;;) {
		int ch = cur_peek(&k);

		if (ch == '"')
			break;
		if (ch < 0x20) { /* end of input or a raw control byte */
			cur_fail(c, ch < 0 ? E_SHORT : E_FORMAT);
			return (struct span){c->end, 0};
		}
		(void)cur_u8(&k);
		if (ch == '\\') {
			*escaped = true;
			(void)cur_u8(&k);
		}
	}
	*c = k;
	(void)cur_u8(c);
	return span_of(from, (size_t)(k.p - from));
}

static unsigned take_hex4(struct cur *c)
{
	unsigned v = 0;
	int i;

	for (i = 0; i < 4; i++) {
		int ch = cur_u8(c),
		    d = ch >= '0' && ch <= '9' ? ch - '0' : ((ch | 0x20) - 'a' + 10);

		if (d < 0 || d > 15)
			cur_fail(c, E_FORMAT);
		v = v << 4 | (unsigned)(d & 15);
	}
	return v;
}

static size_t put_utf8(unsigned cp, char *out)
{
	size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4, i;
	static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (i = n - 1; i > 0; i--, cp >>= 6)
		out[i] = (char)(0x80 | (cp & 0x3f));
	out[0] = (char)(lead[n] | cp);
	return n;
}

/* \uXXXX, also as a surrogate pair; NUL and lone surrogates are malformed. */
static size_t take_unicode(struct cur *c, char *out)
{
	unsigned cp = take_hex4(c), low;

	if (cp >= 0xd800 && cp < 0xdc00) {
		if (cur_u8(c) != '\\' || cur_u8(c) != 'u')
			cur_fail(c, E_FORMAT);
		low = take_hex4(c);
		if (low < 0xdc00 || low > 0xdfff)
			cur_fail(c, E_FORMAT);
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
	} else if (cp == 0 || (cp >= 0xdc00 && cp < 0xe000)) {
		cur_fail(c, E_FORMAT);
	}
	return cur_ok(c) ? put_utf8(cp, out) : 0;
}

/* raw without its escapes; never longer than raw. */
static size_t unescape(struct span raw, char *out, int *err)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	struct cur c = cur_of(raw);
	size_t n = 0;

	while (cur_left(&c) > 0) {
		char ch = (char)cur_u8(&c);
		const char *f;

		if (ch != '\\') {
			out[n++] = ch;
			continue;
		}
		ch = (char)cur_u8(&c);
		f = ch != '\0' ? strchr(from, ch) : NULL;
		if (f != NULL)
			out[n++] = to[f - from];
		else if (ch == 'u')
			n += take_unicode(&c, out + n);
		else
			cur_fail(&c, E_FORMAT);
	}
	*err = c.err;
	return n;
}

static const char *take_string(struct reader *rd)
{
	struct span raw;
	char *s;
	bool escaped;
	int err = 0;

	raw = take_raw(&rd->c, &escaped);
	if (!cur_ok(&rd->c))
		return "";
	s = escaped ? arena_alloc(rd->mem, raw.n + 1) : arena_strndup(rd->mem, raw.p, raw.n);
	if (s == NULL) {
		cur_fail(&rd->c, E_TOOBIG);
		return "";
	}
	if (escaped)
		s[unescape(raw, s, &err)] = '\0';
	if (err != 0)
		cur_fail(&rd->c, E_FORMAT);
	return s;
}

/* A key: one copy of each name, found again by a small direct-mapped table. */
static const char *take_name(struct reader *rd)
{
	bool escaped;
	struct span raw = take_raw(&rd->c, &escaped);
	uint32_t h;
	const char **slot;

	if (escaped || raw.n == 0 || raw.n > NAME_MAX || span_has_nul(raw)) {
		cur_fail(&rd->c, E_FORMAT);
		return "";
	}
	h = (uint32_t)raw.p[0] * 7 + (uint32_t)raw.p[raw.n - 1] * 31 +
	    (uint32_t)raw.p[raw.n / 2] * 13 + (uint32_t)raw.n;
	slot = &rd->names[h % NAME_SLOTS];
	if (*slot == NULL || strncmp(*slot, (const char *)raw.p, raw.n) != 0 ||
	    (*slot)[raw.n] != '\0')
		*slot = arena_strndup(rd->mem, raw.p, raw.n);
	if (*slot == NULL) {
		cur_fail(&rd->c, E_TOOBIG);
		return "";
	}
	return *slot;
}

static int64_t take_number(struct cur *c)
{
	bool neg = take_if(c, '-'), any = false;
	int64_t v = 0;

	while (cur_peek(c) >= '0' && cur_peek(c) <= '9') {
		int digit = cur_peek(c) - '0';

		if (v > (INT64_MAX - digit) / 10) {
			cur_fail(c, E_FORMAT);
			return 0;
		}
		v = v * 10 + digit;
		(void)cur_u8(c);
		any = true;
	}
	if (!any)
		cur_fail(c, E_FORMAT);
	return neg ? -v : v;
}

static bool take_literal(struct cur *c, const char *word)
{
	struct span s = cur_take(c, strlen(word));

	if (span_is(s, word))
		return true;
	cur_fail(c, E_FORMAT);
	return false;
}

static void read_number(struct reader *rd)
{
	int64_t v = take_number(&rd->c);
	struct pgnode *n;

	/* Positions are on every node: a field of the struct, not a child. */
	if (rd->key != NULL && strcmp(rd->key, "location") == 0 && rd->open != NULL) {
		rd->open->loc = v >= 0 && v <= INT32_MAX ? (int32_t)v : -1;
		rd->key = NULL;
		return;
	}
	n = node_new(rd, PGN_INT);
	if (n != NULL)
		n->v.num = v;
}

/* A scalar, or the opening of an object or list. */
static void read_value(struct reader *rd)
{
	struct pgnode *n;
	int ch = cur_peek(&rd->c);

	switch (ch) {
	case '{':
	case '[':
		(void)cur_u8(&rd->c);
		node_open(rd, ch == '{' ? PGN_OBJ : PGN_LIST);
		return;
	case '"':
		(void)cur_u8(&rd->c);
		n = node_new(rd, PGN_STR);
		if (n == NULL)
			return;
		n->v.str = take_string(rd);
		if (n->key != NULL && strcmp(n->key, "relname") == 0 && n->parent->kind == NULL)
			n->parent->kind = "RangeVar";
		return;
	case 't':
	case 'f':
		n = node_new(rd, PGN_BOOL);
		if (take_literal(&rd->c, ch == 't' ? "true" : "false") && n != NULL)
			n->v.num = ch == 't';
		return;
	case 'n':
		if (take_literal(&rd->c, "null"))
			(void)node_new(rd, PGN_NULL);
		return;
	default:
		read_number(rd);
		return;
	}
}

/* "key": and, when the key names a kind, the brace behind it. */
static void read_key(struct reader *rd)
{
	struct pgnode *o = rd->open;
	const char *name;

	if (!take_if(&rd->c, '"')) {
		cur_fail(&rd->c, E_FORMAT);
		return;
	}
	name = take_name(rd);
	skip_blank(&rd->c);
	if (!take_if(&rd->c, ':'))
		cur_fail(&rd->c, E_FORMAT);
	skip_blank(&rd->c);
	if (name[0] < 'A' || name[0] > 'Z') {
		rd->key = name;
		return;
	}
	if (o->wrapped || o->child != NULL || !take_if(&rd->c, '{'))
		cur_fail(&rd->c, E_FORMAT);
	o->kind = name;
	o->wrapped = true;
}

/* Behind a value: commas and closing brackets, until the next value is due or the document ends. */
static bool read_after(struct reader *rd)
{
	struct cur *c = &rd->c;

	while (rd->open != NULL && cur_ok(c)) {
		struct pgnode *o = rd->open;

		skip_blank(c);
		if (o->type == PGN_LIST ? take_if(c, ']') : take_if(c, '}')) {
			skip_blank(c);
			if (o->wrapped && !take_if(c, '}'))
				cur_fail(c, E_FORMAT);
			node_close(rd);
			continue;
		}
		if (!take_if(c, ',') && (o->child != NULL || o->loc >= 0 || rd->key != NULL))
			cur_fail(c, E_FORMAT);
		skip_blank(c);
		if (o->type == PGN_OBJ) {
			read_key(rd);
			skip_blank(c);
			if (o->wrapped && rd->key == NULL && cur_ok(c))
				continue; /* {"Kind":{ : its first field or its end */
		}
		return cur_ok(c);
	}
	return false;
}

static int read_all(struct span json, struct pgtree *t)
{
	struct reader rd = {.c = cur_of(json), .mem = &t->mem};

	skip_blank(&rd.c);
	do
		read_value(&rd);
	while (read_after(&rd));
	skip_blank(&rd.c);
	t->root = rd.root;
	t->with = rd.with;
	return rd.open != NULL && cur_ok(&rd.c) ? E_SHORT : cur_done(&rd.c);
}

/* ---- trees ---- */

static struct pgtree *tree_new(void)
{
	struct pgtree *t = xcalloc(1, sizeof(*t));

	arena_init(&t->mem, TREE_MAX_BYTES);
	return t;
}

void pgtree_free(struct pgtree *t)
{
	if (t == NULL)
		return;
	arena_clear(&t->mem);
	free(t);
}

/* Find the statements of {"version":..,"stmts":[{"stmt":{..},"stmt_location":..,"stmt_len":..}]}.
 */
static int tree_index(struct pgtree *t)
{
	const struct pgnode *list = pgnode_field(t->root, "stmts");
	const struct pgnode *s;
	size_t i = 0;

	if (list == NULL || list->type != PGN_LIST)
		return E_FORMAT;
	t->n_stmts = pgnode_len(list);
	t->stmt = arena_alloc(&t->mem, (t->n_stmts + 1) * sizeof(struct pgnode *));
	if (t->stmt == NULL)
		return E_TOOBIG;
	for (s = list->child; s != NULL; s = s->next) {
		const struct pgnode *n = pgnode_field(s, "stmt");

		if (n == NULL || n->kind == NULL)
			return E_FORMAT;
		t->stmt[i++] = n->parent;
	}
	return 0;
}

static int tree_read(struct pgtree *t, struct span json, bool sql, struct why *w)
{
	int r = read_all(json, t);

	if (r == 0 && sql)
		r = tree_index(t);
	if (r == E_TOOBIG)
		return why_set(w, r, "the statement's parse tree is too large");
	return r == 0 ? 0 : why_set(w, E_FORMAT, "the parse tree is malformed");
}

static int tree_check_text(struct span sql, struct pglex_shape *shape, struct why *w)
{
	if (sql.n > SQL_MAX_TEXT)
		return why_set(w, E_TOOBIG, "longer than %d bytes", SQL_MAX_TEXT);
	if (span_has_nul(sql))
		return why_set(w, E_FORMAT, "a NUL byte in the text");
	if (!span_is_utf8(sql))
		return why_set(w, E_FORMAT, "invalid UTF-8 in the text");
	return pglex_measure(sql, shape, w);
}

int pgtree_parse(struct span sql, struct pgtree **out, struct why *w)
{
	struct pglex_shape shape;
	struct pgtree *t;
	struct pgparse p;
	char *text;
	int r;

	*out = NULL;
	r = tree_check_text(sql, &shape, w);
	if (r != 0)
		return r;
	t = tree_new();
	t->text_len = (uint32_t)sql.n;
	t->shape = shape;
	text = arena_strndup(&t->mem, sql.p, sql.n);
	if (text == NULL) {
		pgtree_free(t);
		return why_set(w, E_TOOBIG, "out of memory");
	}
	pgparse_sql(text, &p);
	if (p.error != NULL || p.json == NULL)
		r = why_set(
		    w, E_FORMAT, "%s", p.error != NULL ? p.error : "the parser gave no tree");
	else
		r = tree_read(t, span_str(p.json), true, w);
	pgparse_free(&p);
	if (r == 0)
		*out = t;
	else
		pgtree_free(t);
	return r;
}

int pgtree_read_json(struct span json, struct pgtree **out, struct why *w)
{
	struct pgtree *t = tree_new();
	int r = tree_read(t, json, false, w);

	*out = NULL;
	if (r != 0) {
		pgtree_free(t);
		return r;
	}
	if (tree_index(t) != 0) /* any JSON may be read; only this shape has statements */
		t->n_stmts = 0;
	*out = t;
	return 0;
}

size_t pgtree_count(const struct pgtree *t)
{
	return t->n_stmts;
}

const struct pgnode *pgtree_stmt(const struct pgtree *t, size_t i, uint32_t *off, uint32_t *len)
{
	const struct pgnode *raw = t->stmt[i];
	int64_t at = pgnode_field_int(raw, "stmt_location"), n = pgnode_field_int(raw, "stmt_len");

	/* A length of 0 means "to the end" in the server's own struct. */
	at = at < 0 || at > t->text_len ? 0 : at;
	n = n <= 0 || n > t->text_len - at ? t->text_len - at : n;
	if (off != NULL)
		*off = (uint32_t)at;
	if (len != NULL)
		*len = (uint32_t)n;
	return pgnode_field(raw, "stmt");
}

const struct pgnode *pgtree_root(const struct pgtree *t)
{
	return t->root;
}

const struct pglex_shape *pgtree_shape(const struct pgtree *t)
{
	return &t->shape;
}

bool pgtree_has_with(const struct pgtree *t)
{
	return t->with;
}

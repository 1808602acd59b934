/* SPDX-License-Identifier: Apache-2.0
 *
 * What the facts of a statement ask of the database: the unique keys of a table, whether it is this session's own,
 * what writing or reading it sets off, and what the database's functions, operators and types run. A function counts
 * as harmless when its body and everything it calls is proven (sql/pgproof.h), or when it is the C code of an extension
 * that is known to compute only. Names stand for everything that has them: the strictest answer wins.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "session/px_catalog.h"
#include "sql/pgproof.h"

#define KEYS_MAX 64
#define KEY_COLS_MAX 32
#define TIED_MAX 64
#define EDGES_DEEP 12
#define PROOF_DEEP 8

struct px_known {
	struct sql_known answers;
	size_t n_code, cap_code, n_hang, cap_hang;
	struct px_code *code;   /* by what and name, once sorted */
	size_t *by_oid;         /* functions and types by oid */
	struct px_hang *hang;   /* by relation */
	bool overflow;
	int depth;              /* of proofs inside proofs */
	/* of the last struct sql_table */
	struct sql_key key[KEYS_MAX];
	const char *cols[KEYS_MAX * KEY_COLS_MAX], *tied[TIED_MAX];
	char *colbuf;
	char why[200], cascade_why[200];
};

static struct px_known *known_of(struct pgproxy *x)
{
	if (x->known == NULL)
		x->known = xcalloc(1, sizeof(*x->known));
	return x->known;
}

static void code_clear(struct px_code *c)
{
	free(c->schema);
	free(c->name);
	free(c->lang);
	free(c->ext);
	free(c->config);
	free(c->types);
	free(c->body);
}

void px_known_clear(struct pgproxy *x)
{
	struct px_known *k = x->known;

	if (k == NULL)
		return;
	for (size_t i = 0; i < k->n_code; i++)
		code_clear(&k->code[i]);
	for (size_t i = 0; i < k->n_hang; i++)
		free(k->hang[i].name);
	free(k->code);
	free(k->by_oid);
	free(k->hang);
	free(k->colbuf);
	free(k);
	x->known = NULL;
}

void px_code_add(struct pgproxy *x, const struct px_code *c)
{
	struct px_known *k = known_of(x);
	struct px_code drop = *c;

	if (k->n_code >= CODE_MAX) {
		k->overflow = true;
		code_clear(&drop);
		return;
	}
	if (k->n_code == k->cap_code) {
		k->cap_code = k->cap_code == 0 ? 64 : k->cap_code * 2;
		k->code = xreallocarray(k->code, k->cap_code, sizeof(*k->code));
	}
	k->code[k->n_code++] = *c;
}

void px_hang_add(struct pgproxy *x, const struct px_hang *h)
{
	struct px_known *k = known_of(x);

	if (k->n_hang >= HANGS_MAX) {
		k->overflow = true;
		free(h->name);
		return;
	}
	if (k->n_hang == k->cap_hang) {
		k->cap_hang = k->cap_hang == 0 ? 64 : k->cap_hang * 2;
		k->hang = xreallocarray(k->hang, k->cap_hang, sizeof(*k->hang));
	}
	k->hang[k->n_hang++] = *h;
}

static int code_order(const void *a, const void *b)
{
	const struct px_code *p = a, *q = b;

	return p->what != q->what ? (int)p->what - (int)q->what : strcmp(p->name, q->name);
}

static int hang_order(const void *a, const void *b)
{
	const struct px_hang *p = a, *q = b;

	return p->rel < q->rel ? -1 : p->rel > q->rel;
}

static const struct px_code *sorting; /* qsort has no context */

static int oid_order(const void *a, const void *b)
{
	const struct px_code *p = &sorting[*(const size_t *)a], *q = &sorting[*(const size_t *)b];

	return p->oid < q->oid ? -1 : p->oid > q->oid;
}

void px_known_sort(struct pgproxy *x)
{
	struct px_known *k = known_of(x);

	if (k->n_code > 0)
		qsort(k->code, k->n_code, sizeof(*k->code), code_order);
	if (k->n_hang > 0)
		qsort(k->hang, k->n_hang, sizeof(*k->hang), hang_order);
	k->by_oid = xcalloc(k->n_code + 1, sizeof(*k->by_oid));
	for (size_t i = 0; i < k->n_code; i++)
		k->by_oid[i] = i;
	sorting = k->code;
	if (k->n_code > 0)
		qsort(k->by_oid, k->n_code, sizeof(*k->by_oid), oid_order);
	sorting = NULL;
}

/* ---- finding code ---- */

/* The first entry of that kind and name; the others follow it. */
static struct px_code *code_first(struct px_known *k, char what, const char *name)
{
	struct px_code want = {.what = what, .name = (char *)(uintptr_t)name};
	size_t lo = 0, hi = k->n_code;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (code_order(&k->code[mid], &want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < k->n_code && code_order(&k->code[lo], &want) == 0 ? &k->code[lo] : NULL;
}

static bool code_more(const struct px_known *k, const struct px_code *c, const struct px_code *first)
{
	return c < k->code + k->n_code && c->what == first->what && strcmp(c->name, first->name) == 0;
}

static struct px_code *code_by_oid(struct px_known *k, char what, uint32_t oid)
{
	size_t lo = 0, hi = k->n_code;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (k->code[k->by_oid[mid]].oid < oid)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < k->n_code && k->code[k->by_oid[lo]].oid == oid; lo++)
		if (k->code[k->by_oid[lo]].what == what)
			return &k->code[k->by_oid[lo]];
	return NULL;
}

bool px_known_type_runs(struct pgproxy *x, uint32_t oid)
{
	if (oid < FIRST_USER_OID)
		return false;
	return !px_known(x)->complete || code_by_oid(x->known, 'y', oid) != NULL;
}

static bool is_native(const struct px_code *c)
{
	return strcmp(c->lang, "c") == 0 || strcmp(c->lang, "internal") == 0;
}

static bool operator_of_code(struct px_known *k, const char *name)
{
	struct px_code *c = code_first(k, 'o', name), *o = c;

	for (; c != NULL && code_more(k, c, o); c++)
		if (!is_native(c))
			return true;
	return false;
}

bool px_code_named(struct pgproxy *x, const char *name)
{
	struct px_known *k = known_of(x);

	if (code_first(k, 'f', name) != NULL || operator_of_code(k, name))
		return true;
	return strncmp(name, "::", 2) == 0 && code_first(k, 'y', name + 2) != NULL;
}

/* ---- proofs ---- */

/* Extensions whose C code only computes: all of it, or what they call immutable or stable. */
static const struct {
	const char *name;
	bool all;
} computing[] = {{"bloom", false}, {"btree_gin", true}, {"btree_gist", true}, {"citext", true}, {"cube", true},
    {"dict_int", true}, {"dict_xsyn", true}, {"earthdistance", true}, {"fuzzystrmatch", true}, {"h3", false},
    {"hll", false}, {"hstore", true}, {"intarray", true}, {"ip4r", true}, {"isn", false}, {"ltree", true},
    {"pg_stat_statements", false}, {"pg_trgm", true}, {"pg_uuidv7", true}, {"pgcrypto", true}, {"postgis", false},
    {"prefix", false}, {"seg", true}, {"tablefunc", true}, {"tsm_system_rows", true}, {"tsm_system_time", true},
    {"unaccent", true}, {"unit", false}, {"uuid-ossp", true}, {"vector", false}};

static enum sql_class class_of_native(const struct px_code *c)
{
	for (size_t i = 0; i < sizeof(computing) / sizeof(computing[0]); i++)
		if (strcmp(computing[i].name, c->ext) == 0 && (computing[i].all || c->volatility != 'v'))
			return SQL_READ;
	/* An operator's function is only C when somebody who owns the server installed it. */
	return c->what == 'o' && c->volatility != 'v' ? SQL_READ : SQL_OPAQUE;
}

/* SET search_path says where names are looked up, which no proof depends on; other settings change what runs. */
static bool config_is_plain(const char *config)
{
	while (*config != '\0') {
		size_t n = strcspn(config, "\n");

		if (strncmp(config, "search_path=", 12) != 0)
			return false;
		config += n + (config[n] == '\n');
	}
	return true;
}

/* A value that is handed over as a type that runs code runs it. */
static bool types_are_plain(struct px_known *k, const char *types)
{
	char *end;

	for (const char *p = types; *p != '\0'; p = end) {
		unsigned long oid = strtoul(p, &end, 10);

		if (end == p)
			end++;
		else if (oid >= FIRST_USER_OID && code_by_oid(k, 'y', (uint32_t)oid) != NULL)
			return false;
	}
	return true;
}

static enum sql_class class_of(struct pgproxy *x, struct px_code *c)
{
	struct px_known *k = x->known;
	struct sql_context cx = {.known = &k->answers};

	if (c->proven)
		return c->cls;
	c->proven = true;
	c->cls = SQL_OPAQUE; /* to itself, while it is being proven */
	if (is_native(c) || (c->kind == 'a' && c->ext[0] != '\0')) {
		c->cls = class_of_native(c);
	} else if (c->body != NULL && c->kind == 'f' && config_is_plain(c->config) && types_are_plain(k, c->types) && k->depth < PROOF_DEEP) {
		k->depth++;
		c->cls = pgproof_body(c->lang, span_str(c->body), &cx);
		k->depth--;
	}
	free(c->body);
	c->body = NULL;
	return c->cls;
}

static enum sql_code code_answer(void *ctx, enum sql_code_kind kind, const char *schema, const char *name)
{
	static const char what[] = {[SQL_CODE_FUNCTION] = 'f', [SQL_CODE_OPERATOR] = 'o', [SQL_CODE_TYPE] = 'y'};
	struct pgproxy *x = ctx;
	struct px_known *k = x->known;
	struct px_code *first = code_first(k, what[kind], name);
	enum sql_code r = SQL_CODE_NONE;

	for (struct px_code *c = first; c != NULL && code_more(k, c, first); c++) {
		enum sql_code one;

		if (schema != NULL && strcmp(schema, c->schema) != 0)
			continue;
		one = kind == SQL_CODE_TYPE || class_of(x, c) != SQL_READ ? SQL_CODE_OPAQUE : c->set ? SQL_CODE_SET : SQL_CODE_READS;
		r = one > r ? one : r;
	}
	return r;
}

/* ---- what hangs on a relation ---- */

static const struct px_hang *hang_first(const struct px_known *k, uint32_t rel)
{
	size_t lo = 0, hi = k->n_hang;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (k->hang[mid].rel < rel)
			lo = mid + 1;
		else
			hi = mid;
	}
	return k->hang + lo;
}

#define TRIGGER_INSERT 4
#define TRIGGER_DELETE 8
#define TRIGGER_UPDATE 16
#define ALL_WRITES (SQL_ON_INSERT | SQL_ON_UPDATE | SQL_ON_DELETE)

static unsigned on_of(const struct px_hang *h)
{
	switch (h->what) {
	case 't':
		return (h->doing & TRIGGER_INSERT ? SQL_ON_INSERT : 0) | (h->doing & TRIGGER_DELETE ? SQL_ON_DELETE : 0) |
		       (h->doing & TRIGGER_UPDATE ? SQL_ON_UPDATE : 0);
	case 'w':
		return h->doing == 2 ? SQL_ON_UPDATE : h->doing == 3 ? SQL_ON_INSERT : SQL_ON_DELETE;
	case 'f':
	case 'y':
		return h->doing == 2 ? ALL_WRITES | SQL_ON_READ : SQL_ON_INSERT | SQL_ON_UPDATE;
	default:
		return 0;
	}
}

static void runs(struct px_known *k, struct sql_table *t, unsigned on, const char *what, const char *name, const char *rel)
{
	if (on != 0 && t->code == 0)
		(void)snprintf(k->why, sizeof(k->why), "%s%s%s runs what is not proven harmless", what, name, rel);
	t->code |= on;
	t->code_why = k->why;
}

/* A trigger may also write, as long as its own text proves how many rows: it runs once for each. */
static bool is_harmless(struct pgproxy *x, const struct px_hang *h)
{
	struct px_code *c = code_by_oid(x->known, 'f', h->ref);
	enum sql_class cls = c != NULL ? class_of(x, c) : SQL_OPAQUE;

	if (h->what == 't' && h->ref < FIRST_USER_OID)
		return true; /* the server's own, suppress_redundant_updates_trigger */
	return cls == SQL_READ || (h->what == 't' && (cls == SQL_SESSION || cls == SQL_WRITE));
}

static void note_key(struct px_known *k, struct sql_table *t, char *cols)
{
	const char **first = &k->cols[t->n_keys * KEY_COLS_MAX];
	size_t n = 0;

	for (char *p = cols; p != NULL && n < KEY_COLS_MAX; n++) {
		char *end = strchr(p, '\x1f');

		first[n] = p;
		if (end != NULL)
			*end++ = '\0';
		p = end;
	}
	k->key[t->n_keys++] = (struct sql_key){n, first};
	t->keys = k->key;
}

/* Bytes of the key names: split in place, so in a copy. */
static void note_keys(struct px_known *k, struct sql_table *t, uint32_t rel)
{
	size_t n = 0, o = 0;
	const struct px_hang *h, *first = hang_first(k, rel), *end = k->hang + k->n_hang;

	for (h = first; h < end && h->rel == rel; h++)
		n += h->what == 'k' ? strlen(h->name) + 1 : 0;
	free(k->colbuf);
	k->colbuf = xcalloc(1, n + 1);
	for (h = first; h < end && h->rel == rel; h++)
		if (h->what == 'k' && t->n_keys < KEYS_MAX) {
			memcpy(k->colbuf + o, h->name, strlen(h->name) + 1);
			note_key(k, t, k->colbuf + o);
			o += strlen(h->name) + 1;
		}
}

static void settle(struct pgproxy *x, const struct px_rel *r, struct sql_table *t, int depth);

/* What is set off by a child, or by what a view reads. */
static void settle_edge(struct pgproxy *x, const struct px_hang *h, struct sql_table *t, int depth)
{
	struct px_rel *r = px_rel_by_oid(x, h->ref);

	if (r == NULL && h->ref < FIRST_USER_OID)
		return; /* a view on the system's catalogue */
	if (r == NULL || depth >= EDGES_DEEP)
		runs(x->known, t, ALL_WRITES | (h->what == 'v' ? SQL_ON_READ : 0), "a relation behind it", "", "");
	else
		settle(x, r, t, depth + 1);
}

static void settle_hang(struct pgproxy *x, const struct px_rel *r, const struct px_hang *h, struct sql_table *t, int depth)
{
	struct px_known *k = x->known;

	switch (h->what) {
	case 't':
		if (!is_harmless(x, h))
			runs(k, t, on_of(h), "trigger ", h->name, "");
		break;
	case 'w':
		runs(k, t, on_of(h), "rule ", h->name, "");
		break;
	case 'f':
		if (!is_harmless(x, h))
			runs(k, t, on_of(h), "a function behind ", r->name, "");
		break;
	case 'y':
		if (code_by_oid(k, 'y', h->ref) != NULL)
			runs(k, t, on_of(h), "a type behind ", r->name, "");
		break;
	case 'x':
		t->cascade |= SQL_ON_DELETE;
		(void)snprintf(k->cascade_why, sizeof(k->cascade_why), "DELETE from %s also changes rows of %s", r->name, h->name);
		t->cascade_why = k->cascade_why;
		break;
	case 'u':
		if (t->n_tied < TIED_MAX)
			k->tied[t->n_tied++] = h->name;
		else
			runs(k, t, SQL_ON_UPDATE, "too much tied to ", r->name, "");
		t->tied = k->tied;
		break;
	case 'c':
		t->children = r->kind != 'p'; /* a partitioned table's keys hold for its partitions */
		settle_edge(x, h, t, depth);
		break;
	case 'v':
		settle_edge(x, h, t, depth);
		break;
	default:
		break;
	}
}

static void settle(struct pgproxy *x, const struct px_rel *r, struct sql_table *t, int depth)
{
	struct px_known *k = x->known;

	if (r->kind == 'f')
		runs(k, t, ALL_WRITES, "the server behind ", r->name, "");
	if (r->opaque)
		runs(k, t, ALL_WRITES | SQL_ON_READ, "view ", r->name, "");
	for (const struct px_hang *h = hang_first(k, r->oid); h < k->hang + k->n_hang && h->rel == r->oid; h++)
		settle_hang(x, r, h, t, depth);
}

static bool hangs_together(const struct px_known *k, const struct px_rel *r)
{
	const struct px_hang *h = hang_first(k, r->oid);

	for (; h < k->hang + k->n_hang && h->rel == r->oid; h++)
		if (strchr("twcv", h->what) != NULL)
			return true;
	return false;
}

/* Does the session's own table lie in another relation's tree? */
static bool is_child(const struct px_known *k, uint32_t oid)
{
	for (size_t i = 0; i < k->n_hang; i++)
		if (k->hang[i].what == 'c' && k->hang[i].ref == oid)
			return true;
	return false;
}

static bool table_answer(void *ctx, const char *schema, const char *name, struct sql_table *out)
{
	struct pgproxy *x = ctx;
	struct px_known *k = x->known;
	struct px_rel *r = px_rel_by_name(x, schema, name);

	*out = (struct sql_table){0};
	if (r == NULL)
		return false;
	settle(x, r, out, 0); /* whatever is still to be proven asks for tables, too, and uses the same memory */
	*out = (struct sql_table){0};
	settle(x, r, out, 0);
	if (r->kind == 'r' || r->kind == 'p')
		note_keys(k, out, r->oid);
	out->temp = r->mine && r->kind == 'r' && out->code == 0 && out->cascade == 0 && !hangs_together(k, r) && !is_child(k, r->oid);
	return true;
}

const struct sql_known *px_known(struct pgproxy *x)
{
	struct px_known *k = known_of(x);

	k->answers = (struct sql_known){.ctx = x, .counts_all = true, .own_equal = operator_of_code(k, "="), .table = table_answer, .code = code_answer,
	    .stale = x->catalog_stale || x->catalog_loading,
	    .complete = !x->catalog_stale && !x->catalog_failed && !x->catalog_loading && !k->overflow &&
			x->n_rels < RELS_MAX && x->n_catalog_cols < COLS_MAX};
	return &k->answers;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk over one statement: every node is looked up in the table of kinds; classes only ever get
 * stricter.
 */
#include "sql/pgwalk.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

#define HASH_FROM 16u /* names before a hash table is worth it */

/* ---- reporting ---- */

/* Does a go before b: more severe, or as severe and later in the list of classes? */
static bool stricter(enum sql_class a, enum sql_class b)
{
	int x = sql_class_level(a), y = sql_class_level(b);

	return x > y || (x == y && a > b);
}

/* A cut sentence must not end inside a character. */
static void trim_utf8(char *s)
{
	size_t n = strlen(s), k = n;

	while (k > 0 && ((uint8_t)s[k - 1] & 0xc0) == 0x80)
		k--;
	if (k > 0 && (uint8_t)s[k - 1] >= 0xc0) {
		size_t want = (uint8_t)s[k - 1] >= 0xf0 ? 4 : (uint8_t)s[k - 1] >= 0xe0 ? 3 : 2;

		if (n - (k - 1) < want)
			s[k - 1] = '\0';
	}
}

static void SP_PRINTF(3, 0)
    raise_v(struct pgwalk *w, enum sql_class cls, const char *fmt, va_list ap)
{
	struct sql_stmt *s = w->stmt;

	if (w->later && sql_class_level(cls) < 4)
		return;
	if (sql_class_level(cls) > 0)
		s->classes |= 1u << cls;
	if (!stricter(cls, s->cls))
		return;
	s->cls = cls;
	(void)vsnprintf(s->reason, sizeof(s->reason), fmt, ap);
	trim_utf8(s->reason);
}

void pgwalk_raise(struct pgwalk *w, enum sql_class cls, const char *fmt, ...)
{
	va_list ap;

	if (w->planned)
		return;
	va_start(ap, fmt);
	raise_v(w, cls, fmt, ap);
	va_end(ap);
}

void pgwalk_raise_call(struct pgwalk *w, enum sql_class cls, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	raise_v(w, cls, fmt, ap);
	va_end(ap);
}

void pgwalk_flag(struct pgwalk *w, const struct pgnode *n, unsigned flags)
{
	if (n == w->root)
		w->stmt->flags |= flags;
}

void pgwalk_tag(struct pgwalk *w, const struct pgnode *n, const char *fmt, ...)
{
	va_list ap;

	if (n != w->root)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(w->stmt->tag, sizeof(w->stmt->tag), fmt, ap);
	va_end(ap);
}

void pgwalk_name(struct pgwalk *w, const struct pgnode *n, const char *name)
{
	if (n == w->root)
		(void)str_copy(w->stmt->name, sizeof(w->stmt->name), name);
}

const char *pgwalk_shown(struct pgwalk *w, const char *name)
{
	char tmp[80];
	char *s;

	(void)span_escape(span_str(name), tmp, sizeof(tmp));
	s = arena_strdup(w->mem, tmp);
	return s != NULL ? s : "";
}

/* ---- names ---- */

static uint32_t hash_name(const char *schema, const char *name)
{
	uint32_t h = 2166136261u;
	const char *s;

	for (s = schema != NULL ? schema : ""; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	for (s = name; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h;
}

static bool same_name(const struct nameset_item *i, const char *schema, const char *name)
{
	if ((i->schema == NULL) != (schema == NULL) || strcmp(i->name, name) != 0)
		return false;
	return schema == NULL || strcmp(i->schema, schema) == 0;
}

static struct nameset_item *nameset_find(
    const struct nameset *s, const char *schema, const char *name)
{
	struct nameset_item *i =
	    s->slot != NULL ? s->slot[hash_name(schema, name) % s->slots] : s->first;

	while (i != NULL && !same_name(i, schema, name))
		i = s->slot != NULL ? i->chain : i->next;
	return i;
}

static bool nameset_rehash(struct pgwalk *w, struct nameset *s)
{
	size_t want = s->slots == 0 ? 4 * HASH_FROM : s->slots * 4, k;
	struct nameset_item *i;

	s->slot = arena_zalloc(w->mem, want * sizeof(struct nameset_item *));
	if (s->slot == NULL)
		return false;
	s->slots = want;
	for (i = s->first; i != NULL; i = i->next) {
		k = hash_name(i->schema, i->name) % want;
		i->chain = s->slot[k];
		s->slot[k] = i;
	}
	return true;
}

static void nameset_add(
    struct pgwalk *w, struct nameset *s, const char *schema, const char *name, bool written)
{
	struct nameset_item *i;
	size_t k;

	if (schema != NULL && schema[0] == '\0')
		schema = NULL;
	i = nameset_find(s, schema, name);
	if (i != NULL) {
		i->written |= written;
		return;
	}
	i = arena_zalloc(w->mem, sizeof(*i));
	if (i == NULL || (s->n >= HASH_FROM && s->n >= s->slots && !nameset_rehash(w, s))) {
		w->failed = true;
		return;
	}
	i->schema = schema != NULL ? arena_strdup(w->mem, schema) : NULL;
	i->name = arena_strdup(w->mem, name);
	if (i->name == NULL || (schema != NULL && i->schema == NULL)) {
		w->failed = true;
		return;
	}
	i->written = written;
	if (s->tail == NULL)
		s->tail = &s->first;
	*s->tail = i;
	s->tail = &i->next;
	s->n++;
	if (s->slot != NULL) {
		k = hash_name(schema, name) % s->slots;
		i->chain = s->slot[k];
		s->slot[k] = i;
	}
}

void pgwalk_rel(struct pgwalk *w, const char *schema, const char *name, bool written)
{
	nameset_add(w, &w->rels, schema, name, written);
}

enum sql_code pgwalk_func(struct pgwalk *w, enum sql_code_kind kind, const char *schema, const char *name)
{
	static const char *const words[] = {
	    [SQL_CODE_FUNCTION] = "function", [SQL_CODE_OPERATOR] = "operator", [SQL_CODE_TYPE] = "type"};
	enum sql_code code = pgwalk_code(w, kind, schema, name);
	char type[80];

	if (kind == SQL_CODE_TYPE) {
		(void)snprintf(type, sizeof(type), "::%s", name);
		nameset_add(w, &w->funcs, NULL, type, false);
	} else {
		nameset_add(w, &w->funcs, schema, name, false);
	}
	if (code == SQL_CODE_OPAQUE)
		pgwalk_raise_call(w, SQL_OPAQUE, "%s %s of this database runs what is not proven to be harmless",
		    words[kind], pgwalk_shown(w, name));
	return code;
}

void pgwalk_exec(struct pgwalk *w, const char *name)
{
	nameset_add(w, &w->execs, NULL, name, false);
}

/* ---- walking ---- */

bool pgwalk_is_temp(const struct pgnode *rangevar)
{
	return strcmp(pgnode_field_str(rangevar, "schemaname"), "pg_temp") == 0;
}

const struct sql_known *pgwalk_known(const struct pgwalk *w)
{
	const struct sql_known *k = w->cx != NULL ? w->cx->known : NULL;

	return k != NULL && !w->renamed && !k->stale ? k : NULL;
}

bool pgwalk_guesses(const struct pgwalk *w)
{
	return w->cx == NULL || w->cx->known == NULL;
}

enum sql_code pgwalk_code(const struct pgwalk *w, enum sql_code_kind kind, const char *schema, const char *name)
{
	const struct sql_known *k = w->cx != NULL ? w->cx->known : NULL;

	if (k == NULL || k->code == NULL)
		return SQL_CODE_NONE;
	return k->code(k->ctx, kind, schema != NULL && schema[0] != '\0' ? schema : NULL, name);
}

bool pgwalk_is_catalog(const char *schema, const char *name)
{
	if (schema[0] == '\0')
		return strncmp(name, "pg_", 3) == 0;
	return strcmp(schema, "pg_catalog") == 0 || strcmp(schema, "information_schema") == 0 ||
	       strncmp(schema, "pg_toast", 8) == 0;
}

static bool walk_node(struct pgwalk *w, const struct pgnode *n)
{
	const struct pgkind *k = pgkind_find(n->kind);

	if (k == NULL)
		return false;
	if (k->tag != NULL) {
		if (n == w->root) {
			(void)str_copy(w->stmt->tag, sizeof(w->stmt->tag), k->tag);
			w->stmt->flags |= k->flags;
		}
		if (k->cls != SQL_UNPARSABLE)
			pgwalk_raise(
			    w, k->cls, "%s%s%s", k->tag, k->why[0] != '\0' ? " " : "", k->why);
	}
	return k->fn != NULL && k->fn(w, n);
}

void pgwalk_tree(struct pgwalk *w, const struct pgnode *root)
{
	const struct pgnode *n;
	bool skip;

	for (n = root; n != NULL; n = pgnode_walk(root, n, skip))
		skip = n->kind != NULL && walk_node(w, n);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts of a PostgreSQL message: parse with the server's own grammar, walk every node of every
 * statement, and refuse what could read differently on the server than here (encodings, string
 * escapes).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sql/pglex.h"
#include "sql/pgwalk.h"

#define PREPARED_MAX    256u
#define FACTS_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* Client encodings in which no byte of a character looks like ASCII; others may hide a quote or a
 * backslash. */
static bool encoding_is_safe(const char *enc)
{
	static const char *const safe[] = {"utf8", "unicode", "sqlascii", "latin", "iso8859",
	    "win125", "windows125", "win866", "win874", "koi8", "euc"};
	char name[32];
	size_t n = 0, i;

	if (enc == NULL)
		return true;
	for (; *enc != '\0' && n + 1 < sizeof(name); enc++)
		if (*enc >= 'A' && *enc <= 'Z')
			name[n++] = (char)(*enc | 0x20);
		else if ((*enc >= 'a' && *enc <= 'z') || (*enc >= '0' && *enc <= '9'))
			name[n++] = *enc;
	name[n] = '\0';
	for (i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
		if (i < 3 ? strcmp(name, safe[i]) == 0
			  : strncmp(name, safe[i], strlen(safe[i])) == 0)
			return true;
	return false;
}

static void refuse(struct sql_facts *f, const char *why)
{
	sql_facts_clear(f);
	f->cls = SQL_UNPARSABLE;
	(void)span_escape(span_str(why), f->reason, sizeof(f->reason));
}

/* What follows from the classes alone. */
static unsigned implied_flags(uint32_t classes)
{
	const uint32_t only_looks = 1u << SQL_READ | 1u << SQL_SESSION;
	const uint32_t names = 1u << SQL_UNPARSABLE | 1u << SQL_OPAQUE | 1u << SQL_SCHEMA |
			       1u << SQL_DESTRUCTIVE | 1u << SQL_CONTROL | 1u << SQL_PRIVILEGE |
			       1u << SQL_AUDIT | 1u << SQL_ESCAPE;

	return (classes & ~only_looks ? SQLF_WRITES : 0) | (classes & names ? SQLF_CATALOG : 0);
}

static void remember_prepared(struct pgwalk *w)
{
	struct prepared *p;

	if (w->n_prepared++ >= PREPARED_MAX)
		return; /* EXECUTE of the others is opaque */
	p = arena_zalloc(w->mem, sizeof(*p));
	if (p == NULL) {
		w->failed = true;
		return;
	}
	*p = (struct prepared){w->prepared, w->stmt->name,
	    {w->stmt->cls, w->stmt->classes, w->stmt->flags & (SQLF_MEASURE | SQLF_CARRIED), w->stmt->rows,
		w->stmt->inner_rows}};
	w->prepared = p;
}

/* jsonb_populate_record(o, '{...}') makes a row of whatever type o has, and so runs what guards that type. */
static void check_filled(struct pgwalk *w)
{
	const struct nameset_item *i;

	for (i = w->rels.first; w->fills && i != NULL; i = i->next)
		if (pgwalk_code(w, SQL_CODE_TYPE, i->schema, i->name) == SQL_CODE_OPAQUE)
			pgwalk_raise_call(w, SQL_OPAQUE, "rows of type %s run what is not proven to be harmless",
			    pgwalk_shown(w, i->name));
}

static void walk_statement(struct pgwalk *w, const struct pgnode *n, struct sql_stmt *s)
{
	const struct pgkind *k = pgkind_find(pgnode_kind(n));

	s->cls = SQL_READ;
	w->stmt = s;
	w->root = n;
	w->planned = w->lasting = w->fills = false;
	if (k == NULL || k->tag == NULL) {
		s->cls = SQL_UNPARSABLE;
		(void)snprintf(s->reason, sizeof(s->reason), "a statement of an unknown kind");
	} else {
		pgwalk_tree(w, n);
	}
	check_filled(w);
	if (w->cx != NULL && w->cx->param_runs != NULL)
		pgwalk_raise_call(w, SQL_OPAQUE, "%s", w->cx->param_runs);
	/* Rows above a limit are undone; what the limit alone keeps small is not. */
	if (w->lasting && (s->flags & SQLF_MEASURE) != 0)
		pgwalk_raise(w, SQL_BULK, "%s of rows that no unique key names, with effects that last", s->tag);
	s->classes |= 1u << s->cls;
	s->flags |= implied_flags(s->classes);
	/* The end of a transaction, or of a part of it, takes temporary tables and settings with it. */
	w->renamed |= (s->flags & (SQLF_CATALOG | SQLF_TX_END | SQLF_ROLLBACK)) != 0;
	if (pgnode_is(n, "PrepareStmt"))
		remember_prepared(w);
}

/* Copy the collected names out as arrays. */
static void fill_names(struct pgwalk *w, struct sql_facts *f)
{
	const struct nameset_item *i;
	size_t n = 0;

	f->rels = arena_alloc(w->mem, (w->rels.n + 1) * sizeof(struct sql_rel));
	f->funcs = arena_alloc(w->mem, (w->funcs.n + 1) * sizeof(char *));
	f->execs = arena_alloc(w->mem, (w->execs.n + 1) * sizeof(char *));
	if (f->rels == NULL || f->funcs == NULL || f->execs == NULL) {
		w->failed = true;
		return;
	}
	for (i = w->rels.first; i != NULL; i = i->next)
		f->rels[n++] = (struct sql_rel){i->schema, i->name, i->written};
	f->n_rels = n;
	n = 0;
	for (i = w->funcs.first; i != NULL; i = i->next) {
		size_t len = strlen(i->name) + (i->schema != NULL ? strlen(i->schema) + 1 : 0) + 1;
		char *s = arena_alloc(w->mem, len);

		if (s == NULL) {
			w->failed = true;
			return;
		}
		(void)snprintf(s, len, "%s%s%s", i->schema != NULL ? i->schema : "",
		    i->schema != NULL ? "." : "", i->name);
		f->funcs[n++] = s;
	}
	f->n_funcs = n;
	for (i = w->execs.first; i != NULL; i = i->next)
		f->execs[f->n_execs++] = i->name;
}

/* The whole message is as strict as its strictest statement. */
static void sum_up(struct sql_facts *f)
{
	size_t i;

	f->cls = SQL_READ;
	for (i = 0; i < f->n_stmts; i++) {
		const struct sql_stmt *s = &f->stmts[i];
		int a = sql_class_level(s->cls), b = sql_class_level(f->cls);

		f->flags |= s->flags;
		if (i == 0 || a > b || (a == b && s->cls > f->cls)) {
			f->cls = s->cls;
			(void)str_copy(f->reason, sizeof(f->reason), s->reason);
		}
	}
}

static void walk_all(const struct pgtree *t, const struct sql_context *cx, struct sql_facts *f)
{
	struct arena *mem = xcalloc(1, sizeof(*mem));
	struct pgwalk w = {.mem = mem, .cx = cx, .with = pgtree_has_with(t)};
	size_t n = pgtree_count(t), i;

	arena_init(mem, FACTS_MAX_BYTES);
	f->mem = mem;
	f->stmts = arena_zalloc(mem, (n + 1) * sizeof(struct sql_stmt));
	w.failed = f->stmts == NULL;
	for (i = 0; i < n && !w.failed; i++) {
		struct sql_stmt *s = &f->stmts[i];

		walk_statement(&w, pgtree_stmt(t, i, &s->off, &s->len), s);
		f->n_stmts = i + 1;
	}
	if (!w.failed)
		fill_names(&w, f);
	if (w.failed)
		refuse(f, "the statement is too large to analyse");
	else
		sum_up(f);
}

/* The class of the text as a server with standard_conforming_strings=off reads it; false when that
 * one would report a syntax error, which harms nobody. */
static bool other_reading(struct span sql, const struct sql_context *cx, enum sql_class *cls)
{
	struct sql_facts f = {0};
	struct pgtree *t = NULL;
	struct buf text;
	bool parsed;

	buf_init(&text, 2 * SQL_MAX_TEXT);
	parsed = pglex_as_escapes(sql, &text) && buf_err(&text) == 0 &&
		 pgtree_parse(buf_span(&text), &t, NULL) == 0;
	if (parsed)
		walk_all(t, cx, &f);
	*cls = f.cls;
	sql_facts_clear(&f);
	pgtree_free(t);
	buf_clear(&text);
	return parsed;
}

/* Texts whose literals end elsewhere under another setting. The setting is pinned, but the server
 * tells of a change only after the fact: refuse when the other reading would be worse than or as
 * bad as this one. */
static void check_other_reading(struct span sql, const struct sql_context *cx,
    const struct pglex_shape *shape, struct sql_facts *f)
{
	enum sql_class other;

	if (shape->backslash && cx != NULL && cx->scs_off)
		refuse(
		    f, "a backslash in a string literal while standard_conforming_strings is off");
	else if (shape->ambiguous && pglex_depends_on_scs(sql) && other_reading(sql, cx, &other) &&
		 sql_class_level(other) >= sql_class_level(f->cls))
		refuse(f, "a string literal that ends elsewhere when backslashes escape; write it "
			  "as E'...'");
}

void pgsql_facts(struct span sql, const struct sql_context *cx, struct sql_facts *out)
{
	struct pgtree *t = NULL;
	struct pglex_shape shape;
	struct why w;

	*out = (struct sql_facts){0};
	if (cx != NULL && !encoding_is_safe(cx->client_encoding)) {
		refuse(out,
		    "the session's client encoding can hide quotes from the gateway; use UTF8");
		return;
	}
	if (pgtree_parse(sql, &t, &w) != 0) {
		refuse(out, w.text);
		return;
	}
	shape = *pgtree_shape(t);
	walk_all(t, cx, out);
	pgtree_free(t);
	if (shape.backslash && out->cls != SQL_UNPARSABLE)
		check_other_reading(sql, cx, &shape, out);
}

void sql_facts_clear(struct sql_facts *f)
{
	struct arena *mem = f->mem;

	if (mem != NULL) {
		arena_clear(mem);
		free(mem);
	}
	*f = (struct sql_facts){0};
}

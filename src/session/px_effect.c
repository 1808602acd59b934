/* SPDX-License-Identifier: Apache-2.0
 *
 * The effect of a counted write, in words for whoever approves it. Not here: counting and undoing (px_guard.c).
 */
#include <stdio.h>

#include "session/px_front.h"

static void thousands(int64_t n, char *out, size_t cap)
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)n), o = 0;

	for (size_t i = 0; i < len && o + 2 < cap; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[o++] = ' ';
		out[o++] = digits[i];
	}
	out[o] = '\0';
}

static const char *written_relation(const struct px_text *t)
{
	for (size_t i = 0; i < t->facts.n_rels; i++)
		if (t->facts.rels[i].written)
			return t->facts.rels[i].name;
	return "";
}

void px_effect_text(const struct pgproxy *x, char *out, size_t cap)
{
	const struct px_guard *g = &x->guard;
	const char *rel = written_relation(g->text);
	char n[32], of[64] = "";

	if (g->unknown != NULL) {
		(void)snprintf(out, cap, "unknown: %s; rolled back", g->unknown);
		return;
	}
	thousands((int64_t)g->rows, n, sizeof(n));
	if (g->total >= (int64_t)g->rows && !g->counted) { /* else it is an old estimate, or none */
		char all[32];

		thousands(g->total, all, sizeof(all));
		(void)snprintf(of, sizeof(of), " of about %s", all);
	}
	(void)snprintf(out, cap, "changes %s%s rows%s%.100s%s; rolled back", n, of, rel[0] != '\0' ? " of " : "", rel,
	    g->counted ? " and of tables tied to it" : "");
}

static void quoted(struct buf *b, const char *s, char q)
{
	buf_put_u8(b, (uint8_t)q);
	for (; *s != '\0'; s++) {
		if (*s == q)
			buf_put_u8(b, (uint8_t)q);
		buf_put_u8(b, (uint8_t)*s);
	}
	buf_put_u8(b, (uint8_t)q);
}

/* "schema"."name" as a literal. */
static void name_literal(struct buf *b, const struct sql_rel *r)
{
	struct buf id;

	buf_init(&id, 1024);
	if (r->schema != NULL) {
		quoted(&id, r->schema, '"');
		buf_put_u8(&id, '.');
	}
	quoted(&id, r->name, '"');
	quoted(b, buf_cstr(&id), '\'');
	buf_clear(&id);
}

bool px_effect_total(const struct px_text *t, struct buf *sql)
{
	const struct sql_rel *r = NULL;

	for (size_t i = 0; i < t->facts.n_rels && r == NULL; i++)
		r = t->facts.rels[i].written ? &t->facts.rels[i] : NULL;
	if (r == NULL)
		return false;
	buf_put_str(sql, "SELECT c.reltuples::pg_catalog.int8 FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) "
			 "pg_catalog.to_regclass(");
	name_literal(sql, r);
	buf_put_str(sql, ")");
	return buf_err(sql) == 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens to each result column: the origin that the server states (table oid and column number), lineage
 * proven from the text, and "unknown is masked". Also which COPY may pass.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "detect/detect.h"
#include "detect/value.h"
#include "session/px.h"

/* Types whose text or binary form may hold anything a person typed. */
static bool type_is_text(uint32_t oid)
{
	static const uint32_t text[] = {25, 1043, 1042, 19, 114, 3802, 142, 18, 705, 2275};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (text[i] == oid)
			return true;
	return false;
}

/* Partial masking shows what identifies a person and keeps what can be misused: secrets, money and documents. */
static bool kind_masked(int mode, int kind)
{
	static const bool in_partial[PII_KIND_N] = {[PII_NATIONAL] = true, [PII_CARD] = true, [PII_IBAN] = true, [PII_SECRET] = true,
	    [PII_HEALTH] = true, [PII_MONEY] = true, [PII_OTHER] = true, [PII_DEMOGRAPHIC] = true};

	if (mode == MASK_NONE)
		return false;
	return mode == MASK_FULL || kind < 0 || kind >= PII_KIND_N || in_partial[kind];
}

const struct lineage_stmt *px_lineage_of(struct pgproxy *x, struct px_text *t, size_t stmt)
{
	if (t->has_lineage && t->lineage_epoch != x->catalog_epoch) {
		lineage_clear(&t->lineage);
		t->has_lineage = false;
	}
	if (!t->has_lineage) {
		struct catalog cat = px_catalog(x);

		pgsql_lineage(span_of(t->sql, t->n_sql), &cat, &t->lineage);
		t->has_lineage = true;
		t->lineage_epoch = x->catalog_epoch;
	}
	return stmt < t->lineage.n_stmts ? &t->lineage.stmts[stmt] : NULL;
}

static void col_mask(struct px_colplan *c, const struct pg_field *f, int kind, bool derived, const char *why)
{
	char name[64];

	span_escape(f->name, name, sizeof(name));
	c->mask = true;
	c->how = (struct mask_col){.kind = kind > 0 ? kind : 0, .derived = derived, .type = f->type_oid, .format = (int16_t)f->format};
	snprintf(c->what, sizeof(c->what), "%s (%s)", name, kind > 0 ? pii_kind_name((enum pii_kind)kind) : why);
}

/* What lineage says of column i of n; NULL: nothing. */
static const struct lineage_col *col_lineage(const struct lineage_stmt *ls, size_t i, size_t n)
{
	if (ls == NULL)
		return NULL;
	if (ls->known)
		return i < ls->n_cols ? &ls->cols[i] : NULL;
	if (!ls->partly || n < ls->n_cols)
		return NULL;
	if (i < ls->head)
		return &ls->cols[i];
	return n - i <= ls->tail ? &ls->cols[ls->n_cols - (n - i)] : &ls->rest;
}

/* Origin decides for plain columns, lineage (NULL: not believed) for the rest; a contradiction masks; unknown masks. */
static void col_plan(struct pgproxy *x, const struct lineage_stmt *ls, const struct pg_field *f, const struct lineage_col *lc, struct px_colplan *c)
{
	char source[160];
	int kind = -1;

	c->how.type = f->type_oid;
	c->how.format = (int16_t)f->format;
	if (f->table_oid != 0 && f->attnum > 0) {
		kind = px_catalog_origin(x, f->table_oid, f->attnum, ls == NULL, source, sizeof(source));
		if (kind == 0 && lc != NULL && lc->what == LINEAGE_SENSITIVE)
			kind = lc->kind;
		if (kind < 0)
			col_mask(c, f, 0, true, "unknown relation");
		else if (kind > 0 && kind_masked(x->view.mask, kind))
			col_mask(c, f, kind, lc != NULL && lc->what == LINEAGE_SENSITIVE && lc->derived, "");
	} else if (lc == NULL || lc->what == LINEAGE_UNKNOWN) {
		col_mask(c, f, 0, true, "origin not proven");
	} else if (lc->what == LINEAGE_SENSITIVE && kind_masked(x->view.mask, lc->kind)) {
		col_mask(c, f, lc->kind, lc->derived, "sensitive source");
	}
	c->scan = !c->mask && type_is_text(f->type_oid) && x->view.mask == MASK_FULL && (f->table_oid == 0 || f->table_oid >= 16384);
}

static void plan_summary(struct px_plan *p)
{
	size_t n = 0;

	for (uint16_t i = 0; i < p->n; i++)
		if (p->col[i].mask && n < sizeof(p->masked) - 1) {
			size_t len = strcspn(p->col[i].what, " ");

			n += (size_t)snprintf(p->masked + n, sizeof(p->masked) - n, "%s%.*s", n > 0 ? " " : "", (int)len, p->col[i].what);
		}
}

struct px_plan *px_plan_make(struct pgproxy *x, struct px_text *t, size_t stmt, bool distrust, struct span body)
{
	struct px_plan *p = xcalloc(1, sizeof(*p));
	const struct lineage_stmt *ls;
	struct pg_fields it;
	struct pg_field f;

	buf_init(&p->body, PX_MSG_MAX);
	buf_put_span(&p->body, body);
	p->made_us = clock_mono_us();
	p->catalog_epoch = x->catalog_epoch;
	p->view_seq = x->view_seq;
	p->distrust = distrust;
	if (pg_read_fields(body, &it) != 0)
		return p; /* n = 0: rows will not fit and end the session */
	p->n = it.n;
	p->col = xcalloc(p->n, sizeof(*p->col));
	if (x->view.mask == MASK_NONE || p->n == 0)
		return p;
	ls = distrust ? NULL : px_lineage_of(x, t, stmt);
	for (uint16_t i = 0; pg_field_next(&it, &f) && i < p->n; i++) {
		col_plan(x, ls, &f, col_lineage(ls, i, p->n), &p->col[i]);
		p->any_mask |= p->col[i].mask;
		p->any_scan |= p->col[i].scan;
	}
	plan_summary(p);
	return p;
}

bool px_plan_fits(struct pgproxy *x, const struct px_plan *p, struct span body)
{
	return p != NULL && !p->distrust && p->view_seq == x->view_seq && p->catalog_epoch == x->catalog_epoch &&
	    span_eq(buf_span(&p->body), body);
}

/* A value that gives itself away in a column thought clean. Bare digits do not: one in fifty order numbers is a valid
 * card number by chance, and a column of real ones has a name that says so. */
static int scan_kind(struct span v)
{
	enum pii_kind k = detect_value(v);

	if (k == PII_CARD) {
		size_t i = 0;

		while (i < v.n && v.p[i] >= '0' && v.p[i] <= '9')
			i++;
		if (i == v.n)
			return PII_NONE;
	}
	return (int)k;
}

static void value_put(struct buf *out, const struct px_colplan *c, const struct pg_value *v, int format)
{
	struct mask_col how = c->how;
	size_t at = buf_len(out);

	how.format = (int16_t)format;
	if (v->null && !(c->mask && how.derived)) { /* of an expression, NULL is an answer like any other */
		pg_put_value(out, *v);
		return;
	}
	if (!c->mask) {
		how.kind = c->scan ? scan_kind(v->data) : PII_NONE;
		if (how.kind == PII_NONE) {
			pg_put_value(out, *v);
			return;
		}
	}
	buf_put_u32be(out, 0);
	if (mask_pg_value(&how, v->null ? span_of("", 0) : v->data, out) == MASK_IS_VALUE)
		buf_patch_u32be(out, at, (uint32_t)(buf_len(out) - at - 4));
	else
		buf_patch_u32be(out, at, UINT32_MAX);
}

/* A row of a result without masked columns, in which no value gives itself away: it may pass as it is. */
static bool row_is_clean(const struct px_plan *p, struct pg_row row)
{
	struct pg_value v;

	if (p->any_mask)
		return false;
	for (uint16_t i = 0; i < p->n && pg_row_next(&row, &v); i++)
		if (p->col[i].scan && !v.null && scan_kind(v.data) != PII_NONE)
			return false;
	return pg_row_end(&row) == 0;
}

int px_mask_row(struct pgproxy *x, const struct px_plan *p, struct span formats, uint16_t n_formats, struct span body)
{
	struct pg_row row;
	struct pg_value v;
	size_t at;
	int rc = pg_row_begin(body, &row);

	if (rc != 0)
		return rc;
	if (row.n != p->n)
		return E_FORMAT;
	if (row_is_clean(p, row)) {
		pg_put_msg(&x->out, &(struct pg_msg){'D', body});
		return 0;
	}
	buf_reset(&x->row);
	at = pg_open(&x->row, 'D');
	buf_put_u16be(&x->row, p->n);
	for (uint16_t i = 0; i < p->n && pg_row_next(&row, &v); i++)
		value_put(&x->row, &p->col[i], &v, n_formats == UINT16_MAX ? p->col[i].how.format : pg_format_at(formats, n_formats, i));
	pg_close(&x->row, at);
	rc = pg_row_end(&row);
	if (rc == 0)
		rc = buf_err(&x->row);
	if (rc == 0)
		buf_put_span(&x->out, buf_span(&x->row));
	buf_trim(&x->row, 65536);
	return rc;
}

void px_mask_notice(const struct px_plan *p, const char *gateway, struct buf *out)
{
	char msg[1024], hint[400];
	size_t n, masked = 0;
	struct pg_notice notice = {.severity = "NOTICE", .sqlstate = "01000", .message = msg, .hint = hint};

	for (uint16_t i = 0; i < p->n; i++)
		masked += p->col[i].mask;
	snprintf(hint, sizeof(hint), "ask an operator for an unmasked view if your work needs it; ssh %s targets shows where", gateway);
	n = (size_t)snprintf(msg, sizeof(msg), "%zu of %u columns masked: ", masked, p->n);
	masked = 0;
	for (uint16_t i = 0; i < p->n && n < sizeof(msg) - 120; i++)
		if (p->col[i].mask)
			n += (size_t)snprintf(msg + n, sizeof(msg) - n, "%s%s", masked++ > 0 ? ", " : "", p->col[i].what);
	pg_put_notice(out, &notice);
}

bool px_copy_clean(struct pgproxy *x, struct px_text *t)
{
	if (x->view.mask == MASK_NONE)
		return true;
	/* What the names mean by the time the server gets there is not known. */
	if (x->catalog_stale || (t->facts.n_stmts > 1 && (t->facts.flags & SQLF_CATALOG) != 0))
		return false;
	for (size_t i = 0; i < t->facts.n_stmts; i++) {
		const struct lineage_stmt *ls;

		if ((t->facts.stmts[i].flags & SQLF_COPY_OUT) == 0)
			continue;
		ls = px_lineage_of(x, t, i);
		if (ls == NULL || !ls->known)
			return false;
		for (size_t c = 0; c < ls->n_cols; c++)
			if (ls->cols[c].what == LINEAGE_UNKNOWN ||
			    (ls->cols[c].what == LINEAGE_SENSITIVE && kind_masked(x->view.mask, ls->cols[c].kind)))
				return false;
	}
	return true;
}

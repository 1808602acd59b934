/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of everything that is wrong with a configuration, and how it is shown: file:line:col:
 * message, the source line, a caret. Passes find errors in any order; people read them in the order
 * of the text.
 */
#include "conf/conf_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define LINE_SHOWN 160 /* characters of a source line */

void conf_errs_init(struct conf_errs *e, struct conf_mem *m)
{
	memset(e, 0, sizeof(*e));
	e->mem = m;
}

void conf_errs_clear(struct conf_errs *e)
{
	free(e->v);
	e->v = NULL;
	e->n = e->cap = e->n_texts = 0;
}

static void SP_PRINTF(4, 0) err_add(
    struct conf_errs *e, const struct conf_where *at, bool secret, const char *fmt, va_list ap)
{
	char text[600];

	if (e->n >= CONF_ERRORS_MAX) {
		e->dropped++;
		return;
	}
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if (e->n == e->cap) {
		e->cap = e->cap != 0 ? e->cap * 2 : 16;
		e->v = xreallocarray(e->v, e->cap, sizeof(e->v[0]));
	}
	e->v[e->n] = (struct conf_error){{NULL, 0, 0}, secret, e->n, conf_strdup(e->mem, text)};
	if (at != NULL)
		e->v[e->n].at = *at;
	e->n++;
}

void conf_err(struct conf_errs *e, const struct conf_where *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_add(e, at, false, fmt, ap);
	va_end(ap);
}

void conf_err_secret(struct conf_errs *e, const struct conf_where *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_add(e, at, true, fmt, ap);
	va_end(ap);
}

static int cmp_error(const void *pa, const void *pb)
{
	const struct conf_error *a = pa, *b = pb;

	if (a->at.file != b->at.file)
		return a->order < b->order ? -1 : 1;
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.col != b->at.col)
		return a->at.col < b->at.col ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Errors of one file stand together, in the order in which the files were read; so number them by
 * file first. */
static void order_by_file(struct conf_errs *e)
{
	size_t i, f;

	for (i = 0; i < e->n; i++) {
		for (f = 0; f < e->n_texts; f++)
			if (e->v[i].at.file == e->texts[f].name)
				break;
		e->v[i].order += f * (CONF_ERRORS_MAX + 1);
	}
}

static struct span line_of(const struct conf_errs *e, const struct conf_where *at)
{
	size_t i, start = 0, end;
	struct span t = {NULL, 0};
	int line = 1;

	for (i = 0; i < e->n_texts; i++)
		if (e->texts[i].name == at->file)
			t = e->texts[i].text;
	for (i = 0; i < t.n && line < at->line; i++)
		if (t.p[i] == '\n') {
			line++;
			start = i + 1;
		}
	if (line != at->line)
		return (struct span){NULL, 0};
	for (end = start; end < t.n && t.p[end] != '\n' && t.p[end] != '\r'; end++)
		;
	return span_of(t.p + start, end - start);
}

static size_t utf8_len(uint8_t lead)
{
	return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* One character, safe for a terminal; returns the columns it takes. */
static size_t put_char(struct buf *out, struct span c)
{
	char safe[32];
	size_t n, i, cols = 0;

	if (c.n == 1 && c.p[0] == '\t') {
		buf_put_u8(out, ' ');
		return 1;
	}
	n = span_escape(c, safe, sizeof(safe));
	buf_put(out, safe, n);
	for (i = 0; i < n; i++)
		cols += ((uint8_t)safe[i] & 0xc0) != 0x80;
	return cols;
}

static void print_line(struct buf *out, struct span line, int lineno, int col)
{
	size_t i, at = 0, shown = 0,
		  first = col > LINE_SHOWN / 2 ? (size_t)col - LINE_SHOWN / 2 : 0;
	size_t caret = 0;

	buf_printf(out, "%5d | %s", lineno, first > 0 ? "..." : "");
	if (first > 0)
		caret += 3;
	for (i = 0; i < line.n && shown < LINE_SHOWN; at++) {
		size_t n = utf8_len(line.p[i]), cols;

		if (n > line.n - i)
			n = line.n - i;
		if (at >= first) {
			cols = put_char(out, span_of(line.p + i, n));
			if (at + 1 < (size_t)col)
				caret += cols;
			shown++;
		}
		i += n;
	}
	buf_printf(out, "%s\n%8s", i < line.n ? "..." : "", "");
	for (i = 0; i < caret; i++)
		buf_put_u8(out, ' ');
	buf_put_str(out, "^\n");
}

static void print_error(const struct conf_errs *e, const struct conf_error *x, struct buf *out)
{
	struct span line;

	if (x->at.file == NULL) {
		buf_printf(out, "%s\n", x->text);
		return;
	}
	if (x->at.line <= 0) {
		buf_printf(out, "%s: %s\n", x->at.file, x->text);
		return;
	}
	buf_printf(out, "%s:%d:%d: %s\n", x->at.file, x->at.line, x->at.col, x->text);
	line = line_of(e, &x->at);
	if (line.p != NULL && !x->secret)
		print_line(out, line, x->at.line, x->at.col);
}

void conf_errs_print(struct conf_errs *e, struct buf *out)
{
	size_t i;

	if (e->n == 0)
		return;
	order_by_file(e);
	qsort(e->v, e->n, sizeof(e->v[0]), cmp_error);
	for (i = 0; i < e->n; i++)
		print_error(e, &e->v[i], out);
	if (e->dropped > 0)
		buf_printf(out, "and %zu more\n", e->dropped);
	buf_printf(out, "%zu error%s\n", e->n + e->dropped, e->n + e->dropped == 1 ? "" : "s");
}

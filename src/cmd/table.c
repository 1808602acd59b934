/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables are kept whole until they are printed, because widths come from all rows.
 */
#include "cmd/table.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/mem.h"

#define FLEX_MIN 8 /* a flex column is not cut below this */

struct table {
	const struct table_col *cols;
	size_t n_cols, n, cap;
	char **cell;
};

struct table *table_new(const struct table_col *cols, size_t n)
{
	struct table *t = xcalloc(1, sizeof(*t));

	t->cols = cols;
	t->n_cols = n;
	return t;
}

void table_free(struct table *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->n; i++)
		free(t->cell[i]);
	free(t->cell);
	free(t);
}

void table_cell(struct table *t, struct span text)
{
	char safe[TABLE_CELL_MAX];

	if (t->n == t->cap) {
		t->cap = t->cap != 0 ? t->cap * 2 : 64;
		t->cell = xreallocarray(t->cell, t->cap, sizeof(*t->cell));
	}
	(void)span_escape(text, safe, sizeof(safe));
	t->cell[t->n++] = xstrdup(safe);
}

size_t table_rows(const struct table *t)
{
	return t->n / t->n_cols;
}

/* The next character: its bytes, and its columns in *cols. */
static size_t next_char(const char *s, size_t *cols)
{
	mbstate_t st;
	wchar_t wc;
	size_t n;
	int k;

	memset(&st, 0, sizeof(st));
	n = mbrtowc(&wc, s, strlen(s), &st);
	if (n == 0 || n == (size_t)-1 || n == (size_t)-2) {
		*cols = 1;
		return 1;
	}
	k = wcwidth(wc);
	*cols = k > 0 ? (size_t)k : 0;
	return n;
}

size_t table_width(const char *s)
{
	size_t w = 0, cols;

	while (*s != '\0') {
		s += next_char(s, &cols);
		w += cols;
	}
	return w;
}

size_t table_terminal(int fd)
{
	struct winsize ws;

	if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &ws) != 0)
		return 0;
	return ws.ws_col;
}

static void spaces(FILE *out, size_t n)
{
	while (n-- > 0)
		fputc(' ', out);
}

/* s in exactly width columns; what does not fit is cut with an ellipsis. last: no blanks at the
 * end. */
static void put_fit(FILE *out, const char *s, size_t width, bool right, bool last)
{
	size_t w = table_width(s), used = 0, cols, n;

	if (w <= width) {
		spaces(out, right ? width - w : 0);
		fputs(s, out);
		spaces(out, right || last ? 0 : width - w);
		return;
	}
	while (*s != '\0') {
		n = next_char(s, &cols);
		if (used + cols > width - 1)
			break;
		(void)fwrite(s, 1, n, out);
		used += cols;
		s += n;
	}
	fputs("\xe2\x80\xa6", out);
	spaces(out, last ? 0 : width - 1 - used);
}

static void put_head(const struct table *t, FILE *out, const size_t *width)
{
	size_t c, i;

	for (c = 0; c < t->n_cols; c++) {
		fputs(c == 0 ? " " : " | ", out);
		put_fit(out, t->cols[c].head, width[c], false, c == t->n_cols - 1);
	}
	fputc('\n', out);
	for (c = 0; c < t->n_cols; c++) {
		fputs(c == 0 ? "-" : "-+-", out);
		for (i = 0; i < width[c]; i++)
			fputc('-', out);
	}
	fputs("-\n", out);
}

static void measure(const struct table *t, size_t *width)
{
	size_t i;

	for (i = 0; i < t->n_cols; i++)
		width[i] = table_width(t->cols[i].head);
	for (i = 0; i < t->n; i++) {
		size_t w = table_width(t->cell[i]);

		if (w > width[i % t->n_cols])
			width[i % t->n_cols] = w;
	}
}

/* Take columns from the widest flex column until the table fits or none can give any more. */
static void shrink(const struct table *t, size_t *width, size_t fit)
{
	size_t c, total, widest;

	for (;;) {
		total = 2; /* the blanks at both ends */
		widest = t->n_cols;
		for (c = 0; c < t->n_cols; c++) {
			total += width[c] + (c > 0 ? 3 : 0);
			if (t->cols[c].flex && width[c] > FLEX_MIN &&
			    (widest == t->n_cols || width[c] > width[widest]))
				widest = c;
		}
		if (total <= fit || widest == t->n_cols)
			return;
		width[widest]--;
	}
}

void table_print(const struct table *t, FILE *out, size_t fit)
{
	size_t *width = xcalloc(t->n_cols, sizeof(*width)), i, c;

	measure(t, width);
	if (fit > 0)
		shrink(t, width, fit);
	put_head(t, out, width);
	for (i = 0; i < t->n; i++) {
		c = i % t->n_cols;
		fputs(c == 0 ? " " : " | ", out);
		put_fit(out, t->cell[i], width[c], t->cols[c].right, c == t->n_cols - 1);
		if (c == t->n_cols - 1)
			fputc('\n', out);
	}
	free(width);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Result rows on stdout.
 */
#include "cmd/console_out.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/mem.h"
#include "base/span.h"

#define CELL_MAX 4096

/* Display width of UTF-8 text; bytes that are none count one each. */
static int width_of(const char *s)
{
	mbstate_t st;
	int w = 0;

	memset(&st, 0, sizeof(st));
	while (*s != '\0') {
		wchar_t wc;
		size_t n = mbrtowc(&wc, s, 8, &st);

		if (n == 0 || n == (size_t)-1 || n == (size_t)-2) {
			memset(&st, 0, sizeof(st));
			n = 1;
			w++;
		} else {
			int k = wcwidth(wc);

			w += k > 0 ? k : 0;
		}
		s += n;
	}
	return w;
}

static char *cell_of(const PGresult *r, int row, int col)
{
	char esc[CELL_MAX];

	if (PQgetisnull(r, row, col))
		return xstrdup("");
	span_escape(span_of(PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col)), esc, sizeof(esc));
	return xstrdup(esc);
}

/* Numbers to the right, as psql does. */
static bool right_aligned(const PGresult *r, int col)
{
	static const Oid numbers[] = {20, 21, 23, 26, 28, 700, 701, 790, 1700};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (PQftype(r, col) == numbers[i])
			return true;
	return false;
}

static void put_padded(const char *s, int width, bool right)
{
	int pad = width - width_of(s);

	printf(" %*s%s%*s ", right && pad > 0 ? pad : 0, "", s, !right && pad > 0 ? pad : 0, "");
}

static void table_head(const PGresult *r, const int *width, int n)
{
	for (int c = 0; c < n; c++) {
		char name[256];
		int pad;

		span_escape(span_str(PQfname(r, c)), name, sizeof(name));
		pad = width[c] - width_of(name);
		printf("%s %*s%s%*s ", c > 0 ? "|" : "", pad / 2, "", name, pad - pad / 2, "");
	}
	printf("\n");
	for (int c = 0; c < n; c++) {
		printf("%s", c > 0 ? "+" : "");
		for (int i = 0; i < width[c] + 2; i++)
			putchar('-');
	}
	printf("\n");
}

static void print_table(const PGresult *r)
{
	int n = PQnfields(r), rows = PQntuples(r);
	char **cell = xcalloc((size_t)n * (size_t)(rows > 0 ? rows : 1) + 1, sizeof(*cell));
	int *width = xcalloc((size_t)n + 1, sizeof(*width));

	for (int c = 0; c < n; c++)
		width[c] = width_of(PQfname(r, c));
	for (int i = 0; i < rows * n; i++) {
		int w;

		cell[i] = cell_of(r, i / n, i % n);
		w = width_of(cell[i]);
		if (w > width[i % n])
			width[i % n] = w;
	}
	table_head(r, width, n);
	for (int i = 0; i < rows * n; i++) {
		printf("%s", i % n > 0 ? "|" : "");
		put_padded(cell[i], width[i % n], right_aligned(r, i % n));
		if (i % n == n - 1)
			printf("\n");
		free(cell[i]);
	}
	printf("(%d row%s)\n\n", rows, rows == 1 ? "" : "s");
	free(cell);
	free(width);
}

static void print_expanded(const PGresult *r)
{
	int width = 0;

	for (int c = 0; c < PQnfields(r); c++)
		if (width_of(PQfname(r, c)) > width)
			width = width_of(PQfname(r, c));
	for (int i = 0; i < PQntuples(r); i++) {
		printf("-[ RECORD %d ]\n", i + 1);
		for (int c = 0; c < PQnfields(r); c++) {
			char *v = cell_of(r, i, c);
			char name[256];

			span_escape(span_str(PQfname(r, c)), name, sizeof(name));
			printf("%s%*s | %s\n", name, width > width_of(name) ? width - width_of(name) : 0, "", v);
			free(v);
		}
	}
}

static void csv_field(const char *s, bool null)
{
	if (null)
		return;
	if (s[0] != '\0' && strpbrk(s, ",\"\r\n") == NULL) {
		fputs(s, stdout);
		return;
	}
	putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '"')
			putchar('"');
		putchar(*s);
	}
	putchar('"');
}

static void print_csv(const PGresult *r)
{
	int n = PQnfields(r);

	for (int c = 0; c < n; c++) {
		printf("%s", c > 0 ? "," : "");
		csv_field(PQfname(r, c), false);
	}
	printf("\n");
	for (int i = 0; i < PQntuples(r); i++)
		for (int c = 0; c < n; c++) {
			printf("%s", c > 0 ? "," : "");
			csv_field(PQgetvalue(r, i, c), PQgetisnull(r, i, c));
			if (c == n - 1)
				printf("\n");
		}
}

static void json_string(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '"' || ch == '\\')
			printf("\\%c", ch);
		else if (ch < 0x20 || ch == 0x7f)
			printf("\\u%04x", ch);
		else
			putchar(ch);
	}
	putchar('"');
}

/* Numbers and booleans as such when they are valid JSON, everything else as a string. */
static void json_value(const PGresult *r, int row, int col)
{
	const char *s = PQgetvalue(r, row, col);
	Oid type = PQftype(r, col);

	if (PQgetisnull(r, row, col))
		printf("null");
	else if (type == 16)
		printf("%s", s[0] == 't' ? "true" : "false");
	else if ((type == 20 || type == 21 || type == 23) && s[strspn(s, "-0123456789")] == '\0' && s[0] != '\0')
		fputs(s, stdout);
	else
		json_string(s);
}

static void print_json(const PGresult *r)
{
	for (int i = 0; i < PQntuples(r); i++) {
		putchar('{');
		for (int c = 0; c < PQnfields(r); c++) {
			printf("%s", c > 0 ? "," : "");
			json_string(PQfname(r, c));
			putchar(':');
			json_value(r, i, c);
		}
		printf("}\n");
	}
}

void console_print_rows(const struct pg_result *r, enum console_format format, bool expanded)
{
	if (format == CONSOLE_CSV)
		print_csv(r);
	else if (format == CONSOLE_JSON)
		print_json(r);
	else if (expanded)
		print_expanded(r);
	else
		print_table(r);
}

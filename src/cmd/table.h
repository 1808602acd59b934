/* SPDX-License-Identifier: Apache-2.0
 *
 * psql-like aligned tables on a text stream. Cells are untrusted: escaped here, measured in
 * terminal columns.
 */
#ifndef SP_CMD_TABLE_H
#define SP_CMD_TABLE_H

#include <stdio.h>

#include "base/span.h"

#define TABLE_CELL_MAX 4096 /* bytes of a cell, escaped */

struct table_col {
	const char *head;
	bool right; /* numbers */
	bool flex;  /* cut first when the table is wider than the terminal */
};

struct table;
struct table *table_new(const struct table_col *cols, size_t n); /* cols are borrowed */
void table_free(struct table *t);
/* The next cell, from left to right; rows follow each other. */
void table_cell(struct table *t, struct span text);
size_t table_rows(const struct table *t);
/* width: columns to fit in by cutting flex columns; 0 = any. */
void table_print(const struct table *t, FILE *out, size_t width);

/* Columns that escaped UTF-8 text takes. */
size_t table_width(const char *s);
/* Columns of the terminal behind fd, 0 when it is none. */
size_t table_terminal(int fd);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Items of the control protocol as tables or JSON. What a table shows is a table, too (struct
 * view_col); JSON has every key: times as RFC 3339 UTC without their unit suffix, comma lists as
 * arrays.
 */
#ifndef SP_CMD_VIEW_H
#define SP_CMD_VIEW_H

#include "cmd/cli.h"
#include "cmd/table.h"
#include "ident/json.h"

enum view_kind {
	VIEW_TEXT,
	VIEW_INT,
	VIEW_WAITED,  /* seconds → 1:07 */
	VIEW_TIME_US, /* local time, or - */
	VIEW_TIME_S,
	VIEW_DEADLINE, /* time of day, or what is left of the last minutes */
	VIEW_SHORT_ID, /* as many characters as are needed, at least 10 */
	VIEW_END,      /* of a session: live, or why it ended */
};

struct view_col {
	struct table_col col; /* first: a view's columns are a table's */
	const char *key;
	enum view_kind kind;
};

struct view {
	const char *name; /* of the schema: "sessions" → sallyport/sessions/1 */
	const struct view_col *cols;
	size_t n_cols; /* 0: only what the gateway says at the end is shown (and JSON) */
	const char *empty; /* said on stderr when there is nothing; NULL: nothing is said */
};

/* Call the verb and show its items. An exit status. */
int view_call(struct cli *c, const char *verb, struct ctlc_args *args, const struct view *v);

/* The same for a verb whose one item has a form of its own. */
int view_one(struct cli *c, const char *verb, struct ctlc_args *args,
    void (*print)(const struct mp_val *item));

/* One item as a JSON object. */
struct js *view_json(const struct mp_val *item);
/* {"schema":"sallyport/NAME/1","items":[...]} and a newline; takes items over. */
void view_print_json(const char *name, struct js *items);
/* The text of one cell. */
const char *view_cell(const struct view_col *col, const struct mp_val *item, char *out, size_t cap);

/* "2026-11-20 14:22:03", with Z where local time is UTC. */
const char *view_time(int64_t us, char *out, size_t cap);
/* "4 min", "2 h", "3 d" */
const char *view_span(int64_t seconds, char *out, size_t cap);
/* Text of any length, escaped, each line indented. */
void view_print_lines(FILE *out, const char *indent, struct span text);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * How items look.
 */
#include "cmd/view.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define SHORT_ID       10
#define LAST_MINUTES_S 120

/* --- values as text --- */

const char *view_time(int64_t us, char *out, size_t cap)
{
	time_t t = (time_t)(us / 1000000);
	struct tm tm;
	size_t n;

	if (us <= 0 || localtime_r(&t, &tm) == NULL) {
		(void)str_copy(out, cap, "-");
		return out;
	}
	n = strftime(out, cap, tm.tm_gmtoff == 0 ? "%Y-%m-%d %H:%M:%SZ" : "%Y-%m-%d %H:%M:%S", &tm);
	if (n == 0 && cap > 0)
		out[0] = '\0';
	return out;
}

/* The largest unit that gives at least 1, rounded: 8 h for a second less than 8 hours. */
const char *view_span(int64_t s, char *out, size_t cap)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t i = 0;

	while (i < 3 && s < units[i].seconds - units[i].seconds / 60)
		i++;
	(void)snprintf(out, cap, "%lld %s",
	    (long long)((s + units[i].seconds / 2) / units[i].seconds), units[i].unit);
	return out;
}

/* Only the time of day when it is less than half a day away. */
static const char *near_time(int64_t us, int64_t left_s, char *out, size_t cap)
{
	time_t t = (time_t)(us / 1000000);
	struct tm tm;

	if (left_s > 12 * 3600 || localtime_r(&t, &tm) == NULL ||
	    strftime(out, cap, tm.tm_gmtoff == 0 ? "%H:%MZ" : "%H:%M", &tm) == 0)
		return view_time(us, out, cap);
	return out;
}

static void deadline_text(const struct mp_val *item, char *out, size_t cap)
{
	int64_t left_s = (ctlc_int(item, "deadline_us") - clock_wall_us()) / 1000000;
	char tx[64], when[64];
	const char *open;

	(void)ctlc_text(item, "tx", tx, sizeof(tx));
	open = tx[0] != '\0' ? " (in transaction)" : "";
	if (left_s <= 0)
		(void)snprintf(out, cap, "-");
	else if (left_s < LAST_MINUTES_S)
		(void)snprintf(out, cap, "%lld s left%s", (long long)left_s, open);
	else
		(void)snprintf(out, cap, "%s%s",
		    near_time(ctlc_int(item, "deadline_us"), left_s, when, sizeof(when)), open);
}

static void end_text(const struct mp_val *item, char *out, size_t cap)
{
	if (ctlc_flag(item, "live"))
		(void)str_copy(out, cap, "live");
	else
		(void)ctlc_text(item, "end_reason", out, cap);
}

const char *view_cell(const struct view_col *col, const struct mp_val *item, char *out, size_t cap)
{
	int64_t v = ctlc_int(item, col->key);

	switch (col->kind) {
	case VIEW_TEXT:
	case VIEW_SHORT_ID:
		return ctlc_text(item, col->key, out, cap);
	case VIEW_INT:
		(void)snprintf(out, cap, "%lld", (long long)v);
		break;
	case VIEW_WAITED:
		(void)snprintf(out, cap, "%lld:%02d", (long long)(v / 60), (int)(v % 60));
		break;
	case VIEW_TIME_US:
		return view_time(v, out, cap);
	case VIEW_TIME_S:
		return view_time(v > INT64_MAX / 1000000 ? 0 : v * 1000000, out, cap);
	case VIEW_DEADLINE:
		deadline_text(item, out, cap);
		break;
	case VIEW_END:
		end_text(item, out, cap);
		break;
	}
	return out;
}

void view_print_lines(FILE *out, const char *indent, struct span text)
{
	while (text.n > 0) {
		const uint8_t *nl = memchr(text.p, '\n', text.n);
		size_t n = nl != NULL ? (size_t)(nl - text.p) : text.n;
		char *safe = xcalloc(n + 1, 12);

		(void)span_escape(span_of(text.p, n), safe, (n + 1) * 12);
		fprintf(out, "%s%s\n", indent, safe);
		free(safe);
		n += nl != NULL ? 1 : 0;
		text = span_of(text.p + n, text.n - n);
	}
}

/* --- JSON --- */

/* Keys whose numbers are moments, and keys whose texts are lists. Durations like waiting_s stay
 * numbers. */
static const struct {
	const char *key, *name;
	int64_t us; /* microseconds in one unit */
} moments[] = {{"created_us", "created", 1}, {"deadline_us", "deadline", 1},
    {"decided_us", "decided", 1}, {"start_us", "start", 1}, {"end_us", "end", 1},
    {"expires_s", "expires", 1000000}, {"issued_s", "issued", 1000000}, {"at_s", "at", 1000000}, {"since_s", "since", 1000000},
    {"until_s", "until", 1000000}};

static const char *const lists[] = {"groups", "roles", "databases", "logins", "principals"};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct js *moment(int64_t v, int64_t us)
{
	char text[32];

	if (v <= 0 || v > INT64_MAX / us)
		return js_new_null();
	clock_rfc3339(v * us, text);
	return js_new_str(span_str(text));
}

static struct js *list_of(struct span s)
{
	struct js *arr = js_array();
	size_t n;

	while (s.n > 0) {
		const uint8_t *comma = memchr(s.p, ',', s.n);

		n = comma != NULL ? (size_t)(comma - s.p) : s.n;
		js_push(arr, js_new_str(span_of(s.p, n)));
		n += comma != NULL ? 1 : 0;
		s = span_of(s.p + n, s.n - n);
	}
	return arr;
}

static struct js *plain_value(const struct mp_val *v)
{
	switch (mp_type(v)) {
	case MP_BOOL:
		return js_new_bool(mp_bool(v, false));
	case MP_INT:
	case MP_UINT:
		return js_new_int(mp_i64(v, 0));
	case MP_STR:
	case MP_BIN:
		return js_new_str(mp_span(v));
	default:
		return js_new_null();
	}
}

static void put_value(struct js *obj, const char *key, const struct mp_val *v)
{
	size_t i;

	for (i = 0; i < N(moments); i++) {
		if (strcmp(key, moments[i].key) == 0) {
			js_put(obj, moments[i].name, moment(mp_i64(v, 0), moments[i].us));
			return;
		}
	}
	for (i = 0; i < N(lists); i++) {
		if (strcmp(key, lists[i]) == 0 && mp_type(v) == MP_STR) {
			js_put(obj, key, list_of(mp_span(v)));
			return;
		}
	}
	js_put(obj, key, plain_value(v));
}

struct js *view_json(const struct mp_val *item)
{
	struct js *obj = js_object();
	char key[64];
	size_t i;

	for (i = 0; i < mp_count(item); i++) {
		(void)span_escape(mp_span(mp_key_at(item, i)), key, sizeof(key));
		put_value(obj, key, mp_val_at(item, i));
	}
	return obj;
}

void view_print_json(const char *name, struct js *items)
{
	struct js *doc = js_object();
	char schema[64];
	struct buf b;

	(void)snprintf(schema, sizeof(schema), "sallyport/%s/1", name);
	js_put_str(doc, "schema", schema);
	js_put(doc, "items", items);
	buf_init(&b, 64u << 20);
	js_dump(doc, &b);
	js_free(doc);
	(void)fwrite(buf_span(&b).p, 1, buf_len(&b), stdout);
	fputc('\n', stdout);
	buf_clear(&b);
}

/* --- a verb whose answer is a list --- */

struct listing {
	const struct view *v;
	struct js *items; /* with --json */
	char **cell;      /* else: the cells, row by row */
	size_t n, cap;
};

static void on_item(void *ctx, const struct mp_val *item)
{
	struct listing *l = ctx;
	char cell[TABLE_CELL_MAX];
	size_t i;

	if (l->items != NULL) {
		js_push(l->items, view_json(item));
		return;
	}
	for (i = 0; i < l->v->n_cols; i++) {
		if (l->n == l->cap) {
			l->cap = l->cap != 0 ? l->cap * 2 : 64;
			l->cell = xreallocarray(l->cell, l->cap, sizeof(*l->cell));
		}
		l->cell[l->n++] = xstrdup(view_cell(&l->v->cols[i], item, cell, sizeof(cell)));
	}
}

/* Cut ids to the shortest length that tells all of them apart. */
static void shorten(const struct listing *l, size_t col)
{
	size_t step = l->v->n_cols, len = SHORT_ID, i, j;

	for (i = col; i < l->n; i += step)
		for (j = col; j < i; j += step)
			while (
			    strncmp(l->cell[i], l->cell[j], len) == 0 && strlen(l->cell[i]) > len)
				len++;
	for (i = col; i < l->n; i += step)
		if (strlen(l->cell[i]) > len)
			l->cell[i][len] = '\0';
}

static void print_table(const struct listing *l)
{
	size_t n = l->v->n_cols, i;
	struct table_col *cols = xcalloc(n, sizeof(*cols));
	struct table *t;

	for (i = 0; i < n; i++) {
		cols[i] = l->v->cols[i].col;
		if (l->v->cols[i].kind == VIEW_SHORT_ID)
			shorten(l, i);
	}
	t = table_new(cols, n);
	for (i = 0; i < l->n; i++)
		table_cell(t, span_str(l->cell[i]));
	table_print(t, stdout, table_terminal(STDOUT_FILENO));
	table_free(t);
	free(cols);
}

int view_call(struct cli *c, const char *verb, struct ctlc_args *args, const struct view *v)
{
	struct listing l = {.v = v, .items = c->json ? js_array() : NULL};
	struct ctlc_sink sink = {.item = on_item, .ctx = &l};
	struct ctlc_end end;
	int code = cli_call(c, verb, args, &sink, &end);
	size_t i;

	if (code == 0 && c->json) {
		view_print_json(v->name, l.items);
		l.items = NULL;
	} else if (code == 0 && l.n > 0) {
		print_table(&l);
	} else if (code == 0 && v->empty != NULL) {
		fprintf(stderr, "%s\n", v->empty);
	}
	code = cli_say(c, &end);
	for (i = 0; i < l.n; i++)
		free(l.cell[i]);
	free(l.cell);
	js_free(l.items);
	ctlc_end_clear(&end);
	return code;
}

/* --- a verb with one item that is shown in its own way --- */

struct one {
	void (*print)(const struct mp_val *item);
	struct js *items;
};

static void on_one(void *ctx, const struct mp_val *item)
{
	struct one *o = ctx;

	if (o->items != NULL)
		js_push(o->items, view_json(item));
	else
		o->print(item);
}

int view_one(struct cli *c, const char *verb, struct ctlc_args *args,
    void (*print)(const struct mp_val *item))
{
	struct one o = {print, c->json ? js_array() : NULL};
	struct ctlc_sink sink = {.item = on_one, .ctx = &o};
	struct ctlc_end end;
	int code = cli_call(c, verb, args, &sink, &end);

	if (code == 0 && o.items != NULL)
		view_print_json(verb, o.items);
	else
		js_free(o.items);
	code = cli_say(c, &end);
	ctlc_end_clear(&end);
	return code;
}

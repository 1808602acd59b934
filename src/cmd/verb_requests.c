/* SPDX-License-Identifier: Apache-2.0
 *
 * Held statements: requests, show, approve, deny.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/cli_verbs.h"
#include "cmd/view.h"
#include "wire/meaning.h"

#define WATCH_MS  1000
#define WATCH_MAX 500 /* requests that are followed */
#define SQL_MAX   (2u * 1024 * 1024)
#define PARAMS_MAX (4u * 1024 * 1024)

static const struct view_col open_cols[] = {
    {{"id", false, false}, "id", VIEW_TEXT},
    {{"waiting", false, false}, "waiting_s", VIEW_WAITED},
    {{"who", false, true}, "who", VIEW_TEXT},
    {{"target", false, false}, "target", VIEW_TEXT},
    {{"class", false, false}, "class", VIEW_TEXT},
    {{"statement", false, true}, "statement", VIEW_TEXT},
    {{"rows", true, false}, "rows", VIEW_TEXT},
    {{"deadline", false, false}, "deadline_us", VIEW_DEADLINE},
};
static const struct view open_view = {
    "requests", open_cols, sizeof(open_cols) / sizeof(open_cols[0]), "no statement is held"};

static const struct view_col all_cols[] = {
    {{"id", false, false}, "id", VIEW_TEXT},
    {{"state", false, false}, "state", VIEW_TEXT},
    {{"created", false, false}, "created_us", VIEW_TIME_US},
    {{"who", false, true}, "who", VIEW_TEXT},
    {{"target", false, false}, "target", VIEW_TEXT},
    {{"class", false, false}, "class", VIEW_TEXT},
    {{"statement", false, true}, "statement", VIEW_TEXT},
    {{"decided by", false, true}, "decided_by", VIEW_TEXT},
};
static const struct view all_view = {
    "requests", all_cols, sizeof(all_cols) / sizeof(all_cols[0]), "no statement was ever held"};

/* --- watching --- */

struct watch {
	struct cli *c;
	bool first, refused; /* refused: one that was pending here got a no */
	size_t n_pending;
	size_t n;
	struct {
		char id[40], state[16];
	} known[WATCH_MAX];
};

static bool is_open(const char *state)
{
	return strcmp(state, "pending") == 0 || strcmp(state, "approved") == 0;
}

/* Is this new, or in another state than last time? Remembers it. */
static bool changed(struct watch *w, const char *id, const char *state)
{
	size_t i;

	for (i = 0; i < w->n && strcmp(w->known[i].id, id) != 0; i++)
		;
	if (i < w->n && strcmp(w->known[i].state, state) == 0)
		return false;
	if (i < w->n && strcmp(w->known[i].state, "pending") == 0)
		w->refused |= strcmp(state, "approved") != 0 && strcmp(state, "consumed") != 0;
	if (i == WATCH_MAX) { /* forget the oldest */
		memmove(&w->known[0], &w->known[1], sizeof(w->known) - sizeof(w->known[0]));
		i = --w->n;
	}
	w->n += i == w->n;
	(void)str_copy(w->known[i].id, sizeof(w->known[i].id), id);
	(void)str_copy(w->known[i].state, sizeof(w->known[i].state), state);
	return true;
}

static void put_field(
    const struct mp_val *item, const char *key, const char *before, const char *after)
{
	char text[512], safe[1024];

	if (ctlc_text(item, key, text, sizeof(text))[0] == '\0')
		return;
	(void)span_escape(span_str(text), safe, sizeof(safe));
	printf("%s%s%s", before, safe, after);
}

static void print_change(const struct watch *w, const struct mp_val *item)
{
	char now[64];

	if (w->c->json) {
		struct js *obj = view_json(item);
		struct buf b;

		buf_init(&b, 1 << 20);
		js_dump(obj, &b);
		js_free(obj);
		printf("%s\n", buf_cstr(&b));
		buf_clear(&b);
		return;
	}
	printf("%s ", view_time(clock_wall_us(), now, sizeof(now)));
	put_field(item, "id", "", " ");
	put_field(item, "state", "", "");
	put_field(item, "decided_by", " by ", "");
	put_field(item, "decided_why", " \"", "\"");
	put_field(item, "who", "  ", "");
	put_field(item, "target", " \xe2\x86\x92 ", "");
	put_field(item, "class", "  ", "");
	put_field(item, "statement", "  ", "\n");
}

static void on_watched(void *ctx, const struct mp_val *item)
{
	struct watch *w = ctx;
	char id[40], state[16];

	(void)ctlc_text(item, "id", id, sizeof(id));
	(void)ctlc_text(item, "state", state, sizeof(state));
	w->n_pending += strcmp(state, "pending") == 0;
	if (changed(w, id, state) && (!w->first || is_open(state)))
		print_change(w, item);
}

static int watch(struct cli *c, bool mine)
{
	struct watch *w = xcalloc(1, sizeof(*w));
	struct ctlc_sink sink = {.item = on_watched, .ctx = w};
	struct timespec pause = {.tv_sec = WATCH_MS / 1000, .tv_nsec = WATCH_MS % 1000 * 1000000L};
	struct ctlc_args args;
	struct ctlc_end end;
	int code;

	w->c = c;
	for (w->first = true;; w->first = false) {
		ctlc_args_init(&args);
		ctlc_arg_flag(&args, "all", true);
		ctlc_arg_flag(&args, "mine", mine);
		ctlc_arg_int(&args, "limit", WATCH_MAX);
		w->n_pending = 0;
		code = cli_call(c, "requests", &args, &sink, &end);
		if (code != 0)
			code = cli_say(c, &end);
		ctlc_end_clear(&end);
		if (code != 0 || (mine && w->n_pending == 0))
			break;
		if (fflush(stdout) != 0) { /* the reader is gone */
			code = EXIT_FAILED;
			break;
		}
		while (nanosleep(&pause, NULL) != 0 && errno == EINTR)
			;
	}
	code = code == 0 && mine && w->refused ? EXIT_DENIED : code;
	free(w);
	return code;
}

int verb_requests(struct cli *c, const struct cli_args *a)
{
	bool mine = a->opt[REQ_MINE] != NULL, all = a->opt[REQ_ALL] != NULL;
	struct ctlc_args args;

	if (a->opt[REQ_WATCH] != NULL)
		return watch(c, mine);
	ctlc_args_init(&args);
	ctlc_arg_flag(&args, "mine", mine);
	ctlc_arg_flag(&args, "all", all);
	return view_call(c, "requests", &args, all ? &all_view : &open_view);
}

/* --- show --- */

struct shown {
	struct js *json;
	struct buf head, sql, params, meaning; /* head: the texts above the statement */
	bool seen;
};

static void line_of(struct buf *b, const char *label, const char *fmt, ...) SP_PRINTF(3, 4);

static void line_of(struct buf *b, const char *label, const char *fmt, ...)
{
	char text[3000], safe[6000];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)span_escape(span_str(text), safe, sizeof(safe));
	buf_printf(b, "%-11s %s\n", label, safe);
}

/* A text field of an item; some of these fit in one statement. */
struct field {
	char s[600];
};

static struct field get(const struct mp_val *item, const char *key)
{
	struct field f;

	(void)ctlc_text(item, key, f.s, sizeof(f.s));
	return f;
}

static void put_head(struct buf *b, const struct mp_val *item)
{
	char when[64], deadline[64];
	int64_t decided = ctlc_int(item, "decided_us");

	line_of(b, "request", "%s  %s", get(item, "id").s, get(item, "state").s);
	line_of(b, "who", "%s (person %s)", get(item, "who").s, get(item, "person").s);
	line_of(b, "where", "%s/%s as %s", get(item, "target").s, get(item, "database").s,
	    get(item, "login").s);
	line_of(b, "class", "%s", get(item, "class").s);
	line_of(b, "rule", "%s", get(item, "rule").s);
	line_of(b, "why", "%s", get(item, "reason").s);
	if (get(item, "effect").s[0] != '\0' && strcmp(get(item, "effect").s, get(item, "reason").s) != 0)
		line_of(b, "effect", "%s", get(item, "effect").s);
	line_of(b, "approval", "%lld of %lld from %s", (long long)ctlc_int(item, "approvals"),
	    (long long)ctlc_int(item, "quorum"), get(item, "approvers").s);
	line_of(b, "asked", "%s, until %s%s",
	    view_time(ctlc_int(item, "created_us"), when, sizeof(when)),
	    view_time(ctlc_int(item, "deadline_us"), deadline, sizeof(deadline)),
	    ctlc_flag(item, "waiting") ? ", a session waits" : "");
	if (decided > 0)
		line_of(b, "decided", "%s by %s: %s", view_time(decided, when, sizeof(when)),
		    get(item, "decided_by").s, get(item, "decided_why").s);
	if (get(item, "tx").s[0] != '\0')
		line_of(b, "transaction", "%s", get(item, "tx").s);
	line_of(b, "session", "%s", get(item, "session").s);
}

static void on_shown(void *ctx, const struct mp_val *item)
{
	struct shown *s = ctx;

	buf_put_span(&s->sql, mp_span(mp_get(item, "sql")));
	buf_put_span(&s->sql, mp_span(mp_get(item, "sql_part")));
	buf_put_span(&s->params, mp_span(mp_get(item, "params_part")));
	if (mp_get(item, "state") == NULL)
		return;
	s->seen = true;
	put_head(&s->head, item);
	buf_put_span(&s->params, mp_span(mp_get(item, "params")));
	buf_put_span(&s->meaning, mp_span(mp_get(item, "meaning")));
	if (s->json == NULL)
		s->json = view_json(item);
}

static void print_part(const char *label, const struct buf *b)
{
	if (buf_len(b) == 0)
		return;
	printf("%s\n", label);
	view_print_lines(stdout, "    ", buf_span(b));
}

/* Both are escaped already. */
static void print_meaning(const struct buf *b)
{
	struct span rest = buf_span(b), key, value;

	if (rest.n > 0)
		printf("meaning\n");
	while (meaning_next(&rest, &key, &value))
		printf("    %-27.*s %.*s\n", (int)key.n, (const char *)key.p, (int)value.n, (const char *)value.p);
}

static void print_shown(const struct shown *s)
{
	char label[64];

	(void)fwrite(buf_span(&s->head).p, 1, buf_len(&s->head), stdout);
	(void)snprintf(label, sizeof(label), "statement   %zu bytes", buf_len(&s->sql));
	print_part(label, &s->sql);
	print_part("parameters", &s->params);
	print_meaning(&s->meaning);
}

static void shown_init(struct shown *s)
{
	*s = (struct shown){.seen = false};
	buf_init(&s->head, 64 * 1024);
	buf_init(&s->sql, SQL_MAX);
	buf_init(&s->params, PARAMS_MAX);
	buf_init(&s->meaning, 64 * 1024);
}

static void shown_clear(struct shown *s)
{
	js_free(s->json);
	buf_clear(&s->head);
	buf_clear(&s->sql);
	buf_clear(&s->params);
	buf_clear(&s->meaning);
}

int verb_show(struct cli *c, const struct cli_args *a)
{
	struct shown s;
	struct ctlc_sink sink = {.item = on_shown, .ctx = &s};
	struct ctlc_args args;
	struct ctlc_end end;
	struct js *items;
	int code;

	shown_init(&s);
	ctlc_args_init(&args);
	ctlc_arg_str(&args, "id", a->v[0]);
	code = cli_call(c, "show", &args, &sink, &end);
	if (code == 0 && s.seen && c->json) {
		items = js_array();
		js_put_span(s.json, "sql", buf_span(&s.sql)); /* all parts */
		js_put_span(s.json, "params", buf_span(&s.params));
		js_push(items, s.json);
		view_print_json("request", items);
		s.json = NULL;
	} else if (code == 0 && s.seen) {
		print_shown(&s);
	}
	code = cli_say(c, &end);
	ctlc_end_clear(&end);
	shown_clear(&s);
	return code;
}

/* --- approve, deny --- */

static void on_decided(void *ctx, const struct mp_val *item)
{
	js_push(ctx, view_json(item));
}

static int decide(
    struct cli *c, const char *verb, const char *id, const char *why, struct js *items)
{
	struct ctlc_sink sink = {.item = on_decided, .ctx = items};
	struct ctlc_args args;
	struct ctlc_end end;
	int code;

	ctlc_args_init(&args);
	ctlc_arg_str(&args, "id", id);
	ctlc_arg_str(&args, "why", why);
	(void)cli_call(c, verb, &args, &sink, &end);
	code = cli_say(c, &end);
	ctlc_end_clear(&end);
	return code;
}

/* Each id is a decision of its own: a refused one does not keep the others from being made. */
static int decide_all(struct cli *c, const char *verb, const struct cli_args *a, const char *why)
{
	struct js *items = js_array();
	int code = 0, one;
	size_t i;

	for (i = 0; i < a->n && code != EXIT_UNREACHABLE; i++) {
		one = decide(c, verb, a->v[i], why, items);
		code = code == 0 || one == EXIT_UNREACHABLE ? one : code;
	}
	if (c->json)
		view_print_json(verb, items);
	else
		js_free(items);
	return code;
}

int verb_approve(struct cli *c, const struct cli_args *a)
{
	return decide_all(c, "approve", a, a->opt[WHY_M]);
}

int verb_deny(struct cli *c, const struct cli_args *a)
{
	if (a->opt[WHY_M] == NULL || a->opt[WHY_M][0] == '\0')
		return cli_failf(c, EXIT_USAGE, "say why: deny %s -m \"...\"", a->v[0]);
	return decide_all(c, "deny", a, a->opt[WHY_M]);
}

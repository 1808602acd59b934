/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging and rendering. Every path that cannot tell ends in "deny".
 */
#include "cmd/explain.h"

#include <strings.h>

#include "base/crypto.h"

static void unavailable(struct explained *out)
{
	out->j = (struct judgement){.verdict = VERDICT_DENY, .cls = SQL_UNPARSABLE};
	(void)snprintf(out->j.rule, sizeof(out->j.rule), "dialect");
	(void)snprintf(out->j.reason, sizeof(out->j.reason),
	    "the MySQL dialect is not available in this build");
}

static bool is_off(const char *s)
{
	return s != NULL && (strcasecmp(s, "off") == 0 || strcasecmp(s, "false") == 0 ||
				strcmp(s, "0") == 0 || strcasecmp(s, "no") == 0);
}

void explain_text(const struct explain *x, struct span sql, const struct explain_session *s,
    struct explained *out)
{
	struct sql_context cx = {
	    .scs_off = is_off(s->scs),
	    .client_encoding = s->client_encoding,
	    .dump_client = s->application != NULL && strncmp(s->application, "pg_dump", 7) == 0,
	};

	*out = (struct explained){0};
	if (x->dialect != EXPLAIN_PG) {
		unavailable(out);
		return;
	}
	pgsql_facts(sql, &cx, &out->facts);
	policy_judge(&x->view, &out->facts, &out->j);
}

void explained_clear(struct explained *e)
{
	sql_facts_clear(&e->facts);
}

/* ---- for a person ---- */

/* "file:line" of what decided, or "". */
static void where_of(const struct explain *x, const struct judgement *j, char *out, size_t cap)
{
	const char *rule = x->view.line[j->cls].rule;
	const struct conf_where *w = NULL;
	char base[80];
	size_t i;

	out[0] = '\0';
	for (i = 0; x->conf != NULL && i < x->conf->n_rules; i++)
		if (strcmp(x->conf->rules[i].name, rule) == 0 && strcmp(j->rule, rule) == 0)
			w = &x->conf->rules[i].where;
	for (i = 0; x->conf != NULL && w == NULL && i < x->conf->n_base; i++) {
		const struct conf_base *b = &x->conf->base[i];

		(void)snprintf(base, sizeof(base), "base %s=%s", b->key, b->value);
		if (strcmp(base, rule) == 0 && b->set[j->cls])
			w = &b->where;
	}
	if (w != NULL && w->file != NULL)
		(void)snprintf(out, cap, "%s:%d", w->file, w->line);
	else if (strncmp(j->rule, "base:", 5) == 0)
		(void)snprintf(out, cap, "built in");
}

static void print_line(FILE *out, const char *label, const char *text)
{
	if (text[0] != '\0')
		fprintf(out, "%-9s%s\n", label, text);
}

void explain_print(const struct explain *x, const struct explained *e, FILE *out)
{
	char where[300], rule[420];
	size_t i;

	where_of(x, &e->j, where, sizeof(where));
	(void)snprintf(rule, sizeof(rule), "%s%s%s%s", e->j.rule, where[0] != '\0' ? " (" : "",
	    where, where[0] != '\0' ? ")" : "");
	print_line(out, "verdict", verdict_name(e->j.verdict));
	print_line(out, "class", sql_class_name(e->j.cls));
	print_line(out, "rule", rule);
	print_line(out, "reason", e->j.reason);
	print_line(out, "hint", e->j.hint);
	for (i = 0; i < e->facts.n_stmts; i++) {
		const struct sql_stmt *s = &e->facts.stmts[i];

		fprintf(out, "%5zu    %s: %s%s%s\n", i + 1, s->tag[0] != '\0' ? s->tag : "?",
		    sql_class_name(s->cls), s->reason[0] != '\0' ? ", " : "", s->reason);
	}
}

/* ---- for a program ---- */

static struct js *put_statement(const struct sql_stmt *s)
{
	struct js *o = js_object();

	js_put_str(o, "tag", s->tag);
	js_put_str(o, "class", sql_class_name(s->cls));
	js_put_str(o, "reason", s->reason);
	js_put_int(o, "offset", s->off);
	js_put_int(o, "length", s->len);
	return o;
}

void explain_put(const struct explain *x, const struct explained *e, struct js *obj)
{
	struct js *list = js_array();
	char where[300];
	size_t i;

	where_of(x, &e->j, where, sizeof(where));
	js_put_str(obj, "verdict", verdict_name(e->j.verdict));
	js_put_str(obj, "class", sql_class_name(e->j.cls));
	js_put_str(obj, "rule", e->j.rule);
	js_put_str(obj, "where", where);
	if (e->j.verdict == VERDICT_MEASURE)
		js_put_int(obj, "guard_rows", e->j.guard_rows);
	js_put_str(obj, "reason", e->j.reason);
	js_put_str(obj, "hint", e->j.hint);
	for (i = 0; i < e->facts.n_stmts; i++)
		js_push(list, put_statement(&e->facts.stmts[i]));
	js_put(obj, "statements", list);
}

static enum explain_dialect dialect_of(const struct explain *x, const struct js *line)
{
	const char *d = js_str(js_get(line, "dialect"));

	if (d == NULL)
		d = js_str(js_get(line, "server"));
	if (d == NULL)
		return x->dialect;
	return strncasecmp(d, "my", 2) == 0 || strncasecmp(d, "maria", 5) == 0 ? EXPLAIN_MYSQL
									       : EXPLAIN_PG;
}

/* The text: "sql_b64" wins, for it can hold any bytes. */
static int line_sql(const struct js *line, struct buf *bytes, struct span *out)
{
	const struct js *b64 = js_get(line, "sql_b64"), *sql = js_get(line, "sql");
	int r;

	if (js_type(b64) == JS_STRING) {
		r = base64_decode(js_span(b64), bytes);
		*out = buf_span(bytes);
		return r;
	}
	*out = js_span(sql);
	return js_type(sql) == JS_STRING ? 0 : E_FORMAT;
}

static struct js *copy_id(const struct js *id)
{
	if (js_type(id) == JS_STRING)
		return js_new_str(js_span(id));
	return js_type(id) == JS_INT ? js_new_int(js_int(id, 0)) : js_new_null();
}

static void put_bad_line(struct js *obj, const char *why)
{
	js_put_str(obj, "verdict", verdict_name(VERDICT_DENY));
	js_put_str(obj, "class", sql_class_name(SQL_UNPARSABLE));
	js_put_str(obj, "reason", why);
}

/* Judge a parsed line into obj. */
static int judge_line(const struct explain *x, const struct js *line, struct js *obj)
{
	const struct js *ses = js_get(line, "session");
	struct explain_session s = {
	    .client_encoding = js_str(js_get(ses, "client_encoding")),
	    .scs = js_str(js_get(ses, "standard_conforming_strings")),
	    .application = js_str(js_get(ses, "application_name")),
	};
	struct explain y = *x;
	struct explained e;
	struct span sql;
	struct buf bytes;
	int r;

	if (js_type(js_get(ses, "standard_conforming_strings")) == JS_BOOL)
		s.scs = js_bool(js_get(ses, "standard_conforming_strings"), true) ? "on" : "off";
	y.dialect = dialect_of(x, line);
	buf_init(&bytes, JS_TEXT_MAX);
	r = line_sql(line, &bytes, &sql);
	if (r == 0) {
		explain_text(&y, sql, &s, &e);
		explain_put(&y, &e, obj);
		explained_clear(&e);
	} else {
		put_bad_line(obj, "the line has neither \"sql\" nor a valid \"sql_b64\"");
	}
	buf_clear(&bytes);
	return r == 0 ? 0 : E_FORMAT;
}

int explain_line(const struct explain *x, struct span line, struct buf *out)
{
	struct js *in = NULL, *obj = js_object();
	struct why w;
	int r = js_parse(line, &in, &w);

	if (r == 0 && js_type(in) == JS_OBJECT) {
		js_put(obj, "id", copy_id(js_get(in, "id")));
		r = judge_line(x, in, obj);
	} else {
		js_put(obj, "id", js_new_null());
		put_bad_line(obj, r != 0 ? w.text : "the line is no JSON object");
		r = E_FORMAT;
	}
	js_dump(obj, out);
	buf_put_str(out, "\n");
	js_free(obj);
	js_free(in);
	return r;
}

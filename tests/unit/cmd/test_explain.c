/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard's cases through the same code as `policy explain --jsonl`:
 * tests/vectors/guard/guard.jsonl, where "approve" means "hold".
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/explain.h"

#define VECTORS SP_SRCDIR "/tests/vectors/guard/guard.jsonl"

static struct explain prod(void)
{
	struct explain x = {.dialect = EXPLAIN_PG};

	policy_view_default(&x.view, "prod");
	return x;
}

/* Judge one line; the answer parsed. */
static struct js *ask(const struct explain *x, struct span line, int *r)
{
	struct js *out = NULL;
	struct buf b;
	struct why w;

	buf_init(&b, 4u << 20);
	*r = explain_line(x, line, &b);
	cr_assert_eq(buf_err(&b), 0);
	cr_assert_eq(js_parse(buf_span(&b), &out, &w), 0);
	buf_clear(&b);
	return out;
}

static bool expected(const struct js *line, const char *verdict)
{
	const struct js *also = js_get(line, "also_ok");
	const char *want = js_str(js_get(line, "expected"));
	size_t i;

	if (strcmp(verdict, "hold") == 0)
		verdict = "approve";
	if (strcmp(want, verdict) == 0)
		return true;
	for (i = 0; i < js_count(also); i++)
		if (strcmp(js_str(js_at(also, i)), verdict) == 0)
			return true;
	return false;
}

Test(explain, guard_vectors)
{
	struct explain x = prod();
	FILE *f = fopen(VECTORS, "r");
	char *line = NULL;
	size_t cap = 0, cases = 0, wrong = 0;
	ssize_t n;

	cr_assert_not_null(f);
	while ((n = getline(&line, &cap, f)) > 0) {
		struct js *in = NULL, *out;
		struct why w;
		int r;

		cr_assert_eq(js_parse(span_of(line, (size_t)n), &in, &w), 0);
		out = ask(&x, span_of(line, (size_t)n), &r);
		cases++;
		if (r != 0 || !expected(in, js_str(js_get(out, "verdict")))) {
			wrong++;
			cr_log_error("%s: %s, class %s: %s\n", js_str(js_get(in, "id")),
			    js_str(js_get(out, "verdict")), js_str(js_get(out, "class")),
			    js_str(js_get(in, "sql")));
		}
		js_free(in);
		js_free(out);
	}
	free(line);
	fclose(f);
	cr_assert_geq(cases, 400);
	cr_assert_eq(wrong, 0, "%zu of %zu cases", wrong, cases);
}

static void check_line(const char *line, int want_r, const char *verdict, const char *class)
{
	struct explain x = prod();
	int r;
	struct js *out = ask(&x, span_str(line), &r);

	cr_assert_eq(r, want_r, "%s", line);
	cr_assert_str_eq(js_str(js_get(out, "verdict")), verdict, "%s", line);
	cr_assert_str_eq(js_str(js_get(out, "class")), class, "%s", line);
	js_free(out);
}

Test(explain, lines)
{
	check_line("{\"id\":7,\"sql\":\"SELECT 1\"}", 0, "allow", "read");
	check_line("{\"sql\":\"x\",\"sql_b64\":\"RFJPUCBUQUJMRSB0\"}", 0, "hold", "destructive");
	check_line("{\"sql_b64\":\"U0VMRUNUACcxJw==\"}", 0, "deny", "unparsable");
	check_line("{\"sql\":\"SELECT 1\",\"dialect\":\"mysql\"}", 0, "deny", "unparsable");
	check_line("{\"sql\":\"SELECT 1\",\"server\":\"mariadb 10.11\"}", 0, "deny", "unparsable");
	check_line("{\"sql\":\"SELECT 1\",\"server\":\"PostgreSQL 15\"}", 0, "allow", "read");
	check_line("{\"sql\":\"DROP TABLE \\u0000x\"}", 0, "deny", "unparsable");
	check_line("{\"sql\":5}", E_FORMAT, "deny", "unparsable");
	check_line("{\"sql_b64\":\"!\"}", E_FORMAT, "deny", "unparsable");
	check_line("[1]", E_FORMAT, "deny", "unparsable");
	check_line("nonsense", E_FORMAT, "deny", "unparsable");
	check_line(
	    "{\"sql\":\"SET row_security = off\",\"session\":{\"application_name\":\"pg_dump\"}}",
	    0, "allow", "session-local");
	check_line(
	    "{\"sql\":\"SELECT '\\\\n'\",\"session\":{\"standard_conforming_strings\":false}}", 0,
	    "deny", "unparsable");
}

Test(explain, mysql_says_that_it_is_missing)
{
	struct explain x = prod();
	struct explain_session s = {NULL, NULL, NULL};
	struct explained e;

	x.dialect = EXPLAIN_MYSQL;
	explain_text(&x, span_str("SELECT 1"), &s, &e);
	cr_assert_eq(e.j.verdict, VERDICT_DENY);
	cr_assert_str_eq(e.j.reason, "the MySQL dialect is not available in this build");
	explained_clear(&e);
}

Test(explain, a_write_that_would_be_counted)
{
	struct explain x = prod();
	struct explain_session s = {NULL, NULL, NULL};
	struct explained e;
	struct js *out;
	char text[2048];
	FILE *f = fmemopen(text, sizeof(text), "w");
	int r;

	x.view.guard_rows = 7;
	explain_text(&x, span_str("DELETE FROM orders WHERE id <> 1"), &s, &e);
	explain_print(&x, &e, f);
	fclose(f);
	explained_clear(&e);
	cr_assert_not_null(strstr(text, "verdict  measure\n"));
	cr_assert_not_null(strstr(text, "rule     base:env=prod/write (built in)\n"));
	cr_assert_not_null(strstr(text, "held above 7 rows"));
	out = ask(&x, span_str("{\"sql\":\"DELETE FROM orders WHERE id = $1\"}"), &r);
	cr_assert_str_eq(js_str(js_get(out, "verdict")), "measure");
	cr_assert_eq(js_int(js_get(out, "guard_rows"), -1), 7);
	js_free(out);
}

Test(explain, text_names_the_rule_and_each_statement)
{
	struct explain x = prod();
	struct explain_session s = {NULL, NULL, NULL};
	struct explained e;
	char out[2048];
	FILE *f = fmemopen(out, sizeof(out), "w");

	explain_text(&x, span_str("SELECT 1; DELETE FROM orders WHERE 1 <> 2"), &s, &e);
	explain_print(&x, &e, f);
	fclose(f);
	explained_clear(&e);
	cr_assert_not_null(strstr(out, "verdict  hold\n"));
	cr_assert_not_null(strstr(out, "rule     base:env=prod/bulk (built in)\n"));
	cr_assert_not_null(strstr(out, "reason   DELETE with a WHERE clause that looks at no column of the table\n"));
	cr_assert_not_null(strstr(out, "    2    DELETE: bulk, DELETE with a WHERE"));
}

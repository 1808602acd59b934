/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "policy/resolve.h"
#include "policy/verdict.h"
#include "policy/view.h"

static struct judgement judge(const struct policy_view *v, const char *sql)
{
	struct sql_facts f;
	struct judgement j;

	pgsql_facts(span_str(sql), NULL, &f);
	policy_judge(v, &f, &j);
	sql_facts_clear(&f);
	return j;
}

static struct policy_view view(const char *env)
{
	struct policy_view v;

	policy_view_default(&v, env);
	return v;
}

Test(verdict, base_of_production)
{
	static const enum verdict want[SQL_CLASS_N] = {
		[SQL_READ] = VERDICT_ALLOW, [SQL_SESSION] = VERDICT_ALLOW, [SQL_WRITE] = VERDICT_ALLOW,
		[SQL_BULK] = VERDICT_HOLD, [SQL_OPAQUE] = VERDICT_HOLD, [SQL_SCHEMA] = VERDICT_HOLD,
		[SQL_DESTRUCTIVE] = VERDICT_HOLD, [SQL_CONTROL] = VERDICT_HOLD,
	};
	static const char *const envs[] = {NULL, "prod", "dev", "Staging", ""};
	size_t i;
	int c;

	for (i = 0; i < sizeof(envs) / sizeof(envs[0]); i++) {
		struct policy_view v = view(envs[i]);

		for (c = 0; c < SQL_CLASS_N; c++)
			cr_expect_eq(v.line[c].verdict, want[c], "%s", sql_class_name((enum sql_class)c));
		cr_assert_eq(v.mask, MASK_FULL);
		cr_assert_eq(v.max, SQL_ESCAPE);
		cr_assert_str_eq(v.line[0].rule, "base env=prod");
	}
}

Test(verdict, base_of_staging)
{
	struct policy_view v = view("staging");

	cr_assert_eq(judge(&v, "DELETE FROM t").verdict, VERDICT_WARN);
	cr_assert_eq(judge(&v, "SELECT f()").verdict, VERDICT_WARN);
	cr_assert_eq(judge(&v, "CREATE TABLE t (a int)").verdict, VERDICT_WARN);
	cr_assert_eq(judge(&v, "DROP TABLE t").verdict, VERDICT_HOLD);
	cr_assert_eq(judge(&v, "GRANT ALL ON t TO x").verdict, VERDICT_HOLD);
	cr_assert_eq(judge(&v, "SET log_statement = 'none'").verdict, VERDICT_DENY);
	cr_assert_eq(judge(&v, "COPY t TO PROGRAM 'x'").verdict, VERDICT_DENY);
	cr_assert_eq(judge(&v, "selekt").verdict, VERDICT_DENY);
}

Test(verdict, names_rule_reason_hint)
{
	struct policy_view v = view("prod");
	struct judgement j = judge(&v, "COPY t TO PROGRAM 'x'");

	cr_assert_eq(j.cls, SQL_ESCAPE);
	cr_assert_str_eq(j.rule, "base:env=prod/escape");
	cr_assert_str_eq(j.reason, "COPY … TO PROGRAM runs a program on the database host");
	cr_assert_str_eq(j.hint, "no role of yours may do this here; the operators can say why: sallyport policy explain");
	j = judge(&v, "SELECT 1");
	cr_assert_eq(j.verdict, VERDICT_ALLOW);
	cr_assert_eq(j.cls, SQL_READ);
	cr_assert_str_eq(j.reason, "");
	cr_assert_str_eq(j.hint, "");
	j = judge(&v, "BEGIN; SELECT 1");
	cr_assert_eq(j.cls, SQL_SESSION);
	j = judge(&v, "");
	cr_assert_eq(j.verdict, VERDICT_ALLOW);
	j = judge(&v, "selekt 1");
	cr_assert_str_eq(j.rule, "base:env=prod/unparsable");
	cr_assert_not_null(strstr(j.reason, "syntax error"));
}

/* Loosening one class must not carry another one through in the same statement or message. */
Test(verdict, strictest_of_all_classes)
{
	struct policy_view v = view("prod");
	struct judgement j;

	v.line[SQL_SCHEMA].verdict = VERDICT_ALLOW;
	cr_assert_eq(judge(&v, "CREATE TABLE x AS SELECT 1").verdict, VERDICT_ALLOW);
	j = judge(&v, "CREATE TABLE x AS SELECT purge()");
	cr_assert_eq(j.verdict, VERDICT_HOLD);
	cr_assert_eq(j.cls, SQL_OPAQUE);
	cr_assert_str_eq(j.reason, "part of it is of class opaque");
	cr_assert_eq(judge(&v, "CREATE TABLE x (a int); DELETE FROM t").verdict, VERDICT_HOLD);
	v.line[SQL_READ].verdict = VERDICT_HOLD;
	cr_assert_eq(judge(&v, "CREATE TABLE x AS SELECT 1").verdict, VERDICT_ALLOW);
	cr_assert_eq(judge(&v, "SELECT 1").verdict, VERDICT_HOLD);
}

/* A view cannot allow what nobody may do, and an empty one allows nothing. */
Test(verdict, floors)
{
	struct policy_view v, zero = {0};
	int c;

	policy_view_default(&v, "prod");
	for (c = 0; c < SQL_CLASS_N; c++)
		v.line[c].verdict = VERDICT_ALLOW;
	cr_assert_eq(judge(&v, "SELECT pg_read_file('x')").verdict, VERDICT_DENY);
	cr_assert_eq(judge(&v, "selekt").verdict, VERDICT_DENY);
	cr_assert_eq(judge(&v, "DROP TABLE t").verdict, VERDICT_ALLOW);
	cr_assert_eq(judge(&zero, "SELECT 1").verdict, VERDICT_DENY);
	cr_assert_eq(judge(&zero, "").verdict, VERDICT_DENY);
	cr_assert_eq(judge(&zero, "BEGIN").verdict, VERDICT_DENY);
}

Test(verdict, cap_of_a_role)
{
	static const struct {
		enum sql_class max;
		const char *sql;
		enum verdict verdict;
	} cases[] = {
		{SQL_READ, "SELECT 1", VERDICT_ALLOW}, {SQL_READ, "BEGIN", VERDICT_ALLOW},
		{SQL_READ, "INSERT INTO t VALUES (1)", VERDICT_DENY}, {SQL_READ, "DELETE FROM t", VERDICT_DENY},
		{SQL_READ, "DELETE FROM pg_temp.v", VERDICT_DENY}, {SQL_READ, "DELETE FROM pg_temp.v WHERE a = 1", VERDICT_DENY},
		{SQL_READ, "INSERT INTO pg_temp.v SELECT 1 FROM t", VERDICT_DENY}, {SQL_READ, "ALTER TABLE pg_temp.k INHERIT orders", VERDICT_DENY},
		{SQL_READ, "SELECT * FROM t FOR UPDATE", VERDICT_DENY}, {SQL_READ, "PREPARE TRANSACTION 'x'", VERDICT_DENY},
		{SQL_READ, "SELECT nextval('s')", VERDICT_DENY}, {SQL_WRITE, "INSERT INTO t VALUES (1)", VERDICT_ALLOW},
		{SQL_BULK, "DELETE FROM t", VERDICT_HOLD}, {SQL_BULK, "SELECT f()", VERDICT_DENY},
		{SQL_SCHEMA, "CREATE TABLE t (a int)", VERDICT_HOLD}, {SQL_SCHEMA, "DROP TABLE t", VERDICT_DENY},
		{SQL_SCHEMA, "SELECT f()", VERDICT_HOLD}, {SQL_UNPARSABLE, "SELECT 1", VERDICT_ALLOW},
	};
	struct policy_view v = view("prod");
	struct judgement j;
	size_t i;

	for (i = 0; i + 1 < sizeof(cases) / sizeof(cases[0]); i++) {
		v.max = cases[i].max;
		cr_expect_eq(judge(&v, cases[i].sql).verdict, cases[i].verdict, "max %s: %s", sql_class_name(v.max), cases[i].sql);
	}
	v.max = SQL_READ;
	j = judge(&v, "DELETE FROM t");
	cr_assert_str_eq(j.rule, "role:max=read");
	cr_assert_str_eq(j.hint, "your role or certificate allows nothing beyond class read");
}

/* What is beyond guard_rows is bulk: held where bulk is held, nothing to count where bulk passes. */
Test(verdict, writes_that_are_counted)
{
	struct policy_view v = view("prod");
	struct judgement j = judge(&v, "DELETE FROM t WHERE a = 1");

	cr_assert_eq(v.guard_rows, 100);
	cr_assert_eq(j.verdict, VERDICT_MEASURE);
	cr_assert_eq(j.cls, SQL_WRITE);
	cr_assert_eq(j.guard_rows, 100);
	cr_assert_str_eq(j.rule, "base:env=prod/write");
	cr_assert_eq(judge(&v, "SELECT 1; DELETE FROM t WHERE a = 1; INSERT INTO t VALUES (1)").verdict, VERDICT_MEASURE);
	cr_assert_eq(judge(&v, "DELETE FROM t WHERE a = 1; DROP TABLE t").verdict, VERDICT_HOLD);
	cr_assert_eq(judge(&v, "DELETE FROM t WHERE a = pg_read_file('x')").verdict, VERDICT_DENY);
	v.guard_rows = 0;
	j = judge(&v, "DELETE FROM t WHERE a = 1");
	cr_assert_eq(j.verdict, VERDICT_HOLD);
	cr_assert_eq(j.cls, SQL_BULK);
	cr_assert_str_eq(j.rule, "base:env=prod/bulk");
	cr_assert_eq(judge(&v, "INSERT INTO t VALUES (1), (2)").verdict, VERDICT_ALLOW);
	v = view("prod");
	v.line[SQL_WRITE].verdict = VERDICT_DENY;
	cr_assert_eq(judge(&v, "DELETE FROM t WHERE a = 1").verdict, VERDICT_DENY);
	v = view("staging");
	cr_assert_eq(judge(&v, "DELETE FROM t WHERE a = 1").verdict, VERDICT_WARN);
	v.line[SQL_BULK].verdict = VERDICT_ALLOW;
	cr_assert_eq(judge(&v, "DELETE FROM t WHERE a = 1").verdict, VERDICT_ALLOW);
}

Test(verdict, given_rows_that_replace_others)
{
	struct policy_view v = view("prod");
	const char *two = "INSERT INTO t VALUES (1), (2) ON CONFLICT (a) DO UPDATE SET b = 1";

	v.guard_rows = 2;
	cr_assert_eq(judge(&v, two).verdict, VERDICT_ALLOW);
	v.guard_rows = 1;
	cr_assert_eq(judge(&v, two).verdict, VERDICT_MEASURE);
	v.guard_rows = 0;
	cr_assert_eq(judge(&v, two).verdict, VERDICT_HOLD);
	cr_assert_eq(judge(&v, "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1").verdict, VERDICT_ALLOW);
	v.guard_rows = 2;
	cr_assert_eq(judge(&v, "WITH x AS (INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1) "
			       "DELETE FROM u WHERE a > 1").guard_rows, 1);
	cr_assert_eq(judge(&v, "WITH x AS (INSERT INTO t VALUES (1), (2), (3) ON CONFLICT (a) DO UPDATE SET b = 1) "
			       "SELECT 1").verdict, VERDICT_HOLD);
}

Test(verdict, beyond_the_limit)
{
	struct policy_view v = view("prod");
	struct judgement j;

	policy_judge_beyond(&v, "changes 1 204 rows of orders; rolled back", &j);
	cr_assert_eq(j.verdict, VERDICT_HOLD);
	cr_assert_eq(j.cls, SQL_BULK);
	cr_assert_str_eq(j.rule, "base:env=prod/bulk");
	cr_assert_str_eq(j.reason, "changes 1 204 rows of orders; rolled back");
	v.max = SQL_WRITE;
	cr_assert_eq(judge(&v, "DELETE FROM t WHERE a = 1").verdict, VERDICT_MEASURE);
	policy_judge_beyond(&v, "x", &j);
	cr_assert_eq(j.verdict, VERDICT_DENY);
	cr_assert_str_eq(j.rule, "role:max=write");
}

/* ---- the view on the wire ---- */

static struct policy_view sample(void)
{
	struct policy_view v = view("staging");

	v.epoch = 14;
	v.quorum = 2;
	v.mode = HOLD_REJECT;
	v.mask = MASK_PARTIAL;
	v.max = SQL_DESTRUCTIVE;
	v.wait_ms = 5000;
	v.guard_rows = 12345;
	strcpy(v.approvers, "dba, security");
	strcpy(v.line[SQL_BULK].rule, "pii-bulk");
	strcpy(v.line[SQL_BULK].approval, "change");
	return v;
}

static int read_back(struct span s, struct policy_view *out)
{
	struct mp_doc *d = NULL;
	int r = mp_parse(s, &d, NULL);

	memset(out, 0xff, sizeof(*out));
	if (r == 0)
		r = policy_view_get(mp_root(d), out);
	else
		(void)policy_view_get(NULL, out);
	mp_free(d);
	return r;
}

Test(view, round_trip)
{
	struct policy_view a = sample(), b;
	struct buf buf;
	int c;

	buf_init(&buf, 1u << 16);
	policy_view_put(&buf, &a);
	cr_assert_eq(buf_err(&buf), 0);
	cr_assert_eq(read_back(buf_span(&buf), &b), 0);
	cr_assert_eq(b.epoch, 14);
	cr_assert_eq(b.quorum, 2);
	cr_assert_eq(b.mode, HOLD_REJECT);
	cr_assert_eq(b.mask, MASK_PARTIAL);
	cr_assert_eq(b.max, SQL_DESTRUCTIVE);
	cr_assert_eq(b.wait_ms, 5000);
	cr_assert_eq(b.wait_locks_ms, 60000);
	cr_assert_str_eq(b.approvers, "dba, security");
	for (c = 0; c < SQL_CLASS_N; c++) {
		cr_assert_eq(a.line[c].verdict, b.line[c].verdict);
		cr_assert_str_eq(a.line[c].rule, b.line[c].rule);
		cr_assert_str_eq(a.line[c].approval, b.line[c].approval);
	}
	buf_clear(&buf);
}

/* Cut or damaged: never milder than what was sent, except where a verdict's word itself became another word. */
Test(view, cut_or_empty_denies)
{
	struct policy_view a = sample(), b;
	struct buf buf;
	size_t i;
	int c;

	buf_init(&buf, 1u << 16);
	policy_view_put(&buf, &a);
	for (i = 0; i < buf_len(&buf); i++) {
		cr_assert_lt(read_back(span_of(buf_span(&buf).p, i), &b), 0);
		for (c = 0; c < SQL_CLASS_N; c++)
			cr_assert_eq(b.line[c].verdict, VERDICT_DENY);
	}
	for (i = 0; i < buf_len(&buf) * 8; i++) {
		uint8_t *copy = malloc(buf_len(&buf));

		memcpy(copy, buf_span(&buf).p, buf_len(&buf));
		copy[i / 8] ^= (uint8_t)(1 << (i % 8));
		(void)read_back(span_of(copy, buf_len(&buf)), &b);
		cr_assert_neq(memchr(b.approvers, 0, sizeof(b.approvers)), NULL);
		free(copy);
	}
	buf_clear(&buf);
	buf_init(&buf, 64);
	mp_put_map(&buf, 1);
	mp_put_cstr(&buf, "lines");
	mp_put_map(&buf, 0);
	cr_assert_eq(read_back(buf_span(&buf), &b), E_FORMAT);
	cr_assert_eq(b.line[SQL_READ].verdict, VERDICT_DENY);
	cr_assert_eq(b.max, SQL_READ);
	buf_clear(&buf);
}

/* ---- from a configuration ---- */

static const char text[] =
	"gateway: {listen: [\"127.0.0.1:2222\"], state: /tmp/x}\n"
	"targets:\n"
	"  p1: {type: postgres, address: [db:5432], labels: {env: prod, team: orders}, databases: [a], logins: {ro: {}, rw: {}}}\n"
	"  p2: {type: postgres, address: [db:5432], databases: [a], logins: {ro: {}}}\n"
	"  s1: {type: postgres, address: [db:5432], labels: {env: staging}, databases: [a], logins: {ro: {}}}\n"
	"base:\n"
	"  env=prod: {bulk: warn, guard_rows: 50}\n"
	"  team=orders: {bulk: deny, opaque: warn, guard_rows: 40}\n"
	"roles:\n"
	"  dev: {groups: [dev], targets: [env=prod], logins: [ro], mask: full}\n"
	"  dba: {groups: [dba], targets: [\"*\"], logins: [\"*\"], mask: none, guard_rows: 5000}\n"
	"  agents: {groups: [agents], targets: [p1], logins: [ro], max: read}\n"
	"approvals:\n"
	"  one: {approvers: [dba, sec], quorum: 2, wait: 10m, mode: wait}\n"
	"  two: {approvers: [dba], quorum: 1}\n"
	"rules:\n"
	"  - {name: tighten, targets: [p2], classes: [write], action: hold, approval: two, guard_rows: 60}\n"
	"  - {name: loosen-without-right, targets: [p2], classes: [schema], action: allow}\n"
	"  - {name: migrations, roles: [dba], classes: [schema], action: warn, overrides: [base], guard_rows: 1}\n"
	"  - {name: no-drop, roles: [dba], targets: [s1], classes: [destructive, schema], action: deny}\n"
	"  - {name: watching, classes: [read], action: deny, mode: observe, guard_rows: 0}\n"
	"  - {name: more, targets: [s1], classes: [write], action: allow, overrides: [base], guard_rows: 9000}\n"
	"  - {name: less, targets: [s1], roles: [dba], action: allow, guard_rows: 8000}\n";

static struct conf *load(void)
{
	struct conf *c = NULL;
	struct buf errs;

	buf_init(&errs, 1u << 20);
	cr_assert_eq(conf_parse("test.yaml", span_str(text), &c, &errs), 0, "%s", buf_cstr(&errs));
	buf_clear(&errs);
	return c;
}

static struct policy_view resolve(const struct conf *c, const char *role, const char *target, const char *login)
{
	struct policy_view v;

	policy_view_resolve(c, 7, conf_role_find(c, role), conf_target_find(c, target), login, &v);
	return v;
}

Test(resolve, layers)
{
	struct conf *c = load();
	struct policy_view v = resolve(c, "dev", "p1", "ro");

	cr_assert_eq(v.epoch, 7);
	cr_assert_eq(v.line[SQL_BULK].verdict, VERDICT_DENY, "the stricter of two labels");
	cr_assert_str_eq(v.line[SQL_BULK].rule, "base team=orders");
	cr_assert_eq(v.line[SQL_OPAQUE].verdict, VERDICT_WARN);
	cr_assert_eq(v.line[SQL_READ].verdict, VERDICT_ALLOW, "observe counts nowhere");
	cr_assert_eq(v.line[SQL_SCHEMA].verdict, VERDICT_HOLD);
	v = resolve(c, "dev", "p2", NULL);
	cr_assert_eq(v.line[SQL_BULK].verdict, VERDICT_WARN, "no env is prod");
	cr_assert_eq(v.line[SQL_WRITE].verdict, VERDICT_HOLD);
	cr_assert_str_eq(v.line[SQL_WRITE].rule, "tighten");
	cr_assert_str_eq(v.line[SQL_WRITE].approval, "two");
	cr_assert_eq(v.line[SQL_SCHEMA].verdict, VERDICT_HOLD, "only overrides may loosen");
	conf_free(c);
}

Test(resolve, overrides_and_who_approves)
{
	struct conf *c = load();
	struct policy_view v = resolve(c, "dba", "p1", "rw");

	cr_assert_eq(v.line[SQL_SCHEMA].verdict, VERDICT_WARN);
	cr_assert_str_eq(v.line[SQL_SCHEMA].rule, "migrations");
	cr_assert_eq(v.mask, MASK_NONE);
	cr_assert_str_eq(v.approvers, "dba, sec");
	cr_assert_eq(v.quorum, 2);
	cr_assert_eq(v.mode, HOLD_WAIT);
	cr_assert_eq(v.wait_ms, 10 * 60 * 1000);
	v = resolve(c, "dba", "s1", NULL);
	cr_assert_eq(v.line[SQL_SCHEMA].verdict, VERDICT_DENY, "tightening comes after overriding");
	cr_assert_eq(v.line[SQL_DESTRUCTIVE].verdict, VERDICT_DENY);
	cr_assert_eq(v.line[SQL_BULK].verdict, VERDICT_WARN);
	cr_assert_str_eq(v.line[SQL_BULK].rule, "base env=staging");
	v = resolve(c, "agents", "p1", "ro");
	cr_assert_eq(v.max, SQL_READ);
	conf_free(c);
}

Test(resolve, rows_of_writes)
{
	struct conf *c = load();

	cr_assert_eq(resolve(c, "dev", "p1", "ro").guard_rows, 40, "the least of two labels");
	cr_assert_eq(resolve(c, "dev", "p2", NULL).guard_rows, 50, "a rule does not raise without overriding");
	cr_assert_eq(resolve(c, "dba", "p1", NULL).guard_rows, 5000, "the role instead of base; not a rule of another class");
	cr_assert_eq(resolve(c, "dba", "p2", NULL).guard_rows, 60, "a rule lowers");
	cr_assert_eq(resolve(c, "dba", "s1", NULL).guard_rows, 8000, "raised by one that may, lowered by another");
	cr_assert_eq(resolve(c, "nobody", "p1", "ro").guard_rows, 0);
	conf_free(c);
}

Test(resolve, out_of_reach_denies_everything)
{
	struct conf *c = load();
	struct policy_view none[4] = {
		resolve(c, "dev", "s1", "ro"), resolve(c, "dev", "p1", "rw"), resolve(c, "nobody", "p1", "ro"),
		resolve(c, "dev", "nowhere", "ro"),
	};
	size_t i;
	int k;

	for (i = 0; i < 4; i++)
		for (k = 0; k < SQL_CLASS_N; k++)
			cr_assert_eq(none[i].line[k].verdict, VERDICT_DENY);
	conf_free(c);
}

/* --- an agent: never more than its own role, never more than its person's --- */

static enum verdict effective(const struct policy_view *v, enum sql_class c)
{
	return class_beyond(c, v->max) ? VERDICT_DENY : v->line[c].verdict;
}

static struct policy_view all_of(enum verdict verdict, enum sql_class max, int mask, const char *rule, const char *approval)
{
	struct policy_view v = view("prod");

	v.max = max;
	v.mask = mask;
	for (int k = 0; k < SQL_CLASS_N; k++) {
		v.line[k].verdict = verdict;
		(void)snprintf(v.line[k].rule, sizeof(v.line[k].rule), "%s", rule);
		(void)snprintf(v.line[k].approval, sizeof(v.line[k].approval), "%s", approval);
	}
	return v;
}

static void check_narrow(const struct policy_view *a, const struct policy_view *b)
{
	struct policy_view v = *a;

	policy_view_narrow(&v, b);
	for (int k = SQL_READ; k < SQL_CLASS_N; k++) {
		enum sql_class c = (enum sql_class)k;
		enum verdict x = effective(a, c), y = effective(b, c);

		cr_assert_eq(effective(&v, c), x < y ? x : y, "%s: %s and %s", sql_class_name(c), verdict_name(x), verdict_name(y));
	}
	cr_assert_eq(v.mask, a->mask < b->mask ? a->mask : b->mask);
}

Test(view, the_stricter_of_two)
{
	for (int x = VERDICT_DENY; x <= VERDICT_ALLOW; x++)
		for (int y = VERDICT_DENY; y <= VERDICT_ALLOW; y++)
			for (int m = SQL_READ; m < SQL_CLASS_N; m++)
				for (int n = SQL_READ; n < SQL_CLASS_N; n++) {
					struct policy_view a = all_of((enum verdict)x, (enum sql_class)m, m % 3, "a", "");
					struct policy_view b = all_of((enum verdict)y, (enum sql_class)n, n % 3, "b", "");

					check_narrow(&a, &b);
				}
}

Test(view, says_whose_rule_it_was)
{
	struct policy_view a = all_of(VERDICT_HOLD, SQL_ESCAPE, MASK_NONE, "a", "");
	struct policy_view b = all_of(VERDICT_DENY, SQL_ESCAPE, MASK_NONE, "b", "");
	struct policy_view v = a;

	policy_view_narrow(&v, &b);
	cr_assert_str_eq(v.line[SQL_BULK].rule, "b");
	v = b;
	policy_view_narrow(&v, &a);
	cr_assert_str_eq(v.line[SQL_BULK].rule, "b");
	b = all_of(VERDICT_HOLD, SQL_ESCAPE, MASK_NONE, "b", "two-dbas");
	v = a;
	policy_view_narrow(&v, &b);
	cr_assert_str_eq(v.line[SQL_BULK].approval, "two-dbas", "who says who approves is not lost");
	v = b;
	policy_view_narrow(&v, &a);
	cr_assert_str_eq(v.line[SQL_BULK].approval, "two-dbas");
	/* a view of nobody denies, whatever the other says */
	v = all_of(VERDICT_ALLOW, SQL_ESCAPE, MASK_NONE, "a", "");
	policy_view_resolve(NULL, 1, NULL, NULL, NULL, &b);
	policy_view_narrow(&v, &b);
	for (int k = 0; k < SQL_CLASS_N; k++)
		cr_assert_eq(v.line[k].verdict, VERDICT_DENY);
	cr_assert_eq(v.mask, MASK_FULL);
}

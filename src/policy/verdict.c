/* SPDX-License-Identifier: Apache-2.0
 *
 * The built-in base, and one verdict from facts and a view: the strictest over all statements of a
 * message and all classes seen in each. What cannot be read and what reaches out of the database is
 * refused whatever a view says.
 */
#include "policy/verdict.h"

#include <stdio.h>

#include "base/mem.h"

#define WAIT_MS       (15 * 60 * 1000)
#define WAIT_LOCKS_MS (60 * 1000)

static const enum verdict base_prod[SQL_CLASS_N] = {
    [SQL_UNPARSABLE] = VERDICT_DENY,
    [SQL_READ] = VERDICT_ALLOW,
    [SQL_SESSION] = VERDICT_ALLOW,
    [SQL_WRITE] = VERDICT_ALLOW,
    [SQL_BULK] = VERDICT_HOLD,
    [SQL_OPAQUE] = VERDICT_HOLD,
    [SQL_SCHEMA] = VERDICT_HOLD,
    [SQL_DESTRUCTIVE] = VERDICT_HOLD,
    [SQL_CONTROL] = VERDICT_HOLD,
    [SQL_PRIVILEGE] = VERDICT_DENY,
    [SQL_AUDIT] = VERDICT_DENY,
    [SQL_ESCAPE] = VERDICT_DENY,
};

/* What env=staging loosens. */
static const struct {
	enum sql_class cls;
	enum verdict verdict;
} base_staging[] = {
    {SQL_BULK, VERDICT_WARN},
    {SQL_OPAQUE, VERDICT_WARN},
    {SQL_SCHEMA, VERDICT_WARN},
    {SQL_PRIVILEGE, VERDICT_HOLD},
};

void policy_view_default(struct policy_view *v, const char *env)
{
	bool staging = env != NULL && strcmp(env, "staging") == 0;
	size_t i;

	*v = (struct policy_view){
	    .quorum = 1,
	    .mode = HOLD_AUTO,
	    .wait_ms = WAIT_MS,
	    .wait_locks_ms = WAIT_LOCKS_MS,
	    .mask = MASK_FULL,
	    .guard_rows = GUARD_ROWS_DEFAULT,
	    .max = SQL_ESCAPE,
	};
	for (i = 0; i < SQL_CLASS_N; i++) {
		v->line[i].verdict = base_prod[i];
		(void)str_copy(v->line[i].rule, sizeof(v->line[i].rule),
		    staging ? "base env=staging" : "base env=prod");
	}
	for (i = 0; staging && i < sizeof(base_staging) / sizeof(base_staging[0]); i++)
		v->line[base_staging[i].cls].verdict = base_staging[i].verdict;
}

/* Beyond the role's most severe class? Inside a level the later class is the wider one; level 0 is
 * one. */
bool class_beyond(enum sql_class cls, enum sql_class max)
{
	int a = sql_class_level(cls), b = sql_class_level(max);

	return a > b || (a == b && a > 0 && cls > max);
}

static enum verdict verdict_of(const struct policy_view *v, enum sql_class cls)
{
	if (cls == SQL_UNPARSABLE || cls == SQL_ESCAPE || (unsigned)cls >= SQL_CLASS_N ||
	    class_beyond(cls, v->max))
		return VERDICT_DENY;
	return v->line[cls].verdict;
}

/* "base env=prod" -> "base:env=prod/escape"; a rule's own name as it is. */
static void name_rule(const struct policy_view *v, struct judgement *out)
{
	const char *rule = v->line[out->cls].rule;

	if (out->cls != SQL_UNPARSABLE && class_beyond(out->cls, v->max))
		(void)snprintf(out->rule, sizeof(out->rule), "role:max=%s", sql_class_name(v->max));
	else if (strncmp(rule, "base ", 5) == 0)
		(void)snprintf(
		    out->rule, sizeof(out->rule), "base:%s/%s", rule + 5, sql_class_name(out->cls));
	else
		(void)str_copy(out->rule, sizeof(out->rule), rule[0] != '\0' ? rule : "none");
}

static const char *const hints[SQL_CLASS_N] = {
    [SQL_UNPARSABLE] = "what the gateway cannot read it does not pass on; check the syntax or "
		       "write it more plainly",
    [SQL_BULK] = "to run without approval, name the rows by a unique key (id = 5, id IN (5, 6))",
    [SQL_OPAQUE] = "to run without approval, write the statements out instead of calling code",
};

static void set_hint(const struct policy_view *v, struct judgement *out)
{
	const char *hint = hints[out->cls];

	out->hint[0] = '\0';
	if (out->verdict == VERDICT_ALLOW)
		return;
	if (out->verdict == VERDICT_MEASURE) {
		(void)snprintf(out->hint, sizeof(out->hint),
		    "runs, is counted, and is undone and held above %lld rows; naming the rows by a unique key saves the count",
		    (long long)out->guard_rows);
		return;
	}
	if (out->cls != SQL_UNPARSABLE && class_beyond(out->cls, v->max))
		(void)snprintf(out->hint, sizeof(out->hint),
		    "your role or certificate allows nothing beyond class %s", sql_class_name(v->max));
	else if (hint != NULL)
		(void)str_copy(out->hint, sizeof(out->hint), hint);
	else if (out->verdict == VERDICT_DENY)
		(void)str_copy(out->hint, sizeof(out->hint),
		    "no role of yours may do this here; the operators can say why: sallyport policy explain");
}

/* Keep the stricter one; among equals the more severe class. */
static bool worse(enum verdict v, enum sql_class c, const struct judgement *than)
{
	int a = sql_class_level(c), b = sql_class_level(than->cls);

	if (v != than->verdict)
		return v < than->verdict;
	return a > b || (a == b && c > than->cls);
}

static void judge_class(const struct policy_view *v, enum sql_class c, enum sql_class main,
    const char *reason, struct judgement *out)
{
	enum verdict verdict = verdict_of(v, c);

	if (!worse(verdict, c, out))
		return;
	out->verdict = verdict;
	out->cls = c;
	if (c == main && (reason[0] != '\0' || verdict == VERDICT_ALLOW))
		(void)str_copy(out->reason, sizeof(out->reason), reason);
	else if (c == main)
		(void)snprintf(
		    out->reason, sizeof(out->reason), "a statement of class %s", sql_class_name(c));
	else
		(void)snprintf(out->reason, sizeof(out->reason), "part of it is of class %s",
		    sql_class_name(c));
}

/* A write whose rows are not proven to be few enough. One row by its key is never too many; where bulk passes, there is
 * nothing to find out. */
static void judge_rows(const struct policy_view *v, const struct sql_stmt *s, struct judgement *out)
{
	int64_t left = v->guard_rows - (int64_t)s->inner_rows; /* for what the command tag counts */
	bool open = (s->flags & SQLF_MEASURE) != 0;

	if (strcmp(s->tag, "PREPARE") == 0)
		return; /* its EXECUTE changes them */
	if (!open && ((int64_t)s->rows <= left || s->rows + s->inner_rows <= 1))
		return;
	if (left <= 0 || verdict_of(v, SQL_BULK) >= VERDICT_WARN) {
		judge_class(v, SQL_BULK, s->cls == SQL_WRITE ? SQL_BULK : s->cls, s->reason, out);
	} else if (worse(VERDICT_MEASURE, SQL_WRITE, out)) {
		out->verdict = VERDICT_MEASURE;
		out->cls = SQL_WRITE;
		out->guard_rows = left;
		(void)str_copy(out->reason, sizeof(out->reason), s->reason);
	} else if (out->verdict == VERDICT_MEASURE && left < out->guard_rows) {
		out->guard_rows = left;
	}
}

static void judge_statement(
    const struct policy_view *v, const struct sql_stmt *s, struct judgement *out)
{
	int c;

	judge_class(v, s->cls, s->cls, s->reason, out);
	for (c = 0; c < SQL_CLASS_N; c++)
		if (s->classes & (1u << c))
			judge_class(v, (enum sql_class)c, s->cls, s->reason, out);
	judge_rows(v, s, out);
}

/* Statements of one message that are each small enough may not be so together. */
static void judge_together(const struct policy_view *v, const struct sql_facts *f, struct judgement *out)
{
	struct sql_stmt all = {.cls = SQL_WRITE, .reason = "several writes that together may change more rows"};
	size_t i;

	for (i = 0; i < f->n_stmts; i++) {
		if (strcmp(f->stmts[i].tag, "PREPARE") == 0)
			continue;
		all.rows += f->stmts[i].rows;
		all.inner_rows += f->stmts[i].inner_rows;
	}
	if (f->n_stmts > 1)
		judge_rows(v, &all, out);
}

void policy_judge(const struct policy_view *v, const struct sql_facts *f, struct judgement *out)
{
	size_t i;

	/* Nothing is milder than this. */
	*out = (struct judgement){.verdict = VERDICT_ALLOW, .cls = SQL_READ};
	if (f->cls == SQL_UNPARSABLE || f->n_stmts == 0)
		judge_class(v, f->cls, f->cls, f->reason, out);
	for (i = 0; i < f->n_stmts; i++)
		judge_statement(v, &f->stmts[i], out);
	judge_together(v, f, out);
	name_rule(v, out);
	set_hint(v, out);
}

void policy_judge_beyond(const struct policy_view *v, const char *why, struct judgement *out)
{
	enum verdict verdict = verdict_of(v, SQL_BULK);

	*out = (struct judgement){.verdict = verdict < VERDICT_HOLD ? verdict : VERDICT_HOLD, .cls = SQL_BULK};
	(void)str_copy(out->reason, sizeof(out->reason), why);
	name_rule(v, out);
	set_hint(v, out);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * From facts to a verdict: the base table of a target's environment, loosened or tightened by rules. Pure.
 * A verdict nobody filled is DENY.
 */
#ifndef SP_POLICY_VERDICT_H
#define SP_POLICY_VERDICT_H

#include "sql/facts.h"

/* One line of a policy view: what happens to a class, who says so. */
struct policy_line {
	enum verdict verdict;
	char rule[64];      /* "base env=prod" or the rule's name; shown as base:env=prod/CLASS */
	char approval[32];  /* name of the approval block for HOLD, or "" = the default one */
};

/* Everything a session needs to judge statements of one (identity, role, target, login): made by the monitor
 * from an epoch of the configuration, sent to the session, replaced whole on reload. */
struct policy_view {
	uint32_t epoch;
	struct policy_line line[SQL_CLASS_N];
	char approvers[64];      /* group that approves holds, for the notice: "dba" */
	int quorum;
	enum hold_mode mode;
	int64_t wait_ms;         /* how long a hold waits */
	int64_t wait_locks_ms;   /* the same once the transaction has written or holds locks */
	int mask;                /* enum mask_mode */
	int64_t guard_rows;      /* existing rows that a statement of class write may change uncounted or measured; 0: none */
	enum sql_class max;      /* the most severe class this role may even ask for (agents: SQL_READ); SQL_ESCAPE = no cap */
};

/* The built-in base for a label set: env=prod (also when there is no env), env=staging. */
void policy_view_default(struct policy_view *v, const char *env);

/* Is cls more severe than max? Inside a level the later class is the wider one; level 0 is one. */
bool class_beyond(enum sql_class cls, enum sql_class max);

/* Rows a write may change when nothing else is configured. */
#define GUARD_ROWS_DEFAULT 100

struct judgement {
	enum verdict verdict;
	enum sql_class cls;
	int64_t guard_rows; /* of VERDICT_MEASURE: rows that the command tag may count */
	char rule[96];    /* "base:env=prod/escape" */
	char reason[200]; /* "COPY … TO PROGRAM runs a program on the database host" */
	char hint[200];
};

/* One verdict for the message. VERDICT_MEASURE: where bulk would be held or refused, a statement of class write that
 * may change more than guard_rows rows is to be run so that it can be undone, and counted (SQLF_MEASURE or rows of its
 * struct sql_stmt; a message may hold several). */
void policy_judge(const struct policy_view *v, const struct sql_facts *f, struct judgement *out);
/* What happens to a measured statement whose effect is beyond its limit or unknown: the verdict on class bulk, HOLD or
 * DENY. why: "changes 1 204 rows of orders; rolled back". */
void policy_judge_beyond(const struct policy_view *v, const char *why, struct judgement *out);

#endif

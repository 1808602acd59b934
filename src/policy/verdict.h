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
	enum sql_class max;      /* the most severe class this role may even ask for (agents: SQL_READ); SQL_ESCAPE = no cap */
};

/* The built-in base for a label set: env=prod (also when there is no env), env=staging. */
void policy_view_default(struct policy_view *v, const char *env);

/* Is cls more severe than max? Inside a level the later class is the wider one; level 0 is one. */
bool class_beyond(enum sql_class cls, enum sql_class max);

struct judgement {
	enum verdict verdict;
	enum sql_class cls;
	char rule[96];    /* "base:env=prod/escape" */
	char reason[200]; /* "COPY … TO PROGRAM runs a program on the database host" */
	char hint[200];
};

void policy_judge(const struct policy_view *v, const struct sql_facts *f, struct judgement *out);

#endif

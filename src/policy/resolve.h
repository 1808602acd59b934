/* SPDX-License-Identifier: Apache-2.0
 *
 * From a configuration to the policy view of one granted role on one target.
 */
#ifndef SP_POLICY_RESOLVE_H
#define SP_POLICY_RESOLVE_H

#include "conf/conf.h"
#include "policy/verdict.h"

/* Fill out for role on target t with login (NULL: any). A role or target that is NULL, or a role that does not reach
 * the target or the login, gives a view that denies everything.
 *   base: the built-in one of the target's env, replaced class by class by the configuration's base entries whose
 *   label the target has (the strictest of several); then rules that name target, role and class: one that overrides
 *   base may loosen, the others only tighten; rules in observe mode count nowhere. guard_rows likewise, with the role's
 *   own between base and rules. */
void policy_view_resolve(const struct conf *c, uint32_t epoch, const struct conf_role *role, const struct conf_target *t,
			 const char *login, struct policy_view *out);

/* The stricter of both, in everything: the verdict on each class (the rule and approval of the stricter; v's when they are
 * equal, unless only the other one says who approves), the most severe class, the mask, the rows. Who approves by default and how long a
 * hold waits stay v's. */
void policy_view_narrow(struct policy_view *v, const struct policy_view *by);

#endif

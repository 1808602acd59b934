/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy view of a granted role: what the configuration gives, cut by what the caller's certificate says.
 */
#include "policy/resolve.h"
#include "policy/view.h"
#include "server/mon.h"

void view_for(const struct epoch *e, const struct ident *id, const struct grant *g, struct policy_view *out)
{
	policy_view_resolve(e->conf, e->n, g->role, g->target, g->login, out);
	if (sql_class_level(id->max) < sql_class_level(out->max))
		out->max = id->max;
}

void view_put(struct buf *b, const struct policy_view *v)
{
	policy_view_put(b, v);
}

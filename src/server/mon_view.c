/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy view of a granted role: what the configuration gives, cut by what the caller's
 * certificate says.
 */
#include "policy/resolve.h"
#include "policy/view.h"
#include "server/mon.h"

bool class_beyond(enum sql_class cls, enum sql_class max)
{
	int a = sql_class_level(cls);
	int b = sql_class_level(max);

	return a > b || (a == b && a > 0 && cls > max);
}

void view_for(
    const struct epoch *e, const struct ident *id, const struct grant *g, struct policy_view *out)
{
	policy_view_resolve(e->conf, e->n, g->role, g->target, g->login, out);
	if (class_beyond(out->max, id->max))
		out->max = id->max;
}

void view_put(struct buf *b, const struct policy_view *v)
{
	policy_view_put(b, v);
}

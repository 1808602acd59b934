/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy view of a granted role: what the configuration gives, for an agent no more than to the
 * person behind it, cut by what the caller's certificate says.
 */
#include "policy/resolve.h"
#include "policy/view.h"
#include "server/mon.h"

static int64_t stricter(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

int64_t grant_max_rows(const struct grant *g)
{
	return stricter(g->role->max_rows, g->behind != NULL ? g->behind->max_rows : 0);
}

int64_t grant_idle_ms(const struct grant *g)
{
	return stricter(g->role->idle_ms, g->behind != NULL ? g->behind->idle_ms : 0);
}

static int64_t grace_of(const struct conf_role *r)
{
	return r->finish_transaction ? r->grace_ms : 0;
}

int64_t grant_grace_ms(const struct grant *g)
{
	int64_t role = grace_of(g->role);
	int64_t behind = g->behind != NULL ? grace_of(g->behind) : role;

	return behind < role ? behind : role;
}

void view_for(
    const struct epoch *e, const struct ident *id, const struct grant *g, struct policy_view *out)
{
	struct policy_view behind;

	policy_view_resolve(e->conf, e->n, g->role, g->target, g->login, out);
	if (id->kind == KIND_AGENT) { /* no role of the person: a view that denies everything */
		policy_view_resolve(e->conf, e->n, g->behind, g->target, g->login, &behind);
		policy_view_narrow(out, &behind);
	}
	if (class_beyond(out->max, id->max))
		out->max = id->max;
}

void view_put(struct buf *b, const struct policy_view *v)
{
	policy_view_put(b, v);
}

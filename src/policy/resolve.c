/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers of a view: built-in base, configured base, overriding rules, tightening rules; then who
 * approves.
 */
#include "policy/resolve.h"

#include <stdio.h>

#include "base/mem.h"

static bool has_label(const struct conf_target *t, const char *key, const char *value)
{
	const char *v = conf_target_label(t, key);

	if (v == NULL && strcmp(key, "env") == 0)
		v = "prod"; /* a target without env counts as prod */
	return v != NULL && strcmp(v, value) == 0;
}

/* Of several entries for one class the strictest counts. */
static void apply_base(const struct conf *c, const struct conf_target *t, struct policy_view *out)
{
	bool set[SQL_CLASS_N] = {false};
	size_t i;
	int k;

	for (i = 0; i < c->n_base; i++) {
		const struct conf_base *b = &c->base[i];

		if (!has_label(t, b->key, b->value))
			continue;
		for (k = 0; k < SQL_CLASS_N; k++) {
			struct policy_line *l = &out->line[k];

			if (!b->set[k] || (set[k] && b->verdict[k] >= l->verdict))
				continue;
			set[k] = true;
			l->verdict = b->verdict[k];
			(void)snprintf(l->rule, sizeof(l->rule), "base %s=%s", b->key, b->value);
		}
	}
}

static void lower(int64_t *to, int64_t by)
{
	if (by >= 0 && by < *to)
		*to = by;
}

static bool rule_applies(
    const struct conf_rule *r, const struct conf_role *role, const struct conf_target *t)
{
	if (r->observe)
		return false;
	if (r->targets.n > 0 && !conf_selects(&r->targets, t))
		return false;
	return r->roles.n == 0 || conf_list_has(&r->roles, role->name);
}

static void take_rule(const struct conf_rule *r, struct policy_line *l)
{
	l->verdict = r->action;
	(void)str_copy(l->rule, sizeof(l->rule), r->name);
	(void)str_copy(l->approval, sizeof(l->approval), r->approval != NULL ? r->approval : "");
}

/* One class: overriding rules replace the base (the strictest of them), then the others may only
 * tighten. A rule as strict as what stands counts when it says who approves. */
static void apply_rules(const struct conf *c, const struct conf_role *role,
    const struct conf_target *t, int cls, struct policy_line *l)
{
	bool replaced = false;
	size_t i, pass;

	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < c->n_rules; i++) {
			const struct conf_rule *r = &c->rules[i];
			bool named = r->classes.n == 0 ? !r->overrides_base : r->cls[cls];

			if (r->overrides_base != (pass == 0) || !named || !rule_applies(r, role, t))
				continue;
			if ((pass == 0 && !replaced) || r->action < l->verdict ||
			    (r->action == l->verdict && r->approval != NULL &&
				l->approval[0] == '\0'))
				take_rule(r, l);
			replaced = true;
		}
}

/* Base, then the role instead of it, then rules: one that overrides base may raise, the others only lower. */
static void set_guard_rows(const struct conf *c, const struct conf_role *role, const struct conf_target *t,
    struct policy_view *out)
{
	bool set = false;
	size_t i, pass;

	for (i = 0; i < c->n_base; i++) {
		const struct conf_base *b = &c->base[i];

		if (b->guard_rows < 0 || !has_label(t, b->key, b->value))
			continue;
		if (!set || b->guard_rows < out->guard_rows)
			out->guard_rows = b->guard_rows;
		set = true;
	}
	if (role->guard_rows >= 0)
		out->guard_rows = role->guard_rows;
	for (pass = 0, set = false; pass < 2; pass++)
		for (i = 0; i < c->n_rules; i++) {
			const struct conf_rule *r = &c->rules[i];

			if (r->guard_rows < 0 || r->overrides_base != (pass == 0) ||
			    (r->classes.n > 0 && !r->cls[SQL_WRITE]) || !rule_applies(r, role, t))
				continue;
			if (pass == 0 && !set)
				out->guard_rows = r->guard_rows;
			lower(&out->guard_rows, r->guard_rows);
			set = true;
		}
}

static void set_approval(const struct conf *c, struct policy_view *out)
{
	const struct conf_approval *a = conf_approval_find(c, "default");
	size_t i, n = 0;

	if (a == NULL && c->n_approvals > 0)
		a = &c->approvals[0];
	if (a == NULL)
		return;
	out->quorum = a->quorum > 0 ? a->quorum : 1;
	out->mode = a->mode;
	out->wait_ms = a->wait_ms;
	out->wait_locks_ms = a->wait_locks_ms;
	for (i = 0; i < a->approvers.n && n < sizeof(out->approvers); i++)
		n += (size_t)snprintf(out->approvers + n, sizeof(out->approvers) - n, "%s%s",
		    i > 0 ? ", " : "", a->approvers.v[i]);
}

void policy_view_narrow(struct policy_view *v, const struct policy_view *by)
{
	for (int k = 0; k < SQL_CLASS_N; k++)
		if (by->line[k].verdict < v->line[k].verdict ||
		    (by->line[k].verdict == v->line[k].verdict && v->line[k].approval[0] == '\0' &&
			by->line[k].approval[0] != '\0'))
			v->line[k] = by->line[k];
	if (class_beyond(v->max, by->max))
		v->max = by->max;
	if (by->mask < v->mask)
		v->mask = by->mask;
	lower(&v->guard_rows, by->guard_rows);
}

static bool reaches(const struct conf_role *role, const struct conf_target *t, const char *login)
{
	if (role == NULL || t == NULL || !conf_selects(&role->targets, t))
		return false;
	return login == NULL || conf_list_has(&role->logins, login) ||
	       conf_list_has(&role->logins, "*");
}

void policy_view_resolve(const struct conf *c, uint32_t epoch, const struct conf_role *role,
    const struct conf_target *t, const char *login, struct policy_view *out)
{
	int k;

	*out = (struct policy_view){.epoch = epoch, .quorum = 1, .max = SQL_READ};
	if (!reaches(role, t, login))
		return;
	policy_view_default(out, conf_target_label(t, "env"));
	out->epoch = epoch;
	apply_base(c, t, out);
	for (k = 0; k < SQL_CLASS_N; k++)
		apply_rules(c, role, t, k, &out->line[k]);
	set_guard_rows(c, role, t, out);
	out->mask = role->mask;
	out->max = role->max;
	set_approval(c, out);
}

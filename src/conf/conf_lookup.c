/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding things in a configuration by name, and selectors.
 */
#include "conf/conf.h"
#include "conf/conf_scalar.h"

#define FIND(kind, array, count)                                                                   \
	const struct conf_##kind *conf_##kind##_find(const struct conf *c, const char *name)       \
	{                                                                                          \
		size_t i;                                                                          \
                                                                                                   \
		for (i = 0; name != NULL && i < c->count; i++)                                     \
			if (c->array[i].name != NULL && strcmp(c->array[i].name, name) == 0)       \
				return &c->array[i];                                               \
		return NULL;                                                                       \
	}

FIND(user, users, n_users)
FIND(target, targets, n_targets)
FIND(role, roles, n_roles)
FIND(approval, approvals, n_approvals)
FIND(identity, identities, n_identities)

const struct conf_identity *conf_identity_login(const struct conf *c)
{
	size_t i;

	for (i = 0; i < c->n_identities; i++)
		if (c->identities[i].type == IDENTITY_OIDC && c->identities[i].kind == KIND_PERSON)
			return &c->identities[i];
	return NULL;
}

bool conf_identity_names(const struct conf *c, const struct conf_identity *x, const char *user)
{
	size_t i;

	if (x->type == IDENTITY_LOCAL)
		return conf_user_find(c, user) != NULL;
	if (conf_name_principal(user) != NULL ||
	    (x->kind != KIND_AGENT && conf_user_find(c, user) != NULL) ||
	    conf_name_taken(user) != NULL)
		return false;
	if (x->user != NULL)
		return strcmp(x->user, user) == 0;
	for (i = 0; i < x->names.n; i++)
		if (conf_name_matches(x->names.v[i], user))
			return true;
	return x->names.n == 0;
}

const char *conf_target_label(const struct conf_target *t, const char *key)
{
	size_t i;

	for (i = 0; i < t->n_labels; i++)
		if (strcmp(t->labels[i].key, key) == 0)
			return t->labels[i].value;
	return NULL;
}

bool conf_list_has(const struct conf_list *l, const char *s)
{
	size_t i;

	for (i = 0; s != NULL && i < l->n; i++)
		if (strcmp(l->v[i], s) == 0)
			return true;
	return false;
}

/* A target that does not say its env is treated as production: the strict side. */
static bool label_matches(const char *sel, const char *eq, const struct conf_target *t)
{
	size_t i, n = (size_t)(eq - sel);

	for (i = 0; i < t->n_labels; i++)
		if (strlen(t->labels[i].key) == n && strncmp(t->labels[i].key, sel, n) == 0)
			return strcmp(t->labels[i].value, eq + 1) == 0;
	return strcmp(sel, "env=prod") == 0;
}

bool conf_selects(const struct conf_list *sel, const struct conf_target *t)
{
	size_t i;

	for (i = 0; i < sel->n; i++) {
		const char *s = sel->v[i], *eq = strchr(s, '=');

		if (strcmp(s, "*") == 0 || (eq == NULL && strcmp(s, t->name) == 0) ||
		    (eq != NULL && label_matches(s, eq, t)))
			return true;
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Callers: copies, groups, roles.
 */
#include "server/ident.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wire/sshpk.h"

void list_add(struct conf_list *l, const char *s)
{
	l->v = xreallocarray(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = xstrdup(s);
}

void list_add_new(struct conf_list *l, const char *s)
{
	if (!conf_list_has(l, s))
		list_add(l, s);
}

bool lists_meet(const struct conf_list *a, const struct conf_list *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (conf_list_has(b, a->v[i]))
			return true;
	return false;
}

void list_clear(struct conf_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct conf_list){0};
}

const char *list_join(const struct conf_list *l, char *out, size_t cap)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < l->n && at < cap; i++)
		at += (size_t)snprintf(out + at, cap - at, "%s%s", i > 0 ? "," : "", l->v[i]);
	return out;
}

static void list_copy(struct conf_list *dst, const struct conf_list *src)
{
	*dst = (struct conf_list){0};
	for (size_t i = 0; i < src->n; i++)
		list_add(dst, src->v[i]);
}

void ident_init(struct ident *id)
{
	*id = (struct ident){.max = SQL_ESCAPE};
	buf_init(&id->key, IDENT_KEY_MAX);
}

void ident_clear(struct ident *id)
{
	list_clear(&id->groups);
	list_clear(&id->claimed);
	list_clear(&id->behind);
	buf_clear(&id->key);
	ident_init(id);
}

void ident_copy(struct ident *dst, const struct ident *src)
{
	ident_clear(dst);
	*dst = *src;
	list_copy(&dst->groups, &src->groups);
	list_copy(&dst->claimed, &src->claimed);
	list_copy(&dst->behind, &src->behind);
	buf_init(&dst->key, IDENT_KEY_MAX);
	buf_put_span(&dst->key, buf_span(&src->key));
}

/* A group may be in several roles: an agent has those of them that its person may give away. */
bool ident_in_role(const struct ident *id, const struct conf_role *r)
{
	if (id->kind == KIND_AGENT && !lists_meet(&r->delegated_by, &id->behind))
		return false;
	return lists_meet(&id->groups, &r->groups);
}

static bool right_by_role(const struct ident *id, const struct conf *c, const char *right)
{
	for (size_t i = 0; i < c->n_roles; i++)
		if (ident_in_role(id, &c->roles[i]) && conf_list_has(&c->roles[i].verbs, right))
			return true;
	return false;
}

bool ident_right(const struct ident *id, const struct conf *c, const char *right)
{
	struct ident behind;

	if (strcmp(right, "approve") == 0 && (id->via == VIA_OPERATOR || id->service))
		return false;
	if (id->via == VIA_OPERATOR)
		return true;
	if (!right_by_role(id, c, right))
		return false;
	if (id->kind != KIND_AGENT)
		return true;
	ident_behind(id, &behind);
	return right_by_role(&behind, c, right);
}

void ident_behind(const struct ident *id, struct ident *out)
{
	ident_init(out);
	out->via = VIA_CERT;
	out->groups = id->behind;
	(void)str_copy(out->user, sizeof(out->user), id->on_behalf_of);
	(void)str_copy(out->person, sizeof(out->person), id->person);
}

const char *ident_who(const struct ident *id, char *out, size_t cap)
{
	if (id->on_behalf_of[0] != '\0')
		snprintf(out, cap, "%s for %s", id->user, id->on_behalf_of);
	else
		snprintf(out, cap, "%s", id->user);
	return out;
}

static bool same(const char *a, const char *b)
{
	return a != NULL && b != NULL && a[0] != '\0' && strcmp(a, b) == 0;
}

const char *ident_for(const struct ident *id)
{
	return id->on_behalf_of[0] != '\0' ? id->on_behalf_of : NULL;
}

bool ident_is(const struct ident *id, const char *user, const char *on_behalf_of)
{
	return same(id->user, user) && strcmp(id->on_behalf_of, on_behalf_of != NULL ? on_behalf_of : "") == 0;
}

bool ident_is_behind(
    const struct ident *id, const char *user, const char *person, const char *on_behalf_of)
{
	const char *mine[] = {id->user, id->person, id->on_behalf_of};
	const char *theirs[] = {user, person, on_behalf_of};

	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 3; j++)
			if (same(mine[i], theirs[j]))
				return true;
	return false;
}

const char *ident_key_file(const struct ident *id)
{
	static const char *const name[] = {[SSHPK_ED25519] = "~/.ssh/id_ed25519",
	    [SSHPK_ECDSA] = "~/.ssh/id_ecdsa",
	    [SSHPK_RSA] = "~/.ssh/id_rsa",
	    [SSHPK_SK_ED25519] = "~/.ssh/id_ed25519_sk",
	    [SSHPK_SK_ECDSA] = "~/.ssh/id_ecdsa_sk"};
	struct sshpk k;

	return buf_len(&id->key) > 0 && sshpk_parse(buf_span(&id->key), &k, NULL) == 0 ? name[k.kind->alg] : name[SSHPK_ED25519];
}

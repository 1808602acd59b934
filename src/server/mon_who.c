/* SPDX-License-Identifier: Apache-2.0
 *
 * What an identity may call itself now: a certificate says who it was when it was issued, the configuration and the
 * accounts in the store say what is left of that. Asked at login, after every reload and whenever something about a
 * user changes, so that live connections narrow at once.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/mon.h"
#include "wire/sshcert.h"

/* Names of blocks are words of the configuration; texts of certificates may be anything. */
static const char *shown(const char *s, char out[80])
{
	(void)span_escape(span_str(s), out, 80);
	return out;
}

/* --- groups --- */

static void add_text(struct conf_list *l, const char *comma_list)
{
	char name[NAME_CAP];

	while (*comma_list != '\0') {
		size_t n = strcspn(comma_list, ",");

		if (n > 0 && n < sizeof(name)) {
			memcpy(name, comma_list, n);
			name[n] = '\0';
			list_add_new(l, name);
		}
		comma_list += n + (comma_list[n] == ',');
	}
}

/* groups = claimed ∩ allowed */
static void keep_allowed(struct ident *id, const struct conf_list *allowed)
{
	for (size_t i = 0; i < id->claimed.n; i++)
		if (conf_list_has(allowed, id->claimed.v[i]))
			list_add_new(&id->groups, id->claimed.v[i]);
}

/* --- accounts of identity providers --- */

struct account {
	const struct conf *c;
	const char *user;
	const struct conf_identity *block;
	struct conf_list *groups; /* appended to */
	bool found;
};

static int take_account(void *ctx, const struct store_account *a)
{
	struct account *x = ctx;
	const struct conf_identity *b = conf_identity_find(x->c, a->issuer);

	if (b == NULL || b->type != IDENTITY_OIDC || b->kind != KIND_PERSON ||
	    strcmp(b->issuer, a->iss) != 0 || !conf_identity_names(x->c, b, x->user))
		return 0;
	x->block = b;
	x->found = true;
	add_text(x->groups, a->groups);
	for (size_t i = 0; i < b->add_groups.n; i++)
		list_add_new(x->groups, b->add_groups.v[i]);
	return 0;
}

/* The account's groups, if its provider still stands for it. */
static int account_groups(
    struct monitor *m, const char *user, struct account *x, struct conf_list *groups)
{
	int rc;

	*x = (struct account){.c = mon_conf(m), .user = user, .groups = groups};
	rc = store_account_get(m->store, user, take_account, x);
	if (rc < 0 && rc != E_NOTFOUND)
		return rc;
	return x->found ? 0 : E_NOTFOUND;
}

/* --- people --- */

static int standing_of(struct monitor *m, const char *user, struct why *w)
{
	struct store_subject x = {
	    .user = user, .key_id = "", .key_fp = "", .ca_fp = "", .on_behalf_of = ""};
	int rc = store_standing(m->store, &x);

	if (rc == STORE_GOOD)
		return 0;
	return why_set(w, E_DENIED,
	    rc == STORE_LOCKED ? "%s is locked: an operator has to unlock it"
	    : rc > 0           ? "%s is revoked"
			       : "whether %s is revoked cannot be told",
	    user);
}

int who_person(struct monitor *m, const char *user, struct conf_list *groups,
    char person[NAME_CAP], struct why *w)
{
	const struct conf_user *u = conf_user_find(mon_conf(m), user);
	struct account x;
	char name[80];

	if (u != NULL && u->kind != USER_PERSON)
		return why_set(w, E_DENIED, "%s is no person", u->name);
	if (u == NULL && account_groups(m, user, &x, groups) != 0)
		return why_set(w, E_DENIED, "%s is no user of this gateway", shown(user, name));
	if (str_copy(person, NAME_CAP, u != NULL && u->person != NULL ? u->person : user) != 0)
		return why_set(w, E_TOOBIG, "the name of a person is too long");
	for (size_t i = 0; u != NULL && i < u->groups.n; i++)
		list_add_new(groups, u->groups.v[i]);
	return standing_of(m, user, w);
}

/* --- each kind of identity --- */

static int regroup_local(struct monitor *m, struct ident *id, struct why *w)
{
	const struct conf_user *u = conf_user_find(mon_conf(m), id->user);
	char name[80];

	if (u == NULL)
		return why_set(w, E_DENIED, "user \"%s\" is not configured on this gateway", shown(id->user, name));
	keep_allowed(id, &u->groups);
	return 0;
}

static int regroup_account(
    struct monitor *m, struct ident *id, const struct conf_identity *b, struct why *w)
{
	struct conf_list now = {0};
	struct account x;
	int rc = account_groups(m, id->user, &x, &now);

	if (rc == 0 && x.block == b)
		keep_allowed(id, &now);
	else
		rc = why_set(w, E_DENIED, "the account of %s at %s is not (or no longer) known: log in again",
		    id->user, b->name);
	list_clear(&now);
	return rc;
}

/* A token's groups cannot be asked for again: they hold as long as the certificate. The block's own can. */
static void regroup_workload(struct ident *id, const struct conf_identity *b)
{
	keep_allowed(id, b->groups_claim != NULL ? &id->claimed : &b->add_groups);
}

static int regroup_block(
    struct monitor *m, struct ident *id, const struct conf_identity *b, struct why *w)
{
	const char *name = id->kind == KIND_AGENT ? id->user + strlen(SSHCERT_AGENT_PREFIX) : id->user;

	if (b->kind != id->kind)
		return why_set(w, E_DENIED, "identity provider %s does not vouch for a %s", b->name,
		    ident_kind_name(id->kind));
	if (!conf_identity_names(mon_conf(m), b, name))
		return why_set(w, E_DENIED, "identity provider %s may not give the name %s", b->name, name);
	if (b->kind == KIND_PERSON)
		return regroup_account(m, id, b, w);
	regroup_workload(id, b);
	return 0;
}

/* Only groups of roles that the person behind may give to an agent, now. */
static void keep_delegated(struct ident *id, const struct conf *c)
{
	struct conf_list given = {0};
	struct conf_list had = id->groups;

	for (size_t i = 0; i < c->n_roles; i++)
		if (lists_meet(&c->roles[i].delegated_by, &id->behind))
			for (size_t g = 0; g < c->roles[i].groups.n; g++)
				list_add_new(&given, c->roles[i].groups.v[g]);
	id->groups = (struct conf_list){0};
	for (size_t i = 0; i < had.n; i++)
		if (conf_list_has(&given, had.v[i]))
			list_add(&id->groups, had.v[i]);
	list_clear(&had);
	list_clear(&given);
}

static int regroup_agent(
    struct monitor *m, struct ident *id, const struct conf_identity *b, struct why *w)
{
	int rc = who_person(m, id->on_behalf_of, &id->behind, id->person, w);

	if (rc != 0)
		return rc;
	if (b != NULL)
		rc = regroup_block(m, id, b, w);
	else if (id->parent != 0)
		keep_allowed(id, &id->claimed);
	else
		rc = why_set(w, E_DENIED, "nobody vouches for %s", id->user);
	if (rc == 0)
		keep_delegated(id, mon_conf(m));
	return rc;
}

/* Certificates of local users name a block of type local, or "local" when there is none. */
static bool is_local_issuer(const struct conf *c, const char *issuer)
{
	const struct conf_identity *b = conf_identity_find(c, issuer);

	return issuer[0] == '\0' || strcmp(issuer, "local") == 0 ||
	       (b != NULL && b->type == IDENTITY_LOCAL);
}

static int regroup_cert(struct monitor *m, struct ident *id, struct why *w)
{
	const struct conf *c = mon_conf(m);
	const struct conf_identity *b = conf_identity_find(c, id->issuer);
	char name[80];

	if (b != NULL && b->type != IDENTITY_OIDC)
		b = NULL;
	if (b == NULL && !is_local_issuer(c, id->issuer))
		return why_set(w, E_DENIED, "identity provider %s is not (or no longer) configured",
		    shown(id->issuer, name));
	if (id->kind == KIND_AGENT)
		return regroup_agent(m, id, b, w);
	return b != NULL ? regroup_block(m, id, b, w) : regroup_local(m, id, w);
}

int who_regroup(struct monitor *m, struct ident *id, struct why *w)
{
	int rc = 0;

	if (id->via == VIA_OPERATOR)
		return 0;
	list_clear(&id->groups);
	list_clear(&id->behind);
	if (id->via == VIA_CERT)
		rc = regroup_cert(m, id, w);
	else if (id->via != VIA_ENROLL)
		rc = regroup_local(m, id, w);
	if (rc == 0 && id->via == VIA_LOCAL) /* no certificate whose standing was asked for */
		rc = standing_of(m, id->user, w);
	if (rc != 0) {
		list_clear(&id->groups);
		list_clear(&id->behind);
	}
	return rc;
}

/* --- by name only --- */

static void claim_all_delegated(struct ident *id, const struct conf *c)
{
	for (size_t i = 0; i < c->n_roles; i++)
		for (size_t g = 0; c->roles[i].delegated_by.n > 0 && g < c->roles[i].groups.n; g++)
			list_add_new(&id->claimed, c->roles[i].groups.v[g]);
}

/* A workload that is no user of the configuration: which block can it be from? */
static void from_workload(struct ident *id, const struct conf *c)
{
	for (size_t i = 0; i < c->n_identities; i++) {
		const struct conf_identity *b = &c->identities[i];

		if (b->type != IDENTITY_OIDC || b->kind != KIND_SERVICE || !conf_identity_names(c, b, id->user))
			continue;
		for (size_t g = 0; g < b->add_groups.n; g++)
			list_add_new(&id->groups, b->add_groups.v[g]);
	}
	id->kind = KIND_SERVICE;
	id->service = true;
}

void who_named(struct monitor *m, const char *user, const char *on_behalf_of, struct ident *id)
{
	const struct conf *c = mon_conf(m);
	const struct conf_user *u = conf_user_find(c, user);
	int rc = 0;

	id->via = VIA_CERT;
	(void)str_copy(id->user, sizeof(id->user), user);
	(void)str_copy(id->on_behalf_of, sizeof(id->on_behalf_of), on_behalf_of);
	if (on_behalf_of[0] != '\0') {
		id->kind = KIND_AGENT;
		id->service = true;
		claim_all_delegated(id, c);
		keep_allowed(id, &id->claimed);
		rc = who_person(m, on_behalf_of, &id->behind, id->person, NULL);
		if (rc == 0)
			keep_delegated(id, c);
	} else if (u != NULL) {
		for (size_t i = 0; i < u->groups.n; i++)
			list_add_new(&id->groups, u->groups.v[i]);
	} else if (who_person(m, user, &id->groups, id->person, NULL) != 0) {
		from_workload(id, c);
	}
	if (rc != 0)
		list_clear(&id->groups);
}

/* --- after a revocation or a lock --- */

struct record {
	struct monitor *m;
	int rc;
};

static int standing_of_record(void *ctx, const struct store_cert *c)
{
	struct record *x = ctx;

	x->rc = store_cert_standing(x->m->store, c);
	return 1;
}

/* Of the certificate that keeps a connection alive beyond its first one. */
static int standing_extended(struct monitor *m, const struct ident *id)
{
	struct record x = {m, STORE_GOOD};
	struct store_cert_filter f = {.serial = id->extended, .limit = 1};
	int rc = id->extended != 0 ? store_cert_list(m->store, &f, standing_of_record, &x) : 0;

	return rc < 0 ? rc : x.rc;
}

static int standing_now(struct monitor *m, const struct ident *id)
{
	struct store_subject x = {.serial = id->serial,
	    .parent = id->parent,
	    .user = id->user,
	    .key_id = id->key_id,
	    .key_fp = id->key_fp,
	    .ca_fp = id->ca_fp,
	    .on_behalf_of = id->on_behalf_of};
	int rc = id->via != VIA_NOTHING ? store_standing(m->store, &x) : STORE_GOOD;

	return rc != STORE_GOOD ? rc : standing_extended(m, id);
}

int who_stands(struct monitor *m, const struct ident *id, struct why *w)
{
	int rc = standing_now(m, id);

	if (rc == STORE_GOOD)
		return 0;
	return why_set(w, E_DENIED,
	    rc == STORE_LOCKED ? "%s is locked"
	    : rc > 0           ? "the certificate, its key or its authority was revoked (%s)"
			       : "whether %s is revoked cannot be told",
	    id->user);
}

/* Also what was proven but not adopted yet: it would slip through between the two. */
static int standing_of_peer(const struct peer *p)
{
	int rc = p->state == PEER_DEAD ? STORE_GOOD : standing_now(p->m, &p->id);

	if (rc == STORE_GOOD && p->state == PEER_PRE)
		rc = standing_now(p->m, &p->cand_cert);
	if (rc == STORE_GOOD && p->state == PEER_PRE)
		rc = standing_now(p->m, &p->cand_key);
	return rc;
}

int who_end_unfit(struct monitor *m)
{
	int n = 0;

	for (struct peer *p = m->peers; p != NULL; p = p->next) {
		int rc = p->kill_timer == NULL ? standing_of_peer(p) : STORE_GOOD; /* it ends already */

		if (rc == STORE_GOOD)
			continue;
		peer_kick(p,
		    rc == STORE_LOCKED ? "the user was locked by an operator"
				       : "the certificate, its key, its user or its authority was revoked",
		    "28000");
		n += p->state != PEER_PRE;
	}
	holds_recheck(m);
	return n;
}

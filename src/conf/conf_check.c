/* SPDX-License-Identifier: Apache-2.0
 *
 * What only the whole shows: references between sections, contradictions, and (when nothing is
 * wrong) the defaults that are computed instead of written.
 */
#include "conf/conf_fill.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/conf_scalar.h"
#include "conf/suggest.h"

/* --- references --- */

struct ref_ctx {
	struct conf_build *b;
	const struct conf_section *sec;
	const void *element;
	const char *name; /* of the element */
};

static void ref_err(
    struct ref_ctx *x, const struct cnode *n, const char *what, const struct suggest *sg)
{
	char hint[128];

	conf_err(&x->b->errs, &n->at, "%s \"%s\": unknown %s \"%s\"%s", x->sec->noun,
	    conf_quote(x->name).s, what, conf_quote(n->text).s,
	    suggest_text(sg, hint, sizeof(hint)));
}

static void ref_target(struct ref_ctx *x, const struct cnode *n)
{
	const struct conf *c = x->b->c;
	struct suggest sg;
	size_t i;

	if (strcmp(n->text, "*") == 0 || strchr(n->text, '=') != NULL ||
	    conf_target_find(c, n->text) != NULL)
		return;
	suggest_init(&sg, n->text);
	for (i = 0; i < c->n_targets; i++)
		suggest_add(&sg, c->targets[i].name);
	ref_err(x, n, "target", &sg);
}

static void ref_role(struct ref_ctx *x, const struct cnode *n)
{
	const struct conf *c = x->b->c;
	struct suggest sg;
	size_t i;

	if (conf_role_find(c, n->text) != NULL)
		return;
	suggest_init(&sg, n->text);
	for (i = 0; i < c->n_roles; i++)
		suggest_add(&sg, c->roles[i].name);
	ref_err(x, n, "role", &sg);
}

static void ref_approval(struct ref_ctx *x, const struct cnode *n)
{
	const struct conf *c = x->b->c;
	struct suggest sg;
	char hint[128];
	size_t i;

	if (conf_approval_find(c, n->text) != NULL)
		return;
	suggest_init(&sg, n->text);
	for (i = 0; i < c->n_approvals; i++)
		suggest_add(&sg, c->approvals[i].name);
	conf_err(&x->b->errs, &n->at, "rule \"%s\": \"approval: %s\" names no approval%s",
	    conf_quote(x->name).s, conf_quote(n->text).s, suggest_text(&sg, hint, sizeof(hint)));
}

/* A login or database of a role must be one of a target that the role selects. */
static void ref_part(struct ref_ctx *x, const struct cnode *n, bool logins)
{
	const struct conf_role *r = x->element;
	const struct conf *c = x->b->c;
	struct suggest sg;
	bool any = false;
	size_t i, j;

	if (strcmp(n->text, "*") == 0 && logins)
		return;
	suggest_init(&sg, n->text);
	for (i = 0; i < c->n_targets; i++) {
		const struct conf_target *t = &c->targets[i];
		size_t parts = logins ? t->n_logins : t->databases.n;

		if (t->name == NULL || !conf_selects(&r->targets, t))
			continue;
		any = true;
		for (j = 0; j < parts; j++) {
			const char *name = logins ? t->logins[j].name : t->databases.v[j];

			if (name != NULL && strcmp(name, n->text) == 0)
				return;
			suggest_add(&sg, name);
		}
	}
	if (any)
		ref_err(x, n, logins ? "login of its targets" : "database of its targets", &sg);
}

static void ref_login(struct ref_ctx *x, const struct cnode *n)
{
	ref_part(x, n, true);
}

static void ref_database(struct ref_ctx *x, const struct cnode *n)
{
	ref_part(x, n, false);
}

static void check_ref(struct ref_ctx *x, enum conf_ref ref, const struct cnode *n)
{
	static void (*const fn[])(struct ref_ctx *, const struct cnode *) = {
	    [REF_TARGETS] = ref_target,
	    [REF_ROLES] = ref_role,
	    [REF_APPROVAL] = ref_approval,
	    [REF_LOGINS] = ref_login,
	    [REF_DATABASES] = ref_database};
	size_t i;

	if (n == NULL || n->bad)
		return;
	if (n->kind == CN_SCALAR && n->text[0] != '\0')
		fn[ref](x, n);
	for (i = 0; n->kind == CN_LIST && i < n->n; i++)
		if (n->item[i]->kind == CN_SCALAR && !n->item[i]->bad &&
		    n->item[i]->text[0] != '\0')
			fn[ref](x, n->item[i]);
}

static void check_refs(struct conf_build *b, int s)
{
	const struct conf_section *sec = &conf_sections[s];
	size_t n = sec->shape == SHAPE_ONE ? 0 : *(size_t *)((char *)b->c + sec->off_n), i, k;
	char *array = sec->shape == SHAPE_ONE ? NULL : *(char **)((char *)b->c + sec->off_v);

	for (i = 0; i < n; i++) {
		const void *element = array + i * sec->size;
		const char *name = *(char *const *)((const char *)element + sec->off_name);
		struct ref_ctx x = {b, sec, element, name != NULL ? name : "?"};

		for (k = 0; k < sec->n_keys; k++)
			if (sec->keys[k].ref != REF_NONE)
				check_ref(&x, sec->keys[k].ref,
				    cnode_get(b->nodes[s][i], sec->keys[k].name, NULL));
	}
}

/* --- contradictions --- */

const struct conf_where *conf_place(const struct conf_build *b, int s, size_t i, const char *key)
{
	const struct cnode *k = NULL;

	if (cnode_get(b->nodes[s][i], key, &k) != NULL && k != NULL)
		return &k->at;
	return &b->nodes[s][i]->at;
}

static void check_gateway(struct conf_build *b)
{
	const struct conf_gateway *g = &b->c->gateway;

	if (g->cert_ttl_s > g->cert_max_ttl_s)
		conf_err(&b->errs, &b->one[SEC_GATEWAY].at,
		    "gateway: \"cert_ttl\" is longer than \"cert_max_ttl\"");
	if (g->max_pending_logins_per_source > g->max_pending_logins)
		conf_err(&b->errs, &b->one[SEC_GATEWAY].at,
		    "gateway: \"max_pending_logins_per_source\" is more than "
		    "\"max_pending_logins\"");
	if (g->state != NULL && g->control == NULL && strlen(g->state) > 86)
		conf_err(&b->errs, &b->one[SEC_GATEWAY].at,
		    "gateway: \"state\" is too long for the control socket in it: set \"control\"");
}

/* Blob of a key line: its second word (types were checked). */
static struct span key_blob(const char *line)
{
	const char *p = strchr(line, ' ');

	return p != NULL ? span_of(p + 1, strcspn(p + 1, " ")) : span_str(line);
}

static bool shares_key(const struct conf_user *a, const struct conf_user *b)
{
	size_t i, j;

	for (i = 0; i < a->keys.n; i++)
		for (j = 0; j < b->keys.n; j++)
			if (span_eq(key_blob(a->keys.v[i]), key_blob(b->keys.v[j])))
				return true;
	return false;
}

static const char *person_of(const struct conf_user *u)
{
	return u->person != NULL ? u->person : u->name;
}

/* One key or one uid in two persons' hands would let somebody approve their own request. */
static void check_user_pair(struct conf_build *b, size_t i, size_t j)
{
	const struct conf_user *u = &b->c->users[i], *o = &b->c->users[j];

	if (u->uid >= 0 && u->uid == o->uid)
		conf_err(&b->errs, conf_place(b, SEC_USERS, i, "uid"),
		    "user \"%s\": uid %lld is already user \"%s\"", conf_quote(u->name).s,
		    (long long)u->uid, conf_quote(o->name).s);
	if (strcmp(person_of(u), person_of(o)) != 0 && shares_key(u, o))
		conf_err(&b->errs, conf_place(b, SEC_USERS, i, "keys"),
		    "user \"%s\": a key is also user \"%s\"'s; say \"person\" if they are one "
		    "human",
		    conf_quote(u->name).s, conf_quote(o->name).s);
}

static void check_users(struct conf_build *b)
{
	const struct conf *c = b->c;
	size_t i, j;

	for (i = 0; i < c->n_users; i++) {
		const struct conf_user *u = &c->users[i];
		const char *what = conf_name_reserved(u->name);

		if (what != NULL)
			conf_err(&b->errs, &u->where, "user \"%s\": the name %s",
			    conf_quote(u->name).s, what);
		if (u->kind == USER_SERVICE && u->keys.n == 0)
			conf_err(&b->errs, &u->where, "user \"%s\": a service needs \"keys\"",
			    conf_quote(u->name).s);
		if (u->kind == USER_SERVICE && u->uid >= 0)
			conf_err(&b->errs, conf_place(b, SEC_USERS, i, "uid"),
			    "user \"%s\": a service has no \"uid\"", conf_quote(u->name).s);
		for (j = 0; j < i; j++)
			check_user_pair(b, i, j);
	}
}

static void check_targets(struct conf_build *b)
{
	const struct conf *c = b->c;
	size_t i, j;

	for (i = 0; i < c->n_targets; i++) {
		const struct conf_target *t = &c->targets[i];

		if (t->tls_ca != NULL && t->tls != NULL && strcmp(t->tls, "disable") == 0)
			conf_err(&b->errs, conf_place(b, SEC_TARGETS, i, "tls_ca"),
			    "target \"%s\": \"tls_ca\" has no effect with tls: disable",
			    conf_quote(t->name).s);
		for (j = 0; j < t->n_logins; j++)
			if (t->logins[j].password != NULL && t->logins[j].password_command.n > 0)
				conf_err(&b->errs, conf_place(b, SEC_TARGETS, i, "logins"),
				    "target \"%s\": login \"%s\": give \"password\" or "
				    "\"password_command\", not both",
				    conf_quote(t->name).s, conf_quote(t->logins[j].name).s);
	}
}

static void check_roles(struct conf_build *b)
{
	const struct conf *c = b->c;
	size_t i;

	for (i = 0; i < c->n_roles; i++)
		if (c->roles[i].ttl_s > c->gateway.cert_max_ttl_s)
			conf_err(&b->errs, conf_place(b, SEC_ROLES, i, "session"),
			    "role \"%s\": \"session.ttl\" is longer than \"cert_max_ttl\" of the "
			    "gateway",
			    conf_quote(c->roles[i].name).s);
}

static void check_rules(struct conf_build *b)
{
	const struct conf *c = b->c;
	size_t i;

	for (i = 0; i < c->n_rules; i++) {
		const struct conf_rule *r = &c->rules[i];
		const char *name = r->name != NULL ? r->name : "?";

		if (r->approval != NULL && r->action != VERDICT_HOLD)
			conf_err(&b->errs, conf_place(b, SEC_RULES, i, "approval"),
			    "rule \"%s\": \"approval\" is only for action: hold",
			    conf_quote(name).s);
		if (r->overrides_base && r->classes.n == 0)
			conf_err(&b->errs, conf_place(b, SEC_RULES, i, "overrides"),
			    "rule \"%s\": \"overrides\" needs \"classes\": name what it may loosen",
			    conf_quote(name).s);
	}
}

void conf_check(struct conf_build *b)
{
	int s;

	check_gateway(b);
	conf_check_ident(b);
	conf_check_web(b);
	check_users(b);
	check_targets(b);
	check_roles(b);
	check_rules(b);
	for (s = 0; s < CONF_SECTIONS && !b->incomplete; s++)
		check_refs(b, s);
}

/* --- computed defaults --- */

static char *join(struct conf_mem *m, const char *a, const char *b)
{
	char *p = conf_alloc(m, strlen(a) + strlen(b) + 1, 1);

	memcpy(p, a, strlen(a));
	memcpy(p + strlen(a), b, strlen(b));
	return p;
}

static char *default_user(struct conf_mem *m)
{
	struct passwd pw, *found = NULL;
	char room[4096];

	if (getpwnam_r("sallyport", &pw, room, sizeof(room), &found) != 0 || found == NULL)
		return conf_strdup(m, "nobody");
	return conf_strdup(m, "sallyport");
}

static char *default_name(struct conf_mem *m)
{
	char host[256];

	if (gethostname(host, sizeof(host) - 1) != 0)
		return conf_strdup(m, "sallyport");
	host[sizeof(host) - 1] = '\0';
	return conf_strdup(m, conf_name_plain(host) == NULL ? host : "sallyport");
}

static void finish_gateway(struct conf_mem *m, struct conf_gateway *g)
{
	if (g->name == NULL)
		g->name = default_name(m);
	if (g->ca == NULL)
		g->ca = join(m, "file:", join(m, g->state, "/ca_ed25519_key"));
	if (g->control == NULL)
		g->control = join(m, g->state, "/control.sock");
	if (g->user == NULL)
		g->user = default_user(m);
	if (g->host_keys.n == 0) {
		g->host_keys.v = conf_alloc(m, 1, sizeof(char *));
		g->host_keys.v[0] = join(m, g->state, "/ssh_host_ed25519_key");
		g->host_keys.n = 1;
	}
}

static void finish_target(struct conf_target *t)
{
	int port = t->type == TARGET_MYSQL ? 3306 : 5432;
	size_t i;

	for (i = 0; i < t->n_addresses; i++)
		if (t->addresses[i].port == 0)
			t->addresses[i].port = port;
	if (t->port == 0)
		t->port = port;
}

static void finish_base(struct conf_mem *m, struct conf_base *b)
{
	static const enum sql_class follow[] = {SQL_DESTRUCTIVE, SQL_CONTROL};
	char *eq = strchr(b->key, '=');
	size_t i;

	b->value = conf_strdup(m, eq + 1);
	b->key = conf_strndup(m, b->key, (size_t)(eq - b->key));
	for (i = 0; b->set[SQL_SCHEMA] && i < 2; i++) {
		if (b->set[follow[i]])
			continue;
		b->set[follow[i]] = true;
		b->verdict[follow[i]] = b->verdict[SQL_SCHEMA];
	}
}

static void finish_identity(struct conf_mem *m, struct conf *c)
{
	size_t i;

	for (i = 0; i < c->n_identities; i++)
		conf_finish_ident(m, &c->identities[i]);
	if (c->n_identities > 0)
		return;
	c->identities = conf_alloc(m, 1, sizeof(c->identities[0]));
	c->identities[0].name = conf_strdup(m, "local");
	c->n_identities = 1;
}

void conf_finish(struct conf_build *b)
{
	struct conf *c = b->c;
	size_t i;

	finish_gateway(b->mem, &c->gateway);
	finish_identity(b->mem, c);
	for (i = 0; i < c->n_users; i++)
		if (c->users[i].person == NULL)
			c->users[i].person = conf_strdup(b->mem, c->users[i].name);
	for (i = 0; i < c->n_targets; i++)
		finish_target(&c->targets[i]);
	for (i = 0; i < c->n_base; i++)
		finish_base(b->mem, &c->base[i]);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Identity blocks as a whole: which keys fit which kind of block, and that no two places can give
 * the same user name. A name that two could give would let the weaker provider speak for the
 * people of the stronger.
 */
#include "conf/conf_fill.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/conf_scalar.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* --- keys and the kinds they are for --- */

enum { K_PERSON = 1 << KIND_PERSON, K_SERVICE = 1 << KIND_SERVICE, K_AGENT = 1 << KIND_AGENT };
#define K_WORKLOAD (K_SERVICE | K_AGENT)

/* What is not named here is for every oidc block. */
static const struct {
	const char *key;
	unsigned kinds;
	const char *who;
} key_kinds[] = {
    {"client_id", K_PERSON, "kind: person"},
    {"secret", K_PERSON, "kind: person"},
    {"login_flow", K_PERSON, "kind: person"},
    {"scopes", K_PERSON, "kind: person"},
    {"timeout", K_PERSON, "kind: person"},
    {"person", K_AGENT, "kind: agent"},
    {"name", K_WORKLOAD, "kind: service and kind: agent"},
    {"audience", K_WORKLOAD, "kind: service and kind: agent"},
};

static const char *only_for(const struct conf_identity *x, const char *key)
{
	size_t i;

	if (strcmp(key, "type") == 0)
		return NULL;
	if (x->type == IDENTITY_LOCAL)
		return "type: oidc";
	for (i = 0; i < N(key_kinds); i++)
		if (strcmp(key_kinds[i].key, key) == 0 &&
		    (key_kinds[i].kinds & (1u << x->kind)) == 0)
			return key_kinds[i].who;
	return NULL;
}

bool conf_identity_uses(const struct conf_identity *x, const char *key)
{
	return only_for(x, key) == NULL;
}

/* --- one block --- */

struct ident_ctx {
	struct conf_build *b;
	size_t i;
	const struct conf_identity *x;
	const char *name;
};

static bool given(const struct ident_ctx *t, const char *key)
{
	return cnode_get(t->b->nodes[SEC_IDENTITY][t->i], key, NULL) != NULL;
}

static const struct conf_where *at(const struct ident_ctx *t, const char *key)
{
	return given(t, key) ? conf_place(t->b, SEC_IDENTITY, t->i, key) : &t->x->where;
}

static void check_keys(const struct ident_ctx *t)
{
	const struct conf_section *sec = &conf_sections[SEC_IDENTITY];
	const char *who;
	size_t k;

	for (k = 0; k < sec->n_keys; k++)
		if (given(t, sec->keys[k].name) &&
		    (who = only_for(t->x, sec->keys[k].name)) != NULL)
			conf_err(&t->b->errs, at(t, sec->keys[k].name),
			    "identity \"%s\": \"%s\" is only for %s", t->name, sec->keys[k].name,
			    who);
}

static void need(const struct ident_ctx *t, const char *key, const char *who)
{
	if (!given(t, key))
		conf_err(&t->b->errs, &t->x->where, "identity \"%s\": %s needs \"%s\"", t->name,
		    who, key);
}

static void check_issuer(const struct ident_ctx *t)
{
	const struct conf_identity *x = t->x;

	if (x->issuer == NULL || strncmp(x->issuer, "http://", 7) != 0)
		return;
	if (!x->allow_http)
		conf_err(&t->b->errs, at(t, "issuer"),
		    "identity \"%s\": \"issuer\" must be https (for tests on this machine: "
		    "allow_http: "
		    "true)",
		    t->name);
	else if (!conf_url_is_loopback(x->issuer))
		conf_err(&t->b->errs, at(t, "issuer"),
		    "identity \"%s\": \"issuer\" must be https: http is only for a loopback "
		    "address",
		    t->name);
}

static void check_person(const struct ident_ctx *t)
{
	const struct conf *c = t->b->c;
	size_t j;

	need(t, "client_id", "kind: person");
	if (t->x->flow == FLOW_BROWSER && c->web.url == NULL)
		conf_err(&t->b->errs, at(t, "login_flow"),
		    "identity \"%s\": login_flow: browser needs \"url\" in section \"web\"",
		    t->name);
	for (j = 0; j < t->i; j++)
		if (c->identities[j].type == IDENTITY_OIDC && c->identities[j].kind == KIND_PERSON)
			break;
	if (j < t->i)
		conf_err(&t->b->errs, &t->x->where,
		    "identity \"%s\": a second block of kind person is not supported by this "
		    "version "
		    "(the first is \"%s\")",
		    t->name, conf_quote(c->identities[j].name).s);
}

static void check_workload(const struct ident_ctx *t)
{
	const struct conf_identity *x = t->x;
	const char *what = x->user != NULL ? conf_name_taken(x->user) : NULL;

	if (x->kind == KIND_AGENT)
		need(t, "person", "kind: agent");
	if (given(t, "name") && given(t, "user"))
		conf_err(&t->b->errs, at(t, "name"),
		    "identity \"%s\": give \"name\" or \"user\", not both", t->name);
	if (given(t, "name") && given(t, "names"))
		conf_err(&t->b->errs, at(t, "names"),
		    "identity \"%s\": \"names\" has no effect with \"name\"", t->name);
	if (what != NULL)
		conf_err(&t->b->errs, at(t, "name"), "identity \"%s\": \"name\": \"%s\" %s",
		    t->name, conf_quote(x->user).s, what);
}

static void check_names(const struct ident_ctx *t)
{
	const char *what;
	size_t k;

	for (k = 0; k < t->x->names.n; k++)
		if ((what = conf_name_taken(t->x->names.v[k])) != NULL)
			conf_err(&t->b->errs, at(t, "names"),
			    "identity \"%s\": \"names\": \"%s\" %s", t->name,
			    conf_quote(t->x->names.v[k]).s, what);
}

static void check_ttl(const struct ident_ctx *t)
{
	if (t->x->ttl_s > t->b->c->gateway.cert_max_ttl_s)
		conf_err(&t->b->errs, at(t, "ttl"),
		    "identity \"%s\": \"ttl\" is longer than \"cert_max_ttl\" of the gateway",
		    t->name);
}

/* --- two blocks --- */

/* Could one name match both? "*a" and "b*" always can. */
static bool patterns_meet(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), less;
	bool front_a = a[0] == '*', back_a = !front_a && n > 0 && a[n - 1] == '*';
	bool front_b = b[0] == '*', back_b = !front_b && m > 0 && b[m - 1] == '*';

	if (!front_b && !back_b)
		return conf_name_matches(a, b);
	if (!front_a && !back_a)
		return conf_name_matches(b, a);
	less = (n < m ? n : m) - 1;
	if (front_a && front_b)
		return strcmp(a + n - less, b + m - less) == 0;
	if (back_a && back_b)
		return strncmp(a, b, less) == 0;
	return true;
}

/* What a block may give: its fixed name, its patterns, or (0 of them) anything. */
static size_t patterns_of(const struct conf_identity *x, char *const **v)
{
	*v = x->user != NULL ? &x->user : x->names.v;
	return x->user != NULL ? 1 : x->names.n;
}

static void refuse_pair(
    const struct ident_ctx *t, const struct conf_identity *o, const char *mine, const char *theirs)
{
	const char *key = t->x->user != NULL ? "name" : "names";

	if (mine == NULL || theirs == NULL)
		conf_err(&t->b->errs, at(t, "names"),
		    "identity \"%s\": could give the same user names as identity \"%s\": say which "
		    "in "
		    "\"names\" of %s",
		    t->name, conf_quote(o->name).s,
		    mine != NULL     ? "the other"
		    : theirs != NULL ? "this one"
				     : "both");
	else
		conf_err(&t->b->errs, at(t, key),
		    "identity \"%s\": \"%s\" could give the same user name as \"%s\" of identity "
		    "\"%s\"",
		    t->name, conf_quote(mine).s, conf_quote(theirs).s, conf_quote(o->name).s);
}

/* Agents have names of their own, "agent:" before what the block gives. */
static void check_pair(const struct ident_ctx *t, const struct conf_identity *o)
{
	char *const *a, *const *b;
	size_t n = patterns_of(t->x, &a), m = patterns_of(o, &b), i, j;

	if ((t->x->kind == KIND_AGENT) != (o->kind == KIND_AGENT))
		return;
	if (n == 0 || m == 0) {
		refuse_pair(t, o, n > 0 ? a[0] : NULL, m > 0 ? b[0] : NULL);
		return;
	}
	for (i = 0; i < n; i++)
		for (j = 0; j < m; j++)
			if (patterns_meet(a[i], b[j])) {
				refuse_pair(t, o, a[i], b[j]);
				return;
			}
}

static void check_users(const struct ident_ctx *t)
{
	const struct conf *c = t->b->c;
	char *const *v;
	size_t n = patterns_of(t->x, &v), i, u;

	if (t->x->kind == KIND_AGENT)
		return;
	if (n == 0 && c->n_users > 0) {
		conf_err(&t->b->errs, &t->x->where,
		    "identity \"%s\": could give the name of a local user: say which names it "
		    "gives in "
		    "\"names\"",
		    t->name);
		return;
	}
	for (u = 0; u < c->n_users; u++)
		for (i = 0; i < n; i++)
			if (conf_name_matches(v[i], c->users[u].name)) {
				conf_err(&t->b->errs, at(t, t->x->user != NULL ? "name" : "names"),
				    "identity \"%s\": \"%s\" could give the name of the local user "
				    "\"%s\"",
				    t->name, conf_quote(v[i]).s, conf_quote(c->users[u].name).s);
				return;
			}
}

static bool same_list(const struct conf_list *a, const struct conf_list *b)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (!conf_list_has(b, a->v[i]))
			return false;
	for (i = 0; i < b->n; i++)
		if (!conf_list_has(a, b->v[i]))
			return false;
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Which of two blocks a token is for is told by its claims and audience. */
static void check_tokens(const struct ident_ctx *t, const struct conf_identity *o)
{
	const struct conf_identity *x = t->x;

	if (x->kind == KIND_PERSON || o->kind == KIND_PERSON || x->issuer == NULL ||
	    !same_text(x->issuer, o->issuer) || !same_text(x->audience, o->audience) ||
	    !same_list(&x->claims, &o->claims))
		return;
	conf_err(&t->b->errs, &x->where,
	    "identity \"%s\": the same issuer, \"claims\" and \"audience\" as identity \"%s\": no "
	    "token would reach it",
	    t->name, conf_quote(o->name).s);
}

/* --- all --- */

/* Not when type or kind were refused already: then nothing else about the block is sure. */
static bool is_sure(const struct conf_build *b, size_t i)
{
	static const char *const kinds[] = {"person", "service", "agent"};
	const struct cnode *n = b->nodes[SEC_IDENTITY][i];
	const struct cnode *type = cnode_get(n, "type", NULL), *kind = cnode_get(n, "kind", NULL);
	size_t k;

	if (n->kind != CN_MAP || type == NULL || type->kind != CN_SCALAR ||
	    (strcmp(type->text, "local") != 0 && strcmp(type->text, "oidc") != 0))
		return false;
	for (k = 0; kind != NULL && kind->kind == CN_SCALAR && k < N(kinds); k++)
		if (strcmp(kind->text, kinds[k]) == 0)
			return true;
	return kind == NULL;
}

static void check_block(const struct ident_ctx *t)
{
	const struct conf *c = t->b->c;
	size_t j;

	check_keys(t);
	if (t->x->type == IDENTITY_LOCAL)
		return;
	need(t, "issuer", "type: oidc");
	check_issuer(t);
	if (t->x->kind == KIND_PERSON)
		check_person(t);
	else
		check_workload(t);
	check_names(t);
	check_ttl(t);
	check_users(t);
	for (j = 0; j < t->i; j++)
		if (c->identities[j].type == IDENTITY_OIDC && is_sure(t->b, j)) {
			check_pair(t, &c->identities[j]);
			check_tokens(t, &c->identities[j]);
		}
}

void conf_check_ident(struct conf_build *b)
{
	const struct conf *c = b->c;
	size_t i, locals = 0;

	for (i = 0; i < c->n_identities; i++) {
		const struct conf_identity *x = &c->identities[i];
		char name[sizeof(((struct conf_quoted *)0)->s)];
		struct ident_ctx t = {b, i, x, name};

		(void)snprintf(name, sizeof(name), "%s", conf_quote(x->name).s);
		if (!is_sure(b, i))
			continue;
		if (x->type == IDENTITY_LOCAL && ++locals == 2)
			conf_err(&b->errs, &x->where,
			    "identity \"%s\": a second block of type local could name the same "
			    "people",
			    name);
		check_block(&t);
	}
}

/* --- the pages --- */

static const struct conf_where *web_at(const struct conf_build *b, const char *key)
{
	const struct conf_section *sec = &conf_sections[SEC_WEB];
	size_t k;

	for (k = 0; k < sec->n_keys; k++)
		if (strcmp(sec->keys[k].name, key) == 0 && b->one[SEC_WEB].seen[k].line > 0)
			return &b->one[SEC_WEB].seen[k];
	return &b->one[SEC_WEB].at;
}

static bool listens_loopback(const struct conf_list *l)
{
	char host[256];
	int port;
	size_t i;

	for (i = 0; i < l->n; i++)
		if (conf_address(l->v[i], true, host, sizeof(host), &port) != 0 ||
		    (strcmp(host, "::1") != 0 && !conf_host_is_v4_loopback(host, strlen(host))))
			return false;
	return true;
}

void conf_check_web(struct conf_build *b)
{
	const struct conf_web *w = &b->c->web;

	if ((w->tls_cert != NULL) != (w->tls_key != NULL))
		conf_err(&b->errs, web_at(b, w->tls_cert != NULL ? "tls_cert" : "tls_key"),
		    "web: \"tls_cert\" and \"tls_key\" go together");
	if (w->url == NULL)
		return;
	if (strncmp(w->url, "http://", 7) == 0 && !conf_url_is_loopback(w->url))
		conf_err(&b->errs, web_at(b, "url"),
		    "web: \"url\" must be https: http is only for a loopback address");
	if (w->tls_cert == NULL && w->tls_key == NULL && !listens_loopback(&w->listen))
		conf_err(&b->errs, web_at(b, "listen"),
		    "web: \"listen\" without \"tls_cert\" and \"tls_key\" must be loopback "
		    "addresses "
		    "(behind a proxy on this machine)");
}

/* --- computed defaults --- */

static void default_list(struct conf_mem *m, struct conf_list *l, const char *const *v, size_t n)
{
	size_t i;

	if (l->n > 0)
		return;
	l->v = conf_alloc(m, n, sizeof(char *));
	for (i = 0; i < n; i++)
		l->v[i] = conf_strdup(m, v[i]);
	l->n = n;
}

void conf_finish_ident(struct conf_mem *m, struct conf_identity *x)
{
	static const char *const scopes[] = {"openid", "profile", "email"};
	static const char *const algs[] = {"RS256", "PS256", "ES256"};
	bool person = x->kind == KIND_PERSON;

	if (x->type == IDENTITY_LOCAL)
		return;
	default_list(m, &x->algs, algs, N(algs));
	if (x->user_claim == NULL && x->user == NULL)
		x->user_claim = conf_strdup(m, person ? "/email" : "/sub");
	if (!person)
		return;
	default_list(m, &x->scopes, scopes, N(scopes));
	if (x->groups_claim == NULL)
		x->groups_claim = conf_strdup(m, "/groups");
}

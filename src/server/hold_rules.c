/* SPDX-License-Identifier: Apache-2.0
 *
 * What an approval is bound to, who may give one, and what happens to requests without anybody
 * asking: expiry, and another judgement after the configuration changed.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/hold.h"
#include "server/mon.h"

#define OPEN ((1u << REQ_PENDING) | (1u << REQ_APPROVED))

/* --- binding --- */

static void add(struct sha256_ctx *c, struct span s)
{
	uint8_t len[4] = {
	    (uint8_t)(s.n >> 24), (uint8_t)(s.n >> 16), (uint8_t)(s.n >> 8), (uint8_t)s.n};

	sha256_add(c, span_of(len, sizeof(len)));
	sha256_add(c, s);
}

void hold_body(const struct hold_subject *s, uint8_t out[SHA256_LEN])
{
	struct span part[] = {span_str(s->user), span_str(s->person), span_str(s->on_behalf_of),
	    span_str(s->target), span_str(s->database), span_str(s->login), s->sql, s->params};
	struct sha256_ctx *c = sha256_new();

	sha256_begin(c);
	for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++)
		add(c, part[i]);
	sha256_end(c, out);
	sha256_free(c);
}

void hold_binding(
    const uint8_t body[SHA256_LEN], const uint8_t meaning[SHA256_LEN], uint8_t out[SHA256_LEN])
{
	uint8_t both[2 * SHA256_LEN];

	memcpy(both, body, SHA256_LEN);
	memcpy(both + SHA256_LEN, meaning, SHA256_LEN);
	sha256(span_of(both, sizeof(both)), out);
}

/* --- copies --- */

static size_t room(const char *s)
{
	return s != NULL ? strlen(s) + 1 : 1;
}

static const char *keep(char **at, const char *s)
{
	char *to = *at;
	size_t n = room(s);

	memcpy(to, s != NULL ? s : "", n);
	*at += n;
	return to;
}

static struct span keep_span(char **at, struct span s)
{
	uint8_t *to = (uint8_t *)*at;

	if (s.n > 0)
		memcpy(to, s.p, s.n);
	*at += s.n;
	return span_of(to, s.n);
}

struct request *request_copy(const struct store_request *r)
{
	const char *in[] = {r->id, r->session, r->user, r->person, r->on_behalf_of, r->target,
	    r->database, r->login, r->cls, r->rule, r->reason, r->meaning, r->tx, r->approval,
	    r->approvers, r->decided_by, r->decided_why, r->effect};
	struct request *q = xcalloc(1, sizeof(*q));
	const char **out[] = {&q->r.id, &q->r.session, &q->r.user, &q->r.person, &q->r.on_behalf_of,
	    &q->r.target, &q->r.database, &q->r.login, &q->r.cls, &q->r.rule, &q->r.reason,
	    &q->r.meaning, &q->r.tx, &q->r.approval, &q->r.approvers, &q->r.decided_by,
	    &q->r.decided_why, &q->r.effect};
	size_t n = r->sql.n + r->params.n;
	char *at;

	for (size_t i = 0; i < sizeof(in) / sizeof(*in); i++)
		n += room(in[i]);
	q->r = *r;
	q->mem = at = xcalloc(1, n);
	for (size_t i = 0; i < sizeof(in) / sizeof(*in); i++)
		*out[i] = keep(&at, in[i]);
	q->r.sql = keep_span(&at, r->sql);
	q->r.params = keep_span(&at, r->params);
	return q;
}

void request_free(struct request *q)
{
	if (q == NULL)
		return;
	free(q->mem);
	free(q);
}

static int take(void *ctx, const struct store_request *r)
{
	*(struct request **)ctx = request_copy(r);
	return 0;
}

struct request *request_get(struct store *s, const char *id, struct why *w)
{
	struct request *q = NULL;
	char shown[40];
	int rc = store_request_get(s, id, take, &q);

	if (rc == 0 && q != NULL)
		return q;
	request_free(q);
	span_escape(span_str(id), shown, sizeof(shown));
	if (rc == E_EXISTS)
		why_set(w, rc, "\"%s\" is the beginning of more than one request", shown);
	else if (rc == E_NOTFOUND || rc == 0) {
		why_set(w, E_NOTFOUND, "no request \"%s\"", shown);
		why_hint(w, strlen(id) < 4 ? "an id, or at least its first 4 characters"
					   : "the verb \"requests --all\" lists those you may see");
	}
	else
		why_set(w, rc, "the state store failed: %s", err_str(rc));
	return NULL;
}

/* --- who may decide --- */

/* Is g one of the comma list's? */
static bool in_list(const char *list, const char *g)
{
	size_t n = strlen(g);

	for (const char *p = list; *p != '\0';) {
		size_t k = strcspn(p, ",");

		if (k == n && memcmp(p, g, n) == 0)
			return true;
		p += k + (p[k] == ',');
	}
	return false;
}

/* A role with the verb, through a group of the caller that the request names, and for this target
 * when it names targets. */
static bool is_approver(const struct conf *c, const struct ident *id, const struct store_request *r)
{
	const struct conf_target *t = conf_target_find(c, r->target);

	for (size_t i = 0; i < c->n_roles; i++) {
		const struct conf_role *role = &c->roles[i];

		if (!conf_list_has(&role->verbs, "approve") ||
		    (role->targets.n > 0 && (t == NULL || !conf_selects(&role->targets, t))))
			continue;
		for (size_t g = 0; g < id->groups.n; g++)
			if (conf_list_has(&role->groups, id->groups.v[g]) &&
			    in_list(r->approvers, id->groups.v[g]))
				return true;
	}
	return false;
}

int hold_may_decide(
    const struct conf *c, const struct ident *id, const struct store_request *r, struct why *w)
{
	if (id->via == VIA_OPERATOR || id->via == VIA_NOTHING || id->via == VIA_KEY) {
		why_set(w, E_DENIED, "%s cannot decide requests", id->user);
		why_hint(w, "a decision is a person's: log in with your own certificate");
		return E_DENIED;
	}
	if (id->service || id->on_behalf_of[0] != '\0')
		return why_set(w, E_DENIED, "%s is no person: machines decide nothing", id->user);
	if (ident_is_behind(id, r->user, r->person, NULL))
		return why_set(w, E_DENIED, "you cannot approve %s: it is your own", r->id);
	if (ident_is_behind(id, NULL, NULL, r->on_behalf_of))
		return why_set(w, E_DENIED, "you cannot approve %s: the agent acts for you (%s)",
		    r->id, r->on_behalf_of);
	if (!is_approver(c, id, r)) {
		why_set(w, E_DENIED, "you cannot decide %s: it is for %s", r->id, r->approvers);
		return E_DENIED;
	}
	return 0;
}

/* --- expiry --- */

struct gathered {
	struct request **v;
	size_t n;
	int64_t next_us;
};

static int gather(void *ctx, const struct store_request *r)
{
	struct gathered *g = ctx;

	g->v = xreallocarray(g->v, g->n + 1, sizeof(*g->v));
	g->v[g->n++] = request_copy(r);
	return 0;
}

static void gathered_clear(struct gathered *g)
{
	for (size_t i = 0; i < g->n; i++)
		request_free(g->v[i]);
	free(g->v);
}

static int earliest(void *ctx, const struct store_request *r)
{
	struct gathered *g = ctx;

	if (g->next_us == 0 || r->deadline_us < g->next_us)
		g->next_us = r->deadline_us;
	return 0;
}

void holds_tick(struct monitor *m)
{
	struct store_request_filter open = {.open_only = true};
	struct gathered g = {0};
	int64_t now = clock_wall_us();

	if (m->next_expiry_us == 0 || now < m->next_expiry_us)
		return;
	if (store_request_expire(m->store, now, gather, &g) < 0)
		log_error("store-failed", "what", "expire");
	for (size_t i = 0; i < g.n; i++) {
		log_info("hold-expired", "request", g.v[i]->r.id, "user", g.v[i]->r.user,
		    "for", g.v[i]->r.on_behalf_of[0] != '\0' ? g.v[i]->r.on_behalf_of : NULL);
		(void)hold_leaf(m, &g.v[i]->r, REQ_EXPIRED, "gateway");
		hold_decided(m, g.v[i]->r.id, REQ_EXPIRED, "", "nobody decided in time");
	}
	if (store_request_list(m->store, &open, earliest, &g) < 0)
		g.next_us = now + 1000000;
	m->next_expiry_us = g.next_us;
	gathered_clear(&g);
}

/* --- after a reload --- */

/* Would the new configuration still let this user ask for it? Who asks in a live session was judged again
 * before; of the others only the name is left. */
static bool still_allowed(struct monitor *m, const struct store_request *r)
{
	const struct conf *c = mon_conf(m);
	const struct msess *s = mon_session_find(m, r->session);
	struct policy_view view;
	enum sql_class cls = SQL_UNPARSABLE;
	struct ident id;
	struct grant g;
	char state[6];
	bool ok;

	ident_init(&id);
	if (s != NULL)
		ident_copy(&id, &s->peer->id);
	else
		who_named(m, r->user, r->on_behalf_of, &id);
	ok = grant_for(c, &id, r->target, r->login, r->database, &g, NULL, state) == 0 &&
	     strcmp(g.login, r->login) == 0 && sql_class_parse(r->cls, &cls) == 0;
	if (ok) {
		view_for(m->epoch, &id, &g, &view);
		ok = view.line[cls].verdict != VERDICT_DENY;
	}
	ident_clear(&id);
	return ok;
}

/* Denied by the gateway itself; one that was decided meanwhile is left alone. */
static void deny(struct monitor *m, const struct store_request *r, const char *by, const char *why)
{
	if (store_request_move(m->store, r->id, OPEN, REQ_DENIED, by, why, clock_wall_us()) != 0)
		return;
	log_info("hold-denied", "request", r->id, "by", by);
	(void)hold_leaf(m, r, REQ_DENIED, by);
	hold_decided(m, r->id, REQ_DENIED, by, why);
}

void holds_forget(struct monitor *m, const char *user)
{
	static const char why[] = "the account was forgotten";
	struct store_request_filter open = {.open_only = true};
	struct gathered g = {0};

	if (store_request_list(m->store, &open, gather, &g) < 0)
		log_error("store-failed", "what", "list requests");
	for (size_t i = 0; i < g.n; i++) {
		const struct store_request *r = &g.v[i]->r;

		if (strcmp(r->user, user) == 0 || strcmp(r->on_behalf_of, user) == 0)
			deny(m, r, "gateway", why);
	}
	gathered_clear(&g);
}

void holds_rejudge(struct monitor *m)
{
	static const char why[] = "the configuration changed and no longer allows it";
	struct store_request_filter open = {.open_only = true};
	struct gathered g = {0};

	if (store_request_list(m->store, &open, gather, &g) < 0)
		log_error("store-failed", "what", "list requests");
	for (size_t i = 0; i < g.n; i++) {
		const struct store_request *r = &g.v[i]->r;

		if (!still_allowed(m, r))
			deny(m, r, "policy", why);
	}
	gathered_clear(&g);
}

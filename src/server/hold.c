/* SPDX-License-Identifier: Apache-2.0
 *
 * Held statements of live sessions: new, consumed, withdrawn, expired. One state machine, in the
 * store, by conditional updates: pending → approved → consumed | withdrawn | denied | expired. Who
 * must agree and for how long comes from the policy view that the monitor made, never from the
 * session.
 */
#include "server/hold.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/mon.h"
#include "wire/meaning.h"
#include "wire/pgparam.h"

#define OPEN ((1u << REQ_PENDING) | (1u << REQ_APPROVED))

struct hold { /* a request that a session waits for or may use */
	struct hold *next;
	char id[HOLD_ID_LEN + 1];
	uint8_t body[SHA256_LEN];
	enum hold_mode mode;
	int64_t since_us; /* monotonic */
};

static struct hold **hold_find(struct msess *s, const char *id)
{
	struct hold **at = &s->holds;

	while (*at != NULL && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return *at != NULL ? at : NULL;
}

/* The session cannot use it any more. Only what was refused with an id may be used by a later one.
 */
static bool dies_with_session(const struct hold *h)
{
	return h->mode == HOLD_WAIT ||
	       (h->mode == HOLD_AUTO && clock_mono_us() - h->since_us < HOLD_AUTO_MS * 1000);
}

/* --- messages --- */

void hold_decided(
    struct monitor *m, const char *id, enum req_state st, const char *by, const char *why)
{
	struct buf *b = &m->out;

	for (struct peer *p = m->peers; p != NULL; p = p->next)
		for (struct msess *s = p->sessions; s != NULL; s = s->next)
			for (struct hold *h = s->holds; h != NULL; h = h->next) {
				if (strcmp(h->id, id) != 0)
					continue;
				ipc_begin(b, IPC_HOLD_DECIDED, 0);
				ipc_str(b, "id", id);
				ipc_str(b, "state", req_state_name(st));
				ipc_str(b, "by", by);
				ipc_str(b, "why", why);
				chan_send(p->ch, b, NULL, 0);
			}
}

int hold_leaf(struct monitor *m, const struct store_request *r, enum req_state st, const char *who)
{
	struct rec_leaf l = {.type = LEAF_APPROVAL, .has_hash = true};

	(void)str_copy(l.sid, sizeof(l.sid), r->session);
	(void)str_copy(l.id, sizeof(l.id), r->id);
	(void)str_copy(l.who, sizeof(l.who), who);
	(void)str_copy(l.reason, sizeof(l.reason), req_state_name(st));
	memcpy(l.hash, r->binding, SHA256_LEN);
	return mon_leaf(m, &l);
}

/* --- new --- */

struct ask { /* a checked HOLD_NEW */
	struct msess *s;
	const struct ipc_msg *m;
	struct hold_subject subject;
	enum sql_class cls;
	enum hold_mode mode;
	bool locks;
	char rule[128], reason[256], tx[64], effect[256];
	char *meaning; /* owned */
	int64_t effect_rows;
	uint8_t body[SHA256_LEN], binding[SHA256_LEN];
	char approvers[256], approval[64];
	int quorum;
	int64_t wait_ms;
};

static int ask_texts(struct ask *a)
{
	char cls[32], mode[16];
	int rc = ipc_get_str(a->m, "class", cls, sizeof(cls));

	if (rc == 0)
		rc = ipc_get_str(a->m, "mode", mode, sizeof(mode));
	if (rc == 0)
		rc = ipc_get_str(a->m, "rule", a->rule, sizeof(a->rule));
	if (rc == 0)
		rc = ipc_get_str(a->m, "reason", a->reason, sizeof(a->reason));
	if (rc == 0)
		rc = ipc_get_str(a->m, "tx", a->tx, sizeof(a->tx));
	ipc_take_str(a->m, "effect", a->effect, sizeof(a->effect));
	a->effect_rows = ipc_get_int(a->m, "effect_rows", -1);
	if (rc == 0)
		rc = sql_class_parse(cls, &a->cls);
	return rc == 0 ? hold_mode_parse(mode, &a->mode) : rc;
}

/* Statement, parameters and meaning; the statement's earlier parts came by HOLD_PART. */
static int ask_bytes(struct ask *a)
{
	struct span meaning = ipc_get_span(a->m, "meaning");
	uint8_t hash[SHA256_LEN];
	struct msess *s = a->s;
	const struct ident *id = &s->peer->id;

	buf_put_span(&s->parts, ipc_get_span(a->m, "sql"));
	a->subject = (struct hold_subject){.user = id->user,
	    .person = id->person,
	    .on_behalf_of = id->on_behalf_of,
	    .target = s->target,
	    .database = s->database,
	    .login = s->login,
	    .sql = buf_span(&s->parts),
	    .params = ipc_get_span(a->m, "params")};
	if (meaning.n == 0 || meaning.n > MEANING_MAX || span_has_nul(meaning) || buf_len(&s->parts) == 0 ||
	    a->subject.params.n > HOLD_PARAMS_MAX)
		return E_FORMAT;
	if (buf_err(&s->parts) != 0)
		return buf_err(&s->parts);
	a->locks = ipc_get_bool(a->m, "locks", false);
	hold_body(&a->subject, a->body);
	sha256(meaning, hash);
	hold_binding(a->body, hash, a->binding);
	a->meaning = xstrndup((const char *)meaning.p, meaning.n);
	return 0;
}

/* The approval block that the class's line names, else the configuration's default one (as
 * policy/resolve.c has it). */
static const struct conf_approval *approval_of(const struct conf *c, const struct policy_line *line)
{
	const struct conf_approval *ap;

	if (line->approval[0] != '\0')
		return conf_approval_find(c, line->approval);
	ap = conf_approval_find(c, "default");
	return ap == NULL && c->n_approvals > 0 ? &c->approvals[0] : ap;
}

static int ask_policy(struct ask *a, struct why *w)
{
	const struct policy_view *v = &a->s->view;
	const struct policy_line *line = &v->line[a->cls];
	const struct conf_approval *ap = approval_of(mon_conf(a->s->peer->m), line);

	if (line->verdict == VERDICT_DENY || a->cls == SQL_UNPARSABLE ||
	    class_beyond(a->cls, v->max))
		return why_set(w, E_DENIED, "%s is refused here: an approval cannot change that",
		    sql_class_name(a->cls));
	if (ap == NULL || ap->approvers.n == 0)
		return why_set(
		    w, E_DENIED, "nobody is configured to approve %s here", sql_class_name(a->cls));
	(void)str_copy(a->approval, sizeof(a->approval), ap->name);
	(void)list_join(&ap->approvers, a->approvers, sizeof(a->approvers));
	a->quorum = ap->quorum > 0 ? ap->quorum : 1;
	a->wait_ms = a->locks && a->mode == HOLD_WAIT ? ap->wait_locks_ms : ap->wait_ms;
	return 0;
}

struct known { /* what the store has of this user */
	const struct ask *a;
	char id[HOLD_ID_LEN + 1];
	char by[NAME_CAP], why[256];
	int64_t effect_rows; /* of the request with the same binding */
	size_t pending;
	char near[500]; /* an approved request for the same text that means something else */
};

/* Does another session wait for it now? Then it is that one's. */
static bool waits_elsewhere(const struct ask *a, const char *id)
{
	for (const struct peer *p = a->s->peer->m->peers; p != NULL; p = p->next)
		for (const struct msess *s = p->sessions; s != NULL; s = s->next)
			for (const struct hold *h = s->holds; h != NULL; h = h->next)
				if (s != a->s && strcmp(h->id, id) == 0 && dies_with_session(h))
					return true;
	return false;
}

static int note_id(void *ctx, const struct store_request *r)
{
	struct known *k = ctx;

	(void)str_copy(k->id, sizeof(k->id), r->id);
	(void)str_copy(k->by, sizeof(k->by), r->decided_by);
	(void)str_copy(k->why, sizeof(k->why), r->decided_why);
	k->effect_rows = r->effect_rows;
	return 0;
}

/* The same text, approved, and yet another statement: in what? */
static void note_near(struct known *k, const struct store_request *r)
{
	const struct hold_subject *s = &k->a->subject;
	char what[360];

	if (k->near[0] != '\0' || !r->outlives || r->deadline_us <= clock_wall_us() || strcmp(r->person, s->person) != 0 ||
	    strcmp(r->target, s->target) != 0 || !span_eq(r->sql, s->sql))
		return;
	if (strcmp(r->login, s->login) != 0)
		(void)snprintf(what, sizeof(what), "the login was %.100s, is %.100s", r->login, s->login);
	else if (strcmp(r->database, s->database) != 0)
		(void)snprintf(what, sizeof(what), "the database was %.100s, is %.100s", r->database, s->database);
	else if (!pgparam_differs(r->params, s->params, what, sizeof(what)) &&
		 !meaning_differs(span_str(r->meaning), span_str(k->a->meaning), what, sizeof(what)))
		return;
	(void)snprintf(k->near, sizeof(k->near), "request %s, approved by %.60s, is not for this: %s", r->id, r->decided_by, what);
}

static int note_pending(void *ctx, const struct store_request *r)
{
	struct known *k = ctx;

	if (strcmp(r->on_behalf_of, k->a->subject.on_behalf_of) != 0)
		return 0;
	if (r->state == REQ_APPROVED)
		note_near(k, r);
	if (r->state != REQ_PENDING)
		return 0;
	k->pending++;
	if (r->outlives && memcmp(r->binding, k->a->binding, SHA256_LEN) == 0 && !waits_elsewhere(k->a, r->id)) {
		(void)str_copy(k->id, sizeof(k->id), r->id);
		k->effect_rows = r->effect_rows;
	}
	return 0;
}

static void attach(struct ask *a, const char *id)
{
	struct hold **at =
	    hold_find(a->s, id); /* asked again: one entry, the newest way of waiting */
	struct hold *h = at != NULL ? *at : xcalloc(1, sizeof(*h));

	(void)str_copy(h->id, sizeof(h->id), id);
	memcpy(h->body, a->body, SHA256_LEN);
	h->mode = a->mode;
	h->since_us = clock_mono_us();
	if (at == NULL) {
		h->next = a->s->holds;
		a->s->holds = h;
	}
}

static void answer_hold(struct ask *a, const struct known *k, const char *state)
{
	struct peer *p = a->s->peer;
	struct buf *b = ok_begin(p, ipc_id(a->m));
	int64_t wait = a->mode == HOLD_REJECT                              ? 0
		       : a->mode == HOLD_AUTO && a->wait_ms > HOLD_AUTO_MS ? HOLD_AUTO_MS
									   : a->wait_ms;

	ipc_str(b, "id", k->id);
	ipc_str(b, "state", state);
	ipc_int(b, "wait_ms", wait);
	ipc_str(b, "approvers", a->approvers);
	ipc_int(b, "quorum", a->quorum);
	ipc_str(b, "by", k->by);
	ipc_str(b, "why", k->why);
	ipc_int(b, "effect_rows", k->effect_rows);
	ipc_str(b, "near", k->near);
	ok_send(p, NULL, 0);
}

static int request_new(struct ask *a, const char *id)
{
	struct monitor *m = a->s->peer->m;
	int64_t now = clock_wall_us();
	struct store_request r = {.id = id,
	    .state = REQ_PENDING,
	    .session = a->s->sid,
	    .user = a->subject.user,
	    .person = a->subject.person,
	    .on_behalf_of = a->subject.on_behalf_of,
	    .target = a->subject.target,
	    .database = a->subject.database,
	    .login = a->subject.login,
	    .sql = a->subject.sql,
	    .params = a->subject.params,
	    .cls = sql_class_name(a->cls),
	    .rule = a->rule,
	    .reason = a->reason,
	    .meaning = a->meaning,
	    .tx = a->tx,
	    .approval = a->approval,
	    .approvers = a->approvers,
	    .quorum = a->quorum,
	    .outlives = a->mode != HOLD_WAIT,
	    .waiting = a->mode != HOLD_REJECT,
	    .created_us = now,
	    .deadline_us = now + a->wait_ms * 1000,
	    .decided_by = "",
	    .decided_why = "",
	    .effect = a->effect,
	    .effect_rows = a->effect_rows};

	memcpy(r.binding, a->binding, SHA256_LEN);
	if (m->next_expiry_us == 0 || r.deadline_us < m->next_expiry_us)
		m->next_expiry_us = r.deadline_us;
	return store_request_add(m->store, &r);
}

/* An approval that is there already and may be used: k->id; else k->id stays "". */
static int find_approved(struct ask *a, struct known *k, struct why *w)
{
	struct monitor *m = a->s->peer->m;
	int rc = store_request_find(m->store, a->binding, clock_wall_us(), note_id, k);
	struct request *q;

	if (rc == E_NOTFOUND)
		return 0;
	q = rc == 0 ? request_get(m->store, k->id, w) : NULL;
	if (q == NULL)
		return rc == 0 ? w->code : why_set(w, rc, "the state store failed: %s", err_str(rc));
	if (waits_elsewhere(a, k->id) || hold_recheck(m, &q->r, w) != 0)
		*k = (struct known){.a = a};
	request_free(q);
	return 0;
}

static int hold_ask(struct ask *a, struct known *k, struct why *w)
{
	struct monitor *m = a->s->peer->m;
	int rc;

	if (k->pending >= HOLD_PENDING_MAX) {
		why_set(
		    w, E_LIMIT, "you have %zu undecided requests, which is the limit", k->pending);
		why_hint(
		    w, "wait for a decision: ssh %s requests --mine", mon_conf(m)->gateway.name);
		return E_LIMIT;
	}
	random_id(k->id, HOLD_ID_LEN);
	k->effect_rows = a->effect_rows;
	rc = request_new(a, k->id);
	if (rc != 0)
		return why_set(w, rc, "the state store failed: %s", err_str(rc));
	log_info("hold", "sid", a->s->sid, "request", k->id, "user", a->subject.user,
	    "for", ident_for(&a->s->peer->id), "target",
	    a->s->target, "class", sql_class_name(a->cls), "rule", a->rule, "approvers",
	    a->approvers);
	return 0;
}

static int hold_new(struct ask *a, struct why *w)
{
	struct monitor *m = a->s->peer->m;
	struct store_request_filter mine = {.user = a->subject.user, .open_only = true};
	struct known k = {.a = a};
	bool approved;
	int rc = find_approved(a, &k, w);

	if (rc != 0)
		return rc;
	approved = k.id[0] != '\0'; /* earlier, not used yet */
	rc = approved ? 0 : store_request_list(m->store, &mine, note_pending, &k);
	if (rc < 0)
		return why_set(w, rc, "the state store failed: %s", err_str(rc));
	rc = k.id[0] == '\0' ? hold_ask(a, &k, w) : 0; /* else asked again while it is pending */
	if (rc != 0)
		return rc;
	attach(a, k.id);
	answer_hold(a, &k, approved ? "approved" : "pending");
	return 0;
}

int do_hold_new(struct peer *p, const struct ipc_msg *m)
{
	struct ask a = {.m = m};
	struct why w = {0};
	int rc;

	a.s = peer_session(p, m, &rc);
	if (rc == 0 && a.s == NULL) {
		why_set(&w, E_NOTFOUND, "no such session");
		answer_fail(p, ipc_id(m), &w, "42501");
		return 0;
	}
	if (rc == 0)
		rc = ask_texts(&a);
	if (rc == 0)
		rc = ask_bytes(&a);
	if (rc == 0 && (ask_policy(&a, &w) != 0 || hold_new(&a, &w) != 0))
		answer_fail(p, ipc_id(m), &w, w.code == E_LIMIT ? "54000" : "42501");
	if (a.s != NULL)
		buf_clear(&a.s->parts);
	free(a.meaning);
	return rc;
}

int do_hold_part(struct peer *p, const struct ipc_msg *m)
{
	struct why w = {0};
	int rc;
	struct msess *s = peer_session(p, m, &rc);

	if (rc != 0)
		return rc;
	if (s == NULL) {
		why_set(&w, E_NOTFOUND, "no such session");
		answer_fail(p, ipc_id(m), &w, "42501");
		return 0;
	}
	buf_put_span(&s->parts, ipc_get_span(m, "part"));
	if (buf_err(&s->parts) != 0)
		return buf_err(&s->parts);
	answer_ok(p, ipc_id(m));
	return 0;
}

/* --- consume, withdraw --- */

static void hold_drop(struct hold **at)
{
	struct hold *h = *at;

	*at = h->next;
	free(h);
}

/* It may have been decided or used meanwhile: then there is nothing to take back. */
static void withdraw(struct monitor *m, const char *id, const char *by, const char *why)
{
	if (store_request_move(m->store, id, OPEN, REQ_WITHDRAWN, by, why, clock_wall_us()) == 0)
		log_info("hold-withdrawn", "request", id, "by", by, "why", why);
}

static int consume_leaf(void *ctx, const struct store_request *r)
{
	struct msess *s = ctx;

	char who[2 * NAME_CAP + 16];

	return hold_leaf(s->peer->m, r, REQ_CONSUMED, ident_who(&s->peer->id, who, sizeof(who)));
}

/* Whoever asked and whoever approved, as they are now. */
static int still_stands(struct msess *s, const struct hold *h, struct why *w)
{
	struct request *q = request_get(s->peer->m->store, h->id, w);
	int rc = q == NULL ? w->code : who_stands(s->peer->m, &s->peer->id, w);

	if (rc == 0 && s->peer->kill_timer != NULL)
		rc = why_set(w, E_DENIED, "this connection is being ended");
	if (rc == 0)
		rc = hold_recheck(s->peer->m, &q->r, w);
	request_free(q);
	return rc;
}

static int consume(struct msess *s, const struct hold *h, struct span meaning, struct why *w)
{
	struct monitor *m = s->peer->m;
	int64_t now = clock_wall_us();
	uint8_t binding[SHA256_LEN];
	int rc = still_stands(s, h, w);

	if (rc != 0)
		return rc;
	hold_binding(h->body, meaning.p, binding);
	rc = store_request_consume(m->store, h->id, binding, now);
	if (rc == E_DENIED) { /* approved under other circumstances: it is not the same statement
				 any more */
		withdraw(m, h->id, "gateway", "what the statement means has changed");
		return why_set(
		    w, rc, "request %s was approved with another meaning: ask again", h->id);
	}
	if (rc == E_STATE || rc == E_NOTFOUND || rc == E_EXPIRED)
		return why_set(
		    w, E_STATE, "request %s is not approved, was used or has expired", h->id);
	if (rc != 0)
		return why_set(w, rc, "the state store failed: %s", err_str(rc));
	log_info("hold-consumed", "sid", s->sid, "request", h->id);
	/* The log cannot undo what the store did: nothing is forwarded when it fails. */
	rc = store_request_get(m->store, h->id, consume_leaf, s);
	return rc == 0 ? 0 : why_set(w, rc, "the use of request %s cannot be logged", h->id);
}

int do_hold_consume(struct peer *p, const struct ipc_msg *m)
{
	struct span meaning = ipc_get_span(m, "meaning");
	char id[HOLD_ID_LEN + 1];
	struct hold **at = NULL;
	struct why w = {0};
	int rc;
	struct msess *s = peer_session(p, m, &rc);

	if (rc != 0 || meaning.n != SHA256_LEN)
		return rc != 0 ? rc : E_FORMAT;
	rc = ipc_get_str(m, "id", id, sizeof(id));
	if (rc != 0)
		return rc;
	if (s != NULL)
		at = hold_find(s, id);
	if (at == NULL)
		rc = why_set(&w, E_NOTFOUND, "this session has no request %s", id);
	else
		rc = consume(s, *at, meaning, &w);
	if (at != NULL)
		hold_drop(at);
	if (rc != 0)
		answer_fail(p, ipc_id(m), &w, "42501");
	else
		answer_ok(p, ipc_id(m));
	return 0;
}

int do_hold_withdraw(struct peer *p, const struct ipc_msg *m)
{
	char id[HOLD_ID_LEN + 1];
	char why[400];
	struct hold **at = NULL;
	struct why w = {0};
	int rc;
	struct msess *s = peer_session(p, m, &rc);

	if (rc == 0)
		rc = ipc_get_str(m, "id", id, sizeof(id));
	if (rc == 0)
		rc = ipc_get_str(m, "why", why, sizeof(why));
	if (rc != 0)
		return rc;
	if (s != NULL)
		at = hold_find(s, id);
	if (at == NULL) {
		why_set(&w, E_NOTFOUND, "this session has no request %s", id);
		answer_fail(p, ipc_id(m), &w, "42501");
		return 0;
	}
	withdraw(p->m, id, p->id.user, why);
	hold_drop(at);
	answer_ok(p, ipc_id(m));
	return 0;
}

void holds_session_gone(struct msess *s)
{
	while (s->holds != NULL) {
		const struct hold *h = s->holds;

		if (dies_with_session(h))
			withdraw(s->peer->m, h->id, s->peer->id.user, "the session ended");
		hold_drop(&s->holds);
	}
}

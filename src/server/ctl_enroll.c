/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb enroll: a job or an agent hands in a token of its workload identity provider and gets a certificate for
 * the key of this connection. The fetcher says whether the token is good and bound to that key; who that makes it
 * here, and whether at all, is decided in this file.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/address.h"
#include "server/ctl.h"
#include "wire/sshcert.h"

#define TOKEN_MAX      (16u * 1024)
#define ANSWER_MS      20000 /* the fetcher may have to load keys */
#define STAY_US        (60LL * 1000000) /* of a connection, from its start */
#define REFUSED_MAX    20    /* of one source ... */
#define REFUSED_US     (60LL * 1000000) /* ... in this time */
#define REFUSED_KEPT   256
#define PENALTY_S      60

struct enrollment {
	struct enrollment *next;
	struct ctl *ctl;
	struct issuing *issuing;
	struct loop_timer *timer;
	char iss[600], sub[300], block[64];
	char user[NAME_CAP], person[NAME_CAP], on_behalf_of[NAME_CAP], risk[32];
	struct conf_list groups;
	enum ident_kind kind;
};

static struct enrollment *enrollments;

/* The latest refusals, a ring. */
static struct refusal {
	char addr[64];
	int64_t at_us;
} refusals[REFUSED_KEPT];
static size_t n_refusals;

static void enrollment_free(struct ctl *c)
{
	struct enrollment *e = c->job;
	struct enrollment **at = &enrollments;

	c->job = NULL;
	c->job_free = NULL;
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	calls_forget(&c->m->fetcher_calls, e);
	loop_cancel(c->m->loop, e->timer);
	mon_issue_cancel(e->issuing);
	list_clear(&e->groups);
	free(e);
}

/* --- limits --- */

static int refused_lately(const char *addr)
{
	int64_t since = clock_mono_us() - REFUSED_US;
	int n = 0;

	for (size_t i = 0; i < REFUSED_KEPT && i < n_refusals; i++)
		n += refusals[i].at_us > since && address_same_source(refusals[i].addr, addr);
	return n;
}

static void note_refusal(const struct peer *p)
{
	struct refusal *r = &refusals[n_refusals++ % REFUSED_KEPT];
	struct buf *b = &p->m->out;

	(void)str_copy(r->addr, sizeof(r->addr), p->addr);
	r->at_us = clock_mono_us();
	if (refused_lately(p->addr) < REFUSED_MAX)
		return;
	ipc_begin(b, IPC_PENALTY, 0);
	ipc_str(b, "addr", p->addr);
	ipc_int(b, "seconds", PENALTY_S);
	chan_send(p->m->listener, b, NULL, 0);
}

static int check_limits(const struct ctl *c, struct why *w)
{
	const struct conf_gateway *g = &mon_conf(c->m)->gateway;
	struct peer *p = c->peer;
	int all = 0, here = 0;

	for (const struct enrollment *e = enrollments; e != NULL; e = e->next) {
		all++;
		here += address_same_source(e->ctl->peer->addr, p->addr);
	}
	if (++p->enrolls > ENROLL_TRIES)
		return why_set(w, E_DENIED, "%d tokens of this connection were refused: connect again", ENROLL_TRIES);
	if (refused_lately(p->addr) >= REFUSED_MAX)
		why_set(w, E_LIMIT, "too many tokens from %s were refused", p->addr);
	else if (here > g->max_pending_logins_per_source || all > g->max_pending_logins)
		why_set(w, E_LIMIT, "too many tokens are being looked at in this moment");
	else if (c->m->draining)
		why_set(w, E_LIMIT, "the gateway is about to stop");
	else if (c->m->fetcher == NULL)
		why_set(w, E_LIMIT, "the gateway cannot check tokens now");
	else
		return 0;
	why_hint(w, "try again in a minute");
	return E_LIMIT;
}

/* --- refused --- */

static void refuse(struct enrollment *e, const struct why *w)
{
	struct ctl *c = e->ctl;
	struct peer *p = c->peer;

	log_warn("enroll-refused", "conn", p->conn, "user", e->user, "for",
	    e->on_behalf_of[0] != '\0' ? e->on_behalf_of : NULL, "block", e->block, "iss", e->iss,
	    "sub", e->sub, "key", p->id.key_fp, "source", p->addr, "why", w->text);
	if (w->code != E_LIMIT) /* the gateway's own trouble */
		note_refusal(p);
	ctl_fail(c, w);
	enrollment_free(c);
}

/* --- who it is here --- */

/* What the token and the block say of groups, as far as a role cares. */
static int take_groups(struct enrollment *e, const struct conf *c, const struct conf_identity *b,
    const struct ipc_msg *m)
{
	struct conf_list said = {0};
	int rc = idp_groups(m, &said);

	for (size_t i = 0; rc == 0 && i < b->add_groups.n; i++)
		list_add(&said, b->add_groups.v[i]);
	for (size_t i = 0; rc == 0 && i < said.n; i++) {
		bool matters = false;

		for (size_t k = 0; k < c->n_roles && !matters; k++)
			matters = conf_list_has(&c->roles[k].groups, said.v[i]);
		if (matters && !conf_list_has(&e->groups, said.v[i]))
			list_add(&e->groups, said.v[i]);
	}
	list_clear(&said);
	return rc;
}

static int take_texts(struct enrollment *e, const struct ipc_msg *m)
{
	int rc = ipc_get_str(m, "iss", e->iss, sizeof(e->iss));

	if (rc == 0)
		rc = ipc_get_str(m, "sub", e->sub, sizeof(e->sub));
	if (rc == 0)
		rc = ipc_get_str(m, "block", e->block, sizeof(e->block));
	ipc_take_str(m, "user", e->user, sizeof(e->user));
	ipc_take_str(m, "person", e->on_behalf_of, sizeof(e->on_behalf_of));
	return rc;
}

/* The block may have gone while the fetcher looked at the token. */
static const struct conf_identity *block_of(const struct ctl *c, const struct enrollment *e, struct why *w)
{
	const struct conf_identity *b = conf_identity_find(mon_conf(c->m), e->block);

	if (b != NULL && b->type == IDENTITY_OIDC && b->kind != KIND_PERSON &&
	    strcmp(b->issuer, e->iss) == 0)
		return b;
	why_set(w, E_DENIED, "identity block %s does not take tokens of %s", e->block, e->iss);
	return NULL;
}

static int check_name(
    const struct ctl *c, struct enrollment *e, const struct conf_identity *b, struct why *w)
{
	const char *said = b->user != NULL ? b->user : e->user;
	char name[NAME_CAP], safe[80];

	if (said[0] == '\0' || str_copy(name, sizeof(name), said) != 0 ||
	    !conf_identity_names(mon_conf(c->m), b, name)) {
		span_escape(span_str(said), safe, sizeof(safe));
		why_set(w, E_DENIED, "identity block %s may not give the name \"%s\"", b->name, safe);
		why_hint(w, "the block's `names` and `user` decide; a name of `users` is never given");
		return E_DENIED;
	}
	e->kind = b->kind;
	if (snprintf(e->user, sizeof(e->user), "%s%s", e->kind == KIND_AGENT ? SSHCERT_AGENT_PREFIX : "",
		name) >= (int)sizeof(e->user) ||
	    !sshcert_principal_ok(span_str(e->user)))
		return why_set(w, E_DENIED, "the name of the token cannot be a user name");
	return 0;
}

/* Groups of roles that the person may give to an agent; the most severe class of those roles. */
static void keep_delegated(
    struct enrollment *e, const struct conf *c, const struct conf_list *behind)
{
	struct conf_list had = e->groups;
	enum sql_class max = SQL_READ;

	e->groups = (struct conf_list){0};
	for (size_t i = 0; i < c->n_roles; i++) {
		const struct conf_role *r = &c->roles[i];

		if (!lists_meet(&r->delegated_by, behind) || !lists_meet(&r->groups, &had))
			continue;
		for (size_t g = 0; g < had.n; g++)
			if (conf_list_has(&r->groups, had.v[g]) && !conf_list_has(&e->groups, had.v[g]))
				list_add(&e->groups, had.v[g]);
		if (class_beyond(r->max, max))
			max = r->max;
	}
	(void)str_copy(e->risk, sizeof(e->risk), sql_class_name(max));
	list_clear(&had);
}

static int check_person(struct ctl *c, struct enrollment *e, struct why *w)
{
	struct conf_list behind = {0};
	int rc = 0;

	if (e->kind != KIND_AGENT) {
		e->on_behalf_of[0] = '\0';
		return str_copy(e->person, sizeof(e->person), e->user);
	}
	if (e->on_behalf_of[0] == '\0')
		return why_set(w, E_DENIED, "the token names no person: an agent acts for one");
	rc = who_person(c->m, e->on_behalf_of, &behind, e->person, w);
	if (rc == 0) {
		keep_delegated(e, mon_conf(c->m), &behind);
		if (e->groups.n == 0)
			rc = why_set(w, E_DENIED, "%s may give %s no role", e->on_behalf_of, e->user);
		if (rc != 0)
			why_hint(w, "roles say by delegated_by which groups' people may have agents");
	}
	list_clear(&behind);
	return rc;
}

/* The last question: it uses the token up. */
static int check_once(struct ctl *c, const struct ipc_msg *m, struct why *w)
{
	struct span hash = ipc_get_span(m, "token");
	int64_t exp = ipc_get_int(m, "exp", 0);
	int rc;

	if (!ipc_get_bool(m, "once", true))
		return 0;
	if (hash.n != 32 || exp <= 0)
		return why_set(w, E_FORMAT, "the token cannot be remembered, so it is not taken");
	rc = store_token_use(c->m->store, hash.p, exp, clock_wall_s());
	if (rc == 0)
		return 0;
	if (rc != E_EXISTS)
		return why_set(w, E_LIMIT, "the state store failed: %s", err_str(rc));
	why_set(w, E_DENIED, "this token was used before");
	why_hint(w, "its audience is not bound to a key, so it is good for one certificate: get a new token");
	return E_DENIED;
}

static int accept_token(struct enrollment *e, const struct ipc_msg *m, struct why *w)
{
	struct ctl *c = e->ctl;
	const struct conf_identity *b;
	int rc = take_texts(e, m);

	if (rc != 0)
		return why_set(w, E_FORMAT, "the token's claims cannot be used: %s", err_str(rc));
	b = block_of(c, e, w);
	if (b == NULL)
		return E_DENIED;
	rc = check_name(c, e, b, w);
	if (rc == 0 && take_groups(e, mon_conf(c->m), b, m) != 0)
		rc = why_set(w, E_DENIED, "the token's groups cannot be written into a certificate");
	if (rc == 0)
		rc = check_person(c, e, w);
	return rc == 0 ? check_once(c, m, w) : rc;
}

/* --- the certificate --- */

static void issued(void *ctx, const struct issued *x, const struct why *failed)
{
	struct enrollment *e = ctx;
	struct ctl *c = e->ctl;
	const struct peer *p = c->peer;
	struct item it;

	e->issuing = NULL;
	if (x == NULL) {
		refuse(e, failed);
		return;
	}
	log_info("enrolled", "conn", p->conn, "user", e->user, "for",
	    e->on_behalf_of[0] != '\0' ? e->on_behalf_of : NULL, "block", e->block, "iss", e->iss,
	    "sub", e->sub, "key", p->id.key_fp, "source", p->addr, "serial",
	    log_num((long long)x->serial), "before", log_num((long long)x->before_s));
	item_init(&it);
	item_cert(&it, x);
	item_str(&it, "on_behalf_of", e->on_behalf_of);
	item_str(&it, "targets", "");
	item_str(&it, "max_risk", e->risk);
	item_str(&it, "source", p->addr);
	ctl_item(c, &it);
	ctl_end(c, CTL_OK, "", "");
	enrollment_free(c);
}

static void issue(struct enrollment *e)
{
	struct ctl *c = e->ctl;
	const struct conf *conf = mon_conf(c->m);
	struct issue_ask a = {.key = buf_span(&c->id->key),
	    .user = e->user,
	    .person = e->person,
	    .issuer = e->block,
	    .kind = e->kind,
	    .groups = &e->groups,
	    .ttl_s = issue_ttl(conf, conf_identity_find(conf, e->block), e->kind, &e->groups),
	    .source = c->peer->addr,
	    .addr = c->peer->addr,
	    .max_risk = e->risk,
	    .on_behalf_of = e->on_behalf_of,
	    .forward = true};
	struct issuing *x = mon_issue(c->m, &a, issued, e);

	if (x != NULL)
		e->issuing = x;
}

static void looked_at(void *ctx, const struct ipc_msg *m)
{
	struct enrollment *e = ctx;
	struct why w = {0};
	int rc = 0;

	loop_cancel(e->ctl->m->loop, e->timer);
	e->timer = NULL;
	if (m == NULL) {
		rc = why_set(&w, E_LIMIT, "the gateway cannot check tokens now");
		why_hint(&w, "try again in a minute");
	} else if (ipc_type_of(m) != IPC_OK) {
		ipc_take_str(m, "text", w.text, sizeof(w.text));
		ipc_take_str(m, "hint", w.hint, sizeof(w.hint));
		ipc_take_str(m, "iss", e->iss, sizeof(e->iss)); /* as claimed */
		rc = w.code = ipc_get_int(m, "code", E_DENIED) == E_LIMIT ? E_LIMIT : E_DENIED;
	} else {
		rc = accept_token(e, m, &w);
	}
	if (rc == 0) {
		issue(e);
		return;
	}
	w.code = rc;
	refuse(e, &w);
}

static void no_answer(void *ctx)
{
	struct enrollment *e = ctx;
	struct why w = {0};

	e->timer = NULL;
	why_set(&w, E_LIMIT, "the token could not be checked in time");
	why_hint(&w, "the keys of its issuer may be out of reach of the gateway; try again in a minute");
	refuse(e, &w);
}

static void ask(struct enrollment *e, struct span token)
{
	struct monitor *m = e->ctl->m;
	struct buf *b = &m->out;
	char audience[400];

	snprintf(audience, sizeof(audience), "ssh://%s/%s", mon_conf(m)->gateway.name, e->ctl->id->key_fp);
	e->timer = loop_after(m->loop, ANSWER_MS, no_answer, e);
	ipc_begin(b, IPC_IDP_TOKEN, calls_add(&m->fetcher_calls, looked_at, e));
	ipc_bin(b, "token", token);
	ipc_str(b, "audience", audience);
	chan_send(m->fetcher, b, NULL, 0);
	mem_wipe(b->mem, b->cap);
}

static int check_form(struct span token, struct why *w)
{
	if (token.n > TOKEN_MAX)
		return why_set(w, E_TOOBIG, "the token is longer than %u bytes", TOKEN_MAX);
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] <= ' ' || token.p[i] >= 0x7f)
			token.n = 0;
	if (token.n > 0)
		return 0;
	why_set(w, E_FORMAT, "there is no token: a JWT is expected on standard input, and nothing else");
	why_hint(w, "ssh enroll@GATEWAY enroll < token.jwt > key-cert.pub");
	return E_FORMAT;
}

void ctl_enroll(struct ctl *c, const struct mp_val *args)
{
	struct span token = mp_span(mp_get(args, "token"));
	struct enrollment *e;
	struct why w = {0};

	if (c->peer == NULL || c->id->via != VIA_ENROLL || buf_len(&c->id->key) == 0) {
		ctl_end(c, CTL_DENIED, "a token is handed in over ssh, as the user enroll", "");
		return;
	}
	e = xcalloc(1, sizeof(*e));
	*e = (struct enrollment){.next = enrollments, .ctl = c};
	enrollments = e;
	c->job = e;
	c->job_free = enrollment_free;
	if (check_limits(c, &w) == 0 && check_form(token, &w) == 0)
		ask(e, token);
	else
		refuse(e, &w);
}

void enroll_tick(struct monitor *m)
{
	int64_t since = clock_mono_us() - STAY_US;

	for (struct peer *p = m->peers; p != NULL; p = p->next)
		if (p->id.via == VIA_ENROLL && p->since_us < since)
			peer_kick(p, "no token was handed in within a minute", "28000");
}

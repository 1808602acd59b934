/* SPDX-License-Identifier: Apache-2.0
 *
 * Logins at an identity provider: limits, life, and what a success means. The key was proven on the
 * connection; the provider says who the person is (mon_idp.c), in the browser flow the person also types what only
 * the terminal shows (mon_weblogin.c). Then a certificate for exactly that key is made and stored, and the
 * connection's identity is taken from it by the same verification as any other certificate's.
 */
#include "server/login.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/address.h"
#include "wire/sshcert.h"

#define GROUPS_TEXT_MAX (512u * NAME_CAP) /* of as many as a result may have: cut, a name could become another one */

static const char *const state_names[LOGIN_STATE_N] = {
    "asked", "wait", "begun", "code", "known", "issuing", "over"};

static const bool allowed[LOGIN_STATE_N][LOGIN_STATE_N] = {
    [LOGIN_ASKED] = {[LOGIN_WAIT] = true, [LOGIN_OVER] = true},
    [LOGIN_WAIT] = {[LOGIN_BEGUN] = true, [LOGIN_ISSUING] = true, [LOGIN_OVER] = true},
    [LOGIN_BEGUN] = {[LOGIN_BEGUN] = true, [LOGIN_CODE] = true, [LOGIN_OVER] = true},
    [LOGIN_CODE] = {[LOGIN_KNOWN] = true, [LOGIN_OVER] = true},
    [LOGIN_KNOWN] = {[LOGIN_ISSUING] = true, [LOGIN_OVER] = true},
    [LOGIN_ISSUING] = {[LOGIN_OVER] = true},
};

void login_go(struct login *l, enum login_state to)
{
	if (!allowed[l->state][to]) {
		log_error("login-state", "from", state_names[l->state], "to", state_names[to]);
		to = LOGIN_OVER;
	}
	l->state = to;
}

/* --- finding --- */

struct login *login_by_id(struct monitor *m, const char *id)
{
	struct login *l = m->logins;

	while (l != NULL && strcmp(l->id, id) != 0)
		l = l->next;
	return l;
}

struct login *login_by_code(struct monitor *m, const char *code)
{
	struct login *l = m->logins;

	while (l != NULL && (!l->browser || strcmp(l->code, code) != 0))
		l = l->next;
	return l;
}

const struct conf_identity *login_block(const struct login *l)
{
	const struct conf_identity *b = conf_identity_find(mon_conf(l->m), l->block);

	return b != NULL && b->type == IDENTITY_OIDC && b->kind == KIND_PERSON ? b : NULL;
}

void login_origin(const struct login *l, char *out, size_t cap)
{
	snprintf(out, cap, "Key %s, from %s, gateway %s. Waiting (%d:%02d)...", l->peer->cand_key.key_fp,
	    l->peer->addr, mon_conf(l->m)->gateway.name, (int)(l->wait_ms / 60000),
	    (int)(l->wait_ms / 1000 % 60));
}

/* --- the end --- */

/* The latest logins that came to nothing, a ring. Each one costs the provider a request or two and may be given up at once: without
 * a limit one address could use up what the provider allows the gateway, and the log. */
#define FAILED_KEPT 1024
#define FAILED_US   (60LL * 1000000)
#define FAILED_EACH 12 /* per minute, for each login that may wait */

static struct failed {
	char addr[64];
	int64_t at_us;
} failures[FAILED_KEPT];
static size_t n_failures;

static int failed_lately(const char *addr)
{
	int64_t since = clock_mono_us() - FAILED_US;
	int n = 0;

	for (size_t i = 0; i < FAILED_KEPT && i < n_failures; i++)
		n += failures[i].at_us > since && address_same_source(failures[i].addr, addr);
	return n;
}

static void login_free(struct login *l)
{
	struct login **at = &l->m->logins;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	calls_forget(&l->m->fetcher_calls, l);
	mon_issue_cancel(l->issuing);
	if (l->peer != NULL)
		l->peer->login = NULL;
	list_clear(&l->groups);
	mem_wipe(l->digits, sizeof(l->digits));
	free(l);
}

static void push_failure(struct login *l, const struct why *w)
{
	struct buf *b = &l->m->out;

	if (l->call != 0) {
		answer_fail(l->peer, l->call, w, "28000");
		return;
	}
	ipc_begin(b, IPC_LOGIN_RESULT, 0);
	ipc_bool(b, "ok", false);
	ipc_str(b, "text", w->text);
	ipc_str(b, "hint", w->hint);
	chan_send(l->peer->ch, b, NULL, 0);
}

static void note_failed(const struct login *l, int code, const char *why)
{
	struct failed *f = &failures[n_failures % FAILED_KEPT];

	if (code != E_LIMIT) { /* the gateway's own trouble, or it took its time */
		(void)str_copy(f->addr, sizeof(f->addr), l->peer->addr);
		f->at_us = clock_mono_us();
		n_failures++;
	}
	log_warn("login-failed", "conn", l->peer->conn, "user", l->user, "asked", l->peer->cand_key.user,
	    "key", l->peer->cand_key.key_fp, "source", l->peer->addr, "issuer", l->block, "why", why);
}

void login_fail(struct login *l, const struct why *w)
{
	struct why copy = *w;

	note_failed(l, copy.code, copy.text);
	idp_cancel(l);
	if (l->web_call != 0)
		web_fail(l->m, l->web_call, &copy);
	push_failure(l, &copy);
	login_go(l, LOGIN_OVER);
	login_free(l);
}

void login_failf(struct login *l, int code, const char *text, const char *hint)
{
	struct why w = {0};

	why_set(&w, code, "%s", text);
	if (hint[0] != '\0')
		why_hint(&w, "%s", hint);
	login_fail(l, &w);
}

void login_gone(struct peer *p)
{
	struct login *l = p->login;
	struct why w = {0};

	if (l == NULL)
		return;
	note_failed(l, E_CLOSED, "the client has gone");
	why_set(&w, E_CLOSED, "the ssh command that asked for this login has ended");
	if (l->web_call != 0)
		web_fail(l->m, l->web_call, &w);
	idp_cancel(l);
	login_free(l);
}

void logins_tick(struct monitor *m)
{
	int64_t now = clock_mono_us();
	struct login *l = m->logins;

	while (l != NULL) {
		struct login *next = l->next;

		if (now >= l->until_us)
			login_failf(l, E_LIMIT, "nobody finished the login in time", "run ssh again for a new one");
		l = next;
	}
}

void logins_free(struct monitor *m)
{
	while (m->logins != NULL)
		login_free(m->logins);
}

/* --- success --- */

int login_acceptable(struct login *l, struct why *w)
{
	const struct conf_identity *b = login_block(l);
	char shown[NAME_CAP];

	(void)span_escape(span_str(l->user), shown, sizeof(shown));
	if (b == NULL)
		return why_set(w, E_DENIED, "this identity provider is no longer configured");
	if (conf_identity_names(mon_conf(l->m), b, l->user))
		return 0;
	why_set(w, E_DENIED, "the identity provider calls you \"%s\", which is no user name it may give here", shown);
	why_hint(w, "the operator decides with identity: %s: names", l->block);
	return E_DENIED;
}

static bool group_matters(const struct conf *c, const char *g)
{
	for (size_t i = 0; i < c->n_roles; i++)
		if (conf_list_has(&c->roles[i].groups, g) || conf_list_has(&c->roles[i].delegated_by, g))
			return true;
	for (size_t i = 0; i < c->n_approvals; i++)
		if (conf_list_has(&c->approvals[i].approvers, g))
			return true;
	return false;
}

/* The provider's groups and the block's own (NULL: without them), of them those that the configuration names at all. */
static void take_groups(const struct login *l, const struct conf_identity *b, struct conf_list *out)
{
	const struct conf_list *from[] = {&l->groups, b != NULL ? &b->add_groups : NULL};

	for (size_t k = 0; k < 2 && from[k] != NULL; k++)
		for (size_t i = 0; i < from[k]->n; i++)
			if (group_matters(mon_conf(l->m), from[k]->v[i]) && !conf_list_has(out, from[k]->v[i]))
				list_add(out, from[k]->v[i]);
}

static int copy_name(void *ctx, const struct store_account *a)
{
	return str_copy(ctx, NAME_CAP, a->user);
}

/* One account, one name: which of the two is taken? */
static int account_taken(struct login *l, struct why *w)
{
	char old[NAME_CAP] = "";

	if (store_account_of(l->m->store, l->iss, l->sub, copy_name, old) == 0 && strcmp(old, l->user) != 0) {
		why_set(w, E_DENIED, "the identity provider calls you %s now, but this gateway knows your account as %s", l->user, old);
		why_hint(w, "an operator decides whether the new name is right, and then: sallyport forget %s", old);
		return E_DENIED;
	}
	why_set(w, E_DENIED, "the name %s belongs to another account of the identity provider", l->user);
	why_hint(w, "if the person has a new account, an operator releases the name: sallyport forget %s", l->user);
	return E_DENIED;
}

/* The account remembers what the provider said: the block's own groups are asked for each time. */
static int account(struct login *l, struct why *w)
{
	struct conf_list groups = {0};
	struct buf text;
	bool new_key = false;
	struct store_account a = {.iss = l->iss,
	    .sub = l->sub,
	    .issuer = l->block,
	    .user = l->user,
	    .key_fp = l->peer->cand_key.key_fp,
	    .first_s = clock_wall_s(),
	    .last_s = clock_wall_s()};
	int rc;

	take_groups(l, NULL, &groups);
	buf_init(&text, GROUPS_TEXT_MAX);
	for (size_t i = 0; i < groups.n; i++)
		buf_printf(&text, "%s%s", i > 0 ? "," : "", groups.v[i]);
	list_clear(&groups);
	a.groups = buf_cstr(&text);
	rc = buf_err(&text);
	if (rc == 0)
		rc = store_account_login(l->m->store, &a, &new_key);
	buf_clear(&text);
	if (rc == E_EXISTS)
		return account_taken(l, w);
	if (rc != 0)
		return why_set(w, rc, "the state store failed: %s", err_str(rc));
	if (new_key)
		log_warn("login-new-key", "user", l->user, "key", a.key_fp, "source", l->peer->addr);
	return 0;
}

static void push_success(struct peer *p)
{
	struct buf *b = &p->m->out;

	ipc_begin(b, IPC_LOGIN_RESULT, 0);
	ipc_bool(b, "ok", true);
	ipc_str(b, "user", p->id.user);
	ipc_bool(b, "forward", p->id.forward);
	ipc_bool(b, "pty", p->id.pty);
	chan_send(p->ch, b, NULL, 0);
}

/* A certificate that did not let its own login in (its account was forgotten meanwhile) must not stand for that key later, when
 * somebody else has the name. */
static void withdraw(struct monitor *m, uint64_t serial)
{
	char number[32];
	int rc;

	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)serial);
	rc = store_revoke(m->store, "serial", number, "gateway", "its login failed", clock_wall_s());
	if (rc != 0 && rc != E_EXISTS)
		log_error("store-failed", "what", "revoke", "serial", number);
}

static void issued(void *ctx, const struct issued *x, const struct why *failed)
{
	struct login *l = ctx;
	struct peer *p = l->peer;
	struct why w = {0};

	l->issuing = NULL;
	if (x == NULL) {
		login_fail(l, failed);
		return;
	}
	if (auth_login(p, x, &w) != 0) {
		withdraw(p->m, x->serial);
		login_fail(l, &w);
		return;
	}
	push_success(p);
	web_done(l);
	login_go(l, LOGIN_OVER);
	login_free(l);
}

void login_complete(struct login *l)
{
	const struct conf_identity *b = login_block(l);
	struct conf_list groups = {0};
	struct issue_ask a;
	struct issuing *x;
	struct why w = {0};
	int rc = login_acceptable(l, &w);

	if (rc == 0) {
		take_groups(l, b, &groups);
		rc = account(l, &w);
	}
	if (rc != 0) {
		list_clear(&groups);
		login_fail(l, &w);
		return;
	}
	mon_rejudge_user(l->m, l->user); /* fewer groups count, whether or not a certificate can be made */
	login_go(l, LOGIN_ISSUING);
	a = (struct issue_ask){.key = buf_span(&l->peer->cand_key.key),
	    .user = l->user,
	    .person = l->user,
	    .issuer = l->block,
	    .kind = KIND_PERSON,
	    .groups = &groups,
	    .ttl_s = issue_ttl(mon_conf(l->m), b, KIND_PERSON, &groups),
	    .source = l->peer->addr,
	    .addr = l->peer->addr,
	    .forward = true,
	    .pty = true};
	x = mon_issue(l->m, &a, issued, l);
	if (x != NULL)
		l->issuing = x;
	list_clear(&groups);
}

/* --- start --- */

static int limits(const struct peer *p, struct why *w)
{
	const struct conf_gateway *g = &mon_conf(p->m)->gateway;
	int all = 0, here = 0;

	for (const struct login *l = p->m->logins; l != NULL; l = l->next) {
		all++;
		here += address_same_source(l->peer->addr, p->addr);
		if (strcmp(l->peer->cand_key.key_fp, p->cand_key.key_fp) == 0) {
			why_set(w, E_LIMIT, "a login with this key waits already, from %s", l->peer->addr);
			why_hint(w, "finish that one, or end its ssh command and try again 5 seconds later");
			return E_LIMIT;
		}
	}
	if (here >= g->max_pending_logins_per_source)
		why_set(w, E_LIMIT, "%d logins from %s are waiting, which is the limit", here, p->addr);
	else if (failed_lately(p->addr) >= FAILED_EACH * g->max_pending_logins_per_source)
		why_set(w, E_LIMIT, "too many logins from %s came to nothing in the last minute", p->addr);
	else if (all >= g->max_pending_logins)
		why_set(w, E_LIMIT, "too many logins are waiting at this gateway");
	else if (p->m->draining)
		why_set(w, E_LIMIT, "the gateway is about to stop");
	else if (p->m->fetcher == NULL)
		why_set(w, E_LIMIT, "the gateway cannot reach identity providers now");
	else
		return 0;
	why_hint(w, "try again in a few minutes");
	return E_LIMIT;
}

void login_shown(struct login *l, const char *banner, const char *instruction)
{
	struct buf *b = ok_begin(l->peer, l->call);

	ipc_str(b, "banner", banner);
	ipc_str(b, "instruction", instruction);
	ipc_int(b, "wait_ms", l->wait_ms);
	ok_send(l->peer, NULL, 0);
	l->call = 0;
	login_go(l, LOGIN_WAIT);
}

static void login_new(struct peer *p, uint32_t call, const struct conf_identity *b)
{
	struct login *l = xcalloc(1, sizeof(*l));

	*l = (struct login){.next = p->m->logins,
	    .m = p->m,
	    .peer = p,
	    .state = LOGIN_ASKED,
	    .browser = b->flow == FLOW_BROWSER,
	    .call = call,
	    .wait_ms = b->login_ms,
	    .until_us = clock_mono_us() + b->login_ms * 1000};
	(void)str_copy(l->block, sizeof(l->block), b->name);
	random_id(l->id, 16);
	p->m->logins = p->login = l;
	log_info("login-started", "conn", p->conn, "asked", p->cand_key.user, "key", p->cand_key.key_fp, "source",
	    p->addr, "issuer", b->name, "flow", l->browser ? "browser" : "device");
	auth_leave_start(p);
	if (l->browser)
		web_show(l);
	else
		idp_begin_device(l);
}

/* A program: nobody looks at what it is shown. Said here and not when the plain key comes: stock clients offer that before the
 * certificate beside it. */
static int agent_waits_not(const struct peer *p, struct why *w)
{
	char safe[NAME_CAP];

	if (!sshcert_is_agent_name(span_str(p->cand_key.user)))
		return 0;
	span_escape(span_str(p->cand_key.user), safe, sizeof(safe));
	why_set(w, E_DENIED, "%s needs a certificate that its person gave it", safe);
	why_hint(w, "an agent sends it with ssh -i KEY -o CertificateFile=KEY-cert.pub; a new one: ssh %s delegate",
	    mon_conf(p->m)->gateway.name);
	return E_DENIED;
}

int do_login_start(struct peer *p, const struct ipc_msg *m)
{
	const struct conf_identity *b = conf_identity_login(mon_conf(p->m));
	struct why w = {0};
	int rc;

	if (!p->cand_key.login || p->login != NULL)
		return E_STATE; /* only after AUTH_KEY said so, one at a time */
	rc = b == NULL ? why_set(&w, E_DENIED, "no identity provider is configured any more") : agent_waits_not(p, &w);
	if (rc == 0)
		rc = limits(p, &w);
	if (rc != 0) {
		log_warn("login-refused", "conn", p->conn, "asked", p->cand_key.user, "key", p->cand_key.key_fp,
		    "source", p->addr, "why", w.text);
		answer_fail(p, ipc_id(m), &w, "28000");
		return 0;
	}
	login_new(p, ipc_id(m), b);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The browser's half of a login: what the web process may ask about one, in which state, and what each answer
 * does. A login is found by the code of its page's address; that the same browser speaks is the web process's
 * matter (cookie, CSRF), that everything happens once and in order is ours.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "server/login.h"

#define ANSWER_MAX 2048 /* of a code, by any provider */

/* --- answers --- */

static void fail_tries(struct monitor *m, uint32_t call, const struct why *w, int tries)
{
	struct buf *b = &m->out;

	if (m->web == NULL)
		return;
	ipc_fail(b, call, w, "");
	ipc_int(b, "tries", tries);
	chan_send(m->web, b, NULL, 0);
}

void web_fail(struct monitor *m, uint32_t call, const struct why *w)
{
	fail_tries(m, call, w, 0);
}

static void fail_call(struct monitor *m, uint32_t call, int code, const char *text)
{
	struct why w = {0};

	why_set(&w, code, "%s", text);
	web_fail(m, call, &w);
}

static struct buf *web_ok(struct login *l, uint32_t call)
{
	ipc_begin(&l->m->out, IPC_OK, call);
	return &l->m->out;
}

/* The answer of the call that waited; NULL when none did. */
static struct buf *web_answer(struct login *l)
{
	uint32_t call = l->web_call;

	l->web_call = 0;
	return call != 0 ? web_ok(l, call) : NULL;
}

static void web_send(struct login *l)
{
	if (l->m->web != NULL)
		chan_send(l->m->web, &l->m->out, NULL, 0);
}

static int64_t seconds_left(const struct login *l)
{
	int64_t left = (l->until_us - clock_mono_us()) / 1000000;

	return left > 0 ? left : 0;
}

void web_known(struct login *l)
{
	struct buf *b = web_answer(l);

	if (b == NULL)
		return;
	ipc_str(b, "user", l->user);
	ipc_str(b, "fingerprint", l->peer->cand_key.key_fp);
	ipc_str(b, "source", l->peer->addr);
	ipc_str(b, "asked", l->peer->cand_key.user);
	ipc_str(b, "gateway", mon_conf(l->m)->gateway.name);
	ipc_int(b, "expires_s", seconds_left(l));
	web_send(l);
}

void web_done(struct login *l)
{
	struct buf *b = web_answer(l);

	if (b == NULL)
		return;
	ipc_str(b, "user", l->user);
	web_send(l);
}

/* --- the terminal --- */

/* Eight letters without vowels: no words, 2^34 of them, among at most some hundred that wait. */
static void random_code(char out[12])
{
	static const char letters[] = "BCDFGHJKLMNPQRSTVWXZ";
	uint32_t r[8];

	crypto_random(r, sizeof(r));
	for (int i = 0, at = 0; i < 8; i++) {
		if (i == 4)
			out[at++] = '-';
		out[at++] = letters[r[i] % 20];
		out[at] = '\0';
	}
}

void web_show(struct login *l)
{
	char banner[1200], line[400], origin[300];
	uint32_t r;

	if (l->m->web == NULL) {
		login_failf(l, E_LIMIT, "the gateway's login page is not available", "try again in a minute");
		return;
	}
	do {
		random_code(l->code);
	} while (login_by_code(l->m, l->code) != l);
	crypto_random(&r, sizeof(r));
	snprintf(l->digits, sizeof(l->digits), "%04u", (unsigned)(r % 10000));
	login_origin(l, origin, sizeof(origin));
	snprintf(banner, sizeof(banner),
	    "\nTo log in, open   %s/l/%s\nand type the code  %c %c %c %c  shown only here.\n%s\n\n",
	    mon_conf(l->m)->web.url, l->code, l->digits[0], l->digits[1], l->digits[2], l->digits[3], origin);
	snprintf(line, sizeof(line), "Waiting for the login at %s/l/%s with code %s", mon_conf(l->m)->web.url, l->code,
	    l->digits);
	login_shown(l, banner, line);
}

/* --- requests --- */

static const char *state_name(const struct login *l)
{
	switch (l->state) {
	case LOGIN_WAIT:
		return "wait";
	case LOGIN_BEGUN:
	case LOGIN_CODE:
		return "begun";
	case LOGIN_KNOWN:
		return "known";
	default:
		return "done";
	}
}

static void on_look(struct login *l, const struct ipc_msg *m)
{
	const struct conf_identity *b = login_block(l);
	struct buf *out = web_ok(l, ipc_id(m));
	ipc_str(out, "state", state_name(l));
	ipc_str(out, "fingerprint", l->peer->cand_key.key_fp);
	ipc_str(out, "source", l->peer->addr);
	ipc_str(out, "asked", l->peer->cand_key.user);
	ipc_str(out, "gateway", mon_conf(l->m)->gateway.name);
	ipc_str(out, "provider", b != NULL ? b->issuer : "");
	ipc_int(out, "expires_s", seconds_left(l));
	ipc_str(out, "user", l->state == LOGIN_KNOWN ? l->user : "");
	web_send(l);
}

/* A second tab may begin again: what the first one was given no longer counts. */
static void on_begin(struct login *l, const struct ipc_msg *m)
{
	if ((l->state != LOGIN_WAIT && l->state != LOGIN_BEGUN) || l->web_call != 0) {
		fail_call(l->m, ipc_id(m), E_STATE, "this login has been used already");
		return;
	}
	if (ipc_get_str(m, "state", l->token, sizeof(l->token)) != 0 || strlen(l->token) < 32) {
		fail_call(l->m, ipc_id(m), E_FORMAT, "the login cannot begin");
		return;
	}
	if (l->state == LOGIN_BEGUN)
		idp_cancel(l); /* the fetcher has one of each name */
	login_go(l, LOGIN_BEGUN);
	idp_begin_browser(l, ipc_id(m));
}

/* RFC 9207: who answers may say who it is, and must not be somebody else then. */
static bool of_our_provider(const struct login *l, const struct ipc_msg *m)
{
	const struct conf_identity *b = login_block(l);
	struct span iss = ipc_get_span(m, "iss");

	return iss.n == 0 || (b != NULL && span_is(iss, b->issuer));
}

static void on_callback(struct login *l, const struct ipc_msg *m)
{
	char token[256], answer[ANSWER_MAX], error[128], text[300], shown[160];

	ipc_take_str(m, "state", token, sizeof(token));
	ipc_take_str(m, "error", error, sizeof(error));
	if (l->state != LOGIN_BEGUN || l->web_call != 0 || strcmp(token, l->token) != 0) {
		fail_call(l->m, ipc_id(m), E_STATE, "this answer of the identity provider was used already or is of another login");
		return;
	}
	l->web_call = ipc_id(m);
	if (!of_our_provider(l, m)) {
		login_failf(l, E_DENIED, "the answer came from another identity provider", "run ssh again; the operator may want to know");
		return;
	}
	if (error[0] != '\0' || ipc_get_str(m, "answer", answer, sizeof(answer)) != 0 || answer[0] == '\0') {
		(void)span_escape(span_str(error), shown, sizeof(shown));
		snprintf(text, sizeof(text), "the identity provider refused the login: %s",
		    error[0] != '\0' ? shown : "it sent no code");
		login_failf(l, E_DENIED, text, "");
		return;
	}
	login_go(l, LOGIN_CODE);
	idp_exchange(l, answer);
}

static bool same_digits(const char *a, const char *b)
{
	unsigned char diff = strlen(a) != 4;

	for (int i = 0; i < 4 && diff != 1; i++)
		diff |= (unsigned char)(a[i] ^ b[i]);
	return diff == 0;
}

static void on_confirm(struct login *l, const struct ipc_msg *m)
{
	char digits[8], token[256];
	struct why w = {0};

	/* Who started the ssh command knows the page's address and the digits: only the browser that logged in also has the
	 * token. */
	ipc_take_str(m, "state", token, sizeof(token));
	if (l->state != LOGIN_KNOWN || l->web_call != 0 || strcmp(token, l->token) != 0) {
		fail_call(l->m, ipc_id(m), E_STATE, "this login is not waiting for a confirmation by this browser");
		return;
	}
	ipc_take_str(m, "digits", digits, sizeof(digits));
	if (same_digits(digits, l->digits)) {
		l->web_call = ipc_id(m);
		login_complete(l);
		return;
	}
	l->tries++;
	log_warn("login-wrong-code", "conn", l->peer->conn, "user", l->user, "key", l->peer->cand_key.key_fp,
	    "source", l->peer->addr, "tries", log_num(l->tries));
	if (l->tries >= LOGIN_TRIES) {
		l->web_call = ipc_id(m);
		login_failf(l, E_LIMIT, "the code of the terminal was wrong three times", "run ssh again for a new one");
		return;
	}
	why_set(&w, E_DENIED, "that is not the code in the terminal; %d more %s", LOGIN_TRIES - l->tries,
	    l->tries + 1 == LOGIN_TRIES ? "try" : "tries");
	fail_tries(l->m, ipc_id(m), &w, LOGIN_TRIES - l->tries);
}

static void on_refuse(struct login *l, const struct ipc_msg *m)
{
	struct monitor *mon = l->m;
	uint32_t call = ipc_id(m);

	if (l->state == LOGIN_ISSUING) {
		fail_call(mon, call, E_STATE, "it is too late to cancel this login");
		return;
	}
	login_failf(l, E_DENIED, "the login was cancelled in the browser", "");
	ipc_begin(&mon->out, IPC_OK, call);
	if (mon->web != NULL)
		chan_send(mon->web, &mon->out, NULL, 0);
}

static const struct {
	enum ipc_type type;
	void (*fn)(struct login *l, const struct ipc_msg *m);
} requests[] = {
    {IPC_WEB_LOOK, on_look},
    {IPC_WEB_BEGIN, on_begin},
    {IPC_WEB_CALLBACK, on_callback},
    {IPC_WEB_CONFIRM, on_confirm},
    {IPC_WEB_REFUSE, on_refuse},
};

void web_message(struct monitor *m, const struct ipc_msg *msg)
{
	char code[16];
	struct login *l;

	if (ipc_type_of(msg) == IPC_WEB_HOSTS) {
		web_hosts(m, msg);
		return;
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		if (ipc_type_of(msg) != (int)requests[i].type)
			continue;
		ipc_take_str(msg, "code", code, sizeof(code));
		l = login_by_code(m, code);
		if (l == NULL)
			fail_call(m, ipc_id(msg), E_NOTFOUND, "no login with this address is waiting (any more)");
		else
			requests[i].fn(l, msg);
		return;
	}
	log_warn("web-message", "type", log_num(ipc_type_of(msg)));
}

/* The next process numbers its calls from 1 again: no answer may go to a call of this one. Its key for cookies and forms is
 * gone, too: who has not come back from the provider begins again, nobody else can go on. */
void web_lost(struct monitor *m)
{
	struct login *next;

	for (struct login *l = m->logins; l != NULL; l = next) {
		next = l->next;
		l->web_call = 0;
		if (l->state == LOGIN_CODE || l->state == LOGIN_KNOWN)
			login_failf(l, E_CLOSED, "the gateway's login page was started again meanwhile", "run ssh again");
	}
}

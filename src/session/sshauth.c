/* SPDX-License-Identifier: Apache-2.0
 *
 * Authentication (RFC 4252, 4256) as a machine of five states. The order that works with stock OpenSSH:
 *
 *   none                            FAILURE            publickey
 *   plain key, signed, known        FAILURE (partial)  publickey,keyboard-interactive
 *   certificate, signed             the monitor verifies it in full → SUCCESS
 *   keyboard-interactive, after a proven key: a request without prompts → SUCCESS, key only
 *     or, where an identity provider decides: where to log in as a banner, a request without prompts, whose answer
 *     is held until the monitor knows; further such requests meanwhile show whether the client is still there
 *   plain key under the name "enroll", or one for which an unexpired certificate stands: SUCCESS
 *
 * libssh proves possession of a key and nothing else: it looks at no certificate field. The identity comes from the
 * monitor's answer to the last signed request. An unsigned probe gets PK_OK for every key, so that nobody learns
 * who exists; it proves nothing. While the monitor thinks, no further byte is read from the client.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/cur.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "session/sshint.h"

#define BLOB_MAX (40 * 1024) /* of a key or certificate: what the monitor takes */
#define PROBES_PER_TRY 8 /* an agent full of keys is fine, an endless stream of probes is not */
#define HEARTBEAT_MS 5000 /* a client that went away during a login gives its place back after so long */
#define LOGIN_SLACK_MS 10000 /* the monitor ends a login before our own timer does */

static const char *const state_names[AUTH_STATE_N] = {"start", "key", "asked", "login", "done-key", "done-cert"};

static const bool allowed[AUTH_STATE_N][AUTH_STATE_N] = {
	[AUTH_START] = {[AUTH_KEY] = true, [AUTH_DONE_KEY] = true, [AUTH_DONE_CERT] = true},
	[AUTH_KEY] = {[AUTH_ASKED] = true, [AUTH_LOGIN] = true, [AUTH_DONE_CERT] = true},
	[AUTH_ASKED] = {[AUTH_ASKED] = true, [AUTH_KEY] = true, [AUTH_DONE_KEY] = true, [AUTH_DONE_CERT] = true},
	[AUTH_LOGIN] = {[AUTH_LOGIN] = true, [AUTH_DONE_CERT] = true},
};

static void auth_go(struct edge *e, enum auth_state next)
{
	if (!allowed[e->auth.state][next]) {
		log_error("auth-state", "from", state_names[e->auth.state], "to", state_names[next]);
		edge_doom(e, EDGE_EXIT_INTERNAL, "internal error");
		return;
	}
	e->auth.state = next;
}

bool auth_done(const struct edge *e)
{
	return e->auth.state == AUTH_DONE_KEY || e->auth.state == AUTH_DONE_CERT;
}

bool auth_waiting(const struct edge *e)
{
	return e->auth.msg != NULL;
}

void auth_clear(struct edge *e)
{
	loop_cancel(e->loop, e->auth.heartbeat);
	e->auth.heartbeat = NULL;
	if (e->auth.msg != NULL)
		ssh_message_free(e->auth.msg);
	e->auth.msg = NULL;
}

static int methods(const struct edge *e)
{
	return e->auth.state == AUTH_START ? SSH_AUTH_METHOD_PUBLICKEY
					   : SSH_AUTH_METHOD_PUBLICKEY | SSH_AUTH_METHOD_INTERACTIVE;
}

/* FAILURE with the methods that can continue; frees the message. */
static void reply_failure(struct edge *e, ssh_message m)
{
	(void)ssh_message_auth_set_methods(m, methods(e));
	(void)ssh_message_reply_default(m);
	ssh_message_free(m);
}

static void fail(struct edge *e, ssh_message m)
{
	reply_failure(e, m);
	if (++e->auth.tries >= e->p.max_auth_tries)
		edge_doom(e, EDGE_EXIT_AUTH, "too many authentication failures");
}

/* Requests that prove and fail nothing. */
static void probe(struct edge *e, const char *too_many)
{
	if (++e->auth.probes > PROBES_PER_TRY * e->p.max_auth_tries)
		edge_doom(e, EDGE_EXIT_AUTH, too_many);
}

/* The message that waited for the monitor. */
static ssh_message take(struct edge *e)
{
	ssh_message m = e->auth.msg;

	e->auth.msg = NULL;
	return m;
}

static void say_why(struct edge *e, const struct why *w)
{
	char text[300], hint[300], line[640];

	(void)span_escape(span_str(w->text), text, sizeof(text));
	(void)span_escape(span_str(w->hint), hint, sizeof(hint));
	(void)snprintf(line, sizeof(line), "sallyport: %s\n%s%s%s", text, hint[0] != '\0' ? "hint: " : "", hint,
	    hint[0] != '\0' ? "\n" : "");
	log_info("auth-refused", "user", e->auth.user, "why", w->text);
	edge_banner(e, line);
}

/* Tell the user why a signed request was refused, then refuse it. */
static void refuse_why(struct edge *e, const struct ipc_msg *answer)
{
	struct why w;

	monclient_why(answer, &w, NULL);
	say_why(e, &w);
	fail(e, take(e));
}

static void drop_fds(int *fds, size_t nfds)
{
	for (size_t i = 0; i < nfds; i++)
		fd_close(&fds[i]);
}

/* --- the final success --- */

/* What the connection may do, as the monitor says with its last word. */
static void take_identity(struct edge *e, const struct ipc_msg *a)
{
	if (ipc_get_str(a, "user", e->auth.name, sizeof(e->auth.name)) != 0)
		(void)str_copy(e->auth.name, sizeof(e->auth.name), e->auth.user);
	e->auth.forward = ipc_get_bool(a, "forward", false);
	e->auth.pty = ipc_get_bool(a, "pty", false);
}

static void succeed(struct edge *e, ssh_message m, enum auth_state done)
{
	auth_go(e, done);
	if (auth_done(e)) {
		(void)ssh_message_auth_reply_success(m, 0);
		log_info("auth-ok", "user", e->auth.name, "method", state_names[e->auth.state]);
		loop_cancel(e->loop, e->grace);
		e->grace = NULL;
		loop_cancel(e->loop, e->auth.heartbeat);
		e->auth.heartbeat = NULL;
		edge_idle_update(e);
	}
	ssh_message_free(m);
}

static void done_answer(void *ctx, const struct ipc_msg *a, int *fds, size_t nfds)
{
	struct edge *e = ctx;
	ssh_message m;

	drop_fds(fds, nfds);
	if (a == NULL || ipc_type_of(a) != IPC_OK) { /* the identity is proven, but may not come in now */
		refuse_why(e, a);
		edge_doom(e, EDGE_EXIT_AUTH, "refused by the gateway");
		return;
	}
	m = take(e);
	take_identity(e, a);
	succeed(e, m, e->auth.asked);
}

static void ask_done(struct edge *e, enum auth_state next)
{
	struct buf *b = monclient_begin(e->mon, IPC_AUTH_DONE);

	e->auth.asked = next;
	ipc_bool(b, "key_only", next == AUTH_DONE_KEY);
	(void)monclient_call(e->mon, done_answer, e);
}

/* --- publickey --- */

static void cert_answer(void *ctx, const struct ipc_msg *a, int *fds, size_t nfds)
{
	struct edge *e = ctx;

	drop_fds(fds, nfds);
	if (a == NULL || ipc_type_of(a) != IPC_OK) {
		refuse_why(e, a);
		return;
	}
	ask_done(e, AUTH_DONE_CERT);
}

static void key_answer(void *ctx, const struct ipc_msg *a, int *fds, size_t nfds)
{
	struct edge *e = ctx;
	char how[16];
	ssh_message m;

	drop_fds(fds, nfds);
	if (a != NULL && ipc_type_of(a) == IPC_FAIL) { /* a key that is known, and refused */
		refuse_why(e, a);
		return;
	}
	if (a == NULL || ipc_type_of(a) != IPC_OK || !ipc_get_bool(a, "known", false)) {
		log_info("auth-unknown-key", "user", e->auth.user);
		fail(e, take(e));
		return;
	}
	ipc_take_str(a, "how", how, sizeof(how));
	if (strcmp(how, "full") == 0 || strcmp(how, "enroll") == 0) {
		ask_done(e, how[0] == 'f' ? AUTH_DONE_CERT : AUTH_DONE_KEY);
		return;
	}
	e->auth.provider = strcmp(how, "login") == 0;
	m = take(e);
	auth_go(e, AUTH_KEY);
	(void)ssh_message_auth_set_methods(m, methods(e));
	(void)ssh_message_auth_reply_success(m, 1);
	ssh_message_free(m);
}

/* The key as it came: for a certificate key libssh exports the whole certificate. */
static int blob_of(ssh_message m, struct buf *out)
{
	char *b64 = NULL;
	int rc;

	if (ssh_pki_export_pubkey_base64(ssh_message_auth_pubkey(m), &b64) != SSH_OK)
		return E_FORMAT;
	rc = base64_decode(span_str(b64), out);
	ssh_string_free_char(b64);
	return rc;
}

static bool blob_is_cert(struct span blob)
{
	static const char tail[] = "-cert-v01@openssh.com";
	struct cur c = cur_of(blob);
	struct span name = cur_take(&c, cur_u32be(&c));
	size_t n = sizeof(tail) - 1;

	return cur_ok(&c) && name.n > n && memcmp(name.p + name.n - n, tail, n) == 0;
}

/* libssh has verified the signature over exactly these key bytes. */
static void signed_request(struct edge *e, ssh_message m)
{
	struct buf blob, *b;
	bool cert;

	buf_init(&blob, BLOB_MAX);
	if (e->auth.state == AUTH_ASKED)
		auth_go(e, AUTH_KEY);
	if (blob_of(m, &blob) != 0) {
		fail(e, m);
		goto out;
	}
	cert = blob_is_cert(buf_span(&blob));
	if (!cert && e->auth.state != AUTH_START) {
		/* a further plain key changes nothing; after a partial success clients offer all their keys once more */
		probe(e, "too many keys offered");
		reply_failure(e, m);
		goto out;
	}
	e->auth.msg = m;
	b = monclient_begin(e->mon, cert ? IPC_AUTH_CERT : IPC_AUTH_KEY);
	ipc_str(b, "user", e->auth.user);
	ipc_bin(b, cert ? "cert" : "key", buf_span(&blob));
	(void)monclient_call(e->mon, cert ? cert_answer : key_answer, e);
out:
	buf_clear(&blob);
}

static void publickey(struct edge *e, ssh_message m)
{
	switch (ssh_message_auth_publickey_state(m)) {
	case SSH_PUBLICKEY_STATE_NONE:
		probe(e, "too many keys offered");
		(void)ssh_message_auth_reply_pk_ok_simple(m);
		ssh_message_free(m);
		return;
	case SSH_PUBLICKEY_STATE_VALID:
		signed_request(e, m);
		return;
	default:
		fail(e, m);
	}
}

/* --- keyboard-interactive --- */

/* A request without prompts: stock clients answer it at once and by themselves. */
static void request_nothing(struct edge *e, ssh_message m, const char *instruction)
{
	if (ssh_message_auth_interactive_request(m, "", instruction, 0, NULL, NULL) != SSH_OK)
		edge_doom(e, EDGE_EXIT_INTERNAL, "cannot send a request");
	ssh_message_free(m);
}

static void heartbeat(void *ctx)
{
	struct edge *e = ctx;

	e->auth.heartbeat = NULL;
	if (e->auth.held) {
		e->auth.held = false;
		request_nothing(e, take(e), "");
	}
}

static void login_over(struct edge *e)
{
	const struct why *w = &e->auth.failure;

	e->auth.held = false;
	if (w->code != 0) {
		say_why(e, w);
		reply_failure(e, take(e));
		edge_doom(e, EDGE_EXIT_AUTH, "not logged in");
		return;
	}
	succeed(e, take(e), AUTH_DONE_CERT);
}

void auth_login_result(void *ctx, const struct ipc_msg *m)
{
	struct edge *e = ctx;

	if (e->auth.state != AUTH_LOGIN || e->auth.result)
		return;
	e->auth.result = true;
	if (ipc_get_bool(m, "ok", false)) {
		take_identity(e, m);
	} else {
		char text[300], hint[300];

		ipc_take_str(m, "text", text, sizeof(text));
		ipc_take_str(m, "hint", hint, sizeof(hint));
		why_set(&e->auth.failure, E_DENIED, "%s", text[0] != '\0' ? text : "the login failed");
		if (hint[0] != '\0')
			why_hint(&e->auth.failure, "%s", hint);
	}
	if (e->auth.held) /* else with the client's next answer */
		login_over(e);
}

/* Where to log in is known: show it, and wait as long as the person may take. */
static void login_shown(void *ctx, const struct ipc_msg *a, int *fds, size_t nfds)
{
	struct edge *e = ctx;
	char banner[2048], line[1000];

	drop_fds(fds, nfds);
	if (a == NULL || ipc_type_of(a) != IPC_OK) {
		refuse_why(e, a);
		edge_doom(e, EDGE_EXIT_AUTH, "not logged in");
		return;
	}
	ipc_take_str(a, "banner", banner, sizeof(banner));
	ipc_take_str(a, "instruction", line, sizeof(line));
	edge_banner(e, banner);
	auth_go(e, AUTH_LOGIN);
	edge_grace(e, ipc_get_int(a, "wait_ms", 0) + LOGIN_SLACK_MS);
	request_nothing(e, take(e), line);
}

static void login_begin(struct edge *e, ssh_message m)
{
	if (e->auth.state == AUTH_LOGIN) { /* the client began again; the login did not */
		probe(e, "too many requests");
		request_nothing(e, m, "Still waiting for the login");
		return;
	}
	e->auth.msg = m;
	(void)monclient_begin(e->mon, IPC_LOGIN_START);
	(void)monclient_call(e->mon, login_shown, e);
}

static void login_hold(struct edge *e, ssh_message m)
{
	e->auth.msg = m;
	e->auth.held = true;
	if (e->auth.result)
		login_over(e);
	else if (e->auth.heartbeat == NULL)
		e->auth.heartbeat = loop_after(e->loop, HEARTBEAT_MS, heartbeat, e);
}

static void interactive(struct edge *e, ssh_message m)
{
	bool answer = ssh_message_auth_kbdint_is_response(m) == 1;

	if (e->auth.state == AUTH_START || (answer && e->auth.state == AUTH_KEY)) {
		fail(e, m);
	} else if (answer && e->auth.state == AUTH_LOGIN) {
		login_hold(e, m);
	} else if (answer) {
		e->auth.msg = m;
		ask_done(e, AUTH_DONE_KEY);
	} else if (e->auth.provider) {
		login_begin(e, m);
	} else {
		probe(e, "too many requests");
		auth_go(e, AUTH_ASKED);
		request_nothing(e, m, "");
	}
}

/* A user name that is plain text and, once something was proven, always the same. */
static int user_check(struct edge *e, ssh_message m)
{
	const char *user = ssh_message_auth_user(m);
	char esc[EDGE_USER_MAX];

	if (ssh_message_subtype(m) == SSH_AUTH_METHOD_INTERACTIVE && ssh_message_auth_kbdint_is_response(m) == 1)
		return 0; /* carries none */
	if (user == NULL || user[0] == '\0' || strlen(user) >= EDGE_USER_MAX)
		return E_FORMAT;
	if (e->auth.state != AUTH_START)
		return strcmp(user, e->auth.user) == 0 ? 0 : E_STATE;
	(void)span_escape(span_str(user), esc, sizeof(esc));
	if (strcmp(user, esc) != 0)
		return E_FORMAT;
	return str_copy(e->auth.user, sizeof(e->auth.user), user);
}

void auth_message(struct edge *e, ssh_message m)
{
	int rc = user_check(e, m);

	if (rc == E_STATE || auth_done(e)) {
		ssh_message_free(m);
		edge_doom(e, EDGE_EXIT_PROTOCOL, auth_done(e) ? "authenticated already" : "the user name may not change");
		return;
	}
	if (rc != 0) {
		fail(e, m);
		return;
	}
	switch (ssh_message_subtype(m)) {
	case SSH_AUTH_METHOD_NONE: /* how clients ask what there is */
		probe(e, "too many requests");
		reply_failure(e, m);
		return;
	case SSH_AUTH_METHOD_PUBLICKEY:
		publickey(e, m);
		return;
	case SSH_AUTH_METHOD_INTERACTIVE:
		interactive(e, m);
		return;
	default:
		fail(e, m);
	}
}

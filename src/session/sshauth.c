/* SPDX-License-Identifier: Apache-2.0
 *
 * Authentication (RFC 4252, 4256) as a machine of five states. The order that works with stock OpenSSH:
 *
 *   none                            FAILURE            publickey
 *   plain key, signed, known        FAILURE (partial)  publickey,keyboard-interactive
 *   certificate, signed             the monitor verifies it in full → SUCCESS
 *   keyboard-interactive, after a proven key: a request without prompts → SUCCESS, key only
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

static const char *const state_names[AUTH_STATE_N] = {"start", "key", "asked", "done-key", "done-cert"};

static const bool allowed[AUTH_STATE_N][AUTH_STATE_N] = {
	[AUTH_START] = {[AUTH_KEY] = true, [AUTH_DONE_CERT] = true},
	[AUTH_KEY] = {[AUTH_ASKED] = true, [AUTH_DONE_CERT] = true},
	[AUTH_ASKED] = {[AUTH_ASKED] = true, [AUTH_KEY] = true, [AUTH_DONE_KEY] = true, [AUTH_DONE_CERT] = true},
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

/* Tell the user why a signed request was refused, then refuse it. */
static void refuse_why(struct edge *e, const struct ipc_msg *answer)
{
	struct why w;
	char text[300], hint[300], line[640];

	monclient_why(answer, &w, NULL);
	(void)span_escape(span_str(w.text), text, sizeof(text));
	(void)span_escape(span_str(w.hint), hint, sizeof(hint));
	(void)snprintf(line, sizeof(line), "sallyport: %s\n%s%s%s", text, hint[0] != '\0' ? "hint: " : "", hint,
	    hint[0] != '\0' ? "\n" : "");
	log_info("auth-refused", "user", e->auth.user, "why", w.text);
	edge_banner(e, line);
	fail(e, take(e));
}

static void drop_fds(int *fds, size_t nfds)
{
	for (size_t i = 0; i < nfds; i++)
		fd_close(&fds[i]);
}

/* --- the final success --- */

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
	auth_go(e, e->auth.asked);
	if (auth_done(e)) {
		(void)ssh_message_auth_reply_success(m, 0);
		log_info("auth-ok", "user", e->auth.name, "method", state_names[e->auth.state]);
		loop_cancel(e->loop, e->grace);
		e->grace = NULL;
		edge_idle_update(e);
	}
	ssh_message_free(m);
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
	if (a == NULL || ipc_type_of(a) != IPC_OK ||
	    ipc_get_str(a, "user", e->auth.name, sizeof(e->auth.name)) != 0) {
		refuse_why(e, a);
		return;
	}
	e->auth.forward = ipc_get_bool(a, "forward", false);
	e->auth.pty = ipc_get_bool(a, "pty", false);
	ask_done(e, AUTH_DONE_CERT);
}

static void key_answer(void *ctx, const struct ipc_msg *a, int *fds, size_t nfds)
{
	struct edge *e = ctx;
	ssh_message m;

	drop_fds(fds, nfds);
	if (a == NULL || ipc_type_of(a) != IPC_OK || !ipc_get_bool(a, "known", false)) {
		log_info("auth-unknown-key", "user", e->auth.user);
		fail(e, take(e));
		return;
	}
	if (ipc_get_str(a, "user", e->auth.name, sizeof(e->auth.name)) != 0)
		(void)str_copy(e->auth.name, sizeof(e->auth.name), e->auth.user);
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

static void interactive(struct edge *e, ssh_message m)
{
	bool answer = ssh_message_auth_kbdint_is_response(m) == 1;

	if (e->auth.state == AUTH_START || (answer && e->auth.state != AUTH_ASKED)) {
		fail(e, m);
		return;
	}
	if (answer) {
		e->auth.msg = m;
		ask_done(e, AUTH_DONE_KEY);
		return;
	}
	auth_go(e, AUTH_ASKED);
	if (ssh_message_auth_interactive_request(m, "", "", 0, NULL, NULL) != SSH_OK)
		edge_doom(e, EDGE_EXIT_INTERNAL, "cannot send a request");
	ssh_message_free(m);
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

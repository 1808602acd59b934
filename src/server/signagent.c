/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to an ssh-agent: send, wait, read one answer, judge it.
 */
#include "server/signagent.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "wire/sshagent.h"
#include "wire/sshw.h"

/* --- bytes, until a deadline --- */

static int await(int sock, short events, int64_t until_us, struct why *w)
{
	struct pollfd p = {.fd = sock, .events = events};
	int64_t left = (until_us - clock_mono_us() + 999) / 1000;

	if (left > 0 && poll(&p, 1, (int)left) != 0)
		return 0; /* ready, broken or interrupted: the next call tells */
	return why_set(w, E_CLOSED, "the agent did not answer within %d seconds", SIGNAGENT_MS / 1000);
}

static int send_all(int sock, struct span s, int64_t until_us, struct why *w)
{
	size_t done = 0;

	while (done < s.n) {
		ssize_t n = send(sock, s.p + done, s.n - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		int rc = 0;

		if (n > 0)
			done += (size_t)n;
		else if (errno == EAGAIN)
			rc = await(sock, POLLOUT, until_us, w);
		else if (errno != EINTR)
			rc = why_set(w, E_CLOSED, "the agent is gone: %s", err_str(-errno));
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Exactly n more bytes into b. */
static int receive(int sock, size_t n, struct buf *b, int64_t until_us, struct why *w)
{
	uint8_t *p;
	int rc = buf_reserve(b, n, &p);

	if (rc != 0)
		return why_set(w, rc, "the agent's answer does not fit");
	while (n > 0) {
		ssize_t got = recv(sock, p, n, MSG_DONTWAIT);

		if (got > 0) {
			buf_commit(b, (size_t)got);
			p += got;
			n -= (size_t)got;
			continue;
		}
		if (got == 0)
			return why_set(w, E_CLOSED, "the agent closed the connection");
		if (errno == EAGAIN)
			rc = await(sock, POLLIN, until_us, w);
		else if (errno != EINTR)
			rc = why_set(w, E_CLOSED, "the agent is gone: %s", err_str(-errno));
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* What is there before a question was asked is no answer to it. */
static int must_be_silent(int sock, struct why *w)
{
	uint8_t byte;
	ssize_t n = recv(sock, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	if (n < 0 && errno == EAGAIN)
		return 0;
	return why_set(w, E_CLOSED, n > 0 ? "the agent spoke without being asked"
					  : "the agent closed the connection");
}

/* The request in b is replaced by the answer, without its head. */
static int exchange(int sock, struct buf *b, struct why *w)
{
	int64_t until = clock_mono_us() + SIGNAGENT_MS * 1000;
	size_t n;
	int rc = buf_err(b) != 0 ? why_set(w, buf_err(b), "the request to the agent is too long") : 0;

	if (rc == 0)
		rc = must_be_silent(sock, w);
	if (rc == 0)
		rc = send_all(sock, buf_span(b), until, w);
	buf_reset(b);
	if (rc == 0)
		rc = receive(sock, SSHAGENT_HEAD, b, until, w);
	if (rc == 0)
		rc = sshagent_head(buf_span(b), &n, w);
	buf_reset(b);
	return rc == 0 ? receive(sock, n, b, until, w) : rc;
}

/* Whatever went wrong, for the monitor it is one thing: no agreement with this agent. */
static int closed(int rc, struct why *w)
{
	if (rc != 0 && w != NULL)
		w->code = E_CLOSED;
	return rc == 0 ? 0 : E_CLOSED;
}

/* --- the two questions --- */

static int pick(struct span msg, const char *fp, struct buf *blob, struct why *w)
{
	struct sshagent_keys keys;
	struct span key, comment;
	char is[SSHPK_FP_CAP];
	int rc = sshagent_get_keys(msg, &keys, w);

	if (rc != 0)
		return closed(rc, w);
	while (sshagent_next(&keys, &key, &comment)) {
		sshpk_fingerprint(key, is);
		if (strcmp(is, fp) != 0)
			continue;
		buf_put_span(blob, key);
		return buf_err(blob);
	}
	why_set(w, E_NOTFOUND, "the agent does not have the key %s", fp);
	why_hint(w, "ssh-add -l shows what it has; ssh-add FILE or ssh-add -s PROVIDER adds one");
	return E_NOTFOUND;
}

int signagent_find(int sock, const char *fp, struct buf *blob, struct why *w)
{
	struct buf b;
	int rc;

	buf_init(&b, SSHAGENT_MAX);
	sshagent_put_list(&b);
	rc = closed(exchange(sock, &b, w), w);
	if (rc == 0)
		rc = pick(buf_span(&b), fp, blob, w);
	buf_clear(&b);
	return rc;
}

/* Valid, and of the kind that was asked for: agents fall back to SHA-1 when they do not know the flag. */
static int judge(struct span key, struct span msg, struct span sig, struct why *w)
{
	struct cur c = cur_of(sig);
	struct span alg = sshw_get_string(&c);
	struct sshpk k;
	int rc = sshpk_parse(key, &k, w);

	if (rc == 0)
		rc = sshpk_verify(&k, msg, sig, w);
	if (rc == 0 && k.kind->alg == SSHPK_RSA && !span_is(alg, "rsa-sha2-512"))
		rc = why_set(w, E_DENIED, "the signature is not the asked rsa-sha2-512");
	return rc;
}

int signagent_sign(int sock, struct span key, struct span msg, struct buf *sig, struct why *w)
{
	struct span got;
	struct buf b;
	int rc;

	buf_init(&b, SSHAGENT_MAX);
	sshagent_put_sign(&b, key, msg, SSHAGENT_RSA_SHA2_512);
	rc = exchange(sock, &b, w);
	if (rc == 0)
		rc = sshagent_get_signature(buf_span(&b), &got, w);
	if (rc == 0)
		rc = judge(key, msg, got, w);
	if (rc == 0) {
		buf_put_span(sig, got);
		rc = buf_err(sig);
	}
	buf_clear(&b);
	return closed(rc, w);
}

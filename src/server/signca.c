/* SPDX-License-Identifier: Apache-2.0
 *
 * The signer's certificate authorities.
 */
#include "server/signca.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "ident/issue.h"
#include "server/signagent.h"

static struct signca *signca_new(const char *name)
{
	struct signca *ca = xcalloc(1, sizeof(*ca));

	*ca = (struct signca){.sock = -1};
	(void)str_copy(ca->name, sizeof(ca->name), name);
	buf_init(&ca->blob, SSHPK_BLOB_MAX);
	return ca;
}

void signca_free(struct signca *ca)
{
	signkey_clear(&ca->key);
	buf_clear(&ca->blob);
	fd_close(&ca->sock);
	free(ca);
}

/* ca, or NULL when something failed. */
static struct signca *made(struct signca *ca, int rc)
{
	if (rc == 0)
		return ca;
	signca_free(ca);
	return NULL;
}

struct signca *signca_of_key(const char *name, struct signkey *key, struct why *w)
{
	struct signca *ca = signca_new(name);
	int rc;

	ca->key = *key;
	*key = (struct signkey){0};
	sshpk_put_ed25519_blob(&ca->blob, ca->key.pub);
	rc = buf_err(&ca->blob);
	return made(ca, rc == 0 ? 0 : why_set(w, rc, "the authority's key does not fit"));
}

struct signca *signca_of_file(const char *name, int fd, bool create, struct why *w)
{
	struct signkey key;
	int rc = signkey_load_fd(fd, create, &key, w);

	return rc == 0 ? signca_of_key(name, &key, w) : NULL;
}

static int check_key(struct span blob, struct why *w)
{
	struct sshpk k;
	int rc = sshpk_parse(blob, &k, w);

	return rc == 0 ? issue_ca_ok(&k, w) : rc;
}

struct signca *signca_of_agent(const char *name, int fd, const char *fp, struct why *w)
{
	struct signca *ca = signca_new(name);
	int rc = signagent_find(fd, fp, &ca->blob, w);

	if (rc == 0)
		rc = check_key(buf_span(&ca->blob), w);
	ca->agent = true;
	ca->sock = rc == 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
	if (rc == 0 && ca->sock < 0)
		rc = why_set(w, E_LIMIT, "the signer has too many descriptors");
	return made(ca, rc);
}

/* --- the table --- */

static size_t find(const struct signcas *t, const char *name)
{
	size_t i = 0;

	while (i < t->n && strcmp(t->ca[i]->name, name) != 0)
		i++;
	return i;
}

int signcas_put(struct signcas *t, struct signca *ca, struct why *w)
{
	size_t i = find(t, ca->name);

	if (i == SIGNCA_MAX) {
		signca_free(ca);
		return why_set(w, E_LIMIT, "the signer holds %d authorities already", SIGNCA_MAX);
	}
	if (i == t->n) {
		t->n++;
	} else {
		if (t->active == t->ca[i])
			t->active = ca;
		signca_free(t->ca[i]);
	}
	t->ca[i] = ca;
	return 0;
}

static int unknown(const char *name, struct why *w)
{
	return why_set(w, E_NOTFOUND, "the signer does not hold the authority \"%s\"", name);
}

int signcas_activate(struct signcas *t, const char *name, struct why *w)
{
	size_t i = find(t, name);

	if (i == t->n)
		return unknown(name, w);
	t->active = t->ca[i];
	return 0;
}

int signcas_drop(struct signcas *t, const char *name, struct why *w)
{
	size_t i = find(t, name);

	if (i == t->n)
		return unknown(name, w);
	if (t->ca[i] == t->active)
		return why_set(w, E_STATE, "the authority \"%s\" is the one that signs", name);
	signca_free(t->ca[i]);
	t->ca[i] = t->ca[--t->n];
	return 0;
}

bool signcas_has(const struct signcas *t, struct span blob)
{
	for (size_t i = 0; i < t->n; i++)
		if (span_eq(buf_span(&t->ca[i]->blob), blob))
			return true;
	return false;
}

void signcas_clear(struct signcas *t)
{
	for (size_t i = 0; i < t->n; i++)
		signca_free(t->ca[i]);
	*t = (struct signcas){0};
}

/* --- signatures --- */

static int sign_here(const struct signca *ca, struct span msg, struct buf *sig, struct why *w)
{
	uint8_t raw[ED25519_SIG_LEN];
	int rc = signkey_sign(&ca->key, msg, raw);

	if (rc == 0) {
		sshpk_put_ed25519_sig(sig, raw);
		rc = buf_err(sig);
	}
	return rc == 0 ? 0 : why_set(w, rc, "the certificate could not be signed");
}

int signca_sign(struct signca *ca, struct span msg, struct buf *sig, struct why *w)
{
	int rc;

	if (!ca->agent)
		return sign_here(ca, msg, sig, w);
	if (ca->sock < 0)
		return why_set(w, E_CLOSED, "the agent of \"%s\" is not connected", ca->name);
	rc = signagent_sign(ca->sock, buf_span(&ca->blob), msg, sig, w);
	if (rc != 0)
		fd_close(&ca->sock);
	return rc;
}

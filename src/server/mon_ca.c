/* SPDX-License-Identifier: Apache-2.0
 *
 * Our certificate authorities. The store's table is the truth: which there are, which one signs, which are
 * only trusted, which are retired. The one of the configuration is in it, too: its key makes it that
 * authority, whatever its name; a key that is new takes the name "default", and a key that had the name
 * goes on under another one, so that its certificates keep working.
 */
#include "server/mon_ca.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define AGAIN_US 5000000 /* between attempts to learn the key of the authority that shall sign */

/* --- one of them --- */

struct mon_ca *ca_new(const char *name, const char *spec, struct span blob, const char *fp)
{
	struct mon_ca *ca = xcalloc(1, sizeof(*ca));

	*ca = (struct mon_ca){.state = STORE_CA_TRUSTED, .spec = xstrdup(spec), .added_s = clock_wall_s()};
	ca->changed_s = ca->added_s;
	(void)str_copy(ca->name, sizeof(ca->name), name);
	(void)str_copy(ca->fp, sizeof(ca->fp), fp);
	buf_init(&ca->blob, SSHPK_BLOB_MAX);
	buf_put_span(&ca->blob, blob);
	return ca;
}

void ca_free(struct mon_ca *ca)
{
	if (ca == NULL)
		return;
	buf_clear(&ca->blob);
	free(ca->spec);
	free(ca);
}

struct span ca_type(const struct mon_ca *ca)
{
	struct sshpk k;

	return sshpk_parse(buf_span(&ca->blob), &k, NULL) == 0 ? span_str(k.kind->name) : span_str("");
}

bool ca_agent_spec(const char *spec, char path[CA_SPEC_MAX], char fp[FP_CAP])
{
	const char *hash = strrchr(spec, '#');
	size_t n;

	if (strncmp(spec, "agent:/", 7) != 0 || hash == NULL || strlen(spec) >= CA_SPEC_MAX)
		return false;
	n = (size_t)(hash - spec) - 6;
	memcpy(path, spec + 6, n);
	path[n] = '\0';
	return strncmp(hash + 1, "SHA256:", 7) == 0 && strlen(hash + 1) == 7 + 43 &&
	       str_copy(fp, FP_CAP, hash + 1) == 0;
}

/* --- all of them --- */

const struct mon_ca *mon_ca_first(const struct monitor *m)
{
	return m->cas != NULL ? m->cas->list : NULL;
}

static struct mon_ca *active_of(const struct monitor *m)
{
	struct mon_ca *ca = m->cas != NULL ? m->cas->list : NULL;

	while (ca != NULL && ca->state != STORE_CA_ACTIVE)
		ca = ca->next;
	return ca;
}

const struct mon_ca *mon_ca_active(const struct monitor *m)
{
	const struct mon_ca *ca = active_of(m);

	return ca != NULL && buf_len(&ca->blob) > 0 ? ca : NULL;
}

struct mon_ca *ca_find(const struct monitor *m, const char *name)
{
	struct mon_ca *ca = m->cas->list;

	while (ca != NULL && strcmp(ca->name, name) != 0)
		ca = ca->next;
	return ca;
}

struct mon_ca *ca_by_fp(const struct monitor *m, const char *fp)
{
	struct mon_ca *ca = m->cas->list;

	while (ca != NULL && strcmp(ca->fp, fp) != 0)
		ca = ca->next;
	return ca;
}

void ca_link(struct monitor *m, struct mon_ca *ca)
{
	struct mon_ca **at = &m->cas->list;

	while (*at != NULL)
		at = &(*at)->next;
	*at = ca;
}

static struct store_ca row_of(const struct mon_ca *ca)
{
	return (struct store_ca){.name = ca->name,
	    .spec = ca->spec,
	    .fingerprint = ca->fp,
	    .blob = buf_span(&ca->blob),
	    .state = ca->state,
	    .added_s = ca->added_s,
	    .changed_s = ca->changed_s};
}

/* keep: the name under which the key that had this name goes on, "" = nothing had it. */
static int ca_save(struct monitor *m, const struct mon_ca *ca, const char *keep, struct why *w)
{
	struct store_ca row = row_of(ca);
	int rc = keep[0] != '\0' ? store_ca_replace(m->store, &row, keep) : store_ca_put(m->store, &row);

	return rc == 0 ? 0 : why_set(w, rc, "the state store failed: %s", err_str(rc));
}

int ca_learn(struct monitor *m, struct mon_ca *ca, struct span blob, struct why *w)
{
	int rc;

	buf_put_span(&ca->blob, blob);
	rc = ca_save(m, ca, ca->replaces, w);
	if (rc != 0)
		buf_reset(&ca->blob);
	else
		ca->replaces[0] = '\0';
	return rc;
}

/* --- changes --- */

int ca_switch(struct monitor *m, struct mon_ca *to, struct mon_ca **former, struct why *w)
{
	int64_t now = clock_wall_s();
	int rc = store_ca_move(m->store, to->name, STORE_CA_ACTIVE, now);

	if (rc != 0)
		return why_set(w, rc, "the state store failed: %s", err_str(rc));
	*former = active_of(m);
	if (*former != NULL) {
		(*former)->state = STORE_CA_TRUSTED;
		(*former)->changed_s = now;
	}
	to->state = STORE_CA_ACTIVE;
	to->changed_s = now;
	/* What was asked to be signed by the former one is ahead of this in the queue. */
	ca_activate(m, to);
	if (*former != NULL)
		ca_drop(m, (*former)->name);
	return 0;
}

static int end_live(struct monitor *m, struct mon_ca *ca)
{
	int n = 0;

	for (struct peer *p = m->peers; p != NULL; p = p->next) {
		const struct ident *ids[] = {&p->id, &p->cand_cert, &p->cand_key};
		bool hit = false;

		for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
			hit = hit || strcmp(ids[i]->ca_fp, ca->fp) == 0;
		if (!hit)
			continue;
		peer_kick(p, "the authority of your certificate was retired", "28000");
		n += p->state != PEER_PRE;
	}
	return n;
}

int ca_retire(struct monitor *m, struct mon_ca *ca, const char *by, const char *why, int *ended, struct why *w)
{
	int64_t now = clock_wall_s();
	char text[300];
	int rc;

	(void)snprintf(text, sizeof(text), "authority %s retired%s%s", ca->name, why[0] != '\0' ? ": " : "", why);
	/* Also a revocation: it reaches what was delegated from its certificates, and other readers of the list. */
	rc = store_revoke(m->store, "ca", ca->fp, by, text, now);
	if (rc == 0 || rc == E_EXISTS)
		rc = store_ca_move(m->store, ca->name, STORE_CA_RETIRED, now);
	if (rc != 0)
		return why_set(w, rc, "the state store failed: %s", err_str(rc));
	ca->state = STORE_CA_RETIRED;
	ca->changed_s = now;
	*ended = end_live(m, ca);
	*ended += who_end_unfit(m);
	return 0;
}

/* --- start --- */

static int take_row(void *ctx, const struct store_ca *row)
{
	struct mon_ca *ca = ca_new(row->name, row->spec, row->blob, row->fingerprint);

	ca->state = row->state;
	ca->added_s = row->added_s;
	ca->changed_s = row->changed_s;
	ca_link(ctx, ca);
	return 0;
}

static void free_name(const struct monitor *m, char out[64])
{
	for (int i = 1;; i++) {
		(void)snprintf(out, 64, "%s-%d", CA_CONFIGURED, i);
		if (ca_find(m, out) == NULL)
			return;
	}
}

/* The name "default" gets another key. */
static void step_aside(struct monitor *m, struct mon_ca *old, struct mon_ca *ca)
{
	free_name(m, ca->replaces);
	ca->state = old->state == STORE_CA_ACTIVE ? STORE_CA_ACTIVE : STORE_CA_TRUSTED;
	old->state = old->state == STORE_CA_ACTIVE ? STORE_CA_TRUSTED : old->state;
	(void)str_copy(old->name, sizeof(old->name), ca->replaces);
	log_warn("ca-replaced", "name", ca->name, "key", ca->fp, "former", old->fp, "kept-as", old->name,
	    "state", store_ca_state_name(old->state));
}

static int add_configured(struct monitor *m, const char *spec, struct span blob, const char *fp, struct why *w)
{
	struct mon_ca *old = ca_find(m, CA_CONFIGURED);
	struct mon_ca *ca = ca_new(CA_CONFIGURED, spec, blob, fp);
	int rc = 0;

	if (old != NULL)
		step_aside(m, old, ca);
	else
		ca->state = active_of(m) != NULL ? STORE_CA_TRUSTED : STORE_CA_ACTIVE;
	if (blob.n > 0) {
		rc = ca_save(m, ca, ca->replaces, w);
		ca->replaces[0] = '\0';
	}
	ca_link(m, ca);
	return rc;
}

static int known_configured(struct monitor *m, struct mon_ca *ca, const char *spec, struct why *w)
{
	const struct mon_ca *signs = active_of(m);

	if (ca != signs)
		log_warn("ca-not-active", "name", ca->name, "state", store_ca_state_name(ca->state), "signs",
		    signs != NULL ? signs->name : "none");
	if (strcmp(ca->spec, spec) == 0)
		return 0;
	free(ca->spec);
	ca->spec = xstrdup(spec);
	return ca_save(m, ca, "", w);
}

/* What the configuration names; the signer has read it already when it is a file. */
static int configured(struct monitor *m, struct why *w)
{
	const char *spec = mon_conf(m)->gateway.ca;
	struct span blob = span_of(m->ca_pub, m->n_ca_pub);
	char fp[FP_CAP], path[CA_SPEC_MAX];
	struct mon_ca *ca;

	if (blob.n > 0) {
		sshpk_fingerprint(blob, fp);
	} else if (!ca_agent_spec(spec, path, fp)) {
		why_set(w, E_CONFIG, "the certificate authority \"%s\" cannot be used", spec);
		why_hint(w, "file:PATH or agent:SOCKET#SHA256:FINGERPRINT; ssh-add -l shows fingerprints");
		return E_CONFIG;
	}
	ca = ca_by_fp(m, fp);
	return ca != NULL ? known_configured(m, ca, spec, w) : add_configured(m, spec, blob, fp, w);
}

int mon_cas_open(struct monitor *m, struct why *w)
{
	int rc;

	m->cas = xcalloc(1, sizeof(*m->cas));
	m->cas->tail = &m->cas->first;
	rc = store_ca_list(m->store, take_row, m);
	if (rc < 0)
		return why_set(w, rc, "the state store failed: %s", err_str(rc));
	return configured(m, w);
}

/* --- the one that signs is brought to the signer --- */

static void brought(void *ctx, const struct ipc_msg *msg)
{
	struct monitor *m = ctx;
	char text[200] = "the signer is gone";
	struct mon_ca *ca = active_of(m);

	if (ca == NULL)
		return;
	if (msg != NULL && ipc_type_of(msg) == IPC_OK) {
		log_info("ca-ready", "name", ca->name, "key", ca->fp);
		ca_activate(m, ca);
		if (strcmp(ca->name, CA_CONFIGURED) != 0 && m->n_ca_pub > 0)
			ca_drop(m, CA_CONFIGURED); /* the signer began with it */
		return;
	}
	if (msg != NULL)
		ipc_take_str(msg, "text", text, sizeof(text));
	if (m->cas->again_us == 0 || buf_len(&ca->blob) > 0)
		log_warn("ca-unreachable", "name", ca->name, "why", text);
	(void)str_copy(ca->trouble, sizeof(ca->trouble), text);
	m->cas->again_us = clock_mono_us() + AGAIN_US;
}

void mon_cas_start(struct monitor *m)
{
	struct mon_ca *ca = active_of(m);

	if (ca == NULL || m->signer == NULL)
		return;
	if (m->n_ca_pub > 0 && strcmp(ca->name, CA_CONFIGURED) == 0 &&
	    span_eq(buf_span(&ca->blob), span_of(m->ca_pub, m->n_ca_pub)))
		ca->held = true; /* the signer began with it */
	else
		ca_load(m, ca, -1, false, brought, m);
}

void mon_cas_tick(struct monitor *m)
{
	struct mon_ca *ca = active_of(m);

	if (ca == NULL || buf_len(&ca->blob) > 0 || m->cas->again_us == 0 ||
	    clock_mono_us() < m->cas->again_us)
		return;
	m->cas->again_us = INT64_MAX; /* one at a time */
	ca_load(m, ca, -1, false, brought, m);
}

void mon_ca_missing(const struct monitor *m, struct why *w)
{
	const struct mon_ca *ca = active_of(m);

	if (ca == NULL) {
		why_set(w, E_LIMIT, "there is no certificate authority");
		return;
	}
	/* Where its key is and what is wrong there is the operator's matter. */
	why_set(w, E_LIMIT, "the certificate authority \"%s\" cannot be reached: no certificate is issued now",
	    ca->name);
	why_hint(w, "try again in some seconds; the operator finds the reason with `sallyport ca list`");
}

void mon_cas_free(struct monitor *m)
{
	if (m->cas == NULL)
		return;
	cajobs_free(m);
	caops_free(m);
	while (m->cas->list != NULL) {
		struct mon_ca *ca = m->cas->list;

		m->cas->list = ca->next;
		ca_free(ca);
	}
	free(m->cas);
	m->cas = NULL;
}

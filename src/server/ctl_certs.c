/* SPDX-License-Identifier: Apache-2.0
 *
 * Control verbs about what was issued: certs lists it, krl tells other hosts what of it is worth
 * nothing any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "ident/krl.h"
#include "server/ctl.h"
#include "wire/sshpk.h"

#define LIST_MAX 1000
#define KRL_MAX  (64u * 1024 * 1024)

/* --- certs --- */

static int list_one(void *ctx, const struct store_cert *x)
{
	struct ctl *c = ctx;
	char who[2 * NAME_CAP + 16];
	struct item it;
	int rc = store_cert_standing(c->m->store, x), live = 0;

	for (const struct peer *p = c->m->peers; p != NULL; p = p->next)
		live += p->state != PEER_PRE &&
			(p->id.serial == x->serial || p->id.extended == x->serial);
	snprintf(
	    who, sizeof(who), x->on_behalf_of[0] != '\0' ? "%s for %s" : "%s", x->user, x->on_behalf_of);
	item_init(&it);
	item_int(&it, "serial", (int64_t)x->serial);
	item_str(&it, "user", x->user);
	item_str(&it, "on_behalf_of", x->on_behalf_of);
	item_str(&it, "who", who);
	item_str(&it, "key_id", x->key_id);
	item_str(&it, "fingerprint", x->fingerprint);
	item_str(&it, "source", x->source);
	item_str(&it, "issuer", x->issuer);
	item_str(&it, "ca", x->ca_fp);
	item_int(&it, "parent", (int64_t)x->parent);
	item_int(&it, "issued_s", x->issued_s);
	item_int(&it, "expires_s", x->valid_before_s);
	item_int(&it, "live", live);
	item_str(&it, "standing",
	    rc == STORE_GOOD     ? "good"
	    : rc == STORE_LOCKED ? "locked"
				 : "revoked");
	ctl_item(c, &it);
	return 0;
}

void ctl_certs(struct ctl *c, const struct mp_val *args)
{
	char user[NAME_CAP];
	int64_t limit = ctl_arg_int(args, "limit", LIST_MAX);
	struct store_cert_filter f = {.valid_at_s = clock_wall_s()};

	if (ctl_arg(args, "user", user, sizeof(user)) != 0) {
		ctl_end(c, CTL_USAGE, "certs: an argument is malformed", "");
		return;
	}
	f.user = user[0] != '\0' ? user : NULL;
	f.limit = limit > 0 && limit < LIST_MAX ? (size_t)limit : LIST_MAX;
	if (store_cert_list(c->m->store, &f, list_one, c) < 0)
		ctl_end(c, CTL_FAILED, "the state store failed", "");
	else
		ctl_end(c, CTL_OK, "", "");
}

/* --- krl --- */

struct krl_job {
	struct monitor *m;
	struct krl *krl;
	int64_t certs, keys;
	int rc;
};

/* Everything that some login here would refuse, whatever the reason: users, locks, what was
 * delegated. */
static int add_cert(void *ctx, const struct store_cert *x)
{
	struct krl_job *j = ctx;

	if (store_cert_standing(j->m->store, x) != STORE_GOOD) {
		krl_serial(j->krl, x->serial);
		j->certs++;
	}
	return 0;
}

static int add_revocation(void *ctx, const struct store_revocation *r)
{
	struct krl_job *j = ctx;
	int rc;

	if (strcmp(r->kind, "serial") == 0)
		krl_serial(j->krl, strtoull(r->value, NULL, 10));
	else if (strcmp(r->kind, "id") == 0)
		krl_key_id(j->krl, r->value);
	else if (strcmp(r->kind, "user") != 0) {
		rc = krl_fingerprint(j->krl, r->value);
		j->rc = j->rc != 0 ? j->rc : rc;
		j->keys++;
	}
	return 0;
}

static void add_authorities(struct monitor *m, struct krl *k)
{
	const struct conf_list *more = &mon_conf(m)->gateway.trusted_cas;
	struct buf b;

	for (const struct mon_ca *ca = mon_ca_first(m); ca != NULL; ca = ca->next)
		if (buf_len(&ca->blob) > 0)
			krl_authority(k, buf_span(&ca->blob));
	buf_init(&b, SSHPK_BLOB_MAX);
	for (size_t i = 0; i < more->n; i++)
		if (sshpk_line_parse(span_str(more->v[i]), &b, NULL, NULL) == 0)
			krl_authority(k, buf_span(&b));
	buf_clear(&b);
}

/* An anonymous file that nobody can change; -1 and errno. */
static int sealed_file(struct span s)
{
	int fd = memfd_create("krl", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (file_write_all(fd, s.p, s.n) != 0 || lseek(fd, 0, SEEK_SET) != 0 ||
			   fcntl(fd, F_ADD_SEALS,
			       F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0))
		fd_close(&fd);
	return fd;
}

static int build(struct krl_job *j, struct buf *out, struct why *w)
{
	struct store_cert_filter f = {.valid_at_s = clock_wall_s()};
	int rc;

	add_authorities(j->m, j->krl);
	rc = store_revocation_list(j->m->store, add_revocation, j);
	if (rc == 0)
		rc = store_cert_list(j->m->store, &f, add_cert, j);
	if (rc != 0)
		return why_set(w, rc, "the state store failed: %s", err_str(rc));
	if (j->rc != 0)
		return why_set(w, j->rc, "a revoked fingerprint in the state store is malformed");
	rc = krl_write(j->krl, (uint64_t)clock_wall_us(), f.valid_at_s,
	    mon_conf(j->m)->gateway.name, out);
	return rc == 0 ? 0 : why_set(w, rc, "the list is too long: %s", err_str(rc));
}

static void send_krl(struct ctl *c, const struct krl_job *j, struct span list)
{
	struct item it;
	int fd = sealed_file(list);

	if (fd < 0) {
		ctl_end(c, CTL_FAILED, "no memory for the list", "");
		return;
	}
	item_init(&it);
	item_int(&it, "certificates", j->certs);
	item_int(&it, "keys", j->keys);
	item_int(&it, "bytes", (int64_t)list.n);
	ctl_item(c, &it);
	ctl_fd(c, "krl", fd);
	fd_close(&fd);
	ctl_end(c, CTL_OK, "", "");
}

void ctl_krl(struct ctl *c, const struct mp_val *args)
{
	struct krl_job j = {.m = c->m, .krl = krl_new()};
	struct why w = {0};
	struct buf out;

	(void)args;
	buf_init(&out, KRL_MAX);
	if (build(&j, &out, &w) == 0)
		send_krl(c, &j, buf_span(&out));
	else
		ctl_fail(c, &w);
	buf_clear(&out);
	krl_free(j.krl);
}

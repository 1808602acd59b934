/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb ca: list, add, activate, retire. A change goes in three steps so that nobody's certificate breaks:
 * a new authority is added (trusted from now on), activated (signs from now on), and the former one is retired
 * when its last certificate has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/mon_ca.h"

#define CA_DIR      "ca"
#define CA_NAME_MAX 32
#define KEY_COMMENT "sallyport certificate authority"

/* Something that waits for the signer. */
struct caop {
	struct caop *next;
	struct monitor *m;
	struct ctl *ctl;   /* NULL: the asker is gone; what was begun is finished all the same */
	struct mon_ca *ca; /* add: not in the list yet, ours; activate: of the list */
	bool file;         /* add: the key file was made for it */
	char by[NAME_CAP];
};

static void asker_gone(struct ctl *c)
{
	struct caop *op = c->job;

	op->ctl = NULL;
}

static struct caop *op_new(struct ctl *c, struct mon_ca *ca)
{
	struct caop *op = xcalloc(1, sizeof(*op));

	*op = (struct caop){.next = c->m->cas->ops, .m = c->m, .ctl = c, .ca = ca};
	(void)str_copy(op->by, sizeof(op->by), c->id->user);
	c->m->cas->ops = op;
	c->job = op;
	c->job_free = asker_gone;
	return op;
}

static void op_free(struct caop *op)
{
	struct caop **at = &op->m->cas->ops;

	while (*at != op)
		at = &(*at)->next;
	*at = op->next;
	if (op->ctl != NULL) {
		op->ctl->job = NULL;
		op->ctl->job_free = NULL;
	}
	free(op);
}

void caops_free(struct monitor *m)
{
	while (m->cas->ops != NULL) {
		struct caop *op = m->cas->ops;

		if (ca_find(m, op->ca->name) != op->ca)
			ca_free(op->ca);
		op_free(op);
	}
}

/* --- list --- */

struct alive { /* certificates of an authority that are valid now */
	const struct mon_ca *ca;
	int64_t n, until_s;
};

struct alive_all {
	struct alive *a;
	size_t n;
};

static int count_cert(void *ctx, const struct store_cert *c)
{
	struct alive_all *all = ctx;

	for (size_t i = 0; i < all->n; i++) {
		struct alive *a = &all->a[i];

		/* Before authorities were noted there was one: the oldest. */
		if (strcmp(a->ca->fp, c->ca_fp) != 0 && (i > 0 || c->ca_fp[0] != '\0'))
			continue;
		a->n++;
		a->until_s = c->valid_before_s > a->until_s ? c->valid_before_s : a->until_s;
		return 0;
	}
	return 0;
}

/* Per authority, in the list's order; free a. */
static int count_alive(struct monitor *m, struct alive_all *all)
{
	struct store_cert_filter f = {.valid_at_s = clock_wall_s()};

	*all = (struct alive_all){0};
	for (const struct mon_ca *ca = mon_ca_first(m); ca != NULL; ca = ca->next)
		all->n++;
	all->a = xcalloc(all->n, sizeof(*all->a));
	all->n = 0;
	for (const struct mon_ca *ca = mon_ca_first(m); ca != NULL; ca = ca->next)
		all->a[all->n++].ca = ca;
	return store_cert_list(m->store, &f, count_cert, all);
}

static struct alive alive_of(struct monitor *m, const struct mon_ca *ca)
{
	struct alive_all all;
	struct alive x = {.ca = ca, .n = -1};
	int rc = count_alive(m, &all);

	for (size_t i = 0; i < all.n && rc >= 0; i++)
		if (all.a[i].ca == ca)
			x = all.a[i];
	free(all.a);
	return x;
}

/* Where the key is, for a person. */
static const char *place_of(const struct monitor *m, const struct mon_ca *ca, char *out, size_t cap)
{
	char path[CA_SPEC_MAX], fp[FP_CAP];

	if (ca_agent_spec(ca->spec, path, fp))
		(void)snprintf(out, cap, "agent:%s", path);
	else if (strncmp(ca->spec, "file:/", 6) != 0)
		(void)snprintf(out, cap, "file:%s/%s", m->state_path, ca->spec + 5);
	else
		(void)snprintf(out, cap, "%s", ca->spec);
	return out;
}

static void put_ca(struct ctl *c, const struct alive *a)
{
	const struct mon_ca *ca = a->ca;
	char place[1024];
	struct item it;

	item_init(&it);
	item_str(&it, "name", ca->name);
	item_str(&it, "state", store_ca_state_name(ca->state));
	item_span(&it, "type", ca_type(ca));
	item_str(&it, "fingerprint", ca->fp);
	item_str(&it, "where", place_of(c->m, ca, place, sizeof(place)));
	item_int(&it, "since_s", ca->changed_s);
	item_int(&it, "alive", a->n);
	item_int(&it, "until_s", a->until_s);
	item_str(&it, "trouble", ca->state == STORE_CA_ACTIVE ? ca->trouble : "");
	ctl_item(c, &it);
}

static void do_list(struct ctl *c, const char *name, const struct mp_val *args)
{
	struct alive_all all;
	int rc = count_alive(c->m, &all);

	(void)name;
	(void)args;
	for (size_t i = 0; i < all.n && rc >= 0; i++)
		put_ca(c, &all.a[i]);
	free(all.a);
	if (rc < 0)
		ctl_end(c, CTL_FAILED, "the state store failed", "");
	else
		ctl_end(c, CTL_OK, "", "");
}

/* The one that was changed, and the end. text NULL: w says why it failed. */
static void op_end(struct caop *op, const char *text, const char *hint, const struct why *w)
{
	struct alive a;

	if (op->ctl != NULL && text == NULL) {
		ctl_fail(op->ctl, w);
	} else if (op->ctl != NULL) {
		a = alive_of(op->m, op->ca);
		put_ca(op->ctl, &a);
		ctl_end(op->ctl, CTL_OK, text, hint);
	}
	op_free(op);
}

static void take_why(const struct ipc_msg *msg, struct why *w)
{
	why_set(w, E_LIMIT, "the signer is gone");
	if (msg == NULL)
		return;
	w->code = (int)ipc_get_int(msg, "code", E_INTERNAL);
	ipc_take_str(msg, "text", w->text, sizeof(w->text));
	ipc_take_str(msg, "hint", w->hint, sizeof(w->hint));
}

/* --- add --- */

static bool name_ok(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= CA_NAME_MAX && s[n] == '\0' && s[0] != '-' &&
	       strncmp(s, CA_CONFIGURED, strlen(CA_CONFIGURED)) != 0;
}

static int open_dir(const struct monitor *m)
{
	int fd;

	if (mkdirat(m->state_fd, CA_DIR, 0700) != 0 && errno != EEXIST)
		return -errno;
	fd = openat(m->state_fd, CA_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

/* An empty file that the signer fills. */
static int make_file(const struct monitor *m, const char *name, struct why *w)
{
	int dir = open_dir(m), fd, rc = dir;

	if (dir >= 0) {
		fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		rc = fd >= 0 ? fd : -errno;
		close(dir);
	}
	if (rc >= 0)
		return rc;
	why_set(w, rc, "the key file %s/%s/%s cannot be made: %s", m->state_path, CA_DIR, name, err_str(rc));
	if (rc == -EEXIST)
		why_hint(w, "it is left from an authority that is not in `sallyport ca list`: move it away, or take another name");
	return rc;
}

static void remove_file(const struct monitor *m, const char *name)
{
	char pub[72];
	int dir = open_dir(m);

	if (dir < 0)
		return;
	(void)snprintf(pub, sizeof(pub), "%s.pub", name);
	(void)unlinkat(dir, name, 0);
	(void)unlinkat(dir, pub, 0);
	close(dir);
}

static int save_public(const struct monitor *m, const struct mon_ca *ca)
{
	char pub[72];
	struct buf line;
	int dir = open_dir(m), rc = dir;

	(void)snprintf(pub, sizeof(pub), "%s.pub", ca->name);
	buf_init(&line, SSHPK_LINE_MAX);
	if (dir >= 0)
		rc = sshpk_line_put(&line, buf_span(&ca->blob), KEY_COMMENT);
	if (rc == 0)
		rc = file_replace_at(dir, pub, buf_span(&line), 0644); /* and the directory is on disk */
	buf_clear(&line);
	if (dir >= 0)
		close(dir);
	return rc;
}

/* Its key is known: files, store, list. */
static int add_finish(struct caop *op, struct span blob, struct why *w)
{
	struct mon_ca *ca = op->ca;
	int rc = 0;

	sshpk_fingerprint(blob, ca->fp);
	if (ca_find(op->m, ca->name) != NULL || ca_by_fp(op->m, ca->fp) != NULL) /* meanwhile */
		return why_set(w, E_EXISTS, "there is an authority of this name or key already");
	if (op->file) {
		buf_put_span(&ca->blob, blob);
		rc = save_public(op->m, ca);
		buf_reset(&ca->blob);
	}
	if (rc != 0)
		return why_set(w, rc, "the public key file cannot be written: %s", err_str(rc));
	rc = ca_learn(op->m, ca, blob, w);
	if (rc == 0)
		ca_link(op->m, ca);
	return rc;
}

static void added(void *ctx, const struct ipc_msg *msg)
{
	struct caop *op = ctx;
	struct monitor *m = op->m;
	struct mon_ca *ca = op->ca;
	struct why w = {0};
	bool have = msg != NULL && ipc_type_of(msg) == IPC_OK;
	char text[200], hint[200];

	if (have)
		ca_drop(m, ca->name); /* the signer keeps what signs */
	if (have && add_finish(op, ipc_get_span(msg, "ca"), &w) == 0) {
		log_info("ca-added", "name", ca->name, "key", ca->fp, "where", ca->spec, "by", op->by);
		(void)snprintf(text, sizeof(text), "added %s: %s; trusted from now on, signs nothing yet", ca->name, ca->fp);
		(void)snprintf(hint, sizeof(hint), "next: sallyport ca activate %s", ca->name);
		op_end(op, text, hint, NULL);
		return;
	}
	if (!have)
		take_why(msg, &w);
	if (op->file)
		remove_file(m, ca->name);
	op_end(op, NULL, NULL, &w);
	ca_free(ca);
}

static int add_check(struct ctl *c, const char *name, const char *spec, char fp[FP_CAP], struct why *w)
{
	char path[CA_SPEC_MAX];
	size_t n = 0;

	fp[0] = '\0';
	if (!name_ok(name)) {
		why_set(w, E_FORMAT, "\"%s\" cannot be the name of an authority", name);
		why_hint(w, "1 to %d of a-z, 0-9 and -, not beginning with - or \"%s\"", CA_NAME_MAX, CA_CONFIGURED);
		return E_FORMAT;
	}
	if (spec[0] != '\0' && !ca_agent_spec(spec, path, fp)) {
		why_set(w, E_FORMAT, "\"%s\" is not agent:SOCKET#SHA256:FINGERPRINT", spec);
		why_hint(w, "ssh-add -l shows the fingerprints of an agent's keys");
		return E_FORMAT;
	}
	for (const struct mon_ca *ca = mon_ca_first(c->m); ca != NULL; ca = ca->next) {
		n += ca->state != STORE_CA_RETIRED;
		if (strcmp(ca->name, name) == 0)
			return why_set(w, E_EXISTS, "there is an authority \"%s\" already (%s)", name,
			    store_ca_state_name(ca->state));
		if (strcmp(ca->fp, fp) == 0)
			return why_set(w, E_EXISTS, "this key is the authority \"%s\" already (%s)", ca->name,
			    store_ca_state_name(ca->state));
	}
	if (n < CA_OWN_MAX)
		return 0;
	why_set(w, E_DENIED, "there are %d authorities in use already", CA_OWN_MAX);
	why_hint(w, "retire old ones: sallyport ca retire NAME");
	return E_DENIED;
}

static void do_add(struct ctl *c, const char *name, const struct mp_val *args)
{
	char spec[CA_SPEC_MAX], fp[FP_CAP];
	struct caop *op;
	struct why w = {0};
	bool file;
	int fd, rc = ctl_arg(args, "spec", spec, sizeof(spec));

	if (rc != 0)
		why_set(&w, E_FORMAT, "the place of the key is too long");
	else
		rc = add_check(c, name, spec, fp, &w);
	if (rc != 0) {
		ctl_fail(c, &w);
		return;
	}
	file = spec[0] == '\0';
	fd = file ? make_file(c->m, name, &w) : ca_open(c->m, spec, &w);
	if (fd < 0) {
		ctl_fail(c, &w);
		return;
	}
	if (file)
		(void)snprintf(spec, sizeof(spec), "file:%s/%s", CA_DIR, name);
	op = op_new(c, ca_new(name, spec, (struct span){0}, fp));
	op->file = file;
	ca_load(c->m, op->ca, fd, file, added, op);
}

/* --- activate --- */

static struct mon_ca *named(struct ctl *c, const char *name)
{
	struct mon_ca *ca = ca_find(c->m, name);
	char text[100];

	if (ca != NULL)
		return ca;
	(void)snprintf(text, sizeof(text), "there is no authority \"%.40s\"", name);
	ctl_end(c, CTL_NOTFOUND, text, "sallyport ca list shows them");
	return NULL;
}

static const char *when_of(int64_t s, char out[32])
{
	clock_rfc3339(s * 1000000, out);
	(void)str_copy(out + strcspn(out, "."), 2, "Z"); /* whole seconds */
	return out;
}

/* What to do with the one that signed before. */
static void former_hint(struct monitor *m, const struct mon_ca *former, char *out, size_t cap)
{
	struct alive a;
	char when[32];

	out[0] = '\0';
	if (former == NULL)
		return;
	a = alive_of(m, former);
	if (a.n <= 0)
		(void)snprintf(out, cap, "no certificate of %s is valid any more: sallyport ca retire %s",
		    former->name, former->name);
	else
		(void)snprintf(out, cap, "%" PRId64 " certificates of %s are valid until %s; then: sallyport ca retire %s",
		    a.n, former->name, when_of(a.until_s, when), former->name);
}

static void activated(void *ctx, const struct ipc_msg *msg)
{
	struct caop *op = ctx;
	struct mon_ca *former = NULL;
	struct why w = {0};
	char text[200], hint[256];

	if (msg == NULL || ipc_type_of(msg) != IPC_OK) {
		take_why(msg, &w);
		op_end(op, NULL, NULL, &w);
		return;
	}
	if (op->ca->state == STORE_CA_ACTIVE) {
		ca_activate(op->m, op->ca);
		op->ca->trouble[0] = '\0';
		op->ca->rest_until_us = 0;
		op_end(op, "it is the one that signs; its key was loaded again", "", NULL);
		return;
	}
	if (ca_switch(op->m, op->ca, &former, &w) != 0) {
		ca_drop(op->m, op->ca->name);
		op_end(op, NULL, NULL, &w);
		return;
	}
	log_info("ca-activated", "name", op->ca->name, "key", op->ca->fp, "former",
	    former != NULL ? former->name : "", "by", op->by);
	(void)snprintf(text, sizeof(text), "%s signs from now on", op->ca->name);
	former_hint(op->m, former, hint, sizeof(hint));
	op_end(op, text, hint, NULL);
}

static void do_activate(struct ctl *c, const char *name, const struct mp_val *args)
{
	struct mon_ca *ca = named(c, name);
	struct why w = {0};

	(void)args;
	if (ca == NULL)
		return;
	if (ca->state == STORE_CA_RETIRED) {
		why_set(&w, E_STATE, "the authority \"%s\" is retired, and stays so", name);
		why_hint(&w, "make another one: sallyport ca add NAME");
		ctl_fail(c, &w);
		return;
	}
	ca_load(c->m, ca, -1, false, activated, op_new(c, ca));
}

/* --- retire --- */

static int retire_check(struct monitor *m, const struct mon_ca *ca, bool force, struct why *w)
{
	struct alive a = alive_of(m, ca);
	char when[32];

	if (ca->state == STORE_CA_RETIRED)
		return why_set(w, E_STATE, "the authority \"%s\" is retired already", ca->name);
	if (ca->state == STORE_CA_ACTIVE) {
		why_set(w, E_STATE, "the authority \"%s\" is the one that signs", ca->name);
		why_hint(w, "activate another one first: sallyport ca activate NAME");
		return E_STATE;
	}
	if (a.n < 0)
		return why_set(w, E_INTERNAL, "the state store failed");
	if (a.n == 0 || force)
		return 0;
	why_set(w, E_STATE, "%" PRId64 " certificates of \"%s\" are still valid, the last one until %s", a.n, ca->name,
	    when_of(a.until_s, when));
	why_hint(w, "wait until then, or end them and their sessions now: sallyport ca retire %s --force", ca->name);
	return E_STATE;
}

/* A missing file of the configuration's would be made anew at the next start. */
static const char *left_hint(const struct monitor *m, const struct mon_ca *ca)
{
	if (strcmp(ca->spec, mon_conf(m)->gateway.ca) == 0)
		return "the configuration still names its key (gateway: ca); nothing is signed with it any more";
	return strncmp(ca->spec, "file:", 5) == 0 ? "its key file is not used any more: remove it" : "";
}

static void do_retire(struct ctl *c, const char *name, const struct mp_val *args)
{
	char why[256], text[400];
	struct mon_ca *ca;
	struct alive a;
	struct why w = {0};
	int ended = 0;

	if (!ctl_arg_why(c, args, why, sizeof(why)))
		return;
	ca = named(c, name);
	if (ca == NULL)
		return;
	if (retire_check(c->m, ca, ctl_arg_bool(args, "force"), &w) != 0 ||
	    ca_retire(c->m, ca, c->id->user, why, &ended, &w) != 0) {
		ctl_fail(c, &w);
		return;
	}
	log_info("ca-retired", "name", ca->name, "key", ca->fp, "by", c->id->user, "why", why, "ended",
	    log_num(ended));
	a = alive_of(c->m, ca);
	put_ca(c, &a);
	(void)snprintf(text, sizeof(text), "retired %s: its certificates are refused from now on; %d connections ended",
	    ca->name, ended);
	ctl_end(c, CTL_OK, text, left_hint(c->m, ca));
}

/* --- the verb --- */

void ctl_ca(struct ctl *c, const struct mp_val *args)
{
	static const struct {
		const char *what;
		void (*fn)(struct ctl *c, const char *name, const struct mp_val *args);
	} does[] = {
	    {"list", do_list}, {"add", do_add}, {"activate", do_activate}, {"retire", do_retire}};
	char what[16], name[64];

	if (ctl_arg(args, "do", what, sizeof(what)) == 0 && ctl_arg(args, "name", name, sizeof(name)) == 0)
		for (size_t i = 0; i < sizeof(does) / sizeof(*does); i++)
			if (strcmp(does[i].what, what) == 0) {
				does[i].fn(c, name, args);
				return;
			}
	ctl_end(c, CTL_USAGE, "ca: list, add NAME [agent:SOCKET#SHA256:FINGERPRINT], activate NAME or retire NAME", "");
}

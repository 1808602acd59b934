/* SPDX-License-Identifier: Apache-2.0
 *
 * Control verbs that take trust away, and lock and unlock: first the store, durably, then at once
 * every live connection that no longer has a standing. Who that is, is asked of the store in the
 * same way as at a login (mon_who.c), so that both always agree.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf_scalar.h"
#include "server/ctl.h"

#define HINT_MAX 200

/* --- revoke --- */

static bool serial_ok(const char *v)
{
	size_t n = strspn(v, "0123456789");

	return n > 0 && n < 20 && v[n] == '\0' && v[0] != '0';
}

static bool text_ok(const char *v)
{
	return v[0] != '\0';
}

static bool fingerprint_ok(const char *v)
{
	return strncmp(v, "SHA256:", 7) == 0 && strlen(v) == 7 + 43;
}

static const struct revocable {
	const char *kind;
	bool (*ok)(const char *value);
} revocable[] = {
    {"serial", serial_ok},
    {"user", text_ok},
    {"key", fingerprint_ok},
    {"ca", fingerprint_ok},
    {"id", text_ok},
};

static bool is_revocable(const char *kind, const char *value)
{
	for (size_t i = 0; i < sizeof(revocable) / sizeof(*revocable); i++)
		if (strcmp(revocable[i].kind, kind) == 0)
			return revocable[i].ok(value);
	return false;
}

struct whose { /* of a serial, for the log and for the operator */
	char user[2 * NAME_CAP + 16], key[FP_CAP];
};

static int note_whose(void *ctx, const struct store_cert *c)
{
	struct whose *w = ctx;

	snprintf(w->user, sizeof(w->user), c->on_behalf_of[0] != '\0' ? "%s for %s" : "%s", c->user,
	    c->on_behalf_of);
	(void)str_copy(w->key, sizeof(w->key), c->fingerprint);
	return 1;
}

static void find_whose(struct monitor *m, const char *kind, const char *value, struct whose *w)
{
	struct store_cert_filter f = {.limit = 1};

	*w = (struct whose){0};
	if (strcmp(kind, "user") == 0)
		(void)str_copy(w->user, sizeof(w->user), value);
	if (strcmp(kind, "key") == 0)
		(void)str_copy(w->key, sizeof(w->key), value);
	if (strcmp(kind, "serial") != 0)
		return;
	f.serial = strtoull(value, NULL, 10);
	if (store_cert_list(m->store, &f, note_whose, w) < 0)
		*w = (struct whose){0};
}

static int seen_account(void *ctx, const struct store_account *a)
{
	(void)a;
	*(bool *)ctx = true;
	return 0;
}

static int seen_cert(void *ctx, const struct store_cert *c)
{
	(void)c;
	*(bool *)ctx = true;
	return 1;
}

/* Has anybody this name? A question for a hint only: errors count as yes. */
static bool is_known(struct monitor *m, const char *user)
{
	struct store_cert_filter own = {.user = user, .limit = 1},
				 agents = {.on_behalf_of = user, .limit = 1};
	bool known = conf_user_find(mon_conf(m), user) != NULL;
	int rc = store_account_get(m->store, user, seen_account, &known);

	if (rc == 0 || rc == E_NOTFOUND)
		rc = store_cert_list(m->store, &own, seen_cert, &known);
	if (rc == 0)
		rc = store_cert_list(m->store, &agents, seen_cert, &known);
	return known || rc < 0;
}

/* A slip of the finger is for good, too: say so at once. */
static const char *doubt(struct monitor *m, const char *kind, const char *value, const struct whose *w)
{
	if (strcmp(kind, "user") == 0 && !is_known(m, value))
		return "no user, account or certificate has this name; nobody will ever log in under it";
	if (strcmp(kind, "serial") == 0 && w->user[0] == '\0')
		return "no certificate has this number; one that gets it later is revoked, too";
	return "";
}

static void revoked(
    struct ctl *c, const char *kind, const char *value, const char *why, bool before)
{
	char text[2 * NAME_CAP + 900];
	struct whose w;
	struct item it;
	int n;

	find_whose(c->m, kind, value, &w);
	n = who_end_unfit(c->m);
	log_info("revoked", "kind", kind, "value", value, "user", w.user, "key", w.key, "source",
	    c->id->source, "by", c->id->user, "why", why, "ended", log_num(n));
	item_init(&it);
	item_str(&it, "kind", kind);
	item_str(&it, "value", value);
	item_str(&it, "user", w.user);
	item_bool(&it, "before", before);
	item_int(&it, "ended", n);
	ctl_item(c, &it);
	snprintf(text, sizeof(text), "%s %s%s%s%s%s; %d connections ended", kind, value,
	    strcmp(kind, "serial") == 0 && w.user[0] != '\0' ? " of " : "",
	    strcmp(kind, "serial") == 0 ? w.user : "", before ? " was" : " is",
	    before ? " revoked before" : " revoked", n);
	ctl_end(c, CTL_OK, text, doubt(c->m, kind, value, &w));
}

void ctl_revoke(struct ctl *c, const struct mp_val *args)
{
	char kind[16], value[600], why[256];
	int rc;

	if (!ctl_arg_why(c, args, why, sizeof(why)))
		return;
	rc = ctl_arg(args, "kind", kind, sizeof(kind));
	if (rc == 0)
		rc = ctl_arg(args, "value", value, sizeof(value));
	if (rc != 0 || !is_revocable(kind, value)) {
		ctl_end(c, CTL_USAGE,
		    "revoke: serial NUMBER, user NAME, key SHA256:..., ca SHA256:... or id KEY-ID",
		    "the verb \"certs\" lists what was issued");
		return;
	}
	rc = store_revoke(c->m->store, kind, value, c->id->user, why, clock_wall_s());
	if (rc != 0 && rc != E_EXISTS)
		ctl_end(c, CTL_FAILED, "the state store failed: nothing was revoked", "");
	else
		revoked(c, kind, value, why, rc == E_EXISTS);
}

/* --- revoked --- */

struct list {
	struct ctl *c;
	const char *kind; /* NULL: as the row says */
};

static int list_one(void *ctx, const struct store_revocation *r)
{
	const struct list *l = ctx;
	struct item it;

	item_init(&it);
	item_str(&it, "kind", l->kind != NULL ? l->kind : r->kind);
	item_str(&it, "value", r->value);
	item_str(&it, "by", r->by);
	item_str(&it, "why", r->why);
	item_int(&it, "at_s", r->at_s);
	ctl_item(l->c, &it);
	return 0;
}

void ctl_revoked(struct ctl *c, const struct mp_val *args)
{
	struct list revocations = {c, NULL}, locks = {c, "lock"};

	(void)args;
	if (store_revocation_list(c->m->store, list_one, &revocations) < 0 ||
	    store_lock_list(c->m->store, list_one, &locks) < 0)
		ctl_end(c, CTL_FAILED, "the state store failed", "");
	else
		ctl_end(c, CTL_OK, "", "");
}

/* --- lock and unlock --- */

/* False: the end was sent. */
static bool user_arg(struct ctl *c, const struct mp_val *args, char user[NAME_CAP])
{
	if (ctl_arg(args, "user", user, NAME_CAP) == 0 && conf_name_principal(user) == NULL)
		return true;
	ctl_end(c, CTL_USAGE, "which user? the name as it stands in certificates", "");
	return false;
}

static void put_user(struct ctl *c, const char *user, int ended)
{
	struct item it;

	item_init(&it);
	item_str(&it, "user", user);
	item_int(&it, "ended", ended);
	ctl_item(c, &it);
}

void ctl_lock(struct ctl *c, const struct mp_val *args)
{
	char user[NAME_CAP], why[256], text[NAME_CAP + 80];
	int rc, n;

	if (!ctl_arg_why(c, args, why, sizeof(why)) || !user_arg(c, args, user))
		return;
	rc = store_lock(c->m->store, user, c->id->user, why, clock_wall_s());
	if (rc != 0 && rc != E_EXISTS) {
		ctl_end(c, CTL_FAILED, "the state store failed: nobody was locked", "");
		return;
	}
	n = who_end_unfit(c->m);
	log_info("locked", "user", user, "source", c->id->source, "by", c->id->user, "why", why,
	    "ended", log_num(n));
	put_user(c, user, n);
	snprintf(text, sizeof(text), "%s %s; %d connections ended", user,
	    rc == E_EXISTS ? "was locked before" : "is locked", n);
	ctl_end(c, CTL_OK, text,
	    is_known(c->m, user) ? "" : "no user, account or certificate has this name");
}

void ctl_unlock(struct ctl *c, const struct mp_val *args)
{
	struct store_subject x = {0};
	char user[NAME_CAP], text[NAME_CAP + 80];
	int rc;

	if (!user_arg(c, args, user))
		return;
	rc = store_unlock(c->m->store, user);
	snprintf(text, sizeof(text), "%s %s", user, rc == 0 ? "is unlocked" : "is not locked");
	if (rc != 0) {
		ctl_end(c, rc == E_NOTFOUND ? CTL_NOTFOUND : CTL_FAILED,
		    rc == E_NOTFOUND ? text : "the state store failed: nobody was unlocked",
		    rc == E_NOTFOUND ? "the verb \"revoked\" lists who is" : "");
		return;
	}
	log_info("unlocked", "user", user, "source", c->id->source, "by", c->id->user);
	put_user(c, user, 0);
	x.user = user;
	ctl_end(c, CTL_OK, text,
	    store_standing(c->m->store, &x) == STORE_REVOKED
		? "but revoked, which is for good: nobody can log in under this name"
		: "");
}

/* --- forget --- */

struct serials {
	size_t n;
	uint64_t *v;
};

static int note_serial(void *ctx, const struct store_cert *x)
{
	struct serials *s = ctx;

	s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = x->serial;
	return 0;
}

/* The name becomes free for somebody else, whom the certificates of the former owner and of the
 * former owner's agents must not speak for. */
static int revoke_all(struct ctl *c, const char *user, const char *why)
{
	int64_t now = clock_wall_s();
	struct store_cert_filter own = {.user = user, .valid_at_s = now}, agents = {.on_behalf_of = user, .valid_at_s = now};
	struct serials s = {0};
	char number[32];
	int rc = store_cert_list(c->m->store, &own, note_serial, &s);

	if (rc >= 0)
		rc = store_cert_list(c->m->store, &agents, note_serial, &s);

	for (size_t i = 0; i < s.n && rc == 0; i++) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)s.v[i]);
		rc = store_revoke(c->m->store, "serial", number, c->id->user, why, now);
		rc = rc == E_EXISTS ? 0 : rc;
	}
	free(s.v);
	return rc < 0 ? rc : 0;
}

void ctl_forget(struct ctl *c, const struct mp_val *args)
{
	char user[NAME_CAP], text[NAME_CAP + 80];
	bool known = false;
	int rc, n;

	if (!user_arg(c, args, user))
		return;
	rc = store_account_get(c->m->store, user, seen_account, &known);
	if (rc == 0)
		rc = revoke_all(c, user, "the account was forgotten");
	if (rc == 0)
		rc = store_account_forget(c->m->store, user);
	if (rc != 0) {
		snprintf(text, sizeof(text), "%s has no account of an identity provider", user);
		ctl_end(c, rc == E_NOTFOUND ? CTL_NOTFOUND : CTL_FAILED,
		    rc == E_NOTFOUND ? text : "the state store failed: the account was not forgotten",
		    "");
		return;
	}
	n = who_end_unfit(c->m);
	holds_forget(c->m, user); /* what was approved for the former owner is not the next one's */
	log_info("forgotten", "user", user, "source", c->id->source, "by", c->id->user, "ended",
	    log_num(n));
	put_user(c, user, n);
	snprintf(text, sizeof(text), "the account of %s is forgotten; %d connections ended", user, n);
	ctl_end(c, CTL_OK, text, "the next login of this name makes a new account");
}

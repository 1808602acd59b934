/* SPDX-License-Identifier: Apache-2.0
 *
 * Control verbs of the operator: revoke, reload.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/ctl.h"

/* --- revoke --- */

static bool is_serial(const struct ident *id, const char *v)
{
	return id->serial != 0 && strtoull(v, NULL, 10) == id->serial;
}

static bool is_user(const struct ident *id, const char *v)
{
	return strcmp(id->user, v) == 0;
}

static bool is_key(const struct ident *id, const char *v)
{
	return strcmp(id->key_fp, v) == 0;
}

static bool is_ca(const struct ident *id, const char *v)
{
	return strcmp(id->ca_fp, v) == 0;
}

static bool serial_ok(const char *v)
{
	return v[0] != '\0' && v[0] != '0' && strlen(v) < 20 &&
	       strspn(v, "0123456789") == strlen(v);
}

static bool user_ok(const char *v)
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
	bool (*hits)(const struct ident *id, const char *value);
} revocable[] = {
    {"serial", serial_ok, is_serial},
    {"user", user_ok, is_user},
    {"key", fingerprint_ok, is_key},
    {"ca", fingerprint_ok, is_ca},
};

static const struct revocable *revocable_find(const char *kind)
{
	for (size_t i = 0; i < sizeof(revocable) / sizeof(*revocable); i++)
		if (strcmp(revocable[i].kind, kind) == 0)
			return &revocable[i];
	return NULL;
}

static int end_live(struct ctl *c, const struct revocable *k, const char *value)
{
	int n = 0;

	for (struct peer *p = c->m->peers; p != NULL; p = p->next)
		if (p->state != PEER_PRE && k->hits(&p->id, value)) {
			peer_kick(p, "the certificate was revoked", "28000");
			n++;
		}
	return n;
}

void ctl_revoke(struct ctl *c, const struct mp_val *args)
{
	char kind[16], value[NAME_CAP], why[256], text[400];
	const struct revocable *k;
	struct item it;
	int n, rc;

	if (!ctl_arg_why(c, args, why, sizeof(why)))
		return;
	rc = ctl_arg(args, "kind", kind, sizeof(kind));
	if (rc == 0)
		rc = ctl_arg(args, "value", value, sizeof(value));
	k = rc == 0 ? revocable_find(kind) : NULL;
	if (k == NULL || !k->ok(value)) {
		ctl_end(c, CTL_USAGE,
		    "revoke: serial NUMBER, user NAME, key SHA256:... or ca SHA256:...", "");
		return;
	}
	rc = store_revoke(c->m->store, kind, value, c->id->user, why, clock_wall_s());
	if (rc != 0 && rc != E_EXISTS) {
		ctl_end(c, CTL_FAILED, "the state store failed: nothing was revoked", "");
		return;
	}
	n = end_live(c, k, value);
	log_info("revoked", "kind", kind, "value", value, "by", c->id->user, "why", why, "ended",
	    log_num(n));
	item_init(&it);
	item_str(&it, "kind", kind);
	item_str(&it, "value", value);
	item_int(&it, "ended", n);
	ctl_item(c, &it);
	snprintf(text, sizeof(text), "revoked %s %s; %d connections ended", kind, value, n);
	ctl_end(c, CTL_OK, text, "");
}

/* --- reload --- */

void ctl_reload(struct ctl *c, const struct mp_val *args)
{
	struct item it;
	struct buf errs;
	char text[64];

	(void)args;
	buf_init(&errs, 64 * 1024);
	if (monitor_reload(c->m, &errs) != 0) {
		ctl_end(c, CTL_FAILED, buf_cstr(&errs), "the running configuration stays");
	} else {
		item_init(&it);
		item_int(&it, "epoch", c->m->epoch->n);
		ctl_item(c, &it);
		snprintf(text, sizeof(text), "policy epoch %u", c->m->epoch->n);
		ctl_end(c, CTL_OK, text, "");
	}
	buf_clear(&errs);
}

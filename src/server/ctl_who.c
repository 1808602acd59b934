/* SPDX-License-Identifier: Apache-2.0
 *
 * Control verbs about the caller and the gateway: whoami, targets, status.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/ctl.h"
#include "wire/sshpk.h"

static const char *via_name(enum via v)
{
	static const char *const name[] = {[VIA_NOTHING] = "nothing",
	    [VIA_KEY] = "key",
	    [VIA_CERT] = "certificate",
	    [VIA_LOCAL] = "local",
	    [VIA_OPERATOR] = "local"};

	return name[v];
}

static const char *kind_name(const struct ident *id)
{
	if (id->via == VIA_OPERATOR)
		return "operator";
	return ident_kind_name(id->kind);
}

static void my_roles(const struct ctl *c, struct conf_list *out)
{
	const struct conf *conf = mon_conf(c->m);

	for (size_t i = 0; i < conf->n_roles; i++)
		if (ident_in_role(c->id, &conf->roles[i]))
			list_add(out, conf->roles[i].name);
}

void ctl_whoami(struct ctl *c, const struct mp_val *args)
{
	const struct ident *id = c->id;
	struct conf_list roles = {0};
	struct item it;

	(void)args;
	my_roles(c, &roles);
	item_init(&it);
	item_str(&it, "user", id->user);
	item_str(&it, "person", id->person);
	item_str(&it, "on_behalf_of", id->on_behalf_of);
	item_str(&it, "kind", kind_name(id));
	item_list(&it, "groups", &id->groups);
	item_list(&it, "roles", &roles);
	item_str(&it, "via", via_name(id->via));
	item_int(&it, "serial", (int64_t)id->serial);
	item_int(&it, "extended", (int64_t)id->extended);
	item_int(&it, "expires_s", id->expires_s);
	item_str(&it, "fingerprint", id->key_fp);
	item_str(&it, "source", id->source);
	item_str(&it, "gateway", mon_conf(c->m)->gateway.name);
	item_int(&it, "port", ctl_listen_port(mon_conf(c->m)));
	item_int(&it, "epoch", c->m->epoch->n);
	ctl_item(c, &it);
	list_clear(&roles);
	ctl_end(c, CTL_OK, "", "");
}

/* --- targets --- */

/* The mask that a session with default names would get. */
static const char *mask_of(const struct ctl *c, const struct conf_target *t)
{
	struct policy_view v;
	struct grant g;
	char state[6];

	if (grant_for(mon_conf(c->m), c->id, t->name, "", "", &g, NULL, state) != 0)
		return "full";
	view_for(c->m->epoch, c->id, &g, &v);
	return mask_mode_name((enum mask_mode)v.mask);
}

static void roles_on(const struct ctl *c, const struct conf_target *t, struct conf_list *out)
{
	const struct conf *conf = mon_conf(c->m);

	for (size_t i = 0; i < conf->n_roles; i++)
		if (ident_in_role(c->id, &conf->roles[i]) &&
		    conf_selects(&conf->roles[i].targets, t))
			list_add(out, conf->roles[i].name);
}

static void target_item(struct ctl *c, const struct conf_target *t)
{
	const struct conf *conf = mon_conf(c->m);
	const char *env = conf_target_label(t, "env");
	struct conf_list dbs = {0};
	struct conf_list logins = {0};
	struct conf_list roles = {0};
	struct item it;

	target_databases(conf, c->id, t, &dbs);
	target_logins(conf, c->id, t, &logins);
	roles_on(c, t, &roles);
	item_init(&it);
	item_str(&it, "name", t->name);
	item_str(&it, "type", t->type == TARGET_MYSQL ? "mysql" : "postgres");
	item_int(&it, "port", t->port);
	item_list(&it, "databases", &dbs);
	item_str(&it, "default_database", dbs.n > 0 ? dbs.v[0] : "");
	item_list(&it, "logins", &logins);
	item_str(&it, "default_login", logins.n > 0 ? logins.v[0] : "");
	item_list(&it, "roles", &roles);
	item_str(&it, "masked", mask_of(c, t));
	item_str(&it, "env", env != NULL ? env : "prod");
	ctl_item(c, &it);
	list_clear(&dbs);
	list_clear(&logins);
	list_clear(&roles);
}

void ctl_targets(struct ctl *c, const struct mp_val *args)
{
	const struct conf *conf = mon_conf(c->m);

	(void)args;
	for (size_t i = 0; i < conf->n_targets; i++)
		if (target_allowed(conf, c->id, &conf->targets[i]))
			target_item(c, &conf->targets[i]);
	ctl_end(c, CTL_OK, "", "");
}

/* --- status --- */

static int count_one(void *ctx, const struct store_request *r)
{
	(void)r;
	++*(int64_t *)ctx;
	return 0;
}

void ctl_status(struct ctl *c, const struct mp_val *args)
{
	struct monitor *m = c->m;
	const struct mon_ca *ca = mon_ca_active(m);
	struct store_request_filter open = {.open_only = true};
	char hex[65];
	int64_t requests = 0;
	struct item it;

	(void)args;
	if (store_request_list(m->store, &open, count_one, &requests) < 0)
		requests = -1;
	item_init(&it);
	item_str(&it, "gateway", mon_conf(m)->gateway.name);
	item_int(&it, "epoch", m->epoch->n);
	hex_encode(span_of(mon_conf(m)->hash, SHA256_LEN), hex);
	item_str(&it, "conf_hash", hex);
	item_int(&it, "pid", getpid());
	item_int(&it, "uptime_s", (clock_mono_us() - m->started_us) / 1000000);
	item_int(&it, "connections", (int64_t)monitor_n_peers(m));
	item_int(&it, "sessions", (int64_t)monitor_n_sessions(m));
	item_int(&it, "requests", requests);
	item_int(&it, "log_size", (int64_t)mon_log_size(m));
	mon_log_root(m, hex);
	item_str(&it, "log_root", hex);
	item_int(&it, "disk_free_bytes", mon_disk_free(m));
	item_bool(&it, "draining", m->draining);
	item_str(&it, "ca", ca != NULL ? ca->fp : "");
	item_str(&it, "ca_name", ca != NULL ? ca->name : "");
	hex_encode(span_of(m->log_pub, sizeof(m->log_pub)), hex);
	item_str(&it, "log_key", hex);
	ctl_item(c, &it);
	ctl_end(c, CTL_OK, "", "");
}

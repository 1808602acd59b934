/* SPDX-License-Identifier: Apache-2.0
 *
 * Control verbs about the caller and the gateway: whoami, targets, config, status.
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

/* --- config --- */

/* A word that can stand in an ssh_config without quoting. */
static bool plain_word(const char *s)
{
	return s[0] != '\0' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:@_-") ==
		   strlen(s) &&
	       s[0] != '-';
}

static int listen_port(const struct conf *conf)
{
	const char *colon =
	    conf->gateway.listen.n > 0 ? strrchr(conf->gateway.listen.v[0], ':') : NULL;
	long port = colon != NULL ? strtol(colon + 1, NULL, 10) : 22;

	return port > 0 && port < 65536 ? (int)port : 22;
}

static void put_forwards(struct buf *b, const struct ctl *c, const char *alias)
{
	const struct conf *conf = mon_conf(c->m);

	for (size_t i = 0; i < conf->n_targets; i++) {
		const struct conf_target *t = &conf->targets[i];

		if (!target_allowed(conf, c->id, t))
			continue;
		if (t->type == TARGET_POSTGRES) /* a socket in a directory of yours is open to
						   nobody else on the machine */
			buf_printf(b,
			    "# %s: mkdir -p -m 700 ~/.sallyport/%s && ssh -N -L "
			    "~/.sallyport/%s/.s.PGSQL.%d:%s:%d %s &\n"
			    "#   psql -h ~/.sallyport/%s -p %d\n",
			    t->name, t->name, t->name, t->port, t->name, t->port, alias, t->name,
			    t->port);
		buf_printf(b, "#   or a port: ssh -N -L %d:%s:%d %s &\n", t->port, t->name, t->port,
		    alias);
	}
}

static void put_config(struct buf *b, const struct ctl *c, const char *host, int port)
{
	const struct conf *conf = mon_conf(c->m);
	const char *alias = conf->gateway.name;
	/* root on the gateway is nobody there */
	const char *user = c->id->via == VIA_OPERATOR ? "YOUR-NAME" : c->id->user;

	buf_printf(b, "# %s: append to ~/.ssh/config (before any \"Host *\")\n", alias);
	/* Renewal: no certificate, or one older than its life less 15 minutes. No quote may stand in
	 * the command: ssh has no way to write one there. */
	buf_printf(b,
	    "Match originalhost %s exec \"find ~/.ssh/id_ed25519-cert.pub -mmin -%lld 2>/dev/null | "
	    "grep -q . || "
	    "{ ssh -F none -p %d -l %s -i ~/.ssh/id_ed25519 -o CertificateFile=none %s cert > "
	    "~/.ssh/id_ed25519-cert.pub.new "
	    "&& mv ~/.ssh/id_ed25519-cert.pub.new ~/.ssh/id_ed25519-cert.pub; }\"\n",
	    alias,
	    (long long)(conf->gateway.cert_ttl_s > 1800 ? conf->gateway.cert_ttl_s / 60 - 15 : 15),
	    port, user, host);
	buf_printf(b, "Host %s\n    HostName %s\n    Port %d\n    User %s\n", alias, host, port,
	    user);
	buf_put_str(b,
	    "    IdentityFile ~/.ssh/id_ed25519\n    CertificateFile ~/.ssh/id_ed25519-cert.pub\n"
	    "    IdentitiesOnly yes\n    ExitOnForwardFailure yes\n    ServerAliveInterval 30\n"
	    "    StreamLocalBindUnlink yes\n    ForwardAgent no\n");
	put_forwards(b, c, alias);
}

void ctl_config(struct ctl *c, const struct mp_val *args)
{
	const struct conf *conf = mon_conf(c->m);
	int64_t port = ctl_arg_int(args, "port", listen_port(conf));
	char host[256];
	struct buf text;
	struct item it;

	if (ctl_arg(args, "host", host, sizeof(host)) != 0 || port < 1 || port > 65535 ||
	    (host[0] != '\0' && !plain_word(host))) {
		ctl_end(c, CTL_USAGE, "config: not a host name or port", "");
		return;
	}
	if (host[0] == '\0')
		(void)str_copy(host, sizeof(host), conf->gateway.name);
	buf_init(&text, 64 * 1024);
	put_config(&text, c, host, (int)port);
	item_init(&it);
	item_span(&it, "text", buf_span(&text));
	ctl_item(c, &it);
	buf_clear(&text);
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb delegate: a person gives a key of an agent's own a certificate that says less than the person's. What
 * may be given is decided by roles (delegated_by); what the agent may do with it is asked again at every use
 * (mon_who.c, mon_target.c).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf_scalar.h"
#include "policy/address.h"
#include "server/ctl.h"
#include "wire/sshpk.h"

#define KEY_LINE_MAX (16u * 1024)
#define AGENT_NAME_MAX 64
#define TARGETS_MAX 64
#define TTL_MIN_S 60

struct delegation {
	struct ctl *ctl;
	struct issuing *issuing;
	char name[AGENT_NAME_MAX + 1], targets[512], source[256];
	struct ident agent; /* as it will be */
	struct buf key;
	enum sql_class max;
	int64_t ttl_s;
	struct buf notes; /* what was made less than asked */
};

static void delegation_free(struct ctl *c)
{
	struct delegation *d = c->job;

	c->job = NULL;
	c->job_free = NULL;
	mon_issue_cancel(d->issuing);
	ident_clear(&d->agent);
	buf_clear(&d->key);
	buf_clear(&d->notes);
	free(d);
}

/* --- whom --- */

static int check_name(struct delegation *d, struct why *w)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	struct ident *a = &d->agent;

	if (d->name[0] == '\0' || strspn(d->name, plain) != strlen(d->name))
		return why_set(w, E_FORMAT,
		    "the name of an agent is made of letters, digits, \".\", \"_\" and \"-\"");
	snprintf(a->user, sizeof(a->user), "agent:%s", d->name);
	return 0;
}

static bool is_key_of(const struct conf_user *u, struct span blob)
{
	struct buf b;
	bool same = false;

	buf_init(&b, SSHPK_BLOB_MAX);
	for (size_t i = 0; i < u->keys.n && !same; i++)
		same = sshpk_line_parse(span_str(u->keys.v[i]), &b, NULL, NULL) == 0 &&
		       span_eq(buf_span(&b), blob);
	buf_clear(&b);
	return same;
}

static int note_owner(void *ctx, const struct store_cert *c)
{
	if (c->on_behalf_of[0] != '\0')
		return 0;
	(void)str_copy(ctx, NAME_CAP, c->user);
	return 1;
}

/* A key that stands for somebody already would let that one act as the agent, and the agent as that one. */
static int check_owner(struct ctl *c, const struct delegation *d, struct why *w)
{
	const struct conf *conf = mon_conf(c->m);
	struct store_cert_filter f = {.fingerprint = d->agent.key_fp};
	char owner[NAME_CAP] = "";

	if (strcmp(d->agent.key_fp, c->id->key_fp) == 0) {
		why_set(w, E_DENIED, "this is your own key: an agent needs one of its own");
		why_hint(w, "where the agent runs: ssh-keygen -t ed25519 -f agent; here: < agent.pub");
		return E_DENIED;
	}
	for (size_t i = 0; i < conf->n_users && owner[0] == '\0'; i++)
		if (is_key_of(&conf->users[i], buf_span(&d->key)))
			(void)str_copy(owner, sizeof(owner), conf->users[i].name);
	if (owner[0] == '\0' && store_cert_list(c->m->store, &f, note_owner, owner) < 0)
		return why_set(w, E_INTERNAL, "the state store failed");
	if (owner[0] == '\0')
		return 0;
	why_set(w, E_DENIED, "this key is %s's: an agent needs one of its own", owner);
	why_hint(w, "where the agent runs: ssh-keygen -t ed25519 -f agent; here: < agent.pub");
	return E_DENIED;
}

static int check_key(struct ctl *c, struct delegation *d, struct span line, struct why *w)
{
	struct sshpk key;
	int rc;

	if (line.n == 0 || line.n > KEY_LINE_MAX) {
		why_set(w, E_FORMAT, "the agent's public key is expected on standard input, one line");
		why_hint(w, "ssh %s delegate --targets T < agent.pub", mon_conf(c->m)->gateway.name);
		return E_FORMAT;
	}
	rc = sshpk_line_parse(line, &d->key, NULL, w);
	if (rc == 0)
		rc = sshpk_parse(buf_span(&d->key), &key, w);
	if (rc == 0)
		rc = sshpk_check_strength(&key, w);
	if (rc != 0) {
		w->code = E_FORMAT;
		if (w->hint[0] == '\0')
			why_hint(w, "one line like in ~/.ssh/id_ed25519.pub: ssh-ed25519 AAAA... comment");
		return E_FORMAT;
	}
	sshpk_fingerprint(buf_span(&d->key), d->agent.key_fp);
	return check_owner(c, d, w);
}

/* --- what --- */

/* Groups of all roles that the caller may give away. */
static int check_roles(struct ctl *c, struct delegation *d, struct why *w)
{
	const struct conf *conf = mon_conf(c->m);
	struct ident *a = &d->agent;
	char mine[160];

	for (size_t i = 0; i < conf->n_roles; i++) {
		const struct conf_role *r = &conf->roles[i];

		if (!lists_meet(&r->delegated_by, &c->id->groups))
			continue;
		for (size_t g = 0; g < r->groups.n; g++)
			if (!conf_list_has(&a->groups, r->groups.v[g]))
				list_add(&a->groups, r->groups.v[g]);
	}
	for (size_t i = 0; i < c->id->groups.n; i++)
		list_add(&a->behind, c->id->groups.v[i]);
	if (a->groups.n > 0)
		return 0;
	why_set(w, E_DENIED, "no role may be given to an agent by your groups (%s)",
	    c->id->groups.n > 0 ? list_join(&c->id->groups, mine, sizeof(mine)) : "none");
	why_hint(w, "the operators allow it with roles: NAME: {delegated_by: [GROUP]}");
	return E_DENIED;
}

static int check_target(struct ctl *c, struct delegation *d, const char *name, struct why *w)
{
	const struct conf *conf = mon_conf(c->m);
	const struct conf_target *t = target_for(conf, c->id, name, w);

	if (t == NULL)
		return E_NOTFOUND;
	if (target_allowed(conf, &d->agent, t))
		return 0;
	why_set(w, E_DENIED, "no role that you may give to an agent opens %s", t->name);
	why_hint(w, "such a role must have a login and a database there that are yours, too: ssh %s targets",
	    conf->gateway.name);
	return E_DENIED;
}

/* ",a,b," into the identity once every one of them is good. */
static int check_targets(struct ctl *c, struct delegation *d, struct why *w)
{
	char list[sizeof(d->targets)], *next = list, *name, *save = NULL;
	char kept[sizeof(d->agent.targets)] = ",";
	size_t n = 0, at = 1;

	(void)str_copy(list, sizeof(list), d->targets);
	for (; (name = strtok_r(next, ",", &save)) != NULL; next = NULL) {
		int rc = check_target(c, d, name, w);

		if (rc != 0)
			return rc;
		if (++n > TARGETS_MAX)
			return why_set(w, E_FORMAT, "at most %d targets", TARGETS_MAX);
		at += (size_t)snprintf(kept + at, sizeof(kept) - at, "%s,", name);
		if (at >= sizeof(kept))
			return why_set(w, E_TOOBIG, "the list of targets is too long");
	}
	if (n == 0) {
		why_set(w, E_FORMAT, "which targets may the agent reach?");
		why_hint(w, "--targets T[,T]; yours: ssh %s targets", mon_conf(c->m)->gateway.name);
		return E_FORMAT;
	}
	(void)str_copy(d->agent.targets, sizeof(d->agent.targets), kept);
	at = strlen(kept);
	memcpy(d->targets, kept + 1, at - 2);
	d->targets[at - 2] = '\0';
	return 0;
}

/* The most severe class that id may ask for on one of the targets. */
static enum sql_class reach(struct ctl *c, const struct ident *id, const char *targets)
{
	const struct conf *conf = mon_conf(c->m);
	enum sql_class max = SQL_READ;

	for (size_t i = 0; i < conf->n_targets; i++) {
		const struct conf_target *t = &conf->targets[i];
		struct conf_list logins = {0};
		char want[NAME_CAP], state[6];

		snprintf(want, sizeof(want), ",%s,", t->name);
		if (strstr(targets, want) != NULL)
			target_logins(conf, id, t, &logins);
		for (size_t k = 0; k < logins.n; k++) {
			struct policy_view v;
			struct grant g;

			if (grant_for(conf, id, t->name, logins.v[k], "", &g, NULL, state) != 0)
				continue;
			view_for(c->m->epoch, id, &g, &v);
			if (class_beyond(v.max, max))
				max = v.max;
		}
		list_clear(&logins);
	}
	return max;
}

static int bad_class(const char *word, struct why *w)
{
	char safe[40];

	span_escape(span_str(word), safe, sizeof(safe));
	why_set(w, E_FORMAT, "there is no statement class \"%s\"", safe);
	why_hint(w, "read, session-local, write, bulk, opaque, schema, destructive, session-control, "
		    "privilege, audit-disable, escape");
	return E_FORMAT;
}

static int check_risk(struct ctl *c, struct delegation *d, const char *word, struct why *w)
{
	enum sql_class own = reach(c, c->id, d->agent.targets);
	enum sql_class given;
	enum sql_class asked = SQL_ESCAPE;

	if (word[0] != '\0' && (sql_class_parse(word, &asked) != 0 || asked == SQL_UNPARSABLE))
		return bad_class(word, w);
	if (word[0] != '\0' && class_beyond(asked, own)) {
		why_set(w, E_DENIED, "--max-risk %s is above your own on these targets", word);
		why_hint(w, "yours goes up to %s", sql_class_name(own));
		return E_DENIED;
	}
	d->agent.max = c->id->max;
	given = reach(c, &d->agent, d->agent.targets);
	d->max = class_beyond(asked, given) ? given : asked;
	if (word[0] != '\0' && d->max != asked)
		buf_printf(&d->notes, "max-risk is %s: the roles that you may give go no further\n",
		    sql_class_name(d->max));
	d->agent.max = d->max;
	return 0;
}

/* --- how long, from where --- */

static int check_ttl(struct ctl *c, struct delegation *d, const char *word, struct why *w)
{
	const struct conf *conf = mon_conf(c->m);
	int64_t most = issue_ttl(conf, NULL, KIND_AGENT, &d->agent.groups);
	int64_t left = c->id->expires_s != 0 ? c->id->expires_s - clock_wall_s() : INT64_MAX;
	int64_t ms = most * 1000;

	if (word[0] != '\0' && conf_duration_ms(word, &ms) != 0) {
		why_set(w, E_FORMAT, "--ttl is no duration");
		why_hint(w, "like 30m, 2h");
		return E_FORMAT;
	}
	d->ttl_s = ms / 1000;
	if (d->ttl_s > most && most <= left)
		buf_printf(&d->notes, "ttl is %lld min: certificates of these roles live no longer\n",
		    (long long)(most / 60));
	if (d->ttl_s > left && left < most)
		buf_printf(&d->notes, "ttl is %lld min: your own certificate ends then\n",
		    (long long)(left / 60));
	d->ttl_s = d->ttl_s > most ? most : d->ttl_s;
	d->ttl_s = d->ttl_s > left ? left : d->ttl_s;
	if (d->ttl_s >= TTL_MIN_S)
		return 0;
	why_set(w, E_DENIED, "a certificate for less than a minute is of no use");
	if (left < TTL_MIN_S)
		why_hint(w, "yours ends now, and an agent's never later: get a new one first");
	return E_DENIED;
}

static int check_source(struct ctl *c, struct delegation *d, struct why *w)
{
	const struct address any = {.v4 = true};

	if (d->source[0] == '\0')
		return str_copy(d->source, sizeof(d->source), c->id->source) == 0 ? 0 : E_TOOBIG;
	if (cidr_list_match(span_str(d->source), &any) >= 0)
		return 0;
	why_set(w, E_FORMAT, "--source is no list of addresses");
	why_hint(w, "like 10.0.3.7 or 10.0.3.0/24,2001:db8::/64");
	return E_FORMAT;
}

/* --- who --- */

static int check_caller(const struct ctl *c, struct why *w)
{
	const struct ident *id = c->id;

	if (id->kind != KIND_PERSON || id->service || id->on_behalf_of[0] != '\0')
		return why_set(w, E_DENIED, "%s is no person: only people delegate", id->user);
	if (id->via == VIA_CERT && id->own_ca && id->serial != 0)
		return 0;
	why_set(w, E_DENIED, "delegating needs a certificate that this gateway issued to you");
	why_hint(w, "ssh %s cert > ~/.ssh/id_ed25519-cert.pub", mon_conf(c->m)->gateway.name);
	return E_DENIED;
}

/* --- the end --- */

static void log_delegated(const struct delegation *d, const struct issued *x)
{
	const struct ident *by = d->ctl->id;

	log_info("delegated", "user", by->user, "agent", d->agent.user, "serial",
	    log_num((long long)x->serial), "parent", log_num((long long)d->agent.parent), "key",
	    x->fingerprint, "targets", d->targets, "max-risk", sql_class_name(d->max), "source",
	    by->source, "from", d->source, "before", log_num((long long)x->before_s));
}

static void issued(void *ctx, const struct issued *x, const struct why *failed)
{
	struct delegation *d = ctx;
	struct ctl *c = d->ctl;
	struct item it;

	d->issuing = NULL;
	if (x != NULL) {
		log_delegated(d, x);
		item_init(&it);
		item_cert(&it, x);
		item_str(&it, "on_behalf_of", c->id->user);
		item_str(&it, "targets", d->targets);
		item_str(&it, "max_risk", sql_class_name(d->max));
		item_str(&it, "source", d->source);
		item_span(&it, "notes", buf_span(&d->notes));
		ctl_item(c, &it);
	}
	if (x != NULL)
		ctl_end(c, CTL_OK, "", "");
	else
		ctl_fail(c, failed);
	delegation_free(c);
}

static void issue(struct delegation *d)
{
	struct ctl *c = d->ctl;
	const struct ident *id = c->id;
	struct issue_ask a = {.key = buf_span(&d->key),
	    .user = d->agent.user,
	    .person = id->person,
	    .kind = KIND_AGENT,
	    .groups = &d->agent.groups,
	    .ttl_s = d->ttl_s,
	    .source = d->source,
	    .addr = id->source,
	    .targets = d->targets,
	    .max_risk = sql_class_name(d->max),
	    .on_behalf_of = id->user,
	    .parent = d->agent.parent,
	    .forward = id->forward};
	struct issuing *x = mon_issue(c->m, &a, issued, d);

	if (x != NULL)
		d->issuing = x;
}

static int take_args(struct ctl *c, struct delegation *d, const struct mp_val *args, struct why *w)
{
	struct span line = mp_span(mp_get(args, "key"));
	char risk[32], ttl[32];
	int rc;

	if (ctl_arg(args, "name", d->name, sizeof(d->name)) != 0 ||
	    ctl_arg(args, "targets", d->targets, sizeof(d->targets)) != 0 ||
	    ctl_arg(args, "source", d->source, sizeof(d->source)) != 0 ||
	    ctl_arg(args, "max_risk", risk, sizeof(risk)) != 0 ||
	    ctl_arg(args, "ttl", ttl, sizeof(ttl)) != 0)
		return why_set(w, E_FORMAT, "an argument is too long or malformed");
	if (d->name[0] == '\0')
		(void)str_copy(d->name, sizeof(d->name), "agent");
	if ((rc = check_caller(c, w)) != 0 || (rc = check_name(d, w)) != 0 ||
	    (rc = check_roles(c, d, w)) != 0 || (rc = check_targets(c, d, w)) != 0 ||
	    (rc = check_risk(c, d, risk, w)) != 0 || (rc = check_ttl(c, d, ttl, w)) != 0 ||
	    (rc = check_source(c, d, w)) != 0)
		return rc;
	return check_key(c, d, line, w);
}

void ctl_delegate(struct ctl *c, const struct mp_val *args)
{
	struct delegation *d = xcalloc(1, sizeof(*d));
	struct why w = {0};
	struct ident *a = &d->agent;

	*d = (struct delegation){.ctl = c};
	ident_init(a);
	buf_init(&d->key, SSHPK_BLOB_MAX);
	buf_init(&d->notes, 1024);
	a->via = VIA_CERT;
	a->kind = KIND_AGENT;
	a->service = true;
	a->parent = c->id->extended != 0 ? c->id->extended : c->id->serial;
	(void)str_copy(a->on_behalf_of, sizeof(a->on_behalf_of), c->id->user);
	c->job = d;
	c->job_free = delegation_free;
	if (take_args(c, d, args, &w) == 0) {
		issue(d);
		return;
	}
	log_info("delegate-refused", "user", c->id->user, "for", ident_for(c->id), "agent", a->user,
	    "key", a->key_fp, "source", c->id->source, "why", w.text);
	ctl_fail(c, &w);
	delegation_free(c);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a connection around its certificate's expiry: warnings, the end, and how a renewed certificate prolongs it.
 * At the end a database session whose role says finish-transaction may end the transaction it is in; everything else of
 * the connection ends at once, and nothing new begins. What a session process is told here it is also held to: it
 * gets no further target, connection or command, and is killed when it overruns its time. Revocation, locks and `kill` do
 * not come through here and leave nobody any time.
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ident/issue.h"
#include "policy/address.h"
#include "policy/certcheck.h"
#include "server/mon.h"

#define EXPIRED       "your certificate has expired"
#define OVERDUE       "your certificate has expired, and the time for the open transaction is over"
#define OVERRUN_MS    2000 /* what a session has beyond its grace to end by itself */
#define LIFE_WARNED_S 120  /* certificates that live shorter expire without a word */

/* --- warnings --- */

/* 15 and 5 minutes before the end; sooner for short lives: at a quarter and at a twelfth of them, but a minute at least. */
static int level_of(int64_t life_s, int64_t left_s)
{
	int64_t first = life_s / 4 < 900 ? life_s / 4 : 900;
	int64_t second = life_s / 12 < 300 ? life_s / 12 : 300;

	if (life_s < LIFE_WARNED_S)
		return 0;
	if (left_s <= (second > 60 ? second : 60))
		return 2;
	return left_s <= (first > 60 ? first : 60) ? 1 : 0;
}

static const char *moment(int64_t s, char out[32])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		out[0] = '\0';
	return out;
}

static const char *span_of_time(int64_t s, char out[32])
{
	if (s >= 90)
		(void)snprintf(out, 32, "%lld min", (long long)((s + 30) / 60));
	else
		(void)snprintf(out, 32, "%lld s", (long long)s);
	return out;
}

static void tell(const struct msess *s, const char *text, const char *hint)
{
	struct buf *b = &s->peer->m->out;

	ipc_begin(b, IPC_NOTICE, 0);
	ipc_str(b, "sid", s->sid);
	ipc_str(b, "text", text);
	ipc_str(b, "hint", hint);
	chan_send(s->peer->ch, b, NULL, 0);
}

/* What to do about it, in one line. */
static void advice(const struct peer *p, bool ended, char *out, size_t cap)
{
	const char *gateway = mon_conf(p->m)->gateway.name;
	const char *then = ended ? "connect again" : "that extends this session by itself";

	if (p->id.on_behalf_of[0] != '\0')
		(void)snprintf(out, cap, "%.120s delegates anew: ssh %.64s delegate ...; %s", p->id.on_behalf_of, gateway, then);
	else if (p->id.own_ca)
		(void)snprintf(out, cap, "renew it: ssh %s cert > %s-cert.pub; %s", gateway, ident_key_file(&p->id), then);
	else
		(void)snprintf(out, cap, "get a new one from where you got this one, then connect again");
}

static void warn(struct msess *s, int64_t left_s)
{
	const struct peer *p = s->peer;
	char when[32], left[32], more[32], tail[96] = "", text[400], hint[300];

	if (s->grace_ms > 0)
		(void)snprintf(tail, sizeof(tail), ", an open transaction within %s", span_of_time(s->grace_ms / 1000, more));
	(void)snprintf(text, sizeof(text), "your certificate expires at %s, in %s: this session ends then%s",
	    moment(p->id.expires_s, when), span_of_time(left_s, left), tail);
	advice(p, false, hint, sizeof(hint));
	tell(s, text, hint);
	log_info("session-warned", "sid", s->sid, "user", p->id.user, "left_s", log_num(left_s));
}

static void peer_warn(struct peer *p, int64_t left_s)
{
	int level = level_of(p->id.expires_s - p->id.issued_s, left_s);

	for (struct msess *s = p->sessions; s != NULL; s = s->next) {
		if (s->warned >= level || s->backend_pid == 0)
			continue;
		s->warned = level;
		warn(s, left_s);
	}
}

/* --- the end --- */

static void put_expire(struct peer *p, const char *sid, int64_t grace_ms)
{
	struct buf *b = &p->m->out;
	char hint[300];

	advice(p, true, hint, sizeof(hint));
	ipc_begin(b, IPC_EXPIRE, 0);
	ipc_str(b, "sid", sid);
	ipc_int(b, "grace_ms", grace_ms);
	ipc_str(b, "reason", EXPIRED);
	ipc_str(b, "hint", hint);
	ipc_str(b, "sqlstate", "28000");
	chan_send(p->ch, b, NULL, 0);
}

static void session_expire(struct msess *s)
{
	if (s->grace_ms == 0) {
		put_expire(s->peer, s->sid, 0); /* says what to do; the other ends it */
		msess_kill(s, EXPIRED, "28000");
		return;
	}
	s->expire_us = clock_mono_us() + (s->grace_ms + OVERRUN_MS) * 1000;
	put_expire(s->peer, s->sid, s->grace_ms);
	log_info("session-expires", "sid", s->sid, "user", s->peer->id.user, "grace_ms", log_num(s->grace_ms));
}

static bool any_finishes(const struct peer *p)
{
	for (const struct msess *s = p->sessions; s != NULL; s = s->next)
		if (s->grace_ms > 0)
			return true;
	return false;
}

static void peer_expire(struct peer *p)
{
	static const struct why why = {E_EXPIRED, EXPIRED, "renew it and connect again"};

	if (!any_finishes(p)) {
		put_expire(p, "", 0);
		peer_kick(p, EXPIRED, "28000");
		return;
	}
	p->expired = true;
	log_info("connection-expired", "conn", p->conn, "user", p->id.user, "serial", log_num((long long)p->id.serial), "source",
	    p->addr);
	while (p->connects != NULL)
		connect_refuse(p->connects, &why, "28000");
	for (struct msess *s = p->sessions; s != NULL; s = s->next)
		session_expire(s);
	put_expire(p, "", 0); /* for everything that was not told apart */
	execs_expire(p);
}

/* What is left of an expired connection. */
static void peer_outlive(struct peer *p)
{
	int64_t now = clock_mono_us();

	if (p->sessions == NULL)
		peer_kick(p, EXPIRED, "28000");
	for (struct msess *s = p->sessions; s != NULL; s = s->next)
		if (s->expire_us != 0 && now >= s->expire_us)
			msess_kill(s, OVERDUE, "28000");
}

void expire_tick(struct monitor *m)
{
	int64_t now = clock_wall_s();

	for (struct peer *p = m->peers; p != NULL; p = p->next) {
		if (p->id.expires_s == 0 || p->kill_timer != NULL)
			continue;
		if (p->expired)
			peer_outlive(p);
		else if (now >= p->id.expires_s)
			peer_expire(p);
		else
			peer_warn(p, p->id.expires_s - now);
	}
}

bool expire_refuses(struct peer *p, const struct ipc_msg *m)
{
	struct why w = {0};
	char hint[300];

	if (!p->expired && (p->id.expires_s == 0 || clock_wall_s() < p->id.expires_s))
		return false;
	advice(p, true, hint, sizeof(hint));
	why_set(&w, E_EXPIRED, "%s", EXPIRED);
	why_hint(&w, "%s", hint);
	log_info("request-refused", "conn", p->conn, "user", p->id.user, "type", log_num(ipc_type_of(m)), "why", w.text);
	answer_fail(p, ipc_id(m), &w, "28000");
	return true;
}

/* --- longer life --- */

static bool within(const struct conf_list *a, const struct conf_list *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (!conf_list_has(b, a->v[i]))
			return false;
	return true;
}

/* ",a,b,": every member of a in b. */
static bool targets_within(const char *a, const char *b)
{
	for (const char *at = a; *at == ','; at += strcspn(at + 1, ",") + 1) {
		char name[NAME_CAP + 2];
		size_t n = strcspn(at + 1, ",");

		if (n == 0)
			break;
		if (snprintf(name, sizeof(name), ",%.*s,", (int)n, at + 1) >= (int)sizeof(name) || strstr(b, name) == NULL)
			return false;
	}
	return true;
}

static bool same_restrictions(const struct ident *a, const struct ident *b)
{
	return a->max == b->max && strcmp(a->on_behalf_of, b->on_behalf_of) == 0 && a->parent == b->parent &&
	       (a->targets[0] == '\0') == (b->targets[0] == '\0') && targets_within(a->targets, b->targets) &&
	       targets_within(b->targets, a->targets);
}

/* Would the newer identity be the same authority for a longer time? */
static bool prolongs(const struct ident *n, const struct peer *p)
{
	const struct ident *id = &p->id;

	return p->state == PEER_FULL && id->via == VIA_CERT && !p->expired && p->kill_timer == NULL && id->own_ca && n->own_ca &&
	       id->expires_s != 0 && n->expires_s > id->expires_s && id->kind == n->kind && strcmp(id->user, n->user) == 0 &&
	       strcmp(id->key_fp, n->key_fp) == 0 && within(&id->claimed, &n->claimed) &&
	       within(&n->claimed, &id->claimed) && same_restrictions(id, n);
}

static void peer_prolong(struct peer *p, const struct ident *n)
{
	char when[32], text[200];

	p->id.expires_s = n->expires_s;
	p->id.issued_s = n->issued_s;
	p->id.extended = n->serial;
	/* Across a rotation the newer certificate's authority is the one that stands for the connection: retiring the old one
	 * does not end what the new one has renewed, for the same key. */
	(void)str_copy(p->id.ca_fp, sizeof(p->id.ca_fp), n->ca_fp);
	log_info("session-extended", "conn", p->conn, "user", p->id.user, "for", ident_for(&p->id), "serial",
	    log_num((long long)p->id.serial), "by", log_num((long long)n->serial), "key", p->id.key_fp, "source", p->addr,
	    "until", moment(n->expires_s, when));
	(void)snprintf(text, sizeof(text), "extended until %s by certificate %llu", moment(n->expires_s, when),
	    (unsigned long long)n->serial);
	for (struct msess *s = p->sessions; s != NULL; s = s->next) {
		if (s->warned > 0)
			tell(s, text, "");
		s->warned = 0;
	}
}

/* sources: where the newer certificate may be used from; NULL = from n->source only. */
static bool reaches(const char *sources, const struct ident *n, const struct peer *p)
{
	struct address a;

	if (sources == NULL)
		return strcmp(n->source, p->addr) == 0;
	return sources[0] == '\0' ||
	       (address_parse(span_str(p->addr), &a) == 0 && cidr_list_match(span_str(sources), &a) == 1);
}

static void prolong_all(struct monitor *m, const struct ident *n, const char *sources, const struct peer *but)
{
	for (struct peer *p = m->peers; p != NULL; p = p->next)
		if (p != but && prolongs(n, p) && reaches(sources, n, p))
			peer_prolong(p, n);
}

void mon_extend_by(struct peer *by)
{
	if (by->state == PEER_FULL && by->id.via == VIA_CERT)
		prolong_all(by->m, &by->id, NULL, by);
}

static int fill(struct ident *n, const struct issue_ask *a, const struct issued *x, const struct sshcert *c,
    const struct cert_identity *ci)
{
	struct buf targets;
	int rc;

	n->via = VIA_CERT;
	n->own_ca = true;
	n->kind = a->kind;
	n->max = ci->max_risk;
	n->serial = x->serial;
	n->parent = ci->parent;
	n->expires_s = x->before_s;
	n->issued_s = x->after_s + ISSUE_BACKDATE_S;
	sshpk_fingerprint(c->ca, n->ca_fp);
	for (size_t i = 0; i < ci->groups.n; i++)
		list_add(&n->claimed, ci->groups.v[i]);
	buf_init(&targets, sizeof(n->targets));
	for (size_t i = 0; i < ci->targets.n; i++)
		buf_printf(&targets, ",%s", ci->targets.v[i]);
	if (ci->has_targets)
		buf_put_str(&targets, ",");
	rc = buf_err(&targets);
	if (rc == 0)
		rc = str_copy(n->targets, sizeof(n->targets), buf_cstr(&targets));
	buf_clear(&targets);
	if (rc == 0)
		rc = str_copy(n->user, sizeof(n->user), x->user);
	if (rc == 0)
		rc = str_copy(n->key_fp, sizeof(n->key_fp), x->fingerprint);
	return rc == 0 ? str_copy(n->on_behalf_of, sizeof(n->on_behalf_of), ci->on_behalf_of) : rc;
}

/* What the certificate says counts, not what was asked for. */
void mon_extend(struct monitor *m, const struct issue_ask *a, const struct issued *x)
{
	struct cert_identity ci;
	struct sshcert c;
	struct ident n;
	struct why w = {0};
	int rc = sshcert_parse(x->blob, &c, &w);

	if (rc == 0)
		rc = certcheck_body(&c, mon_conf(m)->gateway.name, true, false, &ci, &w);
	if (rc != 0) {
		log_warn("not-extended", "user", x->user, "serial", log_num((long long)x->serial), "why", w.text);
		return;
	}
	ident_init(&n);
	if (fill(&n, a, x, &c, &ci) == 0)
		prolong_all(m, &n, ci.source_address, NULL);
	ident_clear(&n);
	cert_identity_clear(&ci);
}

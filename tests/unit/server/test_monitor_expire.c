/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection around the expiry of its certificate: what it is told, how it ends, what prolongs it and what does not.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ident/issue.h"
#include "monrig.h"

#define HERE "198.51.100.7"
#define HOUR 3600
#define MIN  60
#define LIFE (8 * HOUR)

static struct rig r;
static struct client c;

static void shift_s(int64_t s)
{
	clock_test_shift_us(s * 1000000);
}

/* A database session, as far as the monitor is concerned. */
static void session_open(struct client *x)
{
	struct buf *b;

	cr_assert_eq(client_connect(x, "orders-prod", "app_ro", "orders"), 0);
	b = client_msg(x, IPC_BACKEND);
	ipc_str(b, "sid", x->sid);
	ipc_int(b, "pid", 1);
	ipc_int(b, "key", 1);
	cr_assert_eq(client_call(x), IPC_OK);
}

static void up(void)
{
	rig_up(&r);
	client_open(&r, &c, HERE);
	client_login(&c, ALICE);
	session_open(&c);
}

/* The same under a role that lets transactions finish. */
static void up_patient(const char *grace)
{
	static const char was[] = "databases: [orders]}";
	char text[16384];
	const char *at;
	FILE *f;
	size_t n;

	rig_init(&r);
	rig_conf(&r, NULL);
	f = fopen(r.conf_path, "r");
	n = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	text[n] = '\0';
	at = strstr(text, was);
	cr_assert_not_null(at);
	f = fopen(r.conf_path, "w");
	fprintf(f, "%.*sdatabases: [orders], session: {on_expiry: finish-transaction, grace: %s}}%s", (int)(at - text), text, grace,
	    at + strlen(was));
	(void)fclose(f);
	rig_start(&r);
	client_open(&r, &c, HERE);
	client_login(&c, ALICE);
	session_open(&c);
}

static void down(void)
{
	client_close(&c);
	rig_down(&r);
}

TestSuite(warnings, .init = up, .fini = down, .timeout = 60);
TestSuite(end, .fini = down, .timeout = 60);
TestSuite(extend, .init = up, .fini = down, .timeout = 60);

static void expect_notice(struct client *x, const char *text, const char *hint)
{
	cr_assert_eq(client_next(x, 3000), IPC_NOTICE);
	cr_assert_str_eq(client_str(x, "sid"), x->sid);
	cr_assert_not_null(strstr(client_str(x, "text"), text), "%s", client_str(x, "text"));
	cr_assert_not_null(strstr(client_str(x, "hint"), hint), "%s", client_str(x, "hint"));
}

/* --- warnings --- */

Test(warnings, fifteen_and_five_minutes_before_once_each)
{
	shift_s(LIFE - 16 * MIN);
	cr_assert_eq(client_next(&c, 1300), -1);
	shift_s(LIFE - 15 * MIN);
	expect_notice(&c, "your certificate expires at 20", "renew it: ssh gw-test cert > ~/.ssh/id_ed25519-cert.pub");
	cr_assert_not_null(strstr(client_str(&c, "text"), " UTC, in 15 min: this session ends then"), "%s", client_str(&c, "text"));
	cr_assert_not_null(strstr(client_str(&c, "hint"), "extends this session by itself"));
	cr_assert_eq(client_next(&c, 1300), -1);
	shift_s(LIFE - 5 * MIN);
	expect_notice(&c, "in 5 min", "renew it");
	cr_assert_eq(client_next(&c, 1300), -1);
	shift_s(LIFE - 1);
	cr_assert_eq(client_next(&c, 500), -1);
}

Test(warnings, a_session_that_begins_late_hears_it_too)
{
	shift_s(LIFE - 10 * MIN);
	expect_notice(&c, "in 10 min", "");
	session_open(&c);
	expect_notice(&c, "in 10 min", "");
	cr_assert_eq(client_next(&c, 1300), -1);
}

/* issued, left: seconds; the life is their sum */
static void lives(int64_t issued_ago, int64_t left)
{
	c.peer->id.issued_s = clock_wall_s() - issued_ago;
	c.peer->id.expires_s = clock_wall_s() + left;
	c.peer->sessions->warned = 0;
}

Test(warnings, short_lives)
{
	lives(40, 70); /* 110 s: nothing */
	cr_assert_eq(client_next(&c, 1200), -1);
	lives(45 * MIN - 14 * MIN, 14 * MIN); /* a quarter of 45 minutes is 11:15 */
	cr_assert_eq(client_next(&c, 1200), -1);
	lives(45 * MIN - 11 * MIN, 11 * MIN);
	expect_notice(&c, "in 11 min", "");
	c.peer->id.expires_s = clock_wall_s() + 4 * MIN; /* not yet a twelfth */
	cr_assert_eq(client_next(&c, 1200), -1);
	lives(100, 60 + 20); /* 3 minutes: one word, a minute before */
	cr_assert_eq(client_next(&c, 1200), -1);
	lives(120, 59);
	expect_notice(&c, " s: this session ends", "");
	cr_assert_eq(client_next(&c, 1200), -1);
}

/* --- the end --- */

static int ask_target(void)
{
	struct buf *b = client_msg(&c, IPC_TARGET);

	ipc_str(b, "name", "orders-prod");
	ipc_int(b, "port", 5432);
	return client_call(&c);
}

static int ask_exec(void)
{
	struct buf *b = client_msg(&c, IPC_EXEC);

	ipc_bin(b, "line", span_str("whoami"));
	ipc_bool(b, "pty", false);
	return client_call(&c);
}

static void session_end(void)
{
	uint8_t hash[SHA256_LEN] = {0};
	struct buf *b = client_msg(&c, IPC_SESSION_END);

	ipc_str(b, "sid", c.sid);
	ipc_str(b, "reason", "identity expired");
	ipc_int(b, "seq", 0);
	ipc_int(b, "bytes", 0);
	ipc_bin(b, "hash", span_of(hash, sizeof(hash)));
	ipc_int(b, "statements", 0);
	ipc_int(b, "rows", 0);
	ipc_bool(b, "busy", false);
	cr_assert_eq(client_call(&c), IPC_OK);
}

static void expect_refused(int t)
{
	cr_assert_eq(t, IPC_FAIL);
	cr_assert_str_eq(client_str(&c, "sqlstate"), "28000");
	cr_assert_str_eq(client_str(&c, "text"), "your certificate has expired");
	cr_assert_not_null(strstr(client_str(&c, "hint"), "connect again"));
}

Test(end, cancel_is_the_rule)
{
	up();
	shift_s(LIFE + 1);
	cr_assert_eq(client_next(&c, 3000), IPC_EXPIRE);
	cr_assert_str_eq(client_str(&c, "sid"), "");
	cr_assert_eq(client_int(&c, "grace_ms"), 0);
	cr_assert_not_null(strstr(client_str(&c, "hint"), "renew it: ssh gw-test cert"));
	cr_assert_eq(client_next(&c, 3000), IPC_KILL);
	cr_assert_str_eq(client_str(&c, "sid"), "");
	cr_assert_str_eq(client_str(&c, "sqlstate"), "28000");
	cr_assert(client_killed(&c));
}

Test(end, nothing_begins_in_the_second_before_the_end_is_seen)
{
	up();
	shift_s(LIFE + 1);
	expect_refused(ask_target());
}

Test(end, a_transaction_may_finish_and_nothing_else_begins)
{
	char sid[REC_SID_LEN + 1];

	up_patient("3s");
	memcpy(sid, c.sid, sizeof(sid));
	shift_s(LIFE + 1);
	cr_assert_eq(client_next(&c, 3000), IPC_EXPIRE);
	cr_assert_str_eq(client_str(&c, "sid"), sid);
	cr_assert_eq(client_int(&c, "grace_ms"), 3000);
	cr_assert_str_eq(client_str(&c, "reason"), "your certificate has expired");
	cr_assert_str_eq(client_str(&c, "sqlstate"), "28000");
	cr_assert_eq(client_next(&c, 3000), IPC_EXPIRE);
	cr_assert_str_eq(client_str(&c, "sid"), "", "and everything else of the connection");
	cr_assert_eq(client_int(&c, "grace_ms"), 0);
	expect_refused(ask_target());
	expect_refused(client_connect(&c, "orders-prod", "app_ro", "orders"));
	expect_refused(ask_exec());
	cr_assert_eq(client_next(&c, 1500), -1, "it has its time");
	memcpy(c.sid, sid, sizeof(sid));
	session_end();
	cr_assert_eq(client_next(&c, 3000), IPC_KILL, "the last session is over: so is the connection");
	cr_assert_str_eq(client_str(&c, "sid"), "");
	cr_assert(client_killed(&c));
}

Test(end, commands_end_while_a_transaction_finishes)
{
	char path[96];
	FILE *f;
	int t;

	up_patient("15m");
	snprintf(path, sizeof(path), "%s/cli", r.dir);
	f = fopen(path, "w");
	fputs("#!/bin/sh\nexec sleep 60\n", f);
	(void)fclose(f);
	cr_assert_eq(chmod(path, 0755), 0);
	cr_assert_eq(ask_exec(), IPC_OK);
	shift_s(LIFE + 1);
	while ((t = client_next(&c, 4000)) == IPC_EXPIRE)
		;
	cr_assert_eq(t, IPC_EXEC_EXIT, "%d", t);
	cr_assert_eq(client_next(&c, 500), -1, "the session is left its time");
}

Test(end, the_warning_says_that_a_transaction_may_finish)
{
	up_patient("5m");
	shift_s(LIFE - 15 * MIN);
	expect_notice(&c, "this session ends then, an open transaction within 5 min", "");
}

Test(end, who_takes_more_time_is_killed)
{
	int64_t began;

	up_patient("1s");
	shift_s(LIFE + 1);
	cr_assert_eq(client_next(&c, 3000), IPC_EXPIRE);
	began = clock_mono_us();
	cr_assert_eq(client_next(&c, 3000), IPC_EXPIRE);
	cr_assert_eq(client_next(&c, 10000), IPC_KILL);
	cr_assert_str_eq(client_str(&c, "sid"), c.sid);
	cr_assert(client_killed(&c));
	cr_assert_lt(clock_mono_us() - began, 8000000);
}

Test(end, revocation_gives_no_time)
{
	struct verbcall v;

	up_patient("15m");
	cr_assert_eq(verb_run(&r, NULL, &v, "revoke", "kind", "user", "value", "alice", NULL), 0, "%s", verb_text(&v));
	verb_clear(&v);
	cr_assert_eq(client_next(&c, 3000), IPC_KILL);
	cr_assert_str_eq(client_str(&c, "sid"), "");
	cr_assert(client_killed(&c));
}

Test(end, neither_while_a_transaction_finishes)
{
	struct verbcall v;

	up_patient("15m");
	shift_s(LIFE + 1);
	cr_assert_eq(client_next(&c, 3000), IPC_EXPIRE);
	cr_assert_eq(client_next(&c, 3000), IPC_EXPIRE);
	cr_assert_eq(verb_run(&r, NULL, &v, "revoke", "kind", "user", "value", "alice", NULL), 0, "%s", verb_text(&v));
	verb_clear(&v);
	cr_assert_eq(client_next(&c, 3000), IPC_KILL);
	cr_assert(client_killed(&c));
}

/* --- longer life --- */

/* Certificates end on whole seconds: the next one is later. */
static void next_second(void)
{
	int64_t s = clock_wall_s();

	while (clock_wall_s() == s)
		rig_spin(&r, 20);
}

Test(extend, every_new_certificate_of_the_same_key)
{
	int64_t was = c.peer->id.expires_s;
	uint64_t serial = c.peer->id.serial;
	struct verbcall v;
	struct buf cert;

	next_second();
	rig_cert(&r, BOB, HERE, &cert);
	buf_clear(&cert);
	cr_assert_eq(c.peer->id.expires_s, was, "somebody else's");
	cr_assert_eq(c.peer->id.extended, 0);
	rig_cert(&r, ALICE, HERE, &cert);
	buf_clear(&cert);
	cr_assert_gt(c.peer->id.expires_s, was);
	cr_assert_gt(c.peer->id.extended, serial);
	cr_assert_eq(c.peer->id.serial, serial);
	cr_assert_eq(client_next(&c, 100), -1, "no word: it was not warned");
	cr_assert_eq(verb_run(&r, &c, &v, "whoami", NULL), 0);
	cr_assert_eq(strtoll(verb_str(&v, 0, "expires_s"), NULL, 10), c.peer->id.expires_s);
	cr_assert_eq(strtoull(verb_str(&v, 0, "extended"), NULL, 10), c.peer->id.extended);
	verb_clear(&v);
}

Test(extend, revoking_either_ends_it)
{
	char serial[24];
	struct verbcall v;
	struct buf cert;

	next_second();
	rig_cert(&r, ALICE, HERE, &cert);
	buf_clear(&cert);
	cr_assert_gt(c.peer->id.extended, 0);
	snprintf(serial, sizeof(serial), "%llu", (unsigned long long)c.peer->id.extended);
	cr_assert_eq(verb_run(&r, NULL, &v, "revoke", "kind", "serial", "value", serial, NULL), 0, "%s", verb_text(&v));
	verb_clear(&v);
	cr_assert_eq(client_next(&c, 3000), IPC_KILL);
	cr_assert(client_killed(&c));
}

Test(extend, a_login_with_a_newer_certificate)
{
	struct buf older, newer;
	struct client old, new, far;
	int64_t was;

	rig_cert(&r, BOB, HERE, &older);
	next_second();
	rig_cert(&r, BOB, HERE, &newer);
	client_open(&r, &old, HERE);
	cr_assert_eq(client_auth_cert(&old, "bob", buf_span(&older)), IPC_OK);
	cr_assert_eq(client_done(&old, false), IPC_OK);
	client_open(&r, &far, HERE);
	cr_assert_eq(client_auth_cert(&far, "bob", buf_span(&older)), IPC_OK);
	cr_assert_eq(client_done(&far, false), IPC_OK);
	(void)str_copy(far.peer->addr, sizeof(far.peer->addr), "198.51.100.8");
	was = old.peer->id.expires_s;
	client_open(&r, &new, HERE);
	cr_assert_eq(client_auth_cert(&new, "bob", buf_span(&newer)), IPC_OK);
	cr_assert_eq(old.peer->id.expires_s, was, "not before the login is complete");
	cr_assert_eq(client_done(&new, false), IPC_OK);
	cr_assert_gt(old.peer->id.expires_s, was);
	cr_assert_eq(old.peer->id.extended, new.peer->id.serial);
	cr_assert_eq(new.peer->id.extended, 0);
	cr_assert_eq(far.peer->id.expires_s, was, "another address: the newer one may not be valid there");
	client_close(&old);
	client_close(&new);
	client_close(&far);
	buf_clear(&older);
	buf_clear(&newer);
}

/* What the next certificate is like; zero: like Alice's. */
struct like {
	const char *user, *group, *targets, *max_risk, *on_behalf_of, *source;
	enum ident_kind kind;
	enum rig_user key;
	bool other_ca;
	uint64_t parent;
	int64_t ttl_s;
};

static uint64_t last_serial = 900;

/* Tell the monitor of a certificate as its issuer does. */
static void issued(const struct like *l)
{
	char *principals[1] = {(char *)(uintptr_t)(l->user != NULL ? l->user : "alice")};
	char *groups[1] = {(char *)(uintptr_t)(l->group != NULL ? l->group : "dev")};
	const struct mon_ca *ca = mon_ca_active(r.m);
	struct issue_request q = {.user_key = buf_span(&r.blob[l->key]), .principals = principals, .n_principals = 1,
	    .serial = ++last_serial, .now_s = clock_wall_s(), .ttl_s = l->ttl_s != 0 ? l->ttl_s : LIFE + HOUR, .gateway = "gw-test",
	    .source_address = l->source != NULL ? l->source : HERE, .targets = l->targets, .max_risk = l->max_risk,
	    .on_behalf_of = l->on_behalf_of, .forward = true, .pty = true, .groups = groups, .n_groups = 1, .issuer = "local",
	    .login_id = "x", .person = "alice", .kind = ident_kind_name(l->kind), .parent = l->parent};
	struct issue_ask a = {.user = principals[0], .kind = l->kind, .key = q.user_key};
	struct issued x = {.serial = q.serial, .after_s = q.now_s - ISSUE_BACKDATE_S, .before_s = q.now_s + q.ttl_s, .user = principals[0]};
	char fp[FP_CAP];
	struct buf body, cert;
	struct why w = {0};

	buf_init(&body, SSHCERT_MAX);
	buf_init(&cert, SSHCERT_MAX);
	q.ca = l->other_ca ? buf_span(&r.blob[EVE]) : buf_span(&ca->blob);
	cr_assert_eq(issue_body(&q, &body, &w), 0, "%s", w.text);
	sshcert_put(&cert, buf_span(&body), span_str("signed")); /* whoever issues has verified it */
	sshpk_fingerprint(q.user_key, fp);
	x.fingerprint = fp;
	x.blob = buf_span(&cert);
	mon_extend(r.m, &a, &x);
	buf_clear(&body);
	buf_clear(&cert);
}

Test(extend, a_warned_session_hears_it_and_is_warned_again)
{
	struct like l = {.ttl_s = 2 * HOUR};

	shift_s(LIFE - 15 * MIN);
	expect_notice(&c, "in 15 min", "");
	issued(&l);
	expect_notice(&c, "extended until 20", "");
	cr_assert_not_null(strstr(client_str(&c, "text"), "by certificate 901"));
	cr_assert_eq(client_next(&c, 1300), -1);
	shift_s(LIFE + HOUR);
	cr_assert_eq(client_next(&c, 1300), -1, "past the first expiry");
	shift_s(LIFE - 15 * MIN + 2 * HOUR - 14 * MIN);
	expect_notice(&c, "in 14 min", "");
}

Test(extend, nothing_but_the_same)
{
	static const struct {
		const char *what;
		struct like l;
		bool extends;
	} rows[] = {
	    {"the same", {0}, true},
	    {"an earlier end", {.ttl_s = HOUR}, false},
	    {"another user", {.user = "bob"}, false},
	    {"another key", {.key = BOB}, false},
	    {"other groups", {.group = "dba"}, false},
	    {"restricted to targets", {.targets = "orders-prod"}, false},
	    {"capped", {.max_risk = "read"}, false},
	    {"another authority of ours: a rotation", {.other_ca = true}, true},
	    {"another kind", {.kind = KIND_SERVICE}, false},
	    {"not valid here", {.source = "203.0.113.0/24"}, false},
	    {"valid here, too", {.source = "203.0.113.0/24,198.51.100.0/24"}, true},
	    {"delegated", {.parent = 7, .kind = KIND_AGENT, .user = "agent:etl", .on_behalf_of = "alice", .max_risk = "read"}, false},
	};
	int64_t was = c.peer->id.expires_s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		c.peer->id.expires_s = was;
		issued(&rows[i].l);
		cr_assert_eq(c.peer->id.expires_s > was, rows[i].extends, "%s", rows[i].what);
	}
}

Test(extend, restrictions_that_stay)
{
	struct like narrow = {.targets = "orders-prod,payroll", .max_risk = "read"}, order = {.targets = "payroll,orders-prod", .max_risk = "read"};
	struct like fewer = {.targets = "payroll", .max_risk = "read"}, more = {.targets = "orders-prod,payroll,x", .max_risk = "read"};
	int64_t was = c.peer->id.expires_s;

	(void)str_copy(c.peer->id.targets, sizeof(c.peer->id.targets), ",orders-prod,payroll,");
	issued(&narrow);
	cr_assert_eq(c.peer->id.expires_s, was, "the cap is another");
	c.peer->id.max = SQL_READ;
	issued(&fewer);
	issued(&more);
	cr_assert_eq(c.peer->id.expires_s, was);
	issued(&order);
	cr_assert_gt(c.peer->id.expires_s, was);
	c.peer->id.expires_s = was;
	issued(&narrow);
	cr_assert_gt(c.peer->id.expires_s, was);
}

Test(extend, an_agent_by_the_same_delegation)
{
	struct like l = {.parent = 8, .kind = KIND_AGENT, .user = "agent:etl", .on_behalf_of = "alice", .max_risk = "read"};
	struct ident *id = &c.peer->id;

	(void)str_copy(id->user, sizeof(id->user), "agent:etl");
	(void)str_copy(id->on_behalf_of, sizeof(id->on_behalf_of), "alice");
	id->kind = KIND_AGENT;
	id->max = SQL_READ;
	id->parent = 7;
	issued(&l);
	cr_assert_eq(id->extended, 0, "its end is the person's certificate's: that is another one");
	l.parent = 7;
	l.on_behalf_of = "bob";
	issued(&l);
	cr_assert_eq(id->extended, 0);
	l.on_behalf_of = "alice";
	issued(&l);
	cr_assert_eq(id->extended, last_serial);
}

Test(extend, groups_changed_in_the_configuration)
{
	int64_t was = c.peer->id.expires_s;
	char text[16384], *at;
	struct verbcall v;
	struct buf cert;
	FILE *f = fopen(r.conf_path, "r");
	size_t n = fread(text, 1, sizeof(text) - 1, f);

	(void)fclose(f);
	text[n] = '\0';
	at = strstr(text, "groups: [dev]");
	cr_assert_not_null(at);
	f = fopen(r.conf_path, "w");
	fprintf(f, "%.*sgroups: [dev, dba]%s", (int)(at - text), text, at + strlen("groups: [dev]"));
	(void)fclose(f);
	cr_assert_eq(verb_run(&r, NULL, &v, "reload", NULL), 0, "%s", verb_text(&v));
	verb_clear(&v);
	next_second();
	rig_cert(&r, ALICE, HERE, &cert);
	buf_clear(&cert);
	cr_assert_eq(c.peer->id.expires_s, was);
}

Test(extend, what_has_expired_stays_so)
{
	struct like l = {.ttl_s = 2 * LIFE};

	c.peer->expired = true;
	issued(&l);
	cr_assert_eq(c.peer->id.extended, 0);
}

/* A certificate from elsewhere lives as long as it says. */
Test(extend, not_what_another_authority_gave)
{
	struct like l = {0};

	c.peer->id.own_ca = false;
	issued(&l);
	cr_assert_eq(c.peer->id.extended, 0);
	c.peer->id.own_ca = true;
	c.peer->id.via = VIA_KEY;
	issued(&l);
	cr_assert_eq(c.peer->id.extended, 0);
}

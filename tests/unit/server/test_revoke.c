/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking trust away: revoke, lock, unlock, forget and what they do to whoever is connected, in
 * every state of a login and by every thread that ties a connection to what was taken; certs,
 * revoked, krl.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "keygen.h"
#include "monrig.h"

#define HERE    "198.51.100.7"
#define OTHER   "SHA256:0000000000000000000000000000000000000000000"
#define ACCOUNT "mallory@example.com"

static struct rig r;
static struct client c;
static struct buf cert; /* alice's */
static struct verbcall v;

static void up(void)
{
	rig_up(&r);
	rig_cert(&r, ALICE, HERE, &cert);
	client_open(&r, &c, HERE);
}

static void down(void)
{
	client_close(&c);
	buf_clear(&cert);
	rig_down(&r);
}

TestSuite(revoke, .init = up, .fini = down, .timeout = 60);

static void login(void)
{
	cr_assert_eq(client_auth_cert(&c, "alice", buf_span(&cert)), IPC_OK);
	cr_assert_eq(client_done(&c, false), IPC_OK);
}

/* The operator's verb; its exit status. Clears what the last one left. */
static int op(const char *verb, const char *k1, const char *v1, const char *k2, const char *v2)
{
	verb_clear(&v);
	if (k2 != NULL)
		return verb_run(&r, NULL, &v, verb, k1, v1, k2, v2, NULL);
	return k1 != NULL ? verb_run(&r, NULL, &v, verb, k1, v1, NULL)
			  : verb_run(&r, NULL, &v, verb, NULL);
}

static int revoke_it(const char *kind, const char *value)
{
	return op("revoke", "kind", kind, "value", value);
}

static void killed(const char *because)
{
	cr_assert_eq(client_next(&c, 2000), IPC_KILL, "%s", because);
	cr_assert(client_killed(&c), "%s", because);
}

static const char *number(uint64_t n)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return text;
}

static struct store_cert a_row(uint64_t serial)
{
	int64_t now = clock_wall_s();

	return (struct store_cert){.serial = serial,
	    .user = "dave",
	    .key_id = "user=dave login=row",
	    .fingerprint = OTHER,
	    .source = HERE,
	    .issued_s = now,
	    .valid_after_s = now - 60,
	    .valid_before_s = now + 3600};
}

static void add_row(struct store_cert row)
{
	cr_assert_eq(store_cert_add(r.m->store, &row), 0);
}

/* --- lock --- */

Test(revoke, a_locked_user_is_out_until_unlocked)
{
	struct client later;

	login();
	client_open(&r, &later, HERE);
	cr_assert_eq(
	    op("lock", "user", "alice", "why", "lost her\nlaptop"), 0, "%s", verb_text(&v));
	cr_assert_str_eq(verb_str(&v, 0, "ended"), "1");
	cr_assert_str_eq(verb_text(&v), "alice is locked; 1 connections ended");
	cr_assert_str_eq(verb_hint(&v), "");
	killed("locked");
	cr_assert_eq(client_auth_cert(&later, "alice", buf_span(&cert)), IPC_FAIL);
	cr_assert_str_eq(client_str(&later, "text"), "user \"alice\" is locked");
	cr_assert_eq(client_auth_key(&later, "alice", buf_span(&r.blob[ALICE])), IPC_FAIL);
	cr_assert_str_eq(client_str(&later, "text"), "user \"alice\" is locked");
	cr_assert_eq(client_auth_key(&later, "alice", buf_span(&r.blob[BOB])), IPC_OK);
	cr_assert_not(ipc_get_bool(later.m, "known", true), "a stranger is told nothing");
	cr_assert_eq(op("lock", "user", "alice", NULL, NULL), 0);
	cr_assert_str_eq(verb_text(&v), "alice was locked before; 0 connections ended");
	cr_assert_eq(op("revoked", NULL, NULL, NULL, NULL), 0);
	cr_assert_eq(v.n_items, 1);
	cr_assert_str_eq(verb_str(&v, 0, "kind"), "lock");
	cr_assert_str_eq(verb_str(&v, 0, "value"), "alice");
	cr_assert_str_eq(verb_str(&v, 0, "why"), "lost her\\nlaptop");
	cr_assert_eq(op("unlock", "user", "alice", NULL, NULL), 0);
	cr_assert_eq(op("unlock", "user", "alice", NULL, NULL), 3);
	cr_assert_eq(client_auth_cert(&later, "alice", buf_span(&cert)), IPC_OK);
	cr_assert_eq(client_done(&later, false), IPC_OK, "the same certificate");
	client_close(&later);
	verb_clear(&v);
}

Test(revoke, hints)
{
	cr_assert_eq(op("lock", "user", "nobody", NULL, NULL), 0);
	cr_assert_str_eq(verb_hint(&v), "no user, account or certificate has this name");
	cr_assert_eq(revoke_it("user", "nobody"), 0);
	cr_assert_not_null(strstr(verb_hint(&v), "no user, account or certificate has this name"));
	cr_assert_eq(revoke_it("serial", "1000001"), 0);
	cr_assert_not_null(strstr(verb_hint(&v), "no certificate has this number"));
	login();
	cr_assert_eq(revoke_it("serial", number(c.peer->id.serial)), 0);
	cr_assert_str_eq(verb_hint(&v), "");
	cr_assert_eq(op("unlock", "user", "nobody", NULL, NULL), 0);
	cr_assert_not_null(
	    strstr(verb_hint(&v), "revoked, which is for good"), "%s", verb_hint(&v));
	verb_clear(&v);
}

/* --- by what a connection hangs on --- */

Test(revoke, ends_by_its_key_id)
{
	char key_id[600];

	login();
	snprintf(key_id, sizeof(key_id), "%s", c.peer->id.key_id);
	cr_assert_gt(strlen(key_id), 10);
	cr_assert_eq(revoke_it("id", "user=alice login=another"), 0);
	cr_assert_str_eq(verb_str(&v, 0, "ended"), "0");
	cr_assert_eq(revoke_it("id", key_id), 0);
	cr_assert_str_eq(verb_str(&v, 0, "ended"), "1");
	killed("key id");
	cr_assert_eq(revoke_it("id", key_id), 0);
	cr_assert_str_eq(verb_str(&v, 0, "before"), "true");
	verb_clear(&v);
}

Test(revoke, ends_by_its_authority)
{
	login();
	cr_assert_eq(revoke_it("ca", c.peer->id.ca_fp), 0);
	killed("authority");
	verb_clear(&v);
}

/* The certificate that extended it: by its number, its key id, its user, its parent. */
Test(revoke, ends_by_what_extended_it)
{
	static const char *const by[][2] = {
	    {"serial", "700"}, {"id", "user=dave login=row"}, {"key", OTHER}, {"user", "dave"}};

	for (size_t i = 0; i < 4; i++) {
		struct store_cert row = a_row(700 + i);
		char key_id[64], fp[FP_CAP], user[16];

		(void)snprintf(key_id, sizeof(key_id), "user=dave login=row%zu", i);
		(void)snprintf(fp, sizeof(fp), "SHA256:%043zu", i);
		(void)snprintf(user, sizeof(user), "dave%zu", i);
		row.key_id = key_id;
		row.fingerprint = fp;
		row.user = user;
		add_row(row);
		login();
		c.peer->id.extended = 700 + i;
		cr_assert_eq(revoke_it(by[i][0], i == 0   ? "700"
						 : i == 1 ? key_id
						 : i == 2 ? fp
							  : user),
		    0);
		cr_assert_str_eq(verb_str(&v, 0, "ended"), "1", "%s", by[i][0]);
		killed(by[i][0]);
		client_close(&c);
		client_open(&r, &c, HERE);
	}
	verb_clear(&v);
}

/* The certificate it was delegated from, also when only the connection knows which that is. */
Test(revoke, ends_by_its_parent)
{
	add_row(a_row(800));
	login();
	c.peer->id.parent = 800;
	cr_assert_eq(revoke_it("key", OTHER), 0);
	cr_assert_str_eq(verb_str(&v, 0, "ended"), "1");
	killed("the key of its parent");
	client_close(&c);
	client_open(&r, &c, HERE);
	login();
	c.peer->id.parent = 801;
	cr_assert_eq(revoke_it("serial", "801"), 0);
	killed("the number of a parent without a record");
	client_close(&c);
	client_open(&r, &c, HERE);
	login();
	(void)snprintf(c.peer->id.on_behalf_of, NAME_CAP, "carol");
	cr_assert_eq(op("lock", "user", "carol", NULL, NULL), 0);
	killed("the person behind it");
	verb_clear(&v);
}

/* Proven and not adopted: between AUTH_CERT and AUTH_DONE. */
Test(revoke, what_was_proven_does_not_slip_through)
{
	cr_assert_eq(client_auth_cert(&c, "alice", buf_span(&cert)), IPC_OK);
	cr_assert_eq(op("lock", "user", "alice", NULL, NULL), 0);
	cr_assert_str_eq(verb_str(&v, 0, "ended"), "0", "it was no connection of hers yet");
	killed("a proven certificate");
	client_close(&c);
	cr_assert_eq(op("unlock", "user", "alice", NULL, NULL), 0);
	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_key(&c, "alice", buf_span(&r.blob[ALICE])), IPC_OK);
	cr_assert(ipc_get_bool(c.m, "known", false));
	cr_assert_eq(op("lock", "user", "alice", NULL, NULL), 0);
	killed("a proven key");
	verb_clear(&v);
}

Test(revoke, nobody_else_is_ended)
{
	struct client bob;

	login();
	client_open(&r, &bob, HERE);
	client_login(&bob, BOB);
	cr_assert_eq(op("lock", "user", "bob", NULL, NULL), 0);
	cr_assert_eq(revoke_it("serial", number(c.peer->id.serial + 1000)), 0);
	cr_assert_eq(revoke_it("user", "alicf"), 0);
	cr_assert_eq(client_next(&bob, 2000), IPC_KILL);
	cr_assert_neq(client_next(&c, 300), IPC_KILL);
	cr_assert_eq(c.peer->state, PEER_FULL);
	client_close(&bob);
	verb_clear(&v);
}

/* --- what is no name and no number --- */

Test(revoke, arguments)
{
	static const char *const bad[][2] = {{"serial", "0"}, {"serial", "007"}, {"serial", "1e3"},
	    {"serial", "-1"}, {"serial", ""}, {"serial", "99999999999999999999"}, {"user", ""},
	    {"key", "SHA256:short"}, {"key", "MD5:aa"}, {"ca", ""}, {"id", ""}, {"host", "x"},
	    {"", "x"}};
	static const char *const names[] = {"", "a,b", "a b", "*", "-m"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_assert_eq(revoke_it(bad[i][0], bad[i][1]), 2, "%s %s", bad[i][0], bad[i][1]);
		cr_assert_not_null(strstr(verb_text(&v), "serial NUMBER"), "%s", verb_text(&v));
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		cr_assert_eq(op("lock", "user", names[i], NULL, NULL), 2, "%s", names[i]);
		cr_assert_eq(op("unlock", "user", names[i], NULL, NULL), 2, "%s", names[i]);
		cr_assert_eq(op("forget", "user", names[i], NULL, NULL), 2, "%s", names[i]);
	}
	cr_assert_eq(op("revoked", NULL, NULL, NULL, NULL), 0);
	cr_assert_eq(v.n_items, 0);
	verb_clear(&v);
}

Test(revoke, only_the_operator)
{
	static const char *const verbs[] = {
	    "certs", "forget", "krl", "lock", "revoke", "revoked", "unlock"};

	login();
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		verb_clear(&v);
		cr_assert_eq(
		    verb_run(&r, &c, &v, verbs[i], "user", "bob", NULL), 4, "%s", verbs[i]);
		cr_assert_eq(v.n_items + v.n_fds, 0);
	}
	verb_clear(&v);
}

/* --- forget --- */

static int seen(void *ctx, const struct store_account *a)
{
	(void)a;
	*(bool *)ctx = true;
	return 0;
}

Test(revoke, forgetting_an_account_leaves_nothing_for_the_next_owner)
{
	struct store_account a = {.iss = "https://id.example.com",
	    .sub = "1",
	    .issuer = "corp",
	    .user = ACCOUNT,
	    .groups = "dev",
	    .key_fp = OTHER,
	    .last_s = clock_wall_s()};
	struct store_cert row = a_row(900), over = a_row(901), agent = a_row(902);
	bool found = false;

	row.user = over.user = agent.on_behalf_of = ACCOUNT;
	agent.user = "agent:bot"; /* a job's token made it: it has no parent */
	add_row(agent);
	over.valid_before_s = clock_wall_s() - 10;
	add_row(row);
	add_row(over);
	cr_assert_eq(op("forget", "user", ACCOUNT, NULL, NULL), 3, "no account yet");
	cr_assert_eq(store_account_login(r.m->store, &a, &found), 0);
	cr_assert_eq(op("forget", "user", ACCOUNT, NULL, NULL), 0, "%s", verb_text(&v));
	found = false;
	cr_assert_eq(store_account_get(r.m->store, ACCOUNT, seen, &found), E_NOTFOUND);
	cr_assert_not(found);
	cr_assert_eq(
	    store_standing(r.m->store, &(struct store_subject){.serial = 900}), STORE_REVOKED);
	cr_assert_eq(
	    store_standing(r.m->store, &(struct store_subject){.serial = 902}), STORE_REVOKED);
	cr_assert_eq(store_standing(r.m->store, &(struct store_subject){.serial = 901}), STORE_GOOD,
	    "what expired needs no entry");
	cr_assert_eq(op("forget", "user", ACCOUNT, NULL, NULL), 3);
	a.sub = "2";
	cr_assert_eq(store_account_login(r.m->store, &a, &found), 0, "the name is free");
	verb_clear(&v);
}

/* A connection that is told to end has a moment for last words: not for a decision or a certificate. */
Test(revoke, verbs_end_at_once)
{
	login();
	cr_assert_eq(verb_run(&r, &c, &v, "whoami", NULL), 0);
	verb_clear(&v);
	peer_kick(c.peer, "test", "28000");
	cr_assert_eq(verb_run(&r, &c, &v, "whoami", NULL), 4);
	cr_assert_not_null(strstr(verb_text(&v), "told to end"), "%s", verb_text(&v));
	killed("kicked");
}

/* --- lists --- */

Test(revoke, certs_says_what_was_issued_and_how_it_stands)
{
	struct store_cert agent = a_row(950), over = a_row(951);

	agent.user = "agent:etl";
	agent.on_behalf_of = "alice";
	agent.parent = 1;
	over.valid_before_s = clock_wall_s() - 1;
	add_row(agent);
	add_row(over);
	login();
	cr_assert_eq(op("certs", NULL, NULL, NULL, NULL), 0);
	cr_assert_eq(v.n_items, 2, "none that expired");
	cr_assert_str_eq(verb_str(&v, 0, "serial"), "950", "newest first");
	cr_assert_str_eq(verb_str(&v, 0, "who"), "agent:etl for alice");
	cr_assert_str_eq(verb_str(&v, 0, "parent"), "1");
	cr_assert_str_eq(verb_str(&v, 1, "user"), "alice");
	cr_assert_str_eq(verb_str(&v, 1, "fingerprint"), c.peer->id.key_fp);
	cr_assert_str_eq(verb_str(&v, 1, "source"), HERE);
	cr_assert_str_eq(verb_str(&v, 1, "live"), "1");
	cr_assert_str_eq(verb_str(&v, 1, "standing"), "good");
	cr_assert_eq(op("certs", "user", "agent:etl", NULL, NULL), 0);
	cr_assert_eq(v.n_items, 1);
	cr_assert_eq(op("lock", "user", "alice", NULL, NULL), 0);
	cr_assert_eq(op("certs", NULL, NULL, NULL, NULL), 0);
	cr_assert_str_eq(verb_str(&v, 0, "standing"), "locked");
	cr_assert_str_eq(verb_str(&v, 1, "standing"), "locked");
	cr_assert_eq(revoke_it("serial", "1"), 0);
	cr_assert_str_eq(verb_str(&v, 0, "user"), "alice", "whose it was");
	cr_assert_eq(op("certs", NULL, NULL, NULL, NULL), 0);
	cr_assert_str_eq(verb_str(&v, 0, "standing"), "revoked", "by its parent");
	verb_clear(&v);
}

static const char *krl_names(void)
{
	static char out[8000];
	char path[128], raw[8192];
	const char *argv[] = {"ssh-keygen", "-Q", "-l", "-f", path, NULL};
	ssize_t n;

	cr_assert_eq(op("krl", NULL, NULL, NULL, NULL), 0, "%s", verb_text(&v));
	cr_assert_eq(v.n_fds, 1);
	cr_assert_str_eq(v.names[0], "krl");
	cr_assert_eq(write(v.fds[0], "x", 1), -1);
	cr_assert_eq(errno, EPERM, "sealed");
	n = read(v.fds[0], raw, sizeof(raw));
	cr_assert(n > 40 && n < (ssize_t)sizeof(raw));
	cr_assert_str_eq(verb_str(&v, 0, "bytes"), number((uint64_t)n));
	(void)snprintf(path, sizeof(path), "%s/krl", r.dir);
	spill(path, span_of(raw, (size_t)n));
	cr_assert_eq(run_cmd(argv, out, sizeof(out)), 0, "%s", out);
	return out;
}

static int count(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

Test(revoke, the_list_for_others)
{
	struct store_cert agent = a_row(960);
	const char *l = krl_names();

	cr_assert_eq(count(l, "serial:") + count(l, "id:") + count(l, "hash:"), 0, "%s", l);
	agent.user = "agent:etl";
	agent.on_behalf_of = "alice";
	add_row(agent);
	cr_assert_eq(op("lock", "user", "alice", NULL, NULL), 0);
	l = krl_names();
	cr_assert_str_eq(verb_str(&v, 0, "certificates"), "2");
	cr_assert_eq(count(l, "serial: 1\n"), 1, "%s", l);
	cr_assert_eq(count(l, "serial: 960\n"), 1, "%s", l);
	cr_assert_eq(op("unlock", "user", "alice", NULL, NULL), 0);
	cr_assert_eq(revoke_it("serial", "12345"), 0);
	cr_assert_eq(revoke_it("id", "some id"), 0);
	cr_assert_eq(revoke_it("key", OTHER), 0);
	cr_assert_eq(revoke_it("ca", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 0);
	l = krl_names();
	cr_assert_eq(count(l, "serial: 12345\n"), 1, "also one that we have no record of: %s", l);
	cr_assert_eq(count(l, "serial: 960\n"), 1, "its key is revoked: %s", l);
	cr_assert_eq(count(l, "serial: 1\n"), 0, "%s", l);
	cr_assert_eq(count(l, "id: some id\n"), 1, "%s", l);
	cr_assert_eq(count(l, "hash: SHA256:"), 2, "%s", l);
	verb_clear(&v);
}

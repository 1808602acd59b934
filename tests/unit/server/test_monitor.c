/* SPDX-License-Identifier: Apache-2.0
 *
 * The permit table and the identity of a connection: what a session process may not do, and what
 * happens when it tries.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "keygen.h"
#include "monrig.h"
#include "wire/sshw.h"

#define HERE "198.51.100.7"

static struct rig r;

static void up(void)
{
	rig_up(&r);
}

static void down(void)
{
	rig_down(&r);
}

TestSuite(permit, .init = up, .fini = down, .timeout = 60);
TestSuite(auth, .init = up, .fini = down, .timeout = 60);

/* The connection ends, the process is killed, the listener is told to penalise the address. */
static void assert_killed(struct client *c)
{
	cr_assert_eq(client_next(c, 3000), 0);
	cr_assert(client_killed(c), "the process lives on");
	cr_assert_null(peer_by_pid(r.m, c->pid));
	cr_assert(rig_listener_got(&r, IPC_PENALTY));
}

static void put_nothing(struct buf *b)
{
	(void)b;
}

static void put_sid(struct buf *b)
{
	ipc_str(b, "sid", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
}

static void put_long(struct buf *b)
{
	static const uint8_t big[2000];

	ipc_bool(b, "key_only", false);
	ipc_bin(b, "x", span_of(big, sizeof(big)));
}

Test(permit, every_request_but_the_first_three_ends_an_unproven_connection)
{
	static const struct {
		int type;
		void (*put)(struct buf *b);
	} bad[] = {
	    {IPC_AUTH_DONE, put_nothing},
	    {IPC_TARGET, put_sid},
	    {IPC_CONNECT, put_sid},
	    {IPC_BACKEND, put_sid},
	    {IPC_CANCEL, put_sid},
	    {IPC_HEAD, put_sid},
	    {IPC_SEGMENT, put_sid},
	    {IPC_SESSION_END, put_sid},
	    {IPC_HOLD_PART, put_sid},
	    {IPC_HOLD_NEW, put_sid},
	    {IPC_HOLD_CONSUME, put_sid},
	    {IPC_HOLD_WITHDRAW, put_sid},
	    {IPC_EXEC, put_nothing},
	    {IPC_EXEC_WINCH, put_nothing},
	    {IPC_EXEC_KILL, put_nothing},
	    {IPC_NEW_SESSION, put_nothing},
	    {IPC_SIGN_CERT, put_nothing},
	    {IPC_SEAL, put_nothing},
	    {IPC_CTL, put_nothing},
	    {IPC_OK, put_nothing},
	    {999, put_nothing},
	    {IPC_RECORD_PING, put_long},
	    {IPC_AUTH_CERT, put_nothing},
	    {IPC_AUTH_KEY, put_nothing},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct client c;

		client_open(&r, &c, HERE);
		bad[i].put(client_msg(&c, (enum ipc_type)bad[i].type));
		client_send(&c);
		assert_killed(&c);
		client_close(&c);
	}
}

Test(permit, descriptors_and_garbage_end_the_process)
{
	struct client c;

	client_open(&r, &c, HERE);
	(void)client_msg(&c, IPC_RECORD_PING);
	cr_assert_eq(ipc_send(c.sock, &c.out, &c.sock, 1), 0);
	assert_killed(&c);
	client_close(&c);

	client_open(&r, &c, HERE);
	cr_assert_eq(write(c.sock, "not msgpack", 11), 11);
	assert_killed(&c);
	client_close(&c);
}

Test(permit, a_count_is_a_count)
{
	struct client c;

	client_open(&r, &c, HERE);
	for (int i = 0; i < 64; i++)
		cr_assert_eq(client_auth_key(&c, "alice", span_str("x")), IPC_OK);
	cr_assert_eq(client_auth_key(&c, "alice", span_str("x")), 0);
	assert_killed(&c);
	client_close(&c);
}

Test(permit, auth_happens_once)
{
	struct client c;

	client_open(&r, &c, HERE);
	client_login(&c, ALICE);
	cr_assert_eq(c.peer->state, PEER_FULL);
	cr_assert_eq(client_done(&c, false), 0);
	assert_killed(&c);
	client_close(&c);

	client_open(&r, &c, HERE);
	client_login(&c, ALICE);
	cr_assert_eq(
	    client_auth_key(&c, "bob", buf_span(&r.blob[BOB])), 0, "the identity may not change");
	assert_killed(&c);
	client_close(&c);
}

Test(permit, only_children_of_the_listener_are_accepted)
{
	struct buf b;
	int sv[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	buf_init(&b, 1024);
	ipc_begin(&b, IPC_NEW_SESSION, 0);
	ipc_int(&b, "pid", 1); /* ours to kill it is not */
	ipc_str(&b, "addr", HERE);
	ipc_int(&b, "port", 1);
	ipc_str(&b, "conn", "x");
	cr_assert_eq(ipc_send(r.listener, &b, &sv[1], 1), 0);
	rig_spin(&r, 50);
	cr_assert_eq(monitor_n_peers(r.m), 0);
	buf_clear(&b);
	close(sv[0]);
	close(sv[1]);
}

Test(permit, losing_the_socket_kills_the_process)
{
	struct client c;

	client_open(&r, &c, HERE);
	fd_close(&c.sock);
	cr_assert(client_killed(&c));
	client_close(&c);
}

/* --- hostile bytes --- */

static uint32_t dice_state = 12345;

static uint32_t dice(uint32_t n)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (dice_state >> 8) % n;
}

static const enum ipc_type full_types[] = {IPC_TARGET, IPC_CONNECT, IPC_BACKEND, IPC_CANCEL,
    IPC_HEAD, IPC_SEGMENT, IPC_SESSION_END, IPC_HOLD_PART, IPC_HOLD_NEW, IPC_HOLD_CONSUME,
    IPC_HOLD_WITHDRAW, IPC_EXEC, IPC_EXEC_WINCH, IPC_EXEC_KILL};

/* Every key that any request has, with values of the right and of the wrong kind. */
static void put_random(struct client *c, struct buf *b)
{
	static const char *const keys[] = {"sid", "name", "target", "login", "database", "app",
	    "id", "pid", "key", "seq", "bytes", "hash", "reason", "statements", "rows", "part",
	    "sql", "params", "class", "rule", "meaning", "effect", "effect_rows", "tx", "mode", "line",
	    "term", "cols", "port", "exec", "why"};
	static const char *const words[] = {"orders-prod", "app_ro", "orders", "", "bulk", "wait",
	    "reject", "auto", "sessions", "%s%n", "../../x", "\x1b[2J"};
	static const uint8_t blob[SHA256_LEN] = {7};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(keys[i], "sid") == 0 && dice(8) != 0)
			ipc_str(b, keys[i], c->sid);
		else if ((strcmp(keys[i], "hash") == 0 || strcmp(keys[i], "meaning") == 0) &&
			 dice(8) != 0)
			ipc_bin(b, keys[i], span_of(blob, sizeof(blob)));
		else if (dice(3) == 0)
			ipc_int(
			    b, keys[i], dice(2) == 0 ? (int64_t)dice(5000) : INT64_MIN + dice(9));
		else if (dice(10) != 0)
			ipc_str(b, keys[i], words[dice(sizeof(words) / sizeof(*words))]);
	}
}

/* A logged-in connection with a session; the database answers nobody. */
static void fresh(struct client *c)
{
	int fd;

	client_open(&r, c, HERE);
	client_login(c, ALICE);
	cr_assert_eq(client_connect(c, "orders-prod", "app_ro", "orders"), 0);
	while ((fd = accept(r.upstream, NULL, NULL)) >= 0)
		close(fd);
}

Test(permit, the_monitor_survives_whatever_a_session_says, .timeout = 400)
{
	struct client c;
	const char *more = getenv("RIG_ROUNDS");
	int rounds = more != NULL ? (int)strtol(more, NULL, 10) : 250;
	int lives = 0;

	fresh(&c);
	for (int round = 0; round < rounds; round++) {
		struct buf *b =
		    client_msg(&c, full_types[dice(sizeof(full_types) / sizeof(*full_types))]);

		put_random(&c, b);
		if (dice(4) == 0 && buf_len(b) > 8) /* and broken bytes */
			b->mem[b->off + dice((uint32_t)buf_len(b))] ^= (uint8_t)(1u << dice(8));
		if (fd_send(c.sock, buf_span(b), NULL, 0) == 0) {
			lives++;
			while (client_next(&c, 2) > 0)
				;
		}
		if (peer_by_pid(r.m, c.pid) != NULL)
			continue;
		client_close(&c);
		fresh(&c);
	}
	cr_assert_gt(lives, rounds / 2);
	client_close(&c);
	rig_spin(&r, 100);
	cr_assert_eq(monitor_n_peers(r.m), 0);
	cr_assert_eq(monitor_n_sessions(r.m), 0);
}

/* --- identity --- */

Test(auth, done_needs_a_success_of_its_kind)
{
	struct buf cert;
	struct client c;

	rig_cert(&r, ALICE, HERE, &cert);
	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_key(&c, "alice", buf_span(&r.blob[ALICE])), IPC_OK);
	cr_assert_eq(client_done(&c, false), 0, "a key is no certificate");
	assert_killed(&c);
	client_close(&c);

	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_cert(&c, "alice", buf_span(&cert)), IPC_OK);
	cr_assert_eq(client_auth_cert(&c, "bob", buf_span(&cert)), IPC_FAIL);
	cr_assert_eq(client_done(&c, false), 0, "a failure forgets the success before it");
	assert_killed(&c);
	client_close(&c);
	buf_clear(&cert);
}

Test(auth, the_last_success_counts)
{
	struct buf alice, bob;
	struct client c;

	rig_cert(&r, ALICE, HERE, &alice);
	rig_cert(&r, BOB, HERE, &bob);
	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_cert(&c, "bob", buf_span(&bob)), IPC_OK);
	cr_assert_eq(client_auth_cert(&c, "alice", buf_span(&alice)), IPC_OK);
	cr_assert_eq(client_done(&c, false), IPC_OK);
	cr_assert_str_eq(c.peer->id.user, "alice");
	cr_assert_eq(c.peer->id.groups.n, 1);
	cr_assert_str_eq(c.peer->id.groups.v[0], "dev");
	cr_assert(span_eq(buf_span(&c.peer->id.key), buf_span(&r.blob[ALICE])));
	cr_assert(rig_listener_got(&r, IPC_CONN_STATE));
	client_close(&c);
	buf_clear(&alice);
	buf_clear(&bob);
}

Test(auth, what_a_certificate_must_be)
{
	struct buf cert, minted;
	struct mint mine;
	struct client c;

	rig_cert(&r, ALICE, HERE, &cert);
	client_open(&r, &c, "203.0.113.99"); /* not where it was issued for */
	cr_assert_eq(client_auth_cert(&c, "alice", buf_span(&cert)), IPC_FAIL);
	cr_assert_str_eq(client_str(&c, "sqlstate"), "28000");
	client_close(&c);

	client_open(&r, &c, HERE); /* another authority, everything else right */
	mint_init(&mine);
	mine.c.valid_after = 0;
	mine.c.valid_before = UINT64_MAX;
	buf_init(&minted, SSHCERT_MAX);
	mint_sign(&mine, &minted);
	cr_assert_eq(client_auth_cert(&c, "alice", buf_span(&minted)), IPC_FAIL);
	mint_clear(&mine);
	buf_clear(&minted);
	cr_assert_eq(client_auth_cert(&c, "alice", span_of(buf_span(&cert).p, buf_len(&cert) - 1)),
	    IPC_FAIL);
	clock_test_shift_us(9 * 3600 * (int64_t)1000000);
	cr_assert_eq(client_auth_cert(&c, "alice", buf_span(&cert)), IPC_FAIL);
	clock_test_shift_us(0);
	cr_assert_eq(client_auth_cert(&c, "alice", buf_span(&cert)), IPC_OK);
	cr_assert_gt(client_int(&c, "serial"), 0);
	client_close(&c);
	buf_clear(&cert);
}

Test(auth, revocation_counts_at_login_and_ends_live_connections)
{
	static const char *const kinds[] = {"user", "serial", "key"};

	for (size_t i = 0; i < 3; i++) {
		enum rig_user u = (enum rig_user)i;
		char value[128];
		struct buf cert;
		struct client c, later;
		struct verbcall v;

		rig_cert(&r, u, HERE, &cert);
		client_open(&r, &c, HERE);
		client_open(&r, &later, HERE);
		cr_assert_eq(client_auth_cert(&c, rig_names[u], buf_span(&cert)), IPC_OK);
		cr_assert_eq(client_done(&c, false), IPC_OK);
		snprintf(value, sizeof(value), "%llu", (unsigned long long)c.peer->id.serial);
		cr_assert_eq(verb_run(&r, NULL, &v, "revoke", "kind", kinds[i], "value",
				 i == 0   ? rig_names[u]
				 : i == 1 ? value
					  : c.peer->id.key_fp,
				 NULL),
		    0, "%s", verb_text(&v));
		cr_assert_str_eq(verb_str(&v, 0, "ended"), "1");
		verb_clear(&v);
		cr_assert_eq(client_next(&c, 1000), IPC_KILL);
		cr_assert_str_eq(client_str(&c, "sid"), "");
		cr_assert(client_killed(&c), "it did not leave by itself");
		cr_assert_eq(client_auth_cert(&later, rig_names[u], buf_span(&cert)), IPC_FAIL);
		client_close(&c);
		client_close(&later);
		buf_clear(&cert);
	}
}

Test(auth, expiry_ends_live_connections)
{
	struct client c;

	client_open(&r, &c, HERE);
	client_login(&c, ALICE);
	clock_test_shift_us(8 * 3600 * (int64_t)1000000);
	cr_assert_eq(client_next(&c, 3000), IPC_EXPIRE);
	cr_assert_eq(client_next(&c, 3000), IPC_KILL);
	cr_assert(client_killed(&c));
	client_close(&c);
}

Test(auth, plain_keys)
{
	struct client c;

	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_key(&c, "alice", buf_span(&r.blob[BOB])), IPC_OK);
	cr_assert_not(ipc_get_bool(c.m, "known", true), "not her key");
	cr_assert_eq(client_auth_key(&c, "nobody", buf_span(&r.blob[BOB])), IPC_OK);
	cr_assert_not(ipc_get_bool(c.m, "known", true));
	cr_assert_eq(client_auth_key(&c, "robot", buf_span(&r.blob[ROBOT])), IPC_OK);
	cr_assert_not(ipc_get_bool(c.m, "known", true), "a service from elsewhere");
	cr_assert_eq(client_auth_key(&c, "alice", buf_span(&r.blob[ALICE])), IPC_OK);
	cr_assert(ipc_get_bool(c.m, "known", false));
	cr_assert_eq(client_auth_key(&c, "alice", buf_span(&r.blob[BOB])), IPC_OK);
	cr_assert_eq(client_done(&c, true), 0, "a failure forgets the success before it");
	assert_killed(&c);
	client_close(&c);
}

Test(auth, a_plain_key_reaches_no_target)
{
	struct client c;

	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_key(&c, "alice", buf_span(&r.blob[ALICE])), IPC_OK);
	cr_assert_eq(client_done(&c, true), IPC_OK);
	cr_assert_eq(c.peer->state, PEER_KEY);
	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", "orders"), 0);
	cr_assert_str_eq(c.sid, "");
	assert_killed(&c);
	client_close(&c);
}

Test(auth, the_certificate_is_for_the_proven_key)
{
	struct sshcert parsed;
	struct buf cert, key;
	struct client c;

	rig_cert(&r, ALICE, HERE, &cert);
	cr_assert_eq(sshcert_parse(buf_span(&cert), &parsed, NULL), 0);
	buf_init(&key, 1024);
	sshpk_put_blob(&key, &parsed.key);
	cr_assert(span_eq(buf_span(&key), buf_span(&r.blob[ALICE])));
	buf_clear(&key);
	/* A certificate renews itself only while the configuration still has the key. */
	client_open(&r, &c, HERE);
	client_login(&c, ALICE);
	{
		struct verbcall v;

		cr_assert_eq(verb_run(&r, &c, &v, "cert", NULL), 0, "%s", verb_text(&v));
		verb_clear(&v);
		cr_assert_eq(sshkey_generate(&r.key[ALICE]),
		    0); /* the configuration gets another key for her */
		buf_reset(&r.blob[ALICE]);
		sshpk_put_ed25519_blob(&r.blob[ALICE], r.key[ALICE].pub);
		rig_conf(&r, NULL);
		cr_assert_eq(verb_run(&r, NULL, &v, "reload", NULL), 0, "%s", verb_text(&v));
		verb_clear(&v);
		cr_assert_eq(verb_run(&r, &c, &v, "cert", NULL), 4);
		verb_clear(&v);
	}
	client_close(&c);
	buf_clear(&cert);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Who approved is looked at again when the approval is used, and whoever asked; an approved text that means something else by
 * now is another statement, and it is said why.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "monrig.h"
#include "server/hold.h"
#include "wire/mp.h"

#define HERE "198.51.100.7"

static struct rig r;
static struct client c; /* alice with a session */

static void session_of(struct client *x, enum rig_user u, const char *db)
{
	client_open(&r, x, HERE);
	client_login(x, u);
	cr_assert_eq(client_connect(x, "orders-prod", "app_ro", db), 0, "%s", client_str(x, "text"));
}

static void up(void)
{
	rig_up(&r);
	session_of(&c, ALICE, "orders");
}

static void down(void)
{
	client_close(&c);
	rig_down(&r);
}

TestSuite(approver, .init = up, .fini = down, .timeout = 120);

struct stmt {
	const char *sql, *meaning, *mode;
	uint32_t type;
	const char *value;
};

#define MEANING "database\torders (oid 16384)\nrelation t\ttable public.t (oid 5)\nsetting search_path\tpublic\n"

static const struct stmt STMT = {"delete from t", MEANING, "wait", 25, "x"};

static int hold(struct client *x, const struct stmt *s)
{
	struct buf *b = client_msg(x, IPC_HOLD_NEW), params;

	buf_init(&params, 256);
	mp_put_array(&params, 1);
	mp_put_array(&params, 3);
	mp_put_u64(&params, s->type);
	mp_put_i64(&params, 0);
	mp_put_bin(&params, span_str(s->value));
	ipc_str(b, "sid", x->sid);
	ipc_bin(b, "sql", span_str(s->sql));
	ipc_bin(b, "params", buf_span(&params));
	ipc_str(b, "class", "bulk");
	ipc_str(b, "rule", "base:env=prod/bulk");
	ipc_str(b, "reason", "DELETE without a proven bound");
	ipc_bin(b, "meaning", span_str(s->meaning));
	ipc_str(b, "tx", "");
	ipc_str(b, "mode", s->mode);
	buf_clear(&params);
	return client_call(x);
}

static const char *held(struct client *x, const struct stmt *s, const char *state)
{
	static char ring[8][16];
	static int at;
	char *id = ring[at = (at + 1) % 8];

	cr_assert_eq(hold(x, s), IPC_OK, "%s", client_str(x, "text"));
	cr_assert_str_eq(client_str(x, "state"), state);
	snprintf(id, 16, "%s", client_str(x, "id"));
	return id;
}

static int consume(struct client *x, const char *id, const char *meaning)
{
	struct buf *b = client_msg(x, IPC_HOLD_CONSUME);
	uint8_t hash[SHA256_LEN];

	sha256(span_str(meaning), hash);
	ipc_str(b, "sid", x->sid);
	ipc_str(b, "id", id);
	ipc_bin(b, "meaning", span_of(hash, sizeof(hash)));
	return client_call(x);
}

static int decide(enum rig_user u, const char *id)
{
	struct verbcall v;
	struct client x;
	int code;

	client_open(&r, &x, HERE);
	client_login(&x, u);
	code = verb_run(&r, &x, &v, "approve", "id", id, "why", "ticket 812", NULL);
	verb_clear(&v);
	client_close(&x);
	return code;
}

static enum req_state state_of(const char *id, char why[256])
{
	struct request *q = request_get(r.m->store, id, NULL);
	enum req_state st;

	cr_assert_not_null(q);
	st = q->r.state;
	snprintf(why, 256, "%s", q->r.decided_why);
	request_free(q);
	return st;
}

/* ---- ways to fall ---- */

static void op(const char *verb, const char *k1, const char *v1, const char *k2, const char *v2)
{
	struct verbcall v;

	cr_assert_eq(verb_run(&r, NULL, &v, verb, k1, v1, k2, v2, "why", "test", NULL), 0, "%s", verb_text(&v));
	verb_clear(&v);
}

static int take_approval(void *ctx, const struct store_approval *a)
{
	struct store_approval *out = ctx;
	static char key_id[600], key_fp[64];

	snprintf(key_id, sizeof(key_id), "%s", a->key_id);
	snprintf(key_fp, sizeof(key_fp), "%s", a->key_fp);
	*out = (struct store_approval){.serial = a->serial, .key_id = key_id, .key_fp = key_fp};
	return 0;
}

static struct store_approval approval_of(const char *id)
{
	struct store_approval a = {0};

	cr_assert_eq(store_approval_list(r.m->store, id, take_approval, &a), 0);
	cr_assert_neq(a.serial, 0);
	return a;
}

static void revoke_serial(const char *id)
{
	char serial[24];

	snprintf(serial, sizeof(serial), "%llu", (unsigned long long)approval_of(id).serial);
	op("revoke", "kind", "serial", "value", serial);
}

static void revoke_key(const char *id)
{
	op("revoke", "kind", "key", "value", approval_of(id).key_fp);
}

static void revoke_id(const char *id)
{
	op("revoke", "kind", "id", "value", approval_of(id).key_id);
}

static void revoke_user(const char *id)
{
	(void)id;
	op("revoke", "kind", "user", "value", "bob");
}

static void lock(const char *id)
{
	(void)id;
	op("lock", "user", "bob", NULL, NULL);
}

/* As another process would, without the sweep that the verbs make. */
static void lock_quietly(const char *id)
{
	(void)id;
	cr_assert_eq(store_lock(r.m->store, "bob", "x", "y", 1), 0);
}

static void revoke_quietly(const char *id)
{
	char serial[24];

	snprintf(serial, sizeof(serial), "%llu", (unsigned long long)approval_of(id).serial);
	cr_assert_eq(store_revoke(r.m->store, "serial", serial, "x", "y", 1), 0);
}

/* The configuration with the first `from` replaced, loaded. */
static void reconfigure(const char *from, const char *to)
{
	struct verbcall v;
	struct buf b, n;
	const char *at;
	FILE *f;

	buf_init(&b, 1 << 20);
	buf_init(&n, 1 << 20);
	cr_assert_eq(file_read(r.conf_path, &b), 0);
	at = strstr(buf_cstr(&b), from);
	cr_assert_not_null(at, "%s", from);
	buf_put(&n, buf_span(&b).p, (size_t)(at - buf_cstr(&b)));
	buf_put_str(&n, to);
	buf_put_str(&n, at + strlen(from));
	f = fopen(r.conf_path, "w");
	cr_assert_eq(fwrite(buf_span(&n).p, 1, buf_len(&n), f), buf_len(&n));
	fclose(f);
	buf_clear(&b);
	buf_clear(&n);
	cr_assert_eq(verb_run(&r, NULL, &v, "reload", NULL), 0, "%s", verb_text(&v));
	verb_clear(&v);
}

static void out_of_the_group(const char *id)
{
	(void)id;
	reconfigure("groups: [dba]", "groups: [dev]");
}

static void no_verb(const char *id)
{
	(void)id;
	reconfigure("verbs: [approve, kill", "verbs: [kill");
}

static void other_approvers(const char *id)
{
	(void)id;
	reconfigure("approvers: [dba]", "approvers: [sec]");
}

static void two_are_needed(const char *id)
{
	(void)id;
	reconfigure("quorum: 1", "quorum: 2");
}

static void same_person(const char *id)
{
	(void)id;
	reconfigure("groups: [dba]", "groups: [dba], person: alice");
}

static void a_machine(const char *id)
{
	(void)id;
	reconfigure("groups: [dba]", "groups: [dba], kind: service");
}

static void other_targets(const char *id)
{
	(void)id;
	reconfigure("dba: {groups: [dba], targets: [\"*\"]", "dba: {groups: [dba], targets: [payroll]");
}

static const struct fall {
	const char *name;
	void (*happen)(const char *id);
	const char *why;
} falls[] = {
    {"locked", lock, "bob is locked"},
    {"locked without a word", lock_quietly, "bob is locked"},
    {"certificate revoked", revoke_serial, "was revoked (bob)"},
    {"certificate revoked without a word", revoke_quietly, "was revoked (bob)"},
    {"key revoked", revoke_key, "was revoked (bob)"},
    {"certificate revoked by its id", revoke_id, "was revoked (bob)"},
    {"user revoked", revoke_user, "bob is revoked"},
    {"out of the group", out_of_the_group, "bob is in no group that approves this"},
    {"the role approves no more", no_verb, "you cannot decide"},
    {"others approve now", other_approvers, "bob is in no group that approves this"},
    {"two are needed now", two_are_needed, "1 of the 2 approvals"},
    {"is the requester now", same_person, "it is your own"},
    {"is a machine now", a_machine, "bob is no person"},
    {"not for this target", other_targets, "you cannot decide"},
};

/* Drop what was pushed: views, decisions. */
static void skip_pushes(struct client *x)
{
	while (client_next(x, 100) > 0)
		;
}

static void fall(const struct fall *f, const char *mode)
{
	struct stmt s = STMT;
	char why[256], why2[256];
	const char *id;

	s.mode = mode;
	id = held(&c, &s, "pending");
	cr_assert_eq(decide(BOB, id), 0);
	f->happen(id);
	skip_pushes(&c);
	cr_expect_eq(consume(&c, id, s.meaning), IPC_FAIL, "%s", f->name);
	snprintf(why2, sizeof(why2), "%s", client_str(&c, "text"));
	cr_expect_eq(state_of(id, why), REQ_WITHDRAWN, "%s", f->name);
	cr_expect_not_null(strstr(why, f->why), "%s: %s", f->name, why);
	if (strcmp(mode, "reject") == 0) /* again: it is another request now */
		cr_expect_str_neq(held(&c, &s, "pending"), id, "%s", f->name);
}

#define FALL(n)                                                                                                        \
	Test(approver, falls_##n)                                                                                      \
	{                                                                                                              \
		fall(&falls[n], "wait");                                                                               \
	}                                                                                                              \
	Test(approver, falls_and_it_comes_again_##n)                                                                   \
	{                                                                                                              \
		fall(&falls[n], "reject");                                                                             \
	}

FALL(0)
FALL(1)
FALL(2)
FALL(3)
FALL(4)
FALL(5)
FALL(6)
FALL(7)
FALL(8)
FALL(9)
FALL(10)
FALL(11)
FALL(12)
FALL(13)

Test(approver, who_waits_is_told)
{
	const char *id = held(&c, &STMT, "pending");

	cr_assert_eq(decide(BOB, id), 0);
	cr_assert_eq(client_next(&c, 1000), IPC_HOLD_DECIDED);
	lock(id);
	cr_assert_eq(client_next(&c, 1000), IPC_HOLD_DECIDED);
	cr_assert_str_eq(client_str(&c, "state"), "withdrawn");
	cr_assert_not_null(strstr(client_str(&c, "why"), "bob is locked"));
}

Test(approver, what_fell_does_not_rise_again)
{
	const char *id = held(&c, &STMT, "pending");

	cr_assert_eq(decide(BOB, id), 0);
	lock(id);
	op("unlock", "user", "bob", NULL, NULL);
	skip_pushes(&c);
	cr_assert_eq(consume(&c, id, STMT.meaning), IPC_FAIL);
}

Test(approver, what_does_not_concern_it_changes_nothing)
{
	const char *id = held(&c, &STMT, "pending");

	cr_assert_eq(decide(BOB, id), 0);
	op("lock", "user", "dave", NULL, NULL);
	op("revoke", "kind", "user", "value", "eve");
	reconfigure("wait: 15m", "wait: 16m");
	skip_pushes(&c);
	cr_assert_eq(consume(&c, id, STMT.meaning), IPC_OK, "%s", client_str(&c, "text"));
}

Test(approver, a_quorum_counts_those_who_still_may)
{
	const char *id;
	char why[256];

	reconfigure("quorum: 1", "quorum: 2");
	reconfigure("groups: [sec], uid", "groups: [dba], uid"); /* dave */
	skip_pushes(&c);
	id = held(&c, &STMT, "pending");
	cr_assert_eq(decide(BOB, id), 0);
	lock(id);
	cr_assert_eq(state_of(id, why), REQ_PENDING);
	cr_assert_eq(decide(DAVE, id), 0);
	cr_assert_eq(state_of(id, why), REQ_PENDING, "dave is the first again");
	op("unlock", "user", "bob", NULL, NULL);
	cr_assert_eq(decide(BOB, id), 0, "and may say it again");
	cr_assert_eq(state_of(id, why), REQ_APPROVED);
	cr_assert_eq(store_lock(r.m->store, "dave", "x", "y", 1), 0);
	skip_pushes(&c);
	cr_assert_eq(consume(&c, id, STMT.meaning), IPC_FAIL);
	cr_assert_eq(state_of(id, why), REQ_WITHDRAWN);
	cr_assert_not_null(strstr(why, "dave is locked"));
}

/* Between the lock and the end of the connection. */
Test(approver, the_requester_is_looked_at_too)
{
	const char *id = held(&c, &STMT, "pending");

	cr_assert_eq(decide(BOB, id), 0);
	skip_pushes(&c);
	cr_assert_eq(store_lock(r.m->store, "alice", "x", "y", 1), 0);
	cr_assert_eq(consume(&c, id, STMT.meaning), IPC_FAIL);
	cr_assert_not_null(strstr(client_str(&c, "text"), "alice is locked"));
}

/* ---- the same text, something else ---- */

static const struct near {
	const char *name;
	struct stmt s;
	const char *what;
} nears[] = {
    {"a view before the table",
	{"delete from t", "database\torders (oid 16384)\nrelation t\tview pg_temp_3.t (oid 9)\nsetting search_path\tpublic\n", "reject", 25, "x"},
	"t is now view pg_temp_3.t (oid 9), was table public.t (oid 5)"},
    {"another path",
	{"delete from t", "database\torders (oid 16384)\nrelation t\ttable public.t (oid 5)\nsetting search_path\thr, public\n", "reject", 25, "x"},
	"search_path was \"public\", is \"hr, public\""},
    {"another database of the name",
	{"delete from t", "database\torders (oid 17001)\nrelation t\ttable public.t (oid 5)\nsetting search_path\tpublic\n", "reject", 25, "x"},
	"database is now orders (oid 17001), was orders (oid 16384)"},
    {"another type", {"delete from t", MEANING, "reject", 1700, "x"}, "$1 was 'x' (text), is 'x' (numeric)"},
    {"another value", {"delete from t", MEANING, "reject", 25, "y"}, "$1 was 'x' (text), is 'y' (text)"},
};

Test(approver, a_near_miss_says_what_differs)
{
	struct stmt s = STMT;
	const char *id;
	struct client again;

	s.mode = "reject";
	id = held(&c, &s, "pending");
	cr_assert_eq(decide(BOB, id), 0);
	session_of(&again, ALICE, "orders");
	for (size_t i = 0; i < sizeof(nears) / sizeof(*nears); i++) {
		char want[300];

		snprintf(want, sizeof(want), "request %s, approved by bob, is not for this: %s", id, nears[i].what);
		cr_assert_str_neq(held(&again, &nears[i].s, "pending"), id, "%s", nears[i].name);
		cr_expect_str_eq(client_str(&again, "near"), want);
	}
	s.sql = "delete from t2"; /* another text is no near miss */
	(void)held(&again, &s, "pending");
	cr_expect_str_eq(client_str(&again, "near"), "");
	s.sql = STMT.sql;
	cr_assert_str_eq(held(&again, &s, "approved"), id);
	cr_assert_eq(consume(&again, id, s.meaning), IPC_OK);
	client_close(&again);
}

/* An approval is not taken away from the session that waits for it. */
Test(approver, one_that_is_waited_for_stays_there)
{
	struct client other;
	struct stmt s = STMT;
	const char *id, *second;

	s.mode = "auto";
	id = held(&c, &s, "pending");
	session_of(&other, ALICE, "orders");
	second = held(&other, &s, "pending");
	cr_assert_str_neq(second, id);
	cr_assert_eq(decide(BOB, id), 0);
	skip_pushes(&c);
	skip_pushes(&other);
	cr_assert_eq(consume(&other, id, s.meaning), IPC_FAIL, "not its own");
	cr_assert_eq(consume(&c, id, s.meaning), IPC_OK);
	client_close(&other);
}

Test(approver, what_waits_is_for_no_other_session)
{
	struct client other;
	const char *id = held(&c, &STMT, "pending");

	cr_assert_eq(decide(BOB, id), 0);
	skip_pushes(&c);
	session_of(&other, ALICE, "orders");
	cr_assert_str_neq(held(&other, &STMT, "pending"), id);
	cr_assert_eq(consume(&other, id, STMT.meaning), IPC_FAIL);
	cr_assert_eq(consume(&c, id, STMT.meaning), IPC_OK);
	client_close(&other);
}

/* ---- what is shown ---- */

Test(approver, a_tail_behind_spaces_is_in_the_list)
{
	static char sql[2000];
	static char far[700];
	struct stmt s = STMT;
	struct verbcall v;

	memset(sql, ' ', sizeof(sql) - 1);
	memcpy(sql, "delete from t", 13);
	memcpy(sql + sizeof(sql) - 40, "\n; drop table orders -- \xe2\x80\xae", 27);
	s.sql = sql;
	(void)held(&c, &s, "pending");
	memset(far, 'x', sizeof(far) - 1);
	memcpy(far, "delete from ", 12);
	memcpy(far + 199, "\xc3\xa9", 2);
	s.sql = far;
	(void)held(&c, &s, "pending");
	cr_assert_eq(verb_run(&r, &c, &v, "requests", "mine", "true", NULL), 0);
	cr_assert_eq(v.n_items, 2);
	for (size_t i = 0; i < 2; i++) {
		const char *line = verb_str(&v, i, "statement");

		if (strchr(line, ';') != NULL)
			cr_expect_str_eq(line, "delete from t ; drop table orders -- \\u{202e} ");
		else
			cr_expect_not_null(strstr(line, "xx\xe2\x80\xa6 (699 bytes)"), "%s", line);
	}
	verb_clear(&v);
}

Test(approver, parameters_that_cannot_be_read_are_said_to_be)
{
	struct buf *b = client_msg(&c, IPC_HOLD_NEW);
	struct verbcall v;
	struct client bob;
	char id[16];

	ipc_str(b, "sid", c.sid);
	ipc_bin(b, "sql", span_str("delete from t"));
	ipc_bin(b, "params", span_str("\x91\xa1x"));
	ipc_str(b, "class", "bulk");
	ipc_str(b, "rule", "r");
	ipc_str(b, "reason", "x");
	ipc_bin(b, "meaning", span_str(MEANING));
	ipc_str(b, "tx", "");
	ipc_str(b, "mode", "wait");
	cr_assert_eq(client_call(&c), IPC_OK);
	snprintf(id, sizeof(id), "%s", client_str(&c, "id"));
	client_open(&r, &bob, HERE);
	client_login(&bob, BOB);
	cr_assert_eq(verb_run(&r, &bob, &v, "show", "id", id, NULL), 0);
	cr_expect_not_null(strstr(verb_str(&v, 0, "params"), "cannot be read"));
	verb_clear(&v);
	client_close(&bob);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Held statements: an approval is for one thing, by somebody else, once, in time.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "monrig.h"
#include "server/hold.h"

#define HERE   "198.51.100.7"
#define MINUTE ((int64_t)60 * 1000000)

static struct rig r;
static struct client c; /* alice with a session */

static void session_of(struct client *x, enum rig_user u)
{
	client_open(&r, x, HERE);
	client_login(x, u);
	cr_assert_eq(
	    client_connect(x, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(x, "text"));
}

static void up(void)
{
	rig_up(&r);
	session_of(&c, ALICE);
}

static void down(void)
{
	client_close(&c);
	rig_down(&r);
}

TestSuite(hold, .init = up, .fini = down, .timeout = 60);

struct stmt {
	const char *sql, *params, *meaning, *cls, *mode;
	bool locks;
	const char *effect;
	int effect_rows;
};

static const struct stmt DELETE_ALL = {
    "delete from t", "x", "relation t\ttable public.t (oid 5)\n", "bulk", "wait", false, "", -1};

/* One parameter of type text. */
static struct span params_of(const char *value)
{
	static uint8_t bytes[64];
	struct buf b;
	size_t n;

	buf_init(&b, sizeof(bytes));
	mp_put_array(&b, 1);
	mp_put_array(&b, 3);
	mp_put_u64(&b, 25);
	mp_put_i64(&b, 0);
	mp_put_bin(&b, span_str(value));
	n = buf_len(&b);
	memcpy(bytes, buf_span(&b).p, n);
	buf_clear(&b);
	return span_of(bytes, n);
}

static int hold(struct client *x, const struct stmt *s)
{
	struct buf *b = client_msg(x, IPC_HOLD_NEW);

	ipc_str(b, "sid", x->sid);
	ipc_bin(b, "sql", span_str(s->sql));
	ipc_bin(b, "params", params_of(s->params));
	ipc_str(b, "class", s->cls);
	ipc_str(b, "rule", "base:env=prod/bulk");
	ipc_str(b, "reason", "DELETE without a proven bound");
	ipc_bin(b, "meaning", span_str(s->meaning));
	ipc_str(b, "tx", "idle");
	ipc_bool(b, "locks", s->locks);
	ipc_str(b, "mode", s->mode);
	ipc_str(b, "effect", s->effect);
	ipc_int(b, "effect_rows", s->effect_rows);
	return client_call(x);
}

static const char *held(struct client *x, const struct stmt *s, const char *state)
{
	static char ring[4][16];
	static int at;
	char *id = ring[at = (at + 1) % 4];

	cr_assert_eq(hold(x, s), IPC_OK, "%s", client_str(x, "text"));
	cr_assert_str_eq(client_str(x, "state"), state);
	snprintf(id, 16, "%s", client_str(x, "id"));
	cr_assert_eq(strlen(id), HOLD_ID_LEN);
	return id;
}

static int consume(struct client *x, const char *id, const char *meaning)
{
	struct buf *b = client_msg(x, IPC_HOLD_CONSUME);
	uint8_t hash[SHA256_LEN];

	ipc_str(b, "sid", x->sid);
	ipc_str(b, "id", id);
	sha256(span_str(meaning), hash);
	ipc_bin(b, "meaning", span_of(hash, sizeof(hash)));
	return client_call(x);
}

/* Decide over ssh as a user; the exit status of the verb. */
static int decide(enum rig_user u, const char *verb, const char *id)
{
	struct verbcall v;
	struct client x;
	int code;

	client_open(&r, &x, u == ROBOT ? "192.0.2.5" : HERE);
	client_login(&x, u);
	code = verb_run(&r, &x, &v, verb, "id", id, "why", "ticket 812", NULL);
	verb_clear(&v);
	client_close(&x);
	return code;
}

static enum req_state state_of(const char *id)
{
	struct request *q = request_get(r.m->store, id, NULL);
	enum req_state st;

	cr_assert_not_null(q);
	st = q->r.state;
	request_free(q);
	return st;
}

static void expect_push(struct client *x, const char *id, const char *state)
{
	cr_assert_eq(client_next(x, 3000), IPC_HOLD_DECIDED);
	cr_assert_str_eq(client_str(x, "id"), id);
	cr_assert_str_eq(client_str(x, "state"), state);
}

Test(hold, approved_and_used_once)
{
	struct rec_leaf l;
	const char *id = held(&c, &DELETE_ALL, "pending");

	cr_assert_str_eq(client_str(&c, "approvers"), "dba");
	cr_assert_eq(client_int(&c, "quorum"), 1);
	cr_assert_eq(client_int(&c, "wait_ms"), 15 * 60 * 1000);
	cr_assert_eq(consume(&c, id, DELETE_ALL.meaning), IPC_FAIL, "nobody has approved it");
	id = held(&c, &DELETE_ALL, "pending"); /* the failed use ended that one for the session */
	cr_assert_eq(decide(BOB, "approve", id), 0);
	expect_push(&c, id, "approved");
	cr_assert_str_eq(client_str(&c, "by"), "bob");
	cr_assert_str_eq(client_str(&c, "why"), "ticket 812");
	cr_assert_eq(rig_leaves(&r, LEAF_APPROVAL, c.sid, &l), 1);
	cr_assert_str_eq(l.who, "bob");
	cr_assert_str_eq(l.id, id);
	cr_assert_eq(consume(&c, id, DELETE_ALL.meaning), IPC_OK);
	cr_assert_eq(state_of(id), REQ_CONSUMED);
	cr_assert_eq(rig_leaves(&r, LEAF_APPROVAL, c.sid, &l), 2);
	cr_assert_str_eq(l.reason, "consumed");
	cr_assert_eq(consume(&c, id, DELETE_ALL.meaning), IPC_FAIL, "once");
	cr_assert_eq(decide(BOB, "approve", id), 4, "it is over");
}

Test(hold, another_meaning_is_another_statement)
{
	const char *id = held(&c, &DELETE_ALL, "pending");

	cr_assert_eq(decide(BOB, "approve", id), 0);
	expect_push(&c, id, "approved");
	cr_assert_eq(consume(&c, id, "relation t\tview pg_temp_3.t (oid 9)\n"), IPC_FAIL);
	cr_assert_eq(consume(&c, id, DELETE_ALL.meaning), IPC_FAIL, "withdrawn by the attempt");
	cr_assert_eq(state_of(id), REQ_WITHDRAWN);
}

Test(hold, every_part_of_the_binding_counts)
{
	static const uint8_t meaning[SHA256_LEN] = {1};
	const struct hold_subject base = {
	    "u", "p", "b", "t", "d", "l", span_str("sql"), span_str("params")};
	struct hold_subject v[10];
	uint8_t hash[11][SHA256_LEN];
	uint8_t other[SHA256_LEN] = {2};

	for (size_t i = 0; i < 10; i++)
		v[i] = base;
	v[0].user = "U";
	v[1].person = "P";
	v[2].on_behalf_of = "B";
	v[3].target = "T";
	v[4].database = "D";
	v[5].login = "L";
	v[6].sql = span_str("sql ");
	v[7].params = span_str("param");
	v[8].user = "up"; /* the border between two parts moves */
	v[8].person = "";
	hold_body(&base, hash[10]);
	for (size_t i = 0; i < 10; i++) {
		hold_body(&v[i], hash[i]);
		cr_assert(
		    (memcmp(hash[i], hash[10], SHA256_LEN) == 0) == (i == 9), "variant %zu", i);
	}
	hold_binding(hash[10], meaning, hash[0]);
	hold_binding(hash[10], other, hash[1]);
	cr_assert_neq(memcmp(hash[0], hash[1], SHA256_LEN), 0);
}

Test(hold, nobody_decides_for_himself)
{
	struct verbcall v;
	const char *id = held(&c, &DELETE_ALL, "pending");

	cr_assert_eq(decide(ALICE, "approve", id), 4, "the requester");
	cr_assert_eq(decide(ALICE_TOO, "approve", id), 4,
	    "the same person by another name, although in the approvers' group");
	cr_assert_eq(
	    decide(ROBOT, "approve", id), 4, "a machine, although in the approvers' group");
	cr_assert_eq(
	    decide(DAVE, "approve", id), 3, "an approver of other things does not even see it");
	cr_assert_eq(decide(EVE, "approve", id), 3);
	cr_assert_eq(verb_run(&r, NULL, &v, "approve", "id", id, NULL), 4, "uid 0");
	verb_clear(&v);
	cr_assert_eq(decide(ROBOT, "deny", id), 4);
	cr_assert_eq(state_of(id), REQ_PENDING);
	cr_assert_eq(decide(BOB, "approve", id), 0);
}

/* The rule itself, without the verb table and the store, which refuse most of this as well. */
Test(hold, the_rule_of_who_may_decide)
{
	static const struct {
		enum via via;
		const char *user, *person, *behalf, *group;
		bool service;
		int want;
	} cases[] = {
	    {VIA_CERT, "bob", "bob", "", "dba", false, 0},
	    {VIA_LOCAL, "bob", "bob", "", "dba", false, 0},
	    {VIA_KEY, "bob", "bob", "", "dba", false, E_DENIED},
	    {VIA_OPERATOR, "bob", "bob", "", "dba", false, E_DENIED},
	    {VIA_NOTHING, "bob", "bob", "", "dba", false, E_DENIED},
	    {VIA_CERT, "bob", "bob", "", "dba", true, E_DENIED},
	    {VIA_CERT, "bot", "bot", "bob", "dba", false, E_DENIED},
	    {VIA_CERT, "etl", "x", "", "dba", false, E_DENIED},
	    {VIA_CERT, "alias", "etl-person", "", "dba", false, E_DENIED},
	    {VIA_CERT, "carol", "x", "", "dba", false, E_DENIED},
	    {VIA_CERT, "x", "carol", "", "dba", false, E_DENIED},
	    {VIA_CERT, "bob", "bob", "", "dev", false, E_DENIED},
	    {VIA_CERT, "bob", "bob", "", "sec", false, E_DENIED},
	    {VIA_CERT, "bob", "bob", "", "", false, E_DENIED},
	};
	struct store_request q = {.id = "x",
	    .user = "etl",
	    .person = "etl-person",
	    .on_behalf_of = "carol",
	    .target = "orders-prod",
	    .approvers = "ops,dba"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ident id;
		struct why w;

		ident_init(&id);
		id.via = cases[i].via;
		id.service = cases[i].service;
		snprintf(id.user, sizeof(id.user), "%s", cases[i].user);
		snprintf(id.person, sizeof(id.person), "%s", cases[i].person);
		snprintf(id.on_behalf_of, sizeof(id.on_behalf_of), "%s", cases[i].behalf);
		if (cases[i].group[0] != '\0')
			list_add(&id.groups, cases[i].group);
		cr_assert_eq(
		    hold_may_decide(mon_conf(r.m), &id, &q, &w), cases[i].want, "case %zu", i);
		ident_clear(&id);
	}
}

Test(hold, a_plain_key_decides_nothing)
{
	struct verbcall v;
	struct client x;
	const char *id = held(&c, &DELETE_ALL, "pending");

	client_open(&r, &x, HERE);
	cr_assert_eq(client_auth_key(&x, "bob", buf_span(&r.blob[BOB])), IPC_OK);
	cr_assert_eq(client_done(&x, true), IPC_OK);
	cr_assert_eq(verb_run(&r, &x, &v, "approve", "id", id, NULL), 4);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &x, &v, "requests", NULL), 4);
	verb_clear(&v);
	client_close(&x);
	cr_assert_eq(state_of(id), REQ_PENDING);
}

Test(hold, denied)
{
	const char *id = held(&c, &DELETE_ALL, "pending");

	cr_assert_eq(decide(BOB, "deny", id), 0);
	expect_push(&c, id, "denied");
	cr_assert_eq(consume(&c, id, DELETE_ALL.meaning), IPC_FAIL);
	cr_assert_eq(decide(BOB, "approve", id), 4);
	cr_assert_eq(state_of(id), REQ_DENIED);
}

Test(hold, withdrawn_by_the_session_and_by_the_requester)
{
	struct buf *b;
	const char *id = held(&c, &DELETE_ALL, "pending");

	b = client_msg(&c, IPC_HOLD_WITHDRAW);
	ipc_str(b, "sid", c.sid);
	ipc_str(b, "id", id);
	ipc_str(b, "why", "cancelled by the user");
	cr_assert_eq(client_call(&c), IPC_OK);
	cr_assert_eq(state_of(id), REQ_WITHDRAWN);
	cr_assert_eq(decide(BOB, "approve", id), 4);
	id = held(&c, &DELETE_ALL, "pending");
	cr_assert_eq(decide(ALICE, "deny", id), 0);
	expect_push(&c, id, "withdrawn");
}

Test(hold, expires)
{
	const char *id = held(&c, &DELETE_ALL, "pending");
	struct client bob;
	struct verbcall v;

	client_open(&r, &bob, HERE);
	client_login(&bob, BOB);
	clock_test_shift_us(15 * MINUTE + 1000000);
	expect_push(&c, id, "expired");
	cr_assert_eq(state_of(id), REQ_EXPIRED);
	cr_assert_eq(verb_run(&r, &bob, &v, "approve", "id", id, NULL), 4);
	verb_clear(&v);
	client_close(&bob);
	cr_assert_eq(consume(&c, id, DELETE_ALL.meaning), IPC_FAIL);
}

Test(hold, an_approval_expires_too)
{
	const char *id = held(&c, &DELETE_ALL, "pending");

	cr_assert_eq(decide(BOB, "approve", id), 0);
	expect_push(&c, id, "approved");
	clock_test_shift_us(15 * MINUTE + 1000000);
	cr_assert_eq(consume(&c, id, DELETE_ALL.meaning), IPC_FAIL);
}

Test(hold, waiting_with_locks_is_short)
{
	struct stmt s = DELETE_ALL;

	s.locks = true;
	(void)held(&c, &s, "pending");
	cr_assert_eq(client_int(&c, "wait_ms"), 60000);
}

Test(hold, waiting_ones_go_with_the_session)
{
	struct stmt later = DELETE_ALL;
	const char *wait = held(&c, &DELETE_ALL, "pending");
	const char *reject;

	later.sql = "delete from u";
	later.mode = "reject";
	reject = held(&c, &later, "pending");
	cr_assert_eq(client_int(&c, "wait_ms"), 0);
	fd_close(&c.sock);
	rig_spin(&r, 50);
	cr_assert_eq(state_of(wait), REQ_WITHDRAWN);
	cr_assert_eq(decide(BOB, "approve", wait), 4, "nothing runs later");
	cr_assert_eq(state_of(reject), REQ_PENDING);
}

Test(hold, what_was_refused_with_an_id_may_come_again_once)
{
	struct client again;
	struct stmt s = DELETE_ALL;
	const char *id;

	s.mode = "reject";
	id = held(&c, &s, "pending");
	cr_assert_str_eq(held(&c, &s, "pending"), id, "the same statement makes no second request");
	cr_assert_eq(decide(BOB, "approve", id), 0);
	session_of(&again, ALICE);
	s.sql = "delete from  t";
	(void)held(&again, &s, "pending"); /* a near miss */
	s.sql = DELETE_ALL.sql;
	s.params = "y";
	(void)held(&again, &s, "pending");
	s.params = DELETE_ALL.params;
	cr_assert_str_eq(held(&again, &s, "approved"), id);
	cr_assert_str_eq(client_str(&again, "by"), "bob");
	cr_assert_eq(consume(&again, id, s.meaning), IPC_OK);
	cr_assert_str_neq(held(&again, &s, "pending"), id, "it was used");
	client_close(&again);
}

/* What a later session may change is what was measured when it was asked for, not what it says itself. */
Test(hold, the_measured_effect_is_shown_and_comes_back_with_the_approval)
{
	struct client again;
	struct verbcall v;
	struct stmt s = DELETE_ALL;
	const char *id;

	s.mode = "reject";
	s.effect = "changes 120 of 10 000 rows of t; rolled back";
	s.effect_rows = 120;
	id = held(&c, &s, "pending");
	cr_assert_eq(client_int(&c, "effect_rows"), 120);
	cr_assert_eq(verb_run(&r, &c, &v, "requests", "mine", "true", NULL), 0);
	cr_assert_str_eq(verb_str(&v, 0, "rows"), "120");
	cr_assert_str_eq(verb_str(&v, 0, "effect"), s.effect);
	verb_clear(&v);
	session_of(&again, ALICE);
	s.effect_rows = 9999;
	cr_assert_str_eq(held(&again, &s, "pending"), id);
	cr_assert_eq(client_int(&again, "effect_rows"), 120);
	cr_assert_eq(decide(BOB, "approve", id), 0);
	expect_push(&again, id, "approved");
	cr_assert_str_eq(held(&again, &s, "approved"), id);
	cr_assert_eq(client_int(&again, "effect_rows"), 120);
	client_close(&again);
}

Test(hold, another_user_cannot_use_it)
{
	struct client bob;
	struct stmt s = DELETE_ALL;
	const char *id;

	s.mode = "reject";
	id = held(&c, &s, "pending");
	cr_assert_eq(decide(BOB, "approve", id), 0);
	session_of(&bob, BOB);
	cr_assert_str_neq(held(&bob, &s, "pending"), id);
	cr_assert_eq(consume(&bob, id, s.meaning), IPC_FAIL, "not of this session");
	cr_assert_eq(state_of(id), REQ_APPROVED);
	client_close(&bob);
}

Test(hold, the_view_decides_what_may_be_asked_for)
{
	static const char *const never[] = {"escape", "unparsable", "privilege"};
	struct stmt s = DELETE_ALL;

	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		s.cls = never[i];
		cr_assert_eq(hold(&c, &s), IPC_FAIL, "%s", never[i]);
		cr_assert_str_eq(client_str(&c, "sqlstate"), "42501");
	}
}

Test(hold, no_more_than_so_many_undecided)
{
	struct stmt s = DELETE_ALL;
	char sql[32];

	s.sql = sql;
	for (int i = 0; i <= HOLD_PENDING_MAX; i++) {
		snprintf(sql, sizeof(sql), "delete from t%d", i);
		cr_assert_eq(
		    hold(&c, &s), i < HOLD_PENDING_MAX ? IPC_OK : IPC_FAIL, "number %d", i);
	}
	cr_assert_str_eq(client_str(&c, "sqlstate"), "54000");
}

Test(hold, long_statements_come_in_parts)
{
	static char part[65536];
	struct stmt s = DELETE_ALL;
	struct request *q;
	struct verbcall v;
	struct client bob;
	size_t n;

	memset(part, 'a', sizeof(part));
	for (int i = 0; i < 4; i++) {
		struct buf *b = client_msg(&c, IPC_HOLD_PART);

		ipc_str(b, "sid", c.sid);
		ipc_bin(b, "part", span_of(part, sizeof(part)));
		cr_assert_eq(client_call(&c), IPC_OK);
	}
	s.sql = "end";
	q = request_get(r.m->store, held(&c, &s, "pending"), NULL);
	cr_assert_eq(q->r.sql.n, 4 * sizeof(part) + 3);
	client_open(&r, &bob, HERE);
	client_login(&bob, BOB);
	cr_assert_eq(verb_run(&r, &bob, &v, "show", "id", q->r.id, NULL), 0);
	n = strlen(verb_str(&v, 0, "sql"));
	for (size_t i = 1; i < v.n_items; i++) {
		struct mp_doc *d;

		cr_assert_eq(mp_parse(buf_span(&v.items[i]), &d, NULL), 0);
		n += mp_span(mp_get(mp_root(d), "sql_part")).n;
		mp_free(d);
	}
	cr_assert_geq(n, 4 * sizeof(part)); /* verb_str() cuts the first item by a byte */
	verb_clear(&v);
	client_close(&bob);
	request_free(q);
	cr_assert_eq(hold(&c, &DELETE_ALL), IPC_OK, "nothing of it is left");
	q = request_get(r.m->store, client_str(&c, "id"), NULL);
	cr_assert(span_is(q->r.sql, DELETE_ALL.sql));
	request_free(q);
}

Test(hold, endless_parts_end_the_process)
{
	static char part[65536];
	int t = IPC_OK;

	for (int i = 0; i < 30 && t == IPC_OK; i++) {
		struct buf *b = client_msg(&c, IPC_HOLD_PART);

		ipc_str(b, "sid", c.sid);
		ipc_bin(b, "part", span_of(part, sizeof(part)));
		t = client_call(&c);
	}
	cr_assert_eq(t, 0);
	cr_assert(client_killed(&c));
}

Test(hold, shown_to_those_it_concerns)
{
	struct verbcall v;
	struct client x;
	struct rec_leaf l;
	const char *id = held(&c, &DELETE_ALL, "pending");

	cr_assert_eq(verb_run(&r, &c, &v, "requests", "mine", "true", NULL), 0);
	cr_assert_eq(v.n_items, 1);
	cr_assert_str_eq(verb_str(&v, 0, "id"), id);
	cr_assert_str_eq(verb_str(&v, 0, "mine"), "true");
	cr_assert_str_eq(verb_str(&v, 0, "can_approve"), "false");
	verb_clear(&v);
	client_open(&r, &x, HERE);
	client_login(&x, BOB);
	cr_assert_eq(verb_run(&r, &x, &v, "requests", NULL), 0);
	cr_assert_eq(v.n_items, 1);
	cr_assert_str_eq(verb_str(&v, 0, "can_approve"), "true");
	cr_assert_str_eq(verb_str(&v, 0, "who"), "alice");
	cr_assert_str_eq(verb_str(&v, 0, "statement"), DELETE_ALL.sql);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &x, &v, "show", "id", id, NULL), 0);
	cr_assert_str_eq(verb_str(&v, 0, "sql"), DELETE_ALL.sql);
	cr_assert_str_eq(verb_str(&v, 0, "params"), "$1 = 'x' (text)\n");
	cr_assert_eq(rig_leaves(&r, LEAF_READ, c.sid, &l), 1, "reading a statement leaves a trace");
	cr_assert_str_eq(l.who, "bob");
	verb_clear(&v);
	client_close(&x);
	client_open(&r, &x, HERE);
	client_login(&x, DAVE);
	cr_assert_eq(verb_run(&r, &x, &v, "requests", "all", "true", NULL), 0);
	cr_assert_eq(v.n_items, 0);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &x, &v, "show", "id", id, NULL), 3);
	verb_clear(&v);
	client_close(&x);
}

Test(hold, a_new_configuration_only_tightens)
{
	struct verbcall v;
	struct stmt s = DELETE_ALL;
	const char *bulk = held(&c, &s, "pending");
	const char *schema;

	s.cls = "schema";
	s.sql = "create table x ()";
	schema = held(&c, &s, "pending");
	rig_conf(&r, "base: {env=prod: {bulk: allow, schema: deny}}\n");
	cr_assert_eq(verb_run(&r, NULL, &v, "reload", NULL), 0, "%s", verb_text(&v));
	verb_clear(&v);
	cr_assert_eq(state_of(bulk), REQ_PENDING, "not loosened");
	cr_assert_eq(state_of(schema), REQ_DENIED);
	cr_assert_eq(client_next(&c, 1000), IPC_POLICY);
	expect_push(&c, schema, "denied");
	cr_assert_str_eq(client_str(&c, "by"), "policy");
}

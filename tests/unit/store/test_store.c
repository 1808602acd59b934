/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store promises about certificates, sessions and requests, also with several processes at
 * once.
 */
#include "fixture.h"

#include <sys/wait.h>

#define CHILDREN 6

/* --- certificates --- */

Test(store, serials_never_repeat)
{
	struct store *s = open_fresh();
	uint64_t a, b, c;

	cr_assert_eq(store_serial_next(s, &a), 0);
	cr_assert_eq(store_serial_next(s, &b), 0);
	store_close(s);
	s = open_again();
	cr_assert_eq(store_serial_next(s, &c), 0);
	cr_assert(a == 1 && b == 2 && c == 3);
	cr_assert_eq(store_cert_add(s,
			 &(struct store_cert){.serial = 3, .user = "alice", .valid_before_s = 9}),
	    0);
	cr_assert_eq(
	    store_cert_add(s, &(struct store_cert){.serial = 3, .user = "mallory"}), E_EXISTS);
	cr_assert_lt(store_cert_add(s, &(struct store_cert){.serial = 0, .user = "x"}), 0);
	cr_assert_lt(store_cert_add(s, &(struct store_cert){.serial = UINT64_MAX, .user = "x"}), 0);
	store_close(s);
	remove_all();
}

/* --- sessions --- */

struct seen {
	char text[4000];
	int n, stop_after;
};

static int see_session(void *ctx, const struct store_session *x)
{
	struct seen *v = ctx;
	size_t at = strlen(v->text);

	(void)snprintf(
	    v->text + at, sizeof(v->text) - at, "%s:%llu ", x->id, (unsigned long long)x->counter);
	return ++v->n == v->stop_after;
}

static const char *list_sessions(struct store *s, struct store_session_filter f)
{
	static struct seen v;

	memset(&v, 0, sizeof(v));
	cr_assert_eq(store_session_list(s, &f, see_session, &v), 0);
	return v.text;
}

/* An agent's sessions are also the person's; two agents of one name are told apart by the person. */
Test(store, sessions_of_agents)
{
	struct store *s = open_fresh();
	struct store_session x = a_session("A1"), y = a_session("A2"), z = a_session("A3");
	uint64_t n;

	x.user = "carol";
	y.user = z.user = "agent:etl";
	y.on_behalf_of = "carol";
	z.on_behalf_of = "bob";
	cr_assert_eq(store_session_start(s, &x, &n), 0);
	cr_assert_eq(store_session_start(s, &y, &n), 0);
	cr_assert_eq(store_session_start(s, &z, &n), 0);
	for (int live = 0; live < 2; live++) {
		struct store_session_filter f = {.user = "carol", .live_only = live};

		cr_assert_str_eq(list_sessions(s, f), "A2:2 A1:1 ");
		f.on_behalf_of = "";
		cr_assert_str_eq(list_sessions(s, f), "A1:1 ");
		f.user = "agent:etl";
		f.on_behalf_of = "carol";
		cr_assert_str_eq(list_sessions(s, f), "A2:2 ");
		f.on_behalf_of = NULL;
		cr_assert_str_eq(list_sessions(s, f), "A3:3 A2:2 ");
	}
	store_close(s);
	remove_all();
}

static int check_fields(void *ctx, const struct store_session *x)
{
	(void)ctx;
	cr_assert_str_eq(x->person, "alice");
	cr_assert_str_eq(x->database, "orders");
	cr_assert_str_eq(x->login, "app_ro");
	cr_assert_str_eq(x->source, "203.0.113.9");
	cr_assert_str_eq(x->client, "psql");
	cr_assert_str_eq(x->cert_serial, "1041");
	cr_assert_eq(x->start_us, 5 * SEC);
	cr_assert_eq(x->end_us, 9 * SEC);
	cr_assert_str_eq(x->end_reason, "closed");
	cr_assert(x->statements == 3 && x->rows == 4 && x->bytes == INT64_MAX);
	return 0;
}

Test(store, sessions)
{
	struct store *s = open_fresh();
	struct store_session x = a_session("A1"), y = a_session("A2"), z = a_session("B1");
	uint64_t n;

	z.user = "carol";
	z.target = "orders-stg";
	z.start_us = 50 * SEC;
	cr_assert_eq(store_session_start(s, &x, &n), 0);
	cr_assert_eq(n, 1);
	cr_assert_eq(store_session_start(s, &x, &n), E_EXISTS);
	cr_assert_eq(n, 0);
	cr_assert_eq(store_session_start(s, &y, &n), 0);
	cr_assert_eq(n, 2, "the refused one left no gap");
	cr_assert_eq(store_session_start(s, &z, &n), 0);
	cr_assert_str_eq(list_sessions(s, (struct store_session_filter){0}), "B1:3 A2:2 A1:1 ");
	cr_assert_str_eq(
	    list_sessions(s, (struct store_session_filter){.id_prefix = "A"}), "A2:2 A1:1 ");
	cr_assert_str_eq(list_sessions(s, (struct store_session_filter){.id_prefix = "%"}), "");
	cr_assert_str_eq(list_sessions(s, (struct store_session_filter){.user = "carol"}), "B1:3 ");
	cr_assert_str_eq(
	    list_sessions(s, (struct store_session_filter){.target = "orders-prod"}), "A2:2 A1:1 ");
	cr_assert_str_eq(
	    list_sessions(s, (struct store_session_filter){.since_us = 6 * SEC}), "B1:3 ");
	cr_assert_str_eq(list_sessions(s, (struct store_session_filter){.limit = 1}), "B1:3 ");
	cr_assert_eq(store_session_end(s, "A1", "closed", 9 * SEC, 3, 4, UINT64_MAX), 0);
	cr_assert_eq(store_session_end(s, "A1", "closed", 9 * SEC, 3, 4, 5), E_STATE);
	cr_assert_eq(store_session_end(s, "nope", "closed", 9 * SEC, 3, 4, 5), E_NOTFOUND);
	cr_assert_lt(store_session_end(s, "A2", "closed", 0, 3, 4, 5), 0, "0 would mean live");
	cr_assert_str_eq(
	    list_sessions(s, (struct store_session_filter){.live_only = true}), "B1:3 A2:2 ");
	cr_assert_eq(store_session_list(
			 s, &(struct store_session_filter){.id_prefix = "A1"}, check_fields, NULL),
	    0);
	store_close(s);
	remove_all();
}

/* --- requests --- */

static int copy_request(void *ctx, const struct store_request *r)
{
	*(enum req_state *)ctx = r->state;
	return 0;
}

static enum req_state state_of(struct store *s, const char *id)
{
	enum req_state st = (enum req_state)99;

	cr_assert_eq(store_request_get(s, id, copy_request, &st), 0);
	return st;
}

static int check_request(void *ctx, const struct store_request *r)
{
	const struct store_request *want = ctx;

	cr_assert_str_eq(r->id, want->id);
	cr_assert(span_eq(r->sql, want->sql), "bytes behind a NUL are kept");
	cr_assert(span_eq(r->params, want->params));
	cr_assert_arr_eq(r->binding, want->binding, 32);
	cr_assert_str_eq(r->session, want->session);
	cr_assert_str_eq(r->user, want->user);
	cr_assert_str_eq(r->person, want->person);
	cr_assert_str_eq(r->on_behalf_of, "");
	cr_assert_str_eq(r->target, want->target);
	cr_assert_str_eq(r->database, want->database);
	cr_assert_str_eq(r->login, want->login);
	cr_assert_str_eq(r->cls, want->cls);
	cr_assert_str_eq(r->rule, want->rule);
	cr_assert_str_eq(r->reason, want->reason);
	cr_assert_str_eq(r->meaning, want->meaning);
	cr_assert_str_eq(r->tx, want->tx);
	cr_assert_str_eq(r->effect, want->effect);
	cr_assert_eq(r->effect_rows, want->effect_rows);
	cr_assert_str_eq(r->approval, want->approval);
	cr_assert_str_eq(r->approvers, want->approvers);
	cr_assert_eq(r->quorum, 1);
	cr_assert(r->waiting && !r->outlives);
	cr_assert(r->created_us == want->created_us && r->deadline_us == want->deadline_us);
	cr_assert_eq(r->state, REQ_PENDING);
	cr_assert_eq(r->approvals, 0);
	return 0;
}

Test(store, request_fields_and_prefixes)
{
	struct store *s = open_fresh();
	struct store_request r = a_request("7f3a9c0000"), o = a_request("7f3b000000"),
			     longer = a_request("7f3a9c0000zz");
	enum req_state st;

	cr_assert_eq(store_request_add(s, &r), 0);
	cr_assert_eq(store_request_add(s, &r), E_EXISTS);
	cr_assert_eq(store_request_add(s, &o), 0);
	cr_assert_eq(store_request_get(s, "7f3a9c0000", check_request, &r), 0);
	cr_assert_eq(store_request_get(s, "7f3a", check_request, &r), 0);
	cr_assert_eq(
	    store_request_get(s, "7f3", copy_request, &st), E_NOTFOUND, "too short to be meant");
	cr_assert_eq(store_request_get(s, "7f3c", copy_request, &st), E_NOTFOUND);
	cr_assert_eq(store_request_get(s, "____", copy_request, &st), E_NOTFOUND);
	cr_assert_eq(store_request_add(s, &longer), 0);
	cr_assert_eq(store_request_get(s, "7f3a9c", copy_request, &st), E_EXISTS, "ambiguous");
	cr_assert_eq(store_request_get(s, "7f3a9c0000", check_request, &r), 0,
	    "an exact id is not ambiguous");
	r.id = "8f3a9c0000";
	r.state = REQ_APPROVED;
	cr_assert_eq(store_request_add(s, &r), E_STATE, "nothing is born approved");
	r.state = REQ_PENDING;
	r.quorum = 0;
	cr_assert_eq(store_request_add(s, &r), E_STATE);
	store_close(s);
	remove_all();
}

static int approve(struct store *s, const char *id, const char *user, const char *person, const char *why, int64_t at_us,
    bool *now)
{
	return store_request_approve(
	    s, id, &(struct store_approval){.user = user, .person = person, .why = why, .at_us = at_us}, now);
}

static int see_request(void *ctx, const struct store_request *r)
{
	struct seen *v = ctx;
	size_t at = strlen(v->text);

	(void)snprintf(
	    v->text + at, sizeof(v->text) - at, "%s:%s ", r->id, req_state_name(r->state));
	return ++v->n == v->stop_after;
}

Test(store, request_lists)
{
	struct store *s = open_fresh();
	struct store_request a = a_request("aaaaaaaaaa"), b = a_request("bbbbbbbbbb");
	struct seen v = {.n = 0};
	bool now;

	b.user = "carol";
	b.session = "other";
	b.created_us = 150 * SEC;
	cr_assert_eq(store_request_add(s, &a), 0);
	cr_assert_eq(store_request_add(s, &b), 0);
	cr_assert_eq(
	    store_request_list(s, &(struct store_request_filter){.limit = 0}, see_request, &v), 0);
	cr_assert_str_eq(v.text, "bbbbbbbbbb:pending aaaaaaaaaa:pending ");
	memset(&v, 0, sizeof(v));
	cr_assert_eq(
	    store_request_list(s, &(struct store_request_filter){.user = "carol"}, see_request, &v),
	    0);
	cr_assert_str_eq(v.text, "bbbbbbbbbb:pending ");
	memset(&v, 0, sizeof(v));
	cr_assert_eq(store_request_list(
			 s, &(struct store_request_filter){.session = a.session}, see_request, &v),
	    0);
	cr_assert_str_eq(v.text, "aaaaaaaaaa:pending ");
	cr_assert_eq(
	    store_request_move(s, b.id, 1u << REQ_PENDING, REQ_DENIED, "bob", "no", 160 * SEC), 0);
	cr_assert_eq(approve(s, a.id, "bob", "bob", "ok", 150 * SEC, &now), 0);
	memset(&v, 0, sizeof(v));
	cr_assert_eq(store_request_list(
			 s, &(struct store_request_filter){.open_only = true}, see_request, &v),
	    0);
	cr_assert_str_eq(v.text, "aaaaaaaaaa:approved ");
	store_close(s);
	remove_all();
}

static int check_decided(void *ctx, const struct store_request *r)
{
	(void)ctx;
	cr_assert_eq(r->approvals, 2);
	cr_assert_str_eq(r->decided_by, "bob@x, dave@x");
	cr_assert_str_eq(r->decided_why, "second");
	cr_assert_eq(r->decided_us, 130 * SEC);
	return 0;
}

Test(store, quorum_counts_persons)
{
	struct store *s = open_fresh();
	struct store_request r = a_request("aaaaaaaaaa");
	bool now;

	r.quorum = 2;
	r.on_behalf_of = "carol";
	cr_assert_eq(store_request_add(s, &r), 0);
	cr_assert_eq(approve(s, r.id, "alice2", "alice", "me", 120 * SEC, &now),
	    E_DENIED, "the requester does not decide");
	cr_assert_eq(approve(s, r.id, "carol", "carol", "me", 120 * SEC, &now),
	    E_DENIED, "nor the person behind");
	cr_assert_eq(approve(s, r.id, "x", "", "me", 120 * SEC, &now), E_DENIED);
	cr_assert_eq(approve(s, r.id, "bob@x", "bob", "first", 120 * SEC, &now), 0);
	cr_assert(!now);
	cr_assert_eq(state_of(s, r.id), REQ_PENDING);
	cr_assert_eq(approve(s, r.id, "bob@y", "bob", "again", 121 * SEC, &now),
	    E_EXISTS, "one person, two identities: one yes");
	cr_assert_eq(state_of(s, r.id), REQ_PENDING);
	cr_assert_eq(
	    approve(s, r.id, "dave@x", "dave", "second", 130 * SEC, &now), 0);
	cr_assert(now);
	cr_assert_eq(store_request_get(s, r.id, check_decided, NULL), 0);
	cr_assert_eq(
	    approve(s, r.id, "erin", "erin", "late", 131 * SEC, &now), E_STATE);
	cr_assert_eq(approve(s, "zzzzzzzzzz", "erin", "erin", "", 131 * SEC, &now),
	    E_NOTFOUND);
	store_close(s);
	remove_all();
}

static int see_approval(void *ctx, const struct store_approval *a)
{
	struct seen *v = ctx;

	if (v->n++ == 0) {
		cr_assert_str_eq(a->user, "bob@x");
		cr_assert_str_eq(a->person, "bob");
		cr_assert_str_eq(a->why, "first");
		cr_assert_eq(a->at_us, 120 * SEC);
		cr_assert_eq(a->via, 3);
		cr_assert_str_eq(a->issuer, "corp");
		cr_assert_str_eq(a->groups, "dba,dev");
		cr_assert_eq(a->serial, 77);
		cr_assert_str_eq(a->key_id, "user=bob");
		cr_assert_str_eq(a->key_fp, "SHA256:k");
		cr_assert_str_eq(a->ca_fp, "SHA256:c");
	} else {
		cr_assert_str_eq(a->person, "dave");
		cr_assert_str_eq(a->key_id, "");
	}
	return 0;
}

Test(store, approvals_say_who_and_may_be_dropped)
{
	struct store *s = open_fresh();
	struct store_request r = a_request("aaaaaaaaaa");
	struct store_approval a = {"bob@x", "bob", "first", 120 * SEC, 3, "corp", "dba,dev", 77, "user=bob", "SHA256:k",
	    "SHA256:c"};
	struct seen v = {.n = 0};
	bool now;

	r.quorum = 3;
	cr_assert_eq(store_request_add(s, &r), 0);
	cr_assert_eq(store_request_approve(s, r.id, &a, &now), 0);
	cr_assert_eq(approve(s, r.id, "dave@x", "dave", "", 121 * SEC, &now), 0);
	cr_assert_eq(store_approval_list(s, r.id, see_approval, &v), 0);
	cr_assert_eq(v.n, 2);
	cr_assert_eq(store_approval_drop(s, r.id, "mallory"), E_NOTFOUND);
	cr_assert_eq(store_approval_drop(s, "bbbbbbbbbb", "bob"), E_NOTFOUND);
	cr_assert_eq(store_approval_drop(s, r.id, "dave"), 0);
	cr_assert_eq(approve(s, r.id, "erin", "erin", "", 122 * SEC, &now), 0);
	cr_assert(!now, "the one that was dropped does not count");
	cr_assert_eq(approve(s, r.id, "dave@x", "dave", "again", 123 * SEC, &now), 0);
	cr_assert(now);
	store_close(s);
	remove_all();
}

Test(store, consumed_once_and_only_with_its_binding)
{
	struct store *s = open_fresh();
	struct store_request r = a_request("aaaaaaaaaa");
	uint8_t other[32] = {1};
	enum req_state st;
	bool now;

	r.outlives = true;
	cr_assert_eq(store_request_add(s, &r), 0);
	cr_assert_eq(
	    store_request_consume(s, r.id, r.binding, 110 * SEC), E_STATE, "not approved yet");
	cr_assert_eq(store_request_find(s, r.binding, 110 * SEC, copy_request, &st), E_NOTFOUND);
	cr_assert_eq(approve(s, r.id, "bob", "bob", "", 110 * SEC, &now), 0);
	cr_assert(now);
	cr_assert_eq(store_request_find(s, r.binding, 110 * SEC, copy_request, &st), 0);
	cr_assert_eq(store_request_find(s, other, 110 * SEC, copy_request, &st), E_NOTFOUND);
	cr_assert_eq(store_request_find(s, r.binding, 200 * SEC, copy_request, &st), E_NOTFOUND,
	    "past the deadline");
	cr_assert_eq(store_request_consume(s, r.id, other, 110 * SEC), E_DENIED);
	cr_assert_eq(
	    store_request_consume(s, r.id, r.binding, 200 * SEC), E_STATE, "past the deadline");
	cr_assert_eq(store_request_consume(s, r.id, r.binding, 111 * SEC), 0);
	cr_assert_eq(store_request_consume(s, r.id, r.binding, 111 * SEC), E_STATE, "once");
	cr_assert_eq(store_request_consume(s, r.id, other, 111 * SEC), E_STATE);
	cr_assert_eq(store_request_consume(s, "zzzzzzzzzz", other, 111 * SEC), E_NOTFOUND);
	cr_assert_eq(store_request_find(s, r.binding, 111 * SEC, copy_request, &st), E_NOTFOUND);
	store_close(s);
	remove_all();
}

Test(store, a_request_that_does_not_outlive_is_not_found_by_binding)
{
	struct store *s = open_fresh();
	struct store_request r = a_request("aaaaaaaaaa");
	enum req_state st;
	bool now;

	cr_assert_eq(store_request_add(s, &r), 0);
	cr_assert_eq(approve(s, r.id, "bob", "bob", "", 110 * SEC, &now), 0);
	cr_assert_eq(store_request_find(s, r.binding, 110 * SEC, copy_request, &st), E_NOTFOUND);
	store_close(s);
	remove_all();
}

Test(store, final_states_are_final)
{
	static const enum req_state finals[] = {REQ_DENIED, REQ_EXPIRED, REQ_WITHDRAWN};
	const unsigned open_mask = (1u << REQ_PENDING) | (1u << REQ_APPROVED);
	struct store *s = open_fresh();
	struct store_request r = a_request("aaaaaaaaaa");
	char id[16];
	bool now;
	size_t i;

	for (i = 0; i < 3; i++) {
		(void)snprintf(id, sizeof(id), "aaaaaaaaa%zu", i);
		r.id = id;
		cr_assert_eq(store_request_add(s, &r), 0);
		cr_assert_eq(
		    store_request_move(s, id, 1u << REQ_APPROVED, finals[i], "b", "w", 120 * SEC),
		    E_STATE);
		cr_assert_eq(
		    store_request_move(s, id, open_mask, finals[i], "b", "w", 120 * SEC), 0);
		cr_assert_eq(state_of(s, id), finals[i]);
		cr_assert_eq(
		    store_request_move(s, id, open_mask, REQ_WITHDRAWN, "b", "w", 121 * SEC),
		    E_STATE);
		cr_assert_eq(
		    approve(s, id, "bob", "bob", "", 121 * SEC, &now), E_STATE);
		cr_assert_eq(store_request_consume(s, id, r.binding, 121 * SEC), E_STATE);
	}
	cr_assert_eq(store_request_move(s, id, open_mask, REQ_APPROVED, "b", "w", 0), E_STATE,
	    "approve is the only way");
	cr_assert_eq(store_request_move(s, id, open_mask, REQ_CONSUMED, "b", "w", 0), E_STATE);
	cr_assert_eq(
	    store_request_move(s, id, 1u << REQ_DENIED, REQ_WITHDRAWN, "b", "w", 0), E_STATE);
	cr_assert_eq(
	    store_request_move(s, "zzzzzzzzzz", open_mask, REQ_WITHDRAWN, "b", "w", 0), E_NOTFOUND);
	store_close(s);
	remove_all();
}

Test(store, expiry)
{
	struct store *s = open_fresh();
	struct store_request a = a_request("aaaaaaaaaa"), b = a_request("bbbbbbbbbb"),
			     c = a_request("cccccccccc");
	struct seen v = {.n = 0};
	bool now;

	c.deadline_us = 300 * SEC;
	cr_assert_eq(store_request_add(s, &a), 0);
	cr_assert_eq(store_request_add(s, &b), 0);
	cr_assert_eq(store_request_add(s, &c), 0);
	cr_assert_eq(approve(s, b.id, "bob", "bob", "", 110 * SEC, &now), 0);
	cr_assert_eq(store_request_expire(s, 199 * SEC, see_request, &v), 0);
	cr_assert_eq(v.n, 0);
	cr_assert_eq(approve(s, a.id, "bob", "bob", "", 200 * SEC, &now), E_STATE,
	    "past its deadline, even before it is marked");
	cr_assert_eq(store_request_expire(s, 200 * SEC, see_request, &v), 0);
	cr_assert_eq(v.n, 2);
	cr_assert_eq(state_of(s, a.id), REQ_EXPIRED);
	cr_assert_eq(state_of(s, b.id), REQ_EXPIRED, "an approval that is not used expires, too");
	cr_assert_eq(state_of(s, c.id), REQ_PENDING);
	cr_assert_eq(store_request_expire(s, 201 * SEC, see_request, &v), 0);
	cr_assert_eq(v.n, 2, "told once");
	store_close(s);
	remove_all();
}

Test(store, orphans_are_withdrawn)
{
	struct store *s = open_fresh();
	struct store_request live = a_request("aaaaaaaaaa"), ended = a_request("bbbbbbbbbb"),
			     gone = a_request("cccccccccc"), later = a_request("dddddddddd");
	struct store_session x = a_session("S1"), y = a_session("S2");
	uint64_t n;

	cr_assert_eq(store_session_start(s, &x, &n), 0);
	cr_assert_eq(store_session_start(s, &y, &n), 0);
	cr_assert_eq(store_session_end(s, "S2", "crash", 9 * SEC, 0, 0, 0), 0);
	live.session = "S1";
	ended.session = "S2";
	later.waiting = false;
	cr_assert_eq(store_request_add(s, &live), 0);
	cr_assert_eq(store_request_add(s, &ended), 0);
	cr_assert_eq(store_request_add(s, &gone), 0);
	cr_assert_eq(store_request_add(s, &later), 0);
	cr_assert_eq(store_request_withdraw_orphans(s, 120 * SEC), 0);
	cr_assert_eq(state_of(s, live.id), REQ_PENDING);
	cr_assert_eq(state_of(s, ended.id), REQ_WITHDRAWN);
	cr_assert_eq(state_of(s, gone.id), REQ_WITHDRAWN);
	cr_assert_eq(
	    state_of(s, later.id), REQ_PENDING, "nobody waits for it: it may be used later");
	store_close(s);
	remove_all();
}

static int list_inside(void *ctx, const struct store_request *r)
{
	struct store *s = ctx;
	struct seen v = {.n = 0};
	bool now;

	cr_assert_eq(
	    store_request_list(s, &(struct store_request_filter){.limit = 0}, see_request, &v), 0);
	cr_assert_eq(v.n, 2);
	cr_assert_eq(approve(s, r->id, "bob", "bob", "", 110 * SEC, &now), 0);
	return 0;
}

Test(store, callbacks_may_use_the_store)
{
	struct store *s = open_fresh();
	struct store_request a = a_request("aaaaaaaaaa"), b = a_request("bbbbbbbbbb");

	cr_assert_eq(store_request_add(s, &a), 0);
	cr_assert_eq(store_request_add(s, &b), 0);
	cr_assert_eq(
	    store_request_list(s, &(struct store_request_filter){.limit = 0}, list_inside, s), 0);
	cr_assert_eq(state_of(s, a.id), REQ_APPROVED);
	cr_assert_eq(state_of(s, b.id), REQ_APPROVED);
	store_close(s);
	remove_all();
}

/* --- several processes --- */

static void run_children(int (*work)(struct store *s, int child), int *ok)
{
	pid_t pid[CHILDREN];
	int i, status;

	for (i = 0; i < CHILDREN; i++) {
		pid[i] = fork();
		cr_assert_geq(pid[i], 0);
		if (pid[i] == 0) {
			struct store *s = NULL;
			struct why w;
			int rc = store_open(spec, &s, &w);

			_exit(rc != 0 ? 99 : work(s, i));
		}
	}
	*ok = 0;
	for (i = 0; i < CHILDREN; i++) {
		cr_assert_eq(waitpid(pid[i], &status, 0), pid[i]);
		cr_assert(
		    WIFEXITED(status) && WEXITSTATUS(status) <= 1, "child ended with %d", status);
		*ok += WEXITSTATUS(status) == 1;
	}
}

static int consume_it(struct store *s, int child)
{
	struct store_request r = a_request("aaaaaaaaaa");
	int rc = store_request_consume(s, r.id, r.binding, 120 * SEC);

	(void)child;
	return rc == 0 ? 1 : rc == E_STATE ? 0 : 98;
}

static int approve_it(struct store *s, int child)
{
	char person[16];
	bool now;
	int rc;

	(void)snprintf(person, sizeof(person), "p%d", child);
	rc = approve(s, "aaaaaaaaaa", person, person, "", 120 * SEC, &now);
	return rc == 0 && now ? 1 : rc == 0 || rc == E_STATE ? 0 : 98;
}

static int start_sessions(struct store *s, int child)
{
	uint64_t n;
	char id[32];
	int i;

	for (i = 0; i < 20; i++) {
		struct store_session x = a_session(id);

		(void)snprintf(id, sizeof(id), "S%d-%d", child, i);
		if (store_session_start(s, &x, &n) != 0)
			return 98;
	}
	return 1;
}

Test(store, approved_and_consumed_exactly_once_among_processes, .timeout = 60)
{
	struct store *s = open_fresh();
	struct store_request r = a_request("aaaaaaaaaa");
	int ok;

	r.quorum = 3;
	cr_assert_eq(store_request_add(s, &r), 0);
	store_close(s);
	run_children(approve_it, &ok);
	cr_assert_eq(ok, 1, "exactly one yes completes the quorum");
	run_children(consume_it, &ok);
	cr_assert_eq(ok, 1, "exactly one consumer");
	s = open_again();
	cr_assert_eq(state_of(s, r.id), REQ_CONSUMED);
	store_close(s);
	remove_all();
}

struct gapless {
	uint64_t expect;
};

static int check_gapless(void *ctx, const struct store_session *x)
{
	struct gapless *g = ctx;

	cr_assert_eq(x->counter, g->expect);
	g->expect--;
	return 0;
}

Test(store, counters_have_no_gap_among_processes, .timeout = 60)
{
	struct store *s = open_fresh();
	struct gapless g = {CHILDREN * 20};
	int ok;

	store_close(s);
	run_children(start_sessions, &ok);
	cr_assert_eq(ok, CHILDREN);
	s = open_again();
	cr_assert_eq(
	    store_session_list(s, &(struct store_session_filter){.limit = 1000}, check_gapless, &g),
	    0);
	cr_assert_eq(g.expect, 0);
	store_close(s);
	remove_all();
}

static int newest(void *ctx, const struct store_session *x)
{
	*(uint64_t *)ctx = x->counter;
	return 1;
}

/* Each round a child writes as fast as it can and is killed in the middle of it. */
Test(store, a_killed_writer_leaves_no_gap, .timeout = 60)
{
	struct store *s = open_fresh();
	struct gapless g;
	uint64_t last = 0, n;
	char id[40];
	pid_t pid;
	int round, i;

	store_close(s);
	for (round = 0; round < 8; round++) {
		pid = fork();
		cr_assert_geq(pid, 0);
		if (pid == 0) {
			s = open_again();
			for (i = 0;; i++) {
				struct store_session x = a_session(id);

				(void)snprintf(id, sizeof(id), "R%d-%d", round, i);
				if (store_session_start(s, &x, &n) != 0)
					_exit(1);
			}
		}
		(void)usleep(20000 + 3000 * (useconds_t)round);
		cr_assert_eq(kill(pid, SIGKILL), 0);
		cr_assert_eq(waitpid(pid, NULL, 0), pid);
	}
	s = open_again();
	cr_assert_eq(
	    store_session_list(s, &(struct store_session_filter){.limit = 1}, newest, &last), 0);
	cr_assert_gt(last, 8);
	g.expect = last;
	cr_assert_eq(store_session_list(
			 s, &(struct store_session_filter){.limit = 1000000}, check_gapless, &g),
	    0);
	cr_assert_eq(g.expect, 0);
	store_close(s);
	remove_all();
}

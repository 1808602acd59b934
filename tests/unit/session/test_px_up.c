/* SPDX-License-Identifier: Apache-2.0
 *
 * The only way to the server: what each message needs, that a ticket is good once and for its own words, and that
 * nothing leaves before its record is committed. The far end is this file's pgup_write().
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <unistd.h>

#include "session/px_up.h"
#include "wire/pgbuild.h"

static struct px_up *u;
static struct recorder *rec;
static struct buf far;

int pgup_write(struct pgup *to, struct buf *out)
{
	(void)to;
	buf_put_span(&far, buf_span(out));
	buf_consume(out, buf_len(out));
	return 0;
}

static struct recorder *recorder_up(void)
{
	static const uint8_t prev[SHA256_LEN] = {1};
	char path[] = "/tmp/px_up.XXXXXX";
	int fd = mkstemp(path);

	cr_assert(ge(int, fd, 0));
	unlink(path);
	return recorder_new(fd, prev, 1);
}

static void setup(void)
{
	rec = recorder_up();
	buf_init(&far, 1 << 20);
	u = px_up_new(1 << 20);
	px_up_recorder(u, rec);
}

static void teardown(void)
{
	px_up_free(u);
	recorder_free(rec);
	buf_clear(&far);
}

TestSuite(px_up, .init = setup, .fini = teardown);

/* ---- tickets ---- */

static struct rec_ticket statement(const char *sql, bool forwarded)
{
	struct rec_statement s = {.proto = "query", .sql = span_str(sql), .name = "", .forwarded = forwarded};
	struct rec_ticket t;

	cr_assert(gt(i64, recorder_add_statement(rec, &s, &t), 0));
	return t;
}

static struct rec_ticket own(const char *sql)
{
	struct rec_ticket t;

	cr_assert(gt(i64, recorder_add_own(rec, "test", sql, &t), 0));
	return t;
}

static struct rec_ticket copy(void)
{
	struct rec_kv kv = {"direction", span_str("in")};
	struct rec_ticket t;

	cr_assert(gt(i64, recorder_add_copy(rec, &kv, 1, &t), 0));
	return t;
}

/* ---- messages ---- */

#define N_TYPES 11
static const char types[N_TYPES + 1] = "QPBEDCSHdcf";
static const char sql[] = "select 1";

static void put(uint8_t type, struct buf *b)
{
	struct pg_msg data = {'d', span_str("x\n")};

	switch (type) {
	case 'Q': pg_put_query(b, span_str(sql)); break;
	case 'P': pg_put_parse(b, span_str("s"), span_str(sql), NULL, 0); break;
	case 'B': pg_put_bind(b, span_str("p"), span_str("s"), NULL, 0); break;
	case 'E': pg_put_execute(b, span_str("p"), 0); break;
	case 'D': pg_put_describe(b, 'P', span_str("p")); break;
	case 'C': pg_put_close_target(b, 'P', span_str("p")); break;
	case 'd': pg_put_msg(b, &data); break;
	case 'f': pg_put_copy_fail(b, "no"); break;
	default: pg_put_empty(b, type);
	}
}

static void send_type(struct rec_ticket t, uint8_t type)
{
	struct buf b;

	buf_init(&b, 1024);
	put(type, &b);
	px_up_put(u, t, &b);
	buf_clear(&b);
}

/* Is this message taken with this ticket, by a fresh one? */
static bool taken(struct rec_ticket t, uint8_t type)
{
	size_t before;
	bool yes;

	px_up_free(u);
	u = px_up_new(1 << 20);
	px_up_recorder(u, rec);
	before = px_up_len(u);
	send_type(t, type);
	yes = px_up_err(u) == 0;
	cr_expect(eq(sz, px_up_len(u) > before, yes), "%c", type);
	return yes;
}

static void expect_takes(struct rec_ticket (*give)(void), const char *want)
{
	for (size_t i = 0; i < N_TYPES; i++)
		cr_expect(eq(int, taken(give(), (uint8_t)types[i]), strchr(want, types[i]) != NULL), "%c", types[i]);
}

static struct rec_ticket give_none(void)
{
	return (struct rec_ticket){0};
}

static struct rec_ticket give_statement(void)
{
	return statement(sql, true);
}

static struct rec_ticket give_held(void)
{
	return statement(sql, false);
}

static struct rec_ticket give_other(void)
{
	return statement("select 2", true);
}

static struct rec_ticket give_own(void)
{
	return own(sql);
}

static struct rec_ticket give_copy(void)
{
	return copy();
}

static struct rec_ticket give_pass(void)
{
	(void)statement(sql, true);
	return recorder_pass(rec);
}

static struct rec_ticket give_forged(void)
{
	struct rec_ticket t = statement(sql, true);

	t.mark++;
	return t;
}

static struct rec_ticket give_future(void)
{
	struct rec_ticket t = statement(sql, true);

	t.seq += 5;
	return t;
}

static struct rec_ticket give_foreign(void)
{
	struct recorder *mine = rec;
	struct rec_ticket t;

	(void)statement(sql, true);
	rec = recorder_up();
	t = statement(sql, true);
	recorder_free(rec);
	rec = mine;
	return t;
}

Test(px_up, what_each_ticket_opens)
{
	expect_takes(give_none, "");
	expect_takes(give_forged, "");
	expect_takes(give_future, "");
	expect_takes(give_foreign, "");
	expect_takes(give_held, "");
	expect_takes(give_statement, "QPBEDCSH" "d");
	expect_takes(give_other, "BEDCSHd"); /* Bind and Execute have no words of their own */
	expect_takes(give_own, "QPDCSHd");
	expect_takes(give_copy, "BDCSHdcf");
	expect_takes(give_pass, "BDCSHd");
}

Test(px_up, other_messages_are_never_taken)
{
	for (unsigned type = 0; type < 256; type++)
		if (type == 0 || strchr(types, (int)type) == NULL) {
			struct pg_msg m = {.type = (uint8_t)type};

			px_up_msg(u, give_statement(), &m);
			cr_expect(eq(int, px_up_err(u), E_DENIED), "%u", type);
			cr_expect(eq(sz, px_up_len(u), 0));
			teardown();
			setup();
		}
}

Test(px_up, once)
{
	struct rec_ticket t = statement(sql, true);

	send_type(t, 'Q');
	cr_expect(eq(int, px_up_err(u), 0));
	send_type(t, 'Q');
	cr_expect(eq(int, px_up_err(u), E_DENIED));
}

/* Used in another order than given, and long after: what was once used never is again. */
Test(px_up, in_any_near_order)
{
	struct rec_ticket a = statement(sql, true), b = statement(sql, true), first = a;

	send_type(b, 'Q');
	send_type(a, 'Q');
	for (int i = 0; i < 100; i++)
		send_type(statement(sql, true), 'Q');
	cr_expect(eq(int, px_up_err(u), 0));
	send_type(first, 'Q');
	cr_expect(eq(int, px_up_err(u), E_DENIED));
}

Test(px_up, a_denial_sticks)
{
	send_type(give_none(), 'S');
	send_type(statement(sql, true), 'Q');
	cr_expect(eq(int, px_up_err(u), E_DENIED));
	cr_expect(eq(sz, px_up_len(u), 0));
	cr_assert(eq(int, recorder_commit(rec, false), 0));
	cr_expect(eq(int, px_up_send(u, NULL), E_DENIED));
	cr_expect(eq(sz, buf_len(&far), 0));
}

Test(px_up, one_parse_of_our_own_opens_what_belongs_to_it)
{
	struct rec_ticket t = own(sql);

	for (const char *p = "CPBECCS"; *p != '\0'; p++)
		send_type(t, (uint8_t)*p);
	cr_expect(eq(int, px_up_err(u), 0));
	cr_assert(eq(int, recorder_commit(rec, false), 0));
	cr_expect(eq(int, px_up_send(u, NULL), 0));
	cr_expect(gt(sz, buf_len(&far), 0));
	send_type(t, 'P');
	cr_expect(eq(int, px_up_err(u), E_DENIED));
}

Test(px_up, nothing_leaves_before_its_record)
{
	send_type(statement(sql, true), 'Q');
	cr_expect(eq(int, px_up_send(u, NULL), E_STATE));
	cr_expect(eq(sz, buf_len(&far), 0));
	cr_assert(eq(int, recorder_commit(rec, false), 0));
	(void)statement(sql, true); /* what is recorded and not sent yet does not stand in the way */
	cr_expect(eq(int, px_up_send(u, NULL), 0));
	cr_expect(gt(sz, buf_len(&far), 0));
}

Test(px_up, values_of_a_bind_are_owed)
{
	struct rec_ticket t;

	send_type(give_pass(), 'B');
	send_type(recorder_pass(rec), 'D');
	cr_assert(eq(int, recorder_commit(rec, false), 0));
	cr_expect(eq(int, px_up_send(u, NULL), E_STATE), "its values are nowhere");
	t = statement(sql, true);
	px_up_pay(u, t);
	cr_expect(eq(int, px_up_send(u, NULL), E_STATE), "they are not on their way yet");
	send_type(t, 'E');
	cr_assert(eq(int, recorder_commit(rec, false), 0));
	cr_expect(eq(int, px_up_send(u, NULL), 0));
	cr_expect(eq(int, buf_span(&far).p[0], 'B'));
	send_type(t, 'E');
	cr_expect(eq(int, px_up_err(u), E_DENIED), "one Execute");
}

/* A record that has the values pays for the Bind at once, and for its Execute; as many values as it has. */
Test(px_up, a_bind_by_the_record_of_its_values)
{
	static const struct pg_value one[] = {{.data = {(const uint8_t *)"v", 1}}};
	struct rec_param param = {.value = span_str("v")};
	struct rec_statement s = {
	    .proto = "execute", .sql = span_str(sql), .name = "", .n_params = 1, .params = &param, .forwarded = true};
	struct rec_ticket t;
	struct buf b;

	cr_assert(gt(i64, recorder_add_statement(rec, &s, &t), 0));
	cr_assert(eq(int, recorder_commit(rec, false), 0));
	buf_init(&b, 256);
	pg_put_bind(&b, span_str(""), span_str(""), one, 1);
	px_up_put(u, t, &b);
	buf_clear(&b);
	send_type(t, 'E');
	cr_expect(eq(int, px_up_send(u, NULL), 0));
	send_type(t, 'B');
	cr_expect(eq(int, px_up_err(u), E_DENIED), "without the value, and too late");
}

Test(px_up, debts_are_paid_one_by_one)
{
	struct rec_ticket t;

	send_type(give_pass(), 'B');
	send_type(recorder_pass(rec), 'B');
	t = statement(sql, true);
	px_up_pay(u, t);
	cr_assert(eq(int, recorder_commit(rec, false), 0));
	cr_expect(eq(int, px_up_send(u, NULL), E_STATE));
	px_up_pay(u, t);
	cr_expect(eq(int, px_up_err(u), E_DENIED), "not twice by one record");
}

Test(px_up, paying_what_is_not_owed)
{
	px_up_pay(u, give_statement());
	cr_expect(eq(int, px_up_err(u), E_DENIED));
}

/* A release opens the held statement, once it is in; a decision about something else does not. */
Test(px_up, a_release)
{
	struct rec_kv kv = {"state", span_str("consumed")};
	struct rec_ticket held = statement(sql, false), t;

	cr_assert(gt(i64, recorder_add_release(rec, held, &kv, 1, &t), 0));
	send_type(t, 'Q');
	cr_expect(eq(int, px_up_err(u), 0));
	cr_expect(eq(int, px_up_send(u, NULL), E_STATE));
	cr_assert(eq(int, recorder_commit(rec, false), 0));
	cr_expect(eq(int, px_up_send(u, NULL), 0));
	cr_assert(gt(i64, recorder_add_release(rec, (struct rec_ticket){0}, &kv, 1, &t), 0));
	send_type(t, 'S');
	cr_expect(eq(int, px_up_err(u), E_DENIED));
}

/* ---- a recorder in error ---- */

Test(px_up, a_broken_recorder_opens_nothing)
{
	struct rec_statement s = {.proto = "query", .sql = span_str(sql), .name = "", .forwarded = true};
	struct rec_ticket before = statement(sql, true), t = before;

	cr_assert(eq(int, recorder_commit(rec, false), 0));
	send_type(before, 'Q');
	cr_expect(eq(int, recorder_break(rec, E_NOMEM), E_NOMEM));
	cr_expect(eq(int, recorder_err(rec), E_NOMEM));
	cr_expect(recorder_dirty(rec), "never clean again");
	cr_expect(eq(int, recorder_commit(rec, false), E_NOMEM));
	cr_expect(eq(i64, recorder_add_statement(rec, &s, &t), E_NOMEM));
	cr_expect(eq(int, t.leave, REC_LEAVE_NONE));
	cr_expect(eq(int, recorder_pass(rec).leave, REC_LEAVE_NONE));
	cr_expect(not(recorder_gave(rec, before)));
	cr_expect(eq(int, px_up_send(u, NULL), E_STATE), "also what was taken before");
	send_type(before, 'S');
	cr_expect(eq(int, px_up_err(u), E_DENIED));
	cr_expect(eq(sz, buf_len(&far), 0));
}

Test(px_up, no_recorder_no_bytes)
{
	struct rec_ticket t = statement(sql, true);

	px_up_recorder(u, NULL);
	send_type(t, 'Q');
	cr_expect(eq(int, px_up_err(u), E_DENIED));
}

Test(px_up, too_much)
{
	static char big[2 << 20];
	struct pg_msg m = {'d', span_of(big, sizeof(big))};

	px_up_msg(u, give_pass(), &m);
	cr_expect(eq(int, px_up_err(u), E_TOOBIG));
	cr_assert(eq(int, recorder_commit(rec, false), 0));
	cr_expect(eq(int, px_up_send(u, NULL), E_TOOBIG));
	cr_expect(eq(sz, buf_len(&far), 0));
}

Test(px_up, half_a_message)
{
	struct buf b;

	buf_init(&b, 64);
	buf_put(&b, "S\0\0", 3);
	px_up_put(u, give_pass(), &b);
	cr_expect(eq(int, px_up_err(u), E_DENIED));
	buf_clear(&b);
}

/* The same bytes, and no others. */
Test(px_up, words_are_compared)
{
	static const char text[] = "select 1 from t where id = 4711 and name = 'somebody else'";
	char other[sizeof(text)];
	uint64_t what = recorder_what(span_str(text));

	for (size_t n = 0; n < sizeof(text) - 1; n++)
		cr_expect(ne(u64, recorder_what(span_of(text, n)), what));
	for (size_t i = 0; i < (sizeof(text) - 1) * 8; i++) {
		memcpy(other, text, sizeof(text));
		other[i / 8] = (char)(other[i / 8] ^ (1 << (i % 8)));
		cr_expect(ne(u64, recorder_what(span_of(other, sizeof(text) - 1)), what));
	}
}

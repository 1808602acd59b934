/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile and broken servers: a relay stands between the session and the real server, lets the log-in and the
 * gateway's own queries through and then lies. Whatever comes, the session ends with an error or goes on with what is
 * allowed there; rows that nobody described never reach the client.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"
#include "tests/support/pxtap.h"

#define STR(s) ((char *)(uintptr_t)(s))
#define SECRET "what-nobody-described"

#if defined(__SANITIZE_ADDRESS__)
#define STRIDE 47
#else
#define STRIDE 11
#endif

static const char *db;

/* The real server is not heard any more. */
static void silence(struct lab_tap *t, struct buf *down)
{
	(void)t;
	buf_reset(down);
}

static void tapped(struct pxlab *l)
{
	lab_init_on(l, db);
	l->tap = true;
	cr_assert(lab_start(l));
}

static void inject(struct pxlab *l, struct buf *b)
{
	pxtap_inject(l, buf_span(b));
	buf_reset(b);
}

static void expect_end(struct pxlab *l, const char *what)
{
	struct span rx;

	cr_expect(lab_ended(l), "%s", what);
	rx = buf_span(&l->rx);
	cr_expect(rx.n == 0 || memmem(rx.p, rx.n, SECRET, strlen(SECRET)) == NULL, "%s", what);
	cr_expect(gt(sz, lab_count(l, 'E'), 0), "%s", what);
	cr_expect(eq(str, STR(lab_error(l, lab_count(l, 'E') - 1, 'S')), "FATAL"), "%s", what);
	lab_close(l);
}

/* ---- pieces ---- */

static void put_fields(struct buf *b)
{
	static const char *const names[] = {"x"};

	pg_put_text_fields(b, names, 1);
}

static void put_row(struct buf *b, uint16_t n)
{
	static const char *const values[] = {SECRET, SECRET, SECRET};

	pg_put_text_row(b, values, n);
}

static void put_raw(struct buf *b, uint8_t type, uint32_t len, const void *body, size_t n)
{
	buf_put_u8(b, type);
	buf_put_u32be(b, len);
	buf_put(b, body, n);
}

static void put_message(struct buf *b, uint8_t type, const void *body, size_t n)
{
	put_raw(b, type, (uint32_t)n + 4, body, n);
}

/* ---- nothing was asked ---- */

Test(hostile, messages_nobody_waits_for)
{
	struct buf b;
	struct pxlab l;

	db = lab_fresh_db();
	buf_init(&b, 4096);
	for (unsigned t = 0; t < 256; t += t == 0 || t >= 127 ? STRIDE : 1) {
		tapped(&l);
		put_message(&b, (uint8_t)t, "", 0);
		inject(&l, &b);
		expect_end(&l, "empty message");
	}
	tapped(&l);
	put_fields(&b);
	put_row(&b, 1);
	inject(&l, &b);
	expect_end(&l, "a result");
	tapped(&l);
	pg_put_ready(&b, 'I');
	inject(&l, &b);
	expect_end(&l, "ReadyForQuery");
	buf_clear(&b);
}

Test(hostile, messages_that_may_come_at_any_time)
{
	const struct pg_notice n = {.severity = "NOTICE", .sqlstate = "00000", .message = "hello"};
	struct buf b;
	struct pxlab l;

	db = lab_fresh_db();
	buf_init(&b, 4096);
	tapped(&l);
	pg_put_notice(&b, &n);
	pg_put_parameter_status(&b, "TimeZone", "Mars");
	pg_put_parameter_status(&b, "unheard_of", "1");
	put_message(&b, 'A', "\0\0\0\1news\0pay\0", 13);
	inject(&l, &b);
	cr_expect(lab_got(&l, 'A', 1));
	cr_expect(eq(str, STR(lab_types(&l, "")), "NSA"), "the unheard of is swallowed");
	cr_expect(eq(str, STR(lab_query(&l, "SELECT 1")), "TDCZ"));
	lab_close(&l);
	buf_clear(&b);
}

/* ---- an answer to a query ---- */

static void asked(struct pxlab *l)
{
	tapped(l);
	l->t->tamper = silence;
	pg_put_query(&l->tx, span_str("SELECT 'a'::text AS x"));
	lab_forget(l);
	lab_send(l);
}

#define CASE(name) static void name(struct buf *b)
CASE(row_first) { put_row(b, 1); }
CASE(row_after_complete) { put_fields(b); pg_put_complete(b, "SELECT 0"); put_row(b, 1); }
CASE(row_of_two) { put_fields(b); put_row(b, 2); }
CASE(row_of_none) { put_fields(b); put_message(b, 'D', "\0\0", 2); }
CASE(row_cut) { put_fields(b); put_message(b, 'D', "\0\1\0\0\0\x20" SECRET, 6 + sizeof(SECRET) - 1); }
CASE(row_negative) { put_fields(b); put_message(b, 'D', "\0\1\xff\xff\xff\xfe" SECRET, 6 + sizeof(SECRET) - 1); }
CASE(row_trailing) { put_fields(b); put_message(b, 'D', "\0\1\0\0\0\1x" SECRET, 7 + sizeof(SECRET) - 1); }
CASE(row_empty) { put_fields(b); put_message(b, 'D', "", 0); }
CASE(fields_cut) { put_message(b, 'T', "\0\1x\0\0\0", 6); put_row(b, 1); }
CASE(fields_many) { put_message(b, 'T', "\xff\xffx\0", 4); put_row(b, 1); }
CASE(fields_unnamed) { put_message(b, 'T', "\0\1xxxxxxxxxxxxxxxxxxx", 21); put_row(b, 1); }
CASE(no_fields) { put_message(b, 'T', "\0\0", 2); put_row(b, 1); }
CASE(parse_complete) { pg_put_empty(b, '1'); }
CASE(bind_complete) { pg_put_empty(b, '2'); }
CASE(close_complete) { pg_put_empty(b, '3'); }
CASE(no_data) { pg_put_empty(b, 'n'); }
CASE(suspended) { pg_put_empty(b, 's'); }
CASE(param_types) { put_message(b, 't', "\0\0", 2); }
CASE(copy_in) { put_message(b, 'G', "\0\0\1\0\0", 5); }
CASE(copy_out) { put_message(b, 'H', "\0\0\1\0\0", 5); put_message(b, 'd', SECRET, sizeof(SECRET) - 1); }
CASE(copy_both) { put_message(b, 'W', "\0\0\1\0\0", 5); }
CASE(copy_data) { put_message(b, 'd', SECRET, sizeof(SECRET) - 1); }
CASE(copy_done) { pg_put_empty(b, 'c'); }
CASE(auth_ok) { pg_put_auth_ok(b); }
CASE(auth_password) { pg_put_auth_cleartext(b); }
CASE(backend_key) { pg_put_backend_key(b, 1, 2); }
CASE(function_result) { put_message(b, 'V', "\0\0\0\1x", 5); }
CASE(ready_unknown) { pg_put_ready(b, 'X'); }
CASE(ready_long) { put_message(b, 'Z', "II", 2); }
CASE(ready_twice) { pg_put_ready(b, 'I'); pg_put_ready(b, 'I'); }
CASE(complete_unended) { put_message(b, 'C', "SELECT 1", 8); }
CASE(error_unended) { put_message(b, 'E', "SERROR\0M" SECRET, 8 + sizeof(SECRET) - 1); }
CASE(error_empty) { put_message(b, 'E', "", 0); }
CASE(notice_unended) { put_message(b, 'N', "SNOTICE", 7); }
CASE(status_cut) { put_message(b, 'S', "client_encoding\0LATIN", 21); }
CASE(pinned_moved) { pg_put_parameter_status(b, "standard_conforming_strings", "off"); }
CASE(pinned_encoding) { pg_put_parameter_status(b, "client_encoding", "SJIS"); }
CASE(unknown_type) { put_message(b, '~', "", 0); }
CASE(length_zero) { put_raw(b, 'D', 0, SECRET, sizeof(SECRET) - 1); }
CASE(length_three) { put_raw(b, 'Z', 3, "I", 1); }
CASE(length_negative) { put_raw(b, 'D', 0xffffffff, SECRET, sizeof(SECRET) - 1); }
CASE(length_huge) { put_raw(b, 'D', 0x7fffffff, SECRET, sizeof(SECRET) - 1); }
CASE(length_over) { put_raw(b, 'D', 64u * 1024 * 1024 + 5, SECRET, sizeof(SECRET) - 1); }

static const struct {
	const char *name;
	void (*put)(struct buf *b);
} answers[] = {
#define A(name) {#name, name}
    A(row_first), A(row_after_complete), A(row_of_two), A(row_of_none), A(row_cut), A(row_negative), A(row_trailing), A(row_empty),
    A(fields_cut), A(fields_many), A(fields_unnamed), A(no_fields), A(parse_complete), A(bind_complete), A(close_complete),
    A(no_data), A(suspended), A(param_types), A(copy_in), A(copy_out), A(copy_both), A(copy_data), A(copy_done), A(auth_ok),
    A(auth_password), A(backend_key), A(function_result), A(ready_unknown), A(ready_long), A(ready_twice), A(complete_unended),
    A(error_unended), A(error_empty), A(notice_unended), A(status_cut), A(pinned_moved), A(pinned_encoding), A(unknown_type),
    A(length_zero), A(length_three), A(length_negative), A(length_huge), A(length_over),
};

Test(hostile, answers_to_a_query)
{
	struct buf b;
	struct pxlab l;

	db = lab_fresh_db();
	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		asked(&l);
		answers[i].put(&b);
		inject(&l, &b);
		expect_end(&l, answers[i].name);
	}
	buf_clear(&b);
}

/* A description that was given for the same text before does not describe these rows. */
Test(hostile, rows_described_last_time)
{
	struct buf b;
	struct pxlab l;

	db = lab_fresh_db();
	buf_init(&b, 4096);
	tapped(&l);
	(void)lab_query(&l, "SELECT id FROM orders LIMIT 1");
	l.t->tamper = silence;
	pg_put_query(&l.tx, span_str("SELECT id FROM orders LIMIT 1"));
	lab_forget(&l);
	lab_send(&l);
	put_row(&b, 1);
	inject(&l, &b);
	expect_end(&l, "simple");
	/* extended: the gateway's own Describe says that there is no result, rows come anyway */
	tapped(&l);
	lab_put_parse(&l.tx, "s", "SELECT id FROM orders LIMIT 1");
	lab_put_plain_bind(&l.tx, "", "s");
	pg_put_execute(&l.tx, span_str(""), 0);
	pg_put_empty(&l.tx, 'S');
	(void)lab_run(&l, 1);
	lab_spin(&l, 1100); /* described anew after a second */
	l.t->tamper = silence;
	lab_put_plain_bind(&l.tx, "", "s");
	pg_put_execute(&l.tx, span_str(""), 0);
	pg_put_empty(&l.tx, 'S');
	lab_forget(&l);
	lab_send(&l);
	pg_put_empty(&b, '2');
	pg_put_empty(&b, 'n');
	put_row(&b, 1);
	inject(&l, &b);
	expect_end(&l, "extended");
	buf_clear(&b);
}

/* ---- answers to extended messages out of order ---- */

Test(hostile, acknowledgements_out_of_order)
{
	static const char *const orders[] = {"2", "3", "n", "s", "C", "T", "D", "I", "t", "11", "1n", "1s", "12n2", "122", "12nn", "12s",
	    "12D", "12nC3", "Z"};
	struct buf b;
	struct pxlab l;

	db = lab_fresh_db();
	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		tapped(&l);
		l.t->tamper = silence;
		lab_put_parse(&l.tx, "", "SELECT 'a'::text AS x");
		lab_put_plain_bind(&l.tx, "", "");
		pg_put_execute(&l.tx, span_str(""), 0);
		pg_put_empty(&l.tx, 'S');
		lab_forget(&l);
		lab_send(&l);
		for (const char *t = orders[i]; *t != '\0'; t++) {
			if (*t == 'C')
				pg_put_complete(&b, "SELECT 1");
			else if (*t == 'D')
				put_row(&b, 1);
			else if (*t == 'T')
				put_fields(&b);
			else if (*t == 't')
				put_message(&b, 't', "\0\0", 2);
			else if (*t == 'Z')
				pg_put_ready(&b, 'I');
			else
				pg_put_empty(&b, (uint8_t)*t);
		}
		inject(&l, &b);
		expect_end(&l, orders[i]);
	}
	buf_clear(&b);
}

/* A refusal makes the server's transaction fail: a server that calls it a success is not believed. */
Test(hostile, a_refusal_that_succeeds)
{
	struct buf b;
	struct pxlab l;

	db = lab_fresh_db();
	buf_init(&b, 4096);
	for (int extended = 0; extended < 2; extended++) {
		tapped(&l);
		(void)lab_query(&l, "BEGIN");
		l.t->tamper = silence;
		if (extended) {
			lab_put_parse(&l.tx, "", "GRANT SELECT ON notes TO app_ro");
			pg_put_empty(&b, '1');
		} else {
			pg_put_query(&l.tx, span_str("GRANT SELECT ON notes TO app_ro"));
			pg_put_complete(&b, "SELECT 1");
		}
		lab_forget(&l);
		lab_send(&l);
		inject(&l, &b);
		expect_end(&l, extended ? "extended" : "simple");
	}
	buf_clear(&b);
}

/* ---- damage on the way ---- */

static uint64_t flip_at; /* bit of the stream behind the log-in */
static uint64_t seen;

static void flip(struct lab_tap *t, struct buf *down)
{
	const struct pxlab *l = t->ctx;
	struct buf copy;

	if (l->x->phase < PX_PREPARE)
		return;
	if (flip_at / 8 >= seen && flip_at / 8 < seen + buf_len(down)) {
		buf_init(&copy, 1u << 20);
		buf_put_span(&copy, buf_span(down));
		buf_reset(down);
		for (size_t i = 0; i < buf_len(&copy); i++)
			buf_put_u8(down, (uint8_t)(buf_span(&copy).p[i] ^ (seen + i == flip_at / 8 ? 1u << flip_at % 8 : 0)));
		seen += buf_len(&copy);
		buf_clear(&copy);
		return;
	}
	seen += buf_len(down);
}

static bool answered_or_over(struct pxlab *l)
{
	return lab_count(l, 'Z') > 1 || pgproxy_ended(l->x);
}

static bool welcomed_or_over(struct pxlab *l)
{
	return lab_count(l, 'Z') > 0 || pgproxy_ended(l->x);
}

/* The gateway's own queries get damaged answers. */
Test(hostile, damaged_catalogue, .timeout = 120)
{
	const struct pg_pair pairs[] = {{"user", "alice"}, {"application_name", "psql"}};
	struct pxlab l;

	db = lab_fresh_db();
	for (flip_at = 0; flip_at < 3000 * 8; flip_at += 29 * STRIDE) {
		lab_init_on(&l, db);
		l.tap = true;
		seen = 0;
		lab_connect(&l);
		pg_put_startup(&l.tx, pairs, 2);
		lab_send(&l);
		cr_assert(lab_asked(&l, IPC_CONNECT, 1));
		cr_assert(l.t != NULL);
		l.t->tamper = flip;
		l.t->ctx = &l;
		(void)lab_until(&l, welcomed_or_over, 100);
		lab_eof(&l);
		cr_expect(lab_ended(&l), "bit %llu", (unsigned long long)flip_at);
		lab_close(&l);
	}
}

Test(hostile, damaged_results, .timeout = 120)
{
	struct pxlab l;

	db = lab_fresh_db();
	for (flip_at = 0; flip_at < 520 * 8; flip_at += STRIDE) {
		tapped(&l);
		seen = 0;
		l.t->tamper = flip;
		l.t->ctx = &l;
		pg_put_query(&l.tx, span_str("SELECT id, full_name, email FROM customers WHERE id < 3"));
		lab_put_parse(&l.tx, "s", "SELECT id, email FROM customers WHERE id < 3");
		pg_put_describe(&l.tx, 'S', span_str("s"));
		lab_put_plain_bind(&l.tx, "", "s");
		pg_put_execute(&l.tx, span_str(""), 1);
		pg_put_close_target(&l.tx, 'S', span_str("s"));
		pg_put_empty(&l.tx, 'S');
		lab_forget(&l);
		lab_send(&l);
		(void)lab_until(&l, answered_or_over, 20); /* a longer length makes it wait for the rest */
		lab_close(&l);
	}
}

/* ---- loss ---- */

Test(hostile, the_connection_breaks)
{
	struct buf b;
	struct pxlab l;

	db = lab_fresh_db();
	buf_init(&b, 4096);
	for (size_t cut = 0; cut < 3; cut++) {
		asked(&l);
		put_fields(&b);
		put_row(&b, 1);
		buf_truncate(&b, cut == 0 ? 0 : cut == 1 ? 3 : buf_len(&b) - 2);
		inject(&l, &b);
		lab_spin(&l, 10);
		pxtap_cut(&l);
		expect_end(&l, "cut");
	}
	buf_clear(&b);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}

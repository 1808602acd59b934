/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile and broken clients: whatever the bytes, the session answers with a clear error or ends, the process lives,
 * and the server gets only what was judged and recorded (the lab looks at every byte that leaves).
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

#define STR(s) ((char *)(uintptr_t)(s))

#if defined(__SANITIZE_ADDRESS__)
#define STRIDE 5 /* of the sweeps: sessions are slow there */
#else
#define STRIDE 1
#endif

static const char *db;

static void again(struct pxlab *l)
{
	lab_init_on(l, db);
	cr_assert(lab_start(l));
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

/* One valid message of each type. */
#define M(type, body) {type, body, sizeof(body) - 1}
static const struct {
	uint8_t type;
	const char *body;
	size_t n;
} valid[] = {M('Q', "SELECT 1\0"), M('P', "s\0SELECT $1\0\0\1\0\0\0\x17"), M('B', "\0s\0\0\1\0\0\0\1\0\0\0\1" "5\0\1\0\1"), M('D', "Ss\0"),
    M('E', "\0\0\0\0\2"), M('C', "Ss\0"), M('S', ""), M('H', ""), M('d', "abc\n"), M('c', ""), M('f', "why\0"),
    M('F', "\0\0\4\0\0\0\0\0\0\0"), M('X', "")};
#define N_VALID (sizeof(valid) / sizeof(valid[0]))

/* Whatever happened, the session is over at the end of file, and soon. */
static void expect_over(struct pxlab *l, const char *what, size_t i, size_t k)
{
	lab_eof(l);
	cr_expect(lab_ended(l), "%s %zu %zu", what, i, k);
	cr_expect(eq(sz, lab_breaches(l), 0), "%s %zu %zu: %s", what, i, k, lab_breach(l));
	lab_drop(l);
}

/* ---- sweeps ---- */

Test(input, every_truncation, .timeout = 120)
{
	struct pxlab l;

	db = lab_fresh_db();
	for (size_t i = 0; i < N_VALID; i++)
		for (size_t k = 0; k < valid[i].n + 5; k += STRIDE) {
			again(&l);
			put_message(&l.tx, valid[i].type, valid[i].body, valid[i].n);
			buf_truncate(&l.tx, k);
			lab_send(&l);
			expect_over(&l, "cut off", i, k);
		}
}

/* The frame is whole, its content is not. */
Test(input, every_short_body, .timeout = 120)
{
	struct pxlab l;

	db = lab_fresh_db();
	for (size_t i = 0; i < N_VALID; i++)
		for (size_t k = 0; k < valid[i].n; k += STRIDE) {
			bool data = valid[i].type == 'd'; /* any bytes are copy data, ignored outside COPY */

			again(&l);
			put_message(&l.tx, valid[i].type, valid[i].body, k);
			lab_send(&l);
			cr_expect(data || pgproxy_ended(l.x), "%c %zu", valid[i].type, k);
			expect_over(&l, "short", i, k);
		}
}

Test(input, every_long_body)
{
	struct pxlab l;

	db = lab_fresh_db();
	for (size_t i = 0; i < N_VALID; i++) {
		char body[64] = {0};

		memcpy(body, valid[i].body, valid[i].n);
		again(&l);
		put_message(&l.tx, valid[i].type, body, valid[i].n + 1);
		lab_send(&l);
		cr_expect(valid[i].type == 'd' || pgproxy_ended(l.x), "%c", valid[i].type);
		expect_over(&l, "long", i, 0);
	}
}

static void put_sequence(struct buf *b)
{
	lab_put_parse(b, "s", "SELECT $1::int");
	pg_put_bind(b, span_str("p"), span_str("s"), &(struct pg_value){.data = {(const uint8_t *)"5", 1}}, 1);
	pg_put_describe(b, 'P', span_str("p"));
	pg_put_execute(b, span_str("p"), 1);
	pg_put_close_target(b, 'S', span_str("s"));
	pg_put_empty(b, 'S');
	pg_put_query(b, span_str("INSERT INTO notes VALUES (1)"));
}

static void flips(size_t from, size_t step)
{
	struct buf seq;
	struct pxlab l;
	size_t bits;

	db = lab_fresh_db();
	buf_init(&seq, 4096);
	put_sequence(&seq);
	bits = buf_len(&seq) * 8;
	for (size_t bit = from; bit < bits; bit += step) {
		uint8_t *p;

		again(&l);
		cr_assert(buf_reserve(&l.tx, buf_len(&seq), &p) == 0);
		memcpy(p, buf_span(&seq).p, buf_len(&seq));
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		buf_commit(&l.tx, buf_len(&seq));
		lab_send(&l);
		expect_over(&l, "bit", bit, 0);
	}
	buf_clear(&seq);
}

/* A third of all bits, of every kind; two tests that run side by side. */
Test(input, flipped_bits_one, .timeout = 120)
{
	flips(0, 6 * STRIDE);
}

Test(input, flipped_bits_two, .timeout = 120)
{
	flips(3, 6 * STRIDE);
}

Test(input, noise, .timeout = 60)
{
	uint64_t seed = 7;
	struct pxlab l;

	db = lab_fresh_db();
	for (size_t i = 0; i < 150; i++) {
		uint8_t bytes[64];

		for (size_t k = 0; k < sizeof(bytes); k++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			bytes[k] = (uint8_t)(seed >> 56);
		}
		if (i % 2 == 0) { /* a plausible frame of any type */
			memcpy(bytes + 1, "\0\0\0\x20", 4);
			bytes[0] = i % 4 == 0 ? valid[i / 4 % N_VALID].type : bytes[0];
		}
		again(&l);
		lab_feed(&l, span_of(bytes, sizeof(bytes)));
		expect_over(&l, "noise", i, 0);
	}
}

/* ---- lengths ---- */

Test(input, impossible_lengths)
{
	static const uint32_t lengths[] = {0, 1, 3, 0x7fffffff, 0x80000000, 0xffffffff, 64u * 1024 * 1024 + 5};
	struct pxlab l;

	db = lab_fresh_db();
	for (size_t i = 0; i < N_VALID; i++)
		for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
			again(&l);
			put_raw(&l.tx, valid[i].type, lengths[k], "xxxx", 4);
			lab_send(&l);
			cr_expect(pgproxy_ended(l.x), "%c %x", valid[i].type, lengths[k]);
			cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "08P01"), "%c %x", valid[i].type, lengths[k]);
			cr_expect(eq(str, STR(lab_error(&l, 0, 'S')), "FATAL"));
			expect_over(&l, "length", i, k);
		}
}

/* Messages that are always short are refused when they are long, whatever is in them. */
Test(input, long_messages_of_short_types)
{
	static char body[20000];
	struct pxlab l;

	db = lab_fresh_db();
	for (size_t i = 0; i < N_VALID; i++) {
		if (strchr("QPBdF", valid[i].type) != NULL)
			continue;
		memset(body, 'a', sizeof(body));
		body[0] = 'S';
		body[sizeof(body) - 1] = '\0';
		again(&l);
		put_message(&l.tx, valid[i].type, body, sizeof(body));
		lab_send(&l);
		cr_expect(pgproxy_ended(l.x), "%c", valid[i].type);
		expect_over(&l, "long", i, 0);
	}
}

Test(input, a_query_near_the_limit)
{
	size_t n = 60u << 20;
	char *sql = malloc(n + 1);
	struct pxlab l;

	lab_up(&l);
	memset(sql, ' ', n);
	memcpy(sql, "SELECT 1", 8);
	sql[n] = '\0';
	cr_expect(eq(str, STR(lab_query(&l, sql)), "EZ"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "42501"));
	free(sql);
	cr_expect(eq(str, STR(lab_query(&l, "SELECT 1")), "TDCZ"));
	lab_close(&l);
}

/* ---- out of place ---- */

Test(input, unknown_types)
{
	struct pxlab l;

	db = lab_fresh_db();
	for (unsigned t = 0; t < 256; t++) {
		bool known = false;

		for (size_t i = 0; i < N_VALID; i++)
			known |= valid[i].type == t;
		if (known || (t % STRIDE != 0 && t != 'p'))
			continue;
		again(&l);
		put_message(&l.tx, (uint8_t)t, "", 0);
		pg_put_query(&l.tx, span_str("SELECT 1"));
		lab_send(&l);
		cr_expect(pgproxy_ended(l.x), "%02x", t);
		cr_expect(eq(str, STR(lab_types(&l, "")), "E"));
		cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "08P01"));
		cr_expect(eq(sz, lab_sent(&l, 'Q', NULL), 0));
		expect_over(&l, "type", t, 0);
	}
}

static void expect_goes_on(struct pxlab *l, const char *what)
{
	cr_expect(eq(str, STR(lab_query(l, "SELECT 1")), "TDCZ"), "%s", what);
}

Test(input, copy_messages_outside_copy)
{
	struct pxlab l;

	lab_up(&l);
	put_message(&l.tx, 'd', "1\tx\n", 4);
	put_message(&l.tx, 'c', "", 0);
	put_message(&l.tx, 'f', "why", 4);
	lab_send(&l);
	expect_goes_on(&l, "as for the server");
	cr_expect(eq(sz, lab_sent(&l, 'c', NULL) + lab_sent(&l, 'f', NULL), 0));
	lab_close(&l);
}

Test(input, names_that_do_not_exist)
{
	struct pxlab l;

	lab_up(&l);
	lab_put_plain_bind(&l.tx, "", "none");
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "EZ"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "26000"));
	pg_put_execute(&l.tx, span_str("none"), 0);
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "EZ"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "34000"));
	pg_put_describe(&l.tx, 'S', span_str("none"));
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "EZ"));
	pg_put_describe(&l.tx, 'P', span_str("none"));
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "EZ"));
	pg_put_close_target(&l.tx, 'S', span_str("none"));
	pg_put_close_target(&l.tx, 'P', span_str("none"));
	pg_put_empty(&l.tx, 'S');
	cr_expect(eq(str, STR(lab_run(&l, 1)), "33Z"));
	expect_goes_on(&l, "names");
	lab_close(&l);
}

Test(input, other_messages_inside_copy)
{
	static const char in_copy[] = "QPBDECF";
	struct pxlab l;

	db = lab_fresh_db();
	for (size_t i = 0; i < N_VALID; i++) {
		if (strchr(in_copy, valid[i].type) == NULL)
			continue;
		lab_init_on(&l, db);
		l.decision = "approved";
		cr_assert(lab_start(&l));
		pg_put_query(&l.tx, span_str("COPY notes FROM STDIN"));
		lab_send(&l);
		cr_assert(lab_got(&l, 'G', 1));
		put_message(&l.tx, 'd', "1\tx\n", 4);
		put_message(&l.tx, valid[i].type, valid[i].body, valid[i].n);
		put_message(&l.tx, 'c', "", 0);
		lab_send(&l);
		cr_expect(lab_ended(&l), "%c", valid[i].type);
		cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "08P01"));
		lab_close(&l);
		cr_expect(eq(str, STR(direct_sql(db, "SELECT count(*) FROM notes")), "0"), "%c", valid[i].type);
	}
}

Test(input, sync_and_flush_inside_copy)
{
	struct pxlab l;

	lab_init(&l);
	l.decision = "approved";
	cr_assert(lab_start(&l));
	lab_put_parse(&l.tx, "", "COPY notes FROM STDIN");
	lab_put_plain_bind(&l.tx, "", "");
	pg_put_execute(&l.tx, span_str(""), 0);
	pg_put_empty(&l.tx, 'S'); /* as drivers do: before they can know that data is wanted */
	lab_send(&l);
	cr_assert(lab_got(&l, 'G', 1));
	pg_put_empty(&l.tx, 'H');
	put_message(&l.tx, 'd', "1\tx\n", 4);
	pg_put_empty(&l.tx, 'S');
	put_message(&l.tx, 'c', "", 0);
	pg_put_empty(&l.tx, 'S');
	lab_send(&l);
	cr_expect(lab_ready(&l, 1));
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "12GCZ"));
	expect_goes_on(&l, "COPY by the extended protocol");
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM notes")), "1"));
	lab_close(&l);
}

Test(input, function_calls_are_refused)
{
	struct pxlab l;

	lab_up(&l);
	put_message(&l.tx, 'F', valid[11].body, valid[11].n);
	cr_expect(eq(str, STR(lab_run(&l, 1)), "EZ"));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "42501"));
	cr_expect(eq(sz, lab_sent(&l, 'F', NULL), 0));
	expect_goes_on(&l, "function call");
	lab_close(&l);
}

/* ---- text ---- */

static void expect_text_refused(struct pxlab *l, struct span sql, const char *what)
{
	put_message(&l->tx, 'Q', sql.p, sql.n);
	cr_expect(eq(str, STR(lab_run(l, 1)), "EZ"), "%s", what);
	cr_expect(eq(str, STR(lab_error(l, 0, 'C')), "42501"), "%s", what);
	buf_put_u8(&l->tx, 'P');
	buf_put_u32be(&l->tx, (uint32_t)(4 + 1 + sql.n + 2));
	buf_put_u8(&l->tx, 0);
	buf_put_span(&l->tx, sql);
	buf_put_u16be(&l->tx, 0);
	pg_put_empty(&l->tx, 'S');
	cr_expect(eq(str, STR(lab_run(l, 1)), "EZ"), "%s", what);
	cr_expect(eq(sz, lab_sent(l, 'Q', NULL), 0), "%s", what);
}

Test(input, text_that_is_none)
{
	static const char *const bad[] = {"SELECT '\xff'", "SELECT '\xc0\xa7'", "SELECT '\xed\xa0\x80'", "SELECT '\xf5\x80\x80\x80'",
	    "SELECT '\xe2\x82", "SELECT 'open", "SELECT $$open", "SELECT \"open", "SELECT 1 /* open", "SELEC 1", "SELECT 1 1 1"};
	struct pxlab l;

	lab_up(&l);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_text_refused(&l, span_of(bad[i], strlen(bad[i]) + 1), bad[i]);
	expect_goes_on(&l, "text");
	/* a NUL inside would end the text early for the server */
	put_message(&l.tx, 'Q', "SELECT 1\0; DELETE FROM notes", 29);
	lab_send(&l);
	cr_expect(lab_ended(&l));
	cr_expect(eq(sz, lab_sent(&l, 'Q', NULL), 1), "only the one before");
	lab_close(&l);
}

/* ---- before the welcome ---- */

static void raw_start(struct pxlab *l, struct span bytes)
{
	lab_init_on(l, db);
	lab_connect(l);
	lab_feed(l, bytes);
}

static void expect_start_refused(const void *bytes, size_t n, const char *sqlstate, const char *what)
{
	struct pxlab l;

	raw_start(&l, span_of(bytes, n));
	lab_eof(&l);
	cr_expect(lab_ended(&l), "%s", what);
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), STR(sqlstate)), "%s", what);
	cr_expect(eq(sz, lab_n_asked(&l, IPC_CONNECT), 0), "%s", what);
	lab_close(&l);
}

Test(start, packets)
{
	struct buf b;
	struct pxlab l;

	db = lab_fresh_db();
	expect_start_refused("\0\0\0\x10\0\2\0\0user\0a\0\0", 16, "08P01", "protocol 2");
	expect_start_refused("\0\0\0\x10\0\4\0\0user\0a\0\0", 16, "08P01", "protocol 4");
	expect_start_refused("\0\0\0\0\0\3\0\0", 8, "08P01", "length 0");
	expect_start_refused("\xff\xff\xff\xff\0\3\0\0", 8, "08P01", "length 2^32-1");
	expect_start_refused("\0\0\x40\0\0\3\0\0", 8, "08P01", "16 KiB");
	expect_start_refused("\0\0\0\x0f\0\3\0\0user\0a\0", 15, "08P01", "no end of the list");
	expect_start_refused("\0\0\0\x1a\0\3\0\0user\0a\0user\0b\0\0\0\0", 26, "08P01", "a parameter twice");
	expect_start_refused("SSH-2.0-x\r\n", 11, "08P01", "another protocol");
	expect_start_refused("GET / HTTP/1.1\r\n\r\n", 18, "08P01", "another protocol");
	/* encryption is offered by nobody here; bytes behind the request could be taken as encrypted */
	buf_init(&b, 1024);
	pg_put_ssl_request(&b);
	raw_start(&l, buf_span(&b));
	cr_expect(span_is(buf_span(&l.rx), "N"));
	lab_feed(&l, buf_span(&b));
	cr_expect(span_is(buf_span(&l.rx), "NN"));
	lab_close(&l);
	buf_put_str(&b, "x");
	raw_start(&l, buf_span(&b));
	cr_expect(pgproxy_ended(l.x));
	lab_close(&l);
	/* a cancel request is answered by nothing */
	buf_reset(&b);
	pg_put_cancel(&b, 1, 2);
	raw_start(&l, buf_span(&b));
	cr_expect(pgproxy_ended(l.x));
	cr_expect(eq(sz, buf_len(&l.rx), 0));
	cr_expect(eq(sz, lab_n_asked(&l, IPC_CANCEL), 0));
	lab_close(&l);
	buf_clear(&b);
}

Test(start, every_truncation_and_flip)
{
	const struct pg_pair pairs[] = {{"user", "a"}, {"database", ""}, {"options", "-c work_mem=1MB"}};
	struct buf b;
	struct pxlab l;

	db = lab_fresh_db();
	buf_init(&b, 1024);
	pg_put_startup(&b, pairs, 3);
	for (size_t n = 0; n < buf_len(&b); n++) {
		raw_start(&l, span_of(buf_span(&b).p, n));
		expect_over(&l, "start-up cut off", n, 0);
	}
	for (size_t bit = 0; bit < buf_len(&b) * 8; bit += STRIDE) {
		uint8_t copy[128];

		memcpy(copy, buf_span(&b).p, buf_len(&b));
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		raw_start(&l, span_of(copy, buf_len(&b)));
		lab_spin(&l, 1);
		expect_over(&l, "start-up bit", bit, 0);
	}
	buf_clear(&b);
}

/* Parameters are code: they are judged as SET is, and nothing reaches the server before. */
static void start_with(struct pxlab *l, const char *name, const char *value)
{
	const struct pg_pair pairs[] = {{"user", "alice"}, {"application_name", "psql"}, {name, value}};

	lab_init_on(l, db);
	lab_connect(l);
	pg_put_startup(&l->tx, pairs, 3);
	lab_send(l);
	(void)lab_ready(l, 1);
}

Test(start, parameters_that_are_refused, .timeout = 120)
{
	static const char *const refused[][2] = {{"replication", "database"}, {"replication", "true"}, {"replication", "x"},
	    {"session_replication_role", "replica"}, {"row_security", "off"}, {"ROW_SECURITY", "off"}, {"client_encoding", "LATIN1"},
	    {"Client_Encoding", "sjis"}, {"role", "postgres"}, {"session_authorization", "x"}, {"standard_conforming_strings", "off"},
	    {"backslash_quote", "on"}, {"options", "-c session_replication_role=replica"}, {"options", "--role=postgres"},
	    {"options", "-c search_path=x -c role=postgres"}, {"options", "-csearch_path=x -crole=postgres"}, {"options", "-W 3"},
	    {"options", "-c role"}, {"options", "-c"}, {"options", "--"}, {"options", "x"}, {"options", "-d 5"}, {"options", "-e"},
	    {"log_statement", "none"}, {"my.var", "1"}, {"options", "-c my.var=1"}, {"nobody_knows", "1"}, {"", "x"}, {"a b", "x"},
	    {"search-path", "x"}, {"search_path", "public,pg_catalog"}, {"search_path", "public, \"pg_catalog\""},
	    {"SEARCH_PATH", "\"$user\",\tPG_CATALOG"}, {"options", "-c search_path=public,pg_catalog"},
	    {"options", "--search-path=public,\\ pg_catalog"}, {"options", "-c Search_Path=a,\\\tpg_catalog"},
	    {"options", "-c\t--search_path=x"}, {"client_min_messages", "debug5"}, {"client_min_messages", "DEBUG"},
	    {"options", "-c client_min_messages=debug1"}, {"options", "--client-min-messages=debug"},
	    {"options", "-c client\\_min_messages=debug2"}, {"options", "-c a\\ -c\\ role=postgres"},
	    {"options", "-c work_mem=1MB\\ -c\\ x=y -c role=postgres"}, {"session_preload_libraries", "x"},
	    {"zero_damaged_pages", "on"}, {"temp_file_limit", "-1"}};
	struct pxlab l;

	db = lab_fresh_db();
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		start_with(&l, refused[i][0], refused[i][1]);
		cr_expect(pgproxy_ended(l.x), "%s=%s", refused[i][0], refused[i][1]);
		cr_expect(l.x->up == NULL, "%s=%s", refused[i][0], refused[i][1]);
		if (refused[i][0][0] != '\0') {
			cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "42501"), "%s=%s", refused[i][0], refused[i][1]);
			cr_expect(strstr(lab_error(&l, 0, 'M'), "refused: ") != NULL, "%s", lab_error(&l, 0, 'M'));
		}
		lab_close(&l);
	}
}

/* name, value, what SHOW says of show. */
Test(start, parameters_that_pass, .timeout = 120)
{
	static const char *const fine[][4] = {{"replication", "false", "work_mem", "4MB"}, {"client_encoding", "utf-8", "client_encoding", "UTF8"},
	    {"client_encoding", "'UTF8'", "client_encoding", "UTF8"}, {"client_encoding", "auto", "client_encoding", "UTF8"},
	    {"DateStyle", "SQL, DMY", "datestyle", "SQL, DMY"}, {"options", "", "work_mem", "4MB"},
	    {"options", "-c search_path=\"x\\ -c\\ role=postgres\"", "search_path", "\"x -c role=postgres\""},
	    {"search_path", "\"a b -c role=postgres\"", "search_path", "\"a b -c role=postgres\""},
	    {"search_path", "pg_catalog,public", "search_path", "pg_catalog,public"},
	    {"options", "-c default_statistics_target=50", "default_statistics_target", "50"},
	    {"options", "-cdefault-statistics-target=51", "default_statistics_target", "51"},
	    {"options", "--Default-Statistics_target=52", "default_statistics_target", "52"},
	    {"options", "  -c\n work_mem=8MB   -c work_mem=9MB ", "work_mem", "9MB"},
	    {"options", "-c application_name=x -c jit=off", "jit", "off"}, {"options", "-c timezone=Europe/Berlin\\", "TimeZone", "Europe/Berlin"},
	    {"options", "-c search_path=a\\,b,c", "search_path", "a,b,c"}, {"statement_timeout", "17s", "statement_timeout", "17s"},
	    {"Extra_Float_Digits", "2", "extra_float_digits", "2"}, {"fallback_application_name", "x", "work_mem", "4MB"},
	    {"client_min_messages", "warning", "client_min_messages", "warning"}, {"standard_conforming_strings", "on", "standard_conforming_strings", "on"}};
	char show[80];
	struct pxlab l;

	db = lab_fresh_db();
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		start_with(&l, fine[i][0], fine[i][1]);
		snprintf(show, sizeof(show), "SHOW %s", fine[i][2]);
		cr_expect(eq(str, STR(lab_query(&l, show)), "TDCZ"), "%s: %s", fine[i][1], lab_error(&l, 0, 'M'));
		cr_expect(eq(str, STR(lab_value(&l, 0, 0)), STR(fine[i][3])), "%s=%s", fine[i][0], fine[i][1]);
		lab_close(&l);
	}
}

/* Options come first, then parameters, and the last one counts; what another one replaces is not looked at. */
Test(start, the_order_is_the_servers)
{
	const struct pg_pair pairs[] = {{"user", "alice"}, {"work_mem", "2MB"}, {"search_path", "public, pg_catalog"},
	    {"options", "-c work_mem=3MB -c jit=off -c role=postgres"}, {"role", "none"}, {"Search_path", "notes"}, {"WORK_MEM", "5MB"},
	    {"options", "-c work_mem=4MB -c enable_sort=off"}};
	struct pxlab l;

	db = lab_fresh_db();
	for (size_t n = 0; n < 2; n++) {
		struct pg_pair p[8];

		memcpy(p, pairs, sizeof(p));
		if (n == 1)
			p[4] = (struct pg_pair){"geqo", "off"}; /* "none" is a role, too */
		lab_init_on(&l, db);
		lab_connect(&l);
		pg_put_startup(&l.tx, p, 8);
		lab_send(&l);
		(void)lab_ready(&l, 1);
		cr_expect(eq(int, pgproxy_ended(l.x), n == 0));
		if (n == 1) {
			cr_expect(eq(str, STR(lab_query(&l, "SELECT concat_ws(' ', current_setting('work_mem'), current_setting('search_path'), "
							    "current_setting('enable_sort'), current_setting('jit'))")), "TDCZ"));
			cr_expect(eq(str, STR(lab_value(&l, 0, 0)), "5MB notes off on"), "%s", lab_value(&l, 0, 0));
			cr_expect(eq(sz, lab_recorded(&l, REC_START, "options", "-c enable_sort=off -c geqo=off -c Search_path=notes -c "
			    "WORK_MEM=5MB -c standard_conforming_strings=on -c backslash_quote=safe_encoding -c client_connection_check_interval=1s"), 1));
		}
		lab_close(&l);
	}
}

Test(start, newer_minor_versions_are_negotiated)
{
	static const char start[] = "\0\0\0\x22\0\3\0\2user\0alice\0_pq_.extra\0on\0\0";
	struct pxlab l;

	db = lab_fresh_db();
	raw_start(&l, span_of(start, 34));
	cr_expect(lab_ready(&l, 1));
	cr_expect(eq(int, lab_types(&l, "")[0], 'v'));
	lab_close(&l);
}

/* A second start-up packet is a message of type 0. */
Test(start, twice)
{
	struct pxlab l;

	lab_up(&l);
	lab_feed(&l, span_of("\0\0\0\x10\0\3\0\0user\0a\0\0", 16));
	cr_expect(pgproxy_ended(l.x));
	cr_expect(eq(str, STR(lab_error(&l, 0, 'C')), "08P01"));
	lab_close(&l);
}

/* Bytes before the welcome wait for it. */
Test(start, messages_right_behind_it)
{
	const struct pg_pair pairs[] = {{"user", "alice"}, {"application_name", "psql"}};
	struct pxlab l;

	db = lab_fresh_db();
	lab_init_on(&l, db);
	lab_connect(&l);
	pg_put_startup(&l.tx, pairs, 2);
	pg_put_query(&l.tx, span_str("SELECT 1"));
	lab_send(&l);
	cr_expect(lab_ready(&l, 2));
	cr_expect(eq(str, STR(lab_types(&l, "S")), "RKZTDCZ"));
	lab_close(&l);
}

/* The console's cancel is no message of a client. */
Test(input, the_console_cancel_is_for_the_console)
{
	struct pxlab l;

	lab_up(&l);
	put_message(&l.tx, PGPROXY_CONSOLE_CANCEL, "", 0);
	lab_send(&l);
	cr_expect(pgproxy_ended(l.x));
	cr_expect(eq(sz, lab_n_asked(&l, IPC_CANCEL), 0));
	lab_close(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}

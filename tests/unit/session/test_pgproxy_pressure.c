/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients and servers that do not keep up: memory stays bounded, nothing is lost and nothing hangs.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"
#include "tests/support/pxtap.h"

#define STR(s) ((char *)(uintptr_t)(s))
#define MB ((size_t)1 << 20)
#define BUFFERS_MAX (3 * MB / 2) /* what may wait in one direction: the marks, a read, a message */
#define RSS_MAX (8 * MB)
#define PIECE 32768 /* what the edge feeds at a time */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1 /* freed memory is kept: its size says nothing */
#else
#define SANITIZED 0
#endif

static size_t rss(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	cr_assert(f != NULL && fscanf(f, "%*d %ld", &pages) == 1);
	fclose(f);
	return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t grown(size_t from)
{
	size_t now = rss();

	return SANITIZED || now < from ? 0 : now - from;
}

static size_t waiting(const struct pxlab *l)
{
	return buf_len(&l->x->in) + buf_len(&l->x->out) + buf_len(&l->x->up_in) + px_up_len(l->x->to_up);
}

static size_t most; /* of waiting(), while watched */

static bool quiet(struct pxlab *l)
{
	if (waiting(l) > most)
		most = waiting(l);
	return false;
}


/* Count 'Z' in a stream that is not kept: the last message is complete when the session is quiet. */
static bool all_of_100_mb(struct pxlab *l)
{
	if (waiting(l) > most)
		most = waiting(l);
	return l->n_rx >= 100 * MB && l->x->exp_head == NULL && buf_len(&l->x->out) == 0;
}

static void stream(const char *sql, int mask)
{
	size_t before;
	struct pxlab l;
	clock_t cpu;

	lab_init(&l);
	l.view.mask = mask;
	cr_assert(lab_start(&l));
	(void)lab_query(&l, sql);
	lab_forget(&l);
	buf_clear(&l.rx);
	before = rss();
	most = 0;
	l.stalled = true;
	l.discard = true;
	cpu = clock();
	pg_put_query(&l.tx, span_str("SELECT repeat('x', 1000) AS x, g FROM generate_series(1, 110000) g"));
	lab_send(&l);
	(void)lab_until(&l, quiet, 1500);
	cr_expect(lt(sz, most, BUFFERS_MAX), "the client does not read");
	cr_expect(lt(sz, grown(before), RSS_MAX), "the client does not read");
	cr_expect(lt(sz, (size_t)(clock() - cpu), CLOCKS_PER_SEC / 2), "and nothing spins");
	cr_expect(not(pgproxy_ended(l.x)));
	l.stalled = false;
	cr_expect(lab_until(&l, all_of_100_mb, 30000));
	cr_expect(lt(sz, most, BUFFERS_MAX));
	cr_expect(lt(sz, grown(before), RSS_MAX));
	l.discard = false;
	lab_forget(&l);
	cr_expect(eq(str, STR(lab_query(&l, "SELECT 1")), "TDCZ"));
	lab_close(&l);
}

Test(pressure, a_client_that_does_not_read, .timeout = 60)
{
	stream("SELECT repeat('x', 1000) AS x, g FROM generate_series(1, 10) g", MASK_NONE);
}

Test(pressure, a_client_that_does_not_read_masked_rows, .timeout = 60)
{
	stream("SELECT repeat('x', 1000) AS x, g FROM generate_series(1, 10) g", MASK_FULL);
}

/* ---- COPY IN ---- */

static void put_copy_data(struct buf *b, size_t lines)
{
	static char line[1001];
	static size_t id;
	struct pg_msg m = {'d', span_of(line, sizeof(line))};

	memset(line, 'y', sizeof(line));
	memcpy(line, "9\t", 2);
	line[sizeof(line) - 1] = '\n';
	for (size_t i = 0; i < lines; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%08zu\t", 100 + id++ % 10000000);
		memcpy(line, text, 9);
		pg_put_msg(b, &m);
	}
}

Test(pressure, copy_in_to_a_slow_server, .timeout = 60)
{
	size_t lines = 20000, before;
	struct pxlab l;

	lab_init(&l);
	l.tap = true;
	l.chunk = PIECE;
	l.decision = "approved";
	cr_assert(lab_start(&l));
	pg_put_query(&l.tx, span_str("COPY notes FROM STDIN"));
	lab_send(&l);
	cr_assert(lab_got(&l, 'G', 1));
	put_copy_data(&l.tx, lines);
	pg_put_empty(&l.tx, 'c');
	most = 0;
	l.t->hold_up = true;
	lab_send(&l);
	before = rss(); /* behind the lab's own copies */
	(void)lab_until(&l, quiet, 300);
	cr_expect(gt(sz, buf_len(&l.unfed), 10 * MB), "most is still with the client");
	cr_expect(lt(sz, most, BUFFERS_MAX));
	l.t->hold_up = false;
	l.t->max_up = 30000;
	pxtap_go(&l);
	cr_expect(lab_ready(&l, 1), "it comes to its end");
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "GCZ"));
	cr_expect(lt(sz, grown(before), RSS_MAX));
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM notes")), "20000"));
	cr_expect(eq(str, STR(lab_record(&l, REC_COPY, 0, "bytes")), "20020000"));
	lab_close(&l);
}

/* The socket takes all at once: no event tells that there is room for the rest. */
Test(pressure, the_rest_of_the_input_is_not_forgotten)
{
	struct pxlab l;

	lab_init(&l);
	l.decision = "approved";
	cr_assert(lab_start(&l));
	for (int round = 0; round < 3; round++) {
		pg_put_query(&l.tx, span_str("COPY notes (body) FROM STDIN"));
		lab_send(&l);
		cr_assert(lab_got(&l, 'G', (size_t)round + 1));
		for (int i = 0; i < 60000; i++) {
			struct pg_msg m = {'d', span_str("short\n")};

			pg_put_msg(&l.tx, &m);
		}
		pg_put_empty(&l.tx, 'c');
		lab_send(&l);
		cr_assert(lab_ready(&l, (size_t)round + 1));
	}
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM notes")), "180000"));
	lab_close(&l);
}

/* The client has sent its last byte while the server was slow: only the server's socket tells that there is room. */
Test(pressure, the_last_input_waits_for_room)
{
	struct pxlab l;

	lab_init(&l);
	l.tap = true;
	l.decision = "approved";
	cr_assert(lab_start(&l));
	pg_put_query(&l.tx, span_str("COPY notes FROM STDIN"));
	lab_send(&l);
	cr_assert(lab_got(&l, 'G', 1));
	l.t->hold_up = true;
	while (px_up_len(l.x->to_up) < PX_UP_HIGH || buf_len(&l.x->in) == 0) {
		put_copy_data(&l.tx, 30);
		lab_send(&l);
		lab_spin(&l, 1);
		cr_assert(lt(sz, buf_len(&l.unfed), PIECE));
	}
	pg_put_empty(&l.tx, 'c');
	lab_send(&l);
	lab_spin(&l, 20);
	cr_assert(eq(sz, buf_len(&l.unfed), 0));
	l.t->hold_up = false;
	pxtap_go(&l);
	cr_expect(lab_ready(&l, 1));
	lab_close(&l);
}

/* ---- pipelines ---- */

/* Far more messages in flight than answers may be outstanding. */
Test(pressure, a_long_pipeline, .timeout = 60)
{
	size_t n = 30000, before;
	struct pxlab l;

	lab_up(&l);
	lab_put_parse(&l.tx, "s", "SELECT 1");
	for (size_t i = 0; i < n; i++) {
		lab_put_plain_bind(&l.tx, "", "s");
		pg_put_execute(&l.tx, span_str(""), 0);
		pg_put_empty(&l.tx, 'S');
	}
	before = rss();
	l.chunk = PIECE;
	l.stalled = true;
	most = 0;
	lab_send(&l);
	(void)lab_until(&l, quiet, 500);
	cr_expect(lt(sz, most, 2 * BUFFERS_MAX));
	cr_expect(not(pgproxy_ended(l.x)));
	l.stalled = false;
	cr_assert(lab_until(&l, quiet, 1) == false);
	cr_expect(lab_ready(&l, n));
	cr_expect(eq(sz, lab_count(&l, 'D'), n));
	cr_expect(lt(sz, grown(before), 64 * MB), "the records and answers that the lab itself keeps");
	lab_close(&l);
}

/* ---- big messages ---- */

Test(pressure, a_row_that_is_too_large, .timeout = 60)
{
	struct pxlab l;

	lab_init(&l);
	l.view.mask = MASK_NONE;
	cr_assert(lab_start(&l));
	cr_expect(eq(str, STR(lab_query(&l, "SELECT repeat('x', 20000000)")), "TDCZ"));
	pg_put_query(&l.tx, span_str("SELECT repeat('x', 70000000)"));
	lab_forget(&l);
	lab_send(&l);
	cr_expect(lab_ended(&l));
	cr_expect(eq(sz, lab_count(&l, 'D'), 0));
	cr_expect(strstr(lab_error(&l, 0, 'M'), "larger than 64 MiB") != NULL);
	lab_close(&l);
}

/* ---- clients that leave ---- */

Test(pressure, gone_while_a_result_streams)
{
	struct pxlab l;

	lab_up(&l);
	l.stalled = true;
	pg_put_query(&l.tx, span_str("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"));
	lab_send(&l);
	(void)lab_until(&l, quiet, 300);
	pgproxy_free(l.x, "closed");
	l.x = NULL;
	lab_close(&l);
}

Test(pressure, gone_in_the_middle_of_copy_in)
{
	struct pxlab l;

	lab_init(&l);
	l.decision = "approved";
	cr_assert(lab_start(&l));
	pg_put_query(&l.tx, span_str("COPY notes FROM STDIN"));
	lab_send(&l);
	cr_assert(lab_got(&l, 'G', 1));
	put_copy_data(&l.tx, 10);
	lab_send(&l);
	lab_eof(&l);
	cr_expect(lab_ended(&l));
	lab_spin(&l, 50);
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM notes")), "0"));
	lab_close(&l);
}

/* What was sent before the end is still answered; what has no Sync never will be. */
Test(pressure, gone_after_the_last_message)
{
	struct pxlab l;

	lab_up(&l);
	pg_put_query(&l.tx, span_str("INSERT INTO notes (body) VALUES ('last')"));
	lab_send(&l);
	lab_eof(&l);
	cr_expect(lab_ended(&l));
	cr_expect(eq(str, STR(lab_types(&l, "NS")), "CZ"));
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM notes")), "1"));
	lab_close(&l);
	lab_up(&l);
	lab_put_parse(&l.tx, "", "INSERT INTO notes (body) VALUES ('no sync')");
	lab_put_plain_bind(&l.tx, "", "");
	pg_put_execute(&l.tx, span_str(""), 0);
	lab_send(&l);
	lab_eof(&l);
	cr_expect(pgproxy_ended(l.x), "at once");
	lab_spin(&l, 50);
	cr_expect(eq(str, STR(direct_sql(l.db, "SELECT count(*) FROM notes")), "0"));
	lab_close(&l);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}

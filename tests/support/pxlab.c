/* SPDX-License-Identifier: Apache-2.0
 *
 * The lab of pxlab.h: life, loop and client side. The monitor's side is pxmon.c.
 */
#include "tests/support/pxlab.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "tests/support/pgserver.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxmon.h"
#include "tests/support/pxtap.h"
#include "tests/support/pxwire.h"

#define RING 64
#define RING_TEXT 32768

const char *lab_ring(struct span s)
{
	static char ring[RING][RING_TEXT];
	static unsigned at;
	char *t = ring[at++ % RING];
	size_t n = s.n < RING_TEXT ? s.n : RING_TEXT - 1;

	if (n > 0)
		memcpy(t, s.p, n);
	t[n] = '\0';
	return t;
}

/* ---- life ---- */

const char *lab_fresh_db(void)
{
	static char names[8][64]; /* a test has few */
	static unsigned n;
	char *name = names[n % 8], sql[160];

	snprintf(name, sizeof(names[0]), "lab_%d_%u", (int)getpid(), n++);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE lab OWNER app_rw", name);
	(void)direct_sql("postgres", sql);
	return name;
}

static void need_server(void)
{
	if (pgserver_port() == 0)
		cr_skip_test("PostgreSQL is not installed");
}

void lab_init(struct pxlab *l)
{
	need_server();
	lab_init_on(l, lab_fresh_db());
}

void lab_init_on(struct pxlab *l, const char *db)
{
	need_server();
	log_init("pxlab", 2, LOG_ERROR_, false);
	*l = (struct pxlab){.user = "alice", .app = "psql", .login = "app_rw", .password = "lab-rw", .sync = "writes",
	    .parameters = "", .rec_fd = -1, .mon = -1, .hold_state = "pending", .wait_ms = 10000};
	l->db = db;
	policy_view_default(&l->view, "prod");
	l->view.epoch = 1;
	(void)str_copy(l->view.approvers, sizeof(l->view.approvers), "dba");
	buf_init(&l->tx, 256u << 20);
	buf_init(&l->rx, 256u << 20);
	buf_init(&l->unfed, 256u << 20);
}

static void woken(void *ctx)
{
	(void)ctx; /* the step after each batch of events does the work */
}

/* Give the session what it still takes, take what it has. */
static void pump(void *ctx)
{
	struct pxlab *l = ctx;
	bool moved = l->x != NULL;

	while (moved) {
		struct buf *out = pgproxy_out(l->x);

		moved = false;
		if (!l->stalled && buf_len(out) > 0) {
			l->n_rx += buf_len(out);
			if (!l->discard)
				buf_put_span(&l->rx, buf_span(out));
			buf_consume(out, buf_len(out));
			pgproxy_drained(l->x);
			moved = true;
		}
		if (buf_len(&l->unfed) > 0) {
			struct span s = buf_span(&l->unfed);
			size_t n = pgproxy_feed(l->x, span_of(s.p, l->chunk > 0 && l->chunk < s.n ? l->chunk : s.n));

			buf_consume(&l->unfed, n);
			moved |= n > 0;
		}
	}
}

void lab_connect(struct pxlab *l)
{
	struct pgproxy_params p = {.gateway = "gw-test", .target = "orders-prod", .port = 5432, .wake = woken, .ctx = l};
	int sp[2];

	l->loop = loop_new();
	cr_assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sp) == 0);
	l->mc = monclient_new(l->loop, sp[0]);
	pxmon_init(l, sp[1]);
	pxwire_watch(l);
	p.loop = l->loop;
	p.mon = l->mc;
	l->x = pgproxy_new(&p);
	loop_set_after(l->loop, pump, l);
}

bool lab_start(struct pxlab *l)
{
	const struct pg_pair pairs[] = {{"user", l->user}, {"database", l->db}, {"application_name", l->app}};
	bool up;

	lab_connect(l);
	pg_put_startup(&l->tx, pairs, 3);
	lab_send(l);
	up = lab_ready(l, 1);
	if (up)
		lab_forget(l);
	return up;
}

void lab_up(struct pxlab *l)
{
	lab_init(l);
	cr_assert(lab_start(l), "the session ended: %s", lab_error(l, 0, 'M'));
}

static void dir_remove(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	(void)rmdir(path);
}

void lab_drop(struct pxlab *l)
{
	pgproxy_free(l->x, "closed by the test");
	l->x = NULL;
	if (l->loop != NULL) {
		pxmon_take(l);
		pxtap_free(l);
		loop_del(l->loop, l->mon);
		monclient_free(l->mc);
		close(l->mon);
		loop_free(l->loop);
	}
	pxwire_forget(l);
	for (size_t i = 0; i < l->n_asks; i++)
		buf_clear(&l->ask[i].raw);
	if (l->dir[0] != '\0')
		dir_remove(l->dir);
	buf_clear(&l->mon_in);
	buf_clear(&l->mon_out);
	buf_clear(&l->tx);
	buf_clear(&l->rx);
	buf_clear(&l->unfed);
}

void lab_close(struct pxlab *l)
{
	size_t n = lab_breaches(l);
	const char *what = lab_ring(span_str(lab_breach(l)));

	lab_drop(l);
	cr_assert(n == 0, "sent without a record: %s", what);
}

/* ---- running ---- */

struct until {
	struct pxlab *l;
	bool (*done)(struct pxlab *l);
	bool is_done;
};

static void until_step(void *ctx)
{
	struct until *u = ctx;

	pump(u->l);
	u->is_done = u->done(u->l);
	if (u->is_done)
		loop_stop(u->l->loop, 0);
}

static void until_late(void *ctx)
{
	struct until *u = ctx;

	loop_stop(u->l->loop, 1);
}

bool lab_until(struct pxlab *l, bool (*done)(struct pxlab *l), int ms)
{
	struct until u = {l, done, false};
	struct loop_timer *t = loop_after(l->loop, ms, until_late, &u);

	loop_set_after(l->loop, until_step, &u);
	if (loop_run(l->loop) == 0)
		loop_cancel(l->loop, t);
	loop_set_after(l->loop, pump, l);
	return u.is_done;
}

static bool never(struct pxlab *l)
{
	(void)l;
	return false;
}

void lab_spin(struct pxlab *l, int ms)
{
	(void)lab_until(l, never, ms);
}

static bool has_ended(struct pxlab *l)
{
	return pgproxy_ended(l->x) && (l->stalled || buf_len(pgproxy_out(l->x)) == 0);
}

bool lab_ended(struct pxlab *l)
{
	return lab_until(l, has_ended, LAB_WAIT_MS);
}

static size_t want_n;
static int want_type;

static bool enough_messages(struct pxlab *l)
{
	return lab_count(l, (uint8_t)want_type) >= want_n || has_ended(l);
}

bool lab_got(struct pxlab *l, uint8_t type, size_t n)
{
	want_n = n;
	want_type = type;
	(void)lab_until(l, enough_messages, LAB_WAIT_MS);
	return lab_count(l, type) >= n;
}

bool lab_ready(struct pxlab *l, size_t n)
{
	return lab_got(l, 'Z', n);
}

static bool enough_asks(struct pxlab *l)
{
	return lab_n_asked(l, (enum ipc_type)want_type) >= want_n;
}

bool lab_asked(struct pxlab *l, enum ipc_type t, size_t n)
{
	want_n = n;
	want_type = t;
	(void)lab_until(l, enough_asks, LAB_WAIT_MS);
	return lab_n_asked(l, t) >= n;
}

/* ---- the client ---- */

void lab_feed(struct pxlab *l, struct span bytes)
{
	buf_put_span(&l->unfed, bytes);
	pump(l);
}

void lab_send(struct pxlab *l)
{
	cr_assert(buf_err(&l->tx) == 0);
	lab_feed(l, buf_span(&l->tx));
	buf_reset(&l->tx);
}

void lab_eof(struct pxlab *l)
{
	pump(l);
	pgproxy_client_eof(l->x);
	pump(l);
}

void lab_forget(struct pxlab *l)
{
	buf_reset(&l->rx);
	l->n_rx = 0;
}

const char *lab_types(struct pxlab *l, const char *skip)
{
	return direct_types(buf_span(&l->rx), skip);
}

bool lab_msg(struct pxlab *l, uint8_t type, size_t i, struct pg_msg *m)
{
	struct span rx = buf_span(&l->rx);
	size_t used;

	while (pg_frame(rx, SIZE_MAX, m, &used) == 0) {
		if (m->type == type && i-- == 0)
			return true;
		rx = span_of(rx.p + used, rx.n - used);
	}
	return false;
}

size_t lab_count(struct pxlab *l, uint8_t type)
{
	struct span rx = buf_span(&l->rx);
	struct pg_msg m;
	size_t used, n = 0;

	while (pg_frame(rx, SIZE_MAX, &m, &used) == 0) {
		n += m.type == type;
		rx = span_of(rx.p + used, rx.n - used);
	}
	return n;
}

const char *lab_value(struct pxlab *l, size_t row, size_t col)
{
	struct pg_msg m;
	struct pg_row r;
	struct pg_value v;

	if (!lab_msg(l, 'D', row, &m) || pg_row_begin(m.body, &r) != 0)
		return "(none)";
	for (size_t i = 0; pg_row_next(&r, &v); i++)
		if (i == col)
			return v.null ? "(null)" : lab_ring(v.data);
	return "(none)";
}

static const char *field(struct pxlab *l, uint8_t type, size_t i, uint8_t f)
{
	struct pg_msg m;

	return lab_msg(l, type, i, &m) ? lab_ring(pg_error_field(m.body, f)) : "";
}

const char *lab_error(struct pxlab *l, size_t i, uint8_t f)
{
	return field(l, 'E', i, f);
}

const char *lab_notice(struct pxlab *l, size_t i, uint8_t f)
{
	return field(l, 'N', i, f);
}

bool lab_noticed(struct pxlab *l, const char *what)
{
	for (size_t i = 0, n = lab_count(l, 'N'); i < n; i++)
		if (strstr(lab_notice(l, i, 'M'), what) != NULL)
			return true;
	return false;
}

const char *lab_run(struct pxlab *l, size_t n)
{
	lab_forget(l);
	lab_send(l);
	return lab_ready(l, n) ? lab_types(l, "NS") : "";
}

const char *lab_query(struct pxlab *l, const char *sql)
{
	buf_reset(&l->tx);
	pg_put_query(&l->tx, span_str(sql));
	return lab_run(l, 1);
}

void lab_put_bind(struct buf *b, const struct lab_bind *p)
{
	size_t at = pg_open(b, 'B');

	pg_put_cstr(b, span_str(p->portal));
	pg_put_cstr(b, span_str(p->stmt));
	buf_put_u16be(b, p->n_formats);
	for (uint16_t i = 0; i < p->n_formats; i++)
		buf_put_u16be(b, p->formats[i]);
	buf_put_u16be(b, p->n_values);
	for (uint16_t i = 0; i < p->n_values; i++)
		pg_put_value(b, p->values[i]);
	buf_put_u16be(b, p->n_results);
	for (uint16_t i = 0; i < p->n_results; i++)
		buf_put_u16be(b, p->results[i]);
	pg_close(b, at);
}

void lab_put_parse(struct buf *b, const char *name, const char *sql)
{
	pg_put_parse(b, span_str(name), span_str(sql), NULL, 0);
}

void lab_put_plain_bind(struct buf *b, const char *portal, const char *stmt)
{
	pg_put_bind(b, span_str(portal), span_str(stmt), NULL, 0);
}

/* ---- the program ---- */

static bool prepare(void)
{
	/* Connections to the template would stop CREATE DATABASE: it is filled once and left alone. */
	return pgserver_sql("postgres", "CREATE DATABASE lab") && pgserver_file("lab", LAB_SCHEMA) &&
	       pgserver_sql("lab", "ALTER SCHEMA public OWNER TO app_rw");
}

int lab_main(int argc, char *argv[])
{
	struct criterion_test_set *tests = criterion_initialize();
	int rc = 0;

	if (criterion_handle_args(argc, argv, true)) {
		if (pgserver_start("log=all conf=log_min_duration_statement=0 conf=log_parameter_max_length=-1") && !prepare())
			rc = 1;
		if (rc == 0)
			rc = !criterion_run_all_tests(tests);
		pgserver_stop();
	}
	criterion_finalize(tests);
	return rc;
}

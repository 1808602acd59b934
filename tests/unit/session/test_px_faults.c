/* SPDX-License-Identifier: Apache-2.0
 *
 * Every allocation, write, sync and descriptor on the way of a record and of the bytes that stand on it fails once, one
 * after the other (the linker's --wrap, local.mk). Each time the server's own log is compared with the recording: what
 * ran is recorded, and the client hears why its session ends.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

#define STR(s) ((char *)(uintptr_t)(s))

/* ---- what fails ---- */

static struct {
	bool armed;
	unsigned in_record;  /* inside the recorder, px_record or px_up */
	unsigned in_builder; /* inside the building of own messages: only buffers count */
	size_t seen, fail_at;
	const char *what;    /* that failed */
} fault;

static bool due(const char *what)
{
	if (!fault.armed || ++fault.seen != fault.fail_at)
		return false;
	fault.what = what;
	return true;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_px_record_fd(int *fd);
int __wrap_px_record_fd(int *fd);
uint64_t __real_recorder_segment_bytes(const struct recorder *r);
uint64_t __wrap_recorder_segment_bytes(const struct recorder *r);

void *__wrap_malloc(size_t n)
{
	if (fault.in_record + fault.in_builder > 0 && due("malloc"))
		return NULL;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	if (fault.in_record > 0 && due("calloc"))
		return NULL;
	return __real_calloc(n, size);
}

/* A part is written first: what a full disk leaves behind. */
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	if (fault.in_record == 0 || !due("write"))
		return __real_write(fd, p, n);
	(void)!__real_write(fd, p, n / 2);
	errno = ENOSPC;
	return -1;
}

int __wrap_fdatasync(int fd)
{
	unsigned depth = fault.in_record;
	int rc;

	if (depth > 0 && due("fdatasync")) {
		errno = EIO;
		return -1;
	}
	fault.in_record = 0; /* the lab's look at the file is not on the way */
	rc = __real_fdatasync(fd);
	fault.in_record = depth;
	return rc;
}

int __wrap_px_record_fd(int *fd)
{
	if (!due("descriptor"))
		return __real_px_record_fd(fd);
	close(*fd);
	*fd = -1;
	errno = EMFILE;
	return -1;
}

/* Segments are full after some 16 KiB. */
uint64_t __wrap_recorder_segment_bytes(const struct recorder *r)
{
	return __real_recorder_segment_bytes(r) * 4096;
}

/* ---- where it fails ---- */

#define INSIDE(depth, ret, name, params, args) \
	ret __real_##name params;              \
	ret __wrap_##name params;              \
	ret __wrap_##name params               \
	{                                      \
		ret r;                         \
                                               \
		fault.depth++;                 \
		r = __real_##name args;        \
		fault.depth--;                 \
		return r;                      \
	}
#define INSIDE_VOID(name, params, args) \
	void __real_##name params;      \
	void __wrap_##name params;      \
	void __wrap_##name params       \
	{                               \
		fault.in_record++;      \
		__real_##name args;     \
		fault.in_record--;      \
	}

INSIDE(in_record, int64_t, recorder_add_statement, (struct recorder *x, const struct rec_statement *s, struct rec_ticket *t),
    (x, s, t))
INSIDE(in_record, int64_t, recorder_add_own, (struct recorder *x, const char *why, const char *sql, struct rec_ticket *t),
    (x, why, sql, t))
INSIDE(in_record, int64_t, recorder_add_copy,
    (struct recorder *x, const struct rec_kv *kv, size_t n, struct rec_ticket *t), (x, kv, n, t))
INSIDE(in_record, int64_t, recorder_add_release,
    (struct recorder *x, struct rec_ticket held, const struct rec_kv *kv, size_t n, struct rec_ticket *t),
    (x, held, kv, n, t))
INSIDE(in_record, int64_t, recorder_add_result, (struct recorder *x, const struct rec_result *s), (x, s))
INSIDE(in_record, int64_t, recorder_add, (struct recorder *x, enum rec_type type, const struct rec_kv *kv, size_t n),
    (x, type, kv, n))
INSIDE(in_record, int, recorder_commit, (struct recorder *x, bool sync), (x, sync))
INSIDE(in_record, int, recorder_rotate, (struct recorder *x, int fd), (x, fd))
INSIDE(in_record, struct rec_ticket, px_record_statement,
    (struct pgproxy *x, const char *proto, const struct px_text *t, struct span sql, struct span name,
	const struct pg_bind *bind, bool forwarded),
    (x, proto, t, sql, name, bind, forwarded))
INSIDE_VOID(px_up_msg, (struct px_up *u, struct rec_ticket t, const struct pg_msg *m), (u, t, m))
INSIDE_VOID(px_up_put, (struct px_up *u, struct rec_ticket t, const struct buf *messages), (u, t, messages))
INSIDE_VOID(px_up_empty, (struct px_up *u, struct rec_ticket t, uint8_t type), (u, t, type))
INSIDE(in_builder, int, px_own_extended,
    (struct pgproxy *x, const char *why, const char *sql, int (*row)(struct pgproxy *, struct pg_row *),
	void (*done)(struct pgproxy *, const char *), bool more),
    (x, why, sql, row, done, more))

/* ---- a session with everything in it ---- */

static bool on(struct pxlab *l)
{
	return !pgproxy_ended(l->x);
}

static void simple(struct pxlab *l, const char *sql)
{
	if (on(l))
		(void)lab_query(l, sql);
}

static void extended(struct pxlab *l, const char *name, const char *sql, const char *value)
{
	const struct pg_value v[] = {{.data = span_str(value)}};

	if (!on(l))
		return;
	lab_put_parse(&l->tx, name, sql);
	pg_put_bind(&l->tx, span_str("p"), span_str(name), v, 1); /* never executed: replaced, closed */
	pg_put_close_target(&l->tx, 'P', span_str("p"));
	pg_put_bind(&l->tx, span_str(""), span_str(name), v, 1);
	pg_put_describe(&l->tx, 'P', span_str(""));
	pg_put_execute(&l->tx, span_str(""), 0);
	pg_put_bind(&l->tx, span_str("last"), span_str(name), v, 1);
	pg_put_empty(&l->tx, 'S');
	(void)lab_run(l, 1);
}

static void copied(struct pxlab *l)
{
	struct pg_msg m = {'d', span_str("copied\n")};

	if (!on(l))
		return;
	lab_forget(l);
	pg_put_query(&l->tx, span_str("COPY notes (body) FROM STDIN"));
	lab_send(l);
	if (!lab_got(l, 'G', 1))
		return;
	pg_put_msg(&l->tx, &m);
	pg_put_empty(&l->tx, 'c');
	lab_send(l);
	(void)lab_ready(l, 1);
}

static void session(struct pxlab *l)
{
	static const char *const refused[] = {"BEGIN", "INSERT INTO notes (body) VALUES ('rolled back')",
	    "GRANT SELECT ON notes TO public", "ROLLBACK"};
	char big[6000];

	if (!lab_start(l))
		return;
	simple(l, "SELECT 1");
	simple(l, "INSERT INTO notes (body) VALUES ('a')");
	extended(l, "", "SELECT $1::text", "read");
	extended(l, "named", "INSERT INTO notes (body) VALUES ($1)", "written");
	simple(l, "UPDATE notes SET body = 'b' WHERE body LIKE 'a%'"); /* counted before it stays */
	extended(l, "", "UPDATE notes SET body = $1 WHERE body LIKE 'b%'", "c");
	simple(l, "DELETE FROM notes"); /* held, approved */
	copied(l);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		simple(l, refused[i]);
	for (int i = 0; i < 3; i++) { /* into the next segment */
		(void)snprintf(big, sizeof(big), "SELECT %d, '%05900d'", i, 7);
		simple(l, big);
	}
	if (on(l))
		lab_spin(l, 20);
	simple(l, "SELECT 'in the next segment'");
	simple(l, "INSERT INTO notes (body) VALUES ('last')");
	if (on(l))
		lab_spin(l, 5);
}

/* ---- what must hold ---- */

struct compare {
	struct pxlab *l;
	size_t n, missing;
};

static void compare_one(void *ctx, const char *statement)
{
	struct compare *c = ctx;

	c->n++;
	if (lab_recorded(c->l, REC_STATEMENT, "sql", statement) + lab_recorded(c->l, REC_OWN, "sql", statement) > 0)
		return;
	c->missing++;
	cr_log_error("ran without a record: %s", statement);
}

/* Number of the server's statements. */
static size_t check(struct pxlab *l, size_t k)
{
	struct compare c = {.l = l};
	size_t errors = lab_count(l, 'E');

	server_log_each(l->name, compare_one, &c);
	cr_expect(eq(sz, c.missing, 0), "%s %zu", fault.what, k);
	cr_expect(eq(sz, lab_breaches(l), 0), "%s %zu: %s", fault.what, k, lab_breach(l));
	if (!pgproxy_ended(l->x))
		return c.n;
	cr_assert(gt(sz, errors, 0), "%s %zu: no word", fault.what, k);
	cr_expect(eq(str, STR(lab_error(l, errors - 1, 'S')), "FATAL"), "%s %zu", fault.what, k);
	cr_expect(strcmp(lab_error(l, errors - 1, 'C'), "58030") == 0 || strcmp(lab_error(l, errors - 1, 'C'), "53200") == 0 ||
		strcmp(lab_error(l, errors - 1, 'C'), "53300") == 0,
	    "%s %zu: %s", fault.what, k, lab_error(l, errors - 1, 'C'));
	return c.n;
}

static size_t run(const char *db, size_t fail_at, bool *ended)
{
	struct pxlab l;
	size_t n;

	lab_init_on(&l, db);
	l.may_be_cut = true;
	l.decision = "approved";
	fault.what = "nothing";
	fault.seen = 0;
	fault.fail_at = fail_at;
	fault.armed = true;
	session(&l);
	fault.armed = false;
	*ended = pgproxy_ended(l.x);
	n = check(&l, fail_at);
	if (fail_at == 0)
		cr_assert(gt(sz, l.segment, 1), "the session needs a second segment");
	lab_drop(&l);
	return n;
}

Test(faults, each_once)
{
	struct pxlab first;
	bool ended;
	size_t total, all, n = 0, n_ended = 0, without = 0;

	lab_init(&first); /* its database is for all */
	all = run(first.db, 0, &ended);
	cr_assert(not(ended));
	cr_expect(ge(sz, all, 20), "the server's log has the whole session");
	total = fault.seen;
	cr_assert(ge(sz, total, 40));
	/* How many commits there are hangs on how the server's answers arrive. */
	for (size_t k = 1; without < 3; k++) {
		(void)run(first.db, k, &ended);
		without = strcmp(fault.what, "nothing") == 0 ? without + 1 : 0;
		n += without == 0;
		n_ended += ended;
	}
	cr_log_info("%zu faults, %zu sessions ended with a word", n, n_ended);
	cr_expect(ge(sz, n + 8, total));
	cr_expect(ge(sz, n_ended + 2, n), "the last one or two meet nobody who would notice");
	lab_drop(&first);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}

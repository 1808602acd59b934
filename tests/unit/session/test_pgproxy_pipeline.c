/* SPDX-License-Identifier: Apache-2.0
 *
 * Differential test of refusals: a sequence of messages with one refused statement goes through the proxy; the same
 * sequence with a syntactically broken statement in its place goes straight to the server. Client and server state
 * must not be able to tell: same messages, same tags and rows, same transaction states, same rows in the table, same
 * prepared statements.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "session/px.h"
#include "tests/support/pxdirect.h"
#include "tests/support/pxlab.h"

#define OPS_MAX 24
#define SKIP "NS"

enum op_kind { OP_PARSE, OP_BIND, OP_DESCRIBE_S, OP_DESCRIBE_P, OP_EXECUTE, OP_CLOSE_S, OP_CLOSE_P, OP_SYNC, OP_FLUSH, OP_QUERY,
	       OP_KINDS };

/* How the refused operation is refused: the text is denied, or it is held and then denied by an operator. */
enum refusal { NOT_REFUSED, REFUSED_DENY, REFUSED_HOLD, REFUSED_BATCH };

struct op {
	enum op_kind kind;
	enum refusal refusal;
	const char *a, *b; /* names */
	const char *sql;
	int rows;
};

static const char *const op_names[OP_KINDS] = {"Parse", "Bind", "DescribeS", "DescribeP", "Execute", "CloseS", "CloseP", "Sync",
    "Flush", "Query"};

static const char denied[] = "GRANT SELECT ON notes TO app_ro";
static const char held[] = "DELETE FROM notes";
static const char broken[] = "sallyport would refuse this";
static const char batch[] = "INSERT INTO notes (body) VALUES ('batch'); GRANT SELECT ON notes TO app_ro; SELECT 2";
static const char broken_batch[] = "INSERT INTO notes (body) VALUES ('batch'); refused refused; SELECT 2";

/* ---- random sequences, the same in every run unless PX_SEED says otherwise ---- */

static uint64_t seed;

static unsigned dice(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)((seed >> 33) % n);
}

static const char *one_of(const char *const *list, unsigned n)
{
	return list[dice(n)];
}

#define ONE_OF(list) one_of(list, sizeof(list) / sizeof(list[0]))

static const char *const texts[] = {"SELECT 1 AS one", "SELECT 1 AS one", "SELECT 'x'::text AS x, 2 AS y",
    "SELECT g FROM generate_series(1, 3) g", "INSERT INTO notes (body) VALUES ('row')", "INSERT INTO notes (body) VALUES ('row')",
    "INSERT INTO notes (body) VALUES ('row') RETURNING body", "BEGIN", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s",
    "ROLLBACK TO s", "", "SELECT 1 / (id - id) FROM notes WHERE id >= 0", "SELECT 1/0", "SELECT nope FROM notes",
    "DEALLOCATE a", "DEALLOCATE ALL", "DISCARD ALL", "PREPARE a AS SELECT 7", "PREPARE c AS SELECT 8",
    "DECLARE p CURSOR FOR SELECT g FROM generate_series(1, 4) g", "FETCH 2 FROM p", "CLOSE p", "CLOSE ALL", "MOVE q", /* from here: counted while they run */
    "UPDATE notes SET body = 'up' WHERE body = 'row' RETURNING body", "DELETE FROM notes WHERE body LIKE 'm%'",
    "UPDATE notes SET body = left('x', 1 / (id - id)::int) WHERE body > ''"};
static const char *const queries[] = {"SELECT 1; SELECT 2", "INSERT INTO notes (body) VALUES ('multi'); SELECT 1/0",
    "INSERT INTO notes (body) VALUES ('multi'); INSERT INTO notes (body) VALUES ('multi')", 
    "UPDATE notes SET body = 'm2' WHERE body LIKE 'mu%'; SELECT 3; DELETE FROM notes WHERE body = 'm2'", "BEGIN; SELECT 5",
    "SELECT 1; COMMIT; SELECT 2", " ; ; ", "DEALLOCATE a; PREPARE a AS SELECT 9", "EXECUTE a"};
static const char *const stmts[] = {"", "", "a", "b", "c"};
static const char *const portals[] = {"", "", "p", "q"};

/* A sequence either has no utility statement in a portal, or executes each portal right behind its Bind: the gateway asks
 * for that, a server does not. */
static const char *text_random(bool utility)
{
	static const size_t plain[] = {0, 1, 2, 3, 4, 5, 6, 13, 14, 15, 16, 27, 28, 28, 27, 29};

	return utility ? ONE_OF(texts) : texts[plain[dice(sizeof(plain) / sizeof(plain[0]))]];
}

static struct op op_random(bool utility)
{
	static const enum op_kind kinds[] = {OP_PARSE, OP_PARSE, OP_PARSE, OP_BIND, OP_BIND, OP_BIND, OP_DESCRIBE_S, OP_DESCRIBE_P,
	    OP_EXECUTE, OP_EXECUTE, OP_EXECUTE, OP_CLOSE_S, OP_CLOSE_P, OP_SYNC, OP_SYNC, OP_FLUSH, OP_QUERY, OP_QUERY};
	struct op o = {.kind = kinds[dice(sizeof(kinds) / sizeof(kinds[0]))], .a = "", .b = "", .sql = ""};

	switch (o.kind) {
	case OP_PARSE:
		o.a = ONE_OF(stmts);
		o.sql = text_random(utility);
		break;
	case OP_BIND:
		o.a = ONE_OF(portals);
		o.b = ONE_OF(stmts);
		break;
	case OP_QUERY:
		o.sql = dice(5) == 0 ? ONE_OF(queries) : ONE_OF(texts);
		break;
	case OP_EXECUTE:
		o.rows = dice(4) == 0 ? 2 : 0;
		o.a = ONE_OF(portals);
		break;
	case OP_DESCRIBE_P:
	case OP_CLOSE_P:
		o.a = ONE_OF(portals);
		break;
	default:
		o.a = ONE_OF(stmts);
	}
	return o;
}

/* A unit that works: a statement parsed, bound and executed. */
static size_t ops_unit(struct op *o, bool utility)
{
	const char *s = ONE_OF(stmts), *p = ONE_OF(portals);

	o[0] = (struct op){.kind = OP_PARSE, .a = s, .sql = text_random(utility)};
	o[1] = (struct op){.kind = OP_BIND, .a = p, .b = s};
	o[2] = (struct op){.kind = OP_EXECUTE, .a = p};
	return 3;
}

/* Is the Execute at n right behind a Bind, or another Execute, of its portal? */
static bool follows(const struct op *ops, size_t n)
{
	size_t at = n;

	while (at > 0 && (ops[at - 1].kind == OP_DESCRIBE_P || ops[at - 1].kind == OP_FLUSH))
		at--;
	return at > 0 && (ops[at - 1].kind == OP_BIND || ops[at - 1].kind == OP_EXECUTE) && strcmp(ops[at - 1].a, ops[n].a) == 0;
}

/* A simple query that is counted follows a Sync, or the gateway holds it (it cannot undo it without what came before). */
static bool is_alone(const struct op *ops, size_t n)
{
	return ops[n].kind != OP_QUERY || strstr(ops[n].sql, "WHERE body") == NULL || n == 0 || ops[n - 1].kind == OP_SYNC ||
	    ops[n - 1].kind == OP_QUERY;
}

static size_t ops_random(struct op *ops)
{
	size_t n = 0, want = 3 + dice(9);
	bool utility = dice(2) == 0;

	if (dice(3) == 0)
		ops[n++] = (struct op){.kind = OP_QUERY, .sql = "BEGIN"};
	while (n < want)
		if (dice(4) == 0)
			n += ops_unit(&ops[n], utility);
		else if (ops[n] = op_random(utility), ops[n].kind != OP_EXECUTE || !utility || follows(ops, n))
			n += is_alone(ops, n);
	return n;
}

/* One or two operations, of which the last is refused. */
static size_t ops_refused(struct op *ops)
{
	static const struct op list[] = {{OP_PARSE, REFUSED_DENY, "", "", denied, 0}, {OP_PARSE, REFUSED_DENY, "a", "", denied, 0},
	    {OP_QUERY, REFUSED_DENY, "", "", denied, 0}, {OP_QUERY, REFUSED_BATCH, "", "", batch, 0},
	    {OP_QUERY, REFUSED_HOLD, "", "", held, 0}, {OP_EXECUTE, REFUSED_HOLD, "", "h", "", 0},
	    {OP_EXECUTE, REFUSED_HOLD, "p", "h", "", 0}};
	struct op o = list[dice(sizeof(list) / sizeof(list[0]))];
	size_t n = 0;

	if (o.kind == OP_EXECUTE)
		ops[n++] = (struct op){.kind = OP_BIND, .a = o.a, .b = "h"};
	ops[n++] = o;
	return n;
}

/* ---- bytes ---- */

static const char *text_of(const struct op *o, bool proxied)
{
	return proxied || o->refusal == NOT_REFUSED ? o->sql : o->refusal == REFUSED_BATCH ? broken_batch : broken;
}

static void op_put(struct buf *b, const struct op *o, bool proxied)
{
	switch (o->kind) {
	case OP_PARSE:
		lab_put_parse(b, o->a, text_of(o, proxied));
		break;
	case OP_BIND:
		lab_put_plain_bind(b, o->a, o->b);
		break;
	case OP_DESCRIBE_S:
	case OP_DESCRIBE_P:
		pg_put_describe(b, o->kind == OP_DESCRIBE_S ? 'S' : 'P', span_str(o->a));
		break;
	case OP_EXECUTE:
		pg_put_execute(b, span_str(proxied || o->refusal == NOT_REFUSED ? o->a : "no such portal"), o->rows);
		break;
	case OP_CLOSE_S:
	case OP_CLOSE_P:
		pg_put_close_target(b, o->kind == OP_CLOSE_S ? 'S' : 'P', span_str(o->a));
		break;
	case OP_QUERY:
		pg_put_query(b, span_str(text_of(o, proxied)));
		break;
	default:
		pg_put_empty(b, o->kind == OP_SYNC ? 'S' : 'H');
	}
}

static const char *ops_text(const struct op *ops, size_t n)
{
	char t[6000];
	size_t at = 0;

	t[0] = '\0';
	for (size_t i = 0; i < n && at < sizeof(t) - 200; i++)
		at += (size_t)snprintf(t + at, sizeof(t) - at, "%s%s[%s|%s|%.60s|%d]\n", ops[i].refusal != NOT_REFUSED ? "REFUSED " : "",
		    op_names[ops[i].kind], ops[i].a, ops[i].b, ops[i].sql, ops[i].rows);
	return lab_ring(span_str(t));
}

/* ---- comparing ---- */

/* What a client can tell: types, and the content of everything but errors. */
static const char *signature(struct span rx)
{
	char t[7000];
	struct pg_msg m;
	size_t used, at = 0;

	for (; at < sizeof(t) - 300 && pg_frame(rx, SIZE_MAX, &m, &used) == 0; rx = span_of(rx.p + used, rx.n - used)) {
		if (strchr(SKIP, m.type) != NULL)
			continue;
		t[at++] = (char)m.type;
		if (m.type == 'Z' || m.type == 'C')
			at += (size_t)snprintf(t + at, 80, "(%.*s)", (int)m.body.n, (const char *)m.body.p);
		else if (m.type == 'D' || m.type == 'T' || m.type == 't')
			at += (size_t)snprintf(t + at, 20, "%zu", m.body.n);
		t[at++] = ' ';
	}
	t[at] = '\0';
	return lab_ring(span_str(t));
}

/* Everything after the sequence: end what is open, list what is left, and a mark to wait for. */
static void tail_put(struct buf *b)
{
	pg_put_empty(b, 'S');
	pg_put_query(b, span_str("ROLLBACK"));
	pg_put_query(b, span_str("SELECT coalesce(string_agg(name || '=' || statement, ',' ORDER BY name), '-') || "
				 "(SELECT count(*) FROM notes) FROM pg_prepared_statements"));
	pg_put_query(b, span_str("SELECT 'end of sequence'"));
}

static bool at_end(struct pxlab *l)
{
	struct span rx = buf_span(&l->rx);

	return pgproxy_ended(l->x) ||
	    (rx.n > 6 && memcmp(rx.p + rx.n - 6, "Z\0\0\0\5", 5) == 0 && memmem(rx.p, rx.n, "end of sequence", 15) != NULL &&
		buf_len(&l->unfed) == 0);
}

static void run_proxied(struct pxlab *l, const struct op *ops, size_t n, unsigned how)
{
	lab_forget(l);
	lab_put_parse(&l->tx, "h", held);
	pg_put_empty(&l->tx, 'S');
	for (size_t i = 0; i < n; i++) {
		op_put(&l->tx, &ops[i], true);
		if (how == 1) {
			lab_send(l);
			lab_spin(l, 2);
		}
	}
	tail_put(&l->tx);
	l->chunk = how == 2 ? 7 : 0;
	lab_send(l);
	(void)lab_until(l, at_end, 5000);
}

static void run_direct(struct direct *d, const struct op *ops, size_t n)
{
	lab_put_parse(&d->tx, "h", held);
	pg_put_empty(&d->tx, 'S');
	for (size_t i = 0; i < n; i++)
		op_put(&d->tx, &ops[i], false);
	tail_put(&d->tx);
	(void)direct_until(d, "end of sequence");
}

static bool map_has(const struct pgproxy *x, const char *list)
{
	char item[64];

	for (const struct px_stmt *s = x->stmts; s != NULL; s = s->next) {
		snprintf(item, sizeof(item), "%s=", s->name);
		if (s->name[0] != '\0' && strstr(list, item) == NULL)
			return false;
	}
	return true;
}

/* The list of prepared statements is the last but one row of the tail. */
static const char *list_of(struct pxlab *l)
{
	size_t rows = lab_count(l, 'D');

	return rows >= 2 ? lab_value(l, rows - 2, 0) : "";
}

static bool same(struct pxlab *l, struct direct *d, const struct op *ops, size_t n, unsigned how)
{
	const char *got, *want;

	run_direct(d, ops, n);
	run_proxied(l, ops, n, how);
	got = signature(buf_span(&l->rx));
	want = signature(buf_span(&d->rx));
	if (strcmp(got, want) != 0) {
		cr_log_error("different (how %u):\n%s\nthrough the proxy: %s\nstraight:          %s\n%s", how, ops_text(ops, n), got, want,
		    lab_count(l, 'E') > 1 ? lab_error(l, lab_count(l, 'E') - 1, 'M') : lab_error(l, 0, 'M'));
		return false;
	}
	if (!map_has(l->x, list_of(l))) {
		cr_log_error("names (how %u):\n%s\n%s", how, ops_text(ops, n), list_of(l));
		return false;
	}
	if (strstr(lab_query(l, "DISCARD ALL"), "Z") == NULL)
		return false;
	pg_put_query(&d->tx, span_str("DISCARD ALL"));
	(void)direct_run(d, 1, "");
	return true;
}

struct pair {
	struct pxlab l;
	struct direct d;
};

static void pair_up(struct pair *p)
{
	lab_init(&p->l);
	p->l.view.mask = MASK_NONE;
	p->l.decision = "denied";
	/* Everything else that the sequences contain is allowed. */
	p->l.view.line[SQL_OPAQUE].verdict = VERDICT_ALLOW;
	cr_assert(lab_start(&p->l));
	direct_open(&p->d, lab_fresh_db(), "app_rw");
}

static void pair_down(struct pair *p)
{
	direct_close(&p->d);
	lab_close(&p->l);
}

/* At once, in pieces, or (slowly) each message by itself. */
static unsigned how_fed(void)
{
	unsigned d = dice(10);

	return d < 6 ? 0 : d < 9 ? 2 : 1;
}

/* The sequence as it is, and with a refused operation before each position. */
static bool sweep(struct pair *p, const struct op *ops, size_t n)
{
	struct op with[OPS_MAX];

	if (!same(&p->l, &p->d, ops, n, how_fed()))
		return false;
	for (size_t at = 0; at <= n; at++) {
		size_t more;

		memcpy(with, ops, at * sizeof(*ops));
		more = ops_refused(with + at);
		memcpy(with + at + more, ops + at, (n - at) * sizeof(*ops));
		if (!same(&p->l, &p->d, with, n + more, how_fed()))
			return false;
	}
	return true;
}

static void random_sweeps(uint64_t from, int64_t ms)
{
	int64_t end = clock_mono_us() + ms * 1000;
	struct op ops[OPS_MAX];
	struct pair p;
	size_t n = 0, bad = 0;

	seed = getenv("PX_SEED") != NULL ? strtoull(getenv("PX_SEED"), NULL, 10) : from;
	pair_up(&p);
	while (clock_mono_us() < end && bad < 3) {
		if (!sweep(&p, ops, ops_random(ops))) {
			bad++;
			direct_close(&p.d);
			lab_drop(&p.l);
			pair_up(&p);
		}
		n++;
	}
	cr_log_info("%zu sequences\n", n);
	pair_down(&p);
	cr_expect(eq(sz, bad, 0));
}

Test(pipeline, random_1, .timeout = 60)
{
	random_sweeps(1, 8000);
}

Test(pipeline, random_2, .timeout = 60)
{
	random_sweeps(20261120, 8000);
}

int main(int argc, char *argv[])
{
	return lab_main(argc, argv);
}

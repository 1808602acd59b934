/* SPDX-License-Identifier: Apache-2.0
 *
 * The gateway's own statements on a user's connection: recorded as such, their answers never reach the client (px_back.c
 * swallows what an expectation marks as own). Source: PostgreSQL documentation 55.2.2, 55.2.3.
 */
#include "session/px.h"

#define OWN_MAX (64u * 1024) /* bytes of an own statement's messages */

static struct px_exp *own_step(struct pgproxy *x, enum px_exp_kind kind)
{
	struct px_exp *e = px_expect(x, kind);

	e->own = true;
	e->tell = x->own_tells;
	return e;
}

void px_ask_answers(struct pgproxy *x)
{
	px_up_empty(x->to_up, px_pass(x), 'H');
}

int px_own_extended(struct pgproxy *x, const char *why, const char *sql,
    int (*row)(struct pgproxy *, struct pg_row *), void (*done)(struct pgproxy *, const char *), bool more)
{
	struct span name = span_str("sallyport_own");
	bool alone = !x->ext_open;
	struct rec_ticket t = px_record_own(x, why, sql);
	struct px_exp *e;
	struct buf b;

	buf_init(&b, OWN_MAX);
	pg_put_close_target(&b, 'S', name);
	own_step(x, EXP_CLOSE);
	pg_put_parse(&b, name, span_str(sql), NULL, 0);
	own_step(x, EXP_PARSE);
	pg_put_bind(&b, name, name, NULL, 0);
	own_step(x, EXP_BIND);
	pg_put_execute(&b, name, 0);
	e = own_step(x, EXP_EXECUTE);
	e->row = row;
	pg_put_close_target(&b, 'P', name);
	own_step(x, EXP_CLOSE);
	pg_put_close_target(&b, 'S', name);
	e = own_step(x, EXP_CLOSE);
	e->done = done;
	if (!more)
		pg_put_empty(&b, alone ? 'S' : 'H');
	if (!more && alone)
		own_step(x, EXP_SYNC);
	px_up_put(x->to_up, t, &b);
	buf_clear(&b);
	return 0;
}

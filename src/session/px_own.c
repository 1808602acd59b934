/* SPDX-License-Identifier: Apache-2.0
 *
 * The gateway's own statements on a user's connection: recorded as such, their answers never reach the client (px_back.c
 * swallows what an expectation marks as own). Source: PostgreSQL documentation 55.2.2, 55.2.3.
 */
#include "session/px.h"

static struct px_exp *own_step(struct pgproxy *x, enum px_exp_kind kind)
{
	struct px_exp *e = px_expect(x, kind);

	e->own = true;
	e->tell = x->own_tells;
	return e;
}

int px_own_extended(struct pgproxy *x, const char *why, const char *sql,
    int (*row)(struct pgproxy *, struct pg_row *), void (*done)(struct pgproxy *, const char *), bool more)
{
	struct span name = span_str("sallyport_own");
	bool alone = !x->ext_open;
	struct px_exp *e;

	px_record_own(x, why, sql);
	pg_put_close_target(&x->up_out, 'S', name);
	own_step(x, EXP_CLOSE);
	pg_put_parse(&x->up_out, name, span_str(sql), NULL, 0);
	own_step(x, EXP_PARSE);
	pg_put_bind(&x->up_out, name, name, NULL, 0);
	own_step(x, EXP_BIND);
	pg_put_execute(&x->up_out, name, 0);
	e = own_step(x, EXP_EXECUTE);
	e->row = row;
	pg_put_close_target(&x->up_out, 'P', name);
	own_step(x, EXP_CLOSE);
	pg_put_close_target(&x->up_out, 'S', name);
	e = own_step(x, EXP_CLOSE);
	e->done = done;
	if (more)
		return 0;
	if (alone) {
		pg_put_empty(&x->up_out, 'S');
		own_step(x, EXP_SYNC);
	} else {
		pg_put_empty(&x->up_out, 'H');
	}
	return 0;
}

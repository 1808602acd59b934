/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate in front of the server: a table of what each type of message needs.
 */
#include "session/px_up.h"

#include <stdlib.h>

#include "base/mem.h"
#include "wire/pgbuild.h"

#define KEEP_BYTES (64u * 1024)
#define SPENT      16 /* tickets are used soon after they were given, nearly in order */

struct px_up {
	struct buf out;
	const struct recorder *rec;
	int err;
	uint64_t need;         /* the newest record that something in `out` stands on */
	size_t owed;           /* Binds whose values are not recorded */
	uint64_t paid;         /* ticket that paid for a Bind and may still execute it */
	uint64_t own;          /* ticket of the gateway's own Parse that went last */
	uint64_t spent[SPENT]; /* used tickets; all up to `past` count as used */
	uint64_t past;
	size_t next;
};

struct px_up *px_up_new(size_t max)
{
	struct px_up *u = xcalloc(1, sizeof(*u));

	buf_init(&u->out, max);
	return u;
}

void px_up_free(struct px_up *u)
{
	if (u == NULL)
		return;
	buf_clear(&u->out);
	free(u);
}

void px_up_recorder(struct px_up *u, const struct recorder *r)
{
	u->rec = r;
}

/* ---- used once ---- */

static bool is_spent(const struct px_up *u, uint64_t seq)
{
	if (seq <= u->past)
		return true;
	for (size_t i = 0; i < SPENT; i++)
		if (u->spent[i] == seq)
			return true;
	return false;
}

static bool spend(struct px_up *u, uint64_t seq)
{
	if (is_spent(u, seq))
		return false;
	if (u->spent[u->next] > u->past)
		u->past = u->spent[u->next];
	u->spent[u->next] = seq;
	u->next = (u->next + 1) % SPENT;
	return true;
}

/* ---- what each message needs ---- */

static bool speaks(struct px_up *u, struct rec_ticket t, struct span sql)
{
	if (t.leave != REC_LEAVE_STATEMENT && t.leave != REC_LEAVE_OWN)
		return false;
	if (recorder_what(sql) != t.what || !spend(u, t.seq))
		return false;
	if (t.leave == REC_LEAVE_OWN)
		u->own = t.seq;
	return true;
}

static bool may_query(struct px_up *u, struct rec_ticket t, const struct pg_msg *m)
{
	struct span sql;

	return pg_read_string(m->body, &sql) == 0 && speaks(u, t, sql);
}

static bool may_parse(struct px_up *u, struct rec_ticket t, const struct pg_msg *m)
{
	struct pg_parse p;

	return pg_read_parse(m->body, &p) == 0 && speaks(u, t, p.sql);
}

static bool may_bind(struct px_up *u, struct rec_ticket t, const struct pg_msg *m)
{
	struct pg_bind b;

	if (t.leave == REC_LEAVE_OWN)
		return t.seq == u->own;
	if (t.leave == REC_LEAVE_STATEMENT)
		return pg_read_bind(m->body, &b) == 0 && b.n_params == t.n_values && !is_spent(u, t.seq);
	u->owed++;
	return true;
}

static bool may_execute(struct px_up *u, struct rec_ticket t, const struct pg_msg *m)
{
	(void)m;
	if (t.leave == REC_LEAVE_OWN)
		return t.seq == u->own;
	if (t.leave != REC_LEAVE_STATEMENT)
		return false;
	if (t.seq == u->paid) {
		u->paid = 0;
		return true;
	}
	return spend(u, t.seq);
}

static bool may_end_copy(struct px_up *u, struct rec_ticket t, const struct pg_msg *m)
{
	(void)m;
	return t.leave == REC_LEAVE_COPY && spend(u, t.seq);
}

static bool may_pass(struct px_up *u, struct rec_ticket t, const struct pg_msg *m)
{
	(void)u;
	(void)t;
	(void)m;
	return true;
}

static const struct gate {
	uint8_t type;
	bool (*may)(struct px_up *u, struct rec_ticket t, const struct pg_msg *m);
} gates[] = {
	{'Q', may_query},
	{'P', may_parse},
	{'B', may_bind},
	{'E', may_execute},
	{'D', may_pass},
	{'C', may_pass},
	{'S', may_pass},
	{'H', may_pass},
	{'d', may_pass},
	{'c', may_end_copy},
	{'f', may_end_copy},
};

static bool has_leave(struct px_up *u, struct rec_ticket t, const struct pg_msg *m)
{
	if (u->rec == NULL || !recorder_gave(u->rec, t) || t.leave == REC_LEAVE_HELD)
		return false;
	for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++)
		if (gates[i].type == m->type)
			return gates[i].may(u, t, m);
	return false;
}

static void deny(struct px_up *u)
{
	if (u->err == 0)
		u->err = E_DENIED;
}

void px_up_msg(struct px_up *u, struct rec_ticket t, const struct pg_msg *m)
{
	if (u->err == 0 && !has_leave(u, t, m))
		deny(u);
	if (u->err != 0)
		return;
	if (t.seq > u->need)
		u->need = t.seq;
	pg_put_msg(&u->out, m);
	u->err = buf_err(&u->out);
}

void px_up_put(struct px_up *u, struct rec_ticket t, const struct buf *messages)
{
	struct span rest = buf_span(messages);
	struct pg_msg m;
	size_t used;

	if (u->err == 0)
		u->err = buf_err(messages);
	while (u->err == 0 && rest.n > 0) {
		if (pg_frame(rest, SIZE_MAX, &m, &used) != 0) {
			deny(u);
			return;
		}
		px_up_msg(u, t, &m);
		rest = span_of(rest.p + used, rest.n - used);
	}
}

void px_up_empty(struct px_up *u, struct rec_ticket t, uint8_t type)
{
	struct pg_msg m = {.type = type};

	px_up_msg(u, t, &m);
}

void px_up_pay(struct px_up *u, struct rec_ticket t)
{
	if (u->rec == NULL || !recorder_gave(u->rec, t) || t.leave != REC_LEAVE_STATEMENT || u->owed == 0 ||
	    !spend(u, t.seq)) {
		deny(u);
		return;
	}
	u->owed--;
	u->paid = t.seq;
	if (t.seq > u->need)
		u->need = t.seq;
}

/* ---- out ---- */

size_t px_up_len(const struct px_up *u)
{
	return buf_len(&u->out);
}

int px_up_err(const struct px_up *u)
{
	return u->err;
}

int px_up_send(struct px_up *u, struct pgup *to)
{
	int rc;

	if (u->err != 0 || buf_len(&u->out) == 0)
		return u->err;
	if (u->rec == NULL || u->owed > 0 || recorder_err(u->rec) != 0 || recorder_committed(u->rec) < u->need)
		return E_STATE;
	rc = pgup_write(to, &u->out);
	buf_trim(&u->out, KEEP_BYTES);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files that take the client's messages (px_front.c, px_ext.c).
 */
#ifndef SP_SESSION_PX_FRONT_H
#define SP_SESSION_PX_FRONT_H

#include "session/px.h"

/* Verdict of a handler: the message is done with, or it has to be looked at again after a pause. GO, of a part of a
 * handler: nothing stands in its way. */
enum px_taken { PX_TAKEN, PX_LATER, PX_GO };

/* px_front.c */
/* t: the leave that came with the message's record, or px_pass(). */
void px_forward(struct pgproxy *x, const struct pg_msg *m, struct rec_ticket t);
void px_wait_drain(struct pgproxy *x); /* look at this message again when everything in flight is answered */
void px_refuse_text(struct pgproxy *x, bool extended, const char *sqlstate, const char *msg, const char *hint);
void px_refuse_copy(struct pgproxy *x, bool extended);
/* Would COPY ... TO STDOUT carry columns that this role sees masked? Rows of COPY are not parsed. */
bool px_copy_refused(struct pgproxy *x, struct px_text *t);
void px_tx_note(struct pgproxy *x, const struct px_text *t);      /* the text is being forwarded */
void px_warn_notice(struct pgproxy *x, const struct judgement *j);
/* What follows e waits for its answer when it changes which names exist, or turns the connection round for COPY. */
void px_barrier_set(struct pgproxy *x, struct px_exp *e, bool extended);

/* recorded: as a held statement, which an approval has released. Takes the reference. */
void px_query_forward(struct pgproxy *x, const struct pg_msg *m, struct px_text *t, struct span sql, bool recorded);
void px_execute_forward(struct pgproxy *x, const struct pg_msg *m, struct px_portal *p, struct span portal, bool recorded);

/* px_ext.c: what a hold wants to know of a portal; bind borrows from it. False: its Bind was not kept. */
bool px_ask_portal(struct pgproxy *x, const struct px_portal *p, struct pg_bind *bind, struct px_hold_ask *ask);

/* px_guard.c: run a statement whose verdict is VERDICT_MEASURE. approved: rows that were approved, or -1: the judgement's
 * limit counts. The message stays where it is (PX_LATER), unless it was refused. */
enum px_taken px_guard_query(struct pgproxy *x, const struct pg_msg *m, struct px_text *t, struct span sql, int64_t approved,
    bool recorded);
enum px_taken px_guard_execute(struct pgproxy *x, const struct pg_msg *m, struct px_portal *p, const struct pg_execute *ex,
    int64_t approved, bool recorded);

/* A portal that ran and was undone does not run twice. */
void px_guard_bind_again(struct pgproxy *x, struct px_portal *p, bool recorded);

/* px_effect.c: what a counted statement did; and the question how many rows its table has, by the planner's last look
 * (false: it has none). */
void px_effect_text(const struct pgproxy *x, char *out, size_t cap);
bool px_effect_total(const struct px_text *t, struct buf *sql);

/* px_ext.c: a handler for each message of the extended protocol */
enum px_taken px_on_parse(struct pgproxy *x, const struct pg_msg *m);
enum px_taken px_on_bind(struct pgproxy *x, const struct pg_msg *m);
enum px_taken px_on_describe(struct pgproxy *x, const struct pg_msg *m);
enum px_taken px_on_execute(struct pgproxy *x, const struct pg_msg *m);
enum px_taken px_on_close(struct pgproxy *x, const struct pg_msg *m);
enum px_taken px_on_sync(struct pgproxy *x, const struct pg_msg *m);
enum px_taken px_on_flush(struct pgproxy *x, const struct pg_msg *m);

#endif

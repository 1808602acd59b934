/* SPDX-License-Identifier: Apache-2.0
 *
 * What waits for the server: the only place where bytes for it are appended, and the only one from which they leave.
 * Nothing is taken without leave from the recorder (struct rec_ticket), which exists once a record is in; nothing
 * leaves before that record is committed. Not here: judging, recording, expectations.
 *
 *   message          leave
 *   Query, Parse     a statement's or the gateway's own, unused, for exactly this SQL
 *   Execute          a statement's, unused; or that of the gateway's own Parse before it
 *   Bind             the gateway's own, or a statement's whose record has its values; with leave to pass they are owed, and
 *                    nothing leaves until px_up_pay()
 *   CopyDone, -Fail  of the record about the data
 *   Describe, Close, Sync, Flush, CopyData   any: they carry no command and exist as long as all was recorded
 *
 * A message without leave is not taken, and that sticks, as does a lack of memory: px_up_send() fails from then on.
 */
#ifndef SP_SESSION_PX_UP_H
#define SP_SESSION_PX_UP_H

#include "record/recorder.h"
#include "session/pgup.h"
#include "wire/pg.h"

struct px_up;

/* max: bytes that may wait. */
struct px_up *px_up_new(size_t max);
void px_up_free(struct px_up *u); /* NULL is fine */
/* The recorder whose tickets count (borrowed); NULL: from now on nothing is taken. */
void px_up_recorder(struct px_up *u, const struct recorder *r);

/* One message of a client, as it came. */
void px_up_msg(struct px_up *u, struct rec_ticket t, const struct pg_msg *m);
/* Whole messages of the gateway's own making. */
void px_up_put(struct px_up *u, struct rec_ticket t, const struct buf *messages);
/* One without a body: 'S' or 'H'. */
void px_up_empty(struct px_up *u, struct rec_ticket t, uint8_t type);
/* The record of t holds the values of a Bind that was taken before. The ticket is still good for its Execute, if that
 * comes next. */
void px_up_pay(struct px_up *u, struct rec_ticket t);

/* Bytes that wait. */
size_t px_up_len(const struct px_up *u);
/* 0; E_DENIED: something was to be sent without its record; E_NOMEM, E_TOOBIG. */
int px_up_err(const struct px_up *u);
/* Send what the server takes: 0, E_MORE (the rest waits for room), E_STATE (the recorder has not committed all of it,
 * or values are owed: nothing was sent), px_up_err(), or an error of the connection. */
int px_up_send(struct px_up *u, struct pgup *to) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: one PostgreSQL proxy session with everything around it that is not under test. The test plays the client
 * (bytes) and the monitor (a socketpair); the server is a real PostgreSQL (tests/support/pgserver.h), the recording a
 * real file. Every byte that the session sends to the server is watched (pxwire.c): a command without a record on
 * disk at that moment, or one that was refused, is a breach, and lab_close() fails on any.
 */
#ifndef SP_TESTS_PXLAB_H
#define SP_TESTS_PXLAB_H

#include "base/buf.h"
#include "base/loop.h"
#include "policy/verdict.h"
#include "session/monclient.h"
#include "session/pgproxy.h"
#include "wire/pgbuild.h"
#include "wire/recframe.h"

#define LAB_ASKS 256
#define LAB_WAIT_MS 20000

struct lab_ask { /* a request of the session to the monitor, as it came */
	int type;
	uint32_t id;
	struct buf raw;
};

struct lab_tap; /* pxtap.h: a relay between the session and the server */

struct pxlab {
	/* set before lab_start(); lab_init() gives a psql of alice on a fresh database */
	const char *db, *user, *app;
	const char *login, *password;
	struct policy_view view;
	const char *sync;       /* "writes" */
	const char *parameters; /* "hash" or "" */
	int64_t max_rows;
	bool tap;
	bool may_be_cut;        /* the recording: its writes fail half way */
	int rec_fd;             /* >= 0: the recording goes here instead of into a file */

	/* the monitor's answer to IPC_HOLD_NEW, and what it decides at once (NULL: later, by lab_decide()) */
	const char *hold_state; /* "pending" */
	const char *decision;
	const char *consume_refused; /* text of a refusal, or NULL */
	int64_t wait_ms;
	bool hold_mute;         /* IPC_HOLD_NEW is not answered */
	/* first say about every request: true when it was answered here */
	bool (*on_ask)(struct pxlab *l, const struct ipc_msg *m);

	/* the session */
	struct loop *loop;
	struct monclient *mc;
	struct pgproxy *x;
	int mon;
	char sid[REC_SID_LEN + 1], dir[96], name[96]; /* name: what the server's log calls this session */
	unsigned segment;
	unsigned n_holds;
	struct buf mon_in, mon_out;
	struct lab_ask ask[LAB_ASKS];
	size_t n_asks;

	/* the client */
	struct buf tx;   /* build messages here, lab_send() */
	struct buf rx;   /* all that came */
	struct buf unfed;
	bool stalled;    /* the client does not read */
	bool discard;    /* count what comes instead of keeping it */
	size_t n_rx;
	size_t chunk;    /* feed at most so many bytes at a time (0: all) */

	struct lab_wire *wire;
	struct lab_tap *t;
};

/* The program's main(): starts a server with the lab's databases, runs the tests. */
int lab_main(int argc, char *argv[]);
/* Skips the test without a server. */
void lab_init(struct pxlab *l);
void lab_init_on(struct pxlab *l, const char *db); /* an existing database: many sessions in one test */
void lab_connect(struct pxlab *l); /* without a start-up packet */
/* Connect the client; false when the session ended instead of welcoming it. */
bool lab_start(struct pxlab *l);
void lab_up(struct pxlab *l); /* lab_init() and lab_start(), which must succeed */
void lab_close(struct pxlab *l);
/* The same without looking for breaches (for tests that provoke them). */
void lab_drop(struct pxlab *l);
/* A database of its own for this test, with the lab's schema; dropped when the server is. */
const char *lab_fresh_db(void);

/* ---- running ---- */
/* Until done(l) or ms passed; true when done. */
bool lab_until(struct pxlab *l, bool (*done)(struct pxlab *l), int ms);
void lab_spin(struct pxlab *l, int ms);
/* Until n ReadyForQuery came (false: the session ended first, or nothing came). */
bool lab_ready(struct pxlab *l, size_t n);
bool lab_ended(struct pxlab *l);
/* Until n requests of this type came. */
bool lab_asked(struct pxlab *l, enum ipc_type t, size_t n);
/* Until n messages of this type came to the client. */
bool lab_got(struct pxlab *l, uint8_t type, size_t n);

/* ---- the client ---- */
void lab_feed(struct pxlab *l, struct span bytes);
void lab_send(struct pxlab *l); /* l->tx, emptied */
void lab_eof(struct pxlab *l);
void lab_forget(struct pxlab *l); /* empty rx */
/* Types in rx, without the letters in skip, in a small ring of strings. */
const char *lab_types(struct pxlab *l, const char *skip);
/* The message number i of this type in rx (from 0). */
bool lab_msg(struct pxlab *l, uint8_t type, size_t i, struct pg_msg *m);
size_t lab_count(struct pxlab *l, uint8_t type);
/* Value (row, column) of the rows in rx as text in a small ring; "(null)", or "(none)" when there is no such. */
const char *lab_value(struct pxlab *l, size_t row, size_t col);
/* Field of the i-th ErrorResponse or NoticeResponse, in the same ring; "" when absent. */
const char *lab_error(struct pxlab *l, size_t i, uint8_t field);
const char *lab_notice(struct pxlab *l, size_t i, uint8_t field);
/* Does any notice say this? */
bool lab_noticed(struct pxlab *l, const char *what);
/* rx emptied, Query sent, answer awaited: its types without notices and parameters, "" when the session ended. */
const char *lab_query(struct pxlab *l, const char *sql);
/* rx emptied, l->tx sent, n ReadyForQuery awaited. */
const char *lab_run(struct pxlab *l, size_t n);

/* Builders that pgbuild.h does not need: result formats, parameters with formats. */
struct lab_bind {
	const char *portal, *stmt;
	uint16_t n_formats;
	const uint16_t *formats;
	uint16_t n_values;
	const struct pg_value *values;
	uint16_t n_results;
	const uint16_t *results;
};
void lab_put_bind(struct buf *b, const struct lab_bind *p);
void lab_put_parse(struct buf *b, const char *name, const char *sql);
/* Bind without parameters, text results. */
void lab_put_plain_bind(struct buf *b, const char *portal, const char *stmt);

/* ---- the monitor ---- */
void lab_decide(struct pxlab *l, const char *state, const char *by, const char *why);
void lab_push_view(struct pxlab *l);
void lab_push_kill(struct pxlab *l, const char *reason, const char *sqlstate);
size_t lab_n_asked(const struct pxlab *l, enum ipc_type t);
/* A field of the i-th request of this type as text in a small ring; "" when absent. */
const char *lab_ask(struct pxlab *l, enum ipc_type t, size_t i, const char *key);
/* Answer it by hand: lab_answer() ... ipc_* on the returned buffer ... lab_answered(). */
struct buf *lab_answer(struct pxlab *l, enum ipc_type t, uint32_t id);
void lab_answered(struct pxlab *l, const int *fds, size_t n);

/* ---- the recording: read back by record/reader.h, its chain checked; ring strings ---- */
size_t lab_records(struct pxlab *l, enum rec_type t);
/* Records of this type whose field is this. */
size_t lab_recorded(struct pxlab *l, enum rec_type t, const char *key, const char *value);
/* Field of the i-th record of this type. Statements: "sql" "name" "proto" "verdict" "rule" "forwarded" "params". */
const char *lab_record(struct pxlab *l, enum rec_type t, size_t i, const char *key);
/* Is this anywhere in the recording's files? */
bool lab_rec_holds(struct pxlab *l, const char *bytes);

/* ---- what was sent to the server (pxwire.c) ---- */
size_t lab_breaches(const struct pxlab *l);
const char *lab_breach(const struct pxlab *l);
/* Messages of this type sent to the server since the welcome, whose body holds these bytes (NULL: all). */
size_t lab_sent(const struct pxlab *l, uint8_t type, const char *bytes);
/* Those that left when the recording was synced to its end. */
size_t lab_sent_synced(const struct pxlab *l, uint8_t type, const char *bytes);

/* A copy in the ring, cut at 32 KiB; bytes behind a NUL are there, too. */
const char *lab_ring(struct span s);

#endif

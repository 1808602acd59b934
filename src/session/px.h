/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files of the PostgreSQL proxy (pgproxy.c and px_*.c): one database session's state. Rules:
 *  - px_enter() is the only writer of `phase`.
 *  - Bytes for the server go through px_up.h, which takes none without a ticket of the recorder, and leave in px_flush()
 *    only, which commits the recording first.
 *  - Every forwarded message that the server answers has an entry in the queue of expectations (px_exp), in order;
 *    answers of the gateway itself wait their turn in the same queue.
 */
#ifndef SP_SESSION_PX_H
#define SP_SESSION_PX_H

#include "base/buf.h"
#include "base/loop.h"
#include "base/secret.h"
#include "mask/mask.h"
#include "policy/verdict.h"
#include "record/recorder.h"
#include "session/monclient.h"
#include "session/pgproxy.h"
#include "session/pgup.h"
#include "session/px_up.h"
#include "sql/lineage.h"
#include "wire/pg.h"
#include "wire/pgbuild.h"

#define PX_MSG_MAX (64u * 1024 * 1024) /* one message of a client or a server */
#define PX_OUT_HIGH (256u * 1024)      /* stop reading the server above this much undelivered output */
#define PX_UP_HIGH (256u * 1024)       /* stop taking client bytes above this much unsent */
#define PX_EXP_MAX 8192                /* outstanding answers */
#define PX_NAMES_MAX 4096              /* prepared statements, portals */
#define PX_NAME_LEN 63                 /* bytes of a name that count for the server: it tells no others apart */
#define PX_EFFECT_MAX 256              /* text of a measured effect */
#define PX_FD_RECORD 512               /* recording descriptors live at or above this number (server/sandbox.h) */

enum px_phase {
	PX_STARTUP,  /* reading start-up packets */
	PX_TARGET,   /* asked the monitor about the target */
	PX_CONNECT,  /* asked the monitor to connect */
	PX_LOGIN,    /* libpq authenticates upstream */
	PX_PREPARE,  /* own queries before the client sees its welcome */
	PX_RELAY,
	PX_ENDED,
};

/* ---- what is known about a text of SQL: shared by queries and prepared statements ---- */
struct px_colplan {
	bool mask;
	bool scan;          /* clean text: still looked at for values that give themselves away */
	struct mask_col how;
	char what[96];      /* "email (email)": for the notice */
};

struct px_plan {
	uint16_t n;
	bool any_mask, any_scan;
	struct px_colplan *col;
	struct buf body;    /* the RowDescription it was made for */
	int64_t made_us;    /* monotonic */
	uint32_t view_seq, catalog_epoch;
	bool distrust;      /* made without believing the catalogue: never used twice */
	char masked[256];   /* "name email" */
};

struct px_text {
	unsigned refs;
	uint64_t hash;
	uint8_t *key;            /* what the cache finds it by: the text, or its shape */
	size_t n_key;
	uint32_t *types;         /* of parameters, as the client declared them */
	size_t n_types;
	uint8_t *sql;            /* the text, or the first one of its shape */
	size_t n_sql;
	struct sql_facts facts;
	bool shaped;             /* key is a shape: never equal to a text of the same bytes */
	bool judged, by_name;    /* by_name: EXECUTE, FETCH or MOVE: judged at each use */
	bool late;               /* the server resolves its names at Execute, not at Bind: any utility statement */
	struct judgement j;
	uint32_t view_seq, catalog_epoch;
	bool catalog_stale;      /* its facts were made while the catalogue was known to be behind */
	bool touches;            /* mentions a relation with sensitive or unknown columns: scrub error texts */
	bool has_lineage;
	uint32_t lineage_epoch;
	struct lineage_result lineage;
	struct px_plan *plan;    /* of its only result set, or NULL */
	bool told;               /* the notice about masked columns was given (extended protocol) */
	struct px_text *next;    /* hash chain of the cache */
};

/* ---- prepared statements and portals by name ---- */
struct px_stmt {
	char *name;
	struct px_text *text;
	uint64_t batch;          /* pgproxy.batch when it got this meaning */
	uint64_t id;             /* no other statement of this session has it, also of the same name */
	bool by_sql;             /* text is the PREPARE that made it, not what it runs */
	uint16_t n_types;        /* parameter types as the client declared them; fewer or 0: left to the server */
	uint32_t *types;
	struct px_stmt *next;
};

struct px_portal {
	char *name;
	struct px_text *text;
	char *stmt;              /* the prepared statement it was bound to; may mean something else by now ... */
	uint64_t stmt_id;        /* ... if it has another number */
	enum verdict bound;      /* on what its names meant at Bind, where the server resolved them */
	uint16_t n_types;        /* that statement's parameter types */
	uint32_t *types;
	uint64_t moves, batch;   /* those of pgproxy when it was bound */
	bool ran;                /* was executed: what comes is the rest of that result */
	bool undone;             /* ran and was undone: it has to be bound again */
	uint16_t n_formats;
	uint8_t *formats;        /* result formats as Bind gave them */
	bool recorded;           /* its Bind is in the recording */
	bool distrust;           /* bound while the catalogue was known to be behind */
	uint32_t catalog_epoch;  /* when it was bound: its names were resolved then */
	uint64_t group;          /* forwarded Syncs and Queries before it: the end of their transaction ends it */
	uint8_t *bind;           /* body of the Bind until it is recorded */
	size_t n_bind;
	struct px_portal *next;
};

/* ---- expectations ---- */
enum px_exp_kind {
	EXP_QUERY,    /* until ReadyForQuery */
	EXP_PARSE,
	EXP_BIND,
	EXP_DESCRIBE, /* 't'? then 'T' or 'n' */
	EXP_EXECUTE,
	EXP_CLOSE,
	EXP_SYNC,
	EXP_LOCAL,    /* bytes of our own */
};

struct px_exp {
	enum px_exp_kind kind;
	bool own;                /* injected: its answers are not for the client */
	bool tell;               /* own, but its error is */
	bool guarded;            /* its answers are kept back (px_guard.c) */
	bool poison;             /* its error is replaced by `local` */
	bool stmt_target;        /* EXP_DESCRIBE of a statement rather than a portal */
	bool undo_stmt;          /* undo: the statement `name` becomes `stmt_old` again (NULL: goes) */
	bool undo_portal;        /* undo: the portal `portal_name` becomes `portal_old` again (NULL: goes) */
	bool barrier;            /* nothing follows it to the server before its answer is known */
	bool described;          /* EXP_QUERY: the running result has a description */
	bool distrust;           /* what is known of the catalogue may not hold for it */
	struct px_text *text;    /* of all but EXP_CLOSE, EXP_SYNC, EXP_LOCAL */
	char *name;              /* EXP_PARSE, EXP_CLOSE of statements; EXP_QUERY: the unnamed one, which it drops */
	struct px_stmt *stmt_old;
	char *portal_name;       /* EXP_BIND, EXP_CLOSE and EXP_DESCRIBE of portals */
	struct px_portal *portal_old;
	uint64_t batch;          /* Syncs forwarded before it: an error skips the rest of its batch and no more */
	uint64_t group;          /* EXP_SYNC, EXP_QUERY: its number */
	size_t stmt;             /* EXP_QUERY: index of the running statement */
	uint64_t seq;            /* statement record */
	int64_t start_us;
	uint64_t rows, bytes;
	uint16_t n_formats;
	uint8_t *formats;
	struct px_plan *plan;    /* EXP_QUERY: of the running result (owned) */
	struct buf local;
	int (*row)(struct pgproxy *x, struct pg_row *row); /* own queries */
	void (*done)(struct pgproxy *x, const char *sqlstate); /* own queries, at their end: "" on success */
	char sqlstate[6];        /* EXP_QUERY: of its error */
	struct px_exp *next;
};

/* ---- a statement that waits for its hold, or any step that pauses the client's input ---- */
enum px_wait {
	WAIT_NONE,
	WAIT_DRAIN,     /* the queue must be empty before the message at the front is looked at again */
	WAIT_CATALOG,   /* own queries load the catalogue */
	WAIT_SETTINGS,  /* own query reads what the statement means (hold) */
	WAIT_MONITOR,   /* a call to the monitor */
	WAIT_DECISION,  /* an operator */
	WAIT_RESETTINGS,/* the same again before release */
	WAIT_CONSUME,   /* monitor marks the approval used */
	WAIT_GUARD,     /* a write that is counted runs, or is undone (px_guard.c) */
	WAIT_UNDONE,    /* it is undone: when the queue is empty it is held */
};

struct px_hold {
	bool active;
	bool extended;           /* at Bind; else at Query */
	bool release;            /* approved: the message may go when looked at again */
	bool waits;              /* the client is kept waiting */
	bool failed;             /* an own query of the hold failed */
	bool cancelled;          /* the client does not want it any more, but its request has no name yet */
	struct rec_ticket held;  /* of the statement's record */
	struct rec_ticket leave; /* release: to send it */
	char approvers[128];
	char id[24];
	char by[128], why[400];
	char effect[PX_EFFECT_MAX]; /* what it does, for the approver; "" = not measured */
	char near[500];          /* an approval of the same text that is not for this, and why; "" = none */
	int64_t effect_rows;     /* -1 unknown */
	int64_t approved_rows;   /* beside `release`: what was approved; it may change a tenth more; -1 = was not measured */
	struct buf meaning;      /* wire/meaning.h, as read last */
	struct buf asked;        /* as it was when the monitor was asked */
	unsigned n_lines;
	bool too_much;           /* more than a person can be shown */
	struct buf stmt;         /* extended: name of the prepared statement */
	struct buf bind;         /* extended: formats and values of the parameters */
	struct pg_bind params_of;/* into bind */
	bool other_stmt;         /* that name may mean another one than was bound */
	uint32_t *declared, *types; /* of the parameters, 0 = not known: by the client; as the server has them */
	size_t n_types;
	uint32_t call;
	int64_t since_us;
	struct loop_timer *timer;
	struct px_text *text;
	struct buf sql, params;  /* params: wire/pgparam.h */
};

/* A statement that is to be held; everything is borrowed during the call. */
struct px_hold_ask {
	struct px_text *text;
	struct span sql;            /* the exact bytes */
	const struct pg_bind *bind; /* of the portal; NULL: the message at the front is a Query */
	const uint32_t *types;      /* parameter types as Parse declared them, 0 = not */
	size_t n_types;
	bool other_stmt;            /* the name of the statement may mean another one by now */
	const char *effect;         /* "changes 1 204 of 10 000 rows of orders; rolled back", "unknown: lock wait"; NULL: not measured */
	int64_t effect_rows;        /* -1 unknown */
};

/* A write that is counted while it can still be undone. */
struct px_guard {
	bool runs;               /* from its start to its last answer */
	bool began, saved;       /* there is a transaction of the gateway's own, a savepoint to go back to */
	bool flying;             /* the server still owes its answer */
	bool extended, in_block; /* how it runs: at Execute, in a transaction block */
	bool ours;               /* a transaction block around the open batch is the gateway's own; outlives the statement */
	bool failed;             /* it, or something before it in its batch, gave an error */
	bool must_sync;          /* the server skips to a Sync */
	bool swapped;            /* pgproxy.out and kept have changed places */
	unsigned undo_tries;
	char savepoint[32];
	struct px_text *text;
	const char *unknown;     /* why its effect is not known; NULL: it is */
	int64_t limit;           /* rows */
	bool carried, counted;   /* the rows of all tables count; they were counted */
	int64_t before, after;   /* rows changed in this transaction, of all tables */
	int64_t total;           /* the planner's idea of the rows in its table; -1 none */
	uint64_t rows;
	struct buf kept;         /* what the client will read of it */
	size_t last_tag;         /* where in it the last command tag stands */
	struct buf commit_error;
	struct loop_timer *timer;
};

struct px_rel;  /* px_catalog.c */
struct px_note; /* px_life.c */

/* The identity behind the session has run out: the open transaction may end, no other begins. */
struct px_expiry {
	bool on;
	bool last;               /* the end of the transaction was forwarded: nothing follows */
	char reason[200], hint[200], sqlstate[6];
	struct loop_timer *timer;
};

struct pgproxy {
	struct pgproxy_params p;
	enum px_phase phase;
	char target[128];
	char end_reason[128];
	struct pgproxy *next;    /* all sessions of this process */

	/* client side */
	struct buf in, out;
	bool client_eof;
	bool running, again;     /* input_run() is at it; and shall look once more */
	uint32_t key_pid, key_secret; /* the cancel key the client holds */
	char user[128], database[128], app[128];
	struct buf settings;     /* what the client wants set from the start, in the server's order: name NUL value NUL ... */
	struct buf options;      /* "-c name=value ..." for the upstream */
	bool psql;

	/* monitor */
	uint32_t call;           /* outstanding start-up call */
	char sid[40];
	struct policy_view view;
	uint32_t view_seq;       /* counts the views that came: what was decided under another one is void */
	char sync_mode;          /* 'w' writes, 'a' all, 'i' interval */
	bool params_hashed;
	int64_t max_rows;
	char login[128], db[128];
	bool login_mapped;

	char server[160];        /* which server it is, as it says (px_meaning.c) */

	/* upstream */
	struct pgup *up;
	struct buf up_in;
	struct px_up *to_up;     /* what waits for the server */
	int up_fd;
	char status;             /* 'I', 'T', 'E' as of the last ReadyForQuery */
	bool ext_open;           /* something was forwarded since the last Sync */
	bool skip;               /* discard extended messages up to the next Sync */
	bool copy_in;
	bool tx_wrote;
	bool ext_failed;         /* the server already skips to Sync: a refusal is only told */
	bool tx_ended;           /* something forwarded since the last Sync or Query ends its transaction */
	bool tx_begun;           /* the same: begins a block, and nothing behind it ends it */
	bool own_tells;          /* errors of the own statements that are being appended are for the client */

	/* queue */
	struct px_exp *exp_head, **exp_tail, *exp_last;
	size_t n_exp, n_barrier;
	size_t n_undo_stmts, n_undo_portals; /* of them that may still be taken back */
	uint64_t group;          /* Syncs and Queries forwarded so far */
	uint64_t batch;          /* Syncs alone */
	uint64_t moves;          /* messages forwarded so far that may change what a bound portal's names mean */

	/* its own life */
	struct px_note *notes;   /* to be shown, oldest first */
	struct px_expiry expiry;

	/* pause */
	enum px_wait wait;
	struct px_hold hold;
	uint64_t hold_seq;       /* record of the held statement, for its result */
	struct px_guard guard;

	/* names */
	struct px_stmt *stmts;
	size_t n_stmts;
	uint64_t stmt_ids;
	struct px_portal *portals;
	size_t n_portals, n_unrecorded;

	/* catalogue */
	struct px_rel *rels;
	size_t n_rels, cap_rels, n_catalog_cols;
	struct px_known *known;  /* px_known.c */
	uint32_t *opaque_views;  /* found by their definitions, which are not read inside a transaction */
	size_t n_opaque_views;
	uint32_t catalog_epoch;
	bool catalog_stale, views_stale, catalog_loading, catalog_failed;
	int64_t catalog_us;

	/* cache of texts */
	struct px_text **cache;
	size_t n_cache;

	/* recording */
	struct recorder *rec;
	bool need_sync;
	struct loop_timer *sync_timer, *eof_timer;
	uint64_t n_statements, n_rows;
	uint64_t head_seq;
	struct sha256_ctx *copy_sha;
	uint64_t copy_bytes;
	struct buf row;          /* scratch for masked rows */
	uint32_t segment_call;   /* outstanding IPC_SEGMENT */
};

/* pgproxy.c */
void px_enter(struct pgproxy *x, enum px_phase to);
void px_end(struct pgproxy *x, const char *reason);       /* after what is in `out` */
void px_fatal(struct pgproxy *x, const char *sqlstate, const char *msg, const char *hint, const char *reason);
void px_flush(struct pgproxy *x);                         /* commit, then send upstream; re-arm */
void px_wake(struct pgproxy *x);
void px_resume(struct pgproxy *x);                        /* a pause is over: look at the input again */
void px_cancel_upstream(struct pgproxy *x, const char *by);
void px_up_event(void *ctx, int fd, unsigned events);

/* px_start.c */
void px_start_input(struct pgproxy *x);
void px_start_ready(struct pgproxy *x); /* own queries done: welcome */

/* px_setting.c */
/* What a start-up packet sets: its options, then its parameters. False: refused and told. */
bool px_settings_take(struct pgproxy *x, const struct pg_startup *s);
/* Judge them under the view that has come and make x->options of them. */
bool px_settings_judge(struct pgproxy *x);

/* px_front.c */
void px_front_input(struct pgproxy *x);
/* Is what the client sends kept back until something else has happened? */
bool px_front_blocked(const struct pgproxy *x);
/* Refuse the statement of message type (Query, Bind, ...), atomically. */
void px_refuse(struct pgproxy *x, bool extended, const struct pg_notice *n);
void px_refuse_j(struct pgproxy *x, bool extended, const struct judgement *j);

void px_portals_record(struct pgproxy *x);

/* px_back.c */
void px_back_input(struct pgproxy *x);

/* px_queue.c */
struct px_exp *px_expect(struct pgproxy *x, enum px_exp_kind kind);
void px_exp_drop(struct pgproxy *x, struct px_exp *e);
void px_exp_pop(struct pgproxy *x);
/* The message gives the name away, or another meaning: it goes out of the map, and comes back when the server skips it. */
void px_exp_takes_stmt(struct pgproxy *x, struct px_exp *e, struct span name);
void px_exp_takes_portal(struct pgproxy *x, struct px_exp *e, struct span name);
void px_exp_barrier(struct pgproxy *x, struct px_exp *e); /* nothing of the client follows it before its answer */
void px_local(struct pgproxy *x, struct buf *bytes); /* emit in turn; takes the bytes */
void px_locals_emit(struct pgproxy *x);              /* those at the head are due */
/* The message at the head, of the extended protocol, has failed: the server skips to Sync. */
void px_exp_fail(struct pgproxy *x);

/* px_own.c */
/* The same by the extended protocol, inside whatever is open (Flush) or alone (Sync): it leaves the unnamed statement
 * and portal alone, which a simple query destroys. more: another one follows in the same group. */
int px_own_extended(struct pgproxy *x, const char *why, const char *sql,
    int (*row)(struct pgproxy *, struct pg_row *), void (*done)(struct pgproxy *, const char *), bool more);

/* px_text.c */
/* One reference for the caller. share: texts that differ only in compared integers may share it. */
struct px_text *px_text_get(struct pgproxy *x, struct span sql, bool share);
/* The same of a text whose parameters have these types (oids as Parse has them). */
struct px_text *px_text_get_typed(struct pgproxy *x, struct span sql, struct span types);
void px_text_ref(struct px_text *t);
void px_text_unref(struct px_text *t);
void px_text_judge(struct pgproxy *x, struct px_text *t);   /* under the current epochs */
/* Must it wait for an operator before anything of it runs? */
bool px_text_holds(const struct px_text *t);
void px_cache_free(struct pgproxy *x);
void px_plan_free(struct px_plan *p);

/* px_names.c */
struct px_stmt *px_stmt_find(struct pgproxy *x, struct span name);
/* Takes a reference of its own. NULL: there are too many. */
struct px_stmt *px_stmt_set(struct pgproxy *x, struct span name, struct px_text *t);
void px_stmt_types(struct px_stmt *s, const uint8_t *be, uint16_t n); /* n numbers of 4 bytes, as Parse has them */
void px_stmt_drop(struct pgproxy *x, struct span name);
struct px_stmt *px_stmt_detach(struct pgproxy *x, struct span name);
void px_stmt_restore(struct pgproxy *x, const char *name, struct px_stmt **old);
void px_stmt_free(struct px_stmt *s);
/* Can the map be believed for this name, whatever the answers that are still due? In the batch that is being sent an
 * error skips what follows as well; but an earlier batch may still leave the name with what it meant before. */
bool px_stmt_settled(const struct pgproxy *x, struct span name);
bool px_portal_settled(const struct pgproxy *x, struct span name);
bool px_names_settled(const struct pgproxy *x); /* every name: for texts that speak of them */
void px_stmts_clear(struct pgproxy *x);
struct px_portal *px_portal_find(struct pgproxy *x, struct span name);
struct px_portal *px_portal_set(struct pgproxy *x, struct span name, const struct px_stmt *s);
void px_portal_drop(struct pgproxy *x, struct span name);
void px_portals_clear(struct pgproxy *x);
/* Those of the first `group` groups: their transaction has ended. */
void px_portals_end(struct pgproxy *x, uint64_t group);
/* Take the portal out of the map (NULL when there is none); put it back in the place of what has that name now. */
struct px_portal *px_portal_detach(struct pgproxy *x, struct span name);
void px_portal_restore(struct pgproxy *x, const char *name, struct px_portal **old);
void px_portal_free(struct px_portal *p);

/* px_mask.c */
/* Lineage of statement i, made once per text and catalogue. NULL when there is none. */
const struct lineage_stmt *px_lineage_of(struct pgproxy *x, struct px_text *t, size_t stmt);
/* distrust: believe neither lineage nor views, only the columns of tables. */
struct px_plan *px_plan_make(struct pgproxy *x, struct px_text *t, size_t stmt, bool distrust, struct span body);
bool px_plan_fits(struct pgproxy *x, const struct px_plan *p, struct span body);
/* Append the row to out, masked. formats: result formats of the portal (n 0 = as the plan says). E_* is fatal. */
int px_mask_row(struct pgproxy *x, const struct px_plan *p, struct span formats, uint16_t n_formats, struct span body);
void px_mask_notice(const struct px_plan *p, const char *gateway, struct buf *out);
/* COPY ... TO STDOUT of this text only moves proven clean columns for this role. */
bool px_copy_clean(struct pgproxy *x, struct px_text *t);

/* px_scrub.c */
/* An ErrorResponse or NoticeResponse as the client may see it, told while e (NULL: nothing) is waited for. */
void px_scrub(struct pgproxy *x, const struct px_exp *e, uint8_t type, struct span body, struct buf *out);
/* An error of the end of the transaction that t was in: deferred checks may have looked at any row. */
void px_scrub_commit(struct pgproxy *x, const struct px_text *t, struct span body, struct buf *out);

/* px_catalog.c */
void px_catalog_load(struct pgproxy *x);  /* pauses (WAIT_CATALOG) or, before the welcome, goes on to px_start_ready() */
bool px_catalog_due(const struct pgproxy *x);
void px_catalog_clear(struct pgproxy *x);
struct catalog px_catalog(struct pgproxy *x);
/* Kind of a column by origin: >= 0 a pii_kind (0 clean), -1 unknown; source filled "table.column". distrust: what is
 * known of a view may not be true any more. */
int px_catalog_origin(struct pgproxy *x, uint32_t oid, int16_t attnum, bool distrust, char *source, size_t cap);
/* Does any of the text's relations hold sensitive or unknown columns? */
bool px_catalog_touches(struct pgproxy *x, const struct sql_facts *f);
/* Is this the name of a relation, of a column, or of a schema that has one? */
bool px_catalog_names(const struct pgproxy *x, struct span name);

/* px_known.c */
/* What the facts of a statement may ask, as of now. */
const struct sql_known *px_known(struct pgproxy *x);
void px_known_clear(struct pgproxy *x);
/* May a value of the type run code of this database when it is handed over? */
bool px_known_type_runs(struct pgproxy *x, uint32_t oid);

/* px_life.c */
void px_notes_emit(struct pgproxy *x, bool at_end); /* what may be shown now; at_end: ReadyForQuery is about to follow */
void px_notes_clear(struct pgproxy *x);
bool px_expire_stops(struct pgproxy *x, const struct pg_msg *m); /* true: the message at the front is not taken (now) */
void px_expire_note(struct pgproxy *x, const struct px_text *t);   /* the text is being forwarded */
void px_expire_check(struct pgproxy *x); /* the transaction may be over */
void px_expire_clear(struct pgproxy *x);

/* px_hold.c */
void px_hold_begin(struct pgproxy *x, const struct px_hold_ask *a);
void px_hold_drained(struct pgproxy *x);
void px_hold_decided(struct pgproxy *x, const struct ipc_msg *m);
void px_hold_withdraw(struct pgproxy *x, const char *why);
void px_hold_clear(struct pgproxy *x);
bool px_hold_cancel(struct pgproxy *x); /* the client cancelled: was a hold waiting? */
bool px_hold_deserted(const struct pgproxy *x); /* has the client said goodbye behind the held message? */

/* px_guard.c */
#define PX_GUARD_MS 5000 /* a counted statement that takes longer is undone and held */
void px_guard_init(struct pgproxy *x);
void px_guard_clear(struct pgproxy *x);
bool px_guard_keeps(const struct pgproxy *x); /* what the server sends now is of the counted statement */
void px_guard_swap(struct pgproxy *x);        /* output goes to what is kept back, and to the client again */
void px_guard_row(struct pgproxy *x);         /* after each message kept back, while swapped */
void px_guard_tag(struct pgproxy *x, const struct px_exp *e, char *tag, size_t cap);
void px_guard_error(struct pgproxy *x);
void px_guard_commit_error(struct pgproxy *x, const struct px_exp *e, struct span body);
void px_guard_check(struct pgproxy *x);       /* after each message: has it ended? */
void px_guard_undone(struct pgproxy *x);      /* WAIT_UNDONE, and the queue is empty */
bool px_guard_sync(struct pgproxy *x);        /* the client's Sync is about to be forwarded; true: nothing may follow it */
bool px_guard_ready(struct pgproxy *x);       /* that Sync, or a Query in its place, is answered; true: the client hears it later */

/* px_meaning.c */
void px_meaning_server(struct pgproxy *x); /* before the welcome: asks the server which one it is */
void px_meaning_read(struct pgproxy *x);   /* of what is held, into hold.meaning; hold.failed, hold.too_much */
void px_meaning_types(struct pgproxy *x, struct span body); /* ParameterDescription of what is held */

/* px_record.c */
/* sql: the exact bytes (t's own may be another text of the same shape). forwarded false: the ticket is of a statement that
 * is not to be sent, which only px_record_release() makes good. */
struct rec_ticket px_record_statement(struct pgproxy *x, const char *proto, const struct px_text *t, struct span sql,
    struct span name, const struct pg_bind *bind, bool forwarded);
void px_record_result(struct pgproxy *x, const struct px_exp *e, const char *tag, const char *masked, const char *sqlstate,
    const char *message);
void px_record_kv(struct pgproxy *x, enum rec_type type, const char *k1, const char *v1, const char *k2, const char *v2,
    const char *k3, const char *v3);
struct rec_ticket px_record_own(struct pgproxy *x, const char *why, const char *sql);
struct rec_ticket px_record_copy(struct pgproxy *x, const char *direction);
/* A decision that lets the held statement go. */
struct rec_ticket px_record_release(struct pgproxy *x, struct rec_ticket held, const struct rec_kv *kv, size_t n);
/* For messages without a command of their own. */
struct rec_ticket px_pass(const struct pgproxy *x);
void px_ask_answers(struct pgproxy *x); /* Flush: no Sync is on its way, and the server would sit on its answers */
int px_record_commit(struct pgproxy *x);
void px_record_lost(struct pgproxy *x); /* what cannot be recorded does not go on: ends the session */
void px_record_clear(struct pgproxy *x); /* at free */
int px_record_fd(int *fd); /* -1: errno says why */
void px_record_head(struct pgproxy *x);
void px_record_end(struct pgproxy *x, const char *reason);

#endif

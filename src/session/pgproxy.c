/* SPDX-License-Identifier: Apache-2.0
 *
 * One PostgreSQL session: its life, its buffers and its one way upstream. Protocol steps are in px_start.c (before
 * the welcome), px_front.c (client messages), px_back.c (server messages); see px.h for the rules.
 */
#include "session/pgproxy.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/meaning.h"
#include "policy/view.h"
#include "session/px.h"

#define REASON_MAX 400    /* bytes of a reason that a person gave */
#define EOF_GRACE_MS 2000 /* a client that is gone may be one that only finished talking */

static struct pgproxy *sessions;

/* ---- what the monitor pushes ---- */

static bool mine(const struct pgproxy *x, const struct ipc_msg *m)
{
	return x->sid[0] != '\0' && span_is(ipc_get_span(m, "sid"), x->sid);
}

static void policy_pushed(void *ctx, const struct ipc_msg *m)
{
	struct pgproxy *x = ctx;

	if (!mine(x, m))
		return;
	(void)policy_view_get(ipc_get(m, "view"), &x->view); /* what cannot be read denies */
	x->view_seq++;
}

static void kill_pushed(void *ctx, const struct ipc_msg *m)
{
	struct pgproxy *x = ctx;
	char reason[REASON_MAX], sqlstate[6];

	if (!mine(x, m))
		return;
	ipc_take_text(m, "reason", reason, sizeof(reason));
	ipc_take_str(m, "sqlstate", sqlstate, sizeof(sqlstate));
	pgproxy_kill(x, reason, sqlstate);
}

static void hold_pushed(void *ctx, const struct ipc_msg *m)
{
	px_hold_decided(ctx, m);
}

/* What is said to every session of the connection comes from the edge. */
static void notice_pushed(void *ctx, const struct ipc_msg *m)
{
	char text[400], hint[400];

	if (!mine(ctx, m))
		return;
	ipc_take_text(m, "text", text, sizeof(text));
	ipc_take_text(m, "hint", hint, sizeof(hint));
	pgproxy_notice(ctx, text, hint);
}

static void expire_pushed(void *ctx, const struct ipc_msg *m)
{
	char reason[200], hint[200], sqlstate[6];

	if (!mine(ctx, m))
		return;
	ipc_take_text(m, "reason", reason, sizeof(reason));
	ipc_take_text(m, "hint", hint, sizeof(hint));
	ipc_take_str(m, "sqlstate", sqlstate, sizeof(sqlstate));
	pgproxy_expire(ctx, ipc_get_int(m, "grace_ms", 0), reason, hint, sqlstate);
}

static void listen_to_monitor(struct pgproxy *x, bool on)
{
	monclient_on(x->p.mon, IPC_POLICY, on ? policy_pushed : NULL, x);
	monclient_on(x->p.mon, IPC_KILL, on ? kill_pushed : NULL, x);
	monclient_on(x->p.mon, IPC_HOLD_DECIDED, on ? hold_pushed : NULL, x);
	monclient_on(x->p.mon, IPC_NOTICE, on ? notice_pushed : NULL, x);
	monclient_on(x->p.mon, IPC_EXPIRE, on ? expire_pushed : NULL, x);
}

struct pgproxy *pgproxy_new(const struct pgproxy_params *p)
{
	struct pgproxy *x = xcalloc(1, sizeof(*x));

	x->p = *p;
	if (x->p.gateway == NULL || x->p.gateway[0] == '\0')
		x->p.gateway = "bastion";
	(void)str_copy(x->target, sizeof(x->target), p->target);
	buf_init(&x->in, PX_MSG_MAX + 4096);
	buf_init(&x->out, 2 * (size_t)PX_MSG_MAX);
	buf_init(&x->options, 9000); /* a start-up packet of the server's ends at 10000 */
	buf_init(&x->settings, PG_STARTUP_MAX);
	buf_init(&x->up_in, PX_MSG_MAX + 65536);
	x->to_up = px_up_new(2 * (size_t)PX_MSG_MAX);
	buf_init(&x->row, PX_MSG_MAX);
	buf_init(&x->hold.meaning, MEANING_MAX);
	buf_init(&x->hold.asked, MEANING_MAX);
	buf_init(&x->hold.stmt, 4096);
	buf_init(&x->hold.bind, PX_MSG_MAX);
	buf_init(&x->hold.params, PX_MSG_MAX);
	buf_init(&x->hold.sql, PX_MSG_MAX);
	px_guard_init(x);
	x->up_fd = -1;
	x->status = 'I';
	x->exp_tail = &x->exp_head;
	crypto_random(&x->key_pid, sizeof(x->key_pid));
	x->key_pid &= 0x7fffffff; /* clients read it as a signed number */
	crypto_random(&x->key_secret, sizeof(x->key_secret));
	x->next = sessions;
	sessions = x;
	listen_to_monitor(x, true);
	return x;
}

static const struct {
	enum px_phase from, to;
} px_moves[] = {
	{PX_STARTUP, PX_TARGET},
	{PX_TARGET, PX_CONNECT},
	{PX_CONNECT, PX_LOGIN},
	{PX_LOGIN, PX_PREPARE},
	{PX_PREPARE, PX_RELAY},
};

void px_enter(struct pgproxy *x, enum px_phase to)
{
	bool ok = to == PX_ENDED;

	for (size_t i = 0; i < sizeof(px_moves) / sizeof(px_moves[0]); i++)
		if (px_moves[i].from == x->phase && px_moves[i].to == to)
			ok = true;
	if (!ok) {
		log_error("pgproxy-bad-transition", "from", log_num(x->phase), "to", log_num(to));
		to = PX_ENDED;
	}
	x->phase = to;
}

void px_wake(struct pgproxy *x)
{
	x->p.wake(x->p.ctx);
}

static void up_close(struct pgproxy *x)
{
	if (x->up_fd >= 0)
		loop_del(x->p.loop, x->up_fd);
	x->up_fd = -1;
	pgup_free(x->up);
	x->up = NULL;
}

void px_end(struct pgproxy *x, const char *reason)
{
	if (x->phase == PX_ENDED)
		return;
	(void)str_copy(x->end_reason, sizeof(x->end_reason), reason);
	loop_cancel(x->p.loop, x->eof_timer);
	x->eof_timer = NULL;
	loop_cancel(x->p.loop, x->guard.timer);
	x->guard.timer = NULL;
	px_expire_clear(x);
	if (x->phase == PX_RELAY && x->exp_head != NULL)
		px_cancel_upstream(x, "client"); /* nobody waits for it any more */
	px_hold_withdraw(x, reason);
	px_enter(x, PX_ENDED);
	px_record_end(x, reason);
	up_close(x);
	px_wake(x);
}

void px_fatal(struct pgproxy *x, const char *sqlstate, const char *msg, const char *hint, const char *reason)
{
	struct pg_notice n = {.severity = "FATAL", .sqlstate = sqlstate, .message = msg, .hint = hint};

	if (x->phase == PX_ENDED)
		return;
	if (x->guard.swapped)
		px_guard_swap(x);
	pg_put_error(&x->out, &n);
	px_record_kv(x, REC_ERROR, "sqlstate", sqlstate, "message", msg, "hint", hint);
	px_end(x, reason);
}

/* What is meant for the server cannot be sent. */
static void unsent(struct pgproxy *x, int rc)
{
	if (rc == E_NOMEM || rc == E_TOOBIG) {
		px_fatal(x, rc == E_NOMEM ? "53200" : "54000", "no room for what waits for the database", "", "buffer limit");
	} else if (rc == E_DENIED || rc == E_STATE) { /* ours: somebody wanted to send without a record */
		log_error("not-sent", "sid", x->sid, "why", "no record");
		px_record_lost(x);
	} else {
		px_fatal(x, "08006", "the connection to the database was lost", "", "upstream lost");
	}
}

/* The one place where bytes leave for the server: never before the recording has them. */
void px_flush(struct pgproxy *x)
{
	int rc;

	if (x->phase == PX_ENDED || x->up == NULL)
		return;
	if (buf_err(&x->out) != 0) {
		px_end(x, "buffer limit");
		return;
	}
	if (x->phase == PX_RELAY)
		px_portals_record(x);
	if (px_record_commit(x) != 0)
		px_record_lost(x);
	if (x->phase < PX_PREPARE || x->phase == PX_ENDED)
		return;
	rc = px_up_send(x->to_up, x->up);
	if (rc != 0 && rc != E_MORE) {
		unsent(x, rc);
		return;
	}
	loop_mod(x->p.loop, x->up_fd,
	    (pgup_wants(x->up) & LOOP_OUT) | (rc == E_MORE ? LOOP_OUT : 0u) |
	    (buf_len(&x->out) < PX_OUT_HIGH ? pgup_wants(x->up) & LOOP_IN : 0u));
}

static void login_event(struct pgproxy *x)
{
	struct why w = {0};

	switch (pgup_poll(x->up, &w)) {
	case PGUP_CONNECTING:
		loop_mod(x->p.loop, x->up_fd, pgup_wants(x->up));
		return;
	case PGUP_FAILED:
		px_fatal(x, pgup_sqlstate(x->up), w.text, w.hint, "upstream login failed");
		return;
	case PGUP_READY:
		px_enter(x, PX_PREPARE);
		px_start_ready(x);
		return;
	}
}

/* Take what the server has sent, as far as the client keeps up. TLS may hold bytes that epoll does not announce. */
static void up_input(struct pgproxy *x)
{
	int rc = 1;

	while (rc > 0 && x->phase >= PX_PREPARE && x->phase < PX_ENDED && buf_len(&x->out) < PX_OUT_HIGH) {
		rc = pgup_read(x->up, &x->up_in, 65536);
		if (rc > 0)
			px_back_input(x);
		else if (rc < 0 && rc != E_MORE)
			px_fatal(x, "08006", "the database closed the connection", "", "upstream lost");
		if (x->phase == PX_ENDED || !pgup_pending(x->up))
			break;
	}
}

/* What the socket took at once makes room for more, and no event would tell. */
static void input_round(struct pgproxy *x)
{
	size_t before;

	if (x->phase == PX_STARTUP)
		px_start_input(x);
	do {
		before = buf_len(&x->in);
		if (x->phase == PX_RELAY)
			px_front_input(x);
		px_flush(x);
	} while (x->phase == PX_RELAY && buf_len(&x->in) > 0 && buf_len(&x->in) < before && !px_front_blocked(x));
}

/* Look at what the client already sent, as far as the phase and a pause allow. A message whose pause ends while it is
 * looked at (a hold that is refused at once) comes back here: the next one is another round, not another depth. */
static void input_run(struct pgproxy *x)
{
	x->again = true;
	if (x->running)
		return;
	x->running = true;
	while (x->again) {
		x->again = false;
		input_round(x);
	}
	x->running = false;
}

void px_up_event(void *ctx, int fd, unsigned events)
{
	struct pgproxy *x = ctx;

	(void)fd;
	(void)events;
	if (x->phase == PX_LOGIN)
		login_event(x);
	else
		up_input(x);
	px_flush(x);
	/* The server has taken what stood in the way of the client's next messages. */
	if (x->phase == PX_RELAY && buf_len(&x->in) > 0 && !px_front_blocked(x))
		input_run(x);
	px_wake(x);
}

/* The monitor holds the key and sends the CancelRequest. */
void px_cancel_upstream(struct pgproxy *x, const char *by)
{
	struct buf *b;

	px_record_kv(x, REC_CANCEL, "by", by, NULL, NULL, NULL, NULL);
	b = monclient_begin(x->p.mon, IPC_CANCEL);
	ipc_str(b, "sid", x->sid);
	(void)monclient_call(x->p.mon, NULL, NULL);
}

void px_resume(struct pgproxy *x)
{
	x->wait = WAIT_NONE;
	input_run(x);
	px_wake(x);
}

static bool console_cancel(struct pgproxy *x, struct span in)
{
	static const uint8_t cancel[5] = {PGPROXY_CONSOLE_CANCEL, 0, 0, 0, 4};

	if (!x->p.console || x->phase != PX_RELAY || !span_eq(in, span_of(cancel, sizeof(cancel))))
		return false;
	if (!px_hold_cancel(x))
		px_cancel_upstream(x, "client");
	return true;
}

size_t pgproxy_feed(struct pgproxy *x, struct span in)
{
	if (console_cancel(x, in))
		return in.n;
	if (x->phase == PX_ENDED)
		return in.n; /* nobody will read it */
	if (buf_len(&x->in) > 65536 && (x->phase != PX_RELAY || px_front_blocked(x)))
		return 0;
	buf_put_span(&x->in, in);
	if (buf_err(&x->in) != 0) {
		px_fatal(x, "54000", "message too large for the gateway (64 MiB)", "", "message too large");
		return in.n;
	}
	if (x->hold.active && px_hold_deserted(x)) {
		px_end(x, "client terminated while a statement was held");
		return in.n;
	}
	input_run(x);
	return in.n;
}

static void eof_over(void *ctx)
{
	struct pgproxy *x = ctx;

	x->eof_timer = NULL;
	px_end(x, "client closed");
}

void pgproxy_client_eof(struct pgproxy *x)
{
	x->client_eof = true;
	/* What was sent before the end of file is still answered, but nothing waits for a decision any more, nor for data or
	 * a Sync that cannot come. */
	if ((x->wait == WAIT_NONE || x->wait == WAIT_GUARD) && x->phase == PX_RELAY && x->exp_head != NULL && !x->copy_in && !x->ext_open) {
		if (x->eof_timer == NULL)
			x->eof_timer = loop_after(x->p.loop, EOF_GRACE_MS, eof_over, x);
		return;
	}
	px_end(x, "client closed");
}

struct buf *pgproxy_out(struct pgproxy *x)
{
	return &x->out;
}

void pgproxy_drained(struct pgproxy *x)
{
	if (x->phase != PX_ENDED && x->up != NULL && x->phase >= PX_PREPARE) {
		if (buf_len(&x->up_in) > 0)
			px_back_input(x);
		if (x->phase != PX_ENDED && pgup_pending(x->up))
			up_input(x);
		px_flush(x);
	}
	buf_trim(&x->out, 65536);
}

bool pgproxy_ended(const struct pgproxy *x)
{
	return x->phase == PX_ENDED;
}

void pgproxy_kill(struct pgproxy *x, const char *reason, const char *sqlstate)
{
	px_fatal(x, sqlstate != NULL && sqlstate[0] != '\0' ? sqlstate : "57P01", reason, "", "ended by the gateway");
}

struct pgproxy *pgproxy_by_key(uint32_t pid, uint32_t key)
{
	for (struct pgproxy *x = sessions; x != NULL; x = x->next)
		if (x->key_pid == pid && x->key_secret == key && x->phase == PX_RELAY)
			return x;
	return NULL;
}

void pgproxy_free(struct pgproxy *x, const char *reason)
{
	struct pgproxy **at = &sessions;

	if (x == NULL)
		return;
	px_end(x, reason);
	listen_to_monitor(x, false);
	while (*at != NULL && *at != x)
		at = &(*at)->next;
	if (*at == x)
		*at = x->next;
	if (x->call != 0)
		monclient_forget(x->p.mon, x->call);
	px_hold_clear(x);
	px_guard_clear(x);
	px_notes_clear(x);
	px_record_clear(x);
	while (x->exp_head != NULL)
		px_exp_pop(x);
	px_stmts_clear(x);
	px_portals_clear(x);
	px_cache_free(x);
	px_catalog_clear(x);
	free(x->opaque_views);
	buf_clear(&x->in);
	buf_clear(&x->out);
	buf_clear(&x->options);
	buf_clear(&x->settings);
	buf_clear(&x->up_in);
	px_up_free(x->to_up);
	buf_clear(&x->row);
	buf_clear(&x->guard.kept);
	free(x);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels: who may open what, the bytes of database channels to and from their proxy, and the closing handshake.
 * RFC 4254. What a channel carries (its body) is a table of five functions: the proxy's is here, exec's in sshexec.c.
 *
 * Facts about libssh that shape this file: the data callback must not write; bytes it does not take stay in libssh and
 * are not offered again, so the step fetches them (all of them, see fetch()); the receive window is not enforced, so we do; a full
 * packet carries 32758 bytes; a channel freed before the client's close leaves queued messages with a dangling
 * pointer, so it is freed only after that close and after the queue was drained.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "session/pgproxy.h"
#include "session/sshint.h"

/* --- writing --- */

bool chan_may_write(const struct chan *c)
{
	return c->state == CHAN_LIVE && !c->gone && ssh_channel_window_size(c->ch) > 0 &&
	    (ssh_get_status(c->edge->ssh) & SSH_WRITE_PENDING) == 0;
}

static size_t write_size(const struct chan *c, size_t n)
{
	size_t window = ssh_channel_window_size(c->ch);

	if (n > window)
		n = window;
	if (n > EDGE_WRITE_MAX)
		n = EDGE_WRITE_MAX;
	return n > EDGE_PACKET ? n - n % EDGE_PACKET : n;
}

void chan_write(struct chan *c, struct buf *b, bool is_stderr)
{
	while (buf_len(b) > 0 && chan_may_write(c)) {
		uint32_t n = (uint32_t)write_size(c, buf_len(b));
		int w = is_stderr ? ssh_channel_write_stderr(c->ch, buf_span(b).p, n)
				  : ssh_channel_write(c->ch, buf_span(b).p, n);

		if (w <= 0) /* re-keying, or the end; the step comes by again */
			return;
		buf_consume(b, (size_t)w);
	}
}

/* --- a database channel --- */

static void pg_wake(void *ctx)
{
	(void)ctx; /* the step looks at every channel */
}

static size_t pg_feed(struct chan *c, struct span in)
{
	return pgproxy_feed(c->body, in);
}

static void pg_eof(struct chan *c)
{
	pgproxy_client_eof(c->body);
}

static void pg_pump(struct chan *c)
{
	struct buf *out = pgproxy_out(c->body);
	size_t before = buf_len(out);

	chan_write(c, out, false);
	if (buf_len(out) != before)
		pgproxy_drained(c->body);
	if (pgproxy_ended(c->body) && buf_len(pgproxy_out(c->body)) == 0)
		chan_finish(c, -1);
}

static void pg_kill(struct chan *c, const char *reason, const char *sqlstate)
{
	pgproxy_kill(c->body, reason, sqlstate);
}

static void pg_drop(struct chan *c, const char *reason)
{
	pgproxy_free(c->body, reason);
}

static void pg_notice(struct chan *c, const char *text, const char *hint)
{
	pgproxy_notice(c->body, text, hint);
}

static void pg_expire(struct chan *c, int64_t grace_ms)
{
	const struct edge *e = c->edge;

	pgproxy_expire(c->body, grace_ms, e->expired.reason, e->expired.hint, e->expired.sqlstate);
}

static const struct chan_ops pg_ops = {pg_feed, pg_eof, pg_pump, pg_kill, pg_notice, pg_expire, pg_drop};

/* --- libssh's callbacks: note and move inward, nothing else --- */

static int on_data(ssh_session s, ssh_channel ch, void *data, uint32_t len, int is_stderr, void *ctx)
{
	struct chan *c = ctx;
	size_t took;

	(void)s;
	(void)ch;
	if (is_stderr)
		return (int)len; /* clients have none to send */
	if (len > EDGE_OVERRUN)
		edge_doom(c->edge, EDGE_EXIT_PROTOCOL, "the client ignores the flow control window");
	if (c->state > CHAN_LIVE)
		return (int)len;
	if (c->ops == NULL || c->backlog || buf_len(&c->carry) > 0) {
		c->backlog = true;
		return 0;
	}
	took = c->ops->feed(c, span_of(data, len));
	c->backlog = took < len;
	return (int)took;
}

static void on_eof(ssh_session s, ssh_channel ch, void *ctx)
{
	struct chan *c = ctx;

	(void)s;
	(void)ch;
	c->eof_in = true;
}

static void on_close(ssh_session s, ssh_channel ch, void *ctx)
{
	struct chan *c = ctx;

	(void)s;
	(void)ch;
	c->gone = true;
}

static void on_signal(ssh_session s, ssh_channel ch, const char *name, void *ctx)
{
	struct chan *c = ctx;

	(void)s;
	(void)ch;
	(void)str_copy(c->signal, sizeof(c->signal), name);
}

/* --- opening --- */

size_t chans_live(const struct edge *e)
{
	size_t n = 0;

	for (const struct chan *c = e->chans; c != NULL; c = c->next)
		n += c->state == CHAN_LIVE;
	return n;
}

bool chans_closed(const struct edge *e)
{
	for (const struct chan *c = e->chans; c != NULL; c = c->next)
		if (c->state == CHAN_LIVE || c->state == CHAN_CLOSING || (c->state == CHAN_CLOSED && !c->gone))
			return false;
	return true;
}

static struct chan *chan_new(struct edge *e, ssh_message m)
{
	struct chan *c = xcalloc(1, sizeof(*c));

	c->ch = ssh_message_channel_request_open_reply_accept(m);
	if (c->ch == NULL) {
		free(c);
		return NULL;
	}
	c->edge = e;
	buf_init(&c->carry, EDGE_OVERRUN + EDGE_PACKET);
	c->cb.userdata = c;
	c->cb.channel_data_function = on_data;
	c->cb.channel_eof_function = on_eof;
	c->cb.channel_close_function = on_close;
	c->cb.channel_signal_function = on_signal;
	ssh_callbacks_init(&c->cb);
	(void)ssh_set_channel_callbacks(c->ch, &c->cb);
	c->next = e->chans;
	e->chans = c;
	e->n_chans++;
	return c;
}

static void open_session(struct edge *e, ssh_message m)
{
	struct chan *c = chan_new(e, m);

	if (c != NULL)
		c->session = true;
}

/* Always accepted where forwarding is permitted: an unknown target is refused in the database's own protocol, where the
 * user reads it. */
static void open_direct(struct edge *e, ssh_message m)
{
	struct pgproxy_params p = {
		.loop = e->loop,
		.mon = e->mon,
		.gateway = e->p.gateway,
		.target = ssh_message_channel_request_open_destination(m),
		.port = ssh_message_channel_request_open_destination_port(m),
		.wake = pg_wake,
	};
	struct chan *c = chan_new(e, m);

	if (c == NULL)
		return;
	p.ctx = c;
	c->body = pgproxy_new(&p);
	c->ops = &pg_ops;
	c->state = CHAN_LIVE;
	if (e->expired.on)
		pg_expire(c, 0);
}

static bool open_allowed(const struct edge *e, ssh_message m)
{
	if (!auth_done(e) || e->leave != NULL || e->n_chans >= (size_t)e->p.max_channels)
		return false;
	if (ssh_message_subtype(m) == SSH_CHANNEL_SESSION)
		return true;
	return ssh_message_subtype(m) == SSH_CHANNEL_DIRECT_TCPIP && e->auth.state == AUTH_DONE_CERT &&
	    e->auth.forward && ssh_message_channel_request_open_destination(m) != NULL;
}

void chan_open(struct edge *e, ssh_message m)
{
	if (!open_allowed(e, m)) {
		log_info("channel-refused", "kind", log_num(ssh_message_subtype(m)), "state", log_num(e->auth.state));
		(void)ssh_message_reply_default(m);
	} else if (ssh_message_subtype(m) == SSH_CHANNEL_SESSION) {
		open_session(e, m);
	} else {
		open_direct(e, m);
	}
	ssh_message_free(m);
	edge_idle_update(e);
}

/* --- requests on a channel --- */

static struct chan *chan_find(struct edge *e, ssh_channel ch)
{
	struct chan *c = e->chans;

	while (c != NULL && c->ch != ch)
		c = c->next;
	return c;
}

static int clamp(int v, int max)
{
	return v < 0 ? 0 : v > max ? max : v;
}

static bool req_pty(struct chan *c, ssh_message m)
{
	const char *term = ssh_message_channel_request_pty_term(m);

	if (!c->session || c->state != CHAN_IDLE || !c->edge->auth.pty || term == NULL)
		return false;
	if (str_copy(c->term, sizeof(c->term), term) != 0 ||
	    strspn(term, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+._") != strlen(term))
		(void)str_copy(c->term, sizeof(c->term), "dumb");
	c->pty = true;
	c->cols = clamp(ssh_message_channel_request_pty_width(m), 1000);
	c->rows = clamp(ssh_message_channel_request_pty_height(m), 1000);
	return true;
}

static bool req_winch(struct chan *c, ssh_message m)
{
	if (!c->pty)
		return false;
	c->cols = clamp(ssh_message_channel_request_pty_width(m), 1000);
	c->rows = clamp(ssh_message_channel_request_pty_height(m), 1000);
	if (c->state == CHAN_LIVE)
		exec_winch(c);
	return true;
}

static bool may_exec(const struct chan *c)
{
	return c->session && c->state == CHAN_IDLE;
}

static bool request(struct chan *c, ssh_message m, struct span *line, bool *exec)
{
	*exec = false;
	switch (ssh_message_subtype(m)) {
	case SSH_CHANNEL_REQUEST_PTY:
		return req_pty(c, m);
	case SSH_CHANNEL_REQUEST_WINDOW_CHANGE:
		return req_winch(c, m);
	case SSH_CHANNEL_REQUEST_EXEC:
		*line = span_str(ssh_message_channel_request_command(m));
		*exec = may_exec(c);
		return *exec;
	case SSH_CHANNEL_REQUEST_SHELL:
		*line = span_str("");
		*exec = may_exec(c);
		return *exec;
	default: /* environment, subsystems, X11, agent, and whatever comes */
		return false;
	}
}

void chan_request(struct edge *e, ssh_message m)
{
	struct chan *c = chan_find(e, ssh_message_channel_request_channel(m));
	struct span line = {NULL, 0};
	bool exec = false;

	if (c != NULL && c->state <= CHAN_LIVE && request(c, m, &line, &exec))
		(void)ssh_message_channel_request_reply_success(m);
	else
		(void)ssh_message_reply_default(m);
	if (exec) {
		c->state = CHAN_LIVE;
		exec_start(c, line);
	}
	ssh_message_free(m);
}

/* --- the step --- */

/* Fetch all that libssh holds back, never a part of it: with every read libssh grants the client the whole window again,
 * whatever is still unread, so reading piecemeal would let it run away. What is in carry is thus below the
 * bound of on_data(), and libssh collects at most as much again until carry is empty. */
static void fetch(struct chan *c)
{
	int n = ssh_channel_poll(c->ch, 0);
	uint8_t *at;

	c->backlog = false;
	if (n <= 0)
		return;
	if (buf_reserve(&c->carry, (size_t)n, &at) != 0) {
		edge_doom(c->edge, EDGE_EXIT_PROTOCOL, "the client ignores the flow control window");
		return;
	}
	n = ssh_channel_read_nonblocking(c->ch, at, (uint32_t)n, 0);
	if (n > 0)
		buf_commit(&c->carry, (size_t)n);
}

static void feed(struct chan *c)
{
	for (;;) {
		if (c->backlog && buf_len(&c->carry) == 0)
			fetch(c);
		if (buf_len(&c->carry) == 0)
			break;
		buf_consume(&c->carry, c->ops->feed(c, buf_span(&c->carry)));
		if (buf_len(&c->carry) > 0)
			return; /* the body will wake us */
	}
	buf_trim(&c->carry, EDGE_PACKET);
}

static void drop_body(struct chan *c, const char *reason)
{
	if (c->ops != NULL)
		c->ops->drop(c, reason);
	c->ops = NULL;
	c->body = NULL;
	c->backlog = false;
	buf_reset(&c->carry);
}

void chan_finish(struct chan *c, int exit_status)
{
	if (c->state > CHAN_LIVE)
		return;
	if (exit_status >= 0 && !c->gone)
		(void)ssh_channel_request_send_exit_status(c->ch, exit_status);
	c->state = CHAN_CLOSING;
}

static void step_live(struct chan *c)
{
	feed(c);
	if (c->eof_in && !c->eof_given && !c->backlog && buf_len(&c->carry) == 0) {
		c->eof_given = true;
		c->ops->eof(c);
	}
	if (c->gone)
		chan_finish(c, -1);
	else
		c->ops->pump(c);
}

static void step_closing(struct chan *c)
{
	if (c->ops != NULL)
		drop_body(c, c->gone ? "client closed the channel" : "finished");
	/* AGAIN: the EOF went out, the close did not; comes back until it did */
	if (ssh_channel_close(c->ch) != SSH_AGAIN)
		c->state = CHAN_CLOSED;
	edge_idle_update(c->edge);
}

void chans_step(struct edge *e)
{
	for (struct chan *c = e->chans; c != NULL; c = c->next) {
		if (c->state == CHAN_LIVE)
			step_live(c);
		else if (c->state == CHAN_IDLE && (c->gone || c->eof_in))
			chan_finish(c, -1);
		if (c->state == CHAN_CLOSING)
			step_closing(c);
	}
}

void chans_reap(struct edge *e)
{
	for (struct chan **at = &e->chans; *at != NULL;) {
		struct chan *c = *at;

		if (c->state != CHAN_CLOSED || !c->gone) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		e->n_chans--;
		(void)ssh_remove_channel_callbacks(c->ch, &c->cb);
		ssh_channel_free(c->ch);
		buf_clear(&c->carry);
		free(c);
	}
}

void chans_kill(struct edge *e, const char *reason, const char *sqlstate)
{
	for (struct chan *c = e->chans; c != NULL; c = c->next)
		if (c->state == CHAN_LIVE)
			c->ops->kill(c, reason, sqlstate);
}

void chans_notice(struct edge *e, const char *text, const char *hint)
{
	for (struct chan *c = e->chans; c != NULL; c = c->next)
		if (c->state == CHAN_LIVE)
			c->ops->notice(c, text, hint);
}

void chans_expire(struct edge *e, int64_t grace_ms)
{
	for (struct chan *c = e->chans; c != NULL; c = c->next)
		if (c->state == CHAN_LIVE)
			c->ops->expire(c, grace_ms);
}

void chans_clear(struct edge *e, const char *reason)
{
	while (e->chans != NULL) {
		struct chan *c = e->chans;

		e->chans = c->next;
		drop_body(c, reason);
		buf_clear(&c->carry);
		(void)ssh_remove_channel_callbacks(c->ch, &c->cb);
		free(c);
	}
	e->n_chans = 0;
}

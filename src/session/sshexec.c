/* SPDX-License-Identifier: Apache-2.0
 *
 * A command on a session channel: the monitor starts it in its own sandbox and hands over the ends of its pipes (or one
 * pty master); here bytes are pumped both ways with back-pressure, and the exit status follows the last output. For
 * `sql` a further descriptor is the console's database connection: it is served by a pgproxy like any -L channel,
 * so that policy exists once. Nothing is executed in this process.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "session/pgproxy.h"
#include "session/sshint.h"

#define LINE_MAX_BYTES (64u * 1024)
#define LINGER_MS 5000  /* output of a command that exited but left its pipe open */
#define DB_MAX (64u * 1024)
#define PTY_RETRY_MS 20
#define EXIT_DENIED 4
#define EXIT_FAILED 1

struct pump { /* one descriptor of the command, read for the channel */
	struct exec *x;
	int fd;
	bool reg;        /* on the loop: not while paused, since a hang-up is reported for ever */
	bool is_stderr;
	struct buf buf;  /* read and not yet written to the channel */
};

struct exec {
	struct chan *c;
	uint32_t call;   /* IPC_EXEC that was not answered yet, 0 = none */
	int64_t id;      /* the monitor's number, -1 = not running */
	bool pty;
	int in;          /* our write end; with a pty the same descriptor as out.fd, which owns it */
	bool in_reg;
	bool in_eof;     /* the client sends no more: perhaps before there was a command */
	struct loop_timer *retry; /* of input a pty had no room for */
	struct pump out, err;
	bool exited;
	int status;
	struct loop_timer *linger;
	struct pgproxy *db;
	int db_fd;
	unsigned db_reg; /* events registered, 0 = not on the loop */
	struct buf db_in;
	bool db_eof;
};

/* --- output of the command --- */

static void pump_stop(struct pump *p)
{
	if (p->reg)
		loop_del(p->x->c->edge->loop, p->fd);
	p->reg = false;
}

static void pump_close(struct pump *p)
{
	pump_stop(p);
	if (p->fd == p->x->in)
		p->x->in = -1; /* a pty: one descriptor, two directions */
	fd_close(&p->fd);
}

static void pump_ready(void *ctx, int fd, unsigned events)
{
	struct pump *p = ctx;
	uint8_t *at;
	ssize_t n;

	(void)events;
	if (buf_reserve(&p->buf, EDGE_PACKET, &at) != 0)
		return; /* the step makes room first */
	n = read(fd, at, EDGE_PACKET);
	if (n > 0)
		buf_commit(&p->buf, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR)) /* EIO: the pty's other side closed */
		pump_close(p);
}

static void pump_step(struct pump *p)
{
	struct chan *c = p->x->c;
	bool room;

	chan_write(c, &p->buf, p->is_stderr);
	room = buf_len(&p->buf) == 0 && chan_may_write(c);
	if (p->fd < 0 || room == p->reg)
		return;
	if (!room)
		pump_stop(p);
	else
		p->reg = loop_add(c->edge->loop, p->fd, LOOP_IN, pump_ready, p) == 0;
}

/* --- input of the command --- */

static void in_close(struct exec *x)
{
	if (x->in_reg)
		loop_del(x->c->edge->loop, x->in);
	x->in_reg = false;
	if (!x->pty)
		fd_close(&x->in);
	x->in = -1;
}

static void in_ready(void *ctx, int fd, unsigned events)
{
	struct exec *x = ctx;

	(void)fd;
	(void)events;
	loop_del(x->c->edge->loop, x->in); /* once: the step writes */
	x->in_reg = false;
}

static void in_retry(void *ctx)
{
	struct exec *x = ctx;

	x->retry = NULL;
}

/* Wait for room. A pty's descriptor is on the loop for its output already: there the step after a short while retries. */
static void in_wait(struct exec *x)
{
	if (x->pty && x->retry == NULL)
		x->retry = loop_after(x->c->edge->loop, PTY_RETRY_MS, in_retry, x);
	else if (!x->pty && !x->in_reg)
		x->in_reg = loop_add(x->c->edge->loop, x->in, LOOP_OUT, in_ready, x) == 0;
}

static size_t exec_feed(struct chan *c, struct span in)
{
	struct exec *x = c->body;
	ssize_t n;

	if (x->call != 0)
		return 0;
	if (x->in < 0)
		return in.n; /* nobody reads it any more */
	n = write(x->in, in.p, in.n);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		in_close(x);
		return in.n;
	}
	if (n < 0)
		n = 0;
	if ((size_t)n < in.n)
		in_wait(x);
	return (size_t)n;
}

static void exec_eof(struct chan *c)
{
	struct exec *x = c->body;

	x->in_eof = true;
	if (!x->pty)
		in_close(x);
}

/* --- the console's database connection --- */

static void db_close(struct exec *x, const char *reason)
{
	if (x->db_reg != 0)
		loop_del(x->c->edge->loop, x->db_fd);
	x->db_reg = 0;
	fd_close(&x->db_fd);
	if (x->db != NULL)
		pgproxy_free(x->db, reason);
	x->db = NULL;
}

static void db_ready(void *ctx, int fd, unsigned events)
{
	struct exec *x = ctx;
	uint8_t *at;
	ssize_t n;

	if (!(events & (LOOP_IN | LOOP_HUP)) || buf_len(&x->db_in) > 0 || x->db_eof)
		return;
	if (buf_reserve(&x->db_in, DB_MAX, &at) != 0)
		return;
	n = read(fd, at, DB_MAX);
	if (n > 0)
		buf_commit(&x->db_in, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		x->db_eof = true;
}

static void db_wants(struct exec *x, bool blocked)
{
	unsigned want = (buf_len(&x->db_in) == 0 && !x->db_eof ? LOOP_IN : 0u) | (blocked ? LOOP_OUT : 0u);

	if (want == x->db_reg)
		return;
	if (want == 0)
		loop_del(x->c->edge->loop, x->db_fd);
	else if (x->db_reg == 0)
		want = loop_add(x->c->edge->loop, x->db_fd, want, db_ready, x) == 0 ? want : 0;
	else
		loop_mod(x->c->edge->loop, x->db_fd, want);
	x->db_reg = want;
}

static bool db_send(struct exec *x)
{
	struct buf *out = pgproxy_out(x->db);
	bool any = false;

	while (buf_len(out) > 0) {
		ssize_t n = send(x->db_fd, buf_span(out).p, buf_len(out), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			x->db_eof = true;
			buf_reset(out);
			break;
		}
		if (n <= 0)
			break;
		buf_consume(out, (size_t)n);
		any = true;
	}
	if (any)
		pgproxy_drained(x->db);
	return buf_len(pgproxy_out(x->db)) > 0;
}

static void db_step(struct exec *x)
{
	bool blocked, was_eof = x->db_eof;

	if (x->db == NULL)
		return;
	if (buf_len(&x->db_in) > 0)
		buf_consume(&x->db_in, pgproxy_feed(x->db, buf_span(&x->db_in)));
	if (was_eof && buf_len(&x->db_in) == 0)
		pgproxy_client_eof(x->db);
	blocked = db_send(x);
	if ((pgproxy_ended(x->db) && !blocked) || (x->exited && x->db_eof))
		db_close(x, "console ended");
	else
		db_wants(x, blocked);
}

static void db_wake(void *ctx)
{
	(void)ctx; /* the step looks at it */
}

static void db_open(struct exec *x, const struct ipc_msg *m, int fd)
{
	struct pgproxy_params p = {
		.loop = x->c->edge->loop,
		.mon = x->c->edge->mon,
		.gateway = x->c->edge->p.gateway,
		.console = true,
		.interactive = x->c->pty,
		.wake = db_wake,
		.ctx = x,
	};
	char target[256];

	x->db_fd = fd;
	if (ipc_get_str(m, "sql_target", target, sizeof(target)) != 0 || fd_set_nonblock(fd, true) != 0) {
		fd_close(&x->db_fd);
		return;
	}
	p.target = target;
	x->db = pgproxy_new(&p);
}

/* --- life of a command --- */

static void exec_tell(struct exec *x, enum ipc_type t)
{
	struct buf *b;

	if (x->id < 0)
		return;
	b = monclient_begin(x->c->edge->mon, t);
	ipc_int(b, "exec", x->id);
	if (t == IPC_EXEC_WINCH) {
		ipc_int(b, "cols", x->c->cols);
		ipc_int(b, "rows", x->c->rows);
	}
	(void)monclient_call(x->c->edge->mon, NULL, NULL);
}

void exec_winch(struct chan *c)
{
	exec_tell(c->body, IPC_EXEC_WINCH);
}

static void linger_over(void *ctx)
{
	struct exec *x = ctx;

	x->linger = NULL;
	pump_close(&x->out);
	pump_close(&x->err);
}

static void pushed_exit(void *ctx, const struct ipc_msg *m)
{
	struct exec *x = ctx;

	if (x->id < 0 || ipc_get_int(m, "exec", -1) != x->id)
		return;
	x->id = -1;
	x->exited = true;
	x->status = (int)(ipc_get_int(m, "status", EXIT_FAILED) & 0xff);
	x->linger = loop_after(x->c->edge->loop, LINGER_MS, linger_over, x);
}

/* The command ends without having run: words for stderr and a status. */
static void exec_refuse(struct exec *x, int status, const char *text, const char *hint)
{
	char esc[600];

	(void)span_escape(span_str(text), esc, sizeof(esc));
	buf_printf(&x->err.buf, "sallyport: %s\n", esc);
	if (hint[0] != '\0') {
		(void)span_escape(span_str(hint), esc, sizeof(esc));
		buf_printf(&x->err.buf, "hint: %s\n", esc);
	}
	x->exited = true;
	x->status = status;
}

static int status_of(int code)
{
	static const struct {
		int code, status;
	} map[] = {{E_DENIED, EXIT_DENIED}, {E_NOTFOUND, 3}, {E_UNKNOWN, 2}, {E_FORMAT, 2}, {E_LIMIT, 75}};

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (map[i].code == code)
			return map[i].status;
	return code > 0 && code < 128 ? code : EXIT_FAILED;
}

static bool take_fds(struct exec *x, const struct ipc_msg *m, int *fds, size_t nfds)
{
	size_t base = x->c->pty ? 1 : 3;
	bool db = ipc_get_span(m, "sql_target").n > 0;

	if (nfds != base + (db ? 1u : 0u))
		return false;
	for (size_t i = 0; i < base; i++)
		if (fd_set_nonblock(fds[i], true) != 0)
			return false;
	x->pty = x->c->pty;
	x->in = fds[0];
	x->out.fd = fds[x->c->pty ? 0 : 1];
	x->err.fd = x->c->pty ? -1 : fds[2];
	if (x->in_eof && !x->pty)
		in_close(x);
	if (db)
		db_open(x, m, fds[base]);
	return true;
}

static void exec_answer(void *ctx, const struct ipc_msg *m, int *fds, size_t nfds)
{
	struct exec *x = ctx;
	struct why w;

	x->call = 0;
	if (m == NULL || ipc_type_of(m) != IPC_OK) {
		monclient_why(m, &w, NULL);
		exec_refuse(x, status_of(w.code), w.text, w.hint);
	} else {
		x->id = ipc_get_int(m, "exec", -1);
		if (take_fds(x, m, fds, nfds))
			return;
		exec_tell(x, IPC_EXEC_KILL);
		x->id = -1;
		exec_refuse(x, EXIT_FAILED, "internal error: the command's descriptors are wrong", "");
	}
	for (size_t i = 0; i < nfds; i++)
		fd_close(&fds[i]);
}

static void exec_signal(struct chan *c)
{
	static const char *const ends[] = {"TERM", "KILL", "HUP", "INT", "QUIT"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(c->signal, ends[i]) == 0)
			exec_tell(c->body, IPC_EXEC_KILL);
	c->signal[0] = '\0';
}

static void exec_pump(struct chan *c)
{
	struct exec *x = c->body;

	if (c->signal[0] != '\0')
		exec_signal(c);
	pump_step(&x->err);
	pump_step(&x->out);
	db_step(x);
	if (x->exited && x->out.fd < 0 && x->err.fd < 0 && buf_len(&x->out.buf) + buf_len(&x->err.buf) == 0)
		chan_finish(c, x->status);
}

static void exec_kill(struct chan *c, const char *reason, const char *sqlstate)
{
	struct exec *x = c->body;

	buf_printf(&x->err.buf, x->pty ? "\r\nsallyport: %s\r\n" : "sallyport: %s\n", reason);
	if (x->db != NULL)
		pgproxy_kill(x->db, reason, sqlstate);
	exec_tell(x, IPC_EXEC_KILL);
}

static void exec_drop(struct chan *c, const char *reason)
{
	struct exec *x = c->body;

	if (x->call != 0)
		monclient_forget(c->edge->mon, x->call);
	exec_tell(x, IPC_EXEC_KILL);
	monclient_on(c->edge->mon, IPC_EXEC_EXIT, NULL, x);
	loop_cancel(c->edge->loop, x->linger);
	loop_cancel(c->edge->loop, x->retry);
	in_close(x);
	pump_close(&x->out);
	pump_close(&x->err);
	db_close(x, reason);
	buf_clear(&x->out.buf);
	buf_clear(&x->err.buf);
	buf_clear(&x->db_in);
	free(x);
}

static void exec_notice(struct chan *c, const char *text, const char *hint)
{
	struct exec *x = c->body;

	if (x->db != NULL) /* the console reads it as any client does */
		pgproxy_notice(x->db, text, hint);
}

static void exec_expire(struct chan *c, int64_t grace_ms)
{
	struct exec *x = c->body;
	const struct edge *e = c->edge;

	if (x->db != NULL)
		pgproxy_expire(x->db, grace_ms, e->expired.reason, e->expired.hint, e->expired.sqlstate);
	else
		exec_kill(c, e->expired.reason, e->expired.sqlstate);
}

static const struct chan_ops exec_ops = {exec_feed, exec_eof, exec_pump, exec_kill, exec_notice, exec_expire, exec_drop};

/* A connection that proved a key only may fetch its certificate and nothing else; what the user enroll may, the monitor
 * says better. */
static bool key_may(const struct edge *e, struct span line)
{
	return strcmp(e->auth.user, "enroll") == 0 ||
	       (line.n >= 4 && memcmp(line.p, "cert", 4) == 0 && (line.n == 4 || line.p[4] == ' '));
}

static void exec_ask(struct exec *x, struct span line)
{
	struct chan *c = x->c;
	struct buf *b = monclient_begin(c->edge->mon, IPC_EXEC);
	uint32_t id;

	ipc_bin(b, "line", line);
	ipc_bool(b, "pty", c->pty);
	ipc_str(b, "term", c->term);
	ipc_int(b, "cols", c->cols);
	ipc_int(b, "rows", c->rows);
	x->call = 1; /* waiting, also when the answer comes inside the call */
	id = monclient_call(c->edge->mon, exec_answer, x);
	if (x->call != 0)
		x->call = id;
}

#ifdef SP_ATTACK
static bool exec_attack(struct exec *x, struct span line)
{
	char what[256];

	if (line.n < 8 || line.n - 7 >= sizeof(what) || memcmp(line.p, "attack ", 7) != 0)
		return false;
	memcpy(what, line.p + 7, line.n - 7);
	what[line.n - 7] = '\0';
	attack_run(x->c->edge, what, &x->out.buf);
	x->exited = true;
	return true;
}
#endif

void exec_start(struct chan *c, struct span line)
{
	struct exec *x = xcalloc(1, sizeof(*x));

	x->c = c;
	x->id = -1;
	x->in = x->db_fd = -1;
	x->out = (struct pump){.x = x, .fd = -1};
	x->err = (struct pump){.x = x, .fd = -1, .is_stderr = true};
	buf_init(&x->out.buf, 2 * EDGE_PACKET);
	buf_init(&x->err.buf, 2 * EDGE_PACKET);
	buf_init(&x->db_in, DB_MAX);
	c->body = x;
	c->ops = &exec_ops;
	monclient_on(c->edge->mon, IPC_EXEC_EXIT, pushed_exit, x);
#ifdef SP_ATTACK
	if (exec_attack(x, line))
		return;
#endif
	if (c->edge->expired.on)
		exec_refuse(x, EXIT_DENIED, c->edge->expired.reason, c->edge->expired.hint);
	else if (line.n > LINE_MAX_BYTES)
		exec_refuse(x, 2, "the command line is too long", "send SQL on standard input");
	else if (c->edge->auth.state != AUTH_DONE_CERT && !key_may(c->edge, line))
		exec_refuse(x, EXIT_DENIED, "this login proved a key, not a certificate: it may only run cert",
		    "ssh HOST cert > ~/.ssh/id_ed25519-cert.pub, then connect again");
	else
		exec_ask(x, line);
}

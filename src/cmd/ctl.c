/* SPDX-License-Identifier: Apache-2.0
 *
 * Client of the control protocol. What the gateway sends is bounded and escaped before it reaches a
 * terminal: its texts may repeat names and statements that somebody else chose.
 */
#include "cmd/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define ANSWER_S 60 /* the gateway is not expected to be silent for longer */
#define ARGS_MAX (128u * 1024)
#define TEXT_MAX (512u * 1024)

struct ctlc {
	int fd;
	uint32_t call;
	struct buf in, out;
};

static int adopt(int fd, struct ctlc **out)
{
	struct timeval limit = {.tv_sec = ANSWER_S};
	struct ctlc *c = xcalloc(1, sizeof(*c));

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	c->fd = fd;
	buf_init(&c->in, IPC_MAX);
	buf_init(&c->out, IPC_MAX);
	*out = c;
	return 0;
}

int ctlc_connect(const char *path, struct ctlc **out, struct why *w)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, rc;

	*out = NULL;
	if (str_copy(sa.sun_path, sizeof(sa.sun_path), path) != 0)
		return why_set(w, E_TOOBIG, "the path of the control socket is too long");
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0) {
		rc = -errno;
		fd_close(&fd);
		(void)why_set(w, rc, "cannot reach the gateway at %s: %s", path, err_str(rc));
		why_hint(w, rc == -EACCES
				? "your user may not use this socket; over ssh: ssh GATEWAY VERB"
				: "is sallyportd running? another socket: --socket PATH");
		return rc;
	}
	return adopt(fd, out);
}

int ctlc_adopt(int fd, struct ctlc **out, struct why *w)
{
	int type = 0;
	socklen_t n = sizeof(type);

	*out = NULL;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) != 0 || type != SOCK_SEQPACKET)
		return why_set(w, E_STATE, "there is no control channel on descriptor %d", fd);
	if (fd_set_cloexec(fd, true) != 0 || fd_set_nonblock(fd, false) != 0)
		return why_set(w, E_STATE, "the control channel cannot be set up");
	return adopt(fd, out);
}

void ctlc_free(struct ctlc *c)
{
	if (c == NULL)
		return;
	fd_close(&c->fd);
	buf_clear(&c->in);
	buf_clear(&c->out);
	free(c);
}

/* --- arguments --- */

void ctlc_args_init(struct ctlc_args *a)
{
	buf_init(&a->b, ARGS_MAX);
	a->n = 0;
}

void ctlc_args_clear(struct ctlc_args *a)
{
	buf_clear(&a->b);
	a->n = 0;
}

void ctlc_arg_str(struct ctlc_args *a, const char *key, const char *v)
{
	if (v == NULL || v[0] == '\0')
		return;
	mp_put_cstr(&a->b, key);
	mp_put_cstr(&a->b, v);
	a->n++;
}

void ctlc_arg_int(struct ctlc_args *a, const char *key, int64_t v)
{
	mp_put_cstr(&a->b, key);
	mp_put_i64(&a->b, v);
	a->n++;
}

void ctlc_arg_flag(struct ctlc_args *a, const char *key, bool v)
{
	if (!v)
		return;
	mp_put_cstr(&a->b, key);
	mp_put_bool(&a->b, v);
	a->n++;
}

/* --- one call --- */

static int send_call(struct ctlc *c, const char *verb, struct ctlc_args *args)
{
	struct buf map;
	int rc;

	ipc_begin(&c->out, IPC_CTL, ++c->call);
	ipc_str(&c->out, "verb", verb);
	if (args != NULL) {
		buf_init(&map, ARGS_MAX + 16);
		mp_put_map(&map, args->n);
		buf_put_span(&map, buf_span(&args->b));
		rc = buf_err(&args->b) != 0 ? buf_err(&args->b) : buf_err(&map);
		if (rc == 0)
			ipc_raw(&c->out, "args", buf_span(&map));
		buf_clear(&map);
		ctlc_args_clear(args);
		if (rc != 0)
			return rc;
	}
	rc = ipc_end(&c->out);
	return rc != 0 ? rc : ipc_send(c->fd, &c->out, NULL, 0);
}

static void close_all(int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		fd_close(&fds[i]);
}

static void on_fd(const struct ctlc_sink *sink, const struct ipc_msg *m, int *fds, size_t n)
{
	char name[64];

	if (n == 0)
		return;
	if (sink != NULL && sink->fd != NULL && ipc_get_str(m, "name", name, sizeof(name)) == 0) {
		sink->fd(sink->ctx, name, fds[0]);
		fds[0] = -1;
	}
	close_all(fds, n);
}

/* Newlines stay: the report of a failed reload has lines. */
static void put_lines(struct buf *out, struct span text)
{
	char safe[4096];

	while (text.n > 0) {
		const uint8_t *nl = memchr(text.p, '\n', text.n);
		size_t n = nl != NULL ? (size_t)(nl - text.p) : text.n;

		(void)span_escape(span_of(text.p, n), safe, sizeof(safe));
		buf_put_str(out, safe);
		if (nl != NULL)
			buf_put_u8(out, '\n');
		n += nl != NULL ? 1 : 0;
		text = span_of(text.p + n, text.n - n);
	}
}

static void on_end(const struct ipc_msg *m, struct ctlc_end *end)
{
	int64_t code = ipc_get_int(m, "code", 1);

	end->code = code >= 0 && code <= 255 ? (int)code : 1;
	put_lines(&end->text, ipc_get_span(m, "text"));
	(void)span_escape(ipc_get_span(m, "hint"), end->hint, sizeof(end->hint));
}

/* 1: go on, 0: the end was seen, negative: error. */
static int on_message(struct ctlc *c, const struct ipc_msg *m, int *fds, size_t nfds,
    const struct ctlc_sink *sink, struct ctlc_end *end)
{
	int type = ipc_type_of(m);

	if (type != IPC_CTL_FD)
		close_all(fds, nfds);
	if (ipc_id(m) != c->call) {
		if (type == IPC_CTL_FD)
			close_all(fds, nfds);
		return E_FORMAT;
	}
	switch (type) {
	case IPC_CTL_ITEM:
		if (sink != NULL && sink->item != NULL && mp_type(ipc_get(m, "item")) == MP_MAP)
			sink->item(sink->ctx, ipc_get(m, "item"));
		return 1;
	case IPC_CTL_FD:
		on_fd(sink, m, fds, nfds);
		return 1;
	case IPC_CTL_END:
		on_end(m, end);
		return 0;
	default:
		return 1; /* kinds of messages are only ever added */
	}
}

static int channel_why(int rc, struct why *w)
{
	if (rc == E_MORE || rc == -EAGAIN)
		return why_set(w, E_LIMIT, "the gateway does not answer");
	if (rc == E_CLOSED || rc == -EPIPE || rc == -ECONNRESET)
		return why_set(w, E_CLOSED, "the gateway closed the connection");
	return why_set(w, rc, "the control channel failed: %s", err_str(rc));
}

int ctlc_call(struct ctlc *c, const char *verb, struct ctlc_args *args,
    const struct ctlc_sink *sink, struct ctlc_end *end, struct why *w)
{
	int fds[FD_PASS_MAX], rc = send_call(c, verb, args);
	struct ipc_msg *m;
	size_t nfds;

	*end = (struct ctlc_end){.code = 1};
	buf_init(&end->text, TEXT_MAX);
	if (rc != 0)
		return channel_why(rc, w);
	do {
		m = NULL;
		nfds = FD_PASS_MAX;
		rc = ipc_recv(c->fd, &c->in, &m, fds, &nfds);
		if (rc == 0) {
			rc = on_message(c, m, fds, nfds, sink, end);
			ipc_free(m);
		} else {
			rc = rc > 0 ? E_FORMAT : rc;
		}
	} while (rc > 0);
	return rc != 0 ? channel_why(rc, w) : 0;
}

void ctlc_end_clear(struct ctlc_end *e)
{
	buf_clear(&e->text);
}

/* --- fields --- */

const char *ctlc_text(const struct mp_val *item, const char *key, char *out, size_t cap)
{
	struct span s = mp_span(mp_get(item, key));
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	while (n > 0 && n < s.n && (s.p[n] & 0xc0) == 0x80)
		n--;
	if (n > 0)
		memcpy(out, s.p, n);
	out[n] = '\0';
	return out;
}

int64_t ctlc_int(const struct mp_val *item, const char *key)
{
	return mp_i64(mp_get(item, key), 0);
}

bool ctlc_flag(const struct mp_val *item, const char *key)
{
	return mp_bool(mp_get(item, key), false);
}

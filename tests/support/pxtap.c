/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/pxtap.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/support/pgserver.h"

#define PIECE 65536

static void pass(struct pxlab *l, int to, struct buf *b, bool hold, size_t max)
{
	struct span s = buf_span(b);
	ssize_t n;

	if (to < 0)
		return;
	if (!hold && s.n > 0) {
		n = send(to, s.p, max > 0 && max < s.n ? max : s.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			buf_consume(b, (size_t)n);
	}
	loop_mod(l->loop, to, LOOP_IN | (!hold && buf_len(b) > 0 ? LOOP_OUT : 0u));
}

/* Up to a piece from fd; false at its end. */
static bool take(int fd, struct buf *b)
{
	uint8_t *p;
	ssize_t n;

	if (buf_len(b) > 4 * PIECE)
		return true;
	cr_assert(buf_reserve(b, PIECE, &p) == 0);
	n = recv(fd, p, PIECE, MSG_DONTWAIT);
	if (n > 0)
		buf_commit(b, (size_t)n);
	return n != 0;
}

static void session_event(void *ctx, int fd, unsigned events)
{
	struct pxlab *l = ctx;
	struct lab_tap *t = l->t;

	if ((events & LOOP_IN) && !t->hold_up && !take(fd, &t->up)) {
		loop_del(l->loop, fd);
		return;
	}
	if (t->hold_up)
		loop_mod(l->loop, fd, 0);
	pass(l, t->server, &t->up, t->hold_up, t->max_up);
	pass(l, t->session, &t->down, t->hold_down, 0);
}

static void server_event(void *ctx, int fd, unsigned events)
{
	struct pxlab *l = ctx;
	struct lab_tap *t = l->t;
	struct buf in;

	buf_init(&in, 8 * PIECE);
	if ((events & LOOP_IN) && !take(fd, &in))
		loop_del(l->loop, fd);
	if (t->tamper != NULL && buf_len(&in) > 0)
		t->tamper(t, &in);
	buf_put_span(&t->down, buf_span(&in));
	buf_clear(&in);
	pass(l, t->server, &t->up, t->hold_up, t->max_up);
	pass(l, t->session, &t->down, t->hold_down, 0);
}

int pxtap_dial(struct pxlab *l)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t n = sizeof(a);
	struct lab_tap *t = xcalloc(1, sizeof(*t));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	l->t = t;
	buf_init(&t->up, 256u << 20);
	buf_init(&t->down, 256u << 20);
	t->listen = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert(bind(t->listen, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(t->listen, 1) == 0);
	cr_assert(getsockname(t->listen, (struct sockaddr *)&a, &n) == 0);
	cr_assert(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	t->session = accept4(t->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	t->server = pgserver_dial();
	for (size_t i = 0; i < 3; i++)
		(void)setsockopt((int[]){fd, t->session, t->server}[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	cr_assert(fd_set_nonblock(fd, true) == 0 && t->session >= 0 && t->server >= 0);
	cr_assert(loop_add(l->loop, t->session, LOOP_IN, session_event, l) == 0);
	cr_assert(loop_add(l->loop, t->server, LOOP_IN, server_event, l) == 0);
	return fd;
}

void pxtap_inject(struct pxlab *l, struct span bytes)
{
	buf_put_span(&l->t->down, bytes);
	pxtap_go(l);
}

void pxtap_go(struct pxlab *l)
{
	struct lab_tap *t = l->t;

	pass(l, t->server, &t->up, t->hold_up, t->max_up);
	pass(l, t->session, &t->down, t->hold_down, 0);
}

void pxtap_cut(struct pxlab *l)
{
	loop_del(l->loop, l->t->session);
	loop_del(l->loop, l->t->server);
	fd_close(&l->t->session);
	fd_close(&l->t->server);
}

void pxtap_free(struct pxlab *l)
{
	struct lab_tap *t = l->t;

	if (t == NULL)
		return;
	pxtap_cut(l);
	fd_close(&t->listen);
	buf_clear(&t->up);
	buf_clear(&t->down);
	free(t);
	l->t = NULL;
}

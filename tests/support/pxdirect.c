/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/pxdirect.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/support/pgserver.h"
#include "tests/support/pxlab.h"

const char *direct_types(struct span rx, const char *skip)
{
	char text[8000];
	struct pg_msg m;
	size_t used, n = 0;

	while (n < sizeof(text) - 1 && pg_frame(rx, SIZE_MAX, &m, &used) == 0) {
		if (strchr(skip, m.type) == NULL)
			text[n++] = (char)m.type;
		rx = span_of(rx.p + used, rx.n - used);
	}
	text[n] = '\0';
	return lab_ring(span_str(text));
}

static size_t ready_count(struct span rx)
{
	struct pg_msg m;
	size_t used, n = 0;

	while (pg_frame(rx, SIZE_MAX, &m, &used) == 0) {
		n += m.type == 'Z';
		rx = span_of(rx.p + used, rx.n - used);
	}
	return n;
}

/* Send what there is, take what came; false when nothing happens any more. */
static bool turn(struct direct *d)
{
	struct pollfd pfd = {d->fd, (short)(POLLIN | (buf_len(&d->tx) > 0 ? POLLOUT : 0)), 0};
	ssize_t n = 0;
	uint8_t *p;

	if (poll(&pfd, 1, LAB_WAIT_MS) <= 0)
		return false;
	if (buf_len(&d->tx) > 0)
		n = send(d->fd, buf_span(&d->tx).p, buf_len(&d->tx), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		buf_consume(&d->tx, (size_t)n);
	cr_assert(buf_reserve(&d->rx, 65536, &p) == 0);
	n = recv(d->fd, p, 65536, MSG_DONTWAIT);
	if (n > 0)
		buf_commit(&d->rx, (size_t)n);
	return n != 0;
}

const char *direct_run(struct direct *d, size_t n, const char *skip)
{
	buf_reset(&d->rx);
	while (ready_count(buf_span(&d->rx)) < n)
		if (!turn(d))
			break;
	return direct_types(buf_span(&d->rx), skip);
}

static bool marked(struct span rx, const char *mark)
{
	const uint8_t *at = rx.n > 0 ? memmem(rx.p, rx.n, mark, strlen(mark)) : NULL;

	return at != NULL && memmem(at, rx.n - (size_t)(at - rx.p), "Z\0\0\0\5", 5) != NULL;
}

bool direct_until(struct direct *d, const char *mark)
{
	buf_reset(&d->rx);
	while (!marked(buf_span(&d->rx), mark))
		if (!turn(d))
			return false;
	return true;
}

void direct_open(struct direct *d, const char *db, const char *user)
{
	const struct pg_pair pairs[] = {{"user", user}, {"database", db}, {"application_name", "direct"}};
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/sock/.s.PGSQL.%d", pgserver_dir(), pgserver_port());
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(connect(d->fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	buf_init(&d->tx, 256u << 20);
	buf_init(&d->rx, 256u << 20);
	pg_put_startup(&d->tx, pairs, 3);
	cr_assert(strchr(direct_run(d, 1, ""), 'Z') != NULL);
}

void direct_close(struct direct *d)
{
	fd_close(&d->fd);
	buf_clear(&d->tx);
	buf_clear(&d->rx);
}

static const char *first_value(struct span rx)
{
	struct pg_msg m;
	struct pg_row r;
	struct pg_value v;
	size_t used;

	while (pg_frame(rx, SIZE_MAX, &m, &used) == 0) {
		cr_assert(m.type != 'E', "%s", lab_ring(pg_error_field(m.body, 'M')));
		if (m.type == 'D' && pg_row_begin(m.body, &r) == 0 && pg_row_next(&r, &v))
			return lab_ring(v.data);
		rx = span_of(rx.p + used, rx.n - used);
	}
	return "";
}

const char *direct_sql(const char *db, const char *sql)
{
	struct direct d;
	const char *v;

	direct_open(&d, db, "postgres");
	pg_put_query(&d.tx, span_str(sql));
	(void)direct_run(&d, 1, "");
	v = first_value(buf_span(&d.rx));
	direct_close(&d);
	return v;
}

/* ---- the server's log ---- */

static void log_read(struct buf *b)
{
	char path[256];

	buf_init(b, 512u << 20);
	snprintf(path, sizeof(path), "%s/log", pgserver_dir());
	cr_assert(file_read(path, b) == 0);
	buf_put_u8(b, '\n');
}

/* One line from the front of rest, without its end. */
static bool log_line(struct span *rest, struct span *line)
{
	const uint8_t *nl = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;

	if (nl == NULL)
		return false;
	*line = span_of(rest->p, (size_t)(nl - rest->p));
	*rest = span_of(nl + 1, rest->n - line->n - 1);
	return true;
}

static bool holds(struct span s, const char *what)
{
	return s.n > 0 && memmem(s.p, s.n, what, strlen(what)) != NULL;
}

size_t server_log_count(const char *name, const char *bytes)
{
	struct span rest, line;
	bool ours = false;
	size_t n = 0;
	struct buf b;

	log_read(&b);
	rest = buf_span(&b);
	while (log_line(&rest, &line)) {
		if (line.n == 0 || line.p[0] != '\t')
			ours = holds(line, name);
		n += ours && holds(line, bytes);
	}
	buf_clear(&b);
	return n;
}

/* "... LOG:  statement: TEXT", "... LOG:  execute NAME: TEXT" */
static struct span statement_of(struct span line)
{
	static const char *const marks[] = {"LOG:  statement: ", "LOG:  execute "};

	for (size_t i = 0; i < 2; i++) {
		const uint8_t *p = line.n > 0 ? memmem(line.p, line.n, marks[i], strlen(marks[i])) : NULL;

		if (p == NULL)
			continue;
		p += strlen(marks[i]);
		if (i == 1)
			p = memmem(p, line.n - (size_t)(p - line.p), ": ", 2);
		if (p != NULL && i == 1)
			p += 2;
		if (p != NULL)
			return span_of(p, line.n - (size_t)(p - line.p));
	}
	return span_of(NULL, 0);
}

void server_log_each(const char *name, void (*fn)(void *ctx, const char *statement), void *ctx)
{
	struct span rest, line, s;
	struct buf b, text;

	log_read(&b);
	buf_init(&text, 256u << 20);
	rest = buf_span(&b);
	while (log_line(&rest, &line)) {
		if (line.n > 0 && line.p[0] == '\t') {
			if (buf_len(&text) > 0) {
				buf_put_u8(&text, '\n');
				buf_put(&text, line.p + 1, line.n - 1);
			}
			continue;
		}
		if (buf_len(&text) > 0)
			fn(ctx, buf_cstr(&text));
		buf_reset(&text);
		s = holds(line, name) ? statement_of(line) : span_of(NULL, 0);
		buf_put_span(&text, s);
	}
	if (buf_len(&text) > 0)
		fn(ctx, buf_cstr(&text));
	buf_clear(&text);
	buf_clear(&b);
}

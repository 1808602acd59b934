/* SPDX-License-Identifier: Apache-2.0
 *
 * The program's own send(): for the upstream socket of a session under test, each message is matched with a record
 * that is in the recording's file before its first byte leaves. Log-in is libpq's; from the first own query on,
 * nothing is exempt.
 */
#include "tests/support/pxwire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "session/px.h"

#define LABS 64
#define OWN_NAME "sallyport_own"

/* A record that allows a command to be sent. */
struct credit {
	size_t end;          /* bytes of the recording up to and with it */
	unsigned type;
	bool sent, used, bound;
	bool held;           /* its verdict: only a consumed hold lets it run */
	char proto[12];
	char *name;          /* of the prepared statement */
	uint8_t *sql, *params;
	size_t n_sql, n_params;
};

struct sent {
	uint8_t type;
	bool synced;         /* the recording was synced to its end when it left */
	struct buf body;
};

struct lab_wire {
	struct pxlab *l;
	int rec, segment;    /* file being read */
	size_t at;           /* parsed so far, over all segments */
	struct buf file;
	struct credit *credit;
	size_t n_credits, cap_credits;
	size_t n_released;   /* consumed holds that no message has used yet */
	size_t held;         /* index + 1 of the last statement that was not sent: a hold may release it */
	struct buf stream;   /* bytes sent and not yet a whole message */
	size_t limit;        /* recording as of the first byte of that message */
	size_t synced;       /* as of the last fdatasync() */
	struct sent *sent;
	size_t n_sent, cap_sent;
	size_t n_breaches;
	char breach[300];
};

static struct pxlab *watched[LABS];

static void breach(struct lab_wire *w, const char *what, struct span s)
{
	if (w->n_breaches++ == 0)
		snprintf(w->breach, sizeof(w->breach), "%s %.*s", what, (int)(s.n < 200 ? s.n : 200), (const char *)s.p);
}

/* ---- the recording ---- */

static void param_add(void *ctx, size_t i, const struct rec_param *p)
{
	struct buf *b = ctx;

	(void)i;
	buf_put_u16be(b, (uint16_t)p->format);
	pg_put_value(b, (struct pg_value){p->value, p->is_null});
}

static uint8_t *dup_span(struct span s, size_t *n)
{
	uint8_t *p = xcalloc(1, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	*n = s.n;
	return p;
}

static struct credit *credit_new(struct lab_wire *w)
{
	if (w->n_credits == w->cap_credits) {
		w->cap_credits = w->cap_credits * 2 + 64;
		w->credit = xreallocarray(w->credit, w->cap_credits, sizeof(*w->credit));
	}
	w->credit[w->n_credits] = (struct credit){0};
	return &w->credit[w->n_credits++];
}

/* A hold that was consumed releases the statement that was recorded as not sent. */
static void decision_take(struct lab_wire *w, const struct rec_frame *f)
{
	if (w->held > 0 && span_is(rec_text(f, "state"), "consumed")) {
		w->credit[w->held - 1].sent = true;
		w->n_released++;
		w->credit[w->held - 1].end = w->at;
	}
}

static void record_take(struct lab_wire *w, const struct rec_frame *f)
{
	struct span name = rec_text(f, "name");
	struct credit *c;
	struct buf b;

	if (f->type == REC_DECISION)
		decision_take(w, f);
	if (f->type != REC_STATEMENT && f->type != REC_OWN && f->type != REC_COPY)
		return;
	c = credit_new(w);
	c->end = w->at;
	c->type = f->type;
	c->sent = f->type != REC_STATEMENT || rec_flag(f, "sent", false);
	c->held = span_is(rec_text(f, "verdict"), "hold");
	if (c->sent && span_is(rec_text(f, "verdict"), "deny"))
		breach(w, "sent though denied:", rec_text(f, "sql"));
	snprintf(c->proto, sizeof(c->proto), "%.*s", (int)rec_text(f, "proto").n, (const char *)rec_text(f, "proto").p);
	c->name = xstrndup(name.n > 0 ? (const char *)name.p : "", name.n);
	c->sql = dup_span(rec_text(f, "sql"), &c->n_sql);
	buf_init(&b, 256u << 20);
	(void)rec_each_param(f, param_add, &b);
	c->params = dup_span(buf_span(&b), &c->n_params);
	buf_clear(&b);
	if (f->type == REC_STATEMENT && !c->sent)
		w->held = w->n_credits;
}

static bool next_segment(struct lab_wire *w)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%06d.rec", w->l->dir, w->segment + 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (w->rec >= 0)
		close(w->rec);
	w->rec = fd;
	w->segment++;
	return true;
}

static void file_read_on(struct lab_wire *w)
{
	uint8_t *p;
	ssize_t n;

	do {
		if (w->rec < 0 && !next_segment(w))
			return;
		cr_assert(buf_reserve(&w->file, 65536, &p) == 0);
		n = read(w->rec, p, 65536);
		if (n > 0)
			buf_commit(&w->file, (size_t)n);
	} while (n > 0 || next_segment(w));
}

/* Take every whole record that is in the files by now. */
static void recording_read(struct lab_wire *w)
{
	struct rec_frame f = {0};
	size_t used;

	file_read_on(w);
	while (rec_parse(buf_span(&w->file), &f, &used) == 0) {
		w->at += used;
		record_take(w, &f);
		rec_frame_clear(&f);
		buf_consume(&w->file, used);
	}
}

/* ---- matching ---- */

static bool sql_is(const struct credit *c, struct span sql)
{
	return span_eq(span_of(c->sql, c->n_sql), sql);
}

/* Is it free to run, by its verdict or by an approval that nothing else has used? */
static bool released(struct lab_wire *w, const struct credit *c)
{
	if (!c->held)
		return true;
	if (w->n_released == 0)
		return false;
	w->n_released--;
	return true;
}

/* A record for this text under this name of message, not used yet. */
static bool text_allowed(struct lab_wire *w, const char *proto, struct span sql, struct span name)
{
	for (size_t i = 0; i < w->n_credits; i++) {
		struct credit *c = &w->credit[i];

		if (c->used || c->end > w->limit || !c->sent || !sql_is(c, sql))
			continue;
		if (c->type == REC_OWN || (strcmp(c->proto, proto) == 0 && span_is(name, c->name))) {
			c->used = true;
			return strcmp(proto, "query") != 0 || released(w, c);
		}
	}
	return false;
}

static bool values_allowed(struct lab_wire *w, const struct pg_bind *b)
{
	struct pg_param_iter it;
	struct pg_param p;
	struct buf v;
	bool ok = span_is(b->stmt, OWN_NAME);

	buf_init(&v, 256u << 20);
	pg_bind_params(b, &it);
	while (pg_param_next(&it, &p))
		param_add(&v, 0, &(struct rec_param){p.value.null, (int16_t)p.format, p.value.data});
	for (size_t i = 0; i < w->n_credits && !ok; i++) {
		struct credit *c = &w->credit[i];

		if (c->bound || c->end > w->limit || !c->sent || c->type != REC_STATEMENT || !span_is(b->stmt, c->name) ||
		    (strcmp(c->proto, "execute") != 0 && strcmp(c->proto, "bind") != 0))
			continue;
		c->bound = span_eq(span_of(c->params, c->n_params), buf_span(&v));
		ok = c->bound; /* whether it may run is decided at Execute */
	}
	buf_clear(&v);
	return ok;
}

static bool kind_allowed(struct lab_wire *w, unsigned type, const char *proto)
{
	for (size_t i = 0; i < w->n_credits; i++) {
		struct credit *c = &w->credit[i];

		if (c->used || c->end > w->limit || !c->sent || c->type != type || strcmp(c->proto, proto) != 0)
			continue;
		c->used = true;
		return released(w, c);
	}
	return false;
}

static void message_check(struct lab_wire *w, const struct pg_msg *m)
{
	struct span sql = {0};
	struct pg_parse p;
	struct pg_bind b;
	struct pg_execute e;

	if (m->type == 'Q' && (pg_read_string(m->body, &sql) != 0 || !text_allowed(w, "query", sql, span_str(""))))
		breach(w, "Query", sql);
	if (m->type == 'P' && (pg_read_parse(m->body, &p) != 0 || !text_allowed(w, "parse", p.sql, p.name)))
		breach(w, "Parse", m->body);
	if (m->type == 'B' && (pg_read_bind(m->body, &b) != 0 || !values_allowed(w, &b)))
		breach(w, "Bind", m->body);
	if (m->type == 'E' && (pg_read_execute(m->body, &e) != 0 ||
				  (!span_is(e.portal, OWN_NAME) && !kind_allowed(w, REC_STATEMENT, "execute"))))
		breach(w, "Execute", m->body);
	if ((m->type == 'c' || m->type == 'f') && !kind_allowed(w, REC_COPY, ""))
		breach(w, "end of COPY", m->body);
	if (strchr("QPBEDCSHdcfX", m->type) == NULL)
		breach(w, "message type", span_of(&m->type, 1));
}

static void message_keep(struct lab_wire *w, const struct pg_msg *m)
{
	if (m->type == 'd')
		return;
	if (w->n_sent == w->cap_sent) {
		w->cap_sent = w->cap_sent * 2 + 64;
		w->sent = xreallocarray(w->sent, w->cap_sent, sizeof(*w->sent));
	}
	w->sent[w->n_sent].type = m->type;
	w->sent[w->n_sent].synced = w->synced >= w->limit;
	buf_init(&w->sent[w->n_sent].body, 256u << 20);
	buf_put_span(&w->sent[w->n_sent++].body, m->body);
}

static void stream_take(struct lab_wire *w, const void *p, size_t n, size_t on_disk)
{
	struct pg_msg m;
	size_t used;

	if (buf_len(&w->stream) == 0)
		w->limit = on_disk;
	buf_put(&w->stream, p, n);
	while (pg_frame(buf_span(&w->stream), SIZE_MAX, &m, &used) == 0) {
		message_check(w, &m);
		message_keep(w, &m);
		buf_consume(&w->stream, used);
		w->limit = on_disk;
	}
}

/* ---- the call ---- */

static struct lab_wire *wire_of(int fd)
{
	for (size_t i = 0; i < LABS; i++)
		if (watched[i] != NULL && watched[i]->x != NULL && watched[i]->x->up_fd == fd && watched[i]->x->phase >= PX_PREPARE)
			return watched[i]->wire;
	return NULL;
}

/* All of the edge's own definitions are replaced, so that its object is not linked. */
#define OURS(name) __asm__(name) __attribute__((visibility("default"), used))
ssize_t pxwire_send(int fd, const void *p, size_t n, int flags) OURS("send");
ssize_t pxwire_recv(int fd, void *p, size_t n, int flags) OURS("recv");
int pxwire_poll(struct pollfd *fds, nfds_t n, int timeout_ms) OURS("poll");
pid_t pxwire_getpid(void) OURS("getpid");
int pxwire_fdatasync(int fd) OURS("fdatasync");

ssize_t pxwire_send(int fd, const void *p, size_t n, int flags)
{
	struct lab_wire *w = wire_of(fd);
	size_t on_disk = 0;
	ssize_t rc;
	int err;

	if (w != NULL) {
		recording_read(w);
		on_disk = w->at;
	}
	rc = (ssize_t)syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
	err = errno;
	if (w != NULL && rc > 0)
		stream_take(w, p, (size_t)rc, on_disk);
	errno = err;
	return rc;
}

ssize_t pxwire_recv(int fd, void *p, size_t n, int flags)
{
	return (ssize_t)syscall(SYS_recvfrom, fd, p, n, flags, NULL, NULL);
}

int pxwire_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	return (int)syscall(SYS_poll, fds, n, timeout_ms);
}

pid_t pxwire_getpid(void)
{
	return (pid_t)syscall(SYS_getpid);
}

/* Which recording is meant does not matter: a test has one. */
int pxwire_fdatasync(int fd)
{
	int rc = (int)syscall(SYS_fdatasync, fd), err = errno;

	for (size_t i = 0; i < LABS && rc == 0; i++) {
		if (watched[i] == NULL || watched[i]->wire == NULL)
			continue;
		recording_read(watched[i]->wire);
		watched[i]->wire->synced = watched[i]->wire->at;
	}
	errno = err;
	return rc;
}

/* ---- life and answers ---- */

void pxwire_watch(struct pxlab *l)
{
	size_t i = 0;

	l->wire = xcalloc(1, sizeof(*l->wire));
	l->wire->l = l;
	l->wire->rec = -1;
	buf_init(&l->wire->file, 512u << 20);
	buf_init(&l->wire->stream, 256u << 20);
	while (i < LABS && watched[i] != NULL)
		i++;
	cr_assert(i < LABS);
	watched[i] = l;
}

void pxwire_forget(struct pxlab *l)
{
	struct lab_wire *w = l->wire;

	for (size_t i = 0; i < LABS; i++)
		if (watched[i] == l)
			watched[i] = NULL;
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->n_credits; i++) {
		free(w->credit[i].name);
		free(w->credit[i].sql);
		free(w->credit[i].params);
	}
	for (size_t i = 0; i < w->n_sent; i++)
		buf_clear(&w->sent[i].body);
	free(w->credit);
	free(w->sent);
	buf_clear(&w->file);
	buf_clear(&w->stream);
	if (w->rec >= 0)
		close(w->rec);
	free(w);
	l->wire = NULL;
}

size_t lab_breaches(const struct pxlab *l)
{
	return l->wire != NULL ? l->wire->n_breaches : 0;
}

const char *lab_breach(const struct pxlab *l)
{
	return l->wire != NULL ? l->wire->breach : "";
}

static size_t sent_count(const struct pxlab *l, uint8_t type, const char *bytes, bool synced)
{
	size_t n = 0;

	for (size_t i = 0; i < l->wire->n_sent; i++) {
		const struct sent *s = &l->wire->sent[i];
		struct span body = buf_span(&s->body);

		if (s->type == type && (s->synced || !synced) &&
		    (bytes == NULL || (body.n > 0 && memmem(body.p, body.n, bytes, strlen(bytes)) != NULL)))
			n++;
	}
	return n;
}

size_t lab_sent(const struct pxlab *l, uint8_t type, const char *bytes)
{
	return sent_count(l, type, bytes, false);
}

size_t lab_sent_synced(const struct pxlab *l, uint8_t type, const char *bytes)
{
	return sent_count(l, type, bytes, true);
}

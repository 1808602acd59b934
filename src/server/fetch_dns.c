/* SPDX-License-Identifier: Apache-2.0
 *
 * The resolver process forks once per lookup, so that one slow name does not hold up the others.
 */
#include "server/fetch_dns.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/helper_exec.h"
#include "server/sandbox.h"
#include "server/title.h"

#define HOST_CAP  256
#define KEEP_US   (30 * 1000000LL)
#define CACHE_MAX 64
#define ADDRS_MAX 8

struct dns_msg { /* both ways; both ends are this program */
	uint32_t id;
	bool ok;
	char text[DNS_TEXT_MAX]; /* name, addresses or reason */
};

/* --- the resolver process --- */

static void put_address(struct buf *out, const struct addrinfo *ai)
{
	char host[64];

	if (getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0 || strchr(host, '%') != NULL)
		return;
	buf_printf(out, "%s%s%s%s", buf_len(out) > 0 ? "," : "", ai->ai_family == AF_INET6 ? "[" : "", host,
	    ai->ai_family == AF_INET6 ? "]" : "");
}

static void resolve(struct dns_msg *m)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *list = NULL;
	struct buf out;
	int rc = getaddrinfo(m->text, NULL, &hints, &list);
	int n = 0;

	buf_init(&out, DNS_TEXT_MAX - 1);
	for (const struct addrinfo *ai = list; rc == 0 && ai != NULL && n < ADDRS_MAX; ai = ai->ai_next, n++)
		put_address(&out, ai);
	m->ok = rc == 0 && buf_len(&out) > 0 && buf_err(&out) == 0;
	(void)str_copy(m->text, sizeof(m->text), m->ok ? buf_cstr(&out) : rc != 0 ? gai_strerror(rc) : "no usable address");
	if (list != NULL)
		freeaddrinfo(list);
	buf_clear(&out);
}

static _Noreturn void lookup_process(int sock, struct dns_msg *m)
{
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(DNS_MS / 1000);
	resolve(m);
	(void)!send(sock, m, sizeof(*m), MSG_NOSIGNAL);
	_exit(0);
}

static int resolver_sandbox(bool require, struct why *w)
{
	/* What libc's resolver and its plug-ins may read. Directories, because these files are replaced, not rewritten. */
	static const char *const paths[] = {"/etc", "/run", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/dev/urandom", NULL};
	struct sandbox_params p = {.role = SANDBOX_RESOLVER, .uid = (uid_t)-1, .gid = (gid_t)-1, .read_paths = paths, .require = require};

	return sandbox_enter(&p, w);
}

static _Noreturn void resolver(int sock, bool require)
{
	struct why w = {0};
	struct dns_msg m;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGCHLD, SIG_IGN); /* nobody waits for lookups */
	title_set("resolver");
	log_init("resolver", HELPER_FD_LOG, LOG_INFO_, false);
	if (dup2(sock, HELPER_FD_SOCK) < 0 || close_range(HELPER_FD_LOG + 1, ~0u, 0) != 0 || resolver_sandbox(require, &w) != 0) {
		log_error("resolver-not-started", "why", w.text);
		_exit(1);
	}
	for (;;) {
		ssize_t n = recv(HELPER_FD_SOCK, &m, sizeof(m), 0);
		pid_t pid;

		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof(m))
			_exit(0);
		m.text[sizeof(m.text) - 1] = '\0';
		pid = fork();
		if (pid == 0)
			lookup_process(HELPER_FD_SOCK, &m);
		if (pid < 0) {
			m.ok = false;
			(void)str_copy(m.text, sizeof(m.text), err_str(-errno));
			(void)!send(HELPER_FD_SOCK, &m, sizeof(m), MSG_NOSIGNAL);
		}
	}
}

/* --- the fetcher's side --- */

struct waiter {
	struct waiter *next;
	dns_fn *fn;
	void *ctx;
};

struct name { /* a host that somebody asked for */
	struct name *next;
	char host[HOST_CAP];
	uint32_t asking; /* id of the lookup under way, 0 = none */
	int64_t until_us; /* addresses may be used */
	char *addresses;
	struct waiter *waiters, *telling;
	struct loop_timer *timer; /* of the lookup, or 0 ms for an answer that is known */
	struct dns *d;
};

struct dns {
	struct loop *loop;
	int sock;
	uint32_t last;
	size_t n;
	struct name *names;
};

static void forget(struct waiter **at, const void *ctx) /* NULL: all */
{
	while (*at != NULL) {
		struct waiter *w = *at;

		if (ctx == NULL || w->ctx == ctx) {
			*at = w->next;
			free(w);
		} else {
			at = &w->next;
		}
	}
}

static void name_free(struct dns *d, struct name *x)
{
	loop_cancel(d->loop, x->timer);
	forget(&x->waiters, NULL);
	forget(&x->telling, NULL);
	free(x->addresses);
	free(x);
}

static void tell(struct name *x, const char *failed)
{
	x->telling = x->waiters; /* who asks from within a callback waits for the next answer */
	x->waiters = NULL;
	x->asking = 0;
	loop_cancel(x->d->loop, x->timer);
	x->timer = NULL;
	while (x->telling != NULL) {
		struct waiter w = *x->telling;

		free(x->telling);
		x->telling = w.next;
		w.fn(w.ctx, failed == NULL ? x->addresses : NULL, failed);
	}
}

static void too_late(void *ctx)
{
	struct name *x = ctx;

	x->timer = NULL;
	tell(x, "no name server answered in time");
}

static void known(void *ctx)
{
	struct name *x = ctx;

	x->timer = NULL;
	tell(x, NULL);
}

static void answered(struct dns *d, struct dns_msg *m)
{
	struct name *x = d->names;

	m->text[sizeof(m->text) - 1] = '\0';
	while (x != NULL && x->asking != m->id)
		x = x->next;
	if (x == NULL) /* too late */
		return;
	if (!m->ok) {
		tell(x, m->text);
		return;
	}
	free(x->addresses);
	x->addresses = xstrdup(m->text);
	x->until_us = clock_mono_us() + KEEP_US;
	tell(x, NULL);
}

static void readable(void *ctx, int fd, unsigned events)
{
	struct dns *d = ctx;
	struct dns_msg m;
	ssize_t n = recv(fd, &m, sizeof(m), MSG_DONTWAIT);

	(void)events;
	if (n == (ssize_t)sizeof(m)) {
		answered(d, &m);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	log_error("resolver-gone");
	loop_del(d->loop, fd);
	loop_stop(d->loop, 1); /* we are started again as a whole */
}

static void ask(struct dns *d, struct name *x)
{
	struct dns_msg m = {.id = ++d->last != 0 ? d->last : ++d->last};

	(void)str_copy(m.text, sizeof(m.text), x->host);
	x->asking = m.id;
	x->timer = loop_after(d->loop, DNS_MS, too_late, x);
	(void)!send(d->sock, &m, sizeof(m), MSG_NOSIGNAL | MSG_DONTWAIT); /* lost: the timer tells */
}

/* Make room: a name nobody waits for. */
static void evict(struct dns *d)
{
	for (struct name **at = &d->names; *at != NULL; at = &(*at)->next) {
		struct name *x = *at;

		if (x->waiters != NULL || x->telling != NULL || x->timer != NULL)
			continue;
		*at = x->next;
		d->n--;
		name_free(d, x);
		return;
	}
}

static struct name *name_of(struct dns *d, const char *host)
{
	struct name *x = d->names;

	while (x != NULL && strcmp(x->host, host) != 0)
		x = x->next;
	if (x != NULL)
		return x;
	if (d->n >= CACHE_MAX)
		evict(d);
	x = xcalloc(1, sizeof(*x));
	x->d = d;
	(void)str_copy(x->host, sizeof(x->host), host);
	x->next = d->names;
	d->names = x;
	d->n++;
	return x;
}

void dns_lookup(struct dns *d, const char *host, dns_fn *fn, void *ctx)
{
	struct name *x = name_of(d, host);
	struct waiter *w = xcalloc(1, sizeof(*w));

	*w = (struct waiter){x->waiters, fn, ctx};
	x->waiters = w;
	if (x->timer != NULL)
		return; /* under way */
	if (x->addresses != NULL && clock_mono_us() < x->until_us)
		x->timer = loop_after(d->loop, 0, known, x);
	else
		ask(d, x);
}

void dns_cancel(struct dns *d, const void *ctx)
{
	for (struct name *x = d->names; x != NULL; x = x->next) {
		forget(&x->waiters, ctx);
		forget(&x->telling, ctx);
	}
}

struct dns *dns_new(struct loop *l, bool require_sandbox, struct why *w)
{
	struct dns *d;
	int sp[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) != 0) {
		why_set(w, -errno, "cannot create a socket pair: %s", err_str(-errno));
		return NULL;
	}
	pid = fork();
	if (pid == 0)
		resolver(sp[1], require_sandbox);
	close(sp[1]);
	d = xcalloc(1, sizeof(*d));
	*d = (struct dns){.loop = l, .sock = sp[0]};
	if (pid > 0 && loop_add(l, d->sock, LOOP_IN, readable, d) == 0)
		return d;
	why_set(w, E_INTERNAL, "cannot start the resolver");
	close(d->sock);
	free(d);
	return NULL;
}

void dns_free(struct dns *d)
{
	if (d == NULL)
		return;
	loop_del(d->loop, d->sock);
	close(d->sock);
	while (d->names != NULL) {
		struct name *x = d->names;

		d->names = x->next;
		name_free(d, x);
	}
	free(d);
}

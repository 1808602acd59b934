/* SPDX-License-Identifier: Apache-2.0
 *
 * The way upstream: names are decided (mon_target.c), the address is resolved in a child, a TCP
 * connection is made without blocking, the login's secret is fetched meanwhile; then the session
 * gets the connected socket, its recording and what libpq needs. The session can reach no address
 * that was not connected here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cur.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/mon.h"

#define CONNECT_MS   10000 /* all addresses together */
#define ATTEMPT_MS   4000  /* one address */
#define RESOLVE_MS   5000
#define ADDRS_MAX    8
#define PER_PEER_MAX 64 /* connects under way of one SSH connection */

/* Steps: NAME (which configured address), RESOLVE, DIAL; beside them the credential. */
struct mconnect {
	struct mconnect *next;
	struct peer *peer;
	uint32_t call;
	struct epoch *epoch;
	struct grant grant;
	char app[NAME_CAP];
	size_t i_name; /* configured address being tried */
	size_t n_addrs, i_addr;
	char addrs[ADDRS_MAX][64]; /* numeric, of that name */
	struct child *resolver;
	int fd;
	bool dialled;
	struct cred_job *cred;
	bool have_cred;
	struct secret *password;
	struct loop_timer *deadline, *attempt;
	struct why last; /* why the latest address failed */
};

static void next_name(struct mconnect *c);
static void next_addr(struct mconnect *c);

static struct loop *loop_of(const struct mconnect *c)
{
	return c->peer->m->loop;
}

static void dial_stop(struct mconnect *c)
{
	if (c->fd >= 0)
		loop_del(loop_of(c), c->fd);
	fd_close(&c->fd);
	loop_cancel(loop_of(c), c->attempt);
	c->attempt = NULL;
	c->dialled = false;
}

void connect_cancel(struct mconnect *c)
{
	struct mconnect **at = &c->peer->connects;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	dial_stop(c);
	loop_cancel(loop_of(c), c->deadline);
	child_cancel(c->resolver);
	cred_cancel(c->cred);
	secret_free(c->password);
	epoch_unref(c->epoch);
	free(c);
}

void connect_refuse(struct mconnect *c, const struct why *w, const char *sqlstate)
{
	log_warn("connect-failed", "conn", c->peer->conn, "user", c->peer->id.user, "for", ident_for(&c->peer->id), "target",
	    c->grant.target->name, "why", w->text);
	answer_fail(c->peer, c->call, w, sqlstate);
	connect_cancel(c);
}

/* --- the answer --- */

/* A sealed memory file: what the session may do with it is read it. */
static int ca_memfd(struct span pem)
{
	int fd = memfd_create("ca", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (file_write_all(fd, pem.p, pem.n) != 0 || lseek(fd, 0, SEEK_SET) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

static void put_connect(struct mconnect *c, struct buf *b, const struct msess *s,
    const uint8_t prev[SHA256_LEN], bool ca)
{
	const struct conf_recording *r = &c->epoch->conf->recording;
	char who[2 * NAME_CAP + 16], name[sizeof(who) + 48];
	struct buf view;

	snprintf(name, sizeof(name), "sallyport:%s:%s", s->sid,
	    c->peer->id.kind == KIND_AGENT ? ident_who(&c->peer->id, who, sizeof(who))
					   : c->peer->id.person);
	buf_init(&view, 64 * 1024);
	view_put(&view, &s->view);
	ipc_str(b, "sid", s->sid);
	ipc_str(b, "host", s->host);
	ipc_str(b, "hostaddr", s->hostaddr);
	ipc_int(b, "port", s->port);
	ipc_str(b, "tls", s->tls);
	ipc_bin(b, "password", c->password != NULL ? secret_span(c->password) : (struct span){0});
	ipc_str(b, "application_name", name);
	ipc_raw(b, "view", buf_span(&view));
	ipc_bin(b, "prev", span_of(prev, SHA256_LEN));
	ipc_int(b, "seq", 1);
	ipc_str(b, "sync", r->sync);
	ipc_str(b, "parameters", r->parameters);
	ipc_str(b, "login", s->login);
	ipc_str(b, "database", s->database);
	ipc_bool(b, "login_mapped", c->grant.login_mapped);
	ipc_bool(b, "ca", ca);
	ipc_int(b, "idle_ms", grant_idle_ms(&c->grant));
	ipc_int(b, "max_rows", grant_max_rows(&c->grant));
	buf_clear(&view);
}

static void connect_answer(
    struct mconnect *c, struct msess *s, int segment, const uint8_t prev[SHA256_LEN])
{
	struct peer *p = c->peer;
	int fds[3] = {c->fd, segment, -1};
	bool ca = buf_len(&s->ca_pem) > 0;
	struct buf *b;

	if (ca) {
		fds[2] = ca_memfd(buf_span(&s->ca_pem));
		if (fds[2] < 0) {
			struct why w;

			why_set(&w, fds[2], "no memory for the CA bundle");
			msess_end(s, "no memory");
			connect_refuse(c, &w, "53200");
			return;
		}
	}
	b = ok_begin(p, c->call);
	put_connect(c, b, s, prev, ca);
	ok_send(p, fds, ca ? 3 : 2);
	fd_close(&fds[2]);
	connect_cancel(c);
}

/* Both the socket and the credential are there. */
static void connect_finish(struct mconnect *c)
{
	const struct conf_target *t = c->grant.target;
	struct msess_start st = {.grant = &c->grant,
	    .epoch = c->epoch,
	    .host = t->addresses[c->i_name].host,
	    .port = t->addresses[c->i_name].port,
	    .hostaddr = c->addrs[c->i_addr],
	    .app = c->app};
	uint8_t prev[SHA256_LEN];
	struct why w = {0};
	struct msess *s;
	int segment = -1;

	if (!c->dialled || !c->have_cred)
		return;
	s = msess_new(c->peer, &st, &segment, prev, &w);
	if (s == NULL) {
		connect_refuse(c, &w, "58000");
		return;
	}
	connect_answer(c, s, segment, prev);
	fd_close(&segment);
}

/* --- the credential --- */

static void cred_done(void *ctx, struct secret *password, const struct why *failed)
{
	struct mconnect *c = ctx;

	c->cred = NULL;
	if (failed !=
	    NULL) { /* the reason is the operator's business: it names files and commands */
		struct why w;

		log_error("credential-failed", "target", c->grant.target->name, "login",
		    c->grant.login, "why", failed->text);
		why_set(&w, E_CONFIG, "the gateway has no credential for login \"%s\" on %s",
		    c->grant.login, c->grant.target->name);
		why_hint(&w, "ask the operator of the gateway to look at its log");
		connect_refuse(c, &w, "28P01");
		return;
	}
	c->password = password;
	c->have_cred = true;
	connect_finish(c);
}

static const struct conf_login *login_of(const struct grant *g)
{
	for (size_t i = 0; i < g->target->n_logins; i++)
		if (strcmp(g->target->logins[i].name, g->login) == 0)
			return &g->target->logins[i];
	return NULL;
}

/* --- the socket --- */

static void socket_options(int fd)
{
	static const struct {
		int level, name, value;
	} opt[] = {
	    {IPPROTO_TCP, TCP_NODELAY, 1},
	    {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_KEEPIDLE, 60},
	    {IPPROTO_TCP, TCP_KEEPINTVL, 10},
	    {IPPROTO_TCP, TCP_KEEPCNT, 6},
	};

	for (size_t i = 0; i < sizeof(opt) / sizeof(*opt); i++)
		(void)setsockopt(
		    fd, opt[i].level, opt[i].name, &opt[i].value, sizeof(opt[i].value));
}

static void dial_failed(struct mconnect *c, int err)
{
	const struct conf_address *a = &c->grant.target->addresses[c->i_name];

	why_set(&c->last, -err, "%s port %d does not answer: %s", a->host, a->port, err_str(-err));
	dial_stop(c);
	c->i_addr++;
	next_addr(c);
}

static void dial_timeout(void *ctx)
{
	struct mconnect *c = ctx;

	c->attempt = NULL;
	dial_failed(c, ETIMEDOUT);
}

static void dial_done(struct mconnect *c)
{
	loop_del(loop_of(c), c->fd);
	loop_cancel(loop_of(c), c->attempt);
	c->attempt = NULL;
	c->dialled = true;
	connect_finish(c);
}

static void dial_ready(void *ctx, int fd, unsigned events)
{
	struct mconnect *c = ctx;
	socklen_t n = sizeof(int);
	int err = 0;

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0)
		err = errno;
	if (err != 0)
		dial_failed(c, err);
	else
		dial_done(c);
}

static int dial(struct mconnect *c, const char *addr, int port)
{
	struct addrinfo hints = {
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	struct addrinfo *ai = NULL;
	char service[8];
	int rc = 0;

	snprintf(service, sizeof(service), "%d", port);
	if (getaddrinfo(addr, service, &hints, &ai) != 0)
		return EINVAL;
	c->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || (connect(c->fd, ai->ai_addr, ai->ai_addrlen) != 0 && errno != EINPROGRESS))
		rc = errno;
	freeaddrinfo(ai);
	if (rc != 0)
		return rc;
	socket_options(c->fd);
	return loop_add(loop_of(c), c->fd, LOOP_OUT, dial_ready, c) == 0 ? 0 : EMFILE;
}

static void next_addr(struct mconnect *c)
{
	int err;

	if (c->i_addr >= c->n_addrs) {
		c->i_name++;
		next_name(c);
		return;
	}
	err = dial(c, c->addrs[c->i_addr], c->grant.target->addresses[c->i_name].port);
	if (err != 0)
		dial_failed(c, err);
	else
		c->attempt = loop_after(loop_of(c), ATTEMPT_MS, dial_timeout, c);
}

/* --- names --- */

/* In the child: one numeric address per line. */
static int resolver_main(void *arg)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *ai = NULL;
	char text[64];

	if (getaddrinfo(arg, NULL, &hints, &ai) != 0)
		return 1;
	for (const struct addrinfo *a = ai; a != NULL; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0,
			NI_NUMERICHOST) == 0)
			dprintf(1, "%s\n", text);
	freeaddrinfo(ai);
	return 0;
}

static void resolved(void *ctx, int status, struct span out)
{
	struct mconnect *c = ctx;
	const struct conf_address *a = &c->grant.target->addresses[c->i_name];
	struct cur in = cur_of(out);

	c->resolver = NULL;
	c->n_addrs = c->i_addr = 0;
	while (status == 0 && cur_left(&in) > 0 && c->n_addrs < ADDRS_MAX) {
		const uint8_t *nl = memchr(in.p, '\n', cur_left(&in));
		struct span line = cur_take(&in, nl != NULL ? (size_t)(nl - in.p) : cur_left(&in));

		(void)cur_take(&in, cur_left(&in) > 0 ? 1 : 0);
		if (line.n > 0 && line.n < sizeof(c->addrs[0]))
			snprintf(c->addrs[c->n_addrs++], sizeof(c->addrs[0]), "%.*s", (int)line.n,
			    (const char *)line.p);
	}
	if (c->n_addrs == 0)
		why_set(&c->last, E_NOTFOUND, "the name %s cannot be resolved", a->host);
	next_addr(c);
}

static bool is_literal(const char *host)
{
	struct in6_addr a;

	return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

static void next_name(struct mconnect *c)
{
	const struct conf_target *t = c->grant.target;
	struct monitor *m = c->peer->m;
	struct child_params p = {.run = resolver_main,
	    .fds = {-1, -1, -1},
	    .n_fds = 3,
	    .capture = 4096,
	    .uid = m->uid,
	    .gid = m->gid,
	    .timeout_ms = RESOLVE_MS};

	c->n_addrs = c->i_addr = 0;
	if (c->i_name >= t->n_addresses) {
		struct why w = c->last;

		if (w.code == 0)
			why_set(&w, E_NOTFOUND, "target %s has no address", t->name);
		connect_refuse(c, &w, "08001");
		return;
	}
	if (is_literal(t->addresses[c->i_name].host)) {
		(void)str_copy(c->addrs[0], sizeof(c->addrs[0]), t->addresses[c->i_name].host);
		c->n_addrs = 1;
		next_addr(c);
		return;
	}
	p.arg = t->addresses[c->i_name].host;
	c->resolver = child_start(m->kids, &p, resolved, c);
	if (c->resolver == NULL)
		resolved(c, 1, (struct span){0});
}

/* --- the request --- */

static void connect_timeout(void *ctx)
{
	struct mconnect *c = ctx;
	struct why w;

	c->deadline = NULL;
	why_set(&w, E_LIMIT, "target %s did not answer within %d s", c->grant.target->name,
	    CONNECT_MS / 1000);
	connect_refuse(c, &w, "08001");
}

size_t connects_of(const struct peer *p)
{
	size_t n = 0;

	for (const struct mconnect *c = p->connects; c != NULL; c = c->next)
		n++;
	return n;
}

static int limits(struct peer *p, struct why *w, const char **sqlstate)
{
	const struct conf *c = mon_conf(p->m);
	size_t under_way = connects_of(p);

	*sqlstate = "53300";
	if (p->m->draining)
		return why_set(
		    w, E_STATE, "the gateway is about to stop and takes no new sessions");
	if (under_way >= PER_PEER_MAX)
		return why_set(
		    w, E_LIMIT, "%zu connects of this connection are under way", under_way);
	if (c->gateway.max_sessions_per_user > 0 &&
	    mon_user_sessions(p->m, &p->id) >= (size_t)c->gateway.max_sessions_per_user)
		return why_set(w, E_LIMIT, "you have %d sessions, which is the limit",
		    c->gateway.max_sessions_per_user);
	*sqlstate = "53100";
	if (mon_disk_free(p->m) < c->recording.low_water_bytes)
		return why_set(
		    w, E_LIMIT, "the gateway has no room for recordings: no new sessions");
	return 0;
}

static void connect_start(struct peer *p, uint32_t call, const struct grant *g, const char *app)
{
	struct mconnect *c = xcalloc(1, sizeof(*c));

	*c = (struct mconnect){.next = p->connects,
	    .peer = p,
	    .call = call,
	    .epoch = p->m->epoch,
	    .grant = *g,
	    .fd = -1};
	c->epoch->refs++;
	p->connects = c;
	(void)str_copy(c->app, sizeof(c->app), app);
	c->deadline = loop_after(p->m->loop, CONNECT_MS, connect_timeout, c);
	/* The socket first: a credential that is at hand may finish everything at once and free c.
	 */
	next_name(c);
	for (struct mconnect *k = p->connects; k != NULL; k = k->next)
		if (k == c) { /* not failed already */
			struct cred_job *j = cred_resolve(p->m, login_of(g), cred_done, c);

			if (j != NULL)
				c->cred = j;
			return;
		}
}

int do_connect(struct peer *p, const struct ipc_msg *m)
{
	char target[NAME_CAP], login[NAME_CAP], database[NAME_CAP], app[NAME_CAP];
	char state[6];
	const char *sqlstate = state;
	struct why w = {0};
	struct grant g;
	int rc = ipc_get_str(m, "target", target, sizeof(target));

	if (rc == 0)
		rc = ipc_get_str(m, "login", login, sizeof(login));
	if (rc == 0)
		rc = ipc_get_str(m, "database", database, sizeof(database));
	if (rc != 0 || expire_refuses(p, m))
		return rc;
	if (ipc_get_str(m, "app", app, sizeof(app)) != 0)
		app[0] = '\0';
	rc = grant_for(mon_conf(p->m), &p->id, target, login, database, &g, &w, state);
	if (rc == 0)
		rc = limits(p, &w, &sqlstate);
	if (rc != 0) {
		log_info("connect-refused", "conn", p->conn, "user", p->id.user, "for", ident_for(&p->id), "target", target,
		    "why", w.text);
		answer_fail(p, ipc_id(m), &w, sqlstate);
		return 0;
	}
	connect_start(p, ipc_id(m), &g, app);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 */
#include "webrig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/tls.h"
#include "server/sandbox.h"
#include "server/web.h"

#define WAIT_MS 5000
#define NOBODY  65534

/* --- the process --- */

static int enter(void *ctx, struct why *w)
{
	const struct sandbox_params box = {.role = SANDBOX_WEB, .uid = NOBODY, .gid = NOBODY, .require = true, .nofile = 768};

	(void)ctx;
	return sandbox_enter(&box, w);
}

static int listening(int *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(fd, 512) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
		abort();
	*port = ntohs(sa.sin_port);
	return fd;
}

static void read_file(const char *path, struct buf *out)
{
	buf_init(out, 64 * 1024);
	if (file_read(path, out) != 0)
		abort();
}

/* A key pair by the command, so that it is an ordinary one. */
static void make_tls(char dir[32])
{
	char cmd[256];

	strcpy(dir, "/tmp/webrig.XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
	(void)snprintf(cmd, sizeof(cmd),
	    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s/key -out %s/cert -days 2 -subj /CN=lab "
	    ">/dev/null 2>&1", dir, dir);
	if (system(cmd) != 0)
		abort();
}

static void remove_tls(const char *dir)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/key", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/cert", dir);
	(void)unlink(path);
	(void)rmdir(dir);
}

static _Noreturn void child(int sock, int fd, const char *dir)
{
	struct web_params p = {.sock = sock, .gateway = "fallback", .n_sockets = 1, .sockets = {fd}, .enter = enter};
	char path[64];
	struct buf cert, key;

	(void)signal(SIGPIPE, SIG_IGN);
	log_init("web", getenv("WEBRIG_LOG") != NULL ? 2 : -1, LOG_DEBUG_, false);
	crypto_warm();
	if (dir[0] != '\0') {
		(void)snprintf(path, sizeof(path), "%s/cert", dir);
		read_file(path, &cert);
		(void)snprintf(path, sizeof(path), "%s/key", dir);
		read_file(path, &key);
		p.cert = buf_span(&cert);
		p.key = buf_span(&key);
	}
	int rc = web_run(&p);

	if (dir[0] != '\0') {
		buf_clear(&cert);
		buf_clear(&key);
	}
	_exit(rc);
}

void webrig_up(struct webrig *r, bool tls)
{
	char dir[32] = "";
	int sp[2], fd;

	*r = (struct webrig){.tls = tls, .state = "wait", .user = "alice@example.com", .asked = "alice", .gateway = "lab",
		.url = "https://idp.example.com/auth?client_id=a&state=b", .tries = 3};
	buf_init(&r->in, IPC_MAX);
	buf_init(&r->out, IPC_MAX);
	if (tls)
		make_tls(dir);
	fd = listening(&r->port);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) != 0)
		abort();
	r->pid = fork();
	if (r->pid == 0) {
		(void)close(sp[0]);
		child(sp[1], fd, dir);
	}
	(void)close(sp[1]);
	(void)close(fd);
	r->sock = sp[0];
	(void)signal(SIGPIPE, SIG_IGN);
	if (fd_set_nonblock(r->sock, true) != 0)
		abort();
	if (tls) { /* the files are read once it answers */
		struct webpage p;

		(void)web_get(r, "/healthz", "", &p);
		webpage_clear(&p);
		remove_tls(dir);
	}
}

int webrig_down(struct webrig *r)
{
	int status = 0;

	if (r->sock >= 0)
		close(r->sock);
	r->sock = -1;
	for (int ms = 0; ms < WAIT_MS; ms += 10) {
		if (waitpid(r->pid, &status, WNOHANG) == r->pid)
			goto over;
		(void)usleep(10000);
	}
	(void)kill(r->pid, SIGKILL);
	(void)waitpid(r->pid, &status, 0);
over:
	buf_clear(&r->in);
	buf_clear(&r->out);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- the monitor --- */

static void fail(struct webrig *r, uint32_t id, int code, const char *text, int tries)
{
	ipc_begin(&r->out, IPC_FAIL, id);
	ipc_int(&r->out, "code", code);
	ipc_str(&r->out, "text", text);
	ipc_str(&r->out, "hint", "");
	ipc_int(&r->out, "tries", tries);
}

static void look(struct webrig *r, uint32_t id, bool all)
{
	ipc_begin(&r->out, IPC_OK, id);
	if (all) {
		ipc_str(&r->out, "state", r->state);
		ipc_str(&r->out, "asked", r->asked);
		ipc_str(&r->out, "provider", "https://idp.example.com/realm");
	}
	ipc_str(&r->out, "fingerprint", "SHA256:Zk3vExample");
	ipc_str(&r->out, "source", "203.0.113.9");
	ipc_str(&r->out, "gateway", r->gateway);
	ipc_int(&r->out, "expires_s", 250);
	ipc_str(&r->out, "user", r->user);
}

static void confirm(struct webrig *r, uint32_t id)
{
	if (strcmp(r->digits, "7391") != 0) {
		r->tries--;
		fail(r, id, r->tries > 0 ? E_DENIED : E_LIMIT, "that is not the code", r->tries);
		return;
	}
	r->state = "done";
	ipc_begin(&r->out, IPC_OK, id);
	ipc_str(&r->out, "user", r->user);
}

static void answer(struct webrig *r, const struct ipc_msg *m)
{
	char state[128];
	uint32_t id = ipc_id(m);

	r->last = ipc_type_of(m);
	r->asks++;
	ipc_take_str(m, "code", r->code, sizeof(r->code));
	ipc_take_str(m, "addr", r->addr, sizeof(r->addr));
	ipc_take_str(m, "answer", r->answer, sizeof(r->answer));
	ipc_take_str(m, "error", r->error, sizeof(r->error));
	ipc_take_str(m, "digits", r->digits, sizeof(r->digits));
	ipc_take_str(m, "iss", r->iss, sizeof(r->iss));
	ipc_take_str(m, "state", state, sizeof(state));
	if (r->silent)
		return;
	if (r->last == IPC_WEB_HOSTS) {
		ipc_begin(&r->out, IPC_OK, id);
		ipc_str(&r->out, "text", "lab ssh-ed25519 AAAA\n");
	} else if (strcmp(r->code, RIG_CODE) != 0) {
		fail(r, id, E_NOTFOUND, "no login with this address is waiting", 0);
	} else if (r->last == IPC_WEB_LOOK) {
		look(r, id, true);
	} else if (r->last == IPC_WEB_BEGIN) {
		(void)snprintf(r->token, sizeof(r->token), "%s", state);
		r->state = "begun";
		ipc_begin(&r->out, IPC_OK, id);
		ipc_str(&r->out, "url", r->url);
	} else if (strcmp(state, r->token) != 0 && r->last != IPC_WEB_REFUSE) {
		fail(r, id, E_STATE, "this answer was used already", 0);
	} else if (r->last == IPC_WEB_CALLBACK && r->error[0] != '\0') {
		fail(r, id, E_DENIED, "the identity provider refused the login", 0);
	} else if (r->last == IPC_WEB_CALLBACK) {
		r->state = "known";
		look(r, id, false);
	} else if (r->last == IPC_WEB_CONFIRM) {
		confirm(r, id);
	} else {
		r->state = "done";
		ipc_begin(&r->out, IPC_OK, id);
	}
	if (ipc_send(r->sock, &r->out, NULL, 0) != 0)
		abort();
}

static void serve(struct webrig *r)
{
	struct ipc_msg *m = NULL;

	while (r->sock >= 0 && ipc_recv(r->sock, &r->in, &m, NULL, NULL) == 0) {
		answer(r, m);
		ipc_free(m);
	}
}

/* --- the client --- */

int web_connect(const struct webrig *r, const char *from)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)r->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr_in me = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (from != NULL && (inet_pton(AF_INET, from, &me.sin_addr) != 1 || bind(fd, (struct sockaddr *)&me, sizeof(me)) != 0))
		abort();
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		abort();
	return fd;
}

/* Over TLS the client blocks: it runs in a process of its own that copies bytes. */
static int tls_copy(int fd, pid_t *pid)
{
	int sp[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sp) != 0)
		abort();
	*pid = fork();
	if (*pid == 0) {
		struct tls *t = NULL;
		struct why w;
		char b[4096];
		ssize_t n;
		int k;

		close(sp[0]);
		if (tls_connect(fd, "lab", TLS_VERIFY_NONE, (struct span){0}, &t, &w) != 0)
			_exit(1);
		n = read(sp[1], b, sizeof(b)); /* a request is one piece here */
		while (n == (ssize_t)sizeof(b) && tls_write(t, b, (size_t)n) == 0)
			n = recv(sp[1], b, sizeof(b), MSG_DONTWAIT);
		if (n > 0 && tls_write(t, b, (size_t)n) != 0)
			_exit(1);
		while ((k = tls_read(t, b, sizeof(b))) > 0)
			if (write(sp[1], b, (size_t)k) != k)
				break;
		_exit(0);
	}
	close(sp[1]);
	close(fd);
	return sp[0];
}

static void parse(struct webpage *p)
{
	char set[400];
	char *end;

	p->head = buf_cstr(&p->all);
	end = strstr((char *)p->head, "\r\n\r\n");
	p->body = end != NULL ? end + 4 : "";
	if (sscanf(p->head, "HTTP/1.1 %d", &p->status) != 1)
		p->status = 0;
	web_header(p, "Set-Cookie", set, sizeof(set));
	(void)snprintf(p->cookie, sizeof(p->cookie), "%.*s", (int)strcspn(set, ";"), set);
	if (strlen(set) > 0 && strcspn(set, ";") >= sizeof(p->cookie))
		(void)snprintf(p->cookie, sizeof(p->cookie), "too long");
}

bool web_raw(struct webrig *r, const char *from, struct span bytes, struct webpage *p)
{
	int64_t until = clock_mono_us() + WAIT_MS * 1000;
	int fd = web_connect(r, from);
	bool over = false;
	pid_t copier = -1;

	*p = (struct webpage){0};
	buf_init(&p->all, 256 * 1024);
	if (r->tls)
		fd = tls_copy(fd, &copier);
	if (bytes.n > 0 && send(fd, bytes.p, bytes.n, MSG_NOSIGNAL) < 0)
		over = true;
	while (!over && clock_mono_us() < until) {
		struct pollfd pf[2] = {{fd, POLLIN, 0}, {r->sock, POLLIN, 0}};
		uint8_t *room;
		ssize_t n;

		(void)poll(pf, r->sock >= 0 ? 2 : 1, 100);
		serve(r);
		if ((pf[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0)
			continue;
		if (buf_reserve(&p->all, 4096, &room) != 0)
			break;
		n = recv(fd, room, 4096, MSG_DONTWAIT);
		if (n > 0)
			buf_commit(&p->all, (size_t)n);
		else if (n == 0 || errno != EAGAIN)
			over = true;
	}
	close(fd);
	if (copier > 0) {
		(void)kill(copier, SIGKILL);
		(void)waitpid(copier, NULL, 0);
	}
	parse(p);
	return over;
}

bool web_get(struct webrig *r, const char *path, const char *cookie, struct webpage *p)
{
	char b[16000];

	(void)snprintf(b, sizeof(b), "GET %s HTTP/1.1\r\nHost: lab\r\n%s%s%s\r\n", path, cookie[0] != '\0' ? "Cookie: " : "", cookie,
	    cookie[0] != '\0' ? "\r\n" : "");
	return web_raw(r, NULL, span_str(b), p);
}

bool web_post(struct webrig *r, const char *path, const char *cookie, const char *form, struct webpage *p)
{
	char b[16000];

	(void)snprintf(b, sizeof(b),
	    "POST %s HTTP/1.1\r\nHost: lab\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n%s%s%s\r\n%s",
	    path, strlen(form), cookie[0] != '\0' ? "Cookie: " : "", cookie, cookie[0] != '\0' ? "\r\n" : "", form);
	return web_raw(r, NULL, span_str(b), p);
}

void webpage_clear(struct webpage *p)
{
	buf_clear(&p->all);
}

void web_header(const struct webpage *p, const char *name, char *out, size_t cap)
{
	char key[80];
	const char *at, *end;

	out[0] = '\0';
	(void)snprintf(key, sizeof(key), "\r\n%s: ", name);
	at = strcasestr(p->head, key);
	if (at == NULL || (p->body[0] != '\0' && at > p->body))
		return;
	at += strlen(key);
	end = strstr(at, "\r\n");
	(void)snprintf(out, cap, "%.*s", end != NULL ? (int)(end - at) : 0, at);
}

bool web_input(const struct webpage *p, const char *action, const char *name, char *out, size_t cap)
{
	char key[200];
	const char *form, *at;

	(void)snprintf(key, sizeof(key), "action=\"%s\"", action);
	form = strstr(p->body, key);
	(void)snprintf(key, sizeof(key), "name=\"%s\" value=\"", name);
	at = form != NULL ? strstr(form, key) : NULL;
	if (at == NULL)
		return false;
	at += strlen(key);
	(void)snprintf(out, cap, "%.*s", (int)strcspn(at, "\""), at);
	return true;
}

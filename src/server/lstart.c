/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting the listener: from the main process (fork, drop privileges, execute) and from itself (execute again).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "server/dsetup.h"
#include "server/limage.h"
#include "wire/ipc.h"

#define START_MS 30000
#define FD_FIRST 64 /* the listener's descriptors are moved here, clear of everything inherited */

int listener_exec(const struct listener_settings *s, int image, struct why *w)
{
	/* A clean environment: nothing that libraries read may come from outside. No keytab: libssh would take GSSAPI
	 * requests before authentication. */
	static char env_path[] = "PATH=/usr/bin:/bin", env_home[] = "HOME=/nonexistent", env_lang[] = "LC_ALL=C.UTF-8";
	static char env_krb[] = "KRB5_CONFIG=/dev/null", env_kt[] = "KRB5_KTNAME=FILE:/nonexistent";
	static char arg0[] = "sallyportd: listener, room for a session's id";
	char arg1[32], asan[512];
	char *argv[] = {arg0, arg1, NULL};
	char *envp[8] = {env_path, env_home, env_lang, env_krb, env_kt};
	size_t n = 5;
	const char *opts = getenv("ASAN_OPTIONS");
#ifdef SP_ATTACK
	char moved[512];
	const char *file = getenv(CLOCK_TEST_ENV);

	if (file != NULL && snprintf(moved, sizeof(moved), CLOCK_TEST_ENV "=%s", file) < (int)sizeof(moved))
		envp[n++] = moved;
#endif

	(void)snprintf(arg1, sizeof(arg1), "--listener=%d", image);
	if (opts != NULL && snprintf(asan, sizeof(asan), "ASAN_OPTIONS=%s", opts) < (int)sizeof(asan))
		envp[n++] = asan;
	if (fd_set_cloexec(image, false) == 0)
		(void)fexecve(s->exe, argv, envp);
	return why_set(w, -errno, "cannot execute the listener: %s", err_str(-errno));
}

static int move(int *fd, int at)
{
	if (dup3(*fd, at, 0) < 0)
		return -errno;
	*fd = at;
	return 0;
}

/* In the child: every descriptor to its final number, the rest closed. */
static int place(struct listener_settings *s)
{
	int at = FD_FIRST;
	int rc = 0;

	for (int i = 0; rc == 0 && i < s->n_sockets; i++)
		rc = move(&s->sockets[i], at++);
	for (int i = 0; rc == 0 && i < s->n_keys; i++)
		rc = move(&s->keys[i], at++);
	if (rc == 0)
		rc = move(&s->monitor, at++);
	if (rc == 0)
		rc = move(&s->log, at++);
	if (rc == 0)
		rc = move(&s->exe, at++);
	if (rc == 0 && (close_range(3, FD_FIRST - 1, 0) != 0 || close_range((unsigned)at, ~0u, 0) != 0))
		rc = -errno;
	return rc;
}

static _Noreturn void child(struct listener_start *p)
{
	struct why w = {0};
	sigset_t none;
	int rc, image;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	rc = place(&p->s);
	if (rc == 0)
		rc = privileges_drop(p->uid, p->gid);
	if (rc == 0) {
		image = limage_write(&p->s, NULL, true);
		rc = image < 0 ? image : listener_exec(&p->s, image, &w);
	}
	dprintf(2, "sallyportd: listener: %s\n", w.text[0] != '\0' ? w.text : err_str(rc));
	_exit(1);
}

/* The first message: the self-tests' outcome. */
static int wait_ready(int sock, struct why *w)
{
	struct pollfd p = {sock, POLLIN, 0};
	struct ipc_msg *m = NULL;
	struct buf b;
	char text[200], hint[200];
	int rc;

	buf_init(&b, IPC_MAX);
	do {
		rc = poll(&p, 1, START_MS);
	} while (rc < 0 && errno == EINTR);
	rc = rc == 1 ? ipc_recv(sock, &b, &m, NULL, NULL) : E_LIMIT;
	if (rc != 0) {
		why_set(w, rc, "the listener did not start: %s", err_str(rc));
	} else if (ipc_type_of(m) != IPC_OK) {
		if (ipc_get_str(m, "text", text, sizeof(text)) != 0)
			(void)str_copy(text, sizeof(text), "unknown");
		rc = why_set(w, E_INTERNAL, "the listener refuses to start: %s", text);
		if (ipc_get_str(m, "hint", hint, sizeof(hint)) == 0 && hint[0] != '\0')
			why_hint(w, "%s", hint);
	}
	ipc_free(m);
	buf_clear(&b);
	return rc;
}

static int keys_in_memory(struct listener_start *p, struct why *w)
{
	for (size_t i = 0; i < p->n_keys; i++) {
		int fd = limage_memfd("host-key", p->key_text[i]);

		if (fd < 0)
			return why_set(w, fd, "cannot hold a host key: %s", err_str(fd));
		p->s.keys[p->s.n_keys++] = fd;
	}
	return 0;
}

int listener_start(const struct listener_start *start, pid_t *pid, int *sock, struct why *w)
{
	struct listener_start p = *start;
	int sp[2] = {-1, -1};
	int rc;

	*pid = -1;
	*sock = -1;
	p.s.n_keys = 0;
	if (p.n_keys > LISTENER_KEYS || p.s.n_sockets > LISTENER_SOCKETS)
		return why_set(w, E_CONFIG, "too many host keys or listening addresses");
	rc = keys_in_memory(&p, w);
	if (rc == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) != 0)
		rc = why_set(w, -errno, "cannot create a socket pair: %s", err_str(-errno));
	if (rc == 0) {
		p.s.monitor = sp[1];
		*pid = fork();
		if (*pid == 0)
			child(&p);
		if (*pid < 0)
			rc = why_set(w, -errno, "cannot fork: %s", err_str(-errno));
	}
	fd_close(&sp[1]);
	for (int i = 0; i < p.s.n_keys; i++)
		fd_close(&p.s.keys[i]);
	if (rc == 0)
		rc = wait_ready(sp[0], w);
	if (rc != 0) {
		fd_close(&sp[0]);
		if (*pid > 0) {
			(void)kill(*pid, SIGKILL);
			(void)waitpid(*pid, NULL, 0);
		}
		*pid = -1;
	}
	*sock = sp[0];
	return rc;
}

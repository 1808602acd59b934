/* SPDX-License-Identifier: Apache-2.0
 *
 * Test builds only (configure --enable-attack): what a session process would try after a take-over, done from inside its
 * sandbox on command (`ssh gateway attack NAME [ARGUMENT]`), each with its outcome. The tests assert that every one
 * fails; many end the process. Never part of an installed program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "session/sshint.h"

#define RECORD_FD 512 /* recordings live at or above this number */

static void outcome(struct buf *b, const char *what, long rc)
{
	if (rc >= 0)
		buf_printf(b, "%s: SUCCEEDED (%ld)\n", what, rc);
	else
		buf_printf(b, "%s: %s\n", what, strerrorname_np(errno));
}

static int recording(void)
{
	for (int fd = RECORD_FD; fd < 2 * RECORD_FD; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return fd;
	return -1;
}

/* --- on the recording --- */

static void a_setfl(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	(void)arg;
	outcome(b, "fcntl F_SETFL", fcntl(recording(), F_SETFL, 0));
}

static void a_fallocate(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	(void)arg;
	outcome(b, "fallocate punch", fallocate(recording(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 16));
}

static void a_pwritev2(struct edge *e, const char *arg, struct buf *b)
{
	struct iovec v = {(char[]){"XXXX"}, 4};

	(void)e;
	(void)arg;
	outcome(b, "pwritev2", pwritev2(recording(), &v, 1, 0, 0x20 /* RWF_NOAPPEND */));
}

static void a_pwrite(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	(void)arg;
	outcome(b, "pwrite", pwrite(recording(), "XXXX", 4, 0));
}

static void a_ftruncate(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	(void)arg;
	outcome(b, "ftruncate", ftruncate(recording(), 0));
}

/* Succeeds, but at the end: what was recorded stays. */
static void a_seekwrite(struct edge *e, const char *arg, struct buf *b)
{
	int fd = recording();

	(void)e;
	(void)arg;
	outcome(b, "lseek", lseek(fd, 0, SEEK_SET));
	outcome(b, "write", write(fd, "XXXX", 4));
}

static void a_mmap(struct edge *e, const char *arg, struct buf *b)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, recording(), 0);

	(void)e;
	(void)arg;
	outcome(b, "mmap shared", p != MAP_FAILED ? 0 : -1);
}

static void a_dup(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	(void)arg;
	outcome(b, "dup2 below", dup2(recording(), 100));
	outcome(b, "F_DUPFD below", fcntl(recording(), F_DUPFD, 100));
}

static void a_openw(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	outcome(b, "open for writing", open(arg, O_WRONLY));
}

static void a_openr(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	outcome(b, "open for reading", open(arg, O_RDONLY));
}

/* --- on the network --- */

/* The system calls themselves: the interposed functions of this program would refuse anyway. */
static void a_tcp(struct edge *e, const char *arg, struct buf *b)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(arg, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	long fd = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);

	(void)e;
	outcome(b, "socket", fd);
	outcome(b, "connect", syscall(SYS_connect, fd, &sa, sizeof(sa)));
}

static void a_unix(struct edge *e, const char *arg, struct buf *b)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	long fd = syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET, 0);

	(void)e;
	(void)str_copy(sa.sun_path, sizeof(sa.sun_path), arg);
	outcome(b, "socket", fd);
	outcome(b, "connect", syscall(SYS_connect, fd, &sa, sizeof(sa)));
}

/* --- on processes --- */

static void a_exec(struct edge *e, const char *arg, struct buf *b)
{
	char sh[] = "/bin/sh";
	char *argv[] = {sh, NULL};

	(void)e;
	(void)arg;
	outcome(b, "execve", execve(sh, argv, NULL));
}

static void a_fork(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	(void)arg;
	outcome(b, "fork", fork());
}

static void a_kill(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	outcome(b, "kill", kill((pid_t)strtol(arg, NULL, 10), SIGTERM));
}

static void a_ptrace(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	outcome(b, "ptrace", ptrace(PTRACE_ATTACH, (pid_t)strtol(arg, NULL, 10), NULL, NULL));
}

static void a_vmread(struct edge *e, const char *arg, struct buf *b)
{
	char mem[8];
	struct iovec here = {mem, sizeof(mem)}, there = {mem, sizeof(mem)};

	(void)e;
	outcome(b, "process_vm_readv", process_vm_readv((pid_t)strtol(arg, NULL, 10), &here, 1, &there, 1, 0));
}

static void a_execmem(struct edge *e, const char *arg, struct buf *b)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)e;
	(void)arg;
	outcome(b, "mmap exec", p != MAP_FAILED ? 0 : -1);
}

/* --- on the monitor: not permitted requests; it answers by killing us --- */

static void a_signcert(struct edge *e, const char *arg, struct buf *b)
{
	ipc_bin(monclient_begin(e->mon, IPC_SIGN_CERT), "tbs", span_str(arg));
	(void)monclient_call(e->mon, NULL, NULL);
	buf_put_str(b, "asked for a signature\n");
}

static void a_again(struct edge *e, const char *arg, struct buf *b)
{
	(void)arg;
	ipc_bool(monclient_begin(e->mon, IPC_AUTH_DONE), "key_only", false);
	(void)monclient_call(e->mon, NULL, NULL);
	buf_put_str(b, "authenticated again\n");
}

static void a_reauth(struct edge *e, const char *arg, struct buf *b)
{
	struct buf *m = monclient_begin(e->mon, IPC_AUTH_KEY);

	ipc_str(m, "user", arg);
	ipc_bin(m, "key", span_str("x"));
	(void)monclient_call(e->mon, NULL, NULL);
	buf_put_str(b, "claimed to be another\n");
}

static void connect_answer(void *ctx, const struct ipc_msg *m, int *fds, size_t nfds)
{
	(void)ctx;
	(void)m;
	for (size_t i = 0; i < nfds; i++)
		close(fds[i]);
}

/* "TARGET LOGIN": a connection to a target or as a login that policy does not give. The monitor's log tells what it
 * gave. */
static void a_connect(struct edge *e, const char *arg, struct buf *b)
{
	struct buf *m = monclient_begin(e->mon, IPC_CONNECT);
	char target[64];
	const char *sp = strchr(arg, ' ');

	(void)snprintf(target, sizeof(target), "%.*s", (int)(sp != NULL ? (size_t)(sp - arg) : strlen(arg)), arg);
	ipc_str(m, "target", target);
	ipc_str(m, "login", sp != NULL ? sp + 1 : "");
	ipc_str(m, "database", "");
	ipc_str(m, "app", "attack");
	(void)monclient_call(e->mon, connect_answer, e);
	buf_put_str(b, "asked for a connection\n");
}

/* --- on itself --- */

static void a_segv(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	(void)arg;
	(void)b;
	(void)raise(SIGSEGV);
}

static void a_abort(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	(void)arg;
	(void)b;
	abort();
}

static void a_spin(struct edge *e, const char *arg, struct buf *b)
{
	(void)e;
	(void)arg;
	(void)b;
	for (volatile unsigned i = 0;; i++)
		;
}

static const struct {
	const char *name;
	void (*fn)(struct edge *e, const char *arg, struct buf *b);
} attacks[] = {
	{"setfl", a_setfl}, {"fallocate", a_fallocate}, {"pwritev2", a_pwritev2}, {"pwrite", a_pwrite},
	{"ftruncate", a_ftruncate}, {"seekwrite", a_seekwrite}, {"mmap", a_mmap}, {"dup", a_dup}, {"openw", a_openw},
	{"openr", a_openr}, {"tcp", a_tcp}, {"unix", a_unix}, {"exec", a_exec}, {"fork", a_fork}, {"kill", a_kill},
	{"ptrace", a_ptrace}, {"vmread", a_vmread}, {"execmem", a_execmem}, {"signcert", a_signcert}, {"again", a_again},
	{"reauth", a_reauth}, {"connect", a_connect}, {"segv", a_segv}, {"abort", a_abort}, {"spin", a_spin},
};

void attack_run(struct edge *e, const char *what, struct buf *b)
{
	const char *sp = strchr(what, ' ');
	size_t n = sp != NULL ? (size_t)(sp - what) : strlen(what);

	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (strlen(attacks[i].name) == n && memcmp(attacks[i].name, what, n) == 0) {
			attacks[i].fn(e, sp != NULL ? sp + 1 : "", b);
			return;
		}
	buf_put_str(b, "no such attack\n");
}

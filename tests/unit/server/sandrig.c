/* SPDX-License-Identifier: Apache-2.0
 *
 * See sandrig.h. Each attack is written so that it works outside of the sandbox where it can.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crypto.h"
#include "config.h"
#include "sandrig.h"
#include "server/sandbox.h"

struct sandrig w;

static pid_t start_victim(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, (long)SIGKILL, 0L, 0L, 0L);
		if (geteuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0))
			_exit(1);
		for (;;)
			pause();
	}
	usleep(20000); /* until it is somebody else */
	return pid;
}

void sandrig_up(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	strcpy(w.dir, "/tmp/sallyport-sandbox-XXXXXX");
	cr_assert(mkdtemp(w.dir) != NULL);
	cr_assert(eq(int, chmod(w.dir, 0777), 0));
	snprintf(w.recording, sizeof(w.recording), "%s/recording", w.dir);
	snprintf(w.socket, sizeof(w.socket), "%s/socket", w.dir);
	w.rec_fd = open(w.recording, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	cr_assert(eq(int, fchmod(w.rec_fd, 0666), 0));
	cr_assert(eq(int, (int)write(w.rec_fd, HEAD, strlen(HEAD)), (int)strlen(HEAD)));
	w.high_fd = fcntl(w.rec_fd, F_DUPFD_CLOEXEC, SANDBOX_RECORD_FD);
	cr_assert(eq(int, w.high_fd, SANDBOX_RECORD_FD));
	w.other_fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w.pair), 0));
	w.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(a.sun_path, w.socket);
	cr_assert(eq(int, bind(w.listener, (struct sockaddr *)&a, sizeof(a)), 0));
	cr_assert(eq(int, chmod(w.socket, 0777), 0));
	cr_assert(eq(int, listen(w.listener, 5), 0));
	w.unconnected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	w.victim = start_victim();
	crypto_warm();
}

void sandrig_down(void)
{
	char cmd[128];
	pid_t pid;

	(void)kill(w.victim, SIGKILL);
	(void)waitpid(w.victim, NULL, 0);
	pid = fork();
	snprintf(cmd, sizeof(cmd), "%s", w.dir);
	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", cmd, (char *)NULL);
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
}

/* ---- attacks: true when they work ---- */

bool attack_setfl(void)
{
	return fcntl(w.high_fd, F_SETFL, 0) == 0;
}

/* The kernel cuts the number to 32 bits; the filter must not be fooled by the rest. */
bool attack_setfl_wide(void)
{
	return syscall(SYS_fcntl, (1L << 32) | w.high_fd, F_SETFL, 0) == 0;
}

static bool attack_setfl_wide_cmd(void)
{
	return syscall(SYS_fcntl, w.high_fd, (1L << 32) | F_SETFL, 0) == 0;
}

bool attack_dup_low(void)
{
	return dup(w.high_fd) >= 0;
}

static bool attack_dup2_low(void)
{
	return dup2(w.high_fd, w.other_fd) >= 0;
}

static bool attack_dupfd_low(void)
{
	return fcntl(w.high_fd, F_DUPFD, 3) >= 0;
}

static bool attack_dupfd_cloexec_low(void)
{
	return fcntl(w.high_fd, F_DUPFD_CLOEXEC, 3) >= 0;
}

static bool attack_dupfd_cloexec_wide(void)
{
	return syscall(SYS_fcntl, w.high_fd, F_DUPFD_CLOEXEC, (1L << 32) | 3) >= 0;
}

static bool attack_fallocate(void)
{
	return fallocate(w.high_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8) == 0;
}

static bool attack_pwritev2(void)
{
	struct iovec v = {(char *)"XXXX", 4};

	return pwritev2(w.high_fd, &v, 1, 0, 0x20 /* RWF_NOAPPEND */) == 4;
}

bool attack_pwrite(void)
{
	return pwrite(w.high_fd, "XXXX", 4, 0) == 4;
}

bool attack_ftruncate(void)
{
	return ftruncate(w.high_fd, 0) == 0;
}

bool attack_truncate(void)
{
	return truncate(w.recording, 0) == 0;
}

bool attack_open_write(void)
{
	return open(w.recording, O_WRONLY) >= 0;
}

static bool attack_openat_rdwr(void)
{
	return openat(AT_FDCWD, w.recording, O_RDWR) >= 0;
}

static bool attack_open_trunc(void)
{
	return syscall(SYS_openat, AT_FDCWD, w.recording, O_RDONLY | O_TRUNC, 0) >= 0;
}

static bool attack_open_create(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/new", w.dir);
	return open(path, O_RDONLY | O_CREAT, 0600) >= 0;
}

static bool attack_open_tmpfile(void)
{
	return open(w.dir, O_TMPFILE | O_RDWR, 0600) >= 0;
}

static bool attack_openat2(void)
{
	struct {
		uint64_t flags, mode, resolve;
	} how = {O_WRONLY, 0, 0};

	return syscall(437, AT_FDCWD, w.recording, &how, sizeof(how)) >= 0;
}

bool attack_reopen(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", w.high_fd);
	return open(path, O_WRONLY) >= 0;
}

bool attack_read_file(void)
{
	return open("/etc/hostname", O_RDONLY) >= 0 || open("/etc/passwd", O_RDONLY) >= 0;
}

bool attack_mmap_shared(void)
{
	return mmap(NULL, 4096, PROT_READ, MAP_SHARED, w.other_fd, 0) != MAP_FAILED;
}

bool attack_mmap_exec(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

bool attack_mprotect_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

bool attack_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool attack_socket_unix(void)
{
	return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) >= 0;
}

bool attack_socketpair(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0;
}

bool attack_connect_unix(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	strcpy(a.sun_path, w.socket);
	return syscall(SYS_connect, w.unconnected, &a, sizeof(a)) == 0;
}

static bool attack_bind(void)
{
	struct sockaddr a = {.sa_family = AF_UNIX};

	return bind(w.unconnected, &a, sizeof(a.sa_family)) == 0;
}

bool attack_execve(void)
{
	char *argv[] = {(char *)"true", NULL};

	return execve("/bin/true", argv, NULL) == 0;
}

static bool attack_execveat(void)
{
	char *argv[] = {(char *)"true", NULL};

	return syscall(SYS_execveat, w.other_fd, "", argv, NULL, AT_EMPTY_PATH) == 0;
}

bool attack_kill(void)
{
	return kill(w.victim, 0) == 0;
}

static bool attack_kill_self_group(void)
{
	return kill(0, 0) == 0;
}

bool attack_tgkill(void)
{
	return syscall(SYS_tgkill, w.victim, w.victim, 0) == 0;
}

bool attack_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool attack_peek(void)
{
	char here[8];
	struct iovec l = {here, 8}, r = {&w, 8};

	return process_vm_readv(w.victim, &l, 1, &r, 1, 0) == 8;
}

bool attack_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static void *thread(void *arg)
{
	return arg;
}

bool attack_thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, thread, NULL) == 0;
}

bool attack_unlink(void)
{
	return unlink(w.recording) == 0;
}

static bool attack_unlinkat(void)
{
	return unlinkat(AT_FDCWD, w.recording, 0) == 0;
}

static bool attack_rename(void)
{
	return rename(w.recording, "/tmp/sallyport-sandbox-stolen") == 0;
}

static bool attack_link(void)
{
	return link(w.recording, "/tmp/sallyport-sandbox-stolen") == 0;
}

bool attack_chmod(void)
{
	return chmod(w.recording, 0) == 0;
}

static bool attack_fchmod(void)
{
	return fchmod(w.high_fd, 0) == 0;
}

static bool attack_ioctl(void)
{
	int flags = 0;

	return ioctl(w.high_fd, 0x40086602 /* FS_IOC_SETFLAGS */, &flags) == 0;
}

static bool attack_sendfile(void)
{
	return sendfile(w.high_fd, w.other_fd, NULL, 8) == 8;
}

static bool attack_splice(void)
{
	return splice(w.pair[0], NULL, w.high_fd, NULL, 8, SPLICE_F_NONBLOCK) >= 0;
}

static bool attack_copy_range(void)
{
	return copy_file_range(w.other_fd, NULL, w.high_fd, NULL, 8, 0) >= 0;
}

static bool attack_io_uring(void)
{
	char p[256] = {0};

	return syscall(425, 4, p) >= 0;
}

bool attack_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0) >= 0;
}

#ifndef SP_ASAN /* whose leak checker needs prctl */
static bool attack_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L) == 0;
}
#endif

static bool attack_rlimit(void)
{
	struct rlimit r = {1024, 1024};

	return setrlimit(RLIMIT_NOFILE, &r) == 0;
}

static bool attack_root(void)
{
	return setuid(0) == 0;
}

static bool attack_seccomp_again(void)
{
	return syscall(SYS_seccomp, 0, 0, NULL) == 0;
}

#ifdef __x86_64__
static bool attack_x32(void)
{
	return syscall(0x40000000 + SYS_getpid) > 0;
}

/* getpid by the 32-bit gate: another numbering of calls. */
static bool attack_i386(void)
{
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
	return rc > 0;
}
#endif

const struct attack attacks[] = {
	{"F_SETFL on the recording", attack_setfl, REFUSED},
	{"F_SETFL with a wide descriptor", attack_setfl_wide, REFUSED},
	{"F_SETFL with a wide command", attack_setfl_wide_cmd, REFUSED},
	{"dup of the recording", attack_dup_low, REFUSED},
	{"dup2 of the recording", attack_dup2_low, REFUSED},
	{"F_DUPFD", attack_dupfd_low, REFUSED},
	{"F_DUPFD_CLOEXEC to a low number", attack_dupfd_cloexec_low, REFUSED},
	{"F_DUPFD_CLOEXEC with a wide number", attack_dupfd_cloexec_wide, REFUSED},
	{"fallocate", attack_fallocate, KILLED},
	{"pwritev2", attack_pwritev2, KILLED},
	{"pwrite", attack_pwrite, KILLED},
	{"ftruncate", attack_ftruncate, KILLED},
	{"truncate", attack_truncate, KILLED},
	{"open for writing", attack_open_write, REFUSED},
	{"openat for writing", attack_openat_rdwr, REFUSED},
	{"open with O_TRUNC", attack_open_trunc, REFUSED},
	{"open with O_CREAT", attack_open_create, REFUSED},
	{"open with O_TMPFILE", attack_open_tmpfile, REFUSED},
	{"openat2", attack_openat2, REFUSED},
	{"the recording through /proc", attack_reopen, REFUSED},
	{"reading a file", attack_read_file, REFUSED},
	{"a shared mapping", attack_mmap_shared, REFUSED},
	{"an executable mapping", attack_mmap_exec, REFUSED},
	{"mprotect to executable", attack_mprotect_exec, REFUSED},
	{"socket", attack_socket, REFUSED},
	{"a unix socket", attack_socket_unix, REFUSED},
	{"a socket pair", attack_socketpair, REFUSED},
	{"connect to a unix path", attack_connect_unix, REFUSED},
	{"bind", attack_bind, KILLED},
	{"execve", attack_execve, KILLED},
	{"execveat", attack_execveat, KILLED},
	{"kill", attack_kill, KILLED},
	{"kill of the group", attack_kill_self_group, KILLED},
	{"tgkill of another process", attack_tgkill, REFUSED},
	{"ptrace", attack_ptrace, KILLED},
	{"process_vm_readv", attack_peek, KILLED},
	{"fork", attack_fork, KILLED},
	{"a thread", attack_thread, KILLED},
	{"unlink", attack_unlink, KILLED},
	{"unlinkat", attack_unlinkat, KILLED},
	{"rename", attack_rename, KILLED},
	{"link", attack_link, KILLED},
	{"chmod", attack_chmod, KILLED},
	{"fchmod", attack_fchmod, KILLED},
	{"ioctl", attack_ioctl, REFUSED},
	{"sendfile", attack_sendfile, KILLED},
	{"splice", attack_splice, KILLED},
	{"copy_file_range", attack_copy_range, KILLED},
	{"io_uring", attack_io_uring, KILLED},
	{"bpf", attack_bpf, KILLED},
#ifndef SP_ASAN
	{"dumps on again", attack_dumpable, REFUSED},
#endif
	{"setrlimit", attack_rlimit, REFUSED},
	{"setuid", attack_root, REFUSED},
	{"a second filter", attack_seccomp_again, REFUSED},
#ifdef __x86_64__
	{"an x32 call", attack_x32, KILLED},
	{"a 32-bit call", attack_i386, KILLED},
#endif
};

const size_t n_attacks = sizeof(attacks) / sizeof(attacks[0]);

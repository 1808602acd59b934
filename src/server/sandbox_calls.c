/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls of each role, as one table (the only user of libseccomp). What is not listed fails with EPERM:
 * libraries probe for things and live with a no. What only an attacker would try ends the process (KILL), so that it
 * is seen and the source of the connection is penalised. Every verdict but "allow" is logged by the kernel.
 *
 * The recording: O_APPEND is no protection by itself (F_SETFL, fallocate, pwritev2 with RWF_NOAPPEND and a shared
 * writable mapping get around it), hence the filters on fcntl and mmap; duplicates are only made above
 * SANDBOX_RECORD_FD, so that no recording descriptor gets a number for which F_SETFL works.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "config.h"
#include "server/sandboxint.h"

#define S (1u << SANDBOX_SESSION)
#define G (1u << SANDBOX_SIGNER)
#define A (1u << SANDBOX_ARCHIVER)
#define V (1u << SANDBOX_VERB)
#define W (1u << SANDBOX_WEB)
#define L (1u << SANDBOX_LISTENER)
#define F (1u << SANDBOX_FETCHER)
#define R (1u << SANDBOX_RESOLVER)
#define INNER (S | G | A | V | W | F) /* the roles with an allow-list */
#define OUTER (L | R)                 /* the roles with a list of what is forbidden */

#ifndef SCMP_ACT_KILL_PROCESS
#error "libseccomp is too old"
#endif

#define ALLOW SCMP_ACT_ALLOW
#define KILL SCMP_ACT_KILL_PROCESS
#define FAIL(e) SCMP_ACT_ERRNO(e)

#define MAP_TYPE_BITS 0x0f
#define SOCK_TYPE_BITS 0x0f
#define OPEN_WRITES (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | 020000000 /* __O_TMPFILE without O_DIRECTORY */)
#define FS_GETFLAGS 0x80086601 /* FS_IOC_GETFLAGS, FS_IOC_SETFLAGS: the append-only mark of a recording */
#define FS_SETFLAGS 0x40086602

#define EQ(arg, v) {arg, SCMP_CMP_EQ, (scmp_datum_t)(v), 0}
#define LT(arg, v) {arg, SCMP_CMP_LT, (scmp_datum_t)(v), 0}
#define NONE_OF(arg, bits) {arg, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(bits), 0}
#define MASKED(arg, bits, v) {arg, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(bits), (scmp_datum_t)(v)}

struct call {
	int nr;
	unsigned roles;
	uint32_t action;
	unsigned n_args;
	struct scmp_arg_cmp args[3];
};

#define C(name) SCMP_SYS(name)
#define ANY 0, {{0}}

static const struct call calls[] = {
	/* bytes on open descriptors */
	{C(read), INNER, ALLOW, ANY},
	{C(write), INNER, ALLOW, ANY},
	{C(readv), INNER, ALLOW, ANY},
	{C(writev), INNER, ALLOW, ANY},
	{C(pread64), INNER, ALLOW, ANY},
	{C(pwrite64), G | A, ALLOW, ANY},
	{C(lseek), INNER, ALLOW, ANY},
	{C(close), INNER, ALLOW, ANY},
	{C(fsync), INNER, ALLOW, ANY},
	{C(fdatasync), INNER, ALLOW, ANY},
	{C(ftruncate), G | A, ALLOW, ANY},
	{C(flock), G | A | V, ALLOW, ANY},
	{C(fstat), INNER, ALLOW, ANY},
	{C(newfstatat), INNER, ALLOW, ANY},
	{C(statx), INNER, ALLOW, ANY},

	/* files by name; Landlock says which */
	{C(open), S | G | A | V, ALLOW, 1, {NONE_OF(1, OPEN_WRITES)}},
	{C(openat), S | G | V | F, ALLOW, 1, {NONE_OF(2, OPEN_WRITES)}},
	{C(openat), A, ALLOW, ANY},
	{C(access), V, ALLOW, ANY},
	{C(faccessat), V, ALLOW, ANY},
	{C(faccessat2), V, ALLOW, ANY},
	{C(readlink), V, ALLOW, ANY},
	{C(getcwd), V, ALLOW, ANY},
	{C(getdents64), A | V | F, ALLOW, ANY},
	{C(renameat), A, ALLOW, ANY},
	{C(renameat2), A, ALLOW, ANY},
	{C(unlinkat), A, ALLOW, ANY},
	{C(fchmod), A, ALLOW, ANY},
	{C(ioctl), A, ALLOW, 1, {EQ(1, FS_GETFLAGS)}},
	{C(ioctl), A, ALLOW, 1, {EQ(1, FS_SETFLAGS)}},

	/* sockets that others made */
	{C(accept4), W, ALLOW, ANY},
	{C(recvfrom), INNER, ALLOW, ANY},
	{C(sendto), INNER, ALLOW, ANY},
	{C(recvmsg), INNER, ALLOW, ANY},
	{C(sendmsg), INNER, ALLOW, ANY},
	{C(shutdown), INNER, ALLOW, ANY},
	{C(getsockopt), INNER, ALLOW, ANY},
	{C(getsockname), INNER, ALLOW, ANY},
	{C(getpeername), INNER, ALLOW, ANY},
	{C(setsockopt), S | V | W | F, ALLOW, 1, {EQ(1, SOL_SOCKET)}},
	{C(setsockopt), S | V | W | F, ALLOW, 1, {EQ(1, IPPROTO_TCP)}},
	{C(setsockopt), S | V | F, ALLOW, 1, {EQ(1, IPPROTO_IP)}},
	{C(setsockopt), S | V | F, ALLOW, 1, {EQ(1, IPPROTO_IPV6)}},

	/* waiting */
	{C(poll), INNER, ALLOW, ANY},
	{C(ppoll), INNER, ALLOW, ANY},
	{C(select), V, ALLOW, ANY},
	{C(pselect6), V, ALLOW, ANY},
	{C(epoll_create1), INNER, ALLOW, ANY},
	{C(epoll_ctl), INNER, ALLOW, ANY},
	{C(epoll_wait), INNER, ALLOW, ANY},
	{C(epoll_pwait), INNER, ALLOW, ANY},
	{C(eventfd2), INNER, ALLOW, ANY},
	{C(signalfd4), INNER, ALLOW, ANY},
	{C(timerfd_create), INNER, ALLOW, ANY},
	{C(timerfd_settime), INNER, ALLOW, ANY},
	{C(setitimer), INNER, ALLOW, ANY},
	{C(getitimer), INNER, ALLOW, ANY},
	{C(nanosleep), INNER, ALLOW, ANY},
	{C(clock_nanosleep), INNER, ALLOW, ANY},
	{C(restart_syscall), INNER, ALLOW, ANY},
	{C(futex), INNER, ALLOW, ANY},
	{C(sched_yield), INNER, ALLOW, ANY},

	/* memory: never executable, never a shared mapping of a file */
	{C(brk), INNER, ALLOW, ANY},
	{C(munmap), INNER, ALLOW, ANY},
	{C(mremap), INNER, ALLOW, ANY},
	{C(madvise), INNER, ALLOW, ANY},
	{C(mlock), INNER, ALLOW, ANY},
	{C(mlock2), INNER, ALLOW, ANY},
	{C(munlock), INNER, ALLOW, ANY},
	{C(mmap), INNER, ALLOW, 2, {NONE_OF(2, PROT_EXEC), MASKED(3, MAP_TYPE_BITS, MAP_PRIVATE)}},
	{C(mprotect), INNER, ALLOW, 1, {NONE_OF(2, PROT_EXEC)}},

	/* what a process may know about itself */
	{C(getpid), INNER, ALLOW, ANY},
	{C(gettid), INNER, ALLOW, ANY},
	{C(getppid), INNER, ALLOW, ANY},
	{C(getuid), INNER, ALLOW, ANY},
	{C(geteuid), INNER, ALLOW, ANY},
	{C(getgid), INNER, ALLOW, ANY},
	{C(getegid), INNER, ALLOW, ANY},
	{C(getrandom), INNER, ALLOW, ANY},
	{C(clock_gettime), INNER, ALLOW, ANY},
	{C(clock_getres), INNER, ALLOW, ANY},
	{C(gettimeofday), INNER, ALLOW, ANY},
	{C(time), INNER, ALLOW, ANY},
	{C(times), INNER, ALLOW, ANY},
	{C(getrusage), INNER, ALLOW, ANY},
	{C(sysinfo), INNER, ALLOW, ANY}, /* qsort of glibc 2.36 */
	{C(uname), INNER, ALLOW, ANY},
	{C(sched_getaffinity), INNER, ALLOW, ANY},
	{C(getcpu), INNER, ALLOW, ANY},
	{C(prlimit64), INNER, ALLOW, 2, {EQ(0, 0), EQ(2, 0)}}, /* of itself, reading */
	{C(getrlimit), INNER, ALLOW, ANY},

	/* signals to itself, and the end (tgkill: see load_own_signals()) */
	{C(tgkill), INNER, ALLOW, ANY},
	{C(rt_sigaction), INNER, ALLOW, ANY},
	{C(rt_sigprocmask), INNER, ALLOW, ANY},
	{C(rt_sigreturn), INNER, ALLOW, ANY},
	{C(rt_sigtimedwait), INNER, ALLOW, ANY},
	{C(sigaltstack), INNER, ALLOW, ANY},
	{C(pause), INNER, ALLOW, ANY},
	{C(exit), INNER, ALLOW, ANY},
	{C(exit_group), INNER, ALLOW, ANY},

	/* descriptor flags */
	{C(fcntl), INNER, ALLOW, 1, {EQ(1, F_GETFL)}},
	{C(fcntl), INNER, ALLOW, 1, {EQ(1, F_GETFD)}},
	{C(fcntl), INNER, ALLOW, 1, {EQ(1, F_SETFD)}},
	{C(fcntl), S, ALLOW, 2, {LT(0, SANDBOX_RECORD_FD), EQ(1, F_SETFL)}},
	{C(fcntl), S, ALLOW, 2, {EQ(1, F_DUPFD_CLOEXEC), EQ(2, SANDBOX_RECORD_FD)}},
	{C(fcntl), G | A | V | W | F, ALLOW, 1, {EQ(1, F_SETFL)}},
	{C(fcntl), G | A | V | F, ALLOW, 1, {EQ(1, F_DUPFD_CLOEXEC)}},
	{C(dup), V, ALLOW, ANY},
	{C(dup2), V, ALLOW, ANY},
	{C(dup3), V, ALLOW, ANY},

	/* a terminal */
	{C(ioctl), V, ALLOW, 1, {EQ(1, TCGETS)}},
	{C(ioctl), V, ALLOW, 1, {EQ(1, TCSETS)}},
	{C(ioctl), V, ALLOW, 1, {EQ(1, TCSETSW)}},
	{C(ioctl), V, ALLOW, 1, {EQ(1, TCSETSF)}},
	{C(ioctl), V, ALLOW, 1, {EQ(1, TIOCGWINSZ)}},
	{C(ioctl), V, ALLOW, 1, {EQ(1, TIOCGPGRP)}},
	{C(ioctl), V, ALLOW, 1, {EQ(1, FIONREAD)}},
	{C(ioctl), S | G | F, FAIL(ENOTTY), ANY},

	/* outgoing TCP, nothing of the unix family: no way to the control socket */
	{C(socket), F, ALLOW, 2, {EQ(0, AF_INET), MASKED(1, SOCK_TYPE_BITS, SOCK_STREAM)}},
	{C(socket), F, ALLOW, 2, {EQ(0, AF_INET6), MASKED(1, SOCK_TYPE_BITS, SOCK_STREAM)}},
	{C(connect), F, ALLOW, ANY},

	{C(socket), R, FAIL(EACCES), 1, {EQ(0, AF_UNIX)}}, /* libc asks its name service cache, and goes on without */

	/* libraries ask for these and take a no */
	{C(socket), S | G | A | V | W, FAIL(EACCES), ANY},
	{C(connect), S | G | A | V | W, FAIL(EACCES), ANY},
	{C(clone3), INNER, FAIL(ENOSYS), ANY}, /* then clone(), which kills */

#ifdef SP_ASAN
	{C(prctl), INNER, ALLOW, ANY},
	{C(readlink), S | G | A | W | F, ALLOW, ANY},
	{C(getcwd), S | G | A | W | F, ALLOW, ANY},
#endif

	/* attacks: on the recording */
	{C(fallocate), INNER, KILL, ANY},
	{C(pwritev2), INNER, KILL, ANY},
	{C(pwritev), INNER, KILL, ANY},
	{C(pwrite64), S | V | W | F, KILL, ANY},
	{C(ftruncate), S | V | W | F, KILL, ANY},
	{C(truncate), INNER | R, KILL, ANY},
	{C(copy_file_range), INNER, KILL, ANY},
	{C(splice), INNER, KILL, ANY},
	{C(tee), INNER, KILL, ANY},
	{C(vmsplice), INNER, KILL, ANY},
	{C(sendfile), INNER, KILL, ANY},
	{C(unlink), INNER | R, KILL, ANY},
	{C(unlinkat), S | G | V | W | F | R, KILL, ANY},
	{C(rmdir), INNER | R, KILL, ANY},
	{C(rename), INNER | R, KILL, ANY},
	{C(renameat), S | G | V | W | F | R, KILL, ANY},
	{C(renameat2), S | G | V | W | F | R, KILL, ANY},
	{C(link), INNER | R, KILL, ANY},
	{C(linkat), INNER | R, KILL, ANY},
	{C(symlink), INNER | R, KILL, ANY},
	{C(symlinkat), INNER | R, KILL, ANY},
	{C(chmod), INNER | R, KILL, ANY},
	{C(fchmod), S | G | V | W | F | R, KILL, ANY},
	{C(fchmodat), INNER | R, KILL, ANY},
	{C(chown), INNER | R, KILL, ANY},
	{C(fchown), INNER | R, KILL, ANY},
	{C(lchown), INNER | R, KILL, ANY},
	{C(fchownat), INNER | R, KILL, ANY},

	/* on other processes */
	{C(kill), INNER | R, KILL, ANY},
	{C(tkill), INNER | R, KILL, ANY},
	{C(rt_sigqueueinfo), INNER | R, KILL, ANY},
	{C(rt_tgsigqueueinfo), INNER | R, KILL, ANY},
	{C(pidfd_open), INNER | R, KILL, ANY},
	{C(pidfd_send_signal), INNER | R, KILL, ANY},
	{C(pidfd_getfd), INNER | OUTER, KILL, ANY},
	{C(ptrace), INNER | OUTER, KILL, ANY},
	{C(process_vm_readv), INNER | OUTER, KILL, ANY},
	{C(process_vm_writev), INNER | OUTER, KILL, ANY},
	{C(process_madvise), INNER | OUTER, KILL, ANY},
	{C(kcmp), INNER | OUTER, KILL, ANY},

	/* new programs, new processes, new listeners */
	{C(execve), INNER | R, KILL, ANY},
	{C(execveat), INNER | R, KILL, ANY},
	{C(fork), INNER, KILL, ANY},
	{C(vfork), INNER, KILL, ANY},
	{C(clone), INNER, KILL, ANY},
	{C(bind), INNER, KILL, ANY},
	{C(listen), INNER | R, KILL, ANY},
	{C(accept), INNER | R, KILL, ANY},
	{C(accept4), S | G | A | V | F | R, KILL, ANY},

	/* on the system: nobody here, the listener included */
	{C(mount), INNER | OUTER, KILL, ANY},
	{C(umount2), INNER | OUTER, KILL, ANY},
	{C(pivot_root), INNER | OUTER, KILL, ANY},
	{C(chroot), INNER | OUTER, KILL, ANY},
	{C(unshare), INNER | OUTER, KILL, ANY},
	{C(setns), INNER | OUTER, KILL, ANY},
	{C(bpf), INNER | OUTER, KILL, ANY},
	{C(perf_event_open), INNER | OUTER, KILL, ANY},
	{C(userfaultfd), INNER | OUTER, KILL, ANY},
	{C(io_uring_setup), INNER | OUTER, KILL, ANY},
	{C(io_uring_enter), INNER | OUTER, KILL, ANY},
	{C(io_uring_register), INNER | OUTER, KILL, ANY},
	{C(add_key), INNER | OUTER, KILL, ANY},
	{C(request_key), INNER | OUTER, KILL, ANY},
	{C(keyctl), INNER | OUTER, KILL, ANY},
	{C(open_by_handle_at), INNER | OUTER, KILL, ANY},
	{C(name_to_handle_at), INNER | OUTER, KILL, ANY},
	{C(init_module), INNER | OUTER, KILL, ANY},
	{C(finit_module), INNER | OUTER, KILL, ANY},
	{C(delete_module), INNER | OUTER, KILL, ANY},
	{C(kexec_load), INNER | OUTER, KILL, ANY},
	{C(kexec_file_load), INNER | OUTER, KILL, ANY},
	{C(personality), INNER | OUTER, KILL, ANY},
	{C(modify_ldt), INNER | OUTER, KILL, ANY},
	{C(swapon), INNER | OUTER, KILL, ANY},
	{C(swapoff), INNER | OUTER, KILL, ANY},
	{C(reboot), INNER | OUTER, KILL, ANY},
	{C(acct), INNER | OUTER, KILL, ANY},
	{C(quotactl), INNER | OUTER, KILL, ANY},
	{C(settimeofday), INNER | OUTER, KILL, ANY},
	{C(clock_settime), INNER | OUTER, KILL, ANY},
	{C(iopl), INNER | OUTER, KILL, ANY},
	{C(ioperm), INNER | OUTER, KILL, ANY},
};

static int add_call(scmp_filter_ctx ctx, const struct call *c)
{
	int rc = seccomp_rule_add_array(ctx, c->action, c->nr, c->n_args, c->args);

	/* a call that this architecture does not have cannot be made either */
	return rc == -EDOM || (rc == -EINVAL && c->nr < 0) ? 0 : rc;
}

static int build(scmp_filter_ctx ctx, enum sandbox_role role)
{
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, KILL); /* 32-bit calls and x32 */

	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; rc == 0 && i < sizeof(calls) / sizeof(calls[0]); i++) {
		if ((calls[i].roles & (1u << role)) != 0)
			rc = add_call(ctx, &calls[i]);
	}
	return rc;
}

/* A finished filter; built once, inherited by fork. */
static struct sock_fprog programs[SANDBOX_ROLES];

static int read_program(int fd, struct sock_fprog *out)
{
	struct stat st;
	int rc = fstat(fd, &st) != 0 ? -errno : 0;
	size_t n = rc == 0 ? (size_t)st.st_size : 0;

	if (rc == 0 && (n == 0 || n % sizeof(struct sock_filter) != 0 || n / sizeof(struct sock_filter) > BPF_MAXINSNS))
		rc = E_INTERNAL;
	if (rc != 0)
		return rc;
	out->filter = xcalloc(1, n);
	if (pread(fd, out->filter, n, 0) != (ssize_t)n) {
		free(out->filter);
		out->filter = NULL;
		return E_INTERNAL;
	}
	out->len = (unsigned short)(n / sizeof(struct sock_filter));
	return 0;
}

static int export_program(scmp_filter_ctx ctx, struct sock_fprog *out)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	int rc = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);

	if (rc == 0)
		rc = read_program(fd, out);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int seccomp_prepare(enum sandbox_role role, struct why *w)
{
	scmp_filter_ctx ctx;
	int rc;

	if (programs[role].filter != NULL)
		return 0;
	ctx = seccomp_init((OUTER & (1u << role)) != 0 ? ALLOW : FAIL(EPERM));
	if (ctx == NULL)
		return why_set(w, E_NOMEM, "no memory for the system call filter");
	rc = build(ctx, role);
	if (rc == 0)
		rc = export_program(ctx, &programs[role]);
	seccomp_release(ctx);
	return rc == 0 ? 0 : why_set(w, rc, "cannot build the system call filter: %s", strerror(-rc));
}

static int load(const struct sock_fprog *p)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, p) == 0 ? 0 : -errno;
}

/* abort() and raise() signal their own thread. The process id is only known now, so this is a filter of its own
 * before the table's: tgkill of any other process fails. (The kernel uses the low 32 bits of the id.) */
static int load_own_signals(void)
{
	const unsigned low = offsetof(struct seccomp_data, args) + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)getpid(), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {sizeof(f) / sizeof(f[0]), f};

	return load(&p);
}

int seccomp_enter(enum sandbox_role role, struct why *w)
{
	int rc = seccomp_prepare(role, w);

	if (rc != 0)
		return rc;
	rc = (OUTER & (1u << role)) == 0 ? load_own_signals() : 0;
	if (rc == 0)
		rc = load(&programs[role]);
	if (rc == 0)
		return 0;
	return why_set(w, rc == -EINVAL || rc == -ENOSYS ? E_UNKNOWN : rc, "cannot load the system call filter: %s",
	    strerror(-rc));
}

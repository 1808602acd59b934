/* SPDX-License-Identifier: Apache-2.0
 *
 * What a taken-over process would try: the acts of test_sandbox.c and the things they are tried on.
 */
#ifndef SP_TESTS_SANDRIG_H
#define SP_TESTS_SANDRIG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define NOBODY 65534
#define HEAD "the first line of the recording\n"

struct sandrig {
	char dir[64], recording[96], socket[96];
	int rec_fd;    /* as the monitor passes it: append only, below SANDBOX_RECORD_FD */
	int high_fd;   /* where the session keeps it */
	int other_fd;  /* a readable file */
	int pair[2];
	int unconnected; /* an unconnected unix socket */
	int listener;
	pid_t victim; /* another process of the sandboxed user */
};
extern struct sandrig w;

void sandrig_up(void);
void sandrig_down(void);

enum outcome { WORKED, REFUSED, KILLED, BROKEN };

/* An act is true when it worked. */
struct attack {
	const char *name;
	bool (*act)(void);
	enum outcome want; /* inside a session */
};

extern const struct attack attacks[];
extern const size_t n_attacks;

bool attack_setfl(void);
bool attack_setfl_wide(void);
bool attack_dup_low(void);
bool attack_pwrite(void);
bool attack_ftruncate(void);
bool attack_truncate(void);
bool attack_open_write(void);
bool attack_reopen(void);
bool attack_read_file(void);
bool attack_mmap_shared(void);
bool attack_mmap_exec(void);
bool attack_mprotect_exec(void);
bool attack_socket(void);
bool attack_socketpair(void);
bool attack_connect_unix(void);
bool attack_execve(void);
bool attack_kill(void);
bool attack_tgkill(void);
bool attack_ptrace(void);
bool attack_fork(void);
bool attack_thread(void);
bool attack_unlink(void);
bool attack_chmod(void);
bool attack_bpf(void);

#endif

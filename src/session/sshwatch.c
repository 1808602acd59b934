/* SPDX-License-Identifier: Apache-2.0
 *
 * Kills a session whose loop stopped turning while it burns CPU. A client that announces a maximum packet size of 10
 * sends libssh 0.10 into an endless loop that allocates memory; neither the size nor the loop is visible from outside.
 * A profiling timer ticks once per second of CPU time of this process: two ticks without a turn of the loop between
 * them end it. A busy session that keeps turning is never touched (unlike with RLIMIT_CPU).
 */
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "session/sshint.h"

static volatile sig_atomic_t turns, last_turns, still;

void edge_watch_turn(void)
{
	turns = (turns + 1) & 0xffffff;
}

static void tick(int sig)
{
	(void)sig;
	if (turns != last_turns) {
		last_turns = turns;
		still = 0;
		return;
	}
	still++;
	if (still >= 2)
		_exit(EDGE_EXIT_SPIN);
}

void edge_watch_start(void)
{
	struct sigaction sa;
	struct itimerval it = {{1, 0}, {1, 0}};

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = tick;
	sa.sa_flags = SA_RESTART;
	(void)sigaction(SIGPROF, &sa, NULL);
	(void)setitimer(ITIMER_PROF, &it, NULL);
}

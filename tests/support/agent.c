/* SPDX-License-Identifier: Apache-2.0 */
#include "agent.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keygen.h"

int agent_connect(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	close(fd);
	return -1;
}

pid_t agent_start(const char *path)
{
	pid_t pid;
	int fd = -1;

	(void)unlink(path);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 1);
		(void)close_range(3, ~0u, 0);
		execlp("ssh-agent", "ssh-agent", "-D", "-a", path, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000 && fd < 0; i++) {
		usleep(10000);
		fd = agent_connect(path);
	}
	cr_assert(fd >= 0, "ssh-agent does not start");
	close(fd);
	return pid;
}

void agent_stop(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = -1;
}

void agent_add(const char *path, const char *key)
{
	const char *add[] = {"ssh-add", "-q", key, NULL};
	char out[1024];

	setenv("SSH_AUTH_SOCK", path, 1);
	cr_assert_eq(run_cmd(add, out, sizeof(out)), 0, "%s", out);
}

void agent_spec(const char *path, struct span blob, char out[256])
{
	char fp[SSHPK_FP_CAP];

	sshpk_fingerprint(blob, fp);
	snprintf(out, 256, "agent:%s#%s", path, fp);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the shell library in a child; see pgserver.h.
 */
#include "tests/support/pgserver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run `. pgtmp.sh; SCRIPT` with arguments $1 $2 $3; output goes into out. */
static int run(const char *script, const char *a1, const char *a2, const char *a3, char *out, size_t cap)
{
	char text[512];
	int pipefd[2], status;
	ssize_t n, got = 0;
	pid_t pid;

	snprintf(text, sizeof(text), ". '%s'; %s", PGTMP_SH, script);
	if (pipe2(pipefd, O_CLOEXEC) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)dup2(pipefd[1], 1);
		execl("/bin/sh", "sh", "-c", text, "sh", a1, a2, a3, (char *)NULL);
		_exit(127);
	}
	close(pipefd[1]);
	while (out != NULL && (n = read(pipefd[0], out + got, cap - 1 - (size_t)got)) > 0)
		got += n;
	if (out != NULL)
		out[got] = '\0';
	if (waitpid(pid, &status, 0) != pid)
		status = -1;
	close(pipefd[0]);
	return status;
}

bool pgserver_start(const char *options)
{
	char dir[] = "/tmp/sallyport-pg-XXXXXX", port[64] = "";

	if (mkdtemp(dir) == NULL)
		return false;
	if (run("pgtmp_start \"$1\" $2", dir, options, "", port, sizeof(port)) != 0 || atoi(port) <= 0) {
		(void)run("rm -rf \"$1\"", dir, "", "", NULL, 0);
		return false;
	}
	port[strcspn(port, "\n")] = '\0';
	setenv("PGSERVER_DIR", dir, 1);
	setenv("PGSERVER_PORT", port, 1);
	return true;
}

void pgserver_stop(void)
{
	if (pgserver_port() != 0)
		(void)run("pgtmp_stop \"$1\"; rm -rf \"$1\"", pgserver_dir(), "", "", NULL, 0);
}

int pgserver_port(void)
{
	const char *p = getenv("PGSERVER_PORT");

	return p != NULL ? atoi(p) : 0;
}

const char *pgserver_dir(void)
{
	const char *p = getenv("PGSERVER_DIR");

	return p != NULL ? p : "";
}

bool pgserver_sql(const char *db, const char *sql)
{
	char out[4096];

	return run("pgtmp_psql \"$1\" -v ON_ERROR_STOP=1 -d \"$2\" -c \"$3\"", pgserver_dir(), db, sql, out, sizeof(out)) ==
	       0;
}

bool pgserver_file(const char *db, const char *path)
{
	char out[4096];

	return run("pgtmp_psql \"$1\" -v ON_ERROR_STOP=1 -d \"$2\" -f \"$3\"", pgserver_dir(), db, path, out, sizeof(out)) ==
	       0;
}

int pgserver_dial(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)pgserver_port())};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

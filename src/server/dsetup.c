/* SPDX-License-Identifier: Apache-2.0
 *
 * Preparations of the main process.
 */
#include "server/dsetup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "server/signkey.h"

#define BACKLOG 128
#define CONTROL_BACKLOG 64

void dsetup_init(struct dsetup *d, const struct conf *c)
{
	*d = (struct dsetup){.conf = c, .uid = (uid_t)-1, .gid = (gid_t)-1, .log_fd = 2, .log_level = LOG_INFO_, .state_fd = -1,
		.lock_fd = -1, .control_fd = -1};
}

void dsetup_forget_keys(struct dsetup *d)
{
	for (size_t i = 0; i < d->n_keys; i++)
		secret_free(d->keys[i]);
	d->n_keys = 0;
}

void dsetup_clear(struct dsetup *d)
{
	for (size_t i = 0; i < d->n_sockets; i++)
		fd_close(&d->sockets[i]);
	d->n_sockets = 0;
	dsetup_forget_keys(d);
	fd_close(&d->control_fd);
	fd_close(&d->state_fd);
	fd_close(&d->lock_fd);
}

int privileges_drop(uid_t uid, gid_t gid)
{
	if (uid == (uid_t)-1)
		return 0;
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return -errno;
	return setuid(0) == 0 || setgid(0) == 0 ? E_INTERNAL : 0; /* must not come back */
}

int dsetup_user(struct dsetup *d, struct why *w)
{
	const char *name = d->conf->gateway.user;
	const struct passwd *pw = name != NULL ? getpwnam(name) : getpwnam("sallyport");

	if (geteuid() != 0) {
		log_warn("not-root", "why", "all processes run as one user: containment between them is weaker");
		return 0;
	}
	if (pw == NULL && name == NULL)
		pw = getpwnam("nobody");
	if (pw == NULL)
		return why_set(w, E_CONFIG, "the user \"%s\" does not exist", name != NULL ? name : "nobody");
	if (pw->pw_uid == 0)
		return why_set(w, E_CONFIG, "the user \"%s\" is root: sessions need an unprivileged user", pw->pw_name);
	d->uid = pw->pw_uid;
	d->gid = pw->pw_gid;
	return 0;
}

/* --- state directory --- */

int dsetup_state(struct dsetup *d, struct why *w)
{
	const char *path = d->conf->gateway.state;
	struct stat st;
	int rc = dir_make(path, 0711);

	if (rc != 0)
		return why_set(w, rc, "%s: %s", path, err_str(rc));
	d->state_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (d->state_fd < 0 || fstat(d->state_fd, &st) != 0)
		return why_set(w, -errno, "%s: %s", path, err_str(-errno));
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
		why_set(w, E_CONFIG, "%s must belong to us and be writable by nobody else", path);
		why_hint(w, "chown root %s && chmod 711 %s", path, path);
		return E_CONFIG;
	}
	if (fchmod(d->state_fd, 0711) != 0)
		return why_set(w, -errno, "%s: %s", path, err_str(-errno));
	/* sessions' recordings: the archiver's sandbox names it before the monitor exists */
	if (mkdirat(d->state_fd, "recordings", 0700) != 0 && errno != EEXIST)
		return why_set(w, -errno, "%s/recordings: %s", path, err_str(-errno));
	d->lock_fd = openat(d->state_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock_fd < 0)
		return why_set(w, -errno, "%s/lock: %s", path, err_str(-errno));
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return why_set(w, E_EXISTS, "another sallyportd runs on %s", path);
	return 0;
}

/* --- listening --- */

/* "[::]:22", "127.0.0.1:2222", "name:22" */
static int split(const char *text, char *host, size_t cap, char *port, size_t port_cap)
{
	const char *colon = strrchr(text, ':');
	size_t n;

	if (colon == NULL)
		return E_FORMAT;
	n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (n >= cap)
		return E_TOOBIG;
	memcpy(host, text, n);
	host[n] = '\0';
	return str_copy(port, port_cap, colon + 1);
}

static int listen_on(const struct addrinfo *ai)
{
	const int on = 1, off = 0;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int listen_text(const char *text, int *sockets, size_t *n, size_t max, struct why *w)
{
	const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	char host[256], port[16];
	int rc = split(text, host, sizeof(host), port, sizeof(port));

	if (rc != 0)
		return why_set(w, E_CONFIG, "listen \"%s\": not HOST:PORT", text);
	rc = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &list);
	if (rc != 0)
		return why_set(w, E_CONFIG, "listen \"%s\": %s", text, gai_strerror(rc));
	for (const struct addrinfo *ai = list; rc == 0 && ai != NULL; ai = ai->ai_next) {
		int fd = *n < max ? listen_on(ai) : E_LIMIT;

		if (fd < 0)
			rc = why_set(w, fd, "listen \"%s\": %s", text, err_str(fd));
		else
			sockets[(*n)++] = fd;
	}
	freeaddrinfo(list);
	return rc;
}

int dsetup_listen_list(const struct conf_list *list, int *sockets, size_t *n, size_t max, struct why *w)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < list->n; i++)
		rc = listen_text(list->v[i], sockets, n, max, w);
	if (rc == 0 && *n == 0)
		rc = why_set(w, E_CONFIG, "nothing to listen on");
	return rc;
}

int dsetup_listen(struct dsetup *d, struct why *w)
{
	return dsetup_listen_list(&d->conf->gateway.listen, d->sockets, &d->n_sockets, DSETUP_SOCKETS, w);
}

/* --- host keys --- */

static int key_create(const char *path, const char *gateway, struct why *w)
{
	struct signkey k = {0};
	char pub[512];
	int rc = signkey_generate(&k, w);

	if (rc == 0)
		rc = signkey_save(path, &k, gateway, w);
	signkey_clear(&k);
	if (rc != 0)
		return rc;
	log_warn("host-key-created", "path", path);
	if (snprintf(pub, sizeof(pub), "%s.pub", path) < (int)sizeof(pub))
		(void)chmod(pub, 0644); /* for known_hosts files */
	return 0;
}

int dsetup_host_keys(struct dsetup *d, struct why *w)
{
	const struct conf_list *l = &d->conf->gateway.host_keys;
	int rc = 0;

	if (l->n > DSETUP_KEYS)
		return why_set(w, E_CONFIG, "too many host keys: one of each type is enough");
	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		size_t dir = strlen(d->conf->gateway.state);
		bool ours = strncmp(l->v[i], d->conf->gateway.state, dir) == 0 && l->v[i][dir] == '/';

		if (ours && access(l->v[i], F_OK) != 0 && errno == ENOENT)
			rc = key_create(l->v[i], d->conf->gateway.name, w);
		if (rc == 0)
			rc = secret_read_file(l->v[i], false, &d->keys[i], w);
		if (rc == 0)
			d->n_keys = i + 1;
	}
	return rc;
}

/* --- control socket --- */

int dsetup_control(struct dsetup *d, struct why *w)
{
	const char *path = d->conf->gateway.control;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || str_copy(sa.sun_path, sizeof(sa.sun_path), path) != 0) {
		fd_close(&fd);
		return why_set(w, E_CONFIG, "control socket %s: the path is too long", path);
	}
	(void)unlink(path); /* stale: the lock says that we are the only instance */
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || chmod(path, 0666) != 0 ||
	    listen(fd, CONTROL_BACKLOG) != 0) {
		why_set(w, -errno, "control socket %s: %s", path, err_str(-errno));
		close(fd);
		return w->code;
	}
	d->control_fd = fd;
	return 0;
}

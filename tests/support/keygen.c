/* SPDX-License-Identifier: Apache-2.0
 *
 * Test support: temporary directories, ssh-keygen, hand-made certificates.
 */
#include "keygen.h"

#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "wire/sshw.h"

extern char **environ;

static void die(const char *what, const char *arg)
{
	fprintf(stderr, "test support: %s: %s\n", what, arg);
	abort();
}

void tmp_make(char dir[64])
{
	snprintf(dir, 64, "/tmp/sallyport-test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		die("mkdtemp", dir);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

void tmp_remove(const char *dir)
{
	if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		die("remove", dir);
}

const char *tmp_path(const char *dir, const char *name)
{
	static char ring[16][256];
	static unsigned at;
	char *p = ring[at++ % 16];

	snprintf(p, sizeof(ring[0]), "%s/%s", dir, name);
	return p;
}

static size_t read_pipe(int fd, char *out, size_t cap)
{
	char waste[512];
	size_t n = 0;

	for (;;) {
		bool full = n + 1 >= cap;
		ssize_t got = read(fd, full ? waste : out + n, full ? sizeof(waste) : cap - 1 - n);

		if (got <= 0)
			break;
		n += full ? 0 : (size_t)got;
	}
	if (cap > 0)
		out[n] = '\0';
	return n;
}

int run_cmd(const char *const argv[], char *out, size_t cap)
{
	posix_spawn_file_actions_t fa;
	int p[2], status;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) != 0)
		die("pipe", argv[0]);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, p[1], 1);
	posix_spawn_file_actions_adddup2(&fa, p[1], 2);
	if (posix_spawnp(&pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
		die("cannot run", argv[0]);
	posix_spawn_file_actions_destroy(&fa);
	close(p[1]);
	read_pipe(p[0], out, cap);
	close(p[0]);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid", argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void slurp(const char *path, struct buf *b)
{
	buf_reset(b);
	if (file_read(path, b) != 0)
		die("cannot read", path);
}

void spill(const char *path, struct span s)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || file_write_all(fd, s.p, s.n) != 0)
		die("cannot write", path);
	close(fd);
}

void keygen(const char *dir, const char *name, const char *type, int bits)
{
	char b[16], out[2048];
	const char *argv[] = {"ssh-keygen", "-q", "-t", type, "-N", "", "-C", name, "-f",
	    tmp_path(dir, name), "-b", b, NULL};

	snprintf(b, sizeof(b), "%d", bits);
	if (bits == 0)
		argv[10] = NULL;
	if (run_cmd(argv, out, sizeof(out)) != 0)
		die("ssh-keygen", out);
}

void pub_blob(const char *path, struct buf *blob)
{
	struct buf line;
	struct why w;

	buf_init(&line, SSHPK_LINE_MAX);
	slurp(path, &line);
	if (sshpk_line_parse(buf_span(&line), blob, NULL, &w) != 0)
		die(path, w.text);
	buf_clear(&line);
}

void keygen_sign(const char *dir, const char *ca, const char *user, const char *principals,
    const char *const *more, struct buf *blob)
{
	const char *argv[48] = {"ssh-keygen", "-q", "-s", tmp_path(dir, ca), "-I", "the key id"};
	char pub[80], cert[80], out[2048];
	size_t n = 6;

	if (principals != NULL) {
		argv[n++] = "-n";
		argv[n++] = principals;
	}
	while (more != NULL && *more != NULL && n < 44)
		argv[n++] = *more++;
	snprintf(pub, sizeof(pub), "%s.pub", user);
	snprintf(cert, sizeof(cert), "%s-cert.pub", user);
	argv[n++] = tmp_path(dir, pub);
	argv[n] = NULL;
	if (run_cmd(argv, out, sizeof(out)) != 0)
		die("ssh-keygen -s", out);
	pub_blob(tmp_path(dir, cert), blob);
}

void mint_principals(struct mint *m, size_t n, const char *const *names)
{
	buf_reset(&m->principals);
	for (size_t i = 0; i < n; i++)
		sshw_put_cstring(&m->principals, names[i]);
}

void mint_init(struct mint *m)
{
	static const char *const alice[] = {"alice"};
	bool is_cert;

	*m = (struct mint){0};
	if (sshkey_generate(&m->ca) != 0 || sshkey_generate(&m->user) != 0)
		die("sshkey_generate", "");
	buf_init(&m->ca_blob, SSHPK_BLOB_MAX);
	buf_init(&m->principals, SSHCERT_MAX * 2);
	buf_init(&m->critical, SSHCERT_MAX * 2);
	buf_init(&m->extensions, SSHCERT_MAX * 2);
	sshpk_put_ed25519_blob(&m->ca_blob, m->ca.pub);
	crypto_random(m->nonce, sizeof(m->nonce));
	m->c.key = (struct sshpk){.kind = sshpk_kind_find(span_str("ssh-ed25519"), &is_cert),
	    .bits = 256,
	    .q = span_of(m->user.pub, 32)};
	m->c.nonce = span_of(m->nonce, sizeof(m->nonce));
	m->c.serial = 7;
	m->c.type = SSHCERT_USER;
	m->c.key_id = span_str("user=alice login=abc");
	m->c.valid_after = 1000;
	m->c.valid_before = 5000;
	mint_principals(m, 1, alice);
	sshcert_put_option(&m->critical, SSHCERT_GATEWAY, span_str("gw-test"));
}

void mint_clear(struct mint *m)
{
	buf_clear(&m->ca_blob);
	buf_clear(&m->principals);
	buf_clear(&m->critical);
	buf_clear(&m->extensions);
}

void mint_sign(struct mint *m, struct buf *cert)
{
	struct buf body, sig;
	uint8_t raw[ED25519_SIG_LEN];

	buf_init(&body, SSHCERT_MAX * 8);
	buf_init(&sig, 256);
	m->c.principals = buf_span(&m->principals);
	m->c.critical = buf_span(&m->critical);
	m->c.extensions = buf_span(&m->extensions);
	if (m->c.ca.p == NULL)
		m->c.ca = buf_span(&m->ca_blob);
	sshcert_put_body(&body, &m->c);
	if (buf_err(&body) != 0 || ed25519_sign(m->ca.seed, buf_span(&body), raw) != 0)
		die("mint", "sign");
	sshpk_put_ed25519_sig(&sig, raw);
	buf_reset(cert);
	sshcert_put(cert, buf_span(&body), buf_span(&sig));
	buf_clear(&body);
	buf_clear(&sig);
}

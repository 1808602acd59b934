/* SPDX-License-Identifier: Apache-2.0
 *
 * Several authorities in a real signer inside its real sandbox: keys from descriptors, keys in a real
 * ssh-agent, and agents that lie.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../support/agent.h"
#include "../../support/keygen.h"
#include "base/clock.h"
#include "base/file.h"
#include "ident/issue.h"
#include "server/sandbox.h"
#include "server/signer.h"
#include "wire/ipc.h"
#include "wire/sshw.h"

struct rig {
	char dir[64];
	char ca[128], log[128];
	struct signer_params p;
	int sock;
	pid_t pid, agent;
	struct buf in, out, first; /* first: blob of the configuration's authority */
	struct ipc_msg *m;
	uint32_t id;
	uint64_t serial;
};

static int enter(void *ctx, struct why *w)
{
	struct sandbox_params box = {.role = SANDBOX_SIGNER, .uid = 65534, .gid = 65534, .require = true};

	(void)ctx;
	return sandbox_enter(&box, w);
}

static void call(struct rig *r, const int *fd)
{
	cr_assert_eq(ipc_end(&r->out), 0);
	cr_assert_eq(ipc_send(r->sock, &r->out, fd, fd != NULL ? 1 : 0), 0);
	ipc_free(r->m);
	cr_assert_eq(ipc_recv(r->sock, &r->in, &r->m, NULL, NULL), 0);
	cr_assert_eq(ipc_id(r->m), r->id);
}

static void rig_open(struct rig *r, const char *ca)
{
	int sv[2];

	alarm(60); /* a process that should have left must not hang the run */
	*r = (struct rig){.agent = -1};
	tmp_make(r->dir);
	snprintf(r->ca, sizeof(r->ca), "file:%s/ca", r->dir);
	snprintf(r->log, sizeof(r->log), "%s/log", r->dir);
	r->p = (struct signer_params){.ca = ca != NULL ? ca : r->ca,
	    .log_key = r->log,
	    .gateway = "gw-test",
	    .origin = "gw-test",
	    .max_ttl_s = 8 * 3600,
	    .enter = enter};
	buf_init(&r->in, IPC_MAX);
	buf_init(&r->out, IPC_MAX);
	buf_init(&r->first, SSHPK_BLOB_MAX);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	r->pid = fork();
	if (r->pid == 0) {
		close(sv[0]);
		_exit(signer_run(sv[1], &r->p));
	}
	close(sv[1]);
	r->sock = sv[0];
	ipc_begin(&r->out, IPC_SIGNER_KEYS, ++r->id);
	call(r, NULL);
	cr_assert_eq(ipc_type_of(r->m), IPC_OK);
	buf_put_span(&r->first, ipc_get_span(r->m, "ca"));
}

/* The signer must still be there and leave in order. */
static void rig_close(struct rig *r, int want)
{
	int status;

	close(r->sock);
	cr_assert_eq(waitpid(r->pid, &status, 0), r->pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == want, "status %x", (unsigned)status);
	agent_stop(&r->agent);
	ipc_free(r->m);
	buf_clear(&r->in);
	buf_clear(&r->out);
	buf_clear(&r->first);
	tmp_remove(r->dir);
}

static bool ok(const struct rig *r)
{
	return ipc_type_of(r->m) == IPC_OK;
}

static void failed(struct rig *r, int code, const char *want, const char *what)
{
	char text[256] = "";

	ipc_take_str(r->m, "text", text, sizeof(text));
	cr_assert_eq(ipc_type_of(r->m), IPC_FAIL, "%s was done", what);
	cr_assert(strstr(text, want) != NULL, "%s: \"%s\"", what, text);
	cr_assert_eq(ipc_get_int(r->m, "code", 0), code, "%s: %s: %d", what, text,
	    (int)ipc_get_int(r->m, "code", 0));
	cr_assert(ipc_get(r->m, "sig") == NULL && ipc_get(r->m, "ca") == NULL);
}

/* The descriptor is closed here. */
static void load(struct rig *r, const char *name, const char *spec, bool create, int fd)
{
	cr_assert(fd >= 0, "%s: %s", spec, strerror(errno));
	ipc_begin(&r->out, IPC_CA_LOAD, ++r->id);
	ipc_str(&r->out, "name", name);
	ipc_str(&r->out, "spec", spec);
	ipc_bool(&r->out, "create", create);
	call(r, &fd);
	close(fd);
}

static void named(struct rig *r, enum ipc_type t, const char *name)
{
	ipc_begin(&r->out, t, ++r->id);
	ipc_str(&r->out, "name", name);
	call(r, NULL);
}

/* Ask for a signature of a good body that names this authority; key: what is certified, or NULL. */
static void ask(struct rig *r, struct span ca, uint64_t serial, struct span key, struct buf *body)
{
	struct mint m;
	struct sshpk k;
	int64_t now = clock_wall_s();

	mint_init(&m);
	m.c.serial = serial;
	m.c.valid_after = (uint64_t)(now - 60);
	m.c.valid_before = (uint64_t)(now + 3600);
	m.c.ca = ca;
	if (key.n > 0) {
		cr_assert_eq(sshpk_parse(key, &k, NULL), 0);
		m.c.key = k;
	}
	m.c.principals = buf_span(&m.principals);
	m.c.critical = buf_span(&m.critical);
	m.c.extensions = buf_span(&m.extensions);
	buf_init(body, SSHCERT_MAX);
	sshcert_put_body(body, &m.c);
	mint_clear(&m);
	ipc_begin(&r->out, IPC_SIGN_CERT, ++r->id);
	ipc_bin(&r->out, "tbs", buf_span(body));
	call(r, NULL);
}

static void ask_quick(struct rig *r, struct span ca)
{
	struct buf body;

	ask(r, ca, ++r->serial, (struct span){0}, &body);
	buf_clear(&body);
}

/* A certificate comes out that ssh-keygen calls signed by this kind of key. */
static void issues(struct rig *r, struct span ca, const char *says)
{
	const char *inspect[] = {"ssh-keygen", "-L", "-f", tmp_path(r->dir, "c-cert.pub"), NULL};
	struct buf body, cert, line;
	struct why w;
	char out[4096], fp[SSHPK_FP_CAP];

	ask(r, ca, ++r->serial, (struct span){0}, &body);
	if (!ok(r))
		failed(r, 0, "it should sign", says);
	buf_init(&cert, SSHCERT_MAX);
	buf_init(&line, SSHPK_LINE_MAX);
	cr_assert_eq(issue_finish(buf_span(&body), ipc_get_span(r->m, "sig"), &cert, &w), 0, "%s: %s",
	    says, w.text);
	cr_assert_eq(sshpk_line_put(&line, buf_span(&cert), ""), 0);
	spill(tmp_path(r->dir, "c-cert.pub"), buf_span(&line));
	cr_assert_eq(run_cmd(inspect, out, sizeof(out)), 0, "%s", out);
	sshpk_fingerprint(ca, fp);
	cr_assert(strstr(out, fp) != NULL && strstr(out, says) != NULL, "%s", out);
	buf_clear(&body);
	buf_clear(&cert);
	buf_clear(&line);
}

/* --- keys in files --- */

static int fresh(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

Test(signer_ca, a_new_file_is_filled_and_takes_over)
{
	const char *show[] = {"ssh-keygen", "-y", "-f", NULL, NULL};
	struct rig r;
	struct buf blob, body, line;
	char out[2048];

	rig_open(&r, NULL);
	buf_init(&blob, SSHPK_BLOB_MAX);
	buf_init(&line, SSHPK_LINE_MAX);
	issues(&r, buf_span(&r.first), "ED25519");
	load(&r, "two", "file:two", true, fresh(tmp_path(r.dir, "two")));
	cr_assert(ok(&r));
	buf_put_span(&blob, ipc_get_span(r.m, "ca"));
	show[3] = tmp_path(r.dir, "two");
	cr_assert_eq(run_cmd(show, out, sizeof(out)), 0, "%s", out);
	cr_assert_eq(sshpk_line_put(&line, buf_span(&blob), "sallyport certificate authority"), 0);
	cr_assert_str_eq(out, buf_cstr(&line));

	/* Loaded is not active. */
	ask_quick(&r, buf_span(&blob));
	failed(&r, E_STATE, "names another authority", "not active yet");
	issues(&r, buf_span(&r.first), "ED25519");
	named(&r, IPC_CA_ACTIVATE, "two");
	cr_assert(ok(&r));
	issues(&r, buf_span(&blob), "ED25519");
	ask_quick(&r, buf_span(&r.first));
	failed(&r, E_STATE, "names another authority", "not active any more");

	/* Serials grow over all of them; no authority can be certified. */
	ask(&r, buf_span(&blob), 1, (struct span){0}, &body);
	failed(&r, E_DENIED, "was used before", "old serial");
	buf_clear(&body);
	ask(&r, buf_span(&blob), ++r.serial, buf_span(&blob), &body);
	failed(&r, E_DENIED, "own key", "itself");
	buf_clear(&body);
	ask(&r, buf_span(&blob), ++r.serial, buf_span(&r.first), &body);
	failed(&r, E_DENIED, "own key", "the other one");
	buf_clear(&body);

	named(&r, IPC_CA_DROP, "two");
	failed(&r, E_STATE, "the one that signs", "drop");
	named(&r, IPC_CA_DROP, "default");
	cr_assert(ok(&r));
	named(&r, IPC_CA_ACTIVATE, "default");
	failed(&r, E_NOTFOUND, "does not hold", "activate");
	named(&r, IPC_CA_DROP, "default");
	failed(&r, E_NOTFOUND, "does not hold", "drop");
	issues(&r, buf_span(&blob), "ED25519");

	/* The file again, under its name: still active. */
	load(&r, "two", "file:two", true, open(tmp_path(r.dir, "two"), O_RDONLY | O_CLOEXEC));
	cr_assert(ok(&r) && span_eq(ipc_get_span(r.m, "ca"), buf_span(&blob)));
	issues(&r, buf_span(&blob), "ED25519");
	buf_clear(&blob);
	buf_clear(&line);
	rig_close(&r, 0);
}

Test(signer_ca, unfit_files_are_refused)
{
	struct rig r;
	char name[8];

	rig_open(&r, NULL);
	load(&r, "x", "file:x", false, fresh(tmp_path(r.dir, "x")));
	failed(&r, E_FORMAT, "", "an empty file");
	load(&r, "x", "file:x", true, open("/dev/null", O_RDWR | O_CLOEXEC));
	failed(&r, E_FORMAT, "not a regular file", "a device");
	load(&r, "x", "file:x", true, open(r.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	failed(&r, E_FORMAT, "not a regular file", "a directory");
	keygen(r.dir, "ec", "ecdsa", 256);
	load(&r, "x", "file:ec", false, open(tmp_path(r.dir, "ec"), O_RDONLY | O_CLOEXEC));
	failed(&r, E_UNKNOWN, "only Ed25519", "another type");
	keygen(r.dir, "ed", "ed25519", 0);
	cr_assert_eq(chmod(tmp_path(r.dir, "ed"), 0640), 0);
	load(&r, "x", "file:ed", false, open(tmp_path(r.dir, "ed"), O_RDONLY | O_CLOEXEC));
	failed(&r, E_DENIED, "readable by others", "mode");
	cr_assert_eq(chmod(tmp_path(r.dir, "ed"), 0600), 0);
	load(&r, "x", "file:ed", true, open(tmp_path(r.dir, "ed"), O_RDONLY | O_CLOEXEC));
	cr_assert(ok(&r)); /* as ssh-keygen made it */
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "y%d", i);
		load(&r, name, "file:ed", false, open(tmp_path(r.dir, "ed"), O_RDONLY | O_CLOEXEC));
		cr_assert(ok(&r), "%d", i);
	}
	load(&r, "over", "file:ed", false, open(tmp_path(r.dir, "ed"), O_RDONLY | O_CLOEXEC));
	failed(&r, E_LIMIT, "holds 8 authorities", "the ninth");
	issues(&r, buf_span(&r.first), "ED25519");
	rig_close(&r, 0);
}

Test(signer_ca, leaves_after_a_message_that_breaks_the_contract)
{
	for (int i = 0; i < 6; i++) {
		struct rig r;
		int fd;

		rig_open(&r, NULL);
		fd = open(tmp_path(r.dir, "ca"), O_RDONLY | O_CLOEXEC);
		ipc_begin(&r.out, i == 4 ? IPC_CA_ACTIVATE : i == 5 ? IPC_CA_DROP : IPC_CA_LOAD, 9);
		if (i != 1 && i != 5)
			ipc_str(&r.out, "name", i == 2 ? "" : "default");
		ipc_str(&r.out, "spec", i == 3 ? "vault:x" : "file:x");
		cr_assert_eq(ipc_end(&r.out), 0);
		cr_assert_eq(ipc_send(r.sock, &r.out, &fd, i == 0 || i == 5 ? 0 : 1), 0);
		ipc_free(r.m);
		cr_assert_eq(ipc_recv(r.sock, &r.in, &r.m, NULL, NULL), E_CLOSED, "case %d", i);
		close(fd);
		r.m = NULL;
		rig_close(&r, 2);
	}
}

/* --- keys in a real agent --- */

static const char *sock_of(const struct rig *r)
{
	return tmp_path(r->dir, "agent");
}

Test(signer_ca, keys_in_an_agent)
{
	static const struct {
		const char *type;
		int bits;
		const char *says;
	} v[] = {
	    {"ed25519", 0, "ED25519"},
	    {"rsa", 3072, "using rsa-sha2-512"},
	    {"ecdsa", 256, "using ecdsa-sha2-nistp256"},
	    {"ecdsa", 384, "using ecdsa-sha2-nistp384"},
	    {"ecdsa", 521, "using ecdsa-sha2-nistp521"},
	};
	struct rig r;
	struct buf blob;
	char name[16], pub[24], spec[256];

	rig_open(&r, "agent:/run/agent.sock#SHA256:x");
	cr_assert_eq(buf_len(&r.first), 0); /* nothing signs yet */
	ask_quick(&r, span_str(""));
	cr_assert(!ok(&r));
	buf_init(&blob, SSHPK_BLOB_MAX);
	r.agent = agent_start(sock_of(&r));
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		snprintf(name, sizeof(name), "key%zu", i);
		snprintf(pub, sizeof(pub), "%s.pub", name);
		keygen(r.dir, name, v[i].type, v[i].bits);
		pub_blob(tmp_path(r.dir, pub), &blob);
		agent_spec(sock_of(&r), buf_span(&blob), spec);
		load(&r, name, spec, false, agent_connect(sock_of(&r)));
		failed(&r, E_NOTFOUND, "does not have the key SHA256:", "not added yet");
		agent_add(sock_of(&r), tmp_path(r.dir, name));
		load(&r, name, spec, false, agent_connect(sock_of(&r)));
		cr_assert(ok(&r), "%s", name);
		cr_assert(span_eq(ipc_get_span(r.m, "ca"), buf_span(&blob)));
		named(&r, IPC_CA_ACTIVATE, name);
		issues(&r, buf_span(&blob), v[i].says);
		issues(&r, buf_span(&blob), v[i].says);
	}

	/* The agent ends and comes back: E_CLOSED until it is loaded again. */
	agent_stop(&r.agent);
	for (int i = 0; i < 2; i++) {
		ask_quick(&r, buf_span(&blob));
		failed(&r, E_CLOSED, i == 0 ? "closed the connection" : "is not connected", "gone");
	}
	r.agent = agent_start(sock_of(&r));
	agent_add(sock_of(&r), tmp_path(r.dir, name));
	load(&r, name, spec, false, agent_connect(sock_of(&r)));
	cr_assert(ok(&r));
	issues(&r, buf_span(&blob), v[4].says);
	buf_clear(&blob);
	rig_close(&r, 0);
}

Test(signer_ca, an_agents_key_must_be_fit)
{
	const char *weak[] = {"ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", NULL, NULL};
	struct rig r;
	struct buf blob;
	char spec[256], out[1024];

	rig_open(&r, NULL);
	buf_init(&blob, SSHPK_BLOB_MAX);
	weak[9] = tmp_path(r.dir, "weak");
	cr_assert_eq(run_cmd(weak, out, sizeof(out)), 0, "%s", out);
	r.agent = agent_start(sock_of(&r));
	agent_add(sock_of(&r), tmp_path(r.dir, "weak"));
	pub_blob(tmp_path(r.dir, "weak.pub"), &blob);
	agent_spec(sock_of(&r), buf_span(&blob), spec);
	load(&r, "weak", spec, false, agent_connect(sock_of(&r)));
	failed(&r, E_DENIED, "1024 bits", "a weak key");

	/* A key that was taken out of the agent, and a locked agent. */
	keygen(r.dir, "key", "ed25519", 0);
	agent_add(sock_of(&r), tmp_path(r.dir, "key"));
	pub_blob(tmp_path(r.dir, "key.pub"), &blob);
	agent_spec(sock_of(&r), buf_span(&blob), spec);
	load(&r, "key", spec, false, agent_connect(sock_of(&r)));
	cr_assert(ok(&r));
	named(&r, IPC_CA_ACTIVATE, "key");
	issues(&r, buf_span(&blob), "ED25519");
	cr_assert_eq(run_cmd((const char *const[]){"ssh-add", "-D", NULL}, out, sizeof(out)), 0);
	ask_quick(&r, buf_span(&blob));
	failed(&r, E_CLOSED, "the agent refused", "taken out");
	load(&r, "key", spec, false, agent_connect(sock_of(&r)));
	failed(&r, E_NOTFOUND, "does not have the key", "taken out");
	buf_clear(&blob);
	rig_close(&r, 0);
}

/* --- agents that lie --- */

enum lie {
	HONEST, WRONG_BIT, OTHER_KEY, OTHER_MESSAGE, OTHER_TYPE, NO_SIGNATURE, TRAILING, GARBAGE,
	ZERO_LENGTH, HUGE_LENGTH, FAILURE, CLOSES, CLOSES_INSIDE, HANGS, DRIPS, TALKS,
	LIST_ENDLESS, LIST_SHORT, LIST_HANGS, LIE_N
};

static bool read_all(int fd, uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t got = read(fd, p, n);

		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

static void reply(int fd, struct buf *body)
{
	struct buf b;

	buf_init(&b, 1024 * 1024);
	sshw_put_string(&b, buf_span(body));
	(void)!file_write_all(fd, buf_span(&b).p, buf_len(&b));
	buf_clear(&b);
}

static void liar_list(int fd, enum lie lie, struct span key)
{
	struct buf b;

	buf_init(&b, 65536);
	buf_put_u8(&b, 12);
	buf_put_u32be(&b, lie == LIST_ENDLESS ? 0xffffffff : lie == LIST_SHORT ? 2 : 1);
	sshw_put_string(&b, key);
	sshw_put_cstring(&b, "honest");
	if (lie == LIST_HANGS)
		pause();
	reply(fd, &b);
	if (lie == TALKS)
		reply(fd, &b);
	buf_clear(&b);
}

/* The raw signature by k of msg, in a response that is wrong in one way. */
static void liar_sign(int fd, enum lie lie, const struct sshkey *k, struct span msg)
{
	struct sshkey other;
	uint8_t sig[ED25519_SIG_LEN], zero[4] = {0}, huge[5] = {0xff, 0xff, 0xff, 0xff, 14};
	const uint8_t slow[5] = {0, 0, 0, 87, 14};
	struct buf b;
	size_t at;

	cr_assert_eq(sshkey_generate(&other), 0);
	buf_init(&b, 4096);
	if (lie == OTHER_MESSAGE)
		msg.n--;
	cr_assert_eq(ed25519_sign(lie == OTHER_KEY ? other.seed : k->seed, msg, sig), 0);
	if (lie == WRONG_BIT)
		sig[40] ^= 4;
	buf_put_u8(&b, lie == GARBAGE ? 99 : lie == FAILURE ? 5 : 14);
	at = sshw_open_string(&b);
	if (lie != NO_SIGNATURE) {
		sshw_put_cstring(&b, lie == OTHER_TYPE ? "ssh-rsa" : "ssh-ed25519");
		sshw_put_string(&b, span_of(sig, sizeof(sig)));
	}
	sshw_close_string(&b, at);
	if (lie == TRAILING)
		buf_put_u8(&b, 0);
	if (lie == FAILURE)
		buf_truncate(&b, 1);
	if (lie == HANGS)
		pause();
	if (lie == ZERO_LENGTH)
		(void)!write(fd, zero, sizeof(zero));
	else if (lie == HUGE_LENGTH)
		(void)!write(fd, huge, sizeof(huge));
	else if (lie == CLOSES_INSIDE)
		(void)!write(fd, zero, 3);
	else if (lie == DRIPS)
		for (size_t i = 0; i < 60; i++, usleep(200000))
			(void)!write(fd, slow + (i < 5 ? i : 0), 1);
	else if (lie != CLOSES)
		reply(fd, &b);
	if (lie == CLOSES || lie == CLOSES_INSIDE)
		_exit(0);
	buf_clear(&b);
}

/* A process that answers as told; our end for the signer. */
static int liar(struct rig *r, enum lie lie, const struct sshkey *k, struct span key)
{
	static uint8_t in[65536];
	int sv[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	r->agent = fork();
	if (r->agent != 0) {
		close(sv[1]);
		return sv[0];
	}
	close(sv[0]);
	close(r->sock);
	for (;;) {
		struct cur c = cur_of(span_of(in, 4));
		size_t n;

		if (!read_all(sv[1], in, 4))
			_exit(0);
		n = cur_u32be(&c);
		if (n > sizeof(in) || !read_all(sv[1], in, n))
			_exit(0);
		c = cur_of(span_of(in, n));
		if (cur_u8(&c) == 11) {
			liar_list(sv[1], lie, key);
			continue;
		}
		(void)sshw_get_string(&c);
		liar_sign(sv[1], lie, k, sshw_get_string(&c));
	}
}

Test(signer_ca, an_agent_that_lies_is_refused)
{
	static const char *const says[LIE_N] = {
	    [HONEST] = "",
	    [WRONG_BIT] = "does not verify",
	    [OTHER_KEY] = "does not verify",
	    [OTHER_MESSAGE] = "does not verify",
	    [OTHER_TYPE] = "SHA-1",
	    [NO_SIGNATURE] = "malformed",
	    [TRAILING] = "malformed",
	    [GARBAGE] = "of type 99",
	    [ZERO_LENGTH] = "no length",
	    [HUGE_LENGTH] = "longer than",
	    [FAILURE] = "the agent refused",
	    [CLOSES] = "closed the connection",
	    [CLOSES_INSIDE] = "closed the connection",
	    [HANGS] = "within 5 seconds",
	    [DRIPS] = "5 seconds",
	    [TALKS] = "without being asked",
	    [LIST_ENDLESS] = "keys",
	    [LIST_SHORT] = "malformed",
	    [LIST_HANGS] = "within 5 seconds",
	};
	struct rig r;
	struct sshkey k;
	struct buf blob;
	char spec[256];

	rig_open(&r, NULL);
	buf_init(&blob, SSHPK_BLOB_MAX);
	cr_assert_eq(sshkey_generate(&k), 0);
	sshpk_put_ed25519_blob(&blob, k.pub);
	agent_spec(sock_of(&r), buf_span(&blob), spec);
	for (int i = 0; i < LIE_N; i++) {
		int64_t t0 = clock_mono_us();

		load(&r, "liar", spec, false, liar(&r, (enum lie)i, &k, buf_span(&blob)));
		if (i >= LIST_ENDLESS) {
			failed(&r, E_CLOSED, says[i], "list");
		} else {
			cr_assert(ok(&r), "case %d", i);
			named(&r, IPC_CA_ACTIVATE, "liar");
			ask_quick(&r, buf_span(&blob));
			if (i == HONEST)
				cr_assert(ok(&r));
			else
				failed(&r, E_CLOSED, says[i], "sign");
			if (i != HONEST) {
				ask_quick(&r, buf_span(&blob));
				failed(&r, E_CLOSED, "is not connected", "afterwards");
			}
		}
		cr_assert(clock_mono_us() - t0 < 9 * 1000000, "case %d took too long", i);
		agent_stop(&r.agent);
	}
	/* None of it had an effect on the authority in the file. */
	named(&r, IPC_CA_ACTIVATE, "default");
	issues(&r, buf_span(&r.first), "ED25519");
	buf_clear(&blob);
	rig_close(&r, 0);
}

/* A real agent whose flags are taken away signs with SHA-1, or with SHA-256 instead of what was asked. */
static int relay(struct rig *r, uint8_t flags)
{
	static uint8_t b[65536];
	int up = agent_connect(sock_of(r)), sv[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	if (fork() != 0) {
		close(sv[1]);
		close(up);
		return sv[0];
	}
	close(sv[0]);
	close(r->sock);
	for (int from = sv[1], to = up;;) {
		struct cur c = cur_of(span_of(b, 4));
		size_t n;

		if (!read_all(from, b, 4) || (n = cur_u32be(&c)) > sizeof(b) - 4 || !read_all(from, b + 4, n))
			_exit(0);
		if (b[4] == 13)
			b[n + 3] = flags;
		if (file_write_all(to, b, n + 4) != 0)
			_exit(0);
		from = from == up ? sv[1] : up;
		to = to == up ? sv[1] : up;
	}
}

Test(signer_ca, rsa_is_signed_with_sha512_only)
{
	static const struct {
		uint8_t flags;
		const char *says; /* NULL: good */
	} v[] = {{4, NULL}, {0, "SHA-1"}, {2, "not the asked rsa-sha2-512"}};
	struct rig r;
	struct buf blob;
	char spec[256];

	rig_open(&r, NULL);
	(void)signal(SIGCHLD, SIG_DFL);
	buf_init(&blob, SSHPK_BLOB_MAX);
	keygen(r.dir, "rsa", "rsa", 2048);
	pub_blob(tmp_path(r.dir, "rsa.pub"), &blob);
	r.agent = agent_start(sock_of(&r));
	agent_add(sock_of(&r), tmp_path(r.dir, "rsa"));
	agent_spec(sock_of(&r), buf_span(&blob), spec);
	for (size_t i = 0; i < 3; i++) {
		load(&r, "rsa", spec, false, relay(&r, v[i].flags));
		cr_assert(ok(&r));
		named(&r, IPC_CA_ACTIVATE, "rsa");
		ask_quick(&r, buf_span(&blob));
		if (v[i].says == NULL)
			cr_assert(ok(&r));
		else
			failed(&r, E_CLOSED, v[i].says, "sign");
	}
	buf_clear(&blob);
	rig_close(&r, 0);
}

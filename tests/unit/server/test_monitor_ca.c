/* SPDX-License-Identifier: Apache-2.0
 *
 * Several authorities, their change, and keys in an ssh-agent: the verb ca and what it does to certificates
 * and live connections, against a real signer and a real agent.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent.h"
#include "base/clock.h"
#include "keygen.h"
#include "monrig.h"
#include "wire/sshcert.h"

#define HERE "198.51.100.7"

static struct rig r;
static struct verbcall v;
static pid_t agent;
static char sock[100];

static void begin(void)
{
	agent = -1;
	rig_init(&r);
	snprintf(sock, sizeof(sock), "%s/agent", r.dir);
}

static void up(void)
{
	begin();
	rig_conf(&r, NULL);
	rig_start(&r);
}

static void down(void)
{
	agent_stop(&agent);
	rig_down(&r);
}

static void again(void)
{
	rig_stop(&r);
	rig_start(&r);
}

TestSuite(ca, .init = up, .fini = down, .timeout = 90);
TestSuite(ca_agent, .init = begin, .fini = down, .timeout = 90);

/* --- helpers --- */

static int ca(const char *what, const char *name)
{
	verb_clear(&v);
	return verb_run(&r, NULL, &v, "ca", "do", what, "name", name, NULL);
}

static int ca_add(const char *name, const char *spec)
{
	verb_clear(&v);
	return verb_run(&r, NULL, &v, "ca", "do", "add", "name", name, "spec", spec, NULL);
}

static int retire_all(const char *name)
{
	verb_clear(&v);
	return verb_run(&r, NULL, &v, "ca", "do", "retire", "name", name, "force", "true", "why", "lost", NULL);
}

/* A field of the authority of this name. */
static const char *field(const char *name, const char *key)
{
	cr_assert_eq(ca("list", ""), 0, "%s", verb_text(&v));
	for (size_t i = 0; i < v.n_items; i++)
		if (strcmp(verb_str(&v, i, "name"), name) == 0)
			return verb_str(&v, i, key);
	return "no such authority";
}

static void states(const char *want)
{
	char got[256] = "";
	size_t n = 0;

	cr_assert_eq(ca("list", ""), 0);
	for (size_t i = 0; i < v.n_items; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s=%s", i > 0 ? " " : "",
		    verb_str(&v, i, "name"), verb_str(&v, i, "state"));
	cr_assert_str_eq(got, want);
}

/* The exit status of the verb cert for this user; certificate into cert. */
static int cert_try(enum rig_user u, struct buf *cert)
{
	struct client c;
	int code;

	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_key(&c, rig_names[u], buf_span(&r.blob[u])), IPC_OK);
	cr_assert_eq(client_done(&c, true), IPC_OK);
	verb_clear(&v);
	code = verb_run(&r, &c, &v, "cert", NULL);
	buf_init(cert, SSHPK_BLOB_MAX);
	if (code == 0)
		cr_assert_eq(sshpk_line_parse(span_str(verb_str(&v, 0, "certificate")), cert, NULL, NULL), 0);
	client_close(&c);
	return code;
}

static void cert_of(enum rig_user u, const char *ca_name, struct buf *cert)
{
	char fp[SSHPK_FP_CAP];
	struct sshcert x;

	cr_assert_eq(cert_try(u, cert), 0, "%s", verb_text(&v));
	cr_assert_eq(sshcert_parse(buf_span(cert), &x, NULL), 0);
	sshpk_fingerprint(x.ca, fp);
	cr_assert_str_eq(fp, field(ca_name, "fingerprint"));
}

/* Is it accepted now? */
static bool good(enum rig_user u, const struct buf *cert)
{
	struct client c;
	int t;

	client_open(&r, &c, HERE);
	t = client_auth_cert(&c, rig_names[u], buf_span(cert));
	if (t != IPC_OK)
		cr_assert(strstr(client_str(&c, "text"), "is not trusted here") != NULL, "%s",
		    client_str(&c, "text"));
	client_close(&c);
	return t == IPC_OK;
}

static void enter(struct client *c, enum rig_user u, const struct buf *cert)
{
	client_open(&r, c, HERE);
	cr_assert_eq(client_auth_cert(c, rig_names[u], buf_span(cert)), IPC_OK);
	cr_assert_eq(client_done(c, false), IPC_OK);
}

static bool told_to_go(struct client *c)
{
	int t;

	while ((t = client_next(c, 200)) > 0)
		if (t == IPC_KILL)
			return strstr(client_str(c, "reason"), "retired") != NULL;
	return false;
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	return stat(tmp_path(r.dir, name), &st) == 0 ? st.st_mode & 0777 : 0;
}

/* --- rotation --- */

Test(ca, a_change_breaks_nobodys_certificate)
{
	struct buf old, new;
	struct client live, waits;

	states("default=active");
	cr_assert_str_eq(field("default", "type"), "ssh-ed25519");
	cert_of(ALICE, "default", &old);
	cr_assert_str_eq(field("default", "alive"), "1");

	cr_assert_eq(ca("add", "two"), 0, "%s", verb_text(&v));
	cr_assert(strstr(verb_hint(&v), "sallyport ca activate two") != NULL, "%s", verb_hint(&v));
	cr_assert_eq(mode_of("ca"), 0700 & 0777, "%o", mode_of("ca"));
	states("default=active two=trusted");
	cert_of(BOB, "default", &new); /* signs nothing yet */
	buf_clear(&new);

	cr_assert_eq(ca("activate", "two"), 0, "%s", verb_text(&v));
	cr_assert(strstr(verb_hint(&v), "2 certificates of default are valid until 2") != NULL, "%s",
	    verb_hint(&v));
	states("default=trusted two=active");
	cert_of(ALICE, "two", &new);
	cr_assert(good(ALICE, &old));
	cr_assert(good(ALICE, &new));
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, NULL, &v, "status", NULL), 0);
	cr_assert_str_eq(verb_str(&v, 0, "ca_name"), "two");

	enter(&live, ALICE, &old);
	client_open(&r, &waits, HERE); /* verified, not adopted */
	cr_assert_eq(client_auth_cert(&waits, "alice", buf_span(&old)), IPC_OK);
	cr_assert_eq(ca("retire", "default"), 1);
	cr_assert(strstr(verb_text(&v), "2 certificates of \"default\" are still valid") != NULL, "%s",
	    verb_text(&v));
	cr_assert(strstr(verb_hint(&v), "--force") != NULL);
	cr_assert(good(ALICE, &old));
	cr_assert(!told_to_go(&live));
	cr_assert_eq(retire_all("default"), 0, "%s", verb_text(&v));
	cr_assert(strstr(verb_text(&v), "1 connections ended") != NULL, "%s", verb_text(&v));
	cr_assert(told_to_go(&live));
	cr_assert(told_to_go(&waits));
	client_close(&live);
	client_close(&waits);
	cr_assert(!good(ALICE, &old));
	cr_assert(good(ALICE, &new));
	states("default=retired two=active");

	again();
	states("default=retired two=active");
	cr_assert(!good(ALICE, &old));
	cr_assert(good(ALICE, &new));
	buf_clear(&new);
	cert_of(ALICE, "two", &new);
	cr_assert_eq(ca("activate", "default"), 1);
	cr_assert(strstr(verb_text(&v), "is retired, and stays so") != NULL);
	buf_clear(&old);
	buf_clear(&new);
}

Test(ca, a_session_that_was_renewed_outlives_the_retired_authority)
{
	struct client live, stale;
	struct buf old, bob, new;

	cert_of(ALICE, "default", &old);
	cert_of(BOB, "default", &bob);
	enter(&live, ALICE, &old);
	enter(&stale, BOB, &bob);
	cr_assert_eq(ca("add", "two"), 0);
	cr_assert_eq(ca("activate", "two"), 0);
	clock_test_shift_us(2000000);
	cert_of(ALICE, "two", &new); /* same user, key and groups */
	cr_assert_neq(live.peer->id.extended, 0);
	cr_assert_eq(retire_all("default"), 0, "%s", verb_text(&v));
	cr_assert(told_to_go(&stale));
	cr_assert(!told_to_go(&live));
	cr_assert(!good(ALICE, &old), "the old certificate itself opens nothing any more");
	client_close(&stale);
	client_close(&live);
	buf_clear(&old);
	buf_clear(&bob);
	buf_clear(&new);
}

Test(ca, an_extension_ends_with_the_authority_of_the_newer_certificate)
{
	struct client live;
	struct buf old, new;

	cert_of(ALICE, "default", &old);
	enter(&live, ALICE, &old);
	cr_assert_eq(ca("add", "two"), 0);
	cr_assert_eq(ca("activate", "two"), 0);
	clock_test_shift_us(2000000);
	cert_of(ALICE, "two", &new);
	cr_assert_neq(live.peer->id.extended, 0);
	cr_assert_eq(ca("activate", "default"), 0, "%s", verb_text(&v));
	cr_assert_eq(retire_all("two"), 0, "%s", verb_text(&v));
	cr_assert(told_to_go(&live));
	client_close(&live);
	buf_clear(&old);
	buf_clear(&new);
}

Test(ca, the_key_file_of_a_new_one)
{
	const char *show[] = {"ssh-keygen", "-l", "-f", NULL, NULL};
	char out[512];
	struct stat st;
	struct buf cert;

	cr_assert_eq(ca("add", "two"), 0);
	cr_assert_eq(mode_of("ca/two"), 0600);
	cr_assert_eq(mode_of("ca/two.pub"), 0644);
	show[3] = tmp_path(r.dir, "ca/two.pub");
	cr_assert_eq(run_cmd(show, out, sizeof(out)), 0, "%s", out);
	cr_assert(strstr(out, field("two", "fingerprint")) != NULL, "%s", out);
	cr_assert(strstr(field("two", "where"), "/ca/two") != NULL);

	/* Another key in its place is not this authority. */
	cr_assert_eq(unlink(tmp_path(r.dir, "ca/two")), 0);
	keygen(r.dir, "ca/two", "ed25519", 0);
	cr_assert_neq(ca("activate", "two"), 0);
	cr_assert(strstr(verb_text(&v), "is not its key any more") != NULL, "%s", verb_text(&v));
	cr_assert_eq(unlink(tmp_path(r.dir, "ca/two")), 0);
	cr_assert_eq(symlink(tmp_path(r.dir, "ca_key"), tmp_path(r.dir, "ca/two")), 0);
	cr_assert_neq(ca("activate", "two"), 0);
	cr_assert(strstr(verb_text(&v), "cannot be opened") != NULL, "%s", verb_text(&v));
	cr_assert_eq(unlink(tmp_path(r.dir, "ca/two")), 0);
	cr_assert_neq(ca("activate", "two"), 0);
	states("default=active two=trusted");

	/* What a crash left is not taken over. */
	spill(tmp_path(r.dir, "ca/three"), span_str(""));
	cr_assert_neq(ca("add", "three"), 0);
	cr_assert(strstr(verb_hint(&v), "move it away") != NULL, "%s", verb_hint(&v));

	/* Readable by others: no. */
	cr_assert_eq(ca("add", "four"), 0);
	cr_assert_eq(chmod(tmp_path(r.dir, "ca/four"), 0640), 0);
	cr_assert_neq(ca("activate", "four"), 0);
	cr_assert(strstr(verb_text(&v), "nobody else may read") != NULL, "%s", verb_text(&v));
	cr_assert_eq(chmod(tmp_path(r.dir, "ca/four"), 0600), 0);
	if (geteuid() == 0) {
		cr_assert_eq(chown(tmp_path(r.dir, "ca/four"), 65534, 65534), 0);
		cr_assert_neq(ca("activate", "four"), 0);
		cr_assert_eq(chown(tmp_path(r.dir, "ca/four"), 0, 0), 0);
	}
	cr_assert_eq(ca("activate", "four"), 0, "%s", verb_text(&v));
	cr_assert_eq(ca("activate", "four"), 0, "%s", verb_text(&v));
	cr_assert(strstr(verb_text(&v), "loaded again") != NULL);

	/* Another key in the active one's file: what the signer holds stays. */
	cr_assert_eq(unlink(tmp_path(r.dir, "ca/four")), 0);
	(void)unlink(tmp_path(r.dir, "ca/four.pub"));
	keygen(r.dir, "ca/four", "ed25519", 0);
	cr_assert_neq(ca("activate", "four"), 0);
	cert_of(ALICE, "four", &cert);
	buf_clear(&cert);
	cr_assert_eq(stat(tmp_path(r.dir, "ca/four"), &st), 0);
}

Test(ca, refusals)
{
	static const struct {
		const char *what, *name, *spec;
		int code;
		const char *says;
	} x[] = {
	    {"frob", "", "", 2, "ca: list, add"},
	    {"add", "", "", 2, "cannot be the name"},
	    {"add", "../x", "", 2, "cannot be the name"},
	    {"add", "Two", "", 2, "cannot be the name"},
	    {"add", "-x", "", 2, "cannot be the name"},
	    {"add", "a23456789012345678901234567890123", "", 2, "cannot be the name"},
	    {"add", "default", "", 2, "cannot be the name"},
	    {"add", "default-1", "", 2, "cannot be the name"},
	    {"add", "x", "file:/etc/shadow", 2, "is not agent:"},
	    {"add", "x", "agent:/a", 2, "is not agent:"},
	    {"add", "x", "agent:a#SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 2, "is not agent:"},
	    {"add", "x", "agent:/a#SHA256:x", 2, "is not agent:"},
	    {"add", "x", "agent:/nowhere#SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 75, "is not there"},
	    {"add", "x", "agent:/etc/passwd#SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 4, "socket of ours"},
	    {"activate", "none", "", 3, "there is no authority"},
	    {"retire", "none", "", 3, "there is no authority"},
	    {"retire", "default", "", 1, "the one that signs"},
	};
	struct client c;
	char name[16];

	for (size_t i = 0; i < sizeof(x) / sizeof(x[0]); i++) {
		int code = x[i].spec[0] != '\0' ? ca_add(x[i].name, x[i].spec) : ca(x[i].what, x[i].name);

		cr_expect_eq(code, x[i].code, "%zu: %d %s", i, code, verb_text(&v));
		cr_expect(strstr(verb_text(&v), x[i].says) != NULL, "%zu: %s", i, verb_text(&v));
	}
	cr_assert_eq(ca("add", "two"), 0);
	cr_assert_eq(ca("add", "two"), 2);
	cr_assert(strstr(verb_text(&v), "there is an authority \"two\" already") != NULL);
	for (int i = 3; i <= 16; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		cr_assert_eq(ca("add", name), 0, "%s: %s", name, verb_text(&v));
	}
	cr_assert_eq(ca("add", "over"), 4);
	cr_assert_eq(ca("retire", "two"), 0, "%s", verb_text(&v)); /* no certificates: no force */
	cr_assert_eq(ca("retire", "two"), 1);
	cr_assert_eq(ca("add", "over"), 0, "%s", verb_text(&v));

	client_open(&r, &c, HERE);
	client_login(&c, BOB);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &c, &v, "ca", "do", "list", NULL), 4);
	client_close(&c);
}

Test(ca, another_key_in_the_configuration)
{
	struct buf old, new, third;

	cert_of(ALICE, "default", &old);
	rig_stop(&r);
	cr_assert_eq(rename(tmp_path(r.dir, "ca_key"), tmp_path(r.dir, "was")), 0);
	rig_start(&r); /* makes a new key */
	states("default-1=trusted default=active");
	cert_of(ALICE, "default", &new);
	cr_assert(good(ALICE, &old) && good(ALICE, &new));
	again();
	states("default-1=trusted default=active");

	/* The former key again: it is what it was, and does not take over. */
	rig_stop(&r);
	cr_assert_eq(rename(tmp_path(r.dir, "ca_key"), tmp_path(r.dir, "other")), 0);
	cr_assert_eq(rename(tmp_path(r.dir, "was"), tmp_path(r.dir, "ca_key")), 0);
	rig_start(&r);
	states("default-1=trusted default=active");
	cr_assert_eq(cert_try(ALICE, &third), 75); /* default's key is not where it was */
	buf_clear(&third);
	cr_assert_eq(ca("activate", "default-1"), 0, "%s", verb_text(&v));
	cert_of(ALICE, "default-1", &third);
	cr_assert(good(ALICE, &old) && good(ALICE, &new) && good(ALICE, &third));
	buf_clear(&old);
	buf_clear(&new);
	buf_clear(&third);
}

/* --- agents --- */

static void key_for(const char *name, const char *type, int bits, char spec[256])
{
	struct buf blob;
	char pub[32];

	keygen(r.dir, name, type, bits);
	snprintf(pub, sizeof(pub), "%s.pub", name);
	buf_init(&blob, SSHPK_BLOB_MAX);
	pub_blob(tmp_path(r.dir, pub), &blob);
	agent_spec(sock, buf_span(&blob), spec);
	buf_clear(&blob);
}

Test(ca_agent, the_configurations_authority_comes_when_its_agent_does)
{
	struct buf cert;
	int code = -1;

	key_for("key", "ecdsa", 256, r.ca);
	rig_conf(&r, NULL);
	rig_start(&r);
	states("default=active");
	cr_assert_eq(cert_try(ALICE, &cert), 75);
	cr_assert(strstr(verb_text(&v), "\"default\" cannot be reached") != NULL, "%s", verb_text(&v));
	cr_assert(strstr(verb_text(&v), r.dir) == NULL && strstr(verb_hint(&v), r.dir) == NULL);
	cr_assert(strstr(field("default", "trouble"), "is not there") != NULL, "%s", field("default", "trouble"));
	agent = agent_start(sock);
	agent_add(sock, tmp_path(r.dir, "key"));
	for (int i = 0; i < 200 && code != 0; i++) { /* it is asked again every few seconds */
		code = cert_try(ALICE, &cert);
		rig_spin(&r, 100);
	}
	cr_assert_eq(code, 0);
	cr_assert_str_eq(field("default", "type"), "ecdsa-sha2-nistp256");
	cr_assert_str_eq(field("default", "trouble"), "");
	cr_assert(good(ALICE, &cert));

	/* Its key is known now: a start without the agent, and the next request finds it. */
	agent_stop(&agent);
	again();
	cr_assert(good(ALICE, &cert));
	buf_clear(&cert);
	cr_assert_eq(cert_try(ALICE, &cert), 75);
	agent = agent_start(sock);
	agent_add(sock, tmp_path(r.dir, "key"));
	cert_of(ALICE, "default", &cert);
	buf_clear(&cert);
}

/* The configuration names an agent from now on, which is not there yet: the former key's certificates go on. */
Test(ca_agent, the_configuration_changes_to_an_agent)
{
	struct buf old, cert;
	int code = -1;

	rig_conf(&r, NULL);
	rig_start(&r);
	cert_of(ALICE, "default", &old);
	rig_stop(&r);
	key_for("key", "ecdsa", 384, r.ca);
	rig_conf(&r, NULL);
	for (int i = 0; i < 2; i++) { /* nothing is kept before the key is known */
		rig_start(&r);
		states("default-1=trusted default=active");
		cr_assert(good(ALICE, &old));
		cr_assert_eq(cert_try(ALICE, &cert), 75);
		buf_clear(&cert);
		if (i == 0)
			rig_stop(&r);
	}
	agent = agent_start(sock);
	agent_add(sock, tmp_path(r.dir, "key"));
	for (int i = 0; i < 200 && code != 0; i++) {
		code = cert_try(ALICE, &cert);
		rig_spin(&r, 100);
	}
	cr_assert_eq(code, 0);
	cr_assert(good(ALICE, &old) && good(ALICE, &cert));
	cr_assert_str_eq(field("default", "type"), "ecdsa-sha2-nistp384");
	again();
	states("default-1=trusted default=active");
	cr_assert(good(ALICE, &old) && good(ALICE, &cert));
	buf_clear(&cert);
	cert_of(ALICE, "default", &cert);
	cr_assert_eq(retire_all("default-1"), 0, "%s", verb_text(&v));
	cr_assert(!good(ALICE, &old) && good(ALICE, &cert));
	buf_clear(&old);
	buf_clear(&cert);
}

Test(ca_agent, an_agent_that_ends_and_comes_back)
{
	char spec[256], other[256];
	struct buf cert;

	rig_conf(&r, NULL);
	rig_start(&r);
	agent = agent_start(sock);
	key_for("key", "rsa", 2048, spec);
	cr_assert_eq(ca_add("hsm", spec), 3, "%s", verb_text(&v));
	cr_assert(strstr(verb_text(&v), "does not have the key") != NULL, "%s", verb_text(&v));
	states("default=active");
	agent_add(sock, tmp_path(r.dir, "key"));
	cr_assert_eq(ca_add("hsm", spec), 0, "%s", verb_text(&v));
	cr_assert_eq(ca_add("hsm2", spec), 2, "%s", verb_text(&v));
	cr_assert(strstr(verb_text(&v), "is the authority \"hsm\" already") != NULL);
	cr_assert_eq(ca("activate", "hsm"), 0, "%s", verb_text(&v));
	for (int i = 0; i < 2; i++) {
		cert_of(ALICE, "hsm", &cert);
		cr_assert(good(ALICE, &cert));
		agent_stop(&agent);
		buf_clear(&cert);
		cr_assert_eq(cert_try(ALICE, &cert), 75);
		cr_assert_eq(cert_try(ALICE, &cert), 75);
		agent = agent_start(sock);
		cr_assert_eq(cert_try(ALICE, &cert), 75); /* without its key */
		cr_assert(strstr(field("hsm", "trouble"), "does not have the key") != NULL);
		agent_add(sock, tmp_path(r.dir, "key"));
	}
	cert_of(ALICE, "hsm", &cert);
	buf_clear(&cert);

	/* Back to the file while the agent is away; an agent's key is not loaded by going away from it. */
	agent_stop(&agent);
	cr_assert_eq(ca("activate", "default"), 0, "%s", verb_text(&v));
	cert_of(ALICE, "default", &cert);
	buf_clear(&cert);
	cr_assert_eq(ca("activate", "hsm"), 75, "%s", verb_text(&v));
	states("default=active hsm=trusted");
	key_for("weak", "rsa", 1024, other);
	agent = agent_start(sock);
	agent_add(sock, tmp_path(r.dir, "weak"));
	cr_assert_eq(ca_add("weak", other), 4, "%s", verb_text(&v));
	cr_assert(strstr(verb_text(&v), "1024 bits") != NULL);
}

Test(ca_agent, whose_socket_it_is)
{
	char spec[256];

	rig_conf(&r, NULL);
	rig_start(&r);
	agent = agent_start(sock);
	key_for("key", "ed25519", 0, spec);
	agent_add(sock, tmp_path(r.dir, "key"));
	cr_assert_eq(chmod(sock, 0666), 0);
	cr_assert_eq(ca_add("hsm", spec), 4);
	cr_assert(strstr(verb_text(&v), "nobody else may write to") != NULL, "%s", verb_text(&v));
	cr_assert_eq(chmod(sock, 0600), 0);
	if (geteuid() == 0) {
		cr_assert_eq(chown(sock, 65534, 65534), 0);
		cr_assert_eq(ca_add("hsm", spec), 4);
		cr_assert_eq(chown(sock, 0, 0), 0);
	}
	cr_assert_eq(ca_add("hsm", spec), 0, "%s", verb_text(&v));
}

/* Listens and never says a word. */
Test(ca_agent, an_agent_that_hangs_is_left_alone_for_a_while)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char spec[256];
	struct buf cert;
	int64_t t0;
	int fd;

	rig_conf(&r, NULL);
	rig_start(&r);
	agent = agent_start(sock);
	key_for("key", "ed25519", 0, spec);
	agent_add(sock, tmp_path(r.dir, "key"));
	cr_assert_eq(ca_add("hsm", spec), 0);
	cr_assert_eq(ca("activate", "hsm"), 0);
	agent_stop(&agent);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", sock);
	(void)unlink(sock);
	cr_assert_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	cr_assert_eq(chmod(sock, 0600), 0);
	cr_assert_eq(listen(fd, 8), 0);
	t0 = clock_mono_us();
	cr_assert_eq(cert_try(ALICE, &cert), 75);
	cr_assert(clock_mono_us() - t0 > 4000000);
	t0 = clock_mono_us();
	cr_assert_eq(cert_try(ALICE, &cert), 75);
	cr_assert(clock_mono_us() - t0 < 2000000);
	close(fd);

	/* Who changes something does not have to wait. */
	agent = agent_start(sock);
	agent_add(sock, tmp_path(r.dir, "key"));
	cr_assert_eq(ca("activate", "hsm"), 0, "%s", verb_text(&v));
	cert_of(ALICE, "hsm", &cert);
	buf_clear(&cert);
}

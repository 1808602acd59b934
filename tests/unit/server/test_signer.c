/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../support/keygen.h"
#include "base/clock.h"
#include "ident/issue.h"
#include "server/signer.h"
#include "wire/ipc.h"
#include "wire/sshw.h"

#define ORIGIN "sallyport.example/gw-test"

/* A real signer process at the other end of a socketpair. */
struct rig {
	char dir[64];
	char ca[128], log[128];
	struct signer_params p;
	int sock;
	pid_t pid;
	struct buf in, out;
	struct ipc_msg *m;
	uint32_t id;
	struct buf ca_blob;
	uint8_t log_pub[32];
};

static void rig_start(struct rig *r)
{
	int sv[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	r->pid = fork();
	cr_assert(r->pid >= 0);
	if (r->pid == 0) {
		close(sv[0]);
		_exit(signer_run(sv[1], &r->p));
	}
	close(sv[1]);
	r->sock = sv[0];
}

static int rig_wait(struct rig *r)
{
	int status;

	cr_assert_eq(waitpid(r->pid, &status, 0), r->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Close our end: the signer must leave with this status. */
static void rig_stop(struct rig *r, int want)
{
	close(r->sock);
	cr_assert_eq(rig_wait(r), want);
}

static void rig_call(struct rig *r)
{
	cr_assert_eq(ipc_end(&r->out), 0);
	cr_assert_eq(ipc_send(r->sock, &r->out, NULL, 0), 0);
	ipc_free(r->m);
	cr_assert_eq(ipc_recv(r->sock, &r->in, &r->m, NULL, NULL), 0);
}

static void rig_keys(struct rig *r)
{
	struct span log;

	ipc_begin(&r->out, IPC_SIGNER_KEYS, ++r->id);
	rig_call(r);
	cr_assert_eq(ipc_type_of(r->m), IPC_OK);
	cr_assert_eq(ipc_id(r->m), r->id);
	buf_reset(&r->ca_blob);
	buf_put_span(&r->ca_blob, ipc_get_span(r->m, "ca"));
	log = ipc_get_span(r->m, "log");
	cr_assert_eq(log.n, 32);
	memcpy(r->log_pub, log.p, 32);
}

static void rig_open(struct rig *r)
{
	alarm(30); /* a process that should have left must not hang the run */
	*r = (struct rig){0};
	tmp_make(r->dir);
	snprintf(r->ca, sizeof(r->ca), "file:%s/ca", r->dir);
	snprintf(r->log, sizeof(r->log), "%s/log", r->dir);
	r->p = (struct signer_params){
	    .ca = r->ca,
	    .log_key = r->log,
	    .gateway = "gw-test",
	    .origin = ORIGIN,
	    .max_ttl_s = 8 * 3600,
	};
	buf_init(&r->in, IPC_MAX);
	buf_init(&r->out, IPC_MAX);
	buf_init(&r->ca_blob, SSHPK_BLOB_MAX);
}

static void rig_clear(struct rig *r)
{
	ipc_free(r->m);
	buf_clear(&r->in);
	buf_clear(&r->out);
	buf_clear(&r->ca_blob);
	tmp_remove(r->dir);
}

static void rig_fail_text(struct rig *r, const char *want, const char *what)
{
	char text[256];

	cr_assert_eq(ipc_type_of(r->m), IPC_FAIL, "%s was signed", what);
	cr_assert_eq(ipc_get_str(r->m, "text", text, sizeof(text)), 0);
	cr_assert(strstr(text, want) != NULL, "%s: \"%s\"", what, text);
	cr_assert(ipc_get_int(r->m, "code", 0) < 0);
	cr_assert(ipc_get(r->m, "sig") == NULL);
}

/* --- certificates --- */

static void put_body(struct rig *r, struct mint *m, struct buf *body)
{
	if (m->c.ca.p == NULL)
		m->c.ca = buf_span(&r->ca_blob);
	m->c.principals = buf_span(&m->principals);
	m->c.critical = buf_span(&m->critical);
	m->c.extensions = buf_span(&m->extensions);
	buf_reset(body);
	sshcert_put_body(body, &m->c);
}

static void ask(struct rig *r, struct span tbs)
{
	ipc_begin(&r->out, IPC_SIGN_CERT, ++r->id);
	ipc_bin(&r->out, "tbs", tbs);
	rig_call(r);
	cr_assert_eq(ipc_id(r->m), r->id);
}

/* A body that the signer has no reason to refuse. */
static void good(struct rig *r, struct mint *m)
{
	static uint64_t serial = 100;
	int64_t now = clock_wall_s();

	(void)r;
	mint_init(m);
	m->c.serial = ++serial;
	m->c.valid_after = (uint64_t)(now - 60);
	m->c.valid_before = (uint64_t)(now + 3600);
	sshcert_put_option(&m->extensions, SSHCERT_GROUPS, span_str("dba"));
	sshcert_put_flag(&m->extensions, SSHCERT_PTY);
}

Test(signer, makes_keys_that_ssh_keygen_reads_and_signs_what_issue_builds)
{
	static char *alice[] = {(char *)"alice"};
	const char *show[] = {"ssh-keygen", "-y", "-f", NULL, NULL};
	const char *inspect[] = {"ssh-keygen", "-L", "-f", NULL, NULL};
	struct rig r;
	struct sshkey user;
	struct buf user_blob, body, cert, line;
	struct issue_request rq = {.principals = alice,
	    .n_principals = 1,
	    .serial = 1,
	    .gateway = "gw-test",
	    .ttl_s = 3600,
	    .source_address = "10.0.0.0/8",
	    .login_id = "x",
	    .forward = true};
	struct stat st;
	struct why w;
	char out[4096];

	rig_open(&r);
	rig_start(&r);
	rig_keys(&r);
	buf_init(&user_blob, SSHPK_BLOB_MAX);
	buf_init(&body, SSHCERT_MAX);
	buf_init(&cert, SSHCERT_MAX);
	buf_init(&line, SSHPK_LINE_MAX);
	cr_assert_eq(stat(tmp_path(r.dir, "ca"), &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	cr_assert_eq(stat(tmp_path(r.dir, "log"), &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	cr_assert_eq(stat(tmp_path(r.dir, "log.head"), &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	show[3] = tmp_path(r.dir, "ca");
	cr_assert_eq(run_cmd(show, out, sizeof(out)), 0, "%s", out);
	cr_assert_eq(
	    sshpk_line_put(&line, buf_span(&r.ca_blob), "sallyport certificate authority"), 0);
	cr_assert_str_eq(out, buf_cstr(&line));
	slurp(tmp_path(r.dir, "ca.pub"), &cert);
	cr_assert_str_eq(buf_cstr(&cert), buf_cstr(&line));

	cr_assert_eq(sshkey_generate(&user), 0);
	sshpk_put_ed25519_blob(&user_blob, user.pub);
	rq.user_key = buf_span(&user_blob);
	rq.ca = buf_span(&r.ca_blob);
	rq.now_s = clock_wall_s();
	cr_assert_eq(issue_body(&rq, &body, &w), 0, "%s", w.text);
	ask(&r, buf_span(&body));
	cr_assert_eq(ipc_type_of(r.m), IPC_OK);
	cr_assert_eq(
	    issue_finish(buf_span(&body), ipc_get_span(r.m, "sig"), &cert, &w), 0, "%s", w.text);
	buf_reset(&line);
	cr_assert_eq(sshpk_line_put(&line, buf_span(&cert), ""), 0);
	spill(tmp_path(r.dir, "c-cert.pub"), buf_span(&line));
	inspect[3] = tmp_path(r.dir, "c-cert.pub");
	cr_assert_eq(run_cmd(inspect, out, sizeof(out)), 0);
	cr_assert(strstr(out, "Key ID: \"user=alice login=x\"") != NULL, "%s", out);
	rig_stop(&r, 0);

	/* The keys stay. */
	buf_reset(&user_blob);
	buf_put_span(&user_blob, buf_span(&r.ca_blob));
	rig_start(&r);
	rig_keys(&r);
	cr_assert(span_eq(buf_span(&user_blob), buf_span(&r.ca_blob)));
	rig_stop(&r, 0);
	buf_clear(&user_blob);
	buf_clear(&body);
	buf_clear(&cert);
	buf_clear(&line);
	rig_clear(&r);
}

/* One change per case; the unchanged body is signed right before. */
static void c_host(struct mint *m)
{
	m->c.type = SSHCERT_HOST;
}
static void c_type(struct mint *m)
{
	m->c.type = 7;
}
static void c_long(struct mint *m)
{
	m->c.valid_before += 8 * 3600;
}
static void c_forever(struct mint *m)
{
	m->c.valid_before = UINT64_MAX;
}
static void c_expired(struct mint *m)
{
	m->c.valid_after -= 7200;
	m->c.valid_before -= 7200;
}
static void c_future(struct mint *m)
{
	m->c.valid_after += 1000;
	m->c.valid_before += 1000;
}
static void c_backdated(struct mint *m)
{
	m->c.valid_after = 0;
}
static void c_no_principal(struct mint *m)
{
	buf_reset(&m->principals);
}
static void c_bad_principal(struct mint *m)
{
	static const char *const names[] = {"alice,root"};

	mint_principals(m, 1, names);
}
static void c_wildcard(struct mint *m)
{
	static const char *const names[] = {"alice", "*"};

	mint_principals(m, 2, names);
}
static void c_agent(struct mint *m)
{
	static const char *const names[] = {"agent:etl"};

	mint_principals(m, 1, names);
}
static void c_agent_unlimited(struct mint *m)
{
	c_agent(m);
	buf_reset(&m->extensions);
	sshcert_put_option(&m->critical, SSHCERT_ON_BEHALF_OF, span_str("carol"));
	sshcert_put_option(&m->extensions, SSHCERT_KIND, span_str("agent"));
}
static void c_behalf(struct mint *m)
{
	sshcert_put_option(&m->critical, SSHCERT_ON_BEHALF_OF, span_str("carol"));
}
static void c_no_gateway(struct mint *m)
{
	buf_reset(&m->critical);
}
static void c_other_gateway(struct mint *m)
{
	buf_reset(&m->critical);
	sshcert_put_option(&m->critical, SSHCERT_GATEWAY, span_str("gw-prod"));
}
static void c_gateway_extension(struct mint *m)
{
	buf_reset(&m->critical);
	buf_reset(&m->extensions);
	sshcert_put_option(&m->extensions, SSHCERT_GATEWAY, span_str("gw-test"));
}
static void c_option(struct mint *m)
{
	sshcert_put_flag(&m->critical, "zzz");
}
static void c_verify(struct mint *m)
{
	sshcert_put_flag(&m->critical, "verify-required");
}
static void c_source(struct mint *m)
{
	sshcert_put_option(&m->critical, "source-address", span_str("10.0.0.1/8"));
}
static void c_extension(struct mint *m)
{
	buf_reset(&m->extensions);
	sshcert_put_flag(&m->extensions, "permit-agent-forwarding");
}
static void c_unsorted(struct mint *m)
{
	sshcert_put_flag(&m->extensions, SSHCERT_FORWARD);
}
static void c_other_ca(struct mint *m)
{
	m->c.ca = buf_span(&m->ca_blob);
}
static void c_serial0(struct mint *m)
{
	m->c.serial = 0;
}
static void c_serial_old(struct mint *m)
{
	m->c.serial--;
}
static void c_nonce(struct mint *m)
{
	m->c.nonce.n = 15;
}
static void c_key_id(struct mint *m)
{
	m->c.key_id = span_str("");
}
static void c_key_id_control(struct mint *m)
{
	m->c.key_id = span_str("a\nb");
}
static void c_reserved(struct mint *m)
{
	m->c.reserved = span_str("x");
}
static void c_key(struct mint *m)
{
	m->c.key.q.n = 0;
}

static const struct {
	const char *name;
	void (*change)(struct mint *m);
	const char *text;
} refuse[] = {
    {"host certificate", c_host, "host certificate"},
    {"unknown type", c_type, "neither a user nor a host"},
    {"too long a life", c_long, "live longer than 28800 seconds"},
    {"life without end", c_forever, "live longer than"},
    {"expired", c_expired, "expired from the start"},
    {"future", c_future, "begin in the future"},
    {"backdated", c_backdated, "seconds ago"},
    {"no principal", c_no_principal, "names no principal"},
    {"comma principal", c_bad_principal, "not a usable name"},
    {"wildcard principal", c_wildcard, "not a usable name"},
    {"agent's name alone", c_agent, "not an agent's"},
    {"agent without limits", c_agent_unlimited, "without any limit"},
    {"person for another", c_behalf, "not an agent's"},
    {"no gateway", c_no_gateway, "not bound to a gateway"},
    {"other gateway", c_other_gateway, "not for this one"},
    {"gateway as extension", c_gateway_extension, "unknown extension \"gateway@sallyport\""},
    {"unknown critical option", c_option, "unknown critical option"},
    {"verify-required", c_verify, "verify-required"},
    {"malformed source address", c_source, "source-address list is malformed"},
    {"unknown extension", c_extension, "unknown extension \"permit-agent-forwarding\""},
    {"unsorted extensions", c_unsorted, "not sorted"},
    {"other authority", c_other_ca, "names another authority"},
    {"serial 0", c_serial0, "was used before"},
    {"serial again", c_serial_old, "was used before"},
    {"short nonce", c_nonce, "nonce is too short"},
    {"no key id", c_key_id, "key id"},
    {"key id with newline", c_key_id_control, "key id"},
    {"reserved field", c_reserved, "reserved field"},
    {"no key", c_key, "malformed"},
};

Test(signer, refuses_bodies_that_break_a_rule)
{
	struct rig r;
	struct buf body;

	rig_open(&r);
	rig_start(&r);
	rig_keys(&r);
	buf_init(&body, SSHCERT_MAX * 2);
	for (size_t i = 0; i < sizeof(refuse) / sizeof(refuse[0]); i++) {
		struct mint m;

		good(&r, &m);
		put_body(&r, &m, &body);
		ask(&r, buf_span(&body));
		cr_assert_eq(ipc_type_of(r.m), IPC_OK, "%s", refuse[i].name);
		m.c.serial++;
		refuse[i].change(&m);
		put_body(&r, &m, &body);
		ask(&r, buf_span(&body));
		rig_fail_text(&r, refuse[i].text, refuse[i].name);
		mint_clear(&m);
		good(&r, &m); /* burns the serial that was tried */
		mint_clear(&m);
	}
	buf_clear(&body);
	rig_stop(&r, 0);
	rig_clear(&r);
}

Test(signer, refuses_its_own_key_weak_keys_and_whole_certificates)
{
	struct rig r;
	struct mint m;
	struct buf body, blob;
	struct sshpk pk;

	rig_open(&r);
	rig_start(&r);
	rig_keys(&r);
	buf_init(&body, SSHCERT_MAX * 8);
	buf_init(&blob, SSHPK_BLOB_MAX);
	good(&r, &m);
	cr_assert_eq(sshpk_parse(buf_span(&r.ca_blob), &m.c.key, NULL), 0);
	put_body(&r, &m, &body);
	ask(&r, buf_span(&body));
	rig_fail_text(&r, "own key cannot be certified", "own key");
	keygen(r.dir, "weak", "rsa", 1024);
	pub_blob(tmp_path(r.dir, "weak.pub"), &blob);
	cr_assert_eq(sshpk_parse(buf_span(&blob), &pk, NULL), 0);
	m.c.key = pk;
	put_body(&r, &m, &body);
	ask(&r, buf_span(&body));
	rig_fail_text(&r, "the RSA key has 1024 bits", "weak key");
	mint_clear(&m);
	good(&r, &m);
	mint_sign(&m, &body); /* a signature behind the body */
	ask(&r, buf_span(&body));
	rig_fail_text(&r, "malformed", "whole certificate");
	ask(&r, span_str(""));
	rig_fail_text(&r, "cut off", "nothing");
	ask(&r, span_str(ORIGIN "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"));
	rig_fail_text(&r, "cut off", "a checkpoint");
	mint_clear(&m);
	buf_clear(&body);
	buf_clear(&blob);
	rig_stop(&r, 0);
	rig_clear(&r);
}

/* --- checkpoints --- */

static void root_of(int seed, uint8_t root[SHA256_LEN])
{
	sha256(span_of(&seed, seed == 0 ? 0 : sizeof(seed)), root); /* 0: the empty tree's */
}

static void checkpoint(
    struct rig *r, const char *origin, const char *size, int seed, const char *tail, int64_t told)
{
	uint8_t root[SHA256_LEN];
	struct buf body;

	buf_init(&body, 1024);
	root_of(seed, root);
	buf_printf(&body, "%s\n%s\n", origin, size);
	base64_encode(span_of(root, sizeof(root)), &body);
	buf_put_str(&body, tail);
	ipc_begin(&r->out, IPC_SIGN_CHECKPOINT, ++r->id);
	ipc_bin(&r->out, "body", buf_span(&body));
	ipc_int(&r->out, "size", told);
	rig_call(r);
	if (ipc_type_of(r->m) == IPC_OK)
		cr_assert_eq(
		    ed25519_verify(r->log_pub, buf_span(&body), ipc_get_span(r->m, "sig")), 0);
	buf_clear(&body);
}

static void grow(struct rig *r, int64_t size, int seed, const char *refused)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%lld", (long long)size);
	checkpoint(r, ORIGIN, digits, seed, "\n", size);
	if (refused != NULL)
		rig_fail_text(r, refused, digits);
	else
		cr_assert_eq(ipc_type_of(r->m), IPC_OK, "size %s refused", digits);
}

Test(signer, signs_growing_trees_only_also_after_a_restart)
{
	struct rig r;

	rig_open(&r);
	rig_start(&r);
	rig_keys(&r);
	grow(&r, 0, 5, "different log of 0 entries");
	grow(&r, 0, 0, NULL);
	grow(&r, 5, 5, NULL);
	grow(&r, 5, 5, NULL);
	grow(&r, 5, 6, "different log of 5 entries");
	grow(&r, 4, 4, "shrink from 5 to 4");
	grow(&r, 0, 0, "shrink from 5 to 0");
	for (int i = 6; i < 20; i++)
		grow(&r, i, i, NULL);
	rig_stop(&r, 0);

	rig_start(&r);
	rig_keys(&r);
	grow(&r, 18, 18, "shrink from 19 to 18");
	grow(&r, 19, 1, "different log of 19 entries");
	grow(&r, 19, 19, NULL);
	grow(&r, 1000000000000, 20, NULL);
	kill(r.pid, SIGKILL); /* not even a crash forgets */
	cr_assert_eq(rig_wait(&r), 128 + SIGKILL);
	close(r.sock);

	rig_start(&r);
	rig_keys(&r);
	grow(&r, 999999999999, 20, "shrink from 1000000000000");
	grow(&r, 1000000000000, 20, NULL);
	rig_stop(&r, 0);
	rig_clear(&r);
}

Test(signer, refuses_checkpoints_of_other_form)
{
	static const struct {
		const char *origin, *size, *tail;
		int64_t told;
		const char *text;
	} v[] = {
	    {"sallyport.example/gw-prod", "1", "\n", 1, "another log"},
	    {ORIGIN " ", "1", "\n", 1, "checkpoint is malformed"},
	    {"", "1", "\n", 1, "checkpoint is malformed"},
	    {ORIGIN "2", "1", "\n", 1, "another log"},
	    {ORIGIN, "1", "", 1, "checkpoint is malformed"},
	    {ORIGIN, "1", "\n\n", 1, "checkpoint is malformed"},
	    {ORIGIN, "1", "\nextension\n", 1, "checkpoint is malformed"},
	    {ORIGIN, "1", "\n\n\xe2\x80\x94 x y\n", 1, "checkpoint is malformed"},
	    {ORIGIN, "01", "\n", 1, "checkpoint is malformed"},
	    {ORIGIN, "+1", "\n", 1, "checkpoint is malformed"},
	    {ORIGIN, "-1", "\n", 1, "checkpoint is malformed"},
	    {ORIGIN, "", "\n", 0, "checkpoint is malformed"},
	    {ORIGIN, "1 ", "\n", 1, "checkpoint is malformed"},
	    {ORIGIN, "18446744073709551616", "\n", 0, "checkpoint is malformed"},
	    {ORIGIN, "1", "=\n", 1, "checkpoint is malformed"},
	    {ORIGIN, "1", "\r\n", 1, "checkpoint is malformed"},
	    {ORIGIN, "2", "\n", 1, "differs from the announced"},
	};
	struct rig r;

	rig_open(&r);
	rig_start(&r);
	rig_keys(&r);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		checkpoint(&r, v[i].origin, v[i].size, 9, v[i].tail, v[i].told);
		rig_fail_text(&r, v[i].text, v[i].size);
	}
	grow(&r, 1, 1, NULL); /* none of them was remembered */
	rig_stop(&r, 0);
	rig_clear(&r);
}

/* --- start --- */

static void must_not_start(struct rig *r, const char *text)
{
	rig_start(r);
	ipc_free(r->m);
	r->m = NULL;
	cr_assert_eq(ipc_recv(r->sock, &r->in, &r->m, NULL, NULL), 0);
	cr_assert_eq(ipc_id(r->m), 0);
	rig_fail_text(r, text, "start");
	rig_stop(r, 1);
}

Test(signer, a_lost_or_rolled_back_head_stops_it)
{
	struct rig r;
	struct buf old, now;

	rig_open(&r);
	buf_init(&old, 16384);
	buf_init(&now, 16384);
	rig_start(&r);
	rig_keys(&r);
	grow(&r, 7, 7, NULL);
	rig_stop(&r, 0);
	slurp(tmp_path(r.dir, "log.head"), &old);

	unlink(tmp_path(r.dir, "log.head"));
	must_not_start(&r, "last signed checkpoint is missing");
	spill(tmp_path(r.dir, "log.head"), span_str(""));
	must_not_start(&r, "last signed checkpoint is missing");

	/* One torn slot is survived, and the other one counts. */
	buf_put_span(&now, buf_span(&old));
	for (int slot = 0; slot < 2; slot++) {
		buf_reset(&now);
		buf_put_span(&now, buf_span(&old));
		((uint8_t *)(uintptr_t)buf_span(&now).p)[slot * 4096 + 20] ^= 1;
		spill(tmp_path(r.dir, "log.head"), buf_span(&now));
		rig_start(&r);
		rig_keys(&r);
		/* slot 0 held counter 2 (size 7), slot 1 counter 1 (size 0) */
		grow(&r, 3, 3, slot == 1 ? "shrink from 7 to 3" : NULL);
		rig_stop(&r, 0);
	}
	/* A slot in the other slot's place is no slot. */
	buf_reset(&now);
	buf_put_span(&now, buf_span(&old));
	memcpy((uint8_t *)(uintptr_t)buf_span(&now).p, buf_span(&old).p + 4096, 120);
	memset((uint8_t *)(uintptr_t)buf_span(&now).p + 4096, 0, 120);
	spill(tmp_path(r.dir, "log.head"), buf_span(&now));
	must_not_start(&r, "missing or does not verify");
	/* Both torn: no. Neither is a size without the key's signature. */
	((uint8_t *)(uintptr_t)buf_span(&old).p)[20] ^= 1;
	((uint8_t *)(uintptr_t)buf_span(&old).p)[4096 + 20] ^= 1;
	spill(tmp_path(r.dir, "log.head"), buf_span(&old));
	must_not_start(&r, "missing or does not verify");
	buf_clear(&old);
	buf_clear(&now);
	rig_clear(&r);
}

Test(signer, a_head_that_is_no_file_stops_it)
{
	struct rig r;

	rig_open(&r);
	cr_assert_eq(mkfifo(tmp_path(r.dir, "log.head"), 0600), 0);
	must_not_start(&r, "is not a regular file");
	unlink(tmp_path(r.dir, "log.head"));
	cr_assert_eq(symlink("/dev/null", tmp_path(r.dir, "log.head")), 0);
	must_not_start(&r, "cannot open");
	rig_clear(&r);
}

Test(signer, a_head_of_another_log_stops_it)
{
	struct rig r;

	rig_open(&r);
	rig_start(&r);
	rig_keys(&r);
	rig_stop(&r, 0);
	r.p.origin = "sallyport.example/other";
	must_not_start(&r, "missing or does not verify");
	rig_clear(&r);
}

Test(signer, does_not_start_with_bad_keys_or_parameters)
{
	struct rig r;

	rig_open(&r);
	r.p.ca = tmp_path(r.dir, "ca");
	must_not_start(&r, "is not file:PATH");
	r.p.ca = "file:/nonexistent/ca";
	must_not_start(&r, "cannot write the key /nonexistent/ca");
	r.p.ca = r.ca;
	keygen(r.dir, "ca", "ecdsa", 256);
	must_not_start(&r, "only Ed25519 private keys");
	unlink(tmp_path(r.dir, "ca"));
	keygen(r.dir, "ca", "ed25519", 0);
	cr_assert_eq(chmod(tmp_path(r.dir, "ca"), 0640), 0);
	must_not_start(&r, "readable by others");
	cr_assert_eq(chmod(tmp_path(r.dir, "ca"), 0600), 0);
	r.p.gateway = "";
	must_not_start(&r, "no usable gateway name");
	r.p.gateway = "gw-test";
	r.p.max_ttl_s = 0;
	must_not_start(&r, "no usable gateway name");
	r.p.max_ttl_s = 60;
	/* A key that ssh-keygen made serves as well as our own. */
	rig_start(&r);
	rig_keys(&r);
	rig_stop(&r, 0);
	rig_clear(&r);
}

Test(signer, only_one_per_state_directory)
{
	struct rig r;
	int sock;
	pid_t pid;

	rig_open(&r);
	rig_start(&r);
	rig_keys(&r);
	sock = r.sock;
	pid = r.pid;
	must_not_start(&r, "another signer is using");
	r.sock = sock;
	r.pid = pid;
	rig_stop(&r, 0);
	rig_clear(&r);
}

static int enter_refuses(void *ctx, struct why *w)
{
	(void)ctx;
	return why_set(w, E_INTERNAL, "no sandbox here");
}

/* The head works through its open descriptor: drop the right to open anything. */
static int enter_unprivileged(void *ctx, struct why *w)
{
	(void)ctx;
	if (setgid(65534) != 0 || setuid(65534) != 0)
		return why_set(w, -errno, "setuid");
	return 0;
}

Test(signer, enters_its_sandbox_before_the_first_message)
{
	struct rig r;

	rig_open(&r);
	r.p.enter = enter_refuses;
	must_not_start(&r, "no sandbox here");
	if (geteuid() == 0) {
		r.p.enter = enter_unprivileged;
		rig_start(&r);
		rig_keys(&r);
		grow(&r, 1, 1, NULL);
		grow(&r, 2, 2, NULL);
		rig_stop(&r, 0);
	}
	rig_clear(&r);
}

/* --- contract --- */

Test(signer, leaves_after_a_message_that_breaks_the_contract)
{
	struct rig r;

	rig_open(&r);
	for (int i = 0; i < 8; i++) {
		int fd = -1;

		rig_start(&r);
		rig_keys(&r);
		ipc_begin(&r.out,
		    i == 1   ? IPC_SEAL
		    : i == 2 ? IPC_OK
		    : i == 6 ? IPC_SIGN_CHECKPOINT
			     : IPC_SIGN_CERT,
		    i == 5 ? 0 : 9);
		if (i == 4)
			ipc_str(&r.out, "tbs", "text");
		if (i == 5 || i == 7)
			ipc_bin(&r.out, "tbs", span_str("x"));
		if (i == 6)
			ipc_bin(&r.out, "body", span_str("x"));
		cr_assert_eq(ipc_end(&r.out), 0);
		if (i == 0) { /* no msgpack at all */
			buf_reset(&r.out);
			buf_put_str(&r.out, "\xc1\xc1");
		}
		if (i == 7)
			fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		cr_assert_eq(ipc_send(r.sock, &r.out, &fd, fd >= 0 ? 1 : 0), 0);
		cr_assert_eq(rig_wait(&r), 2, "case %d", i);
		close(r.sock);
		if (fd >= 0)
			close(fd);
	}
	rig_clear(&r);
}

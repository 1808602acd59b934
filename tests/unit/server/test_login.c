/* SPDX-License-Identifier: Apache-2.0
 *
 * Logins at identity providers as the monitor sees them; the test plays the session, the fetcher and the web process.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "keygen.h"
#include "monrig.h"
#include "server/login.h"
#include "wire/sshkey.h"
#include "wire/sshpk.h"

#define HERE  "198.51.100.7"
#define THERE "203.0.113.9"

static struct rig r;
static struct side idp, web;
static struct sshkey keys[8];
static struct buf blobs[8];

static void up_with(const char *flow, const char *extra)
{
	static char text[700];

	rig_init(&r);
	snprintf(text, sizeof(text),
	    "\n  local: {type: local}\n  corp: {type: oidc, issuer: \"https://id.example.com\", client_id: bastion, "
	    "login_flow: %s, names: [\"*@example.com\"], add_groups: [everyone]%s}",
	    flow, extra);
	r.identity = text;
	(void)snprintf(r.conf_extra, sizeof(r.conf_extra), "max_pending_logins: 6, max_pending_logins_per_source: 3");
	rig_conf(&r, "web: {url: \"https://gw.example.com\", listen: [\"127.0.0.1:8443\"]}\n");
	rig_start(&r);
	side_open(&r, &idp, monitor_set_fetcher);
	side_open(&r, &web, monitor_set_web);
	for (size_t i = 0; i < 8; i++) {
		cr_assert_eq(sshkey_generate(&keys[i]), 0);
		buf_init(&blobs[i], 1024);
		sshpk_put_ed25519_blob(&blobs[i], keys[i].pub);
	}
}

static void up(void)
{
	up_with("device", "");
}

static void up_browser(void)
{
	up_with("browser", "");
}

static void down(void)
{
	for (size_t i = 0; i < 8; i++)
		buf_clear(&blobs[i]);
	rig_down(&r);
	fd_close(&idp.sock);
	fd_close(&web.sock);
	buf_clear(&idp.in);
	buf_clear(&idp.out);
	buf_clear(&web.in);
	buf_clear(&web.out);
	ipc_free(idp.m);
	ipc_free(web.m);
	idp.m = web.m = NULL;
}

TestSuite(device, .init = up, .fini = down, .timeout = 60);
TestSuite(browser, .init = up_browser, .fini = down, .timeout = 60);

/* A file of conf.d. */
static void conf_more(const char *a, const char *b, const char *c)
{
	static char text[9000];
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/conf.d", r.dir);
	(void)mkdir(path, 0700);
	(void)snprintf(text, sizeof(text), "%s%s%s", a, b, c);
	spill(tmp_path(path, "more.yaml"), span_str(text));
}

/* --- steps --- */

static void prove(struct client *c, const char *user, int key)
{
	cr_assert_eq(client_auth_key(c, user, buf_span(&blobs[key])), IPC_OK);
	cr_assert(ipc_get_bool(c->m, "known", false));
	cr_assert_str_eq(client_str(c, "how"), "login");
}

static void ask_login(struct client *c)
{
	(void)client_msg(c, IPC_LOGIN_START);
	client_send(c);
}

/* The provider began a device login; the login's id. */
static const char *device_began(int expires_s)
{
	static char id[64];
	struct buf *b;

	side_want(&idp, IPC_IDP_DEVICE);
	(void)snprintf(id, sizeof(id), "%s", side_str(&idp, "login"));
	cr_assert_str_eq(side_str(&idp, "block"), "corp");
	b = side_msg(&idp, IPC_OK, ipc_id(idp.m));
	ipc_str(b, "user_code", "WDJB-MJHT");
	ipc_str(b, "uri", "https://id.example.com/device");
	ipc_str(b, "uri_complete", "");
	ipc_int(b, "expires_s", expires_s);
	side_send(&idp);
	return id;
}

static void result_ok(const char *id, const char *sub, const char *user, char *const *groups, size_t n)
{
	struct buf *b = side_msg(&idp, IPC_IDP_RESULT, 0);

	ipc_str(b, "login", id);
	ipc_bool(b, "ok", true);
	ipc_str(b, "block", "corp");
	ipc_str(b, "iss", "https://id.example.com");
	ipc_str(b, "sub", sub);
	ipc_str(b, "user", user);
	ipc_strs(b, "groups", groups, n);
	ipc_str(b, "person", "");
	ipc_int(b, "exp", clock_wall_s() + 600);
	side_send(&idp);
}

static void result_fail(const char *id, const char *text)
{
	struct buf *b = side_msg(&idp, IPC_IDP_RESULT, 0);

	ipc_str(b, "login", id);
	ipc_bool(b, "ok", false);
	ipc_int(b, "code", E_DENIED);
	ipc_str(b, "text", text);
	ipc_str(b, "hint", "");
	side_send(&idp);
}

static const char *start_device(struct client *c, const char *addr, const char *user, int key)
{
	const char *id;

	client_open(&r, c, addr);
	prove(c, user, key);
	ask_login(c);
	id = device_began(300);
	cr_assert_eq(client_next(c, 5000), IPC_OK);
	return id;
}

static char *const dba[] = {"dba", "unrelated"};
static char *const dev[] = {"dev"};

static void in_as(struct client *c, int key, const char *sub, const char *user, char *const *groups, size_t n)
{
	char id[64];

	(void)snprintf(id, sizeof(id), "%s", start_device(c, HERE, "whoever", key));
	result_ok(id, sub, user, groups, n);
	cr_assert_eq(client_next(c, 5000), IPC_LOGIN_RESULT);
	cr_assert(ipc_get_bool(c->m, "ok", false), "%s", client_str(c, "text"));
}

/* --- device flow --- */

Test(device, the_person_sees_where_to_go_and_with_what_key)
{
	struct client c;
	const char *banner;

	(void)start_device(&c, HERE, "alice-laptop", 0);
	banner = client_str(&c, "banner");
	cr_assert_not_null(strstr(banner, "https://id.example.com/device"));
	cr_assert_not_null(strstr(banner, "WDJB-MJHT"));
	cr_assert_not_null(strstr(banner, "Key SHA256:"));
	cr_assert_not_null(strstr(banner, "from " HERE));
	cr_assert_not_null(strstr(client_str(&c, "instruction"), "WDJB-MJHT"));
	cr_assert_eq(client_int(&c, "wait_ms"), 300000);
	client_close(&c);
}

Test(device, what_the_provider_sends_is_escaped)
{
	struct client c;
	struct buf *b;

	client_open(&r, &c, HERE);
	prove(&c, "alice", 0);
	ask_login(&c);
	side_want(&idp, IPC_IDP_DEVICE);
	b = side_msg(&idp, IPC_OK, ipc_id(idp.m));
	ipc_str(b, "user_code", "A\033[2JB");
	ipc_str(b, "uri", "https://id.example.com/\n\rX");
	ipc_str(b, "uri_complete", "");
	ipc_int(b, "expires_s", 100);
	side_send(&idp);
	cr_assert_eq(client_next(&c, 5000), IPC_OK);
	cr_assert_null(strchr(client_str(&c, "banner"), '\033'));
	cr_assert_null(strchr(client_str(&c, "banner"), '\r'));
	cr_assert_eq(client_int(&c, "wait_ms"), 100000);
	client_close(&c);
}

Test(device, success_is_a_certificate_and_an_identity)
{
	struct verbcall v;
	struct client c;

	in_as(&c, 0, "sub-1", "ann@example.com", dba, 2);
	cr_assert_str_eq(client_str(&c, "user"), "ann@example.com");
	cr_assert(ipc_get_bool(c.m, "forward", false));
	cr_assert_eq(c.peer->state, PEER_FULL);
	cr_assert_eq(verb_run(&r, &c, &v, "whoami", NULL), 0);
	cr_assert_str_eq(verb_str(&v, 0, "user"), "ann@example.com");
	cr_assert_str_eq(verb_str(&v, 0, "groups"), "dba", "groups nobody names stay out");
	cr_assert_str_eq(verb_str(&v, 0, "via"), "certificate");
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &c, &v, "cert", NULL), 0);
	cr_assert(strncmp(verb_str(&v, 0, "certificate"), "ssh-ed25519-cert-v01@openssh.com ", 33) == 0);
	cr_assert_eq(strtoull(verb_str(&v, 0, "serial"), NULL, 10), c.peer->id.serial, "the one of the login");
	cr_assert_str_eq(verb_str(&v, 0, "principals"), "ann@example.com");
	verb_clear(&v);
	client_close(&c);
}

static void stored(struct client *c, struct buf *cert)
{
	struct verbcall v;
	const char *text, *end;

	cr_assert_eq(verb_run(&r, c, &v, "cert", NULL), 0);
	text = strchr(verb_str(&v, 0, "certificate"), ' ') + 1;
	end = strchr(text, ' ');
	cr_assert_eq(base64_decode(span_of(text, end != NULL ? (size_t)(end - text) : strlen(text)), cert), 0);
	verb_clear(&v);
}

/* `ssh GATEWAY cert > FILE` where the ssh_config has fetched one just before. */
Test(device, a_new_certificate_is_shown_again_an_older_one_makes_no_other)
{
	struct verbcall v;
	struct client c, d;
	struct buf cert;
	uint64_t serial;

	buf_init(&cert, 16384);
	in_as(&c, 0, "sub-1", "ann@example.com", dba, 1);
	serial = c.peer->id.serial;
	stored(&c, &cert);
	client_open(&r, &d, HERE);
	cr_assert_eq(client_auth_cert(&d, "ann@example.com", buf_span(&cert)), IPC_OK);
	cr_assert_eq(client_done(&d, false), IPC_OK);
	cr_assert_eq(verb_run(&r, &d, &v, "cert", NULL), 0);
	cr_assert_eq(strtoull(verb_str(&v, 0, "serial"), NULL, 10), serial);
	verb_clear(&v);
	clock_test_shift_us(61 * 1000000LL);
	cr_assert_eq(verb_run(&r, &d, &v, "cert", NULL), 4);
	cr_assert_str_eq(verb_text(&v), "a new certificate needs a new login");
	cr_assert_not_null(strstr(verb_hint(&v), "-login cert"));
	verb_clear(&v);
	client_close(&c);
	client_close(&d);
	buf_clear(&cert);
}

Test(device, an_agent_without_its_certificate_waits_for_no_login)
{
	struct client c;

	client_open(&r, &c, HERE);
	prove(&c, "agent:etl", 0); /* its certificate may come next */
	(void)client_msg(&c, IPC_LOGIN_START);
	cr_assert_eq(client_call(&c), IPC_FAIL);
	cr_assert_not_null(strstr(client_str(&c, "text"), "agent:etl"), "%s", client_str(&c, "text"));
	cr_assert_not_null(strstr(client_str(&c, "hint"), "CertificateFile"), "%s", client_str(&c, "hint"));
	client_close(&c);
}

Test(device, the_certificate_works_until_the_block_is_gone)
{
	struct client c, d;
	struct buf cert, errs;

	buf_init(&cert, 16384);
	in_as(&c, 0, "sub-1", "ann@example.com", dba, 1);
	stored(&c, &cert);
	client_open(&r, &d, HERE);
	cr_assert_eq(client_auth_cert(&d, "ann@example.com", buf_span(&cert)), IPC_OK);
	cr_assert_eq(client_done(&d, false), IPC_OK);
	client_close(&d);
	client_open(&r, &d, HERE);
	cr_assert_eq(client_auth_cert(&d, "alice", buf_span(&cert)), IPC_FAIL, "not a principal");
	client_close(&d);
	client_open(&r, &d, THERE);
	cr_assert_eq(client_auth_cert(&d, "ann@example.com", buf_span(&cert)), IPC_FAIL, "another address");
	client_close(&d);
	r.identity = NULL;
	rig_conf(&r, "web: {url: \"https://gw.example.com\", listen: [\"127.0.0.1:8443\"]}\n");
	buf_init(&errs, 65536);
	cr_assert_eq(monitor_reload(r.m, &errs), 0, "%s", buf_cstr(&errs));
	buf_clear(&errs);
	client_open(&r, &d, HERE);
	cr_assert_eq(client_auth_cert(&d, "ann@example.com", buf_span(&cert)), IPC_FAIL, "nobody vouches any more");
	client_close(&d);
	rig_spin(&r, 1500);
	cr_assert_null(peer_by_pid(r.m, c.pid), "and the live connection ends");
	client_close(&c);
	buf_clear(&cert);
}

Test(device, a_refusal_reaches_the_person)
{
	struct client c;
	char id[64];

	(void)snprintf(id, sizeof(id), "%s", start_device(&c, HERE, "alice", 0));
	result_fail(id, "you said no");
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_not(ipc_get_bool(c.m, "ok", true));
	cr_assert_str_eq(client_str(&c, "text"), "you said no");
	cr_assert_eq(c.peer->state, PEER_PRE);
	result_ok(id, "sub-1", "ann@example.com", dba, 1); /* too late */
	cr_assert_eq(client_next(&c, 300), -1);
	cr_assert_eq(c.peer->state, PEER_PRE);
	client_close(&c);
}

Test(device, names_outside_the_block_are_refused)
{
	static const char *const bad[] = {"mallory@evil.example", "alice", "root", "agent:x@example.com", "a b@example.com",
	    "a,b@example.com", "*@example.com", "enroll"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct client c;
		char id[64];

		(void)snprintf(id, sizeof(id), "%s", start_device(&c, HERE, "alice", 0));
		result_ok(id, "sub-x", bad[i], dba, 1);
		cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
		cr_assert_not(ipc_get_bool(c.m, "ok", true), "%s", bad[i]);
		cr_assert_eq(c.peer->state, PEER_PRE);
		client_close(&c);
	}
}

Test(device, a_name_belongs_to_one_account)
{
	struct client c, d;
	char id[64];

	in_as(&c, 0, "sub-1", "ann@example.com", dba, 1);
	(void)snprintf(id, sizeof(id), "%s", start_device(&d, HERE, "x", 1));
	result_ok(id, "sub-2", "ann@example.com", dba, 1);
	cr_assert_eq(client_next(&d, 5000), IPC_LOGIN_RESULT);
	cr_assert_not(ipc_get_bool(d.m, "ok", true));
	cr_assert_not_null(strstr(client_str(&d, "text"), "another account"));
	client_close(&d);
	client_close(&c);
}

Test(device, fewer_groups_at_the_next_login_count_at_once)
{
	struct client c, d;

	in_as(&c, 0, "sub-1", "ann@example.com", dba, 1);
	cr_assert_eq(client_connect(&c, "payroll", "", ""), 0);
	in_as(&d, 1, "sub-1", "ann@example.com", dev, 1);
	rig_spin(&r, 1500);
	cr_assert_eq(monitor_n_sessions(r.m), 0, "the session on what is no longer open has ended");
	cr_assert_eq(c.peer->id.groups.n, 0);
	client_close(&d);
	client_close(&c);
}

Test(device, fewer_groups_count_also_when_no_certificate_can_be_made)
{
	struct client c, d;
	struct chan *signer = r.m->signer;
	char id[64];

	in_as(&c, 0, "sub-1", "ann@example.com", dba, 1);
	cr_assert_eq(client_connect(&c, "payroll", "", ""), 0);
	(void)snprintf(id, sizeof(id), "%s", start_device(&d, HERE, "x", 1));
	r.m->signer = NULL;
	result_ok(id, "sub-1", "ann@example.com", dev, 1);
	cr_assert_eq(client_next(&d, 5000), IPC_LOGIN_RESULT);
	cr_assert_not(ipc_get_bool(d.m, "ok", true));
	r.m->signer = signer;
	rig_spin(&r, 1500);
	cr_assert_eq(monitor_n_sessions(r.m), 0, "the provider's word counts, not the certificate");
	cr_assert_eq(c.peer->id.groups.n, 0);
	client_close(&d);
	client_close(&c);
}

static int whole(void *ctx, const struct store_account *a)
{
	*(bool *)ctx = strlen(a->groups) == 24 * 201 - 1;
	return 0;
}

/* A list that was cut could end in the name of another group. */
Test(device, the_account_keeps_whole_names_of_groups)
{
	static char names[24][201], text[8000];
	char *groups[24], id[64];
	struct client c;
	struct buf errs;
	bool good = false;
	size_t at = 0;

	for (size_t i = 0; i < 24; i++) {
		memset(names[i], 'g', 200);
		names[i][0] = (char)('a' + i);
		groups[i] = names[i];
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i == 0 ? "" : ", ", names[i]);
	}
	conf_more("roles: {many: {groups: [", text, "], targets: [payroll], logins: [app_pay]}}\n");
	buf_init(&errs, 65536);
	cr_assert_eq(monitor_reload(r.m, &errs), 0, "%s", buf_cstr(&errs));
	buf_clear(&errs);
	(void)snprintf(id, sizeof(id), "%s", start_device(&c, HERE, "x", 0));
	result_ok(id, "sub-1", "ann@example.com", groups, 24);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_eq(store_account_get(r.m->store, "ann@example.com", whole, &good), 0);
	cr_assert(good);
	client_close(&c);
}

static int note_serial(void *ctx, const struct store_cert *x)
{
	*(uint64_t *)ctx = x->serial;
	return 1;
}

Test(device, forgotten_while_the_certificate_is_made)
{
	struct store_cert_filter f = {.user = "ann@example.com", .limit = 1};
	struct login *l;
	struct client c;
	uint64_t serial = 0;

	(void)start_device(&c, HERE, "x", 0);
	l = c.peer->login;
	(void)snprintf(l->iss, sizeof(l->iss), "https://id.example.com");
	(void)snprintf(l->sub, sizeof(l->sub), "sub-1");
	(void)snprintf(l->user, sizeof(l->user), "ann@example.com");
	login_complete(l);
	cr_assert_eq(l->state, LOGIN_ISSUING);
	cr_assert_eq(store_account_forget(r.m->store, "ann@example.com"), 0);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_not(ipc_get_bool(c.m, "ok", true));
	cr_assert_eq(store_cert_list(r.m->store, &f, note_serial, &serial), 0);
	cr_assert_neq(serial, 0);
	cr_assert_eq(store_standing(r.m->store, &(struct store_subject){.serial = serial}), STORE_REVOKED,
	    "nothing is left for the next owner of the name");
	client_close(&c);
}

static const char *hold_of(struct client *c, const char *sid)
{
	static char id[64];
	struct buf *b = client_msg(c, IPC_HOLD_NEW);

	ipc_str(b, "sid", sid);
	ipc_bin(b, "sql", span_str("delete from pay"));
	ipc_bin(b, "params", span_of("\x90", 1));
	ipc_str(b, "class", "bulk");
	ipc_str(b, "rule", "class bulk");
	ipc_str(b, "reason", "DELETE without WHERE");
	ipc_bin(b, "meaning", span_str("database\torders\n"));
	ipc_str(b, "tx", "");
	ipc_str(b, "mode", "reject");
	cr_assert_eq(client_call(c), IPC_OK, "%s", client_str(c, "text"));
	(void)snprintf(id, sizeof(id), "%s", client_str(c, "id"));
	return id;
}

static int state_of(void *ctx, const struct store_request *x)
{
	*(int *)ctx = (int)x->state;
	return 0;
}

Test(device, the_next_owner_of_a_name_has_nothing_of_the_former)
{
	struct client c;
	struct verbcall v;
	char sid[64], id[64];
	int state = -1;

	in_as(&c, 0, "sub-1", "ann@example.com", dba, 1);
	cr_assert_eq(client_connect(&c, "payroll", "", ""), 0);
	(void)snprintf(sid, sizeof(sid), "%s", c.sid);
	(void)snprintf(id, sizeof(id), "%s", hold_of(&c, sid));
	cr_assert_eq(verb_run(&r, &c, &v, "sessions", NULL), 0);
	cr_assert_eq(v.n_items, 1);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, NULL, &v, "forget", "user", "ann@example.com", NULL), 0, "%s", verb_text(&v));
	verb_clear(&v);
	rig_spin(&r, 1500);
	client_close(&c);
	cr_assert_eq(store_request_get(r.m->store, id, state_of, &state), 0);
	cr_assert(state != REQ_PENDING && state != REQ_APPROVED, "%d", state);
	in_as(&c, 1, "sub-2", "ann@example.com", dev, 1);
	cr_assert_eq(verb_run(&r, &c, &v, "sessions", NULL), 0);
	cr_assert_eq(v.n_items, 0, "%d of another person", (int)v.n_items);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &c, &v, "replay", "id", sid, NULL), 4);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &c, &v, "show", "id", id, NULL), 3, "a statement of another person");
	verb_clear(&v);
	client_close(&c);
}

Test(device, starting_again_and_again_is_limited)
{
	struct client c;
	int n = 0, t;

	for (bool more = true; more && n < 100; n += more) {
		client_open(&r, &c, HERE);
		prove(&c, "a", n % 8);
		ask_login(&c);
		rig_spin(&r, 20);
		more = c.peer->login != NULL;
		t = more ? 0 : client_next(&c, 3000);
		cr_assert(more || t == IPC_FAIL);
		if (!more)
			cr_assert_not_null(strstr(client_str(&c, "text"), "came to nothing"), "%s", client_str(&c, "text"));
		client_close(&c);
		rig_spin(&r, 20);
	}
	cr_assert_eq(n, 12 * 3, "%d", n);
	client_open(&r, &c, THERE);
	prove(&c, "a", 0);
	ask_login(&c);
	rig_spin(&r, 50);
	cr_assert_not_null(c.peer->login, "others are not hit");
	client_close(&c);
}

Test(device, limits)
{
	struct client c[8];

	for (int i = 0; i < 3; i++)
		(void)start_device(&c[i], HERE, "a", i);
	client_open(&r, &c[3], HERE);
	prove(&c[3], "a", 3);
	(void)client_msg(&c[3], IPC_LOGIN_START);
	cr_assert_eq(client_call(&c[3]), IPC_FAIL, "a fourth from one address");
	cr_assert_not_null(strstr(client_str(&c[3], "text"), "limit"));
	for (int i = 4; i < 7; i++)
		(void)start_device(&c[i], THERE, "a", i);
	client_open(&r, &c[7], "2001:db8::1");
	prove(&c[7], "a", 7);
	(void)client_msg(&c[7], IPC_LOGIN_START);
	cr_assert_eq(client_call(&c[7]), IPC_FAIL, "a seventh of six");
	client_close(&c[0]); /* whoever goes gives the place back */
	rig_spin(&r, 50);
	(void)client_msg(&c[3], IPC_LOGIN_START);
	client_send(&c[3]);
	(void)device_began(60);
	cr_assert_eq(client_next(&c[3], 5000), IPC_OK);
	for (int i = 1; i < 8; i++)
		client_close(&c[i]);
}

Test(device, one_login_per_key)
{
	struct client c, d;

	(void)start_device(&c, HERE, "a", 0);
	client_open(&r, &d, THERE);
	prove(&d, "b", 0);
	(void)client_msg(&d, IPC_LOGIN_START);
	cr_assert_eq(client_call(&d), IPC_FAIL);
	cr_assert_not_null(strstr(client_str(&d, "text"), "waits already, from " HERE));
	client_close(&c);
	client_close(&d);
}

Test(device, a_second_start_or_one_without_a_key_ends_the_connection)
{
	struct client c;

	client_open(&r, &c, HERE);
	(void)client_msg(&c, IPC_LOGIN_START);
	client_send(&c);
	cr_assert_eq(client_next(&c, 3000), 0);
	client_close(&c);
	(void)start_device(&c, HERE, "a", 0);
	(void)client_msg(&c, IPC_LOGIN_START);
	client_send(&c);
	cr_assert_eq(client_next(&c, 3000), 0);
	client_close(&c);
	(void)start_device(&c, HERE, "a", 0); /* another key in the middle of a login */
	cr_assert_eq(client_auth_key(&c, "a", buf_span(&blobs[1])), 0);
	client_close(&c);
}

Test(device, a_login_cannot_be_adopted_before_it_ends)
{
	struct client c;

	(void)start_device(&c, HERE, "a", 0);
	cr_assert_eq(client_done(&c, true), 0, "AUTH_DONE with nothing proven but the key");
	cr_assert(client_killed(&c));
	client_close(&c);
}

Test(device, the_client_goes_and_the_fetcher_hears_it)
{
	struct client c;
	char id[64];

	(void)snprintf(id, sizeof(id), "%s", start_device(&c, HERE, "a", 0));
	client_close(&c);
	side_want(&idp, IPC_IDP_CANCEL);
	cr_assert_str_eq(side_str(&idp, "login"), id);
	cr_assert_null(r.m->logins);
}

Test(device, time_is_up)
{
	struct client c;

	client_open(&r, &c, HERE);
	prove(&c, "a", 0);
	ask_login(&c);
	(void)device_began(1);
	cr_assert_eq(client_next(&c, 5000), IPC_OK);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_not_null(strstr(client_str(&c, "text"), "in time"));
	client_close(&c);
}

Test(device, the_fetcher_dies)
{
	struct client c;

	(void)start_device(&c, HERE, "a", 0);
	fd_close(&idp.sock);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_not(ipc_get_bool(c.m, "ok", true));
	client_close(&c);
	client_open(&r, &c, HERE);
	prove(&c, "a", 0);
	(void)client_msg(&c, IPC_LOGIN_START);
	cr_assert_eq(client_call(&c), IPC_FAIL);
	client_close(&c);
}

Test(device, results_of_others_and_nonsense_do_nothing)
{
	struct client c;
	char id[64];
	struct buf *b;

	(void)snprintf(id, sizeof(id), "%s", start_device(&c, HERE, "a", 0));
	result_ok("nobody", "s", "ann@example.com", dba, 1);
	b = side_msg(&idp, IPC_IDP_RESULT, 0);
	ipc_str(b, "login", id);
	ipc_bool(b, "ok", true);
	ipc_str(b, "block", "local");
	ipc_str(b, "iss", "https://id.example.com");
	ipc_str(b, "sub", "s");
	ipc_str(b, "user", "ann@example.com");
	side_send(&idp);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_not(ipc_get_bool(c.m, "ok", true), "a result for another block");
	cr_assert_eq(c.peer->state, PEER_PRE);
	client_close(&c);
}

Test(device, a_local_users_key_still_needs_no_provider)
{
	struct client c;

	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_key(&c, "alice", buf_span(&r.blob[ALICE])), IPC_OK);
	cr_assert_str_eq(client_str(&c, "how"), "cert");
	(void)client_msg(&c, IPC_LOGIN_START);
	client_send(&c);
	cr_assert_eq(client_next(&c, 3000), 0, "and gets none");
	client_close(&c);
}

Test(device, enroll_is_a_name_of_its_own)
{
	struct client c;
	struct verbcall v;

	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_key(&c, "enroll", buf_span(&blobs[0])), IPC_OK);
	cr_assert_str_eq(client_str(&c, "how"), "enroll");
	cr_assert_eq(client_done(&c, true), IPC_OK);
	cr_assert_eq(c.peer->state, PEER_KEY);
	cr_assert_eq(c.peer->id.via, VIA_ENROLL);
	cr_assert_neq(verb_run(&r, &c, &v, "cert", NULL), 0, "no certificate without a token");
	verb_clear(&v);
	cr_assert_neq(verb_run(&r, &c, &v, "whoami", NULL), 0);
	verb_clear(&v);
	client_close(&c);
}

/* --- the stored-certificate window --- */

static void up_window(void)
{
	rig_up(&r);
}

/* The role of dba says so, too. */
static void role_says(const char *what)
{
	struct buf text, errs;
	char *at;

	buf_init(&text, 65536);
	buf_init(&errs, 65536);
	cr_assert_eq(file_read(r.conf_path, &text), 0);
	at = strstr(buf_cstr(&text), "  dba: {groups: [dba], ");
	cr_assert_not_null(at);
	{
		struct buf out;
		size_t n = (size_t)(at - buf_cstr(&text)) + strlen("  dba: {");

		buf_init(&out, 65536);
		buf_put(&out, buf_cstr(&text), n);
		buf_printf(&out, "session: {%s}, ", what);
		buf_put_str(&out, buf_cstr(&text) + n);
		spill(r.conf_path, buf_span(&out));
		buf_clear(&out);
	}
	cr_assert_eq(monitor_reload(r.m, &errs), 0, "%s", buf_cstr(&errs));
	buf_clear(&text);
	buf_clear(&errs);
}

static void down_window(void)
{
	rig_down(&r);
}

TestSuite(window, .init = up_window, .fini = down_window, .timeout = 60);

static const char *key_how(const char *user, enum rig_user key, const char *addr)
{
	static char how[16];
	struct client c;

	client_open(&r, &c, addr);
	cr_assert_eq(client_auth_key(&c, user, buf_span(&r.blob[key])), IPC_OK);
	(void)snprintf(how, sizeof(how), "%s", client_str(&c, "how"));
	if (strcmp(how, "full") == 0) {
		cr_assert_eq(client_done(&c, false), IPC_OK);
		cr_assert_eq(c.peer->state, PEER_FULL);
		cr_assert_str_eq(c.peer->id.user, user);
	}
	client_close(&c);
	return how;
}

Test(window, a_plain_key_stands_for_its_certificate)
{
	struct verbcall v;
	struct buf cert;
	char serial[32];

	rig_cert(&r, BOB, HERE, &cert);
	cr_assert_str_eq(key_how("bob", BOB, HERE), "cert", "not unless a role says so");
	role_says("plain_key: true");
	cr_assert_str_eq(key_how("bob", BOB, HERE), "full");
	cr_assert_str_eq(key_how("bob", BOB, THERE), "cert", "another address");
	cr_assert_str_eq(key_how("alice", BOB, HERE), "", "another name");
	cr_assert_str_eq(key_how("bob", ALICE, HERE), "", "another key");
	buf_clear(&cert);
	rig_cert(&r, ALICE, HERE, &cert);
	cr_assert_str_eq(key_how("alice", ALICE, HERE), "cert", "no role of hers allows it");
	(void)snprintf(serial, sizeof(serial), "%d", 1);
	cr_assert_eq(verb_run(&r, NULL, &v, "revoke", "kind", "serial", "value", serial, NULL), 0);
	verb_clear(&v);
	cr_assert_str_eq(key_how("bob", BOB, HERE), "cert", "revoked");
	buf_clear(&cert);
	rig_cert(&r, BOB, HERE, &cert);
	cr_assert_str_eq(key_how("bob", BOB, HERE), "full", "a new one");
	clock_test_shift_us(9 * 3600 * 1000000LL);
	cr_assert_str_eq(key_how("bob", BOB, HERE), "cert", "expired");
	buf_clear(&cert);
}

Test(window, certificates_permit_what_roles_do)
{
	struct buf cert;
	struct client c;

	rig_cert(&r, BOB, HERE, &cert);
	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_cert(&c, "bob", buf_span(&cert)), IPC_OK);
	cr_assert(ipc_get_bool(c.m, "forward", false) && ipc_get_bool(c.m, "pty", false));
	client_close(&c);
	buf_clear(&cert);
	role_says("forwarding: false, terminal: false");
	rig_cert(&r, BOB, HERE, &cert);
	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_cert(&c, "bob", buf_span(&cert)), IPC_OK);
	cr_assert(!ipc_get_bool(c.m, "forward", true) && !ipc_get_bool(c.m, "pty", true));
	client_close(&c);
	buf_clear(&cert);
	rig_cert(&r, ALICE, HERE, &cert); /* her role does */
	client_open(&r, &c, HERE);
	cr_assert_eq(client_auth_cert(&c, "alice", buf_span(&cert)), IPC_OK);
	cr_assert(ipc_get_bool(c.m, "forward", false) && ipc_get_bool(c.m, "pty", false));
	client_close(&c);
	buf_clear(&cert);
}

/* --- browser flow --- */

static char page[16];
static char shown[8];

static void start_browser(struct client *c, int key)
{
	const char *at;

	client_open(&r, c, HERE);
	prove(c, "alice", key);
	(void)client_msg(c, IPC_LOGIN_START);
	cr_assert_eq(client_call(c), IPC_OK);
	at = strstr(client_str(c, "banner"), "https://gw.example.com/l/");
	cr_assert_not_null(at);
	(void)snprintf(page, sizeof(page), "%.9s", at + strlen("https://gw.example.com/l/"));
	at = strstr(client_str(c, "banner"), "type the code  ") + strlen("type the code  ");
	for (int i = 0; i < 4; i++)
		shown[i] = at[2 * i];
	shown[4] = '\0';
}

/* A request of the web process; the type of the answer. */
static int web_call(enum ipc_type t, const char *state, const char *answer, const char *error, const char *digits)
{
	struct buf *b = side_msg(&web, t, ++web.id);

	ipc_str(b, "code", page);
	ipc_str(b, "addr", THERE);
	ipc_str(b, "state", state);
	ipc_str(b, "answer", answer);
	ipc_str(b, "error", error);
	ipc_str(b, "digits", digits);
	side_send(&web);
	return side_next(&web, t == IPC_WEB_CALLBACK || t == IPC_WEB_BEGIN || digits[0] != '\0' ? 400 : 3000);
}

#define STATE "0123456789abcdef0123456789abcdef"

static void began_ok(const char *state)
{
	struct buf *b;

	side_want(&idp, IPC_IDP_BROWSER);
	cr_assert_str_eq(side_str(&idp, "redirect_uri"), "https://gw.example.com/cb");
	cr_assert_str_eq(side_str(&idp, "state"), state);
	b = side_msg(&idp, IPC_OK, ipc_id(idp.m));
	ipc_str(b, "url", "https://id.example.com/auth?x=1");
	side_send(&idp);
	cr_assert_eq(side_next(&web, 3000), IPC_OK);
	cr_assert_str_eq(side_str(&web, "url"), "https://id.example.com/auth?x=1");
}

static void begin_ok(const char *state)
{
	cr_assert_eq(web_call(IPC_WEB_BEGIN, state, "", "", ""), -1);
	began_ok(state);
}

static void callback_ok(const char *state, const char *sub, const char *user)
{
	char id[64];
	struct buf *b;

	cr_assert_eq(web_call(IPC_WEB_CALLBACK, state, "code-1", "", ""), -1);
	side_want(&idp, IPC_IDP_CODE);
	cr_assert_str_eq(side_str(&idp, "code"), "code-1");
	(void)snprintf(id, sizeof(id), "%s", side_str(&idp, "login"));
	b = side_msg(&idp, IPC_OK, ipc_id(idp.m));
	(void)b;
	side_send(&idp);
	result_ok(id, sub, user, dba, 1);
}

Test(browser, the_whole_way)
{
	struct client c;

	start_browser(&c, 0);
	cr_assert_eq(web_call(IPC_WEB_LOOK, "", "", "", ""), IPC_OK);
	cr_assert_str_eq(side_str(&web, "state"), "wait");
	cr_assert_str_eq(side_str(&web, "source"), HERE);
	cr_assert_str_eq(side_str(&web, "asked"), "alice");
	cr_assert_str_eq(side_str(&web, "gateway"), "gw-test");
	cr_assert_str_eq(side_str(&web, "provider"), "https://id.example.com");
	cr_assert(strncmp(side_str(&web, "fingerprint"), "SHA256:", 7) == 0);
	begin_ok(STATE);
	callback_ok(STATE, "sub-1", "ann@example.com");
	cr_assert_eq(side_next(&web, 3000), IPC_OK);
	cr_assert_str_eq(side_str(&web, "user"), "ann@example.com");
	cr_assert_eq(c.peer->state, PEER_PRE, "nobody is in before the code was typed");
	cr_assert_eq(web_call(IPC_WEB_CONFIRM, STATE, "", "", "xxxx"), IPC_FAIL);
	cr_assert_eq(ipc_get_int(web.m, "tries", -1), 2);
	cr_assert_eq(web_call(IPC_WEB_CONFIRM, "another-browser-with-the-same-code", "", "", shown), IPC_FAIL,
	    "the digits alone are not enough");
	cr_assert_eq(c.peer->state, PEER_PRE);
	(void)web_call(IPC_WEB_CONFIRM, STATE, "", "", shown);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert(ipc_get_bool(c.m, "ok", false));
	cr_assert_str_eq(c.peer->id.user, "ann@example.com");
	cr_assert_eq(web_call(IPC_WEB_CONFIRM, STATE, "", "", shown), IPC_FAIL, "once");
	client_close(&c);
}

Test(browser, out_of_turn)
{
	struct client c;

	start_browser(&c, 0);
	cr_assert_eq(web_call(IPC_WEB_CALLBACK, STATE, "code", "", ""), IPC_FAIL, "before the beginning");
	cr_assert_eq(web_call(IPC_WEB_CONFIRM, STATE, "", "", shown), IPC_FAIL);
	cr_assert_eq(web_call(IPC_WEB_BEGIN, "short", "", "", ""), IPC_FAIL);
	begin_ok(STATE);
	cr_assert_eq(web_call(IPC_WEB_BEGIN, STATE "2", "", "", ""), -1, "a second tab");
	side_want(&idp, IPC_IDP_CANCEL); /* or the fetcher would refuse to begin what has begun */
	cr_assert_str_eq(side_str(&idp, "login"), c.peer->login->id);
	began_ok(STATE "2");
	cr_assert_eq(web_call(IPC_WEB_CALLBACK, STATE, "code", "", ""), IPC_FAIL, "the first tab's state is over");
	callback_ok(STATE "2", "sub-1", "ann@example.com");
	cr_assert_eq(side_next(&web, 3000), IPC_OK);
	cr_assert_eq(web_call(IPC_WEB_CALLBACK, STATE "2", "code", "", ""), IPC_FAIL, "replayed");
	cr_assert_eq(web_call(IPC_WEB_BEGIN, STATE, "", "", ""), IPC_FAIL);
	(void)snprintf(page, sizeof(page), "BBBB-BBBB");
	cr_assert_eq(web_call(IPC_WEB_LOOK, "", "", "", ""), IPC_FAIL, "unknown code");
	client_close(&c);
}

Test(browser, a_result_that_nobody_asked_for)
{
	struct client c;

	start_browser(&c, 0);
	result_ok(c.peer->login->id, "sub-1", "ann@example.com", dba, 1);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_not_null(strstr(client_str(&c, "text"), "out of turn"));
	client_close(&c);
}

Test(browser, three_wrong_codes_end_it)
{
	struct client c;

	start_browser(&c, 0);
	begin_ok(STATE);
	callback_ok(STATE, "sub-1", "ann@example.com");
	cr_assert_eq(side_next(&web, 3000), IPC_OK);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(web_call(IPC_WEB_CONFIRM, STATE, "", "", i == 0 ? "12345" : "12"), IPC_FAIL);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_not(ipc_get_bool(c.m, "ok", true));
	cr_assert_eq(web_call(IPC_WEB_CONFIRM, STATE, "", "", shown), IPC_FAIL);
	cr_assert_eq(c.peer->state, PEER_PRE);
	client_close(&c);
}

Test(browser, cancel_and_the_providers_no)
{
	struct client c;

	start_browser(&c, 0);
	cr_assert_eq(web_call(IPC_WEB_REFUSE, "", "", "", ""), IPC_OK);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_not_null(strstr(client_str(&c, "text"), "cancelled"));
	client_close(&c);
	start_browser(&c, 1);
	begin_ok(STATE);
	cr_assert_eq(web_call(IPC_WEB_CALLBACK, STATE, "", "access_denied\033[1m", ""), IPC_FAIL);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_not_null(strstr(client_str(&c, "text"), "access_denied"));
	cr_assert_null(strchr(client_str(&c, "text"), '\033'));
	client_close(&c);
}

Test(browser, a_name_outside_never_reaches_the_confirmation)
{
	struct client c;

	start_browser(&c, 0);
	begin_ok(STATE);
	callback_ok(STATE, "sub-1", "mallory@evil.example");
	cr_assert_eq(side_next(&web, 3000), IPC_FAIL);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_not(ipc_get_bool(c.m, "ok", true));
	client_close(&c);
}

Test(browser, ssh_goes_while_the_browser_waits)
{
	struct client c;

	start_browser(&c, 0);
	begin_ok(STATE);
	cr_assert_eq(web_call(IPC_WEB_CALLBACK, STATE, "code-1", "", ""), -1);
	client_close(&c);
	cr_assert_eq(side_next(&web, 3000), IPC_FAIL);
	cr_assert_eq(ipc_get_int(web.m, "code", 0), E_CLOSED);
}

/* Another web process numbers its calls from 1, too: what the one before asked is answered to nobody. */
Test(browser, the_web_process_goes)
{
	struct client c, d;

	start_browser(&c, 0);
	begin_ok(STATE);
	cr_assert_eq(web_call(IPC_WEB_CALLBACK, STATE, "code-1", "", ""), -1);
	start_browser(&d, 1);
	cr_assert_eq(web_call(IPC_WEB_BEGIN, STATE "2", "", "", ""), -1);
	side_close(&web);
	side_open(&r, &web, monitor_set_web);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT, "who had come back cannot go on");
	cr_assert_not_null(strstr(client_str(&c, "text"), "started again"));
	side_want(&idp, IPC_IDP_CODE);
	side_want(&idp, IPC_IDP_BROWSER);
	struct buf *b = side_msg(&idp, IPC_OK, ipc_id(idp.m));
	ipc_str(b, "url", "https://id.example.com/auth?x=2");
	side_send(&idp);
	cr_assert_eq(side_next(&web, 300), -1, "an answer for the process before");
	begin_ok(STATE "3");
	client_close(&c);
	client_close(&d);
}

Test(browser, an_answer_of_another_provider)
{
	struct client c;
	struct buf *b;

	start_browser(&c, 0);
	begin_ok(STATE);
	b = side_msg(&web, IPC_WEB_CALLBACK, ++web.id);
	ipc_str(b, "code", page);
	ipc_str(b, "addr", THERE);
	ipc_str(b, "state", STATE);
	ipc_str(b, "answer", "code-1");
	ipc_str(b, "error", "");
	ipc_str(b, "iss", "https://id.example.com.evil.example");
	side_send(&web);
	cr_assert_eq(side_next(&web, 3000), IPC_FAIL);
	cr_assert_eq(client_next(&c, 5000), IPC_LOGIN_RESULT);
	cr_assert_not_null(strstr(client_str(&c, "text"), "another identity provider"));
	client_close(&c);
}

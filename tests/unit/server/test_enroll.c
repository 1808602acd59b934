/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs and agents that hand in a token, and people whom an identity provider vouches for, as the monitor sees them; the
 * test plays the session and the fetcher.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "keygen.h"
#include "monrig.h"
#include "wire/sshkey.h"

#define HERE  "198.51.100.7"
#define ISS   "https://token.example.com"
#define CORP  "https://id.example.com"
#define CAROL "carol@example.com"

static struct rig r;
static struct side idp;
static struct sshkey key[4];
static struct buf blob[4];
static char fp[4][FP_CAP];

static const char identity[] =
    "\n  local: {type: local}\n"
    "  corp: {type: oidc, issuer: \"" CORP "\", client_id: bastion, names: [\"*@example.com\"], add_groups: [everyone]}\n"
    "  ci: {type: oidc, kind: service, issuer: \"" ISS "\", name: \"ci:acme/orders\", add_groups: [ci], "
    "claims: [\"/repository_id=42\"], audience: fixed}\n"
    "  jobs: {type: oidc, kind: service, issuer: \"" ISS "\", groups: /groups, names: [\"*.job\"], claims: [\"/x=1\"]}\n"
    "  bots: {type: oidc, kind: agent, issuer: \"" ISS "\", person: /owner, names: [\"*.bot\"], add_groups: [agents], "
    "claims: [\"/x=2\"]}";

static const char roles[] =
    "roles:\n"
    "  ci: {groups: [ci, jobs], targets: [orders-prod], logins: [app_rw], session: {ttl: 40m}}\n"
    "  people: {groups: [everyone], targets: [orders-prod], logins: [app_ro], databases: [orders]}\n"
    "  agents: {groups: [agents], targets: [\"*\"], logins: [\"*\"], max: bulk, delegated_by: [dev, everyone]}\n";

static void conf_d(const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/conf.d", r.dir);
	(void)mkdir(path, 0700);
	spill(tmp_path(path, "more.yaml"), span_str(text));
}

static void reload(const char *with_identity)
{
	struct buf errs;

	r.identity = with_identity;
	rig_conf(&r, NULL);
	buf_init(&errs, 65536);
	cr_assert_eq(monitor_reload(r.m, &errs), 0, "%s", buf_cstr(&errs));
	buf_clear(&errs);
}

static void up(void)
{
	rig_init(&r);
	r.identity = identity;
	rig_conf(&r, NULL);
	conf_d(roles);
	rig_start(&r);
	side_open(&r, &idp, monitor_set_fetcher);
	for (size_t i = 0; i < 4; i++) {
		cr_assert_eq(sshkey_generate(&key[i]), 0);
		buf_init(&blob[i], 1024);
		sshpk_put_ed25519_blob(&blob[i], key[i].pub);
		sshpk_fingerprint(buf_span(&blob[i]), fp[i]);
	}
}

static void down(void)
{
	for (size_t i = 0; i < 4; i++)
		buf_clear(&blob[i]);
	side_close(&idp);
	rig_down(&r);
}

TestSuite(enroll, .init = up, .fini = down, .timeout = 120);
TestSuite(account, .init = up, .fini = down, .timeout = 120);

/* --- the connection --- */

static void enroll_open(struct client *c, size_t i)
{
	client_open(&r, c, HERE);
	cr_assert_eq(client_auth_key(c, "enroll", buf_span(&blob[i])), IPC_OK);
	cr_assert_str_eq(client_str(c, "how"), "enroll");
	cr_assert_eq(client_done(c, true), IPC_OK, "%s", client_str(c, "text"));
	cr_assert_eq(c->peer->id.via, VIA_ENROLL);
	cr_assert_eq(c->peer->id.groups.n, 0);
	cr_assert(!ipc_get_bool(c->m, "forward", true) && !ipc_get_bool(c->m, "pty", true));
}

static int exec_line(struct client *c, const char *line)
{
	struct buf *b = client_msg(c, IPC_EXEC);

	ipc_bin(b, "line", span_str(line));
	ipc_bool(b, "pty", false);
	return client_call(c);
}

Test(enroll, the_connection_can_do_nothing_else)
{
	static const char *const lines[] = {"whoami", "targets", "cert", "sql orders-prod", "delegate --targets orders-prod",
	    "help", "requests", "approve ABCDEFGH"};
	struct client c, alice;
	struct verbcall v;

	enroll_open(&c, 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		cr_assert_eq(exec_line(&c, lines[i]), IPC_FAIL, "RUNS: %s", lines[i]);
		cr_assert(strstr(client_str(&c, "text"), "nothing else") != NULL, "%s", client_str(&c, "text"));
	}
	cr_assert_eq(verb_run(&r, &c, &v, "whoami", NULL), 4);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &c, &v, "cert", NULL), 4);
	verb_clear(&v);
	ipc_str(client_msg(&c, IPC_TARGET), "name", "orders-prod");
	ipc_int(&c.out, "port", 5432);
	cr_assert_eq(client_call(&c), 0, "a violation ends the connection");
	client_close(&c);
	/* a second key on the same connection */
	enroll_open(&c, 0);
	cr_assert_eq(client_auth_key(&c, "enroll", buf_span(&blob[1])), 0);
	client_close(&c);
	/* and nobody else enrolls */
	client_open(&r, &alice, HERE);
	client_login(&alice, ALICE);
	cr_assert_eq(exec_line(&alice, "enroll"), IPC_FAIL);
	cr_assert(strstr(client_str(&alice, "text"), "for the user enroll") != NULL, "%s", client_str(&alice, "text"));
	cr_assert_eq(verb_run(&r, &alice, &v, "enroll", "token", "a.b.c", NULL), 4);
	verb_clear(&v);
	client_close(&alice);
	cr_assert_eq(verb_run(&r, NULL, &v, "enroll", "token", "a.b.c", NULL), 4, "not on the gateway itself");
	verb_clear(&v);
}

/* Any key gets in as enroll: such connections count as strangers, and do not stay. */
Test(enroll, the_connection_does_not_stay)
{
	struct client c, alice;

	(void)rig_listener_got(&r, IPC_CONN_STATE);
	enroll_open(&c, 0);
	rig_spin(&r, 20);
	cr_assert(!rig_listener_got(&r, IPC_CONN_STATE), "it still counts as not authenticated");
	client_open(&r, &alice, HERE);
	client_login(&alice, ALICE);
	rig_spin(&r, 20);
	cr_assert(rig_listener_got(&r, IPC_CONN_STATE));
	enroll_tick(r.m);
	cr_assert_eq(client_next(&c, 100), -1);
	c.peer->since_us -= 61 * 1000000LL;
	alice.peer->since_us -= 3600 * 1000000LL;
	enroll_tick(r.m);
	cr_assert_eq(client_next(&c, 1000), IPC_KILL);
	cr_assert_eq(client_next(&alice, 100), -1);
	client_close(&alice);
	client_close(&c);
}

/* --- the fetcher's answer --- */

struct said {
	const char *block, *user, *person, *group;
	const char *iss; /* NULL = ISS */
	uint8_t token;   /* first byte of its hash */
	bool once;
	const char *refused; /* NULL = the token is good */
};

/* The verb's channel is asynchronous here: the test has to answer in between. */
struct asking {
	int sock;
	struct buf in, out;
	struct ipc_msg *m;
	char cert[4096], text[400], hint[400], user[NAME_CAP], behalf[NAME_CAP], risk[32];
	int64_t expires_s;
	int code;
};

static void ask(struct client *c, struct asking *a, const char *token)
{
	struct buf args;
	int sv[2];

	*a = (struct asking){.code = -1};
	buf_init(&a->in, IPC_MAX);
	buf_init(&a->out, IPC_MAX);
	buf_init(&args, 65536);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	cr_assert_not_null(ctl_bound(c->peer, sv[0]));
	a->sock = sv[1];
	cr_assert_eq(fd_set_nonblock(a->sock, true), 0);
	mp_put_map(&args, 1);
	mp_put_cstr(&args, "token");
	mp_put_cstr(&args, token);
	ipc_begin(&a->out, IPC_CTL, 1);
	ipc_str(&a->out, "verb", "enroll");
	ipc_raw(&a->out, "args", buf_span(&args));
	cr_assert_eq(ipc_send(a->sock, &a->out, NULL, 0), 0);
	buf_clear(&args);
}

static void take(const struct mp_val *item, const char *k, char *out, size_t cap)
{
	struct span s = mp_span(mp_get(item, k));

	snprintf(out, cap, "%.*s", (int)s.n, s.n > 0 ? (const char *)s.p : "");
}

static int result(struct asking *a)
{
	int64_t until = clock_mono_us() + 10000000;

	while (a->code < 0 && clock_mono_us() < until) {
		int rc = ipc_recv(a->sock, &a->in, &a->m, NULL, NULL);
		const struct mp_val *item;

		if (rc == E_MORE) {
			rig_spin(&r, 2);
			continue;
		}
		cr_assert_eq(rc, 0);
		item = ipc_get(a->m, "item");
		if (ipc_type_of(a->m) == IPC_CTL_ITEM) {
			take(item, "certificate", a->cert, sizeof(a->cert));
			take(item, "principals", a->user, sizeof(a->user));
			take(item, "on_behalf_of", a->behalf, sizeof(a->behalf));
			take(item, "max_risk", a->risk, sizeof(a->risk));
			a->expires_s = mp_i64(mp_get(item, "expires_s"), 0);
		} else {
			a->code = (int)ipc_get_int(a->m, "code", -2);
			ipc_take_str(a->m, "text", a->text, sizeof(a->text));
			ipc_take_str(a->m, "hint", a->hint, sizeof(a->hint));
		}
		ipc_free(a->m);
	}
	close(a->sock);
	buf_clear(&a->in);
	buf_clear(&a->out);
	return a->code;
}

static void answer(const struct said *s)
{
	uint8_t hash[32] = {s->token};
	char *groups[] = {(char *)(uintptr_t)(s->group != NULL ? s->group : "")};
	uint32_t id = ipc_id(idp.m);
	struct buf *b;

	if (s->refused != NULL) {
		b = side_msg(&idp, IPC_FAIL, id);
		ipc_int(b, "code", E_DENIED);
		ipc_str(b, "text", s->refused);
		ipc_str(b, "hint", "look at it");
	} else {
		b = side_msg(&idp, IPC_OK, id);
		ipc_str(b, "block", s->block);
		ipc_str(b, "iss", s->iss != NULL ? s->iss : ISS);
		ipc_str(b, "sub", "the subject");
		ipc_str(b, "user", s->user != NULL ? s->user : "");
		ipc_strs(b, "groups", groups, s->group != NULL ? 1 : 0);
		ipc_str(b, "person", s->person != NULL ? s->person : "");
		ipc_int(b, "exp", clock_wall_s() + 300);
		ipc_bin(b, "token", span_of(hash, sizeof(hash)));
		ipc_bool(b, "once", s->once);
	}
	side_send(&idp);
}

static int hand_in(struct client *c, struct asking *a, const struct said *s)
{
	ask(c, a, "eyJ.eyJ.sig");
	side_want(&idp, IPC_IDP_TOKEN);
	answer(s);
	return result(a);
}

static int hand_in_fresh(struct asking *a, size_t i, const struct said *s)
{
	struct client c;
	int code;

	enroll_open(&c, i);
	code = hand_in(&c, a, s);
	client_close(&c);
	return code;
}

static int login(struct client *c, const struct asking *a)
{
	struct buf cert;
	int t;

	buf_init(&cert, SSHPK_BLOB_MAX);
	cr_assert_eq(sshpk_line_parse(span_str(a->cert), &cert, NULL, NULL), 0);
	client_open(&r, c, HERE);
	t = client_auth_cert(c, a->user, buf_span(&cert));
	buf_clear(&cert);
	return t == IPC_OK ? client_done(c, false) : t;
}

static bool ended(struct client *c)
{
	int t;

	while ((t = client_next(c, 3000)) > 0)
		if (t == IPC_KILL)
			return true;
	return t == 0;
}

/* --- services --- */

static const struct said good_ci = {.block = "ci", .token = 1, .once = true};

Test(enroll, a_job_gets_a_certificate)
{
	char audience[200];
	struct asking a;
	struct client c, e;
	int64_t left;

	enroll_open(&e, 0);
	ask(&e, &a, "eyJ.eyJ.sig");
	side_want(&idp, IPC_IDP_TOKEN);
	snprintf(audience, sizeof(audience), "ssh://gw-test/%s", fp[0]);
	cr_assert_str_eq(side_str(&idp, "audience"), audience, "bound to the key of this connection");
	cr_assert(span_is(ipc_get_span(idp.m, "token"), "eyJ.eyJ.sig"));
	answer(&good_ci);
	cr_assert_eq(result(&a), 0, "%s", a.text);
	client_close(&e);
	cr_assert_str_eq(a.user, "ci:acme/orders");
	left = a.expires_s - clock_wall_s();
	cr_assert(left > 2380 && left <= 2400, "the role says 40 minutes: %lld", (long long)left);
	cr_assert_eq(login(&c, &a), IPC_OK, "%s", client_str(&c, "text"));
	cr_assert_eq(c.peer->id.kind, KIND_SERVICE);
	cr_assert(c.peer->id.service && !c.peer->id.pty);
	cr_assert_str_eq(c.peer->id.issuer, "ci");
	cr_assert_str_eq(c.peer->id.key_fp, fp[0]);
	cr_assert_eq(c.peer->id.groups.n, 1);
	cr_assert_eq(client_connect(&c, "orders-prod", "app_rw", "orders"), 0, "%s", client_str(&c, "text"));
	client_close(&c);
}

Test(enroll, groups_of_the_token_and_of_the_block)
{
	const struct said s = {.block = "jobs", .user = "one.job", .group = "jobs"};
	struct asking a;
	struct client c;

	cr_assert_eq(hand_in_fresh(&a, 0, &s), 0, "%s", a.text);
	cr_assert_eq(login(&c, &a), IPC_OK, "%s", client_str(&c, "text"));
	cr_assert_eq(c.peer->id.groups.n, 1);
	cr_assert_str_eq(c.peer->id.groups.v[0], "jobs");
	reload("\n  local: {type: local}");
	cr_assert(ended(&c), "its block is gone");
	client_close(&c);
	cr_assert_eq(login(&c, &a), IPC_FAIL);
	cr_assert(strstr(client_str(&c, "text"), "jobs is not (or no longer) configured") != NULL, "%s", client_str(&c, "text"));
	client_close(&c);
}

Test(enroll, a_token_without_key_is_good_once)
{
	struct asking a;

	cr_assert_eq(hand_in_fresh(&a, 0, &good_ci), 0, "%s", a.text);
	cr_assert_eq(hand_in_fresh(&a, 0, &good_ci), 4);
	cr_assert(strstr(a.text, "used before") != NULL, "%s", a.text);
	cr_assert_eq(hand_in_fresh(&a, 1, &good_ci), 4, "with another key neither");
	side_close(&idp);
	rig_stop(&r);
	rig_start(&r);
	side_open(&r, &idp, monitor_set_fetcher);
	cr_assert_eq(hand_in_fresh(&a, 0, &good_ci), 4, "nor after a restart");
	cr_assert(strstr(a.text, "used before") != NULL, "%s", a.text);
	cr_assert_eq(hand_in_fresh(&a, 0, &(struct said){.block = "ci", .token = 2, .once = true}), 0, "%s", a.text);
}

/* What is refused does not use the token up. */
Test(enroll, each_refusal_says_why)
{
	static const struct {
		struct said s;
		const char *text;
	} cases[] = {
	    {{.refused = "the token has expired"}, "the token has expired"},
	    {{.block = "jobs", .user = "rootjob"}, "may not give the name \"rootjob\""},
	    {{.block = "jobs", .user = "alice"}, "may not give the name \"alice\""},
	    {{.block = "jobs", .user = "agent:one.job"}, "may not give the name"},
	    {{.block = "jobs", .user = "a b.job"}, "may not give the name"},
	    {{.block = "jobs", .user = ""}, "may not give the name"},
	    {{.block = "corp", .user = CAROL, .iss = CORP}, "block corp does not take tokens"},
	    {{.block = "gone", .user = "one.job"}, "block gone does not take tokens"},
	    {{.block = "jobs", .user = "one.job", .iss = CORP}, "block jobs does not take tokens"},
	    {{.block = "bots", .user = "one.bot"}, "names no person"},
	    {{.block = "bots", .user = "one.bot", .person = "nobody"}, "nobody is no user"},
	    {{.block = "bots", .user = "one.bot", .person = "robot"}, "robot is no person"},
	    {{.block = "bots", .user = "one.bot", .person = "bob"}, "bob may give agent:one.bot no role"},
	    {{.block = "bots", .user = "one.job", .person = "alice"}, "may not give the name"},
	};
	struct asking a;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct said s = cases[i].s;

		s.once = true;
		s.token = 9;
		cr_assert_eq(hand_in_fresh(&a, i % 4, &s), 4, "%zu: %d %s", i, a.code, a.text);
		cr_assert(strstr(a.text, cases[i].text) != NULL, "%zu: %s", i, a.text);
		cr_assert_str_eq(a.cert, "");
	}
	cr_assert_eq(hand_in_fresh(&a, 0, &(struct said){.block = "ci", .token = 9, .once = true}), 0, "%s", a.text);
}

Test(enroll, attempts_are_limited)
{
	static const struct said bad = {.refused = "no"};
	struct asking a;
	struct client c;

	enroll_open(&c, 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(hand_in(&c, &a, &bad), 4);
	ask(&c, &a, "eyJ.eyJ.sig");
	cr_assert_eq(result(&a), 4);
	cr_assert(strstr(a.text, "connect again") != NULL, "%s", a.text);
	client_close(&c);
	(void)rig_listener_got(&r, IPC_PENALTY);
	for (int i = 0; i < 16; i++)
		cr_assert_eq(hand_in_fresh(&a, 0, &bad), 4, "%d %s", i, a.text);
	cr_assert(rig_listener_got(&r, IPC_PENALTY), "the listener keeps the address away for a while");
	enroll_open(&c, 0);
	ask(&c, &a, "eyJ.eyJ.sig");
	cr_assert_eq(result(&a), 75);
	cr_assert(strstr(a.text, "too many tokens from " HERE) != NULL, "%s", a.text);
	client_close(&c);
}

Test(enroll, without_an_answer)
{
	struct asking a;
	struct client c;

	enroll_open(&c, 0);
	ask(&c, &a, "");
	cr_assert_eq(result(&a), 2);
	ask(&c, &a, "a token\nand more");
	cr_assert_eq(result(&a), 2);
	client_close(&c);
	enroll_open(&c, 0);
	ask(&c, &a, "eyJ.eyJ.sig");
	side_want(&idp, IPC_IDP_TOKEN);
	monitor_set_fetcher(r.m, -1); /* it died */
	cr_assert_eq(result(&a), 75, "%s", a.text);
	ask(&c, &a, "eyJ.eyJ.sig");
	cr_assert_eq(result(&a), 75, "%s", a.text);
	cr_assert(strstr(a.text, "cannot check tokens now") != NULL, "%s", a.text);
	client_close(&c);
	/* whoever asked goes away: the late answer meets nobody */
	side_close(&idp);
	side_open(&r, &idp, monitor_set_fetcher);
	enroll_open(&c, 1);
	ask(&c, &a, "eyJ.eyJ.sig");
	side_want(&idp, IPC_IDP_TOKEN);
	client_close(&c);
	answer(&good_ci);
	rig_spin(&r, 50);
	close(a.sock);
	buf_clear(&a.in);
	buf_clear(&a.out);
	cr_assert_eq(hand_in_fresh(&a, 0, &good_ci), 0, "it was not used up: %s", a.text);
}

/* --- agents --- */

Test(enroll, an_agent_acts_for_its_person)
{
	const struct said s = {.block = "bots", .user = "one.bot", .person = "alice"};
	struct asking a;
	struct client c;
	struct verbcall v;

	cr_assert_eq(hand_in_fresh(&a, 0, &s), 0, "%s", a.text);
	cr_assert_str_eq(a.user, "agent:one.bot");
	cr_assert_str_eq(a.behalf, "alice");
	cr_assert_str_eq(a.risk, "bulk", "no more than its roles give");
	cr_assert_eq(login(&c, &a), IPC_OK, "%s", client_str(&c, "text"));
	cr_assert_eq(c.peer->id.kind, KIND_AGENT);
	cr_assert_str_eq(c.peer->id.person, "alice");
	cr_assert_eq(client_connect(&c, "orders-prod", "app_rw", "orders"), IPC_FAIL, "alice has not got app_rw");
	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(&c, "text"));
	cr_assert_eq(verb_run(&r, &c, &v, "delegate", "key", "x", "targets", "orders-prod", NULL), 4);
	verb_clear(&v);
	cr_assert_eq(store_lock(r.m->store, "alice", "root", "test", clock_wall_s()), 0);
	cr_assert_eq(hand_in_fresh(&a, 0, &s), 4);
	cr_assert(strstr(a.text, "locked") != NULL, "%s", a.text);
	(void)who_end_unfit(r.m);
	cr_assert(ended(&c));
	client_close(&c);
}

/* --- people of a provider --- */

struct issued_cert {
	struct buf blob;
	char why[300];
	bool done;
};

static void keep(void *ctx, const struct issued *x, const struct why *failed)
{
	struct issued_cert *k = ctx;

	k->done = true;
	if (x != NULL)
		buf_put_span(&k->blob, x->blob);
	else
		snprintf(k->why, sizeof(k->why), "%s", failed->text);
}

static void issue(const struct issue_ask *a, struct issued_cert *k)
{
	*k = (struct issued_cert){.done = false};
	buf_init(&k->blob, SSHPK_BLOB_MAX);
	(void)mon_issue(r.m, a, keep, k);
	for (int i = 0; i < 1000 && !k->done; i++)
		rig_spin(&r, 5);
	cr_assert(buf_len(&k->blob) > 0, "%s", k->why);
}

static void account_says(const char *groups)
{
	struct store_account a = {.iss = CORP,
	    .sub = "s1",
	    .issuer = "corp",
	    .user = CAROL,
	    .groups = groups,
	    .key_fp = fp[0],
	    .first_s = 1,
	    .last_s = 2};
	bool new_key;

	cr_assert_eq(store_account_login(r.m->store, &a, &new_key), 0);
}

static int carol(struct client *c, const char *issuer, enum ident_kind kind)
{
	char *v[] = {(char *)"dev", (char *)"dba", (char *)"everyone"};
	struct conf_list groups = {3, v};
	struct issue_ask a = {.key = buf_span(&blob[0]),
	    .user = CAROL,
	    .person = CAROL,
	    .issuer = issuer,
	    .kind = kind,
	    .groups = &groups,
	    .ttl_s = 3600,
	    .source = HERE,
	    .addr = HERE,
	    .forward = true};
	struct issued_cert k;
	int t;

	issue(&a, &k);
	client_open(&r, c, HERE);
	t = client_auth_cert(c, CAROL, buf_span(&k.blob));
	buf_clear(&k.blob);
	return t == IPC_OK ? client_done(c, false) : t;
}

static void refused(const char *issuer, enum ident_kind kind, const char *text)
{
	struct client c;

	cr_assert_eq(carol(&c, issuer, kind), IPC_FAIL, "ACCEPTED: %s", text);
	cr_assert(strstr(client_str(&c, "text"), text) != NULL, "%s: %s", text, client_str(&c, "text"));
	client_close(&c);
}

Test(account, needs_its_provider_and_its_account)
{
	struct client c;

	refused("corp", KIND_PERSON, "the account of " CAROL " at corp");
	account_says("dev,other");
	refused("ci", KIND_PERSON, "ci does not vouch for a person");
	refused("corp", KIND_SERVICE, "corp does not vouch for a service");
	refused("gone", KIND_PERSON, "gone is not (or no longer) configured");
	refused("local", KIND_PERSON, "is not configured on this gateway");
	refused("", KIND_PERSON, "is not configured on this gateway");
	cr_assert_eq(carol(&c, "corp", KIND_PERSON), IPC_OK, "%s", client_str(&c, "text"));
	cr_assert_eq(c.peer->id.groups.n, 2, "dba is the certificate's, but no longer the account's");
	cr_assert(conf_list_has(&c.peer->id.groups, "dev") && conf_list_has(&c.peer->id.groups, "everyone"));
	client_close(&c);
}

/* The block may give other names now, and the configuration has a user of that name: the provider's certificate is not
 * that user's. */
Test(account, is_no_local_user)
{
	struct client c;

	account_says("dev");
	cr_assert_eq(carol(&c, "corp", KIND_PERSON), IPC_OK, "%s", client_str(&c, "text"));
	conf_d("users: {" CAROL ": {groups: [dba], keys: [\"ssh-ed25519 "
	       "AAAAC3NzaC1lZDI1NTE5AAAAIMHuW3YJm8+0AfNjBwzBHOkkfQnTiyYEcTPBRA0pP7ZW x\"]}}\n");
	reload("\n  local: {type: local}\n"
	       "  corp: {type: oidc, issuer: \"" CORP "\", client_id: bastion, names: [\"*@example.org\"]}");
	cr_assert(ended(&c));
	client_close(&c);
	refused("corp", KIND_PERSON, "may not give the name");
}

Test(account, loses_groups_at_once)
{
	struct client c;

	account_says("dev");
	cr_assert_eq(carol(&c, "corp", KIND_PERSON), IPC_OK, "%s", client_str(&c, "text"));
	cr_assert_eq(client_connect(&c, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(&c, "text"));
	conf_d("roles: {ci: {groups: [ci], targets: [orders-prod], logins: [app_rw]}}\n"); /* dev alone opens it now */
	reload(identity);
	account_says("other");
	mon_rejudge_user(r.m, CAROL);
	cr_assert(ended(&c), "the session goes on");
	client_close(&c);
}

Test(account, its_agents_follow)
{
	struct client c, a;
	struct verbcall v;
	struct asking k = {.code = 0};
	struct buf text;

	account_says("dev");
	cr_assert_eq(carol(&c, "corp", KIND_PERSON), IPC_OK, "%s", client_str(&c, "text"));
	buf_init(&text, 4096);
	cr_assert_eq(sshpk_line_put(&text, buf_span(&blob[1]), "x"), 0);
	buf_truncate(&text, buf_len(&text) - 1);
	cr_assert_eq(verb_run(&r, &c, &v, "delegate", "key", buf_cstr(&text), "targets", "orders-prod", "source", HERE, NULL), 0,
	    "%s", verb_text(&v));
	snprintf(k.cert, sizeof(k.cert), "%s", verb_str(&v, 0, "certificate"));
	snprintf(k.user, sizeof(k.user), "agent:agent");
	verb_clear(&v);
	cr_assert_eq(login(&a, &k), IPC_OK, "%s", client_str(&a, "text"));
	cr_assert_str_eq(a.peer->id.person, CAROL);
	cr_assert_eq(client_connect(&a, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(&a, "text"));
	cr_assert_eq(store_account_forget(r.m->store, CAROL), 0);
	mon_rejudge_user(r.m, CAROL);
	cr_assert(ended(&a));
	cr_assert(ended(&c));
	client_close(&a);
	client_close(&c);
	buf_clear(&text);
}

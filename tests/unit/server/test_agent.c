/* SPDX-License-Identifier: Apache-2.0
 *
 * Agents: what a person may give away, what is left of it at every use, and that it ends with the person.
 * alice (dev) has app_ro on orders-prod/orders; dave (sec) has payroll, up to class write; dba approves.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "keygen.h"
#include "monrig.h"
#include "policy/view.h"
#include "server/hold.h"
#include "wire/sshkey.h"

#define HERE "198.51.100.7"

static struct rig r;
static struct sshkey key[3];
static struct buf blob[3]; /* of agents */
static char line[3][256];

static const char base[] =
    "roles:\n"
    "  agents: {groups: [agents], targets: [\"*\"], logins: [app_rw, app_ro, app_pay], mask: none,\n"
    "    max: bulk, delegated_by: [dev, sec]}\n"
    "  wide: {groups: [wide], targets: [\"*\"], logins: [\"*\"], mask: none, verbs: [audit, kill, approve]}\n"
    "  narrow: {groups: [sec], targets: [orders-prod], logins: [app_ro], max: write}\n";

/* A file of conf.d, which rig_conf() does not write. */
static void conf_d(const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/conf.d", r.dir);
	(void)mkdir(path, 0700);
	spill(tmp_path(path, "agents.yaml"), span_str(text));
}

static void reload(const char *text)
{
	struct buf errs;

	conf_d(text);
	buf_init(&errs, 65536);
	cr_assert_eq(monitor_reload(r.m, &errs), 0, "%s", buf_cstr(&errs));
	buf_clear(&errs);
}

static void up_with(const char *gateway)
{
	rig_init(&r);
	(void)snprintf(r.conf_extra, sizeof(r.conf_extra), "%s", gateway);
	rig_conf(&r, NULL);
	conf_d(base);
	rig_start(&r);
	for (size_t i = 0; i < 3; i++) {
		struct buf b;

		cr_assert_eq(sshkey_generate(&key[i]), 0);
		buf_init(&blob[i], 1024);
		sshpk_put_ed25519_blob(&blob[i], key[i].pub);
		buf_init(&b, 1024);
		cr_assert_eq(sshpk_line_put(&b, buf_span(&blob[i]), "agent@host"), 0);
		snprintf(line[i], sizeof(line[i]), "%.*s", (int)buf_len(&b) - 1, buf_cstr(&b));
		buf_clear(&b);
	}
}

static void up(void)
{
	up_with("");
}

static void down(void)
{
	for (size_t i = 0; i < 3; i++)
		buf_clear(&blob[i]);
	rig_down(&r);
}

TestSuite(agent, .init = up, .fini = down, .timeout = 120);

/* --- helpers --- */

static void person(struct client *c, enum rig_user u)
{
	client_open(&r, c, HERE);
	client_login(c, u);
}

/* The certificate of agent:etl for c's user; key i. */
static void delegated(
    struct client *c, size_t i, const char *targets, const char *risk, struct buf *cert)
{
	struct verbcall v;

	cr_assert_eq(verb_run(&r, c, &v, "delegate", "key", line[i], "name", "etl", "targets", targets,
			 "max_risk", risk, "source", HERE, NULL),
	    0, "%s (%s)", verb_text(&v), verb_hint(&v));
	buf_init(cert, SSHPK_BLOB_MAX);
	cr_assert_eq(
	    sshpk_line_parse(span_str(verb_str(&v, 0, "certificate")), cert, NULL, NULL), 0);
	verb_clear(&v);
}

static int try_agent(struct client *c, const struct buf *cert)
{
	client_open(&r, c, HERE);
	if (client_auth_cert(c, "agent:etl", buf_span(cert)) != IPC_OK)
		return IPC_FAIL;
	return client_done(c, false);
}

static void agent_of(struct client *by, size_t i, const char *targets, const char *risk, struct client *c)
{
	struct buf cert;

	delegated(by, i, targets, risk, &cert);
	cr_assert_eq(try_agent(c, &cert), IPC_OK, "%s", client_str(c, "text"));
	buf_clear(&cert);
}

static void refused_connect(struct client *c, const char *target, const char *login, const char *db)
{
	cr_assert_eq(client_connect(c, target, login, db), IPC_FAIL, "OPEN: %s %s %s", target, login, db);
}

/* What is refused, with which words. pairs: arguments beside the key. */
static void refused(struct client *c, const char *key_line, const char *name, const char *targets,
    const char *risk, const char *ttl, const char *source, int code, const char *text)
{
	struct verbcall v;
	int got = verb_run(&r, c, &v, "delegate", "key", key_line, "name", name, "targets", targets,
	    "max_risk", risk, "ttl", ttl, "source", source, NULL);

	cr_assert_eq(got, code, "%s: %d %s", text, got, verb_text(&v));
	cr_assert(strstr(verb_text(&v), text) != NULL, "\"%s\" is not in \"%s\"", text, verb_text(&v));
	cr_assert_eq(v.n_items, 0);
	verb_clear(&v);
}

static bool ended(struct client *c)
{
	int t;

	while ((t = client_next(c, 3000)) > 0)
		if (t == IPC_KILL)
			return true;
	return t == 0;
}

/* --- what a certificate of an agent says --- */

Test(agent, the_certificate_says_less_than_the_persons)
{
	struct client alice, a;
	struct verbcall v;

	person(&alice, ALICE);
	cr_assert_eq(verb_run(&r, &alice, &v, "delegate", "key", line[0], "name", "etl", "targets",
			 "orders-prod", "max_risk", "read", "ttl", "30m", NULL),
	    0, "%s", verb_text(&v));
	cr_assert_str_eq(verb_str(&v, 0, "principals"), "agent:etl");
	cr_assert_str_eq(verb_str(&v, 0, "on_behalf_of"), "alice");
	cr_assert_str_eq(verb_str(&v, 0, "targets"), "orders-prod");
	cr_assert_str_eq(verb_str(&v, 0, "max_risk"), "read");
	cr_assert_str_eq(verb_str(&v, 0, "source"), HERE);
	cr_assert_str_eq(verb_str(&v, 0, "notes"), "");
	verb_clear(&v);
	agent_of(&alice, 1, "orders-prod", "read", &a);
	cr_assert_eq(a.peer->id.kind, KIND_AGENT);
	cr_assert(a.peer->id.service && !a.peer->id.pty && a.peer->id.forward);
	cr_assert_str_eq(a.peer->id.on_behalf_of, "alice");
	cr_assert_str_eq(a.peer->id.person, "alice");
	cr_assert_eq(a.peer->id.parent, alice.peer->id.serial);
	cr_assert_eq(a.peer->id.max, SQL_READ);
	cr_assert_eq(a.peer->id.groups.n, 1);
	cr_assert_str_eq(a.peer->id.groups.v[0], "agents");
	cr_assert_str_eq(a.peer->id.behind.v[0], "dev");
	cr_assert_eq(verb_run(&r, &a, &v, "whoami", NULL), 0);
	cr_assert_str_eq(verb_str(&v, 0, "kind"), "agent");
	cr_assert_str_eq(verb_str(&v, 0, "on_behalf_of"), "alice");
	verb_clear(&v);
	client_close(&a);
	client_close(&alice);
}

Test(agent, may_what_both_may)
{
	struct policy_view view;
	struct client alice, dave, a;
	struct verbcall v;

	person(&alice, ALICE);
	agent_of(&alice, 0, "orders-prod", "", &a);
	refused_connect(&a, "orders-prod", "app_rw", "orders"); /* the agent's role has it, alice not */
	refused_connect(&a, "orders-prod", "app_ro", "invoices");
	refused_connect(&a, "payroll", "app_pay", "pay");
	cr_assert_eq(verb_run(&r, &a, &v, "targets", NULL), 0);
	cr_assert_eq(v.n_items, 1);
	cr_assert_str_eq(verb_str(&v, 0, "name"), "orders-prod");
	cr_assert_str_eq(verb_str(&v, 0, "logins"), "app_ro");
	cr_assert_str_eq(verb_str(&v, 0, "databases"), "orders");
	cr_assert_str_eq(verb_str(&v, 0, "masked"), "full");
	verb_clear(&v);
	/* an unknown name is mapped to a login of both, not to the role's first */
	cr_assert_eq(client_connect(&a, "orders-prod", "somebody", ""), 0, "%s", client_str(&a, "text"));
	cr_assert_str_eq(client_str(&a, "login"), "app_ro");
	cr_assert(strstr(client_str(&a, "application_name"), ":agent:etl for alice") != NULL, "%s",
	    client_str(&a, "application_name"));
	cr_assert_eq(policy_view_get(ipc_get(a.m, "view"), &view), 0);
	cr_assert_eq(view.mask, MASK_FULL, "alice sees masked values, so does her agent");
	cr_assert_eq(view.max, SQL_BULK, "the agent's role goes no further");
	client_close(&a);
	person(&dave, DAVE);
	agent_of(&dave, 1, "orders-prod,payroll", "", &a);
	cr_assert_eq(client_connect(&a, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(&a, "text"));
	cr_assert_eq(policy_view_get(ipc_get(a.m, "view"), &view), 0);
	cr_assert_eq(view.max, SQL_WRITE, "dave's own role goes no further there");
	cr_assert_eq(client_connect(&a, "payroll", "app_pay", "pay"), 0, "%s", client_str(&a, "text"));
	client_close(&a);
	client_close(&dave);
	client_close(&alice);
}

static void cert_of(struct client *c, struct buf *cert)
{
	struct verbcall v;

	cr_assert_eq(verb_run(&r, c, &v, "cert", NULL), 0, "%s", verb_text(&v));
	buf_init(cert, SSHPK_BLOB_MAX);
	cr_assert_eq(sshpk_line_parse(span_str(verb_str(&v, 0, "certificate")), cert, NULL, NULL), 0);
	verb_clear(&v);
}

/* No renewal is printed that could not work. */
Test(agent, the_ssh_config_of_an_agent)
{
	struct client alice, a;
	struct verbcall v;

	person(&alice, ALICE);
	agent_of(&alice, 1, "orders-prod", "read", &a);
	cr_assert_eq(verb_run(&r, &a, &v, "config", NULL), 0);
	cr_assert_not_null(strstr(verb_str(&v, 0, "text"), "A new certificate comes from alice: ssh gw-test delegate"));
	cr_assert_null(strstr(verb_str(&v, 0, "text"), "SALLYPORT_RENEWAL"));
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &alice, &v, "config", NULL), 0);
	cr_assert_not_null(strstr(verb_str(&v, 0, "text"), "SALLYPORT_RENEWAL"));
	verb_clear(&v);
	client_close(&a);
	client_close(&alice);
}

Test(agent, comes_from_where_its_person_may)
{
	char text[2000];
	struct client erin, a;
	struct verbcall v;
	struct buf cert;

	snprintf(text, sizeof(text), "%susers: {erin: {groups: [sec], keys: [\"%s\"], source: [" HERE "/32]}}\n", base, line[2]);
	reload(text);
	client_open(&r, &erin, HERE);
	cr_assert_eq(client_auth_key(&erin, "erin", buf_span(&blob[2])), IPC_OK);
	cr_assert_eq(client_done(&erin, true), IPC_OK);
	cert_of(&erin, &cert);
	client_close(&erin);
	client_open(&r, &erin, HERE);
	cr_assert_eq(client_auth_cert(&erin, "erin", buf_span(&cert)), IPC_OK, "%s", client_str(&erin, "text"));
	cr_assert_eq(client_done(&erin, false), IPC_OK);
	buf_clear(&cert);
	cr_assert_eq(verb_run(&r, &erin, &v, "delegate", "key", line[0], "name", "etl", "targets", "orders-prod", "source",
			 "0.0.0.0/0", NULL),
	    0, "%s", verb_text(&v));
	buf_init(&cert, SSHPK_BLOB_MAX);
	cr_assert_eq(sshpk_line_parse(span_str(verb_str(&v, 0, "certificate")), &cert, NULL, NULL), 0);
	verb_clear(&v);
	cr_assert_eq(try_agent(&a, &cert), IPC_OK, "%s", client_str(&a, "text"));
	client_close(&a);
	client_open(&r, &a, "203.0.113.9");
	cr_assert_eq(client_auth_cert(&a, "agent:etl", buf_span(&cert)), IPC_FAIL, "ACCEPTED from elsewhere");
	cr_assert_not_null(strstr(client_str(&a, "text"), "agents of \"erin\" may not log in from"));
	client_close(&a);
	client_close(&erin);
	buf_clear(&cert);
}

/* A group of an agent's role may be in a role that nobody may give away: that one stays the person's. */
Test(agent, has_no_role_that_may_not_be_given)
{
	struct client dave, a;

	reload("roles:\n"
	       "  agents: {groups: [sec], targets: [orders-prod], logins: [app_ro], max: read, delegated_by: [sec]}\n"
	       "  narrow: {groups: [sec], targets: [orders-prod], logins: [app_ro], max: write}\n");
	person(&dave, DAVE);
	agent_of(&dave, 0, "orders-prod", "", &a);
	cr_assert_eq(client_connect(&a, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(&a, "text"));
	client_close(&a);
	reload("roles:\n"
	       "  agents: {groups: [sec], targets: [orders-prod], logins: [app_ro], databases: [invoices], max: read, delegated_by: [sec]}\n"
	       "  narrow: {groups: [sec], targets: [orders-prod], logins: [app_ro], max: write}\n");
	agent_of(&dave, 1, "orders-prod", "", &a);
	refused_connect(&a, "orders-prod", "app_ro", "orders");
	refused_connect(&a, "payroll", "app_pay", "pay"); /* the role of dave's group sec opens that */
	client_close(&a);
	client_close(&dave);
}

Test(agent, the_stricter_of_two_rules_counts)
{
	static const char text[] =
	    "roles:\n"
	    "  agents: {groups: [agents], targets: [orders-prod], logins: [app_ro], mask: partial, delegated_by: [dev]}\n"
	    "rules:\n"
	    "  - {name: agents-hold, roles: [agents], targets: [orders-prod], classes: [write], action: hold}\n"
	    "  - {name: agents-loose, roles: [agents], targets: [orders-prod], classes: [schema], action: allow, overrides: [base]}\n"
	    "  - {name: people-none, roles: [dev], targets: [orders-prod], classes: [bulk], action: deny}\n";
	struct policy_view view;
	struct client alice, a;

	reload(text);
	person(&alice, ALICE);
	agent_of(&alice, 0, "orders-prod", "", &a);
	cr_assert_eq(client_connect(&a, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(&a, "text"));
	cr_assert_eq(policy_view_get(ipc_get(a.m, "view"), &view), 0);
	cr_assert_eq(view.line[SQL_WRITE].verdict, VERDICT_HOLD);
	cr_assert_str_eq(view.line[SQL_WRITE].rule, "agents-hold");
	cr_assert_eq(view.line[SQL_SCHEMA].verdict, VERDICT_HOLD, "alice's would wait");
	cr_assert_eq(view.line[SQL_BULK].verdict, VERDICT_DENY);
	cr_assert_str_eq(view.line[SQL_BULK].rule, "people-none");
	client_close(&a);
	client_close(&alice);
}

/* Limits of a session: the stricter of both roles; what only one of them has does not loosen. */
Test(agent, the_stricter_of_two_limits_counts)
{
	struct conf_role a = {.max_rows = 100, .idle_ms = 0, .finish_transaction = true, .grace_ms = 300};
	struct conf_role b = {.max_rows = 0, .idle_ms = 50, .finish_transaction = true, .grace_ms = 200};
	struct grant g = {.role = &a, .behind = &b};

	cr_assert_eq(grant_max_rows(&g), 100);
	cr_assert_eq(grant_idle_ms(&g), 50);
	cr_assert_eq(grant_grace_ms(&g), 200);
	b.max_rows = 10;
	a.idle_ms = 60;
	b.finish_transaction = false;
	cr_assert_eq(grant_max_rows(&g), 10);
	cr_assert_eq(grant_idle_ms(&g), 50);
	cr_assert_eq(grant_grace_ms(&g), 0);
	g.behind = NULL; /* a person */
	cr_assert_eq(grant_max_rows(&g), 100);
	cr_assert_eq(grant_grace_ms(&g), 300);
}

/* --- refusals --- */

static const char *as_line(enum rig_user u)
{
	static char text[256];
	struct buf b;

	buf_init(&b, 1024);
	cr_assert_eq(sshpk_line_put(&b, buf_span(&r.blob[u]), "x"), 0);
	snprintf(text, sizeof(text), "%.*s", (int)buf_len(&b) - 1, buf_cstr(&b));
	buf_clear(&b);
	return text;
}

Test(agent, each_refusal_says_why)
{
	struct client alice, dave, bob, eve;
	struct buf cert, text;

	person(&alice, ALICE);
	refused(&alice, line[0], "a b", "orders-prod", "", "", "", 2, "the name of an agent");
	refused(&alice, line[0], "agent:x", "orders-prod", "", "", "", 2, "the name of an agent");
	refused(&alice, line[0], "etl", "", "", "", "", 2, "which targets");
	refused(&alice, line[0], "etl", "orders-prd", "", "", "", 3, "unknown target");
	refused(&alice, line[0], "etl", "orders-prod,payroll", "", "", "", 3, "unknown target \"payroll\"");
	refused(&alice, line[0], "etl", "*", "", "", "", 3, "unknown target");
	refused(&alice, line[0], "etl", "orders-prod", "reed", "", "", 2, "no statement class \"reed\"");
	refused(&alice, line[0], "etl", "orders-prod", "unparsable", "", "", 2, "no statement class");
	refused(&alice, line[0], "etl", "orders-prod", "", "soon", "", 2, "no duration");
	refused(&alice, line[0], "etl", "orders-prod", "", "5s", "", 4, "less than a minute");
	refused(&alice, line[0], "etl", "orders-prod", "", "", "10.0.0.0/33", 2, "no list of addresses");
	refused(&alice, "", "etl", "orders-prod", "", "", "", 2, "public key is expected");
	refused(&alice, "ssh-ed25519 AAAA", "etl", "orders-prod", "", "", "", 2, "");
	refused(&alice, as_line(ALICE), "etl", "orders-prod", "", "", "", 4, "your own key");
	refused(&alice, as_line(BOB), "etl", "orders-prod", "", "", "", 4, "this key is bob's");
	delegated(&alice, 0, "orders-prod", "read", &cert);
	buf_init(&text, 16384);
	cr_assert_eq(sshpk_line_put(&text, buf_span(&cert), "c"), 0);
	buf_truncate(&text, buf_len(&text) - 1);
	refused(&alice, buf_cstr(&text), "etl", "orders-prod", "", "", "", 2, "");
	buf_clear(&text);
	buf_clear(&cert);
	person(&dave, DAVE);
	refused(&dave, line[0], "etl", "orders-prod", "schema", "", "", 4, "above your own");
	person(&bob, BOB);
	refused(&bob, line[0], "etl", "orders-prod", "", "", "", 4, "your groups (dba)");
	person(&eve, EVE);
	refused(&eve, line[0], "etl", "orders-prod", "", "", "", 4, "your groups (none)");
	client_close(&eve);
	client_close(&bob);
	client_close(&dave);
	client_close(&alice);
}

/* A role that may be given away opens the target, but with no login that the person has, too. */
Test(agent, a_target_without_a_common_login_is_refused)
{
	struct client alice;

	reload("roles:\n  agents: {groups: [agents], targets: [orders-prod], logins: [app_rw], delegated_by: [dev]}\n");
	person(&alice, ALICE);
	refused(&alice, line[0], "etl", "orders-prod", "", "", "", 4, "no role that you may give to an agent opens orders-prod");
	client_close(&alice);
}

Test(agent, machines_do_not_delegate_or_decide)
{
	struct client alice, a, robot;
	struct verbcall v;

	reload("roles:\n  agents: {groups: [agents], targets: [\"*\"], logins: [\"*\"], verbs: [approve, kill, audit],"
	       " delegated_by: [dev, dba, agents]}\n");
	person(&alice, ALICE);
	agent_of(&alice, 0, "orders-prod", "", &a);
	refused(&a, line[1], "two", "orders-prod", "", "", "", 4, "may not use \"delegate\"");
	cr_assert_eq(verb_run(&r, &a, &v, "approve", "id", "ABCDEFGHJK", NULL), 4);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &a, &v, "deny", "id", "ABCDEFGHJK", "why", "x", NULL), 4);
	verb_clear(&v);
	cr_assert(!ident_right(&a.peer->id, mon_conf(r.m), "approve"));
	cr_assert(!ident_right(&a.peer->id, mon_conf(r.m), "audit"), "alice has it not");
	cr_assert(!ident_right(&a.peer->id, mon_conf(r.m), "kill"));
	client_open(&r, &robot, "192.0.2.5");
	client_login(&robot, ROBOT);
	refused(&robot, line[1], "two", "orders-prod", "", "", "", 4, "may not use \"delegate\"");
	client_close(&robot);
	client_close(&a);
	client_close(&alice);
}

/* --- how long --- */

static int64_t life(struct client *c, const char *ttl, char *notes, size_t cap)
{
	struct verbcall v;
	int64_t s;

	cr_assert_eq(verb_run(&r, c, &v, "delegate", "key", line[0], "targets", "orders-prod", "ttl", ttl, NULL), 0,
	    "%s", verb_text(&v));
	s = strtoll(verb_str(&v, 0, "expires_s"), NULL, 10) - clock_wall_s();
	snprintf(notes, cap, "%s", verb_str(&v, 0, "notes"));
	verb_clear(&v);
	return s;
}

Test(agent, lives_as_asked_but_not_too_long)
{
	struct client alice;
	char notes[400];
	int64_t s;

	person(&alice, ALICE);
	s = life(&alice, "30m", notes, sizeof(notes));
	cr_assert(s > 1780 && s <= 1800, "%lld", (long long)s);
	cr_assert_str_eq(notes, "");
	s = life(&alice, "", notes, sizeof(notes));
	cr_assert(s > 3580 && s <= 3600, "%lld", (long long)s);
	s = life(&alice, "5h", notes, sizeof(notes));
	cr_assert(s > 3580 && s <= 3600, "%lld", (long long)s);
	cr_assert(strstr(notes, "ttl is 60 min") != NULL, "%s", notes);
	client_close(&alice);
}

static void up_short(void)
{
	up_with("cert_ttl: 20m");
}

TestSuite(agent_short, .init = up_short, .fini = down, .timeout = 120);

Test(agent_short, never_longer_than_the_person)
{
	struct client alice;
	char notes[400];
	int64_t s;

	person(&alice, ALICE);
	s = life(&alice, "30m", notes, sizeof(notes));
	cr_assert(s > 1100 && s <= 1200, "%lld", (long long)s);
	cr_assert(strstr(notes, "your own certificate ends then") != NULL, "%s", notes);
	client_close(&alice);
}

/* --- approvals, both names --- */

static const char *held(struct client *x)
{
	static char id[16];
	struct buf *b = client_msg(x, IPC_HOLD_NEW);

	ipc_str(b, "sid", x->sid);
	ipc_bin(b, "sql", span_str("delete from t"));
	ipc_bin(b, "params", span_str("\x90"));
	ipc_str(b, "class", "bulk");
	ipc_str(b, "rule", "base:env=prod/bulk");
	ipc_str(b, "reason", "DELETE without a proven bound");
	ipc_bin(b, "meaning", span_str("database\torders\n"));
	ipc_str(b, "tx", "idle");
	ipc_bool(b, "locks", false);
	ipc_str(b, "mode", "reject");
	cr_assert_eq(client_call(x), IPC_OK, "%s", client_str(x, "text"));
	snprintf(id, sizeof(id), "%s", client_str(x, "id"));
	return id;
}

static int approve(enum rig_user u, const char *id, char *text, size_t cap)
{
	struct client x;
	struct verbcall v;
	int code;

	person(&x, u);
	code = verb_run(&r, &x, &v, "approve", "id", id, NULL);
	snprintf(text, cap, "%s", verb_text(&v));
	verb_clear(&v);
	client_close(&x);
	return code;
}

Test(agent, the_person_behind_does_not_approve)
{
	struct client alice, a, too;
	struct rec_leaf leaf = {0};
	struct verbcall v;
	char text[400];
	const char *id;

	/* alice may approve in general: it is the agent's being hers that forbids it */
	reload("roles:\n"
	       "  agents: {groups: [agents], targets: [orders-prod], logins: [app_ro], delegated_by: [dev]}\n"
	       "  devs: {groups: [dev], targets: [orders-prod], logins: [app_ro], databases: [orders], verbs: [approve]}\n"
	       "rules:\n"
	       "  - {name: by-dev, targets: [orders-prod], classes: [bulk], action: hold, approval: both}\n"
	       "approvals: {both: {approvers: [dev, dba], quorum: 1}}\n");
	person(&alice, ALICE);
	agent_of(&alice, 0, "orders-prod", "", &a);
	cr_assert_eq(client_connect(&a, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(&a, "text"));
	id = held(&a);
	cr_assert_eq(verb_run(&r, &alice, &v, "requests", NULL), 0);
	cr_assert_eq(v.n_items, 1);
	cr_assert_str_eq(verb_str(&v, 0, "who"), "agent:etl for alice");
	cr_assert_str_eq(verb_str(&v, 0, "mine"), "true");
	cr_assert_str_eq(verb_str(&v, 0, "can_approve"), "false");
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &alice, &v, "show", "id", id, NULL), 0);
	cr_assert_str_eq(verb_str(&v, 0, "who"), "agent:etl for alice");
	verb_clear(&v);
	cr_assert_eq(approve(ALICE, id, text, sizeof(text)), 4);
	cr_assert(strstr(text, "you cannot approve") != NULL, "%s", text);
	cr_assert_eq(approve(ALICE_TOO, id, text, sizeof(text)), 4, "the same human being");
	cr_assert_eq(approve(BOB, id, text, sizeof(text)), 0, "%s", text);
	cr_assert_eq(client_next(&a, 3000), IPC_HOLD_DECIDED);
	cr_assert_str_eq(client_str(&a, "state"), "approved");
	cr_assert_eq(rig_leaves(&r, LEAF_START, a.sid, &leaf), 1);
	cr_assert_str_eq(leaf.who, "agent:etl for alice");
	person(&too, ALICE_TOO);
	client_close(&too);
	client_close(&a);
	client_close(&alice);
}

/* Two agents of one name: each sees its own, the person those of its own agents. */
Test(agent, one_name_two_people)
{
	struct client alice, dave, a, d;
	struct verbcall v;
	char id[16];

	person(&alice, ALICE);
	person(&dave, DAVE);
	agent_of(&alice, 0, "orders-prod", "", &a);
	agent_of(&dave, 1, "orders-prod", "", &d);
	cr_assert_eq(client_connect(&a, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(&a, "text"));
	cr_assert_eq(client_connect(&d, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(&d, "text"));
	snprintf(id, sizeof(id), "%s", held(&a));
	cr_assert_eq(verb_run(&r, &a, &v, "sessions", NULL), 0);
	cr_assert_eq(v.n_items, 1);
	cr_assert_str_eq(verb_str(&v, 0, "who"), "agent:etl for alice");
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &dave, &v, "sessions", NULL), 0);
	cr_assert_eq(v.n_items, 1);
	cr_assert_str_eq(verb_str(&v, 0, "who"), "agent:etl for dave");
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &d, &v, "requests", NULL), 0);
	cr_assert_eq(v.n_items, 0);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &d, &v, "replay", "id", a.sid, NULL), 4);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &d, &v, "kill", "id", a.sid, NULL), 4);
	verb_clear(&v);
	cr_assert_eq(verb_run(&r, &alice, &v, "kill", "id", a.sid, NULL), 0, "%s", verb_text(&v));
	verb_clear(&v);
	client_close(&d);
	client_close(&a);
	client_close(&dave);
	client_close(&alice);
}

/* --- it ends with the person --- */

static void live(struct client *alice, struct client *a, struct buf *cert)
{
	person(alice, ALICE);
	delegated(alice, 0, "orders-prod", "", cert);
	cr_assert_eq(try_agent(a, cert), IPC_OK, "%s", client_str(a, "text"));
	cr_assert_eq(client_connect(a, "orders-prod", "app_ro", "orders"), 0, "%s", client_str(a, "text"));
}

static void revoke(const char *kind, const char *value)
{
	struct verbcall v;

	cr_assert_eq(verb_run(&r, NULL, &v, "revoke", "kind", kind, "value", value, "why", "test", NULL), 0, "%s",
	    verb_text(&v));
	verb_clear(&v);
}

static void gone(struct client *alice, struct client *a, struct buf *cert, const char *text)
{
	struct client again;

	cr_assert(ended(a), "the agent goes on");
	cr_assert_eq(try_agent(&again, cert), IPC_FAIL);
	cr_assert(strstr(client_str(&again, "text"), text) != NULL, "%s", client_str(&again, "text"));
	client_close(&again);
	client_close(a);
	client_close(alice);
	buf_clear(cert);
}

Test(agent, ends_when_the_person_is_revoked)
{
	struct client alice, a;
	struct buf cert;

	live(&alice, &a, &cert);
	revoke("user", "alice");
	gone(&alice, &a, &cert, "revoked");
}

Test(agent, ends_with_the_persons_certificate)
{
	struct client alice, a;
	struct buf cert;
	char serial[24];

	live(&alice, &a, &cert);
	snprintf(serial, sizeof(serial), "%llu", (unsigned long long)alice.peer->id.serial);
	revoke("serial", serial);
	gone(&alice, &a, &cert, "revoked");
}

Test(agent, ends_with_the_persons_key)
{
	struct client alice, a;
	struct buf cert;

	live(&alice, &a, &cert);
	revoke("key", alice.peer->id.key_fp);
	gone(&alice, &a, &cert, "revoked");
}

Test(agent, ends_when_the_person_is_locked)
{
	struct client alice, a;
	struct buf cert;

	live(&alice, &a, &cert);
	cr_assert_eq(store_lock(r.m->store, "alice", "root", "test", clock_wall_s()), 0);
	cr_assert_eq(who_end_unfit(r.m), 2, "alice and her agent");
	gone(&alice, &a, &cert, "locked");
}

/* Asked for another reason, too: whatever makes the agent be judged again sees that its person is locked. */
Test(agent, a_locked_person_has_no_agents)
{
	struct client alice, a;
	struct buf cert;
	struct ident id;
	struct why w = {0};

	live(&alice, &a, &cert);
	cr_assert_eq(store_lock(r.m->store, "alice", "root", "test", clock_wall_s()), 0);
	ident_init(&id);
	ident_copy(&id, &a.peer->id);
	cr_assert_eq(who_regroup(r.m, &id, &w), E_DENIED);
	cr_assert(strstr(w.text, "alice is locked") != NULL, "%s", w.text);
	cr_assert(id.groups.n == 0 && id.behind.n == 0, "nothing is left of it");
	ident_clear(&id);
	mon_rejudge_user(r.m, "alice");
	gone(&alice, &a, &cert, "locked");
}

/* The certificate is still good, but opens nothing: sessions end, others cannot begin. */
static void narrowed(const char *text)
{
	struct client alice, a;
	struct buf cert;

	live(&alice, &a, &cert);
	reload(text);
	cr_assert(ended(&a));
	refused_connect(&a, "orders-prod", "app_ro", "orders");
	client_close(&a);
	if (try_agent(&a, &cert) == IPC_OK)
		refused_connect(&a, "orders-prod", "app_ro", "orders");
	client_close(&a);
	client_close(&alice);
	buf_clear(&cert);
}

Test(agent, ends_when_the_role_may_no_longer_be_given)
{
	narrowed("roles:\n  agents: {groups: [agents], targets: [\"*\"], logins: [app_ro], delegated_by: [sec]}\n");
}

Test(agent, ends_when_the_role_is_gone)
{
	narrowed("roles: {other: {groups: [x], targets: [\"*\"], logins: [\"*\"]}}\n");
}

Test(agent, a_reload_that_changes_nothing_leaves_it_alone)
{
	struct client alice, a;
	struct buf cert;
	int t;

	live(&alice, &a, &cert);
	reload(base);
	while ((t = client_next(&a, 300)) > 0)
		cr_assert_eq(t, IPC_POLICY, "%d %s", t, client_str(&a, "reason"));
	cr_assert_eq(t, -1);
	client_close(&a);
	client_close(&alice);
	buf_clear(&cert);
}

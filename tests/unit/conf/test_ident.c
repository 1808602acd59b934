/* SPDX-License-Identifier: Apache-2.0
 *
 * Identity blocks and the gateway's pages: every contradiction with its text, the computed
 * defaults, which block may give which name, and that -T says the same again.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "conf/conf.h"
#include "conf/conf_scalar.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

#define P     "type: oidc, issuer: \"https://id.example.com\", client_id: gw"
#define S     "type: oidc, kind: service, issuer: \"https://ci.example.com\""
#define A     "type: oidc, kind: agent, issuer: \"https://ag.example.com\", person: /p"
#define ALICE "users: {alice: {groups: [dev]}}\n"
#define TLS   "tls_cert: /c, tls_key: /k"

static struct conf *load(const char *text)
{
	struct conf *c = NULL;
	struct buf errs;

	buf_init(&errs, 1 << 20);
	cr_assert_eq(conf_parse("f", span_str(text), &c, &errs), 0, "for:\n%s\n---- got:\n%s", text,
	    buf_cstr(&errs));
	buf_clear(&errs);
	return c;
}

/* One error whose first line is want. */
static void refuse(const char *text, const char *want)
{
	struct conf *c = NULL;
	struct buf errs;
	char first[600];

	buf_init(&errs, 1 << 20);
	cr_expect_eq(conf_parse("f", span_str(text), &c, &errs), E_CONFIG, "accepted:\n%s", text);
	(void)snprintf(
	    first, sizeof(first), "%.*s", (int)strcspn(buf_cstr(&errs), "\n"), buf_cstr(&errs));
	cr_expect_str_eq(first, want, "for:\n%s\n---- got:\n%s", text, buf_cstr(&errs));
	cr_expect_not_null(strstr(buf_cstr(&errs), "\n1 error\n"), "for:\n%s\n---- got:\n%s", text,
	    buf_cstr(&errs));
	buf_clear(&errs);
	conf_free(c);
}

Test(ident, what_one_block_needs)
{
	static const char *const cases[][2] = {
	    {"identity: {o: {type: oidc, client_id: x}}\n",
		"f:1:12: identity \"o\": type: oidc needs \"issuer\""},
	    {"identity: {o: {type: oidc, issuer: \"https://id.example.com\"}}\n",
		"f:1:12: identity \"o\": kind: person needs \"client_id\""},
	    {"identity: {o: {type: oidc, kind: agent, issuer: \"https://id.example.com\"}}\n",
		"f:1:12: identity \"o\": kind: agent needs \"person\""},
	    {"identity: {o: {type: oidc, issuer: \"http://127.0.0.1:8\", client_id: x}}\n",
		"f:1:28: identity \"o\": \"issuer\" must be https (for tests on this machine: "
		"allow_http: true)"},
	    {"identity: {o: {type: oidc, issuer: \"http://10.0.0.1\", client_id: x, allow_http: "
	     "true}}\n",
		"f:1:28: identity \"o\": \"issuer\" must be https: http is only for a loopback "
		"address"},
	    {"identity: {o: {type: oidc, issuer: \"http://localhost.example.com\", client_id: x, "
	     "allow_http: true}}\n",
		"f:1:28: identity \"o\": \"issuer\" must be https: http is only for a loopback "
		"address"},
	    {"identity: {o: {type: oidc, issuer: \"ftp://id\", client_id: x}}\n",
		"f:1:36: identity \"o\": \"issuer\": \"ftp://id\" is not a URL like "
		"https://id.example.com"},
	    {"identity: {o: {" P ", login_flow: browser}}\n",
		"f:1:77: identity \"o\": login_flow: browser needs \"url\" in section \"web\""},
	    {"identity: {o: {" P ", ttl: 2d}}\n",
		"f:1:77: identity \"o\": \"ttl\" is longer than \"cert_max_ttl\" of the gateway"},
	    {"identity: {l: {type: local, issuer: \"https://id.example.com\"}}\n",
		"f:1:29: identity \"l\": \"issuer\" is only for type: oidc"},
	    {"identity: {l: {type: local, kind: service}}\n",
		"f:1:29: identity \"l\": \"kind\" is only for type: oidc"},
	    {"identity: {o: {" P ", names: [\"agent:*\"]}}\n",
		"f:1:77: identity \"o\": \"names\": \"agent:*\" is reserved: \"agent:\" names are "
		"made by the verb delegate"},
	    {"identity: {o: {" S ", name: enroll}}\n",
		"f:1:77: identity \"o\": \"name\": \"enroll\" is reserved: it is how services and "
		"agents hand in tokens"},
	    {"identity: {o: {" S ", name: root}}\n",
		"f:1:77: identity \"o\": \"name\": \"root\" is reserved: in logs it is who runs "
		"the gateway"},
	    {"identity: {o: {" P ", names: [operator]}}\n",
		"f:1:77: identity \"o\": \"names\": \"operator\" is reserved: in logs it is who "
		"runs the gateway"},
	    {"identity: {o: {" S ", name: ci, user: /sub}}\n",
		"f:1:77: identity \"o\": give \"name\" or \"user\", not both"},
	    {"identity: {o: {" S ", name: ci, names: [ci]}}\n",
		"f:1:87: identity \"o\": \"names\" has no effect with \"name\""},
	    {"users: {\"agent:x\": {groups: [a]}}\n",
		"f:1:9: user \"agent:x\": the name is reserved: \"agent:\" names are made by the "
		"verb delegate"},
	    {"users: {enroll: {groups: [a]}}\n", "f:1:9: user \"enroll\": the name is reserved: it "
						 "is how services and agents hand in "
						 "tokens"},
	    {"gateway: {max_pending_logins: 3, max_pending_logins_per_source: 4}\n",
		"f:1:1: gateway: \"max_pending_logins_per_source\" is more than "
		"\"max_pending_logins\""},
	};

	for (size_t i = 0; i < N(cases); i++)
		refuse(cases[i][0], cases[i][1]);
}

Test(ident, keys_that_fit_the_kind)
{
	static const struct {
		const char *block, *key, *value, *who;
	} cases[] = {
	    {P, "name", "ci", "kind: service and kind: agent"},
	    {P, "audience", "aud", "kind: service and kind: agent"},
	    {P, "person", "/p", "kind: agent"},
	    {S, "person", "/p", "kind: agent"},
	    {S, "client_id", "x", "kind: person"},
	    {S, "secret", "env:X", "kind: person"},
	    {S, "login_flow", "device", "kind: person"},
	    {S, "scopes", "[a]", "kind: person"},
	    {S, "timeout", "2m", "kind: person"},
	    {A, "login_flow", "browser", "kind: person"},
	};
	char text[400], want[300];

	for (size_t i = 0; i < N(cases); i++) {
		int at = snprintf(text, sizeof(text), "identity: {o: {%s, ", cases[i].block) + 1;

		snprintf(text + at - 1, sizeof(text) - (size_t)at, "%s: %s}}\n", cases[i].key,
		    cases[i].value);
		snprintf(want, sizeof(want), "f:1:%d: identity \"o\": \"%s\" is only for %s", at,
		    cases[i].key, cases[i].who);
		refuse(text, want);
	}
}

Test(ident, a_wrong_type_or_kind_makes_no_second_error)
{
	refuse("identity: {o: {type: saml, issuer: \"https://a.example.com\"}}\n",
	    "f:1:22: identity \"o\": \"type\": \"saml\" is not local or oidc");
	refuse("identity: {o: {type: oidc, kind: robot}}\n",
	    "f:1:34: identity \"o\": \"kind\": \"robot\" is not person, service or agent");
}

/* Two services of different issuers; NULL: they do not meet. */
static void meet(const char *a, const char *b, const char *tail)
{
	char text[600], want[300];

	snprintf(text, sizeof(text),
	    "identity:\n  a: {" S ", names: [%s]}\n"
	    "  b: {type: oidc, kind: service, issuer: \"https://b.example.com\",\n"
	    "      names: [%s]}\n",
	    a, b);
	if (tail == NULL) {
		conf_free(load(text));
		return;
	}
	snprintf(want, sizeof(want), "f:4:7: identity \"b\": %s of identity \"a\"", tail);
	refuse(text, want);
}

Test(ident, two_blocks_that_could_give_one_name)
{
	meet("ci-x", "ci-y", NULL);
	meet("ci-x", "ci-x", "\"ci-x\" could give the same user name as \"ci-x\"");
	meet("\"ci-*\"", "ci-x", "\"ci-x\" could give the same user name as \"ci-*\"");
	meet("\"ci-*\"", "ci-", NULL);
	meet("ci-x", "\"ci-*\"", "\"ci-*\" could give the same user name as \"ci-x\"");
	meet("\"*@a\"", "x@a", "\"x@a\" could give the same user name as \"*@a\"");
	meet("\"*@a\"", "x@b", NULL);
	meet("\"*@a\"", "\"*.x@a\"", "\"*.x@a\" could give the same user name as \"*@a\"");
	meet("\"*@a\"", "\"*@b\"", NULL);
	meet("\"*@a\"", "\"*a\"", "\"*a\" could give the same user name as \"*@a\"");
	meet("\"ci-*\"", "\"ci-x*\"", "\"ci-x*\" could give the same user name as \"ci-*\"");
	meet("\"ci-*\"", "\"cd-*\"", NULL);
	meet("\"ci-*\"", "\"*@a\"", "\"*@a\" could give the same user name as \"ci-*\"");
	meet("\"*@a\"", "\"ci-*\"", "\"ci-*\" could give the same user name as \"*@a\"");
	meet("a, b, \"*@x\"", "c, d, \"e*\", b", "\"e*\" could give the same user name as \"*@x\"");
}

Test(ident, names_left_out)
{
	refuse("identity:\n  a: {" P "}\n  b: {" S "}\n",
	    "f:3:3: identity \"b\": could give the same user names as identity \"a\": say which in "
	    "\"names\" of both");
	refuse("identity:\n  a: {" P ", names: [x]}\n  b: {" S "}\n",
	    "f:3:3: identity \"b\": could give the same user names as identity \"a\": say which in "
	    "\"names\" of this one");
	refuse("identity:\n  a: {" P "}\n  b: {" S ", name: x}\n",
	    "f:3:3: identity \"b\": could give the same user names as identity \"a\": say which in "
	    "\"names\" of the other");
	conf_free(load("identity: {a: {" P "}}\n"));
	conf_free(load("identity: {l: {type: local}, a: {" P "}}\n"));
	conf_free(load("identity: {a: {" P ", claims: [/hd=example.com]}}\n"));
	conf_free(load("identity:\n  a: {" P ", names: [x]}\n  b: {" A "}\n" ALICE));
	refuse(
	    "identity:\n  a: {" A ", name: x}\n"
	    "  b: {type: oidc, kind: agent, issuer: \"https://b.example.com\", person: /p, name: "
	    "x}\n",
	    "f:3:77: identity \"b\": \"x\" could give the same user name as \"x\" of identity "
	    "\"a\"");
	conf_free(load("identity:\n  a: {" P ", names: [\"*@x\"]}\n  b: {" S ", name: x}\n"));
}

Test(ident, a_block_and_the_users_section)
{
	refuse("identity: {a: {" P "}}\n" ALICE,
	    "f:1:12: identity \"a\": could give the name of a local user: say which names it gives "
	    "in \"names\"");
	refuse("identity: {a: {" P ", names: [\"al*\"]}}\n" ALICE,
	    "f:1:77: identity \"a\": \"al*\" could give the name of the local user \"alice\"");
	refuse("identity: {a: {" S ", name: alice}}\n" ALICE,
	    "f:1:77: identity \"a\": \"alice\" could give the name of the local user \"alice\"");
	conf_free(load("identity: {a: {" P ", names: [\"*@example.com\"]}}\n" ALICE));
}

Test(ident, one_person_block_and_tokens_that_reach_one_block)
{
	refuse("identity:\n  a: {" P ", names: [x]}\n  b: {" P ", names: [y]}\n",
	    "f:3:3: identity \"b\": a second block of kind person is not supported by this version "
	    "(the first is \"a\")");
	refuse("identity:\n  a: {" S ", name: x, claims: [\"/r=1\", \"/s=2\"]}\n"
	       "  b: {" S ", name: y, claims: [\"/s=2\", \"/r=1\"]}\n",
	    "f:3:3: identity \"b\": the same issuer, \"claims\" and \"audience\" as identity "
	    "\"a\": no token would reach it");
	refuse("identity:\n  a: {" S ", name: x}\n  b: {" S ", name: y}\n",
	    "f:3:3: identity \"b\": the same issuer, \"claims\" and \"audience\" as identity "
	    "\"a\": no token would reach it");
	conf_free(load("identity:\n  a: {" S ", name: x, claims: [\"/r=1\"]}\n"
		       "  b: {" S ", name: y, claims: [\"/r=2\"]}\n"));
	conf_free(load("identity:\n  a: {" S ", name: x, audience: p}\n  b: {" S ", name: y}\n"));
	conf_free(load("identity:\n  a: {" P ", names: [x]}\n"
		       "  b: {type: oidc, kind: service, issuer: \"https://id.example.com\", name: "
		       "y}\n"));
}

Test(ident, pages)
{
	static const char *const cases[][2] = {
	    {"web: {url: \"http://gw.example.com\", " TLS "}\n",
		"f:1:7: web: \"url\" must be https: http is only for a loopback address"},
	    {"web: {url: \"https://gw.example.com/x\", " TLS "}\n",
		"f:1:12: web: \"url\": \"https://gw.example.com/x\" must be scheme, host and port "
		"only"},
	    {"web: {url: \"https://gw.example.com\"}\n",
		"f:1:1: web: \"listen\" without \"tls_cert\" and \"tls_key\" must be loopback "
		"addresses (behind a proxy on this machine)"},
	    {"web: {url: \"https://gw.example.com\", listen: [\"127.0.0.1:1\", \"0.0.0.0:1\"]}\n",
		"f:1:38: web: \"listen\" without \"tls_cert\" and \"tls_key\" must be loopback "
		"addresses (behind a proxy on this machine)"},
	    {"web: {url: \"https://gw.example.com\", tls_cert: /c}\n",
		"f:1:38: web: \"tls_cert\" and \"tls_key\" go together"},
	    {"web: {tls_key: /c}\n", "f:1:7: web: \"tls_cert\" and \"tls_key\" go together"},
	};

	for (size_t i = 0; i < N(cases); i++)
		refuse(cases[i][0], cases[i][1]);
	conf_free(load("web: {url: \"https://gw.example.com\", " TLS "}\n"));
	conf_free(load("web: {url: \"https://gw.example.com\", listen: [\"127.0.0.1:1\", "
		       "\"[::1]:1\"]}\n"));
	conf_free(load("web: {url: \"http://[::1]:80\", listen: [\"127.9.0.1:1\"]}\n"));
	conf_free(load("identity: {o: {" P ", login_flow: browser}}\n"
		       "web: {url: \"https://gw.example.com\", " TLS "}\n"));
}

Test(ident, loopback_hosts)
{
	static const char *const yes[] = {"http://127.0.0.1", "http://127.255.0.9:80/x",
	    "http://localhost:8080/realms/x", "http://[::1]:9", "http://localhost"},
				 *const no[] = {"http://128.0.0.1", "http://127.0.0.1.example.com",
				     "http://localhost.", "http://[::2]", "http://[::1].x",
				     "http://0.0.0.0", "http://127.1", "localhost"};

	for (size_t i = 0; i < N(yes); i++)
		cr_expect(conf_url_is_loopback(yes[i]), "%s", yes[i]);
	for (size_t i = 0; i < N(no); i++)
		cr_expect(!conf_url_is_loopback(no[i]), "%s", no[i]);
}

static void is_list(const struct conf_list *l, const char *want)
{
	char got[200] = "";

	for (size_t i = 0; i < l->n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", l->v[i]);
	cr_expect_str_eq(got, want);
}

Test(ident, defaults)
{
	struct conf *c = load("identity:\n  a: {" P ", names: [x]}\n  b: {" S
			      ", names: [y]}\n  c: {" A ", name: z}\n");
	const struct conf_identity *a = &c->identities[0], *b = a + 1, *z = a + 2;

	cr_assert_eq(conf_identity_login(c), a);
	cr_assert_eq(conf_identity_find(c, "b"), b);
	is_list(&a->scopes, "openid profile email ");
	is_list(&a->algs, "RS256 PS256 ES256 ");
	cr_expect_str_eq(a->user_claim, "/email");
	cr_expect_str_eq(a->groups_claim, "/groups");
	cr_expect_eq(a->flow, FLOW_DEVICE);
	cr_expect_eq(a->login_ms, 300000);
	cr_expect_eq(a->ttl_s, 0);
	is_list(&b->scopes, "");
	is_list(&b->algs, "RS256 PS256 ES256 ");
	cr_expect_str_eq(b->user_claim, "/sub");
	cr_expect_null(b->groups_claim);
	cr_expect_null(z->user_claim);
	cr_expect_str_eq(z->person_claim, "/p");
	cr_expect_eq(c->gateway.max_pending_logins, 256);
	cr_expect_eq(c->gateway.max_pending_logins_per_source, 5);
	cr_expect_null(c->web.url);
	is_list(&c->web.listen, "[::]:443 ");
	conf_free(c);
	c = load(ALICE);
	cr_assert_null(conf_identity_login(c));
	cr_assert_str_eq(c->identities[0].name, "local");
	conf_free(c);
}

Test(ident, which_block_may_give_which_name)
{
	struct conf *c = load("identity:\n  l: {type: local}\n"
			      "  a: {" P ", names: [\"*@x.com\", bob, \"ops-*\"]}\n"
			      "  b: {" S ", name: ci}\n" ALICE);
	struct conf *any = load("identity: {a: {" P "}}\n");
	const struct conf_identity *l = &c->identities[0], *a = l + 1, *b = l + 2;

	cr_expect(conf_identity_names(c, l, "alice"));
	cr_expect(!conf_identity_names(c, l, "bob"));
	cr_expect(conf_identity_names(c, a, "eve@x.com"));
	cr_expect(conf_identity_names(c, a, "bob"));
	cr_expect(conf_identity_names(c, a, "ops-1"));
	cr_expect(!conf_identity_names(c, a, "ops-"), "a star is at least one byte");
	cr_expect(!conf_identity_names(c, a, "@x.com"));
	cr_expect(!conf_identity_names(c, a, "eve@x.com.evil"));
	cr_expect(!conf_identity_names(c, a, "Bob"), "bytes, not letters");
	cr_expect(!conf_identity_names(c, a, "alice"));
	cr_expect(conf_identity_names(c, b, "ci"));
	cr_expect(!conf_identity_names(c, b, "bob"));
	cr_expect(conf_identity_names(any, any->identities, "who@ever"));
	cr_expect(!conf_identity_names(any, any->identities, "agent:etl"));
	cr_expect(!conf_identity_names(any, any->identities, "enroll"));
	cr_expect(!conf_identity_names(any, any->identities, "root"));
	cr_expect(!conf_identity_names(any, any->identities, "operator"));
	cr_expect(!conf_identity_names(any, any->identities, "gateway"));
	cr_expect(!conf_identity_names(any, any->identities, "a,b"));
	cr_expect(!conf_identity_names(any, any->identities, "*"));
	cr_expect(!conf_identity_names(any, any->identities, ""));
	conf_free(c);
	conf_free(any);
}

static const char whole[] =
    "gateway: {name: gw, max_pending_logins: 9, max_pending_logins_per_source: 2}\n"
    "identity:\n  l: {type: local}\n  a: {" P ", secret: \"env:S\", login_flow: browser, "
    "scopes: [openid], user: /upn, groups: \"/https:~1~1x.com~1groups\", add_groups: "
    "[all], "
    "names: [\"*@x.com\"], algs: [ES256], ttl: 4h, timeout: 2m, ca: /ca.pem}\n"
    "  b: {" S ", name: ci, claims: [\"/repository_id=1\"], audience: gw, ttl: 10m}\n"
    "  c: {" A ", names: [\"*@bots\"]}\n"
    "web: {url: \"https://gw.example.com\", listen: [\"[::]:8443\"], " TLS "}\n" ALICE
    "targets:\n  t: {type: postgres, address: [h], databases: [d], logins: {ro: {}}}\n"
    "roles:\n  r: {groups: [all], targets: [t], logins: [ro], delegated_by: [dev], "
    "session: "
    "{on_expiry: finish-transaction, grace: 1m, plain_key: true}}\n";

Test(ident, dump_loads_again_and_says_the_same)
{
	struct conf *c = load(whole);
	struct conf *again;
	struct buf one, two;

	buf_init(&one, 1 << 20);
	buf_init(&two, 1 << 20);
	conf_dump(c, &one);
	again = load(buf_cstr(&one));
	conf_dump(again, &two);
	cr_assert_str_eq(buf_cstr(&one), buf_cstr(&two));
	cr_assert_not_null(strstr(buf_cstr(&one), "login_flow: \"browser\"") != NULL
			       ? "ok"
			       : strstr(buf_cstr(&one), "login_flow: browser"));
	cr_assert(again->roles[0].plain_key && again->roles[0].finish_transaction);
	cr_assert_eq(again->roles[0].grace_ms, 60000);
	is_list(&again->roles[0].delegated_by, "dev ");
	cr_assert_str_eq(again->identities[1].groups_claim, "/https:~1~1x.com~1groups");
	cr_assert_eq(again->identities[2].kind, KIND_SERVICE);
	cr_assert_str_eq(again->identities[2].audience, "gw");
	cr_assert_eq(again->gateway.max_pending_logins_per_source, 2);
	buf_clear(&one);
	buf_clear(&two);
	conf_free(c);
	conf_free(again);
}

/* Damaged text is refused with a message or means something; blocks that are half there do no harm.
 */
static void try_text(struct span text)
{
	struct conf *c = NULL;
	struct buf errs;
	int rc;

	buf_init(&errs, 1 << 20);
	rc = conf_parse("f", text, &c, &errs);
	cr_assert((rc == 0 && c != NULL) || (rc == E_CONFIG && c == NULL && buf_len(&errs) > 0));
	conf_free(c);
	buf_clear(&errs);
}

Test(ident, damaged_text_fails_cleanly_or_loads, .timeout = 300)
{
	char copy[sizeof(whole)];
	size_t i;

	for (i = 0; i < sizeof(whole); i++)
		try_text(span_of(whole, i));
	memcpy(copy, whole, sizeof(copy));
	for (i = 0; i < (sizeof(whole) - 1) * 8; i++) {
		copy[i / 8] = (char)(copy[i / 8] ^ (1 << i % 8));
		try_text(span_of(copy, sizeof(whole) - 1));
		copy[i / 8] = (char)(copy[i / 8] ^ (1 << i % 8));
	}
}

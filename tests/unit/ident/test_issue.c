/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../support/keygen.h"
#include "ident/issue.h"
#include "wire/sshw.h"

static char *alice[] = {(char *)"alice"};
static char *etl[] = {(char *)"agent:etl"};
static char *groups[] = {(char *)"dba", (char *)"Domain Users", (char *)"/team/a"};

struct fixture {
	struct sshkey ca, user;
	struct buf ca_blob, user_blob, body, sig, cert;
	struct issue_request rq;
	struct why w;
};

static void fix_init(struct fixture *f)
{
	*f = (struct fixture){0};
	cr_assert_eq(sshkey_generate(&f->ca), 0);
	cr_assert_eq(sshkey_generate(&f->user), 0);
	buf_init(&f->ca_blob, SSHPK_BLOB_MAX);
	buf_init(&f->user_blob, SSHPK_BLOB_MAX);
	buf_init(&f->body, SSHCERT_MAX);
	buf_init(&f->sig, 256);
	buf_init(&f->cert, SSHCERT_MAX);
	sshpk_put_ed25519_blob(&f->ca_blob, f->ca.pub);
	sshpk_put_ed25519_blob(&f->user_blob, f->user.pub);
	f->rq = (struct issue_request){
	    .user_key = buf_span(&f->user_blob),
	    .ca = buf_span(&f->ca_blob),
	    .serial = 42,
	    .principals = alice,
	    .n_principals = 1,
	    .now_s = 1767225660, /* 2026-01-01 00:01:00 UTC */
	    .ttl_s = 3600,
	    .gateway = "gw-test",
	};
}

static void fix_clear(struct fixture *f)
{
	buf_clear(&f->ca_blob);
	buf_clear(&f->user_blob);
	buf_clear(&f->body);
	buf_clear(&f->sig);
	buf_clear(&f->cert);
}

static void sign(struct fixture *f)
{
	uint8_t raw[ED25519_SIG_LEN];

	buf_reset(&f->sig);
	cr_assert_eq(ed25519_sign(f->ca.seed, buf_span(&f->body), raw), 0);
	sshpk_put_ed25519_sig(&f->sig, raw);
}

/* ssh-keygen -L on the certificate in f->cert; the output without its indentation. */
static void inspect(struct fixture *f, char *out, size_t cap)
{
	const char *argv[] = {"env", "TZ=UTC", "ssh-keygen", "-L", "-f", NULL, NULL};
	struct buf line;
	char dir[64], raw[8192];
	size_t n = 0;

	tmp_make(dir);
	buf_init(&line, SSHPK_LINE_MAX);
	cr_assert_eq(sshpk_line_put(&line, buf_span(&f->cert), "alice@gw-test"), 0);
	spill(tmp_path(dir, "c-cert.pub"), buf_span(&line));
	argv[5] = tmp_path(dir, "c-cert.pub");
	cr_assert_eq(run_cmd(argv, raw, sizeof(raw)), 0, "%s", raw);
	for (const char *p = raw; *p != '\0' && n + 1 < cap; p++) {
		if (*p == ' ' && (n == 0 || out[n - 1] == '\n' || p[1] == '\n'))
			continue;
		out[n++] = *p;
	}
	out[n] = '\0';
	buf_clear(&line);
	tmp_remove(dir);
}

Test(issue, ssh_keygen_shows_what_was_asked_for)
{
	static const char *const lines[] = {
	    "Type: ssh-ed25519-cert-v01@openssh.com user certificate\n",
	    "Key ID: \"user=agent:etl login=01ABC\"\n",
	    "Serial: 42\n",
	    "Valid: from 2026-01-01T00:00:00 to 2026-01-01T01:01:00\n",
	    "Principals:\nagent:etl\nCritical Options:\n",
	    "Critical Options:\ngateway@sallyport UNKNOWN OPTION: 0000000767772d74657374 (len 11)\n"
	    "max-risk@sallyport UNKNOWN OPTION: 0000000472656164 (len 8)\n"
	    "on-behalf-of@sallyport UNKNOWN OPTION: 000000056361726f6c (len 9)\n"
	    "source-address 10.0.0.1,2001:db8::/32\n"
	    "targets@sallyport UNKNOWN OPTION: 0000000b6f72646572732d70726f64 (len 15)\n"
	    "Extensions:\ngroups@sallyport UNKNOWN OPTION: "
	    "000000186462612c446f6d61696e2055736572732c2f7465616d2f61 (len 28)\n"
	    "issuer@sallyport UNKNOWN OPTION: 0000001368747470733a2f2f6964702e6578616d706c65 (len "
	    "23)\n"
	    "kind@sallyport UNKNOWN OPTION: 000000056167656e74 (len 9)\n"
	    "login-id@sallyport UNKNOWN OPTION: 000000053031414243 (len 9)\n"
	    "parent@sallyport UNKNOWN OPTION: 00000013393232333337323033363835343737353830"
	    "37 (len 23)\n"
	    "permit-port-forwarding\n"
	    "permit-pty\n"
	    "person@sallyport UNKNOWN OPTION: 00000005616c696365 (len 9)\n",
	};
	struct fixture f;
	char out[8192], fp[SSHPK_FP_CAP], want[128];

	fix_init(&f);
	f.rq.source_address = "10.0.0.1,2001:db8::/32";
	f.rq.targets = "orders-prod";
	f.rq.max_risk = "read";
	f.rq.on_behalf_of = "carol";
	f.rq.principals = etl;
	f.rq.kind = "agent";
	f.rq.parent = INT64_MAX;
	f.rq.groups = groups;
	f.rq.n_groups = 3;
	f.rq.issuer = "https://idp.example";
	f.rq.login_id = "01ABC";
	f.rq.person = "alice";
	f.rq.forward = f.rq.pty = true;
	cr_assert_eq(issue_body(&f.rq, &f.body, &f.w), 0, "%s", f.w.text);
	sign(&f);
	cr_assert_eq(
	    issue_finish(buf_span(&f.body), buf_span(&f.sig), &f.cert, &f.w), 0, "%s", f.w.text);
	inspect(&f, out, sizeof(out));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_assert(strstr(out, lines[i]) != NULL, "missing: %s\nin: %s", lines[i], out);
	sshpk_fingerprint(buf_span(&f.ca_blob), fp);
	snprintf(want, sizeof(want), "Signing CA: ED25519 %s (using ssh-ed25519)\n", fp);
	cr_assert(strstr(out, want) != NULL, "%s", out);
	fix_clear(&f);
}

Test(issue, grants_nothing_that_was_not_asked_for)
{
	struct fixture f;
	char out[8192];

	fix_init(&f);
	cr_assert_eq(issue_body(&f.rq, &f.body, &f.w), 0, "%s", f.w.text);
	sign(&f);
	cr_assert_eq(
	    issue_finish(buf_span(&f.body), buf_span(&f.sig), &f.cert, &f.w), 0, "%s", f.w.text);
	inspect(&f, out, sizeof(out));
	cr_assert(
	    strstr(out,
		"Critical Options:\ngateway@sallyport UNKNOWN OPTION: 0000000767772d74657374 (len "
		"11)\nExtensions: (none)\n") != NULL,
	    "%s", out);
	cr_assert(strstr(out, "Key ID: \"user=alice\"\n") != NULL, "%s", out);
	fix_clear(&f);
}

Test(issue, certifies_every_key_type_ssh_keygen_makes)
{
	static const struct {
		const char *type;
		int bits;
	} keys[] = {{"ed25519", 0}, {"ecdsa", 256}, {"ecdsa", 384}, {"ecdsa", 521}, {"rsa", 2048}};
	char dir[64], out[8192], name[16], pub[24];
	struct fixture f;

	tmp_make(dir);
	fix_init(&f);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(name, sizeof(name), "k%zu", i);
		snprintf(pub, sizeof(pub), "%s.pub", name);
		keygen(dir, name, keys[i].type, keys[i].bits);
		pub_blob(tmp_path(dir, pub), &f.user_blob);
		f.rq.user_key = buf_span(&f.user_blob);
		cr_assert_eq(issue_body(&f.rq, &f.body, &f.w), 0, "%s", f.w.text);
		sign(&f);
		cr_assert_eq(issue_finish(buf_span(&f.body), buf_span(&f.sig), &f.cert, &f.w), 0);
		inspect(&f, out, sizeof(out));
		cr_assert(strstr(out, "user certificate") != NULL);
	}
	fix_clear(&f);
	tmp_remove(dir);
}

Test(issue, nonces_differ)
{
	struct fixture f;
	struct sshcert a, b;
	struct buf first;

	fix_init(&f);
	buf_init(&first, SSHCERT_MAX);
	cr_assert_eq(issue_body(&f.rq, &first, &f.w), 0);
	cr_assert_eq(issue_body(&f.rq, &f.body, &f.w), 0);
	cr_assert_eq(sshcert_parse_body(buf_span(&first), &a, &f.w), 0);
	cr_assert_eq(sshcert_parse_body(buf_span(&f.body), &b, &f.w), 0);
	cr_assert(a.nonce.n == 32 && !span_eq(a.nonce, b.nonce));
	buf_clear(&first);
	fix_clear(&f);
}

static void must_refuse(struct fixture *f, const char *what)
{
	cr_assert_neq(issue_body(&f->rq, &f->body, &f->w), 0, "issued: %s", what);
	cr_assert(f->w.text[0] != '\0', "%s: no reason", what);
	cr_assert_eq(buf_len(&f->body), 0, "%s: left a body behind", what);
}

Test(issue, refuses_bad_names)
{
	static const char *const bad[] = {"", "a,b", "alice,root", "a b", "alice ", "*", "al*ce",
	    "a?", "a\nb", "a\x01", "a\x7f", "\xff\xfe", "a\tb", ","};
	struct fixture f;
	char *two[2] = {(char *)"alice", NULL};

	fix_init(&f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		two[1] = (char *)(uintptr_t)bad[i];
		f.rq.principals = two;
		f.rq.n_principals = 2;
		must_refuse(&f, bad[i]);
	}
	f.rq.n_principals = 0;
	must_refuse(&f, "no principal");
	f.rq.principals = alice;
	f.rq.n_principals = 1;
	for (size_t i = 0; i < 2; i++) {
		char *g[] = {(char *)"dba", (char *)(uintptr_t)(i == 0 ? "x,admins" : "")};

		f.rq.groups = g;
		f.rq.n_groups = 2;
		must_refuse(&f, "group");
	}
	f.rq.n_groups = 0;
	f.rq.gateway = "";
	must_refuse(&f, "empty gateway");
	f.rq.gateway = NULL;
	must_refuse(&f, "no gateway");
	f.rq.gateway = "gw-test";
	f.rq.login_id = "a\nb";
	must_refuse(&f, "login id with a newline");
	fix_clear(&f);
}

/* Agents are told by name, act for somebody, have a limit; nobody else has any of that. */
Test(issue, an_agent_has_all_of_it_or_nothing)
{
	static char *mixed[] = {(char *)"agent:etl", (char *)"alice"};
	static const struct {
		const char *what, *kind, *behalf, *max, *targets;
		char **names;
		size_t n;
		uint64_t parent;
		bool good;
	} cases[] = {
	    {"agent", "agent", "carol", "read", "orders", etl, 1, 7, true},
	    {"agent with a risk limit", "agent", "carol", "read", NULL, etl, 1, 0, true},
	    {"agent with targets", "agent", "carol", NULL, "orders", etl, 1, 0, true},
	    {"service", "service", NULL, NULL, NULL, alice, 1, 0, true},
	    {"limited person", "person", NULL, "read", "orders", alice, 1, 0, true},
	    {"no kind", NULL, NULL, NULL, NULL, alice, 1, 0, true},
	    {"unknown kind", "robot", NULL, NULL, NULL, alice, 1, 0, false},
	    {"agent without limits", "agent", "carol", NULL, "", etl, 1, 0, false},
	    {"agent for nobody", "agent", "", "read", "orders", etl, 1, 0, false},
	    {"agent with a person's name", "agent", "carol", "read", NULL, alice, 1, 0, false},
	    {"agent with a person's name, too", "agent", "carol", "read", NULL, mixed, 2, 0, false},
	    {"person with an agent's name", "person", NULL, NULL, NULL, etl, 1, 0, false},
	    {"person with an agent's name, too", "person", NULL, NULL, NULL, mixed, 2, 0, false},
	    {"agent's name without kind", NULL, "carol", "read", NULL, etl, 1, 0, false},
	    {"person for another", "person", "carol", NULL, NULL, alice, 1, 0, false},
	    {"service for a person", "service", "carol", "read", NULL, alice, 1, 0, false},
	    {"delegated person", NULL, NULL, NULL, NULL, alice, 1, 7, false},
	    {"serial over 63 bits", "agent", "carol", "read", NULL, etl, 1, UINT64_MAX, false},
	};
	struct fixture f;

	fix_init(&f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f.rq.kind = cases[i].kind;
		f.rq.on_behalf_of = cases[i].behalf;
		f.rq.max_risk = cases[i].max;
		f.rq.targets = cases[i].targets;
		f.rq.principals = cases[i].names;
		f.rq.n_principals = cases[i].n;
		f.rq.parent = cases[i].parent;
		if (cases[i].good)
			cr_assert_eq(issue_body(&f.rq, &f.body, &f.w), 0, "%s: %s", cases[i].what, f.w.text);
		else
			must_refuse(&f, cases[i].what);
	}
	fix_clear(&f);
}

Test(issue, refuses_bad_keys_and_times)
{
	struct fixture f;
	struct mint m;
	struct buf cert;
	char dir[64];

	tmp_make(dir);
	fix_init(&f);
	buf_init(&cert, SSHCERT_MAX);
	f.rq.serial = 0;
	must_refuse(&f, "serial 0");
	f.rq.serial = UINT64_MAX;
	must_refuse(&f, "serial over 63 bits");
	f.rq.serial = 1;
	f.rq.ttl_s = 0;
	must_refuse(&f, "no life");
	f.rq.ttl_s = -5;
	must_refuse(&f, "negative life");
	f.rq.ttl_s = INT64_MAX;
	must_refuse(&f, "overflowing life");
	f.rq.ttl_s = 60;
	f.rq.now_s = 0;
	must_refuse(&f, "no clock");
	f.rq.now_s = 1767225660;

	f.rq.user_key = buf_span(&f.ca_blob);
	must_refuse(&f, "the CA's own key");
	f.rq.user_key = span_str("");
	must_refuse(&f, "no key");
	mint_init(&m);
	mint_sign(&m, &cert);
	f.rq.user_key = buf_span(&cert);
	must_refuse(&f, "a certificate as key");
	mint_clear(&m);
	keygen(dir, "weak", "rsa", 1024);
	pub_blob(tmp_path(dir, "weak.pub"), &cert);
	f.rq.user_key = buf_span(&cert);
	must_refuse(&f, "RSA 1024");
	f.rq.user_key = buf_span(&f.user_blob);
	f.rq.ca = buf_span(&cert);
	must_refuse(&f, "a CA of RSA 1024");
	keygen(dir, "ec", "ecdsa", 256);
	pub_blob(tmp_path(dir, "ec.pub"), &cert);
	f.rq.ca = buf_span(&cert);
	cr_assert_eq(issue_body(&f.rq, &f.body, &f.w), 0, "an ECDSA CA: %s", f.w.text);
	buf_clear(&cert);
	fix_clear(&f);
	tmp_remove(dir);
}

Test(issue, never_drops_a_group_silently)
{
	char *many[SSHCERT_LIST_MAX + 1], longest[SSHCERT_PRINCIPAL_MAX + 1];
	struct fixture f;

	fix_init(&f);
	memset(longest, 'g', SSHCERT_PRINCIPAL_MAX);
	longest[SSHCERT_PRINCIPAL_MAX] = '\0';
	for (size_t i = 0; i <= SSHCERT_LIST_MAX; i++)
		many[i] = longest;
	f.rq.groups = many;
	f.rq.n_groups = SSHCERT_LIST_MAX + 1;
	must_refuse(&f, "too many groups");
	for (size_t i = 0; i <= SSHCERT_LIST_MAX; i++)
		many[i] = (char *)"g";
	must_refuse(&f, "too many short groups");
	f.rq.n_groups = SSHCERT_LIST_MAX;
	cr_assert_eq(issue_body(&f.rq, &f.body, &f.w), 0, "%s", f.w.text);
	for (size_t i = 0; i <= SSHCERT_LIST_MAX; i++)
		many[i] = longest;
	f.rq.n_groups = SSHCERT_LIST_MAX; /* 64 KiB of names */
	must_refuse(&f, "too long a list");
	fix_clear(&f);
}

Test(issue, finish_wants_the_right_signature)
{
	struct fixture f;
	struct sshkey other;
	uint8_t raw[ED25519_SIG_LEN];
	struct why w;

	fix_init(&f);
	cr_assert_eq(issue_body(&f.rq, &f.body, &f.w), 0);
	cr_assert_eq(sshkey_generate(&other), 0);
	cr_assert_eq(ed25519_sign(other.seed, buf_span(&f.body), raw), 0);
	sshpk_put_ed25519_sig(&f.sig, raw);
	cr_assert_eq(issue_finish(buf_span(&f.body), buf_span(&f.sig), &f.cert, &w), E_CRYPTO);
	cr_assert_eq(buf_len(&f.cert), 0);
	cr_assert_neq(issue_finish(buf_span(&f.body), span_of(raw, sizeof(raw)), &f.cert, &w), 0);
	fix_clear(&f);
}

Test(issue, which_keys_may_be_authorities)
{
	static const struct {
		const char *type;
		int bits;
		const char *says; /* NULL: may */
	} v[] = {{"ed25519", 0, NULL}, {"ecdsa", 256, NULL}, {"ecdsa", 384, NULL}, {"ecdsa", 521, NULL},
	    {"rsa", 2048, NULL}, {"rsa", 1024, "1024 bits"}};
	uint8_t q[32] = {1};
	struct buf blob;
	struct sshpk k;
	struct why w;
	char dir[64], name[16], pub[24];

	tmp_make(dir);
	buf_init(&blob, SSHPK_BLOB_MAX);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		snprintf(name, sizeof(name), "k%zu", i);
		snprintf(pub, sizeof(pub), "%s.pub", name);
		keygen(dir, name, v[i].type, v[i].bits);
		pub_blob(tmp_path(dir, pub), &blob);
		cr_assert_eq(sshpk_parse(buf_span(&blob), &k, &w), 0);
		cr_assert_eq(issue_ca_ok(&k, &w), v[i].says == NULL ? 0 : E_DENIED, "%s %d", v[i].type, v[i].bits);
		cr_assert(v[i].says == NULL || strstr(w.text, v[i].says) != NULL, "%s", w.text);
	}
	buf_reset(&blob);
	sshw_put_cstring(&blob, "sk-ssh-ed25519@openssh.com");
	sshw_put_string(&blob, span_of(q, sizeof(q)));
	sshw_put_cstring(&blob, "ssh:");
	cr_assert_eq(sshpk_parse(buf_span(&blob), &k, &w), 0, "%s", w.text);
	cr_assert_eq(issue_ca_ok(&k, &w), E_DENIED);
	cr_assert(strstr(w.text, "FIDO") != NULL, "%s", w.text);
	buf_clear(&blob);
	tmp_remove(dir);
}

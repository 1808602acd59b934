/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../support/keygen.h"
#include "ident/issue.h"
#include "policy/certcheck.h"
#include "wire/sshw.h"

#define NOW 2000 /* inside mint's 1000..5000 */

static int nobody_revoked(void *ctx, const struct certcheck_revocable *x)
{
	(void)ctx, (void)x;
	return 0;
}

/* One trusted authority that requires the gateway "gw-test"; "alice" asks from 10.1.2.3. */
static int check(struct span cert, const struct certcheck_ca *ca, size_t n_ca,
    struct cert_identity *id, struct why *w)
{
	struct certcheck_input in = {
	    .cert = cert,
	    .user = "alice",
	    .peer = "10.1.2.3",
	    .gateway = "gw-test",
	    .now_s = NOW,
	    .cas = ca,
	    .n_cas = n_ca,
	    .revoked = nobody_revoked,
	};

	return certcheck_verify(&in, id, w);
}

/* --- accepted: what ssh-keygen makes, for every user key and every authority --- */

static const struct {
	const char *file, *type;
	int bits;
	const char *sign_with; /* -t of ssh-keygen -s, NULL = its default */
} all[] = {
    {"ed", "ed25519", 0, NULL},
    {"e256", "ecdsa", 256, NULL},
    {"e384", "ecdsa", 384, NULL},
    {"e521", "ecdsa", 521, NULL},
    {"rsa2", "rsa", 2048, "rsa-sha2-256"},
    {"rsa5", "rsa", 3072, "rsa-sha2-512"},
};
#define N_ALL (sizeof(all) / sizeof(all[0]))

static int check_now(struct span cert, struct span ca, struct cert_identity *id, struct why *w)
{
	struct certcheck_ca one = {ca, true};
	struct certcheck_input in = {
	    .cert = cert,
	    .user = "alice",
	    .peer = "10.1.2.3",
	    .gateway = "gw-test",
	    .now_s = 1767225700, /* 2026-01-01 00:01:40 UTC */
	    .cas = &one,
	    .n_cas = 1,
	    .revoked = nobody_revoked,
	};

	return certcheck_verify(&in, id, w);
}

static void check_identity(
    const struct cert_identity *id, struct span user_blob, struct span ca_blob)
{
	char fp[SSHPK_FP_CAP];

	cr_assert_str_eq(id->user, "alice");
	cr_assert_eq(id->serial, 77);
	cr_assert_str_eq(id->key_id, "the key id");
	sshpk_fingerprint(user_blob, fp);
	cr_assert_str_eq(id->key_fp, fp);
	sshpk_fingerprint(ca_blob, fp);
	cr_assert_str_eq(id->ca_fp, fp);
	cr_assert_eq(id->valid_before_s, 1767229200);
	cr_assert(!id->outside && id->pty && !id->forward);
	cr_assert_eq(id->groups.n, 2);
	cr_assert_str_eq(id->groups.v[0], "dba");
	cr_assert_str_eq(id->groups.v[1], "Domain Users");
	cr_assert_str_eq(id->gateway, "gw-test");
	cr_assert_str_eq(id->source_address, "10.0.0.0/8");
	cr_assert_eq(id->max_risk, SQL_READ);
	cr_assert(id->has_targets && id->targets.n == 2);
	cr_assert_str_eq(id->targets.v[1], "crm");
	cr_assert_str_eq(id->on_behalf_of, "");
	cr_assert(!id->has_kind && id->parent == 0);
	cr_assert_str_eq(id->login_id, "01ABC");
	cr_assert_str_eq(id->issuer, "");
}

Test(certcheck, accepts_what_ssh_keygen_signs)
{
	const char *more[] = {"-z", "77", "-V", "20260101000000Z:20260101010000Z", "-O", "clear",
	    "-O", "permit-pty", "-O", "source-address=10.0.0.0/8", "-O",
	    "critical:gateway@sallyport=gw-test", "-O", "critical:max-risk@sallyport=read", "-O",
	    "critical:targets@sallyport=orders,crm", NULL};
	struct buf ca, user, cert;
	char dir[64], pub[32];
	struct why w;

	tmp_make(dir);
	buf_init(&ca, SSHPK_BLOB_MAX);
	buf_init(&user, SSHPK_BLOB_MAX);
	buf_init(&cert, SSHCERT_MAX);
	for (size_t i = 0; i < N_ALL; i++)
		keygen(dir, all[i].file, all[i].type, all[i].bits);
	for (size_t i = 0; i < N_ALL; i++) {
		for (size_t j = 0; j < N_ALL; j++) {
			const char *argv[40];
			size_t n = 0;
			struct cert_identity id;

			if (i == j)
				continue;
			for (size_t k = 0; more[k] != NULL; k++)
				argv[n++] = more[k];
			argv[n++] = "-O";
			argv[n++] = "extension:groups@sallyport=dba,Domain Users";
			argv[n++] = "-O";
			argv[n++] = "extension:login-id@sallyport=01ABC";
			argv[n++] = "-O";
			argv[n++] = "extension:unknown@example.com=ignored";
			if (all[i].sign_with != NULL) {
				argv[n++] = "-t";
				argv[n++] = all[i].sign_with;
			}
			argv[n] = NULL;
			keygen_sign(dir, all[i].file, all[j].file, "bob,alice", argv, &cert);
			snprintf(pub, sizeof(pub), "%s.pub", all[i].file);
			pub_blob(tmp_path(dir, pub), &ca);
			snprintf(pub, sizeof(pub), "%s.pub", all[j].file);
			pub_blob(tmp_path(dir, pub), &user);
			cr_assert_eq(check_now(buf_span(&cert), buf_span(&ca), &id, &w), 0,
			    "%s by %s: %s", all[j].file, all[i].file, w.text);
			check_identity(&id, buf_span(&user), buf_span(&ca));
			cert_identity_clear(&id);
		}
	}
	buf_clear(&ca);
	buf_clear(&user);
	buf_clear(&cert);
	tmp_remove(dir);
}

/* --- refused: hand-made certificates, each wrong in one thing --- */

struct bad {
	struct mint m;
	struct buf cert, scratch;
	struct certcheck_input in;
	struct certcheck_ca ca[3];
};

static void bad_init(struct bad *b)
{
	mint_init(&b->m);
	buf_init(&b->cert, SSHCERT_MAX * 8);
	buf_init(&b->scratch, SSHCERT_MAX * 4);
	b->ca[0] = (struct certcheck_ca){buf_span(&b->m.ca_blob), true};
	b->in = (struct certcheck_input){
	    .user = "alice",
	    .peer = "10.1.2.3",
	    .gateway = "gw-test",
	    .now_s = NOW,
	    .cas = b->ca,
	    .n_cas = 1,
	    .revoked = nobody_revoked,
	};
}

static void bad_clear(struct bad *b)
{
	mint_clear(&b->m);
	buf_clear(&b->cert);
	buf_clear(&b->scratch);
}

static void set_critical(struct bad *b, const char *name, const char *value)
{
	bool first = strcmp(name, SSHCERT_GATEWAY) < 0;

	buf_reset(&b->m.critical);
	if (!first)
		sshcert_put_option(&b->m.critical, SSHCERT_GATEWAY, span_str("gw-test"));
	if (value != NULL)
		sshcert_put_option(&b->m.critical, name, span_str(value));
	else
		sshcert_put_flag(&b->m.critical, name);
	if (first)
		sshcert_put_option(&b->m.critical, SSHCERT_GATEWAY, span_str("gw-test"));
}

static void only_principal(struct bad *b, const char *name)
{
	mint_principals(&b->m, 1, &name);
	b->in.user = name;
}

static void set_key(struct bad *b, const char *kind)
{
	bool is_cert;

	b->m.c.key.kind = sshpk_kind_find(span_str(kind), &is_cert);
}

/* Changes before signing. */
static void c_host(struct bad *b)
{
	b->m.c.type = SSHCERT_HOST;
}
static void c_type0(struct bad *b)
{
	b->m.c.type = 0;
}
static void c_type3(struct bad *b)
{
	b->m.c.type = 3;
}
static void c_expired(struct bad *b)
{
	b->in.now_s = 5001;
}
static void c_expires_now(struct bad *b)
{
	b->in.now_s = 5000;
}
static void c_early(struct bad *b)
{
	b->in.now_s = 999;
}
static void c_backwards(struct bad *b)
{
	b->m.c.valid_after = 5001;
}
static void c_no_time(struct bad *b)
{
	b->m.c.valid_after = 5000;
}
static void c_far_future(struct bad *b)
{
	b->m.c.valid_after = UINT64_MAX - 1;
	b->m.c.valid_before = UINT64_MAX;
}
static void c_before_epoch(struct bad *b)
{
	b->in.now_s = -1;
}
static void c_no_principals(struct bad *b)
{
	buf_reset(&b->m.principals);
}
static void c_empty_principal(struct bad *b)
{
	only_principal(b, "");
}
static void c_empty_second(struct bad *b)
{
	static const char *const two[] = {"alice", ""};

	mint_principals(&b->m, 2, two);
}
static void c_comma(struct bad *b)
{
	only_principal(b, "alice,root");
}
static void c_wildcard(struct bad *b)
{
	only_principal(b, "*");
}
static void c_wildcard_second(struct bad *b)
{
	static const char *const two[] = {"alice", "a*"};

	mint_principals(&b->m, 2, two);
}
static void c_space(struct bad *b)
{
	only_principal(b, "alice root");
}
static void c_newline(struct bad *b)
{
	only_principal(b, "alice\nroot");
}
static void c_nul(struct bad *b)
{
	buf_reset(&b->m.principals);
	sshw_put_string(&b->m.principals, span_of("alice\0x", 7));
}
static void c_packed_wrong(struct bad *b)
{
	buf_reset(&b->m.principals);
	buf_put_str(&b->m.principals, "alice");
}
static void c_other_user(struct bad *b)
{
	b->in.user = "bob";
}
static void c_other_case(struct bad *b)
{
	b->in.user = "Alice";
}
static void c_prefix_user(struct bad *b)
{
	b->in.user = "alic";
}
static void c_longer_user(struct bad *b)
{
	b->in.user = "alice2";
}
static void c_empty_user(struct bad *b)
{
	b->in.user = "";
}
static void c_null_user(struct bad *b)
{
	b->in.user = NULL;
}
static void c_unknown_option(struct bad *b)
{
	set_critical(b, "zzz@example.com", "1");
}
static void c_unknown_flag(struct bad *b)
{
	set_critical(b, "zzz", NULL);
}
static void c_verify_required(struct bad *b)
{
	set_critical(b, "verify-required", NULL);
}
static void c_force_command(struct bad *b)
{
	set_critical(b, "force-command", "id");
}
static void c_extension_as_critical(struct bad *b)
{
	set_critical(b, "permit-pty", NULL);
}
static void c_unsorted(struct bad *b)
{
	buf_reset(&b->m.critical);
	sshcert_put_option(&b->m.critical, SSHCERT_TARGETS, span_str("t"));
	sshcert_put_option(&b->m.critical, SSHCERT_GATEWAY, span_str("gw-test"));
}
static void c_twice(struct bad *b)
{
	set_critical(b, SSHCERT_GATEWAY, "gw-test");
}
static void c_ext_unsorted(struct bad *b)
{
	sshcert_put_flag(&b->m.extensions, "permit-pty");
	sshcert_put_flag(&b->m.extensions, "permit-port-forwarding");
}
static void c_ext_twice(struct bad *b)
{
	sshcert_put_flag(&b->m.extensions, "permit-pty");
	sshcert_put_flag(&b->m.extensions, "permit-pty");
}
static void c_source_v4(struct bad *b)
{
	set_critical(b, "source-address", "10.1.2.4");
}
static void c_source_v6(struct bad *b)
{
	set_critical(b, "source-address", "2001:db8::/32");
}
static void c_source_v6_peer(struct bad *b)
{
	set_critical(b, "source-address", "2001:db8::/32");
	b->in.peer = "2001:db9::1";
}
static void c_source_any6(struct bad *b)
{
	set_critical(b, "source-address", "::/0");
}
static void c_source_mapped(struct bad *b)
{
	set_critical(b, "source-address", "10.0.0.0/8");
	b->in.peer = "::ffff:11.1.2.3";
}
static void c_cidr_bits(struct bad *b)
{
	set_critical(b, "source-address", "10.1.2.3/33");
}
static void c_cidr_hostbits(struct bad *b)
{
	set_critical(b, "source-address", "10.1.2.3/8");
}
static void c_cidr_behind(struct bad *b)
{
	set_critical(b, "source-address", "10.0.0.0/8,nonsense");
}
static void c_cidr_empty(struct bad *b)
{
	set_critical(b, "source-address", "");
}
static void c_cidr_flag(struct bad *b)
{
	set_critical(b, "source-address", NULL);
}
static void c_cidr_single_wrap(struct bad *b)
{
	buf_reset(&b->m.critical);
	sshcert_put_option(&b->m.critical, SSHCERT_GATEWAY, span_str("gw-test"));
	sshw_put_cstring(&b->m.critical, "source-address");
	sshw_put_cstring(&b->m.critical, "10.0.0.0/8");
}
static void c_peer_unknown(struct bad *b)
{
	b->in.peer = "somewhere";
}
static void c_peer_null(struct bad *b)
{
	b->in.peer = NULL;
}
static void c_gateway_missing(struct bad *b)
{
	buf_reset(&b->m.critical);
}
static void c_gateway_other(struct bad *b)
{
	b->in.gateway = "gw-prod";
}
static void c_gateway_prefix(struct bad *b)
{
	b->in.gateway = "gw-tes";
}
static void c_gateway_null(struct bad *b)
{
	b->in.gateway = NULL;
}
static void c_gateway_other_outside(struct bad *b)
{
	b->in.gateway = "gw-prod";
	b->ca[0].require_gateway = false;
}
static void c_gateway_empty(struct bad *b)
{
	buf_reset(&b->m.critical);
	sshcert_put_option(&b->m.critical, SSHCERT_GATEWAY, span_str(""));
	b->ca[0].require_gateway = false;
}
static void c_gateway_as_extension(struct bad *b)
{
	buf_reset(&b->m.critical);
	sshcert_put_option(&b->m.extensions, SSHCERT_GATEWAY, span_str("gw-test"));
}
static void c_listed_twice(struct bad *b)
{
	buf_reset(&b->m.critical);
	b->ca[1] = (struct certcheck_ca){b->ca[0].blob, false}; /* the stricter entry counts */
	b->in.n_cas = 2;
}
static void c_risk(struct bad *b)
{
	set_critical(b, SSHCERT_MAX_RISK, "everything");
}
static void c_risk_zero(struct bad *b)
{
	set_critical(b, SSHCERT_MAX_RISK, "unparsable");
}
static void c_risk_nul(struct bad *b)
{
	buf_reset(&b->m.critical);
	sshcert_put_option(&b->m.critical, SSHCERT_GATEWAY, span_str("gw-test"));
	sshcert_put_option(&b->m.critical, SSHCERT_MAX_RISK, span_of("read\0er", 7));
}
static void c_behalf_control(struct bad *b)
{
	set_critical(b, SSHCERT_ON_BEHALF_OF, "carol\n");
}
static void c_login_nul(struct bad *b)
{
	sshcert_put_option(&b->m.extensions, SSHCERT_LOGIN_ID, span_of("a\0b", 3));
}
static void c_targets_empty(struct bad *b)
{
	set_critical(b, SSHCERT_TARGETS, "");
}
static void c_targets_comma(struct bad *b)
{
	set_critical(b, SSHCERT_TARGETS, "a,,b");
}
static void c_groups_flag(struct bad *b)
{
	sshcert_put_flag(&b->m.extensions, SSHCERT_GROUPS);
}
static void c_groups_comma(struct bad *b)
{
	sshcert_put_option(&b->m.extensions, SSHCERT_GROUPS, span_str("dba,"));
}
static void c_groups_control(struct bad *b)
{
	sshcert_put_option(&b->m.extensions, SSHCERT_GROUPS, span_str("dba\x1b[2J"));
}
static void c_groups_many(struct bad *b)
{
	buf_reset(&b->scratch);
	for (int i = 0; i <= SSHCERT_LIST_MAX; i++)
		buf_put_str(&b->scratch, i == 0 ? "g" : ",g");
	sshcert_put_option(&b->m.extensions, SSHCERT_GROUPS, buf_span(&b->scratch));
}
static void c_flag_with_data(struct bad *b)
{
	sshcert_put_option(&b->m.extensions, "permit-pty", span_str("no"));
}
static void c_key_id_nul(struct bad *b)
{
	b->m.c.key_id = span_of("a\0b", 3);
}
static void c_zero_key(struct bad *b)
{
	b->m.c.key.q = span_of("", 0);
}
static void c_short_key(struct bad *b)
{
	b->m.c.key.q = span_of(b->m.user.pub, 31);
}
static void c_plain_kind(struct bad *b)
{
	set_key(b, "ssh-rsa");
}
static void c_reserved(struct bad *b)
{
	b->m.c.reserved = span_str("?");
}
static void c_too_long(struct bad *b)
{
	buf_reset(&b->scratch);
	for (size_t i = 0; i < SSHCERT_MAX; i++)
		buf_put_u8(&b->scratch, 'x');
	sshcert_put_option(&b->m.extensions, "x", buf_span(&b->scratch));
}
static void c_unknown_ca(struct bad *b)
{
	static uint8_t other[ED25519_PUB_LEN] = {9};

	buf_reset(&b->scratch);
	sshpk_put_ed25519_blob(&b->scratch, other);
	b->ca[0].blob = buf_span(&b->scratch);
}
static void c_no_cas(struct bad *b)
{
	b->in.n_cas = 0;
}
static void c_ca_longer(struct bad *b)
{
	buf_put_u8(&b->m.ca_blob, 0); /* same key, one byte more: not the trusted blob */
	b->ca[0].blob = span_of(buf_span(&b->m.ca_blob).p, buf_len(&b->m.ca_blob) - 1);
}
static void c_ca_empty(struct bad *b)
{
	b->m.c.ca = span_str("");
	b->ca[0].blob = span_str("");
}
static void c_ca_is_user_key(struct bad *b)
{
	/* Signed with the user's own key, which nobody trusts. */
	b->m.ca = b->m.user;
	buf_reset(&b->scratch);
	sshpk_put_ed25519_blob(&b->scratch, b->m.user.pub);
	b->m.c.ca = buf_span(&b->scratch);
}
static void c_ca_claimed(struct bad *b)
{
	/* Names the trusted authority, signed with another key. */
	b->m.ca = b->m.user;
}
static void c_no_revocation(struct bad *b)
{
	b->in.revoked = NULL;
}

static const struct {
	const char *name;
	void (*change)(struct bad *b);
	int code;
	const char *text; /* part of the sentence */
} refuse[] = {
    {"host certificate", c_host, E_DENIED, "this is a host certificate"},
    {"type 0", c_type0, E_DENIED, "neither a user nor a host"},
    {"type 3", c_type3, E_DENIED, "neither a user nor a host"},
    {"expired", c_expired, E_EXPIRED, "has expired"},
    {"expires this second", c_expires_now, E_EXPIRED, "has expired"},
    {"not yet valid", c_early, E_EXPIRED, "not valid yet"},
    {"ends before it begins", c_backwards, E_DENIED, "ends before it begins"},
    {"valid for no second", c_no_time, E_DENIED, "ends before it begins"},
    {"valid after 2^63", c_far_future, E_EXPIRED, "not valid yet"},
    {"clock before 1970", c_before_epoch, E_EXPIRED, "not valid yet"},
    {"no principals", c_no_principals, E_DENIED, "names no principal"},
    {"empty principal", c_empty_principal, E_DENIED, "an empty principal"},
    {"second principal empty", c_empty_second, E_DENIED, "an empty principal"},
    {"comma in principal", c_comma, E_DENIED, "principal \"alice,root\" is not a usable name"},
    {"wildcard principal", c_wildcard, E_DENIED, "principal \"*\" is not a usable name"},
    {"second principal wildcard", c_wildcard_second, E_DENIED, "principal \"a*\""},
    {"space in principal", c_space, E_DENIED, "principal \"alice root\""},
    {"newline in principal", c_newline, E_DENIED, "principal \"alice\\nroot\""},
    {"NUL in principal", c_nul, E_DENIED, "is not a usable name"},
    {"principals not packed", c_packed_wrong, E_SHORT, "list of principals is malformed"},
    {"other user", c_other_user, E_DENIED, "not for the user name \"bob\""},
    {"other letter case", c_other_case, E_DENIED, "not for the user name \"Alice\""},
    {"prefix of the user", c_prefix_user, E_DENIED, "not for the user name"},
    {"longer than the user", c_longer_user, E_DENIED, "not for the user name"},
    {"empty user name", c_empty_user, E_DENIED, "not for the user name \"\""},
    {"no user name", c_null_user, E_DENIED, "not for the user name \"\""},
    {"unknown critical option", c_unknown_option, E_DENIED,
	"unknown critical option \"zzz@example.com\""},
    {"unknown critical flag", c_unknown_flag, E_DENIED, "unknown critical option \"zzz\""},
    {"verify-required", c_verify_required, E_DENIED,
	"critical option verify-required are not accepted"},
    {"force-command", c_force_command, E_DENIED, "critical option force-command are not accepted"},
    {"extension as critical option", c_extension_as_critical, E_DENIED, "unknown critical option"},
    {"critical options unsorted", c_unsorted, E_FORMAT, "critical options are not sorted"},
    {"critical option twice", c_twice, E_FORMAT, "critical options have the same name"},
    {"extensions unsorted", c_ext_unsorted, E_FORMAT, "extensions are not sorted"},
    {"extension twice", c_ext_twice, E_FORMAT, "extensions have the same name"},
    {"source address: other IPv4", c_source_v4, E_DENIED, "may not be used from 10.1.2.3"},
    {"source address: IPv6 for IPv4", c_source_v6, E_DENIED, "may not be used from"},
    {"source address: other IPv6", c_source_v6_peer, E_DENIED, "may not be used from 2001:db9::1"},
    {"source address: ::/0 is not IPv4", c_source_any6, E_DENIED, "may not be used from"},
    {"source address: mapped peer", c_source_mapped, E_DENIED,
	"may not be used from ::ffff:11.1.2.3"},
    {"source address: 33 bits", c_cidr_bits, E_FORMAT, "source-address list is malformed"},
    {"source address: host bits", c_cidr_hostbits, E_FORMAT, "source-address list is malformed"},
    {"source address: nonsense behind a match", c_cidr_behind, E_FORMAT,
	"source-address list is malformed"},
    {"source address: empty", c_cidr_empty, E_FORMAT,
	"critical option source-address is malformed"},
    {"source address: flag", c_cidr_flag, E_FORMAT, "critical option source-address is malformed"},
    {"source address: wrapped once", c_cidr_single_wrap, E_FORMAT,
	"critical option source-address is malformed"},
    {"peer is no address", c_peer_unknown, E_INTERNAL, "address is not known"},
    {"peer missing", c_peer_null, E_INTERNAL, "address is not known"},
    {"no gateway", c_gateway_missing, E_DENIED, "not bound to a gateway"},
    {"another gateway", c_gateway_other, E_DENIED, "for the gateway \"gw-test\", not for this one"},
    {"gateway is a prefix", c_gateway_prefix, E_DENIED, "not for this one"},
    {"we have no name", c_gateway_null, E_DENIED, "not for this one"},
    {"another gateway, outside authority", c_gateway_other_outside, E_DENIED, "not for this one"},
    {"empty gateway", c_gateway_empty, E_FORMAT, "critical option gateway@sallyport is malformed"},
    {"gateway as extension", c_gateway_as_extension, E_DENIED, "not bound to a gateway"},
    {"authority listed as inside and outside", c_listed_twice, E_DENIED, "not bound to a gateway"},
    {"unknown risk class", c_risk, E_FORMAT, "max-risk@sallyport is malformed"},
    {"risk class that no statement has", c_risk_zero, E_FORMAT, "max-risk@sallyport is malformed"},
    {"NUL in risk class", c_risk_nul, E_FORMAT, "max-risk@sallyport is malformed"},
    {"newline in person acted for", c_behalf_control, E_FORMAT,
	"on-behalf-of@sallyport is malformed"},
    {"NUL in login id", c_login_nul, E_FORMAT, "extension login-id@sallyport is malformed"},
    {"no targets", c_targets_empty, E_FORMAT, "targets@sallyport is malformed"},
    {"empty target", c_targets_comma, E_FORMAT, "targets@sallyport is malformed"},
    {"groups as flag", c_groups_flag, E_FORMAT, "extension groups@sallyport is malformed"},
    {"empty group", c_groups_comma, E_FORMAT, "extension groups@sallyport is malformed"},
    {"control bytes in group", c_groups_control, E_FORMAT,
	"extension groups@sallyport is malformed"},
    {"too many groups", c_groups_many, E_FORMAT, "extension groups@sallyport is malformed"},
    {"flag with data", c_flag_with_data, E_FORMAT, "extension permit-pty is malformed"},
    {"NUL in key id", c_key_id_nul, E_FORMAT, "key id is not text"},
    {"key of no bytes", c_zero_key, E_FORMAT, "the certificate is malformed"},
    {"key of 31 bytes", c_short_key, E_FORMAT, "the certificate is malformed"},
    {"type says RSA, fields do not", c_plain_kind, E_FORMAT, "the certificate is malformed"},
    {"reserved field used", c_reserved, E_FORMAT, "reserved field is not empty"},
    {"over 16 KiB", c_too_long, E_TOOBIG, "longer than 16384 bytes"},
    {"unknown authority", c_unknown_ca, E_DENIED, "is not trusted here"},
    {"no trusted authority", c_no_cas, E_DENIED, "is not trusted here"},
    {"authority with a byte more", c_ca_longer, E_DENIED, "is not trusted here"},
    {"empty authority", c_ca_empty, E_SHORT, "cut off in its type name"},
    {"signed by the user", c_ca_is_user_key, E_DENIED, "is not trusted here"},
    {"signature of another key", c_ca_claimed, E_CRYPTO, "signature does not verify"},
    {"nobody can say what is revoked", c_no_revocation, E_INTERNAL, "revocation cannot be checked"},
};
#define N_REFUSE (sizeof(refuse) / sizeof(refuse[0]))

static void assert_refused(
    const struct certcheck_input *in, const char *name, int code, const char *text)
{
	struct cert_identity id;
	struct why w = {0};
	int r = certcheck_verify(in, &id, &w);

	cr_assert_neq(r, 0, "ACCEPTED: %s", name);
	cr_assert_eq(r, code, "%s: code %d (%s)", name, r, w.text);
	cr_assert(strstr(w.text, text) != NULL, "%s: \"%s\"", name, w.text);
	cr_assert_str_eq(id.user, "", "%s left an identity behind", name);
	cr_assert(id.mem == NULL && id.groups.n == 0 && !id.forward && !id.pty && id.serial == 0,
	    "%s", name);
}

Test(certcheck, refuses_each_wrong_field)
{
	for (size_t i = 0; i < N_REFUSE; i++) {
		struct bad b;
		struct cert_identity id;
		struct why w;

		bad_init(&b);
		/* The same certificate without the change is good: the change is what is refused.
		 */
		mint_sign(&b.m, &b.cert);
		b.in.cert = buf_span(&b.cert);
		cr_assert_eq(certcheck_verify(&b.in, &id, &w), 0, "%s", w.text);
		cert_identity_clear(&id);
		b.m.c.ca = (struct span){NULL, 0};
		refuse[i].change(&b);
		mint_sign(&b.m, &b.cert);
		b.in.cert = buf_span(&b.cert);
		assert_refused(&b.in, refuse[i].name, refuse[i].code, refuse[i].text);
		bad_clear(&b);
	}
}

Test(certcheck, the_last_good_second_and_address)
{
	struct bad b;
	struct cert_identity id;
	struct why w;

	bad_init(&b);
	set_critical(&b, "source-address", "10.0.0.0/8,::1");
	mint_sign(&b.m, &b.cert);
	b.in.cert = buf_span(&b.cert);
	for (int i = 0; i < 4; i++) {
		b.in.now_s = i % 2 == 0 ? 1000 : 4999;
		b.in.peer = i < 2 ? "::ffff:10.255.255.255" : "::1";
		cr_assert_eq(certcheck_verify(&b.in, &id, &w), 0, "%s", w.text);
		cert_identity_clear(&id);
	}
	bad_clear(&b);
}

Test(certcheck, outside_authority_may_leave_the_gateway_out)
{
	struct bad b;
	struct cert_identity id;
	struct why w;

	bad_init(&b);
	buf_reset(&b.m.critical);
	b.m.c.valid_before = UINT64_MAX;
	mint_sign(&b.m, &b.cert);
	b.in.cert = buf_span(&b.cert);
	assert_refused(&b.in, "inside", E_DENIED, "not bound to a gateway");
	b.ca[0].require_gateway = false;
	cr_assert_eq(certcheck_verify(&b.in, &id, &w), 0, "%s", w.text);
	cr_assert(id.outside);
	cr_assert_eq(id.valid_before_s, INT64_MAX);
	cr_assert_eq(id.max_risk, SQL_ESCAPE);
	cr_assert(!id.has_targets);
	cert_identity_clear(&id);
	bad_clear(&b);
}

/* --- refused: with ssh-keygen's help --- */

static void refuse_keygen(const char *dir, const char *ca, const char *user,
    const char *const *more, const char *trusted, int code, const char *text)
{
	struct buf cert, blob;
	struct certcheck_ca one = {.require_gateway = true};
	struct certcheck_input in = {
	    .user = "alice",
	    .peer = "10.1.2.3",
	    .gateway = "gw-test",
	    .now_s = 1767225700,
	    .cas = &one,
	    .n_cas = 1,
	    .revoked = nobody_revoked,
	};

	buf_init(&cert, SSHCERT_MAX);
	buf_init(&blob, SSHCERT_MAX);
	pub_blob(tmp_path(dir, trusted), &blob);
	keygen_sign(dir, ca, user, "alice", more, &cert);
	one.blob = buf_span(&blob);
	in.cert = buf_span(&cert);
	assert_refused(&in, text, code, text);
	buf_clear(&cert);
	buf_clear(&blob);
}

Test(certcheck, refuses_weak_and_wrong_authorities)
{
	static const char *const good[] = {"-V", "20260101000000Z:20260101010000Z", "-O",
	    "critical:gateway@sallyport=gw-test", NULL};
	static const char *const sha1[] = {"-V", "20260101000000Z:20260101010000Z", "-O",
	    "critical:gateway@sallyport=gw-test", "-t", "ssh-rsa", NULL};
	static const char *const host[] = {"-h", "-V", "20260101000000Z:20260101010000Z", NULL};
	char dir[64];

	tmp_make(dir);
	keygen(dir, "ca", "ed25519", 0);
	keygen(dir, "rsaca", "rsa", 2048);
	keygen(dir, "weakca", "rsa", 1024);
	keygen(dir, "user", "ed25519", 0);
	keygen(dir, "weak", "rsa", 1024);
	refuse_keygen(dir, "rsaca", "user", sha1, "rsaca.pub", E_DENIED, "ssh-rsa (SHA-1)");
	refuse_keygen(dir, "weakca", "user", good, "weakca.pub", E_DENIED,
	    "authority's RSA key has only 1024 bits");
	refuse_keygen(dir, "ca", "weak", good, "ca.pub", E_DENIED, "the RSA key has 1024 bits");
	refuse_keygen(dir, "ca", "user", host, "ca.pub", E_DENIED, "this is a host certificate");
	refuse_keygen(dir, "ca", "user", good, "rsaca.pub", E_DENIED, "is not trusted here");
	tmp_remove(dir);
}

/* A certificate stands in the signature key field, and is trusted by mistake, too. */
Test(certcheck, refuses_a_certificate_as_authority)
{
	struct bad b;
	struct buf inner;

	bad_init(&b);
	buf_init(&inner, SSHCERT_MAX);
	mint_sign(&b.m, &inner); /* alice's certificate */
	b.m.c.ca = buf_span(&inner);
	mint_sign(&b.m, &b.cert);
	b.in.cert = buf_span(&b.cert);
	assert_refused(&b.in, "chained", E_DENIED, "signed with another certificate");
	b.ca[1] = (struct certcheck_ca){buf_span(&inner), true};
	b.in.n_cas = 2;
	assert_refused(&b.in, "chained and trusted", E_DENIED, "signed with another certificate");
	/* A plain key or junk instead of a certificate */
	b.in.cert = buf_span(&b.m.ca_blob);
	assert_refused(&b.in, "plain key", E_UNKNOWN, "plain ssh-ed25519 key, not a certificate");
	b.in.cert = span_str("");
	assert_refused(&b.in, "nothing", E_SHORT, "cut off");
	b.in.cert = span_of("\0\0\0\3foo", 7);
	assert_refused(&b.in, "unknown type", E_UNKNOWN, "type \"foo\" is not supported");
	buf_clear(&inner);
	bad_clear(&b);
}

/* The signature's own form: algorithm and key must fit, nothing may follow. */
Test(certcheck, refuses_malformed_signatures)
{
	static const struct {
		const char *alg;
		size_t len;
		bool extra;
		int code;
		const char *text;
	} v[] = {
	    {"rsa-sha2-512", 64, false, E_DENIED, "does not belong to a ssh-ed25519 key"},
	    {"ecdsa-sha2-nistp256", 64, false, E_DENIED, "does not belong to"},
	    {"ssh-rsa", 64, false, E_DENIED, "SHA-1"},
	    {"ssh-dss", 64, false, E_DENIED, "not in the accepted list"},
	    {"ssh-ed25519-cert-v01@openssh.com", 64, false, E_DENIED, "not in the accepted list"},
	    {"", 64, false, E_DENIED, "not in the accepted list"},
	    {"ssh-ed25519", 63, false, E_CRYPTO, "does not verify"},
	    {"ssh-ed25519", 0, false, E_CRYPTO, "does not verify"},
	    {"ssh-ed25519", 64, true, E_TRAILING, "signature is malformed"},
	};
	struct bad b;
	struct buf sig, cert;
	struct sshcert c;
	uint8_t raw[ED25519_SIG_LEN];

	bad_init(&b);
	buf_init(&sig, 512);
	buf_init(&cert, SSHCERT_MAX);
	mint_sign(&b.m, &b.cert);
	cr_assert_eq(sshcert_parse(buf_span(&b.cert), &c, NULL), 0);
	cr_assert_eq(ed25519_sign(b.m.ca.seed, c.body, raw), 0);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		buf_reset(&sig);
		buf_reset(&cert);
		sshw_put_cstring(&sig, v[i].alg);
		sshw_put_string(&sig, span_of(raw, v[i].len));
		if (v[i].extra)
			buf_put_u8(&sig, 0);
		sshcert_put(&cert, c.body, buf_span(&sig));
		b.in.cert = buf_span(&cert);
		assert_refused(&b.in, v[i].alg, v[i].code, v[i].text);
	}
	buf_reset(&cert);
	sshcert_put(&cert, c.body, span_str(""));
	b.in.cert = buf_span(&cert);
	assert_refused(&b.in, "no signature", E_SHORT, "signature is malformed");
	buf_clear(&sig);
	buf_clear(&cert);
	bad_clear(&b);
}

/* --- revocation --- */

struct revoked {
	const char *what;
	char value[SSHPK_FP_CAP];
	int calls;
};

static int revoke_one(void *ctx, const struct certcheck_revocable *x)
{
	struct revoked *r = ctx;
	char serial[24];

	r->calls++;
	snprintf(serial, sizeof(serial), "%llu", (unsigned long long)x->serial);
	if (strcmp(r->what, "error") == 0)
		return -EIO;
	if (strcmp(r->what, "lock") == 0)
		return strcmp(x->user, r->value) == 0 ? CERTCHECK_LOCKED : CERTCHECK_GOOD;
	if (strcmp(r->what, "lock-behind") == 0)
		return strcmp(x->on_behalf_of, r->value) == 0 ? CERTCHECK_LOCKED : CERTCHECK_GOOD;
	if (strcmp(r->what, "serial") == 0)
		return strcmp(serial, r->value) == 0;
	if (strcmp(r->what, "user") == 0)
		return strcmp(x->user, r->value) == 0;
	if (strcmp(r->what, "key-id") == 0)
		return strcmp(x->key_id, r->value) == 0;
	if (strcmp(r->what, "key") == 0)
		return strcmp(x->key_fp, r->value) == 0;
	return strcmp(x->ca_fp, r->value) == 0;
}

static const char *says(const char *what)
{
	return strcmp(what, "error") == 0 ? "cannot be checked"
	       : strcmp(what, "lock") == 0 ? "\" is locked"
					   : "revoked";
}

Test(certcheck, revoked_by_serial_user_key_id_key_or_authority)
{
	static const char *const names[] = {"alice", "alice-old"};
	struct {
		const char *what;
		char value[SSHPK_FP_CAP];
		bool hit;
	} v[] = {{"serial", "7", true}, {"serial", "8", false}, {"user", "alice", true},
	    {"user", "alice-old", true}, /* another principal of the same certificate */
	    {"user", "bob", false}, {"key-id", "user=alice login=abc", true}, {"key", "", true},
	    {"ca", "", true}, {"error", "", true}, {"lock", "alice", true},
	    {"lock", "alice-old", true}, {"lock", "bob", false}};
	struct bad b;
	struct buf blob;

	bad_init(&b);
	buf_init(&blob, SSHPK_BLOB_MAX);
	mint_principals(&b.m, 2, names);
	mint_sign(&b.m, &b.cert);
	sshpk_put_ed25519_blob(&blob, b.m.user.pub);
	sshpk_fingerprint(buf_span(&blob), v[6].value);
	sshpk_fingerprint(buf_span(&b.m.ca_blob), v[7].value);
	b.in.cert = buf_span(&b.cert);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct revoked r = {.what = v[i].what};
		struct cert_identity id;
		struct why w;
		int rc;

		memcpy(r.value, v[i].value, sizeof(r.value));
		b.in.revoked = revoke_one;
		b.in.revoked_ctx = &r;
		rc = certcheck_verify(&b.in, &id, &w);
		cr_assert_eq(rc != 0, v[i].hit, "%s %s", v[i].what, v[i].value);
		cr_assert(r.calls > 0);
		if (rc == 0)
			cert_identity_clear(&id);
		else
			cr_assert_not_null(strstr(w.text, says(v[i].what)), "%s: %s", v[i].what, w.text);
	}
	buf_clear(&blob);
	bad_clear(&b);
}

/* --- sweeps over a certificate that we issued --- */

static void issue_one(struct mint *m, struct buf *cert)
{
	static char *principals[] = {(char *)"alice"};
	static char *groups[] = {(char *)"dba", (char *)"dev"};
	struct buf user, body, sig;
	struct issue_request rq = {.principals = principals,
	    .n_principals = 1,
	    .groups = groups,
	    .n_groups = 2,
	    .serial = 5,
	    .now_s = NOW,
	    .ttl_s = 3600,
	    .gateway = "gw-test",
	    .source_address = "10.0.0.0/8",
	    .login_id = "01ABC",
	    .forward = true,
	    .pty = true};
	uint8_t raw[ED25519_SIG_LEN];
	struct why w;

	buf_init(&user, SSHPK_BLOB_MAX);
	buf_init(&body, SSHCERT_MAX);
	buf_init(&sig, 256);
	sshpk_put_ed25519_blob(&user, m->user.pub);
	rq.user_key = buf_span(&user);
	rq.ca = buf_span(&m->ca_blob);
	cr_assert_eq(issue_body(&rq, &body, &w), 0, "%s", w.text);
	cr_assert_eq(ed25519_sign(m->ca.seed, buf_span(&body), raw), 0);
	sshpk_put_ed25519_sig(&sig, raw);
	cr_assert_eq(issue_finish(buf_span(&body), buf_span(&sig), cert, &w), 0, "%s", w.text);
	buf_clear(&user);
	buf_clear(&body);
	buf_clear(&sig);
}

Test(certcheck, refuses_every_prefix_and_every_flipped_bit)
{
	struct mint m;
	struct buf cert;
	struct certcheck_ca ca;
	struct cert_identity id;
	struct why w;
	uint8_t *copy;
	size_t n;

	mint_init(&m);
	buf_init(&cert, SSHCERT_MAX);
	issue_one(&m, &cert);
	ca = (struct certcheck_ca){buf_span(&m.ca_blob), true};
	cr_assert_eq(check(buf_span(&cert), &ca, 1, &id, &w), 0, "%s", w.text);
	cr_assert_str_eq(id.login_id, "01ABC");
	cr_assert(id.forward && id.pty && id.groups.n == 2);
	cert_identity_clear(&id);
	n = buf_len(&cert);
	for (size_t i = 0; i < n; i++) {
		copy = malloc(i > 0 ? i : 1);
		memcpy(copy, buf_span(&cert).p, i);
		cr_assert_neq(
		    check(span_of(copy, i), &ca, 1, &id, &w), 0, "prefix of %zu accepted", i);
		free(copy);
	}
	copy = malloc(n + 1);
	memcpy(copy, buf_span(&cert).p, n);
	copy[n] = 0;
	cr_assert_eq(check(span_of(copy, n + 1), &ca, 1, &id, &w), E_TRAILING);
	for (size_t bit = 0; bit < n * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert_neq(
		    check(span_of(copy, n), &ca, 1, &id, &w), 0, "bit %zu flipped: accepted", bit);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(copy);
	buf_clear(&cert);
	mint_clear(&m);
}

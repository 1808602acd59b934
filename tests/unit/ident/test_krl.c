/* SPDX-License-Identifier: Apache-2.0
 *
 * Revocation lists: their bytes, and what ssh-keygen makes of them.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "../../support/keygen.h"
#include "base/crypto.h"
#include "base/cur.h"
#include "ident/krl.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void is_hex(const struct buf *got, const char *want)
{
	char text[4000] = "";
	struct span s = buf_span(got);

	for (size_t i = 0; i < s.n && i * 2 < sizeof(text) - 3; i++)
		snprintf(text + 2 * i, 3, "%02x", s.p[i]);
	cr_assert_str_eq(text, want);
}

#define HEAD                                                                                       \
	"5353484b524c0a00"                                                                         \
	"00000001"                                                                                 \
	"0000000000000007"                                                                         \
	"0000000000000064"                                                                         \
	"0000000000000000"                                                                         \
	"00000000"                                                                                 \
	"0000000167"

Test(krl, empty)
{
	struct krl *k = krl_new();
	struct buf out;

	buf_init(&out, 4096);
	cr_assert_eq(krl_write(k, 7, 100, "g", &out), 0);
	is_hex(&out, HEAD);
	buf_clear(&out);
	krl_free(k);
	krl_free(NULL);
}

Test(krl, serials_sorted_and_long_runs_as_ranges)
{
	static const uint64_t in[] = {9, 5, 4, 20, 5, 0, 6, 10, UINT64_MAX};
	struct krl *k = krl_new();
	struct buf out;

	buf_init(&out, 4096);
	for (size_t i = 0; i < N(in); i++)
		krl_serial(k, in[i]);
	krl_authority(k, span_str("CA"));
	cr_assert_eq(krl_write(k, 7, 100, "g", &out), 0);
	is_hex(&out, HEAD "01"
			  "00000044"
			  "000000024341"
			  "00000000"
			  "20"
			  "00000020"
			  "0000000000000009"
			  "000000000000000a"
			  "0000000000000014"
			  "ffffffffffffffff"
			  "21"
			  "00000010"
			  "0000000000000004"
			  "0000000000000006");
	buf_clear(&out);
	krl_free(k);
}

Test(krl, ids_hashes_and_every_authority)
{
	static const char zeros[] = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	struct krl *k = krl_new();
	struct buf out;

	buf_init(&out, 4096);
	krl_key_id(k, "b");
	krl_key_id(k, "a");
	krl_key_id(k, "b");
	cr_assert_eq(krl_fingerprint(k, zeros), 0);
	cr_assert_eq(krl_fingerprint(k, zeros), 0);
	krl_authority(k, span_str("X"));
	krl_authority(k, span_str("Y"));
	cr_assert_eq(krl_write(k, 7, 100, "g", &out), 0);
	is_hex(&out, HEAD "01"
			  "00000018"
			  "0000000158"
			  "00000000"
			  "23"
			  "0000000a"
			  "0000000161"
			  "0000000162"
			  "01"
			  "00000018"
			  "0000000159"
			  "00000000"
			  "23"
			  "0000000a"
			  "0000000161"
			  "0000000162"
			  "05"
			  "00000024"
			  "00000020"
			  "0000000000000000000000000000000000000000000000000000000000000000");
	buf_clear(&out);
	krl_free(k);
}

Test(krl, fingerprints_are_read_strictly)
{
	static const char *const bad[] = {"", "SHA256:", "MD5:aa",
	    "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",   /* short */
	    "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* long */
	    "SHA256:AAAAAAAAAAAAAAAAAAAAA*AAAAAAAAAAAAAAAAAAAAA",
	    "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", /* bits behind the end */
	    "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
	struct krl *k = krl_new();

	for (size_t i = 0; i < N(bad); i++)
		cr_expect_eq(krl_fingerprint(k, bad[i]), E_FORMAT, "%s", bad[i]);
	krl_free(k);
}

Test(krl, a_list_that_does_not_fit_is_an_error)
{
	struct krl *k = krl_new();
	struct buf out;

	buf_init(&out, 200);
	for (uint64_t i = 1; i < 100; i++)
		krl_serial(k, 2 * i);
	cr_assert_eq(krl_write(k, 7, 100, "g", &out), E_TOOBIG);
	buf_clear(&out);
	krl_free(k);
}

/* --- ssh-keygen as the oracle --- */

struct lab {
	char dir[64];
	struct buf ca, other_ca;
};

static void lab_make(struct lab *l)
{
	static const char *const users[] = {"u1", "u2"};
	static const char *const v[] = {"1", "2", "5", "6", "7", "8", "300"};
	struct buf blob;

	tmp_make(l->dir);
	buf_init(&l->ca, SSHPK_BLOB_MAX);
	buf_init(&l->other_ca, SSHPK_BLOB_MAX);
	buf_init(&blob, SSHCERT_MAX);
	keygen(l->dir, "ca", "ed25519", 0);
	keygen(l->dir, "ca2", "ecdsa", 256);
	for (size_t u = 0; u < N(users); u++)
		keygen(l->dir, users[u], "ed25519", 0);
	for (size_t u = 0; u < N(users); u++)
		for (size_t i = 0; i < N(v); i++) {
			char name[64], id[32];
			const char *more[] = {"-z", v[i], "-I", id, NULL};

			snprintf(id, sizeof(id), "user=%s login=%s", users[u], v[i]);
			keygen_sign(l->dir, u == 0 ? "ca" : "ca2", users[u], "alice", more, &blob);
			snprintf(name, sizeof(name), "%s-%s.pub", users[u], v[i]);
			(void)rename(tmp_path(l->dir, u == 0 ? "u1-cert.pub" : "u2-cert.pub"),
			    tmp_path(l->dir, name));
		}
	pub_blob(tmp_path(l->dir, "ca.pub"), &l->ca);
	pub_blob(tmp_path(l->dir, "ca2.pub"), &l->other_ca);
	buf_clear(&blob);
}

static void lab_clear(struct lab *l)
{
	buf_clear(&l->ca);
	buf_clear(&l->other_ca);
	tmp_remove(l->dir);
}

/* The list, asked about each certificate and key: the names that are revoked. */
static const char *revoked(struct lab *l, struct krl *k)
{
	static const char *const names[] = {"u1-1", "u1-2", "u1-5", "u1-6", "u1-7", "u1-8",
	    "u1-300", "u2-5", "u2-300", "u1", "u2", "ca", "ca2"};
	static char found[400];
	char out[4000], name[64];
	struct buf krl;

	buf_init(&krl, 1 << 20);
	cr_assert_eq(krl_write(k, 1, 1767225660, "gw", &krl), 0);
	spill(tmp_path(l->dir, "krl"), buf_span(&krl));
	found[0] = '\0';
	for (size_t i = 0; i < N(names); i++) {
		const char *argv[] = {
		    "ssh-keygen", "-Q", "-f", tmp_path(l->dir, "krl"), NULL, NULL};
		int rc;

		snprintf(name, sizeof(name), "%s.pub", names[i]);
		argv[4] = tmp_path(l->dir, name);
		rc = run_cmd(argv, out, sizeof(out));
		cr_assert(rc == 0 || (rc == 1 && strstr(out, "REVOKED") != NULL), "%s: %d %s",
		    names[i], rc, out);
		if (rc == 1)
			snprintf(
			    found + strlen(found), sizeof(found) - strlen(found), "%s ", names[i]);
	}
	buf_clear(&krl);
	return found;
}

static const char *listing(struct lab *l)
{
	static char out[8000];
	const char *argv[] = {"ssh-keygen", "-Q", "-l", "-f", tmp_path(l->dir, "krl"), NULL};

	cr_assert_eq(run_cmd(argv, out, sizeof(out)), 0, "%s", out);
	return out;
}

static const char *fp_of(struct lab *l, const char *name)
{
	static char fp[SSHPK_FP_CAP];
	struct buf blob;

	buf_init(&blob, SSHPK_BLOB_MAX);
	pub_blob(tmp_path(l->dir, name), &blob);
	sshpk_fingerprint(buf_span(&blob), fp);
	buf_clear(&blob);
	return fp;
}

Test(krl, ssh_keygen_agrees, .timeout = 120)
{
	struct lab l;
	struct krl *k = krl_new();

	lab_make(&l);
	cr_assert_str_eq(revoked(&l, k), "", "nothing");
	krl_authority(k, buf_span(&l.ca));
	krl_serial(k, 2);
	cr_assert_str_eq(revoked(&l, k), "u1-2 ", "one serial");
	for (uint64_t i = 5; i <= 7; i++)
		krl_serial(k, i);
	cr_assert_str_eq(revoked(&l, k), "u1-2 u1-5 u1-6 u1-7 ", "a range, of this authority only");
	cr_assert_not_null(strstr(listing(&l), "serial: 5-7"), "%s", listing(&l));
	cr_assert_not_null(strstr(listing(&l), "serial: 2"), "%s", listing(&l));
	krl_authority(k, buf_span(&l.other_ca));
	cr_assert_str_eq(revoked(&l, k), "u1-2 u1-5 u1-6 u1-7 u2-5 ", "of two authorities");
	krl_key_id(k, "user=u1 login=300");
	cr_assert_str_eq(revoked(&l, k), "u1-2 u1-5 u1-6 u1-7 u1-300 u2-5 ", "a key id");
	cr_assert_not_null(strstr(listing(&l), "id: user=u1 login=300"), "%s", listing(&l));
	cr_assert_eq(krl_fingerprint(k, fp_of(&l, "u2.pub")), 0);
	cr_assert_str_eq(revoked(&l, k), "u1-2 u1-5 u1-6 u1-7 u1-300 u2-5 u2-300 u2 ",
	    "a key, and every certificate for it");
	cr_assert_not_null(strstr(listing(&l), "hash: SHA256:"), "%s", listing(&l));
	cr_assert_eq(krl_fingerprint(k, fp_of(&l, "ca.pub")), 0);
	cr_assert_str_eq(revoked(&l, k), "u1-1 u1-2 u1-5 u1-6 u1-7 u1-8 u1-300 u2-5 u2-300 u2 ca ",
	    "an authority, and every certificate of it");
	krl_free(k);
	k = krl_new();
	krl_serial(k, 5);
	cr_assert_str_eq(revoked(&l, k), "u1-5 u2-5 ", "whoever signed");
	krl_free(k);
	lab_clear(&l);
}

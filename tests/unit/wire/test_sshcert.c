/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "../../support/keygen.h"
#include "wire/sshw.h"

static struct span hex(const char *s, uint8_t *out)
{
	size_t n = strlen(s) / 2;

	cr_assert_eq(hex_decode(s, out, n), 0);
	return span_of(out, n);
}

Test(sshw, mpint_has_one_encoding)
{
	static const struct {
		const char *in;
		int err;
		const char *magnitude;
		int bits;
	} v[] = {
	    {"00000000", 0, "", 0},
	    {"0000000101", 0, "01", 1},
	    {"000000017f", 0, "7f", 7},
	    {"000000020080", 0, "80", 8},
	    {"00000003010001", 0, "010001", 17},
	    {"0000000180", E_FORMAT, "", 0},   /* negative */
	    {"0000000100", E_FORMAT, "", 0},   /* zero with a byte */
	    {"00000002007f", E_FORMAT, "", 0}, /* padded */
	    {"0000000200", E_SHORT, "", 0},
	    {"ffffffff01", E_SHORT, "", 0},
	    {"000001", E_SHORT, "", 0},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint8_t a[16], b[16];
		struct cur c = cur_of(hex(v[i].in, a));
		struct span m = sshw_get_mpint(&c);
		struct buf out;

		cr_assert_eq(cur_done(&c), v[i].err, "%s gave %d", v[i].in, cur_done(&c));
		cr_assert(span_eq(m, hex(v[i].magnitude, b)), "%s", v[i].in);
		cr_assert_eq(sshw_mpint_bits(m), v[i].bits);
		if (v[i].err != 0)
			continue;
		buf_init(&out, 64);
		sshw_put_mpint(&out, m);
		cr_assert(span_eq(buf_span(&out), hex(v[i].in, a)));
		buf_clear(&out);
	}
}

Test(sshw, name_lists_refuse_empty_names)
{
	static const struct {
		const char *in;
		int n, err;
	} v[] = {{"", 0, 0}, {"a", 1, 0}, {"a,b,cc", 3, 0}, {",", 0, E_FORMAT}, {"a,", 0, E_FORMAT},
	    {",a", 0, E_FORMAT}, {"a,,b", 1, E_FORMAT}};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct cur c = cur_of(span_str(v[i].in));
		struct span name;
		int n = 0;

		while (sshw_next_name(&c, &name))
			n++;
		cr_assert_eq(cur_done(&c), v[i].err, "%s", v[i].in);
		cr_assert_eq(n, v[i].n, "%s: %d", v[i].in, n);
	}
}

/* Public keys that ssh-keygen can make here; FIDO keys are written by hand, ssh-keygen signs them
 * all the same. */
static const struct {
	const char *file, *type;
	int bits;
	const char *kind;
} keys[] = {
    {"k-ed", "ed25519", 0, "ssh-ed25519"},
    {"k-256", "ecdsa", 256, "ecdsa-sha2-nistp256"},
    {"k-384", "ecdsa", 384, "ecdsa-sha2-nistp384"},
    {"k-521", "ecdsa", 521, "ecdsa-sha2-nistp521"},
    {"k-rsa", "rsa", 2048, "ssh-rsa"},
    {"k-sked", NULL, 0, "sk-ssh-ed25519@openssh.com"},
    {"k-skec", NULL, 0, "sk-ecdsa-sha2-nistp256@openssh.com"},
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

/* A FIDO public key made of an ordinary one and an application name. */
static void make_sk(const char *dir, const char *file, const char *kind_name)
{
	bool is_cert;
	struct sshpk k;
	struct buf from, blob, line;
	char pub[64];

	buf_init(&from, SSHPK_BLOB_MAX);
	buf_init(&blob, SSHPK_BLOB_MAX);
	buf_init(&line, SSHPK_LINE_MAX);
	pub_blob(
	    tmp_path(dir, strstr(kind_name, "ecdsa") != NULL ? "k-256.pub" : "k-ed.pub"), &from);
	cr_assert_eq(sshpk_parse(buf_span(&from), &k, NULL), 0);
	k.kind = sshpk_kind_find(span_str(kind_name), &is_cert);
	k.app = span_str("ssh:");
	sshpk_put_blob(&blob, &k);
	cr_assert_eq(sshpk_line_put(&line, buf_span(&blob), "fido"), 0);
	snprintf(pub, sizeof(pub), "%s.pub", file);
	spill(tmp_path(dir, pub), buf_span(&line));
	buf_clear(&from);
	buf_clear(&blob);
	buf_clear(&line);
}

static void make_keys(const char *dir)
{
	keygen(dir, "ca", "ed25519", 0);
	for (size_t i = 0; i < N_KEYS; i++) {
		if (keys[i].type != NULL)
			keygen(dir, keys[i].file, keys[i].type, keys[i].bits);
		else
			make_sk(dir, keys[i].file, keys[i].kind);
	}
}

/* What is parsed, written again, is what was signed. */
static void assert_round_trip(const struct sshcert *c)
{
	struct buf b;

	buf_init(&b, SSHCERT_MAX);
	sshcert_put_body(&b, c);
	cr_assert_eq(buf_err(&b), 0);
	cr_assert(span_eq(buf_span(&b), c->body), "body differs");
	buf_clear(&b);
}

static void check_fields(const struct sshcert *c, const char *kind, struct span plain)
{
	struct cur cur;
	struct span s, name, data, value;
	struct buf b;

	cr_assert_str_eq(c->key.kind->name, kind);
	cr_assert_eq(c->serial, 77);
	cr_assert_eq(c->type, SSHCERT_USER);
	cr_assert(span_is(c->key_id, "the key id"));
	cr_assert_eq(c->nonce.n, 32);
	cr_assert_eq(c->valid_before - c->valid_after, 3600);
	cur = cur_of(c->principals);
	cr_assert(sshcert_next_string(&cur, &s) && span_is(s, "alice"));
	cr_assert(sshcert_next_string(&cur, &s) && span_is(s, "bob"));
	cr_assert(!sshcert_next_string(&cur, &s) && cur_done(&cur) == 0);
	cur = cur_of(c->critical);
	cr_assert(sshcert_next_option(&cur, &name, &data) && span_is(name, "source-address"));
	cr_assert(sshcert_option_string(data, &value) == 0 && span_is(value, "10.0.0.0/8"));
	cr_assert(!sshcert_next_option(&cur, &name, &data) && cur_done(&cur) == 0);
	cur = cur_of(c->extensions);
	cr_assert(sshcert_next_option(&cur, &name, &data) && span_is(name, "groups@sallyport"));
	cr_assert(sshcert_next_option(&cur, &name, &data) && span_is(name, "permit-pty"));
	cr_assert_eq(data.n, 0);
	buf_init(&b, SSHPK_BLOB_MAX);
	sshpk_put_blob(&b, &c->key);
	cr_assert(span_eq(buf_span(&b), plain), "the certified key differs from the user's");
	buf_clear(&b);
}

/* Every prefix fails; every flipped bit is either refused or parsed into something that writes back
 * the same. */
static void sweep(struct span blob)
{
	uint8_t *copy = malloc(blob.n);
	struct sshcert c;

	for (size_t n = 0; n < blob.n; n++) {
		/* An exact allocation: reading past the end is seen by the sanitizer. */
		uint8_t *cut = malloc(n > 0 ? n : 1);

		memcpy(cut, blob.p, n);
		cr_assert_neq(
		    sshcert_parse(span_of(cut, n), &c, NULL), 0, "prefix of %zu bytes", n);
		free(cut);
	}
	memcpy(copy, blob.p, blob.n);
	for (size_t bit = 0; bit < blob.n * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (sshcert_parse(span_of(copy, blob.n), &c, NULL) == 0)
			assert_round_trip(&c);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(copy);
}

Test(sshcert, reads_what_ssh_keygen_signs_for_every_key_type)
{
	static const char *const more[] = {"-z", "77", "-V", "20260101000000:20260101010000", "-O",
	    "clear", "-O", "permit-pty", "-O", "source-address=10.0.0.0/8", "-O",
	    "extension:groups@sallyport=dba", NULL};
	char dir[64], pub[80];
	struct buf cert, plain, bad;
	struct sshcert c;
	struct why w;

	tmp_make(dir);
	make_keys(dir);
	buf_init(&cert, SSHCERT_MAX);
	buf_init(&plain, SSHPK_BLOB_MAX);
	buf_init(&bad, SSHCERT_MAX + 1);
	for (size_t i = 0; i < N_KEYS; i++) {
		keygen_sign(dir, "ca", keys[i].file, "alice,bob", more, &cert);
		snprintf(pub, sizeof(pub), "%s.pub", keys[i].file);
		pub_blob(tmp_path(dir, pub), &plain);
		cr_assert_eq(
		    sshcert_parse(buf_span(&cert), &c, &w), 0, "%s: %s", keys[i].file, w.text);
		check_fields(&c, keys[i].kind, buf_span(&plain));
		assert_round_trip(&c);
		buf_reset(&bad);
		buf_put_span(&bad, buf_span(&cert));
		buf_put_u8(&bad, 0);
		cr_assert_eq(sshcert_parse(buf_span(&bad), &c, &w), E_TRAILING);
		sweep(buf_span(&cert));
		cr_assert_eq(sshcert_parse(buf_span(&plain), &c, &w), E_UNKNOWN);
	}
	buf_clear(&cert);
	buf_clear(&plain);
	buf_clear(&bad);
	tmp_remove(dir);
}

Test(sshcert, refuses_bad_lists)
{
	struct mint m;
	struct buf cert;
	struct sshcert c;
	struct why w;

	mint_init(&m);
	buf_init(&cert, SSHCERT_MAX * 8);
	mint_sign(&m, &cert);
	cr_assert_eq(sshcert_parse(buf_span(&cert), &c, &w), 0, "%s", w.text);

	sshcert_put_flag(&m.critical, "aaa"); /* behind gateway@... */
	mint_sign(&m, &cert);
	cr_assert_eq(sshcert_parse(buf_span(&cert), &c, &w), E_FORMAT);
	cr_assert_str_eq(w.text, "the certificate's critical options are not sorted by name");

	buf_reset(&m.critical);
	sshcert_put_flag(&m.extensions, "a");
	sshcert_put_flag(&m.extensions, "a");
	mint_sign(&m, &cert);
	cr_assert_eq(sshcert_parse(buf_span(&cert), &c, &w), E_FORMAT);
	cr_assert_str_eq(w.text, "two of the certificate's extensions have the same name");

	buf_reset(&m.extensions);
	sshcert_put_flag(&m.extensions, "");
	mint_sign(&m, &cert);
	cr_assert_eq(sshcert_parse(buf_span(&cert), &c, &w), E_FORMAT);

	buf_reset(&m.extensions);
	sshcert_put_flag(&m.extensions, "ab");
	sshcert_put_flag(&m.extensions, "a"); /* a prefix sorts first */
	mint_sign(&m, &cert);
	cr_assert_eq(sshcert_parse(buf_span(&cert), &c, &w), E_FORMAT);

	buf_reset(&m.extensions);
	buf_reset(&m.principals);
	for (int i = 0; i < SSHCERT_LIST_MAX + 1; i++)
		sshw_put_cstring(&m.principals, "x");
	mint_sign(&m, &cert);
	cr_assert_eq(sshcert_parse(buf_span(&cert), &c, &w), E_TOOBIG);

	buf_reset(&m.principals);
	buf_put_u32be(&m.principals, 9); /* longer than the list */
	mint_sign(&m, &cert);
	cr_assert_eq(sshcert_parse(buf_span(&cert), &c, &w), E_SHORT);

	buf_reset(&m.principals);
	m.c.reserved = span_str("x");
	mint_sign(&m, &cert);
	cr_assert_eq(sshcert_parse(buf_span(&cert), &c, &w), E_FORMAT);
	buf_clear(&cert);
	mint_clear(&m);
}

Test(sshcert, names)
{
	static const char *const good[] = {
	    "alice", "alice@example.com", "a-b_c.d", "/team/dba", "\xc3\xa9va"};
	static const char *const bad[] = {"", "a,b", "a b", " a", "a ", "*", "a*", "?", "a\tb",
	    "a\nb", "a\x7f", "a\xc2\x85", "\xff", "a\x1b[0m"};
	char longest[SSHCERT_PRINCIPAL_MAX + 2];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(sshcert_principal_ok(span_str(good[i])), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(!sshcert_principal_ok(span_str(bad[i])), "%s", bad[i]);
	cr_assert(!sshcert_principal_ok(span_of("a\0b", 3)));
	cr_assert(sshcert_name_ok(span_str("Domain Admins")));
	cr_assert(!sshcert_name_ok(span_str("a,b")) && !sshcert_name_ok(span_str(" a")));
	memset(longest, 'a', sizeof(longest));
	cr_assert(sshcert_principal_ok(span_of(longest, SSHCERT_PRINCIPAL_MAX)));
	cr_assert(!sshcert_principal_ok(span_of(longest, SSHCERT_PRINCIPAL_MAX + 1)));
}

Test(sshpk, fingerprint_as_ssh_keygen_prints_it)
{
	char dir[64], out[512], fp[SSHPK_FP_CAP];
	const char *argv[] = {"ssh-keygen", "-lf", NULL, NULL};
	struct buf blob;
	struct sshpk k;

	tmp_make(dir);
	keygen(dir, "k", "ecdsa", 384);
	argv[2] = tmp_path(dir, "k.pub");
	cr_assert_eq(run_cmd(argv, out, sizeof(out)), 0);
	buf_init(&blob, SSHPK_BLOB_MAX);
	pub_blob(tmp_path(dir, "k.pub"), &blob);
	sshpk_fingerprint(buf_span(&blob), fp);
	cr_assert(strstr(out, fp) != NULL && strlen(fp) == 50, "%s in %s", fp, out);
	cr_assert_eq(sshpk_parse(buf_span(&blob), &k, NULL), 0);
	cr_assert_eq(sshpk_key_fingerprint(&k, fp), 0);
	cr_assert(strstr(out, fp) != NULL);
	buf_clear(&blob);
	tmp_remove(dir);
}

Test(sshpk, refuses_malformed_keys)
{
	static const struct {
		const char *blob;
		int err;
	} v[] = {
	    {"", E_SHORT},
	    {"00000003666f6f", E_UNKNOWN},
	    /* ssh-ed25519 with 31, 33 and 0 bytes */
	    {"0000000b7373682d6564323535313900000000", E_FORMAT},
	    {"0000000b7373682d656432353531390000001f00000000000000000000000000000000000000000000000"
	     "000000000000000",
		E_FORMAT},
	    {"0000000b7373682d656432353531390000002100000000000000000000000000000000000000000000000"
	     "0000000000000000000",
		E_FORMAT},
	    /* ssh-rsa: e even, e = 1, e of 9 bytes, n even, n = 0 */
	    {"000000077373682d727361000000010200000001"
	     "03",
		E_FORMAT},
	    {"000000077373682d727361000000010100000001"
	     "03",
		E_FORMAT},
	    {"000000077373682d727361"
	     "00000009"
	     "010000000000000001"
	     "00000001"
	     "03",
		E_FORMAT},
	    {"000000077373682d727361"
	     "00000003"
	     "010001"
	     "00000001"
	     "04",
		E_FORMAT},
	    {"000000077373682d727361"
	     "00000003"
	     "010001"
	     "00000000",
		E_FORMAT},
	};
	uint8_t raw[128];
	struct sshpk k;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		cr_assert_eq(sshpk_parse(hex(v[i].blob, raw), &k, NULL), v[i].err, "%zu", i);
}

Test(sshpk, ec_points_are_checked_for_curve_and_form)
{
	char dir[64];
	struct buf blob, bad;
	struct sshpk k, other;
	bool is_cert;

	tmp_make(dir);
	keygen(dir, "k", "ecdsa", 256);
	buf_init(&blob, SSHPK_BLOB_MAX);
	buf_init(&bad, SSHPK_BLOB_MAX);
	pub_blob(tmp_path(dir, "k.pub"), &blob);
	cr_assert_eq(sshpk_parse(buf_span(&blob), &k, NULL), 0);
	other = k;
	other.kind =
	    sshpk_kind_find(span_str("ecdsa-sha2-nistp384"), &is_cert); /* a 256-bit point */
	sshpk_put_blob(&bad, &other);
	cr_assert_eq(sshpk_parse(buf_span(&bad), &k, NULL), E_FORMAT);
	buf_reset(&bad);
	sshw_put_cstring(&bad, "ecdsa-sha2-nistp256");
	sshw_put_cstring(&bad, "nistp384"); /* names differ */
	sshw_put_string(&bad, other.q);
	cr_assert_eq(sshpk_parse(buf_span(&bad), &k, NULL), E_FORMAT);
	buf_clear(&blob);
	buf_clear(&bad);
	tmp_remove(dir);
}

#define LINE "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

Test(sshpk, lines)
{
	static const struct {
		const char *line;
		int err;
		const char *comment;
	} v[] = {
	    {LINE, 0, ""},
	    {LINE "\n", 0, ""},
	    {"  " LINE " alice@example.com \r\n", 0, "alice@example.com"},
	    {LINE "\ta b  c", 0, "a b  c"},
	    {"", E_FORMAT, ""},
	    {"# comment", E_FORMAT, ""},
	    {"from=\"10.0.0.1\" " LINE, E_FORMAT, ""},
	    {"ssh-ed25519", E_FORMAT, ""},
	    {"ssh-ed25519 !!!!", E_FORMAT, ""},
	    {"ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
		E_FORMAT, ""},
	    {"ssh-dss AAAA", E_FORMAT, ""},
	};
	struct buf blob, line;

	buf_init(&blob, SSHPK_BLOB_MAX);
	buf_init(&line, SSHPK_LINE_MAX);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct span comment = {NULL, 0};
		struct why w;
		int r = sshpk_line_parse(span_str(v[i].line), &blob, &comment, &w);

		cr_assert_eq(r, v[i].err, "%s: %d", v[i].line, r);
		if (r == 0)
			cr_assert(span_is(comment, v[i].comment), "%s", v[i].line);
	}
	cr_assert_eq(sshpk_line_parse(span_str(LINE), &blob, NULL, NULL), 0);
	cr_assert_eq(sshpk_line_put(&line, buf_span(&blob), "x\ny\x1b"), 0);
	cr_assert_str_eq(buf_cstr(&line), LINE " x?y?\n");
	cr_assert_eq(sshpk_line_put(&line, span_str("junk"), ""), E_FORMAT);
	buf_clear(&blob);
	buf_clear(&line);
}

Test(sshkey, ssh_keygen_reads_what_we_write)
{
	char dir[64], out[1024];
	const char *argv[] = {"ssh-keygen", "-y", "-f", NULL, NULL};
	struct sshkey k, again;
	struct buf text, blob, line;

	tmp_make(dir);
	buf_init(&text, SSHKEY_FILE_MAX);
	buf_init(&blob, SSHPK_BLOB_MAX);
	buf_init(&line, SSHPK_LINE_MAX);
	/* All lengths of comment around the padding block. */
	for (int n = 0; n < 9; n++) {
		char comment[16] = "12345678";

		comment[n] = '\0';
		buf_reset(&text);
		buf_reset(&blob);
		buf_reset(&line);
		cr_assert_eq(sshkey_generate(&k), 0);
		cr_assert_eq(sshkey_put(&text, &k, comment), 0);
		cr_assert_eq(sshkey_parse(buf_span(&text), &again, NULL), 0);
		cr_assert_eq(memcmp(&k, &again, sizeof(k)), 0);
		spill(tmp_path(dir, "k"), buf_span(&text));
		argv[3] = tmp_path(dir, "k");
		cr_assert_eq(run_cmd(argv, out, sizeof(out)), 0, "%s", out);
		sshpk_put_ed25519_blob(&blob, k.pub);
		cr_assert_eq(sshpk_line_put(&line, buf_span(&blob), comment), 0);
		cr_assert_str_eq(out, buf_cstr(&line));
	}
	buf_wipe(&text);
	buf_clear(&blob);
	buf_clear(&line);
	tmp_remove(dir);
}

/* No prefix parses; a flipped bit never gives another key. */
static void sweep_key(struct span text, const struct sshkey *good)
{
	uint8_t *copy = malloc(text.n);
	struct sshkey k;

	memcpy(copy, text.p, text.n);
	for (size_t n = 0; n < text.n - 1; n++) /* the last newline may be missing */
		cr_assert_neq(sshkey_parse(span_of(copy, n), &k, NULL), 0, "prefix %zu", n);
	for (size_t bit = 0; bit < text.n * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (sshkey_parse(span_of(copy, text.n), &k, NULL) == 0)
			cr_assert_eq(
			    memcmp(&k, good, sizeof(k)), 0, "bit %zu gives another key", bit);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(copy);
}

Test(sshkey, reads_what_ssh_keygen_writes_and_nothing_else)
{
	static const char *const protect[] = {"-p", "-q", "-P", "", "-N", "secret", "-f"};
	const char *argv[10] = {"ssh-keygen"};
	char dir[64], out[1024];
	struct buf text, blob, want;
	struct sshkey k;
	struct why w;

	tmp_make(dir);
	buf_init(&text, SSHKEY_FILE_MAX);
	buf_init(&blob, SSHPK_BLOB_MAX);
	buf_init(&want, SSHPK_BLOB_MAX);
	keygen(dir, "k", "ed25519", 0);
	slurp(tmp_path(dir, "k"), &text);
	cr_assert_eq(sshkey_parse(buf_span(&text), &k, &w), 0, "%s", w.text);
	pub_blob(tmp_path(dir, "k.pub"), &want);
	sshpk_put_ed25519_blob(&blob, k.pub);
	cr_assert(span_eq(buf_span(&blob), buf_span(&want)));
	sweep_key(buf_span(&text), &k);

	memcpy(argv + 1, protect, sizeof(protect));
	argv[8] = tmp_path(dir, "k");
	cr_assert_eq(run_cmd(argv, out, sizeof(out)), 0, "%s", out);
	slurp(tmp_path(dir, "k"), &text);
	cr_assert_eq(sshkey_parse(buf_span(&text), &k, &w), E_UNKNOWN);
	cr_assert_str_eq(w.text, "the private key is protected by a passphrase");

	keygen(dir, "e", "ecdsa", 256);
	slurp(tmp_path(dir, "e"), &text);
	cr_assert_eq(sshkey_parse(buf_span(&text), &k, &w), E_UNKNOWN);
	cr_assert_str_eq(w.text, "only Ed25519 private keys are supported");
	buf_wipe(&text);
	buf_clear(&blob);
	buf_clear(&want);
	tmp_remove(dir);
}

/* A key file written by hand, wrong in one place. */
enum forgery {
	F_NONE,
	F_MAGIC,
	F_TWO_KEYS,
	F_TRAILING,
	F_CHECK,
	F_PADDING,
	F_LONG_PADDING,
	F_SHORT_PRIVATE,
	F_SHORT_PUBLIC,
	F_OTHER_PUBLIC,
	F_OTHER_OUTER,
	F_OTHER_SEED,
	F_BEHIND_END,
	F_BEFORE_BEGIN,
	F_N
};

static void put_inner(
    struct buf *b, enum forgery f, const struct sshkey *k, const struct sshkey *other)
{
	size_t at = sshw_open_string(b), priv;

	buf_put_u32be(b, 1);
	buf_put_u32be(b, f == F_CHECK ? 2 : 1);
	sshw_put_cstring(b, "ssh-ed25519");
	sshw_put_string(
	    b, span_of(f == F_OTHER_PUBLIC ? other->pub : k->pub, f == F_SHORT_PUBLIC ? 31 : 32));
	priv = sshw_open_string(b);
	buf_put(b, f == F_OTHER_SEED ? other->seed : k->seed, 32);
	buf_put(b, k->pub, f == F_SHORT_PRIVATE ? 0 : 32);
	sshw_close_string(b, priv);
	sshw_put_cstring(b, "");
	for (uint8_t i = 1; (buf_len(b) - at - 4) % 8 != 0; i++)
		buf_put_u8(b, (uint8_t)(f == F_PADDING ? i + 1 : i));
	for (uint8_t i = 1; f == F_LONG_PADDING && i <= 8; i++)
		buf_put_u8(b, i);
	sshw_close_string(b, at);
}

static void forge(
    struct buf *text, enum forgery f, const struct sshkey *k, const struct sshkey *other)
{
	struct buf b;
	size_t at;

	buf_init(&b, SSHKEY_FILE_MAX);
	buf_put_cstr(&b, f == F_MAGIC ? "openssh-key-v2" : "openssh-key-v1");
	sshw_put_cstring(&b, "none");
	sshw_put_cstring(&b, "none");
	sshw_put_cstring(&b, "");
	buf_put_u32be(&b, f == F_TWO_KEYS ? 2 : 1);
	at = sshw_open_string(&b);
	sshpk_put_ed25519_blob(&b, f == F_OTHER_OUTER ? other->pub : k->pub);
	sshw_close_string(&b, at);
	put_inner(&b, f, k, other);
	if (f == F_TRAILING)
		buf_put_u8(&b, 0);
	buf_reset(text);
	if (f == F_BEFORE_BEGIN)
		buf_put_str(text, "junk\n");
	buf_put_str(text, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	base64_encode(buf_span(&b), text);
	buf_put_str(text, "\n-----END OPENSSH PRIVATE KEY-----\n");
	if (f == F_BEHIND_END)
		buf_put_str(text, "junk\n");
	buf_clear(&b);
}

Test(sshkey, refuses_forged_files)
{
	struct sshkey k, other, got;
	struct buf text;

	cr_assert_eq(sshkey_generate(&k), 0);
	cr_assert_eq(sshkey_generate(&other), 0);
	buf_init(&text, SSHKEY_FILE_MAX);
	for (int f = F_NONE; f < F_N; f++) {
		struct why w = {0};
		int r;

		forge(&text, (enum forgery)f, &k, &other);
		r = sshkey_parse(buf_span(&text), &got, &w);
		cr_assert_eq(r == 0, f == F_NONE, "forgery %d: %d %s", f, r, w.text);
		if (f != F_NONE)
			cr_assert(w.text[0] != '\0' && got.seed[0] == 0 && got.seed[31] == 0);
	}
	buf_clear(&text);
}

Test(sshpk, refuses_certificates_and_giants)
{
	uint8_t pub[32] = {1};
	struct buf b, line, blob;
	struct sshpk k;

	buf_init(&b, SSHPK_BLOB_MAX * 4);
	buf_init(&line, SSHPK_BLOB_MAX * 4);
	buf_init(&blob, SSHPK_BLOB_MAX * 4);
	/* A certificate's name before a plain key's fields. */
	sshw_put_cstring(&b, "ssh-ed25519-cert-v01@openssh.com");
	sshw_put_string(&b, span_of(pub, sizeof(pub)));
	cr_assert_eq(sshpk_parse(buf_span(&b), &k, NULL), E_UNKNOWN);
	buf_reset(&b);
	for (int i = 0; i < SSHPK_BLOB_MAX; i++)
		buf_put_u8(&line, 'a');
	sshw_put_cstring(&b, "sk-ssh-ed25519@openssh.com");
	sshw_put_string(&b, span_of(pub, sizeof(pub)));
	sshw_put_string(&b, buf_span(&line));
	cr_assert_eq(sshpk_parse(buf_span(&b), &k, NULL), E_TOOBIG);
	buf_reset(&line);
	buf_put_str(&line, LINE " ");
	for (int i = 0; i < SSHPK_LINE_MAX; i++)
		buf_put_u8(&line, 'a');
	cr_assert_eq(sshpk_line_parse(buf_span(&line), &blob, NULL, NULL), E_TOOBIG);
	buf_clear(&b);
	buf_clear(&line);
	buf_clear(&blob);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Published vectors: RFC 6234/FIPS 180-4 (SHA-256), RFC 4231 (HMAC), RFC 8032 7.1 (Ed25519), RFC 4648 10 (base64);
 * and refusals of everything next to a good signature or text.
 */
#include <criterion/criterion.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "base/crypto.h"

#define B(s) span_of(s, sizeof(s) - 1)
#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct span unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	cr_assert_eq(hex_decode(hex, out, n), 0, "%s", hex);
	return span_of(out, n);
}

static const char *hex_of(const void *p, size_t n)
{
	static char out[513];

	hex_encode(span_of(p, n), out);
	return out;
}

Test(sha256, vectors)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	uint8_t out[SHA256_LEN];
	struct sha256_ctx *c = sha256_new();

	for (size_t i = 0; i < N(cases); i++) {
		sha256(span_str(cases[i].in), out);
		cr_expect_str_eq(hex_of(out, sizeof(out)), cases[i].want);
		sha256_begin(c);
		for (const char *p = cases[i].in; *p != '\0'; p++)
			sha256_add(c, span_of(p, 1));
		sha256_end(c, out);
		cr_expect_str_eq(hex_of(out, sizeof(out)), cases[i].want, "byte by byte, context re-used");
	}
	sha256(span_of(NULL, 0), out);
	cr_expect_str_eq(hex_of(out, sizeof(out)), cases[0].want);
	sha256_begin(c);
	for (int i = 0; i < 1000; i++) {
		char a[1000];

		memset(a, 'a', sizeof(a));
		sha256_add(c, span_of(a, sizeof(a)));
	}
	sha256_end(c, out);
	cr_expect_str_eq(hex_of(out, sizeof(out)), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	sha256_free(c);
	sha256_free(NULL);
}

Test(hmac, rfc4231)
{
	uint8_t key[131], out[SHA256_LEN];

	memset(key, 0x0b, 20);
	hmac_sha256(span_of(key, 20), B("Hi There"), out);
	cr_expect_str_eq(hex_of(out, 32), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha256(B("Jefe"), B("what do ya want for nothing?"), out);
	cr_expect_str_eq(hex_of(out, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	hmac_sha256(span_of(key, sizeof(key)), B("Test Using Larger Than Block-Size Key - Hash Key First"), out);
	cr_expect_str_eq(hex_of(out, 32), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static const struct {
	const char *seed, *pub, *msg, *sig;
} rfc8032[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

Test(ed25519, rfc8032)
{
	for (size_t i = 0; i < N(rfc8032); i++) {
		uint8_t seed[32], pub[32], want[32], msg[8], sig[64];
		struct span m = unhex(rfc8032[i].msg, msg);

		unhex(rfc8032[i].seed, seed);
		unhex(rfc8032[i].pub, want);
		cr_expect_eq(ed25519_pub(seed, pub), 0);
		cr_expect_arr_eq(pub, want, 32);
		cr_expect_eq(ed25519_sign(seed, m, sig), 0);
		cr_expect_str_eq(hex_of(sig, 64), rfc8032[i].sig);
		cr_expect_eq(ed25519_verify(pub, m, span_of(sig, 64)), 0);
	}
}

Test(ed25519, refuses_every_flipped_bit)
{
	uint8_t pub[32], msg[2], sig[64];
	struct span m = unhex(rfc8032[2].msg, msg);

	unhex(rfc8032[2].pub, pub);
	unhex(rfc8032[2].sig, sig);
	for (size_t bit = 0; bit < (64 + 32 + 2) * 8; bit++) {
		uint8_t *at = bit < 512 ? sig + bit / 8 : bit < 768 ? pub + (bit - 512) / 8 : msg + (bit - 768) / 8;

		*at ^= (uint8_t)(1u << bit % 8);
		cr_assert_eq(ed25519_verify(pub, m, span_of(sig, 64)), E_CRYPTO, "bit %zu", bit);
		*at ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t n = 0; n < 64; n++)
		cr_assert_eq(ed25519_verify(pub, m, span_of(sig, n)), E_CRYPTO);
	cr_expect_eq(ed25519_verify(pub, m, span_of(sig, 64)), 0);
}

/* s + L is the same signature in another coat (RFC 8032 5.1.7 demands s < L). */
Test(ed25519, refuses_malleable_s)
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
		0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10};
	uint8_t pub[32], msg[1], sig[64];
	struct span m = unhex(rfc8032[1].msg, msg);
	unsigned carry = 0;

	unhex(rfc8032[1].pub, pub);
	unhex(rfc8032[1].sig, sig);
	for (size_t i = 0; i < 32; i++) {
		carry += (unsigned)sig[32 + i] + order[i];
		sig[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	cr_expect_eq(ed25519_verify(pub, m, span_of(sig, 64)), E_CRYPTO);
}

/* RFC 6979 A.2.5, P-256 with SHA-256, message "sample". */
Test(ecdsa, rfc6979)
{
	uint8_t q[65] = {4}, r[32], s[32], zero[32] = {0};

	unhex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6", q + 1);
	unhex("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299", q + 33);
	unhex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716", r);
	unhex("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8", s);
	cr_expect_eq(ecdsa_verify(256, span_of(q, 65), span_of(r, 32), span_of(s, 32), B("sample")), 0);
	cr_expect_eq(ecdsa_verify(256, span_of(q, 65), span_of(r, 32), span_of(s, 32), B("Sample")), E_CRYPTO);
	cr_expect_eq(ecdsa_verify(384, span_of(q, 65), span_of(r, 32), span_of(s, 32), B("sample")), E_CRYPTO);
	cr_expect_eq(ecdsa_verify(255, span_of(q, 65), span_of(r, 32), span_of(s, 32), B("sample")), E_CRYPTO);
	cr_expect_eq(ecdsa_verify(256, span_of(q, 65), span_of(zero, 32), span_of(zero, 32), B("sample")), E_CRYPTO);
	cr_expect_eq(ecdsa_verify(256, span_of(q, 65), span_of(r, 0), span_of(s, 32), B("sample")), E_CRYPTO);
	cr_expect_eq(ecdsa_verify(256, span_of(zero, 1), span_of(r, 32), span_of(s, 32), B("sample")), E_CRYPTO, "infinity");
	cr_expect_eq(ecdsa_verify(256, span_of(NULL, 0), span_of(r, 32), span_of(s, 32), B("sample")), E_CRYPTO);
	q[64] ^= 1; /* off the curve */
	cr_expect_eq(ecdsa_verify(256, span_of(q, 65), span_of(r, 32), span_of(s, 32), B("sample")), E_CRYPTO);
}

/* A real key and signature of this size: rsa_verify()'s answer. check_bits: what the verifier takes the hash for. */
static int rsa_round(unsigned bits, const char *md, int check_bits)
{
	EVP_PKEY *k = EVP_RSA_gen(bits);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	BIGNUM *bn = NULL, *be = NULL;
	uint8_t n[512], e[8], sig[512];
	size_t len = sizeof(sig);
	int rc;

	cr_assert_eq(EVP_DigestSignInit_ex(c, NULL, md, NULL, NULL, k, NULL), 1);
	cr_assert_eq(EVP_DigestSign(c, sig, &len, (const uint8_t *)"text", 4), 1);
	cr_assert_eq(EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_RSA_N, &bn), 1);
	cr_assert_eq(EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_RSA_E, &be), 1);
	rc = rsa_verify(span_of(e, (size_t)BN_bn2bin(be, e)), span_of(n, (size_t)BN_bn2bin(bn, n)), check_bits, B("text"),
	    span_of(sig, len));
	BN_free(bn);
	BN_free(be);
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(k);
	return rc;
}

Test(rsa, sizes_and_hashes)
{
	cr_expect_eq(rsa_round(2048, "SHA256", 256), 0);
	cr_expect_eq(rsa_round(2048, "SHA512", 512), 0);
	cr_expect_eq(rsa_round(2048, "SHA512", 256), E_CRYPTO);
	cr_expect_eq(rsa_round(2048, "SHA1", 256), E_CRYPTO);
	cr_expect_eq(rsa_round(1024, "SHA256", 256), E_CRYPTO, "a good signature of a key that is too short");
}

Test(rsa, hostile_parameters)
{
	static uint8_t n[4096];
	static const uint8_t e3[] = {3}, e_big[9] = {1};

	memset(n, 0xff, sizeof(n));
	cr_expect_eq(rsa_verify(span_of(e3, 1), span_of(n, 128), 256, B("x"), span_of(n, 128)), E_CRYPTO, "1024 bits are too few");
	cr_expect_eq(rsa_verify(span_of(e3, 1), span_of(n, 4096), 256, B("x"), span_of(n, 4096)), E_CRYPTO);
	cr_expect_eq(rsa_verify(span_of(e_big, 9), span_of(n, 256), 256, B("x"), span_of(n, 256)), E_CRYPTO);
	cr_expect_eq(rsa_verify(span_of(NULL, 0), span_of(n, 256), 256, B("x"), span_of(n, 256)), E_CRYPTO);
	cr_expect_eq(rsa_verify(span_of(e3, 1), span_of(n, 256), 1, B("x"), span_of(n, 256)), E_CRYPTO);
	cr_expect_eq(rsa_verify(span_of(e3, 1), span_of(n, 256), 512, B("x"), span_of(n, 0)), E_CRYPTO);
	memset(n, 0, 256); /* a modulus of zero */
	cr_expect_eq(rsa_verify(span_of(e3, 1), span_of(n, 256), 256, B("x"), span_of(n, 256)), E_CRYPTO);
}

Test(base64, rfc4648)
{
	static const char *const cases[][3] = {{"", "", ""}, {"f", "Zg==", "Zg"}, {"fo", "Zm8=", "Zm8"}, {"foo", "Zm9v", "Zm9v"},
		{"foob", "Zm9vYg==", "Zm9vYg"}, {"fooba", "Zm9vYmE=", "Zm9vYmE"}, {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
		{"\xfb\xff", "+/8=", "+/8"}};
	struct buf b;

	buf_init(&b, 64);
	for (size_t i = 0; i < N(cases); i++) {
		buf_reset(&b);
		base64_encode(span_str(cases[i][0]), &b);
		cr_expect(span_is(buf_span(&b), cases[i][1]));
		buf_reset(&b);
		base64_encode_nopad(span_str(cases[i][0]), &b);
		cr_expect(span_is(buf_span(&b), cases[i][2]));
		buf_reset(&b);
		cr_expect_eq(base64_decode(span_str(cases[i][1]), &b), 0);
		cr_expect(span_is(buf_span(&b), cases[i][0]));
	}
	buf_clear(&b);
}

Test(base64, one_text_per_value)
{
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "=Zg=", "Z===", "====", "Zg==Zg==", "Zh==", "Zm9=", "Zm8\n",
		"Zm9v\n", "Z m9v", "Zm-_", "Zm9v====", "Zg=A", "\xc3\xa4==", "Zm9\x00"};
	struct buf b;

	buf_init(&b, 64);
	for (size_t i = 0; i < N(bad); i++)
		cr_expect_eq(base64_decode(span_str(bad[i]), &b), E_FORMAT, "%s", bad[i]);
	cr_expect_eq(base64_decode(B("Zm\0v"), &b), E_FORMAT);
	for (size_t n = 0; n <= 8; n++) /* good characters follow, but are not part of the text */
		cr_expect_eq(base64_decode(span_of("Zm9vZm9v", n), &b), n % 4 == 0 ? 0 : E_FORMAT);
	buf_clear(&b);
	buf_init(&b, 2);
	cr_expect_eq(base64_decode(B("Zm9v"), &b), E_TOOBIG);
	buf_clear(&b);
}

Test(hex, strict)
{
	uint8_t out[4];

	cr_expect_eq(hex_decode("00fFa5", out, 3), 0);
	cr_expect_str_eq(hex_of(out, 3), "00ffa5");
	cr_expect_eq(hex_decode("00ff", out, 3), E_FORMAT);
	cr_expect_eq(hex_decode("00ff00ff", out, 3), E_FORMAT);
	cr_expect_eq(hex_decode("0x", out, 1), E_FORMAT);
	cr_expect_eq(hex_decode("g0", out, 1), E_FORMAT);
	cr_expect_eq(hex_decode(" 0", out, 1), E_FORMAT);
	cr_expect_eq(hex_decode("", out, 0), 0);
}

Test(random_id, alphabet_and_length)
{
	char a[27], b[27];

	crypto_warm();
	for (int i = 0; i < 200; i++) {
		random_id(a, 26);
		random_id(b, 26);
		cr_assert_eq(strspn(a, "0123456789abcdefghjkmnpqrstvwxyz"), 26);
		cr_assert_str_neq(a, b);
	}
	random_id(a, 0);
	cr_expect_str_eq(a, "");
}

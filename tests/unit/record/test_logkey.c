/* SPDX-License-Identifier: Apache-2.0
 *
 * A key file passes whole or not at all: every cut, every further byte, every other kind of key.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "record/logkey.h"
#include "wire/sshpk.h"

static uint8_t pub[ED25519_PUB_LEN];

static void setup(void)
{
	for (size_t i = 0; i < sizeof(pub); i++)
		pub[i] = (uint8_t)(i * 5 + 3);
}

TestSuite(logkey, .init = setup);

static void put_ssh(struct buf *b)
{
	struct buf blob;

	buf_init(&blob, 256);
	sshpk_put_ed25519_blob(&blob, pub);
	cr_assert(eq(int, sshpk_line_put(b, buf_span(&blob), "sallyport log key of gw"), 0));
	buf_clear(&blob);
}

static void put_vkey(struct buf *b)
{
	checkpoint_put_key(b, "gw.example.com", pub);
	buf_put_u8(b, '\n');
}

static void put_hex(struct buf *b)
{
	char hex[2 * ED25519_PUB_LEN + 1];

	hex_encode(span_of(pub, sizeof(pub)), hex);
	buf_printf(b, "%s\n", hex);
}

static void (*const forms[])(struct buf *) = {put_ssh, put_vkey, put_hex};
static const char *const names[] = {"", "gw.example.com", ""};
#define N_FORMS (sizeof(forms) / sizeof(forms[0]))

static int parse(struct span s)
{
	struct why w = {0};
	struct logkey k;
	int rc = logkey_parse(s, &k, &w);

	if (rc != 0)
		cr_expect(ne(chr, w.text[0], '\0'));
	return rc;
}

Test(logkey, each_form_whole_and_every_cut)
{
	for (size_t f = 0; f < N_FORMS; f++) {
		struct why w = {0};
		struct logkey k;
		struct buf b;

		buf_init(&b, 1024);
		forms[f](&b);
		cr_assert(eq(int, logkey_parse(buf_span(&b), &k, &w), 0), "form %zu: %s", f, w.text);
		cr_expect(eq(int, memcmp(k.pub, pub, sizeof(pub)), 0));
		cr_expect(eq(str, k.name, (char *)(uintptr_t)names[f]));
		for (size_t n = 0; n < buf_len(&b); n++)
			cr_expect(ne(int, parse(span_of(buf_span(&b).p, n)), 0), "form %zu cut at %zu", f, n);
		buf_clear(&b);
	}
}

Test(logkey, nothing_may_follow)
{
	static const char *const more[] = {"\n", "x\n", " \n", "ssh-ed25519 AAAA\n", "\r\n", "\t\n"};

	for (size_t f = 0; f < N_FORMS; f++)
		for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
			struct buf b;

			buf_init(&b, 1024);
			forms[f](&b);
			buf_put_str(&b, more[i]);
			cr_expect(ne(int, parse(buf_span(&b)), 0), "form %zu + %zu", f, i);
			buf_clear(&b);
		}
}

/* A changed bit gives another key or none, never the same under another text; a comment is free. */
Test(logkey, every_bit)
{
	for (size_t f = 0; f < N_FORMS; f++) {
		struct buf b;
		uint8_t copy[512];
		size_t n;

		buf_init(&b, sizeof(copy));
		forms[f](&b);
		n = f == 0 ? sizeof("ssh-ed25519 ") - 1 + 68 : buf_len(&b);
		memcpy(copy, buf_span(&b).p, buf_len(&b));
		for (size_t i = 0; i < n * 8; i++) {
			struct logkey k;
			bool same;

			copy[i / 8] ^= (uint8_t)(1u << (i % 8));
			same = logkey_parse(span_of(copy, buf_len(&b)), &k, NULL) == 0 &&
			       memcmp(k.pub, pub, sizeof(pub)) == 0;
			if (f == 2 && i % 8 == 5)
				same = false; /* hex digits have two cases */
			cr_expect(not(same), "form %zu bit %zu", f, i);
			copy[i / 8] ^= (uint8_t)(1u << (i % 8));
		}
		buf_clear(&b);
	}
}

Test(logkey, other_things)
{
	static const char *const bad[] = {"", "\n", " \n", "ssh-ed25519\n", "ssh-ed25519 \n", "ssh-ed25519 AAAA\n",
	    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ==\n", "-----BEGIN OPENSSH PRIVATE KEY-----\n",
	    "gw.example.com\n5\n", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
	    "+++\n", "00\n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(ne(int, parse(span_str(bad[i])), 0), "%s", bad[i]);
	cr_expect(ne(int, parse(span_of("0\0" "0\n", 4)), 0));
}

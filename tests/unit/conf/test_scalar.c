/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed words of the configuration: each with what it accepts and what it refuses.
 */
#include <criterion/criterion.h>

#include "conf/conf_scalar.h"
#include "conf/suggest.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

Test(scalar, durations)
{
	static const struct {
		const char *s;
		int64_t ms;
	} good[] = {{"0", 0}, {"250ms", 250}, {"30s", 30000}, {"15m", 900000}, {"8h", 28800000},
	    {"400d", 34560000000}, {"1h30m", 5400000}, {"1d1h1m1s1ms", 90061001},
	    {"3653d", 315619200000}};
	static const char *const bad[] = {"", "8", "h", "8 h", " 8h", "8h ", "-8h", "+8h", "8H",
	    "1m1h", "1h1h", "8.5h", "0x8h", "8hh", "1e3s", "99999999999999999999h", "3654d",
	    "3653d1ms", "9223372036854775807d", "8w", "٣s"};
	size_t i;
	int64_t ms;
	struct buf b;

	buf_init(&b, 100);
	for (i = 0; i < N(good); i++) {
		cr_assert_eq(conf_duration_ms(good[i].s, &ms), 0, "%s", good[i].s);
		cr_assert_eq(ms, good[i].ms, "%s", good[i].s);
		buf_reset(&b);
		conf_duration_put(&b, ms);
		cr_assert_str_eq(buf_cstr(&b), good[i].s);
	}
	for (i = 0; i < N(bad); i++)
		cr_assert_lt(conf_duration_ms(bad[i], &ms), 0, "%s", bad[i]);
	buf_clear(&b);
}

Test(scalar, sizes_and_numbers)
{
	static const char *const bad_size[] = {"", "MiB", "64MB", "64mib", "64 MiB", "-1", "64MiBx",
	    "1025TiB", "99999999999999999999", "1.5GiB"};
	static const char *const bad_int[] = {
	    "", "-1", "+1", "01", "1 ", " 1", "1x", "0x10", "1e3", "9223372036854775808"};
	struct buf b;
	int64_t v;
	size_t i;

	buf_init(&b, 100);
	cr_assert_eq(conf_size("64MiB", &v), 0);
	cr_assert_eq(v, 64 << 20);
	conf_size_put(&b, v);
	cr_assert_str_eq(buf_cstr(&b), "64MiB");
	cr_assert_eq(conf_size("4097", &v), 0);
	cr_assert_eq(v, 4097);
	for (i = 0; i < N(bad_size); i++)
		cr_assert_lt(conf_size(bad_size[i], &v), 0, "%s", bad_size[i]);
	cr_assert_eq(conf_integer("0", &v), 0);
	cr_assert_eq(conf_integer("922337203685477580", &v), 0);
	cr_assert_eq(v, 922337203685477580);
	for (i = 0; i < N(bad_int); i++)
		cr_assert_lt(conf_integer(bad_int[i], &v), 0, "%s", bad_int[i]);
	buf_clear(&b);
}

Test(scalar, addresses)
{
	static const char *const bad[] = {"", ":22", "[::]", "::1", "[127.0.0.1]:22", "a b:1",
	    "host:0", "host:65536", "host:", "host:x", "[::1", "[::1]22", "-x:1", "a..b:1", ".a:1",
	    "host:022", "h\xc3\xa4:1", "user@host:1"};
	char host[256];
	size_t i;
	int port;

	cr_assert_eq(conf_address("pg1.int:5432", false, host, sizeof(host), &port), 0);
	cr_assert_str_eq(host, "pg1.int");
	cr_assert_eq(port, 5432);
	cr_assert_eq(conf_address("[2001:db8::1]:5433", false, host, sizeof(host), &port), 0);
	cr_assert_str_eq(host, "2001:db8::1");
	cr_assert_eq(conf_address("pg_1", false, host, sizeof(host), &port), 0);
	cr_assert_eq(port, 0);
	cr_assert_eq(conf_address("[::]:22", true, host, sizeof(host), &port), 0);
	cr_assert_eq(conf_address("127.0.0.1:22", true, host, sizeof(host), &port), 0);
	cr_assert_lt(conf_address("localhost:22", true, host, sizeof(host), &port), 0);
	for (i = 0; i < N(bad); i++)
		if (strcmp(bad[i], "[::]") != 0)
			cr_assert_lt(conf_address(bad[i], false, host, sizeof(host), &port), 0,
			    "%s", bad[i]);
}

Test(scalar, networks)
{
	static const char *const good[] = {
	    "10.0.0.0/8", "10.0.3.7", "10.0.3.7/32", "0.0.0.0/0", "2001:db8::/32", "::1", "::/0"};
	static const char *const bad[] = {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8",
	    "::/129", "10.0.0.0/08", "10.0.0.0/8/8", "host", "10.0.0.0/-1"};
	static const char *const loose[] = {
	    "10.0.3.7/24", "10.0.0.1/31", "2001:db8::1/64", "1.0.0.0/0"};
	size_t i;

	for (i = 0; i < N(good); i++)
		cr_assert_eq(conf_network(good[i]), 0, "%s", good[i]);
	for (i = 0; i < N(bad); i++)
		cr_assert_eq(conf_network(bad[i]), E_FORMAT, "%s", bad[i]);
	for (i = 0; i < N(loose); i++)
		cr_assert_eq(conf_network(loose[i]), E_STATE, "%s", loose[i]);
}

#define ED "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBohOVoUYzSBNOaHggM/c2S9aBJTiCcWJpkdMvJ37mit"
#define EC                                                                                         \
	"ecdsa-sha2-nistp256 "                                                                     \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPcBVWFawAgDRIBy6kYuP8C4ZUMN49kvBC5v" \
	"ROOECLVj00ifqBysNP17bgrkgKRt4P0FHhq5aRYDZfJnV2Wh3mY="
#define RSA1024                                                                                    \
	"ssh-rsa "                                                                                 \
	"AAAAB3NzaC1yc2EAAAADAQABAAAAgQC6X39wXZ0ryJW17eiBW8e/"                                     \
	"2TYRoT5yyxAOWs4RDLkXho27aInsORI7fsZnp0f0AM1d2Fs7K8kq"                                     \
	"u6WwRueJm5XNBBRHk8a5x6PoYQNN4IdeocBdbhI/"                                                 \
	"A6i4t9lviqotDZ86yJf2H001FZVZfXSeQNiuWakCilDK8VlG02DINvSQSQ=="
#define RSA2048                                                                                    \
	"ssh-rsa "                                                                                 \
	"AAAAB3NzaC1yc2EAAAADAQABAAABAQDJy9L5lz3qD5GdmSQJF8f/"                                     \
	"UPoC8J3DFVlokkl8Oc6B+Ya+nUnH1LAQMNbtk7AUQ4ipvoeb77M+"                                     \
	"18pQDP7ZeXIH72X0yyy1ssJNtjoyCscohhrltioKQdJHiIxMPRFXwsZ2CuSu9gI79CPCeDTDoTC2Y8BQLs4j0w5D" \
	"xADxmc4p4plBeMGpDG7DdC4W"                                                                 \
	"O4f2KNbwFQFmwVRkTyPpWVdfZsjtcU9tO2S2EBxZqfkuTv7wUlfbLnT4/"                                \
	"TzJCAMLgnoRGcbLXzPV8E8sZnTqQpCoN6D3LsGx1GmmRXLE3aByxpTU"                                  \
	"K5TDPX81dWh+Wv3RXfyv/cQx1GNB7g0D0nAQWk2jh2Zv"

Test(scalar, public_keys)
{
	const char *what = NULL;
	char cut[512];
	size_t n;
	struct buf blob;

	buf_init(&blob, 4096);
	cr_assert_eq(conf_public_key(ED, &blob, &what), 0);
	cr_assert_eq(buf_len(&blob), 51);
	cr_assert_eq(conf_public_key(ED " alice@laptop with words", NULL, &what), 0);
	cr_assert_eq(conf_public_key(EC " x", NULL, &what), 0);
	cr_assert_eq(conf_public_key(RSA2048, NULL, &what), 0);
	cr_assert_lt(conf_public_key(RSA1024, NULL, &what), 0);
	cr_assert_str_eq(what, "is an RSA key of less than 2048 bits");
	cr_assert_lt(conf_public_key("ssh-ed25519-cert-v01@openssh.com AAAA", NULL, &what), 0);
	cr_assert_str_eq(what, "is a certificate: give the plain key");
	cr_assert_lt(conf_public_key("ssh-dss AAAA", NULL, &what), 0);
	cr_assert_lt(
	    conf_public_key("ecdsa-sha2-nistp256 AAAAC3NzaC1lZDI1NTE5AAAAIBohOVoUYzSBNOaHggM/"
			    "c2S9aBJTiCcWJpkdMvJ37mit",
		NULL, &what),
	    0, "type and blob differ");
	/* every shorter line is refused */
	for (n = 0; n < strlen(EC); n++) {
		memcpy(cut, EC, n);
		cut[n] = '\0';
		cr_assert_lt(conf_public_key(cut, NULL, &what), 0, "%zu", n);
	}
	buf_clear(&blob);
}

Test(scalar, names)
{
	cr_assert_null(conf_name_target("orders-prod.2"));
	cr_assert_not_null(conf_name_target("Orders"));
	cr_assert_not_null(conf_name_target("a=b"));
	cr_assert_not_null(conf_name_target(""));
	cr_assert_not_null(conf_name_target("-x"));
	cr_assert_null(conf_name_principal("alice@example.com"));
	cr_assert_not_null(conf_name_principal("a,b"));
	cr_assert_not_null(conf_name_principal("a b"));
	cr_assert_not_null(conf_name_principal("*"));
	cr_assert_not_null(conf_name_principal("-oProxyCommand"));
	cr_assert_not_null(conf_name_principal("x=y"));
}

Test(scalar, suggestions)
{
	struct suggest s;
	char out[200];

	cr_assert_eq(suggest_distance("orders", "orders"), 0);
	cr_assert_eq(suggest_distance("order-prod", "orders-prod"), 1);
	cr_assert_eq(suggest_distance("taregts", "targets"), 1, "a swap is one edit");
	cr_assert_eq(suggest_distance("", "abc"), 3);
	cr_assert_eq(suggest_distance("kitten", "sitting"), 3);
	suggest_init(&s, "order-prod");
	suggest_add(&s, "invoices");
	cr_assert_str_eq(suggest_text(&s, out, sizeof(out)), "");
	suggest_add(&s, "orders-prod");
	suggest_add(&s, "orders-prod2");
	cr_assert_str_eq(suggest_text(&s, out, sizeof(out)), " (did you mean \"orders-prod\"?)");
	suggest_init(&s, "x");
	suggest_add(&s, "y");
	cr_assert_null(s.best);
	memset(out, 'a', sizeof(out) - 1);
	out[sizeof(out) - 1] = '\0';
	cr_assert_eq(suggest_distance(out, "a"), SIZE_MAX, "long words are not compared");
}

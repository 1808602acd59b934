/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between processes: what is built parses, and nothing else does: duplicate, foreign and too many keys, wrong
 * types and ids, trailing bytes, every prefix, every changed byte; descriptors of a bad message are closed.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "wire/ipc.h"

#define B(s) span_of(s, sizeof(s) - 1)
#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct buf b;

static void build_sample(void)
{
	char *groups[] = {"dba", "", "oncall"};
	struct buf raw;

	buf_init(&raw, 64);
	mp_put_map(&raw, 1);
	mp_put_cstr(&raw, "deep");
	mp_put_u64(&raw, 3);
	ipc_begin(&b, IPC_AUTH_CERT, 4294967295u);
	ipc_str(&b, "user", "lena");
	ipc_bin(&b, "cert", span_of("\0\1\2", 3));
	ipc_int(&b, "n", -5);
	ipc_bool(&b, "pty", true);
	ipc_strs(&b, "groups", groups, 3);
	ipc_raw(&b, "view", buf_span(&raw));
	cr_assert_eq(ipc_end(&b), 0);
	buf_clear(&raw);
}

Test(ipc, round_trip)
{
	struct ipc_msg *m;
	char s[5];

	buf_init(&b, IPC_MAX);
	buf_put_str(&b, "left over");
	build_sample();
	cr_assert_eq(ipc_parse(buf_span(&b), &m), 0);
	cr_expect(ipc_type_of(m) == IPC_AUTH_CERT && ipc_id(m) == 4294967295u);
	cr_expect(ipc_get_str(m, "user", s, sizeof(s)) == 0 && strcmp(s, "lena") == 0);
	cr_expect_eq(ipc_get_str(m, "user", s, 4), E_TOOBIG);
	cr_expect_str_eq(s, "", "nothing of a string that does not fit");
	cr_expect_eq(ipc_get_str(m, "cert", s, sizeof(s)), E_NOTFOUND, "bin is no string");
	cr_expect_eq(ipc_get_str(m, "none", s, sizeof(s)), E_NOTFOUND);
	ipc_take_str(m, "none", s, sizeof(s));
	cr_expect_str_eq(s, "");
	cr_expect(span_eq(ipc_get_span(m, "cert"), span_of("\0\1\2", 3)));
	cr_expect(ipc_get_int(m, "n", 0) == -5 && ipc_get_int(m, "user", 9) == 9 && ipc_get_bool(m, "pty", false));
	cr_expect_not(ipc_get_bool(m, "n", false));
	cr_expect_eq(mp_count(ipc_get(m, "groups")), 3);
	cr_expect_eq(mp_u64(mp_get(ipc_get(m, "view"), "deep"), 0), 3);
	ipc_free(m);
	ipc_free(NULL);
	buf_clear(&b);
}

static int parse_hex(const char *bytes, size_t n)
{
	struct ipc_msg *m;
	int rc = ipc_parse(span_of(bytes, n), &m);

	cr_assert((rc == 0) == (m != NULL));
	ipc_free(m);
	return rc;
}

#define PARSE(s) parse_hex(s, sizeof(s) - 1)

Test(ipc, refusals)
{
	cr_expect_eq(PARSE("\x82\xa1t\x01\xa1i\x01"), 0);
	cr_expect_eq(PARSE("\x82\xa1i\x00\xa1t\x02"), 0, "any order");
	cr_expect_eq(PARSE("\x82\xa1t\x01\xa1i\x01\xc0"), E_TRAILING);
	cr_expect_eq(PARSE("\x81\xa1t\x01"), E_FORMAT, "no id");
	cr_expect_eq(PARSE("\x81\xa1i\x01"), E_FORMAT, "no type");
	cr_expect_eq(PARSE("\x80"), E_FORMAT);
	cr_expect_eq(PARSE("\x92\x01\x01"), E_FORMAT);
	cr_expect_eq(PARSE("\xc0"), E_FORMAT);
	cr_expect_eq(PARSE("\x82\xa1t\x00\xa1i\x01"), E_FORMAT, "type 0");
	cr_expect_eq(PARSE("\x82\xa1t\xff\xa1i\x01"), E_FORMAT, "type -1");
	cr_expect_eq(PARSE("\x82\xa1t\xcd\x03\xe9\xa1i\x01"), E_FORMAT, "type 1001");
	cr_expect_eq(PARSE("\x82\xa1t\xcf\x00\x00\x00\x01\x00\x00\x00\x01\xa1i\x01"), E_FORMAT, "not cut to 32 bits");
	cr_expect_eq(PARSE("\x82\xa1t\xa1\x01\xa1i\x01"), E_FORMAT, "type as text");
	cr_expect_eq(PARSE("\x82\xa1t\x01\xa1i\xff"), E_FORMAT, "id -1");
	cr_expect_eq(PARSE("\x82\xa1t\x01\xa1i\xcf\x00\x00\x00\x01\x00\x00\x00\x00"), E_FORMAT, "id over 32 bits");
	cr_expect_eq(PARSE("\x83\xa1t\x01\xa1i\x01\xa1t\x02"), E_FORMAT, "a second type");
	cr_expect_eq(PARSE("\x84\xa1t\x01\xa1i\x01\xa1u\x02\xa1u\x02"), E_FORMAT, "a key twice");
	cr_expect_eq(PARSE("\x83\xa1t\x01\xa1i\x01\xd9\x01t\x02"), E_FORMAT, "the same key in a longer coat");
	cr_expect_eq(PARSE("\x83\xa1t\x01\xa1i\x01\x05\x02"), E_FORMAT, "a key that is no string");
	cr_expect_eq(PARSE("\x83\xa1t\x01\xa1i\x01\xc4\x01u\x02"), E_FORMAT);
	cr_expect_eq(PARSE("\x83\xa1t\x01\xa1i\x01\xa0\x02"), E_FORMAT, "an empty key");
	cr_expect_eq(PARSE("\x83\xa1t\x01\xa1i\x01\xd9\x21"
			   "123456789012345678901234567890123\x02"),
	    E_FORMAT, "a key of 33 bytes");
	cr_expect_eq(PARSE("\x82\xa1t\x01\xa1i\xc1"), E_FORMAT);
	cr_expect_eq(PARSE(""), E_SHORT);
}

Test(ipc, strings_with_nul_are_no_c_strings)
{
	struct ipc_msg *m;
	char s[16] = "keep";

	cr_assert_eq(ipc_parse(B("\x83\xa1t\x01\xa1i\x01\xa1u\xa3" "a\0b"), &m), 0);
	cr_expect_eq(ipc_get_str(m, "u", s, sizeof(s)), E_FORMAT);
	cr_expect_str_eq(s, "");
	strcpy(s, "keep");
	ipc_take_str(m, "u", s, sizeof(s));
	cr_expect_str_eq(s, "");
	ipc_free(m);
}

Test(ipc, texts_are_cut_to_what_fits)
{
	struct ipc_msg *m;
	char s[8] = "keep";

	cr_assert_eq(ipc_parse(B("\x83\xa1t\x01\xa1i\x01\xa1u\xa9" "abcde\xc3\xa4" "fg"), &m), 0);
	ipc_take_text(m, "u", s, sizeof(s));
	cr_expect_str_eq(s, "abcde\xc3\xa4");
	ipc_take_text(m, "u", s, 7);
	cr_expect_str_eq(s, "abcde", "never half a character");
	ipc_take_text(m, "u", s, 1);
	cr_expect_str_eq(s, "");
	ipc_take_text(m, "none", s, sizeof(s));
	cr_expect_str_eq(s, "");
	ipc_free(m);
}

Test(ipc, key_counts)
{
	char name[8];
	struct ipc_msg *m;

	buf_init(&b, IPC_MAX);
	for (int keys = 2; keys <= 300; keys++) {
		int rc;

		ipc_begin(&b, IPC_OK, 1);
		for (int i = 2; i < keys; i++) {
			snprintf(name, sizeof(name), "k%d", i);
			ipc_int(&b, name, i);
		}
		cr_assert_eq(ipc_end(&b), keys <= 40 ? 0 : E_TOOBIG, "%d keys", keys);
		rc = ipc_parse(buf_span(&b), &m);
		cr_assert_eq(rc == 0, keys <= 40, "%d keys", keys);
		ipc_free(m);
	}
	buf_clear(&b);
}

Test(ipc, sizes)
{
	static uint8_t big[IPC_MAX];
	struct ipc_msg *m;

	buf_init(&b, 2 * IPC_MAX);
	ipc_begin(&b, IPC_OK, 1);
	ipc_bin(&b, "x", span_of(big, IPC_MAX));
	cr_expect_eq(ipc_end(&b), E_TOOBIG);
	buf_clear(&b);
	buf_init(&b, IPC_MAX);
	ipc_begin(&b, IPC_OK, 1);
	ipc_bin(&b, "x", span_of(big, IPC_MAX));
	cr_expect_eq(ipc_end(&b), E_TOOBIG);
	ipc_begin(&b, IPC_OK, 2); /* begin clears the error */
	cr_expect_eq(ipc_end(&b), 0);
	cr_expect_eq(ipc_parse(buf_span(&b), &m), 0);
	ipc_free(m);
	buf_clear(&b);
}

static void read_all(const struct ipc_msg *m)
{
	static const char *const keys[] = {"user", "cert", "n", "pty", "groups", "view", "t"};
	char s[8];

	for (size_t i = 0; i < N(keys); i++) {
		ipc_take_str(m, keys[i], s, sizeof(s));
		(void)ipc_get_span(m, keys[i]);
		(void)ipc_get_int(m, keys[i], 0);
		(void)ipc_get_bool(m, keys[i], true);
		for (size_t k = 0; k < mp_count(ipc_get(m, keys[i])); k++)
			(void)mp_span(mp_at(ipc_get(m, keys[i]), k));
	}
}

Test(ipc, every_prefix_and_every_changed_byte)
{
	struct ipc_msg *m;
	size_t n;
	uint8_t *x;

	buf_init(&b, IPC_MAX);
	build_sample();
	n = buf_len(&b);
	for (size_t cut = 0; cut < n; cut++) {
		x = malloc(cut + 1);
		memcpy(x, buf_span(&b).p, cut);
		cr_assert_lt(ipc_parse(span_of(x, cut), &m), 0, "cut at %zu", cut);
		cr_assert_null(m);
		free(x);
	}
	x = malloc(n);
	for (size_t at = 0; at < n; at++) {
		for (int v = 0; v < 256; v++) {
			memcpy(x, buf_span(&b).p, n);
			x[at] = (uint8_t)v;
			if (ipc_parse(span_of(x, n), &m) == 0)
				read_all(m);
			ipc_free(m);
		}
	}
	free(x);
	buf_clear(&b);
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

Test(ipc, over_a_socket)
{
	int sv[2], fds[FD_PASS_MAX], before;
	size_t n = FD_PASS_MAX;
	struct buf scratch;
	struct ipc_msg *m;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv), 0);
	buf_init(&b, IPC_MAX);
	buf_init(&scratch, IPC_MAX);
	build_sample();
	cr_expect_eq(ipc_send(sv[0], &b, sv, 2), 0);
	before = open_fds();
	cr_assert_eq(ipc_recv(sv[1], &scratch, &m, fds, &n), 0);
	cr_expect(n == 2 && ipc_type_of(m) == IPC_AUTH_CERT && span_eq(ipc_get_span(m, "cert"), span_of("\0\1\2", 3)));
	ipc_free(m);
	close(fds[0]);
	close(fds[1]);
	n = FD_PASS_MAX;
	cr_expect_eq(ipc_recv(sv[1], &scratch, &m, fds, &n), E_MORE);
	cr_expect(m == NULL && n == 0);
	/* a malformed message must not leave its descriptors behind */
	cr_assert_eq(fd_send(sv[0], B("\x82\xa1t\x01\xa1i\x01\xc0"), sv, 2), 0);
	n = FD_PASS_MAX;
	cr_expect_eq(ipc_recv(sv[1], &scratch, &m, fds, &n), E_TRAILING);
	cr_expect(m == NULL && n == 0);
	/* nor one with more than the receiver takes */
	cr_assert_eq(ipc_send(sv[0], &b, sv, 2), 0);
	n = 1;
	cr_expect_eq(ipc_recv(sv[1], &scratch, &m, fds, &n), E_TOOBIG);
	cr_assert_eq(ipc_send(sv[0], &b, sv, 2), 0);
	cr_expect_eq(ipc_recv(sv[1], &scratch, &m, NULL, NULL), E_TOOBIG);
	cr_expect_eq(open_fds(), before);
	close(sv[0]);
	n = FD_PASS_MAX;
	cr_expect_eq(ipc_recv(sv[1], &scratch, &m, fds, &n), E_CLOSED);
	close(sv[1]);
	buf_clear(&b);
	buf_clear(&scratch);
}

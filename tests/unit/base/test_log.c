/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines: no value can forge a line, a key or a JSON field; a line that is too long is still well-formed. Clock texts.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static char text[16384];
static int pipe_fds[2];

static void log_up(bool json)
{
	cr_assert_eq(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	log_init("unit", pipe_fds[1], LOG_INFO_, json);
}

/* What was logged since the last call. */
static const char *logged(void)
{
	ssize_t n = read(pipe_fds[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static size_t count(const char *s, char c)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == c;
	return n;
}

Test(log, plain_line)
{
	log_up(false);
	log_set_session("s1");
	log_info("session-start", "user", "lena@example.com", "n", log_num(-42), "empty", "", "null", NULL);
	cr_expect_not_null(strstr(logged(), "Z info session-start process=unit pid="));
	cr_expect_not_null(strstr(text, " session=s1 user=lena@example.com n=-42 empty=\"\"\n"), "%s", text);
	log_debug("quiet", "a", "b");
	cr_expect_str_eq(logged(), "");
	log_set_session("0123456789012345678901234567890123456789");
	log_warn("x");
	cr_expect_not_null(strstr(logged(), "session=0123456789012345678901234567890\n"));
	log_set_fd(-1);
	log_error("nowhere");
	cr_expect_str_eq(logged(), "");
}

Test(log, values_cannot_forge)
{
	static const char *const hostile[] = {"a\n2026-01-01T00:00:00.000Z info forged x=y", "a\r\nb", "a b=c", "\"", "\\", "\\\"", "a\" forged=\"1",
		"\x1b[2K\x1b[1A", "\xe2\x80\xae" "drow", "\xff\xfe", "\xc2\x85" "next", "\xe2\x80\xa8line", "\\\n\""};

	log_up(false);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		size_t quotes = 0;

		log_info("event", "k", hostile[i]);
		cr_expect_eq(count(logged(), '\n'), 1, "one line: %s", text);
		for (const char *p = strstr(text, "k=\""); p != NULL && *p != '\0'; p++) {
			if (*p == '\\')
				p++;
			else
				quotes += *p == '"';
		}
		cr_expect_eq(quotes, 2, "one quoted value: %s", text);
		cr_expect_null(strpbrk(text, "\x1b\r"));
		cr_expect_null(strstr(text, "\xe2\x80"));
		cr_expect(span_is_utf8(span_str(text)));
	}
}

/* A strict little reader of one flat JSON object of strings; returns the number of members or -1. */
static int json_members(const char *s)
{
	int n = 0;

	if (*s++ != '{')
		return -1;
	for (;;) {
		for (int part = 0; part < 2; part++) {
			if (*s++ != '"')
				return -1;
			while (*s != '"') {
				if ((uint8_t)*s < 0x20)
					return -1;
				if (*s == '\\' && strchr("\"\\", *++s) == NULL)
					return -1;
				s++;
			}
			s++;
			if (part == 0 && *s++ != ':')
				return -1;
		}
		n++;
		if (*s == '}')
			return strcmp(s, "}\n") == 0 ? n : -1;
		if (*s++ != ',')
			return -1;
	}
}

Test(log, json_lines)
{
	log_up(true);
	log_info("e", "user", "a\"b\\c\nd\x01\xff\xe2\x80\xae", "x", "\",\"admin\":\"yes");
	cr_expect_eq(json_members(logged()), 7, "%s", text);
	cr_expect_not_null(strstr(text, ",\"user\":\"a\\\"b\\\\c\\\\nd\\\\x01\\\\xff\\\\u{202e}\","), "%s", text);
	log_error("bare");
	cr_expect_eq(json_members(logged()), 5);
}

/* Long hostile values: the line keeps its form, says that it was cut, and later short values are still there. */
Test(log, long_values)
{
	static const char *const fills[] = {"x", "\"", "\\", "\xff", "\xe2\x80\xae", "\xf0\x9f\x98\x80"};
	static char v[6][3000];

	for (int json = 0; json < 2; json++) {
		log_up(json != 0);
		for (size_t f = 0; f < 6; f++) {
			for (size_t shift = 0; shift < 40; shift++) {
				size_t n = 1500 + shift;

				v[f][0] = '\0';
				while (strlen(v[f]) < n)
					strcat(v[f], fills[f]);
				log_info("long", "a", v[f], "b", v[f], "c", v[f], "d", v[f], "e", v[f], "end", "here");
				cr_assert_lt(strlen(logged()), 4097);
				cr_assert(count(text, '\n') == 1 && text[strlen(text) - 1] == '\n');
				cr_assert(span_is_utf8(span_str(text)));
				if (json)
					cr_assert_geq(json_members(text), 8, "%s", text);
				cr_assert_not_null(strstr(text, json ? "\"end\":\"here\"" : " end=here"), "%s", text);
				cr_assert_not_null(strstr(text, json ? ",\"cut\":\"yes\"}\n" : " cut=yes\n"));
			}
		}
		close(pipe_fds[0]);
		close(pipe_fds[1]);
	}
}

Test(log, numbers_ring)
{
	const char *s[8];
	char want[24];

	for (int i = 0; i < 8; i++)
		s[i] = log_num(i);
	for (int i = 0; i < 8; i++) {
		snprintf(want, sizeof(want), "%d", i);
		cr_expect_str_eq(s[i], want);
	}
	cr_expect_str_eq(log_num(-9223372036854775807LL - 1), "-9223372036854775808");
}

Test(clock, rfc3339)
{
	static const struct {
		int64_t us;
		const char *want;
	} cases[] = {{0, "1970-01-01T00:00:00.000Z"}, {1795184523123456, "2026-11-20T14:22:03.123Z"}, {999999, "1970-01-01T00:00:00.999Z"},
		{-1, "1969-12-31T23:59:59.999Z"}, {-1000, "1969-12-31T23:59:59.999Z"}, {-999999, "1969-12-31T23:59:59.000Z"},
		{-1000000, "1969-12-31T23:59:59.000Z"}, {-1500000, "1969-12-31T23:59:58.500Z"},
		{1709164800000000, "2024-02-29T00:00:00.000Z"}};
	char out[32];
	int64_t now;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clock_rfc3339(cases[i].us, out);
		cr_expect_str_eq(out, cases[i].want);
	}
	clock_rfc3339(INT64_MAX, out);
	cr_expect_lt(strlen(out), sizeof(out));
	clock_rfc3339(INT64_MIN, out);
	cr_expect_lt(strlen(out), sizeof(out));
	now = clock_wall_us();
	clock_test_shift_us(3600 * 1000000LL);
	cr_expect_geq(clock_wall_s(), now / 1000000 + 3600);
	clock_test_shift_us(0);
	cr_expect_lt(clock_wall_us(), now + 60 * 1000000LL);
}

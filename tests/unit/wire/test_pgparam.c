/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters: what was sent is what is shown. The binary vectors and their texts were written by a PostgreSQL server.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "wire/mp.h"
#include "wire/pgbuild.h"
#include "wire/pgparam.h"
#include "wire/pgvalue.h"

#define VECTORS SP_SRCDIR "/tests/vectors/pgvalue/types.tsv"
#define STR(s) ((char *)(uintptr_t)(s))

struct vector {
	uint32_t oid;
	uint8_t bytes[256];
	size_t n;
	char *text;
};

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned v;

	for (; hex[0] != '\0' && hex[1] != '\0' && sscanf(hex, "%2x", &v) == 1; hex += 2)
		out[n++] = (uint8_t)v;
	return n;
}

/* Calls fn for each; how many. */
static int each_vector(void (*fn)(const struct vector *v))
{
	struct buf file;
	char *line, *next;
	int n = 0;

	buf_init(&file, 1 << 20);
	cr_assert(eq(int, file_read(VECTORS, &file), 0));
	for (line = (char *)(uintptr_t)buf_cstr(&file); *line != '\0'; line = next) {
		struct vector v;
		char *hex = strchr(line, '\t') + 1;

		next = strchr(line, '\n');
		*next++ = '\0';
		v.oid = (uint32_t)strtoul(line, NULL, 10);
		v.text = strchr(hex, '\t');
		*v.text++ = '\0';
		v.n = unhex(hex, v.bytes);
		fn(&v);
		n++;
	}
	buf_clear(&file);
	return n;
}

static void as_the_server(const struct vector *v)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	cr_expect(pgvalue_text(v->oid, span_of(v->bytes, v->n), &b), "%u '%s'", v->oid, v->text);
	cr_expect(eq(str, STR(buf_cstr(&b)), v->text));
	buf_clear(&b);
}

Test(pgvalue, as_the_server_writes_it)
{
	cr_expect(each_vector(as_the_server) >= 65);
}

static bool any_length(uint32_t oid)
{
	static const uint32_t texts[] = {17, 18, 19, 25, 114, 142, 705, 1042, 1043, 3802};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i] == oid)
			return true;
	return false;
}

/* Shorter and longer ones are none of the type; nothing is left of the attempt. */
static void cut_and_long(const struct vector *v)
{
	uint8_t more[257];
	struct buf b;

	if (any_length(v->oid))
		return;
	buf_init(&b, 1 << 20);
	for (size_t n = 0; n < v->n; n++)
		cr_expect(not(pgvalue_text(v->oid, span_of(v->bytes, n), &b)), "%u '%s' cut at %zu", v->oid, v->text, n);
	memcpy(more, v->bytes, v->n);
	more[v->n] = 0;
	cr_expect(not(pgvalue_text(v->oid, span_of(more, v->n + 1), &b)), "%u '%s' and a byte", v->oid, v->text);
	cr_expect(eq(sz, buf_len(&b), 0));
	buf_clear(&b);
}

static void bits_flipped(const struct vector *v)
{
	uint8_t bytes[256];
	struct buf b;

	buf_init(&b, 1 << 20);
	for (size_t bit = 0; bit < v->n * 8; bit++) {
		memcpy(bytes, v->bytes, v->n);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!pgvalue_text(v->oid, span_of(bytes, v->n), &b))
			cr_expect(eq(sz, buf_len(&b), 0));
		buf_reset(&b);
	}
	buf_clear(&b);
}

Test(pgvalue, every_cut_fails_cleanly)
{
	(void)each_vector(cut_and_long);
}

Test(pgvalue, every_flipped_bit_is_borne)
{
	(void)each_vector(bits_flipped);
}

Test(pgvalue, unknown_types_are_not_guessed_at)
{
	struct buf b;

	buf_init(&b, 64);
	cr_expect(not(pgvalue_text(0, span_str("\0\0\0\1"), &b)));
	cr_expect(not(pgvalue_text(16999, span_str("abcd"), &b)));
	cr_expect(pgvalue_type(0) == NULL && pgvalue_type(16999) == NULL);
	cr_expect(eq(str, STR(pgvalue_type(23)), "integer"));
	cr_expect(eq(str, STR(pgvalue_type(1007)), "integer[]"));
	cr_expect(not(pgvalue_text(25, span_of("a\xff", 2), &b)), "no UTF-8");
	cr_expect(not(pgvalue_text(25, span_of("a\0b", 3), &b)));
	cr_expect(eq(sz, buf_len(&b), 0));
	buf_clear(&b);
}

/* ---- packed and shown ---- */

struct value {
	uint32_t type;
	uint16_t format;
	const char *bytes; /* NULL: null */
	size_t n;
};

#define TEXT(t, s) {t, 0, s, sizeof(s) - 1}
#define BIN(t, s) {t, 1, s, sizeof(s) - 1}

/* A Bind with these parameters, as a client writes it, packed. */
static void pack(const struct value *v, uint16_t n, struct buf *out)
{
	uint32_t types[16];
	struct pg_bind bind;
	struct buf body;

	buf_init(&body, 1 << 20);
	buf_put_cstr(&body, "");
	buf_put_cstr(&body, "");
	buf_put_u16be(&body, n);
	for (uint16_t i = 0; i < n; i++)
		buf_put_u16be(&body, v[i].format);
	buf_put_u16be(&body, n);
	for (uint16_t i = 0; i < n; i++) {
		types[i] = v[i].type;
		buf_put_u32be(&body, v[i].bytes != NULL ? (uint32_t)v[i].n : UINT32_MAX);
		buf_put(&body, v[i].bytes, v[i].bytes != NULL ? v[i].n : 0);
	}
	buf_put_u16be(&body, 0);
	cr_assert(eq(int, pg_read_bind(buf_span(&body), &bind), 0));
	buf_reset(out);
	pgparam_put(out, &bind, types, n);
	cr_assert(eq(int, buf_err(out), 0));
	buf_clear(&body);
}

static const char *shown(const struct value *v, uint16_t n)
{
	static char text[4096];
	struct buf packed, out;

	buf_init(&packed, 1 << 20);
	buf_init(&out, 1 << 20);
	pack(v, n, &packed);
	cr_assert(eq(int, pgparam_show(buf_span(&packed), &out), 0));
	(void)str_copy(text, sizeof(text), buf_cstr(&out));
	buf_clear(&packed);
	buf_clear(&out);
	return text;
}

Test(pgparam, what_was_sent_is_what_is_shown)
{
	static const struct value v[] = {TEXT(25, "KEEP-THIS"), {25, 0, NULL, 0}, BIN(23, "\0\0\0\5"), TEXT(0, "x"),
	    BIN(0, "\0\1"), BIN(16999, "ab"), BIN(23, "\0\5"), TEXT(1700, "1.0"), TEXT(25, "")};

	cr_expect(eq(str, STR(shown(v, 9)),
	    "$1 = 'KEEP-THIS' (text)\n"
	    "$2 = NULL (text)\n"
	    "$3 = '5' (integer)\n"
	    "$4 = 'x' (type not declared)\n"
	    "$5 = \\x0001 (type not declared, binary)\n"
	    "$6 = \\x6162 (type 16999, binary)\n"
	    "$7 = \\x0005 (integer, binary)\n"
	    "$8 = '1.0' (numeric)\n"
	    "$9 = '' (text)\n"));
	cr_expect(eq(str, STR(shown(NULL, 0)), ""));
}

/* Nothing in a value can look like another parameter, or work on the terminal. */
Test(pgparam, values_stay_where_they_are)
{
	static const struct value v[] = {TEXT(25, "a' (text)\n$2 = 'b"), TEXT(25, "\x1b[2J"), TEXT(25, "x\xe2\x80\xaey"),
	    TEXT(25, "x\xe2\x80\x8by"), TEXT(25, "a\\nb"), TEXT(25, "a\nb"), TEXT(25, "it's"), TEXT(25, "bad\xff"),
	    BIN(25, "\x1b]0;x\a")};

	cr_expect(eq(str, STR(shown(v, 9)),
	    "$1 = E'a'' (text)\\n$2 = ''b' (text)\n"
	    "$2 = E'\\x1b[2J' (text)\n"
	    "$3 = E'x\\u{202e}y' (text)\n"
	    "$4 = E'x\\u{200b}y' (text)\n"
	    "$5 = E'a\\\\nb' (text)\n"
	    "$6 = E'a\\nb' (text)\n"
	    "$7 = 'it''s' (text)\n"
	    "$8 = E'bad\\xff' (text)\n"
	    "$9 = E'\\x1b]0;x\\x07' (text)\n"));
}

Test(pgparam, long_values_are_whole)
{
	static char big[60001];
	const struct value v[] = {{25, 0, big, sizeof(big) - 1}};
	struct buf packed, out;

	memset(big, 'a', sizeof(big) - 2);
	big[sizeof(big) - 2] = 'z';
	buf_init(&packed, 1 << 20);
	buf_init(&out, 1 << 20);
	pack(v, 1, &packed);
	cr_assert(eq(int, pgparam_show(buf_span(&packed), &out), 0));
	cr_expect(strstr(buf_cstr(&out), "az' (text)\n") != NULL);
	buf_clear(&packed);
	buf_clear(&out);
}

Test(pgparam, other_bytes_are_refused)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {{"", 0}, {"\x91\x92\x00\xc0", 4}, {"\x91\x93\x00\x02\xc0", 5}, {"\x91\x93\x00\x00\xa1x", 6},
	    {"\x91\x93\xc0\x00\xc0", 5}, {"\x91\xc0", 2}, {"\x80", 1}, {"\x90\x00", 2}, {"\x91\x93\x00\x00\xc4\x05x", 7},
	    {"\x91\x93\xcf\x00\x00\x00\x01\x00\x00\x00\x00\x00\xc0", 13}};
	struct buf out;

	buf_init(&out, 1 << 16);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(eq(int, pgparam_show(span_of(bad[i].bytes, bad[i].n), &out), E_FORMAT), "%zu", i);
	cr_expect(eq(int, pgparam_show(span_of("\x90", 1), &out), 0));
	cr_expect(eq(sz, buf_len(&out), 0));
	buf_clear(&out);
}

Test(pgparam, cuts_and_flipped_bits_are_borne)
{
	static const struct value v[] = {TEXT(25, "a"), BIN(1007, "\0\0\0\1\0\0\0\0\0\0\0\x17\0\0\0\1\0\0\0\1\0\0\0\4\0\0\0\7")};
	uint8_t bytes[128];
	struct buf packed, out;
	struct span s;

	buf_init(&packed, 1 << 10);
	buf_init(&out, 1 << 16);
	pack(v, 2, &packed);
	s = buf_span(&packed);
	for (size_t n = 0; n < s.n; n++)
		cr_expect(eq(int, pgparam_show(span_of(s.p, n), &out), E_FORMAT), "cut at %zu", n);
	for (size_t bit = 0; bit < s.n * 8; bit++) {
		memcpy(bytes, s.p, s.n);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		buf_reset(&out);
		cr_expect(pgparam_show(span_of(bytes, s.n), &out) <= 0);
	}
	buf_clear(&packed);
	buf_clear(&out);
}

Test(pgparam, types_and_formats_and_values_count)
{
	static const struct value was[] = {TEXT(25, "1"), TEXT(25, "1.0")};
	static const struct {
		struct value v[2];
		uint16_t n;
		const char *what;
	} cases[] = {
	    {{TEXT(25, "1"), TEXT(25, "1.0")}, 2, ""},
	    {{TEXT(1700, "1"), TEXT(1700, "1.0")}, 2, "$1 was '1' (text), is '1' (numeric)"},
	    {{TEXT(25, "1"), TEXT(25, "2.0")}, 2, "$2 was '1.0' (text), is '2.0' (text)"},
	    {{TEXT(25, "1"), {25, 0, NULL, 0}}, 2, "$2 was '1.0' (text), is NULL (text)"},
	    {{BIN(25, "1"), TEXT(25, "1.0")}, 2, "$1 was '1' (text), is '1' (text)"},
	    {{TEXT(25, "1"), TEXT(25, "")}, 1, "the parameters are others"},
	};
	struct buf a, b;
	char text[300];

	buf_init(&a, 1 << 10);
	buf_init(&b, 1 << 10);
	pack(was, 2, &a);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pack(cases[i].v, cases[i].n, &b);
		cr_expect(eq(int, pgparam_differs(buf_span(&a), buf_span(&b), text, sizeof(text)), cases[i].what[0] != '\0'), "%zu", i);
		cr_expect(eq(str, text, STR(cases[i].what)));
	}
	buf_clear(&a);
	buf_clear(&b);
}

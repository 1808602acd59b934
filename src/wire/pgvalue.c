/* SPDX-License-Identifier: Apache-2.0
 *
 * Binary values to text, a function per format, a table of types.
 */
#include "wire/pgvalue.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/cur.h"

#define US_DAY      86400000000ll
#define EPOCH_DAYS  10957 /* from 1970-01-01 to 2000-01-01 */
#define NUMERIC_NEG 0x4000
#define DIMS_MAX    6
#define ITEMS_MAX   20000
#define ELEMENT_MAX (1u << 20)

static const struct type *type_find(uint32_t oid);

/* ---- numbers ---- */

static void put_bool(struct cur *c, struct buf *out)
{
	uint8_t v = cur_u8(c);

	if (v > 1)
		cur_fail(c, E_FORMAT);
	buf_put_str(out, v == 1 ? "t" : "f");
}

static void put_int2(struct cur *c, struct buf *out)
{
	buf_printf(out, "%d", (int16_t)cur_u16be(c));
}

static void put_int4(struct cur *c, struct buf *out)
{
	buf_printf(out, "%" PRId32, (int32_t)cur_u32be(c));
}

static void put_int8(struct cur *c, struct buf *out)
{
	buf_printf(out, "%" PRId64, (int64_t)cur_u64be(c));
}

static void put_oid(struct cur *c, struct buf *out)
{
	buf_printf(out, "%" PRIu32, cur_u32be(c));
}

/* The shortest text that reads back as the same number. */
static void put_double(struct buf *out, double v, bool single)
{
	char text[40];

	if (isnan(v) || isinf(v)) {
		buf_put_str(out, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
		return;
	}
	for (int digits = single ? 6 : 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, v);
		if (single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v)
			break;
	}
	buf_put_str(out, text);
}

static void put_float4(struct cur *c, struct buf *out)
{
	uint32_t bits = cur_u32be(c);
	float v;

	memcpy(&v, &bits, sizeof(v));
	put_double(out, (double)v, true);
}

static void put_float8(struct cur *c, struct buf *out)
{
	uint64_t bits = cur_u64be(c);
	double v;

	memcpy(&v, &bits, sizeof(v));
	put_double(out, v, false);
}

/* Group i of the digits, base 10000; those that are not stored are 0. */
static unsigned group_at(struct span digits, int i)
{
	return i < 0 || (size_t)i >= digits.n / 2 ? 0 : (unsigned)(digits.p[2 * i] << 8 | digits.p[2 * i + 1]);
}

static void put_numeric(struct cur *c, struct buf *out)
{
	uint16_t n = cur_u16be(c);
	int weight = (int16_t)cur_u16be(c);
	uint16_t sign = cur_u16be(c), scale = cur_u16be(c);
	struct span digits = cur_take(c, (size_t)n * 2);
	static const struct {
		uint16_t sign;
		const char *text;
	} special[] = {{0xc000, "NaN"}, {0xd000, "Infinity"}, {0xf000, "-Infinity"}};

	for (int i = 0; i < (int)(digits.n / 2); i++)
		if (group_at(digits, i) > 9999)
			cur_fail(c, E_FORMAT);
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (sign == special[i].sign) {
			buf_put_str(out, special[i].text);
			return;
		}
	if ((sign != 0 && sign != NUMERIC_NEG) || scale > 0x3fff || !cur_ok(c)) {
		cur_fail(c, E_FORMAT);
		return;
	}
	buf_put_str(out, sign == NUMERIC_NEG ? "-" : "");
	buf_printf(out, "%u", weight >= 0 ? group_at(digits, 0) : 0);
	for (int i = 1; i <= weight; i++)
		buf_printf(out, "%04u", group_at(digits, i));
	for (int i = 0; i < scale; i++) {
		char four[8];

		(void)snprintf(four, sizeof(four), "%04u", group_at(digits, weight + 1 + i / 4) % 10000);
		buf_put_str(out, i == 0 ? "." : "");
		buf_put_u8(out, (uint8_t)four[i % 4]);
	}
}

/* ---- texts and bytes ---- */

static void put_text(struct cur *c, struct buf *out)
{
	struct span s = cur_rest(c);

	if (span_has_nul(s) || !span_is_utf8(s))
		cur_fail(c, E_FORMAT);
	buf_put_span(out, s);
}

static void put_jsonb(struct cur *c, struct buf *out)
{
	if (cur_u8(c) != 1)
		cur_fail(c, E_FORMAT);
	put_text(c, out);
}

static void put_hex(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_printf(out, "%02x", s.p[i]);
}

static void put_bytea(struct cur *c, struct buf *out)
{
	buf_put_str(out, "\\x");
	put_hex(out, cur_rest(c));
}

static void put_uuid(struct cur *c, struct buf *out)
{
	static const size_t part[] = {4, 2, 2, 2, 6};

	for (size_t i = 0; i < 5; i++) {
		buf_put_str(out, i > 0 ? "-" : "");
		put_hex(out, cur_take(c, part[i]));
	}
}

static void put_inet(struct cur *c, struct buf *out)
{
	uint8_t family = cur_u8(c), bits = cur_u8(c), cidr = cur_u8(c), n = cur_u8(c);
	struct span a = cur_take(c, n);
	size_t want = family == 2 ? 4 : 16;
	char text[INET6_ADDRSTRLEN] = "";

	if ((family != 2 && family != 3) || a.n != want || bits > want * 8 ||
	    inet_ntop(family == 2 ? AF_INET : AF_INET6, a.p, text, sizeof(text)) == NULL) {
		cur_fail(c, E_FORMAT);
		return;
	}
	buf_put_str(out, text);
	if (cidr != 0 || bits != want * 8)
		buf_printf(out, "/%u", bits);
}

/* ---- moments ---- */

/* Year, month, day of a number of days since 1970, in the proleptic Gregorian calendar. */
static void put_day(struct buf *out, int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;
	int64_t year = yoe + era * 400 + (month <= 2);

	buf_printf(out, "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "%s", year > 0 ? year : 1 - year, month,
	    doy - (153 * mp + 2) / 5 + 1, year > 0 ? "" : " BC");
}

static void put_clock(struct buf *out, int64_t us)
{
	int64_t s = us / 1000000;

	buf_printf(out, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
	if (us % 1000000 != 0)
		buf_printf(out, ".%06" PRId64, us % 1000000);
	while (us % 1000000 != 0 && buf_len(out) > 0 && buf_span(out).p[buf_len(out) - 1] == '0')
		buf_truncate(out, buf_len(out) - 1);
}

static void put_date(struct cur *c, struct buf *out)
{
	int32_t d = (int32_t)cur_u32be(c);

	if (d == INT32_MAX || d == INT32_MIN)
		buf_put_str(out, d > 0 ? "infinity" : "-infinity");
	else
		put_day(out, (int64_t)d + EPOCH_DAYS);
}

static void put_time(struct cur *c, struct buf *out)
{
	int64_t us = (int64_t)cur_u64be(c);

	if (us < 0 || us > US_DAY)
		cur_fail(c, E_FORMAT);
	else
		put_clock(out, us);
}

static void put_timetz(struct cur *c, struct buf *out)
{
	int32_t west;

	put_time(c, out);
	west = (int32_t)cur_u32be(c);
	if (west < -86400 || west > 86400)
		cur_fail(c, E_FORMAT);
	else
		buf_printf(out, "%c%02d:%02d", west > 0 ? '-' : '+', abs(west) / 3600, abs(west) / 60 % 60);
}

static void put_timestamp(struct cur *c, struct buf *out)
{
	int64_t us = (int64_t)cur_u64be(c);
	int64_t day = us / US_DAY - (us % US_DAY < 0), rest = us % US_DAY;

	if (us == INT64_MAX || us == INT64_MIN) {
		buf_put_str(out, us > 0 ? "infinity" : "-infinity");
		return;
	}
	put_day(out, day + EPOCH_DAYS);
	buf_put_u8(out, ' ');
	put_clock(out, rest < 0 ? rest + US_DAY : rest);
}

static void put_timestamptz(struct cur *c, struct buf *out)
{
	put_timestamp(c, out);
	buf_put_str(out, "+00");
}

static void put_interval(struct cur *c, struct buf *out)
{
	int64_t us = (int64_t)cur_u64be(c);
	int32_t days = (int32_t)cur_u32be(c), months = (int32_t)cur_u32be(c);

	if (us == INT64_MIN) {
		cur_fail(c, E_FORMAT);
		return;
	}
	if (months != 0)
		buf_printf(out, "%" PRId32 " mons ", months);
	if (days != 0)
		buf_printf(out, "%" PRId32 " days ", days);
	buf_put_str(out, us < 0 ? "-" : "");
	put_clock(out, us < 0 ? -us : us);
}

/* ---- types ---- */

static void put_array(struct cur *c, struct buf *out);

static const struct type {
	uint32_t oid, array;
	const char *name;
	void (*put)(struct cur *c, struct buf *out);
	bool quoted; /* as an element of an array */
} types[] = {
    {16, 1000, "boolean", put_bool, false},
    {17, 1001, "bytea", put_bytea, true},
    {18, 1002, "\"char\"", put_text, true},
    {19, 1003, "name", put_text, true},
    {20, 1016, "bigint", put_int8, false},
    {21, 1005, "smallint", put_int2, false},
    {23, 1007, "integer", put_int4, false},
    {25, 1009, "text", put_text, true},
    {26, 1028, "oid", put_oid, false},
    {114, 199, "json", put_text, true},
    {142, 143, "xml", put_text, true},
    {650, 651, "cidr", put_inet, false},
    {700, 1021, "real", put_float4, false},
    {701, 1022, "double precision", put_float8, false},
    {705, 0, "unknown", put_text, true},
    {869, 1041, "inet", put_inet, false},
    {1042, 1014, "character", put_text, true},
    {1043, 1015, "character varying", put_text, true},
    {1082, 1182, "date", put_date, false},
    {1083, 1183, "time", put_time, false},
    {1114, 1115, "timestamp", put_timestamp, true},
    {1184, 1185, "timestamp with time zone", put_timestamptz, true},
    {1186, 1187, "interval", put_interval, true},
    {1266, 1270, "time with time zone", put_timetz, false},
    {1700, 1231, "numeric", put_numeric, false},
    {2950, 2951, "uuid", put_uuid, false},
    {3802, 3807, "jsonb", put_jsonb, true},
};

static const struct type *type_find(uint32_t oid)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (oid != 0 && (types[i].oid == oid || types[i].array == oid))
			return &types[i];
	return NULL;
}

const char *pgvalue_type(uint32_t oid)
{
	static _Thread_local char text[40];
	const struct type *t = type_find(oid);

	if (t == NULL || t->oid == oid)
		return t != NULL ? t->name : NULL;
	(void)snprintf(text, sizeof(text), "%s[]", t->name);
	return text;
}

/* One whole value; appends nothing when it is none of the type. */
static bool value_put(const struct type *t, struct span value, struct buf *out, bool array)
{
	size_t before = buf_len(out);
	struct cur c = cur_of(value);

	(array ? put_array : t->put)(&c, out);
	if (cur_done(&c) == 0 && buf_err(out) == 0)
		return true;
	if (buf_err(out) == 0)
		buf_truncate(out, before);
	return false;
}

static void put_quoted(struct buf *out, struct span s)
{
	buf_put_u8(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, s.p[i]);
	}
	buf_put_u8(out, '"');
}

static void put_element(struct cur *c, const struct type *t, struct buf *out)
{
	uint32_t n = cur_u32be(c);
	struct buf one;

	if (n == UINT32_MAX) {
		buf_put_str(out, "NULL");
		return;
	}
	buf_init(&one, ELEMENT_MAX);
	if (!value_put(t, cur_take(c, n), &one, false))
		cur_fail(c, E_FORMAT);
	else if (t->quoted)
		put_quoted(out, buf_span(&one));
	else
		buf_put_span(out, buf_span(&one));
	buf_clear(&one);
}

/* Elements of dimension d of n; braces as the server writes them. */
static void put_dimension(struct cur *c, const struct type *t, const uint32_t *size, uint32_t n, struct buf *out)
{
	buf_put_u8(out, '{');
	for (uint32_t i = 0; i < size[0] && cur_ok(c); i++) {
		buf_put_str(out, i > 0 ? "," : "");
		if (n > 1)
			put_dimension(c, t, size + 1, n - 1, out);
		else
			put_element(c, t, out);
	}
	buf_put_u8(out, '}');
}

static void put_array(struct cur *c, struct buf *out)
{
	uint32_t n = cur_u32be(c), flags = cur_u32be(c), oid = cur_u32be(c), size[DIMS_MAX];
	const struct type *t = type_find(oid);
	uint64_t items = 1;

	if (!cur_ok(c) || n > DIMS_MAX || flags > 1 || t == NULL || t->oid != oid) {
		cur_fail(c, E_FORMAT);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		size[i] = cur_u32be(c);
		if ((int32_t)cur_u32be(c) != 1) /* other lower bounds are written otherwise */
			cur_fail(c, E_FORMAT);
		items = items * size[i] > ITEMS_MAX ? ITEMS_MAX + 1 : items * size[i];
	}
	if (items > ITEMS_MAX || !cur_ok(c))
		cur_fail(c, E_FORMAT);
	else if (n == 0)
		buf_put_str(out, "{}");
	else
		put_dimension(c, t, size, n, out);
}

bool pgvalue_text(uint32_t oid, struct span value, struct buf *out)
{
	const struct type *t = type_find(oid);

	return t != NULL && value_put(t, value, out, t->oid != oid);
}

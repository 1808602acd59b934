/* SPDX-License-Identifier: Apache-2.0
 *
 * Masks of numbers, dates and network addresses in both formats. Where a number cannot show that it
 * is masked, or would tell too much, the answer is NULL. Binary layouts: numeric.c, date.c,
 * timestamp.c, network.c of PostgreSQL.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/cur.h"
#include "mask/form.h"
#include "mask/kind.h"

#define DAYS_TO_2000 10957 /* from 1970-01-01 */
#define US_PER_DAY   INT64_C(86400000000)
#define IPV4_KEEP    24
#define IPV6_KEEP    48

static void put_be(struct form *f, uint64_t v, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0;) {
		uint8_t b = (uint8_t)(v >> (8 * i));

		form_add(f, &b, 1);
	}
}

static bool all_digits(struct span v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	}
	return v.n > 0;
}

/* At most 18 digits. */
static uint64_t digits_value(struct span v)
{
	uint64_t n = 0;

	for (size_t i = 0; i < v.n; i++)
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	return n;
}

/* The least number of digits of which the last four may be shown; 0: never. */
static unsigned digits_min(const struct mask_col *c)
{
	if (c->derived)
		return 0;
	return c->kind == MASK_KIND_CARD ? 12 : c->kind == MASK_KIND_NATIONAL ? 9 : 0;
}

static unsigned count_digits(uint64_t n)
{
	unsigned k = 1;

	while (n >= 10) {
		n /= 10;
		k++;
	}
	return k;
}

static bool last_four_text(const struct mask_col *c, struct span value, struct form *f)
{
	unsigned min = digits_min(c);

	if (min == 0 || value.n < min || value.n > 64 || value.p[0] == '0' || !all_digits(value))
		return false;
	f->n = (size_t)snprintf(
	    f->p, sizeof(f->p), "%u", (unsigned)digits_value(span_of(value.p + value.n - 4, 4)));
	return true;
}

bool mask_integer(const struct mask_col *c, struct span value, struct form *f)
{
	unsigned min = digits_min(c), bytes = c->type == 20 ? 8 : 4;
	struct cur in = cur_of(value);
	uint64_t n;

	if (c->format == 0)
		return last_four_text(c, value, f);
	n = bytes == 8 ? cur_u64be(&in) : cur_u32be(&in);
	if (cur_done(&in) != 0 || min == 0 || n > (bytes == 8 ? INT64_MAX : INT32_MAX) ||
	    count_digits(n) < min)
		return false;
	put_be(f, n % 10000, bytes);
	return true;
}

/* 52.5200066 becomes 52.5 */
bool mask_decimal_text(struct span value, struct form *f)
{
	size_t sign = value.n > 0 && value.p[0] == '-', dot = sign;

	while (dot < value.n && value.p[dot] != '.')
		dot++;
	if (dot == sign || dot > sign + 3 || value.n < dot + 3 || value.n > 40 ||
	    !all_digits(span_of(value.p + sign, dot - sign)) ||
	    !all_digits(span_of(value.p + dot + 1, value.n - dot - 1)))
		return false;
	form_add(f, value.p, dot + 2);
	return true;
}

static bool shows_decimal(const struct mask_col *c)
{
	return c->kind == MASK_KIND_GEO && !c->derived;
}

bool mask_float(const struct mask_col *c, struct span value, struct form *f)
{
	struct cur in = cur_of(value);
	union {
		uint64_t u;
		double d;
	} d = {.u = 0};
	union {
		uint32_t u;
		float f;
	} s = {.u = 0};
	double cut;

	if (!shows_decimal(c))
		return false;
	if (c->format == 0)
		return mask_decimal_text(value, f);
	if (c->type == 701)
		d.u = cur_u64be(&in);
	else
		s.u = cur_u32be(&in);
	if (c->type == 700)
		d.d = (double)s.f;
	if (cur_done(&in) != 0 || !(d.d >= -180.0 && d.d <= 180.0))
		return false;
	cut = (double)(int)(d.d * 10.0) / 10.0;
	s.f = (float)cut;
	if (c->type == 700 ? (double)s.f == d.d : cut == d.d)
		return false;
	d.d = cut;
	put_be(f, c->type == 701 ? d.u : s.u, c->type == 701 ? 8 : 4);
	return true;
}

/* numeric on the wire: base 10000 digits, weight of the first, sign, digits behind the point in
 * decimal. */
struct numeric {
	unsigned n, dscale, sign;
	int weight;
	unsigned d[32];
};

static bool numeric_read(struct span value, struct numeric *x)
{
	struct cur in = cur_of(value);

	x->n = cur_u16be(&in);
	x->weight = (int16_t)cur_u16be(&in);
	x->sign = cur_u16be(&in);
	x->dscale = cur_u16be(&in);
	if (!cur_ok(&in) || x->n > sizeof(x->d) / sizeof(x->d[0]))
		return false;
	for (unsigned i = 0; i < x->n; i++) {
		x->d[i] = cur_u16be(&in);
		if (x->d[i] > 9999)
			return false;
	}
	return cur_done(&in) == 0;
}

static unsigned numeric_digit(const struct numeric *x, int weight)
{
	int i = x->weight - weight;

	return i >= 0 && i < (int)x->n ? x->d[i] : 0;
}

/* whole.tenths with dscale decimals, without leading and trailing zero digits. */
static void numeric_put(
    struct form *f, unsigned sign, unsigned whole, unsigned fraction, unsigned dscale)
{
	unsigned n = (whole != 0) + (fraction != 0);

	put_be(f, n, 2);
	put_be(f, whole == 0 && fraction != 0 ? 0xffff : 0, 2);
	put_be(f, n == 0 ? 0 : sign, 2);
	put_be(f, dscale, 2);
	if (whole != 0)
		put_be(f, whole, 2);
	if (fraction != 0)
		put_be(f, fraction, 2);
}

static bool numeric_binary(const struct mask_col *c, struct span value, struct form *f)
{
	unsigned min = digits_min(c), tenth;
	struct numeric x;

	if (!numeric_read(value, &x) || (x.sign != 0 && x.sign != 0x4000) || x.n == 0)
		return false;
	if (shows_decimal(c)) {
		tenth = numeric_digit(&x, -1) / 1000 * 1000;
		if (x.weight > 0 || x.dscale < 2 || numeric_digit(&x, 0) > 180)
			return false;
		numeric_put(f, x.sign, numeric_digit(&x, 0), tenth, 1);
		return true;
	}
	if (min == 0 || x.sign != 0 || x.dscale != 0 || x.weight < 2 ||
	    (unsigned)x.weight * 4 + count_digits(x.d[0]) < min)
		return false;
	numeric_put(f, 0, numeric_digit(&x, 0), 0, 0);
	return true;
}

bool mask_numeric(const struct mask_col *c, struct span value, struct form *f)
{
	if (c->format == 1)
		return numeric_binary(c, value, f);
	return shows_decimal(c) ? mask_decimal_text(value, f) : last_four_text(c, value, f);
}

/* Days from 1970-01-01 to January 1 of a year of the proleptic Gregorian calendar; year >= 1. */
static int64_t year_days(int64_t year)
{
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

/* The year of a day counted from 1970-01-01, or 0 outside 1..9999. */
static int64_t day_year(int64_t day)
{
	int64_t y;

	if (day < year_days(1) || day >= year_days(10000))
		return 0;
	y = 1 + (day - year_days(1)) / 366;
	while (year_days(y + 1) <= day)
		y++;
	return y;
}

/* YYYY-MM-DD at the start (DateStyle ISO); other styles are not guessed. */
static bool iso_year(struct span v, char year[5])
{
	if (v.n < 10 || !all_digits(span_of(v.p, 4)) || v.p[4] != '-' ||
	    !all_digits(span_of(v.p + 5, 2)) || v.p[7] != '-' || !all_digits(span_of(v.p + 8, 2)) ||
	    memcmp(v.p, "0000", 4) == 0)
		return false;
	if (v.n > 10 && (v.p[10] != ' ' || v.p[v.n - 1] == 'C')) /* 0044-03-15 BC */
		return false;
	memcpy(year, v.p, 4);
	year[4] = '\0';
	return true;
}

static bool shows_year(const struct mask_col *c)
{
	return c->kind == MASK_KIND_BIRTH && !c->derived;
}

bool mask_birth_text(struct span value, struct form *f)
{
	char year[5];

	if (value.n != 10 || !iso_year(value, year))
		return false;
	f->n = (size_t)snprintf(f->p, sizeof(f->p), "%s-01-01", year);
	return true;
}

bool mask_date(const struct mask_col *c, struct span value, struct form *f)
{
	struct cur in = cur_of(value);
	int64_t day, year;

	if (!shows_year(c))
		return false;
	if (c->format == 0)
		return mask_birth_text(value, f);
	day = (int32_t)cur_u32be(&in);
	if (cur_done(&in) != 0 || day == INT32_MAX || day == INT32_MIN)
		return false;
	year = day_year(day + DAYS_TO_2000);
	if (year == 0)
		return false;
	put_be(f, (uint64_t)(year_days(year) - DAYS_TO_2000), 4);
	return true;
}

bool mask_timestamp(const struct mask_col *c, struct span value, struct form *f)
{
	struct cur in = cur_of(value);
	int64_t us, day, year;
	char text[5];

	if (!shows_year(c))
		return false;
	if (c->format == 0) {
		if (!iso_year(value, text))
			return false;
		f->n = (size_t)snprintf(
		    f->p, sizeof(f->p), "%s-01-01 00:00:00%s", text, c->type == 1184 ? "+00" : "");
		return true;
	}
	us = (int64_t)cur_u64be(&in);
	if (cur_done(&in) != 0 || us == INT64_MAX || us == INT64_MIN)
		return false;
	day = us / US_PER_DAY - (us % US_PER_DAY < 0);
	year = day_year(day + DAYS_TO_2000);
	if (year == 0)
		return false;
	put_be(f, (uint64_t)((year_days(year) - DAYS_TO_2000) * US_PER_DAY), 8);
	return true;
}

/* The address and prefix length of "a.b.c.d[/n]" or IPv6; returns the address length or 0. */
static size_t address_parse(struct span v, uint8_t addr[16], unsigned *bits)
{
	char text[64];
	size_t n = 0, len;

	while (n < v.n && v.p[n] != '/')
		n++;
	if (n >= sizeof(text) || n == 0 ||
	    (v.n > n && (v.n - n > 4 || !all_digits(span_of(v.p + n + 1, v.n - n - 1)))))
		return 0;
	memcpy(text, v.p, n);
	text[n] = '\0';
	if (memchr(text, 0, n) != NULL)
		return 0;
	len = inet_pton(AF_INET, text, addr) == 1    ? 4
	      : inet_pton(AF_INET6, text, addr) == 1 ? 16
						     : 0;
	*bits =
	    v.n > n ? (unsigned)digits_value(span_of(v.p + n + 1, v.n - n - 1)) : (unsigned)len * 8;
	return *bits <= len * 8 ? len : 0;
}

/* Zero the host part. False when the network is wider than what a mask may show. */
static bool address_cut(uint8_t *addr, size_t len, unsigned bits)
{
	unsigned keep = len == 4 ? IPV4_KEEP : IPV6_KEEP;

	if (bits < keep)
		return false;
	memset(addr + keep / 8, 0, len - keep / 8);
	return true;
}

bool mask_address_text(struct span value, struct form *f)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t addr[16];
	unsigned bits;
	size_t len = address_parse(value, addr, &bits);

	if (len == 0 || !address_cut(addr, len, bits) ||
	    inet_ntop(len == 4 ? AF_INET : AF_INET6, addr, text, sizeof(text)) == NULL)
		return false;
	f->n =
	    (size_t)snprintf(f->p, sizeof(f->p), "%s/%d", text, len == 4 ? IPV4_KEEP : IPV6_KEEP);
	return true;
}

bool mask_inet(const struct mask_col *c, struct span value, struct form *f)
{
	struct cur in = cur_of(value);
	uint8_t addr[16], family, bits, cidr, len;
	struct span a;

	if (c->kind != MASK_KIND_IP || c->derived)
		return false;
	if (c->format == 0)
		return mask_address_text(value, f);
	family = cur_u8(&in);
	bits = cur_u8(&in);
	cidr = cur_u8(&in);
	len = cur_u8(&in);
	a = cur_take(&in, len);
	if (cur_done(&in) != 0 || !((family == 2 && len == 4) || (family == 3 && len == 16)) ||
	    bits > len * 8 || cidr > 1)
		return false;
	memcpy(addr, a.p, len);
	if (!address_cut(addr, len, bits))
		return false;
	put_be(f, family, 1);
	put_be(f, len == 4 ? IPV4_KEEP : IPV6_KEEP, 1);
	put_be(f, cidr, 1);
	put_be(f, len, 1);
	form_add(f, addr, len);
	return true;
}

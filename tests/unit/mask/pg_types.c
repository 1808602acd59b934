/* SPDX-License-Identifier: Apache-2.0
 *
 * Ask a real server whether masks are valid: read a sample of each type from it in each format, mask the bytes as
 * they came, and give the mask back as a parameter of the same type and format. The server's input functions are
 * the judge. Connection from the PG* environment; see pg_types.sh. Prints TAP.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "mask/kind.h"
#include "mask/mask.h"

struct sample {
	Oid type;
	const char *expr;
	int kind;
	const char *want; /* NULL: must be NULL; "": any value; else the mask as text */
};

static const struct sample samples[] = {
	{25, "'lena@example.com'::text", MASK_KIND_EMAIL, "l***@e***.com"},
	{1043, "'4111111111111234'::varchar(20)", MASK_KIND_CARD, "**** **** **** 1234"},
	{1042, "'Anna Schmidt'::char(20)", MASK_KIND_NAME, "A. S."},
	{19, "'hunter2'::name", MASK_KIND_SECRET, "********"},
	{18, "'x'::\"char\"", MASK_KIND_OTHER, "*"},
	{114, "'{\"a\":[1,\"b\"]}'::json", MASK_KIND_TEXT, "\"********\""},
	{3802, "'{\"a\":[1,\"b\"]}'::jsonb", MASK_KIND_TEXT, "\"********\""},
	{142, "'<a>b</a>'::xml", MASK_KIND_TEXT, "<masked/>"},
	{17, "'\\x010203'::bytea", MASK_KIND_SECRET, "\\x2a2a2a2a2a2a2a2a"},
	{21, "1234::int2", MASK_KIND_SECRET, NULL},
	{23, "219090042::int4", MASK_KIND_NATIONAL, "42"},
	{23, "42::int4", MASK_KIND_NATIONAL, NULL},
	{20, "4111111111111234::int8", MASK_KIND_CARD, "1234"},
	{20, "-4111111111111234::int8", MASK_KIND_CARD, NULL},
	{700, "52.5200066::float4", MASK_KIND_GEO, "52.5"},
	{701, "-13.404954::float8", MASK_KIND_GEO, "-13.4"},
	{701, "'NaN'::float8", MASK_KIND_GEO, NULL},
	{1700, "52.5200066::numeric", MASK_KIND_GEO, "52.5"},
	{1700, "-0.1278::numeric", MASK_KIND_GEO, "-0.1"},
	{1700, "0.0278::numeric", MASK_KIND_GEO, "0.0"},
	{1700, "4111111111110000::numeric", MASK_KIND_CARD, "0"},
	{1700, "4111111111110042::numeric", MASK_KIND_CARD, "42"},
	{1700, "5000.00::numeric", MASK_KIND_MONEY, NULL},
	{1700, "'NaN'::numeric", MASK_KIND_GEO, NULL},
	{16, "true", MASK_KIND_HEALTH, NULL},
	{1082, "'1984-05-12'::date", MASK_KIND_BIRTH, "1984-01-01"},
	{1082, "'2000-02-29'::date", MASK_KIND_BIRTH, "2000-01-01"},
	{1082, "'1900-12-31'::date", MASK_KIND_BIRTH, "1900-01-01"},
	{1082, "'0001-06-01'::date", MASK_KIND_BIRTH, "0001-01-01"},
	{1082, "'0044-03-15 BC'::date", MASK_KIND_BIRTH, NULL},
	{1082, "'infinity'::date", MASK_KIND_BIRTH, NULL},
	{1082, "'1984-05-12'::date", MASK_KIND_UNKNOWN, NULL},
	{1114, "'1984-05-12 10:11:12.5'::timestamp", MASK_KIND_BIRTH, "1984-01-01 00:00:00"},
	{1114, "'1954-05-12 10:11:12.5'::timestamp", MASK_KIND_BIRTH, "1954-01-01 00:00:00"},
	{1114, "'-infinity'::timestamp", MASK_KIND_BIRTH, NULL},
	{1184, "'1984-05-12 10:11:12.5+00'::timestamptz", MASK_KIND_BIRTH, "1984-01-01 00:00:00+00"},
	{1083, "'10:11:12'::time", MASK_KIND_BIRTH, NULL},
	{1186, "'3 days'::interval", MASK_KIND_OTHER, NULL},
	{2950, "'550e8400-e29b-41d4-a716-446655440000'::uuid", MASK_KIND_SECRET, "00000000-0000-0000-0000-000000000000"},
	{869, "'203.0.113.77'::inet", MASK_KIND_IP, "203.0.113.0/24"},
	{869, "'203.0.113.77/25'::inet", MASK_KIND_IP, "203.0.113.0/24"},
	{869, "'2001:db8:1:2::77'::inet", MASK_KIND_IP, "2001:db8:1::/48"},
	{869, "'10.0.0.0/8'::inet", MASK_KIND_IP, NULL},
	{650, "'203.0.113.77/32'::cidr", MASK_KIND_IP, "203.0.113.0/24"},
	{829, "'08:00:2b:01:02:03'::macaddr", MASK_KIND_OTHER, NULL},
	{1009, "array['a','b']", MASK_KIND_NAME, NULL},
	{2249, "row('a',1)", MASK_KIND_TEXT, NULL},
	{3904, "int4range(1,5)", MASK_KIND_OTHER, NULL},
	{790, "'12.00'::money", MASK_KIND_MONEY, NULL},
	{600, "'(52.52,13.40)'::point", MASK_KIND_GEO, NULL},
};

static int test_n, failures;

static void ok(int good, const struct sample *s, int format, const char *detail)
{
	failures += !good;
	printf("%s %d - %s as %s, kind %d: %s\n", good ? "ok" : "not ok", ++test_n, s->expr, format ? "binary" : "text", s->kind,
	       detail);
}

/* Give the mask back to the server; its text form into text. */
static int round_trip(PGconn *db, const struct sample *s, int format, struct buf *mask, char text[128])
{
	const char *values[1] = {buf_cstr(mask)};
	int lengths[1] = {(int)buf_len(mask)}, formats[1] = {format};
	PGresult *r = PQexecParams(db, "SELECT $1", 1, &s->type, values, lengths, formats, 0);
	int good = PQresultStatus(r) == PGRES_TUPLES_OK;

	snprintf(text, 128, "%s", good ? PQgetvalue(r, 0, 0) : PQresultErrorMessage(r));
	text[strcspn(text, "\n")] = '\0';
	PQclear(r);
	return good;
}

static void check(PGconn *db, const struct sample *s, int format)
{
	struct mask_col col = {s->kind, false, s->type, (int16_t)format};
	char sql[256], text[128];
	struct span value;
	struct buf out;
	PGresult *r;

	snprintf(sql, sizeof(sql), "SELECT %s", s->expr);
	r = PQexecParams(db, sql, 0, NULL, NULL, NULL, NULL, format);
	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQftype(r, 0) != s->type) {
		ok(0, s, format, "the sample is wrong");
		PQclear(r);
		return;
	}
	value = span_of(PQgetvalue(r, 0, 0), (size_t)PQgetlength(r, 0, 0));
	buf_init(&out, 256);
	if (mask_pg_value(&col, value, &out) == MASK_IS_NULL)
		ok(s->want == NULL && buf_len(&out) == 0, s, format, "NULL");
	else if (!round_trip(db, s, format, &out, text))
		ok(0, s, format, text);
	else
		ok(s->want != NULL && strcmp(text, s->want) == 0, s, format, text);
	buf_clear(&out);
	PQclear(r);
}

int main(void)
{
	PGconn *db = PQconnectdb("");

	if (PQstatus(db) != CONNECTION_OK) {
		printf("Bail out! %s\n", PQerrorMessage(db));
		PQfinish(db);
		return 1;
	}
	PQclear(PQexec(db, "SET timezone = 'UTC'"));
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		check(db, &samples[i], 0);
		check(db, &samples[i], 1);
	}
	printf("1..%d\n", test_n);
	PQfinish(db);
	return failures != 0;
}

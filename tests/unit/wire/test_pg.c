/* SPDX-License-Identifier: Apache-2.0
 *
 * The PostgreSQL codec: vectors for every message type, then the sweeps that every one of them must survive.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>

#include "wire/pg.h"
#include "wire/pgbuild.h"

#define S(lit) span_of(lit, sizeof(lit) - 1)
#define N(a) (sizeof(a) / sizeof((a)[0]))

/* Every message type once, whole, with a type byte. Written by hand from the format tables. */
static const struct vector {
	enum pg_dir dir;
	struct span bytes;
} vectors[] = {
	{PG_FRONT, {(const uint8_t *)"Q\0\0\0\x0dselect 1\0", 14}},
	{PG_FRONT, {(const uint8_t *)"P\0\0\0\x1es1\0select $1,$2\0\0\2\0\0\0\x17\0\0\0\0", 0}},
	{PG_FRONT, {(const uint8_t *)"B\0\0\0\x1fp\0s1\0\0\2\0\0\0\1\0\2\0\0\0\2ab\xff\xff\xff\xff\0\1\0\1", 0}},
	{PG_FRONT, {(const uint8_t *)"D\0\0\0\x08Ss1\0", 9}},
	{PG_FRONT, {(const uint8_t *)"C\0\0\0\x07Pp\0", 8}},
	{PG_FRONT, {(const uint8_t *)"E\0\0\0\x0ap\0\0\0\0\x64", 11}},
	{PG_FRONT, {(const uint8_t *)"F\0\0\0\x16\0\0\4\xd2\0\1\0\1\0\1\0\0\0\2xy\0\0", 0}},
	{PG_FRONT, {(const uint8_t *)"S\0\0\0\4", 5}},
	{PG_FRONT, {(const uint8_t *)"H\0\0\0\4", 5}},
	{PG_FRONT, {(const uint8_t *)"X\0\0\0\4", 5}},
	{PG_FRONT, {(const uint8_t *)"d\0\0\0\7abc", 8}},
	{PG_FRONT, {(const uint8_t *)"c\0\0\0\4", 5}},
	{PG_FRONT, {(const uint8_t *)"f\0\0\0\x08why\0", 9}},
	{PG_FRONT, {(const uint8_t *)"p\0\0\0\7pw\0", 8}},
	{PG_BACK, {(const uint8_t *)"R\0\0\0\x08\0\0\0\0", 9}},
	{PG_BACK, {(const uint8_t *)"R\0\0\0\x0c\0\0\0\5salt", 13}},
	{PG_BACK, {(const uint8_t *)"K\0\0\0\x0c\0\0\1\2\x11\x22\x33\x44", 13}},
	{PG_BACK, {(const uint8_t *)"v\0\0\0\x14\0\0\0\0\0\0\0\1_pq_.ab\0", 21}},
	{PG_BACK, {(const uint8_t *)"S\0\0\0\x11TimeZone\0UTC\0", 18}},
	{PG_BACK, {(const uint8_t *)"E\0\0\0\x13SERROR\0C42601\0\0", 20}},
	{PG_BACK, {(const uint8_t *)"N\0\0\0\x09Mhi\0\0", 10}},
	{PG_BACK, {(const uint8_t *)"A\0\0\0\x0e\0\0\0\7ch\0pl\0", 15}},
	{PG_BACK, {(const uint8_t *)"Z\0\0\0\5T", 6}},
	{PG_BACK, {(const uint8_t *)"T\0\0\0\x1b\0\1id\0\0\0\x40\1\0\2\0\0\0\x17\0\4\xff\xff\xff\xff\0\1", 0}},
	{PG_BACK, {(const uint8_t *)"D\0\0\0\x10\0\2\0\0\0\2ab\xff\xff\xff\xff", 17}},
	{PG_BACK, {(const uint8_t *)"C\0\0\0\x0dINSERT 0\0", 14}},
	{PG_BACK, {(const uint8_t *)"I\0\0\0\4", 5}},
	{PG_BACK, {(const uint8_t *)"1\0\0\0\4", 5}},
	{PG_BACK, {(const uint8_t *)"2\0\0\0\4", 5}},
	{PG_BACK, {(const uint8_t *)"3\0\0\0\4", 5}},
	{PG_BACK, {(const uint8_t *)"n\0\0\0\4", 5}},
	{PG_BACK, {(const uint8_t *)"s\0\0\0\4", 5}},
	{PG_BACK, {(const uint8_t *)"t\0\0\0\x0a\0\1\0\0\0\x19", 11}},
	{PG_BACK, {(const uint8_t *)"V\0\0\0\x0a\0\0\0\2ab", 11}},
	{PG_BACK, {(const uint8_t *)"G\0\0\0\x0b\0\0\2\0\0\0\0", 12}},
	{PG_BACK, {(const uint8_t *)"H\0\0\0\x09\1\0\1\0\1", 10}},
	{PG_BACK, {(const uint8_t *)"W\0\0\0\7\0\0\0", 8}},
	{PG_BACK, {(const uint8_t *)"d\0\0\0\6\1\2", 7}},
	{PG_BACK, {(const uint8_t *)"c\0\0\0\4", 5}},
};

/* A vector's length is what its own length word says. */
static struct span vector_bytes(const struct vector *v)
{
	return span_of(v->bytes.p, 1 + (size_t)v->bytes.p[4]);
}

static struct pg_msg vector_msg(const struct vector *v)
{
	struct pg_msg m = {0};
	size_t used = 0;

	cr_assert(eq(int, pg_frame(vector_bytes(v), SIZE_MAX, &m, &used), 0));
	cr_assert(eq(sz, used, vector_bytes(v).n));
	return m;
}

Test(pg, every_type_has_a_vector_and_every_vector_is_valid)
{
	bool seen[2][256] = {{false}};

	for (size_t i = 0; i < N(vectors); i++) {
		struct pg_msg m = vector_msg(&vectors[i]);

		cr_expect(eq(int, pg_check(vectors[i].dir, &m), 0), "vector %zu type %c", i, m.type);
		seen[vectors[i].dir][m.type] = true;
	}
	for (int t = 0; t < 256; t++) {
		for (int d = 0; d < 2; d++) {
			bool known = pg_type_of((enum pg_dir)d, (uint8_t)t) != NULL;

			cr_expect(eq(int, seen[d][t], known), "direction %d type %d", d, t);
		}
	}
}

/* A body cut short or with a byte behind it is refused, except where any bytes are a valid body. */
static bool free_form(enum pg_dir dir, uint8_t type)
{
	return type == 'd' || (dir == PG_FRONT && type == 'p') || (dir == PG_BACK && type == 'R');
}

Test(pg, every_prefix_and_every_trailing_byte_is_refused)
{
	for (size_t i = 0; i < N(vectors); i++) {
		struct span bytes = vector_bytes(&vectors[i]);
		struct pg_msg whole = vector_msg(&vectors[i]), m = whole;
		uint8_t longer[64];
		size_t used;

		for (size_t n = 0; n < bytes.n; n++)
			cr_expect(eq(int, pg_frame(span_of(bytes.p, n), SIZE_MAX, &m, &used), E_MORE));
		if (free_form(vectors[i].dir, whole.type))
			continue;
		for (size_t n = 0; n < whole.body.n; n++) {
			m = (struct pg_msg){whole.type, span_of(whole.body.p, n)};
			cr_expect(ne(int, pg_check(vectors[i].dir, &m), 0), "type %c cut to %zu", m.type, n);
		}
		memcpy(longer, whole.body.p, whole.body.n);
		longer[whole.body.n] = 0;
		m = (struct pg_msg){whole.type, span_of(longer, whole.body.n + 1)};
		cr_expect(ne(int, pg_check(vectors[i].dir, &m), 0), "type %c with a byte more", m.type);
	}
}

/* Use everything a valid message hands out: bits set wrong must never lead outside of the body. */
static void touch(struct span s, const uint8_t *from, const uint8_t *to)
{
	cr_assert(s.n == 0 || (s.p >= from && s.p + s.n <= to));
}

static void walk(enum pg_dir dir, const struct pg_msg *m)
{
	const uint8_t *a = m->body.p, *z = m->body.p + m->body.n;
	struct pg_param_iter it;
	struct pg_param p;
	struct pg_bind b;
	struct pg_fields fs;
	struct pg_field f;
	struct pg_row row;
	struct pg_value v;
	size_t n = 0;

	if (dir == PG_FRONT && m->type == 'B' && pg_read_bind(m->body, &b) == 0) {
		pg_bind_params(&b, &it);
		for (; pg_param_next(&it, &p); n++)
			touch(p.value.data, a, z);
		cr_assert(eq(sz, n, b.n_params));
	}
	if (dir == PG_BACK && m->type == 'T' && pg_read_fields(m->body, &fs) == 0) {
		for (; pg_field_next(&fs, &f); n++)
			touch(f.name, a, z);
		cr_assert(eq(sz, n, fs.n));
	}
	if (dir == PG_BACK && m->type == 'D' && pg_row_begin(m->body, &row) == 0) {
		for (; pg_row_next(&row, &v); n++)
			touch(v.data, a, z);
		cr_assert(pg_row_end(&row) != 0 || n == row.n);
	}
}

Test(pg, every_flipped_bit_is_survived)
{
	for (size_t i = 0; i < N(vectors); i++) {
		struct span bytes = vector_bytes(&vectors[i]);
		uint8_t *copy = malloc(bytes.n); /* exact size: ASan sees one byte too far */

		for (size_t bit = 0; bit < bytes.n * 8; bit++) {
			struct pg_msg m;
			size_t used;

			memcpy(copy, bytes.p, bytes.n);
			copy[bit / 8] ^= (uint8_t)(1 << (bit % 8));
			if (pg_frame(span_of(copy, bytes.n), 1 << 20, &m, &used) != 0)
				continue;
			for (int d = 0; d < 2; d++) {
				if (pg_check((enum pg_dir)d, &m) == 0)
					walk((enum pg_dir)d, &m);
			}
		}
		free(copy);
	}
}

Test(pg, hostile_lengths)
{
	static const struct {
		uint32_t len;
		size_t max;
		int want;
	} cases[] = {
		{0, 1000, E_FORMAT},          {3, 1000, E_FORMAT},           {4, 1000, 0},
		{5, 1000, E_MORE},            {1004, 1000, E_MORE},          {1005, 1000, E_TOOBIG},
		{0x7fffffff, 1000, E_TOOBIG}, {0x7fffffff, SIZE_MAX, E_MORE}, {0x80000000, SIZE_MAX, E_FORMAT},
		{0xffffffff, SIZE_MAX, E_FORMAT}, {0xfffffffb, SIZE_MAX, E_FORMAT},
	};
	struct pg_msg m;
	size_t used;

	for (size_t i = 0; i < N(cases); i++) {
		uint32_t l = cases[i].len;
		uint8_t in[5] = {'Q', (uint8_t)(l >> 24), (uint8_t)(l >> 16), (uint8_t)(l >> 8), (uint8_t)l};

		cr_expect(eq(int, pg_frame(span_of(in, 5), cases[i].max, &m, &used), cases[i].want), "length %u", l);
	}
}

Test(pg, header_lets_large_messages_stream)
{
	uint32_t len = 0;
	uint8_t type = 0;

	cr_assert(eq(int, pg_header(S("D\x40\0\0"), &type, &len), E_MORE));
	cr_assert(eq(int, pg_header(S("D\x40\0\0\4"), &type, &len), 0));
	cr_assert(eq(u8, type, 'D'));
	cr_assert(eq(u32, len, 0x40000000));
	cr_assert(pg_type_of(PG_BACK, 'D')->data && pg_type_of(PG_BACK, 'd')->data && pg_type_of(PG_FRONT, 'd')->data);
	cr_assert(not(pg_type_of(PG_BACK, 'T')->data || pg_type_of(PG_FRONT, 'Q')->data));
}

Test(pg, value_lengths_below_minus_one_are_malformed)
{
	static const uint8_t bad[][4] = {
		{0xff, 0xff, 0xff, 0xfe}, {0x80, 0, 0, 0}, {0x80, 0, 0, 1}, {0x7f, 0xff, 0xff, 0xff}, {0, 0, 0, 1},
	};
	uint8_t row[6] = {0, 1, 0, 0, 0, 0};
	uint8_t bind[14] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};

	for (size_t i = 0; i < N(bad); i++) {
		struct pg_msg d = {'D', span_of(row, 6)}, b = {'B', span_of(bind, 12)};

		memcpy(row + 2, bad[i], 4);
		memcpy(bind + 6, bad[i], 4);
		cr_expect(ne(int, pg_check(PG_BACK, &d), 0));
		cr_expect(ne(int, pg_check(PG_FRONT, &b), 0));
	}
	memset(row + 2, 0xff, 4);
	memset(bind + 6, 0xff, 4);
	cr_expect(eq(int, pg_check(PG_BACK, &(struct pg_msg){'D', span_of(row, 6)}), 0));
	cr_expect(eq(int, pg_check(PG_FRONT, &(struct pg_msg){'B', span_of(bind, 12)}), 0));
}

Test(pg, unknown_and_oversize_types_are_refused)
{
	static uint8_t zeros[PG_SMALL_MAX + 2];

	cr_expect(eq(int, pg_check(PG_FRONT, &(struct pg_msg){'y', S("")}), E_UNKNOWN));
	cr_expect(eq(int, pg_check(PG_FRONT, &(struct pg_msg){0, S("")}), E_UNKNOWN));
	cr_expect(eq(int, pg_check(PG_BACK, &(struct pg_msg){'Q', S("a\0")}), E_UNKNOWN));
	cr_expect(eq(int, pg_check(PG_FRONT, &(struct pg_msg){'f', span_of(zeros, PG_SMALL_MAX + 1)}), E_TOOBIG));
	memset(zeros, 'a', PG_SMALL_MAX + 1);
	cr_expect(eq(int, pg_check(PG_FRONT, &(struct pg_msg){'Q', span_of(zeros, PG_SMALL_MAX + 2)}), 0));
}

Test(pg, bind_view)
{
	struct pg_msg m = vector_msg(&vectors[2]);
	struct pg_param_iter it;
	struct pg_param p;
	struct pg_bind b;

	cr_assert(eq(int, pg_read_bind(m.body, &b), 0));
	cr_assert(span_is(b.portal, "p") && span_is(b.stmt, "s1"));
	pg_bind_params(&b, &it);
	cr_assert(pg_param_next(&it, &p));
	cr_assert(span_is(p.value.data, "ab") && !p.value.null && p.format == 0);
	cr_assert(pg_param_next(&it, &p));
	cr_assert(p.value.null && p.format == 1);
	cr_assert(not(pg_param_next(&it, &p)));
	cr_assert(eq(int, pg_format_at(b.result_formats, b.n_result_formats, 0), 1));
	cr_assert(eq(int, pg_format_at(b.result_formats, b.n_result_formats, 7), 1));
	cr_assert(eq(int, pg_format_at(b.result_formats, 0, 7), 0));
}

Test(pg, bind_counts_must_agree)
{
	/* two format codes for one parameter; a code of 2; three codes for two parameters */
	static const char *const bad[] = {
		"\0\0\0\2\0\0\0\0\0\1\0\0\0\0\0\0", "\0\0\0\1\0\2\0\1\0\0\0\0\0\0\0\0",
	};

	for (size_t i = 0; i < N(bad); i++)
		cr_expect(ne(int, pg_check(PG_FRONT, &(struct pg_msg){'B', span_of(bad[i], i == 0 ? 16 : 14)}), 0));
	cr_expect(ne(int, pg_check(PG_FRONT, &(struct pg_msg){'D', S("Xs\0")}), 0), "Describe of kind X");
}

Test(pg, parse_view)
{
	struct pg_msg m = vector_msg(&vectors[1]);
	struct pg_parse p;

	cr_assert(eq(int, pg_read_parse(m.body, &p), 0));
	cr_assert(span_is(p.name, "s1") && span_is(p.sql, "select $1,$2"));
	cr_assert(eq(int, p.n_types, 2));
	cr_assert(eq(u32, pg_oid_at(p.types, 0), 23));
	cr_assert(eq(u32, pg_oid_at(p.types, 1), 0));
}

Test(pg, query_with_an_embedded_nul_is_refused)
{
	struct span sql;

	cr_assert(eq(int, pg_read_string(S("select 1\0; drop table t\0"), &sql), E_TRAILING));
	cr_assert(eq(int, pg_read_string(S("select 1"), &sql), E_FORMAT));
}

Test(pg, command_tags)
{
	cr_expect(eq(i64, pg_tag_rows(S("INSERT 0 5")), 5));
	cr_expect(eq(i64, pg_tag_rows(S("SELECT 12345678901")), 12345678901));
	cr_expect(eq(i64, pg_tag_rows(S("COPY 0")), 0));
	cr_expect(eq(i64, pg_tag_rows(S("BEGIN")), -1));
	cr_expect(eq(i64, pg_tag_rows(S("")), -1));
	cr_expect(eq(i64, pg_tag_rows(S("7")), -1));
	cr_expect(eq(i64, pg_tag_rows(S("X 999999999999999999999999")), -1));
}

/* ---- start-up ---- */

static int startup(struct span body, struct pg_startup *s, size_t *used)
{
	static uint8_t mem[PG_STARTUP_MAX + 8];
	uint32_t n = (uint32_t)body.n + 4;

	mem[0] = (uint8_t)(n >> 24);
	mem[1] = (uint8_t)(n >> 16);
	mem[2] = (uint8_t)(n >> 8);
	mem[3] = (uint8_t)n;
	memcpy(mem + 4, body.p, body.n);
	return pg_startup_frame(span_of(mem, n), s, used);
}

Test(pg, startup_packets)
{
	struct pg_startup s;
	struct span v;
	size_t used = 0;

	cr_assert(eq(int, startup(S("\0\3\0\0user\0bob\0database\0shop\0\0"), &s, &used), 0));
	cr_assert(s.kind == PG_STARTUP && s.minor == 0 && !pg_startup_negotiates(&s));
	cr_assert(pg_startup_get(&s, "database", &v) && span_is(v, "shop"));
	cr_assert(not(pg_startup_get(&s, "data", &v)));
	cr_assert(eq(int, startup(S("\0\3\0\2user\0bob\0_pq_.x\0001\0\0"), &s, &used), 0));
	cr_assert(s.minor == 2 && s.n_ext == 1 && pg_startup_negotiates(&s));
	cr_assert(eq(int, startup(S("\0\3\0\0\0"), &s, &used), 0));
	cr_assert(eq(sz, s.pairs.n, 0));
	cr_assert(eq(int, startup(S("\x04\xd2\x16\x2f"), &s, &used), 0));
	cr_assert(s.kind == PG_SSL_REQUEST && used == 8);
	cr_assert(eq(int, startup(S("\x04\xd2\x16\x30"), &s, &used), 0));
	cr_assert(s.kind == PG_GSS_REQUEST);
	cr_assert(eq(int, startup(S("\x04\xd2\x16\x2e\0\0\0\7\x11\x22\x33\x44"), &s, &used), 0));
	cr_assert(s.kind == PG_CANCEL_REQUEST && s.pid == 7 && s.key == 0x11223344);
}

Test(pg, malformed_startup_packets)
{
	static uint8_t big[PG_STARTUP_MAX];
	struct pg_startup s;
	size_t used;

	cr_expect(eq(int, startup(S("\0\2\0\0x\0\0"), &s, &used), E_UNKNOWN));
	cr_expect(eq(int, startup(S("\0\3\0\0"), &s, &used), E_SHORT));
	cr_expect(ne(int, startup(S("\0\3\0\0user\0bob\0"), &s, &used), 0), "no final NUL");
	cr_expect(ne(int, startup(S("\0\3\0\0user\0\0"), &s, &used), 0), "name without a value");
	cr_expect(ne(int, startup(S("\0\3\0\0user\0bob\0\0\0"), &s, &used), 0), "empty name");
	cr_expect(eq(int, startup(S("\0\3\0\0user\0bob\0user\0root\0\0"), &s, &used), E_FORMAT), "given twice");
	cr_expect(eq(int, startup(S("\0\3\0\0user\0bob\0jit\0on\0jit\0off\0\0"), &s, &used), 0), "the last one counts");
	cr_expect(eq(int, startup(S("\x04\xd2\x16\x2f\0"), &s, &used), E_TRAILING));
	cr_expect(eq(int, startup(S("\x04\xd2\x16\x2e\0\0\0\7\x11\x22\x33"), &s, &used), E_SHORT));
	memset(big, 'a', sizeof(big));
	cr_expect(eq(int, pg_startup_frame(S("\0\0\x27\x11\0\3\0\0"), &s, &used), E_TOOBIG));
	cr_expect(eq(int, pg_startup_frame(S("\0\0\x27\x10\0\3\0\0"), &s, &used), E_MORE));
	cr_expect(eq(int, pg_startup_frame(S("\0\0\0\7\0\3\0"), &s, &used), E_FORMAT));
	cr_expect(eq(int, pg_startup_frame(S("\xff\xff\xff\xff\0\3\0\0"), &s, &used), E_TOOBIG));
	cr_expect(eq(int, pg_startup_frame(S("\0\0\0"), &s, &used), E_MORE));
}

Test(pg, startup_sweeps)
{
	static const char pkt[] = "\0\0\0\x29\0\3\0\0user\0bob\0database\0shop\0_pq_.x\0001\0";
	struct span whole = span_of(pkt, 0x29);
	struct pg_startup s;
	size_t used;

	cr_assert(eq(int, pg_startup_frame(whole, &s, &used), 0));
	for (size_t n = 0; n < whole.n; n++)
		cr_expect(eq(int, pg_startup_frame(span_of(pkt, n), &s, &used), E_MORE));
	for (size_t bit = 0; bit < whole.n * 8; bit++) {
		uint8_t *copy = malloc(whole.n);
		struct span name, value;

		memcpy(copy, pkt, whole.n);
		copy[bit / 8] ^= (uint8_t)(1 << (bit % 8));
		if (pg_startup_frame(span_of(copy, whole.n), &s, &used) == 0 && s.kind == PG_STARTUP) {
			struct cur c = cur_of(s.pairs);

			while (pg_startup_next(&c, &name, &value)) {
				touch(name, copy, copy + whole.n);
				touch(value, copy, copy + whole.n);
			}
			cr_expect(eq(int, cur_done(&c), 0));
		}
		free(copy);
	}
}

Test(pg, startup_parameters_are_counted)
{
	struct buf b;
	struct pg_startup s;
	struct pg_pair pairs[PG_STARTUP_PAIRS + 1];
	char names[PG_STARTUP_PAIRS + 1][8];
	size_t used;

	for (size_t i = 0; i < N(pairs); i++) {
		snprintf(names[i], sizeof(names[i]), "n%zu", i);
		pairs[i] = (struct pg_pair){names[i], "v"};
	}
	buf_init(&b, 1 << 16);
	pg_put_startup(&b, pairs, PG_STARTUP_PAIRS);
	cr_expect(eq(int, pg_startup_frame(buf_span(&b), &s, &used), 0));
	buf_reset(&b);
	pg_put_startup(&b, pairs, PG_STARTUP_PAIRS + 1);
	cr_expect(eq(int, pg_startup_frame(buf_span(&b), &s, &used), E_TOOBIG));
	buf_clear(&b);
}

/* ---- builders ---- */

static void put_backend(struct buf *b)
{
	static const char *const names[] = {"a", "b"}, *const values[] = {"1", NULL};
	struct pg_field f = {span_str("id"), 16385, 23, -1, 2, 4, 1};
	struct pg_value v = {span_str("x"), false};
	struct pg_notice e = {"ERROR", "42501", "refused", "", "ask"};

	pg_put_auth_ok(b);
	pg_put_auth_cleartext(b);
	pg_put_backend_key(b, 7, 0x11223344);
	pg_put_parameter_status(b, "TimeZone", "UTC");
	pg_put_ready(b, 'I');
	pg_put_error(b, &e);
	pg_put_notice(b, &e);
	pg_put_fields(b, &f, 1);
	pg_put_text_fields(b, names, 2);
	pg_put_row(b, &v, 1);
	pg_put_text_row(b, values, 2);
	pg_put_complete(b, "SELECT 1");
	for (const char *t = "I123ns"; *t != '\0'; t++)
		pg_put_empty(b, (uint8_t)*t);
}

static void put_frontend(struct buf *b)
{
	struct pg_value v[] = {{span_str("x"), false}, {{NULL, 0}, true}};
	uint32_t types[] = {23, 0};

	pg_put_query(b, span_str("select 1"));
	pg_put_parse(b, span_str("s"), span_str("select $1, $2"), types, 2);
	pg_put_bind(b, span_str(""), span_str("s"), v, 2);
	pg_put_describe(b, 'P', span_str(""));
	pg_put_execute(b, span_str(""), 0);
	pg_put_close_target(b, 'S', span_str("s"));
	pg_put_copy_fail(b, "no");
	pg_put_empty(b, 'S');
	pg_put_empty(b, 'H');
	pg_put_empty(b, 'X');
}

Test(pg, what_we_build_is_valid)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	for (int d = 0; d < 2; d++) {
		buf_reset(&b);
		(d == PG_FRONT ? put_frontend : put_backend)(&b);
		cr_assert(eq(int, buf_err(&b), 0));
		while (buf_len(&b) > 0) {
			struct pg_msg m;
			size_t used = 0;

			cr_assert(eq(int, pg_frame(buf_span(&b), SIZE_MAX, &m, &used), 0));
			cr_expect(eq(int, pg_check((enum pg_dir)d, &m), 0), "type %c", m.type);
			buf_consume(&b, used);
		}
	}
	buf_clear(&b);
}

Test(pg, error_fields)
{
	struct pg_notice e = {"FATAL", "28P01", "no", NULL, "do this"};
	struct pg_msg m;
	struct buf b;
	size_t used;

	buf_init(&b, 4096);
	pg_put_error(&b, &e);
	cr_assert(eq(int, pg_frame(buf_span(&b), 4096, &m, &used), 0));
	cr_expect(span_is(pg_error_field(m.body, 'S'), "FATAL"));
	cr_expect(span_is(pg_error_field(m.body, 'V'), "FATAL"));
	cr_expect(span_is(pg_error_field(m.body, 'C'), "28P01"));
	cr_expect(span_is(pg_error_field(m.body, 'H'), "do this"));
	cr_expect(eq(sz, pg_error_field(m.body, 'D').n, 0));
	buf_clear(&b);
}

Test(pg, negotiate_lists_the_options_asked_for)
{
	struct pg_startup s;
	struct pg_negotiate n;
	struct pg_msg m;
	struct buf b;
	size_t used;

	cr_assert(eq(int, startup(S("\0\3\0\2user\0bob\0_pq_.x\0001\0_pq_.y\0002\0\0"), &s, &used), 0));
	buf_init(&b, 4096);
	pg_put_negotiate(&b, 0, &s);
	cr_assert(eq(int, pg_frame(buf_span(&b), 4096, &m, &used), 0));
	cr_assert(eq(int, pg_read_negotiate(m.body, &n), 0));
	cr_assert(n.minor == 0 && n.n_options == 2);
	cr_assert(span_eq(n.options, S("_pq_.x\0_pq_.y\0")));
	cr_expect(ne(int, pg_read_negotiate(S("\0\0\0\0\xff\xff\xff\xff" "a\0"), &n), 0));
	buf_clear(&b);
}

Test(pg, a_nul_in_a_string_poisons_the_buffer)
{
	struct buf b;

	buf_init(&b, 4096);
	pg_put_query(&b, S("select 1\0; drop table t"));
	cr_expect(eq(int, buf_err(&b), E_FORMAT));
	buf_clear(&b);
	pg_put_describe(&b, 'S', S("a\0b"));
	cr_expect(eq(int, buf_err(&b), E_FORMAT));
	buf_clear(&b);
}

Test(pg, startup_builders_round_trip)
{
	struct pg_pair pairs[] = {{"user", "bob"}, {"database", "shop"}};
	struct pg_startup s;
	struct buf b;
	size_t used;

	buf_init(&b, 4096);
	pg_put_ssl_request(&b);
	cr_expect(eq(int, pg_startup_frame(buf_span(&b), &s, &used), 0));
	cr_expect(s.kind == PG_SSL_REQUEST);
	buf_reset(&b);
	pg_put_cancel(&b, 1, 2);
	cr_expect(eq(int, pg_startup_frame(buf_span(&b), &s, &used), 0));
	cr_expect(s.kind == PG_CANCEL_REQUEST && s.pid == 1 && s.key == 2 && used == 16);
	buf_reset(&b);
	pg_put_startup(&b, pairs, 2);
	cr_expect(eq(int, pg_startup_frame(buf_span(&b), &s, &used), 0));
	cr_expect(s.kind == PG_STARTUP && s.version == PG_PROTOCOL_3_0);
	buf_clear(&b);
}

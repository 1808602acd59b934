/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters, packed and shown.
 */
#include "wire/pgparam.h"

#include <stdio.h>

#include "wire/mp.h"
#include "wire/pgvalue.h"

#define LINE_MAX (8u * 1024 * 1024)
#define SHOWN    80 /* of a value, in words about a difference */

void pgparam_put(struct buf *out, const struct pg_bind *bind, const uint32_t *types, size_t n_types)
{
	struct pg_param_iter it;
	struct pg_param p;

	mp_put_array(out, bind != NULL ? bind->n_params : 0);
	if (bind == NULL)
		return;
	pg_bind_params(bind, &it);
	for (size_t i = 0; pg_param_next(&it, &p); i++) {
		mp_put_array(out, 3);
		mp_put_u64(out, i < n_types ? types[i] : 0);
		mp_put_i64(out, p.format);
		if (p.value.null)
			mp_put_nil(out);
		else
			mp_put_bin(out, p.value.data);
	}
}

static bool well_formed(const struct mp_val *v)
{
	enum mp_type value = mp_type(mp_at(v, 2)), type = mp_type(mp_at(v, 0));
	int64_t format = mp_i64(mp_at(v, 1), -1);

	return mp_type(v) == MP_ARRAY && mp_count(v) == 3 && (type == MP_UINT || type == MP_INT) &&
	       mp_u64(mp_at(v, 0), UINT64_MAX) <= UINT32_MAX && (format == 0 || format == 1) &&
	       (value == MP_NIL || value == MP_BIN);
}

/* 'text', with what is not plain in it escaped and told by the E. */
static void put_literal(struct buf *out, struct span s)
{
	bool plain = span_is_plain(s) && (s.n == 0 || memchr(s.p, '\\', s.n) == NULL);

	buf_put_str(out, plain ? "'" : "E'");
	while (s.n > 0) {
		const uint8_t *q = memchr(s.p, '\'', s.n);
		size_t n = q != NULL ? (size_t)(q - s.p) : s.n;

		buf_put_escaped(out, span_of(s.p, n));
		buf_put_str(out, q != NULL ? "''" : "");
		n += q != NULL;
		s = span_of(s.p + n, s.n - n);
	}
	buf_put_u8(out, '\'');
}

static void put_type(struct buf *out, uint32_t type, const char *more)
{
	const char *name = pgvalue_type(type);

	if (name != NULL)
		buf_printf(out, " (%s%s)", name, more);
	else if (type != 0)
		buf_printf(out, " (type %u%s)", type, more);
	else
		buf_printf(out, " (type not declared%s)", more);
}

static void put_value(struct buf *out, const struct mp_val *v)
{
	uint32_t type = (uint32_t)mp_u64(mp_at(v, 0), 0);
	bool binary = mp_i64(mp_at(v, 1), 0) == 1;
	struct span s = mp_span(mp_at(v, 2));
	struct buf text;

	if (mp_type(mp_at(v, 2)) == MP_NIL) {
		buf_put_str(out, "NULL");
		put_type(out, type, "");
		return;
	}
	buf_init(&text, LINE_MAX);
	if (binary && pgvalue_text(type, s, &text)) {
		put_literal(out, buf_span(&text));
		put_type(out, type, "");
	} else if (binary) {
		buf_put_str(out, "\\x");
		for (size_t i = 0; i < s.n; i++)
			buf_printf(out, "%02x", s.p[i]);
		put_type(out, type, ", binary");
	} else {
		put_literal(out, s);
		put_type(out, type, "");
	}
	buf_clear(&text);
}

static int parse(struct span packed, struct mp_doc **doc)
{
	int rc = mp_parse(packed, doc, NULL);

	if (rc != 0)
		return E_FORMAT;
	for (size_t i = 0; rc == 0 && i < mp_count(mp_root(*doc)); i++)
		if (!well_formed(mp_at(mp_root(*doc), i)))
			rc = E_FORMAT;
	if (rc == 0 && mp_type(mp_root(*doc)) != MP_ARRAY)
		rc = E_FORMAT;
	if (rc != 0) {
		mp_free(*doc);
		*doc = NULL;
	}
	return rc;
}

int pgparam_show(struct span packed, struct buf *out)
{
	struct mp_doc *doc = NULL;
	int rc = parse(packed, &doc);

	for (size_t i = 0; rc == 0 && i < mp_count(mp_root(doc)); i++) {
		buf_printf(out, "$%zu = ", i + 1);
		put_value(out, mp_at(mp_root(doc), i));
		buf_put_u8(out, '\n');
	}
	mp_free(doc);
	return rc != 0 ? rc : buf_err(out);
}

static const char *shown(const struct mp_val *v, char text[SHOWN + 8])
{
	struct buf b;

	buf_init(&b, LINE_MAX);
	put_value(&b, v);
	(void)span_escape(buf_span(&b), text, SHOWN + 8);
	buf_clear(&b);
	return text;
}

static bool same(const struct mp_val *a, const struct mp_val *b)
{
	return mp_u64(mp_at(a, 0), 0) == mp_u64(mp_at(b, 0), 0) && mp_i64(mp_at(a, 1), 0) == mp_i64(mp_at(b, 1), 0) &&
	       mp_type(mp_at(a, 2)) == mp_type(mp_at(b, 2)) && span_eq(mp_span(mp_at(a, 2)), mp_span(mp_at(b, 2)));
}

bool pgparam_differs(struct span was, struct span is, char *out, size_t cap)
{
	struct mp_doc *a = NULL, *b = NULL;
	char x[SHOWN + 8], y[SHOWN + 8];
	size_t i = 0, n;

	out[0] = '\0';
	if (span_eq(was, is))
		return false;
	(void)snprintf(out, cap, "the parameters are others");
	if (parse(was, &a) == 0 && parse(is, &b) == 0) {
		n = mp_count(mp_root(a));
		while (i < n && i < mp_count(mp_root(b)) && same(mp_at(mp_root(a), i), mp_at(mp_root(b), i)))
			i++;
		if (i < n && i < mp_count(mp_root(b)))
			(void)snprintf(out, cap, "$%zu was %s, is %s", i + 1, shown(mp_at(mp_root(a), i), x),
			    shown(mp_at(mp_root(b), i), y));
	}
	mp_free(a);
	mp_free(b);
	return true;
}

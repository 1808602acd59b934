/* SPDX-License-Identifier: Apache-2.0
 *
 * One value in, its mask out: the table of types and who masks them. Types that are not in the
 * table have no valid mask and become NULL. Formats: PostgreSQL's text and binary input/output
 * functions (src/backend/utils/adt).
 */
#include "mask/mask.h"

#include "mask/form.h"

typedef bool mask_fn(const struct mask_col *c, struct span value, struct form *f);

static bool mask_json(const struct mask_col *c, struct span value, struct form *f)
{
	(void)value;
	form_set(f, c->type == 3802 && c->format == 1 ? "\x01\"********\"" : "\"********\"");
	return true;
}

static bool mask_xml(const struct mask_col *c, struct span value, struct form *f)
{
	(void)c;
	(void)value;
	form_set(f, "<masked/>");
	return true;
}

static bool mask_bytea(const struct mask_col *c, struct span value, struct form *f)
{
	(void)value;
	form_set(f, c->format == 1 ? "********" : "\\x2a2a2a2a2a2a2a2a");
	return true;
}

static bool mask_char(const struct mask_col *c, struct span value, struct form *f)
{
	(void)c;
	(void)value;
	form_set(f, "*");
	return true;
}

/* The nil UUID: valid, known as "none", the same for all. */
static bool mask_uuid(const struct mask_col *c, struct span value, struct form *f)
{
	static const char nil[16];

	(void)value;
	f->n = 0;
	if (c->format == 1)
		form_add(f, nil, sizeof(nil));
	else
		form_set(f, "00000000-0000-0000-0000-000000000000");
	return true;
}

static const struct {
	uint32_t type;
	mask_fn *mask;
} masks[] = {
    {25, mask_text},        /* text */
    {1043, mask_text},      /* varchar */
    {1042, mask_text},      /* bpchar */
    {19, mask_text},        /* name */
    {705, mask_text},       /* unknown */
    {18, mask_char},        /* "char" */
    {114, mask_json},       /* json */
    {3802, mask_json},      /* jsonb */
    {142, mask_xml},        /* xml */
    {17, mask_bytea},       /* bytea */
    {20, mask_integer},     /* int8 */
    {23, mask_integer},     /* int4 */
    {1700, mask_numeric},   /* numeric */
    {700, mask_float},      /* float4 */
    {701, mask_float},      /* float8 */
    {1082, mask_date},      /* date */
    {1114, mask_timestamp}, /* timestamp */
    {1184, mask_timestamp}, /* timestamptz */
    {2950, mask_uuid},      /* uuid */
    {869, mask_inet},       /* inet */
    {650, mask_inet},       /* cidr */
};

enum mask_answer mask_pg_value(const struct mask_col *c, struct span value, struct buf *out)
{
	struct form f = {0};

	if (c->format != 0 && c->format != 1)
		return MASK_IS_NULL;
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		if (masks[i].type != c->type)
			continue;
		if (!masks[i].mask(c, value, &f))
			return MASK_IS_NULL;
		buf_put(out, f.p, f.n);
		return buf_err(out) == 0 ? MASK_IS_VALUE : MASK_IS_NULL;
	}
	return MASK_IS_NULL;
}

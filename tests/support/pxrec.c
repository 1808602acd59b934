/* SPDX-License-Identifier: Apache-2.0
 *
 * The lab's look at a recording: read back whole by record/reader.h, which checks the chain.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "record/reader.h"
#include "tests/support/pxlab.h"

typedef bool each_fn(void *ctx, const struct rec_frame *f); /* false: enough */

static void each(struct pxlab *l, each_fn *fn, void *ctx)
{
	const struct rec_frame *f;
	struct reader *r = NULL;
	struct why w = {0};
	int rc;

	cr_assert(reader_open(l->dir, READER_PREFER_RAW, &r, &w) == 0, "%s: %s", l->dir, w.text);
	while ((rc = reader_next(r, &f, &w)) == 1)
		if (!fn(ctx, f))
			break;
	/* What a full disk leaves behind ends what can be read, also when the next segment was given meanwhile. */
	cr_assert(rc >= 0 || (l->may_be_cut && strstr(w.text, "(cut)") != NULL), "%s", w.text);
	reader_free(r);
}

static void param_text(void *ctx, size_t i, const struct rec_param *p)
{
	struct buf *b = ctx;

	buf_printf(b, "%s%d:", i > 0 ? " " : "", p->format);
	if (p->is_null)
		buf_put_str(b, "NULL");
	else
		buf_put_span(b, p->value);
}

static const char *field(const struct rec_frame *f, const char *key)
{
	struct span s = rec_text(f, key);
	const char *text;
	char num[32];
	struct buf b;

	if (strcmp(key, "params") == 0) {
		buf_init(&b, 1 << 20);
		(void)rec_each_param(f, param_text, &b);
		text = lab_ring(buf_span(&b));
		buf_clear(&b);
		return text;
	}
	if (strcmp(key, "sent") == 0)
		return rec_flag(f, key, false) ? "yes" : "no";
	if (s.p != NULL)
		return lab_ring(s);
	snprintf(num, sizeof(num), "%llu", (unsigned long long)rec_num(f, key, UINT64_MAX));
	return rec_num(f, key, UINT64_MAX) == UINT64_MAX ? "" : lab_ring(span_str(num));
}

struct want {
	unsigned type;
	size_t i, n;
	const char *key, *value, *found;
};

static bool count(void *ctx, const struct rec_frame *f)
{
	struct want *w = ctx;

	w->n += f->type == w->type && (w->key == NULL || strcmp(field(f, w->key), w->value) == 0);
	return true;
}

size_t lab_records(struct pxlab *l, enum rec_type t)
{
	struct want w = {.type = t};

	each(l, count, &w);
	return w.n;
}

size_t lab_recorded(struct pxlab *l, enum rec_type t, const char *key, const char *value)
{
	struct want w = {.type = t, .key = key, .value = value};

	each(l, count, &w);
	return w.n;
}

static bool pick(void *ctx, const struct rec_frame *f)
{
	struct want *w = ctx;

	if (f->type != w->type || w->i-- > 0)
		return true;
	w->found = field(f, w->key);
	return false;
}

const char *lab_record(struct pxlab *l, enum rec_type t, size_t i, const char *key)
{
	struct want w = {.type = t, .i = i, .key = key, .found = ""};

	each(l, pick, &w);
	return w.found;
}

bool lab_rec_holds(struct pxlab *l, const char *bytes)
{
	bool found = false;
	char path[160];
	struct buf b;

	buf_init(&b, 512u << 20);
	for (unsigned i = 1; i <= l->segment && !found; i++) {
		snprintf(path, sizeof(path), "%s/%06u.rec", l->dir, i);
		buf_reset(&b);
		cr_assert(file_read(path, &b) == 0);
		found = buf_len(&b) > 0 && memmem(buf_span(&b).p, buf_len(&b), bytes, strlen(bytes)) != NULL;
	}
	buf_clear(&b);
	return found;
}

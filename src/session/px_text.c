/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts of SQL and what is known about them, cached by their exact bytes. The only liberty taken: an integer
 * behind a comparison sign in a text of plain words does not matter to facts, verdict or lineage, so texts that
 * differ only there share an entry (point queries of the simple protocol).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "detect/detect.h"
#include "session/px.h"

#define CACHE_BUCKETS 256u
#define CACHE_MAX 512u
#define CACHE_TEXT_MAX 16384u /* longer texts are judged anew each time */
#define SHAPE_MAX 1024u

void px_plan_free(struct px_plan *p)
{
	if (p == NULL)
		return;
	free(p->col);
	buf_clear(&p->body);
	free(p);
}

void px_text_ref(struct px_text *t)
{
	t->refs++;
}

void px_text_unref(struct px_text *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	sql_facts_clear(&t->facts);
	if (t->has_lineage)
		lineage_clear(&t->lineage);
	px_plan_free(t->plan);
	free(t->types);
	free(t->key);
	free(t->sql);
	free(t);
}

static uint64_t text_hash(struct span s)
{
	static uint64_t seed;
	uint64_t h;

	if (seed == 0) {
		crypto_random(&seed, sizeof(seed)); /* texts come from outside: no chosen collisions */
		seed |= 1;
	}
	h = seed;
	while (s.n >= 8) {
		uint64_t w;

		memcpy(&w, s.p, 8);
		h = (h ^ w) * 0x9fb21c651e98df25ull;
		h ^= h >> 29;
		s = span_of(s.p + 8, s.n - 8);
	}
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 0x100000001b3ull;
	return h ^ (h >> 32);
}

/* Bytes that can stand in a text whose integers may be abstracted: no quotes, comments, dollars, backslashes, casts,
 * brackets or non-ASCII, so there is one lexical reading and an integer is an integer. */
static const uint8_t plain_byte[256] = {['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['_'] = 1, [' '] = 2, ['\n'] = 2, [','] = 2,
    ['.'] = 3, ['('] = 2, [')'] = 2, [';'] = 2, ['*'] = 2, ['+'] = 2, ['='] = 4, ['<'] = 4, ['>'] = 4, ['0' ... '9'] = 5};

/* Replace integers directly behind = < > by '#'. False when the text has anything but plain bytes or nothing changes. */
static bool text_shape(struct span s, uint8_t *out, size_t *n)
{
	bool compared = false; /* the last byte that was not a space is = < > */
	bool changed = false;
	size_t o = 0;

	if (s.n > SHAPE_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t kind = plain_byte[s.p[i]];

		if (kind == 0)
			return false;
		if (kind == 5 && compared) {
			size_t e = i;

			while (e < s.n && plain_byte[s.p[e]] == 5)
				e++;
			/* 1.5, 1e5, 0x1f and 12ab are not plain integers; long ones are numeric: leave them be. */
			if (e - i <= 9 && (e == s.n || plain_byte[s.p[e]] == 2)) {
				out[o++] = '#';
				i = e - 1;
				compared = false;
				changed = true;
				continue;
			}
		}
		out[o++] = s.p[i];
		if (s.p[i] != ' ' && s.p[i] != '\n')
			compared = kind == 4;
	}
	*n = o;
	return changed;
}

static void cache_drop(struct pgproxy *x, size_t bucket)
{
	while (x->cache[bucket] != NULL) {
		struct px_text *t = x->cache[bucket];

		x->cache[bucket] = t->next;
		t->next = NULL;
		x->n_cache--;
		px_text_unref(t);
	}
}

void px_cache_free(struct pgproxy *x)
{
	for (size_t i = 0; x->cache != NULL && i < CACHE_BUCKETS; i++)
		cache_drop(x, i);
	free(x->cache);
	x->cache = NULL;
}

static uint8_t *bytes_dup(struct span s)
{
	uint8_t *p = xcalloc(1, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

/* EXECUTE of a name that we know is as strict as what was prepared; but a utility statement, which the extended protocol
 * can prepare as well, speaks of names itself, and they may mean something else by now. */
static bool prepared_class(void *ctx, const char *name, struct sql_prepared *out)
{
	const struct px_stmt *p = px_stmt_find(ctx, span_str(name));

	if (p == NULL || (p->by_sql ? p->text->by_name : p->text->late))
		return false;
	px_text_judge(ctx, p->text); /* its facts depend on the catalogue */
	*out = (struct sql_prepared){.cls = p->text->facts.cls};
	for (size_t i = 0; i < p->text->facts.n_stmts; i++) {
		const struct sql_stmt *s = &p->text->facts.stmts[i];

		out->classes |= s->classes;
		out->flags |= s->flags & (SQLF_MEASURE | SQLF_CARRIED);
		out->rows += s->rows;
		out->inner_rows += s->inner_rows;
	}
	return true;
}

/* A parameter's type runs code when its value arrives. */
static bool types_run(struct pgproxy *x, const struct px_text *t)
{
	for (size_t i = 0; i < t->n_types; i++)
		if (px_known_type_runs(x, t->types[i]))
			return true;
	return false;
}

static void text_facts(struct pgproxy *x, struct px_text *t)
{
	struct sql_context cx = {.prepared = prepared_class, .ctx = x, .known = px_known(x), .param_types = t->types,
	    .n_param_types = t->n_types};

	if (types_run(x, t))
		cx.param_runs = "the type of a parameter runs code of this database";
	t->catalog_stale = x->catalog_stale;
	cx.dump_client = strncmp(x->app, "pg_dump", 7) == 0;
	sql_facts_clear(&t->facts);
	pgsql_facts(span_of(t->sql, t->n_sql), &cx, &t->facts);
}

/* The next FETCH or MOVE behind s (NULL: the first). */
static const struct sql_stmt *fetches(const struct px_text *t, const struct sql_stmt *s)
{
	const struct sql_stmt *end = t->facts.stmts + t->facts.n_stmts;

	for (s = s == NULL ? t->facts.stmts : s + 1; s < end; s++)
		if (strcmp(s->tag, "FETCH") == 0 || strcmp(s->tag, "MOVE") == 0)
			return s;
	return NULL;
}

static struct px_text *text_new(struct pgproxy *x, struct span key, struct span sql, struct span types, uint64_t hash)
{
	struct cur c = cur_of(types);

	struct px_text *t = xcalloc(1, sizeof(*t));

	t->refs = 1;
	t->hash = hash;
	t->key = bytes_dup(key);
	t->n_key = key.n;
	t->sql = bytes_dup(sql);
	t->n_sql = sql.n;
	t->types = xcalloc(types.n / 4 + 1, sizeof(*t->types));
	for (t->n_types = 0; t->n_types < types.n / 4; t->n_types++)
		t->types[t->n_types] = cur_u32be(&c);
	text_facts(x, t);
	t->by_name = (t->facts.flags & SQLF_BY_NAME) != 0 || fetches(t, NULL) != NULL;
	t->late = t->by_name || (t->facts.flags & SQLF_UTILITY) != 0;
	return t;
}

/* A write whose source is masked for this role would be read back clear, here or in another session: it waits for an
 * operator whatever its class. An unproven source counts only where something is written at all, or gets a name. Code is
 * no source: storing it copies nothing, and whether a block of it may run is the policy's word on opaque. */
static bool stores(const struct sql_stmt *s)
{
	static const char *const code[] = {"DO", "CREATE FUNCTION", "CREATE PROCEDURE"};

	for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++)
		if (strcmp(s->tag, code[i]) == 0)
			return false;
	return (s->flags & SQLF_WRITES) != 0 || strncmp(s->tag, "CREATE ", 7) == 0 || strcmp(s->tag, "SELECT INTO") == 0;
}

static void hold_masked(struct px_text *t, size_t stmt, const struct lineage_stmt *ls)
{
	t->j.verdict = VERDICT_HOLD;
	(void)str_copy(t->j.rule, sizeof(t->j.rule), ls->rows ? "mask/rows" : "mask/write");
	(void)snprintf(t->j.reason, sizeof(t->j.reason), ls->rows ? "%s: the number or order of its rows would tell %s" :
	    "%s writes %s where it would be readable", t->facts.stmts[stmt].tag,
	    ls->written.what == LINEAGE_SENSITIVE ? "masked data" : "data of unproven origin");
	(void)str_copy(t->j.hint, sizeof(t->j.hint), ls->rows ? "compare masked columns with constants only, and sort or group by whole ones" :
	    "masked data may be copied with an operator's approval only");
}

/* Names of this statement may mean something else by the time it runs: something before it in its message, or on its way
 * to the server, changes what they mean. */
static bool names_unsure(const struct pgproxy *x, const struct px_text *t, size_t stmt)
{
	bool changed = x->catalog_stale;

	for (size_t i = 0; i < stmt; i++)
		changed = changed || (t->facts.stmts[i].flags & SQLF_CATALOG) != 0;
	return changed && (t->facts.stmts[stmt].flags & (SQLF_UTILITY | SQLF_CATALOG)) == 0;
}

/* Then it must be harmless whatever the columns hold. */
static void judge_unsure(struct pgproxy *x, struct px_text *t)
{
	struct catalog cat = px_catalog(x);
	struct lineage_result lr;
	size_t i = 0;

	while (i < t->facts.n_stmts && !names_unsure(x, t, i))
		i++;
	if (!t->touches || i == t->facts.n_stmts)
		return;
	cat.unsure_kind = PII_OTHER;
	pgsql_lineage(span_of(t->sql, t->n_sql), &cat, &lr);
	for (; i < t->facts.n_stmts && t->j.verdict > VERDICT_HOLD; i++)
		if (i < lr.n_stmts && names_unsure(x, t, i) && (lr.stmts[i].rows || lr.stmts[i].written.what == LINEAGE_SENSITIVE))
			hold_masked(t, i, &lr.stmts[i]);
	lineage_clear(&lr);
}

static void judge_masked_write(struct pgproxy *x, struct px_text *t)
{
	if (x->view.mask == MASK_NONE || t->j.verdict <= VERDICT_HOLD)
		return;
	for (size_t i = 0; i < t->facts.n_stmts; i++) {
		const struct lineage_stmt *ls = px_lineage_of(x, t, i);

		if (ls == NULL || (ls->written.what == LINEAGE_CLEAN && !ls->rows) ||
		    (ls->written.what == LINEAGE_UNKNOWN && !ls->rows && !stores(&t->facts.stmts[i])))
			continue;
		hold_masked(t, i, ls);
		return;
	}
	judge_unsure(x, t);
}

/* Does it run what other texts say? EXECUTE, FETCH, and the deferred triggers of COMMIT can fail on any value. */
static bool text_speaks_for_others(const struct px_text *t)
{
	return t->by_name || (t->facts.flags & SQLF_TX_END) != 0;
}

/* Whatever the text says, it is code that nobody has looked at. */
static void judge_raise(struct pgproxy *x, struct px_text *t, const char *reason)
{
	struct sql_facts f = t->facts;
	struct sql_stmt one = {.cls = SQL_OPAQUE, .len = (uint32_t)t->n_sql};

	if (sql_class_level(f.cls) >= sql_class_level(SQL_OPAQUE))
		return;
	(void)str_copy(one.reason, sizeof(one.reason), reason);
	(void)str_copy(one.tag, sizeof(one.tag), f.n_stmts > 0 ? f.stmts[0].tag : "");
	(void)str_copy(f.reason, sizeof(f.reason), reason);
	f.cls = SQL_OPAQUE;
	f.stmts = &one;
	f.n_stmts = 1;
	policy_judge(&x->view, &f, &t->j);
}

/* Portals of the protocol are cursors by their names: the first FETCH of one runs it, and nothing has been decided about
 * that yet. */
static void judge_fetch(struct pgproxy *x, struct px_text *t)
{
	for (const struct sql_stmt *s = fetches(t, NULL); s != NULL; s = fetches(t, s)) {
		const struct px_portal *p = px_portal_find(x, span_str(s->name));

		if (p != NULL && !p->ran && (p->text->late || p->text->j.verdict <= VERDICT_MEASURE))
			judge_raise(x, t, "runs a portal that Bind made and Execute has not run");
	}
}

void px_text_judge(struct pgproxy *x, struct px_text *t)
{
	bool same = t->catalog_epoch == x->catalog_epoch && t->catalog_stale == x->catalog_stale;

	if (t->judged && !t->by_name && t->view_seq == x->view_seq && same)
		return;
	if (t->judged && (t->by_name || !same))
		text_facts(x, t); /* names may mean something else by now */
	t->judged = true;
	t->view_seq = x->view_seq;
	if (t->catalog_epoch != x->catalog_epoch) {
		if (t->has_lineage)
			lineage_clear(&t->lineage);
		t->has_lineage = false;
		px_plan_free(t->plan);
		t->plan = NULL;
		t->catalog_epoch = x->catalog_epoch;
	}
	policy_judge(&x->view, &t->facts, &t->j);
	t->touches = px_catalog_touches(x, &t->facts) || text_speaks_for_others(t);
	judge_masked_write(x, t);
	judge_fetch(x, t);
}

bool px_text_holds(const struct px_text *t)
{
	return t->j.verdict == VERDICT_HOLD;
}

static struct px_text *cache_find(struct pgproxy *x, struct span key, uint64_t hash, bool shaped)
{
	if (x->cache == NULL)
		x->cache = xcalloc(CACHE_BUCKETS, sizeof(*x->cache));
	for (struct px_text *t = x->cache[hash % CACHE_BUCKETS]; t != NULL; t = t->next)
		if (t->hash == hash && t->shaped == shaped && span_eq(span_of(t->key, t->n_key), key))
			return t;
	return NULL;
}

static struct px_text *cache_add(struct pgproxy *x, struct span key, struct span sql, struct span types, uint64_t hash)
{
	struct px_text *t = text_new(x, key, sql, types, hash);
	size_t bucket = hash % CACHE_BUCKETS;

	if (x->n_cache >= CACHE_MAX)
		cache_drop(x, (size_t)clock_mono_us() % CACHE_BUCKETS);
	t->next = x->cache[bucket];
	x->cache[bucket] = t;
	x->n_cache++;
	return t;
}

static struct px_text *text_find(struct pgproxy *x, struct span key, struct span sql, struct span types, bool shaped)
{
	uint64_t hash = text_hash(key);
	struct px_text *t = cache_find(x, key, hash, shaped);

	if (t == NULL) {
		t = cache_add(x, key, sql, types, hash);
		t->shaped = shaped;
	}
	px_text_ref(t);
	return t;
}

struct px_text *px_text_get(struct pgproxy *x, struct span sql, bool share)
{
	uint8_t shape[SHAPE_MAX];
	struct px_text *t;
	size_t n = 0;

	if (sql.n > CACHE_TEXT_MAX) {
		t = text_new(x, span_of(NULL, 0), sql, span_of(NULL, 0), 0);
	} else if (share && text_shape(sql, shape, &n)) {
		t = text_find(x, span_of(shape, n), sql, span_of(NULL, 0), true);
		/* A number gives SET its meaning, and PREPARE lends its text to later messages. */
		if ((t->facts.flags & SQLF_UTILITY) != 0) {
			px_text_unref(t);
			return px_text_get(x, sql, false);
		}
	} else {
		t = text_find(x, sql, sql, span_of(NULL, 0), false);
	}
	px_text_judge(x, t);
	return t;
}

struct px_text *px_text_get_typed(struct pgproxy *x, struct span sql, struct span types)
{
	struct px_text *t;
	struct buf key;

	if (types.n == 0)
		return px_text_get(x, sql, false);
	buf_init(&key, 2 * CACHE_TEXT_MAX);
	buf_put(&key, sql.p, sql.n);
	buf_put_u8(&key, 0); /* which no text holds */
	buf_put(&key, types.p, types.n);
	if (buf_err(&key) != 0 || buf_len(&key) > CACHE_TEXT_MAX)
		t = text_new(x, span_of(NULL, 0), sql, types, 0);
	else
		t = text_find(x, buf_span(&key), sql, types, false);
	buf_clear(&key);
	px_text_judge(x, t);
	return t;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks the tree of one file along the schema: sections, their elements, the keys of each element.
 * Every problem is reported and the walk goes on, so that one run shows all of them.
 */
#include "conf/conf_fill.h"

#include <stdarg.h>
#include <stdio.h>

#include "conf/suggest.h"

struct conf_quoted conf_quote(const char *s)
{
	struct conf_quoted q;
	size_t n = strlen(s);

	/* span_escape marks a cut with "..." */
	(void)span_escape(span_of(s, n), q.s, 104);
	return q;
}

void conf_fill_err(struct conf_fill *f, const struct conf_where *at, const struct conf_key *k,
    const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conf_err(f->errs, at, "%s: \"%s\": %s", f->ctx, k->name, text);
}

/* --- the keys of one element --- */

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void unknown_key(struct conf_fill *f, const struct cnode *key, const char *prefix)
{
	char hint[128], part[64];
	struct suggest sg;
	size_t i;

	suggest_init(&sg, key->text);
	for (i = 0; i < f->sec->n_keys; i++) {
		const char *name = f->sec->keys[i].name;

		/* a candidate is a whole key; of "session.ttl" a misspelt "session" is found below
		 */
		if (has_prefix(name, prefix) && strchr(name + strlen(prefix), '.') == NULL)
			suggest_add(&sg, name + strlen(prefix));
	}
	for (i = 0; i < f->sec->n_keys && sg.best == NULL; i++) {
		const char *name = f->sec->keys[i].name, *dot = strchr(name, '.');

		if (prefix[0] == '\0' && dot != NULL && (size_t)(dot - name) < sizeof(part)) {
			(void)snprintf(part, sizeof(part), "%.*s", (int)(dot - name), name);
			suggest_add(&sg, part);
			if (sg.best == part)
				break;
		}
	}
	conf_err(f->errs, &key->at, "%s: unknown key \"%s%s\"%s", f->ctx, prefix,
	    conf_quote(key->text).s, suggest_text(&sg, hint, sizeof(hint)));
}

static void one_key(
    struct conf_fill *f, size_t i, const struct cnode *key, const struct cnode *value)
{
	const struct conf_key *k = &f->sec->keys[i];

	if (k->type == CT_UNSUPPORTED) {
		conf_err(f->errs, &key->at, "%s: \"%s\" is not supported by this version", f->ctx,
		    k->name);
		return;
	}
	if (f->seen[i].line >
	    0) { /* the same section in another file: within one file the reader has said it */
		conf_err(f->errs, &key->at, "%s: \"%s\" is given twice (first in %s:%d)", f->ctx,
		    k->name, f->seen[i].file, f->seen[i].line);
		return;
	}
	f->seen[i] = key->at;
	conf_types[k->type].read(f, k, value);
}

static void fill_map(struct conf_fill *f, const struct cnode *map, const char *prefix);

/* "session: {...}": the keys of the table that start with "session." */
static void nested_map(
    struct conf_fill *f, const struct cnode *key, const struct cnode *value, const char *path)
{
	if (value->bad)
		return;
	if (value->kind != CN_MAP || value->n == 0)
		conf_err(f->errs, &value->at, "%s: \"%s\" must be a map, like {a: b}", f->ctx,
		    conf_quote(key->text).s);
	else
		fill_map(f, value, path);
}

static void fill_map(struct conf_fill *f, const struct cnode *map, const char *prefix)
{
	char path[160], dotted[164];
	size_t i, j;

	for (i = 0; i < map->n; i++) {
		const struct cnode *key = map->key[i];
		bool parent = false;

		if (key->bad)
			continue;
		(void)snprintf(path, sizeof(path), "%s%s", prefix, key->text);
		(void)snprintf(dotted, sizeof(dotted), "%s.", path);
		for (j = 0; j < f->sec->n_keys && strcmp(f->sec->keys[j].name, path) != 0; j++)
			parent = parent || has_prefix(f->sec->keys[j].name, dotted);
		if (strchr(key->text, '.') != NULL)
			unknown_key(
			    f, key, prefix); /* "session.ttl" is how we write it in messages only */
		else if (j < f->sec->n_keys)
			one_key(f, j, key, map->item[i]);
		else if (parent)
			nested_map(f, key, map->item[i], dotted);
		else
			unknown_key(f, key, prefix);
	}
}

/* The default as if it were written where the element is. */
static void fill_default(struct conf_fill *f, const struct conf_key *k)
{
	struct cnode one = {.kind = CN_SCALAR, .at = f->at, .text = conf_strdup(f->mem, k->dflt)};
	struct cnode *items[1] = {&one};
	struct cnode list = {
	    .kind = CN_LIST, .at = f->at, .text = "", .n = 1, .cap = 1, .item = items};

	conf_types[k->type].read(f, k, k->type == CT_LIST ? &list : &one);
}

static void fill_rest(struct conf_fill *f)
{
	size_t i;

	for (i = 0; i < f->sec->n_keys; i++) {
		const struct conf_key *k = &f->sec->keys[i];

		if (f->seen[i].line > 0)
			continue;
		if (k->required)
			conf_err(f->errs, &f->at, "%s: \"%s\" is missing", f->ctx, k->name);
		else if (k->dflt != NULL)
			fill_default(f, k);
	}
}

/* --- elements of a section --- */

static void set_where(const struct conf_section *sec, void *base, struct conf_where at)
{
	if (sec->off_where != OFF_NONE)
		*(struct conf_where *)((char *)base + sec->off_where) = at;
}

static char **name_field(const struct conf_section *sec, void *base)
{
	return (char **)((char *)base + sec->off_name);
}

static struct conf_fill fill_of(struct conf_mem *m, struct conf_errs *e,
    const struct conf_section *sec, void *base, struct conf_where at)
{
	struct conf_fill f = {.mem = m, .errs = e, .sec = sec, .base = base, .at = at};

	return f;
}

/* Fields whose "not given" is not zero. */
static void preset(const struct conf_section *sec, void *base)
{
	if (sec == &conf_sections[SEC_USERS])
		((struct conf_user *)base)->uid = -1;
	else if (sec == &conf_sections[SEC_BASE])
		((struct conf_base *)base)->guard_rows = -1;
	else if (sec == &conf_sections[SEC_ROLES])
		((struct conf_role *)base)->guard_rows = -1;
	else if (sec == &conf_sections[SEC_RULES])
		((struct conf_rule *)base)->guard_rows = -1;
}

static void fill_element(struct conf_fill *f, const struct cnode *n, bool may_be_empty)
{
	preset(f->sec, f->base);
	set_where(f->sec, f->base, f->at);
	if (n->bad)
		return;
	if (n->kind != CN_MAP) {
		if (!(may_be_empty && n->kind == CN_SCALAR && n->text[0] == '\0' && n->plain))
			conf_err(f->errs, &n->at, "%s must be a map, like {a: b}", f->ctx);
		return;
	}
	fill_map(f, n, "");
	fill_rest(f);
}

static bool name_taken(const struct conf_section *sec, char *array, size_t n, const char *name,
    struct conf_where *first)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const char *other = *name_field(sec, array + i * sec->size);

		if (other == NULL || strcmp(other, name) != 0)
			continue;
		*first = (struct conf_where){NULL, 0, 0};
		if (sec->off_where != OFF_NONE)
			*first = *(struct conf_where *)(array + i * sec->size + sec->off_where);
		return true;
	}
	return false;
}

static void check_name(struct conf_fill *f, const struct cnode *key, char *array, size_t n)
{
	const char *what = f->sec->check_name != NULL ? f->sec->check_name(key->text) : NULL;
	struct conf_where first;

	if (what != NULL)
		conf_err(f->errs, &key->at, "%s: the name %s", f->ctx, what);
	if (name_taken(f->sec, array, n, key->text, &first))
		conf_err(f->errs, &key->at, "%s is given twice (first in %s:%d)", f->ctx,
		    first.file != NULL ? first.file : "this file", first.line);
}

/* Room for more elements; returns the array's new start. */
static char *grow_array(
    struct conf_mem *m, const struct conf_section *sec, void *parent, size_t more)
{
	char **v = (char **)((char *)parent + sec->off_v);
	size_t n = *(size_t *)((char *)parent + sec->off_n);
	char *fresh = conf_alloc(m, n + more, sec->size);

	if (n > 0)
		memcpy(fresh, *v, n * sec->size);
	*v = fresh;
	return fresh;
}

static void fill_named(struct conf_mem *m, struct conf_errs *e, const struct conf_section *sec,
    void *parent, const char *prefix, const struct cnode *map, const struct cnode **nodes)
{
	char *array = grow_array(m, sec, parent, map->n);
	size_t *n = (size_t *)((char *)parent + sec->off_n), i;

	for (i = 0; i < map->n; i++) {
		struct conf_fill f = fill_of(m, e, sec, array + *n * sec->size, map->key[i]->at);

		if (map->key[i]->bad)
			continue;
		(void)snprintf(f.ctx, sizeof(f.ctx), "%s%s \"%s\"", prefix, sec->noun,
		    conf_quote(map->key[i]->text).s);
		check_name(&f, map->key[i], array, *n);
		*name_field(sec, f.base) = conf_strdup(m, map->key[i]->text);
		fill_element(&f, map->item[i], sec == &conf_section_login);
		if (nodes != NULL)
			nodes[*n] = map->item[i];
		(*n)++;
	}
}

void conf_fill_sub(struct conf_fill *up, const struct conf_section *sec, const struct cnode *map)
{
	char prefix[120];

	(void)snprintf(prefix, sizeof(prefix), "%.110s: ", up->ctx);
	fill_named(up->mem, up->errs, sec, up->base, prefix, map, NULL);
}

static void fill_list(struct conf_build *b, int s, const struct cnode *list)
{
	const struct conf_section *sec = &conf_sections[s];
	char *array = grow_array(b->mem, sec, b->c, list->n);
	size_t *n = (size_t *)((char *)b->c + sec->off_n), i;

	for (i = 0; i < list->n; i++) {
		const struct cnode *item = list->item[i], *name = cnode_get(item, "name", NULL);
		struct conf_fill f =
		    fill_of(b->mem, &b->errs, sec, array + *n * sec->size, item->at);

		if (name != NULL && name->kind == CN_SCALAR && !name->bad &&
		    name->text[0] != '\0') {
			(void)snprintf(
			    f.ctx, sizeof(f.ctx), "%s \"%s\"", sec->noun, conf_quote(name->text).s);
			check_name(&f, name, array, *n);
		} else {
			(void)snprintf(f.ctx, sizeof(f.ctx), "%s number %zu", sec->noun, *n + 1);
		}
		fill_element(&f, item, false);
		b->nodes[s][*n] = item;
		(*n)++;
	}
}

/* --- sections of one file --- */

static void grow_nodes(struct conf_build *b, int s, size_t more)
{
	size_t n = *(size_t *)((char *)b->c + conf_sections[s].off_n);
	const struct cnode **fresh = conf_alloc(b->mem, n + more, sizeof(*fresh));

	if (n > 0)
		memcpy(fresh, b->nodes[s], n * sizeof(*fresh));
	b->nodes[s] = fresh;
}

static void fill_section(
    struct conf_build *b, int s, const struct cnode *key, const struct cnode *n)
{
	const struct conf_section *sec = &conf_sections[s];
	enum cnode_kind want = sec->shape == SHAPE_LIST ? CN_LIST : CN_MAP;

	if (n->bad)
		return;
	if (n->kind != want) {
		conf_err(&b->errs, &n->at, "\"%s\" must be a %s", sec->name,
		    want == CN_LIST ? "list" : "map");
		return;
	}
	if (b->sections_at[s].line == 0)
		b->sections_at[s] = key->at;
	if (sec->shape == SHAPE_ONE) {
		b->one[s].at = key->at;
		fill_map(&b->one[s], n, "");
		return;
	}
	grow_nodes(b, s, n->n);
	if (sec->shape == SHAPE_LIST)
		fill_list(b, s, n);
	else
		fill_named(b->mem, &b->errs, sec, b->c, "", n, b->nodes[s]);
}

static void unknown_section(struct conf_build *b, const struct cnode *key)
{
	struct suggest sg;
	char hint[128];
	size_t i;

	for (i = 0; conf_later[i] != NULL; i++) {
		if (strcmp(conf_later[i], key->text) == 0) {
			conf_err(&b->errs, &key->at, "\"%s\" is not supported by this version",
			    key->text);
			return;
		}
	}
	suggest_init(&sg, key->text);
	for (i = 0; i < CONF_SECTIONS; i++)
		suggest_add(&sg, conf_sections[i].name);
	conf_err(&b->errs, &key->at, "unknown key \"%s\"%s", conf_quote(key->text).s,
	    suggest_text(&sg, hint, sizeof(hint)));
}

void conf_fill_begin(struct conf_build *b)
{
	int s;

	for (s = 0; s < CONF_SECTIONS; s++) {
		const struct conf_section *sec = &conf_sections[s];

		if (sec->shape != SHAPE_ONE)
			continue;
		b->one[s] = fill_of(b->mem, &b->errs, sec, (char *)b->c + sec->off_v,
		    (struct conf_where){NULL, 0, 0});
		(void)snprintf(b->one[s].ctx, sizeof(b->one[s].ctx), "%s", sec->noun);
	}
}

void conf_fill_file(struct conf_build *b, const struct cnode *root, const char *file)
{
	struct conf_where at = {file, 1, 1};
	size_t i;
	int s;

	if (root == NULL || (root->kind == CN_SCALAR && root->text[0] == '\0' && !root->bad)) {
		at.line = 0;
		conf_err(&b->errs, &at, "there is nothing in this file");
		return;
	}
	if (root->kind != CN_MAP) {
		if (!root->bad)
			conf_err(&b->errs, &root->at,
			    "the file must be a map of sections, like gateway: {...}");
		return;
	}
	for (i = 0; i < root->n; i++) {
		if (root->key[i]->bad)
			continue;
		for (s = 0; s < CONF_SECTIONS; s++)
			if (strcmp(conf_sections[s].name, root->key[i]->text) == 0)
				break;
		if (s < CONF_SECTIONS)
			fill_section(b, s, root->key[i], root->item[i]);
		else
			unknown_section(b, root->key[i]);
	}
}

void conf_fill_end(struct conf_build *b)
{
	int s;

	for (s = 0; s < CONF_SECTIONS; s++)
		if (conf_sections[s].shape == SHAPE_ONE)
			fill_rest(&b->one[s]);
}

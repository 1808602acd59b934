/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing the values of each type of the schema. A reader reports and leaves the field
 * as it was.
 */
#include "conf/conf_fill.h"

#include <stdio.h>

#include "conf/conf_scalar.h"
#include "conf/suggest.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void *field_of(const struct conf_fill *f, const struct conf_key *k)
{
	return (char *)f->base + k->off;
}

static const void *const_field(const struct conf_key *k, const void *base)
{
	return (const char *)base + k->off;
}

/* The text of a scalar, or NULL after a message. */
static const char *scalar(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	if (n->bad)
		return NULL;
	if (n->kind != CN_SCALAR) {
		conf_fill_err(f, &n->at, k, "must be a single value, not a %s",
		    n->kind == CN_LIST ? "list" : "map");
		return NULL;
	}
	if (n->text[0] == '\0' ||
	    (n->plain && (strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0))) {
		conf_fill_err(f, &n->at, k, "has no value");
		return NULL;
	}
	return n->text;
}

static const struct cnode *of_kind(
    struct conf_fill *f, const struct conf_key *k, const struct cnode *n, enum cnode_kind kind)
{
	if (n->bad)
		return NULL;
	if (n->kind != kind) {
		conf_fill_err(f, &n->at, k,
		    kind == CN_LIST ? "must be a list, like [a, b]" : "must be a map, like {a: b}");
		return NULL;
	}
	if (n->n == 0) {
		conf_fill_err(f, &n->at, k, "is empty: name something or leave the key out");
		return NULL;
	}
	return n;
}

/* --- words --- */

static void words_list(const struct conf_words *w, char *out, size_t cap)
{
	struct buf b;
	int i;

	buf_init(&b, 512);
	for (i = w->first; i < w->n; i++)
		if (w->name(i) != NULL)
			buf_printf(&b, "%s%s",
			    i == w->first   ? ""
			    : i == w->n - 1 ? " or "
					    : ", ",
			    w->name(i));
	(void)snprintf(out, cap, "%s", buf_cstr(&b));
	buf_clear(&b);
}

/* Index of the word or -1 after a message. */
static int word_index(
    struct conf_fill *f, const struct conf_key *k, const struct cnode *n, const char *s)
{
	char list[256], hint[128];
	struct suggest sg;
	int i;

	suggest_init(&sg, s);
	for (i = k->words->first; i < k->words->n; i++) {
		if (k->words->name(i) == NULL)
			continue;
		if (strcmp(k->words->name(i), s) == 0)
			return i;
		suggest_add(&sg, k->words->name(i));
	}
	words_list(k->words, list, sizeof(list));
	conf_fill_err(f, &n->at, k, "\"%s\" is not %s%s", conf_quote(s).s, list,
	    suggest_text(&sg, hint, sizeof(hint)));
	return -1;
}

static bool value_ok(
    struct conf_fill *f, const struct conf_key *k, const struct cnode *n, const char *s)
{
	const char *what = k->check != NULL ? k->check(s) : NULL;

	if (what == NULL)
		return k->words == NULL || word_index(f, k, n, s) >= 0;
	if (strcmp(k->name, "password") == 0)
		conf_err_secret(f->errs, &n->at, "%s: \"password\" %s", f->ctx, what);
	else
		conf_fill_err(f, &n->at, k, "\"%s\" %s", conf_quote(s).s, what);
	return false;
}

static void read_text(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	const char *s = scalar(f, k, n);

	if (s != NULL && value_ok(f, k, n, s))
		*(char **)field_of(f, k) = conf_strdup(f->mem, s);
}

static void dump_text(const struct conf_key *k, const void *base, struct buf *out)
{
	const char *s = *(char *const *)const_field(k, base);

	if (s != NULL)
		conf_dump_quoted(out, s);
}

static void read_enum(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	const char *s = scalar(f, k, n);
	int v = s != NULL ? word_index(f, k, n, s) : -1;

	if (v >= 0)
		memcpy(field_of(f, k), &v, sizeof(v));
}

static void dump_enum(const struct conf_key *k, const void *base, struct buf *out)
{
	int v;

	memcpy(&v, const_field(k, base), sizeof(v));
	if (v >= k->words->first && v < k->words->n)
		buf_put_str(out, k->words->name(v));
}

static void read_bool(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	const char *s = scalar(f, k, n);

	if (s == NULL)
		return;
	if (strcmp(s, "true") != 0 && strcmp(s, "false") != 0)
		conf_fill_err(f, &n->at, k, "\"%s\" is not true or false", conf_quote(s).s);
	else
		*(bool *)field_of(f, k) = strcmp(s, "true") == 0;
}

static void dump_bool(const struct conf_key *k, const void *base, struct buf *out)
{
	buf_put_str(out, *(const bool *)const_field(k, base) ? "true" : "false");
}

static void read_flag_word(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	const char *s = scalar(f, k, n);
	int v = s != NULL ? word_index(f, k, n, s) : -1;

	if (v >= 0)
		*(bool *)field_of(f, k) = v == 1;
}

static void dump_flag_word(const struct conf_key *k, const void *base, struct buf *out)
{
	buf_put_str(out, k->words->name(*(const bool *)const_field(k, base) ? 1 : 0));
}

/* --- numbers --- */

struct number_kind {
	int (*parse)(const char *s, int64_t *out);
	const char *what;
	int64_t scale; /* parsed units in one unit of the field */
	void (*put)(struct buf *out, int64_t v);
};

static void put_integer(struct buf *out, int64_t v)
{
	buf_printf(out, "%lld", (long long)v);
}

static const struct number_kind *number_kind(enum conf_type t)
{
	static const struct number_kind duration = {
	    conf_duration_ms, "a duration (like 8h, 15m, 30s or 250ms)", 1, conf_duration_put};
	static const struct number_kind seconds = {conf_duration_ms,
	    "a duration in whole seconds (like 8h, 15m or 30s)", 1000, conf_duration_put};
	static const struct number_kind size = {
	    conf_size, "a size (like 64MiB, 1GiB or 4096)", 1, conf_size_put};
	static const struct number_kind integer = {conf_integer, "a whole number", 1, put_integer};

	return t == CT_MS        ? &duration
	       : t == CT_SECONDS ? &seconds
	       : t == CT_SIZE    ? &size
				 : &integer;
}

static bool read_number(
    struct conf_fill *f, const struct conf_key *k, const struct cnode *n, int64_t *v)
{
	const struct number_kind *kind = number_kind(k->type);
	const char *s = scalar(f, k, n);
	struct buf lo, hi;
	int rc;

	if (s == NULL)
		return false;
	rc = kind->parse(s, v);
	if (rc == E_FORMAT || (rc == 0 && *v % kind->scale != 0)) {
		conf_fill_err(f, &n->at, k, "\"%s\" is not %s", conf_quote(s).s, kind->what);
		return false;
	}
	*v = rc == 0 ? *v / kind->scale : INT64_MAX;
	if (*v >= k->min && *v <= k->max)
		return true;
	buf_init(&lo, 64);
	buf_init(&hi, 64);
	kind->put(&lo, k->min * kind->scale);
	kind->put(&hi, k->max * kind->scale);
	conf_fill_err(f, &n->at, k, "\"%s\" is outside %s to %s", conf_quote(s).s, buf_cstr(&lo),
	    buf_cstr(&hi));
	buf_clear(&lo);
	buf_clear(&hi);
	return false;
}

static void read_int64(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	int64_t v;

	if (read_number(f, k, n, &v))
		*(int64_t *)field_of(f, k) = v;
}

static void dump_int64(const struct conf_key *k, const void *base, struct buf *out)
{
	const struct number_kind *kind = number_kind(k->type);
	int64_t v = *(const int64_t *)const_field(k, base);

	if (v < 0 || (v < k->min && k->dflt == NULL))
		return; /* not given */
	kind->put(out, v * kind->scale);
}

static void read_int(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	int64_t v;

	if (read_number(f, k, n, &v))
		*(int *)field_of(f, k) = (int)v;
}

static void dump_int(const struct conf_key *k, const void *base, struct buf *out)
{
	put_integer(out, *(const int *)const_field(k, base));
}

/* "10:30:100" */
static void read_startups(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	const char *s = scalar(f, k, n);
	int *out = field_of(f, k), i;
	int64_t v[3] = {0, 0, 0};
	char part[16];

	if (s == NULL)
		return;
	for (i = 0; i < 3; i++) {
		size_t len = strcspn(s, ":");

		(void)snprintf(part, sizeof(part), "%.*s", len < sizeof(part) ? (int)len : 0, s);
		if (conf_integer(part, &v[i]) != 0 || (s[len] == ':') != (i < 2))
			goto bad;
		s += len + (i < 2);
	}
	if (v[0] < 1 || v[1] > 100 || v[2] < v[0] || v[2] > 100000)
		goto bad;
	for (i = 0; i < 3; i++)
		out[i] = (int)v[i];
	return;
bad:
	conf_fill_err(
	    f, &n->at, k, "\"%s\" is not begin:rate:full like 10:30:100", conf_quote(n->text).s);
}

static void dump_startups(const struct conf_key *k, const void *base, struct buf *out)
{
	const int *v = const_field(k, base);

	buf_printf(out, "\"%d:%d:%d\"", v[0], v[1], v[2]);
}

/* --- lists --- */

static bool list_has(const struct conf_list *l, const char *s)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->v[i], s) == 0)
			return true;
	return false;
}

/* Items that are fine go into *l; repeats are errors unless they are allowed. */
static void read_items(struct conf_fill *f, const struct conf_key *k, const struct cnode *n,
    bool repeats, struct conf_list *l)
{
	const char *s;
	size_t i;

	if (of_kind(f, k, n, CN_LIST) == NULL)
		return;
	if (n->n > CONF_MAP_MAX) {
		conf_fill_err(f, &n->at, k, "has more than %u entries", CONF_MAP_MAX);
		return;
	}
	l->v = conf_alloc(f->mem, n->n, sizeof(char *));
	for (i = 0; i < n->n; i++) {
		s = scalar(f, k, n->item[i]);
		if (s == NULL || !value_ok(f, k, n->item[i], s))
			continue;
		if (!repeats && list_has(l, s))
			conf_fill_err(
			    f, &n->item[i]->at, k, "\"%s\" is named twice", conf_quote(s).s);
		else
			l->v[l->n++] = conf_strdup(f->mem, s);
	}
}

static void read_list(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	struct conf_list l = {0, NULL};

	read_items(f, k, n, false, &l);
	*(struct conf_list *)field_of(f, k) = l;
}

static void put_list(struct buf *out, const struct conf_list *l)
{
	size_t i;

	if (l->n == 0)
		return;
	for (i = 0; i < l->n; i++) {
		buf_put_str(out, i == 0 ? "[" : ", ");
		conf_dump_quoted(out, l->v[i]);
	}
	buf_put_str(out, "]");
}

static void dump_list(const struct conf_key *k, const void *base, struct buf *out)
{
	put_list(out, const_field(k, base));
}

static void read_command(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	struct conf_list l = {0, NULL};

	read_items(f, k, n, true, &l);
	if (l.n > 0 && l.v[0][0] != '/')
		conf_fill_err(
		    f, &n->item[0]->at, k, "\"%s\" must be an absolute path", conf_quote(l.v[0]).s);
	*(struct conf_list *)field_of(f, k) = l;
}

static void read_flag_list(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	struct conf_list l = {0, NULL};

	read_items(f, k, n, false, &l);
	*(bool *)field_of(f, k) = l.n > 0;
}

static void dump_flag_list(const struct conf_key *k, const void *base, struct buf *out)
{
	if (*(const bool *)const_field(k, base))
		buf_printf(out, "[%s]", k->words->name(0));
}

static void read_classes(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	struct conf_rule *r = f->base;
	enum sql_class c;
	size_t i;

	read_list(f, k, n);
	for (i = 0; i < r->classes.n; i++)
		if (sql_class_parse(r->classes.v[i], &c) == 0)
			r->cls[c] = true;
}

/* --- parts of targets and base entries --- */

static void read_addresses(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	struct conf_target *t = f->base;
	const char *s;
	char host[256];
	int port;
	size_t i;

	if (of_kind(f, k, n, CN_LIST) == NULL)
		return;
	t->addresses = conf_alloc(f->mem, n->n, sizeof(t->addresses[0]));
	for (i = 0; i < n->n; i++) {
		s = scalar(f, k, n->item[i]);
		if (s == NULL)
			continue;
		if (conf_address(s, false, host, sizeof(host), &port) != 0) {
			conf_fill_err(f, &n->item[i]->at, k,
			    "\"%s\" is not a host and port like db1.example.com:5432",
			    conf_quote(s).s);
			continue;
		}
		t->addresses[t->n_addresses++] =
		    (struct conf_address){conf_strdup(f->mem, host), port};
	}
}

static void dump_addresses(const struct conf_key *k, const void *base, struct buf *out)
{
	const struct conf_target *t = base;
	size_t i;

	(void)k;
	for (i = 0; i < t->n_addresses; i++) {
		const struct conf_address *a = &t->addresses[i];
		bool v6 = strchr(a->host, ':') != NULL;

		buf_printf(out, "%s\"%s%s%s:%d\"", i == 0 ? "[" : ", ", v6 ? "[" : "", a->host,
		    v6 ? "]" : "", a->port);
	}
	if (t->n_addresses > 0)
		buf_put_str(out, "]");
}

static void read_labels(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	struct conf_target *t = f->base;
	const char *s, *what;
	size_t i;

	if (of_kind(f, k, n, CN_MAP) == NULL)
		return;
	t->labels = conf_alloc(f->mem, n->n, sizeof(t->labels[0]));
	for (i = 0; i < n->n; i++) {
		if (n->key[i]->bad)
			continue;
		s = scalar(f, k, n->item[i]);
		if (s == NULL)
			continue;
		what = conf_name_plain(n->key[i]->text);
		if (what != NULL)
			conf_fill_err(
			    f, &n->key[i]->at, k, "\"%s\" %s", conf_quote(n->key[i]->text).s, what);
		what = conf_name_plain(s);
		if (what != NULL)
			conf_fill_err(f, &n->item[i]->at, k, "\"%s\" %s", conf_quote(s).s, what);
		t->labels[t->n_labels++] = (struct conf_label){
		    conf_strdup(f->mem, n->key[i]->text), conf_strdup(f->mem, s)};
	}
}

static void dump_labels(const struct conf_key *k, const void *base, struct buf *out)
{
	const struct conf_target *t = base;
	size_t i;

	(void)k;
	for (i = 0; i < t->n_labels; i++) {
		buf_put_str(out, i == 0 ? "{" : ", ");
		conf_dump_quoted(out, t->labels[i].key);
		buf_put_str(out, ": ");
		conf_dump_quoted(out, t->labels[i].value);
	}
	if (t->n_labels > 0)
		buf_put_str(out, "}");
}

static void read_logins(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	if (of_kind(f, k, n, CN_MAP) != NULL)
		conf_fill_sub(f, &conf_section_login, n);
}

static void dump_logins(const struct conf_key *k, const void *base, struct buf *out)
{
	const struct conf_target *t = base;
	size_t i;

	(void)k;
	for (i = 0; i < t->n_logins; i++) {
		const struct conf_login *l = &t->logins[i];

		buf_put_str(out, "\n      ");
		conf_dump_quoted(out, l->name);
		buf_put_str(out, l->password == NULL && l->password_command.n == 0 ? ": {}" : ":");
		conf_dump_element(&conf_section_login, l, "        ", out);
	}
}

static void read_verdict(struct conf_fill *f, const struct conf_key *k, const struct cnode *n)
{
	struct conf_base *b = f->base;
	const char *s = scalar(f, k, n);
	int v = s != NULL ? word_index(f, k, n, s) : -1;

	if (v < 0)
		return;
	b->set[k->min] = true;
	b->verdict[k->min] = (enum verdict)v;
}

static void dump_verdict(const struct conf_key *k, const void *base, struct buf *out)
{
	const struct conf_base *b = base;

	if (b->set[k->min])
		buf_put_str(out, verdict_name(b->verdict[k->min]));
}

const struct conf_type_ops conf_types[CT_N] = {
    [CT_UNSUPPORTED] = {"", NULL, NULL},
    [CT_TEXT] = {"text", read_text, dump_text},
    [CT_WORD] = {"word", read_text, dump_text},
    [CT_ENUM] = {"word", read_enum, dump_enum},
    [CT_BOOL] = {"true or false", read_bool, dump_bool},
    [CT_INT] = {"number", read_int, dump_int},
    [CT_INT64] = {"number", read_int64, dump_int64},
    [CT_SECONDS] = {"duration", read_int64, dump_int64},
    [CT_MS] = {"duration", read_int64, dump_int64},
    [CT_SIZE] = {"size", read_int64, dump_int64},
    [CT_LIST] = {"list", read_list, dump_list},
    [CT_COMMAND] = {"list", read_command, dump_list},
    [CT_STARTUPS] = {"begin:rate:full", read_startups, dump_startups},
    [CT_ADDRESSES] = {"list", read_addresses, dump_addresses},
    [CT_LABELS] = {"map", read_labels, dump_labels},
    [CT_LOGINS] = {"map", read_logins, dump_logins},
    [CT_VERDICT] = {"word", read_verdict, dump_verdict},
    [CT_CLASSES] = {"list", read_classes, dump_list},
    [CT_FLAG_LIST] = {"list", read_flag_list, dump_flag_list},
    [CT_FLAG_WORD] = {"word", read_flag_word, dump_flag_word},
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * jansson's values under our names. Its parser takes what RFC 8259 allows and recurses; size,
 * depth, encoding and NUL are judged before it sees the text.
 */
#include "ident/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define POINTER_PART_MAX 1024
#define TIME_MAX_S       253402300799.0 /* the last second of the year 9999 */

static json_t *in(const struct js *v)
{
	return (json_t *)(uintptr_t)v;
}

static struct js *out_of(json_t *v)
{
	return mem_check(v);
}

/* jansson recurses; the depth is bounded before it sees the text. */
static bool too_deep(struct span text, size_t max)
{
	size_t i, depth = 0;
	bool quoted = false;

	for (i = 0; i < text.n; i++) {
		uint8_t b = text.p[i];

		if (quoted) {
			if (b == '\\')
				i++;
			else if (b == '"')
				quoted = false;
		} else if (b == '"') {
			quoted = true;
		} else if (b == '[' || b == '{') {
			if (++depth > max)
				return true;
		} else if ((b == ']' || b == '}') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static int load(struct span text, size_t flags, const char *what, struct js **out, struct why *w)
{
	json_error_t e;
	json_t *v = json_loadb(
	    text.p != NULL ? (const char *)text.p : "", text.n, flags | JSON_REJECT_DUPLICATES, &e);
	char safe[120];

	if (v == NULL) {
		(void)span_escape(span_str(e.text), safe, sizeof(safe));
		return why_set(w, E_FORMAT, "%snot JSON: %s (line %d, column %d)", what, safe,
		    e.line, e.column);
	}
	*out = out_of(v);
	return 0;
}

int js_parse(struct span text, struct js **out, struct why *w)
{
	*out = NULL;
	if (text.n > JS_TEXT_MAX || too_deep(text, JS_DEPTH_MAX))
		return why_set(w, E_TOOBIG, "the JSON text is too large or nested too deep");
	return load(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, "", out, w);
}

int js_read_object(struct span text, size_t max_bytes, size_t max_depth, const char *what,
    struct js **out, struct why *w)
{
	char is[100];
	int rc;

	*out = NULL;
	if (text.n > max_bytes)
		return why_set(w, E_TOOBIG, "%s is too large (%zu bytes, at most %zu)", what,
		    text.n, max_bytes);
	if (!span_is_utf8(text))
		return why_set(w, E_FORMAT, "%s is not JSON: it is not UTF-8", what);
	if (too_deep(text, max_depth))
		return why_set(
		    w, E_TOOBIG, "%s is nested too deep (more than %zu levels)", what, max_depth);
	(void)snprintf(is, sizeof(is), "%s is ", what);
	rc = load(text, 0, is, out, w);
	if (rc == 0 && js_type(*out) != JS_OBJECT) {
		js_free(*out);
		*out = NULL;
		rc = why_set(w, E_FORMAT, "%s is not a JSON object", what);
	}
	return rc;
}

void js_free(struct js *v)
{
	json_decref(in(v));
}

enum js_type js_type(const struct js *v)
{
	static const enum js_type map[] = {[JSON_OBJECT] = JS_OBJECT,
	    [JSON_ARRAY] = JS_ARRAY,
	    [JSON_STRING] = JS_STRING,
	    [JSON_INTEGER] = JS_INT,
	    [JSON_REAL] = JS_REAL,
	    [JSON_TRUE] = JS_BOOL,
	    [JSON_FALSE] = JS_BOOL,
	    [JSON_NULL] = JS_NULL};

	return v == NULL ? JS_NULL : map[json_typeof(in(v))];
}

size_t js_count(const struct js *v)
{
	return json_is_array(in(v)) ? json_array_size(in(v)) : json_object_size(in(v));
}

const struct js *js_get(const struct js *obj, const char *key)
{
	return (const struct js *)json_object_get(in(obj), key);
}

const struct js *js_at(const struct js *arr, size_t i)
{
	return (const struct js *)json_array_get(in(arr), i);
}

struct span js_span(const struct js *v)
{
	return json_is_string(in(v)) ? span_of(json_string_value(in(v)), json_string_length(in(v)))
				     : span_of(NULL, 0);
}

const char *js_str(const struct js *v)
{
	struct span s = js_span(v);

	return s.p != NULL && !span_has_nul(s) ? (const char *)s.p : NULL;
}

int64_t js_int(const struct js *v, int64_t dflt)
{
	return json_is_integer(in(v)) ? json_integer_value(in(v)) : dflt;
}

bool js_bool(const struct js *v, bool dflt)
{
	return json_is_boolean(in(v)) ? json_is_true(in(v)) : dflt;
}

/* One part of a pointer, unescaped in place. False: a tilde that is neither ~0 nor ~1. */
static bool unescape(struct buf *name, struct span part)
{
	size_t i;

	buf_reset(name);
	for (i = 0; i < part.n; i++) {
		uint8_t b = part.p[i];

		if (b == '~') {
			if (++i == part.n || (part.p[i] != '0' && part.p[i] != '1'))
				return false;
			b = part.p[i] == '0' ? '~' : '/';
		}
		buf_put_u8(name, b);
	}
	return buf_err(name) == 0;
}

static const struct js *element(const struct js *arr, struct span s)
{
	size_t i, at = 0;

	if (s.n == 0 || s.n > 6 || (s.n > 1 && s.p[0] == '0'))
		return NULL;
	for (i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return NULL;
		at = at * 10 + (size_t)(s.p[i] - '0');
	}
	return js_at(arr, at);
}

/* The next part of a pointer that stands at a slash; *p moves behind it. */
static struct span next_part(const char **p)
{
	const char *from = *p + 1;
	size_t n = strcspn(from, "/");

	*p = from + n;
	return span_of(from, n);
}

const struct js *js_pointer(const struct js *v, const char *pointer)
{
	const char *p = pointer;
	struct buf name;

	if (p == NULL || (p[0] != '/' && p[0] != '\0'))
		return NULL;
	buf_init(&name, POINTER_PART_MAX);
	while (v != NULL && *p == '/') {
		if (!unescape(&name, next_part(&p)))
			v = NULL;
		else if (js_type(v) == JS_OBJECT)
			v = js_get(v, buf_cstr(&name));
		else
			v = js_type(v) == JS_ARRAY ? element(v, buf_span(&name)) : NULL;
	}
	buf_clear(&name);
	return v;
}

bool js_pointer_ok(const char *pointer)
{
	const char *p = pointer;
	struct buf name;
	bool ok = p != NULL && (p[0] == '/' || p[0] == '\0');

	buf_init(&name, POINTER_PART_MAX);
	while (ok && *p == '/')
		ok = unescape(&name, next_part(&p));
	buf_clear(&name);
	return ok;
}

int js_want_str(const struct js *v, const char **out)
{
	*out = js_str(v);
	return v == NULL ? E_NOTFOUND : *out == NULL ? E_FORMAT : 0;
}

int js_want_int(const struct js *v, int64_t *out)
{
	*out = js_int(v, 0);
	return v == NULL ? E_NOTFOUND : js_type(v) != JS_INT ? E_FORMAT : 0;
}

int js_want_bool(const struct js *v, bool *out)
{
	*out = js_bool(v, false);
	return v == NULL ? E_NOTFOUND : js_type(v) != JS_BOOL ? E_FORMAT : 0;
}

int js_want_time(const struct js *v, int64_t *out)
{
	double d = json_number_value(in(v)); /* 0 unless it is a number */

	*out = 0;
	if (v == NULL)
		return E_NOTFOUND;
	if (!json_is_number(in(v)))
		return E_FORMAT;
	if (!(d >= 0 && d <= TIME_MAX_S))
		return E_TOOBIG;
	*out = json_is_integer(in(v)) ? json_integer_value(in(v)) : (int64_t)d;
	return 0;
}

int js_want_list(const struct js *v, size_t *n)
{
	size_t i;

	*n = 0;
	if (v == NULL)
		return E_NOTFOUND;
	if (js_str(v) != NULL) {
		*n = 1;
		return 0;
	}
	if (js_type(v) != JS_ARRAY)
		return E_FORMAT;
	for (i = 0; i < js_count(v); i++)
		if (js_str(js_at(v, i)) == NULL)
			return E_FORMAT;
	if (js_count(v) > JS_LIST_MAX)
		return E_TOOBIG;
	*n = js_count(v);
	return 0;
}

const char *js_list_at(const struct js *v, size_t i)
{
	return js_str(js_type(v) == JS_ARRAY ? js_at(v, i) : v);
}

bool js_list_has(const struct js *v, const char *s)
{
	size_t i, n;

	if (js_want_list(v, &n) != 0)
		return false;
	for (i = 0; i < n; i++)
		if (strcmp(js_list_at(v, i), s) == 0)
			return true;
	return false;
}

struct js *js_object(void)
{
	return out_of(json_object());
}

struct js *js_array(void)
{
	return out_of(json_array());
}

struct js *js_new_str(struct span s)
{
	size_t cap = s.n * 4 + 16;
	struct js *v;
	char *safe;

	if (span_is_utf8(s))
		return out_of(json_stringn(s.n > 0 ? (const char *)s.p : "", s.n));
	safe = xcalloc(1, cap);
	v = out_of(json_stringn(safe, span_escape(s, safe, cap)));
	free(safe);
	return v;
}

struct js *js_new_int(int64_t v)
{
	return out_of(json_integer(v));
}

struct js *js_new_bool(bool v)
{
	return out_of(json_boolean(v));
}

struct js *js_new_null(void)
{
	return out_of(json_null());
}

void js_put(struct js *obj, const char *key, struct js *v)
{
	/* can only fail without memory, or for a key that is not UTF-8, which would be our bug */
	(void)mem_check(json_object_set_new(in(obj), key, in(v)) == 0 ? obj : NULL);
}

void js_push(struct js *arr, struct js *v)
{
	(void)mem_check(json_array_append_new(in(arr), in(v)) == 0 ? arr : NULL);
}

void js_put_str(struct js *obj, const char *key, const char *s)
{
	js_put(obj, key, s != NULL ? js_new_str(span_str(s)) : js_new_null());
}

void js_put_span(struct js *obj, const char *key, struct span s)
{
	js_put(obj, key, js_new_str(s));
}

void js_put_int(struct js *obj, const char *key, int64_t v)
{
	js_put(obj, key, js_new_int(v));
}

void js_put_bool(struct js *obj, const char *key, bool v)
{
	js_put(obj, key, js_new_bool(v));
}

static int put_part(const char *p, size_t n, void *ctx)
{
	buf_put(ctx, p, n);
	return 0;
}

/* ASCII only: a statement with direction-changing characters must not look different on the
 * approver's terminal. */
void js_dump(const struct js *v, struct buf *out)
{
	(void)json_dump_callback(
	    in(v), put_part, out, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
}

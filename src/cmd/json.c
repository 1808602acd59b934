/* SPDX-License-Identifier: Apache-2.0
 *
 * jansson's values under our names.
 */
#include "cmd/json.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/mem.h"

static json_t *in(const struct js *v)
{
	return (json_t *)(uintptr_t)v;
}

static struct js *out_of(json_t *v)
{
	if (v == NULL)
		abort(); /* out of memory */
	return (struct js *)v;
}

/* jansson recurses; the depth is bounded before it sees the text. */
static bool too_deep(struct span text)
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
			if (++depth > JS_DEPTH_MAX)
				return true;
		} else if ((b == ']' || b == '}') && depth > 0) {
			depth--;
		}
	}
	return false;
}

int js_parse(struct span text, struct js **out, struct why *w)
{
	size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
	json_error_t e;
	json_t *v;

	*out = NULL;
	if (text.n > JS_TEXT_MAX || too_deep(text))
		return why_set(w, E_TOOBIG, "the JSON text is too large or nested too deep");
	v = json_loadb(text.p != NULL ? (const char *)text.p : "", text.n, flags, &e);
	if (v == NULL) {
		char safe[200];

		(void)span_escape(span_str(e.text), safe, sizeof(safe));
		return why_set(
		    w, E_FORMAT, "not JSON: %s (line %d, column %d)", safe, e.line, e.column);
	}
	*out = out_of(v);
	return 0;
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
	if (json_object_set_new(in(obj), key, in(v)) != 0)
		abort(); /* out of memory, or a key that is not UTF-8: our bug */
}

void js_push(struct js *arr, struct js *v)
{
	if (json_array_append_new(in(arr), in(v)) != 0)
		abort();
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

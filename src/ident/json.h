/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON behind a small face: the doorway to jansson. Reading bounded texts, finding values by RFC
 * 6901 pointer, building values, printing them on one line. Nothing is ever converted: a number is
 * not a string, a string is not a list. Bytes that are not UTF-8 are escaped like on a terminal
 * (\xNN) when a value is built, never dropped.
 */
#ifndef SP_IDENT_JSON_H
#define SP_IDENT_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct js; /* a value; owned by whoever made it until it is put into another value */

enum js_type { JS_NULL, JS_BOOL, JS_INT, JS_REAL, JS_STRING, JS_ARRAY, JS_OBJECT };

#define JS_TEXT_MAX  (16u * 1024 * 1024)
#define JS_DEPTH_MAX 64
#define JS_LIST_MAX  512 /* names in a list: js_want_list() */

/* Parse one value of our own making; trailing bytes and duplicate keys are errors. E_FORMAT or
 * E_TOOBIG with why. */
int js_parse(struct span text, struct js **out, struct why *w) MUST_CHECK;
/* The same for a stranger's text, which must be an object: at most max_bytes, nested at most
 * max_depth, strict UTF-8, no NUL in any string (so js_str() is the whole string), no key twice.
 * `what` names it in why. */
int js_read_object(struct span text, size_t max_bytes, size_t max_depth, const char *what,
    struct js **out, struct why *w) MUST_CHECK;
void js_free(struct js *v); /* NULL is fine */

/* Reading: borrowed; NULL arguments give JS_NULL, NULL, 0 ... */
enum js_type js_type(const struct js *v);
size_t js_count(const struct js *v); /* of an array or object */
const struct js *js_get(const struct js *obj, const char *key);
const struct js *js_at(const struct js *arr, size_t i);
struct span js_span(const struct js *v); /* a string's bytes; else empty with p == NULL */
const char *js_str(const struct js *v);  /* NULL unless it is a string without NUL */
int64_t js_int(const struct js *v, int64_t dflt);
bool js_bool(const struct js *v, bool dflt);

/* RFC 6901: "" is the value itself, "/a/b" a member of a member, "~1" a slash and "~0" a tilde
 * inside a name, a number without leading zeros an array's element. NULL when there is no such
 * value or the pointer is malformed. */
const struct js *js_pointer(const struct js *v, const char *pointer);
bool js_pointer_ok(const char *pointer);

/* Exactly this type: 0, E_NOTFOUND (v is NULL: no such value), E_FORMAT (another type), E_TOOBIG.
 */
int js_want_str(const struct js *v, const char **out) MUST_CHECK; /* borrowed */
int js_want_int(const struct js *v, int64_t *out) MUST_CHECK;
int js_want_bool(const struct js *v, bool *out) MUST_CHECK;
/* Seconds since 1970 as RFC 7519 writes them: a number, the fraction is dropped. E_TOOBIG: before
 * 1970 or after the year 9999. */
int js_want_time(const struct js *v, int64_t *out) MUST_CHECK;
/* A string, or an array of nothing but strings: *n of them, at most JS_LIST_MAX (E_TOOBIG). */
int js_want_list(const struct js *v, size_t *n) MUST_CHECK;
const char *js_list_at(const struct js *v, size_t i); /* after js_want_list(); i < *n */
bool js_list_has(const struct js *v, const char *s);  /* false also for anything that is no list */

/* Building. Keys of objects keep the order in which they were put. */
struct js *js_object(void);
struct js *js_array(void);
struct js *js_new_str(struct span s);
struct js *js_new_int(int64_t v);
struct js *js_new_bool(bool v);
struct js *js_new_null(void);
/* v is taken over, also on failure (which only lack of memory can be). */
void js_put(struct js *obj, const char *key, struct js *v);
void js_push(struct js *arr, struct js *v);
void js_put_str(struct js *obj, const char *key, const char *s); /* NULL = null */
void js_put_span(struct js *obj, const char *key, struct span s);
void js_put_int(struct js *obj, const char *key, int64_t v);
void js_put_bool(struct js *obj, const char *key, bool v);

/* The value on one line, without a newline. */
void js_dump(const struct js *v, struct buf *out);

#endif

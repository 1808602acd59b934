/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON behind a small face: the doorway to jansson for the command line. Reading bounded texts,
 * building values, printing them on one line. Bytes that are not UTF-8 are escaped like on a
 * terminal (\xNN), never dropped.
 */
#ifndef SP_CMD_JSON_H
#define SP_CMD_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct js; /* a value; owned by whoever made it until it is put into another value */

enum js_type { JS_NULL, JS_BOOL, JS_INT, JS_REAL, JS_STRING, JS_ARRAY, JS_OBJECT };

#define JS_TEXT_MAX  (16u * 1024 * 1024)
#define JS_DEPTH_MAX 64

/* Parse one value; trailing bytes and duplicate keys are errors. E_FORMAT or E_TOOBIG with why. */
int js_parse(struct span text, struct js **out, struct why *w) MUST_CHECK;
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

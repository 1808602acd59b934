/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON in and out: what is kept, what is refused, and items of the control protocol as objects.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "cmd/view.h"

static const char *dumped(const struct js *v)
{
	static struct buf b;

	if (b.max == 0)
		buf_init(&b, 1 << 20);
	buf_reset(&b);
	js_dump(v, &b);
	return buf_cstr(&b);
}

Test(json, build_and_read)
{
	struct js *o = js_object(), *a = js_array(), *again;
	struct why w;

	js_put_str(o, "z", "text \"quoted\"\n");
	js_put_int(o, "a", -5);
	js_put_bool(o, "b", true);
	js_put_str(o, "null", NULL);
	js_put_span(o, "bytes", span_of("a\xff\x00z", 4));
	js_push(a, js_new_int(1));
	js_push(a, js_new_null());
	js_put(o, "list", a);
	cr_assert_str_eq(dumped(o),
	    "{\"z\":\"text \\\"quoted\\\"\\n\",\"a\":-5,\"b\":true,\"null\":null,"
	    "\"bytes\":\"a\\\\xff\\\\x00z\",\"list\":[1,null]}");
	cr_assert_eq(js_parse(span_str(dumped(o)), &again, &w), 0);
	cr_assert_eq(js_count(again), 6);
	cr_assert_eq(js_int(js_get(again, "a"), 0), -5);
	cr_assert(js_bool(js_get(again, "b"), false));
	cr_assert_eq(js_type(js_get(again, "null")), JS_NULL);
	cr_assert_eq(js_type(js_get(again, "none")), JS_NULL);
	cr_assert_eq(js_count(js_get(again, "list")), 2);
	cr_assert_eq(js_int(js_at(js_get(again, "list"), 0), 0), 1);
	cr_assert_null(js_at(js_get(again, "list"), 9));
	cr_assert_str_eq(js_str(js_get(again, "bytes")), "a\\xff\\x00z");
	js_free(o);
	js_free(again);
}

Test(json, refused)
{
	static const char *const bad[] = {
	    "", "{", "{\"a\":1,\"a\":2}", "[1] x", "nan", "'a'", "\"\xff\"", "[1,]"};
	static char deep[1000];
	struct js *v;
	struct why w;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_eq(js_parse(span_str(bad[i]), &v, &w), E_FORMAT, "%s", bad[i]);
		cr_assert_null(v);
	}
	memset(deep, '[', sizeof(deep));
	cr_assert_eq(js_parse(span_of(deep, sizeof(deep)), &v, &w), E_TOOBIG);
	cr_assert_eq(
	    js_parse(span_str("\"[[[[\\\"[[[\""), &v, &w), 0, "brackets in a string do not count");
	js_free(v);
}

Test(json, items)
{
	struct mp_doc *doc;
	struct js *o;
	struct buf b;

	buf_init(&b, 4096);
	mp_put_map(&b, 7);
	mp_put_cstr(&b, "user");
	mp_put_cstr(&b, "alice");
	mp_put_cstr(&b, "groups");
	mp_put_cstr(&b, "dev,oncall");
	mp_put_cstr(&b, "roles");
	mp_put_cstr(&b, "");
	mp_put_cstr(&b, "expires_s");
	mp_put_i64(&b, 1795190583);
	mp_put_cstr(&b, "end_us");
	mp_put_i64(&b, 0);
	mp_put_cstr(&b, "waiting_s");
	mp_put_i64(&b, 22);
	mp_put_cstr(&b, "live");
	mp_put_bool(&b, true);
	cr_assert_eq(mp_parse(buf_span(&b), &doc, NULL), 0);
	o = view_json(mp_root(doc));
	cr_assert_str_eq(dumped(o),
	    "{\"user\":\"alice\",\"groups\":[\"dev\",\"oncall\"],\"roles\":[],"
	    "\"expires\":\"2026-11-20T16:03:03.000Z\",\"end\":null,\"waiting_s\":22,\"live\":"
	    "true}");
	js_free(o);
	mp_free(doc);
	buf_clear(&b);
}

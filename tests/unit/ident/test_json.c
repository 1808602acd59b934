/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "ident/json.h"

static struct js *read_text(const char *text)
{
	struct js *v;
	struct why w;

	cr_assert_eq(js_read_object(span_str(text), 4096, 8, "the answer", &v, &w), 0, "%s: %s",
	    text, w.text);
	return v;
}

static void refuse(struct span text, int code, const char *says)
{
	struct js *v;
	struct why w;

	cr_expect_eq(
	    js_read_object(text, 4096, 8, "the answer", &v, &w), code, "%.*s", (int)text.n, text.p);
	cr_expect_null(v);
	cr_expect_not_null(strstr(w.text, says), "%.*s: %s", (int)text.n, text.p, w.text);
}

Test(json, strangers_text_is_bounded)
{
	static char large[5000];

	memset(large, ' ', sizeof(large));
	refuse(span_of(large, sizeof(large)), E_TOOBIG, "too large (5000 bytes, at most 4096)");
	refuse(span_str(""), E_FORMAT, "not JSON");
	refuse(span_str("[1]"), E_FORMAT, "not a JSON object");
	refuse(span_str("7"), E_FORMAT, "not JSON");
	js_free(read_text(" {\"a\" : 1}\n"));
}

Test(json, strangers_text_is_strict)
{
	static char nul[] = "{\"a\":\"b\0c\"}";

	refuse(span_of(nul, sizeof(nul) - 1), E_FORMAT, "not JSON");
	refuse(span_str("{\"a\":\"b\\u0000c\"}"), E_FORMAT, "not JSON");
	refuse(span_str("{\"a\\u0000b\":1}"), E_FORMAT, "not JSON");
	refuse(span_str("{\"a\":1,\"a\":2}"), E_FORMAT, "duplicate");
	refuse(span_str("{\"a\":1,\"\\u0061\":2}"), E_FORMAT, "duplicate");
	refuse(span_str("{\"x\":{\"a\":1,\"a\":2}}"), E_FORMAT, "duplicate");
	refuse(span_str("{\"a\":\"\xff\"}"), E_FORMAT, "not UTF-8");
	refuse(span_str("{\"a\":\"\xc0\xaf\"}"), E_FORMAT, "not UTF-8");
	refuse(span_str("{\"a\":\"\\ud800\"}"), E_FORMAT, "not JSON");
	refuse(span_str("\xef\xbb\xbf{}"), E_FORMAT, "not JSON");
	refuse(span_str("{\"a\":1}x"), E_FORMAT, "not JSON");
	refuse(span_str("{\"a\":1}{}"), E_FORMAT, "not JSON");
	refuse(span_str("{\"a\":01}"), E_FORMAT, "not JSON");
	refuse(span_str("{\"a\":1e999}"), E_FORMAT, "not JSON");
	refuse(span_str("{\"a\":99999999999999999999}"), E_FORMAT, "not JSON");
	refuse(span_str("{\"a\":NaN}"), E_FORMAT, "not JSON");
	refuse(span_str("{'a':1}"), E_FORMAT, "not JSON");
	refuse(span_str("{\"a\":1,}"), E_FORMAT, "not JSON");
	refuse(span_str("{\"a\":[[[[[[[[1]]]]]]]]}"), E_TOOBIG,
	    "nested too deep (more than 8 levels)");
	js_free(read_text("{\"a\":[[[[[[[1]]]]]]]}"));
	js_free(read_text("{\"a\":\"[[[[[[[[[[[[[[{{{{{{{{{{{{\\\"[[[[\"}"));
}

Test(json, every_prefix_is_refused)
{
	static const char text[] =
	    "{\"a\":[1,-2.5e3,\"x\\u00e9\\n\",true,null],\"b\":{\"c\":\"d\"}}";
	struct js *v;
	size_t n;

	for (n = 0; n < sizeof(text) - 1; n++)
		cr_expect_lt(js_read_object(span_of(text, n), 4096, 8, "x", &v, NULL), 0, "%zu", n);
	js_free(read_text(text));
}

Test(json, pointers)
{
	/* RFC 6901 5, and names as providers use them */
	static const struct {
		const char *pointer;
		int64_t value; /* -1: no such value */
	} row[] = {{"/a~1b", 1}, {"/c%d", 2}, {"/e^f", 3}, {"/ ", 7}, {"/m~0n", 8}, {"/", 0},
	    {"/foo/1", 11}, {"/foo/2", -1}, {"/foo/01", -1}, {"/foo/-", -1}, {"/foo/+1", -1},
	    {"/foo/", -1}, {"/foo/1/", -1}, {"/foo/99999999999999999999", -1},
	    {"/https:~1~1x~1groups", 12}, {"/realm_access/roles~01", 13}, {"/a/b", -1},
	    {"/a~b", -1}, {"/a~", -1}, {"/a~2", -1}, {"a~1b", -1}, {"/nothing/at/all", -1},
	    {"//", -1}, {"/m~n", -1}, {"/~01", 14}};
	struct js *v =
	    read_text("{\"foo\":[10,11],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\" \":7,\"m~n\":8,"
		      "\"https://x/groups\":12,\"realm_access\":{\"roles~1\":13},\"~1\":14}");
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		cr_expect_eq(
		    js_int(js_pointer(v, row[i].pointer), -1), row[i].value, "%s", row[i].pointer);
	cr_expect_eq(js_pointer(v, ""), v);
	cr_expect_null(js_pointer(v, NULL));
	cr_expect_null(js_pointer(NULL, "/a"));
	cr_expect(js_pointer_ok("") && js_pointer_ok("/a~1b/0/~0"));
	cr_expect(!js_pointer_ok("a") && !js_pointer_ok("/a~") && !js_pointer_ok("/a~2/b") &&
		  !js_pointer_ok(NULL));
	js_free(v);
}

Test(json, nothing_is_converted)
{
	struct js *v = read_text(
	    "{\"s\":\"1\",\"i\":1,\"t\":true,\"n\":null,\"a\":[\"x\"],\"o\":{},\"r\":1.0}");
	static const char *const names[] = {"s", "i", "t", "n", "a", "o", "r"};
	const char *s;
	int64_t i;
	bool b;
	size_t k;

	for (k = 0; k < 7; k++) {
		const struct js *x = js_get(v, names[k]);

		cr_expect_eq(js_want_str(x, &s), k == 0 ? 0 : E_FORMAT, "%s", names[k]);
		cr_expect_eq(js_want_int(x, &i), k == 1 ? 0 : E_FORMAT, "%s", names[k]);
		cr_expect_eq(js_want_bool(x, &b), k == 2 ? 0 : E_FORMAT, "%s", names[k]);
		cr_expect_eq(js_want_time(x, &i), k == 1 || k == 6 ? 0 : E_FORMAT, "%s", names[k]);
	}
	cr_expect_eq(js_want_str(NULL, &s), E_NOTFOUND);
	cr_expect_eq(js_want_int(NULL, &i), E_NOTFOUND);
	cr_expect_eq(js_want_bool(NULL, &b), E_NOTFOUND);
	cr_expect_eq(js_want_time(NULL, &i), E_NOTFOUND);
	js_free(v);
}

Test(json, times)
{
	static const struct {
		const char *text;
		int rc;
		int64_t s;
	} row[] = {{"0", 0, 0}, {"1700000000", 0, 1700000000}, {"1700000000.999", 0, 1700000000},
	    {"1.7e9", 0, 1700000000}, {"253402300799", 0, 253402300799},
	    {"253402300800", E_TOOBIG, 0}, {"-1", E_TOOBIG, 0}, {"-0.5", E_TOOBIG, 0},
	    {"1e300", E_TOOBIG, 0}, {"-1e300", E_TOOBIG, 0}, {"9223372036854775807", E_TOOBIG, 0},
	    {"\"1700000000\"", E_FORMAT, 0}, {"true", E_FORMAT, 0}, {"null", E_FORMAT, 0},
	    {"[1]", E_FORMAT, 0}};
	size_t k;

	for (k = 0; k < sizeof(row) / sizeof(row[0]); k++) {
		char text[100];
		struct js *v;
		int64_t s;

		(void)snprintf(text, sizeof(text), "{\"t\":%s}", row[k].text);
		v = read_text(text);
		cr_expect_eq(js_want_time(js_get(v, "t"), &s), row[k].rc, "%s", row[k].text);
		cr_expect_eq(s, row[k].s, "%s", row[k].text);
		js_free(v);
	}
}

Test(json, lists)
{
	struct js *v = read_text("{\"one\":\"x\",\"two\":[\"x\",\"y\"],\"none\":[],\"mixed\":["
				 "\"x\",1],\"object\":[{}],\"number\":1}");
	struct js *many = js_array();
	size_t n, i;

	cr_expect(js_want_list(js_get(v, "one"), &n) == 0 && n == 1);
	cr_expect_str_eq(js_list_at(js_get(v, "one"), 0), "x");
	cr_expect(js_want_list(js_get(v, "two"), &n) == 0 && n == 2);
	cr_expect_str_eq(js_list_at(js_get(v, "two"), 1), "y");
	cr_expect(js_want_list(js_get(v, "none"), &n) == 0 && n == 0);
	cr_expect_eq(js_want_list(js_get(v, "mixed"), &n), E_FORMAT);
	cr_expect_eq(js_want_list(js_get(v, "object"), &n), E_FORMAT);
	cr_expect_eq(js_want_list(js_get(v, "number"), &n), E_FORMAT);
	cr_expect_eq(js_want_list(js_get(v, "absent"), &n), E_NOTFOUND);
	cr_expect(js_list_has(js_get(v, "two"), "y") && !js_list_has(js_get(v, "two"), "z"));
	cr_expect(js_list_has(js_get(v, "one"), "x") && !js_list_has(js_get(v, "mixed"), "x"));
	for (i = 0; i < JS_LIST_MAX + 1; i++)
		js_push(many, js_new_str(span_str("g")));
	cr_expect_eq(js_want_list(many, &n), E_TOOBIG);
	js_free(many);
	js_free(v);
}

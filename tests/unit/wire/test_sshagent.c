/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "wire/sshagent.h"
#include "wire/sshw.h"

static void put_keys(struct buf *b, uint32_t told, uint32_t n, size_t blob, size_t comment)
{
	uint8_t fill[SSHAGENT_KEY_MAX + 1];

	memset(fill, 'k', sizeof(fill));
	buf_put_u8(b, 12);
	buf_put_u32be(b, told);
	for (uint32_t i = 0; i < n; i++) {
		sshw_put_string(b, span_of(fill, blob));
		sshw_put_string(b, span_of(fill, comment));
	}
}

static int keys_of(struct span msg)
{
	struct sshagent_keys k;
	struct why w;

	return sshagent_get_keys(msg, &k, &w);
}

Test(sshagent, requests_have_the_bytes_of_the_protocol)
{
	static const uint8_t list[] = {0, 0, 0, 1, 11};
	static const uint8_t sign[] = {0, 0, 0, 18, 13, 0, 0, 0, 3, 'k', 'e', 'y', 0, 0, 0, 2, 'h',
	    'i', 0, 0, 0, 4};
	struct buf b;

	buf_init(&b, 1024);
	sshagent_put_list(&b);
	cr_assert(span_eq(buf_span(&b), span_of(list, sizeof(list))));
	sshagent_put_sign(&b, span_str("key"), span_str("hi"), SSHAGENT_RSA_SHA2_512);
	cr_assert_eq(buf_err(&b), 0);
	cr_assert_eq(buf_len(&b), sizeof(list) + sizeof(sign));
	buf_consume(&b, sizeof(list)); /* also when something stands in front */
	cr_assert(span_eq(buf_span(&b), span_of(sign, sizeof(sign))));
	buf_clear(&b);
}

Test(sshagent, the_head_has_bounds)
{
	static const struct {
		uint8_t b[5];
		size_t n;
		int err;
		size_t want;
	} v[] = {
	    {{0, 0, 0, 1}, 4, 0, 1},
	    {{0, 4, 0, 0}, 4, 0, SSHAGENT_MAX},
	    {{0, 4, 0, 1}, 4, E_TOOBIG, 0},
	    {{0xff, 0xff, 0xff, 0xff}, 4, E_TOOBIG, 0},
	    {{0, 0, 0, 0}, 4, E_FORMAT, 0},
	    {{0, 0, 1}, 3, E_FORMAT, 0},
	    {{0, 0, 0, 1, 0}, 5, E_FORMAT, 0},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct why w;
		size_t n;

		cr_assert_eq(sshagent_head(span_of(v[i].b, v[i].n), &n, &w), v[i].err, "%zu", i);
		cr_assert(v[i].err != 0 || n == v[i].want);
	}
}

Test(sshagent, keys_are_walked_in_order)
{
	struct sshagent_keys k;
	struct span blob, comment;
	struct why w;
	struct buf b;

	buf_init(&b, SSHAGENT_MAX);
	put_keys(&b, 0, 0, 0, 0);
	cr_assert_eq(sshagent_get_keys(buf_span(&b), &k, &w), 0);
	cr_assert(!sshagent_next(&k, &blob, &comment));
	buf_reset(&b);
	buf_put_u8(&b, 12);
	buf_put_u32be(&b, 2);
	sshw_put_cstring(&b, "first");
	sshw_put_cstring(&b, "");
	sshw_put_cstring(&b, "second");
	sshw_put_cstring(&b, "a comment");
	cr_assert_eq(sshagent_get_keys(buf_span(&b), &k, &w), 0, "%s", w.text);
	cr_assert(sshagent_next(&k, &blob, &comment));
	cr_assert(span_is(blob, "first") && comment.n == 0);
	cr_assert(sshagent_next(&k, &blob, &comment));
	cr_assert(span_is(blob, "second") && span_is(comment, "a comment"));
	cr_assert(!sshagent_next(&k, &blob, &comment));
	buf_clear(&b);
}

Test(sshagent, wrong_lists_are_refused)
{
	static const struct {
		uint32_t told, n;
		size_t blob, comment;
		int err;
	} v[] = {
	    {2, 2, 51, 10, 0},
	    {1, 1, SSHAGENT_KEY_MAX, 0, 0},
	    {1, 1, SSHAGENT_KEY_MAX + 1, 0, E_TOOBIG},
	    {1, 1, 51, SSHAGENT_COMMENT_MAX + 1, E_TOOBIG},
	    {2, 1, 51, 10, E_SHORT},       /* fewer than told */
	    {1, 2, 51, 10, E_TRAILING},    /* more */
	    {0, 1, 51, 10, E_TRAILING},
	    {SSHAGENT_KEYS_MAX, SSHAGENT_KEYS_MAX, 51, 10, 0},
	    {SSHAGENT_KEYS_MAX + 1, SSHAGENT_KEYS_MAX + 1, 51, 10, E_TOOBIG},
	    {0xffffffff, 1, 51, 10, E_TOOBIG},
	};
	struct buf b;

	buf_init(&b, SSHAGENT_MAX);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		buf_reset(&b);
		put_keys(&b, v[i].told, v[i].n, v[i].blob, v[i].comment);
		cr_assert_eq(buf_err(&b), 0);
		cr_assert_eq(keys_of(buf_span(&b)), v[i].err, "%zu gave %d", i, keys_of(buf_span(&b)));
	}
	buf_clear(&b);
}

Test(sshagent, other_answers_are_refused)
{
	static const uint8_t failure[] = {5}, failure_more[] = {5, 0}, success[] = {6}, extension[] = {28};
	struct span sig, cases[] = {span_of(failure_more, 2), span_of(success, 1), span_of(extension, 1)};
	struct sshagent_keys k;
	struct why w;

	cr_assert_eq(sshagent_get_keys(span_of(failure, 1), &k, &w), E_DENIED);
	cr_assert_eq(sshagent_get_signature(span_of(failure, 1), &sig, &w), E_DENIED);
	cr_assert_str_eq(w.text, "the agent refused");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(sshagent_get_keys(cases[i], &k, &w), E_FORMAT);
		cr_assert_eq(sshagent_get_signature(cases[i], &sig, &w), E_FORMAT);
	}
	cr_assert_eq(sshagent_get_keys((struct span){0}, &k, &w), E_FORMAT);
	cr_assert_eq(sshagent_get_signature((struct span){0}, &sig, &w), E_FORMAT);
}

Test(sshagent, a_signature_is_one_bounded_string)
{
	uint8_t fill[SSHAGENT_SIG_MAX + 1] = {0};
	struct span sig;
	struct why w;
	struct buf b;

	buf_init(&b, SSHAGENT_MAX);
	buf_put_u8(&b, 14);
	sshw_put_cstring(&b, "the signature");
	cr_assert_eq(sshagent_get_signature(buf_span(&b), &sig, &w), 0);
	cr_assert(span_is(sig, "the signature"));
	for (size_t cut = 0; cut < buf_len(&b); cut++) {
		struct span s = buf_span(&b);

		cr_assert_neq(sshagent_get_signature(span_of(s.p, cut), &sig, &w), 0, "%zu", cut);
		cr_assert_eq(sig.n, 0);
	}
	buf_put_u8(&b, 0);
	cr_assert_eq(sshagent_get_signature(buf_span(&b), &sig, &w), E_TRAILING);
	buf_reset(&b);
	buf_put_u8(&b, 14);
	sshw_put_cstring(&b, "");
	cr_assert_eq(sshagent_get_signature(buf_span(&b), &sig, &w), E_FORMAT);
	buf_reset(&b);
	buf_put_u8(&b, 14);
	sshw_put_string(&b, span_of(fill, sizeof(fill)));
	cr_assert_eq(sshagent_get_signature(buf_span(&b), &sig, &w), E_TOOBIG);
	buf_clear(&b);
}

/* Whatever a flipped bit makes of it: what parses stays inside the message. */
Test(sshagent, cut_and_flipped_lists)
{
	struct sshagent_keys k;
	struct span blob, comment, whole;
	struct why w;
	struct buf b;

	buf_init(&b, SSHAGENT_MAX);
	put_keys(&b, 3, 3, 9, 5);
	whole = buf_span(&b);
	for (size_t cut = 0; cut < whole.n; cut++) {
		uint8_t *copy = malloc(cut > 0 ? cut : 1); /* its end is the sanitizer's matter */

		memcpy(copy, whole.p, cut);
		cr_assert_neq(sshagent_get_keys(span_of(copy, cut), &k, &w), 0, "%zu", cut);
		cr_assert(!sshagent_next(&k, &blob, &comment));
		free(copy);
	}
	for (size_t bit = 0; bit < 8 * whole.n; bit++) {
		uint8_t *copy = malloc(whole.n);
		size_t n = 0;

		memcpy(copy, whole.p, whole.n);
		copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (sshagent_get_keys(span_of(copy, whole.n), &k, &w) == 0) {
			while (sshagent_next(&k, &blob, &comment)) {
				cr_assert(blob.p + blob.n <= copy + whole.n);
				cr_assert(comment.p + comment.n <= copy + whole.n);
				n++;
			}
			cr_assert_eq(n, 3);
		}
		free(copy);
	}
	buf_clear(&b);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Sorted, without repetitions, runs of serials as ranges: one list of facts has one form.
 */
#include "ident/krl.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "wire/sshw.h"

#define MAGIC      0x5353484b524c0a00ULL /* "SSHKRL\n\0" */
#define FORMAT     1
#define RUN_MIN    3 /* shorter runs are smaller as numbers */
#define FP_PREFIX  "SHA256:"
#define FP_ENCODED 43

enum { SECTION_CERTIFICATES = 1, SECTION_SHA256 = 5 };
enum { CERT_SERIALS = 0x20, CERT_RANGE = 0x21, CERT_KEY_IDS = 0x23 };

struct krl {
	size_t n_serials, n_ids, n_hashes, n_cas;
	uint64_t *serials;
	char **ids;
	uint8_t (*hashes)[SHA256_LEN];
	struct buf *cas;
};

struct krl *krl_new(void)
{
	return xcalloc(1, sizeof(struct krl));
}

void krl_free(struct krl *k)
{
	size_t i;

	if (k == NULL)
		return;
	for (i = 0; i < k->n_ids; i++)
		free(k->ids[i]);
	for (i = 0; i < k->n_cas; i++)
		buf_clear(&k->cas[i]);
	free(k->serials);
	free(k->ids);
	free(k->hashes);
	free(k->cas);
	free(k);
}

/* Room for one more behind n elements. */
static void *grow(void *v, size_t n, size_t size)
{
	return (n & (n - 1)) == 0 ? xreallocarray(v, n == 0 ? 1 : 2 * n, size) : v;
}

void krl_serial(struct krl *k, uint64_t serial)
{
	if (serial == 0)
		return;
	k->serials = grow(k->serials, k->n_serials, sizeof(*k->serials));
	k->serials[k->n_serials++] = serial;
}

void krl_key_id(struct krl *k, const char *key_id)
{
	k->ids = grow(k->ids, k->n_ids, sizeof(*k->ids));
	k->ids[k->n_ids++] = xstrdup(key_id);
}

int krl_fingerprint(struct krl *k, const char *fp)
{
	const size_t skip = sizeof(FP_PREFIX) - 1;
	struct buf padded, raw;
	int rc = E_FORMAT;

	if (strncmp(fp, FP_PREFIX, skip) != 0 || strlen(fp) != skip + FP_ENCODED)
		return E_FORMAT;
	buf_init(&padded, 64);
	buf_init(&raw, 64);
	buf_put_str(&padded, fp + skip);
	buf_put_str(&padded, "=");
	if (base64_decode(buf_span(&padded), &raw) == 0 && buf_len(&raw) == SHA256_LEN) {
		k->hashes = grow(k->hashes, k->n_hashes, sizeof(*k->hashes));
		memcpy(k->hashes[k->n_hashes++], buf_span(&raw).p, SHA256_LEN);
		rc = 0;
	}
	buf_clear(&padded);
	buf_clear(&raw);
	return rc;
}

void krl_authority(struct krl *k, struct span blob)
{
	k->cas = grow(k->cas, k->n_cas, sizeof(*k->cas));
	buf_init(&k->cas[k->n_cas], blob.n);
	buf_put_span(&k->cas[k->n_cas++], blob);
}

/* --- order --- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

static void sort(void *v, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	if (n > 1)
		qsort(v, n, size, cmp);
}

/* --- sections --- */

/* Where the run that starts at i ends (its last element); repetitions belong to it. */
static size_t run_end(const struct krl *k, size_t i)
{
	while (i + 1 < k->n_serials && k->serials[i + 1] - k->serials[i] <= 1)
		i++;
	return i;
}

/* Long runs as ranges, the others together as one list. */
static void put_ranges(const struct krl *k, struct buf *out)
{
	size_t i, last;

	for (i = 0; i < k->n_serials; i = last + 1) {
		last = run_end(k, i);
		if (k->serials[last] - k->serials[i] + 1 < RUN_MIN)
			continue;
		buf_put_u8(out, CERT_RANGE);
		buf_put_u32be(out, 16);
		buf_put_u64be(out, k->serials[i]);
		buf_put_u64be(out, k->serials[last]);
	}
}

static void put_singles(const struct krl *k, struct buf *out)
{
	size_t i, last, open = 0, n = 0;

	for (i = 0; i < k->n_serials; i = last + 1) {
		uint64_t n_run, v;

		last = run_end(k, i);
		n_run = k->serials[last] - k->serials[i] + 1;
		if (n_run >= RUN_MIN)
			continue;
		if (n++ == 0) {
			buf_put_u8(out, CERT_SERIALS);
			open = sshw_open_string(out);
		}
		for (v = 0; v < n_run; v++)
			buf_put_u64be(out, k->serials[i] + v);
	}
	if (n > 0)
		sshw_close_string(out, open);
}

static void put_ids(const struct krl *k, struct buf *out)
{
	size_t i, open;

	if (k->n_ids == 0)
		return;
	buf_put_u8(out, CERT_KEY_IDS);
	open = sshw_open_string(out);
	for (i = 0; i < k->n_ids; i++)
		if (i == 0 || strcmp(k->ids[i], k->ids[i - 1]) != 0)
			sshw_put_cstring(out, k->ids[i]);
	sshw_close_string(out, open);
}

static void put_certificates(const struct krl *k, struct span ca, struct buf *out)
{
	size_t open;

	if (k->n_serials == 0 && k->n_ids == 0)
		return;
	buf_put_u8(out, SECTION_CERTIFICATES);
	open = sshw_open_string(out);
	sshw_put_string(out, ca);
	sshw_put_cstring(out, ""); /* reserved */
	put_singles(k, out);
	put_ranges(k, out);
	put_ids(k, out);
	sshw_close_string(out, open);
}

static void put_hashes(const struct krl *k, struct buf *out)
{
	size_t i, open;

	if (k->n_hashes == 0)
		return;
	buf_put_u8(out, SECTION_SHA256);
	open = sshw_open_string(out);
	for (i = 0; i < k->n_hashes; i++)
		if (i == 0 || by_bytes(k->hashes[i], k->hashes[i - 1]) != 0)
			sshw_put_string(out, span_of(k->hashes[i], SHA256_LEN));
	sshw_close_string(out, open);
}

int krl_write(struct krl *k, uint64_t number, int64_t now_s, const char *comment, struct buf *out)
{
	size_t i;

	sort(k->serials, k->n_serials, sizeof(*k->serials), by_number);
	sort(k->ids, k->n_ids, sizeof(*k->ids), by_text);
	sort(k->hashes, k->n_hashes, sizeof(*k->hashes), by_bytes);
	buf_reset(out);
	buf_put_u64be(out, MAGIC);
	buf_put_u32be(out, FORMAT);
	buf_put_u64be(out, number);
	buf_put_u64be(out, (uint64_t)now_s);
	buf_put_u64be(out, 0);     /* flags */
	sshw_put_cstring(out, ""); /* reserved */
	sshw_put_cstring(out, comment);
	for (i = 0; i < k->n_cas; i++)
		put_certificates(k, buf_span(&k->cas[i]), out);
	if (k->n_cas == 0)
		put_certificates(k, span_of("", 0), out);
	put_hashes(k, out);
	return buf_err(out);
}

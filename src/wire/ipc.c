/* SPDX-License-Identifier: Apache-2.0
 *
 * IPC messages ⇄ bytes. A message is built with an open map header of fixed width that ipc_end() fills in.
 */
#include "wire/ipc.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"

#define IPC_MAX_KEYS 40

struct ipc_msg {
	struct mp_doc *doc;
	const struct mp_val *map;
	int type;
	uint32_t id;
};

/* Header: map16 (0xde) with a count that is patched; the count lives in the buffer's first bytes. */
void ipc_begin(struct buf *b, enum ipc_type t, uint32_t id)
{
	static const uint8_t head[3] = {0xde, 0, 0};

	buf_reset(b);
	buf_put(b, head, sizeof(head));
	ipc_int(b, "t", t);
	ipc_int(b, "i", id);
}

static void ipc_key(struct buf *b, const char *key)
{
	mp_put_cstr(b, key);
	if (buf_err(b) == 0 && b->mem[b->off + 2] < UINT8_MAX) /* ipc_end() refuses over IPC_MAX_KEYS: no wrap */
		b->mem[b->off + 2]++;
}

void ipc_str(struct buf *b, const char *key, const char *v)
{
	ipc_key(b, key);
	mp_put_cstr(b, v);
}

void ipc_fail(struct buf *b, uint32_t id, const struct why *w, const char *sqlstate)
{
	ipc_begin(b, IPC_FAIL, id);
	ipc_int(b, "code", w->code);
	ipc_str(b, "text", w->text);
	ipc_str(b, "hint", w->hint);
	ipc_str(b, "sqlstate", sqlstate);
}

void ipc_bin(struct buf *b, const char *key, struct span v)
{
	ipc_key(b, key);
	mp_put_bin(b, v);
}

void ipc_int(struct buf *b, const char *key, int64_t v)
{
	ipc_key(b, key);
	mp_put_i64(b, v);
}

void ipc_bool(struct buf *b, const char *key, bool v)
{
	ipc_key(b, key);
	mp_put_bool(b, v);
}

void ipc_strs(struct buf *b, const char *key, char *const *v, size_t n)
{
	ipc_key(b, key);
	mp_put_array(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		mp_put_cstr(b, v[i]);
}

void ipc_raw(struct buf *b, const char *key, struct span encoded)
{
	ipc_key(b, key);
	buf_put_span(b, encoded);
}

int ipc_end(struct buf *b)
{
	struct span s = buf_span(b);

	if (buf_err(b) == 0 && (s.n > IPC_MAX || (s.n > 2 && s.p[0] == 0xde && s.p[2] > IPC_MAX_KEYS)))
		return E_TOOBIG;
	return buf_err(b);
}

/* Keys must be short strings, each once. */
static int keys_check(const struct mp_val *map)
{
	size_t n = mp_count(map);

	if (mp_type(map) != MP_MAP || n > IPC_MAX_KEYS)
		return E_FORMAT;
	for (size_t i = 0; i < n; i++) {
		const struct mp_val *k = mp_key_at(map, i);

		if (mp_type(k) != MP_STR || mp_span(k).n == 0 || mp_span(k).n > 32)
			return E_FORMAT;
		for (size_t j = 0; j < i; j++)
			if (span_eq(mp_span(mp_key_at(map, j)), mp_span(k)))
				return E_FORMAT;
	}
	return 0;
}

int ipc_parse(struct span in, struct ipc_msg **out)
{
	struct ipc_msg *m;
	struct mp_doc *doc;
	int64_t t, id;
	int rc;

	*out = NULL;
	rc = mp_parse(in, &doc, NULL);
	if (rc != 0)
		return rc;
	rc = keys_check(mp_root(doc));
	t = mp_i64(mp_get(mp_root(doc), "t"), -1);
	id = mp_i64(mp_get(mp_root(doc), "i"), -1);
	if (rc == 0 && (t <= 0 || t > 1000 || id < 0 || id > UINT32_MAX))
		rc = E_FORMAT;
	if (rc != 0) {
		mp_free(doc);
		return rc;
	}
	m = xcalloc(1, sizeof(*m));
	*m = (struct ipc_msg){doc, mp_root(doc), (int)t, (uint32_t)id};
	*out = m;
	return 0;
}

void ipc_free(struct ipc_msg *m)
{
	if (m == NULL)
		return;
	mp_free(m->doc);
	free(m);
}

int ipc_type_of(const struct ipc_msg *m)
{
	return m->type;
}

uint32_t ipc_id(const struct ipc_msg *m)
{
	return m->id;
}

const struct mp_val *ipc_get(const struct ipc_msg *m, const char *key)
{
	return mp_get(m->map, key);
}

struct span ipc_get_span(const struct ipc_msg *m, const char *key)
{
	return mp_span(ipc_get(m, key));
}

int ipc_get_str(const struct ipc_msg *m, const char *key, char *out, size_t cap)
{
	const struct mp_val *v = ipc_get(m, key);
	struct span s = mp_span(v);

	out[0] = '\0';
	if (mp_type(v) != MP_STR)
		return E_NOTFOUND;
	if (span_has_nul(s))
		return E_FORMAT;
	if (s.n >= cap)
		return E_TOOBIG;
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return 0;
}

void ipc_take_str(const struct ipc_msg *m, const char *key, char *out, size_t cap)
{
	if (ipc_get_str(m, key, out, cap) != 0)
		out[0] = '\0';
}

void ipc_take_text(const struct ipc_msg *m, const char *key, char *out, size_t cap)
{
	struct span s = mp_span(ipc_get(m, key));
	size_t n = s.n < cap ? s.n : cap - 1;

	while (n > 0 && n < s.n && (s.p[n] & 0xc0) == 0x80)
		n--;
	if (n > 0)
		memcpy(out, s.p, n);
	out[n] = '\0';
}

int64_t ipc_get_int(const struct ipc_msg *m, const char *key, int64_t dflt)
{
	return mp_i64(ipc_get(m, key), dflt);
}

bool ipc_get_bool(const struct ipc_msg *m, const char *key, bool dflt)
{
	return mp_bool(ipc_get(m, key), dflt);
}

int ipc_send(int sock, struct buf *b, const int *fds, size_t nfds)
{
	int rc = ipc_end(b);

	return rc != 0 ? rc : fd_send(sock, buf_span(b), fds, nfds);
}

int ipc_recv(int sock, struct buf *scratch, struct ipc_msg **out, int *fds, size_t *nfds)
{
	int rc;

	*out = NULL;
	rc = fd_recv(sock, scratch, fds, nfds);
	if (rc == 0)
		rc = ipc_parse(buf_span(scratch), out);
	if (rc != 0 && rc != E_MORE && nfds != NULL) {
		for (size_t i = 0; i < *nfds; i++)
			fd_close(&fds[i]);
		*nfds = 0;
	}
	return rc;
}

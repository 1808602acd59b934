/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between processes: what parses has a type, an id, few keys and each once, and survives being rebuilt.
 */
#include <stdlib.h>

#include "wire/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_fields(const struct ipc_msg *m)
{
	static const char *const keys[] = {"t", "i", "user", "cert", "sid", "code", "text", "x", ""};
	char out[16];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (ipc_get_str(m, keys[i], out, sizeof(out)) == 0 && memchr(out, 0, sizeof(out)) == NULL)
			abort();
		ipc_take_str(m, keys[i], out, sizeof(out));
		(void)ipc_get_span(m, keys[i]);
		(void)ipc_get_int(m, keys[i], 0);
		(void)ipc_get_bool(m, keys[i], false);
	}
}

static void rebuild(const struct ipc_msg *m)
{
	struct ipc_msg *again;
	struct buf b;

	buf_init(&b, IPC_MAX);
	ipc_begin(&b, (enum ipc_type)ipc_type_of(m), ipc_id(m));
	ipc_bin(&b, "x", ipc_get_span(m, "x"));
	if (ipc_end(&b) == 0) {
		if (ipc_parse(buf_span(&b), &again) != 0)
			abort();
		if (ipc_type_of(again) != ipc_type_of(m) || ipc_id(again) != ipc_id(m) ||
		    !span_eq(ipc_get_span(again, "x"), ipc_get_span(m, "x")))
			abort();
		ipc_free(again);
	}
	buf_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_msg *m;

	if (ipc_parse(span_of(data, size), &m) != 0) {
		if (m != NULL)
			abort();
		return 0;
	}
	if (ipc_type_of(m) <= 0)
		abort();
	read_fields(m);
	rebuild(m);
	ipc_free(m);
	return 0;
}

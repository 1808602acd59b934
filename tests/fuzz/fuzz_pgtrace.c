/* SPDX-License-Identifier: Apache-2.0
 *
 * libpq's trace text: a server chooses most of it.
 */
#include <stdlib.h>

#include "session/pgtrace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pgtrace t;

	if (pgtrace_parse(span_of(data, size), &t) == 0) {
		if (t.n_names > PGTRACE_NAMES || strlen(t.sqlstate) > 5 || strlen(t.message) >= sizeof(t.message))
			abort();
		for (size_t i = 0; i < t.n_names; i++) {
			if (strlen(t.names[i]) >= PGTRACE_NAME_MAX)
				abort();
		}
	}
	return 0;
}

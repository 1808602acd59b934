/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of an exec request: whatever comes out is NUL-ended, within the caps and of a
 * known verb.
 */
#include <stdlib.h>
#include <string.h>

#include "server/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmdline c;
	struct why w;
	size_t n = 0;

	if (cmdline_parse(span_of(data, size), &c, &w) != 0) {
		if (w.text[0] == '\0')
			abort();
		return 0;
	}
	if (c.verb == NULL || c.argc > CMDLINE_MAX_ARGS || c.argv[c.argc] != NULL)
		abort();
	for (size_t i = 0; i < c.argc; i++)
		n += strlen(c.argv[i]);
	if (n > size)
		abort();
	cmdline_clear(&c);
	return 0;
}

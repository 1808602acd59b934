/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text either loads and its dump loads again, or it is refused with a message.
 */
#include <stdlib.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_load_again(const struct conf *c)
{
	struct conf *again;
	struct buf dump, errs;

	buf_init(&dump, 4 << 20);
	buf_init(&errs, 1 << 20);
	conf_dump(c, &dump);
	if (buf_err(&dump) == 0 && buf_len(&dump) <= 1 << 20) {
		if (conf_parse("dump", buf_span(&dump), &again, &errs) != 0)
			abort();
		conf_free(again);
	}
	buf_clear(&dump);
	buf_clear(&errs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *c = NULL;
	struct buf errs;
	int rc;

	buf_init(&errs, 4 << 20);
	rc = conf_parse("fuzz", span_of(data, size), &c, &errs);
	if ((rc == 0) != (c != NULL) || (rc == 0) != (buf_len(&errs) == 0))
		abort();
	if (rc == 0)
		must_load_again(c);
	conf_free(c);
	buf_clear(&errs);
	return 0;
}

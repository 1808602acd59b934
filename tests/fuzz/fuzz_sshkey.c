/* SPDX-License-Identifier: Apache-2.0
 *
 * Private key files and public key lines. A key that parses is consistent: its public half belongs
 * to its seed, and it survives being written and read again. A line that parses is written back
 * with the same type and blob.
 */
#include <stdlib.h>

#include "wire/sshcert.h"
#include "wire/sshkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_private(struct span in)
{
	struct sshkey k, again;
	struct buf b;

	if (sshkey_parse(in, &k, NULL) != 0)
		return;
	buf_init(&b, SSHKEY_FILE_MAX);
	if (sshkey_put(&b, &k, "x") != 0 || sshkey_parse(buf_span(&b), &again, NULL) != 0 ||
	    memcmp(&k, &again, sizeof(k)) != 0)
		abort();
	buf_wipe(&b);
}

static void check_line(struct span in)
{
	struct buf blob, again, line;
	struct span comment;
	struct sshcert c;
	struct sshpk k;

	buf_init(&blob, SSHPK_BLOB_MAX);
	buf_init(&again, SSHPK_BLOB_MAX);
	buf_init(&line, SSHPK_LINE_MAX);
	if (sshpk_line_parse(in, &blob, &comment, NULL) == 0) {
		if (sshpk_line_put(&line, buf_span(&blob), "") != 0 ||
		    sshpk_line_parse(buf_span(&line), &again, NULL, NULL) != 0 ||
		    !span_eq(buf_span(&blob), buf_span(&again)))
			abort();
		(void)!sshpk_parse(buf_span(&blob), &k, NULL);
		(void)!sshcert_parse(buf_span(&blob), &c, NULL);
	}
	buf_clear(&blob);
	buf_clear(&again);
	buf_clear(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_private(span_of(data, size));
	check_line(span_of(data, size));
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * An agent's answers. What parses is within its bounds and, written again, is the same bytes.
 */
#include <stdlib.h>

#include "wire/sshagent.h"
#include "wire/sshw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_keys(struct span in)
{
	struct sshagent_keys k;
	struct span blob, comment;
	struct buf again;

	if (sshagent_get_keys(in, &k, NULL) != 0)
		return;
	buf_init(&again, SSHAGENT_MAX);
	buf_put_u8(&again, 12);
	buf_put_u32be(&again, k.n);
	while (sshagent_next(&k, &blob, &comment)) {
		if (blob.n > SSHAGENT_KEY_MAX || comment.n > SSHAGENT_COMMENT_MAX)
			abort();
		sshw_put_string(&again, blob);
		sshw_put_string(&again, comment);
	}
	if (!span_eq(buf_span(&again), in))
		abort();
	buf_clear(&again);
}

static void check_signature(struct span in)
{
	struct span sig;
	struct buf again;

	if (sshagent_get_signature(in, &sig, NULL) != 0)
		return;
	buf_init(&again, SSHAGENT_MAX);
	buf_put_u8(&again, 14);
	sshw_put_string(&again, sig);
	if (sig.n == 0 || sig.n > SSHAGENT_SIG_MAX || !span_eq(buf_span(&again), in))
		abort();
	buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	size_t n;

	check_keys(in);
	check_signature(in);
	if (sshagent_head(in, &n, NULL) == 0 && (n == 0 || n > SSHAGENT_MAX))
		abort();
	return 0;
}

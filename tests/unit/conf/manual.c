/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the generated part of sallyport.yaml(5).
 */
#include <unistd.h>

#include "base/file.h"
#include "conf/conf_fill.h"

int main(void)
{
	struct buf out;
	int rc;

	buf_init(&out, 1024 * 1024);
	conf_manual(&out);
	rc = file_write_all(STDOUT_FILENO, buf_span(&out).p, buf_len(&out));
	buf_clear(&out);
	return rc != 0;
}

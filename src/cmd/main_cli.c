/* SPDX-License-Identifier: Apache-2.0
 *
 * The program `sallyport`.
 */
#include <locale.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cmd/cli.h"

int main(int argc, char **argv)
{
#ifdef SP_ATTACK
	if (clock_test_open() != 0)
		return EXIT_FAILURE;
#endif
	/* Widths of characters; output is UTF-8 whatever the locale says. */
	if (setlocale(LC_ALL, "") == NULL || MB_CUR_MAX == 1)
		(void)setlocale(LC_CTYPE, "C.UTF-8");
	(void)setlocale(LC_NUMERIC, "C");
	return cli_main(argc, argv);
}

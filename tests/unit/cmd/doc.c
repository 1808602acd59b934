/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the generated part of sallyport(1) ("manual") or the bash completion ("completion").
 */
#include <string.h>

#include "cmd/cli_verbs.h"

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (strcmp(argv[1], "completion") == 0)
		cli_put_completion(stdout);
	else if (strcmp(argv[1], "manual") == 0)
		cli_put_manual(stdout);
	else
		return 2;
	return fflush(stdout) != 0;
}

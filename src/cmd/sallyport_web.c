/* SPDX-License-Identifier: Apache-2.0
 *
 * sallyport-web: the gateway's pages for browsers. The work is in server/web*.
 */
#include "server/helper_exec.h"

int main(int argc, char **argv)
{
	struct helper_opts o;

	return helper_begin(argc, argv, "web", &o) != 0 ? 2 : 0;
}

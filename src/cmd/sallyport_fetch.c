/* SPDX-License-Identifier: Apache-2.0
 *
 * sallyport-fetch: outbound HTTP to identity providers. The work is in server/fetch*.
 */
#include "server/fetcher.h"

int main(int argc, char **argv)
{
	return fetcher_main(argc, argv);
}

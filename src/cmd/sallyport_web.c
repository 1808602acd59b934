/* SPDX-License-Identifier: Apache-2.0
 *
 * sallyport-web: the gateway's pages for browsers. The work is in server/web*.
 */
#include "server/web.h"

int main(int argc, char **argv)
{
	return web_main(argc, argv);
}

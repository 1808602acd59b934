/* SPDX-License-Identifier: Apache-2.0
 *
 * The fetcher process (program sallyport-fetch): identity providers over HTTPS on the monitor's behalf. Messages IPC_IDP_* of
 * doc/formats/ipc.md. It parses and verifies tokens; the monitor gets flat, bounded answers. It holds the client
 * secrets of the configured blocks and nothing else of the gateway's.
 */
#ifndef SP_SERVER_FETCHER_H
#define SP_SERVER_FETCHER_H

/* Serve until the socket closes. Exit status. */
int fetcher_main(int argc, char **argv);

#endif

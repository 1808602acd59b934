/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: an SSH client that sends whatever it is told, in any order. One exchange (curve25519-sha256, ssh-ed25519,
 * aes128-gcm, no verification of the host), no re-keying. Payloads are built with buf_put_* and raw_str().
 */
#ifndef SP_TESTS_RAWSSH_H
#define SP_TESTS_RAWSSH_H

#include "base/buf.h"
#include "base/crypto.h"
#include "base/cur.h"
#include "wire/sshkey.h"

struct raw {
	int fd;
	bool sealed;          /* new keys are in use */
	uint8_t sid[SHA256_LEN];
	uint8_t key_out[16], key_in[16], iv_out[12], iv_in[12];
	struct buf out;       /* sealed packets not yet written: raw_hold() */
	bool hold;
	struct buf in;        /* received, not yet opened */
	struct buf payload;   /* the last packet, type byte first */
};

/* Connect to 127.0.0.1:port (from RAW_SOURCE, when the environment has it) and exchange keys; exits the program on failure. */
void raw_open(struct raw *r, int port);
void raw_close(struct raw *r);
/* Send a payload; false when the connection is gone. With hold packets collect until raw_flush(). */
bool raw_send(struct raw *r, struct span payload);
bool raw_flush(struct raw *r);
/* The next packet's type within ms (its payload in r->payload), 0 on time-out, -1 at the end. */
int raw_recv(struct raw *r, int ms);
/* Packets until one of type want; 0 time-out, -1 the end (also when a DISCONNECT came). */
int raw_expect(struct raw *r, int want, int ms);

void raw_str(struct buf *b, struct span s);
void raw_cstr(struct buf *b, const char *s);

/* Authentication pieces. blob: plain key or certificate; type: its algorithm name. */
void raw_service(struct raw *r);
bool raw_none(struct raw *r, const char *user);
bool raw_probe(struct raw *r, const char *user, struct span blob);
bool raw_pubkey(struct raw *r, const char *user, struct span blob, const struct sshkey *k);
bool raw_kbdint(struct raw *r, const char *user);
bool raw_info_response(struct raw *r);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * libssh's system calls on its one socket, decided by our loop. libssh polls and receives inside almost every one of its
 * functions, 4096 bytes at a time, which costs system calls and makes its callbacks re-entrant. Our executable
 * therefore defines poll(), recv() and send(); the dynamic linker binds libssh to them. For the attached descriptor they
 * receive only what the loop has announced, in 64 KiB pieces, and never block; every other descriptor goes
 * straight to the kernel. Where the interposition does not reach libssh nothing breaks: it is only slower.
 */
#ifndef SP_SESSION_SSHIO_H
#define SP_SESSION_SSHIO_H

#include <stdbool.h>

/* One descriptor per process, a connected stream socket in blocking mode. */
void sshio_attach(int fd);
void sshio_detach(void);
/* The loop reported input: one more receive may happen. */
void sshio_may_read(void);
/* libssh sees input only while the gate is open: the edge opens it for ssh_message_get() and for nothing else, so that no
 * other call runs callbacks or queues messages. */
void sshio_gate(bool open);
/* The loop reported room for output. */
void sshio_may_write(void);
/* Bytes are here that libssh has not taken yet (the loop will not report those). */
bool sshio_has_input(void);
/* Between hold(true) and hold(false) small packets are collected; hold(false) sends them in one call. What the kernel has
 * no room for stays and counts as blocked. */
void sshio_hold(bool on);
/* The kernel had no room for the last send: wait for LOOP_OUT. */
bool sshio_blocked(void);
/* Much was received while nothing could be sent: answers to it would pile up in libssh. Do not ask for input. */
bool sshio_flooded(void);
/* Did libssh's calls ever arrive here? */
bool sshio_active(void);

#endif

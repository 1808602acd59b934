/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and descriptors: whole reads and writes, atomic replacement, descriptor passing, directory sync.
 */
#ifndef SP_BASE_FILE_H
#define SP_BASE_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Read a whole regular file into out (bounded by out's max). Refuses FIFOs and devices. */
int file_read(const char *path, struct buf *out) MUST_CHECK;
int file_read_at(int dirfd, const char *name, struct buf *out) MUST_CHECK;
int file_read_fd(int fd, struct buf *out) MUST_CHECK;
/* write(2) until all n bytes are out; -errno. */
int file_write_all(int fd, const void *p, size_t n) MUST_CHECK;
/* Write name.tmp in dirfd (O_EXCL after unlink), fsync, rename over name, fsync the directory. */
int file_replace_at(int dirfd, const char *name, struct span data, mode_t mode) MUST_CHECK;
int file_sync_dir(int dirfd) MUST_CHECK;
/* mkdir unless it exists as a directory. */
int dir_make(const char *path, mode_t mode) MUST_CHECK;

/* Descriptors over a unix SEQPACKET socket: one datagram with up to FD_PASS_MAX descriptors. The receiver gets
 * close-on-exec descriptors; *nfds is the array's size in, the count out. E_MORE on EAGAIN, E_CLOSED on EOF,
 * E_TOOBIG when the datagram or its descriptors did not fit (descriptors are closed). */
#define FD_PASS_MAX 8
int fd_send(int sock, struct span msg, const int *fds, size_t nfds) MUST_CHECK;
int fd_recv(int sock, struct buf *msg, int *fds, size_t *nfds) MUST_CHECK;
int fd_set_nonblock(int fd, bool on) MUST_CHECK;
int fd_set_cloexec(int fd, bool on) MUST_CHECK;
/* close(2) unless -1, and set *fd to -1. */
void fd_close(int *fd);

#endif

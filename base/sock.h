/* SPDX-License-Identifier: ISC */
/*
 * Unix sockets: listen, connect, peer credentials, descriptors in messages, length-framed streams.
 * Every descriptor is close-on-exec.  Every process.
 */
#ifndef BASE_SOCK_H
#define BASE_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define SOCK_FRAME_MAX (16u << 20) /* bytes in one framed message */
#define SOCK_FDS_MAX   8	   /* descriptors in one framed message */

/*
 * Listens on a path, type SOCK_STREAM or SOCK_SEQPACKET.  A stale socket file (nobody answers) is
 * replaced; a live one is an error.  Mode and group (gid -1: leave) are set before the first
 * connection can be accepted.  Returns the descriptor (non-blocking) or a negative errno value with
 * *e filled.
 */
int sock_listen(const char *path, int type, mode_t mode, gid_t gid, struct err *e);
int sock_connect(const char *path, int type, struct err *e);

struct sock_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	gid_t groups[64]; /* supplementary groups at connect time */
	unsigned group_count;
};
int sock_get_peer(int fd, struct sock_peer *out);
bool sock_peer_is_in_group(const struct sock_peer *peer, gid_t gid);

/*
 * One frame on a stream: u32 length (network order), then that many bytes; descriptors ride on the
 * length.  Blocking descriptors only (CLI side).  recv returns the size (caller frees *data, which
 * is NUL-terminated beyond the size; closes the fds), 0 at end of stream, negative errno otherwise.
 */
int sock_send_frame(int fd, const void *data, size_t size, const int *fds, unsigned fd_count);
ssize_t sock_recv_frame(int fd, char **data, int *fds, unsigned *fd_count);

/* One packet with descriptors (SEQPACKET); same return convention as send/recv, negative errno. */
ssize_t sock_send_fds(int fd, const void *data, size_t size, const int *fds, unsigned fd_count);
ssize_t sock_recv_fds(
    int fd, void *data, size_t size, int *fds, unsigned *fd_count, unsigned fd_max);

#endif

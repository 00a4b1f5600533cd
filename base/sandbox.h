/* SPDX-License-Identifier: ISC */
/*
 * Giving privileges up: user, capabilities, no_new_privs, Landlock, seccomp.  Each process calls
 * these in its main.c, with a comment at each change.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct sandbox_user {
	uid_t uid;
	gid_t gid;
	char name[64];
};

/* Whether this process has a capability (CAP_... of linux/capability.h) in force. */
bool sandbox_has_capability(int capability);

/* Resolves a user name; "" means "bulkhead", or "nobody" where there is no such user. */
int sandbox_find_user(const char *name, struct sandbox_user *out, struct err *e);

/*
 * Becomes the user (when running as root or with CAP_SETUID and CAP_SETGID; otherwise keeps who it
 * is), keeps only the capabilities
 * in the mask (bit N = capability N; permitted+effective, not inheritable), empties the bounding
 * and ambient sets, sets no_new_privs and forbids core dumps.
 */
int sandbox_drop(const struct sandbox_user *user, uint64_t keep_caps, struct err *e);

/* Landlock: no file system access at all from here on, but for what is beneath the allowed paths
 * (read and write).  `paths` NULL-terminated, may be NULL.  Returns 0 also where the kernel has no
 * Landlock (then *active = false). */
int sandbox_landlock(const char *const *paths, bool *active, struct err *e);
/* The same, with a second list that may be read only; a path of it that does not exist is left out. */
int sandbox_landlock_readable(
    const char *const *paths, const char *const *readable, bool *active, struct err *e);

/* Seccomp allow-lists.  Every call outside of the list kills the process. */
enum sandbox_profile {
	SANDBOX_SENSOR,	  /* epoll, ring, getsockopt, one reconnecting unix socket, no files */
	SANDBOX_ENFORCER, /* netlink, the socketpair; no files but what libnftables must read */
	SANDBOX_JUDGE,	  /* sockets accepted, SQLite and evidence files; no exec, no new netlink */
	SANDBOX_CHECK,	  /* a worker that parses documents: read, write, memory, exit */
	SANDBOX_ONLINE, /* a worker that asks DNS and fetches pages: TCP, UDP, threads, no files */
	SANDBOX_RESPONDER, /* accepts, reads, answers; one reconnecting unix socket, no files */
	SANDBOX__COUNT
};
int sandbox_seccomp(enum sandbox_profile profile, struct err *e);

/* The same, and nothing can be sent or written on fd any more (-1: no such descriptor): a capture socket
 * could put forged packets on the wire. */
int sandbox_seccomp_receive_only(enum sandbox_profile profile, int fd, struct err *e);

#endif

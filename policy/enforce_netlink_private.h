/* SPDX-License-Identifier: ISC */
/* What enforce_netlink.c (changes) and enforce_netlink_dump.c share.  bulkhead-guard (enforcer
 * child). */
#ifndef POLICY_ENFORCE_NETLINK_PRIVATE_H
#define POLICY_ENFORCE_NETLINK_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/enforce_netlink.h"

#define ENFORCE_NETLINK_MESSAGE_MAX (80u << 10)

struct mnl_socket;
struct nftnl_set;
struct nftnl_set_elem;
struct nlmsghdr;

struct enforce_netlink {
	char table[32];
	struct mnl_socket *requests;
	unsigned families;	 /* bit mask */
	uint32_t seq, first_seq; /* first_seq: of the batch */
	uint8_t *batch;
	size_t room, size, last; /* bytes; `last` = offset of the newest message but the end */
	bool failed;		 /* out of memory while building */
	void (*progress)(void *arg);
	void *progress_arg;
};

/* A set of ours as libnftnl knows it, the caller's to free; NULL without memory. */
struct nftnl_set *enforce_netlink_set_named(
    const struct enforce_netlink *nl, unsigned family, const char *name);
struct nftnl_set *enforce_netlink_set_of(
    const struct enforce_netlink *nl, unsigned family, unsigned set, unsigned kind);
/* One datagram from the kernel, others' thrown away.  Its size, or -EAGAIN (nothing there, !wait),
 * -ETIMEDOUT, -ENOBUFS (some were lost), -EMSGSIZE (cut), or another negative errno. */
ssize_t enforce_netlink_receive(struct enforce_netlink *nl, void *buf, size_t size, bool wait);
/* Throws away answers that an earlier request left behind when it failed. */
void enforce_netlink_drain(struct enforce_netlink *nl);

/* Sends a request that ends with an ACK or is a dump, and hands each message of its answer to the
 * callback (negative errno: stop).  0 or negative errno: -EINTR when a dump changed under us,
 * -EPROTO when the answer makes no sense.  Answers to other requests are thrown away. */
int enforce_netlink_ask(struct enforce_netlink *nl, const struct nlmsghdr *request,
    int (*each)(const struct nlmsghdr *h, void *arg), void *arg);
/* The packets that an element counted. */
uint64_t enforce_netlink_packets(struct nftnl_set_elem *elem);

#endif

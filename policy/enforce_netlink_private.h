/* SPDX-License-Identifier: ISC */
/* What enforce_netlink.c (changes) and enforce_netlink_dump.c share.  bulkhead-guard (enforcer
 * child). */
#ifndef POLICY_ENFORCE_NETLINK_PRIVATE_H
#define POLICY_ENFORCE_NETLINK_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "policy/enforce_netlink.h"

#define ENFORCE_NETLINK_MESSAGE_MAX (80u << 10)

struct mnl_socket;
struct nftnl_set;

struct enforce_netlink {
	char table[32];
	struct mnl_socket *requests;
	unsigned families; /* bit mask */
	uint32_t seq;
	uint8_t *batch;
	size_t room, size, last; /* bytes; `last` = offset of the newest message but the end */
	bool failed;		 /* out of memory while building */
};

/* A set of ours as libnftnl knows it, the caller's to free; NULL without memory. */
struct nftnl_set *enforce_netlink_set_named(
    const struct enforce_netlink *nl, unsigned family, const char *name);
struct nftnl_set *enforce_netlink_set_of(
    const struct enforce_netlink *nl, unsigned family, unsigned set, unsigned kind);
/* Throws away answers that an earlier request left behind when it failed. */
void enforce_netlink_drain(struct enforce_netlink *nl);

#endif

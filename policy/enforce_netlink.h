/* SPDX-License-Identifier: ISC */
/*
 * Elements of our sets, straight over netlink (libnftnl, libmnl): one transaction per change over
 * all families, dumps, and who changed the ruleset.  The only includer of both libraries.
 * bulkhead-guard (enforcer child).
 */
#ifndef POLICY_ENFORCE_NETLINK_H
#define POLICY_ENFORCE_NETLINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "policy/enforce_layout.h"

struct enforce_netlink;

/* The table's name is copied.
 */
int enforce_netlink_open(struct enforce_netlink **out, const char *table, struct err *e);
void enforce_netlink_close(struct enforce_netlink *nl);
/* Bit N = our table of family N (enum enforce_family) exists, elements go there.  Begin with none.
 */
void enforce_netlink_set_families(struct enforce_netlink *nl, unsigned mask);

enum enforce_netlink_op {
	ENFORCE_NETLINK_ADD,	 /* adds, or renews timeout and comment */
	ENFORCE_NETLINK_REMOVE,	 /* absent ones are no error */
	ENFORCE_NETLINK_REPLACE, /* the sets hold these and nothing else afterwards */
	ENFORCE_NETLINK_APPEND,	 /* adds what is known to be absent */
};
/* One transaction over all families; the elements are checked already.  0 or negative errno:
 * -ENOENT when a table or set of ours is gone. */
int enforce_netlink_apply(struct enforce_netlink *nl, enum enforce_netlink_op op,
    const struct plan_element *elements, unsigned count);

/*
 * What stands, added to *out and sorted, timeout_ns = time left.  An element counts when all its
 * keys are in the sets of every family; with `partial` also when some are.  Returns 0, or 1 when
 * there was something that counts only in part (or that we did not write), or negative errno.
 *
 * A dump of a large set costs the kernel the square of its size (each piece of the answer walks the
 * hash table from its beginning: 1.3 s for 100,000 elements and family).  So where the kernel tells
 * how many elements a set has (6.18 and newer), those that are expected are asked for one by one,
 * and a set is dumped only when that does not account for all that it holds.  `expected` (sorted;
 * timeout_ns = deadline of clock_mono_ns() or 0) may be NULL.
 */
int enforce_netlink_list(
    struct enforce_netlink *nl, const struct plan *expected, bool partial, struct plan *out);
/* What a long listing does between two questions, so that who waits for it knows that it goes on;
 * NULL: nothing. */
void enforce_netlink_set_progress(
    struct enforce_netlink *nl, void (*progress)(void *arg), void *arg);
/* True when our sets hold nothing that the plan could have put there; false also when the kernel
 * does not say. */
bool enforce_netlink_is_empty(struct enforce_netlink *nl);

/* True when the net's families have no set of blocked interfaces at all. */
bool enforce_netlink_is_gone(struct enforce_netlink *nl);

/* The heartbeat and the arming of the brake in all families, one transaction: left_ms 0 leaves the
 * heartbeat as it is. */
int enforce_netlink_beat(struct enforce_netlink *nl, uint64_t left_ms, bool armed);
/* What stands of it; the longest heartbeat of all families, the sums of their counters. */
int enforce_netlink_brake(struct enforce_netlink *nl, struct enforce_brake_state *out);
/* What passed unmetered for lack of room, and where most of it came in ("" = none). */
int enforce_netlink_overflow(
    struct enforce_netlink *nl, uint64_t *packets, char link[OBS_IFNAME_BYTES]);

/* Names of the netdev chains in our table; 0 or negative errno (no table: 0). */
int enforce_netlink_list_chains(
    struct enforce_netlink *nl, void (*each)(void *arg, const char *name), void *arg);
/* Deletes a netdev chain of ours with its rules; one that is gone is no error. */
int enforce_netlink_delete_chain(struct enforce_netlink *nl, const char *name);

/* The netlink port under which our transactions are made. */
uint32_t enforce_netlink_port(const struct enforce_netlink *nl);

#endif

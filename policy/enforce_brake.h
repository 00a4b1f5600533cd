/* SPDX-License-Identifier: ISC */
/*
 * The brake as text for nft: what bounds the damage while user space is dead, and what a throttled
 * or granted server may do.  Pure.  bulkhead-guard (enforcer child).
 */
#ifndef POLICY_ENFORCE_BRAKE_H
#define POLICY_ENFORCE_BRAKE_H

#include <stdbool.h>
#include <stdio.h>

#include "policy/enforce.h"
#include "policy/enforce_layout.h"

/* Plain sets that hold all of ENFORCE_BRAKE_PROTOCOLS or nothing: the heartbeat, and "the host
 * enforces".  Looked up by the frame's protocol, the one thing that every frame has. */
#define ENFORCE_BRAKE_ALIVE "beats"
#define ENFORCE_BRAKE_ARMED "holds"
/* IPv4, IPv6, and frames in which they hide (enforce_odd.h): 802.2, tags. */
#define ENFORCE_BRAKE_PROTOCOLS                                        \
	{                                                              \
		0x0800, 0x86dd, 0x0004, 0x8100, 0x88a8, 0x9100, 0x9200 \
	}
/* By interface, with a counter: what was dropped; what would have been. */
#define ENFORCE_BRAKE_EXCESS  "excess"
#define ENFORCE_BRAKE_COUNTED "counted"
/* By the interface where it came in: passed, because there was no room to meter its source. */
#define ENFORCE_BRAKE_OVERFLOW "overflow"

/* Bytes of a packet: a command line or a final dot is shorter, a packet of a body is longer. */
#define ENFORCE_BRAKE_SMALL "600"

/* Burst and refill of a grant's element: an hour's worth at once, then as it comes. */
#define ENFORCE_BRAKE_GRANT_DEFAULT 14400u

/* Sets and chains of one family; the chains are emptied first.  "smtp" must go on to "brake". */
void enforce_brake_write(FILE *f, const struct enforce_config *cfg, enum enforce_family family);
/* The two rules at the end of a chain that lead a new connection or a command line to the brake. */
void enforce_brake_write_entry(FILE *f, const char *family, const char *table, const char *chain);

/*
 * A pattern of interfaces as nft can match it in a rule: an exact name, or one that ends in its
 * only
 * `*` behind at least one letter.  False for others: the door alone brakes those.
 */
bool enforce_brake_is_match(const char *glob);

#endif

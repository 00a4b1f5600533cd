/* SPDX-License-Identifier: ISC */
/*
 * What the guard tells bulkhead-notice: which case a link of the host belongs to.  One SEQPACKET
 * socket, one direction; the responder sends nothing.  bulkhead-guard (judge), bulkhead-notice.
 *
 * Packet: u8 version, u8 flags, u16 count, entries.  Entry: u32 index of the link, text case ("":
 * the link is blocked no more).  With ALL the receiver forgets everything first.  A change of the
 * format bumps the version: after an upgrade the older program is told apart and disconnected.
 */
#ifndef POLICY_RESPONDER_WIRE_H
#define POLICY_RESPONDER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/judge.h"

#define RESPONDER_WIRE_VERSION	   1
#define RESPONDER_WIRE_PACKET_MAX  8192 /* bytes */
#define RESPONDER_WIRE_ENTRIES_MAX 256	/* in one packet */

enum { RESPONDER_WIRE_ALL = 1 << 0 };

struct responder_entry {
	uint32_t link; /* index in the kernel, never 0 */
	char case_id[JUDGE_CASE_BYTES];
};

/* Bytes written; count <= RESPONDER_WIRE_ENTRIES_MAX always fits. */
size_t responder_wire_encode(uint8_t out[RESPONDER_WIRE_PACKET_MAX], bool all,
    const struct responder_entry *entries, unsigned count);
/* 0, or -EBADMSG: another version, reserved bits, a case id with other characters than letters,
 * digits and '-', anything left over. */
int responder_wire_decode(const uint8_t *data, size_t size, bool *all,
    struct responder_entry entries[RESPONDER_WIRE_ENTRIES_MAX], unsigned *count);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * History as bytes: what the judge looks at in an observation, and nothing else, in segments that
 * share a dictionary.  Pure.  bulkhead-guard (judge, history writer), replay.
 *
 * Kept of an observation: its kind, time (to an eighth of a second), server, destination, port,
 * visibility; recipients as 32 bits of their keyed hash with their domain; what the remote said as a
 * class and a verdict, not its words; of a message the domains, the headers that were present, 32
 * bits of the subject's hash and the fingerprint; of an estimate its numbers; of a session's end
 * HELO, greeting, habits and whether it delivered.  No address of a person, no reply text, no SNI.
 *
 * A segment is 32 bytes of head (magic, version, flags, payload bytes, number, base time, checksum)
 * and its payload.  A `fresh` one begins a new dictionary; any other continues that of the number
 * before it, so that a lost one costs what follows until the next fresh one, and is counted.
 */
#ifndef POLICY_HISTORY_PACK_H
#define POLICY_HISTORY_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/inventory.h"
#include "sensor/observation.h"

#define HISTORY_VERSION	       2 /* bump when the encoding changes; another one is refused */
#define HISTORY_HEAD_BYTES     32
#define HISTORY_PAYLOAD_MAX    49152 /* with its head far below what a SEQPACKET socket takes */
#define HISTORY_SEGMENT_MAX    (HISTORY_HEAD_BYTES + HISTORY_PAYLOAD_MAX)
#define HISTORY_COPIES_MAX     65535
#define HISTORY_TICK_NS	       INT64_C(125000000)
#define HISTORY_ENTRY_MAX      512 /* bytes of the largest encoded entry */
#define HISTORY_DICTIONARY_MAX 65536

/* Not from the sensor: what the judge was told by people and by the kernel. */
enum history_mark {
	HISTORY_OBSERVATION,
	HISTORY_RELEASED, /* a person released the server: both scores were zeroed */
	HISTORY_BLOCKED,  /* a person blocked it */
	HISTORY_MARK__COUNT
};

struct history_entry {
	uint8_t mark;	   /* enum history_mark */
	bool blocked;	   /* its port 25 was really closed: failures are our own doing */
	uint32_t copies;   /* >= 1: so many like this within the minute ... */
	uint32_t distinct; /* ... to so many different people or destinations, 1..copies */
	char server[INVENTORY_NAME_BYTES];
	/* Kind, visibility, flags, time_ns, server, server_port, session and the kind's members; for
	 * a mark the time alone.  The tenant's side is empty. */
	struct observation obs;
};

struct history_pack;				 /* writes; about 2 MiB */
int history_pack_new(struct history_pack **out); /* 0 or -ENOMEM */
void history_pack_free(struct history_pack *p);
/* Adds an entry; -ENOBUFS: the segment is full, finish it and add again. */
int history_pack_add(struct history_pack *p, const struct history_entry *entry);
/* Closes the segment and returns it (borrowed until the next call); NULL when there is nothing. */
const uint8_t *history_pack_finish(struct history_pack *p, size_t *size);
/* The next segment begins a new dictionary: the one before may be lost. */
void history_pack_refresh(struct history_pack *p);

struct history_unpack; /* reads */
int history_unpack_new(struct history_unpack **out);
void history_unpack_free(struct history_unpack *u);
/* What a head says: bytes of the whole segment, or -EBADMSG; *base_ns: its time. */
long history_unpack_head(const uint8_t head[HISTORY_HEAD_BYTES], int64_t *base_ns);
/*
 * One whole segment, each entry to fn until it returns non-zero, which is then returned.  1: it was
 * skipped, because the one before it is missing; -EBADMSG: damaged (entries before the damage were
 * passed on).
 */
int history_unpack(struct history_unpack *u, const uint8_t *segment, size_t size,
    int (*fn)(void *arg, const struct history_entry *entry), void *arg);

#endif

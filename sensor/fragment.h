/* SPDX-License-Identifier: ISC */
/*
 * IP datagrams that were divided, put together again (RFC 791 section 3.2, RFC 8200 section 4.5) in a fixed number
 * of places.  What a Linux receiver takes is taken: a fragment that brings only bytes that are there is a duplicate,
 * one that overlaps others ends its datagram (RFC 5722, RFC 8200 section 4.5).  bulkhead-sensor, replay.
 */
#ifndef SENSOR_FRAGMENT_H
#define SENSOR_FRAGMENT_H

#include <stdint.h>

#include "sensor/frame.h"

/* Datagrams in progress at the same time; one sender has a quarter of them at most, so that a flood of pieces
 * pushes out its own. */
#define FRAGMENT_SLOTS	      64
#define FRAGMENT_SENDER_MAX   (FRAGMENT_SLOTS / 4)
#define FRAGMENT_DATAGRAM_MAX 65515 /* bytes behind the IP header: 65535 less the shortest header */
/* Pieces follow each other within milliseconds; receivers wait 30 to 60 s, but their checksum notices when a number
 * was given twice in that time, and ours are often not filled in yet. */
#define FRAGMENT_WAIT_NS (5 * INT64_C(1000000000))

struct fragments;

struct fragment_stats {
	uint64_t seen;	    /* pieces of datagrams that may hold TCP */
	uint64_t assembled; /* datagrams that became whole */
	uint64_t refused;   /* datagrams whose pieces overlap or contradict each other */
	uint64_t
	    lost; /* datagrams of which a piece did not come in time, or whose place was needed */
	uint64_t memory_bytes;
};

/* 0 or -ENOMEM. */
int fragments_new(struct fragments **out);
void fragments_free(struct fragments *all);
void fragments_get_stats(const struct fragments *all, struct fragment_stats *out);

/*
 * Takes what frame_parse() called FRAME_FRAGMENT.  With the last missing piece *frame becomes the whole datagram,
 * and its kind is returned; its payload stays until fragments_release().  Otherwise FRAME_FRAGMENT, or
 * FRAME_MALFORMED for a piece that lies about its length.
 */
enum frame_kind fragments_add(struct fragments *all, struct frame *frame, int64_t now_ns);

/* What fragments_add() returned since the last call is not needed any more; before 32 of them are out. */
void fragments_release(struct fragments *all);

/* Gives up what waited longer than FRAGMENT_WAIT_NS; INT64_MAX: everything. */
void fragments_expire(struct fragments *all, int64_t now_ns);

#endif

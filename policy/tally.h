/* SPDX-License-Identifier: ISC */
/*
 * Counting in fixed memory: sliding counters, "was this seen, and when", "how many different".
 * Pure.  bulkhead-guard, replay.
 */
#ifndef POLICY_TALLY_H
#define POLICY_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define TALLY_BUCKETS	     12 /* per window: it slides in steps of a twelfth */
#define TALLY_SEEN_SETS	     128
#define TALLY_SEEN_WAYS	     8
#define TALLY_DISTINCT_SLOTS 512
#define TALLY_DISTINCT_EXACT 448 /* exact up to here, estimated beyond */

enum tally_span { TALLY_5MIN, TALLY_HOUR, TALLY_DAY, TALLY_SPAN__COUNT };

int64_t tally_span_ns(unsigned span);

/* --- clock: all counters of one span turn together --- */
struct tally_clock {
	int64_t bucket; /* number of the newest bucket since 1970 */
};

/*
 * Moves the clock to `now`.  Returns how many buckets passed (0 .. TALLY_BUCKETS; each must be
 * cleared). Time that runs backwards by more than a bucket re-anchors the clock and clears nothing.
 */
unsigned tally_clock_turn(struct tally_clock *c, unsigned span, int64_t now_ns);
unsigned tally_clock_index(const struct tally_clock *c); /* of the newest bucket in a ring */

struct tally_ring {
	float bucket[TALLY_BUCKETS];
};
/* Clears the buckets that `passed`, the newest being `index`; returns the sum of what is left. */
float tally_ring_turn(struct tally_ring *r, unsigned index, unsigned passed);

/* --- seen: keys of about the last day with the time they were last seen --- */
/* 1,024 keys of 15 bits in sets of 8 (false "seen": 8 / 2^15 per look-up of a full set); the oldest
 * of a set makes room.  Time in steps of 16 s. */
struct tally_seen {
	uint32_t entry[TALLY_SEEN_SETS]
		      [TALLY_SEEN_WAYS]; /* key 15 bits, flag 1, time 16; 0 = empty */
};
struct tally_seen_answer {
	int64_t age_ns; /* since it was seen last; -1 = not within a day */
	bool flagged;	/* the flag it was stored with */
};
/* Looks a key up, then stores it with the new time and flag. */
struct tally_seen_answer tally_seen_touch(
    struct tally_seen *s, uint64_t key, int64_t now_ns, bool flag);
/* Looks a key up and leaves it as it is. */
struct tally_seen_answer tally_seen_peek(const struct tally_seen *s, uint64_t key, int64_t now_ns);
void tally_seen_prefetch(const struct tally_seen *s, uint64_t key);
/* True when the key was not seen within `within_ns`; stores it. */
bool tally_seen_is_new(struct tally_seen *s, uint64_t key, int64_t now_ns, int64_t within_ns);

/* --- distinct: how many different keys, ever --- */
/* Adaptive sampling (Wegman; Flajolet 1990): keeps the keys whose first `level` bits are zero. */
struct tally_distinct {
	uint32_t slot[TALLY_DISTINCT_SLOTS]; /* 0 = empty */
	uint16_t used;
	uint8_t level;
};
void tally_distinct_prefetch(const struct tally_distinct *d, uint64_t key);
void tally_distinct_add(struct tally_distinct *d, uint64_t key);
uint32_t tally_distinct_count(const struct tally_distinct *d);

/* --- keys --- */
/* A well mixed key from a kind and a value; the same in every run, because keys are stored. */
uint64_t tally_key(unsigned kind, uint64_t value);
uint64_t tally_hash_addr(const struct addr *a);
uint64_t tally_hash_text(const char *text);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * The verdict ladder: clear, watch, warn, throttle, block.  Up at once, down after quiet; a block
 * has a span that doubles on repeat and lifts when its time is over and the server has stopped
 * trying. Pure.  bulkhead-guard, replay.
 */
#ifndef POLICY_VERDICT_H
#define POLICY_VERDICT_H

#include "policy/score.h"

struct verdict_rules {
	struct score_bounds bounds;
	int64_t block_first_ns, block_max_ns;
	int64_t silence_ns;
};

struct ladder {
	struct verdict verdict;
	int64_t held_ns;     /* when the score last was on this rung or above */
	int64_t activity_ns; /* when a blocked server last tried anew */
	bool span_is_fixed;  /* a person said for how long: activity does not extend it */
};

enum verdict_event {
	VERDICT_SAME,
	VERDICT_MOVED,	  /* to another rung */
	VERDICT_EXTENDED, /* still blocked, for longer */
	VERDICT_LIFTED,	  /* a block ended by time */
};

/*
 * One step at `now`.  points: of both questions; active: the server tries anew (a queue's retries
 * are not that); messages: completed so far.  `shadow` goes into a new block's verdict.
 */
enum verdict_event verdict_step(struct ladder *l, const struct verdict_rules *rules,
    const char *server, int64_t now_ns, const double points[QUESTION__COUNT], bool active,
    uint64_t messages, bool shadow);

/* A person blocks: for_ns 0 = the ladder's next span. */
void verdict_block(struct ladder *l, const struct verdict_rules *rules, const char *server,
    int64_t now_ns, int64_t for_ns, bool pin, uint64_t messages, bool shadow);
/* A person releases: back to clear; the number of blocks is kept. */
void verdict_release(struct ladder *l, int64_t now_ns);

/* The clock was set by so much: every time of the ladder moves with it, 0 stays 0. */
void verdict_shift(struct ladder *l, int64_t by_ns);

/* Length of the next block. */
int64_t verdict_next_span(
    const struct verdict *v, const struct verdict_rules *rules, int64_t now_ns);

/* "bh-" and ten letters of Crockford's base 32, the same for the same server and time. */
void verdict_case_id(char out[JUDGE_CASE_BYTES], const char *server, int64_t now_ns);

#endif

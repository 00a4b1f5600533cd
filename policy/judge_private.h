/* SPDX-License-Identifier: ISC */
/*
 * The judge's inside, shared by its files: judge.c (servers come and go), judge_observe.c (what was
 * seen), judge_decide.c (what follows), judge_view.c (what people see).  Pure.  bulkhead-guard, replay.
 */
#ifndef POLICY_JUDGE_PRIVATE_H
#define POLICY_JUDGE_PRIVATE_H

#include "policy/judge.h"
#include "policy/judge_rules.h"
#include "policy/judge_state.h"

/* Times outside of this are a broken clock or capture: 1970 .. 2223. */
#define JUDGE_TIME_MAX_NS INT64_C(8000000000000000000)

/* Whose a session is, remembered from its first observation to its last. */
#define JUDGE_MEMO_ROOM 4096 /* a power of two; a quarter of a megabyte */
struct judge_memo {
	uint64_t session; /* 0 = empty */
	char ifname[OBS_IFNAME_BYTES];
	struct addr own;
	struct mac mac;
	uint32_t index;
};

struct judge {
	struct judge_rules rules;
	struct inventory *inventory;
	bool open_inventory;
	void (*on_change)(void *arg, const struct verdict_change *change);
	void *arg;
	struct judge_state **states; /* by index of the inventory; NULL = never seen */
	int64_t *due_ns;	     /* the same: when a tick looks at it; 0 = on no rung, never */
	unsigned state_room;
	struct grant *grants;
	unsigned grant_count;
	struct pool *everybody;	   /* mailings by tenant */
	struct pool_names *names;  /* greetings by tenant */
	struct pool_table tenants; /* mailings by server, of each tenant */
	struct judge_memo memo[JUDGE_MEMO_ROOM];
	uint64_t unattributed;
	int64_t now_ns; /* newest time that was seen */
	/* safety catch: new blocks by twelfths of its window */
	struct tally_ring new_blocks;
	int64_t new_blocks_bucket;
	bool catch_is_on;
};

/* The state of a server; NULL when nothing is known of it. */
struct judge_state *judge_find_state(const struct judge *j, unsigned index);
/* The same, made when it is first needed; NULL without memory or with a bad index. */
struct judge_state *judge_take_state(struct judge *j, unsigned index);

/* What the signals look at, without the pools; the window stands at now. */
struct signal_input judge_make_input(
    const struct judge *j, const struct judge_state *s, const struct window *w);
void judge_add_pools(const struct judge *j, const struct judge_state *s, struct signal_input *in);
/* Scores a server and moves it on the ladder; the window stands at now.  mailing: the observation
 * counted for a mailing that several servers may share. */
void judge_decide(struct judge *j, struct judge_state *s, unsigned index, bool mailing);

#endif

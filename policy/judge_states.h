/* SPDX-License-Identifier: ISC */
/*
 * Memory for the states of servers, in blocks of huge pages: a state of 13 KB lies on four pages, an observation looks
 * at all of them, and with thousands of servers finding the pages cost as much as the judging.  bulkhead-guard, replay.
 */
#ifndef POLICY_JUDGE_STATES_H
#define POLICY_JUDGE_STATES_H

struct judge_state;
struct judge_block;

struct judge_states {
	struct judge_block *blocks;
	struct judge_state *unused; /* a list through the states that were given back */
};

/* A state with old contents, or NULL.  It stays where it is until it is given back. */
struct judge_state *judge_states_take(struct judge_states *all);
void judge_states_give(struct judge_states *all, struct judge_state *s);
void judge_states_fini(struct judge_states *all);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * History judged again: entries become observations, in the time in which they happened.  Pure.
 * replay, explain --replay.
 */
#ifndef POLICY_HISTORY_REPLAY_H
#define POLICY_HISTORY_REPLAY_H

#include "policy/history_pack.h"
#include "policy/whatif.h"

#define HISTORY_POLICIES_MAX 2

struct history_replay {
	struct whatif *policy[HISTORY_POLICIES_MAX]; /* borrowed; at least the first */
	unsigned policy_count;
	int64_t now_ns, first_ns; /* 0 before the first entry */
	uint64_t entries, observations;
	uint64_t
	    skipped; /* failures of connections that a real block refused, where none would stand */
};

/*
 * A server for an inventory that history_replay_entry() knows: its plan, tenant and mode, reached by
 * its number instead of its interfaces.  0 or negative errno with *e.
 */
int history_replay_add_server(struct inventory *inv, const struct server *server, struct err *e);

/*
 * One entry to all policies; a server that an inventory does not know is added to it.  Copies become
 * observations that differ as much as the originals did.  A connection that failed because the
 * server was really blocked then says nothing where the policy does not block it now.  0 or negative
 * errno.
 */
int history_replay_entry(struct history_replay *r, const struct history_entry *entry);
/* The time of the last entry, and a moment beyond: what ends by itself has ended. */
void history_replay_end(struct history_replay *r);

#endif

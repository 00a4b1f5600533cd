/* SPDX-License-Identifier: ISC */
/*
 * History: what every server did, minute by minute, for at least a month, so that another policy can
 * be asked what it would have decided.  Up to a number of facts a minute each server's observations
 * are kept one by one (a mailing is judged within some fifty); beyond it those of a kind are added
 * up, with how many different people or destinations they went to.  Pure: segments go to a
 * callback.  bulkhead-guard (judge process).
 */
#ifndef POLICY_HISTORY_H
#define POLICY_HISTORY_H

#include "policy/history_pack.h"

/* Facts of one server and minute that are kept one by one.  A session of one mail has three or four:
 * this is some 300 mails a minute, so that the mailing of a grant is whole too. */
#define HISTORY_FACTS_MAX 1024
/* The same when the disk's share of the day is used up. */
#define HISTORY_FACTS_MIN 48
/* Of a server that the judge watches: what leads to a block is kept one by one. */
#define HISTORY_FACTS_WATCHED 8192

enum history_state {
	HISTORY_USUAL,
	HISTORY_WATCHED, /* above clear, below a block */
	HISTORY_CLOSED,	 /* its port 25 is really closed: its failures are our doing */
};

struct history;

struct history_counts {	       /* since the start */
	uint64_t facts, bytes; /* kept one by one; of all segments */
	uint64_t folded;       /* observations that were added up with others */
	uint64_t segments, refused;
};

/* emit takes a segment (borrowed) and returns false when it has no room for it; what follows then
 * begins anew.  0 or -ENOMEM. */
int history_new(
    struct history **out, bool (*emit)(void *arg, const uint8_t *segment, size_t size), void *arg);
void history_free(struct history *h);

/* One observation of the server with this index and name. */
void history_note(struct history *h, unsigned index, const char *server,
    const struct observation *o, enum history_state state);
void history_mark(struct history *h, const char *server, enum history_mark mark, int64_t now_ns);
/* About once a second: ends the minute and its segment when it is over. */
void history_turn(struct history *h, int64_t now_ns);
/* Everything noted so far leaves as a segment. */
void history_flush(struct history *h);
/* A segment was lost behind our back. */
void history_refresh(struct history *h);
void history_set_facts(struct history *h, unsigned facts_per_minute);
struct history_counts history_get_counts(const struct history *h);

#endif

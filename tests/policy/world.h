/* SPDX-License-Identifier: ISC */
/*
 * A labelled world: senders of known kinds that produce observations in simulated time and are
 * judged one by one.  A block is enforced on them: their connections fail from there on.
 */
#ifndef TESTS_POLICY_WORLD_H
#define TESTS_POLICY_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "policy/judge.h"

#define WORLD_START_NS	(INT64_C(1780272000) * CLOCK_SECOND_NS) /* 2026-06-01, a Monday */
#define WORLD_LIST_MAIL (OBS_HDR_LIST_UNSUBSCRIBE | OBS_HDR_LIST_UNSUBSCRIBE_POST)
#define WORLD_PROPER	(OBS_HDR_DATE | OBS_HDR_MESSAGE_ID)

struct world; /* one sender and its judge */

struct world_outcome {
	uint8_t top;  /* highest rung it stood on */
	int question; /* of the block, or -1 */
	bool blocked;
	int64_t
	    after_ns; /* from its first mail (or from what the kind calls its turn) to the block */
	unsigned through;  /* recipients that took mail before the block, since the turn */
	unsigned accepted; /* in all */
	unsigned blocks;
	char why[200]; /* the leading reason of the highest rung */
};

enum world_want {
	WORLD_SPARE, /* never above watch */
	WORLD_BLOCK,
};

struct world_kind {
	const char *name;
	enum world_want want;
	double median_max; /* recipients let through; 0 = not asked */
	void (*run)(struct world *w);
};
extern const struct world_kind world_kinds[];
extern const unsigned world_kind_count;

/* One sender of this kind; the seed makes it this one. */
void world_run(const struct world_kind *kind, uint64_t seed, struct world_outcome *out);

/* --- for the kinds --- */

double world_random(struct world *w); /* [0, 1) */
double world_between(struct world *w, double low, double high);
uint64_t world_number(struct world *w);
int64_t world_now(const struct world *w);
void world_wait(struct world *w, double mean_seconds); /* exponential */
void world_sleep(struct world *w, double seconds);
void world_grant(struct world *w, uint64_t per_day, const char *domain);
void world_turn(struct world *w); /* from here on it is what its kind is named after */
bool world_is_blocked(const struct world *w);

struct world_mail {
	uint64_t to; /* the person; its domain follows from it */
	bool tls;
	bool unknown;		   /* the person does not exist */
	bool deferred;		   /* try again later */
	bool refused;		   /* as spam */
	const char *sender, *from; /* domains */
	uint64_t text;		   /* of the campaign: messages of one text differ in few bits */
	unsigned noise_bits;	   /* how many */
	uint64_t subject;	   /* 0 = one of its own */
	unsigned bytes;
	uint16_t headers;
	bool rude;	  /* leaves without QUIT */
	const char *helo; /* NULL = its own name */
};

uint64_t world_domain_of(uint64_t person);
/* One session with one message to one person.  Returns true when it was taken. */
bool world_send(struct world *w, const struct world_mail *m);
void world_fail_connect(struct world *w, uint64_t domain); /* unanswered */
void world_connect_and_quit(struct world *w, uint64_t domain);
void world_receive(struct world *w); /* an inbound session */

#endif

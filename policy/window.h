/* SPDX-License-Identifier: ISC */
/*
 * The window: what one server did in the last five minutes, hour and day, in fixed memory.  It
 * turns observations into counts of different people, destinations and failures; it judges nothing.
 * Pure.  bulkhead-guard, replay.
 */
#ifndef POLICY_WINDOW_H
#define POLICY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/tally.h"
#include "sensor/observation.h"
#include "whitelist/grant.h"

#define WINDOW_CAMPAIGNS 8
#define WINDOW_SESSIONS	 16
#define WINDOW_GRANTS	 16 /* grants of one server that count */
#define WINDOW_PEERS	 16

/* Sliding counters.  OPEN are recipients that no grant covers; estimates are weighted. */
enum window_ring {
	WINDOW_OPEN_5MIN,
	WINDOW_OPEN_HOUR,
	WINDOW_OPEN_DAY,
	WINDOW_GRANTED_5MIN,
	WINDOW_GRANTED_HOUR,
	WINDOW_GRANTED_DAY,
	WINDOW_BEYOND_HOUR,	  /* part of OPEN: a grant would cover them, but it is used up */
	WINDOW_ESTIMATED_HOUR,	  /* part of OPEN and GRANTED: seen through TLS only */
	WINDOW_DOMAINS_HOUR,	  /* different recipient domains */
	WINDOW_DESTINATIONS_HOUR, /* different destinations that took a message */
	WINDOW_DESTINATIONS_DAY,
	WINDOW_SENDERS_HOUR,   /* different domains in MAIL FROM */
	WINDOW_HELO_DAY,       /* different names in EHLO */
	WINDOW_MX_HOUR,	       /* different names asked for with type MX */
	WINDOW_INBOUND_DAY,    /* sessions in which mail came in */
	WINDOW_AUTH_HOUR,      /* different submission servers that refused a login */
	WINDOW_COMPLAINTS_DAY, /* receivers who said that its mail is spam */
	WINDOW_ATTEMPTS_5MIN,  /* connections that are no queue's retry */
	WINDOW_RING__COUNT
};

/* Bernoulli trials with a running log-likelihood ratio that never falls below zero (Page's CUSUM of
 * Wald's test), so that a good past does not pay for a bad present. */
enum window_test {
	WINDOW_TEST_UNKNOWN, /* the recipient does not exist: half of a bought list */
	WINDOW_TEST_STALE,   /* the same trials against a seventh: a list nobody keeps */
	WINDOW_TEST_LOOSE, /* ... against a tenth: counts beside other servers' share in a mailing */
	WINDOW_TEST_REMOTE,  /* the destination calls us a spammer */
	WINDOW_TEST_CONNECT, /* the destination cannot be connected to */
	WINDOW_TEST_SHORT,   /* the session ended without a message */
	WINDOW_TEST_RATWARE, /* the session or message shows habits of bulk tools */
	WINDOW_TEST__COUNT
};

struct window_step { /* log-likelihood ratios of one trial; from signal.c */
	double bad, good;
};

struct window_trials {
	float points;	 /* running log-likelihood ratio, >= 0 */
	float bad, good; /* trials since `since`, weighted */
	bool estimated;	 /* evidence through TLS is in it */
	int64_t since_ns, time_ns;
};

enum window_campaign_kind { WINDOW_CAMPAIGN_NONE, WINDOW_CAMPAIGN_TEXT, WINDOW_CAMPAIGN_SIZE };
struct window_campaign { /* messages that are almost the same */
	uint8_t kind;
	bool declared;	     /* calls itself list mail: List-*, Precedence: bulk, Feedback-ID */
	bool unsubscribable; /* has List-Unsubscribe */
	uint64_t fingerprint, subject;
	float size; /* typical bytes, under TLS */
	float sum;  /* recipients within the hour */
};

/* What an observation said about whether recipients exist, for the sums of several servers. */
struct window_existence {
	float points; /* log-likelihood ratio by WINDOW_TEST_LOOSE */
	float trials; /* weighted; 0: it said nothing */
};

struct window_session { /* what a session did since its last message */
	uint64_t id;
	uint64_t domain; /* of its newest recipient */
	float fresh[3];	 /* accepted recipients that are new in each span, and were counted */
	float held[3];	 /* recipients by span whose grant only the From field can tell */
};

/* Recipients of one event (a post, a notice to a team) come together: bursts, told by the pauses
 * between them.  Their sizes say by how much more than a Poisson number a count may vary. */
struct window_burst {
	int64_t since_ns, last_ns; /* of the open one */
	float n;		   /* recipients in it so far */
	float prompts;		   /* inbound sessions that it may answer: a list's posts */
	float prompts_waiting;	   /* the same, of the next one */
	int64_t prompt_ns;	   /* the newest of them */
	float sum, square;	   /* of the sizes of those that ended; half in two days */
	int64_t time_ns;	   /* of these sums */
};

/* Where mail goes through TLS.  No recipient is seen there, but the destination is. */
enum window_house { WINDOW_HOUSE_UNKNOWN, WINDOW_HOUSE_SINGLE, WINDOW_HOUSE_SHARED };
struct window_peer {
	uint64_t key; /* of the destination; 0 = empty */
	float mails;  /* recent estimated recipients; fades with an hour's time constant */
	uint8_t
	    house; /* enum window_house, by its greeting: one organisation's, or many people's */
	uint64_t
	    lengths; /* of envelopes, modulo 64, while `mails` lasts: people have different ones */
	int64_t time_ns;
};

/* After a person's release the rest of the mailing may drain: it is told by its text or size. */
struct window_drain {
	struct window_campaign like; /* kind NONE: nothing drains */
	float left;		     /* recipients */
	int64_t until_ns;
};

struct window {
	struct tally_clock clock[TALLY_SPAN__COUNT];
	float sum[WINDOW_RING__COUNT];
	struct window_trials trials[WINDOW_TEST__COUNT];
	float allowance; /* recipients of a backlog that the short clocks do not count */
	int64_t allowance_until_ns;
	int64_t flush_given_ns; /* when an outage last gave an allowance */
	int64_t first_ns, last_delivery_ns;
	int64_t outage_since_ns; /* first failure after the last delivery; 0 = none */
	float outage_destinations;
	uint32_t next_session;
	struct window_burst burst;
	struct window_peer peer[WINDOW_PEERS];
	struct window_drain drain;
	struct window_campaign news; /* since the observation began: what was counted, n in `sum` */
	float news_of;		     /* ... and what that campaign of its own amounts to with it */
	struct window_existence existence; /* since the observation began */
	uint64_t news_helo;		   /* the same: a name that is its own, as it should be */
	bool changed; /* since the observation began: something that a signal looks at */
	struct tally_ring ring[WINDOW_RING__COUNT];
	struct window_session session[WINDOW_SESSIONS];
	struct window_campaign campaign[WINDOW_CAMPAIGNS];
	struct tally_ring campaign_hour[WINDOW_CAMPAIGNS];
	struct tally_seen seen;
};

struct window_ceilings { /* mean distinct recipients that an honest server without a grant stays
			    below */
	double span[TALLY_SPAN__COUNT];
};

struct window_context {
	const struct window_ceilings *ceilings;
	const struct grant *grants[WINDOW_GRANTS]; /* active ones that cover the server */
	unsigned grant_count;
	const struct window_step *steps; /* WINDOW_TEST__COUNT */
	int64_t half_life_ns;		 /* of the trials */
	/* our own resets, or bulkhead-notice, answer its connections: failures, refused greetings and
	 * sessions without mail say nothing */
	bool blocked;
	bool relayed; /* the destination is the provider's relay */
};

/* Turns every counter to `now`. */
void window_turn(struct window *w, int64_t now_ns);

/* Asks for the memory in which the keys of this observation are looked up. */
void window_prefetch(const struct window *w, const struct observation *obs);

/* Takes one observation of this server in.  Returns true when something a signal looks at changed.
 */
bool window_observe(
    struct window *w, const struct observation *obs, const struct window_context *c);

/* The running value of a test at `now`, decayed: by half in half_life_ns, the patient tests
 * (STALE, LOOSE) in WINDOW_PATIENCE times that, because a slow list is seen once in ten minutes. */
#define WINDOW_PATIENCE 24
double window_points(const struct window *w, unsigned test, int64_t now_ns, int64_t half_life_ns);

/* By how much the variance of its counts exceeds a Poisson number's: 1 (people come one by one) to
 * WINDOW_CLUMPING_MAX; the mean square of the bursts' sizes over their mean. */
#define WINDOW_CLUMPING_MAX 16.0
double window_clumping(const struct window *w);

/* Forgets all evidence (not what was seen) and lets `allowance` recipients of a backlog pass. */
void window_release(struct window *w, int64_t now_ns, double allowance, int64_t for_ns);
/* It is blocked: remembers which mailing is under way. */
void window_note_block(struct window *w);
/* Lets the rest of that mailing pass, up to so many recipients. */
void window_drain(struct window *w, int64_t now_ns, double recipients, int64_t for_ns);

#endif

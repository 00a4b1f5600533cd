/* SPDX-License-Identifier: ISC */
/*
 * A labelled world: senders of known kinds that produce observations in simulated time and are
 * judged.  A block is enforced on them: their connections fail from there on.
 */
#ifndef TESTS_POLICY_WORLD_H
#define TESTS_POLICY_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "policy/judge.h"

#define WORLD_START_NS	  (INT64_C(1780272000) * CLOCK_SECOND_NS) /* 2026-06-01, a Monday */
#define WORLD_LIST_MAIL	  (OBS_HDR_LIST_UNSUBSCRIBE | OBS_HDR_LIST_UNSUBSCRIBE_POST)
#define WORLD_PROPER	  (OBS_HDR_DATE | OBS_HDR_MESSAGE_ID)
#define WORLD_SERVERS_MAX 16

struct world; /* the senders of one instance and their judge */

struct world_outcome {
	uint8_t top;  /* highest rung that one of its servers stood on */
	int question; /* of the first block, or -1 */
	unsigned servers, blocked_servers;
	bool blocked;	    /* nine of ten of its servers were */
	double server_days; /* that it lasted, all servers */
	int64_t after_ns;   /* from its turn to the first block */
	unsigned through;   /* recipients that took mail before the block of their sender, since the
			       turn */
	unsigned accepted;  /* in all */
	unsigned blocks;
	unsigned shadows; /* of them: nothing was enforced */
	char why[200];	  /* the leading reason of the highest rung */
};

enum world_want {
	WORLD_SPARE, /* honest: never throttled or blocked */
	WORLD_BULK,  /* honest or not, but mass mailing without a grant: blocked */
	WORLD_ABUSE, /* blocked */
};

struct world_kind {
	const char *name;
	enum world_want want;
	double median_max; /* recipients let through in the clear; twice that under TLS; 0 = not
			      asked */
	bool clear_only;   /* nothing of it would look otherwise under TLS, or it cannot be told */
	void (*run)(struct world *w);
	bool together;	    /* what its servers let through adds up */
	double blocked_tls; /* share that the judge can be held to through TLS */
	double share;	    /* of the honest server-days; of the other kinds: 1 */
};
extern const struct world_kind world_kinds[];
extern const unsigned world_kind_count;

/* One instance of this kind, in the clear or through TLS; the seed makes it this one.  explain:
 * look for the reason of every new rung, which takes time. */
void world_run(const struct world_kind *kind, bool tls, uint64_t seed, bool explain,
    struct world_outcome *out);

/* The same under another preset than "strict". */
void world_run_preset(const struct world_kind *kind, bool tls, uint64_t seed, const char *preset,
    struct world_outcome *out);

/* Who wants to see what the judge of a world is told, and what it decides; NULL: nobody. */
struct world_tap {
	void *arg;
	void (*observed)(void *arg, const struct server *server, const struct observation *o,
	    bool blocked); /* a block is enforced on it */
	void (*changed)(void *arg, const struct verdict_change *change);
	void (*granted)(void *arg, const struct grant *grant);
};
extern struct world_tap world_tap;

/* --- for the kinds --- */

double world_random(struct world *w); /* [0, 1) */
double world_between(struct world *w, double low, double high);
uint64_t world_number(struct world *w);
int64_t world_now(const struct world *w);
void world_wait(struct world *w, double mean_seconds); /* exponential */
void world_sleep(struct world *w, double seconds);
/* "" = any domain */
void world_grant(struct world *w, uint64_t per_day, const char *domain);
void world_turn(struct world *w); /* from here on it is what its kind is named after */
void world_use(struct world *w, unsigned server); /* which of its servers acts from here on */
/* Before anything is sent: so many servers, and every so many belong to one tenant. */
void world_servers(struct world *w, unsigned servers, unsigned per_tenant);
/* Only servers from this one on are its kind; the others are its neighbours. */
void world_watch(struct world *w, unsigned from);
bool world_is_blocked(const struct world *w); /* the acting server */
bool world_is_over(const struct world *w); /* all of them were blocked: nothing more is learned */

struct world_mail {
	uint64_t to;		   /* the person; its domain follows from it */
	uint64_t house;		   /* the person's domain, when it does not; 0 = it does */
	bool unknown;		   /* the person does not exist */
	bool deferred;		   /* try again later */
	bool refused;		   /* as spam */
	const char *sender, *from; /* domains */
	uint64_t text;		   /* of the campaign: messages of one text differ in few bits */
	unsigned noise_bits;	   /* how many */
	uint64_t subject;	   /* 0 = one of its own */
	unsigned bytes;
	uint16_t headers;
	uint16_t habits;  /* enum obs_habit */
	const char *helo; /* NULL = its own name */
};

uint64_t world_domain_of(uint64_t person);
/* One session with one message to one person.  Returns true when it was taken. */
bool world_send(struct world *w, const struct world_mail *m);
void world_fail_connect(struct world *w, uint64_t domain); /* unanswered */
void world_connect_and_quit(struct world *w, uint64_t domain);
void world_receive(struct world *w); /* an inbound session */
/* A login on a submission port that fails. */
void world_fail_login(struct world *w, uint64_t domain);
/* Something that is not SMTP on port 25, for so long. */
void world_tunnel(struct world *w, uint64_t domain, double seconds);

#endif

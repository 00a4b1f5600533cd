/* SPDX-License-Identifier: ISC */
/*
 * The judge: observation -> window -> signal -> score -> verdict, for every server.
 * Pure: no clock, no I/O, no globals; time comes with the observation or the tick.  bulkhead-guard, replay.
 */
#ifndef POLICY_JUDGE_H
#define POLICY_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/settings.h"
#include "policy/inventory.h"
#include "policy/outgoing.h"
#include "sensor/observation.h"
#include "whitelist/grant.h"

enum question { QUESTION_BULK, QUESTION_ABUSE, QUESTION__COUNT };
enum rung { RUNG_CLEAR, RUNG_WATCH, RUNG_WARN, RUNG_THROTTLE, RUNG_BLOCK, RUNG__COUNT };

const char *question_name(unsigned q); /* "bulk", "abuse" */
const char *rung_name(unsigned r);     /* "clear" "watch" "warn" "throttle" "block" */

#define JUDGE_CASE_BYTES  16 /* "bh-" and ten letters */
#define JUDGE_REASONS_MAX 12
#define JUDGE_SAMPLES_MAX 8

/* Why a score is what it is: one row of the signal table that spoke. */
struct reason {
	const char *signal;	 /* stable name, borrowed from the table */
	double points;		 /* log-likelihood ratio, natural log */
	double value, threshold; /* the number that spoke, and where it begins to speak */
	int64_t window_ns;	 /* 0 = whole life */
	uint8_t visibility;	 /* enum obs_visibility: the weakest evidence in it */
	char text[200];		 /* a sentence with its numbers, English */
};

struct score {
	double points;				  /* sum of the reasons, after decay and caps */
	struct reason reasons[JUDGE_REASONS_MAX]; /* largest first */
	unsigned reason_count;
};

/* Session samples that explain a case: time, destination, HELO, replies. */
struct sample {
	int64_t time_ns;
	struct addr destination;
	uint16_t port;
	uint8_t visibility;
	char helo[OBS_DOMAIN_BYTES];
	char recipient_domain[OBS_DOMAIN_BYTES];
	char sender_domain[OBS_DOMAIN_BYTES];
	struct obs_reply reply;
};

/* Life-long counters of a server, as `replay --json` prints them. */
struct judge_counts {
	uint64_t sessions, sessions_tls; /* SMTP sessions that ended */
	uint64_t connects_failed;
	uint64_t messages, messages_estimated;
	uint64_t recipients_accepted, recipients_rejected, recipients_deferred;
	uint64_t inbound_sessions;
	uint64_t spoofed; /* sessions whose source address is not the server's */
	uint32_t distinct_destinations,
	    distinct_recipient_domains; /* exact to 448, then estimated */
};

struct verdict {
	uint8_t rung;			/* enum rung */
	int question;			/* enum question that leads, or -1 */
	int64_t since_ns;		/* of this rung */
	int64_t until_ns;		/* of a block or throttle; 0 = none */
	int64_t blocked_at_ns;		/* of the newest block; 0 = never */
	uint64_t messages_before_block; /* completed (clear and estimated) when it was blocked */
	uint32_t block_count;
	char case_id[JUDGE_CASE_BYTES]; /* of the newest block; "" = none */
	bool pinned;			/* by a person: automatic changes do not touch it */
	bool by_person;
	bool shadow; /* of a block: observe mode or the safety catch stood against it */
};

struct judge_view {		     /* a snapshot of one server */
	const struct server *server; /* borrowed from the inventory */
	struct judge_counts counts;
	struct score score[QUESTION__COUNT];
	struct verdict verdict;
	double recipients_5min, recipients_hour, recipients_day; /* distinct, estimates included */
	double granted_day;	/* part of recipients_day that counts against grants */
	double beyond_hour;	/* part of recipients_hour for which a grant was used up */
	double estimated_share; /* of the last hour's recipients, 0..1 */
	struct sample samples[JUDGE_SAMPLES_MAX];
	unsigned sample_count;
	struct outgoing outgoing; /* HELO and TLS of its sessions to port 25 */
	int64_t last_activity_ns;
	uint64_t refused_packets; /* by the kernel, since the block began */
	uint32_t tries_5min;	  /* connections that are no queue's retry */
	int64_t last_try_ns; /* of a blocked server: the newest that counted; 0 = not blocked */
	int64_t grant_id;    /* active grant, or 0 */
};

struct verdict_change {
	unsigned index;	  /* of the server in the inventory */
	uint8_t from, to; /* enum rung */
	bool shadow;	  /* observe mode or safety catch: nothing is to be enforced */
	bool lifted_by_time;
	int64_t time_ns;
};

struct judge;

/* The inventory is borrowed and may be replaced with judge_set_inventory(). open_inventory: servers that are
 * not in it are added, named by their address (replay without an inventory, and watching an interface). */
int judge_new(struct judge **out, const struct settings *settings, struct inventory *inv,
    bool open_inventory, void (*on_change)(void *arg, const struct verdict_change *change),
    void *arg, struct err *e);
void judge_free(struct judge *j);

/* State follows the server's name; servers that are gone are dropped. */
int judge_set_inventory(struct judge *j, struct inventory *inv, struct err *e);
void judge_set_settings(struct judge *j, const struct settings *settings);
/* Copies the grants. */
int judge_set_grants(struct judge *j, const struct grant *grants, unsigned count, struct err *e);

/* One observation; on_change is called from inside, after the state changed, as the last thing that is done
 * to the server: it may set grants. */
void judge_observe(struct judge *j, const struct observation *obs);
/* Decay, expiry, silence; call about once a second of `now`. */
void judge_tick(struct judge *j, int64_t now_ns);

/* The clock was set by so much: what stands lasts as long as before.  Counters go on by the new clock. */
void judge_shift(struct judge *j, int64_t by_ns);

/*
 * How many packets of a blocked server the kernel has refused, read about twice a minute.  `blind`: no
 * sensor is heard, so this alone must say whether it still tries: more than one a second does (no queue
 * comes back so fast; a sensor tells a queue's retries apart and is believed instead).
 */
uint64_t judge_get_refused(const struct judge *j, unsigned index);
void judge_refused(struct judge *j, unsigned index, int64_t now_ns, uint64_t packets, bool blind);

/* Decisions of people.  for_ns 0 = the ladder's next span; pin keeps it until a person releases it. */
int judge_block(
    struct judge *j, unsigned index, int64_t now_ns, int64_t for_ns, bool pin, struct err *e);
/* Zeroes both scores, lifts the block and gives an allowance for the backlog to drain. */
int judge_release(struct judge *j, unsigned index, int64_t now_ns, struct err *e);

/* The verdict alone, borrowed; NULL when nothing is known of the server. */
const struct verdict *judge_verdict(const struct judge *j, unsigned index);
int judge_get(const struct judge *j, unsigned index, struct judge_view *out);
uint64_t judge_unattributed(const struct judge *j); /* sessions that match no server */
/* A receiver complained about mail of this server; -ENOENT when there is no such server. */
int judge_complain(struct judge *j, unsigned index, int64_t now_ns);
bool judge_catch_is_on(const struct judge *j); /* safety catch has stopped automatic blocking */
void judge_catch_reset(struct judge *j);
size_t judge_memory_per_server(void); /* bytes */

/* State of one server as a versioned blob for the store; restore refuses another version with -EPROTO. */
long judge_save(const struct judge *j, unsigned index, uint8_t *out, size_t size);
int judge_restore(struct judge *j, unsigned index, const uint8_t *data, size_t size);
#define JUDGE_STATE_MAX 32768 /* bytes */

#endif

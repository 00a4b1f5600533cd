/* SPDX-License-Identifier: ISC */
/*
 * A notice: one thing that somebody outside has to hear about, for one hook program, once.  Plain data and pure
 * rules.  bulkhead-guard (queues them in its database), bulkhead-notify (runs the hooks).
 *
 * The queue is the table `notice`, filled in the transaction that records the case, so that neither a crash nor a
 * restart loses a notice or makes a second one: kind, subject and hook together are unique.
 */
#ifndef POLICY_NOTICE_H
#define POLICY_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define NOTICE_HOOK_BYTES    32	 /* the last part of the hook's path */
#define NOTICE_SUBJECT_BYTES 96	 /* what it is about: a case, a server and a day, a moment */
#define NOTICE_ERROR_BYTES   240 /* the last line that a hook wrote */

/* Notices that wait, at most; what comes on top is a dead letter at once.  A case has a few KB beside it. */
#define NOTICE_WAITING_MAX 10000
/* A hook may run so long ... */
#define NOTICE_HOOK_SECONDS 60
/* ... and who took a notice and says nothing for so long has died: it is given out again. */
#define NOTICE_LEASE_NS (2 * CLOCK_MINUTE_NS)
/* The first pause after a failure, doubling up to the last (postfix: 5 min to 4000 s; shorter, as a tenant waits). */
#define NOTICE_PAUSE_FIRST_NS (30 * CLOCK_SECOND_NS)
#define NOTICE_PAUSE_LAST_NS  CLOCK_HOUR_NS
/* Rows of notices that are over are kept so long, for `bulkhead notice list`. */
#define NOTICE_KEEP_NS (90 * CLOCK_DAY_NS)

enum notice_kind {
	NOTICE_BLOCK, /* to the tenant: a block began */
	NOTICE_WARN,  /* to the tenant: a block is near; at most once a day */
	NOTICE_CATCH, /* to the operator: the safety catch holds automatic blocks back */
	NOTICE_KIND__COUNT
};

/* In the database as numbers: never renumbered. */
enum notice_state {
	NOTICE_WAITING,
	NOTICE_RUNNING, /* a hook has it */
	NOTICE_SENT,
	NOTICE_DEAD, /* given up: a person has to look */
	NOTICE_STATE__COUNT
};

/* What a hook made of a notice. */
enum notice_result {
	NOTICE_RESULT_SENT,
	NOTICE_RESULT_RETRY, /* failed for now */
	NOTICE_RESULT_DEAD,  /* can never work: no address, refused for good */
	NOTICE_RESULT__COUNT
};

struct notice {
	int64_t id; /* 0: not stored yet */
	uint8_t kind, state;
	char subject[NOTICE_SUBJECT_BYTES];
	char hook[NOTICE_HOOK_BYTES];
	char server[64];   /* "" = none */
	char contact[128]; /* "" = nobody is known */
	char lang[3];	   /* "en" or "ru" */
	int64_t made_ns, due_ns, done_ns;
	unsigned attempts;
	char error[NOTICE_ERROR_BYTES]; /* of the last attempt; "" = none */
};

/* How all notices stand. */
struct notice_counts {
	uint64_t states[NOTICE_STATE__COUNT];
	uint64_t retrying; /* of those that wait: failed before */
	int64_t oldest_ns; /* when the oldest that waits was made; 0 = none waits */
};

const char *notice_kind_name(unsigned kind);	 /* "block" ... */
const char *notice_state_name(unsigned state);	 /* "waiting" ... */
const char *notice_result_name(unsigned result); /* "sent", "retry", "dead" */
/* The kind, state or result of that name, or -ENOENT. */
int notice_kind_find(const char *name);
int notice_result_find(const char *name);
int notice_state_find(const char *name);

/* The name of a hook: the last part of its path.  false when it is no name (empty, too long, odd characters). */
bool notice_hook_name(const char *path, char out[NOTICE_HOOK_BYTES]);

/*
 * Pause after so many failed attempts (>= 1): doubling, with a spread of an eighth either way by id, so that what an
 * outage held up does not come back in one moment.
 */
int64_t notice_pause_ns(unsigned attempts, int64_t id);

#endif

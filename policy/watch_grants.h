/* SPDX-License-Identifier: ISC */
/*
 * Continued watching: does granted mail still keep what was promised?  Counts the sensor's facts
 * about the mail that a grant covers, and judges a day of them by one table of rules.  Pure.
 * bulkhead-guard (judge process).
 */
#ifndef POLICY_WATCH_GRANTS_H
#define POLICY_WATCH_GRANTS_H

#include <stddef.h>
#include <stdint.h>

#include "sensor/observation.h"
#include "whitelist/application.h"
#include "whitelist/grant.h"

#define WATCH_REASON_BYTES 256

enum watch_level {
	WATCH_UNSEEN, /* too little was seen in the clear to say anything */
	WATCH_WELL,
	WATCH_WARN,
	WATCH_SUSPEND,
	WATCH_LEVEL__COUNT
};

struct grant_watch {
	int64_t id;			 /* of the grant */
	int64_t day_ns;			 /* when the day that is counted began */
	uint64_t messages;		 /* taken by the remote, header section seen whole */
	uint64_t unsubscribable;	 /* of them with List-Unsubscribe */
	uint64_t recipients;		 /* accepted or rejected for good, in the clear */
	uint64_t unknown;		 /* of them "no such user" */
	uint64_t volume;		 /* most recipients within 24 hours, estimates included */
	int64_t checked_ns;		 /* of the newest judgement; 0 = none yet */
	uint8_t level;			 /* enum watch_level, of the newest judgement */
	char reason[WATCH_REASON_BYTES]; /* "" when all is well */
	int64_t reminded_ns;		 /* the end of the grant that was reminded of */
	/* The online checks made again, against those at the approval; watch_pages.h. */
	int64_t pages_ns;     /* when; 0 = not yet */
	int64_t pages_bad_ns; /* unsubscribing fails since; 0 = it does not */
	uint8_t pages_level;  /* enum watch_level */
	char pages_reason[WATCH_REASON_BYTES];
};

const char *watch_level_name(unsigned level); /* "unseen" "well" "warn" "suspend" */

/* Takes in one outbound observation of a server of the grant; what the grant does not cover, and
 * what happened outside of its time, is not counted. */
void watch_grants_count(
    struct grant_watch *w, const struct grant *grant, const struct observation *obs);

/*
 * Judges the counted day: the worst rule that has enough to go by.  The reason names the numbers
 * (English, one sentence); "" for well and unseen.
 */
enum watch_level watch_grants_judge(const struct grant_watch *w, const struct grant *grant,
    enum application_purpose purpose, char *reason, size_t size);

/* Begins another day; what was judged stays. */
void watch_grants_begin(struct grant_watch *w, int64_t day_ns);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * How a server introduces itself and whether it encrypts: facts of its own sessions to port 25, for the
 * checks of an application (D5, D13).  They judge nothing.  Pure.  bulkhead-guard (judge), replay.
 */
#ifndef POLICY_OUTGOING_H
#define POLICY_OUTGOING_H

#include <stdint.h>

#include "base/wire.h"
#include "sensor/observation.h"

/* Of so many sessions the older half of the weight is given up, so that the share is about the last
 * 500 to 1,000 sessions with servers that offered TLS. */
#define OUTGOING_TLS_SESSIONS 1000

struct outgoing {
	char helo[OBS_DOMAIN_BYTES]; /* newest name said in HELO or EHLO; "" = none was seen */
	int64_t helo_ns;	     /* when; 0 = never */
	uint32_t tls_offered;	     /* sessions in which the remote offered STARTTLS ... */
	uint32_t tls_used; /* ... and of them those that took it; a refused STARTTLS is no offer */
};

/* Takes what the end of a session says; other observations are left alone. */
void outgoing_observe(struct outgoing *o, const struct observation *obs);

void outgoing_put(struct wire_writer *w, const struct outgoing *o);
/* What cannot be marks the reader as failed. */
void outgoing_get(struct wire_reader *r, struct outgoing *o);

#endif

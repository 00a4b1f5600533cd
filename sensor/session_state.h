/* SPDX-License-Identifier: ISC */
/*
 * Inside of a session, shared by session.c, which routes bytes, and session_observe.c, which tells
 * what was found, only.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_SESSION_STATE_H
#define SENSOR_SESSION_STATE_H

#include "sensor/classify.h"
#include "sensor/dns_stream.h"
#include "sensor/geo.h"
#include "sensor/sample.h"
#include "sensor/session.h"
#include "sensor/slab.h"
#include "sensor/smtp.h"
#include "sensor/tls.h"

#define SESSION_PROTOCOLS_MAX 255

/* Names and hints, for sessions that got as far as a greeting or EHLO. */
struct session_detail {
	char helo[OBS_DOMAIN_BYTES];
	char greeting_host[OBS_DOMAIN_BYTES];
	struct tls_hints hints;
};

/* For sessions under TLS. */
struct session_tls {
	struct tls_estimate reported; /* sum of the OBS_ESTIMATEs so far */
	_Alignas(uint64_t) uint8_t state[];
};

/* What all sessions of one sensor share. */
struct sessions {
	struct crossing *crossing;
	sensor_emit_fn emit;
	void *arg;
	int64_t now;
	uint64_t numbers; /* given so far */
	struct smtp_context *smtp;
	struct classify *classify; /* NULL: off */
	struct geo *geo;	   /* NULL: no databases */
	struct sample *sample;	   /* whose texts are read */
	struct sample *mx_sample;  /* whose MX questions are told */
	struct dns_stream *dns_stream;
	uint8_t key[HASH_KEY_BYTES];
	struct slab details, tls;
	/* static names of the classifier, by flow.protocol */
	const char *protocols[SESSION_PROTOCOLS_MAX + 1];
	struct session_stats stats;
};

static inline bool
session_is_smtp(const struct flow *f)
{
	return (f->flags & FLOW_F_SMTP) != 0 || smtp_is_spoken(&f->smtp);
}

static inline bool
session_is_tls(const struct flow *f)
{
	return smtp_is_tls(&f->smtp, SMTP_FROM_CLIENT) || smtp_is_tls(&f->smtp, SMTP_FROM_SERVER);
}

/* Bytes are missing: the capture lost them, or they were cut out of the dialogue. */
static inline bool
session_has_gap(const struct flow *f)
{
	return (f->flags & FLOW_F_GAP) != 0 || smtp_has_hole(&f->smtp);
}

static inline bool
session_is_one_sided(const struct flow *f)
{
	unsigned both = f->stream[SMTP_FROM_CLIENT].flags ^ f->stream[SMTP_FROM_SERVER].flags;

	return (both & STREAM_KNOWN) != 0 && (f->flags & FLOW_F_SPOKE) != 0;
}

/* Of a flow, taken when there are none; NULL when the pool is empty (session.c). */
struct session_detail *session_detail(struct sessions *all, struct flow *f);

/* --- what is told (session_observe.c) --- */

/* What the dialogue calls; the argument is struct sessions. */
extern const struct smtp_events session_smtp_events;

/*
 * Reports what the estimate says beyond what was reported.  While the session runs only a new
 * message is a reason to speak: the estimator revises the rest with every turn, and one report
 * carries it all.
 */
void session_report_estimate(struct sessions *all, struct flow *f, bool final);
/* OBS_SESSION_END of a session that was announced. */
void session_report_end(struct sessions *all, struct flow *f, enum obs_end how);
/* OBS_MX_QUERY, unless this client has asked too much. */
void session_report_mx(
    struct sessions *all, const struct frame *frame, const char *name, size_t size);

#endif

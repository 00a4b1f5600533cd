/* SPDX-License-Identifier: ISC */
/*
 * One session seen as a conversation: hands the bytes of a flow to the SMTP dialogue, the TLS
 * estimator or the classifier, and turns what they find into observations.  bulkhead-sensor,
 * replay.
 *
 * The connection itself (who opened it, when it ended) is tcp.c's business: it calls in here.
 */
#ifndef SENSOR_SESSION_H
#define SENSOR_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sensor/crossing.h"
#include "sensor/flow.h"
#include "sensor/frame.h"
#include "sensor/sensor.h"

struct sessions; /* what all sessions of one sensor share */

struct session_stats {
	uint64_t observations;
	uint64_t one_sided, midstream;
	uint64_t unmatched_replies, pool_exhausted;
	uint64_t holes;		/* places where packets were cut within a dialogue */
	uint64_t mx_suppressed; /* MX questions beyond what is told of one client */
	uint64_t memory_bytes;
};

/* 0 or negative errno with *e.  The crossing is borrowed. */
int sessions_new(struct sessions **out, const struct sensor_config *cfg, struct crossing *crossing,
    sensor_emit_fn emit, void *arg, struct err *e);
void sessions_free(struct sessions *all);
void sessions_get_stats(const struct sessions *all, struct session_stats *out);

/* The time of all that follows. */
void sessions_set_time(struct sessions *all, int64_t now_ns);

/* Gives a flow its number and a fresh dialogue; nothing is reported yet. */
void session_begin(struct sessions *all, struct flow *f);
/* OBS_SESSION_START; from here on observations of the session are emitted. */
void session_announce(struct sessions *all, struct flow *f);
/* OBS_CONNECT_FAILED. */
void session_report_failure(struct sessions *all, struct flow *f, enum obs_connect how);

/* The stream of one direction, as from stream.h: seen, cut, or lost (data NULL). */
void session_data(struct sessions *all, struct flow *f, enum smtp_direction dir,
    const uint8_t *data, uint32_t captured, uint32_t length);

/* One packet with payload of a session, after its bytes, and no others, went to session_data(). */
void session_classify(struct sessions *all, struct flow *f, const struct frame *frame);

/* A packet of a client to port 53: OBS_MX_QUERY for each question for MX in it. */
void session_dns(struct sessions *all, const struct frame *frame, bool tcp);

/* OBS_SESSION_END when it was announced; gives everything back. */
void session_end(struct sessions *all, struct flow *f, enum obs_end how);

#endif

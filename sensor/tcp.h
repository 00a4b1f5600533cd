/* SPDX-License-Identifier: ISC */
/*
 * The life of a connection: which packets open one, who is the client, in what order its bytes are,
 * and when it has ended.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_TCP_H
#define SENSOR_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "sensor/flow.h"
#include "sensor/frame.h"
#include "sensor/sensor.h"
#include "sensor/session.h"

struct tcp;

struct tcp_stats {
	uint64_t flows, evicted, other_crossings, unwanted;
	uint32_t flows_live;
	struct stream_stats stream;
	uint64_t memory_bytes;
};

/* A packet on its way through a batch; tcp_prepare() fills it. */
struct tcp_packet {
	struct frame frame;
	struct flow_key key;
	uint32_t hash;
	enum sensor_role role;
	bool from_high; /* sent by the high endpoint of the key */
	bool keyed;	/* the key and the hash are filled */
};

/* 0 or -ENOMEM.  The sessions are borrowed. */
int tcp_new(struct tcp **out, const struct sensor_config *cfg, struct sessions *sessions);
void tcp_free(struct tcp *t);
void tcp_get_stats(const struct tcp *t, struct tcp_stats *out);

/* In this order for all packets of a batch: prepare (frame and role are filled), prefetch, handle.
 */
void tcp_prepare(struct tcp *t, struct tcp_packet *p);
void tcp_prefetch(struct tcp *t, const struct tcp_packet *p);
void tcp_handle(struct tcp *t, struct tcp_packet *p, int64_t now_ns);

/* FRAME_UNREACHABLE: ends the attempt that it speaks of, if there is one. */
void tcp_unreachable(struct tcp *t, struct tcp_packet *p);

/* Time-outs up to now. */
void tcp_expire(struct tcp *t, int64_t now_ns);
/* Everything ends. */
void tcp_finish(struct tcp *t, int64_t now_ns);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Inside of the life of a connection, shared by tcp.c and tcp_end.c only.  bulkhead-sensor, replay.
 */
#ifndef SENSOR_TCP_STATE_H
#define SENSOR_TCP_STATE_H

#include "base/clock.h"
#include "sensor/tcp.h"

/* A closed connection's record is kept so long, for what still comes. */
#define TCP_TIMEOUT_CLOSED_NS (10 * CLOCK_SECOND_NS)

struct tcp {
	struct flow_table *table;
	struct stream_pool *pool;
	struct sessions *sessions;
	uint32_t odd_flows; /* live flows without a mail port */
	struct tcp_stats stats;
	uint8_t mail_ports[65536 / 8];
};

/* Where the bytes of a stream go. */
struct sink {
	struct tcp *t;
	struct flow *f;
	enum smtp_direction dir;
};

static inline bool
tcp_is_mail_port(const struct tcp *t, uint16_t port)
{
	return (t->mail_ports[port / 8] & 1u << port % 8) != 0;
}

/* Bytes in order, for the sink in arg (tcp.c). */
void tcp_sink_data(void *arg, const uint8_t *data, uint32_t captured, uint32_t length);

/* --- ends (tcp_end.c) --- */

/* From here on the state's time-out counts. */
void tcp_enter_state(struct tcp *t, struct flow *f, enum flow_state state);
/* Delivers what still waits, reports the end, and keeps nothing but the record. */
void tcp_end_session(struct tcp *t, struct flow *f, enum obs_end how);
/* Leaves the state without a time-out having come: the record is free for anything afterwards. */
void tcp_abandon(struct tcp *t, struct flow *f, enum obs_end how);
void tcp_remove_flow(struct tcp *t, struct flow *f);

#endif

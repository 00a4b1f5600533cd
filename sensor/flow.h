/* SPDX-License-Identifier: ISC */
/*
 * The flow table: fixed-size records found by the two endpoints, with their time-outs.  Memory is
 * reserved by flow_table_new() and never grows.  bulkhead-sensor, replay.
 *
 * Three parts: slots (8 bytes each, open addressing, half full at most) lead to records; records
 * that are not in use form a free list; records in use hang in a wheel of one-second buckets by
 * their deadline, so that a packet costs no list operation and a time-out costs one.
 */
#ifndef SENSOR_FLOW_H
#define SENSOR_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "sensor/frame.h"
#include "sensor/smtp.h"
#include "sensor/stream.h"

/* Both directions of a connection have the same key: the lower endpoint comes first. */
struct flow_key {
	struct addr low, high;
	uint16_t low_port, high_port;
	uint32_t scope; /* the tap's interface index; 0 where packets are not bound to a tap */
};

enum flow_state {
	FLOW_FREE,	/* the record is not in use */
	FLOW_SYN_SENT,	/* nobody answered yet */
	FLOW_FAILED,	/* reported as unanswered; further tries of the same attempt are absorbed */
	FLOW_SYN_ACKED, /* the server answered, the client did not confirm */
	FLOW_OPEN,	/* a session */
	FLOW_CANDIDATE, /* an odd port whose first bytes look like SMTP; not a session yet */
	FLOW_CLOSED,	/* the session was reported; late packets are absorbed */
	FLOW_STATE__COUNT
};

enum flow_flag {
	FLOW_F_CLIENT_HIGH = 1 << 0,  /* the client is the high endpoint of the key */
	FLOW_F_CLIENT_RESET = 1 << 1, /* ended by RST of the client */
	FLOW_F_SERVER_RESET = 1 << 2,
	FLOW_F_INBOUND = 1 << 3, /* the tenant is the server */
	FLOW_F_MIDSTREAM = 1 << 4,
	FLOW_F_GAP = 1 << 5,
	FLOW_F_SKIPPED = 1 << 6,      /* first crossing was an outgoing one */
	FLOW_F_SMTP = 1 << 7,	      /* the session is SMTP by port and TLS, whatever was read */
	FLOW_F_FIN = 1 << 8,	      /* one side has finished */
	FLOW_F_STARTED = 1 << 9,      /* OBS_SESSION_START was emitted */
	FLOW_F_CLASSIFIED = 1 << 10,  /* the classifier has spoken, or will not be asked */
	FLOW_F_SPOKE = 1 << 11,	      /* payload was seen */
	FLOW_F_EXPECT_EHLO = 1 << 12, /* the server's next lines answer EHLO (session.c) */
};

/* 256 bytes: four cache lines.  The first two carry what every packet needs. */
struct flow {
	struct flow_key key;

	int64_t first_ns;
	uint32_t last_ms; /* of the last packet, since first_ns */
	uint32_t ifindex; /* where it is seen; crossings elsewhere are copies */
	struct stream stream[SMTP_DIRECTION__COUNT];
	uint8_t state;	  /* enum flow_state */
	uint8_t protocol; /* index of a name (session.c), 0 = none */
	uint16_t flags;	  /* enum flow_flag */

	uint32_t wheel_next,
	    wheel_previous;    /* indices, 0 = none; wheel_next links the free list too */
	uint16_t wheel_bucket; /* 0 = not in the wheel */

	int16_t classify_slot; /* CLASSIFY_NONE: none */
	struct mac mac;	       /* of the tenant's side */
	uint32_t tls;	       /* index of the TLS state, 0 = none (session.c) */
	uint32_t detail;       /* index of names and hints, 0 = none (session.c) */
	uint64_t session;      /* number of the session, 0 = none */
	struct smtp smtp;
};

struct flow_table;

/* 0 or -ENOMEM. */
int flow_table_new(struct flow_table **out, uint32_t flows_max, uint64_t seed);
void flow_table_free(struct flow_table *t);

/* Fills *key; returns true when the frame was sent by the high endpoint. */
bool flow_key_from_frame(struct flow_key *key, const struct frame *frame, uint32_t scope);
uint32_t flow_hash(const struct flow_table *t, const struct flow_key *key);

/* For batches: call the first for all packets, then the second for all, then look them up. */
void flow_prefetch_slot(const struct flow_table *t, uint32_t hash);
void flow_prefetch_record(const struct flow_table *t, uint32_t hash);

/* NULL when there is none. */
struct flow *flow_find(const struct flow_table *t, const struct flow_key *key, uint32_t hash);

/* A zeroed record with its key, not in the wheel yet; the caller sets its state at once.  NULL when
 * the table is full. */
struct flow *flow_add(struct flow_table *t, const struct flow_key *key, uint32_t hash);
void flow_remove(struct flow_table *t, struct flow *f);

/*
 * Whom to push out of a full table: of a sample of 64 records, a finished or unanswered one, else
 * one of the same client, else the one that is silent for longest.  A client that floods so pushes
 * out its own flows first.  Never NULL when the table is full.
 */
struct flow *flow_pick_victim(struct flow_table *t, const struct addr *client);

/* Sets the time at which flow_expired() returns it. */
void flow_schedule(struct flow_table *t, struct flow *f, int64_t deadline_ns);

/*
 * Turns the wheel to `now` and returns one flow whose bucket came up (then out of the wheel: remove
 * it or schedule it again; it may come before its deadline), NULL when there is none.  `now` never
 * goes back.
 */
struct flow *flow_expired(struct flow_table *t, int64_t now_ns);

/* Every live flow, in no order; *cursor starts at 0; flows may be removed on the way. */
struct flow *flow_next(const struct flow_table *t, uint32_t *cursor);

uint32_t flow_count(const struct flow_table *t);
uint64_t flow_memory(const struct flow_table *t);

/* The two ends by role. */
const struct addr *flow_client(const struct flow *f);
const struct addr *flow_server(const struct flow *f);
uint16_t flow_client_port(const struct flow *f);
uint16_t flow_server_port(const struct flow *f);

/* Time of the last packet. */
int64_t flow_last_ns(const struct flow *f);
void flow_touch(struct flow *f, int64_t now_ns);

#endif

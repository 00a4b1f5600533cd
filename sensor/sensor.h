/* SPDX-License-Identifier: ISC */
/*
 * The sensor as a library: packets in, observations out.  No sockets, no privileges, no clock of its own:
 * time is the packets' time.  Memory is fixed by sensor_new().  Used by bulkhead-sensor, replay, tests.
 */
#ifndef SENSOR_SENSOR_H
#define SENSOR_SENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "sensor/observation.h"

#define SENSOR_PORTS_MAX 16

/* What the capture knows of an interface; see sensor_config.interface_of. */
enum sensor_role {
	SENSOR_ROLE_UNKNOWN, /* a capture file: no names; the first crossing of a flow is the one that counts */
	SENSOR_ROLE_TENANT, /* a tap: flows are bound to it; "not outgoing" is from the tenant */
	SENSOR_ROLE_IGNORE, /* uplink, bridge, hypervisor's own: dropped and counted */
	SENSOR_ROLE_WATCH,  /* one named bridge or uplink, watched by address */
};
struct sensor_interface {
	enum sensor_role role;
	char name[OBS_IFNAME_BYTES];
};

struct sensor_config {
	uint32_t flows_max;		  /* 64 .. 4,194,304; memory is fixed from it */
	uint8_t hash_key[HASH_KEY_BYTES]; /* recipients' hashes; persistent, fixed in replay */
	uint64_t table_seed;		  /* hash of the flow table; random, fixed in replay */
	uint16_t ports[SENSOR_PORTS_MAX]; /* SMTP by port: 25 465 587 2525; others by dialogue */
	unsigned port_count;
	bool classify;		       /* nDPI for what is not SMTP */
	const char *mmdb_asn_path;     /* NULL: no look-ups */
	const char *mmdb_country_path; /* NULL: no look-ups */
	/* Role of an interface index, 0 where the link type tells none; called once per index and again
	 * after sensor_forget_interfaces().
	 * NULL: every interface is SENSOR_ROLE_UNKNOWN. */
	void (*interface_of)(void *arg, uint32_t ifindex, struct sensor_interface *out);
	void *interface_arg;
};

struct sensor;

/* Called for each observation, in the order of packets; the observation is borrowed. */
typedef void (*sensor_emit_fn)(void *arg, const struct observation *obs);

/* Defaults: 65,536 flows, ports 25 465 587 2525, classify on, zero keys. */
void sensor_config_init(struct sensor_config *cfg);

/* 0 or negative errno with *e (no memory, database that does not open). */
int sensor_new(struct sensor **out, const struct sensor_config *cfg, sensor_emit_fn emit, void *arg,
    struct err *e);
void sensor_free(struct sensor *s);

struct packet {
	int64_t time_ns; /* wall clock */
	uint32_t
	    linktype; /* DLT_ value: 1 Ethernet, 113 SLL, 276 SLL2, 12/14/101 raw IP, 0/108 null/loop, others: frame.c */
	uint32_t caplen;  /* bytes at data */
	uint32_t wirelen; /* bytes on the wire; >= caplen */
	const uint8_t *data;
};

/* Feeds packets; batches of 32 let the table be prefetched, a batch of 1 is correct too. */
void sensor_packets(struct sensor *s, const struct packet *packets, unsigned count);

/* Ends idle and half-open sessions; call about once a second of the packets' time (live: also when idle). */
void sensor_tick(struct sensor *s, int64_t now_ns);

/* The capture ended: every live session is reported as ended (OBS_END_CAPTURE). */
void sensor_finish(struct sensor *s, int64_t now_ns);

void sensor_forget_interfaces(struct sensor *s);

struct sensor_stats {
	uint64_t packets, bytes;  /* fed; bytes by wire length */
	uint64_t malformed;	  /* headers that do not parse, or lie */
	uint64_t not_tcp;	  /* well formed, but not for us */
	uint64_t ignored;	  /* crossings on interfaces that are not tenants' */
	uint64_t other_crossings; /* the same flow on another interface */
	uint64_t flows;		  /* ever opened */
	uint32_t flows_live, flows_max;
	uint64_t evicted;
	uint64_t gaps; /* holes in streams, and places where packets were cut within a dialogue */
	uint64_t gap_bytes, reordered, retransmitted;
	uint64_t one_sided, midstream, unmatched_replies, pool_exhausted;
	uint64_t fragments;	      /* pieces of IP datagrams that may hold TCP */
	uint64_t fragments_assembled; /* datagrams put together from them */
	uint64_t fragments_refused;   /* datagrams whose pieces overlap or contradict each other */
	uint64_t
	    fragments_lost; /* datagrams of which a piece did not come, or whose place was needed */
	uint64_t mx_suppressed; /* MX questions beyond what is told of one client */
	uint64_t observations;
	uint64_t memory_bytes;	   /* reserved at start */
	int64_t first_ns, last_ns; /* times of the first and last packet; 0 = none */
};
void sensor_get_stats(const struct sensor *s, struct sensor_stats *out);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * The only file that knows nDPI: names what talks on a mail port and is neither SMTP nor TLS.
 * A restricted set of protocols, a fixed number of flows under examination, at most
 * CLASSIFY_PACKETS_MAX payload packets each, no guessing by port.  nDPI keeps what it reads until
 * the verdict, so nothing of a client is handed over from where it may log in: see classify_hears_login().  One per thread.  bulkhead-sensor and
 * replay.
 */
#ifndef SENSOR_CLASSIFY_H
#define SENSOR_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CLASSIFY_PACKETS_MAX 10	   /* payload packets per flow */
#define CLASSIFY_BYTES_MAX   16384 /* of packets per flow */
#define CLASSIFY_NONE	     (-1)  /* no slot */

struct classify;

/* Flows examined at the same time: 1..65535 (256 is plenty).  About 6 MB and 20 ms; before the
 * sandbox. */
int classify_new(struct classify **out, unsigned flows, struct err *e);
void classify_free(struct classify *c);

/* A slot, or CLASSIFY_NONE when all are taken (counted). */
int classify_take(struct classify *c);

/*
 * The client's bytes in their order, each once, before the packet that brings them goes to classify_packet().  True
 * when they complete AUTH, PASS or LOGIN, in any case and over any packets: no packet of the session may be handed over any more.
 */
bool classify_hears_login(struct classify *c, int slot, const uint8_t *data, uint32_t n);

/*
 * One packet with payload, from its IPv4 or IPv6 header on; *slot is a taken slot.
 * Returns NULL while undecided.  At the verdict the slot is released, *slot becomes CLASSIFY_NONE
 * and the name is returned: a lower-case word ("ssh", "http", "openvpn"), or "" when nDPI could not
 * tell. Names are static.
 */
const char *classify_packet(
    struct classify *c, int *slot, const void *l3, uint32_t bytes, int64_t time_ns);

/* Gives a slot back early (the session ended or turned out to be SMTP); CLASSIFY_NONE is accepted.
 */
void classify_release(struct classify *c, int slot);

struct classify_stats {
	unsigned flows_max, flows_live;
	uint64_t named, unknown, refused; /* verdicts; takes without a free slot */
	uint64_t packets;
};
void classify_get_stats(const struct classify *c, struct classify_stats *out);

#endif

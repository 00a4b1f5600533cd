/* SPDX-License-Identifier: ISC */
/*
 * One captured frame, down to the TCP payload.  Reads with one bounded cursor that only moves
 * forward; never verifies checksums (offload leaves them empty).  bulkhead-sensor, replay.
 */
#ifndef SENSOR_FRAME_H
#define SENSOR_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "sensor/sensor.h"

#define FRAME_VLANS_MAX 4 /* tags that are stepped over; more is malformed */

enum frame_kind {
	FRAME_TCP,
	FRAME_UDP,
	FRAME_UNREACHABLE, /* ICMP about a TCP packet: addresses, ports and seq are those of that one */
	FRAME_OTHER,	   /* well formed as far as we look, but neither TCP nor UDP over IP */
	FRAME_FRAGMENT,	 /* a later fragment: no TCP header in it */
	FRAME_MALFORMED, /* headers are cut or lie about lengths */
	FRAME__COUNT
};

enum frame_tcp_flag {
	FRAME_FIN = 1 << 0,
	FRAME_SYN = 1 << 1,
	FRAME_RST = 1 << 2,
	FRAME_ACK = 1 << 4,
};

/* How a packet crossed its interface, as the kernel says in SLL and SLL2. */
enum frame_passage {
	FRAME_TO_HOST = 0,
	FRAME_BROADCAST = 1,
	FRAME_MULTICAST = 2,
	FRAME_TO_OTHER = 3,
	FRAME_OUTGOING = 4, /* leaves through the interface: on a tap, towards the tenant */
	FRAME_UNTOLD = 255, /* the link type does not say */
};

struct frame {
	struct addr src, dst;
	uint16_t src_port, dst_port;
	uint32_t seq, ack;
	uint32_t ifindex;  /* 0: the link type does not say */
	uint32_t length;   /* payload on the wire */
	uint32_t captured; /* payload in the capture; less than length when the packet was cut */
	const uint8_t *payload; /* borrowed from the packet */
	const uint8_t *l3;	/* IP header */
	uint32_t l3_captured;	/* bytes from there to the end of the datagram or of the capture */
	uint8_t flags;		/* enum frame_tcp_flag; other bits as they came */
	uint8_t passage;	/* enum frame_passage */
	struct mac mac;		/* of the sender on this link; zero: unknown */
};

/* Fills *out completely when it returns FRAME_TCP, FRAME_UDP (seq, ack and flags are 0) or
 * FRAME_UNREACHABLE (no payload, no flags); otherwise *out is not to be read. */
enum frame_kind frame_parse(const struct packet *packet, struct frame *out);

#endif

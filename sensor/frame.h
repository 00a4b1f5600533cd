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
	FRAME_FRAGMENT,	 /* a piece of a datagram that may hold TCP: see sensor/fragment.h */
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

/* Where a fragment belongs in its datagram (RFC 791 section 3.2, RFC 8200 section 4.5). */
struct frame_fragment {
	uint32_t id;
	uint16_t at; /* bytes from the start of what was divided; divisible by 8 */
	uint8_t protocol;
	bool more; /* it is not the last one */
	bool
	    stray; /* a later piece of IPv6 that names what cannot hold TCP: only the first must tell the truth */
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
	struct frame_fragment fragment; /* of FRAME_FRAGMENT only */
};

/* Fills *out completely when it returns FRAME_TCP, FRAME_UDP (seq, ack and flags are 0) or
 * FRAME_UNREACHABLE (no payload, no flags); of FRAME_FRAGMENT the ports, seq, ack and flags are not set and the
 * payload is the piece; otherwise *out is not to be read. */
enum frame_kind frame_parse(const struct packet *packet, struct frame *out);

/* The same for an IPv4 or IPv6 datagram that was put together: link, interface and MAC of *out stay. */
enum frame_kind frame_parse_datagram(
    const uint8_t *data, uint32_t captured, uint32_t length, struct frame *out);

#endif

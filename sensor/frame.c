/* SPDX-License-Identifier: ISC */
/*
 * One captured frame, down to the TCP payload; see frame.h.  bulkhead-sensor, replay.
 */
#include "sensor/frame.h"

#include <endian.h>
#include <string.h>

enum link_type { /* values of pcap's DLT_ and LINKTYPE_ lists */
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_PPP = 9,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_PPP_SERIAL = 50,
	LINK_PPP_ETHER = 51, /* PPPoE without the Ethernet header */
	LINK_RAW = 101,
	LINK_C_HDLC = 104,
	LINK_WIRELESS = 105, /* IEEE 802.11 */
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_RADIOTAP = 127,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

enum ether_type {
	ETHER_IPV4 = 0x0800,
	ETHER_VLAN = 0x8100,
	ETHER_IPV6 = 0x86dd,
	ETHER_QINQ = 0x88a8, /* IEEE 802.1ad */
	ETHER_QINQ_OLD = 0x9100,
	ETHER_MPLS = 0x8847,
	ETHER_MPLS_MULTICAST = 0x8848,
	ETHER_PPPOE = 0x8864,
	/* Ours: values below 0x600 are no types but lengths (IEEE 802.3 section 3.2.6). */
	ETHER_BY_VERSION = 0, /* the IP version nibble decides */
	ETHER_LLC = 1,	      /* IEEE 802.2 follows */
	ETHER_PPP = 2,	      /* a PPP protocol number follows */
	ETHER_OTHER = 3,
	ETHER_TYPES = 0x600,
};

enum ip_protocol {
	IP_HOP_BY_HOP = 0,
	IP_ICMP = 1,
	IP_IN_IP = 4,
	IP_TCP = 6,
	IP_UDP = 17,
	IP_IPV6 = 41,
	IP_ICMP6 = 58,
	IP_ROUTING = 43,
	IP_FRAGMENT = 44,
	IP_GRE = 47,
	IP_AUTH = 51,
	IP_DESTINATION = 60,
};

#define EXTENSIONS_MAX 8 /* IPv6 extension headers that are stepped over; more is malformed */
#define TUNNELS_MAX    2 /* IP headers before the one that counts; more is not read */

/* What is left of the frame: captured bytes, and bytes on the wire (never fewer). */
struct cursor {
	const uint8_t *at;
	uint32_t captured, wire;
	unsigned tunnels; /* entered so far */
};

/* Steps over n bytes that must be in the capture; NULL when they are not. */
static inline const uint8_t *
take(struct cursor *c, uint32_t n)
{
	const uint8_t *p = c->at;

	if (n > c->captured)
		return NULL;
	c->at += n;
	c->captured -= n;
	c->wire -= n;
	return p;
}

/* The datagram ends here: what follows on the wire is padding. */
static inline void
end_after(struct cursor *c, uint32_t wire)
{
	c->wire = wire;
	if (c->captured > wire)
		c->captured = wire;
}

static inline uint16_t
load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static inline uint32_t
load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

/* As addr_from_v4(), but in the caller's registers. */
static inline struct addr
addr_v4(const uint8_t *bytes)
{
	struct addr a = {.bytes = {[10] = 0xff, [11] = 0xff}};

	memcpy(a.bytes + 12, bytes, 4);
	return a;
}

/*
 * IPv4 that has no options and is no fragment, and TCP in it, with all headers in the capture: nearly
 * every packet.  What parse_ipv4() and parse_tcp() would make of it, without a cursor; FRAME__COUNT
 * when it is anything else, and they decide.
 */
static inline enum frame_kind
parse_plain(const struct cursor *c, struct frame *out)
{
	const uint8_t *ip = c->at, *tcp = ip + 20;

	if (c->captured < 40 || ip[0] != 0x45 || ip[9] != IP_TCP || (load16(ip + 6) & 0x3fff) != 0)
		return FRAME__COUNT;
	uint32_t total = load16(ip + 2), headers = 20 + (uint32_t)(tcp[12] >> 4) * 4;
	if (total > c->wire || headers < 40 || headers > total || headers > c->captured)
		return FRAME__COUNT;
	uint32_t captured = c->captured < total ? c->captured : total;
	out->src = addr_v4(ip + 12);
	out->dst = addr_v4(ip + 16);
	out->src_port = load16(tcp);
	out->dst_port = load16(tcp + 2);
	out->seq = load32(tcp + 4);
	out->ack = load32(tcp + 8);
	out->flags = tcp[13];
	out->l3 = ip;
	out->l3_captured = captured;
	out->payload = ip + headers;
	out->captured = captured - headers;
	out->length = total - headers;
	return FRAME_TCP;
}

static enum frame_kind
parse_tcp(struct cursor *c, struct frame *out)
{
	const uint8_t *head = take(c, 20);

	if (head == NULL)
		return FRAME_MALFORMED;
	uint32_t options = (uint32_t)(head[12] >> 4) * 4;
	if (options < 20 || (options -= 20) > c->wire)
		return FRAME_MALFORMED;
	out->src_port = load16(head);
	out->dst_port = load16(head + 2);
	out->seq = load32(head + 4);
	out->ack = load32(head + 8);
	out->flags = head[13];
	/* Options may be cut away: the payload's length is known all the same. */
	uint32_t cut = options < c->captured ? options : c->captured;
	out->payload = c->at + cut;
	out->captured = c->captured - cut;
	out->length = c->wire - options;
	return FRAME_TCP;
}

static enum frame_kind
parse_udp(struct cursor *c, struct frame *out)
{
	const uint8_t *head = take(c, 8);

	if (head == NULL)
		return FRAME_MALFORMED;
	uint32_t length = load16(head + 4);
	if (length < 8 || length - 8 > c->wire)
		return FRAME_MALFORMED;
	end_after(c, length - 8);
	out->src_port = load16(head);
	out->dst_port = load16(head + 2);
	out->seq = out->ack = 0;
	out->flags = 0;
	out->payload = c->at;
	out->captured = c->captured;
	out->length = c->wire;
	return FRAME_UDP;
}

/* "Destination unreachable" (RFC 792, RFC 4443 3.1): the packet that did not arrive stands in it,
 * down to its first eight bytes of TCP.  "Fragmentation needed" is no failure. */
static enum frame_kind
parse_unreachable(uint8_t protocol, struct cursor *c, struct frame *out)
{
	bool v6 = protocol == IP_ICMP6;
	const uint8_t *icmp = take(c, 8), *ip = take(c, v6 ? 40 : 20);

	if (icmp == NULL || icmp[0] != (v6 ? 1 : 3) || (!v6 && icmp[1] == 4) || ip == NULL ||
	    ip[0] >> 4 != (v6 ? 6 : 4) || ip[v6 ? 6 : 9] != IP_TCP)
		return FRAME_OTHER;
	uint32_t options = v6 ? 0 : (ip[0] & 15u) * 4;
	if (!v6 && (options < 20 || take(c, options - 20) == NULL))
		return FRAME_OTHER;
	const uint8_t *tcp = take(c, 8);
	if (tcp == NULL)
		return FRAME_OTHER;
	if (v6) {
		memcpy(out->src.bytes, ip + 8, 16);
		memcpy(out->dst.bytes, ip + 24, 16);
	} else {
		out->src = addr_v4(ip + 12);
		out->dst = addr_v4(ip + 16);
	}
	out->src_port = load16(tcp);
	out->dst_port = load16(tcp + 2);
	out->seq = load32(tcp + 4);
	out->ack = 0;
	out->flags = 0;
	out->payload = c->at;
	out->captured = out->length = 0;
	return FRAME_UNREACHABLE;
}

static enum frame_kind parse_network(struct cursor *c, uint16_t type, struct frame *out);

/* IP in IP (RFC 2003), IPv6 in IPv4 (RFC 4213), GRE (RFC 2784, 2890).  Live, the kernel filter lets none
 * of them pass: they count in capture files only, as a mirror port between routers writes them. */
static enum frame_kind
parse_tunnel(uint8_t protocol, struct cursor *c, struct frame *out)
{
	uint16_t type = protocol == IP_IN_IP ? ETHER_IPV4 : ETHER_IPV6;

	if (c->tunnels++ == TUNNELS_MAX)
		return FRAME_OTHER;
	if (protocol == IP_GRE) {
		const uint8_t *head = take(c, 4);
		if (head == NULL)
			return FRAME_MALFORMED;
		if ((head[0] & 0x40) != 0 || (head[1] & 7) != 0) /* source routes; PPTP's version */
			return FRAME_OTHER;
		/* checksum, key, sequence number: four bytes each */
		uint32_t options = ((head[0] >> 7) + (head[0] >> 5 & 1u) + (head[0] >> 4 & 1u)) * 4;
		type = load16(head + 2);
		if (take(c, options) == NULL)
			return FRAME_MALFORMED;
		if (type != ETHER_IPV4 && type != ETHER_IPV6)
			return FRAME_OTHER;
	}
	return parse_network(c, type, out);
}

static enum frame_kind
parse_transport(uint8_t protocol, struct cursor *c, struct frame *out)
{
	switch (protocol) {
	case IP_TCP:
		return parse_tcp(c, out);
	case IP_UDP:
		return parse_udp(c, out);
	case IP_ICMP:
	case IP_ICMP6:
		return parse_unreachable(protocol, c, out);
	case IP_IN_IP:
	case IP_IPV6:
	case IP_GRE:
		return parse_tunnel(protocol, c, out);
	default:
		return FRAME_OTHER;
	}
}

/* A piece of a datagram; where it belongs is filled but for the protocol.  Only what can hold TCP is of use: for
 * all else it is as if it had not come.  Of IPv6 that is known from the first piece (RFC 8200 section 4.5). */
static enum frame_kind
parse_fragment(uint8_t protocol, bool v6, const struct cursor *c, struct frame *out)
{
	out->fragment.stray = false;
	switch (protocol) {
	case IP_TCP:
	case IP_IN_IP:
	case IP_IPV6:
	case IP_GRE:
	case IP_AUTH:
	case IP_DESTINATION:
		break;
	default:
		if (!v6 || out->fragment.at == 0)
			return FRAME_OTHER;
		out->fragment.stray = true;
	}
	out->fragment.protocol = protocol;
	out->payload = c->at;
	out->captured = c->captured;
	out->length = c->wire;
	return FRAME_FRAGMENT;
}

static enum frame_kind
parse_ipv4(struct cursor *c, struct frame *out)
{
	uint32_t wire = c->wire;
	const uint8_t *head = take(c, 20);

	if (head == NULL || head[0] >> 4 != 4)
		return FRAME_MALFORMED;
	uint32_t size = (head[0] & 15u) * 4, total = load16(head + 2);
	if (total == 0) /* TSO: the card would have filled it in */
		total = wire;
	if (size < 20 || total < size || total > wire)
		return FRAME_MALFORMED;
	end_after(c, total - 20);
	out->l3_captured = c->captured + 20;
	if (take(c, size - 20) == NULL)
		return FRAME_MALFORMED;
	out->src = addr_v4(head + 12);
	out->dst = addr_v4(head + 16);
	uint16_t place = load16(head + 6);
	if ((place & 0x3fff) == 0)
		return parse_transport(head[9], c, out);
	out->fragment.id = load16(head + 4);
	out->fragment.at = (uint16_t)((place & 0x1fff) * 8);
	out->fragment.more = (place & 0x2000) != 0;
	return parse_fragment(head[9], false, c, out);
}

/* Steps over extension headers (RFC 8200 section 4); *next becomes the first protocol that is none, or
 * what is in a fragment (a datagram that is one fragment is whole, RFC 6946). */
static enum frame_kind
skip_extensions(struct cursor *c, uint8_t *next, struct frame_fragment *fragment)
{
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		if (*next != IP_HOP_BY_HOP && *next != IP_ROUTING && *next != IP_FRAGMENT &&
		    *next != IP_AUTH && *next != IP_DESTINATION)
			return FRAME_TCP;
		const uint8_t *head = take(c, 8);
		if (head == NULL)
			return FRAME_MALFORMED;
		if (*next == IP_FRAGMENT && (load16(head + 2) & 0xfff9) != 0) {
			*next = head[0];
			fragment->id = load32(head + 4);
			fragment->at = load16(head + 2) & 0xfff8;
			fragment->more = (head[3] & 1) != 0;
			return FRAME_FRAGMENT;
		}
		/* Lengths beyond the first 8 bytes: in units of 8; of the authentication header,
		 * of 4. */
		uint32_t more = *next == IP_FRAGMENT ? 0 : head[1] * 8u;
		if (*next == IP_AUTH)
			more = head[1] * 4u;
		*next = head[0];
		if (take(c, more) == NULL)
			return FRAME_MALFORMED;
	}
	return FRAME_MALFORMED;
}

static enum frame_kind
parse_ipv6(struct cursor *c, struct frame *out)
{
	const uint8_t *head = take(c, 40);

	if (head == NULL || head[0] >> 4 != 6)
		return FRAME_MALFORMED;
	uint32_t length = load16(head + 4);
	uint8_t next = head[6];
	if (length == 0) /* TSO beyond 64 KB (jumbo payload, RFC 2675), or nothing at all */
		length = c->wire;
	if (length > c->wire)
		return FRAME_MALFORMED;
	end_after(c, length);
	out->l3_captured = c->captured + 40;
	enum frame_kind kind = skip_extensions(c, &next, &out->fragment);
	if (kind == FRAME_MALFORMED)
		return kind;
	memcpy(out->src.bytes, head + 8, 16);
	memcpy(out->dst.bytes, head + 24, 16);
	return kind == FRAME_FRAGMENT ? parse_fragment(next, true, c, out)
				      : parse_transport(next, c, out);
}

/* The protocol number of PPP (RFC 1661 section 2), behind address and control where they are sent (RFC 1662).
 */
static bool
step_over_ppp(struct cursor *c, uint16_t *type)
{
	if (c->captured >= 2 && c->at[0] == 0xff && c->at[1] == 0x03)
		take(c, 2);
	const uint8_t *number = take(c, 1);
	if (number == NULL)
		return false;
	uint16_t protocol = number[0];
	if ((protocol & 1) == 0) { /* the last byte of a number is odd */
		number = take(c, 1);
		if (number == NULL)
			return false;
		protocol = (uint16_t)(protocol << 8 | number[0]);
	}
	*type = protocol == 0x21 ? ETHER_IPV4 : protocol == 0x57 ? ETHER_IPV6 : ETHER_OTHER;
	return true;
}

static uint16_t
ether_type(const uint8_t *p)
{
	return load16(p) < ETHER_TYPES ? ETHER_LLC : load16(p);
}

/* What may stand between link and IP header; *type becomes that of what follows.  False: it is cut. */
static bool
step_over(struct cursor *c, uint16_t *type)
{
	const uint8_t *head = NULL;

	switch (*type) {
	case ETHER_VLAN:
	case ETHER_QINQ:
	case ETHER_QINQ_OLD:
		head = take(c, 4);
		*type = head != NULL ? ether_type(head + 2) : ETHER_OTHER;
		break;
	case ETHER_MPLS:
	case ETHER_MPLS_MULTICAST:
		do
			head = take(c, 4);
		while (head != NULL && (head[2] & 1) == 0); /* the bottom of the stack, RFC 3032 */
		*type = ETHER_BY_VERSION;
		break;
	case ETHER_PPPOE: /* RFC 2516 section 4 */
		head = take(c, 6);
		*type = ETHER_PPP;
		break;
	case ETHER_PPP:
		return step_over_ppp(c, type);
	case ETHER_LLC: /* SNAP with a zero organisation, RFC 1042; anything else is not IP */
		head = take(c, 8);
		if (head == NULL || memcmp(head, "\xaa\xaa\x03\0\0\0", 6) != 0)
			*type = ETHER_OTHER;
		else
			*type = load16(head + 6);
		return true;
	}
	return head != NULL;
}

static bool
is_stepped_over(uint16_t type)
{
	return type == ETHER_VLAN || type == ETHER_QINQ || type == ETHER_QINQ_OLD ||
	       type == ETHER_MPLS || type == ETHER_MPLS_MULTICAST || type == ETHER_PPPOE ||
	       type == ETHER_PPP || type == ETHER_LLC;
}

static enum frame_kind
parse_network(struct cursor *c, uint16_t type, struct frame *out)
{
	if (type == ETHER_IPV4) {
		enum frame_kind kind = parse_plain(c, out);
		if (kind != FRAME__COUNT)
			return kind;
	}
	for (unsigned i = 0; is_stepped_over(type); i++)
		if (i == FRAME_VLANS_MAX || !step_over(c, &type))
			return FRAME_MALFORMED;
	if (type == ETHER_BY_VERSION) {
		if (c->captured == 0)
			return FRAME_MALFORMED;
		type = c->at[0] >> 4 == 4   ? ETHER_IPV4
		       : c->at[0] >> 4 == 6 ? ETHER_IPV6
					    : ETHER_OTHER;
	}
	out->l3 = c->at;
	if (type == ETHER_IPV4)
		return parse_ipv4(c, out);
	if (type == ETHER_IPV6)
		return parse_ipv6(c, out);
	return FRAME_OTHER;
}

/* The protocol of a cooked header: a type, or Linux' own number for what has none. */
static uint16_t
cooked_type(const uint8_t *p)
{
	enum { ETH_P_802_2 = 4 };

	if (load16(p) >= ETHER_TYPES)
		return load16(p);
	return load16(p) == ETH_P_802_2 ? ETHER_LLC : ETHER_OTHER;
}

static enum frame_kind
parse_sll(struct cursor *c, struct frame *out)
{
	const uint8_t *head = take(c, 16);

	if (head == NULL)
		return FRAME_MALFORMED;
	out->passage = load16(head) <= FRAME_OUTGOING ? head[1] : FRAME_UNTOLD;
	if (load16(head + 4) == sizeof(out->mac.bytes))
		memcpy(out->mac.bytes, head + 6, sizeof(out->mac.bytes));
	return parse_network(c, cooked_type(head + 14), out);
}

static enum frame_kind
parse_sll2(struct cursor *c, struct frame *out)
{
	const uint8_t *head = take(c, 20);

	if (head == NULL)
		return FRAME_MALFORMED;
	out->ifindex = load32(head + 4);
	out->passage = head[10] <= FRAME_OUTGOING ? head[10] : FRAME_UNTOLD;
	if (head[11] == sizeof(out->mac.bytes))
		memcpy(out->mac.bytes, head + 12, sizeof(out->mac.bytes));
	return parse_network(c, cooked_type(head), out);
}

/* An IEEE 802.11 frame: only data that is not encrypted. */
static enum frame_kind
parse_wireless(struct cursor *c, struct frame *out)
{
	const uint8_t *head = take(c, 24);

	if (head == NULL)
		return FRAME_MALFORMED;
	bool is_data = (head[0] & 0x0c) == 0x08 && (head[0] & 0x40) == 0;
	bool is_qos = (head[0] & 0x80) != 0, four_addresses = (head[1] & 3) == 3;
	if (!is_data || (head[1] & 0x40) != 0)
		return FRAME_OTHER;
	uint32_t more = (four_addresses ? 6u : 0) + (is_qos ? 2u : 0) +
			(is_qos && (head[1] & 0x80) != 0 ? 4u : 0);
	if (take(c, more) == NULL)
		return FRAME_MALFORMED;
	memcpy(out->mac.bytes, head + 10, sizeof(out->mac.bytes)); /* who sends it on the air */
	return parse_network(c, ETHER_LLC, out);
}

static enum frame_kind
parse_radiotap(struct cursor *c, struct frame *out)
{
	const uint8_t *head = take(c, 4); /* version, padding, length in little endian */

	if (head == NULL || take(c, ((uint32_t)head[3] << 8 | head[2]) - 4) == NULL)
		return FRAME_MALFORMED;
	return parse_wireless(c, out);
}

/* PPP, or Cisco's HDLC, which begins with other bytes. */
static enum frame_kind
parse_serial(struct cursor *c, bool cisco, struct frame *out)
{
	if (c->captured > 0 && (c->at[0] == 0x0f || c->at[0] == 0x8f))
		cisco = true;
	if (!cisco)
		return parse_network(c, ETHER_PPP, out);
	const uint8_t *head = take(c, 4);
	if (head == NULL)
		return FRAME_MALFORMED;
	return parse_network(c, cooked_type(head + 2), out);
}

/* Link types that a hypervisor does not have, but captures from elsewhere do. */
static enum frame_kind
parse_other_link(uint32_t linktype, struct cursor *c, struct frame *out)
{
	switch (linktype) {
	case LINK_PPP:
	case LINK_PPP_SERIAL:
	case LINK_C_HDLC:
		return parse_serial(c, linktype == LINK_C_HDLC, out);
	case LINK_PPP_ETHER:
		return parse_network(c, ETHER_PPPOE, out);
	case LINK_WIRELESS:
		return parse_wireless(c, out);
	case LINK_RADIOTAP:
		return parse_radiotap(c, out);
	default:
		return FRAME_OTHER;
	}
}

enum frame_kind
frame_parse(const struct packet *packet, struct frame *out)
{
	struct cursor c = {.at = packet->data, .captured = packet->caplen, .wire = packet->wirelen};
	const uint8_t *head;

	if (c.wire < c.captured) /* a capture file may say anything */
		c.wire = c.captured;
	out->ifindex = 0;
	out->passage = FRAME_UNTOLD;
	memset(&out->mac, 0, sizeof(out->mac));
	switch (packet->linktype) {
	case LINK_ETHERNET:
		head = take(&c, 14);
		if (head == NULL)
			return FRAME_MALFORMED;
		memcpy(out->mac.bytes, head + 6, sizeof(out->mac.bytes));
		return parse_network(&c, ether_type(head + 12), out);
	case LINK_SLL:
		return parse_sll(&c, out);
	case LINK_SLL2:
		return parse_sll2(&c, out);
	case LINK_NULL:
	case LINK_LOOP:
		if (take(&c, 4) == NULL)
			return FRAME_MALFORMED;
		return parse_network(&c, ETHER_BY_VERSION, out);
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_IPV4:
	case LINK_IPV6:
		return parse_network(&c, ETHER_BY_VERSION, out);
	default:
		return parse_other_link(packet->linktype, &c, out);
	}
}

enum frame_kind
frame_parse_datagram(const uint8_t *data, uint32_t captured, uint32_t length, struct frame *out)
{
	struct cursor c = {.at = data, .captured = captured, .wire = length};

	return parse_network(&c, ETHER_BY_VERSION, out);
}

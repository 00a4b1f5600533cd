/* SPDX-License-Identifier: ISC */
/*
 * The TCP connections of the traffic generator; see smtpgen.h.  Test programs and smtpgen(main.c).
 */
#include "tests/gen/smtpgen_private.h"

#include <stdlib.h>
#include <string.h>

#define PACKET_GAP_NS	10000 /* between packets of one burst */
#define FRAME_HEAD_MAX	512   /* link, VLAN, IP, TCP headers with all options */
#define TLS_RECORD_TEXT 4096  /* plaintext per record, as Postfix writes */
#define TLS_OVERHEAD	17    /* TLS 1.3: tag 16, inner type 1 (RFC 8446 section 5.2) */

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

struct gen_tcp {
	struct gen *g;
	struct gen_path path;
	int64_t now;
	uint32_t next[2]; /* sequence number of the next byte, by enum gen_side */
	bool hidden[2];
	enum gen_side last; /* who sent last */
	bool tls;
	unsigned sent, unacked;
};

void
gen_path_init(struct gen_path *path, struct addr client, struct addr server, int64_t start_ns)
{
	memset(path, 0, sizeof(*path));
	path->client = client;
	path->server = server;
	path->client_port = 40000;
	path->server_port = 25;
	/* Locally administered addresses that follow from the IP addresses: stable per machine. */
	path->client_mac =
	    (struct mac){{0x52, 0x54, 0, client.bytes[13], client.bytes[14], client.bytes[15]}};
	path->server_mac =
	    (struct mac){{0x52, 0x54, 1, server.bytes[13], server.bytes[14], server.bytes[15]}};
	path->start_ns = start_ns;
	path->rtt_ns = 2000000;
	path->mss = 1448;
	path->vlan_id = 100;
	path->timestamps = true;
}

struct gen_tcp *
gen_tcp_new(struct gen *g, const struct gen_path *path)
{
	struct gen_tcp *t = gen_must(calloc(1, sizeof(*t)));
	t->g = g;
	t->path = *path;
	t->now = path->start_ns;
	t->next[GEN_CLIENT] = path->client_isn != 0 ? path->client_isn : (uint32_t)gen_random(g);
	t->next[GEN_SERVER] = path->server_isn != 0 ? path->server_isn : (uint32_t)gen_random(g);
	t->hidden[GEN_CLIENT] = path->hide_client;
	t->hidden[GEN_SERVER] = path->hide_server;
	return t;
}

void
gen_tcp_free(struct gen_tcp *t)
{
	free(t);
}

static uint8_t *
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *
put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, v >> 16), v & 0xffff);
}

static uint8_t *
put_bytes(uint8_t *p, const void *data, size_t n)
{
	memcpy(p, data, n);
	return p + n;
}

static uint32_t
checksum_add(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	return sum;
}

static uint16_t
checksum_end(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Link header with VLAN tags; `mirror`: the second crossing, on the uplink. */
static uint8_t *
put_link(const struct gen_tcp *t, uint8_t *p, enum gen_side from, bool mirror)
{
	const struct gen_path *h = &t->path;
	const struct mac *src = from == GEN_CLIENT ? &h->client_mac : &h->server_mac;
	const struct mac *dst = from == GEN_CLIENT ? &h->server_mac : &h->client_mac;
	unsigned type = addr_is_v4(&h->client) ? 0x0800 : 0x86dd;
	unsigned outer = h->vlan_tags == 0 ? type : h->vlan_tags > 1 ? 0x88a8 : 0x8100;

	if (gen_linktype(t->g) == GEN_LINK_ETHERNET) {
		p = put_bytes(put_bytes(p, dst->bytes, 6), src->bytes, 6);
		p = put16(p, outer);
	} else if (gen_linktype(t->g) == GEN_LINK_SLL2) {
		/* Packet type 4: leaves through the interface; 3: for another machine (bridged). */
		bool enters = (from == GEN_CLIENT) != h->tap_is_of_server;
		p = put16(put16(p, outer), 0);
		p = put32(p, mirror ? h->uplink_ifindex : h->tap_ifindex);
		p = put16(p, 1);
		*p++ = enters != mirror ? 3 : 4;
		*p++ = 6;
		p = put16(put_bytes(p, src->bytes, 6), 0);
	} else {
		return p;
	}
	for (unsigned i = 0; i < h->vlan_tags; i++)
		p = put16(put16(p, h->vlan_id + i), i + 1 < h->vlan_tags ? 0x8100 : type);
	return p;
}

static uint8_t *
put_ipv4(struct gen_tcp *t, uint8_t *p, enum gen_side from, size_t tcp_size)
{
	const struct gen_path *h = &t->path;
	const struct addr *src = from == GEN_CLIENT ? &h->client : &h->server;
	const struct addr *dst = from == GEN_CLIENT ? &h->server : &h->client;
	size_t head = h->ipv4_options ? 24 : 20, total = head + tcp_size;
	uint8_t *start = p;

	*p++ = (uint8_t)(0x40 | head / 4);
	*p++ = 0;
	p = put16(p, total > 65535 || h->zero_ip_length ? 0 : (unsigned)total);
	p = put16(p, t->sent & 0xffff);
	p = put16(p, 0x4000); /* do not fragment */
	*p++ = 64;
	*p++ = 6;
	p = put16(p, 0);
	p = put_bytes(put_bytes(p, src->bytes + 12, 4), dst->bytes + 12, 4);
	if (h->ipv4_options)
		p = put_bytes(p, "\x94\x04\0\0", 4); /* router alert (RFC 2113) */
	put16(start + 10, checksum_end(checksum_add(0, start, head)));
	return p;
}

static uint8_t *
put_ipv6(const struct gen_tcp *t, uint8_t *p, enum gen_side from, size_t tcp_size)
{
	static const uint8_t types[4] = {0, 43, 60, 44}; /* in the order of enum gen_ipv6_header */
	const struct gen_path *h = &t->path;
	const struct addr *src = from == GEN_CLIENT ? &h->client : &h->server;
	const struct addr *dst = from == GEN_CLIENT ? &h->server : &h->client;
	uint8_t *next = p + 6;
	size_t extra = 0;

	for (unsigned i = 0; i < 4; i++)
		extra += (h->ipv6_headers & 1u << i) != 0 ? 8 : 0;
	p = put16(
	    put32(p, 0x60000000), extra + tcp_size > 65535 ? 0 : (unsigned)(extra + tcp_size));
	*p++ = 0;
	*p++ = 64;
	p = put_bytes(put_bytes(p, src->bytes, 16), dst->bytes, 16);
	for (unsigned i = 0; i < 4; i++) {
		if ((h->ipv6_headers & 1u << i) == 0)
			continue;
		*next = types[i];
		next = p;
		/* Options: PadN of 4 bytes.  Routing: type 0, nothing left.  Fragment: whole. */
		p = put_bytes(p,
		    types[i] == 0 || types[i] == 60 ? "\0\0\1\4\0\0\0\0" : "\0\0\0\0\0\0\0\0", 8);
	}
	*next = 6;
	return p;
}

static uint8_t *
put_tcp(const struct gen_tcp *t, uint8_t *p, enum gen_side from, uint8_t flags, uint32_t seq,
    uint32_t ack)
{
	const struct gen_path *h = &t->path;
	bool syn = (flags & TCP_SYN) != 0;
	unsigned options = (syn ? 4u : 0) + (h->timestamps ? 12u : 0);

	p = put16(p, from == GEN_CLIENT ? h->client_port : h->server_port);
	p = put16(p, from == GEN_CLIENT ? h->server_port : h->client_port);
	p = put32(put32(p, seq), ack);
	*p++ = (uint8_t)((20 + options) / 4 << 4);
	*p++ = flags;
	p = put32(put16(p, 64240), 0);
	if (syn)
		p = put16(put16(p, 0x0204), 1460);
	if (h->timestamps)
		p = put32(put32(put32(p, 0x0101080a), (uint32_t)(t->now / 1000000)), 0);
	return p;
}

static void
frame_store(struct gen_tcp *t, enum gen_side from, uint8_t flags, uint32_t seq, uint32_t ack,
    const void *data, size_t size, int64_t delay_ns, bool mirror)
{
	const struct gen_path *h = &t->path;
	uint8_t *frame = gen_must(malloc(FRAME_HEAD_MAX + size));
	uint8_t *p = put_link(t, frame, from, mirror), tcp[64];
	size_t head = (size_t)(put_tcp(t, tcp, from, flags, seq, ack) - tcp);

	p = addr_is_v4(&h->client) ? put_ipv4(t, p, from, head + size)
				   : put_ipv6(t, p, from, head + size);
	uint8_t *start = p;
	p = put_bytes(p, tcp, head);
	if (size > 0)
		p = put_bytes(p, data, size);
	/* The pseudo-header's sum does not depend on the IP version but for the addresses (RFC
	 * 8200 8.1). */
	size_t skip = addr_is_v4(&h->client) ? 12 : 0;
	uint32_t sum = checksum_add(6 + (uint32_t)(head + size), h->client.bytes + skip, 16 - skip);
	sum = checksum_add(sum, h->server.bytes + skip, 16 - skip);
	put16(start + 16, checksum_end(checksum_add(sum, start, head + size)));
	gen_store(t->g, t->now + delay_ns, frame, (size_t)(p - frame));
	free(frame);
}

/* Sends one packet at t->now + delay_ns, as far as the capture sees it. */
static void
packet_send(struct gen_tcp *t, enum gen_side from, uint8_t flags, uint32_t seq, uint32_t ack,
    const void *data, size_t size, int64_t delay_ns)
{
	t->sent++;
	if (t->sent <= t->path.skip_packets || t->hidden[from])
		return;
	frame_store(t, from, flags, seq, ack, data, size, delay_ns, false);
	if (t->path.uplink_ifindex != 0)
		frame_store(t, from, flags, seq, ack, data, size, delay_ns + 3000, true);
}

static enum gen_side
peer_of(enum gen_side side)
{
	return side == GEN_CLIENT ? GEN_SERVER : GEN_CLIENT;
}

/* Time passes: half a round trip when the other side speaks. */
static void
turn(struct gen_tcp *t, enum gen_side from)
{
	t->now += from == t->last ? PACKET_GAP_NS : t->path.rtt_ns / 2;
	t->last = from;
}

void
gen_tcp_handshake(struct gen_tcp *t)
{
	packet_send(t, GEN_CLIENT, TCP_SYN, t->next[GEN_CLIENT]++, 0, NULL, 0, 0);
	turn(t, GEN_SERVER);
	packet_send(t, GEN_SERVER, TCP_SYN | TCP_ACK, t->next[GEN_SERVER]++, t->next[GEN_CLIENT],
	    NULL, 0, 0);
	turn(t, GEN_CLIENT);
	gen_tcp_ack(t, GEN_CLIENT);
}

void
gen_tcp_ack(struct gen_tcp *t, enum gen_side from)
{
	t->unacked = 0;
	packet_send(t, from, TCP_ACK, t->next[from], t->next[peer_of(from)], NULL, 0, 0);
}

static bool
happens(struct gen_tcp *t, double probability)
{
	return probability > 0 && gen_random_unit(t->g) < probability;
}

/* One segment with its impairments; `more`: bytes that follow it in the same send. */
static void
segment_send(struct gen_tcp *t, enum gen_side from, const uint8_t *data, size_t n, size_t more)
{
	const struct gen_path *h = &t->path;
	uint32_t seq = t->next[from], ack = t->next[peer_of(from)];
	uint8_t flags = more == 0 ? TCP_ACK | TCP_PSH : TCP_ACK;

	turn(t, from);
	t->next[from] += (uint32_t)n;
	/* 15 us is between the next packet of the burst and the one after it. */
	if (!happens(t, h->loss))
		packet_send(t, from, flags, seq, ack, data, n, happens(t, h->reorder) ? 15000 : 0);
	if (happens(t, h->retransmit))
		packet_send(t, from, flags, seq, ack, data, n, h->rtt_ns / 4);
	if (n > 1 && happens(t, h->overlap)) {
		size_t half = n / 2, tail = more < half ? more : half;
		packet_send(
		    t, from, flags, seq + (uint32_t)half, ack, data + half, n - half + tail, 5000);
	}
	/* The receiver acknowledges every second segment. */
	if (++t->unacked % 2 == 0)
		packet_send(t, peer_of(from), TCP_ACK, ack, t->next[from], NULL, 0, h->rtt_ns / 2);
}

static void
plain_send(struct gen_tcp *t, enum gen_side from, const void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		size_t n = size - done < t->path.mss ? size - done : t->path.mss;
		segment_send(t, from, (const uint8_t *)data + done, n, size - done - n);
		done += n;
	}
}

/* Appends one TLS record of random bytes, as long as `plain` bytes of plaintext make it. */
static size_t
put_record(struct gen *g, uint8_t *out, uint8_t type, size_t plain)
{
	size_t n = type == 23 ? plain + TLS_OVERHEAD : plain;
	uint8_t *p = put16(put16(out + 1, 0x0303), (unsigned)n);

	out[0] = type;
	for (size_t i = 0; i < n; i++)
		*p++ = type == 20 ? 1 : (uint8_t)gen_random(g);
	return n + 5;
}

void
gen_tcp_send(struct gen_tcp *t, enum gen_side from, const void *data, size_t size)
{
	if (!t->tls) {
		plain_send(t, from, data, size);
		return;
	}
	uint8_t *records =
	    gen_must(malloc(size + (size / TLS_RECORD_TEXT + 1) * (5 + TLS_OVERHEAD)));
	size_t n = 0;
	for (size_t done = 0; done < size; done += TLS_RECORD_TEXT)
		n += put_record(t->g, records + n, 23,
		    size - done < TLS_RECORD_TEXT ? size - done : TLS_RECORD_TEXT);
	plain_send(t, from, records, n);
	free(records);
}

/* A ClientHello of TLS 1.3 that parsers accept (RFC 8446 section 4.1.2); returns its size. */
static size_t
put_client_hello(struct gen *g, uint8_t *out)
{
	static const char name[] = "mx.example.net";
	static const uint8_t suites[] = {0, 8, 0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2f, 1, 0};
	static const uint8_t extensions[] = {0, 10, 0, 4, 0, 2, 0, 29, /* groups: x25519 */
	    0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1,		       /* signature algorithms */
	    0, 43, 0, 3, 2, 3, 4,				       /* versions: 1.3 */
	    0, 51, 0, 38, 0, 36, 0, 29, 0, 32}; /* key share, 32 bytes follow */
	uint8_t body[256], *p = put16(body, 0x0303);

	for (unsigned i = 0; i < 32; i++)
		*p++ = (uint8_t)gen_random(g);
	*p++ = 0; /* no session id */
	p = put_bytes(p, suites, sizeof(suites));
	unsigned host = sizeof(name) - 1;
	p = put16(p, 9 + host + (unsigned)sizeof(extensions) + 32);
	p = put16(put16(put16(p, 0), host + 5), host + 3);
	*p++ = 0;
	p = put_bytes(put16(p, host), name, host);
	p = put_bytes(p, extensions, sizeof(extensions));
	for (unsigned i = 0; i < 32; i++)
		*p++ = (uint8_t)gen_random(g);
	unsigned size = (unsigned)(p - body);
	uint8_t *q = put16(put16(out + 1, 0x0301), size + 4);
	out[0] = 22;
	q = put32(q, 1u << 24 | size);
	return (size_t)(put_bytes(q, body, size) - out);
}

/* A ServerHello of TLS 1.3 with TLS_AES_256_GCM_SHA384 (RFC 8446 section 4.1.3): its Finished has 52
 * bytes.  Returns its size. */
static size_t
put_server_hello(struct gen *g, uint8_t *out)
{
	static const uint8_t after_session[] = {0x13, 2, 0, 0,
	    46,				 /* suite, compression, extensions */
	    0, 43, 0, 2, 3, 4,		 /* version: 1.3 */
	    0, 51, 0, 36, 0, 29, 0, 32}; /* key share, 32 bytes follow */
	size_t n = put_record(g, out, 22, 122);

	put16(put32(out + 5, 2u << 24 | 118), 0x0303);
	out[43] = 32; /* the session id; before it 32 random bytes */
	put_bytes(out + 76, after_session, sizeof(after_session));
	return n;
}

void
gen_tcp_start_tls(struct gen_tcp *t)
{
	static const uint16_t flight[] = {
	    10, 2700, 264, 52}; /* extensions, certificate, verify, finished */
	struct gen *g = t->g;
	uint8_t out[4096];
	size_t n = put_client_hello(g, out);

	plain_send(t, GEN_CLIENT, out, n);
	n = put_server_hello(g, out);
	n += put_record(g, out + n, 20, 1);
	for (unsigned i = 0; i < 4; i++)
		n += put_record(g, out + n, 23, flight[i]);
	plain_send(t, GEN_SERVER, out, n);
	n = put_record(g, out, 20, 1);
	n += put_record(g, out + n, 23, 52);
	plain_send(t, GEN_CLIENT, out, n);
	n = put_record(g, out, 23, 234);
	n += put_record(g, out + n, 23, 234);
	plain_send(t, GEN_SERVER, out, n);
	t->tls = true;
}

bool
gen_tcp_is_tls(const struct gen_tcp *t)
{
	return t->tls;
}

void
gen_tcp_wait(struct gen_tcp *t, int64_t span_ns)
{
	t->now += span_ns;
}

void
gen_tcp_hide(struct gen_tcp *t, enum gen_side side, bool hidden)
{
	t->hidden[side] = hidden;
}

void
gen_tcp_close(struct gen_tcp *t, enum gen_side first)
{
	enum gen_side second = peer_of(first);

	turn(t, first);
	packet_send(t, first, TCP_FIN | TCP_ACK, t->next[first]++, t->next[second], NULL, 0, 0);
	turn(t, second);
	packet_send(t, second, TCP_FIN | TCP_ACK, t->next[second]++, t->next[first], NULL, 0, 0);
	turn(t, first);
	gen_tcp_ack(t, first);
}

void
gen_tcp_reset(struct gen_tcp *t, enum gen_side from)
{
	turn(t, from);
	packet_send(t, from, TCP_RST | TCP_ACK, t->next[from], t->next[peer_of(from)], NULL, 0, 0);
}

int64_t
gen_tcp_now(const struct gen_tcp *t)
{
	return t->now;
}

void
gen_tcp_raw(struct gen_tcp *t, enum gen_side from, uint8_t flags, int32_t seq_offset,
    const void *data, size_t size)
{
	turn(t, from);
	packet_send(t, from, flags, t->next[from] + (uint32_t)seq_offset, t->next[peer_of(from)],
	    data, size, 0);
}

void
gen_refused(struct gen *g, const struct gen_path *path)
{
	struct gen_tcp *t = gen_tcp_new(g, path);

	packet_send(t, GEN_CLIENT, TCP_SYN, t->next[GEN_CLIENT]++, 0, NULL, 0, 0);
	turn(t, GEN_SERVER);
	packet_send(t, GEN_SERVER, TCP_RST | TCP_ACK, 0, t->next[GEN_CLIENT], NULL, 0, 0);
	gen_tcp_free(t);
}

void
gen_unanswered(struct gen *g, const struct gen_path *path, unsigned tries)
{
	struct gen_tcp *t = gen_tcp_new(g, path);

	for (unsigned i = 0; i < tries; i++) {
		packet_send(t, GEN_CLIENT, TCP_SYN, t->next[GEN_CLIENT], 0, NULL, 0, 0);
		t->now += INT64_C(1000000000) << (i < 7 ? i : 7);
	}
	gen_tcp_free(t);
}

/* SPDX-License-Identifier: ISC */
/*
 * sensor/frame: link types, tags, extension headers, lengths that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/frame.h"
#include "tests/gen/smtpgen.h"

#define TEXT "EHLO vm.example.com\r\n"

struct kept {
	struct packet packet;
	uint8_t data[4096];
};

static void
keep(void *arg, const struct packet *packet)
{
	struct kept *k = arg;

	assert_true(packet->caplen <= sizeof(k->data));
	k->packet = *packet;
	memcpy(k->data, packet->data, packet->caplen);
	k->packet.data = k->data;
}

/* The generator's path with one packet of text from the client. */
static void
make(struct kept *k, uint32_t linktype, const struct gen_path *path)
{
	struct gen *g = gen_new(1, linktype, 0);
	struct gen_tcp *t = gen_tcp_new(g, path);

	gen_set_callback(g, keep, k);
	gen_tcp_send(t, GEN_CLIENT, TEXT, sizeof(TEXT) - 1);
	gen_flush(g, INT64_MAX);
	gen_tcp_free(t);
	gen_free(g);
}

static void
path_v4(struct gen_path *path)
{
	gen_path_init(path, addr_from_v4((const uint8_t[]){10, 0, 0, 1}),
	    addr_from_v4((const uint8_t[]){192, 0, 2, 25}), 1000000000);
	path->client_isn = 1000;
	path->server_isn = 2000;
}

static void
path_v6(struct gen_path *path)
{
	struct addr client, server;

	assert_int_equal(addr_parse("2001:db8::1", &client), 0);
	assert_int_equal(addr_parse("2001:db8::25", &server), 0);
	gen_path_init(path, client, server, 1000000000);
	path->client_isn = 1000;
}

static void
expect_text(const struct kept *k, const struct gen_path *path, struct frame *f)
{
	memset(f, 0xa5, sizeof(*f));
	assert_int_equal(frame_parse(&k->packet, f), FRAME_TCP);
	assert_true(addr_equal(&f->src, &path->client));
	assert_true(addr_equal(&f->dst, &path->server));
	assert_int_equal(f->src_port, 40000);
	assert_int_equal(f->dst_port, 25);
	assert_int_equal(f->seq, 1000);
	assert_int_equal(f->length, sizeof(TEXT) - 1);
	assert_int_equal(f->captured, sizeof(TEXT) - 1);
	assert_memory_equal(f->payload, TEXT, sizeof(TEXT) - 1);
	assert_int_equal(f->flags & (FRAME_ACK | FRAME_SYN | FRAME_FIN | FRAME_RST), FRAME_ACK);
}

static void
ethernet(void **state)
{
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v4(&path);
	make(&k, GEN_LINK_ETHERNET, &path);
	expect_text(&k, &path, &f);
	assert_int_equal(f.passage, FRAME_UNTOLD);
	assert_int_equal(f.ifindex, 0);
	assert_memory_equal(&f.mac, &path.client_mac, sizeof(f.mac));
	assert_ptr_equal(f.l3, k.data + 14);
	assert_int_equal(f.l3_captured, k.packet.caplen - 14);
}

static void
padding_is_not_payload(void **state)
{
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v4(&path);
	make(&k, GEN_LINK_ETHERNET, &path);
	memset(k.data + k.packet.caplen, 'x', 6);
	k.packet.caplen += 6;
	k.packet.wirelen += 6;
	expect_text(&k, &path, &f);
	assert_int_equal(f.l3_captured, k.packet.caplen - 14 - 6);
}

static void
vlan_tags(void **state)
{
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v4(&path);
	for (path.vlan_tags = 1; path.vlan_tags <= 4; path.vlan_tags++) {
		make(&k, GEN_LINK_ETHERNET, &path);
		expect_text(&k, &path, &f);
	}
	make(&k, GEN_LINK_ETHERNET, &path); /* five */
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_MALFORMED);
}

static void
cooked2(void **state)
{
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v4(&path);
	path.tap_ifindex = 17;
	path.vlan_tags = 1;
	make(&k, GEN_LINK_SLL2, &path);
	expect_text(&k, &path, &f);
	assert_int_equal(f.ifindex, 17);
	assert_int_equal(f.passage, FRAME_TO_OTHER);
	assert_memory_equal(&f.mac, &path.client_mac, sizeof(f.mac));
	path.tap_is_of_server = true;
	make(&k, GEN_LINK_SLL2, &path);
	expect_text(&k, &path, &f);
	assert_int_equal(f.passage, FRAME_OUTGOING);
}

/* Puts another link header before the IP packet of an Ethernet frame. */
static void
relink(struct kept *k, uint32_t linktype, const void *head, size_t size)
{
	uint32_t ip = k->packet.caplen - 14;

	memmove(k->data + size, k->data + 14, ip);
	memcpy(k->data, head, size);
	k->packet.linktype = linktype;
	k->packet.caplen = k->packet.wirelen = ip + (uint32_t)size;
}

static void
other_links(void **state)
{
	static const uint8_t sll[16] = {0, 4, 0, 1, 0, 6, 2, 3, 4, 5, 6, 7, 0, 0, 8, 0};
	static const uint32_t raw[] = {12, 14, 101, 228};
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v4(&path);
	make(&k, GEN_LINK_ETHERNET, &path);
	relink(&k, 113, sll, sizeof(sll));
	expect_text(&k, &path, &f);
	assert_int_equal(f.passage, FRAME_OUTGOING);
	assert_int_equal(f.mac.bytes[5], 7);
	make(&k, GEN_LINK_ETHERNET, &path);
	relink(&k, 0, "\2\0\0\0", 4);
	expect_text(&k, &path, &f);
	make(&k, GEN_LINK_ETHERNET, &path);
	relink(&k, 108, "\0\0\0\2", 4);
	expect_text(&k, &path, &f);
	for (size_t i = 0; i < 4; i++) {
		make(&k, GEN_LINK_RAW, &path);
		k.packet.linktype = raw[i];
		expect_text(&k, &path, &f);
	}
	k.packet.linktype = 105; /* 802.11: not for us */
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_OTHER);
}

static void
ipv4_options(void **state)
{
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v4(&path);
	path.ipv4_options = true;
	make(&k, GEN_LINK_ETHERNET, &path);
	expect_text(&k, &path, &f);
}

static void
ipv4_length_zero(void **state)
{
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v4(&path);
	path.zero_ip_length = true;
	make(&k, GEN_LINK_ETHERNET, &path);
	expect_text(&k, &path, &f);
}

static void
ipv6_headers(void **state)
{
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v6(&path);
	for (path.ipv6_headers = 0; path.ipv6_headers < 16; path.ipv6_headers++) {
		make(&k, GEN_LINK_ETHERNET, &path);
		expect_text(&k, &path, &f);
	}
	k.data[18] = k.data[19] = 0; /* payload length of a jumbo super-frame */
	expect_text(&k, &path, &f);
}

/* The length of an authentication header is in units of 4, less 2 (RFC 4302 section 2.2): with the
 * usual check value of 96 bits it says 4, and the header has 24 bytes. */
static void
authentication_header(void **state)
{
	uint8_t data[40 + 24 + 20 + 4] = {0x60, 0, 0, 0, 0, 24 + 20 + 4, 51, 64};
	struct packet p = {
	    .linktype = 101, .caplen = sizeof(data), .wirelen = sizeof(data), .data = data};
	struct frame f;

	(void)state;
	data[40] = 6;
	data[41] = 4;
	data[64 + 3] = 25; /* destination port */
	data[64 + 12] = 5 << 4;
	memcpy(data + 84, "QUIT", 4);
	assert_int_equal(frame_parse(&p, &f), FRAME_TCP);
	assert_int_equal(f.dst_port, 25);
	assert_int_equal(f.length, 4);
	assert_memory_equal(f.payload, "QUIT", 4);
}

/* 20 bytes of TCP and the text, with its place. */
static void
expect_piece(
    const struct kept *k, const struct gen_path *path, struct frame *f, struct frame_fragment place)
{
	memset(f, 0xa5, sizeof(*f));
	assert_int_equal(frame_parse(&k->packet, f), FRAME_FRAGMENT);
	assert_true(addr_equal(&f->src, &path->client));
	assert_true(addr_equal(&f->dst, &path->server));
	assert_int_equal(f->fragment.id, place.id);
	assert_int_equal(f->fragment.at, place.at);
	assert_int_equal(f->fragment.protocol, place.protocol);
	assert_int_equal(f->fragment.more, place.more);
	unsigned header = (f->payload[12] >> 4) * 4u;
	assert_int_equal(f->length, header + sizeof(TEXT) - 1);
	assert_memory_equal(f->payload + header, TEXT, sizeof(TEXT) - 1);
}

static void
fragments(void **state)
{
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v4(&path);
	make(&k, GEN_LINK_ETHERNET, &path);
	k.data[14 + 4] = 0x12;
	k.data[14 + 5] = 0x34;
	k.data[14 + 6] = 0x20; /* the first one: more follow */
	k.data[14 + 7] = 0;
	expect_piece(&k, &path, &f,
	    (struct frame_fragment){.id = 0x1234, .at = 0, .protocol = 6, .more = true});
	k.data[14 + 6] = 0x1f; /* the last one, at the farthest place */
	k.data[14 + 7] = 0xff;
	expect_piece(
	    &k, &path, &f, (struct frame_fragment){.id = 0x1234, .at = 65528, .protocol = 6});
	k.data[14 + 9] = 17; /* of UDP: nothing that we read is ever divided */
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_OTHER);
	path_v6(&path);
	path.ipv6_headers = GEN_IPV6_FRAGMENT;
	make(&k, GEN_LINK_ETHERNET, &path);
	expect_text(&k, &path, &f); /* an atomic one is whole */
	k.data[14 + 40 + 7] = 0x56;
	k.data[14 + 40 + 3] = 1; /* more follow */
	uint32_t id = (uint32_t)k.data[14 + 40 + 4] << 24 | (uint32_t)k.data[14 + 40 + 5] << 16 |
		      (uint32_t)k.data[14 + 40 + 6] << 8 | 0x56;
	expect_piece(
	    &k, &path, &f, (struct frame_fragment){.id = id, .at = 0, .protocol = 6, .more = true});
	k.data[14 + 40 + 3] = 8;
	expect_piece(&k, &path, &f, (struct frame_fragment){.id = id, .at = 8, .protocol = 6});
	assert_false(f.fragment.stray);
	k.data[14 + 40] = 58; /* only the first piece must tell the truth */
	expect_piece(&k, &path, &f, (struct frame_fragment){.id = id, .at = 8, .protocol = 58});
	assert_true(f.fragment.stray);
	k.data[14 + 40 + 3] = 1;
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_OTHER);
}

static void
cut_by_snaplen(void **state)
{
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v4(&path);
	make(&k, GEN_LINK_ETHERNET, &path);
	k.packet.caplen -= 5;
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_TCP);
	assert_int_equal(f.length, sizeof(TEXT) - 1);
	assert_int_equal(f.captured, sizeof(TEXT) - 6);
	k.packet.caplen = 14 + 20 + 20; /* TCP options are gone too */
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_TCP);
	assert_int_equal(f.length, sizeof(TEXT) - 1);
	assert_int_equal(f.captured, 0);
}

/* Every shorter capture either parses or is refused, and never reads on (the sanitizer watches). */
static void
every_cut(void **state)
{
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v6(&path);
	path.ipv6_headers = 15;
	path.vlan_tags = 2;
	make(&k, GEN_LINK_ETHERNET, &path);
	for (uint32_t n = 0; n <= k.packet.caplen; n++) {
		uint8_t *exact = malloc(n > 0 ? n : 1);
		memcpy(exact, k.data, n);
		struct packet p = k.packet;
		p.data = exact;
		p.caplen = n;
		enum frame_kind kind = frame_parse(&p, &f);
		bool has_tcp = n >= k.packet.caplen - (sizeof(TEXT) - 1) - 12;
		assert_int_equal(kind, has_tcp ? FRAME_TCP : FRAME_MALFORMED);
		free(exact);
	}
}

static void
lies(void **state)
{
	struct gen_path path;
	struct frame f;
	struct kept k;

	(void)state;
	path_v4(&path);
	make(&k, GEN_LINK_ETHERNET, &path);
	uint8_t *ip = k.data + 14;
	uint8_t good[60];
	memcpy(good, ip, sizeof(good));
	ip[0] = 0x44; /* header of 16 bytes */
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_MALFORMED);
	memcpy(ip, good, sizeof(good));
	ip[2] = 0x7f; /* longer than the wire */
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_MALFORMED);
	memcpy(ip, good, sizeof(good));
	ip[2] = 0, ip[3] = 19; /* shorter than its header */
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_MALFORMED);
	memcpy(ip, good, sizeof(good));
	ip[20 + 12] = 0x40; /* TCP header of 16 bytes */
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_MALFORMED);
	ip[20 + 12] = 0xf0; /* and one beyond the datagram */
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_MALFORMED);
	memcpy(ip, good, sizeof(good));
	ip[9] = 47; /* GRE */
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_OTHER);
	memcpy(ip, good, sizeof(good));
	k.data[12] = 0, k.data[13] = 0; /* 802.3 length 0 */
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_OTHER);
	k.packet.caplen = k.packet.wirelen = 0;
	assert_int_equal(frame_parse(&k.packet, &f), FRAME_MALFORMED);
}

static void
endless_extensions(void **state)
{
	uint8_t data[40 + 8 * 32] = {0x60, 0, 0, 0, 1, 0, 60};
	struct packet p = {
	    .linktype = 101, .caplen = sizeof(data), .wirelen = sizeof(data), .data = data};
	struct frame f;

	(void)state;
	for (size_t i = 40; i < sizeof(data); i += 8)
		data[i] = 60;
	assert_int_equal(frame_parse(&p, &f), FRAME_MALFORMED);
}

/* The short way for plain packets and the general one (taken where the link type does not name the
 * protocol) agree, on packets whose headers lie in every way. */
static void
short_way_agrees(void **state)
{
	struct kept k;
	struct gen_path path;
	uint64_t dice = 7;

	(void)state;
	path_v4(&path);
	make(&k, GEN_LINK_ETHERNET, &path);
	unsigned plain = 0;
	for (unsigned round = 0; round < 100000; round++) {
		uint8_t copy[sizeof(k.data)];
		struct packet whole = k.packet, raw;
		struct frame a, b;

		memcpy(copy, k.data, k.packet.caplen);
		dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407u;
		for (unsigned i = 0; i < (dice >> 40) % 3; i++)
			copy[14 + (dice >> (20 + 6 * i)) % 40] = (uint8_t)(dice >> (33 + 5 * i));
		if (dice >> 63 != 0)
			whole.caplen = 14 + (uint32_t)(dice >> 45) % (whole.caplen - 13);
		whole.data = copy;
		raw = (struct packet){.linktype = GEN_LINK_RAW,
		    .caplen = whole.caplen - 14,
		    .wirelen = whole.wirelen - 14,
		    .data = copy + 14};
		enum frame_kind kind = frame_parse(&whole, &a);
		/* Without a name of the protocol the version nibble decides. */
		if (raw.caplen == 0 || copy[14] >> 4 != 4)
			continue;
		assert_int_equal(kind, frame_parse(&raw, &b));
		if (kind != FRAME_TCP)
			continue;
		plain += copy[14] == 0x45;
		assert_memory_equal(&a.src, &b.src, sizeof(a.src));
		assert_memory_equal(&a.dst, &b.dst, sizeof(a.dst));
		assert_true(a.src_port == b.src_port && a.dst_port == b.dst_port);
		assert_true(a.seq == b.seq && a.ack == b.ack && a.flags == b.flags);
		assert_true(a.length == b.length && a.captured == b.captured);
		assert_ptr_equal(a.payload, b.payload);
		assert_ptr_equal(a.l3, b.l3);
		assert_int_equal(a.l3_captured, b.l3_captured);
	}
	assert_true(plain > 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(ethernet),
	    cmocka_unit_test(padding_is_not_payload), cmocka_unit_test(vlan_tags),
	    cmocka_unit_test(cooked2), cmocka_unit_test(other_links),
	    cmocka_unit_test(ipv4_options), cmocka_unit_test(ipv4_length_zero),
	    cmocka_unit_test(ipv6_headers), cmocka_unit_test(authentication_header),
	    cmocka_unit_test(fragments), cmocka_unit_test(cut_by_snaplen),
	    cmocka_unit_test(every_cut), cmocka_unit_test(lies),
	    cmocka_unit_test(endless_extensions), cmocka_unit_test(short_way_agrees)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

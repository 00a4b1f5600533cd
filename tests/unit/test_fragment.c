/* SPDX-License-Identifier: ISC */
/*
 * sensor/fragment: divided datagrams become whole in any order, and hostile pieces stay bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sensor/fragment.h"

#define DATAGRAM 3000u /* bytes of TCP: a header of 20 and text */

static struct fragments *all;
static struct fragment_stats stats;
static uint8_t datagram[FRAGMENT_DATAGRAM_MAX];

static int
begin(void **state)
{
	(void)state;
	assert_int_equal(fragments_new(&all), 0);
	for (unsigned i = 0; i < sizeof(datagram); i++)
		datagram[i] = (uint8_t)(i * 7 + i / 251);
	memcpy(datagram,
	    (const uint8_t[20]){0x9c, 0x40, 0, 25, 0, 0, 3, 0xe8, 0, 0, 0, 0, 0x50, 0x18}, 20);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	fragments_free(all);
	return 0;
}

/* Whose piece it is, and when. */
struct sender {
	bool v6;
	uint32_t id, ifindex;
	uint8_t last; /* byte of the source address */
	int64_t now;
};

static bool is_stray;
static struct frame frame; /* what came of the last piece */

static enum frame_kind
add_cut(struct sender s, unsigned at, unsigned length, bool more, unsigned captured)
{
	static uint8_t packet[40 + sizeof(datagram)];
	uint8_t header = s.v6 ? 40 : 20;

	memset(packet, 0, header);
	packet[0] = s.v6 ? 0x60 : 0x46; /* the options of IPv4 are not kept */
	packet[9] = 6;
	packet[s.v6 ? 23 : 15] = s.last;
	packet[s.v6 ? 39 : 19] = 25;
	memcpy(packet + header, datagram + (at <= sizeof(datagram) - length ? at : 0), length);
	memset(&frame, 0, sizeof(frame));
	if (s.v6) {
		memcpy(frame.src.bytes, packet + 8, 16);
		memcpy(frame.dst.bytes, packet + 24, 16);
	} else {
		frame.src = addr_from_v4(packet + 12);
		frame.dst = addr_from_v4(packet + 16);
	}
	frame.ifindex = s.ifindex;
	frame.l3 = packet;
	frame.payload = packet + header;
	frame.length = length;
	frame.captured = captured;
	frame.fragment = (struct frame_fragment){.id = s.id,
	    .at = (uint16_t)at,
	    .protocol = is_stray ? 17 : 6,
	    .more = more,
	    .stray = is_stray};
	enum frame_kind kind = fragments_add(all, &frame, s.now);
	memset(packet, 0xee, sizeof(packet)); /* the packet is gone */
	fragments_get_stats(all, &stats);
	return kind;
}

static enum frame_kind
add(struct sender s, unsigned at, unsigned length, bool more)
{
	return add_cut(s, at, length, more, length);
}

static void
expect_whole(struct sender s, unsigned size)
{
	assert_int_equal(frame.src_port, 40000);
	assert_int_equal(frame.dst_port, 25);
	assert_int_equal(frame.seq, 1000);
	assert_int_equal(frame.ifindex, s.ifindex);
	assert_int_equal(frame.src.bytes[15], s.last);
	assert_int_equal(frame.dst.bytes[15], 25);
	assert_int_equal(frame.length, size - 20);
	assert_int_equal(frame.captured, size - 20);
	assert_memory_equal(frame.payload, datagram + 20, size - 20);
	assert_int_equal(frame.l3[0], s.v6 ? 0x60 : 0x45);
	assert_int_equal(frame.l3_captured, size + (s.v6 ? 40 : 20));
}

/* Later pieces of IPv6 say that they are UDP: they join what is there, and begin nothing. */
static void
strays(void **state)
{
	struct sender s = {.v6 = true, .id = 1, .last = 7};

	(void)state;
	is_stray = true;
	assert_int_equal(add(s, 1000, 1000, true), FRAME_OTHER);
	assert_int_equal(stats.seen, 0);
	is_stray = false;
	assert_int_equal(add(s, 0, 1000, true), FRAME_FRAGMENT);
	is_stray = true;
	assert_int_equal(add(s, 2000, 1000, false), FRAME_FRAGMENT);
	assert_int_equal(add(s, 1000, 1000, true), FRAME_TCP);
	is_stray = false;
	expect_whole(s, DATAGRAM);
	fragments_release(all);
}

static void
every_order(void **state)
{
	static const unsigned orders[6][3] = {
	    {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct sender s = {.v6 = i >= 6, .id = i + 1, .last = 7, .ifindex = i};
		for (unsigned n = 0; n < 3; n++) {
			unsigned at = orders[i % 6][n] * 1000;
			enum frame_kind kind = add(s, at, 1000, at < 2000);
			assert_int_equal(kind, n < 2 ? FRAME_FRAGMENT : FRAME_TCP);
		}
		expect_whole(s, DATAGRAM);
		fragments_release(all);
	}
	assert_int_equal(stats.seen, 36);
	assert_int_equal(stats.assembled, 12);
	assert_int_equal(stats.refused + stats.lost, 0);
}

/* 8 bytes each, up to the largest datagram; the last one is shorter. */
static void
smallest_pieces_of_the_largest(void **state)
{
	struct sender s = {.id = 9, .last = 1};
	unsigned last = FRAGMENT_DATAGRAM_MAX / 8 * 8;

	(void)state;
	assert_int_equal(add(s, last, FRAGMENT_DATAGRAM_MAX - last, false), FRAME_FRAGMENT);
	for (unsigned at = 0; at + 8 < last; at += 8)
		assert_int_equal(add(s, at, 8, true), FRAME_FRAGMENT);
	assert_int_equal(add(s, last - 8, 8, true), FRAME_TCP);
	expect_whole(s, FRAGMENT_DATAGRAM_MAX);
}

static void
duplicates_do_not_count(void **state)
{
	struct sender s = {.id = 9, .last = 1};

	(void)state;
	assert_int_equal(add(s, 0, 1000, true), FRAME_FRAGMENT);
	datagram[500] ^= 1; /* what came first stays, as in Linux */
	assert_int_equal(add(s, 0, 1000, true), FRAME_FRAGMENT);
	assert_int_equal(add(s, 8, 800, true), FRAME_FRAGMENT);
	datagram[500] ^= 1;
	assert_int_equal(add(s, 1000, 2000, false), FRAME_TCP);
	expect_whole(s, DATAGRAM);
	assert_int_equal(stats.refused, 0);
}

/* Each of these ends a datagram that would otherwise be whole with its last piece. */
static void
overlaps_and_lies_are_refused(void **state)
{
	static const struct {
		unsigned at, length;
		bool more;
	} pieces[] = {
	    {504, 1000, true},	/* half of it is there */
	    {0, 1504, true},	/* around what is there */
	    {0, 504, false},	/* an end where more has come */
	    {2496, 1000, false} /* beyond an end that is known: see below */
	};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct sender s = {.id = i, .last = 1};
		assert_int_equal(add(s, 0, 1000, true), FRAME_FRAGMENT);
		if (i == 3)
			assert_int_equal(add(s, 2000, 496, false), FRAME_FRAGMENT);
		assert_int_equal(
		    add(s, pieces[i].at, pieces[i].length, pieces[i].more), FRAME_FRAGMENT);
		assert_int_equal(stats.refused, i + 1);
		/* Nothing that comes later brings it back. */
		assert_int_equal(add(s, 0, 1000, true), FRAME_FRAGMENT);
		assert_int_equal(add(s, 1000, 1000, true), FRAME_FRAGMENT);
		assert_int_equal(add(s, 2000, 1000, false), FRAME_FRAGMENT);
	}
	assert_int_equal(stats.assembled, 0);
	assert_int_equal(stats.lost, 0);
}

static void
malformed_pieces(void **state)
{
	struct sender s = {.id = 9, .last = 1};

	(void)state;
	assert_int_equal(add(s, 0, 0, true), FRAME_MALFORMED);
	assert_int_equal(add(s, 0, 1001, true), FRAME_MALFORMED); /* the next could not follow */
	assert_int_equal(
	    add(s, 65512, 8, false), FRAME_MALFORMED); /* longer than a datagram can be */
	assert_int_equal(add(s, 65528, 1400, true), FRAME_MALFORMED);
	assert_int_equal(stats.seen, 4);
	fragments_expire(all, INT64_MAX);
	fragments_get_stats(all, &stats);
	assert_int_equal(stats.lost, 0); /* none of them took a place */
}

/* What differs in one thing is another datagram. */
static void
keys_are_kept_apart(void **state)
{
	const struct sender senders[] = {{.id = 9, .last = 1}, {.id = 10, .last = 1},
	    {.id = 9, .last = 2}, {.id = 9, .last = 1, .ifindex = 4},
	    {.id = 9, .last = 1, .v6 = true}};

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(add(senders[i], 0, 1000, true), FRAME_FRAGMENT);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(add(senders[i], 1000, 2000, false), FRAME_TCP);
		expect_whole(senders[i], DATAGRAM);
	}
}

/* An IPv6 sender whose addresses look like IPv4's cannot touch an IPv4 datagram. */
static void
mapped_addresses(void **state)
{
	struct sender v4 = {.id = 9, .last = 1};

	(void)state;
	assert_int_equal(add(v4, 0, 1000, true), FRAME_FRAGMENT);
	uint8_t packet[40 + 1000] = {0x60};
	memcpy(packet + 40, datagram, 1000);
	struct frame forged = {.src = frame.src,
	    .dst = frame.dst,
	    .l3 = packet,
	    .payload = packet + 40,
	    .length = 1000,
	    .captured = 1000,
	    .fragment = {.id = 9, .at = 0, .protocol = 6}};
	assert_int_equal(fragments_add(all, &forged, 0), FRAME_TCP); /* its own, and whole */
	assert_int_equal(forged.l3[0], 0x60);
	assert_int_equal(add(v4, 1000, 2000, false), FRAME_TCP);
	expect_whole(v4, DATAGRAM);
}

static void
too_late(void **state)
{
	struct sender s = {.id = 9, .last = 1, .now = CLOCK_SECOND_NS};

	(void)state;
	add(s, 0, 1000, true);
	s.now += FRAGMENT_WAIT_NS;
	assert_int_equal(add(s, 1000, 2000, false), FRAME_TCP);
	fragments_release(all);
	s.now = CLOCK_SECOND_NS;
	add(s, 0, 1000, true);
	s.now += FRAGMENT_WAIT_NS + 1;
	assert_int_equal(add(s, 1000, 2000, false), FRAME_FRAGMENT);
	assert_int_equal(stats.lost, 1);
	fragments_expire(all, s.now + 1);
	fragments_get_stats(all, &stats);
	assert_int_equal(stats.lost, 1);
	fragments_expire(all, INT64_MAX);
	fragments_get_stats(all, &stats);
	assert_int_equal(stats.lost, 2);
	s.now = INT64_MIN; /* capture files may say anything */
	add(s, 0, 1000, true);
	s.now = INT64_MAX;
	assert_int_equal(add(s, 1000, 2000, false), FRAME_FRAGMENT);
}

/* Firsts without an end from one tap: the others keep their places. */
static void
floods_push_out_their_own(void **state)
{
	struct sender honest = {.id = 1, .ifindex = 3, .last = 1}, flood = {.ifindex = 4, .now = 1};

	(void)state;
	add(honest, 0, 1000, true);
	for (unsigned i = 0; i < 10000; i++) {
		flood.id = i;
		flood.last = (uint8_t)i; /* forged: the tap is the same */
		add(flood, 0, 1000, true);
	}
	assert_int_equal(stats.lost, 10000 - FRAGMENT_SENDER_MAX);
	assert_int_equal(add(honest, 1000, 2000, false), FRAME_TCP);
	expect_whole(honest, DATAGRAM);
	/* Where no interface is known, forged sources take all places, and the oldest go. */
	flood.ifindex = 0;
	for (unsigned i = 0; i < 1000; i++) {
		flood.last = (uint8_t)i;
		flood.id = i;
		add(flood, 0, 1000, true);
	}
	fragments_expire(all, INT64_MAX);
	fragments_get_stats(all, &stats);
	assert_int_equal(stats.lost, 11000);
}

/* A batch may finish 32 of them; all stay readable until it is done, and their places come back. */
static void
a_batch_stays_readable(void **state)
{
	struct frame kept[32];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 32; i++) {
			struct sender s = {.id = i, .last = (uint8_t)i, .ifindex = 4};
			datagram[100] = (uint8_t)i;
			add(s, 0, 1000, true);
			assert_int_equal(add(s, 1000, 2000, false), FRAME_TCP);
			kept[i] = frame;
		}
		for (unsigned i = 0; i < 32; i++)
			assert_int_equal(kept[i].payload[80], i);
		fragments_release(all);
	}
	assert_int_equal(stats.assembled, 96);
	assert_int_equal(stats.lost, 0);
}

/* The capture keeps the head of each packet: the datagram is whole, and known up to the first cut. */
static void
cut_by_the_capture(void **state)
{
	struct sender s = {.id = 9, .last = 1};

	(void)state;
	add_cut(s, 1000, 1000, true, 96);
	add_cut(s, 0, 1000, true, 1000);
	assert_int_equal(add_cut(s, 2000, 1000, false, 96), FRAME_TCP);
	assert_int_equal(frame.length, 2980);
	assert_int_equal(frame.captured, 1076);
	assert_memory_equal(frame.payload, datagram + 20, 1076);
	s.id = 10;
	add_cut(s, 0, 1000, true, 10); /* not even the TCP header */
	assert_int_equal(add(s, 1000, 2000, false), FRAME_MALFORMED);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {TEST(every_order), TEST(strays),
	    TEST(smallest_pieces_of_the_largest), TEST(duplicates_do_not_count),
	    TEST(overlaps_and_lies_are_refused), TEST(malformed_pieces), TEST(keys_are_kept_apart),
	    TEST(mapped_addresses), TEST(too_late), TEST(floods_push_out_their_own),
	    TEST(a_batch_stays_readable), TEST(cut_by_the_capture)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

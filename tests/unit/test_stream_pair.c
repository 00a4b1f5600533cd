/* SPDX-License-Identifier: ISC */
/*
 * sensor/stream, both directions: an answer comes behind what it answers, whatever was captured first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/stream.h"

#define PIECES 256

/* Client and server write into the same text: "A" and "b" as they speak, "[n]" and "{n}" for gaps. */
static struct {
	struct stream_pool *pool;
	struct stream side[2];
	char text[4096];
	size_t used;
	uint32_t lost[2];
} t;

static void
sink(void *arg, const uint8_t *data, uint32_t captured, uint32_t length)
{
	size_t side = *(const unsigned *)arg, room = sizeof(t.text) - t.used;

	assert_true(length > 0);
	if (data == NULL) {
		t.lost[side] += length;
		t.used +=
		    (size_t)snprintf(t.text + t.used, room, side == 0 ? "[%u]" : "{%u}", length);
		return;
	}
	assert_int_equal(captured, length);
	assert_true(captured < room);
	memcpy(t.text + t.used, data, captured);
	t.used += captured;
	t.text[t.used] = '\0';
}

static unsigned sides[2] = {0, 1};

static struct stream_pair
pair_of(unsigned side)
{
	return (struct stream_pair){.own = &t.side[side],
	    .peer = &t.side[1 - side],
	    .sink = sink,
	    .own_arg = &sides[side],
	    .peer_arg = &sides[1 - side]};
}

static int
begin(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	assert_int_equal(stream_pool_new(&t.pool, PIECES), 0);
	stream_start(&t.side[0], 100);
	stream_start(&t.side[1], 500);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	assert_int_equal(t.side[0].waiting_count + t.side[1].waiting_count, 0);
	stream_pool_free(t.pool);
	return 0;
}

static void
packet(unsigned side, uint32_t seq, const char *text, uint32_t ack, bool fin)
{
	struct stream_pair pair = pair_of(side);
	uint32_t n = (uint32_t)strlen(text);
	uint8_t *copy = malloc(n > 0 ? n : 1);

	memcpy(copy, text, n);
	struct stream_segment segment = {
	    .seq = seq, .data = copy, .captured = n, .length = n, .fin = fin, .ack = ack};
	stream_packet(t.pool, &pair, &segment, true);
	free(copy);
}

static void
client(uint32_t offset, const char *text, uint32_t seen)
{
	packet(0, 100 + offset, text, 500 + seen, false);
}

static void
server(uint32_t offset, const char *text, uint32_t seen)
{
	packet(1, 500 + offset, text, 100 + seen, false);
}

static void
finish(const char *expected)
{
	struct stream_pair pair = pair_of(0);

	stream_pair_finish(t.pool, &pair);
	assert_string_equal(t.text, expected);
}

static void
answers_wait(void **state)
{
	(void)state;
	server(0, "a", 1);
	server(1, "b", 2);
	assert_string_equal(t.text, "");
	client(0, "A", 0);
	assert_string_equal(t.text, "Aa");
	client(1, "B", 1);
	client(2, "CD", 2);
	server(2, "cd", 4);
	finish("AaBbCDcd");
}

/* Only the answer to what came is released. */
static void
both_directions_wait(void **state)
{
	(void)state;
	client(1, "B", 1); /* behind A in its own direction */
	server(0, "a", 1);
	server(1, "b", 2);
	assert_string_equal(t.text, "");
	client(0, "A", 0);
	finish("AaBb");
	assert_int_equal(t.lost[0] + t.lost[1], 0);
}

static void
commands_wait(void **state)
{
	(void)state;
	client(0, "A", 0);
	client(1, "B", 1);
	client(2, "C", 2);
	assert_string_equal(t.text, "A");
	server(0, "a", 1);
	server(1, "b", 2);
	finish("AaBbC");
}

/* The client goes on, and has read the answer: what that one answered is lost, but a packet or two may be late. */
static void
lost_when_it_goes_on(void **state)
{
	(void)state;
	server(0, "a", 1);
	client(1, "B", 1);
	server(1, "b", 2);
	client(2, "C", 2);
	server(2, "c", 3);
	assert_string_equal(t.text, "");
	client(3, "D", 3);
	assert_string_equal(t.text, "[1]aBbCcD");
	finish("[1]aBbCcD");
}

/* A packet changes places with its neighbour, and that one with the next. */
static void
late_by_two(void **state)
{
	(void)state;
	client(0, "A", 0);
	client(1, "B", 1);
	server(1, "b", 2);
	server(0, "a", 1);
	assert_string_equal(t.text, "AaBb");
	server(2, "c", 3);
	client(3, "D", 3);
	client(4, "", 4); /* its acknowledgements may be early, too */
	client(2, "C", 2);
	server(3, "d", 4);
	finish("AaBbCcDd");
}

/* It goes on, but has not read the answer: its earlier packet may only be late. */
static void
not_lost_before(void **state)
{
	(void)state;
	server(0, "a", 1);
	client(1, "B", 0);
	assert_string_equal(t.text, "");
	client(0, "A", 0);
	finish("ABa"); /* it was sent before the answer had come */
}

static void
bounded(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < STREAM_HELD_MAX; i++)
		server(i, "a", 1 + i);
	assert_string_equal(t.text, "");
	server(STREAM_HELD_MAX, "z", 1 + STREAM_HELD_MAX);
	assert_int_equal(t.lost[0], 1 + STREAM_HELD_MAX);
	assert_int_equal(t.text[t.used - 1], 'z');
	assert_int_equal(t.side[1].waiting_count, 0);
	finish(t.text);
}

static void
ends_deliver_all(void **state)
{
	(void)state;
	server(0, "a", 1);
	server(1, "b", 3);
	client(1, "B", 0); /* behind a hole */
	finish("[1]Ba[1]b");
}

static void
fin_waits_too(void **state)
{
	(void)state;
	packet(1, 500, "a", 101, true);
	assert_int_equal(t.side[1].flags & STREAM_FIN, 0);
	client(0, "A", 0);
	assert_int_equal(t.side[1].flags & STREAM_FIN, STREAM_FIN);
	finish("Aa");
}

static void
retransmissions(void **state)
{
	(void)state;
	server(0, "a", 1);
	server(0, "a", 1);
	client(0, "A", 0);
	client(0, "A", 1); /* with a newer acknowledgement */
	server(0, "ab", 1);
	finish("Aab");
}

/* Numbers that fit nothing: each says that the other must come first, or speaks of bytes beyond an end. */
static void
impossible_answers(void **state)
{
	(void)state;
	server(0, "a", 1);
	client(0, "A", 1);
	server(1, "b", 2);
	packet(0, 101, "", 502, true);
	server(2, "c", 50); /* behind the end of the client */
	client(40, "x", 3);
	finish("Aabc");
}

/* A dialogue of single letters; each direction is late by its own span, and packets get lost. */
static void
random_taps(void **state)
{
	unsigned random = 7;

	end(state);
	for (unsigned round = 0; round < 400; round++) {
		struct {
			unsigned side, at;
			double time;
			bool lost;
		} packets[60];
		double late[2] = {0, 0};
		bool losses = round % 2 == 1;
		begin(state);
		random = random * 1103515245 + 12345;
		late[random >> 16 & 1] = random % 13;
		for (unsigned i = 0; i < 60; i++) {
			random = random * 1103515245 + 12345;
			packets[i].side = i % 2;
			packets[i].at = i / 2;
			packets[i].time = i + late[i % 2];
			packets[i].lost = losses && random / 65536 % 10 == 0;
		}
		for (unsigned n = 0; n < 60; n++) {
			unsigned first = 0;
			for (unsigned i = 1; i < 60; i++)
				if (packets[i].time < packets[first].time)
					first = i;
			unsigned at = packets[first].at, side = packets[first].side;
			char letter[2] = {(char)((side == 0 ? 'A' : 'a') + at % 26), 0};
			packets[first].time = 1e9;
			if (!packets[first].lost)
				packet(side, (side == 0 ? 100 : 500) + at, letter,
				    side == 0 ? 500 + at : 101 + at, false);
		}
		struct stream_pair pair = pair_of(0);
		stream_pair_finish(t.pool, &pair);
		/* Letters in their order, in the order of the dialogue, and the rest known to be lost. */
		unsigned place[2] = {0, 0};
		for (const char *p = t.text; *p != '\0'; p++) {
			if (*p == '[' || *p == '{') {
				place[*p == '{'] += (unsigned)strtoul(p + 1, NULL, 10);
				p = strpbrk(p, "]}");
			} else {
				unsigned side = *p >= 'a';
				assert_int_equal(*p, (side ? 'a' : 'A') + place[side] % 26);
				place[side]++;
			}
			assert_true(place[1] <= place[0] + (losses ? 30 : 0));
			assert_true(place[0] <= place[1] + (losses ? 30 : 1));
		}
		if (!losses) {
			assert_int_equal(t.lost[0] + t.lost[1], 0);
			assert_int_equal(place[0], 30);
			assert_int_equal(place[1], 30);
		}
		end(state);
	}
	begin(state);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {TEST(answers_wait), TEST(both_directions_wait),
	    TEST(late_by_two), TEST(commands_wait), TEST(lost_when_it_goes_on),
	    TEST(not_lost_before), TEST(bounded), TEST(ends_deliver_all), TEST(fin_waits_too),
	    TEST(retransmissions), TEST(impossible_answers), TEST(random_taps)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * Floods and misers against the sensor: while one client does its worst, the mail of another is
 * read as if nothing happened; memory stays what it was, time per packet too, and what was given up
 * is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sensor/sensor.h"
#include "tests/gen/smtpgen.h"

#define START_NS   (INT64_C(1770026400) * CLOCK_SECOND_NS)
#define FLOWS	   4096u
#define HONEST_MAX 256
#define SYN	   0x02
#define SYN_ACK	   0x12
#define ACK	   0x10
#define PSH	   0x18
#define COST_MAX_NS \
	50000 /* a packet, under sanitizers on a busy machine; a list walk is far beyond */

struct run {
	struct sensor *sensor;
	struct packet honest[HONEST_MAX];
	unsigned honest_count;
	unsigned messages; /* of the honest one */
	uint64_t fed;
	int64_t now;
};

static const uint8_t honest_v4[4] = {10, 0, 0, 77};

static void
see(void *arg, const struct observation *obs)
{
	struct run *r = arg;

	if (obs->kind == OBS_MESSAGE && obs->client.bytes[15] == honest_v4[3] &&
	    obs->client.bytes[12] == 10)
		r->messages++;
}

static void
collect(void *arg, const struct packet *packet)
{
	struct run *r = arg;
	uint8_t *copy = malloc(packet->caplen);

	assert_true(r->honest_count < HONEST_MAX);
	memcpy(copy, packet->data, packet->caplen);
	r->honest[r->honest_count] = *packet;
	r->honest[r->honest_count++].data = copy;
}

/* A session of five messages. */
static void
make_honest(struct run *r)
{
	static char text[3000];
	const struct gen_recipient to = {.address = "reader@dest.example"};
	struct gen_message list[5];
	struct gen_smtp smtp = {.messages = list, .message_count = 5};
	struct gen_path path;
	struct gen *g = gen_new(3, GEN_LINK_RAW, 0);

	gen_set_callback(g, collect, r);
	gen_message_text(text, sizeof(text), 2000, "a@shop.example", to.address, 1, false);
	for (unsigned i = 0; i < 5; i++)
		list[i] = (struct gen_message){.from = "a@shop.example",
		    .recipients = &to,
		    .recipient_count = 1,
		    .text = text};
	gen_path_init(&path, addr_from_v4(honest_v4),
	    addr_from_v4((const uint8_t[]){198, 51, 100, 1}), START_NS);
	gen_smtp_session(g, &path, &smtp, NULL);
	gen_flush(g, INT64_MAX);
	gen_free(g);
}

static int
begin(void **state)
{
	static struct run run;
	struct sensor_config cfg;
	struct err e;

	memset(&run, 0, sizeof(run));
	run.now = START_NS;
	make_honest(&run);
	sensor_config_init(&cfg);
	cfg.flows_max = FLOWS;
	cfg.classify = false;
	*state = &run;
	return sensor_new(&run.sensor, &cfg, see, &run, &e);
}

static int
end(void **state)
{
	struct run *r = *state;

	for (unsigned i = 0; i < r->honest_count; i++)
		free((void *)(uintptr_t)r->honest[i].data);
	sensor_free(r->sensor);
	return 0;
}

static void
feed(struct run *r, struct packet *p)
{
	p->time_ns = r->now += 1000;
	r->fed++;
	sensor_packets(r->sensor, p, 1);
}

/* One packet between 10.x.y.z (from `who`) and 198.51.100.9:25. */
static void
say(struct run *r, uint32_t who, uint16_t port, bool from_client, uint8_t flags, uint32_t seq,
    uint32_t ack, const char *data, size_t size)
{
	static uint8_t p[40 + 1460];
	uint8_t client[4] = {10, (uint8_t)(1 + (who >> 16)), (uint8_t)(who >> 8), (uint8_t)who};
	static const uint8_t server[4] = {198, 51, 100, 9};
	uint16_t ports[2] = {port, 25};
	size_t total = 40 + size;

	memset(p, 0, 40);
	p[0] = 0x45;
	p[2] = (uint8_t)(total >> 8);
	p[3] = (uint8_t)total;
	p[9] = 6;
	memcpy(p + 12, from_client ? client : server, 4);
	memcpy(p + 16, from_client ? server : client, 4);
	for (unsigned i = 0; i < 2; i++) {
		uint16_t v = ports[from_client ? i : 1 - i];
		p[20 + 2 * i] = (uint8_t)(v >> 8);
		p[21 + 2 * i] = (uint8_t)v;
	}
	for (unsigned i = 0; i < 4; i++) {
		p[24 + i] = (uint8_t)(seq >> (24 - 8 * i));
		p[28 + i] = (uint8_t)(ack >> (24 - 8 * i));
	}
	p[32] = 0x50;
	p[33] = flags;
	if (size > 0)
		memcpy(p + 40, data, size);
	struct packet packet = {
	    .linktype = 101, .caplen = (uint32_t)total, .wirelen = (uint32_t)total, .data = p};
	feed(r, &packet);
}

static void
open_connection(struct run *r, uint32_t who, uint16_t port)
{
	say(r, who, port, true, SYN, 100, 0, NULL, 0);
	say(r, who, port, false, SYN_ACK, 500, 101, NULL, 0);
	say(r, who, port, true, ACK, 101, 501, NULL, 0);
	say(r, who, port, false, PSH, 501, 101, "220 mx.example\r\n", 16);
}

/* The honest session, with `flood` called so many times between its packets.  Nothing of it may be
 * lost, and nothing may grow. */
static void
mail_through(struct run *r, unsigned times, void (*flood)(struct run *r, uint32_t round))
{
	struct sensor_stats before, after;
	struct timespec from, to;
	uint32_t round = 0;

	sensor_get_stats(r->sensor, &before);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (unsigned i = 0; i < r->honest_count; i++) {
		for (unsigned k = 0; k < times; k++)
			flood(r, round++);
		feed(r, &r->honest[i]);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	sensor_get_stats(r->sensor, &after);
	assert_int_equal(r->messages, 5);
	assert_int_equal(after.memory_bytes, before.memory_bytes);
	assert_true(after.flows_live <= FLOWS);
	int64_t spent = (to.tv_sec - from.tv_sec) * CLOCK_SECOND_NS + (to.tv_nsec - from.tv_nsec);
	assert_true(spent / (int64_t)r->fed < COST_MAX_NS);
}

/* --- the worst ---------------------------------------------------------------------------------
 */

static void
syn_of_somebody(struct run *r, uint32_t round)
{
	say(r, round % 0x300000, (uint16_t)(1024 + round), true, SYN, round, 0, NULL, 0);
}

static void
test_syn_flood(void **state)
{
	struct run *r = *state;
	struct sensor_stats s;

	mail_through(r, 4000, syn_of_somebody);
	sensor_get_stats(r->sensor, &s);
	assert_true(s.evicted > 100000);
}

static void
session_of_one(struct run *r, uint32_t round)
{
	open_connection(r, 5, (uint16_t)(1024 + round % 60000));
}

static void
test_flood_of_sessions(void **state)
{
	struct run *r = *state;
	struct sensor_stats s;

	mail_through(r, 1000, session_of_one);
	sensor_get_stats(r->sensor, &s);
	assert_true(s.evicted > 10000);
	assert_int_equal(s.flows_live, FLOWS);
}

/* Segments of one connection that never end a line, in both directions. */
static void
endless_line(struct run *r, uint32_t round)
{
	static char junk[1000];

	if (round == 0) {
		memset(junk, 'A', sizeof(junk));
		open_connection(r, 6, 2000);
	}
	say(r, 6, 2000, true, PSH, 101 + round * 1000, 517 + round * 1000, junk, sizeof(junk));
	say(r, 6, 2000, false, PSH, 517 + round * 1000, 1101 + round * 1000, junk, sizeof(junk));
}

static void
test_endless_lines(void **state)
{
	mail_through(*state, 300, endless_line);
}

/* Thousands of connections that each hold half a line. */
static void
drip(struct run *r, uint32_t round)
{
	uint32_t who = 100 + round % 3000;

	if (round < 3000) {
		open_connection(r, who, 3000);
		say(r, who, 3000, true, PSH, 101, 517, "M", 1);
		return;
	}
	/* one byte more of a line each time its turn comes */
	say(r, who, 3000, true, PSH, 101 + round / 3000, 517, "x", 1);
}

static void
test_slow_drips(void **state)
{
	struct run *r = *state;
	struct sensor_stats s;

	/* All of them hold their half before the honest one begins. */
	for (uint32_t round = 0; round < 3000; round++)
		drip(r, round);
	mail_through(r, 0, drip);
	sensor_get_stats(r->sensor, &s);
	assert_true(s.pool_exhausted > 0);
}

/* Segments far ahead, each opening a new hole: nothing waits beyond the pool. */
static void
hole(struct run *r, uint32_t round)
{
	if (round % 50 == 0)
		open_connection(r, 0x20000 + round / 50, 4000);
	say(r, 0x20000 + round / 50, 4000, true, PSH, 1000 + 3000 * (round % 50), 517, "x", 1);
}

static void
test_holes(void **state)
{
	struct run *r = *state;
	struct sensor_stats s;

	mail_through(r, 2000, hole);
	sensor_get_stats(r->sensor, &s);
	assert_true(s.gaps > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_syn_flood, begin, end),
	    cmocka_unit_test_setup_teardown(test_flood_of_sessions, begin, end),
	    cmocka_unit_test_setup_teardown(test_endless_lines, begin, end),
	    cmocka_unit_test_setup_teardown(test_slow_drips, begin, end),
	    cmocka_unit_test_setup_teardown(test_holes, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* ICMP about a connection attempt: the very SYN that waits, and nothing that somebody made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sensor/sensor.h"

#define START_NS  (INT64_C(1770026400) * CLOCK_SECOND_NS)
#define SYN_SIZE  40
#define SYN6_SIZE 60

/* Raw IP from 10.0.0.5:40000 to 198.51.100.1:25, sequence number 1000. */
static const uint8_t syn4[SYN_SIZE] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 5, 198,
    51, 100, 1, 0x9c, 0x40, 0, 25, 0, 0, 3, 0xe8, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0};
static const uint8_t syn6[SYN6_SIZE] = {0x60, 0, 0, 0, 0, 20, 6, 64, 0x20, 1, 0x0d, 0xb8, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 5, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x9c, 0x40,
    0, 25, 0, 0, 3, 0xe8, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0};

struct run {
	struct sensor *sensor;
	int64_t now;
	unsigned failed, unreachable, others;
};

static void
see(void *arg, const struct observation *obs)
{
	struct run *r = arg;

	if (obs->kind != OBS_CONNECT_FAILED) {
		r->others++;
		return;
	}
	r->failed++;
	r->unreachable += obs->u.connect_failed.how == OBS_CONNECT_UNREACHABLE;
}

static int
begin(void **state)
{
	static struct run run;
	struct sensor_config cfg;
	struct err e;

	run = (struct run){.now = START_NS};
	sensor_config_init(&cfg);
	cfg.flows_max = 64;
	cfg.classify = false;
	*state = &run;
	return sensor_new(&run.sensor, &cfg, see, &run, &e);
}

static int
end(void **state)
{
	struct run *run = *state;

	sensor_free(run->sensor);
	return 0;
}

static void
feed(struct run *run, const uint8_t *data, size_t size)
{
	struct packet p = {.time_ns = run->now += 1000000,
	    .linktype = 101,
	    .caplen = (uint32_t)size,
	    .wirelen = (uint32_t)size,
	    .data = data};

	sensor_packets(run->sensor, &p, 1);
}

/* A router's answer to syn4, cut behind eight bytes of TCP as RFC 792 has it. */
static void
tell4(struct run *run, uint8_t type, uint8_t code, uint8_t seq, size_t cut)
{
	uint8_t p[20 + 8 + 28] = {
	    0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 203, 0, 113, 1, 10, 0, 0, 5};

	p[20] = type;
	p[21] = code;
	memcpy(p + 28, syn4, 28);
	p[28 + 27] = seq;
	p[3] = (uint8_t)(sizeof(p) - cut);
	feed(run, p, sizeof(p) - cut);
}

static void
test_ipv4(void **state)
{
	struct run *run = *state;

	feed(run, syn4, sizeof(syn4));
	tell4(run, 3, 1, 0xe8, 0);
	assert_int_equal(run->unreachable, 1);
	/* told again, and tried again: still one attempt */
	tell4(run, 3, 1, 0xe8, 0);
	feed(run, syn4, sizeof(syn4));
	sensor_finish(run->sensor, run->now);
	assert_int_equal(run->failed, 1);
	assert_int_equal(run->others, 0);
}

static void
test_ipv6(void **state)
{
	struct run *run = *state;
	uint8_t p[40 + 8 + 60] = {0x60, 0, 0, 0, 0, 68, 58, 64, 0x20, 1, 0x0d, 0xb8, 0xff};

	memcpy(p + 24, syn6 + 8, 16);
	p[40] = 1;
	memcpy(p + 48, syn6, 60);
	feed(run, syn6, sizeof(syn6));
	feed(run, p, sizeof(p));
	assert_int_equal(run->unreachable, 1);
}

static void
test_made_up(void **state)
{
	struct run *run = *state;

	tell4(run, 3, 1, 0xe8, 0); /* about nothing */
	feed(run, syn4, sizeof(syn4));
	tell4(run, 3, 1, 0xe9, 0);  /* another sequence number */
	tell4(run, 3, 4, 0xe8, 0);  /* fragmentation needed */
	tell4(run, 11, 0, 0xe8, 0); /* time exceeded */
	for (size_t cut = 1; cut < 36; cut++)
		tell4(run, 3, 1, 0xe8, cut);
	assert_int_equal(run->failed, 0);
	sensor_finish(run->sensor, run->now);
	assert_int_equal(run->failed, 1); /* unanswered, in the end */
	assert_int_equal(run->unreachable, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_ipv4, begin, end),
	    cmocka_unit_test_setup_teardown(test_ipv6, begin, end),
	    cmocka_unit_test_setup_teardown(test_made_up, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

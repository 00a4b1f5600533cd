/* SPDX-License-Identifier: ISC */
/* The budget of wake-ups: none rests after a calm, a flood is bounded, no rest is longer than the
 * interval. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sensor/pace.h"

#define INTERVAL_NS 500000

static void
test_calm_never_rests(void **state)
{
	struct pace p;
	int64_t now = 123456789;

	(void)state;
	pace_init(&p, INTERVAL_NS, 8);
	for (int i = 0; i < 10000; i++, now += INTERVAL_NS)
		assert_int_equal(pace_rest(&p, now), 0);
}

static void
test_burst_then_rest(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, INTERVAL_NS, 8);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pace_rest(&p, 1000), 0);
	assert_int_equal(pace_rest(&p, 1000), INTERVAL_NS);
	/* A calm of eight intervals after that gives the whole burst back. */
	for (int i = 0; i < 8; i++)
		assert_int_equal(pace_rest(&p, 1000 + 9 * INTERVAL_NS), 0);
	assert_true(pace_rest(&p, 1000 + 9 * INTERVAL_NS) > 0);
}

/* Packets every microsecond for ten seconds: 2,000 wake-ups a second, and no wait beyond the
 * interval. */
static void
test_flood_is_bounded(void **state)
{
	struct pace p;
	int64_t now = 0, longest = 0;
	unsigned wakes = 0;

	(void)state;
	pace_init(&p, INTERVAL_NS, 64);
	while (now < 10 * CLOCK_SECOND_NS) {
		int64_t rest = pace_rest(&p, now);

		wakes++;
		if (rest > longest)
			longest = rest;
		now += rest + 1000;
	}
	assert_true(wakes <= 20000 + 64 + 1);
	assert_true(longest <= INTERVAL_NS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_calm_never_rests),
	    cmocka_unit_test(test_burst_then_rest),
	    cmocka_unit_test(test_flood_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

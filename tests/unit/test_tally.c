/* SPDX-License-Identifier: ISC */
/* Counting in fixed memory: windows slide, seen keys age, distinct counts hold beyond the exact
 * part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/tally.h"

#define NOW (INT64_C(1780272000) * CLOCK_SECOND_NS)

static void
test_clock(void **state)
{
	struct tally_clock c = {0};

	(void)state;
	assert_int_equal(tally_clock_turn(&c, TALLY_HOUR, NOW), TALLY_BUCKETS);
	assert_int_equal(tally_clock_turn(&c, TALLY_HOUR, NOW + CLOCK_MINUTE_NS), 0);
	assert_int_equal(tally_clock_turn(&c, TALLY_HOUR, NOW + 11 * CLOCK_MINUTE_NS), 2);
	/* A packet that overtook another changes nothing; a clock set back re-anchors. */
	assert_int_equal(tally_clock_turn(&c, TALLY_HOUR, NOW + 9 * CLOCK_MINUTE_NS), 0);
	assert_int_equal(tally_clock_turn(&c, TALLY_HOUR, NOW + 16 * CLOCK_MINUTE_NS), 1);
	assert_int_equal(tally_clock_turn(&c, TALLY_HOUR, NOW - CLOCK_DAY_NS), 0);
	assert_int_equal(
	    tally_clock_turn(&c, TALLY_HOUR, NOW - CLOCK_DAY_NS + CLOCK_HOUR_NS), TALLY_BUCKETS);
}

static void
test_ring(void **state)
{
	struct tally_ring r = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};

	(void)state;
	/* The newest is place 1 after two buckets passed: 0 and 1 are cleared. */
	assert_true(tally_ring_turn(&r, 1, 2) == 75);
	assert_true(r.bucket[0] == 0 && r.bucket[1] == 0 && r.bucket[2] == 3);
	assert_true(tally_ring_turn(&r, 5, TALLY_BUCKETS) == 0);
}

static void
test_seen(void **state)
{
	struct tally_seen s = {0};
	struct tally_seen_answer a;
	uint64_t key = tally_key(1, 42);

	(void)state;
	a = tally_seen_touch(&s, key, NOW, true);
	assert_true(a.age_ns == -1);
	a = tally_seen_peek(&s, key, NOW + CLOCK_HOUR_NS);
	assert_true(a.flagged);
	assert_in_range(
	    a.age_ns, CLOCK_HOUR_NS - 16 * CLOCK_SECOND_NS, CLOCK_HOUR_NS + 16 * CLOCK_SECOND_NS);
	assert_true(tally_seen_peek(&s, tally_key(2, 42), NOW).age_ns == -1);
	assert_true(tally_seen_peek(&s, key, NOW + CLOCK_DAY_NS + CLOCK_MINUTE_NS).age_ns == -1);
	assert_false(tally_seen_is_new(&s, key, NOW + 10, CLOCK_HOUR_NS));
	assert_true(tally_seen_is_new(&s, key, NOW + 2 * CLOCK_HOUR_NS, CLOCK_HOUR_NS));
	/* Seen "in the future": a packet came late. */
	assert_int_equal(
	    tally_seen_peek(&s, key, NOW + 2 * CLOCK_HOUR_NS - 20 * CLOCK_SECOND_NS).age_ns, 0);
}

static void
test_seen_full(void **state)
{
	struct tally_seen s = {0};
	unsigned wrong = 0, kept = 0;

	(void)state;
	for (uint64_t i = 0; i < 100000; i++)
		wrong += !tally_seen_is_new(
		    &s, tally_key(1, i), NOW + (int64_t)i * CLOCK_SECOND_NS, CLOCK_HOUR_NS);
	assert_true(wrong < 100); /* 8 / 2^15 of them, 24, are wrongly seen */
	/* The newest are kept: the oldest of a set makes room. */
	for (uint64_t i = 99500; i < 100000; i++)
		kept +=
		    tally_seen_peek(&s, tally_key(1, i), NOW + 100000 * CLOCK_SECOND_NS).age_ns >=
		    0;
	assert_true(kept > 480);
}

static void
test_distinct(void **state)
{
	struct tally_distinct d = {0};

	(void)state;
	for (uint64_t i = 0; i < 3 * TALLY_DISTINCT_EXACT; i++)
		tally_distinct_add(&d, tally_key(1, i % TALLY_DISTINCT_EXACT));
	assert_int_equal(tally_distinct_count(&d), TALLY_DISTINCT_EXACT);
	for (uint64_t i = 0; i < 200000; i++)
		tally_distinct_add(&d, tally_key(1, i));
	assert_in_range(tally_distinct_count(&d), 160000, 240000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clock),
	    cmocka_unit_test(test_ring),
	    cmocka_unit_test(test_seen),
	    cmocka_unit_test(test_seen_full),
	    cmocka_unit_test(test_distinct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

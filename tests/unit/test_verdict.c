/* SPDX-License-Identifier: ISC */
/* The ladder: up at once, down after quiet, blocks that double, extend and lift, and what people
 * do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/verdict.h"

#define NOW (INT64_C(1780272000) * CLOCK_SECOND_NS)

static const double calm[QUESTION__COUNT] = {0, 0};
static const double watch[QUESTION__COUNT] = {5, 0};
static const double throttle[QUESTION__COUNT] = {0, 10};
static const double block[QUESTION__COUNT] = {12, 3};

static struct verdict_rules
rules(void)
{
	struct verdict_rules r = {.block_first_ns = CLOCK_HOUR_NS,
	    .block_max_ns = 5 * CLOCK_HOUR_NS,
	    .silence_ns = 10 * CLOCK_MINUTE_NS};

	score_bounds_init(&r.bounds, 1e-5, 1e-2);
	return r;
}

static enum verdict_event
step(struct ladder *l, int64_t now_ns, const double *points, bool active)
{
	struct verdict_rules r = rules();

	return verdict_step(l, &r, "vm-1", now_ns, points, active, 7, false);
}

static void
test_up_and_down(void **state)
{
	struct ladder l = {.verdict.question = -1};

	(void)state;
	assert_int_equal(step(&l, NOW, calm, false), VERDICT_SAME);
	assert_int_equal(step(&l, NOW, watch, false), VERDICT_MOVED);
	assert_int_equal(l.verdict.rung, RUNG_WATCH);
	assert_int_equal(l.verdict.question, QUESTION_BULK);
	assert_int_equal(step(&l, NOW + 1, throttle, false), VERDICT_MOVED);
	assert_int_equal(l.verdict.rung, RUNG_THROTTLE);
	assert_int_equal(l.verdict.question, QUESTION_ABUSE);
	assert_true(l.verdict.until_ns > NOW);
	/* It must be quiet for a while. */
	assert_int_equal(step(&l, NOW + 5 * CLOCK_MINUTE_NS, throttle, false), VERDICT_SAME);
	assert_int_equal(step(&l, NOW + 14 * CLOCK_MINUTE_NS, watch, false), VERDICT_SAME);
	assert_int_equal(step(&l, NOW + 16 * CLOCK_MINUTE_NS, watch, false), VERDICT_MOVED);
	assert_int_equal(l.verdict.rung, RUNG_WATCH);
	assert_int_equal(l.verdict.until_ns, 0);
	assert_int_equal(step(&l, NOW + 40 * CLOCK_MINUTE_NS, calm, false), VERDICT_MOVED);
	assert_int_equal(l.verdict.question, -1);
}

static void
test_block_lifts(void **state)
{
	struct ladder l = {.verdict.question = -1};

	(void)state;
	assert_int_equal(step(&l, NOW, block, false), VERDICT_MOVED);
	assert_int_equal(l.verdict.rung, RUNG_BLOCK);
	assert_int_equal(l.verdict.messages_before_block, 7);
	assert_true(l.verdict.until_ns == NOW + CLOCK_HOUR_NS);
	assert_int_equal(step(&l, NOW + 30 * CLOCK_MINUTE_NS, calm, false), VERDICT_SAME);
	assert_int_equal(step(&l, NOW + CLOCK_HOUR_NS - 1, calm, false), VERDICT_SAME);
	assert_int_equal(step(&l, NOW + CLOCK_HOUR_NS, block, false), VERDICT_LIFTED);
	assert_int_equal(l.verdict.rung, RUNG_CLEAR);
	assert_true(l.verdict.blocked_at_ns == NOW);
}

static void
test_block_is_extended(void **state)
{
	struct ladder l = {.verdict.question = -1};
	int64_t t = NOW + CLOCK_HOUR_NS - 30 * CLOCK_SECOND_NS;

	(void)state;
	step(&l, NOW, block, false);
	assert_int_equal(step(&l, NOW + 40 * CLOCK_MINUTE_NS, calm, true), VERDICT_SAME);
	assert_true(
	    l.verdict.until_ns == NOW + CLOCK_HOUR_NS); /* silent for long enough until then */
	assert_int_equal(
	    step(&l, t, calm, true), VERDICT_EXTENDED); /* before the kernel's timeout */
	assert_true(l.verdict.until_ns == t + 10 * CLOCK_MINUTE_NS);
	assert_int_equal(step(&l, t + 5 * CLOCK_MINUTE_NS, calm, false), VERDICT_SAME);
	assert_int_equal(step(&l, t + 10 * CLOCK_MINUTE_NS, calm, false), VERDICT_LIFTED);
}

static void
test_spans_double(void **state)
{
	static const int hours[] = {1, 2, 4, 5, 5};
	struct ladder l = {.verdict.question = -1};
	struct verdict_rules r = rules();
	int64_t t = NOW;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		step(&l, t, block, false);
		assert_true(l.verdict.until_ns - t == hours[i] * CLOCK_HOUR_NS);
		t = l.verdict.until_ns;
		assert_int_equal(step(&l, t, calm, false), VERDICT_LIFTED);
	}
	assert_int_equal(l.verdict.block_count, 5);
	assert_true(verdict_next_span(&l.verdict, &r, t + 31 * CLOCK_DAY_NS) == CLOCK_HOUR_NS);
}

static void
test_people(void **state)
{
	struct ladder l = {.verdict.question = -1};
	struct verdict_rules r = rules();

	(void)state;
	verdict_block(&l, &r, "vm-1", NOW, CLOCK_MINUTE_NS * 20, false, 3, false);
	assert_true(l.verdict.by_person);
	/* A person said for how long: trying does not change it. */
	assert_int_equal(step(&l, NOW + 20 * CLOCK_MINUTE_NS - 1, block, true), VERDICT_SAME);
	assert_int_equal(step(&l, NOW + 20 * CLOCK_MINUTE_NS, block, true), VERDICT_LIFTED);
	assert_false(l.verdict.by_person);
	verdict_block(&l, &r, "vm-1", NOW, 0, true, 3, false);
	assert_int_equal(step(&l, NOW + 99 * CLOCK_DAY_NS, calm, false), VERDICT_SAME);
	assert_int_equal(l.verdict.rung, RUNG_BLOCK);
	verdict_release(&l, NOW + 100 * CLOCK_DAY_NS);
	assert_int_equal(l.verdict.rung, RUNG_CLEAR);
	assert_false(l.verdict.pinned);
}

static void
test_case_id(void **state)
{
	char a[JUDGE_CASE_BYTES], b[JUDGE_CASE_BYTES];

	(void)state;
	verdict_case_id(a, "vm-1", NOW);
	verdict_case_id(b, "vm-1", NOW);
	assert_string_equal(a, b);
	assert_int_equal(strlen(a), 13);
	assert_memory_equal(a, "bh-", 3);
	assert_int_equal(strspn(a + 3, "0123456789abcdefghjkmnpqrstvwxyz"), 10);
	verdict_case_id(b, "vm-1", NOW + 1);
	assert_string_not_equal(a, b);
	verdict_case_id(b, "vm-2", NOW);
	assert_string_not_equal(a, b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_up_and_down),
	    cmocka_unit_test(test_block_lifts),
	    cmocka_unit_test(test_block_is_extended),
	    cmocka_unit_test(test_spans_double),
	    cmocka_unit_test(test_people),
	    cmocka_unit_test(test_case_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* Whose texts are read: the first of each client, then one a second, whatever others do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sensor/sample.h"

#define START_NS (INT64_C(1700000000) * CLOCK_SECOND_NS)

static struct addr
client(unsigned n)
{
	const uint8_t v4[4] = {10, 0, (uint8_t)(n >> 8), (uint8_t)n};

	return addr_from_v4(v4);
}

static unsigned
take_many(struct sample *s, unsigned who, unsigned count, int64_t from_ns, int64_t step_ns)
{
	struct addr a = client(who);
	unsigned taken = 0;

	for (unsigned i = 0; i < count; i++)
		taken += sample_take(s, &a, from_ns + i * step_ns);
	return taken;
}

static void
test_slow_sender_is_read_whole(void **state)
{
	struct sample *s;

	(void)state;
	assert_int_equal(sample_new(&s, 1, SAMPLE_TEXT_BURST, CLOCK_SECOND_NS), 0);
	assert_int_equal(take_many(s, 1, 500, START_NS, CLOCK_SECOND_NS), 500);
	sample_free(s);
}

static void
test_burst_then_one_a_second(void **state)
{
	struct sample *s;

	(void)state;
	assert_int_equal(sample_new(&s, 1, SAMPLE_TEXT_BURST, CLOCK_SECOND_NS), 0);
	assert_int_equal(take_many(s, 1, 1000, START_NS, 0), SAMPLE_TEXT_BURST);
	/* 100 a second for 60 seconds */
	unsigned taken = take_many(s, 1, 6000, START_NS, CLOCK_SECOND_NS / 100);
	assert_in_range(taken, 58, 61);
	/* and after a pause all of the first ones again */
	assert_int_equal(take_many(s, 1, 1000, START_NS + CLOCK_HOUR_NS, 0), SAMPLE_TEXT_BURST);
	sample_free(s);
}

static void
test_clients_do_not_share(void **state)
{
	struct sample *s;
	unsigned full = 0;

	(void)state;
	assert_int_equal(sample_new(&s, 7, SAMPLE_TEXT_BURST, CLOCK_SECOND_NS), 0);
	for (unsigned who = 0; who < 256; who++)
		full += take_many(s, who, 100, START_NS, 0) == SAMPLE_TEXT_BURST;
	assert_int_equal(full, 256);
	sample_free(s);
}

/* A clock that goes back does not silence a client until it has caught up. */
static void
test_clock_steps_back(void **state)
{
	struct sample *s;

	(void)state;
	assert_int_equal(sample_new(&s, 1, SAMPLE_TEXT_BURST, CLOCK_SECOND_NS), 0);
	assert_int_equal(take_many(s, 1, 100, START_NS + CLOCK_HOUR_NS, 0), SAMPLE_TEXT_BURST);
	assert_int_equal(take_many(s, 1, 100, START_NS, 0), SAMPLE_TEXT_BURST);
	sample_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_slow_sender_is_read_whole),
	    cmocka_unit_test(test_burst_then_one_a_second),
	    cmocka_unit_test(test_clients_do_not_share),
	    cmocka_unit_test(test_clock_steps_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

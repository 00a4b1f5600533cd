/* SPDX-License-Identifier: ISC */
/* What a server really sent, for the reviewer: the cases of the last days. */
#include <errno.h>

#include "policy/traffic.h"
#include "tests/unit/guard_fixture.h"

#define TODAY (UINT32_C(1) << (DOSSIER_DAYS - 1))

static struct dossier_traffic
traffic_of(struct fixture *f, const char *name)
{
	struct dossier_traffic t;

	assert_int_equal(traffic_get(&f->g, index_of(f, name), &t, NULL), 0);
	return t;
}

/* A block of a person that ends at once; the case stays. */
static void
block_for_a_moment(struct fixture *f, const char *name)
{
	unsigned index = index_of(f, name);

	assert_int_equal(guard_block(&f->g, index, "x", "why", 0, false, NULL), 0);
	assert_int_equal(guard_release(&f->g, index, "x", "why", NULL), 0);
}

static void
cases_stand_on_their_day(void **state)
{
	struct fixture *f = *state;
	struct dossier_traffic t;

	block_for_a_moment(f, "vm-a");
	t = traffic_of(f, "vm-a");
	assert_string_equal(t.server, "vm-a");
	assert_string_equal(t.tenant, "t1");
	assert_string_equal(t.verdict, "clear");
	assert_int_equal(t.cases, 1);
	assert_int_equal(t.blocked, TODAY);
	assert_int_equal(traffic_of(f, "vm-b").cases, 0);

	f->g.now_ns += 10 * CLOCK_DAY_NS;
	block_for_a_moment(f, "vm-a");
	t = traffic_of(f, "vm-a");
	assert_int_equal(t.cases, 2);
	assert_int_equal(t.blocked, TODAY | TODAY >> 10);
}

/* The oldest day that is shown is the first bit; what is older is not counted. */
static void
old_cases_are_left_out(void **state)
{
	struct fixture *f = *state;
	struct dossier_traffic t;

	block_for_a_moment(f, "vm-a");
	f->g.now_ns += DOSSIER_DAYS * CLOCK_DAY_NS - CLOCK_SECOND_NS;
	t = traffic_of(f, "vm-a");
	assert_int_equal(t.cases, 1);
	assert_int_equal(t.blocked, 1);
	f->g.now_ns += CLOCK_SECOND_NS;
	t = traffic_of(f, "vm-a");
	assert_int_equal(t.cases, 0);
	assert_int_equal(t.blocked, 0);
}

/* A clock that was set back: the case of tomorrow is one of today. */
static void
case_ahead_is_of_today(void **state)
{
	struct fixture *f = *state;

	block_for_a_moment(f, "vm-a");
	f->g.now_ns -= CLOCK_DAY_NS;
	assert_int_equal(traffic_of(f, "vm-a").blocked, TODAY);
}

static void
nobody_is_said(void **state)
{
	struct fixture *f = *state;
	struct dossier_traffic t;
	struct err e;

	assert_int_equal(traffic_get(&f->g, 99, &t, &e), -ENOENT);
	assert_non_null(strstr(e.text, "99"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(cases_stand_on_their_day, setup, teardown),
	    cmocka_unit_test_setup_teardown(old_cases_are_left_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(case_ahead_is_of_today, setup, teardown),
	    cmocka_unit_test_setup_teardown(nobody_is_said, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

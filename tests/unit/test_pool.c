/* SPDX-License-Identifier: ISC */
/* Mailings of several servers: what fits together, who takes part, how it slides away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/pool.h"

#define NOW (INT64_C(1780272000) * CLOCK_SECOND_NS)

static struct window_campaign
text(uint64_t fingerprint, uint64_t subject)
{
	return (struct window_campaign){
	    .kind = WINDOW_CAMPAIGN_TEXT, .fingerprint = fingerprint, .subject = subject};
}

static struct window_campaign
size(float bytes)
{
	return (struct window_campaign){.kind = WINDOW_CAMPAIGN_SIZE, .size = bytes};
}

static int
setup(void **state)
{
	*state = pool_new(7, 4);
	return *state == NULL;
}

static int
teardown(void **state)
{
	pool_free(*state);
	return 0;
}

/* Near-identical texts, or one subject of one sender, are one mailing; so are sizes within 3 %. */
static void
test_what_fits(void **state)
{
	struct pool *p = *state;
	struct window_campaign a = text(0xff00, 0), near = text(0xff3f, 0), far = text(0x00ff, 0);
	struct window_campaign subject = text(0x123456789, 9), same_subject = text(0xfedcba987, 9);
	struct window_campaign s = size(20000), close = size(20500), other = size(22000);
	struct pool_ref ref = pool_add(p, &a, 3, 1, NOW);

	assert_int_equal(pool_add(p, &near, 2, 2, NOW).serial, ref.serial);
	assert_int_not_equal(pool_add(p, &far, 1, 1, NOW).serial, ref.serial);
	assert_true(pool_get(p, ref, NOW).five == 5 && pool_get(p, ref, NOW).hour == 5);
	ref = pool_add(p, &subject, 1, 1, NOW);
	assert_int_equal(pool_add(p, &same_subject, 1, 1, NOW).serial, ref.serial);
	ref = pool_add(p, &s, 1, 1, NOW);
	assert_int_equal(pool_add(p, &close, 1, 1, NOW).serial, ref.serial);
	assert_int_not_equal(pool_add(p, &other, 1, 1, NOW).serial, ref.serial);
}

static void
test_members(void **state)
{
	struct pool *p = *state;
	struct window_campaign m = text(1, 2);
	struct pool_ref ref = {0};

	for (uint64_t i = 0; i < 3 * POOL_MEMBERS_MAX; i++) {
		ref = pool_add(p, &m, 1, 100 + i / 2, NOW);
		assert_int_equal(pool_get(p, ref, NOW).members,
		    i / 2 + 1 < POOL_MEMBERS_MAX ? i / 2 + 1 : POOL_MEMBERS_MAX);
	}
	assert_false(pool_get(p, ref, NOW).declared);
	m.declared = true;
	ref = pool_add(p, &m, 1, 100, NOW);
	assert_true(pool_get(p, ref, NOW).declared);
}

/* Five minutes and an hour slide; after an hour the mailing is forgotten, and its place is another's. */
static void
test_slides(void **state)
{
	struct pool *p = *state;
	struct window_campaign m = text(1, 2);
	struct pool_ref ref = pool_add(p, &m, 10, 1, NOW), again;

	assert_true(pool_get(p, ref, NOW + 6 * CLOCK_MINUTE_NS).five == 0);
	assert_true(pool_get(p, ref, NOW + 6 * CLOCK_MINUTE_NS).hour == 10);
	assert_int_equal(pool_get(p, ref, NOW + 66 * CLOCK_MINUTE_NS).members, 0);
	again = pool_add(p, &m, 1, 1, NOW + 66 * CLOCK_MINUTE_NS);
	assert_int_not_equal(again.serial, ref.serial);
	assert_true(pool_get(p, ref, NOW + 66 * CLOCK_MINUTE_NS).hour == 0);
	assert_true(pool_get(p, again, NOW + 66 * CLOCK_MINUTE_NS).hour == 1);
}

/* A full pool gives the place of the smallest mailing away; who refers to it is told nothing. */
static void
test_smallest_makes_room(void **state)
{
	struct pool *p = *state;
	struct pool_ref refs[5];

	for (unsigned i = 0; i < 5; i++) {
		struct window_campaign m = size(1000.0F * (float)(1 << i));

		refs[i] = pool_add(p, &m, i == 2 ? 1 : 10, 1, NOW);
	}
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(pool_get(p, refs[i], NOW).members, i == 2 ? 0 : 1);
	assert_int_equal(refs[4].slot, refs[2].slot);
}

/* Evidence of all members adds up, never falls below zero, and halves. */
static void
test_existence(void **state)
{
	struct pool *p = *state;
	struct window_campaign m = text(1, 2);
	struct pool_ref ref = pool_add(p, &m, 1, 1, NOW), none = {0};
	const struct window_existence bad = {4, 2}, good = {-1, 3};
	struct pool_view v;

	pool_note(p, ref, &good, NOW, CLOCK_HOUR_NS);
	assert_true(pool_get(p, ref, NOW).points == 0);
	pool_note(p, ref, &bad, NOW, CLOCK_HOUR_NS);
	pool_note(p, ref, &good, NOW, CLOCK_HOUR_NS);
	v = pool_get(p, ref, NOW);
	assert_true(v.points == 3 && v.trials == 8);
	pool_add(p, &m, 1, 1, NOW + CLOCK_HOUR_NS / 2);
	pool_note(p, ref, &good, NOW + CLOCK_HOUR_NS, CLOCK_HOUR_NS);
	v = pool_get(p, ref, NOW + CLOCK_HOUR_NS);
	assert_true(v.points > 0.49 && v.points < 0.51);
	for (unsigned i = 0; i < 100; i++)
		pool_note(p, ref, &bad, NOW + CLOCK_HOUR_NS, CLOCK_HOUR_NS);
	assert_true(pool_get(p, ref, NOW + CLOCK_HOUR_NS).points == 40);
	pool_note(p, none, &bad, NOW, CLOCK_HOUR_NS);
	pool_note(NULL, ref, &bad, NOW, CLOCK_HOUR_NS);
	assert_int_equal(pool_get(NULL, ref, NOW).members, 0);
}

static void
test_table(void **state)
{
	struct pool_table t = {0};
	struct pool *kept[300];

	(void)state;
	for (uint64_t i = 0; i < 300; i++) {
		kept[i] = pool_table_take(&t, tally_key(0, i), 2);
		assert_non_null(kept[i]);
	}
	assert_int_equal(t.count, 300);
	assert_true(t.room >= 600);
	for (uint64_t i = 0; i < 300; i++)
		assert_ptr_equal(pool_table_take(&t, tally_key(0, i), 2), kept[i]);
	pool_table_fini(&t);
	assert_int_equal(t.count, 0);
}

/* Names are counted by tenant and forgotten after a day; a crowded set keeps what several share. */
static void
test_names(void **state)
{
	struct pool_names *n = calloc(1, sizeof(*n));

	(void)state;
	assert_non_null(n);
	assert_int_equal(pool_names_add(n, 5, 1, NOW), 1);
	assert_int_equal(pool_names_add(n, 5, 1, NOW), 1);
	assert_int_equal(pool_names_add(n, 5, 2, NOW), 2);
	for (uint64_t i = 1; i < 10; i++)
		assert_int_equal(pool_names_add(n, 5 + i * POOL_NAME_SETS, 3, NOW), 1);
	assert_int_equal(pool_names_add(n, 5, 3, NOW), 3);
	for (uint64_t i = 0; i < 9; i++)
		pool_names_add(n, 5, 10 + i, NOW);
	assert_int_equal(pool_names_add(n, 5, 1, NOW), POOL_NAME_TENANTS);
	assert_int_equal(pool_names_add(n, 5, 1, NOW + 2 * CLOCK_DAY_NS), 1);
	free(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_what_fits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_members, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_slides, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_smallest_makes_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_existence, setup, teardown),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

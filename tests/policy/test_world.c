/* SPDX-License-Identifier: ISC */
/* A small slice of the labelled world: who is blocked, who is spared, and how much went through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/policy/world.h"

#define INSTANCES 10U
#define SEED	  UINT64_C(20260601)

static int
compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return x < y ? -1 : x > y;
}

/* What is wrong with the verdicts on this kind, or NULL. */
static const char *
judge_the_judge(const struct world_kind *kind, bool tls, uint8_t top, unsigned blocked,
    unsigned through[INSTANCES])
{
	double most = kind->median_max * (tls ? 2 : 1);

	qsort(through, INSTANCES, sizeof(through[0]), compare);
	if (kind->want == WORLD_SPARE)
		return top >= RUNG_THROTTLE ? "an honest kind was throttled or blocked" : NULL;
	if (blocked < (tls ? kind->blocked_tls : 1) * INSTANCES)
		return "too few instances were blocked";
	/* Ten instances: their median is not the median, so half as much again is still right. */
	if (most > 0 && through[INSTANCES / 2] > 1.5 * most)
		return "too many recipients before the block";
	return NULL;
}

static const char *
check_kind(const struct world_kind *kind, bool tls)
{
	unsigned through[INSTANCES], blocked = 0;
	struct world_outcome out, worst = {0};
	const char *wrong;

	for (unsigned i = 0; i < INSTANCES; i++) {
		world_run(kind, tls, SEED + i * 7919, true, &out);
		blocked += out.blocked;
		through[i] = out.through / (kind->together ? 1 : out.servers);
		if (out.top >= worst.top)
			worst = out;
	}
	wrong = judge_the_judge(kind, tls, worst.top, blocked, through);
	printf("%-28s %-5s blocked %2u/%u  top %-8s", kind->name, tls ? "tls" : "clear", blocked,
	    INSTANCES, rung_name(worst.top));
	if (kind->want != WORLD_SPARE)
		printf("  recipients before: median %u, worst %u", through[INSTANCES / 2],
		    through[INSTANCES - 1]);
	printf("%s%s\n", wrong != NULL ? "  WRONG: " : "", wrong != NULL ? wrong : "");
	if (wrong != NULL)
		printf("%28s %s: %s\n", "",
		    worst.question >= 0 ? question_name((unsigned)worst.question) : "-", worst.why);
	return wrong;
}

static void
test_every_kind(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (unsigned i = 0; i < world_kind_count; i++)
		for (unsigned tls = 0; tls < (world_kinds[i].clear_only ? 1 : 2); tls++)
			failures += check_kind(&world_kinds[i], tls == 1) != NULL;
	assert_int_equal(failures, 0);
}

/* The same seed gives the same world: a verdict can be repeated and explained. */
static void
test_repeatable(void **state)
{
	struct world_outcome a, b;

	(void)state;
	for (unsigned i = 0; i < world_kind_count; i++) {
		world_run(&world_kinds[i], false, SEED, true, &a);
		world_run(&world_kinds[i], false, SEED, true, &b);
		assert_int_equal(a.through, b.through);
		assert_int_equal(a.after_ns, b.after_ns);
		assert_string_equal(a.why, b.why);
	}
}

static const struct world_kind *
kind_named(const char *name)
{
	for (unsigned i = 0; i < world_kind_count; i++)
		if (strcmp(world_kinds[i].name, name) == 0)
			return &world_kinds[i];
	fail_msg("no kind of sender is called %s", name);
	return NULL;
}

/* "balanced" lets through what relays of the field grant, 400 in five minutes, and asks about abuse
 * as "strict" does. */
static void
test_balanced(void **state)
{
	unsigned blocked = 0, spared = 0;
	struct world_outcome out;

	(void)state;
	for (unsigned tls = 0; tls < 2; tls++) {
		for (unsigned i = 0; i < 4 * INSTANCES; i++) {
			world_run_preset(
			    kind_named("newsletter"), tls == 1, SEED + i, "balanced", &out);
			blocked += out.blocked;
			spared += !out.blocked;
			assert_true(!out.blocked || out.through >= 400);
		}
		for (unsigned i = 0; i < INSTANCES; i++) {
			world_run_preset(
			    kind_named("bought list"), tls == 1, SEED + i, "balanced", &out);
			assert_true(out.blocked);
			assert_in_range(out.through, 0, 120);
			world_run_preset(kind_named("shop"), tls == 1, SEED + i, "balanced", &out);
			assert_true(out.top < RUNG_THROTTLE);
		}
	}
	assert_true(blocked > 10 && spared > 10);
}

/* "observe" finds the same servers at the same time, and touches none. */
static void
test_observe(void **state)
{
	struct world_outcome strict, observe;

	(void)state;
	for (unsigned i = 0; i < INSTANCES; i++) {
		world_run(kind_named("newsletter"), false, SEED + i, false, &strict);
		world_run_preset(kind_named("newsletter"), false, SEED + i, "observe", &observe);
		assert_int_equal(strict.shadows, 0);
		assert_true(observe.blocks >= 1 && observe.shadows == observe.blocks);
		assert_int_equal(observe.through, strict.through);
		assert_true(observe.accepted > 4 * strict.accepted);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_kind),
	    cmocka_unit_test(test_repeatable),
	    cmocka_unit_test(test_balanced),
	    cmocka_unit_test(test_observe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

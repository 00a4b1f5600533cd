/* SPDX-License-Identifier: ISC */
/* The score: the bounds are Wald's, caps and groups hold, and the reasons add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/clock.h"
#include "policy/score.h"

#define NOW (INT64_C(1780272000) * CLOCK_SECOND_NS)

static const struct window_ceilings ceilings = {{20, 120, 800}};

static struct signal_input
input(const struct window *w)
{
	struct signal_input in = {.window = w,
	    .ceilings = &ceilings,
	    .now_ns = NOW,
	    .half_life_ns = CLOCK_HOUR_NS,
	    .plan = ""};

	return in;
}

static double
sum(const struct score *s)
{
	double n = 0;

	for (unsigned i = 0; i < s->reason_count; i++)
		n += s->reasons[i].points;
	return n;
}

static void
test_bounds(void **state)
{
	static const double alphas[] = {1e-9, 1e-5, 1e-3, 0.1};
	struct score_bounds b;

	(void)state;
	score_bounds_init(&b, 1e-5, 1e-2);
	assert_true(fabs(b.rung[RUNG_BLOCK] - 11.5029) < 0.001);
	assert_true(fabs(b.rung[RUNG_THROTTLE] - 9.2003) < 0.01);
	assert_true(fabs(b.rung[RUNG_WARN] - 6.8977) < 0.01);
	assert_true(fabs(b.rung[RUNG_WATCH] - 4.5951) < 0.01);
	for (unsigned i = 0; i < 4; i++) { /* in order, and above nothing, whatever is asked */
		score_bounds_init(&b, alphas[i], 0.5);
		for (unsigned r = RUNG_WATCH; r < RUNG__COUNT; r++) {
			assert_true(b.rung[r] > b.rung[r - 1]);
			assert_int_equal(score_rung(&b, b.rung[r]), r);
			assert_int_equal(score_rung(&b, score_cap(&b, (enum rung)(r - 1))), r - 1);
		}
	}
}

/* The same mail on three clocks counts once. */
static void
test_volume_once(void **state)
{
	struct window w = {0};
	struct signal_input in = input(&w);
	struct score_bounds b;
	struct score s;

	(void)state;
	score_bounds_init(&b, 1e-5, 1e-2);
	w.sum[WINDOW_OPEN_5MIN] = 46;
	w.sum[WINDOW_OPEN_HOUR] = 188;
	score_explain(&in, &b, QUESTION_BULK, &s);
	assert_int_equal(s.reason_count, 1);
	assert_string_equal(s.reasons[0].signal, "recipients-5min");
	assert_true(fabs(s.points - (46 * log(3) - 40)) < 1e-6);
	assert_int_equal(s.reasons[0].window_ns, 5 * CLOCK_MINUTE_NS);
}

/* Everything that only corroborates stays below its rung, however loud. */
static void
test_groups(void **state)
{
	struct window w = {0};
	struct signal_input in = input(&w);
	struct score_bounds b;
	struct score s;
	double points[QUESTION__COUNT];

	(void)state;
	score_bounds_init(&b, 1e-5, 1e-2);
	w.sum[WINDOW_DOMAINS_HOUR] = w.sum[WINDOW_MX_HOUR] = 900;
	w.sum[WINDOW_OPEN_DAY] = 100;
	w.sum[WINDOW_SENDERS_HOUR] = w.sum[WINDOW_HELO_DAY] = 900;
	for (unsigned i = 0; i < WINDOW_TEST__COUNT; i++)
		w.trials[i] =
		    (struct window_trials){.points = 40, .bad = 90, .good = 9, .time_ns = NOW};
	w.trials[WINDOW_TEST_UNKNOWN].points = w.trials[WINDOW_TEST_STALE].points = 0;
	w.trials[WINDOW_TEST_REMOTE].points = 0;
	score_points(&in, &b, points);
	assert_int_equal(score_rung(&b, points[QUESTION_BULK]), RUNG_CLEAR);
	assert_int_equal(score_rung(&b, points[QUESTION_ABUSE]), RUNG_WATCH);
	for (unsigned q = 0; q < QUESTION__COUNT; q++) {
		score_explain(&in, &b, q, &s);
		assert_true(s.reason_count >= 3);
		assert_true(fabs(sum(&s) - s.points) < 1e-9);
		assert_true(s.points == points[q]);
		for (unsigned i = 1; i < s.reason_count; i++)
			assert_true(s.reasons[i].points <= s.reasons[i - 1].points);
	}
	w.trials[WINDOW_TEST_REMOTE].points = 40; /* with it, it is enough */
	score_points(&in, &b, points);
	assert_int_equal(score_rung(&b, points[QUESTION_ABUSE]), RUNG_BLOCK);
}

/* Refused logins alert, and lift nothing over the edge. */
static void
test_alert(void **state)
{
	struct window w = {0};
	struct signal_input in = input(&w);
	struct score_bounds b;
	double points[QUESTION__COUNT];
	struct score s;

	(void)state;
	score_bounds_init(&b, 1e-5, 1e-2);
	w.sum[WINDOW_AUTH_HOUR] = 500;
	score_points(&in, &b, points);
	assert_int_equal(score_rung(&b, points[QUESTION_ABUSE]), RUNG_WARN);
	w.trials[WINDOW_TEST_REMOTE] =
	    (struct window_trials){.points = 8, .bad = 9, .good = 9, .time_ns = NOW};
	score_points(&in, &b, points);
	assert_int_equal(score_rung(&b, points[QUESTION_ABUSE]), RUNG_WARN);
	score_explain(&in, &b, QUESTION_ABUSE, &s);
	assert_true(fabs(sum(&s) - s.points) < 1e-9);
	w.trials[WINDOW_TEST_UNKNOWN] =
	    (struct window_trials){.points = 12, .bad = 9, .good = 1, .time_ns = NOW};
	score_points(&in, &b, points);
	score_explain(&in, &b, QUESTION_ABUSE, &s);
	/* 8 + 12 - ln 2: what it is without the logins; two tests look at unknown recipients */
	assert_true(fabs(points[QUESTION_ABUSE] - 19.306853) < 1e-4);
	assert_true(fabs(sum(&s) - 19.306853) < 1e-4);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(question_name(QUESTION_ABUSE), "abuse");
	assert_string_equal(rung_name(RUNG_THROTTLE), "throttle");
	assert_string_equal(question_name(77), "unknown");
	assert_string_equal(rung_name(77), "unknown");
}

/* A number below n; the same ones in every run. */
static unsigned
draw(unsigned *random, unsigned n)
{
	*random = *random * 1103515245 + 12345;
	return *random / 65536 % n;
}

/* A window with few things in it, at and around the places where rows begin to speak. */
static void
make_window(struct window *w, struct pool_view *tenant, struct pool_view *others, unsigned *random)
{
	memset(w, 0, sizeof(*w));
	for (unsigned i = 0; i < WINDOW_RING__COUNT; i++)
		if (draw(random, 8) == 0)
			w->sum[i] = (float)draw(random, 40) * (draw(random, 4) == 0 ? 30 : 1);
	for (unsigned i = 0; i < WINDOW_TEST__COUNT; i++)
		if (draw(random, 8) == 0)
			w->trials[i] = (struct window_trials){.points = (float)draw(random, 12),
			    .bad = (float)draw(random, 15),
			    .good = (float)draw(random, 15),
			    .time_ns = NOW};
	for (unsigned i = 0; i < WINDOW_CAMPAIGNS; i++)
		if (draw(random, 16) == 0)
			w->campaign[i] = (struct window_campaign){.kind = (uint8_t)draw(random, 3),
			    .declared = draw(random, 2) != 0,
			    .sum = (float)draw(random, 150)};
	if (draw(random, 4) == 0)
		*tenant = (struct pool_view){.members = draw(random, 4),
		    .five = draw(random, 60),
		    .hour = draw(random, 90),
		    .kind = (uint8_t)(1 + draw(random, 2)),
		    .declared = draw(random, 2) != 0};
	if (draw(random, 4) == 0)
		*others = (struct pool_view){.members = draw(random, 6),
		    .hour = draw(random, 60),
		    .points = draw(random, 40),
		    .kind = (uint8_t)(1 + draw(random, 2))};
}

/* When nothing is said to speak, the score is below every rung; and that is said often enough to
 * be worth asking. */
static void
test_quiet(void **state)
{
	struct score_bounds b;
	unsigned random = 1, quiet = 0, silent = 0;

	(void)state;
	score_bounds_init(&b, 1e-5, 1e-2);
	for (unsigned i = 0; i < 50000; i++) {
		double points[QUESTION__COUNT];
		struct signal_input in;
		struct window w;

		in = input(&w);
		make_window(&w, &in.tenant, &in.others, &random);
		in.name_tenants = draw(&random, 20) == 0 ? draw(&random, 6) : 0;
		score_points(&in, &b, points);
		silent += points[0] <= 0 && points[1] <= 0;
		if (!signal_all_quiet(&in))
			continue;
		quiet++;
		assert_true(
		    points[QUESTION_ABUSE] == 0 && points[QUESTION_BULK] < b.rung[RUNG_WATCH]);
	}
	assert_true(quiet > 1000);
	assert_true(4 * quiet > silent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_volume_once),
	    cmocka_unit_test(test_groups),
	    cmocka_unit_test(test_alert),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

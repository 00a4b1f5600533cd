/* SPDX-License-Identifier: ISC */
/* The table of signals: its rows are complete, and each speaks where it must and says so in words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "policy/signal.h"

#define NOW (INT64_C(1780272000) * CLOCK_SECOND_NS)

static const struct window_ceilings ceilings = {{20, 120, 800}};

static const struct signal *
find(const char *name)
{
	for (unsigned i = 0; i < signal_count; i++)
		if (strcmp(signal_table[i].name, name) == 0)
			return &signal_table[i];
	fail_msg("no signal %s", name);
	return NULL;
}

static struct signal_finding
evaluate(const char *name, const struct window *w, char text[200])
{
	struct signal_input in = {.window = w,
	    .ceilings = &ceilings,
	    .now_ns = NOW,
	    .half_life_ns = CLOCK_HOUR_NS,
	    .plan = ""};
	struct signal_finding f;

	signal_evaluate(find(name), &in, &f);
	find(name)->explain(find(name), &in, &f, text, 200);
	return f;
}

static void
test_rows(void **state)
{
	static const struct window empty;
	char text[200];

	(void)state;
	assert_true(signal_count <= 32);
	for (unsigned i = 0; i < signal_count; i++) {
		const struct signal *s = &signal_table[i];

		assert_non_null(s->name);
		assert_non_null(s->ask);
		assert_non_null(s->source);
		assert_in_range(s->question, 0, QUESTION__COUNT - 1);
		assert_in_range(s->group, 0, SIGNAL_GROUP__COUNT - 1);
		assert_in_range(s->needs, 1, SIGNAL_NEEDS_ANY);
		assert_true(s->activation >= 1);
		assert_true(s->decays || s->window_ns > 0);
		assert_true(evaluate(s->name, &empty, text).points == 0);
		assert_true(strlen(text) > 10);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(s->name, signal_table[k].name);
	}
}

/* A bad list that servers of several tenants share: everybody's recipients condemn it, and only
 * what a server's own say is held against it. */
static void
test_shared_list(void **state)
{
	struct window w = {0};
	struct window_trials *own = &w.trials[WINDOW_TEST_LOOSE];
	struct signal_input in = {.window = &w,
	    .ceilings = &ceilings,
	    .now_ns = NOW,
	    .half_life_ns = CLOCK_HOUR_NS,
	    .others = {.members = 3, .points = 20, .trials = 400, .kind = WINDOW_CAMPAIGN_SIZE},
	    .plan = ""};
	const struct signal *s = find("shared-list");
	struct signal_finding f;
	char text[200];

	(void)state;
	signal_evaluate(s, &in, &f);
	assert_true(f.points == 0); /* nothing is known of its own recipients */
	*own = (struct window_trials){.points = 3, .bad = 6, .good = 20, .time_ns = NOW};
	signal_evaluate(s, &in, &f);
	assert_true(f.points == 0); /* a few mistyped addresses */
	own->points = 8;
	signal_evaluate(s, &in, &f);
	assert_true(f.points == 12); /* 8 and ln 57 */
	s->explain(s, &in, &f, text, sizeof(text));
	assert_non_null(strstr(text, "servers of 3 tenants"));
	in.others.kind = WINDOW_CAMPAIGN_TEXT;
	signal_evaluate(s, &in, &f);
	assert_true(f.points == 8); /* the row "snowshoe" speaks of the text */
	in.others.members = 2;
	signal_evaluate(s, &in, &f);
	assert_true(f.points == 0);
	in.others = (struct pool_view){.members = 8, .points = 16};
	signal_evaluate(s, &in, &f);
	assert_true(f.points == 0); /* everybody's recipients do not condemn it */
}

static void
test_shared_name(void **state)
{
	struct window w = {0};
	struct signal_input in = {
	    .window = &w, .ceilings = &ceilings, .name_tenants = 2, .plan = ""};
	const struct signal *s = find("shared-name");
	struct signal_finding f;

	(void)state;
	signal_evaluate(s, &in, &f);
	assert_true(f.points == 0);
	in.name_tenants = 3;
	signal_evaluate(s, &in, &f);
	assert_true(f.points > 4.6 && f.points < 4.7);
}

/* n ln(l1/l0) - (l1 - l0), by hand: 47 ln 3 - 40 = 11.635. */
static void
test_poisson(void **state)
{
	(void)state;
	assert_true(signal_poisson(47, 20, 60) > 11.63 && signal_poisson(47, 20, 60) < 11.64);
	assert_true(signal_poisson(36, 20, 60) < 0 && signal_poisson(37, 20, 60) > 0);
	assert_true(signal_poisson(20, 20, 60) <= 0 && signal_poisson(0, 20, 60) < 0);
}

static void
test_volume(void **state)
{
	struct window w = {0};
	char text[200];

	(void)state;
	w.sum[WINDOW_OPEN_5MIN] = 47;
	assert_true(evaluate("recipients-5min", &w, text).points > 11.5);
	assert_string_equal(
	    text, "47 different recipients in 5 minutes; a server on plan default stays below 20");
	w.sum[WINDOW_OPEN_5MIN] = 36;
	assert_true(evaluate("recipients-5min", &w, text).points == 0);
	w.sum[WINDOW_OPEN_HOUR] = 190;
	assert_true(evaluate("recipients-hour", &w, text).points > 11.5);
	w.sum[WINDOW_OPEN_DAY] = 1016;
	assert_true(evaluate("recipients-day", &w, text).points > 11.5);
	w.sum[WINDOW_BEYOND_HOUR] = 100;
	assert_int_equal(evaluate("recipients-hour", &w, text).visibility, OBS_CLEAR);
	assert_non_null(strstr(text, "100 of them beyond its volume"));
	w.sum[WINDOW_ESTIMATED_HOUR] = 5;
	assert_int_equal(evaluate("recipients-hour", &w, text).visibility, OBS_TLS);
}

/* Five typos never accuse; seven of seven do, and a large honest sender may have more. */
static void
test_unknown(void **state)
{
	struct window w = {
	    .trials[WINDOW_TEST_UNKNOWN] = {.points = 12.3f, .bad = 5, .time_ns = NOW}};
	char text[200];
	double small;

	(void)state;
	assert_true(evaluate("unknown-recipients", &w, text).points == 0);
	w.trials[WINDOW_TEST_UNKNOWN].bad = 8;
	w.trials[WINDOW_TEST_UNKNOWN].good = 3;
	small = evaluate("unknown-recipients", &w, text).points;
	assert_true(small > 11.5);
	assert_non_null(strstr(text, "8 of 11 recipients do not exist"));
	w.sum[WINDOW_GRANTED_DAY] = 5000;
	assert_true(evaluate("unknown-recipients", &w, text).points < small - 5);
	w.sum[WINDOW_GRANTED_DAY] = 0;
	/* The patient test takes over when it is surer, from the twelfth on. */
	w.trials[WINDOW_TEST_STALE] =
	    (struct window_trials){.points = 20, .bad = 11, .good = 60, .time_ns = NOW};
	assert_true(evaluate("unknown-recipients", &w, text).points == small);
	w.trials[WINDOW_TEST_STALE].bad = 12;
	assert_true(evaluate("unknown-recipients", &w, text).points > small);
	assert_non_null(strstr(text, "12 of 72 recipients do not exist"));
}

/* Bursts of twelve: the same number of people says much less. */
static void
test_clumping(void **state)
{
	struct window w = {.burst = {.sum = 12 * 50, .square = 144 * 50}};
	char text[200];

	(void)state;
	w.sum[WINDOW_OPEN_5MIN] = 47;
	assert_true(window_clumping(&w) > 11.8 && window_clumping(&w) < 12);
	assert_true(evaluate("recipients-5min", &w, text).points < 1);
	w.sum[WINDOW_OPEN_5MIN] = 170;
	assert_true(evaluate("recipients-5min", &w, text).points > 11.5);
	w.burst.square *= 1000; /* however odd, bounded */
	assert_true(window_clumping(&w) == WINDOW_CLUMPING_MAX);
}

static void
test_outage_is_no_scan(void **state)
{
	struct window w = {.trials[WINDOW_TEST_CONNECT] = {.points = 12, .bad = 9, .time_ns = NOW}};
	char text[200];

	(void)state;
	assert_true(evaluate("failed-connections", &w, text).points == 0);
	w.trials[WINDOW_TEST_CONNECT].good = 2;
	assert_true(evaluate("failed-connections", &w, text).points > 0);
}

static void
test_campaigns(void **state)
{
	struct window w = {.campaign[3] = {.kind = WINDOW_CAMPAIGN_TEXT, .sum = 50}};
	char text[200];

	(void)state;
	assert_true(evaluate("declared-bulk", &w, text).points == 0);
	w.campaign[3].declared = true;
	assert_true(evaluate("declared-bulk", &w, text).points > 11.5);
	assert_non_null(strstr(text, "50 different recipients"));
	assert_true(evaluate("same-text", &w, text).points == 0);
	w.campaign[3].sum = 110;
	assert_true(evaluate("same-text", &w, text).points > 9);
	assert_true(evaluate("no-unsubscribe", &w, text).points > 0);
	w.campaign[3].unsubscribable = true;
	assert_true(evaluate("no-unsubscribe", &w, text).points == 0);
	w.campaign[3].kind = WINDOW_CAMPAIGN_SIZE;
	assert_true(evaluate("same-size", &w, text).points == 0); /* at one destination */
	w.sum[WINDOW_DESTINATIONS_DAY] = 5;
	assert_true(evaluate("same-size", &w, text).points > 0);
}

static void
test_forwarder(void **state)
{
	struct window w = {0};
	char text[200];

	(void)state;
	w.sum[WINDOW_SENDERS_HOUR] = 40;
	assert_true(evaluate("sender-variety", &w, text).points > 0);
	w.sum[WINDOW_INBOUND_DAY] = 100;
	assert_true(evaluate("sender-variety", &w, text).points == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_poisson),
	    cmocka_unit_test(test_shared_list),
	    cmocka_unit_test(test_shared_name),
	    cmocka_unit_test(test_volume),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_clumping),
	    cmocka_unit_test(test_outage_is_no_scan),
	    cmocka_unit_test(test_campaigns),
	    cmocka_unit_test(test_forwarder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

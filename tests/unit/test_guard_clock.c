/* SPDX-License-Identifier: ISC */
/* The wall clock is set under the guard, and while none runs: blocks last as long as they were said to. */
#include "policy/guard_private.h"
#include "tests/unit/guard_fixture.h"

#define SECOND CLOCK_SECOND_NS
#define HOUR   CLOCK_HOUR_NS

/* The wall clock is `wall` at the start of the test; boot was an hour ago. */
static int64_t mono_ns, wall_ns;

static void
turn(struct fixture *f, int64_t passed_ns, int64_t jump_ns)
{
	mono_ns += passed_ns;
	wall_ns += passed_ns + jump_ns;
	guard_set_time(&f->g, wall_ns, mono_ns);
	guard_tick(&f->g);
}

static void
begin(struct fixture *f)
{
	mono_ns = HOUR;
	wall_ns = T0;
	turn(f, 0, 0);
}

static void
block(struct fixture *f, unsigned index, int64_t for_ns, bool pin)
{
	assert_int_equal(guard_block(&f->g, index, "uid 0 (root)", "clock", for_ns, pin, NULL), 0);
}

/* How long the element of a block may stand from now on. */
static int64_t
left(struct fixture *f, unsigned index)
{
	const struct verdict *v = judge_verdict(f->g.judge, index);

	assert_int_equal(v->rung, RUNG_BLOCK);
	return guard_block_timeout(&f->g, v->until_ns, v->pinned);
}

static struct store_case
stored(struct fixture *f, const char *server)
{
	struct store_case c;

	assert_int_equal(store_get_case(f->g.store, server, &c, NULL), 0);
	free(c.detail);
	c.detail = NULL;
	return c;
}

static int
count_jump(void *arg, const struct ledger_entry *entry)
{
	*(unsigned *)arg += strcmp(entry->action, "clock.jump") == 0;
	return 0;
}

static unsigned
jumps(struct fixture *f)
{
	unsigned count = 0;

	assert_int_equal(store_each_ledger(f->g.store, 1, count_jump, &count, NULL), 0);
	assert_int_equal(ledger_verify(f->g.store, NULL, &(int64_t){0}, NULL), 0);
	return count;
}

static void
block_lasts_its_span_over_jumps(void **state)
{
	static const int64_t by[] = {
	    -2 * HOUR, 2 * HOUR, 72 * HOUR, -72 * HOUR, -20000 * HOUR, 30 * SECOND};
	struct fixture *f = *state;
	int64_t end_ns;

	begin(f);
	block(f, 0, 3 * HOUR, false);
	end_ns = mono_ns + left(f, 0);
	for (unsigned i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		turn(f, SECOND, by[i]);
		assert_int_equal(mono_ns + left(f, 0), end_ns);
		assert_int_equal(
		    stored(f, "vm-a").until_ns, judge_verdict(f->g.judge, 0)->until_ns);
		assert_int_equal(jumps(f), i + 1);
	}
	/* It ends by time, when three hours have passed and not before. */
	while (mono_ns < HOUR + 3 * HOUR - SECOND) {
		turn(f, SECOND, 0);
		assert_int_equal(judge_verdict(f->g.judge, 0)->rung, RUNG_BLOCK);
	}
	turn(f, 2 * SECOND, 0);
	assert_int_equal(judge_verdict(f->g.judge, 0)->rung, RUNG_CLEAR);
	assert_true(stored(f, "vm-a").end_ns != 0);
}

static void
what_was_decided_while_ahead_lasts_no_longer(void **state)
{
	struct fixture *f = *state;

	begin(f);
	turn(f, SECOND, 72 * HOUR);
	block(f, 0, HOUR, false);
	turn(f, SECOND, -72 * HOUR);
	assert_in_range(left(f, 0), HOUR - SECOND, HOUR + 5 * SECOND);
	/* A case that ended while the clock was ahead is not taken for the newest one. */
	turn(f, SECOND, 72 * HOUR);
	assert_int_equal(guard_release(&f->g, 0, "uid 0 (root)", "clock", NULL), 0);
	turn(f, SECOND, -72 * HOUR);
	block(f, 0, HOUR, false);
	assert_int_equal(stored(f, "vm-a").end_ns, 0);
	assert_string_equal(stored(f, "vm-a").case_id, judge_verdict(f->g.judge, 0)->case_id);
	assert_int_equal(guard_release(&f->g, 0, "uid 0 (root)", "clock", NULL), 0);
	turn(f, SECOND, 0);
	assert_true(stored(f, "vm-a").end_ns != 0);
}

static void
pinned_and_steered(void **state)
{
	struct fixture *f = *state;

	begin(f);
	block(f, 0, 0, true);
	turn(f, SECOND, -2 * HOUR);
	assert_int_equal(left(f, 0), 0);
	assert_int_equal(stored(f, "vm-a").until_ns, 0);
	/* A clock that is steered does not jump, however far it gets. */
	for (unsigned i = 0; i < 100; i++)
		turn(f, 60 * SECOND, SECOND / 10);
	assert_int_equal(jumps(f), 1);
}

static void
clock_set_back_while_stopped(void **state)
{
	struct fixture *f = *state;

	begin(f);
	block(f, 0, HOUR, false);
	guard_close(&f->g);
	open_guard(f, T0 - 48 * HOUR);
	assert_in_range(left(f, 0), 1, HOUR + 5 * SECOND);
	assert_in_range(stored(f, "vm-a").until_ns - f->g.now_ns, 1, HOUR);
	assert_int_equal(jumps(f), 1);
	/* Killed at once: the next one finds the same. */
	guard_close(&f->g);
	open_guard(f, T0 - 48 * HOUR + SECOND);
	assert_in_range(left(f, 0), 1, HOUR + 5 * SECOND);
	assert_int_equal(jumps(f), 1);
}

/* Seen before the clock was set back, read after it: it must not end a block at once. */
static void
late_observation_ends_nothing(void **state)
{
	struct observation o = {
	    .kind = OBS_SESSION_START, .session = 1, .client_port = 4000, .server_port = 25};
	struct fixture *f = *state;

	begin(f);
	block(f, 0, HOUR, false);
	o.time_ns = wall_ns;
	strcpy(o.ifname, "vnet1");
	assert_int_equal(addr_parse("10.0.0.1", &o.client), 0);
	assert_int_equal(addr_parse("198.51.100.1", &o.server), 0);
	turn(f, SECOND, -2 * HOUR);
	guard_sensor(&f->g, INGEST_CONNECTED, 0, NULL);
	guard_sensor(&f->g, INGEST_OBSERVATION, 0, &o);
	assert_int_equal(judge_verdict(f->g.judge, 0)->rung, RUNG_BLOCK);
	guard_tick(&f->g);
	assert_in_range(left(f, 0), HOUR - SECOND, HOUR + 5 * SECOND);
}

/* What the early-boot restore would put into the kernel by this clock: the one element's time. */
static int64_t
restored_timeout(struct fixture *f, int64_t now_ns)
{
	struct plan plan;
	int64_t timeout_ns;
	struct err e;

	f->g.now_ns = now_ns;
	plan_init(&plan);
	/* Planning asks whether there is an enforcer, and nothing of it. */
	f->g.enforce = (struct enforce *)(void *)f;
	assert_int_equal(guard_plan(&f->g, &plan, &e), 0);
	f->g.enforce = NULL;
	assert_false(f->g.plan_full);
	assert_int_equal(plan.count, 1);
	assert_int_equal(plan.elements[0].set, PLAN_SET_BLOCKED);
	assert_string_equal(plan.elements[0].ifname, "vnet1");
	timeout_ns = plan.elements[0].timeout_ns;
	plan_fini(&plan);
	return timeout_ns;
}

/* Early in the boot the clock may be days or decades behind: not for longer than the block was for. */
static void
restore_by_a_clock_that_is_behind(void **state)
{
	struct fixture *f = *state;
	const struct store_case c = {.case_id = "bh-clock",
	    .server = "vm-a",
	    .question = QUESTION__COUNT,
	    .by_person = true,
	    .begin_ns = T0,
	    .until_ns = T0 + HOUR,
	    .detail = "{}",
	    .rung = RUNG_BLOCK};
	const int64_t most = HOUR + 5 * SECOND; /* what the kernel is given on top, guard_plan.c */

	guard_close(&f->g);
	f->settings.brake = false;
	memset(&f->g, 0, sizeof(f->g));
	f->g.restoring = true;
	assert_int_equal(guard_open(&f->g, &f->settings, SECOND, NULL), 0);
	/* Without a child the guard observes. */
	snprintf(f->g.settings.policy.mode, sizeof(f->g.settings.policy.mode), "enforce");
	assert_int_equal(store_put_case(f->g.store, &c, NULL), 0);
	assert_int_equal(restored_timeout(f, SECOND), most);
	assert_int_equal(restored_timeout(f, T0 - 72 * HOUR), most);
	assert_int_equal(restored_timeout(f, T0 - SECOND), most);
	assert_int_equal(restored_timeout(f, T0), most);
	/* By a clock that is right, the rest of it. */
	assert_int_equal(restored_timeout(f, T0 + HOUR / 2), most - HOUR / 2);
	assert_int_equal(restored_timeout(f, T0 + 2 * HOUR), 5 * SECOND);
	f->g.now_ns = T0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(block_lasts_its_span_over_jumps, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_was_decided_while_ahead_lasts_no_longer, setup, teardown),
	    cmocka_unit_test_setup_teardown(pinned_and_steered, setup, teardown),
	    cmocka_unit_test_setup_teardown(clock_set_back_while_stopped, setup, teardown),
	    cmocka_unit_test_setup_teardown(late_observation_ends_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(restore_by_a_clock_that_is_behind, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

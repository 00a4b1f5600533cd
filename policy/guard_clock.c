/* SPDX-License-Identifier: ISC */
/*
 * The wall clock is set under the running guard, or was while none ran.  Spans go by the clock that
 * never steps: what stands is moved by the jump, so that it lasts as long as it was said to.
 * bulkhead-guard (judge process).
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "policy/guard_private.h"

/* Between two rounds of the loop a clock that is only steered gains or loses at most a millisecond
 * (500 ppm, adjtimex(2)); two seconds are also beyond a leap second. */
#define JUMP_NS (2 * CLOCK_SECOND_NS)

static void
move(int64_t *time_ns, int64_t by_ns)
{
	if (*time_ns != 0)
		*time_ns += by_ns;
}

/* The open cases, and what the judge knows of servers on a rung, in one transaction. */
static int
record_jump(struct guard *g, int64_t by_ns, const char *when, struct err *e)
{
	int rc = store_begin(g->store, e);

	if (rc < 0)
		return rc;
	rc = store_shift_cases(g->store, by_ns, e);
	for (unsigned i = 0; rc == 0 && i < inventory_count(g->inventory); i++) {
		const struct verdict *v = judge_verdict(g->judge, i);

		if (v != NULL && v->rung != RUNG_CLEAR)
			rc = guard_save_server(g, i, e);
	}
	if (rc == 0)
		rc = guard_write_ledger(g, GUARD_ACTOR, "clock.jump", "guard",
		    json_pack(
			"{s:f, s:s}", "by_seconds", (double)by_ns / CLOCK_SECOND_NS, "when", when),
		    e);
	if (rc == 0)
		return store_commit(g->store, e);
	store_rollback(g->store);
	return rc;
}

static void
jump(struct guard *g, int64_t by_ns, const char *when)
{
	struct err e;

	log_event(LOG_LEVEL_WARN, "guard.clock.jump", "seconds=%.3f when=%s",
	    (double)by_ns / CLOCK_SECOND_NS, when);
	judge_shift(g->judge, by_ns);
	for (unsigned i = 0; i < GUARD_SENSORS_MAX; i++) {
		move(&g->sensors[i].connected_ns, by_ns);
		move(&g->sensors[i].last_heard_ns, by_ns);
	}
	move(&g->notify_heard_ns, by_ns);
	g->need_reconcile = g->enforce != NULL;
	/* The kernel follows the judge; the next jump, or the next start, moves the rows. */
	if (record_jump(g, by_ns, when, &e) < 0)
		guard_log_failure("clock", "", &e);
}

void
guard_set_time(struct guard *g, int64_t wall_ns, int64_t mono_ns)
{
	int64_t offset_ns = wall_ns - mono_ns, by_ns = offset_ns - g->clock_offset_ns;

	g->now_ns = wall_ns;
	if (g->clock_offset_ns != 0 && llabs(by_ns) > JUMP_NS) {
		move(&g->started_ns, by_ns);
		jump(g, by_ns, "running");
	}
	g->clock_offset_ns = offset_ns;
}

int
guard_clock_at_start(struct guard *g, struct err *e)
{
	struct ledger_entry last;
	int rc;

	/* Early in the boot the clock may not have been set yet: it lasts for less than a minute. */
	if (g->restoring)
		return 0;
	rc = store_last_ledger(g->store, &last, e);
	if (rc == 0 && last.time_ns - g->now_ns > JUMP_NS)
		jump(g, g->now_ns - last.time_ns, "stopped");
	return rc == -ENOENT ? 0 : rc;
}

int64_t
guard_clock_of(const struct guard *g, int64_t seen_ns)
{
	return seen_ns - g->now_ns > JUMP_NS ? g->now_ns : seen_ns;
}

/* SPDX-License-Identifier: ISC */
/* The judge: what follows from what was seen, with time, and by people.  bulkhead-guard, replay. */
#include "policy/judge_private.h"

#include <errno.h>
#include <math.h>

#include "base/clock.h"

/* A blocked server is quiet while it tries no more than this share of its 5-minute ceiling anew. */
#define QUIET_SHARE 0.25

/* After a person's release any backlog may pass for so long, up to the plan's hourly ceiling ... */
#define BACKLOG_NS (2 * CLOCK_HOUR_NS)
/* ... and the rest of the mailing that was stopped, up to its daily one: Postfix tries again after
 * at most 4,000 s (maximal_backoff_time), Exim after 6 hours, so that every message has its turn.
 */
#define DRAIN_NS (6 * CLOCK_HOUR_NS)

/* Without a sensor, more refused packets than so many a second mean that a server still tries. */
#define REFUSED_PER_SECOND 1

/* Nothing new was seen: what fades by itself is looked at so often.  A rung below block is held for
 * ten minutes, and the hour's clock slides in steps of five. */
#define IDLE_STEP_NS (30 * CLOCK_SECOND_NS)

/* --- verdicts --- */

static void
catch_turn(struct judge *j)
{
	int64_t bucket = j->now_ns / (j->rules.policy.catch_window_ns / TALLY_BUCKETS);
	int64_t passed = bucket - j->new_blocks_bucket;

	if (passed == 0)
		return;
	if (passed < 0 || passed > TALLY_BUCKETS)
		passed = TALLY_BUCKETS;
	tally_ring_turn(&j->new_blocks, (unsigned)(bucket % TALLY_BUCKETS), (unsigned)passed);
	j->new_blocks_bucket = bucket;
}

/* True when one more automatic block would be more than a sane day brings: the catch falls in. */
static bool
catch_holds(struct judge *j)
{
	double share = (double)j->rules.policy.catch_percent / 100 * inventory_count(j->inventory);
	double recent = 0;

	catch_turn(j);
	for (unsigned i = 0; i < TALLY_BUCKETS; i++)
		recent += (double)j->new_blocks.bucket[i];
	if (recent + 1 > fmax((double)j->rules.policy.catch_min, share))
		j->catch_is_on = true;
	return j->catch_is_on;
}

static void
tell(struct judge *j, const struct judge_state *s, unsigned index, unsigned from, bool lifted)
{
	const struct verdict *v = &s->ladder.verdict;
	struct verdict_change change = {
	    .index = index,
	    .from = (uint8_t)from,
	    .to = v->rung,
	    .shadow = v->rung == RUNG_BLOCK ? v->shadow : s->observe_only || j->catch_is_on,
	    .lifted_by_time = lifted,
	    .time_ns = j->now_ns,
	};

	if (j->on_change != NULL)
		j->on_change(j->arg, &change);
}

struct signal_input
judge_make_input(const struct judge *j, const struct judge_state *s, const struct window *w)
{
	struct signal_input in = {
	    .window = w,
	    .ceilings = &s->ceilings,
	    .now_ns = j->now_ns,
	    .half_life_ns = j->rules.policy.decay_half_life_ns,
	    .name_tenants = s->name_tenants,
	    .plan = s->plan,
	};

	return in;
}

void
judge_add_pools(const struct judge *j, const struct judge_state *s, struct signal_input *in)
{
	in->tenant = pool_get(s->tenant_pool, s->tenant_mailing, j->now_ns);
	in->others = pool_get(j->everybody, s->others_mailing, j->now_ns);
}

/* When a tick has to look at it: soon, and each time about the end of what stands. */
static void
note_due(struct judge *j, const struct judge_state *s, unsigned index)
{
	const struct verdict *v = &s->ladder.verdict;
	int64_t due = j->now_ns + IDLE_STEP_NS;

	if (v->until_ns != 0 && v->until_ns - CLOCK_MINUTE_NS < due)
		due = v->until_ns - CLOCK_MINUTE_NS;
	j->due_ns[index] = v->rung != RUNG_CLEAR ? due : 0;
}

/* Nothing speaks.  What several servers send together can only have grown when this one sent some of
 * it; else the pools are not looked at. */
static bool
is_quiet(const struct judge *j, const struct judge_state *s, struct signal_input *in, bool mailing)
{
	if (!signal_all_quiet(in))
		return false;
	if (!mailing)
		return true;
	judge_add_pools(j, s, in);
	return signal_all_quiet(in);
}

void
judge_decide(struct judge *j, struct judge_state *s, unsigned index, bool mailing)
{
	struct ladder *l = &s->ladder;
	double points[QUESTION__COUNT] = {0};
	unsigned from = l->verdict.rung;
	bool active = (double)s->window.sum[WINDOW_ATTEMPTS_5MIN] >
		      QUIET_SHARE * s->ceilings.span[TALLY_5MIN];
	bool shadow = s->observe_only;
	enum verdict_event event;

	if (from != RUNG_BLOCK) { /* whether a block ends is not a question of points */
		struct signal_input in = judge_make_input(j, s, &s->window);

		if (from == RUNG_CLEAR && is_quiet(j, s, &in, mailing)) {
			j->due_ns[index] = 0;
			return;
		}
		judge_add_pools(j, s, &in);
		score_points(&in, &j->rules.ladder.bounds, points);
	}
	if (from != RUNG_BLOCK && !shadow &&
	    fmax(points[0], points[1]) >= j->rules.ladder.bounds.rung[RUNG_BLOCK])
		shadow = catch_holds(j);
	event = verdict_step(l, &j->rules.ladder, s->name, j->now_ns, points, active,
	    s->counts.messages + s->counts.messages_estimated, shadow);
	note_due(j, s, index);
	if (event == VERDICT_SAME)
		return;
	if (event != VERDICT_EXTENDED)
		s->refused = 0;
	if (event == VERDICT_MOVED && l->verdict.rung == RUNG_BLOCK)
		window_note_block(&s->window);
	if (event == VERDICT_LIFTED)
		window_release(&s->window, j->now_ns, 0, 0);
	if (event == VERDICT_MOVED && l->verdict.rung == RUNG_BLOCK && !shadow)
		j->new_blocks.bucket[j->new_blocks_bucket % TALLY_BUCKETS] += 1;
	tell(j, s, index, from, event == VERDICT_LIFTED);
}

/* A block that stood in the shadow of observe mode or the catch is decided anew when the shadow is
 * gone. */
static void
leave_shadow(struct judge *j, struct judge_state *s, unsigned index)
{
	struct verdict *v = &s->ladder.verdict;

	if (v->rung != RUNG_BLOCK || !v->shadow || v->by_person || s->observe_only ||
	    j->catch_is_on)
		return;
	verdict_release(&s->ladder, j->now_ns);
	v->block_count -= v->block_count > 0;
	tell(j, s, index, RUNG_BLOCK, false);
}

void
judge_tick(struct judge *j, int64_t now_ns)
{
	if (now_ns <= 0 || now_ns > JUDGE_TIME_MAX_NS)
		return;
	j->now_ns = now_ns;
	for (unsigned i = 0; i < j->state_room; i++) {
		struct judge_state *s = j->states[i];

		/* Further away than a step: the clock was set back. */
		if (j->due_ns[i] == 0 || s == NULL ||
		    (now_ns < j->due_ns[i] && j->due_ns[i] - now_ns <= IDLE_STEP_NS))
			continue;
		if (s->ladder.verdict.rung == RUNG_CLEAR) {
			j->due_ns[i] = 0;
			continue;
		}
		leave_shadow(j, s, i);
		window_turn(&s->window, now_ns);
		judge_decide(j, s, i, false);
	}
}

void
judge_shift(struct judge *j, int64_t by_ns)
{
	j->now_ns += by_ns;
	for (unsigned i = 0; i < j->state_room; i++) {
		struct judge_state *s = j->states[i];

		if (s == NULL)
			continue;
		verdict_shift(&s->ladder, by_ns);
		if (s->window.allowance_until_ns != 0)
			s->window.allowance_until_ns += by_ns;
		if (s->window.drain.until_ns != 0)
			s->window.drain.until_ns += by_ns;
		s->refused_s = 0; /* the next reading is the first */
		j->due_ns[i] = 1; /* the next tick sees whether it need be */
	}
}

uint64_t
judge_get_refused(const struct judge *j, unsigned index)
{
	const struct judge_state *s = judge_find_state(j, index);

	return s != NULL ? s->refused : 0;
}

void
judge_refused(struct judge *j, unsigned index, int64_t now_ns, uint64_t packets, bool blind)
{
	struct judge_state *s = judge_find_state(j, index);
	uint32_t now_s = (uint32_t)(now_ns / CLOCK_SECOND_NS);

	if (s == NULL || s->ladder.verdict.rung != RUNG_BLOCK)
		return;
	if (packets > UINT32_MAX)
		packets = UINT32_MAX;
	if (blind && s->refused_s != 0 && now_s > s->refused_s && packets > s->refused &&
	    packets - s->refused > (uint64_t)(now_s - s->refused_s) * REFUSED_PER_SECOND)
		s->ladder.activity_ns = now_ns;
	s->refused = (uint32_t)packets;
	s->refused_s = now_s;
}

/* --- people --- */

static struct judge_state *
take_or_err(struct judge *j, unsigned index, struct err *e)
{
	struct judge_state *s = judge_take_state(j, index);

	if (s == NULL)
		err_set(e, index >= inventory_count(j->inventory) ? -ENOENT : -ENOMEM,
		    "no state for server number %u: the inventory has %u", index,
		    inventory_count(j->inventory));
	return s;
}

int
judge_block(
    struct judge *j, unsigned index, int64_t now_ns, int64_t for_ns, bool pin, struct err *e)
{
	struct judge_state *s = take_or_err(j, index, e);

	if (s == NULL)
		return index >= inventory_count(j->inventory) ? -ENOENT : -ENOMEM;
	j->now_ns = now_ns;
	s->refused = 0;
	verdict_block(&s->ladder, &j->rules.ladder, s->name, now_ns, for_ns, pin,
	    s->counts.messages + s->counts.messages_estimated, s->observe_only);
	note_due(j, s, index);
	return 0;
}

int
judge_release(struct judge *j, unsigned index, int64_t now_ns, struct err *e)
{
	struct judge_state *s = take_or_err(j, index, e);

	if (s == NULL)
		return index >= inventory_count(j->inventory) ? -ENOENT : -ENOMEM;
	j->now_ns = now_ns;
	verdict_release(&s->ladder, now_ns);
	window_drain(&s->window, now_ns, s->ceilings.span[TALLY_DAY], DRAIN_NS);
	window_turn(&s->window, now_ns);
	window_release(&s->window, now_ns, s->ceilings.span[TALLY_HOUR], BACKLOG_NS);
	return 0;
}

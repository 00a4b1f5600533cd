/* SPDX-License-Identifier: ISC */
/* The judge: what people and programs see of it.  bulkhead-guard, replay. */
#include "policy/judge_private.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* --- looking --- */

static void
fill_rates(struct judge_view *out, const struct window *w)
{
	double estimated = (double)w->sum[WINDOW_ESTIMATED_HOUR];

	out->recipients_5min = (double)(w->sum[WINDOW_OPEN_5MIN] + w->sum[WINDOW_GRANTED_5MIN]);
	out->recipients_hour = (double)(w->sum[WINDOW_OPEN_HOUR] + w->sum[WINDOW_GRANTED_HOUR]);
	out->recipients_day = (double)(w->sum[WINDOW_OPEN_DAY] + w->sum[WINDOW_GRANTED_DAY]);
	out->granted_day = (double)w->sum[WINDOW_GRANTED_DAY];
	out->beyond_hour = (double)w->sum[WINDOW_BEYOND_HOUR];
	if (estimated > 0)
		out->estimated_share = fmin(1, estimated / fmax(estimated, out->recipients_hour));
}

const struct verdict *
judge_verdict(const struct judge *j, unsigned index)
{
	const struct judge_state *s = judge_find_state(j, index);

	return s != NULL ? &s->ladder.verdict : NULL;
}

int
judge_get(const struct judge *j, unsigned index, struct judge_view *out)
{
	const struct judge_state *s = judge_find_state(j, index);
	struct window now;
	struct signal_input in;

	if (index >= inventory_count(j->inventory))
		return -ENOENT;
	memset(out, 0, sizeof(*out));
	out->server = inventory_get(j->inventory, index);
	out->verdict.question = -1;
	if (s == NULL)
		return 0;
	now = s->window;
	window_turn(&now, j->now_ns);
	in = judge_make_input(j, s, &now);
	judge_add_pools(j, s, &in);
	for (unsigned q = 0; q < QUESTION__COUNT; q++)
		score_explain(&in, &j->rules.ladder.bounds, q, &out->score[q]);
	out->counts = s->counts;
	out->counts.distinct_destinations = tally_distinct_count(&s->destinations);
	out->counts.distinct_recipient_domains = tally_distinct_count(&s->domains);
	out->verdict = s->ladder.verdict;
	fill_rates(out, &now);
	out->sample_count = judge_state_get_samples(s, out->samples);
	out->outgoing = s->outgoing;
	out->last_activity_ns = s->last_activity_ns;
	if (s->ladder.verdict.rung == RUNG_BLOCK) {
		out->refused_packets = s->refused;
		out->tries_5min = (uint32_t)now.sum[WINDOW_ATTEMPTS_5MIN];
		out->last_try_ns = s->ladder.activity_ns;
	}
	for (unsigned i = 0; i < s->grant_count && out->grant_id == 0; i++)
		if (grant_is_active(s->grants[i], j->now_ns))
			out->grant_id = s->grants[i]->id;
	return 0;
}

uint64_t
judge_unattributed(const struct judge *j)
{
	return j->unattributed;
}

bool
judge_catch_is_on(const struct judge *j)
{
	return j->catch_is_on;
}

void
judge_catch_reset(struct judge *j)
{
	j->catch_is_on = false;
	memset(&j->new_blocks, 0, sizeof(j->new_blocks));
	for (unsigned i = 0; i < j->state_room; i++)
		if (j->due_ns[i] != 0)
			j->due_ns[i] = 1; /* what it held back is decided anew */
}

/* SPDX-License-Identifier: ISC */
/* Signals add up to scores.  bulkhead-guard, replay. */
#include "policy/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIGNALS_MAX 32 /* rows of the table, with room */

/* Ratio to the next bound: a cap must stay below it in spite of rounding. */
#define BELOW 0.98

/* A score beyond twice the block's bound says nothing more, and would decay for ever. */
#define BLOCK_CAP 2.0

const char *
question_name(unsigned q)
{
	static const char *const names[QUESTION__COUNT] = {"bulk", "abuse"};

	return q < QUESTION__COUNT ? names[q] : "unknown";
}

const char *
rung_name(unsigned r)
{
	static const char *const names[RUNG__COUNT] = {
	    "clear", "watch", "warn", "throttle", "block"};

	return r < RUNG__COUNT ? names[r] : "unknown";
}

void
score_bounds_init(struct score_bounds *b, double alpha, double beta)
{
	double block = log((1 - beta) / alpha);

	b->rung[RUNG_CLEAR] = 0;
	b->rung[RUNG_WATCH] = fmax(log((1 - beta) / (1000 * alpha)), 0.4 * block);
	b->rung[RUNG_WARN] = fmax(log((1 - beta) / (100 * alpha)), 0.6 * block);
	b->rung[RUNG_THROTTLE] = fmax(log((1 - beta) / (10 * alpha)), 0.8 * block);
	b->rung[RUNG_BLOCK] = block;
}

enum rung
score_rung(const struct score_bounds *b, double points)
{
	unsigned rung = RUNG_CLEAR;

	while (rung < RUNG_BLOCK && points >= b->rung[rung + 1])
		rung++;
	return (enum rung)rung;
}

double
score_cap(const struct score_bounds *b, enum rung highest)
{
	return highest >= RUNG_BLOCK ? BLOCK_CAP * b->rung[RUNG_BLOCK]
				     : BELOW * b->rung[highest + 1];
}

/* What a group weighs more than its room is taken off all of its rows alike. */
static double
shrink(struct signal_finding found[SIGNALS_MAX], unsigned question, unsigned group, double sum,
    double room)
{
	if (sum <= room)
		return sum;
	for (unsigned i = 0; i < signal_count; i++)
		if (signal_table[i].question == question && signal_table[i].group == group)
			found[i].points *= room / sum;
	return room;
}

/* What every row of the table contributes after caps and groups; sums by question. */
static void
weigh(const struct signal_input *in, const struct score_bounds *b, double points[QUESTION__COUNT],
    struct signal_finding found[SIGNALS_MAX])
{
	double sum[QUESTION__COUNT][SIGNAL_GROUP__COUNT] = {0};
	unsigned leader[QUESTION__COUNT] = {SIGNALS_MAX, SIGNALS_MAX};

	for (unsigned i = 0; i < signal_count; i++) {
		const struct signal *s = &signal_table[i];
		double *group = &sum[s->question][s->group], p;

		signal_evaluate(s, in, &found[i]);
		if (found[i].points <= 0)
			continue;
		p = fmin(found[i].points, score_cap(b, (enum rung)s->highest));
		found[i].points = p;
		if (s->group != SIGNAL_VOLUME) {
			*group += p;
		} else if (p > *group) {
			*group = p;
			if (leader[s->question] < SIGNALS_MAX)
				found[leader[s->question]].points = 0;
			leader[s->question] = i;
		} else {
			found[i].points = 0;
		}
	}
	for (unsigned q = 0; q < QUESTION__COUNT; q++) {
		double base = sum[q][SIGNAL_VOLUME] + sum[q][SIGNAL_DIRECT];
		double room;

		room = score_cap(b, signal_group_highest(q, SIGNAL_CORROBORATION));
		base += shrink(found, q, SIGNAL_CORROBORATION, sum[q][SIGNAL_CORROBORATION], room);
		room = fmax(0, score_cap(b, signal_group_highest(q, SIGNAL_ALERT)) - base);
		points[q] = base + shrink(found, q, SIGNAL_ALERT, sum[q][SIGNAL_ALERT], room);
	}
}

void
score_points(
    const struct signal_input *in, const struct score_bounds *b, double points[QUESTION__COUNT])
{
	struct signal_finding found[SIGNALS_MAX];

	weigh(in, b, points, found);
}

static int
compare_reasons(const void *a, const void *b)
{
	double x = ((const struct reason *)a)->points, y = ((const struct reason *)b)->points;

	return x > y ? -1 : x < y;
}

void
score_explain(const struct signal_input *in, const struct score_bounds *b, unsigned question,
    struct score *out)
{
	struct signal_finding found[SIGNALS_MAX];
	double points[QUESTION__COUNT];

	memset(out, 0, sizeof(*out));
	weigh(in, b, points, found);
	out->points = points[question];
	for (unsigned i = 0; i < signal_count && out->reason_count < JUDGE_REASONS_MAX; i++) {
		const struct signal *s = &signal_table[i];
		struct reason *r = &out->reasons[out->reason_count];

		if (s->question != question || found[i].points <= 0)
			continue;
		out->reason_count++;
		r->signal = s->name;
		r->points = found[i].points;
		r->value = found[i].value;
		r->threshold = found[i].threshold;
		r->window_ns = s->window_ns;
		r->visibility = found[i].visibility;
		s->explain(s, in, &found[i], r->text, sizeof(r->text));
	}
	qsort(out->reasons, out->reason_count, sizeof(out->reasons[0]), compare_reasons);
}

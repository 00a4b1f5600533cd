/* SPDX-License-Identifier: ISC */
/*
 * The score: what the signals of a question add up to, and Wald's bounds that the rungs stand on.
 * Pure.  bulkhead-guard, replay.
 */
#ifndef POLICY_SCORE_H
#define POLICY_SCORE_H

#include "policy/signal.h"

struct score_bounds {
	double rung[RUNG__COUNT]; /* points at which each begins; [RUNG_CLEAR] = 0 */
};

/*
 * Wald 1945: a test that may accuse wrongly with probability alpha and miss with beta accuses at
 * ln((1 - beta) / alpha).  Block at alpha, throttle at 10 alpha, warn at 100 alpha, watch at 1,000
 * alpha; where that leaves no room (a large alpha), at 0.8, 0.6 and 0.4 of the block's bound, which
 * is where they stand at the default of 1e-5 anyway.
 */
void score_bounds_init(struct score_bounds *b, double alpha, double beta);

/* The rung of a score. */
enum rung score_rung(const struct score_bounds *b, double points);

/* Most that something may weigh whose highest rung is given: just below the next bound. */
double score_cap(const struct score_bounds *b, enum rung highest);

/* The points of both questions; what score_explain() says, without the words. */
void score_points(
    const struct signal_input *in, const struct score_bounds *b, double points[QUESTION__COUNT]);

/* The points of one question with its reasons, largest first; their points add up to the score's.
 */
void score_explain(const struct signal_input *in, const struct score_bounds *b, unsigned question,
    struct score *out);

#endif

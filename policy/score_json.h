/* SPDX-License-Identifier: ISC */
/*
 * What the judge says as JSON: scores with their reasons, samples, counts, times, addresses.  One
 * shape for ctl.sock and for replay.  Pure.  bulkhead-guard, replay.
 */
#ifndef POLICY_SCORE_JSON_H
#define POLICY_SCORE_JSON_H

#include <jansson.h>

#include "policy/judge.h"

/* All return new references, NULL only without memory. */

/* A string that is valid UTF-8 and free of control characters, whatever came in. */
json_t *score_json_text(const char *text);
/* The same, and null for "". */
json_t *score_json_text_or_null(const char *text);
/* ISO 8601, null for 0. */
json_t *score_json_time(int64_t wall_ns);
/* Rounded to two decimals; null for what is not a number. */
json_t *score_json_points(double points);

/* {"score","reasons":[{"signal","points","text"}]}: the contract of `replay --json`. */
json_t *score_json_short(const struct score *score);
/* The same with value, threshold, window_s and visibility of each reason. */
json_t *score_json_whole(const struct score *score);

/* [{"time","destination","port","visibility","helo","sender_domain","recipient_domain","reply"}] */
json_t *score_json_samples(const struct judge_view *view);
/* The counters that `replay --json` prints, in its order, as members of `out`. */
void score_json_add_counts(json_t *out, const struct judge_counts *counts);
/* ["192.0.2.7","2001:db8:7::/64"] */
json_t *score_json_addresses(const struct server *s);

#endif

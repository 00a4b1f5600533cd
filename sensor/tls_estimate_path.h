/* SPDX-License-Identifier: ISC */
/*
 * One path of the estimator: how well it goes on to a state, and what it counts on the way.  bulkhead-sensor and
 * replay; used by sensor/tls_estimate.c only.
 */
#ifndef SENSOR_TLS_ESTIMATE_PATH_H
#define SENSOR_TLS_ESTIMATE_PATH_H

#include "sensor/tls_estimate_split.h"

/* A turn as a path reads it: what stands in it, and how the answer splits.  Zeroes: no envelope. */
struct reading {
	struct turn_shape shape;
	struct split split;
};

struct reading estimate_path_read(
    const struct estimate_path *p, enum estimate_state to, const struct exchange *x);

/* How well the path goes on to `to` with this exchange, beyond arc, shapes and habits (log-likelihood), and how it
 * reads it then. */
float estimate_path_gain(const struct estimate *s, const struct estimate_path *p,
    enum estimate_state from, enum estimate_state to, const struct exchange *x,
    struct reading *reading);

/* It is never more than this. */
extern const float estimate_path_gain_most[ESTIMATE__STATES];

/* The path's counters after the exchange in state `to`, read like this. */
void estimate_path_enter(struct estimate_path *p, enum estimate_state from, enum estimate_state to,
    const struct exchange *x, const struct reading *reading);

/* A message of so many recipients and bytes. */
void estimate_path_count(struct estimate_path *p, uint32_t recipients, uint32_t bytes);

#endif

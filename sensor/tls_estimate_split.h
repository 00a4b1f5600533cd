/* SPDX-License-Identifier: ISC */
/*
 * How the answer to a pipelined turn splits into replies.  bulkhead-sensor and replay; used by
 * sensor/tls_estimate_path.c only.
 */
#ifndef SENSOR_TLS_ESTIMATE_SPLIT_H
#define SENSOR_TLS_ESTIMATE_SPLIT_H

#include "sensor/tls_estimate_reply.h"

/* How well the answer to one RCPT fits `to`, ESTIMATE_RCPT or ESTIMATE_RCPT_REFUSED. */
float split_recipient_gain(
    const struct estimate_path *p, enum estimate_state to, const struct exchange *x);
struct split split_turn(
    const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape);
/* The same where no recipient was taken. */
struct split split_refused(
    const struct estimate_path *p, const struct exchange *x, const struct turn_shape *shape);

#endif

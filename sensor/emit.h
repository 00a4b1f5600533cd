/* SPDX-License-Identifier: ISC */
/*
 * Hands observations to the guard over obs.sock: batches of a poll round, a bounded queue while the guard is
 * away, losses counted, never blocking the capture.  bulkhead-sensor.
 */
#ifndef SENSOR_EMIT_H
#define SENSOR_EMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sensor/observation.h"

struct emit;

/* queue_max: observations kept while the guard is away (oldest are dropped and counted). */
int emit_new(struct emit **out, const char *socket_path, uint32_t queue_max, struct err *e);
void emit_free(struct emit *m);
void emit_add(struct emit *m, const struct observation *obs);
/* Sends what waits; (re)connects at most once a second.  Never blocks. */
void emit_flush(struct emit *m, int64_t mono_ns);
bool emit_is_connected(const struct emit *m);
uint64_t emit_lost(const struct emit *m);
/* Observations in the queue: for a reader of files, which can wait where a live capture cannot. */
uint32_t emit_waiting(const struct emit *m);

#endif

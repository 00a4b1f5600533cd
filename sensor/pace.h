/* SPDX-License-Identifier: ISC */
/*
 * How long to rest after a drained capture ring, so that wake-ups stay bounded while the first
 * packets after a calm are still seen at once.  Pure.  bulkhead-sensor.
 *
 * An immediate-mode ring wakes its reader for every packet: about 20 us of latency, and 14 us of
 * CPU each. A block timeout costs little CPU and half the timeout in latency.  Here wake-ups are a
 * budget (generic cell rate algorithm, ITU-T I.371): while it lasts, no rest; when it is spent, a
 * rest until the next is due.
 */
#ifndef SENSOR_PACE_H
#define SENSOR_PACE_H

#include <stdint.h>

struct pace {
	int64_t interval_ns; /* between two wake-ups in the long run */
	int64_t burst_ns;    /* how far ahead of that pace a burst may run */
	int64_t due_ns;	     /* when the next wake-up would be due */
};

void pace_init(struct pace *p, int64_t interval_ns, unsigned burst);

/* Accounts for one wake-up at now (monotonic); returns the rest to take before the next wait, 0 =
 * none. */
int64_t pace_rest(struct pace *p, int64_t now_ns);

#endif

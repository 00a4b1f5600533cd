/* SPDX-License-Identifier: ISC */
/*
 * Time: nanoseconds in int64_t everywhere, ISO 8601 for people, durations like 90s 15m 2h 30d.
 * Only main loops read the clock; everything below them is handed `now`.  Every process.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_SECOND_NS	 INT64_C(1000000000)
#define CLOCK_MINUTE_NS	 (60 * CLOCK_SECOND_NS)
#define CLOCK_HOUR_NS	 (60 * CLOCK_MINUTE_NS)
#define CLOCK_DAY_NS	 (24 * CLOCK_HOUR_NS)
#define CLOCK_ISO_BYTES	 32
#define CLOCK_SPAN_BYTES 48

int64_t clock_wall_ns(void); /* since 1970-01-01 UTC */
int64_t clock_mono_ns(void); /* CLOCK_BOOTTIME: counts suspend, never steps */

/* "2026-01-31T12:00:00.123456Z" (microseconds; without a fraction when it is zero); returns buf. */
const char *clock_format_iso(char buf[CLOCK_ISO_BYTES], int64_t wall_ns);
/* Accepts what clock_format_iso writes, and a date alone.  0 or -EINVAL. */
int clock_parse_iso(const char *text, int64_t *wall_ns);

/* "90s", "15m", "2h", "30d", "250ms"; a bare number is refused.  0 or -EINVAL (also for < 0 or >
 * 100 years). */
int clock_parse_span(const char *text, int64_t *span_ns);
/* The largest unit that divides it, else two units for people ("2h 5m"); returns buf. */
const char *clock_format_span(char buf[CLOCK_SPAN_BYTES], int64_t span_ns);

#endif

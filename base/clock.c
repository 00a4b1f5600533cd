/* SPDX-License-Identifier: ISC */
/* Time for machines and people; see clock.h.  Every process. */
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t
clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * CLOCK_SECOND_NS + ts.tv_nsec;
}

int64_t
clock_wall_ns(void)
{
	return clock_read(CLOCK_REALTIME);
}

int64_t
clock_mono_ns(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

const char *
clock_format_iso(char buf[CLOCK_ISO_BYTES], int64_t wall_ns)
{
	int64_t seconds = wall_ns / CLOCK_SECOND_NS;
	int64_t rest = wall_ns % CLOCK_SECOND_NS;
	struct tm tm;

	if (rest < 0) {
		rest += CLOCK_SECOND_NS;
		seconds--;
	}
	time_t t = (time_t)seconds;
	if (gmtime_r(&t, &tm) == NULL || tm.tm_year > 8099) {
		snprintf(buf, CLOCK_ISO_BYTES, "9999-12-31T23:59:59Z");
		return buf;
	}
	size_t n = strftime(buf, CLOCK_ISO_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest / 1000 != 0)
		n += (size_t)snprintf(buf + n, CLOCK_ISO_BYTES - n, ".%06d", (int)(rest / 1000));
	snprintf(buf + n, CLOCK_ISO_BYTES - n, "Z");
	return buf;
}

int
clock_parse_iso(const char *text, int64_t *wall_ns)
{
	struct tm tm = {0};
	const char *p = strptime(text, "%Y-%m-%d", &tm);
	int64_t fraction = 0;

	if (p == NULL)
		return -EINVAL;
	if (*p == 'T' || *p == ' ') {
		p = strptime(p + 1, "%H:%M:%S", &tm);
		if (p == NULL)
			return -EINVAL;
		if (*p == '.') {
			int64_t unit = CLOCK_SECOND_NS / 10;
			for (p++; isdigit((unsigned char)*p); p++, unit /= 10)
				fraction += unit * (*p - '0');
		}
		if (*p++ != 'Z')
			return -EINVAL;
	}
	if (*p != '\0')
		return -EINVAL;
	/* timegm() folds 31 February into March: a date that changed was none. */
	struct tm asked = tm;
	time_t t = timegm(&tm);
	if (tm.tm_mday != asked.tm_mday || tm.tm_mon != asked.tm_mon)
		return -EINVAL;
	*wall_ns = (int64_t)t * CLOCK_SECOND_NS + fraction;
	return 0;
}

static const struct {
	const char *unit;
	int64_t ns;
} clock_units[] = {
    {"d", CLOCK_DAY_NS},
    {"h", CLOCK_HOUR_NS},
    {"m", CLOCK_MINUTE_NS},
    {"s", CLOCK_SECOND_NS},
    {"ms", 1000000},
};

int
clock_parse_span(const char *text, int64_t *span_ns)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (errno != 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(clock_units) / sizeof(clock_units[0]); i++) {
		if (strcmp(end, clock_units[i].unit) != 0)
			continue;
		if (n > 36500 * (CLOCK_DAY_NS / clock_units[i].ns))
			return -EINVAL;
		*span_ns = n * clock_units[i].ns;
		return 0;
	}
	return -EINVAL;
}

const char *
clock_format_span(char buf[CLOCK_SPAN_BYTES], int64_t span_ns)
{
	const size_t count = sizeof(clock_units) / sizeof(clock_units[0]);

	if (span_ns <= 0) {
		snprintf(buf, CLOCK_SPAN_BYTES, "0s");
		return buf;
	}
	for (size_t i = 0; i < count; i++) {
		int64_t n = span_ns / clock_units[i].ns;
		if (n == 0)
			continue;
		int64_t rest =
		    i + 1 < count ? span_ns % clock_units[i].ns / clock_units[i + 1].ns : 0;
		if (rest != 0 && n < 100)
			snprintf(buf, CLOCK_SPAN_BYTES, "%lld%s %lld%s", (long long)n,
			    clock_units[i].unit, (long long)rest, clock_units[i + 1].unit);
		else
			snprintf(
			    buf, CLOCK_SPAN_BYTES, "%lld%s", (long long)n, clock_units[i].unit);
		return buf;
	}
	snprintf(buf, CLOCK_SPAN_BYTES, "<1ms");
	return buf;
}

/* SPDX-License-Identifier: ISC */
/* Event lines on stderr; see log.h.  Every process. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LOG_LINE_BYTES 2048

static const char *const log_names[LOG_LEVEL__COUNT] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};
/* The prefixes that journald reads from a service's stderr (sd-daemon(3)). */
static const char log_priority[LOG_LEVEL__COUNT] = {'3', '4', '6', '7'};

static const char *log_program = "bulkhead";
static enum log_level log_max = LOG_LEVEL_INFO;
static int log_to_terminal;

void
log_init(const char *program, enum log_level max)
{
	log_program = program;
	log_max = max;
	log_to_terminal = isatty(STDERR_FILENO);
}

int
log_level_parse(const char *text, enum log_level *out)
{
	for (unsigned i = 0; i < LOG_LEVEL__COUNT; i++) {
		if (strcmp(text, log_names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

static void log_write(enum log_level level, const char *event, uint64_t suppressed, const char *fmt,
    va_list ap) __attribute__((format(printf, 4, 0)));

static void
log_write(enum log_level level, const char *event, uint64_t suppressed, const char *fmt, va_list ap)
{
	char line[LOG_LINE_BYTES];
	int n = 0;

	if (log_to_terminal) {
		char iso[CLOCK_ISO_BYTES];
		n = snprintf(line, sizeof(line), "%s %s %s: %s ",
		    clock_format_iso(iso, clock_wall_ns()), log_names[level], log_program, event);
	} else {
		n = snprintf(
		    line, sizeof(line), "<%c>%s: %s ", log_priority[level], log_program, event);
	}
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 48, fmt, ap);
	size_t used = (size_t)n + (size_t)(m < 0 ? 0 : m);
	if (used > sizeof(line) - 49)
		used = sizeof(line) - 49;
	for (size_t i = 0; i < used; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	if (suppressed != 0)
		used += (size_t)snprintf(
		    line + used, 40, " suppressed=%llu", (unsigned long long)suppressed);
	line[used++] = '\n';
	/* One write: lines of several processes do not mix.  Nobody to tell when it fails. */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

void
log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	log_write(level, event, 0, fmt, ap);
	va_end(ap);
}

void
log_event_limited(
    struct log_limit *limit, enum log_level level, const char *event, const char *fmt, ...)
{
	va_list ap;
	int64_t now = clock_mono_ns();
	uint32_t allowed = limit->per_second == 0 ? 1 : limit->per_second;
	uint64_t suppressed = 0;

	if (level > log_max)
		return;
	if (limit->window_start_ns == 0 || now - limit->window_start_ns >= CLOCK_SECOND_NS) {
		limit->window_start_ns = now;
		limit->written = 0;
		suppressed = limit->suppressed;
		limit->suppressed = 0;
	}
	if (limit->written >= allowed) {
		limit->suppressed++;
		return;
	}
	limit->written++;
	va_start(ap, fmt);
	log_write(level, event, suppressed, fmt, ap);
	va_end(ap);
}

const char *
log_quote(char *buf, unsigned size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	unsigned n = 0;

	if (size < 8) {
		if (size != 0)
			buf[0] = '\0';
		return buf;
	}
	buf[n++] = '"';
	for (; *text != '\0' && n + 6 < size; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\') {
			buf[n++] = '\\';
			buf[n++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			buf[n++] = '\\';
			buf[n++] = 'x';
			buf[n++] = hex[c >> 4];
			buf[n++] = hex[c & 15];
		} else {
			buf[n++] = (char)c;
		}
	}
	buf[n++] = '"';
	buf[n] = '\0';
	return buf;
}

/* SPDX-License-Identifier: ISC */
/*
 * Log lines are events: `event key=value ...` on stderr, one line each.  Every process.
 * Event names are stable and dotted ("guard.block"); never log bodies, AUTH
 * arguments or full recipient addresses.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL__COUNT
};

/*
 * Sets the program name of every line and the least important level that is written.  Where stderr
 * is the journal ($JOURNAL_STREAM names it, systemd.exec(5)), lines go to its own socket instead,
 * with the event in BULKHEAD_EVENT and each key in a field BULKHEAD_KEY.
 */
void log_init(const char *program, enum log_level max);

/* Sends lines to the journal's socket at this path.  0 or negative errno: they go on to stderr. */
int log_to_journal(const char *socket_path);

/* Level from "error", "warn", "info", "debug"; returns 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *out);

/* Writes one line.  Values with blanks or control characters: see log_quote(). */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* For lines that a hostile peer can trigger: at most `per_second` lines, then "suppressed=N". */
struct log_limit {
	int64_t window_start_ns;
	uint32_t per_second; /* 0 means 1 */
	uint32_t written;
	uint64_t suppressed;
};
void log_event_limited(struct log_limit *limit, enum log_level level, const char *event,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Copies text into buf as a quoted value, control characters as \xNN; returns buf. */
const char *log_quote(char *buf, unsigned size, const char *text);

#endif

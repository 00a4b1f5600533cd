/* SPDX-License-Identifier: ISC */
/*
 * How far a long run is: bytes, percent and the time that is left, on standard error.  bulkhead
 * (CLI).
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	int64_t started_ns, shown_ns; /* monotonic; 0 = not yet */
	uint64_t total;		      /* bytes; 0 = unknown */
	bool terminal;		      /* one line that is written over; else a line each time */
};

/* Shows progress on a terminal, elsewhere only when it is `wanted`; false: not at all. */
bool progress_init(struct progress *p, bool wanted);
/* So many bytes are to come in all; 0 = unknown. */
void progress_expect(struct progress *p, uint64_t total);
/* So many are done: shown from the second second on, twice a second on a terminal, else every five. */
void progress_show(struct progress *p, uint64_t done);
/* Wipes the line away. */
void progress_end(const struct progress *p);

/* The line for so many bytes after so much time; for progress_show() and its test. */
const char *progress_text(
    char *buf, unsigned size, uint64_t done, uint64_t total, int64_t elapsed_ns);

#endif

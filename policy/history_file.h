/* SPDX-License-Identifier: ISC */
/*
 * A file of history: segments one after the other.  Read from a descriptor, so that whoever may not
 * open it can be handed it.  bulkhead-guard (history writer), replay.
 */
#ifndef POLICY_HISTORY_FILE_H
#define POLICY_HISTORY_FILE_H

#include "base/err.h"
#include "policy/history_pack.h"

struct history_file_stats {
	uint64_t bytes, segments;
	uint64_t skipped; /* segments whose predecessor is missing */
	uint64_t damaged; /* places that do not parse; the rest of that file is not read */
};

/*
 * Reads the file from its beginning, each entry to fn until it returns non-zero, which is then
 * returned.  A tail that was cut by a crash is no error; damage is counted.  done (may be NULL) is
 * told the bytes that were read, after each segment.  0, what fn returned, or negative errno with *e.
 */
int history_file_read(int fd, const char *name, struct history_unpack *u,
    int (*fn)(void *arg, const struct history_entry *entry), void *arg,
    void (*done)(void *arg, uint64_t bytes), struct history_file_stats *stats, struct err *e);

#endif

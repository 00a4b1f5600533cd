/* SPDX-License-Identifier: ISC */
/*
 * An existing whitelist as CSV: who may send already, until when.  Pure.  bulkhead-guard.
 */
#ifndef WHITELIST_LEGACY_H
#define WHITELIST_LEGACY_H

#include "whitelist/application.h"

#define LEGACY_FILE_MAX (4u << 20) /* bytes */
#define LEGACY_ROWS_MAX 4096

/*
 * Reads a file with the header line server,domains,per_day,until,note in any order (domains and
 * note may be absent; several servers or domains in a cell are separated by ';'; no domain = any).
 * Each row becomes an approved application without evidence that ends at `until` (a date, or a span
 * from `now`), with the note as its reason.  All or nothing: the first bad line is -EINVAL
 * "file:line:
 * ..." and *out is untouched.  *out is heap (free() it).
 */
int legacy_parse(const char *file, const char *text, size_t size, int64_t now_ns,
    struct application **out, unsigned *count, unsigned **lines, struct err *e);

#endif

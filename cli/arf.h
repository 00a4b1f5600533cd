/* SPDX-License-Identifier: ISC */
/* A case as a report in the Abuse Reporting Format (RFC 5965).  Pure.  bulkhead (CLI). */
#ifndef CLI_ARF_H
#define CLI_ARF_H

#include <jansson.h>
#include <stdint.h>

/*
 * `report` is the data of abuse.report (policy/ctl.h).  Heap text with CRLF lines, 7 bit (free() it); NULL without
 * memory.  The mail complained about was never kept: its header is made of what was seen, without local parts.
 */
char *arf_write(const json_t *report, int64_t now_ns);

#endif

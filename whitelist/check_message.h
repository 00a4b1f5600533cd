/* SPDX-License-Identifier: ISC */
/*
 * Checks the source of a sample mail: M1..M20 but for what needs DNS.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_MESSAGE_H
#define WHITELIST_CHECK_MESSAGE_H

#include "whitelist/check_job.h"

/* Once, before the jail: tables and character sets that the libraries read from files. */
void check_message_init(void);

/* The message as it was received, LF or CRLF, perhaps with an mbox "From " line. */
void check_message(
    const struct check_job *job, const void *data, size_t size, struct check_report *out);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * Decodes a picture to prove that it is one (C5), and measures it (U7).  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_PICTURE_H
#define WHITELIST_CHECK_PICTURE_H

#include "whitelist/check_job.h"

/*
 * Adds C5 about the evidence kind, U7 for the picture of the unsubscribe page, and the picture's
 * facts.  Memory: at most 6 bytes for each of CHECK_PICTURE_PIXELS_MAX pixels.
 */
void check_picture(
    const struct check_job *job, const void *data, size_t size, struct check_report *out);

#endif

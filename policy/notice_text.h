/* SPDX-License-Identifier: ISC */
/*
 * A notice as a letter, in the language of its receiver.  Pure.  bulkhead-guard (judge process).
 */
#ifndef POLICY_NOTICE_TEXT_H
#define POLICY_NOTICE_TEXT_H

#include <jansson.h>

#include "policy/notice.h"

#define NOTICE_TITLE_BYTES 200

/* The subject line; returns buf. */
const char *notice_title(char buf[NOTICE_TITLE_BYTES], const struct notice *n);
/*
 * The letter: lines of UTF-8 ending in LF; heap (free() it), NULL without memory.  `about` is the CASE (policy/ctl.h)
 * with its texts, or NULL when there is none; `url` where more is to be read, "" = nowhere.
 */
char *notice_letter(const struct notice *n, const json_t *about, const char *url);

#endif

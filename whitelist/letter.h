/* SPDX-License-Identifier: ISC */
/*
 * What support writes to a tenant about an application, ready to be sent: in the tenant's language,
 * with everything that is still missing.  Pure.  bulkhead-guard.
 */
#ifndef WHITELIST_LETTER_H
#define WHITELIST_LETTER_H

#include "whitelist/application.h"

#define LETTER_BYTES 8192 /* enough for the longest */

enum letter_kind {
	LETTER_RECEIVED, /* a draft was made from a ticket */
	LETTER_ASK,	 /* the reviewer asks; a->reason is the question */
	LETTER__COUNT
};

/* Writes the letter (LF lines, UTF-8) in the language a->lang; returns buf. */
const char *letter_write(
    char buf[LETTER_BYTES], enum letter_kind kind, const struct application *a, bool all_kvm);

#endif

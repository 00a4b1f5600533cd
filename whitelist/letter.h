/* SPDX-License-Identifier: ISC */
/*
 * What support writes to a tenant about an application, ready to be sent: in the tenant's language,
 * with everything that is still missing.  Pure.  bulkhead-guard.
 */
#ifndef WHITELIST_LETTER_H
#define WHITELIST_LETTER_H

#include "whitelist/application.h"
#include "whitelist/intake.h"

#define LETTER_BYTES 16384 /* enough for the longest */

enum letter_kind {
	LETTER_RECEIVED, /* a draft was made from a ticket */
	LETTER_ASK,	 /* the reviewer asks; a->reason is the question */
	LETTER__COUNT
};

/* What came with the mail that is answered. */
struct letter_mail {
	const struct intake_file *files;
	unsigned file_count;
};

/* What a failed check means for the sender and what to do, "en" or "ru"; NULL: nothing to tell (letter_checks.c). */
const char *letter_check_text(unsigned check, const char *lang);

struct check_report; /* whitelist/check.h */

/* Writes the letter (LF lines, UTF-8) in the language a->lang; `mail` may be NULL, and so may `report`, whose failed
 * checks are told; returns buf. */
const char *letter_write(char buf[LETTER_BYTES], enum letter_kind kind, const struct application *a,
    bool all_kvm, const struct letter_mail *mail, const struct check_report *report);

#endif

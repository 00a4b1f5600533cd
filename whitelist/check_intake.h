/* SPDX-License-Identifier: ISC */
/*
 * A support mail becomes the parts of an application: files with their kinds, fields with their
 * reasons; see intake.h.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_INTAKE_H
#define WHITELIST_CHECK_INTAKE_H

#include "whitelist/check_mime.h"
#include "whitelist/intake.h"

/* Reads the mail; the files that were taken are written one behind the other to `scratch`. */
void check_intake(struct intake *out, const char *data, size_t size, int scratch);

/* What is known of a file beside its row in the intake. */
struct intake_hint {
	char about[512]; /* its name, its description, the words just before it */
	bool picture, message, text, speaks_of_mail;
	bool listed;	       /* a message with List-Unsubscribe */
	char from_domain[256]; /* of a message, as written; "" = none */
};

/* Decides what every file is, and takes from the sample what it says of domain and purpose.  Pure. */
void check_intake_kinds(struct intake *out, struct intake_hint *hints);

/* The fields that the words fill, and the words that may name a server.  Pure.  `text` UTF-8,
 * terminated. */
void check_intake_words(struct intake *out, const char *text);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * A message taken apart: what the rules (check_rules.c) judge.  Only check_message.c knows the MIME
 * library.  bulkhead-check.
 */
#ifndef WHITELIST_CHECK_VIEW_H
#define WHITELIST_CHECK_VIEW_H

#include "whitelist/check_dkim.h"
#include "whitelist/check_job.h"

#define CHECK_FIELDS_MAX 2000

/* A header field of the message, in order; both texts borrowed from the view. */
struct view_field {
	const char *name, *value; /* the value unfolded, not decoded */
};

struct message_view {
	struct view_field *fields; /* heap */
	unsigned field_count;
	char *header; /* heap: the texts of the fields */
	unsigned from_count, recipients;
	char from_host[CHECK_DOMAIN_BYTES]; /* as written */
	int64_t date_s;			    /* 0 = none or unreadable */
	char *text, *html;		    /* heap, UTF-8, terminated; NULL = no such part */
	size_t text_size, html_size;
	bool html_cut;	 /* beyond CHECK_HTML_BYTES_MAX */
	unsigned images; /* parts */
	unsigned parts;
	const char *refused; /* why the parts were not read (a bound); NULL = they were */
	char charset[32];    /* of the first text part; "" = none said */
	char structure[CHECK_TEXT_BYTES];
	char subject[CHECK_TEXT_BYTES], from[CHECK_TEXT_BYTES]; /* decoded, clean */
	struct check_dkim_result dkim[CHECK_DKIM_MAX];
	int dkim_count; /* negative: could not be read */
	struct err dkim_error;
};

/* First field with the name (any case), or NULL; and how many there are. */
const char *view_field_get(const struct message_view *v, const char *name);
unsigned view_field_count(const struct message_view *v, const char *name);

/* M1..M20 and the facts.  `size` is the document's. */
void check_rules(const struct check_job *job, const struct message_view *v, size_t size,
    struct check_report *out);

/* M19 alone, and the facts of the hop; check_rules() calls it. */
void check_origin(
    const struct check_job *job, const struct message_view *v, struct check_report *out);

#endif

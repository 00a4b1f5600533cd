/* SPDX-License-Identifier: ISC */
/*
 * A complaint about a mail: what a report in the Abuse Reporting Format (RFC 5965, RFC 6591) says, taken from it by
 * bulkhead-check, as plain data and as JSON.  No body, no subject and no recipient address is kept.
 * bulkhead-check (writes), CLI (carries), bulkhead-guard (reads).
 */
#ifndef WHITELIST_COMPLAINT_H
#define WHITELIST_COMPLAINT_H

#include <jansson.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/hash.h"

#define COMPLAINT_BYTES_MAX  (4u << 20) /* of a report */
#define COMPLAINT_TYPE_BYTES 24
#define COMPLAINT_HOST_BYTES 128
#define COMPLAINT_TEXT_BYTES 200

struct complaint {
	char type[COMPLAINT_TYPE_BYTES]; /* "abuse", "fraud", "not-spam", ... in small letters */
	struct addr source;		 /* of the mail; zero = unknown */
	int64_t arrival_ns;		 /* of the mail; 0 = unknown */
	char reporter[COMPLAINT_HOST_BYTES];   /* host of who reports: Reporting-MTA, else From */
	char domain[COMPLAINT_HOST_BYTES];     /* sender domain of the mail */
	char user_agent[COMPLAINT_HOST_BYTES]; /* of the report */
	/* Tells one mail's complaint from another's: of Message-ID, else of the whole report. */
	char digest[HASH_SHA256_HEX];
	char refused[COMPLAINT_TEXT_BYTES]; /* why it is none, as a sentence; "" = it is one */
};

/* Reads the fields of a message/feedback-report into *c. */
void complaint_read_fields(struct complaint *c, const char *text, size_t size);
/* The same of the header of the mail complained about: sender domain, and a digest of its Message-ID. */
void complaint_read_original(struct complaint *c, const char *text, size_t size);
/* A date as RFC 5322 writes it, nanoseconds since 1970; 0 when it is none. */
int64_t complaint_read_date(const char *text);

json_t *complaint_json(const struct complaint *c);
/* 0, or -EINVAL with *e that names the member. */
int complaint_from_json(struct complaint *c, const json_t *object, struct err *e);

#endif

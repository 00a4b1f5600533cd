/* SPDX-License-Identifier: ISC */
/* Takes a complaint from the mail that carries it; see check_complaint.h.  bulkhead-check. */
#include "whitelist/check_complaint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "whitelist/check_mime.h"

struct taking {
	struct complaint *c;
	bool report, original;
};

static void
take_part(void *arg, const struct check_mime_file *file)
{
	struct taking *t = arg;

	if (strcasecmp(file->type, "message/feedback-report") == 0 && !t->report) {
		t->report = true;
		complaint_read_fields(t->c, file->data, file->size);
	} else if ((file->is_message || strcasecmp(file->type, "text/rfc822-headers") == 0) &&
		   !t->original) {
		t->original = true;
		complaint_read_original(t->c, file->data, file->size);
	}
}

/* "complaint about message from 192.0.2.1": Outlook's JMRP says the source nowhere else. */
static void
read_subject(struct complaint *c, const char *subject)
{
	static const char words[] = "complaint about message from ";
	const char *at = strcasestr(subject, words);
	char fields[160];

	if (at == NULL || !addr_is_zero(&c->source))
		return;
	snprintf(fields, sizeof(fields), "Source-IP: %.100s\n", at + sizeof(words) - 1);
	complaint_read_fields(c, fields, strlen(fields));
}

void
check_complaint(struct complaint *c, const char *data, size_t size)
{
	struct check_mime mime = {0};
	struct taking t = {.c = c};
	const char *sign;

	memset(c, 0, sizeof(*c));
	hash_sha256_hex(c->digest, data, size);
	if (size > COMPLAINT_BYTES_MAX) {
		snprintf(c->refused, sizeof(c->refused), "it is larger than %u MiB",
		    COMPLAINT_BYTES_MAX >> 20);
		return;
	}
	check_mime_read(&mime, data, size, take_part, &t);
	read_subject(c, mime.subject);
	sign = strrchr(mime.from, '@');
	if (c->reporter[0] == '\0' && sign != NULL) {
		char fields[160];

		snprintf(fields, sizeof(fields), "Reporting-MTA: %.120s\n", sign + 1);
		complaint_read_fields(c, fields, strlen(fields));
	}
	free(mime.text);
	if (mime.refused != NULL)
		snprintf(c->refused, sizeof(c->refused), "%.180s", mime.refused);
	else if (!t.report && (!t.original || addr_is_zero(&c->source)))
		snprintf(c->refused, sizeof(c->refused),
		    "it is no report in the Abuse Reporting Format (RFC 5965)");
	else if (addr_is_zero(&c->source))
		snprintf(c->refused, sizeof(c->refused),
		    "it does not say from which address the mail came (Source-IP)");
	if (c->type[0] == '\0')
		snprintf(c->type, sizeof(c->type), "abuse");
}

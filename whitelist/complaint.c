/* SPDX-License-Identifier: ISC */
/* What a complaint says; see complaint.h.  Pure.  bulkhead-check, CLI, bulkhead-guard. */
#include "whitelist/complaint.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

#define FIELD_BYTES 1024

struct field {
	char name[64], value[FIELD_BYTES];
};

/* The next field of a header, unfolded and cut to its room; NULL at the empty line or the end. */
static const char *
next_field(const char *at, const char *end, struct field *f)
{
	const char *colon;
	size_t used = 0, n;

	if (at >= end || *at == '\n' || *at == '\r')
		return NULL;
	f->name[0] = f->value[0] = '\0';
	do {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		const char *next = line_end != NULL ? line_end + 1 : end;
		const char *last = line_end != NULL ? line_end : end;

		while (last > at && last[-1] == '\r')
			last--;
		if (used == 0 && f->name[0] == '\0') {
			colon = memchr(at, ':', (size_t)(last - at));
			n = colon != NULL ? (size_t)(colon - at) : 0;
			if (n == 0 || n >= sizeof(f->name))
				return next; /* no field: an empty name */
			memcpy(f->name, at, n);
			f->name[n] = '\0';
			at = colon + 1;
		}
		while (at < last && (*at == ' ' || *at == '\t'))
			at++;
		n = (size_t)(last - at);
		if (used > 0 && used < sizeof(f->value) - 1)
			f->value[used++] = ' ';
		if (n > sizeof(f->value) - 1 - used)
			n = sizeof(f->value) - 1 - used;
		memcpy(f->value + used, at, n);
		used += n;
		at = next;
	} while (at < end && (*at == ' ' || *at == '\t'));
	f->value[used] = '\0';
	return at;
}

/* A word of hosts: letters, digits, dots, hyphens; small letters.  What does not fit is left out whole. */
static void
take_host(char out[COMPLAINT_HOST_BYTES], const char *text)
{
	size_t n =
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");

	if (n == 0 || n >= COMPLAINT_HOST_BYTES)
		return;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	out[n] = '\0';
}

/* The host behind the last @ of an address. */
static void
take_address_host(char out[COMPLAINT_HOST_BYTES], const char *text)
{
	const char *sign = strrchr(text, '@');

	if (sign != NULL)
		take_host(out, sign + 1);
}

static void
take_type(struct complaint *c, const char *value)
{
	size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");

	if (n == 0 || n >= sizeof(c->type))
		return;
	for (size_t i = 0; i < n; i++)
		c->type[i] = (char)tolower((unsigned char)value[i]);
	c->type[n] = '\0';
}

/* "192.0.2.1", "[192.0.2.1]", "IPv6:2001:db8::1". */
static void
take_source(struct complaint *c, const char *value)
{
	char text[ADDR_TEXT_BYTES];
	struct addr a;

	value += strspn(value, " [");
	if (strncasecmp(value, "IPv6:", 5) == 0)
		value += 5;
	snprintf(text, sizeof(text), "%.*s", (int)strspn(value, "0123456789abcdefABCDEF.:"), value);
	if (addr_parse(text, &a) == 0)
		c->source = a;
}

int64_t
complaint_read_date(const char *text)
{
	static const char *const forms[] = {
	    "%a, %d %b %Y %H:%M:%S %z", "%d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M %z"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {0};
		long offset;
		time_t seconds;

		if (strptime(text, forms[i], &tm) == NULL || tm.tm_year < 70 || tm.tm_year > 300)
			continue;
		offset = tm.tm_gmtoff;
		seconds = timegm(&tm) - offset;
		return seconds > 0 ? (int64_t)seconds * CLOCK_SECOND_NS : 0;
	}
	return 0;
}

void
complaint_read_fields(struct complaint *c, const char *text, size_t size)
{
	const char *at = text, *end = text + size;
	struct field f;

	while ((at = next_field(at, end, &f)) != NULL) {
		if (strcasecmp(f.name, "Feedback-Type") == 0)
			take_type(c, f.value);
		else if (strcasecmp(f.name, "Source-IP") == 0)
			take_source(c, f.value);
		else if (strcasecmp(f.name, "Arrival-Date") == 0 ||
			 strcasecmp(f.name, "Received-Date") ==
			     0) /* RFC 5965 3.2, and its drafts */
			c->arrival_ns = complaint_read_date(f.value);
		else if (strcasecmp(f.name, "Reported-Domain") == 0)
			take_host(c->domain, f.value);
		else if (strcasecmp(f.name, "Reporting-MTA") == 0)
			take_host(c->reporter,
			    strchr(f.value, ';') != NULL
				? strchr(f.value, ';') + 1 + strspn(strchr(f.value, ';') + 1, " ")
				: f.value);
		else if (strcasecmp(f.name, "User-Agent") == 0)
			text_clean(c->user_agent, sizeof(c->user_agent), f.value);
		else if (strcasecmp(f.name, "Original-Mail-From") == 0 && c->domain[0] == '\0')
			take_address_host(c->domain, f.value);
	}
}

void
complaint_read_original(struct complaint *c, const char *text, size_t size)
{
	const char *at = text, *end = text + size;
	struct field f;

	while ((at = next_field(at, end, &f)) != NULL) {
		if (strcasecmp(f.name, "Message-ID") == 0 && f.value[0] != '\0')
			hash_sha256_hex(c->digest, f.value, strlen(f.value));
		else if (strcasecmp(f.name, "From") == 0 && c->domain[0] == '\0')
			take_address_host(c->domain, f.value);
		else if (strcasecmp(f.name, "Date") == 0 && c->arrival_ns == 0)
			c->arrival_ns = complaint_read_date(f.value);
		else if (strcasecmp(f.name, "X-Originating-IP") == 0 && addr_is_zero(&c->source))
			take_source(c, f.value); /* Outlook's JMRP has no other */
	}
}

/* --- JSON --- */

json_t *
complaint_json(const struct complaint *c)
{
	char address[ADDR_TEXT_BYTES], date[CLOCK_ISO_BYTES];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "type", c->type, "source",
	    addr_is_zero(&c->source) ? "" : addr_format(address, &c->source), "arrival",
	    c->arrival_ns != 0 ? clock_format_iso(date, c->arrival_ns) : "", "reporter",
	    c->reporter, "domain", c->domain, "user_agent", c->user_agent, "digest", c->digest,
	    "refused", c->refused);
}

static int
get_text(const json_t *object, const char *name, char *out, size_t size, struct err *e)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (text == NULL || strlen(text) >= size)
		return err_set(e, -EINVAL, "the complaint lacks \"%s\", or it is too long", name);
	text_clean(out, size, text);
	return 0;
}

int
complaint_from_json(struct complaint *out, const json_t *object, struct err *e)
{
	char address[ADDR_TEXT_BYTES], date[CLOCK_ISO_BYTES];
	struct complaint c = {.arrival_ns = 0};
	const struct {
		const char *name;
		char *to;
		size_t size;
	} rows[] = {
	    {"type", c.type, sizeof(c.type)},
	    {"source", address, sizeof(address)},
	    {"arrival", date, sizeof(date)},
	    {"reporter", c.reporter, sizeof(c.reporter)},
	    {"domain", c.domain, sizeof(c.domain)},
	    {"user_agent", c.user_agent, sizeof(c.user_agent)},
	    {"digest", c.digest, sizeof(c.digest)},
	    {"refused", c.refused, sizeof(c.refused)},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = get_text(object, rows[i].name, rows[i].to, rows[i].size, e);

		if (rc < 0)
			return rc;
	}
	if (address[0] != '\0' && addr_parse(address, &c.source) != 0)
		return err_set(e, -EINVAL, "\"%s\" is no address", address);
	if (date[0] != '\0' && clock_parse_iso(date, &c.arrival_ns) != 0)
		return err_set(e, -EINVAL, "\"%s\" is no time", date);
	if (strlen(c.digest) != HASH_SHA256_HEX - 1 ||
	    strspn(c.digest, "0123456789abcdef") != HASH_SHA256_HEX - 1)
		return err_set(e, -EINVAL, "the complaint has no digest");
	*out = c;
	return 0;
}

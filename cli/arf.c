/* SPDX-License-Identifier: ISC */
/* A case as a report; see arf.h.  Pure.  bulkhead (CLI). */
#include "cli/arf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/output_json.h"

#define LINE_BYTES 57 /* 76 characters of base64: RFC 2045 */

/* "Sun, 22 Nov 2026 04:07:09 +0000", in the language of the format. */
static const char *
date_text(char buf[40], int64_t wall_ns)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(wall_ns / CLOCK_SECOND_NS);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	snprintf(buf, 40, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[tm.tm_wday % 7], tm.tm_mday,
	    months[tm.tm_mon % 12], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return buf;
}

/* A value for a header line: what could end the line or is not printable ASCII is left out. */
static const char *
header_text(char buf[200], const char *text)
{
	size_t used = 0;

	for (; text != NULL && *text != '\0' && used < 199; text++)
		if (*text > ' ' && *text < 0x7f)
			buf[used++] = *text;
	buf[used] = '\0';
	return buf;
}

static void
put_base64(FILE *f, const char *text)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i += 3) {
		uint32_t word = (uint32_t)(uint8_t)text[i] << 16;

		word |= i + 1 < size ? (uint32_t)(uint8_t)text[i + 1] << 8 : 0;
		word |= i + 2 < size ? (uint32_t)(uint8_t)text[i + 2] : 0;
		fputc(digits[word >> 18 & 63], f);
		fputc(digits[word >> 12 & 63], f);
		fputc(i + 1 < size ? digits[word >> 6 & 63] : '=', f);
		fputc(i + 2 < size ? digits[word & 63] : '=', f);
		if ((i + 3) % LINE_BYTES == 0)
			fputs("\r\n", f);
	}
	fputs("\r\n", f);
}

/* The first address of the server without the length of its prefix. */
static void
put_source(FILE *f, const json_t *report)
{
	const json_t *addresses = json_object_get(json_object_get(report, "server"), "addresses");
	const json_t *complaints = json_object_get(report, "complaints");
	const char *own = json_string_value(json_array_get(addresses, 0)),
		   *seen = output_json_get(json_array_get(complaints, 0), "source", NULL);
	char text[200];

	header_text(text, seen != NULL ? seen : own);
	text[strcspn(text, "/")] = '\0';
	if (text[0] != '\0')
		fprintf(f, "Source-IP: %s\r\n", text);
}

static void
put_feedback(FILE *f, const json_t *report, int64_t when_ns, const char *domain)
{
	const json_t *about = json_object_get(report, "about");
	long long incidents = output_json_number(about, "messages_before_block");
	char date[40], text[200];

	fprintf(f, "Feedback-Type: abuse\r\nUser-Agent: Bulkhead/%s\r\nVersion: 1\r\n",
	    BULKHEAD_VERSION);
	fprintf(f, "Arrival-Date: %s\r\n", date_text(date, when_ns));
	put_source(f, report);
	if (domain[0] != '\0')
		fprintf(f, "Reported-Domain: %s\r\n", header_text(text, domain));
	if (incidents > 0)
		fprintf(f, "Incidents: %lld\r\n", incidents);
}

/* What was seen of the first mail, without anybody's name. */
static void
put_original(FILE *f, const json_t *sample, int64_t when_ns, const char *domain)
{
	const char *to = output_json_get(sample, "recipient_domain", ""),
		   *helo = output_json_get(sample, "helo", "unknown"),
		   *destination = output_json_get(sample, "destination", "unknown");
	char date[40], text[200], other[200];

	fprintf(f, "Received: from %s by [%s] with SMTP;\r\n %s\r\n", header_text(text, helo),
	    header_text(other, destination), date_text(date, when_ns));
	if (domain[0] != '\0')
		fprintf(f, "From: <redacted@%s>\r\n", header_text(text, domain));
	if (to[0] != '\0')
		fprintf(f, "To: <redacted@%s>\r\n", header_text(text, to));
	fprintf(f, "Date: %s\r\n", date);
}

char *
arf_write(const json_t *report, int64_t now_ns)
{
	const json_t *about = json_object_get(report, "about"),
		     *sample = json_array_get(json_object_get(about, "samples"), 0);
	const char *lang = output_json_get(json_object_get(report, "server"), "lang", "en"),
		   *domain = output_json_get(sample, "sender_domain", ""),
		   *when =
		       output_json_get(sample, "time", output_json_get(about, "blocked_at", ""));
	const char *text = output_json_get(
	    json_object_get(about, "text"), strcmp(lang, "ru") == 0 ? "ru" : "en", "");
	char id[200], date[40], server[200], contact[200];
	int64_t when_ns = now_ns;
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	if (f == NULL)
		return NULL;
	(void)clock_parse_iso(when, &when_ns);
	header_text(id, output_json_get(about, "case", "case"));
	header_text(server, output_json_get(about, "server", "server"));
	header_text(contact, output_json_get(json_object_get(report, "server"), "contact", ""));
	fprintf(f, "Date: %s\r\n", date_text(date, now_ns));
	if (contact[0] != '\0')
		fprintf(f, "To: <%s>\r\n", contact);
	fprintf(f,
	    "Subject: Abuse report: server %s, case %s\r\nAuto-Submitted: auto-generated\r\n",
	    server, id);
	fprintf(f,
	    "MIME-Version: 1.0\r\nContent-Type: multipart/report;\r\n"
	    " report-type=feedback-report; boundary=\"=_%s\"\r\n\r\n",
	    id);
	fprintf(f,
	    "--=_%s\r\nContent-Type: text/plain; charset=UTF-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n",
	    id);
	put_base64(f, text);
	fprintf(f, "\r\n--=_%s\r\nContent-Type: message/feedback-report\r\n\r\n", id);
	put_feedback(f, report, when_ns, domain);
	fprintf(f, "\r\n--=_%s\r\nContent-Type: text/rfc822-headers\r\n\r\n", id);
	put_original(f, sample, when_ns, domain);
	fprintf(f, "\r\n--=_%s--\r\n", id);
	if (fclose(f) != 0) {
		free(out);
		return NULL;
	}
	return out;
}

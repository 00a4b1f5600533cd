/* SPDX-License-Identifier: ISC */
/*
 * Takes a message apart; with check_mime.c the only user of GMime.  bulkhead-check.
 *
 * The bounds of check_job.h are kept before the library sees anything: size of the header, number
 * of parts (which is also the depth of nesting).
 */
#include "whitelist/check_message.h"

#include <ctype.h>
#include <gmime/gmime.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "whitelist/check_mime.h"
#include "whitelist/check_view.h"

/* Loaded before the jail, where no file can be opened any more: what mail is written in. */
static const char *const charsets[] = {"ISO-8859-1", "ISO-8859-2", "ISO-8859-5", "ISO-8859-7",
    "ISO-8859-9", "ISO-8859-15", "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1253",
    "WINDOWS-1254", "WINDOWS-1257", "KOI8-R", "KOI8-U", "IBM866", "GB2312", "GBK", "GB18030",
    "BIG5", "EUC-KR", "SHIFT_JIS", "ISO-2022-JP", "EUC-JP", "UTF-16", "UTF-7"};

#define CHARSETS (sizeof(charsets) / sizeof(charsets[0]))
/* Never closed: the C library unloads what nobody uses. */
static iconv_t loaded[CHARSETS];

void
check_message_init(void)
{
	char in[] = "x", out[8];

	g_mime_init();
	for (size_t i = 0; i < CHARSETS; i++) {
		iconv_t to = loaded[i] = iconv_open("UTF-8", charsets[i]);
		char *from = in, *into = out;
		size_t left = 1, room = sizeof(out);

		if (to != (iconv_t)-1)
			(void)iconv(to, &from, &left, &into, &room);
	}
}

const char *
view_field_get(const struct message_view *v, const char *name)
{
	for (unsigned i = 0; i < v->field_count; i++)
		if (strcasecmp(v->fields[i].name, name) == 0)
			return v->fields[i].value;
	return NULL;
}

unsigned
view_field_count(const struct message_view *v, const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < v->field_count; i++)
		n += strcasecmp(v->fields[i].name, name) == 0;
	return n;
}

/* --- the header ---------------------------------------------------------------------------------
 */

/* Unfolds in place: a line end before white space goes (RFC 5322 2.2.3). */
static void
unfold(char *p)
{
	char *to = p;

	for (; *p != '\0'; p++)
		if (*p != '\r' && *p != '\n')
			*to++ = *p;
	*to = '\0';
}

static void
add_field(struct message_view *v, char *line)
{
	char *colon = strchr(line, ':'), *end;

	if (colon == NULL || colon == line || v->field_count == CHECK_FIELDS_MAX)
		return;
	*colon = '\0';
	for (end = colon; end > line && isspace((unsigned char)end[-1]); end--)
		end[-1] = '\0';
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 127)
			return;
	unfold(colon + 1);
	for (colon++; isspace((unsigned char)*colon);)
		colon++;
	for (end = colon + strlen(colon); end > colon && isspace((unsigned char)end[-1]);)
		*--end = '\0';
	v->fields[v->field_count++] = (struct view_field){line, colon};
}

/* The library merges fields that must not come twice, so they are counted here. */
static bool
read_fields(struct message_view *v, const char *data, size_t size)
{
	char *line;

	v->header = malloc(size + 1);
	v->fields = calloc(CHECK_FIELDS_MAX, sizeof(*v->fields));
	if (v->header == NULL || v->fields == NULL)
		return false;
	memcpy(v->header, data, size);
	v->header[size] = '\0';
	for (size_t i = 0; i < size; i++)
		if (v->header[i] == '\0')
			v->header[i] = '?';
	for (line = v->header; line != NULL && *line != '\0';) {
		char *next = strchr(line, '\n');

		while (next != NULL && (next[1] == ' ' || next[1] == '\t'))
			next = strchr(next + 1, '\n');
		if (next != NULL)
			*next++ = '\0';
		add_field(v, line);
		line = next;
	}
	return true;
}

/* Counts mailboxes; the first one's host goes to `host`. */
static unsigned
count_mailboxes(const char *value, char *host, size_t size)
{
	InternetAddressList *list = internet_address_list_parse(NULL, value);
	unsigned n = 0;

	for (int i = 0; list != NULL && i < internet_address_list_length(list); i++) {
		InternetAddress *a = internet_address_list_get_address(list, i);
		const char *addr, *at;

		if (!INTERNET_ADDRESS_IS_MAILBOX(a))
			continue;
		addr = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a));
		at = addr != NULL ? strrchr(addr, '@') : NULL;
		if (n++ == 0 && host != NULL && at != NULL)
			snprintf(host, size, "%s", at + 1);
	}
	if (list != NULL)
		g_object_unref(list);
	return n;
}

static void
decode_field(char *out, size_t size, const char *value)
{
	char *decoded = value != NULL ? g_mime_utils_header_decode_text(NULL, value) : NULL;

	text_clean(out, size, decoded != NULL ? decoded : "");
	g_free(decoded);
}

static void
read_addresses(struct message_view *v)
{
	const char *date = view_field_get(v, "Date"), *from = view_field_get(v, "From");
	GDateTime *when = date != NULL ? g_mime_utils_header_decode_date(date) : NULL;

	if (from != NULL)
		v->from_count = count_mailboxes(from, v->from_host, sizeof(v->from_host));
	for (unsigned i = 0; i < v->field_count; i++)
		if (strcasecmp(v->fields[i].name, "To") == 0 ||
		    strcasecmp(v->fields[i].name, "Cc") == 0)
			v->recipients += count_mailboxes(v->fields[i].value, NULL, 0);
	if (when != NULL) {
		v->date_s = g_date_time_to_unix(when);
		g_date_time_unref(when);
	}
	decode_field(v->subject, sizeof(v->subject), view_field_get(v, "Subject"));
	decode_field(v->from, sizeof(v->from), from);
}

/* --- the parts ----------------------------------------------------------------------------------
 */

static void
add_structure(struct message_view *v, const char *text)
{
	size_t used = strlen(v->structure);

	snprintf(v->structure + used, sizeof(v->structure) - used, "%s", text);
}

/* The text of a part in UTF-8, behind what is there already. */
static void
add_text(char **to, size_t *size, size_t max, bool *cut, const char *text)
{
	size_t n = strlen(text);
	char *more;

	if (n > max - *size) {
		n = max - *size;
		*cut = true;
	}
	more = realloc(*to, *size + n + 2);
	if (more == NULL)
		return;
	memcpy(more + *size, text, n);
	*size += n;
	more[(*size)++] = '\n';
	more[*size] = '\0';
	*to = more;
}

static void
read_text_part(struct message_view *v, GMimeTextPart *part, bool html)
{
	const char *charset = g_mime_text_part_get_charset(part);
	char *text = g_mime_text_part_get_text(part);
	bool cut = false;

	if (v->charset[0] == '\0' && charset != NULL)
		text_clean(v->charset, sizeof(v->charset), charset);
	if (text == NULL)
		return;
	if (html)
		add_text(&v->html, &v->html_size, CHECK_HTML_BYTES_MAX, &v->html_cut, text);
	else
		add_text(&v->text, &v->text_size, CHECK_HTML_BYTES_MAX, &cut, text);
	g_free(text);
}

static void
read_part(struct message_view *v, GMimeObject *part, unsigned depth)
{
	GMimeContentType *type = g_mime_object_get_content_type(part);
	const char *disposition = g_mime_object_get_disposition(part);
	char name[80];

	if (part == NULL || depth > CHECK_PARTS_MAX || ++v->parts > CHECK_PARTS_MAX)
		return;
	snprintf(name, sizeof(name), "%.38s/%.38s", g_mime_content_type_get_media_type(type),
	    g_mime_content_type_get_media_subtype(type));
	add_structure(v, name);
	if (GMIME_IS_MULTIPART(part)) {
		GMimeMultipart *m = GMIME_MULTIPART(part);

		add_structure(v, "(");
		for (int i = 0; i < g_mime_multipart_get_count(m); i++) {
			add_structure(v, i > 0 ? ", " : "");
			read_part(v, g_mime_multipart_get_part(m, i), depth + 1);
		}
		add_structure(v, ")");
	} else if (GMIME_IS_TEXT_PART(part) &&
		   (disposition == NULL || strcasecmp(disposition, "attachment") != 0)) {
		if (g_mime_content_type_is_type(type, "text", "html"))
			read_text_part(v, GMIME_TEXT_PART(part), true);
		else if (g_mime_content_type_is_type(type, "text", "plain"))
			read_text_part(v, GMIME_TEXT_PART(part), false);
	} else if (g_mime_content_type_is_type(type, "image", "*"))
		v->images++;
	/* An attached message is not what the reader sees: it is named and not opened. */
}

static void
read_parts(struct message_view *v, const char *data, size_t size)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(data, size);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);

	if (message != NULL) {
		if (g_mime_message_get_mime_part(message) != NULL)
			read_part(v, g_mime_message_get_mime_part(message), 0);
		g_object_unref(message);
	}
	g_object_unref(parser);
	g_object_unref(stream);
	text_clean(v->structure, sizeof(v->structure), strdupa(v->structure));
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static void
read_view(struct message_view *v, const struct check_job *job, const char *data, size_t size)
{
	size_t header = check_mime_header_size(data, size);

	if (size > CHECK_MESSAGE_BYTES_MAX)
		v->refused = "it is larger than 16 MiB";
	else if (header > CHECK_HEADER_BYTES_MAX)
		v->refused = "its header is larger than 256 KiB";
	else if (check_mime_count_parts(data, size) > CHECK_PARTS_MAX)
		v->refused = "it has more than 200 parts";
	if (header > CHECK_HEADER_BYTES_MAX)
		header = CHECK_HEADER_BYTES_MAX;
	if (!read_fields(v, data, header))
		v->refused = "there is no memory for it";
	if (v->refused != NULL)
		return;
	read_addresses(v);
	read_parts(v, data, size);
	if (view_field_count(v, "DKIM-Signature") > CHECK_DKIM_SIGNATURES_MAX)
		v->dkim_count = err_set(&v->dkim_error, -EBADMSG, "there are more than %d of them",
		    CHECK_DKIM_SIGNATURES_MAX);
	else
		v->dkim_count =
		    check_dkim_read(data, size, job->dkim_keys, v->dkim, &v->dkim_error);
}

void
check_message(const struct check_job *job, const void *data, size_t size, struct check_report *out)
{
	struct message_view *v = calloc(1, sizeof(*v));
	const char *text = data;

	if (v == NULL) {
		check_report_add(out, CHECK_M1, CHECK_NOT_CHECKED, NULL,
		    "There was no memory to read the sample.");
		return;
	}
	/* A mailbox file's separator is not part of the message. */
	if (size > 5 && memcmp(text, "From ", 5) == 0) {
		const char *end = memchr(text, '\n', size);

		if (end != NULL) {
			size -= (size_t)(end + 1 - text);
			text = end + 1;
		}
	}
	read_view(v, job, text, size);
	check_rules(job, v, size, out);
	free(v->fields);
	free(v->header);
	free(v->text);
	free(v->html);
	free(v);
}

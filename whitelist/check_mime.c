/* SPDX-License-Identifier: ISC */
/* A support mail in pieces, as mail programs make them; see check_mime.h.  bulkhead-check. */
#include "whitelist/check_mime.h"

#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "whitelist/check_html.h"
#include "whitelist/check_job.h"

#define FORWARDS_MAX 2 /* mails within mails that are opened; the next one is a file */

struct walk {
	struct check_mime *out;
	void (*on_file)(void *arg, const struct check_mime_file *file);
	void *arg;
	unsigned parts;
	bool skip_html; /* the same words stood in text/plain */
};

size_t
check_mime_header_size(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] != '\n')
			continue;
		if (i + 1 < size && data[i + 1] == '\n')
			return i + 2;
		if (i + 2 < size && data[i + 1] == '\r' && data[i + 2] == '\n')
			return i + 3;
	}
	return size;
}

unsigned
check_mime_count_parts(const char *data, size_t size)
{
	static const char name[] = "\ncontent-type:";
	unsigned n = 0;

	for (const char *p = data; (p = memchr(p, '\n', size - (size_t)(p - data))) != NULL; p++)
		n += size - (size_t)(p - data) > sizeof(name) &&
		     strncasecmp(p, name, sizeof(name) - 1) == 0;
	return n;
}

/* --- words --- */

static void
add_words(void *arg, const char *text, size_t n)
{
	struct check_mime *m = arg;
	size_t room = CHECK_MIME_TEXT_BYTES - m->text_size;

	if (m->text == NULL)
		m->text = calloc(1, CHECK_MIME_TEXT_BYTES + 2);
	if (m->text == NULL)
		return;
	n = n < room ? n : room;
	for (size_t i = 0; i < n; i++)
		if (text[i] != '\0' && text[i] != '\r')
			m->text[m->text_size++] = text[i];
	m->text[m->text_size] = '\0';
}

static void
read_words(struct walk *w, GMimeTextPart *part, bool html)
{
	char *text = g_mime_text_part_get_text(part);
	struct check_html page;

	if (text == NULL)
		return;
	if (html)
		(void)check_html_read_page(text,
		    strlen(text) < CHECK_HTML_BYTES_MAX ? strlen(text) : CHECK_HTML_BYTES_MAX,
		    &page, add_words, NULL, w->out);
	else
		add_words(w->out, text, strlen(text));
	add_words(w->out, "\n", 1);
	g_free(text);
}

/* --- files --- */

/* What stands behind the last folder, whatever system it came from. */
static void
clean_name(char *out, size_t size, const char *name)
{
	const char *base = name != NULL ? name : "";

	for (const char *p = base; *p != '\0'; p++)
		if (*p == '/' || *p == '\\')
			base = p + 1;
	text_clean(out, size, base);
}

static void
tell_file(struct walk *w, GMimeObject *part, const char *name, const char *data, size_t size,
    bool is_message)
{
	GMimeContentType *type = g_mime_object_get_content_type(part);
	const char *disposition = g_mime_object_get_disposition(part);
	const char *cid = g_mime_object_get_content_id(part);
	const char *about = g_mime_object_get_header(part, "Content-Description");
	char clean[128], description[128], kind[80], id[128];
	char *decoded = about != NULL ? g_mime_utils_header_decode_text(NULL, about) : NULL;
	struct check_mime_file f = {.type = kind,
	    .name = clean,
	    .cid = id,
	    .description = description,
	    .is_message = is_message,
	    .data = data,
	    .size = size,
	    .text_at = w->out->text_size};

	snprintf(kind, sizeof(kind), "%.38s/%.38s", g_mime_content_type_get_media_type(type),
	    g_mime_content_type_get_media_subtype(type));
	clean_name(clean, sizeof(clean), name);
	text_clean(id, sizeof(id), cid != NULL ? cid : "");
	text_clean(description, sizeof(description), decoded != NULL ? decoded : "");
	g_free(decoded);
	f.is_inline = (disposition != NULL && strcasecmp(disposition, "inline") == 0) ||
		      (disposition == NULL && id[0] != '\0');
	w->on_file(w->arg, &f);
}

static void
read_leaf(struct walk *w, GMimeObject *part)
{
	GMimeDataWrapper *content = g_mime_part_get_content(GMIME_PART(part));
	GMimeStream *memory = g_mime_stream_mem_new();
	GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory));

	if (content != NULL)
		(void)g_mime_data_wrapper_write_to_stream(content, memory);
	tell_file(w, part, g_mime_part_get_filename(GMIME_PART(part)), (const char *)bytes->data,
	    bytes->len, false);
	g_object_unref(memory);
}

/* The bytes of a message within the mail: unchanged but for line ends, so that its signature holds. */
static void
read_message_file(struct walk *w, GMimeObject *part, GMimeMessage *message)
{
	GMimeStream *memory = g_mime_stream_mem_new();
	GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory));
	GMimeContentType *type = g_mime_object_get_content_type(part);
	GMimeContentDisposition *disposition = g_mime_object_get_content_disposition(part);
	const char *name = disposition != NULL
			       ? g_mime_content_disposition_get_parameter(disposition, "filename")
			       : NULL;

	if (name == NULL)
		name = g_mime_content_type_get_parameter(type, "name");
	if (name == NULL)
		name = g_mime_message_get_subject(message);
	(void)g_mime_object_write_to_stream(GMIME_OBJECT(message), NULL, memory);
	tell_file(w, part, name, (const char *)bytes->data, bytes->len, true);
	g_object_unref(memory);
}

/* --- the tree --- */

static bool
is_attached(GMimeObject *part)
{
	const char *disposition = g_mime_object_get_disposition(part);

	return (disposition != NULL && strcasecmp(disposition, "attachment") == 0) ||
	       (GMIME_IS_PART(part) && g_mime_part_get_filename(GMIME_PART(part)) != NULL);
}

static void read_part(struct walk *w, GMimeObject *part, unsigned depth);

/* The plain form first, wherever it stands: an HTML form beside it says the same. */
static void
read_alternative(struct walk *w, GMimeMultipart *m, unsigned depth)
{
	const bool before = w->skip_html;
	const size_t words = w->out->text_size;

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < g_mime_multipart_get_count(m); i++) {
			GMimeObject *part = g_mime_multipart_get_part(m, i);
			GMimeContentType *type = g_mime_object_get_content_type(part);
			const bool plain = g_mime_content_type_is_type(type, "text", "plain") &&
					   GMIME_IS_TEXT_PART(part);

			if (plain == (pass == 0))
				read_part(w, part, depth + 1);
			if (pass == 0 && w->out->text_size > words + 1)
				w->skip_html = true;
		}
	w->skip_html = before;
}

static void
read_multipart(struct walk *w, GMimeObject *part, unsigned depth)
{
	GMimeMultipart *m = GMIME_MULTIPART(part);
	GMimeContentType *type = g_mime_object_get_content_type(part);

	if (g_mime_content_type_is_type(type, "multipart", "encrypted"))
		w->out->encrypted = true;
	if (g_mime_content_type_is_type(type, "multipart", "alternative")) {
		read_alternative(w, m, depth);
		return;
	}
	for (int i = 0; i < g_mime_multipart_get_count(m); i++)
		read_part(w, g_mime_multipart_get_part(m, i), depth + 1);
}

/* What mail programs add and nobody sent on purpose. */
static bool
is_wrapping(GMimeContentType *type)
{
	static const char *const names[] = {"pgp-signature", "pkcs7-signature", "x-pkcs7-signature",
	    "applefile", "pgp-encrypted", "pgp-keys"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (g_mime_content_type_is_type(type, "application", names[i]))
			return true;
	return g_mime_content_type_is_type(type, "text", "calendar") ||
	       g_mime_content_type_is_type(type, "text", "vcard") ||
	       g_mime_content_type_is_type(type, "text", "x-vcard") ||
	       g_mime_content_type_is_type(type, "message", "delivery-status");
}

static void
read_part(struct walk *w, GMimeObject *part, unsigned depth)
{
	GMimeContentType *type;

	if (part == NULL || depth > CHECK_PARTS_MAX || ++w->parts > CHECK_PARTS_MAX)
		return;
	type = g_mime_object_get_content_type(part);
	if (is_wrapping(type))
		return;
	if (GMIME_IS_MULTIPART(part)) {
		read_multipart(w, part, depth);
	} else if (GMIME_IS_MESSAGE_PART(part)) {
		GMimeMessage *message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));

		if (message != NULL)
			read_message_file(w, part, message);
	} else if (GMIME_IS_TEXT_PART(part) && !is_attached(part)) {
		const bool html = g_mime_content_type_is_type(type, "text", "html");

		if (html && !w->skip_html)
			read_words(w, GMIME_TEXT_PART(part), true);
		else if (g_mime_content_type_is_type(type, "text", "plain"))
			read_words(w, GMIME_TEXT_PART(part), false);
	} else if (GMIME_IS_PART(part)) {
		read_leaf(w, part);
	}
}

/* --- a mail that was forwarded as a whole --- */

struct contents {
	unsigned pictures, parts, others;
	GMimeMessage *message; /* the only one, borrowed */
	unsigned messages;
};

static void
count_part(struct contents *c, GMimeObject *part, unsigned depth)
{
	GMimeContentType *type;

	if (part == NULL || depth > CHECK_PARTS_MAX || ++c->parts > CHECK_PARTS_MAX)
		return;
	type = g_mime_object_get_content_type(part);
	if (GMIME_IS_MULTIPART(part)) {
		for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(part)); i++)
			count_part(
			    c, g_mime_multipart_get_part(GMIME_MULTIPART(part), i), depth + 1);
	} else if (GMIME_IS_MESSAGE_PART(part)) {
		c->messages++;
		c->message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
	} else if (g_mime_content_type_is_type(type, "image", "*")) {
		c->pictures++;
	} else if (is_attached(part)) {
		c->others++;
	}
}

/* The mail inside when the outer one only carries it: no files of its own, and that one has some and
 * is no newsletter. */
static GMimeMessage *
forwarded(GMimeMessage *outer)
{
	struct contents own = {0}, inner = {0};

	count_part(&own, g_mime_message_get_mime_part(outer), 0);
	if (own.messages != 1 || own.pictures + own.others > 0 || own.message == NULL ||
	    g_mime_object_get_header(GMIME_OBJECT(own.message), "List-Unsubscribe") != NULL)
		return NULL;
	count_part(&inner, g_mime_message_get_mime_part(own.message), 0);
	return inner.pictures + inner.others + inner.messages > 0 ? own.message : NULL;
}

/* The first mailbox of a list, when there is one. */
static void
read_sender_of(struct check_mime *out, InternetAddressList *list)
{
	InternetAddress *a = list != NULL && internet_address_list_length(list) > 0
				 ? internet_address_list_get_address(list, 0)
				 : NULL;
	const char *addr = a != NULL && INTERNET_ADDRESS_IS_MAILBOX(a)
			       ? internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a))
			       : NULL;

	if (addr != NULL && strlen(addr) < sizeof(out->from))
		text_clean(out->from, sizeof(out->from), addr);
}

static void
read_sender(struct check_mime *out, GMimeMessage *message)
{
	const char *subject = g_mime_message_get_subject(message);

	text_clean(out->subject, sizeof(out->subject), subject != NULL ? subject : "");
	read_sender_of(out, g_mime_message_get_reply_to(message));
	if (out->from[0] == '\0')
		read_sender_of(out, g_mime_message_get_from(message));
}

bool
check_mime_read_header(const char *data, size_t size, char *from_host, size_t room)
{
	const size_t head = check_mime_header_size(data, size);
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(
	    data, head < CHECK_HEADER_BYTES_MAX ? head : CHECK_HEADER_BYTES_MAX);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
	struct check_mime m = {0};
	const char *at;
	bool listed = false;

	if (message != NULL) {
		listed =
		    g_mime_object_get_header(GMIME_OBJECT(message), "List-Unsubscribe") != NULL;
		read_sender_of(&m, g_mime_message_get_from(message));
		g_object_unref(message);
	}
	at = strrchr(m.from, '@');
	snprintf(from_host, room, "%s", at != NULL ? at + 1 : "");
	g_object_unref(parser);
	g_object_unref(stream);
	return listed;
}

void
check_mime_read(struct check_mime *out, const char *data, size_t size,
    void (*on_file)(void *arg, const struct check_mime_file *file), void *arg)
{
	struct walk w = {.out = out, .on_file = on_file, .arg = arg};
	GMimeStream *stream;
	GMimeParser *parser;
	GMimeMessage *outer, *message;

	memset(out, 0, sizeof(*out));
	if (check_mime_header_size(data, size) > CHECK_HEADER_BYTES_MAX)
		out->refused = "its header is larger than 256 KiB";
	else if (check_mime_count_parts(data, size) > CHECK_PARTS_MAX)
		out->refused = "it has more than 200 parts";
	if (out->refused != NULL)
		return;
	stream = g_mime_stream_mem_new_with_buffer(data, size);
	parser = g_mime_parser_new_with_stream(stream);
	outer = g_mime_parser_construct_message(parser, NULL);
	message = outer;
	for (unsigned i = 0; message != NULL && i < FORWARDS_MAX; i++) {
		GMimeMessage *inner = forwarded(message);

		message = inner != NULL ? inner : message;
	}
	if (message == NULL) {
		out->refused = "it is no mail";
	} else {
		read_sender(out, message);
		read_part(&w, g_mime_message_get_mime_part(message), 0);
	}
	if (outer != NULL)
		g_object_unref(outer);
	g_object_unref(parser);
	g_object_unref(stream);
}

/* SPDX-License-Identifier: ISC */
/* A support mail becomes files with kinds; see check_intake.h.  bulkhead-check. */
#include "whitelist/check_intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/text.h"
#include "whitelist/check_words.h"

#define TICKET_BYTES	65536 /* of the mail's words that are kept as a note */
#define SOURCE_LOOKED	65536 /* bytes in which a header section must end */
#define ICON_BYTES	6144 /* a smaller picture within the text is a logo: a screenshot has more */
#define ICON_WIDTH_MAX	160  /* pixels */
#define ICON_HEIGHT_MAX 100

struct taking {
	struct intake *out;
	int scratch;
	uint64_t used;
	struct intake_hint *hints; /* beside out->files */
	size_t *text_at;
};

static bool
begins(const char *data, size_t size, const char *magic, size_t n)
{
	return size >= n && memcmp(data, magic, n) == 0;
}
#define BEGINS(f, magic) begins((f)->data, (f)->size, magic, sizeof(magic) - 1)

/* True when a text is the source of a mail: a header section with From and two more fields of it. */
static bool
is_source(const char *data, size_t size)
{
	static const char *const fields[] = {"From:", "Date:", "Subject:", "Message-ID:",
	    "Received:", "Return-Path:", "DKIM-Signature:", "MIME-Version:", "To:"};
	bool seen[sizeof(fields) / sizeof(fields[0])] = {false};
	const char *p = data, *end = data + (size < SOURCE_LOOKED ? size : SOURCE_LOOKED);
	unsigned count = 0;

	if (begins(data, size, "From ", 5)) {
		p = memchr(data, '\n', size);
		p = p != NULL ? p + 1 : end;
	}
	while (p < end && *p != '\n' && *p != '\r') {
		const char *line = p, *next = memchr(p, '\n', (size_t)(end - p));
		const char *colon = memchr(p, ':', (size_t)((next != NULL ? next : end) - p));

		if (*line != ' ' && *line != '\t' && (colon == NULL || colon == line))
			return false; /* no header field: words */
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			if (!seen[i] && (size_t)(end - p) > strlen(fields[i]) &&
			    strncasecmp(p, fields[i], strlen(fields[i])) == 0) {
				seen[i] = true;
				count++;
			}
		p = next != NULL ? next + 1 : end;
	}
	return seen[0] && count >= 3;
}

/* A picture that is no screenshot: by its measures where PNG says them at once, else by its bytes. */
static bool
is_icon(const struct check_mime_file *f)
{
	const uint8_t *d = (const uint8_t *)f->data;

	if (BEGINS(f, "\x89PNG\r\n\x1a\n") && f->size >= 24) {
		uint32_t width =
		    (uint32_t)d[16] << 24 | (uint32_t)d[17] << 16 | (uint32_t)d[18] << 8 | d[19];
		uint32_t height =
		    (uint32_t)d[20] << 24 | (uint32_t)d[21] << 16 | (uint32_t)d[22] << 8 | d[23];

		return f->is_inline && (width < ICON_WIDTH_MAX || height < ICON_HEIGHT_MAX);
	}
	return f->is_inline && f->size < ICON_BYTES;
}

static bool
is_readable(const char *data, size_t size)
{
	for (size_t i = 0; i < size && i < 4096; i++)
		if (data[i] == '\0')
			return false;
	return true;
}

/* By content; what a mail program calls it is worth little. */
static enum intake_trouble
judge_content(const struct check_mime_file *f, struct intake_hint *h)
{
	const char *dot = strrchr(f->name, '.');

	if (f->size == 0)
		return INTAKE_EMPTY;
	if (BEGINS(f, "\x89PNG\r\n\x1a\n") || BEGINS(f, "\xff\xd8\xff") ||
	    (BEGINS(f, "RIFF") && f->size >= 12 && memcmp(f->data + 8, "WEBP", 4) == 0)) {
		h->picture = true;
		return is_icon(f) ? INTAKE_SMALL : INTAKE_FINE;
	}
	if (BEGINS(f, "%PDF-"))
		return INTAKE_PDF;
	if (BEGINS(f, "GIF8") || BEGINS(f, "BM") || BEGINS(f, "II*") || BEGINS(f, "MM\0*") ||
	    (f->size >= 12 && memcmp(f->data + 4, "ftyp", 4) == 0))
		return f->is_inline && f->size < ICON_BYTES ? INTAKE_SMALL : INTAKE_PICTURE;
	if (BEGINS(f, "PK\x03\x04") || BEGINS(f, "Rar!") || BEGINS(f, "7z\xbc\xaf") ||
	    BEGINS(f, "\x1f\x8b"))
		return INTAKE_OFFICE;
	if (BEGINS(f, "\xd0\xcf\x11\xe0"))
		return dot != NULL && strcasecmp(dot, ".msg") == 0 ? INTAKE_OUTLOOK : INTAKE_OFFICE;
	if (BEGINS(f, "\x78\x9f\x3e\x22"))
		return INTAKE_OUTLOOK;
	if (f->is_message || is_source(f->data, f->size)) {
		h->message = true;
		return INTAKE_FINE;
	}
	if (!is_readable(f->data, f->size))
		return INTAKE_UNKNOWN;
	if (strcasecmp(f->type, "text/html") == 0 || BEGINS(f, "<!DOCTYPE") || BEGINS(f, "<html"))
		return INTAKE_PAGE;
	h->text = true;
	return INTAKE_FINE;
}

static bool
write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

/* Adds the words of a text as far as they help to tell rules from notes. */
static bool
speaks_of_mail(const char *data, size_t size)
{
	char raw[2048], folded[2048];

	snprintf(
	    raw, sizeof(raw), "%.*s", (int)(size < sizeof(raw) - 1 ? size : sizeof(raw) - 1), data);
	check_words_fold(folded, sizeof(folded), raw);
	return strstr(folded, "mail") != NULL || strstr(folded, "рассыл") != NULL ||
	       strstr(folded, "newsletter") != NULL || strstr(folded, "почт") != NULL;
}

static void
take_file(void *arg, const struct check_mime_file *f)
{
	struct taking *t = arg;
	struct intake *in = t->out;
	struct intake_file *file = &in->files[in->file_count];
	struct intake_hint *h = &t->hints[in->file_count];

	if (in->file_count == INTAKE_FILES_MAX)
		return;
	if (in->file_count == INTAKE_FILES_MAX - 1) {
		in->file_count++;
		file->trouble = INTAKE_MANY;
		snprintf(file->name, sizeof(file->name), "%s", f->name);
		snprintf(file->why, sizeof(file->why), "at most %d files of one mail are taken",
		    INTAKE_FILES_MAX - 1);
		return;
	}
	t->text_at[in->file_count] = f->text_at;
	in->file_count++;
	snprintf(file->name, sizeof(file->name), "%s", f->name);
	snprintf(h->about, sizeof(h->about), "%s %s", f->name, f->description);
	file->trouble = (uint8_t)judge_content(f, h);
	if (file->trouble == INTAKE_FINE &&
	    (t->used + f->size > INTAKE_MAIL_BYTES_MAX || !write_all(t->scratch, f->data, f->size)))
		file->trouble = INTAKE_UNKNOWN;
	if (file->trouble != INTAKE_FINE)
		return;
	file->offset = (uint32_t)t->used;
	file->size = (uint32_t)f->size;
	t->used += f->size;
	if (h->text)
		h->speaks_of_mail = speaks_of_mail(f->data, f->size);
	if (h->message)
		h->listed = check_mime_read_header(
		    f->data, f->size, h->from_domain, sizeof(h->from_domain));
}

/* Mail programs write "[cid:image001.png@...]" or "[image: form.png]" where a picture stands in the words;
 * others put it between two texts.  The line before it says what it shows. */
static void
add_surroundings(
    struct intake_hint *h, const char *text, const char *name, size_t text_at, size_t size)
{
	const char *at = name[0] != '\0' ? strstr(text, name) : NULL;
	const char *end, *begin;
	size_t used = strlen(h->about);

	if (at == NULL && text_at > 0 && text_at < size) {
		const char *rest = text + text_at;

		/* Only when words follow: what stands behind all words belongs to none of them. */
		if (rest[strspn(rest, " \t\n")] != '\0')
			at = rest;
	}
	if (at == NULL)
		return;
	end = at;
	while (end > text && end[-1] != '\n')
		end--;
	for (begin = end; begin == end || strspn(begin, " \t\n[") >= (size_t)(end - begin);) {
		if (begin == text)
			break;
		for (begin--; begin > text && begin[-1] != '\n';)
			begin--;
	}
	/* The rest of the mark's own line counts too. */
	snprintf(h->about + used, sizeof(h->about) - used, " %.*s",
	    (int)(at - begin < 200 ? at - begin : 200), begin);
}

/* The words as a note, so that the reviewer reads what was asked. */
static void
keep_words(struct taking *t, const struct check_mime *m)
{
	struct intake *in = t->out;
	struct intake_file *f = &in->files[in->file_count];
	size_t size = m->text_size < TICKET_BYTES ? m->text_size : TICKET_BYTES;

	if (m->text == NULL || m->text[strspn(m->text, " \t\r\n")] == '\0' ||
	    in->file_count == INTAKE_FILES_MAX || !write_all(t->scratch, m->text, size))
		return;
	in->file_count++;
	f->kind = EVIDENCE_NOTE;
	f->offset = (uint32_t)t->used;
	f->size = (uint32_t)size;
	t->used += size;
	snprintf(f->name, sizeof(f->name), "ticket.txt");
	snprintf(f->why, sizeof(f->why), "the words of the mail");
}

/* Cyrillic letters, where they are at least a third of all. */
static const char *
guess_language(const char *text)
{
	size_t letters = 0, cyrillic = 0;

	for (const char *p = text; *p != '\0';) {
		uint32_t code;
		size_t n = text_decode(p, &code);

		letters += (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
		cyrillic += code >= 0x400 && code < 0x530;
		p += n > 0 ? n : 1;
	}
	return cyrillic * 2 > letters ? "ru" : "en";
}

void
check_intake(struct intake *out, const char *data, size_t size, int scratch)
{
	static struct intake_hint hints[INTAKE_FILES_MAX];
	size_t text_at[INTAKE_FILES_MAX] = {0};
	struct check_mime mime = {0};
	struct taking t = {.out = out, .scratch = scratch, .hints = hints, .text_at = text_at};
	const char *text;

	memset(out, 0, sizeof(*out));
	memset(hints, 0, sizeof(hints));
	snprintf(out->lang, sizeof(out->lang), "en");
	if (size > INTAKE_MAIL_BYTES_MAX)
		snprintf(out->refused, sizeof(out->refused), "it is larger than %llu MiB",
		    INTAKE_MAIL_BYTES_MAX >> 20);
	if (out->refused[0] != '\0')
		return;
	check_mime_read(&mime, data, size, take_file, &t);
	if (mime.refused != NULL || mime.encrypted)
		snprintf(out->refused, sizeof(out->refused), "%s",
		    mime.encrypted ? "it is encrypted" : mime.refused);
	text = mime.text != NULL ? mime.text : "";
	snprintf(out->from, sizeof(out->from), "%s", mime.from);
	snprintf(out->subject, sizeof(out->subject), "%s", mime.subject);
	snprintf(out->lang, sizeof(out->lang), "%s",
	    guess_language(text[0] != '\0' ? text : mime.subject));
	for (unsigned i = 0; i < out->file_count; i++)
		if (hints[i].picture)
			add_surroundings(
			    &hints[i], text, out->files[i].name, text_at[i], mime.text_size);
	check_intake_kinds(out, hints);
	check_intake_words(out, mime.subject);
	check_intake_words(out, text);
	keep_words(&t, &mime);
	free(mime.text);
}

/* SPDX-License-Identifier: ISC */
/* The wire form of what a support mail holds; see intake.h. */
#include "whitelist/intake.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/wire.h"

static const char *const trouble_names[INTAKE_TROUBLE__COUNT] = {
    [INTAKE_FINE] = "fine",
    [INTAKE_PDF] = "pdf",
    [INTAKE_OFFICE] = "office",
    [INTAKE_PICTURE] = "picture-format",
    [INTAKE_OUTLOOK] = "outlook",
    [INTAKE_PAGE] = "web-page",
    [INTAKE_SMALL] = "small",
    [INTAKE_EMPTY] = "empty",
    [INTAKE_MANY] = "too-many",
    [INTAKE_UNKNOWN] = "unknown",
};

const char *
intake_trouble_name(unsigned trouble)
{
	return trouble < INTAKE_TROUBLE__COUNT ? trouble_names[trouble] : "?";
}

const struct intake_guess *
intake_find(const struct intake *in, const char *field)
{
	for (unsigned i = 0; i < in->guess_count; i++)
		if (strcmp(in->guesses[i].field, field) == 0)
			return &in->guesses[i];
	return NULL;
}

void
intake_guess(struct intake *in, const char *field, const char *value, const char *fmt, ...)
{
	struct intake_guess *g = &in->guesses[in->guess_count];
	char raw[2 * INTAKE_WHY_BYTES];
	va_list ap;

	if (in->guess_count == INTAKE_GUESSES_MAX)
		return;
	in->guess_count++;
	snprintf(g->field, sizeof(g->field), "%s", field);
	text_clean(g->value, sizeof(g->value), value);
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	text_clean(g->why, sizeof(g->why), raw);
}

long
intake_encode(const struct intake *in, void *buf, size_t size)
{
	struct wire_writer w;

	wire_writer_init(&w, buf, size);
	wire_put_u8(&w, INTAKE_WIRE_VERSION);
	wire_put_long_text(&w, in->refused);
	wire_put_long_text(&w, in->from);
	wire_put_long_text(&w, in->subject);
	wire_put_long_text(&w, in->lang);
	wire_put_u16(&w, (uint16_t)in->file_count);
	for (unsigned i = 0; i < in->file_count; i++) {
		const struct intake_file *f = &in->files[i];

		wire_put_u8(&w, f->kind);
		wire_put_u8(&w, f->trouble);
		wire_put_u32(&w, f->offset);
		wire_put_u32(&w, f->size);
		wire_put_long_text(&w, f->name);
		wire_put_long_text(&w, f->why);
	}
	wire_put_u16(&w, (uint16_t)in->guess_count);
	for (unsigned i = 0; i < in->guess_count; i++) {
		wire_put_long_text(&w, in->guesses[i].field);
		wire_put_long_text(&w, in->guesses[i].value);
		wire_put_long_text(&w, in->guesses[i].why);
	}
	wire_put_u16(&w, (uint16_t)in->word_count);
	for (unsigned i = 0; i < in->word_count; i++) {
		wire_put_u8(&w, in->words[i].strong);
		wire_put_long_text(&w, in->words[i].text);
	}
	return wire_writer_finish(&w);
}

static void
get_files(struct wire_reader *r, struct intake *out)
{
	out->file_count = wire_get_count(r, INTAKE_FILES_MAX);
	for (unsigned i = 0; i < out->file_count; i++) {
		struct intake_file *f = &out->files[i];

		f->kind = wire_get_u8(r);
		f->trouble = wire_get_u8(r);
		f->offset = wire_get_u32(r);
		f->size = wire_get_u32(r);
		wire_get_clean_text(r, f->name, sizeof(f->name));
		wire_get_clean_text(r, f->why, sizeof(f->why));
		if (f->kind >= EVIDENCE__COUNT || f->trouble >= INTAKE_TROUBLE__COUNT)
			r->failed = true;
	}
}

int
intake_decode(struct intake *out, const void *data, size_t size)
{
	struct wire_reader r;

	memset(out, 0, sizeof(*out));
	wire_reader_init(&r, data, size);
	if (wire_get_u8(&r) != INTAKE_WIRE_VERSION)
		return -EBADMSG;
	wire_get_clean_text(&r, out->refused, sizeof(out->refused));
	wire_get_clean_text(&r, out->from, sizeof(out->from));
	wire_get_clean_text(&r, out->subject, sizeof(out->subject));
	wire_get_clean_text(&r, out->lang, sizeof(out->lang));
	get_files(&r, out);
	out->guess_count = wire_get_count(&r, INTAKE_GUESSES_MAX);
	for (unsigned i = 0; i < out->guess_count; i++) {
		wire_get_clean_text(&r, out->guesses[i].field, sizeof(out->guesses[i].field));
		wire_get_clean_text(&r, out->guesses[i].value, sizeof(out->guesses[i].value));
		wire_get_clean_text(&r, out->guesses[i].why, sizeof(out->guesses[i].why));
	}
	out->word_count = wire_get_count(&r, INTAKE_WORDS_MAX);
	for (unsigned i = 0; i < out->word_count; i++) {
		out->words[i].strong = wire_get_u8(&r) == 1;
		wire_get_clean_text(&r, out->words[i].text, sizeof(out->words[i].text));
	}
	if (wire_reader_finish(&r) != 0) {
		memset(out, 0, sizeof(*out));
		return -EBADMSG;
	}
	return 0;
}

/* SPDX-License-Identifier: ISC */
/* Bounded reader and writer; see wire.h.  Every process. */
#include "base/wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"

void
wire_reader_init(struct wire_reader *r, const void *data, size_t size)
{
	*r = (struct wire_reader){.data = data, .size = size};
}

static const uint8_t *
wire_take(struct wire_reader *r, size_t n)
{
	if (r->failed || n > r->size - r->pos) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *p = r->data + r->pos;
	r->pos += n;
	return p;
}

static uint64_t
wire_get_number(struct wire_reader *r, size_t n)
{
	const uint8_t *p = wire_take(r, n);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t
wire_get_u8(struct wire_reader *r)
{
	return (uint8_t)wire_get_number(r, 1);
}

uint16_t
wire_get_u16(struct wire_reader *r)
{
	return (uint16_t)wire_get_number(r, 2);
}

uint32_t
wire_get_u32(struct wire_reader *r)
{
	return (uint32_t)wire_get_number(r, 4);
}

uint64_t
wire_get_u64(struct wire_reader *r)
{
	return wire_get_number(r, 8);
}

void
wire_get_bytes(struct wire_reader *r, void *out, size_t n)
{
	const uint8_t *p = wire_take(r, n);

	if (n == 0)
		return;
	if (p == NULL)
		memset(out, 0, n);
	else
		memcpy(out, p, n);
}

static void
wire_get_text_of(struct wire_reader *r, char *out, size_t size, size_t n)
{
	if (n >= size) {
		r->failed = true;
		n = 0;
	}
	wire_get_bytes(r, out, n);
	out[r->failed ? 0 : n] = '\0';
}

void
wire_get_text(struct wire_reader *r, char *out, size_t size)
{
	wire_get_text_of(r, out, size, wire_get_u8(r));
}

void
wire_get_long_text(struct wire_reader *r, char *out, size_t size)
{
	wire_get_text_of(r, out, size, wire_get_u16(r));
}

void
wire_get_clean_text(struct wire_reader *r, char *out, size_t size)
{
	wire_get_long_text(r, out, size);
	text_clean(out, size, out);
}

unsigned
wire_get_count(struct wire_reader *r, unsigned max)
{
	unsigned n = wire_get_u16(r);

	if (n > max)
		r->failed = true;
	return r->failed ? 0 : n;
}

int
wire_reader_finish(const struct wire_reader *r)
{
	return r->failed || r->pos != r->size ? -EBADMSG : 0;
}

void
wire_writer_init(struct wire_writer *w, void *data, size_t size)
{
	*w = (struct wire_writer){.data = data, .size = size};
}

void
wire_put_bytes(struct wire_writer *w, const void *data, size_t n)
{
	if (w->failed || n > w->size - w->pos) {
		w->failed = true;
		return;
	}
	if (n != 0)
		memcpy(w->data + w->pos, data, n);
	w->pos += n;
}

void
wire_put_u8(struct wire_writer *w, uint8_t v)
{
	wire_put_bytes(w, &v, sizeof(v));
}

void
wire_put_u16(struct wire_writer *w, uint16_t v)
{
	v = htobe16(v);
	wire_put_bytes(w, &v, sizeof(v));
}

void
wire_put_u32(struct wire_writer *w, uint32_t v)
{
	v = htobe32(v);
	wire_put_bytes(w, &v, sizeof(v));
}

void
wire_put_u64(struct wire_writer *w, uint64_t v)
{
	v = htobe64(v);
	wire_put_bytes(w, &v, sizeof(v));
}

void
wire_put_text(struct wire_writer *w, const char *text)
{
	size_t n = strnlen(text, 255);

	wire_put_u8(w, (uint8_t)n);
	wire_put_bytes(w, text, n);
}

void
wire_put_long_text(struct wire_writer *w, const char *text)
{
	size_t n = strnlen(text, UINT16_MAX);

	wire_put_u16(w, (uint16_t)n);
	wire_put_bytes(w, text, n);
}

long
wire_writer_finish(const struct wire_writer *w)
{
	return w->failed ? -ENOBUFS : (long)w->pos;
}

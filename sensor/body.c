/* SPDX-License-Identifier: ISC */
/* From the header section to the first text of a message (RFC 2045, 2046).  Pure.  bulkhead-sensor,
 * replay. */
#include "sensor/body.h"

#include <string.h>
#include <strings.h>

enum state {
	STATE_HEADER,
	STATE_TEXT,	 /* a message of one part */
	STATE_PREAMBLE,	 /* of a multipart, or a part that is no text: up to the next boundary */
	STATE_PART,	 /* header lines of a part */
	STATE_PART_TEXT, /* text of a part: up to the next boundary */
	STATE_DONE,
};

void
body_init(struct body *b, bool with_text)
{
	header_init(&b->header);
	fingerprint_init(&b->fingerprint);
	b->with_text = with_text;
	b->budget = BODY_TEXT_BUDGET_BYTES;
	b->state = STATE_HEADER;
	b->line_size = 0;
	b->quoted = 0;
	b->sextets = 0;
	b->bits = 0;
}

bool
body_is_done(const struct body *b)
{
	return b->state == STATE_DONE;
}

/* -1: not of the alphabet (line ends, padding, junk): skipped. */
static int
sextet(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static size_t
decode_base64(struct body *b, const uint8_t *p, size_t n, uint8_t *out)
{
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		int v = sextet(p[i]);
		if (v < 0)
			continue;
		b->bits = b->bits << 6 | (uint32_t)v;
		if (++b->sextets < 4)
			continue;
		out[used++] = (uint8_t)(b->bits >> 16);
		out[used++] = (uint8_t)(b->bits >> 8);
		out[used++] = (uint8_t)b->bits;
		b->sextets = 0;
	}
	return used;
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t
decode_quoted(struct body *b, const uint8_t *p, size_t n, uint8_t *out)
{
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i];
		if (b->quoted == 0) {
			if (c == '=')
				b->quoted = 1;
			else
				out[used++] = c;
		} else if (b->quoted == 1 && (c == '\r' || c == '\n')) {
			b->quoted = c == '\n' ? 0 : 1; /* soft line break */
		} else if (hex_digit(c) < 0) {
			b->quoted = 0;
			out[used++] = c;
		} else if (b->quoted == 1) {
			b->bits = (uint32_t)hex_digit(c);
			b->quoted = 2;
		} else {
			out[used++] = (uint8_t)(b->bits << 4 | (uint32_t)hex_digit(c));
			b->quoted = 0;
		}
	}
	return used;
}

/* Text in its transfer encoding, to the fingerprint. */
static void
add_text(struct body *b, const uint8_t *p, size_t n)
{
	uint8_t plain[256];
	size_t left = 1;
	if (b->encoding == HEADER_ENCODING_PLAIN) {
		left = fingerprint_add(&b->fingerprint, p, n);
		n = 0;
	}
	while (n > 0 && left > 0) {
		size_t step = n < sizeof(plain) - 3 ? n : sizeof(plain) - 3;
		size_t used = b->encoding == HEADER_ENCODING_BASE64
				  ? decode_base64(b, p, step, plain)
				  : decode_quoted(b, p, step, plain);
		left = fingerprint_add(&b->fingerprint, plain, used);
		p += step;
		n -= step;
	}
	if (left == 0)
		b->state = STATE_DONE;
}

/* "--boundary": two hyphens and more, but not a signature's "-- " or a ruler of hyphens.  The
 * boundary itself is not kept: the first text matters, not the exact tree. */
static bool
is_boundary(const char *line, size_t n)
{
	if (n < 4 || line[0] != '-' || line[1] != '-' || line[2] == ' ')
		return false;
	for (size_t i = 2; i < n; i++)
		if (line[i] != '-' && line[i] != '\r' && line[i] != '\n')
			return memchr(line, ' ', n) == NULL;
	return false;
}

static void
begin_part(struct body *b)
{
	b->state = STATE_PART;
	b->type = HEADER_TYPE_TEXT;
	b->encoding = HEADER_ENCODING_PLAIN;
	b->sextets = 0;
	b->quoted = 0;
}

/* A header line of a part.  Folded lines are ignored: type and encoding stand on the first. */
static void
part_line(struct body *b, const char *line, size_t n)
{
	static const char type[] = "content-type:", encoding[] = "content-transfer-encoding:";
	while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n'))
		n--;
	if (n == 0) {
		if (b->type == HEADER_TYPE_TEXT && b->encoding != HEADER_ENCODING_OTHER)
			b->state = STATE_PART_TEXT;
		else
			b->state = STATE_PREAMBLE;
		return;
	}
	if (n >= sizeof(type) && strncasecmp(line, type, sizeof(type) - 1) == 0)
		b->type = (uint8_t)header_parse_type(
		    (const uint8_t *)line + sizeof(type) - 1, n - sizeof(type) + 1);
	else if (n >= sizeof(encoding) && strncasecmp(line, encoding, sizeof(encoding) - 1) == 0)
		b->encoding = (uint8_t)header_parse_encoding(
		    (const uint8_t *)line + sizeof(encoding) - 1, n - sizeof(encoding) + 1);
}

/* One line (or its first BODY_LINE_BYTES) of a multipart, with its line end. */
static void
multipart_line(struct body *b, const uint8_t *line, size_t n)
{
	if (b->state == STATE_PART) {
		part_line(b, (const char *)line, n < BODY_LINE_BYTES ? n : BODY_LINE_BYTES);
		return;
	}
	if (is_boundary((const char *)line, n < BODY_LINE_BYTES ? n : BODY_LINE_BYTES)) {
		if (b->state == STATE_PART_TEXT && fingerprint_has_words(&b->fingerprint))
			b->state = STATE_DONE;
		else
			begin_part(b);
	} else if (b->state == STATE_PART_TEXT) {
		add_text(b, line, n);
	}
}

/* Cuts into lines.  A line that is split over segments is gathered up to BODY_LINE_BYTES; what is
 * beyond that goes on without being gathered. */
static void
add_multipart(struct body *b, const uint8_t *p, size_t n)
{
	while (n > 0 && b->state != STATE_DONE) {
		const uint8_t *end = memchr(p, '\n', n);
		size_t size = end != NULL ? (size_t)(end - p) + 1 : n;
		if (b->line_size == 0 && end != NULL) {
			multipart_line(b, p, size);
		} else {
			size_t room = sizeof(b->line) - b->line_size;
			size_t take = size < room ? size : room;
			memcpy(b->line + b->line_size, p, take);
			b->line_size = (uint8_t)(b->line_size + take);
			if (end != NULL || b->line_size == sizeof(b->line)) {
				multipart_line(b, (const uint8_t *)b->line, b->line_size);
				b->line_size = 0;
				size = take; /* what did not fit is read on as a line of its own */
			}
		}
		p += size;
		n -= size;
	}
}

static void
begin_text(struct body *b)
{
	b->encoding = b->header.encoding;
	if (!b->with_text)
		b->state = STATE_DONE;
	else if (b->header.type == HEADER_TYPE_MULTIPART)
		b->state = STATE_PREAMBLE;
	else if (b->header.type == HEADER_TYPE_OTHER || b->encoding == HEADER_ENCODING_OTHER ||
		 (b->header.bits & OBS_HDR_TRUNCATED))
		b->state = STATE_DONE;
	else
		b->state = STATE_TEXT;
}

bool
body_add(struct body *b, const uint8_t key[HASH_KEY_BYTES], const uint8_t *data, size_t n)
{
	if (b->state == STATE_HEADER) {
		size_t used = header_add(&b->header, key, data, n);
		if (!header_is_done(&b->header))
			return true;
		data += used;
		n -= used;
		begin_text(b);
	}
	if (b->state == STATE_DONE)
		return false;
	if (n > b->budget)
		n = b->budget;
	b->budget = (uint16_t)(b->budget - n);
	if (b->state == STATE_TEXT)
		add_text(b, data, n);
	else
		add_multipart(b, data, n);
	if (b->budget == 0)
		b->state = STATE_DONE;
	return b->state != STATE_DONE;
}

void
body_stop(struct body *b, const uint8_t key[HASH_KEY_BYTES])
{
	if (b->state == STATE_HEADER) {
		b->header.bits |= OBS_HDR_TRUNCATED;
		header_finish(&b->header, key);
	}
	b->state = STATE_DONE;
}

uint64_t
body_finish(struct body *b, const uint8_t key[HASH_KEY_BYTES])
{
	header_finish(&b->header, key);
	b->state = STATE_DONE;
	return fingerprint_finish(&b->fingerprint);
}

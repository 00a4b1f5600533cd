/* SPDX-License-Identifier: ISC */
/* Reply lines, enhanced codes, redaction.  bulkhead-sensor, replay. */
#include "sensor/smtp_reply.h"

#include <string.h>

#include "sensor/mailbox.h"

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

bool
smtp_reply_parse_line(const uint8_t *line, size_t n, struct smtp_reply_line *out)
{
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	if (n < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2]))
		return false;
	if (n > 3 && line[3] != ' ' && line[3] != '-' && line[3] != '\t')
		return false;
	out->code = (uint16_t)((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
	out->final = n == 3 || line[3] != '-';
	out->text = line + (n > 3 ? 4 : 3);
	out->text_size = n > 3 ? n - 4 : 0;
	return true;
}

/* Up to three digits; values beyond 254 are 255. */
static size_t
parse_number(const uint8_t *p, size_t n, uint8_t *out)
{
	unsigned v = 0;
	size_t i = 0;
	while (i < n && i < 3 && is_digit(p[i]))
		v = v * 10 + (unsigned)(p[i++] - '0');
	*out = v > 254 ? 255 : (uint8_t)v;
	return i;
}

size_t
smtp_reply_parse_enhanced(const uint8_t *text, size_t n, uint8_t out[3])
{
	uint8_t found[3];
	size_t i = 0;
	memset(out, 0, 3);
	/* "2.1.5 Ok", as nearly all replies have it. */
	if (n > 6 && text[1] == '.' && text[3] == '.' && text[5] == ' ' && text[6] != ' ' &&
	    text[6] != ':' && (text[0] == '2' || text[0] == '4' || text[0] == '5') &&
	    is_digit(text[2]) && is_digit(text[4])) {
		for (unsigned k = 0; k < 3; k++)
			out[k] = (uint8_t)(text[2 * k] - '0');
		return 6;
	}
	while (i < n && (text[i] == ' ' || text[i] == '#'))
		i++;
	if (i >= n || (text[i] != '2' && text[i] != '4' && text[i] != '5'))
		return 0;
	for (unsigned k = 0; k < 3; k++) {
		size_t digits = parse_number(text + i, n - i, &found[k]);
		i += digits;
		if (digits == 0 || (k == 0 && digits != 1))
			return 0;
		if (k < 2 && (i >= n || text[i++] != '.'))
			return 0;
	}
	if (i < n && (is_digit(text[i]) || text[i] == '.'))
		return 0; /* an IP address */
	memcpy(out, found, 3);
	while (i < n && (text[i] == ' ' || text[i] == ':'))
		i++;
	return i;
}

/* --- redaction
 * -------------------------------------------------------------------------------------- */

struct writer {
	char *out;
	size_t used;
	bool full;
};

static void
put(struct writer *w, const void *text, size_t n)
{
	if (w->full || w->used + n >= OBS_REPLY_BYTES) {
		w->full = true;
		return;
	}
	memcpy(w->out + w->used, text, n);
	w->used += n;
}

/* One character, printable. */
static size_t
put_char(struct writer *w, const uint8_t *p, size_t n)
{
	size_t size = mailbox_utf8_size(p, n);
	if (size == 0 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) {
		put(w, "?", 1);
		return size > 0 ? size : 1;
	}
	if (*p < ' ') {
		put(w, " ", 1);
		return 1;
	}
	put(w, p, size);
	return size;
}

/* Bytes of an at-sign at i: "@", "%40" of a URL, U+FF20; 0 when there is none. */
static size_t
at_sign(const uint8_t *p, size_t i, size_t n)
{
	if (p[i] == '@')
		return 1;
	if (n - i >= 3 && (memcmp(p + i, "%40", 3) == 0 || memcmp(p + i, "\xef\xbc\xa0", 3) == 0))
		return 3;
	return 0;
}

static bool
ends_word(uint8_t c)
{
	return c <= ' ' || c == '<' || c == '>' || c == '(' || c == ')' || c == '[' || c == ']' ||
	       c == ',' || c == ';' || c == '"';
}

/* The word that begins at i: everything up to a delimiter; a quoted local part counts as one word
 * with what follows it.  Fills *at with the place of its last at-sign (or its end). */
static size_t
word_end(const uint8_t *p, size_t i, size_t n, size_t *at)
{
	size_t sign = n;
	if (p[i] == '"') {
		const uint8_t *close = memchr(p + i + 1, '"', n - i - 1);
		if (close == NULL || close + 1 >= p + n ||
		    at_sign(p, (size_t)(close + 1 - p), n) == 0) {
			*at = n;
			return i; /* only a quotation */
		}
		i = (size_t)(close - p) + 1;
	}
	while (i < n && !ends_word(p[i])) {
		if (at_sign(p, i, n) > 0)
			sign = i;
		i++;
	}
	*at = sign < i ? sign : n;
	return i;
}

/* "<name>" or "'name'" that holds no blank and is no URL: a local part without its domain. */
static bool
is_bare_name(const uint8_t *p, size_t from, size_t to, size_t n)
{
	if (from == 0 || to >= n || p[from - 1] != '<' || p[to] != '>' || to == from)
		return false;
	return memchr(p + from, '/', to - from) == NULL && memchr(p + from, '.', to - from) == NULL;
}

void
smtp_reply_redact(char out[OBS_REPLY_BYTES], const uint8_t *text, size_t n)
{
	static const char mark[] = "<redacted>";
	struct writer w = {.out = out};
	for (size_t i = 0; i < n && !w.full;) {
		size_t at, end = word_end(text, i, n, &at);
		if (end == i) {
			i += put_char(&w, text + i, n - i);
			continue;
		}
		if (at < n) {
			put(&w, mark, sizeof(mark) - 1);
			put(&w, "@", 1);
			i = at + at_sign(text, at, n);
		} else if (is_bare_name(text, i, end, n)) {
			put(&w, mark, sizeof(mark) - 1);
			i = end;
		}
		while (i < end)
			i += put_char(&w, text + i, n - i);
	}
	while (w.used > 0 && out[w.used - 1] == ' ')
		w.used--;
	out[w.used] = '\0';
}

void
smtp_reply_fill(struct obs_reply *out, unsigned code, const uint8_t *text, size_t n)
{
	memset(out, 0, sizeof(*out));
	out->code = (uint16_t)code;
	if (n >
	    SMTP_REPLY_TEXT_BYTES) /* at a blank: half of an address must not look like a word */
		for (n = SMTP_REPLY_TEXT_BYTES; n > 0 && text[n - 1] != ' ';)
			n--;
	size_t skip = smtp_reply_parse_enhanced(text, n, out->enhanced);
	if (code < 400)
		return;
	const struct smtp_reply_rule *rule =
	    smtp_reply_find_rule(code, out->enhanced, text + skip, n - skip);
	out->remote = rule != NULL ? rule->remote : OBS_REMOTE_NONE;
	smtp_reply_redact(out->text, text + skip, n - skip);
}

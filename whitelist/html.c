/* SPDX-License-Identifier: ISC */
/* HTML from texts that nobody trusts; see html.h.  bulkhead-guard. */
#include "whitelist/html.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* What a character is written as, or NULL: as it is. */
static const char *
entity(uint32_t code)
{
	switch (code) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '`': /* old browsers took it for a quote */
		return "&#96;";
	default:
		return NULL;
	}
}

/* U+FFFE, U+FFFF and their like are no characters of a document. */
static bool
is_no_character(uint32_t code)
{
	return (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
}

void
html_text(FILE *f, const char *text)
{
	while (*text != '\0') {
		uint32_t code;
		size_t n = text_decode(text, &code);

		if (n == 0) {
			fputs(REPLACEMENT, f);
			text++;
			continue;
		}
		if (entity(code) != NULL)
			fputs(entity(code), f);
		else if ((text_is_control(code) && code != '\n' && code != '\t') ||
			 is_no_character(code))
			fputs(REPLACEMENT, f);
		else
			fwrite(text, 1, n, f);
		text += n;
	}
}

void
html_bytes(FILE *f, const char *data, size_t size)
{
	char piece[256 + 1];

	while (size > 0) {
		/* A piece ends between characters, so that none is cut in two. */
		size_t n = size < sizeof(piece) - 1 ? size : sizeof(piece) - 1;

		if (n < size)
			for (unsigned back = 0; back < 3 && ((unsigned char)data[n] & 0xc0) == 0x80;
			     back++)
				n--;
		memcpy(piece, data, n);
		piece[n] = '\0';
		for (size_t i = 0; i < n; i++)
			if (piece[i] == '\0' || piece[i] == '\r')
				piece[i] = piece[i] == '\r' ? ' ' : '\x01';
		html_text(f, piece);
		data += n;
		size -= n;
	}
}

void
html_print(FILE *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt != '\0'; fmt++) {
		if (*fmt != '%') {
			putc(*fmt, f);
		} else if (fmt[1] == 's') {
			html_text(f, va_arg(ap, const char *));
			fmt++;
		} else if (strncmp(fmt, "%llu", 4) == 0) {
			fprintf(f, "%llu", va_arg(ap, unsigned long long));
			fmt += 3;
		} else {
			assert(fmt[1] == '%');
			putc('%', f);
			fmt++;
		}
	}
	va_end(ap);
}

long
html_base64(FILE *f, int fd, size_t max)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char in[3 * 4096];
	size_t total = 0;

	while (total < max) {
		size_t want = max - total < sizeof(in) ? max - total : sizeof(in);
		ssize_t n = pread(fd, in, want, (off_t)total);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i += 3) {
			unsigned long b = (unsigned long)in[i] << 16;

			b |= i + 1 < n ? (unsigned long)in[i + 1] << 8 : 0;
			b |= i + 2 < n ? in[i + 2] : 0;
			putc(letters[b >> 18], f);
			putc(letters[b >> 12 & 63], f);
			putc(i + 1 < n ? letters[b >> 6 & 63] : '=', f);
			putc(i + 2 < n ? letters[b & 63] : '=', f);
		}
		total += (size_t)n;
		if (n % 3 != 0)
			break; /* a regular file: its end */
	}
	return (long)total;
}

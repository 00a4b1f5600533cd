/* SPDX-License-Identifier: ISC */
/*
 * UTF-8 checked, control characters told apart.  Every process.
 */
#include "base/text.h"

#include <assert.h>
#include <string.h>

size_t
text_decode(const char *s, uint32_t *code)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)s;
	size_t length;
	uint32_t c = *p;

	*code = c;
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c < 0xe0)
		length = 2;
	else if (c >= 0xe0 && c < 0xf0)
		length = 3;
	else if (c >= 0xf0 && c < 0xf5)
		length = 4;
	else
		return 0;
	c &= 0x7fu >> length;
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80) /* the terminator too */
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*code = c;
	return length;
}

bool
text_is_control(uint32_t code)
{
	if (code < 0x7f) /* nearly always */
		return code < 0x20;
	return code < 0xa0 || code == 0x61c || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
	       code == 0xfeff;
}

bool
text_is_plain(const char *text, size_t length)
{
	bool plain = true;

	for (size_t i = 0; i < length; i++)
		plain &= text[i] >= 0x20 && text[i] < 0x7f;
	return plain;
}

const char *
text_clean(char *buf, size_t size, const char *text)
{
	size_t used = 0;

	assert(size > 0);
	while (*text != '\0') {
		uint32_t code;
		size_t length = text_decode(text, &code);
		bool good = length > 0 && !text_is_control(code);
		size_t needed = good ? length : 1;

		if (used + needed >= size)
			break;
		if (good)
			memmove(buf + used, text, length); /* the two may be one */
		else
			buf[used] = '?';
		used += needed;
		text += length > 0 ? length : 1;
	}
	buf[used] = '\0';
	return buf;
}

size_t
text_columns(const char *text)
{
	size_t columns = 0;

	for (; *text != '\0'; text++)
		columns += ((unsigned char)*text & 0xc0) != 0x80;
	return columns;
}

/* SPDX-License-Identifier: ISC */
/* Macros of SPF (RFC 7208 section 7); see check_spf_record.h.  bulkhead-check. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "whitelist/check_spf_record.h"

#define VALUE_BYTES 600 /* of a macro before and after its transformers */
#define PARTS_MAX   128

/* The value that a macro letter stands for; -EINVAL for a letter that is none here.  c, r, t are
 * only for explanations (7.2), which we do not fetch. */
static int
macro_value(char out[VALUE_BYTES], int letter, const struct check_spf_names *names)
{
	const char *at = strchr(names->sender, '@');
	static const char hex[] = "0123456789abcdef";
	const uint8_t *b = names->client.bytes;

	switch (letter) {
	case 's':
		snprintf(out, VALUE_BYTES, "%s", names->sender);
		return 0;
	case 'l':
		snprintf(out, VALUE_BYTES, "%.*s",
		    at != NULL ? (int)(at - names->sender < 64 ? at - names->sender : 64) : 0,
		    names->sender);
		return 0;
	case 'o':
		snprintf(out, VALUE_BYTES, "%s", at != NULL ? at + 1 : names->sender);
		return 0;
	case 'd':
		snprintf(out, VALUE_BYTES, "%s", names->domain);
		return 0;
	case 'h':
		snprintf(out, VALUE_BYTES, "%s", names->helo);
		return 0;
	case 'p': /* "unknown" is allowed, and asking would be a look-up (5.5, 7.3) */
		snprintf(out, VALUE_BYTES, "unknown");
		return 0;
	case 'v':
		snprintf(out, VALUE_BYTES, "%s", addr_is_v4(&names->client) ? "in-addr" : "ip6");
		return 0;
	case 'i':
		if (addr_is_v4(&names->client)) {
			snprintf(out, VALUE_BYTES, "%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
			return 0;
		}
		for (unsigned i = 0; i < 32; i++) {
			out[2 * i] = hex[i % 2 == 0 ? b[i / 2] >> 4 : b[i / 2] & 15];
			out[2 * i + 1] = i < 31 ? '.' : '\0';
		}
		return 0;
	default:
		return -EINVAL;
	}
}

/* Splits at any of the delimiters, keeps the right-most `keep` parts (0 = all), reversed or not,
 * joined by dots. */
static void
transform(char value[VALUE_BYTES], unsigned keep, bool reverse, const char *delimiters)
{
	char copy[VALUE_BYTES], *parts[PARTS_MAX];
	unsigned count = 0, from;
	size_t n = 0;

	memcpy(copy, value, VALUE_BYTES);
	parts[count++] = copy;
	for (char *c = copy; *c != '\0'; c++)
		if (strchr(delimiters, *c) != NULL && count < PARTS_MAX) {
			*c = '\0';
			parts[count++] = c + 1;
		}
	from = keep != 0 && keep < count ? count - keep : 0;
	if (reverse) {
		for (unsigned i = 0; i < count / 2; i++) {
			char *t = parts[i];

			parts[i] = parts[count - 1 - i];
			parts[count - 1 - i] = t;
		}
	}
	value[0] = '\0';
	for (unsigned i = from; i < count && n < VALUE_BYTES; i++)
		n += (size_t)snprintf(
		    value + n, VALUE_BYTES - n, "%s%s", i > from ? "." : "", parts[i]);
}

/* One "%{...}" at s, which points behind the brace.  Returns its length with the brace, or 0. */
static size_t
expand_macro(char value[VALUE_BYTES], const char *s, size_t n, const struct check_spf_names *names)
{
	char delimiters[8] = "";
	size_t at = 1, count = 0;
	unsigned keep = 0;
	bool digits = false, reverse = false, escape;

	if (n < 2)
		return 0;
	escape = isupper((unsigned char)s[0]);
	if (macro_value(value, tolower((unsigned char)s[0]), names) != 0)
		return 0;
	while (at < n && isdigit((unsigned char)s[at]) && keep < 1000) {
		keep = keep * 10 + (unsigned)(s[at++] - '0');
		digits = true;
	}
	if (digits && keep == 0)
		return 0;
	if (at < n && (s[at] == 'r' || s[at] == 'R')) {
		reverse = true;
		at++;
	}
	while (at < n && strchr(".-+,/_=", s[at]) != NULL && count < sizeof(delimiters) - 1)
		delimiters[count++] = s[at++];
	delimiters[count] = '\0';
	if (at >= n || s[at] != '}')
		return 0;
	if (digits || reverse || count > 0)
		transform(value, keep, reverse, count > 0 ? delimiters : ".");
	/* Escaping (upper case) is for URLs; a name with such characters is no name. */
	if (escape)
		for (char *c = value; *c != '\0'; c++)
			if (!isalnum((unsigned char)*c) && strchr("-._~", *c) == NULL)
				*c = '_';
	return at + 1;
}

int
check_spf_expand(
    char *out, size_t size, const char *spec, size_t length, const struct check_spf_names *names)
{
	char value[VALUE_BYTES];
	size_t n = 0, i = 0;

	out[0] = '\0';
	while (i < length) {
		if (spec[i] != '%') {
			value[0] = spec[i++];
			value[1] = '\0';
		} else if (i + 1 < length && strchr("%_-", spec[i + 1]) != NULL) {
			snprintf(value, sizeof(value), "%s",
			    spec[i + 1] == '%'	 ? "%"
			    : spec[i + 1] == '_' ? " "
						 : "%20");
			i += 2;
		} else if (i + 1 < length && spec[i + 1] == '{') {
			size_t used = expand_macro(value, spec + i + 2, length - i - 2, names);

			if (used == 0)
				return -EINVAL;
			i += 2 + used;
		} else {
			return -EINVAL;
		}
		size_t add = strlen(value);
		if (n + add >= size)
			return -EINVAL;
		memcpy(out + n, value, add + 1);
		n += add;
	}
	/* Too long: labels are removed from the left (7.3). */
	while (n > 253) {
		char *dot = strchr(out, '.');

		if (dot == NULL)
			return -EINVAL;
		n -= (size_t)(dot + 1 - out);
		memmove(out, dot + 1, n + 1);
	}
	return 0;
}

/* SPDX-License-Identifier: ISC */
/* MX questions; see dns_mx.h.  Pure.  bulkhead-sensor, replay. */
#include "sensor/dns_mx.h"

#include <stdbool.h>

#define HEADER_BYTES 12
#define TYPE_MX	     15
#define CLASS_IN     1

static unsigned
load16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static char
clean(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	bool host = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
	return host ? (char)c : '?';
}

/* The name at *at; returns its length as text, 0 when it is no whole, plain one. */
static size_t
read_name(const uint8_t *message, size_t n, size_t *at, char name[DNS_MX_NAME_BYTES])
{
	size_t used = 0, i = *at;

	for (;;) {
		if (i >= n)
			return 0;
		unsigned label = message[i++];
		if (label == 0)
			break;
		/* 64 and more: compression, which has nothing to point at in a question */
		if (label > 63 || label > n - i || used + label + 2 > DNS_MX_NAME_BYTES)
			return 0;
		if (used > 0)
			name[used++] = '.';
		while (label-- > 0)
			name[used++] = clean(message[i++]);
	}
	name[used] = '\0';
	*at = i;
	return used;
}

size_t
dns_mx_parse(const uint8_t *message, size_t n, char name[DNS_MX_NAME_BYTES])
{
	size_t at = HEADER_BYTES;

	/* QR and opcode: a standard query; one question (nobody sends more, RFC 9619) */
	if (n < HEADER_BYTES || (message[2] & 0xf8) != 0 || load16(message + 4) != 1)
		return 0;
	size_t size = read_name(message, n, &at, name);
	if (size == 0 || n - at < 4 || load16(message + at) != TYPE_MX ||
	    load16(message + at + 2) != CLASS_IN)
		return 0;
	return size;
}

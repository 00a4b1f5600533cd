/* SPDX-License-Identifier: ISC */
/* Harness of sensor/dns_mx and dns_stream: an even byte 0 says that the rest is a datagram, an odd one how long the
 * segments are in which it comes over TCP. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/dns_mx.h"
#include "sensor/dns_stream.h"
#include "sensor/suffix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
one(const uint8_t *message, size_t n)
{
	char name[DNS_MX_NAME_BYTES];
	size_t size = dns_mx_parse(message, n, name);

	if (size == 0)
		return;
	if (strlen(name) != size || size >= DNS_MX_NAME_BYTES)
		abort();
	const char *domain = suffix_registrable(name);
	if (domain < name || domain > name + size)
		abort();
	for (size_t i = 0; i < size; i++)
		if (name[i] <= ' ' || name[i] >= 0x7f)
			abort();
}

static void
heard(void *arg, const uint8_t *message, size_t n)
{
	(void)arg;
	one(message, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_stream *stream;

	if (size == 0 || dns_stream_new(&stream, 1) != 0)
		return 0;
	size_t n = size - 1, piece = (data[0] & 1) == 0 ? n : data[0];
	for (size_t at = 0; at < n; at += piece) {
		size_t part = n - at < piece ? n - at : piece;
		uint8_t *copy = malloc(part); /* an over-read trips the sanitizer */
		struct frame f = {.seq = (uint32_t)at,
		    .payload = copy,
		    .captured = (uint32_t)part,
		    .length = (uint32_t)part};
		memcpy(copy, data + 1 + at, part);
		if ((data[0] & 1) == 0)
			one(copy, part);
		else
			dns_stream_segment(stream, &f, heard, NULL);
		free(copy);
	}
	dns_stream_free(stream);
	return 0;
}

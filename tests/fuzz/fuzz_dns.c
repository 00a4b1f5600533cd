/* SPDX-License-Identifier: ISC */
/* Harness of sensor/dns_mx: byte 0 says whether it is a datagram or a TCP segment, the rest is it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sensor/dns_mx.h"
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	size_t left = size - 1, n;
	uint8_t *copy = malloc(left > 0 ? left : 1); /* an over-read trips the sanitizer */
	const uint8_t *at = copy, *message;

	memcpy(copy, data + 1, left);
	if ((data[0] & 1) == 0)
		one(copy, left);
	else
		while ((message = dns_mx_next(&at, &left, &n)) != NULL)
			one(message, n);
	free(copy);
	return 0;
}

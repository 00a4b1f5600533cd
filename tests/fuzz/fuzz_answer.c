/* SPDX-License-Identifier: ISC */
/*
 * Records of a DNS answer as hostile servers write them: the first byte says the type, then records follow, each
 * behind its length in two bytes.  What is kept are texts that end and names without a control character.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "whitelist/check_dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum resolver_type types[] = {
	    RESOLVER_A, RESOLVER_PTR, RESOLVER_MX, RESOLVER_TXT, RESOLVER_AAAA};
	static struct resolver_answer answer;
	enum resolver_type type;

	if (size == 0)
		return 0;
	type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	resolver_answer_init(&answer, RESOLVER_OK);
	for (size_t at = 1; at + 2 <= size;) {
		size_t n = (size_t)data[at] << 8 | data[at + 1];

		at += 2;
		n = n < size - at ? n : size - at;
		check_dns_read_record(&answer, type, data + at, n);
		at += n;
	}
	if (answer.count > RESOLVER_RECORDS_MAX)
		abort();
	for (unsigned i = 0; i < answer.count; i++) {
		const char *text = resolver_text(&answer, i);

		if (type != RESOLVER_PTR && type != RESOLVER_MX)
			continue;
		if (strlen(text) >= RESOLVER_NAME_BYTES)
			abort();
		for (; *text != '\0'; text++)
			if (iscntrl((unsigned char)*text) || *text == '"')
				abort();
	}
	return 0;
}

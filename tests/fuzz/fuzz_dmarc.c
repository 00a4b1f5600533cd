/* SPDX-License-Identifier: ISC */
/* Tag lists, DMARC policies, DKIM keys with their DER on hostile bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "whitelist/check_dmarc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct check_dmarc dmarc;
	struct check_dkim_record dkim;
	char *text = malloc(size + 1), value[16];
	const char *why;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_tag_get(text, "p", value, sizeof(value));
	check_dmarc_parse(&dmarc, text, &why);
	if (check_dkim_record_parse(&dkim, text, &why) == 0 &&
	    check_dkim_key_bits(&dkim) > 1600 * 8)
		abort();
	free(text);
	return 0;
}

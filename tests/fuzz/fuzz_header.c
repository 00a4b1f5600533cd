/* SPDX-License-Identifier: ISC */
/*
 * Header section, MIME walk and fingerprint on hostile bytes: the first byte is the size of the
 * pieces, each an allocation of its own.  The result must not depend on the pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "sensor/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
read_all(struct body *b, const uint8_t *data, size_t size, size_t piece)
{
	static const uint8_t key[HASH_KEY_BYTES] = {7};
	body_init(b, true);
	for (size_t i = 0; i < size; i += piece) {
		size_t n = size - i < piece ? size - i : piece;
		uint8_t *copy = malloc(n);
		if (copy == NULL)
			abort();
		memcpy(copy, data + i, n);
		body_add(b, key, copy, n);
		free(copy);
	}
	return body_finish(b, key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct body whole, pieces;
	if (size < 2)
		return 0;
	read_all(&whole, data + 1, size - 1, size - 1);
	read_all(&pieces, data + 1, size - 1, (size_t)data[0] + 1);
	if (whole.header.bits != pieces.header.bits ||
	    whole.header.subject_hash != pieces.header.subject_hash ||
	    strcmp(whole.header.from_domain, pieces.header.from_domain) != 0 ||
	    strcmp(whole.header.dkim_domain, pieces.header.dkim_domain) != 0)
		abort();
	return 0;
}
